"""A date column by which neighbouring rows resemble each other in the target, so that a random split scores on filled gaps.

The test is a serial rank correlation at lag 1 in the order of the date (Wald and Wolfowitz, 1943, with ranks for values; for
classes the number of runs, Barton and David, 1957), against all other orders of the rows. Rows of one date stand in a random
order among each other, so that nothing but the date can make neighbours alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.dataset import Dataset
from sdl_cli.data.split import Split
from sdl_cli.phrases import counted, shortened
from sdl_cli.run.check.columns import is_plain
from sdl_cli.run.check.problem import Problem, named, ranked, sides

_LEAST_ROWS, _LEAST_DATES = 30, 10
_LEVEL = 0.001  # of the test of one date column
_NORMAL = 3.09  # standard deviations that chance reaches so seldom
_LEAST_LIKENESS = 0.1  # of 1: of many rows a likeness too small to move a score is measurable too
_NUM_PERMUTATIONS, _MOST_PERMUTED = 3999, 1000  # of few rows the normal law is not trusted


def find(dataset: Dataset, parts: Split, brief: bool) -> Iterator[Problem]:
    """Date columns that order rows whose neighbours are alike, unless the test rows simply come later."""
    if dataset.modality != "table" or len(dataset) < _LEAST_ROWS or dataset.order is not None:
        return
    found = {}
    for name, time in _times(dataset):
        known = np.flatnonzero(~np.isnan(time))
        if len(known) < _LEAST_ROWS or len(np.unique(time[known])) < _LEAST_DATES or _is_by_time(time, sides(dataset, parts)):
            continue
        value = likeness(dataset.y[known], time[known], dataset.task == "classification")
        if value is not None:
            found[name] = value
    if not found:
        return
    which = sorted(found, key=lambda name: -found[name])
    first = shortened(which[0])
    setting = f"dataset.order={which[0]}" if is_plain(which[0]) else "set dataset.order to that column."
    if "asked" not in dataset.source:  # no file of the user's own, and so without the setting
        setting = "keep them as a test part of your own."
    what = f"In the order of {first} neighbouring rows resemble each other in the target far more than by chance"
    shown = f"likeness {min(found[which[0]], 0.99):.2f} of 1, p < {_LEVEL:g}"
    what = f"{what} ({shown}): a random split trains on a row's neighbours."
    advice = f"If later rows are to be predicted, this score is too good; to test on the latest rows: {setting}"
    more = f"also {counted(len(which) - 1, 'column')}: {named(map(shortened, which[1:]))}" if which[1:] else ""
    yield Problem("warning", what, more, advice)


def likeness(y: Array, time: Array, is_class: bool) -> float | None:
    """How alike neighbours in time are: 0 as by chance, 1 the same; None where it is not measurable, or next to nothing."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(y))
    order = order[np.argsort(time[order], kind="stable")]
    values = y if is_class else ranked(y)
    measure, spread = (_of_classes if is_class else _of_numbers)(values)
    if not spread:
        return None
    found = float(measure(values[order][None])[0])
    if found < max(_LEAST_LIKENESS, _NORMAL * spread):
        return None
    if len(y) <= _MOST_PERMUTED:
        draws = 0
        for _ in range(8):  # a part at a time, so that memory stays small
            others = rng.permuted(np.tile(values, (_NUM_PERMUTATIONS // 8 + 1, 1)), axis=1)
            draws += int((measure(others) >= found).sum())
        if (draws + 1) / (_NUM_PERMUTATIONS + 2) > _LEVEL:
            return None
    return found


def _of_numbers(ranks: Array) -> tuple[Callable[[Array], Array], float]:
    """Serial correlation of ranks `(B, N)`, in a circle and less what chance gives, and its standard deviation by chance."""
    mean, n = float(ranks.mean()), len(ranks)
    squares, fourth = float(((ranks - mean) ** 2).sum()), float(((ranks - mean) ** 4).sum())
    if not squares:
        return lambda values: np.zeros(len(values)), 0.0
    variance = (squares**2 - fourth) / (n - 1) + (squares**2 - 2 * fourth) / ((n - 1) * (n - 2)) - (squares / (n - 1)) ** 2

    def measure(values: Array) -> Array:
        centred = values - mean
        return np.asarray((centred * np.roll(centred, -1, axis=1)).sum(axis=1) / squares + 1 / (n - 1))

    return measure, math.sqrt(max(variance, 0.0)) / squares


def _of_classes(y: Array) -> tuple[Callable[[Array], Array], float]:
    """Share of neighbours of one class `(B, N)`, from 0 as by chance to 1 as often as can be, and its standard deviation."""
    counts = np.unique(y, return_counts=True)[1].astype(np.float64)
    n, second, third = len(y), float((counts**2).sum()), float((counts**3).sum())
    expected = (second - n) / n  # pairs of neighbours of one class
    room = n - len(counts) - expected
    if len(counts) < 2 or room <= 0:
        return lambda values: np.zeros(len(values)), 0.0
    variance = (second * (second + n * (n + 1)) - 2 * n * third - n**3) / (n**2 * (n - 1))

    def measure(values: Array) -> Array:
        return np.asarray(((values[:, 1:] == values[:, :-1]).sum(axis=1) - expected) / room)

    return measure, math.sqrt(max(variance, 0.0)) / room


def _times(dataset: Dataset) -> Iterator[tuple[str, Array]]:
    """Each date column, learned from or not, with the time of its rows `(N,)`, NaN where missing."""
    for column, (_, places) in zip(dataset.columns, dataset.own_columns, strict=False):
        if "days" in column.parts:
            part = dict(zip(column.parts, dataset.X[:, places].T, strict=True))
            yield column.name, 24 * part["days"] + part.get("hour", 0.0)
    for other in dataset.dates:
        yield other.name, other.times


def _is_by_time(time: Array, side: Array) -> bool:
    """Whether no labelled row is later than any test row."""
    labelled, test = time[(side == 1) & ~np.isnan(time)], time[(side == 2) & ~np.isnan(time)]
    return bool(len(labelled) and len(test) and labelled.max() <= test.min())
