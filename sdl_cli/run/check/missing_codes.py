"""Numbers that may stand for a missing cell: -999 among temperatures, or 0 as a body weight."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.dataset import Dataset
from sdl_cli.data.split import Split
from sdl_cli.phrases import counted
from sdl_cli.run.check.columns import column_kinds
from sdl_cli.run.check.problem import Problem, named

_LEAST_REPEATS = 5  # once or twice is an outlier
_LEAST_OTHERS, _LEAST_DIFFERENT = 20, 10  # other cells, and different values among them, to know how far they reach
_ZERO_SHARE = 0.1  # more zeros than that are often honest: no ash in the concrete, no customers on Sundays
_ZERO_DISTANCE = 3.5  # standard deviations of the other values between 0 and their mean
_ZERO_GAP = 0.3  # of the median of the others, in which no value lies: counts come down to 1


def find(dataset: Dataset, parts: Split, brief: bool) -> Iterator[Problem]:
    """Values that repeatedly lie far outside all others, and zeros far from all other values."""
    if brief or dataset.modality != "table":  # notes alone
        return
    codes: dict[float, list[str]] = {}
    zeros = []
    for j, kind in enumerate(column_kinds(dataset)):
        if kind != "number":
            continue
        x = dataset.X[:, j]
        x = x[np.isfinite(x)]
        name = dataset.called(dataset.feature_names[j])
        for code in _codes(x):
            codes.setdefault(code, []).append(f"{name} ({counted(int((x == code).sum()), 'row')})")
        if _has_odd_zeros(x):
            zeros.append(f"{name} ({counted(int((x == 0).sum()), 'row')})")
    for code, names in codes.items():
        what = f"{code:.15g} stands far outside all other values of a column, again and again: it may mean missing."
        advice = f"If it does: 'dataset.missing_values=[{code:.15g}]'" if dataset.columns else "If it does, make it NaN."
        yield Problem("note", what, named(names), advice)
    if zeros:
        columns = counted(len(zeros), "column", verbs="holds/hold")
        what = f"{columns} 0 in a few rows, far from all other values: it may mean missing."
        # dataset.missing_values would take the zeros of all other columns with it, and class 0
        yield Problem("note", what, named(zeros), "If it does, empty these cells in the data: a missing value is filled in.")


def _codes(x: Array) -> list[float]:
    """A whole number at either end that stands there often and further from the others than these are from each other."""
    found = []
    if len(x) > _LEAST_OTHERS:
        for code in (x.min(), x.max()):
            others = x[x != code]
            is_often = len(x) - len(others) >= _LEAST_REPEATS and len(others) >= _LEAST_OTHERS
            if code == 0 or code != np.rint(code) or not is_often or len(np.unique(others)) < _LEAST_DIFFERENT:
                continue
            if np.abs(others / 2 - code / 2).min() > others.max() / 2 - others.min() / 2:  # halved: no difference overflows
                found.append(float(code))
    return found


def _has_odd_zeros(x: Array) -> bool:
    """Whether 0 stands in a few rows of a column of positive numbers that are all far from it."""
    others = x[x != 0]
    num_zeros = len(x) - len(others)
    if not _LEAST_REPEATS <= num_zeros <= _ZERO_SHARE * len(x) or len(others) < _LEAST_OTHERS or others.min() < 0:
        return False
    if len(np.unique(others)) < _LEAST_DIFFERENT or others.min() < _ZERO_GAP * np.median(others):
        return False
    scaled = others / others.max()  # no square overflows
    return bool(scaled.mean() >= _ZERO_DISTANCE * scaled.std())
