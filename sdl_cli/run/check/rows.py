"""Rows, classes, groups and targets: are there enough of each, and is a group on both sides of the split?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.dataset import Dataset
from sdl_cli.data.split import Split
from sdl_cli.measure.statistics import wilson
from sdl_cli.phrases import counted, shortened
from sdl_cli.run.check.problem import Problem, named, percent

_FEW_ROWS = 5  # of a class: fewer leave one or none for each of training, validation and test
_IMBALANCE = 10.0  # rows of the largest class for each row of the smallest
_MAJORITY = 0.8  # share of one class from which accuracy says little
_WIDE = 0.05  # half width of the interval of an accuracy
_EXPECTED_ACCURACY = 0.8
_FAR = 6.0  # interquartile ranges from the quartiles; of a normal distribution not one value in 10^16 lies there
_LEAST_SKEWED = 30  # rows
_SKEWED = 2.0  # skewness; that of an exponential distribution
_LESS_SKEWED = 0.5  # times it, of the logarithms
_FEW_FRACTION = 0.02  # more values than that which lie far out are a long tail, not mistakes


def crossing_groups(dataset: Dataset, parts: Split, brief: bool) -> Iterator[Problem]:
    """Groups with rows on both sides of a division."""
    if dataset.groups is None:
        return
    groups = dataset.groups
    advice = "Bring parts that keep every group whole, or leave the parts out: then whole groups are drawn."
    both = np.intersect1d(groups[parts.labelled], groups[parts.test])
    if len(both):
        num = int(np.isin(groups[parts.test], both).sum())
        crossing = counted(len(both), "group", verbs="has/have")
        what = f"{crossing} rows on both sides of the split, {counted(num, 'test row')} among them"
        what = f"{what} ({percent(num / len(parts.test))} of the test part)."
        yield Problem("leak", what, _groups_named(both), advice)
    if parts.validation is not None:
        training = np.setdiff1d(parts.labelled, parts.validation)
        shared = np.intersect1d(groups[training], groups[parts.validation])
        if len(shared):
            what = f"{counted(len(shared), 'group', verbs='has/have')} rows in the training and in the validation part"
            what = f"{what}: what is chosen on validation rows is chosen on kin of training rows."
            yield Problem("warning", what, _groups_named(shared), advice)


def _groups_named(groups: Array) -> str:
    return f"group{'' if len(groups) == 1 else 's'} {named([shortened(group) for group in groups])}"


def classes(dataset: Dataset, parts: Split, brief: bool) -> Iterator[Problem]:
    """Classes with few rows, without test rows, or far larger than others."""
    if dataset.task != "classification" or len(dataset) == 0:
        return
    counts = np.bincount(dataset.y, minlength=len(dataset.classes))
    in_test = np.bincount(dataset.y[parts.test], minlength=len(counts))
    few = [i for i in np.argsort(counts, kind="stable") if counts[i] < _FEW_ROWS]
    if few and dataset.class_sets is None:  # one example of each class is what such a task is about
        have = counted(len(few), "class", verbs="has/have")
        what = f"{have} fewer than {_FEW_ROWS} rows: too few to learn from and to be scored on."
        how = f": dataset.min_class_rows={_FEW_ROWS}" if dataset.source else "."
        advice = f"Add rows, join classes, or leave small ones out{how}"
        yield Problem("warning", what, _class_rows(dataset, few, counts), advice)
    absent = np.flatnonzero((in_test == 0) & (counts > 0))
    if len(absent) and len(parts.test):
        only = np.flatnonzero(in_test)
        effect = "the score does not cover such rows."
        if len(only) == 1:
            name = shortened(dataset.classes[only[0]])
            effect = f"all {len(parts.test):,} are of class {name}, and always answering {name} scores 100 %."
        what = f"{counted(len(absent), 'class', verbs='has/have')} no test row: {effect}"
        advice = "Add rows, or raise dataset.test_fraction."
        if dataset.groups is not None:
            num = len(np.unique(dataset.groups[parts.test]))
            what = f"{what} The test part is {counted(num, 'group')} of {len(np.unique(dataset.groups)):,}."
            advice = "Add groups of each class, or raise dataset.test_fraction so that more groups are tested."
        yield Problem("warning", what, _class_rows(dataset, absent, counts), advice)
    yield from _imbalance(dataset, counts)


def _imbalance(dataset: Dataset, counts: Array) -> Iterator[Problem]:
    present = np.flatnonzero(counts)
    if len(present) < 2:
        return
    largest, smallest = present[np.argmax(counts[present])], present[np.argmin(counts[present])]
    share = percent(counts[largest] / len(dataset))
    mostly_one = counts[largest] >= _MAJORITY * len(dataset)
    if mostly_one or counts[largest] >= _IMBALANCE * counts[smallest]:
        most = shortened(dataset.classes[largest])
        what = f"Classes are of unequal size: always answering {most} is right in {share} of the rows."
        where = f"largest and smallest: {_class_rows(dataset, [largest, smallest], counts)}"
        advice = "Read balanced accuracy beside accuracy; weight classes alike: loss.class_weight=balanced or threshold=balanced"
        yield Problem("warning" if mostly_one else "note", what, where, advice)


def _class_rows(dataset: Dataset, which: Any, counts: Array) -> str:
    return named([f"{shortened(dataset.classes[i])} ({counts[i]:,})" for i in which])


def targets(dataset: Dataset, parts: Split, brief: bool) -> Iterator[Problem]:
    """Of numbers to predict: all the same, or a few far from the rest."""
    if dataset.task != "regression" or len(dataset) == 0:
        return
    y = dataset.y
    if y.min() == y.max():
        yield Problem("warning", f"The target is {y[0]:g} in every row: there is nothing to learn.", "", "Choose another target.")
        return
    low, middle, high = np.quantile(y, [0.25, 0.5, 0.75])
    distance = np.maximum(low - y, y - high)
    far = np.flatnonzero(distance > _FAR * (high - low)) if high > low else np.empty(0, np.int64)
    if 0 < len(far) <= max(1, _FEW_FRACTION * len(y)):
        far = far[np.argsort(-distance[far], kind="stable")]
        what = f"{counted(len(far), 'target', verbs='lies/lie')} far from the rest: the median is {middle:.4g}, half of all are"
        what = f"{what} from {low:.4g} to {high:.4g}."
        where = named([f"{y[i]:.6g} (id {shortened(dataset.ids[i])})" for i in far])
        advice = "Look whether they are mistakes; if not, loss=huber gives them less weight in networks."
        yield Problem("note", what, where, advice)


def skewed(dataset: Dataset, parts: Split, brief: bool) -> Iterator[Problem]:
    """Positive numbers to predict with a long tail upwards, which their logarithms have not."""
    if dataset.task != "regression" or dataset.target_scale != "none" or len(parts.labelled) < _LEAST_SKEWED:
        return
    y = dataset.y[parts.labelled]
    if not y.min() > 0:
        return
    own, of_log = skewness(y), skewness(np.log(y))
    if own > _SKEWED and abs(of_log) < _LESS_SKEWED * own:
        low, middle, high = np.quantile(y, [0.0, 0.5, 1.0])
        what = (
            f"The target is positive and skewed (from {low:.4g} to {high:.4g}, median {middle:.4g}; skewness {own:.1f}, of its "
        )
        what = f"{what}logarithm {of_log:.1f}): few large values decide what is learned."
        advice = "If errors in per cent matter more to you than those in units, try dataset.target_scale=log"
        yield Problem("note", what, "", advice if _takes_scale(dataset) else "")


def skewness(y: Array) -> float:
    """Third standardised moment of numbers `(N,)`, 0 where they do not differ."""
    centred = (y - y.mean()) / (y.std() or 1.0)
    return float((centred**3).mean())


def _takes_scale(dataset: Dataset) -> bool:
    """Whether the source of a data set, a file of rows, has the setting."""
    return bool(dataset.columns) or dataset.source.get("kind") in ("table", "text", "image_table")


def sizes(dataset: Dataset, parts: Split, brief: bool) -> Iterator[Problem]:
    """How sure a score on so few test rows can be, and whether there are fewer rows than features."""
    num = len(parts.test)
    if dataset.task == "classification" and num:
        right = round(_EXPECTED_ACCURACY * num)
        low, high = wilson(right, num)
        if (high - low) / 2 > _WIDE:
            rows = f"{counted(num, 'test row')} of {len(dataset.classes)} classes: an accuracy near {100 * right / num:.0f} %"
            what = f"{rows} there means {percent(low)} to {percent(high)} (95 % interval)."
            advice = "Average over several splits with num_repeats=10, or keep more test rows."
            if dataset.part is not None and (dataset.part == "test").any():
                advice = "More test rows narrow it."
            yield Problem("note", what, "", advice)
    if dataset.modality == "table" and len(parts.labelled) < dataset.X.shape[1]:
        what = f"There are fewer labelled rows ({len(parts.labelled):,}) than features ({dataset.X.shape[1]:,})."
        advice = "Chance alone can tell such rows apart: trust only scores on test rows, over several splits."
        yield Problem("note", what, "", advice)
