"""Targets as they come (numbers, text, true/false) to class indices with names, or to numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.dataset import Dataset, Task
from sdl_cli.errors import ConfigError, DataError
from sdl_cli.phrases import counted, shortened

FILL_HINT = "Fill or remove those rows before saving."
_MANY_CLASSES = 20  # whole-number floats with at most this many distinct values are read as classes


def encode_targets(
    source: object, ys: Sequence[Array], names: Array | None, asked: str, notes: list[str]
) -> tuple[Array, tuple[str, ...], Task]:
    """Class indices `int64 (N,)` with their names, or numbers `float64 (N,)`."""
    if len({y.dtype.kind in "SU" for y in ys}) > 1:
        raise DataError(f"{source}: some parts have text as labels and others numbers.", "Use one kind in all of them.")
    y = np.concatenate(ys)
    if y.dtype.kind not in "biufSU":
        raise DataError(f"{source}: y is of type {y.dtype}; it must hold numbers or text.", "Use class names or numbers.")
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        bad = np.flatnonzero(~np.isfinite(y))
        raise DataError(f"{source}: NaN or infinity in {len(bad)} rows of y; the first is row {bad[0]}.", FILL_HINT)
    whole = y.dtype.kind != "f" or bool((y == np.rint(y)).all())
    num_distinct = len(np.unique(y))
    if asked == "regression" or (asked == "auto" and y.dtype.kind == "f" and not (whole and num_distinct <= _MANY_CLASSES)):
        if y.dtype.kind in "SU":
            raise DataError(f"{source}: y holds text, which cannot be a regression target.", "Set dataset.task=classification.")
        return y.astype(np.float64), (), "regression"
    if not whole:
        raise DataError(f"{source}: y holds fractions, which cannot be class labels.", "Set dataset.task=regression.")
    if asked == "auto" and y.dtype.kind in "iu" and num_distinct > max(_MANY_CLASSES, len(y) // 2):
        message = f"{source}: y holds {num_distinct} distinct whole numbers in {len(y)} rows: classes or numbers?"
        raise DataError(message, "Set dataset.task=regression or dataset.task=classification.")
    if y.dtype.kind == "f":
        if asked == "auto":
            how = "was read as classes (otherwise: dataset.task=regression)"
            notes.append(f"y holds {num_distinct} distinct whole numbers and {how}.")
        y = y.astype(np.int64)
    return *_classes(source, y, names, notes), "classification"


def _classes(source: object, y: Array, names: Array | None, notes: list[str]) -> tuple[Array, tuple[str, ...]]:
    y = np.char.decode(y, "utf-8") if y.dtype.kind == "S" else y
    labels, indices = np.unique(y, return_inverse=True)
    if len(labels) < 2:
        raise DataError(f"{source}: y has one class only, {labels[0]}.", "A classifier needs at least two.")
    shown = [str(label) for label in labels]
    if names is not None:
        listed = [str(name) for name in (np.char.decode(names, "utf-8") if names.dtype.kind == "S" else names)]
        if len(set(listed)) < len(listed):
            raise DataError(f"{source}: a name occurs twice in classes.", "Each class needs a name of its own.")
        by_label = {name: name for name in listed} if y.dtype.kind == "U" else {str(int(i)): n for i, n in enumerate(listed)}
        keys = shown if y.dtype.kind == "U" else [str(int(label)) for label in labels]
        unknown = [key for key in keys if key not in by_label]
        if unknown:
            message = f"{source}: label {unknown[0]} has no name in classes, which has {len(listed)}."
            raise DataError(message, "Labels count from 0.")
        shown = [by_label[key] for key in keys]
        if len(shown) < len(listed):
            notes.append(f"{len(listed) - len(shown)} of the {len(listed)} names in classes have no rows and were left out.")
        order = np.argsort([listed.index(name) for name in shown])  # the order of `classes`, also for text labels
        shown = [shown[i] for i in order]
        indices = np.argsort(order)[indices]
    return indices.astype(np.int64), tuple(shown)


def on_log_scale(dataset: Dataset) -> Dataset:
    """The data set, of whose targets models learn the logarithm, with a sentence that says so.

    Raises ConfigError: its targets are classes.
    """
    if dataset.task != "regression":
        message = f"dataset.target_scale=log: the target of {dataset.name} is {len(dataset.classes)} classes, not a number."
        raise ConfigError(message, "Leave it out, or read the target as numbers: dataset.task=regression")
    note = (
        "dataset.target_scale=log: models learn the logarithm of the target. Predictions, RMSE, MAE and R2 are in its own unit; "
        "a prediction is nearer to the median than to the mean, so that sums of predictions come out low."
    )
    return dataclasses.replace(dataset, target_scale="log", notes=(*dataset.notes, note))


def require_positive(dataset: Dataset) -> None:
    """Raise DataError where a logarithm is to be learned of targets that are not all positive."""
    bad = np.flatnonzero(~(dataset.y > 0))
    if dataset.target_scale == "log" and len(bad):
        have = counted(len(bad), "target", verbs="is/are")
        what = f"{have} not positive, such as {dataset.y[bad[0]]:.6g} (id {shortened(str(dataset.ids[bad[0]]))})"
        raise DataError(f"{dataset.name}: dataset.target_scale=log: {what}.", "Leave it out, or leave those rows out.")
