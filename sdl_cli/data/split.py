"""Which rows of a data set are labelled, and which are the test part."""

from __future__ import annotations

import dataclasses
import hashlib
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.dataset import Dataset
from sdl_cli.data.draw import group_mask, hold_out, nested_per_class, nested_subset
from sdl_cli.data.split_by_time import divide
from sdl_cli.data.time_order import hold_out_latest, part_sentences
from sdl_cli.errors import DataError
from sdl_cli.phrases import counted, listed
from sdl_cli.settings.experiment import DataSettings

TOO_NARROW = "; intervals count each row as if it were independent, and so are too narrow."
_MIN_ROWS = 2  # per class: one to learn from and one to be tested on


@dataclass(frozen=True)
class Split:
    """Row numbers `int64` of a data set, and what a user should know about the division, one sentence each."""

    labelled: Array  # rows that a method may see with their targets
    validation: Array | None  # those of `labelled` that the source itself sets aside for validation
    test: Array  # rows that are scored once, at the end
    notes: tuple[str, ...] = ()
    unlabelled: Array | None = None  # more rows `(U, ...)` as those of X, without targets, that a method may see too

    def fingerprint(self) -> str:
        """What tells this division of rows from any other."""
        rows = np.sort(self.labelled).tobytes() + b"/" + np.sort(self.test).tobytes()
        return hashlib.sha256(rows).hexdigest()[:16]

    def parts(self, dataset: Dataset) -> tuple[LabelledPart, TestPart]:
        """The rows with their values: what a method may see, and what it is scored on."""
        return LabelledPart(dataset, self.labelled, self.validation, self.unlabelled), TestPart(dataset, self.test)


@dataclass(frozen=True)
class _Part:
    """Rows of a data set."""

    dataset: Dataset  # for what is known of all rows, such as classes and columns
    rows: Array  # their numbers `int64 (N,)`

    @property
    def X(self) -> Array:  # noqa: N802  # as everywhere in scikit-learn
        return np.asarray(self.dataset.X[self.rows])

    @property
    def y(self) -> Array:
        return np.asarray(self.dataset.y[self.rows])

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class LabelledPart(_Part):
    """Rows that a method may see with their targets: the only ones that a model is fitted or chosen on.

    Arguments:
        validation: those of `rows` that the source itself sets aside for validation, or None.
        unlabelled: more rows `(U, ...)` without targets that it may see too, or None; they belong to those that are fitted on.
    """

    validation: Array | None = None
    unlabelled: Array | None = None

    def divided(self, fraction: float, seed: int) -> tuple[LabelledPart, LabelledPart]:
        """Rows to fit on and rows to choose on: the source's own validation rows, the latest of rows in the order of time, or a
        seeded stratified part.
        """
        if self.validation is not None and len(self.validation):
            fit = np.setdiff1d(self.rows, self.validation)
            return LabelledPart(self.dataset, fit, None, self.unlabelled), LabelledPart(self.dataset, self.validation)
        groups = None if self.dataset.groups is None else self.dataset.groups[self.rows]
        kept, held = self._held_out(fraction, seed, groups)
        fitted = LabelledPart(self.dataset, self.rows[kept], None, self.unlabelled)
        return fitted, LabelledPart(self.dataset, self.rows[held])

    def _held_out(self, fraction: float, seed: int, groups: Array | None) -> tuple[Array, Array]:
        task, order = self.dataset.task, self.dataset.order
        if order is not None:
            with suppress(ValueError):  # all of them are of one time
                return hold_out_latest(order.take(self.rows), self.y, fraction, task == "classification", groups)
        return hold_out(self.y, fraction, seed, task, groups)


@dataclass(frozen=True)
class TestPart(_Part):
    """Rows that are scored once, at the end, by `run.fit_and_score`; no model is ever handed their targets."""

    __test__ = False  # not a test of pytest


def split(dataset: Dataset, settings: DataSettings, seed: int) -> Split:
    """Divide the rows into labelled and test, then take the requested number of labelled rows.

    The source's own test part is used where there is one, and the latest rows where they follow each other in time; otherwise
    rows are drawn by scikit-learn's `train_test_split`, stratified by class, or whole groups where the data set has groups.

    Arguments:
        settings: test_fraction, num_per_class, num_train, and a seed that goes before `seed`.
    Raises DataError: too few rows of some class, too few test rows, or more labelled rows asked for than there are.
    """
    seed = seed if settings.seed is None else settings.seed
    how = division(dataset)
    if how == "source":
        result = _by_part(dataset)
    elif how == "time":
        labelled, test, notes = divide(dataset, settings)
        result = Split(labelled, None, test, tuple(notes))
    elif how == "groups":
        result = _by_group(dataset, settings.test_fraction, seed)
    else:
        result = _by_row(dataset, settings.test_fraction, seed)
    return _take(dataset, result, settings, seed)


def division(dataset: Dataset) -> Literal["source", "time", "groups", "classes", "random"]:
    """How `split` divides rows: as the source does, along time, by whole groups, or drawn, stratified by class or not."""
    if dataset.part is not None and (dataset.part == "test").any():
        return "source"
    if dataset.order is not None:
        return "time"
    if dataset.groups is not None:
        return "groups"
    return "classes" if dataset.task == "classification" else "random"


def described(dataset: Dataset) -> dict[str, Any]:
    """What a run keeps of its data set in `environment.json`, beside the digest: what a paper says of it."""
    return {
        "task": dataset.task,
        "modality": dataset.modality,
        "rows": len(dataset),
        "classes": len(dataset.classes),
        "columns": len(dataset.own_columns) if dataset.modality == "table" else 0,
        "is_mixed": bool(dataset.columns),
        "has_dates": any(column.kind == "date" for column in dataset.columns or ()),
        "division": division(dataset),
    }


