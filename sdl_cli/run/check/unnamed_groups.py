"""A column that seems to name what rows belong to (a patient, a plant) where no groups were named.

Where a patient has several rows of one and the same class, a model that is shown who it is knows the class of the patient's
other rows, and nothing about new patients. The sign of it: the rows of one value agree in their target far beyond chance,
and neighbouring values do not. Of a measurement that is a good feature, neighbouring values agree too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.dataset import Dataset
from sdl_cli.data.images.patients import SEVERAL_OF_ONE
from sdl_cli.data.split import Split
from sdl_cli.phrases import counted
from sdl_cli.run.check.columns import column_kinds, is_plain, level_counts
from sdl_cli.run.check.duplicates import row_keys, spread
from sdl_cli.run.check.problem import Problem, named, ranked, sides

_ID_NAME = re.compile(
    r"(?:^|[_\W])(?i:id|ids|nr|no|patient|subject|person|participant|animal|plant|donor|household|customer|user|client)$"
    r"|[a-z](?:ID|Id)$"
)
_LEAST_IDS, _LEAST_PER_ID = 5, 1.2
_LEAST_VALUES = 20
_LEAST_ROWS, _MOST_ROWS = 2.0, 50.0  # of a value, on average
_REPEATED = 0.5  # least share of values that stand in two rows or more
_BRIEF_CELLS = 500_000
_DISAGREEMENT = {"classification": 0.1, "regression": 0.05}  # within a value, as a share of that among all rows
_LEAST_EXPECTED = 10.0  # rows that chance would make disagree; fewer can agree by accident
_ROUGHNESS = 0.5  # how much neighbouring values differ, as a share of how much they would in any other order
_CROSSING = 0.05  # share of test rows whose value also stands in labelled rows, from which it matters


@dataclass(frozen=True)
class _Found:
    """A column of X, how many values it has, and how far from agreeing the rows of one value are (0: they always agree)."""

    feature: int
    num_values: int
    disagreement: float


def find(dataset: Dataset, parts: Split, brief: bool) -> Iterator[Problem]:
    """Columns whose values look like names of groups, where the data set has no groups."""
    if dataset.modality == "image" and dataset.groups is None and not brief:
        for sentence in dataset.notes:
            if sentence.endswith(SEVERAL_OF_ONE):
                yield Problem("warning", "Pictures of one patient stand on both sides of the split.", "", sentence)
    if dataset.modality != "table" or dataset.groups is not None:
        return
    sure = list(_by_agreement(dataset, parts, brief))
    yield from sure
    if not brief and not sure:
        yield from _by_name(dataset)


def _by_name(dataset: Dataset) -> Iterator[Problem]:
    """Columns named like an id, or that the user gave as the id, and whose values stand in several rows."""
    repeated = {}
    for name, kind, x in zip(dataset.feature_names, column_kinds(dataset), dataset.X.T, strict=True):
        filled = x[~np.isnan(x)]
        if kind in ("number", "category") and _ID_NAME.search(name) and (filled == np.rint(filled)).all():
            repeated[name] = (len(filled), len(np.unique(filled)))
    if dataset.source.get("id"):
        repeated[str(dataset.source["id"])] = (len(dataset), len(set(dataset.ids.tolist())))
    for name, (num_rows, num_values) in repeated.items():
        if num_values >= _LEAST_IDS and _LEAST_PER_ID * num_values <= num_rows <= _MOST_ROWS * num_values:
            what = f"{dataset.called(name)} is called an id, and its {num_values:,} values stand in {num_rows:,} rows."
            setting = f"'dataset.group={name}'" if dataset.columns and is_plain(name) else "make it the group of each row."
            advice = "If new rows will be of other ones, keep the rows of each on one side of the split:"
            yield Problem("note", what, "", f"{advice} {setting}")


def _by_agreement(dataset: Dataset, parts: Split, brief: bool) -> Iterator[Problem]:
    if len(dataset) < _LEAST_VALUES * _LEAST_ROWS:
        return
    candidates, side = _candidates(dataset), sides(dataset, parts)
    if brief:
        candidates = candidates[: _BRIEF_CELLS // len(dataset)]
    found = [one for j in candidates for one in _look(dataset, side, j)]
    if found:  # copies of rows agree in everything
        side = np.where(_is_first(dataset), side, -1)
        found = [one for seen in found for one in _look(dataset, side, seen.feature)]
    if not found:
        return
    first, *more = sorted(found, key=lambda one: (one.disagreement, one.num_values))
    name = dataset.feature_names[first.feature]
    always = "always" if first.disagreement == 0 else "nearly always"
    target = "class" if dataset.task == "classification" else "target"
    what = f"{dataset.called(name)}: {first.num_values:,} values, several rows each, and {always} the same {target} within one."
    where = named([f"{dataset.called(dataset.feature_names[one.feature])} ({counted(one.num_values, 'value')})" for one in more])
    advice = "If it names what rows belong to (a patient, a plant), new ones will not be among them:"
    setting = f"'dataset.group={name}'" if dataset.columns and is_plain(name) else "make it the group of each row."
    yield Problem("warning", what, f"so too {where}" if where else "", f"{advice} {setting}")


def _candidates(dataset: Dataset) -> list[int]:
    """Columns that can have enough values and rows of each: categories, then whole numbers; no parts of dates."""
    num = len(dataset)
    categories, numbers = [], []
    for j, (kind, levels) in enumerate(zip(column_kinds(dataset), level_counts(dataset), strict=True)):
        if kind == "category" and _LEAST_VALUES <= levels <= num / _LEAST_ROWS:
            categories.append(j)
        elif kind == "number":
            x = dataset.X[:, j]
            if _has_many_whole_values(x[:_LEAST_VALUES], 0) and _has_many_whole_values(x, _LEAST_VALUES):
                numbers.append(j)
    return categories + numbers


def _has_many_whole_values(x: Array, least: int) -> bool:
    """Whether all numbers are whole, and reach far enough for so many values of at most `_MOST_ROWS` rows on average."""
    filled = x[~np.isnan(x)]
    if not (np.abs(filled) <= 2**53).all() or (filled != np.rint(filled)).any():
        return False
    return not least or (len(filled) > 0 and np.ptp(filled) >= max(least, len(filled) / _MOST_ROWS) - 1)


def _is_first(dataset: Dataset) -> Array:
    """`bool (N,)`: the row equals no earlier one."""
    keys = row_keys([*spread(dataset.X), *spread(dataset.y[:, None], seed=1)])
    first = np.zeros(len(keys), dtype=bool)
    first[np.unique(keys, return_index=True)[1]] = True
    return first


def _look(dataset: Dataset, side: Array, feature: int) -> Iterator[_Found]:
    """The column, where its values look like names of groups; rows of side -1 are left out."""
    x = dataset.X[:, feature]
    filled = np.flatnonzero(~np.isnan(x) & (side >= 0))
    values, member, sizes = np.unique(x[filled], return_inverse=True, return_counts=True)
    if len(values) < _LEAST_VALUES or not _LEAST_ROWS <= len(filled) / len(values) <= _MOST_ROWS:
        return
    if (sizes > 1).mean() < _REPEATED or not _crosses(member, side[filled]):
        return
    compare = _compare_classes if dataset.task == "classification" else _compare_numbers
    disagreement, expected, roughness = compare(dataset.y[filled], member, sizes, _in_order(dataset, feature, values))
    if expected >= _LEAST_EXPECTED and disagreement <= _DISAGREEMENT[dataset.task] and roughness >= _ROUGHNESS:
        yield _Found(feature, len(values), disagreement)


def _crosses(member: Array, side: Array) -> bool:
    """Whether values stand on both sides of the split, so test scores benefit from them."""
    test = member[side == 2]
    return not len(test) or bool(np.isin(test, member[side == 1]).mean() >= _CROSSING)


def _in_order(dataset: Dataset, feature: int, values: Array) -> Array | None:
    """The order of the values `(V,)` by size; None for categories that are no numbers, which have none."""
    if not level_counts(dataset)[feature]:
        return np.arange(len(values))
    levels = [level for column in dataset.columns if column.name == dataset.feature_names[feature] for level in column.levels]
    try:
        return np.argsort([float(levels[int(value)]) for value in values], kind="stable")
    except (ValueError, IndexError):
        return None


def _compare_classes(y: Array, member: Array, sizes: Array, order: Array | None) -> tuple[float, float, float]:
    """How far the classes of one value disagree, how far chance would make them, and how unlike neighbouring values are.

    Disagreement is the Gini impurity: the probability that two rows are of different classes.

    `member (N,)` is for each row the position of its value in `sizes (V,)`, the rows of each value; `order (V,)` are positions of
    the values by size, or None where they have no order.

    Returns: disagreement within a value as a share of that among all rows; rows expected to disagree by chance; roughness,
        near 1 where neighbouring values are as unlike as any (the ratio of von Neumann, 1941), infinite without an order.
    """
    num_classes = int(y.max()) + 1
    pairs, counts = np.unique(member * num_classes + y, return_counts=True)
    value, label = pairs // num_classes, pairs % num_classes
    freedom = len(y) - len(sizes)
    within = len(y) - float((counts**2 / sizes[value]).sum())
    whole = _impurity(y)
    typical = np.empty(len(sizes), np.int64)
    rising = np.argsort(counts, kind="stable")
    typical[value[rising]] = label[rising]  # of several classes of a value the most frequent is written last
    roughness = np.inf
    if order is not None and _impurity(typical) > 0:
        roughness = float((np.diff(typical[order]) != 0).mean()) / _impurity(typical)
    return (within / freedom / whole if whole > 0 else np.inf), freedom * whole, roughness


def _impurity(labels: Array) -> float:
    return 1 - float(((np.bincount(labels) / len(labels)) ** 2).sum())


def _compare_numbers(y: Array, member: Array, sizes: Array, order: Array | None) -> tuple[float, float, float]:
    """As `_compare_classes`, for numbers: disagreement is the variance of their ranks, which no outlier rules."""
    ranks = ranked(y)
    ranks = ranks - ranks.mean()
    means = np.bincount(member, ranks) / sizes
    freedom = len(y) - len(sizes)
    within = float(ranks @ ranks) - float((sizes * means**2).sum())
    whole = float(ranks.var())
    roughness = np.inf
    if order is not None and means.var() > 0:
        roughness = float((np.diff(means[order]) ** 2).mean() / (2 * means.var()))
    return (within / freedom / whole if whole > 0 else np.inf), float(freedom), roughness
