"""Columns of a table that are missing, constant, copies of each other, or mere names of rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.dataset import Dataset
from sdl_cli.data.files import columns as data_columns
from sdl_cli.data.split import Split
from sdl_cli.phrases import counted
from sdl_cli.run.check.problem import MOST_NAMED, Problem, named, percent

_MOSTLY = 0.5  # share of missing cells from which little of a column is left
_MIN_ROWS = 20  # fewer rows can all differ, or count up, by accident
_MOSTLY_DIFFERENT = 0.9  # different values per filled row from which a column names the rows
_SAMPLE_ROWS = 1000
_FEW_CODES = (3, 10)  # values of a column that may be codes; two are the same either way
_PLAIN = re.compile(r"[A-Za-z_][\w.-]{0,40}", re.ASCII)  # a name that needs no quotes on a command line
_IN_A_ROW, _RISES, _FALLS = "whole numbers in a row", "rises from row to row", "falls from row to row"
_GRID = 9973.123  # not round, so that no value of a regular scale stands halfway between two whole numbers


def find(dataset: Dataset, parts: Split, brief: bool) -> Iterator[Problem]:
    """Problems of single columns, and pairs of equal ones."""
    if dataset.modality != "table" or len(dataset) == 0:
        return
    names = [dataset.called(name) for name in dataset.feature_names]
    missing = np.isnan(dataset.X)
    low = np.fmin.reduce(dataset.X, axis=0, initial=np.inf)
    high = np.fmax.reduce(dataset.X, axis=0, initial=-np.inf)
    constant = ~(high > low)  # also of a column without any value
    yield from _identifiers(dataset, names)
    own = dataset.own_columns  # a date is one of these
    yield from _missing([dataset.called(name) for name, _ in own], missing[:, [places[0] for _, places in own]])
    yield from _constant(names, constant, missing)
    yield from _copies(dataset, names, np.flatnonzero(~constant))
    if not brief:
        yield from _numbers_as_codes(dataset, names)


def level_counts(dataset: Dataset) -> tuple[int, ...]:
    """Levels of each column of X, 0 for a number; a table that came as plain numbers has no categories."""
    return data_columns.level_counts(dataset.columns) if dataset.columns else (0,) * dataset.X.shape[1]


def column_kinds(dataset: Dataset) -> list[data_columns.Kind]:
    """The kind of each column of X, of a date for each of its parts; a table that came as plain numbers has only these."""
    if not dataset.columns:
        return ["number"] * dataset.X.shape[1]
    return [c.kind for c in dataset.columns for _ in c.parts or (c.name,)]


def column_names(dataset: Dataset) -> list[str]:
    """For each column of X the name of the column of the file that it comes from."""
    return [name for name, places in dataset.own_columns for _ in places]


def identifier_columns(dataset: Dataset) -> dict[int, str]:
    """Columns of X that name or number the rows, with the evidence.

    Nearly all categories differ; or whole numbers go up by one, in any order (both are sure signs); or they rise or fall
    from row to row, as running numbers with gaps do and a measurement by which rows were sorted. Dates are none.
    """
    found = {}
    for j, (kind, levels) in enumerate(zip(column_kinds(dataset), level_counts(dataset), strict=True)):
        x = dataset.X[:, j]
        if kind == "number" and len(x) >= _MIN_ROWS:
            words = _counts_rows(x)
            if words:
                found[j] = words
        elif kind == "category":
            num_filled = int((~np.isnan(x)).sum())
            if num_filled >= _MIN_ROWS and levels >= _MOSTLY_DIFFERENT * num_filled:
                found[j] = f"{levels:,} different values"
    return found


def _counts_rows(x: Array) -> str:
    """In words, how whole numbers count the rows: none is missing and hardly any repeated, or they rise or fall; else nothing."""
    for some in (x[:_MIN_ROWS], x):  # the first rows settle most columns
        if not (np.abs(some) <= 2**53).all() or (some != np.rint(some)).any():
            return ""
    values = np.unique(x)  # some may be there twice, where rows are
    if len(values) >= _MOSTLY_DIFFERENT * len(x) and values[-1] - values[0] == len(values) - 1:
        return _IN_A_ROW
    return _RISES if (x[1:] > x[:-1]).all() else _FALLS if (x[1:] < x[:-1]).all() else ""


def _identifiers(dataset: Dataset, names: list[str]) -> Iterator[Problem]:
    found = identifier_columns(dataset)
    which = [j for j, words in found.items() if words not in (_RISES, _FALLS)]
    if which:
        what = f"{counted(len(which), 'column', verbs='names/name')} or {'counts' if len(which) == 1 else 'count'} the rows"
        where = named([f"{names[j]} ({found[j]})" for j in which])
        how = leave_out(dataset, [dataset.feature_names[j] for j in which])
        yield Problem("warning", f"{what}, which says nothing about new ones.", where, how)
    running = [j for j in found if j not in which]
    if running:
        what = f"{counted(len(running), 'column')} of whole numbers"
        what = f"{what} {'follows' if len(running) == 1 else 'follow'} the order of the rows, as running numbers do."
        how = leave_out(dataset, [dataset.feature_names[j] for j in running])
        advice = f"Where they only number the rows, they say nothing about new ones. {how}"
        yield Problem("note", what, named([f"{names[j]} ({found[j]})" for j in running]), advice)


def leave_out(dataset: Dataset, names: Sequence[str]) -> str:
    """How to leave out columns of X, by their names: with a setting where the data set has one."""
    if not dataset.columns:
        return "Leave such columns out of the file."
    parents = {f"{column.name}.{part}": column.name for column in dataset.columns for part in column.parts}
    listed = list(dict.fromkeys(parents.get(name, name) for name in names))
    if len(listed) > MOST_NAMED or not all(map(is_plain, listed)):
        return "Leave such columns out with dataset.drop."
    return f"Leave out such columns: 'dataset.drop=[{','.join(listed)}]'"


def is_plain(name: str) -> bool:
    """Whether a name can be typed on a command line as it stands."""
    return _PLAIN.fullmatch(name) is not None


def _missing(names: list[str], missing: Array) -> Iterator[Problem]:
    shares = missing.mean(axis=0)
    which = [j for j in np.argsort(-shares, kind="stable") if shares[j] > 0]
    if not which:
        return
    what = f"{counted(len(which), 'column')} of {len(names):,} with missing values, {percent(float(missing.mean()))} of all cells"
    advice = "They are filled in from training rows; ask why they are missing, for new rows may lack others."
    num_mostly = int((shares > _MOSTLY).sum())
    if num_mostly:
        what = f"{what}; {counted(num_mostly, 'column', verbs='is/are')} missing in more than half of the rows"
        advice = "Leave out what is mostly missing; the rest is filled in from training rows."
    where = named([f"{names[j]} ({percent(float(shares[j]))})" for j in which])
    yield Problem("warning" if num_mostly else "note", f"{what}.", where, advice)


def _constant(names: list[str], constant: Array, missing: Array) -> Iterator[Problem]:
    which = np.flatnonzero(constant)
    if len(which):
        empty = missing.sum(axis=0) == len(missing)
        what = f"{counted(len(which), 'column')} of {len(names):,} with one value in every row, or with none."
        where = named([f"{names[j]}{' (all missing)' if empty[j] else ''}" for j in which])
        yield Problem("note", what, where, "Nothing can be learned from them, and they do no harm.")


def _numbers_as_codes(dataset: Dataset, names: list[str]) -> Iterator[Problem]:
    """Columns of a few whole numbers in a row, such as 1, 2, 3, which may be codes of categories."""
    which = []
    for j, kind in enumerate(column_kinds(dataset) if dataset.columns else []):  # others have no setting for it
        if kind != "number" or len(dataset) < _MIN_ROWS:
            continue
        values, counts = np.unique(dataset.X[~np.isnan(dataset.X[:, j]), j], return_counts=True)
        if not _FEW_CODES[0] <= len(values) <= _FEW_CODES[1] or values[0] not in (0, 1) or counts.min() < 2:
            continue
        if (np.diff(values) == 1).all():
            which.append((j, f"{values[0]:.0f} to {values[-1]:.0f}"))
    if which:
        what = f"{counted(len(which), 'column')} of a few whole numbers {'is' if len(which) == 1 else 'are'} taken as numbers,"
        listed = [dataset.feature_names[j] for j, _ in which]
        is_short = len(listed) <= MOST_NAMED and all(map(is_plain, listed))
        setting = f"'dataset.categorical=[{','.join(listed)}]'" if is_short else "dataset.categorical"
        where = named([f"{names[j]} ({ends})" for j, ends in which])
        advice = f"If they are codes without an order, make them categories: {setting}"
        yield Problem("note", f"{what} so that 3 is more than 2.", where, advice)


def _copies(dataset: Dataset, names: list[str], varied: Array) -> Iterator[Problem]:
    """Columns that are equal, or equal after scaling and shifting, or after renaming of levels."""
    rows = np.unique(np.linspace(0, len(dataset) - 1, _SAMPLE_ROWS).astype(np.int64))
    levels = level_counts(dataset)
    alike: dict[bytes, list[int]] = {}
    for j in varied.tolist():
        start = _canonical(dataset.X[rows, j], levels[j] > 0)
        key = np.rint(np.nan_to_num(start, nan=-1.0) * _GRID).astype(np.int64).tobytes()
        alike.setdefault(key, []).append(j)
    pairs = []
    for first, *others in alike.values():
        whole = _canonical(dataset.X[:, first], levels[first] > 0) if others else np.empty(0)
        for j in others:
            if np.allclose(whole, _canonical(dataset.X[:, j], levels[j] > 0), rtol=0, atol=1e-6, equal_nan=True):
                pairs.append(f"{names[j]} = {names[first]}")
    if pairs:
        what = f"{counted(len(pairs), 'column', verbs='is a copy/are copies')} of another, as it stands or on another scale."
        yield Problem("note", what, named(pairs), "One of each is enough: copies make a feature look more important than it is.")


def _canonical(x: Array, is_category: bool) -> Array:
    """A column free of scale, offset and sign (in [0, 1], its first value at most 1/2), or of the names of its levels."""
    if is_category:
        _, first, index = np.unique(np.where(np.isnan(x), -1.0, x), return_index=True, return_inverse=True)
        return np.asarray(np.argsort(np.argsort(first))[index] / max(1, len(first) - 1))
    x = np.where(np.isinf(x), np.nan, x) / 2  # halved, so that no difference overflows
    filled = x[~np.isnan(x)]
    if not len(filled) or filled.min() == filled.max():
        return np.where(np.isnan(x), np.nan, 0.0)
    scaled = (x - filled.min()) / (filled.max() - filled.min())
    start = scaled[~np.isnan(scaled)][0]
    return np.asarray(1 - scaled if start > 0.5 else scaled)