def _by_part(dataset: Dataset) -> Split:
    part = np.asarray(dataset.part)
    labelled, test = np.flatnonzero(part != "test"), np.flatnonzero(part == "test")
    validation = np.flatnonzero(part == "validation")
    if len(labelled) == len(validation):
        raise DataError(f"{dataset.name}: the data set brings a test part but no training rows.", "Add a train part.")
    if dataset.task == "classification":
        absent = np.setdiff1d(dataset.y[test], dataset.y[labelled])
        if len(absent):
            what = "the test part has classes that the training part lacks"
            names = listed([dataset.classes[i] for i in absent], 5, last=", ")
            raise DataError(f"{dataset.name}: {what}: {names}.", "Add rows of them.")
    notes: tuple[str, ...] = ()
    if dataset.order is not None:
        if dataset.order.gap:
            message = "dataset.gap: the source has its own test part, which decides what lies before it."
            raise DataError(message, "Leave out the rows in between there, or set dataset.gap=0.")
        notes = tuple(part_sentences(dataset.order, labelled, test))
    return Split(labelled, validation if len(validation) else None, test, notes)


def _by_row(dataset: Dataset, test_fraction: float, seed: int) -> Split:
    from sklearn.model_selection import train_test_split

    num, num_test = len(dataset), int(np.ceil(test_fraction * len(dataset)))
    needed = 1
    if dataset.task == "classification":
        _check_class_sizes(dataset)
        needed = len(dataset.classes)
    if num_test < needed or num - num_test < needed:
        few = "test" if num_test < needed else "labelled"
        message = f"dataset.test_fraction={test_fraction:g}: {num} rows leave {min(num_test, num - num_test)} {few} rows"
        raise DataError(f"{message} for {needed} class{'es' if needed > 1 else ''}.", "Choose another fraction, or add rows.")
    stratify = dataset.y if dataset.task == "classification" else None
    labelled, test = train_test_split(np.arange(num), test_size=test_fraction, stratify=stratify, random_state=seed)
    return Split(labelled, None, test)


def _by_group(dataset: Dataset, test_fraction: float, seed: int) -> Split:
    groups = np.asarray(dataset.groups)
    if dataset.task == "classification":
        _check_class_sizes(dataset)
    mask = group_mask(dataset.y, groups, test_fraction, seed, dataset.task)
    if mask is None:
        num_groups = len(np.unique(groups))
        message = f"{dataset.name}: {num_groups} groups cannot be divided so that every class keeps labelled rows."
        raise DataError(message, "Each class needs rows in several groups; choose another test_fraction or leave groups out.")
    num_test = len(np.unique(groups[mask]))
    notes = []
    if num_test < mask.sum():
        notes.append(
            f"The {mask.sum():,} test rows are of {counted(num_test, 'group')} (there are {len(np.unique(groups)):,} in all), on "
            f"which the score rests{TOO_NARROW}"
        )
    if abs(mask.mean() - test_fraction) > 0.02:
        notes.append(f"Whole groups stay together: the test part is {mask.mean():.0%} of the rows, not {test_fraction:.0%}.")
    if dataset.task == "classification":
        absent = np.setdiff1d(dataset.y, dataset.y[mask])
        notes += [f"No test row is of class {dataset.classes[i]}: all its groups are labelled." for i in absent]
    return Split(np.flatnonzero(~mask), None, np.flatnonzero(mask), tuple(notes))


def _check_class_sizes(dataset: Dataset) -> None:
    counts = np.bincount(dataset.y, minlength=len(dataset.classes))
    small = [f"{dataset.classes[i]} ({counts[i]})" for i in np.flatnonzero(counts < _MIN_ROWS)]
    if small:
        few = listed(small, 5, last=", ")
        message = f"{dataset.name}: a class needs {_MIN_ROWS} rows for this split; too few: {few}."
        hint = "Add rows of these classes, leave them out (tables: dataset.min_class_rows=2), or bring a test part of your own."
        raise DataError(message, hint)


def _take(dataset: Dataset, whole: Split, settings: DataSettings, seed: int) -> Split:
    """The asked number of labelled rows."""
    if settings.num_per_class is None and settings.num_train is None:
        return whole
    y = dataset.y[whole.labelled]
    groups = None if dataset.groups is None else dataset.groups[whole.labelled]
    times = None if dataset.order is None else dataset.order.times[whole.labelled]
    notes = list(whole.notes)
    if settings.num_per_class is None:
        assert settings.num_train is not None
        chosen = nested_subset(y, settings.num_train, seed, dataset.task, groups, times)
    elif settings.num_train is not None:
        raise DataError("dataset.num_per_class and dataset.num_train are both set.", "Set one of them to null.")
    elif dataset.task == "regression":
        raise DataError("dataset.num_per_class: a regression has no classes.", "Set dataset.num_train instead.")
    else:
        chosen = nested_per_class(y, settings.num_per_class, seed, groups, times)
        counts = np.bincount(y, minlength=len(dataset.classes))
        fewer = [f"{dataset.classes[i]} ({counts[i]})" for i in np.flatnonzero(counts < settings.num_per_class)]
        if fewer:
            shown = listed(fewer, 5, last=", ")
            notes.append(f"Fewer than num_per_class={settings.num_per_class} labelled rows, all of them used: {shown}.")
    labelled = whole.labelled[chosen]
    validation = None if whole.validation is None else np.intersect1d(labelled, whole.validation)
    if validation is not None and not 0 < len(validation) < len(labelled):
        validation = None
        notes.append("The chosen rows leave the source's own validation part empty or alone: validation rows are drawn instead.")
    return dataclasses.replace(whole, labelled=labelled, validation=validation, notes=tuple(notes))
