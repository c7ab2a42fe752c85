"""Rows without targets (`dataset.unlabeled`): read as the data set is, without those that are test rows in disguise."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data.dataset import Dataset, digest, digest_parts
from sdl_cli.errors import DataError
from sdl_cli.phrases import counted
from sdl_cli.run.check.duplicates import image_keys, row_keys, spread
from sdl_cli.run.check.images import near_to
from sdl_cli.run.new_inputs import as_read, iter_inputs
from sdl_cli.settings.experiment import Experiment
from sdl_cli.settings.machine import available_bytes

Array = np.ndarray[Any, Any]
Found = tuple[Array, tuple[str, ...]]
KEY = "dataset.unlabeled"
_NEAR = 1e-5  # of a column's standard deviation: a number that was written with fewer digits
_MISSING = -1e6  # stands for a missing number, in standard deviations
_MOST_PAIRS = 2**22  # compared at once


def unlabelled_rows(experiment: Experiment, dataset: Dataset, test: Array) -> Found | None:
    """The unlabelled rows that this experiment's model learns from too, as those of `dataset.X`; None where there are none.

    Rows that equal a test row, or are nearly the same, are left out and counted.

    Arguments:
        dataset: with deep images brought to 8 bits. test: numbers of its test rows.
    Returns: the rows `(U, ...)`, and sentences on what was read.
    Raises DataError: a path that is not there or of another kind, other columns, images that cannot be read, nothing left.
    """
    if experiment.dataset.unlabeled is None or not experiment.model.uses_unlabeled:
        return None
    path = Path(experiment.dataset.unlabeled).expanduser()
    X, notes = _read_once(path, dataset, getattr(experiment.dataset, "on_error", "fail"))
    seen = equal_or_near(X, np.asarray(dataset.X[test]), dataset)
    if seen.all():
        hint = "Give rows that are not among the test rows, or leave it out."
        raise DataError(f"{KEY}: every row of {path} equals a test row or nearly does, so that none is left.", hint)
    rows = counted(len(X), "unlabelled row")
    what = f"{rows} of {path}" if not seen.any() else f"{int((~seen).sum()):,} of {rows} of {path}"
    why = f"; {counted(int(seen.sum()), 'row')} equal or nearly equal to test rows {'is' if seen.sum() == 1 else 'are'} left out"
    return X[~seen], (*notes, f"{KEY}: the model also sees {what}{why if seen.any() else ''}.")


def fingerprint(X: Array) -> str:
    """sha256 of unlabelled rows, hexadecimal."""
    return digest(X) if X.dtype.kind in "biuf" else digest_parts(str(text).encode("utf-8", "replace") for text in X)


def equal_or_near(X: Array, test: Array, dataset: Dataset) -> Array:
    """Which of the rows X `(U, ...)` equal one of the test rows `(T, ...)` or nearly do: `bool (U,)`.

    Images are compared as `sdl check` compares them, mirrored where that keeps their class; numbers of a table within a
    hundred-thousandth of their column's standard deviation; texts without regard to case and space.
    """
    if dataset.modality == "text":
        known = {" ".join(str(text).lower().split()) for text in test}
        return np.array([" ".join(str(text).lower().split()) in known for text in X], dtype=bool)
    if dataset.modality == "image":
        return np.isin(image_keys(X), image_keys(test)) | near_to(X, test, mirrored=dataset.task == "classification")
    X, test = X.reshape(len(X), -1), test.reshape(len(test), -1)  # of series, all steps of all channels
    seen = np.isin(row_keys(spread(X)), row_keys(spread(test)))
    left = np.flatnonzero(~seen)
    seen[left] = _near_rows(X[left], np.unique(test, axis=0))
    return seen


def _near_rows(X: Array, others: Array) -> Array:
    """Which rows of numbers X `(N, F)` differ from one of `others` `(M, F)` by next to nothing in every column: `bool (N,)`.

    Rows that are near have near sums of their columns, whatever the weights: only such pairs are compared.
    """
    found = np.zeros(len(X), dtype=bool)
    if not len(others) or not X.shape[1]:
        return found
    with np.errstate(over="ignore", invalid="ignore"):
        scale = np.nanstd(np.where(np.isnan(others).all(axis=0), 0.0, others), axis=0)
        scale = np.where((scale > 0) & np.isfinite(scale), scale, 1.0)
        own, theirs = (np.nan_to_num(rows / scale, nan=_MISSING) for rows in (X, others))
    weights = np.random.default_rng(0).uniform(0.5, 1.5, X.shape[1])
    order = np.argsort(theirs @ weights)
    sums, place = (theirs @ weights)[order], own @ weights
    window = _NEAR * weights.sum() + 1e-12 * np.abs(place)
    low, high = np.searchsorted(sums, place - window, "left"), np.searchsorted(sums, place + window, "right")
    at_once = max(1, _MOST_PAIRS // max(1, X.shape[1] * int((high - low).max(initial=1))))
    for start in range(0, len(X), at_once):
        first, num = low[start : start + at_once], (high - low)[start : start + at_once]
        rows = start + np.repeat(np.arange(len(num)), num)
        behind = np.arange(num.sum()) - np.repeat(np.cumsum(num) - num, num)
        twins = order[np.repeat(first, num) + behind]
        found[rows[(np.abs(own[rows] - theirs[twins]) <= _NEAR).all(axis=1)]] = True
    return found


_read: dict[str, Found] = {}


def _read_once(path: Path, dataset: Dataset, on_error: str) -> Found:
    """The rows of a path, read once in a process for all fits on the same data; the last two are kept."""
    if not path.exists():
        kinds = {
            "image": "an npz file or a folder of images",
            "table": "a table or an npz file",
            "text": "a file of texts",
            "series": "a file of series",
        }
        raise DataError(f"{KEY}: {path} does not exist.", f"Give {kinds[dataset.modality]}.")
    stat = path.stat()
    key = json.dumps([str(path), stat.st_mtime_ns, stat.st_size, on_error, as_read(dataset)], default=str)
    if key not in _read:
        try:
            found = _read_rows(path, dataset, on_error)
        except DataError as error:
            raise DataError(f"{KEY}: {error.message}", error.hint) from error
        while len(_read) > 1:
            _read.pop(next(iter(_read)), None)
        _read[key] = found
    return _read[key]


def _read_rows(path: Path, dataset: Dataset, on_error: str) -> Found:
    notes: list[str] = []
    inputs, is_npz = as_read(dataset), path.suffix.lower() == ".npz"
    if is_npz and (dataset.columns or dataset.modality in ("text", "series")):
        wanted = "texts" if dataset.modality == "text" else "columns with names"
        raise DataError(f"{path}: an npz file has no {wanted}.", "Give a file like the one of the data set.")
    if is_npz and dataset.value_range is None:
        from sdl_cli.data.sources.npz import read_inputs

        _, X = read_inputs(path, "x_train", notes)
        X = _fitted(path, X, dataset, notes)
    else:
        if dataset.modality == "table" and not dataset.columns:
            raise DataError(f"{path}: {dataset.name} is plain numbers, without a file's columns.", "Give an npz file with X.")
        said = notes.append if dataset.modality == "image" else _ignore
        X = _joined(path, (rows for _, rows in iter_inputs(path, inputs, said, on_error)), dataset)
    return X, tuple(notes)


def _ignore(_: str) -> None:
    """What is said of rows to predict."""


def _joined(path: Path, chunks: Iterable[Array], dataset: Dataset) -> Array:
    kept: list[Array] = []
    for chunk in chunks:
        kept.append(chunk)
        size = sum(one.nbytes for one in kept)
        if size > available_bytes():  # as much again is needed to join them
            raise DataError(f"{path}: its rows do not fit into the free memory.", "Give fewer rows, or smaller images.")
    if not sum(map(len, kept)):
        raise DataError(f"{path}: there are no rows in it.", "Give more rows of the same kind, without targets.")
    X = np.concatenate(kept)
    return X.astype(object) if dataset.modality == "text" else X


def _fitted(path: Path, X: Array, dataset: Dataset, notes: list[str]) -> Array:
    """Rows of an npz file as those of the data set: images of another size or number of channels are brought to its own."""
    wanted = dataset.X.shape[1:]
    if X.shape[1:] == wanted:
        return X
    if X.ndim != dataset.X.ndim or (X.ndim == 4 and wanted[1] != wanted[2]) or X.ndim == 2:
        message = f"{path}: its rows have shape {X.shape[1:]}, but those of the data set {tuple(wanted)}."
        raise DataError(message, "Give rows like those of the data set.")
    from PIL import Image

    from sdl_cli.data.images.decode import to_square

    size, channels = int(wanted[1]), "grey" if wanted[0] == 1 else "rgb"
    need = len(X) * int(np.prod(wanted))
    if need > available_bytes():
        raise DataError(f"{path}: {len(X):,} images at {size} px do not fit into the free memory.", "Give fewer images.")
    out = np.empty((len(X), *wanted), np.uint8)
    for row, image in enumerate(X):
        flat = np.ascontiguousarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0))
        out[row] = to_square(Image.fromarray(flat), size, channels)  # type: ignore[arg-type]
    was = f"{X.shape[3]} x {X.shape[2]} px" + ("" if X.shape[1] == wanted[0] else f" in {counted(X.shape[1], 'channel')}")
    notes.append(f"{path}: its images of {was} were brought to {size} x {size} px in {channels}, as the data set has them.")
    return out
