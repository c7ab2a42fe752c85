"""Real tables to judge weights by: scikit-learn's four, and CSV files of a folder. No training reads them."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.errors import DataError
from sdl_cli.files import read_guarded
from sdl_cli.learning.models.table_network import MAX_CLASSES
from sdl_cli.phrases import first_line

Array = np.ndarray[Any, Any]
_BUNDLED = ("breast_cancer", "digits", "iris", "wine")
_FEWEST_ROWS = 80
_MOST_BYTES = 256 << 20
# of the UCI sets: too wide or too long for a network that reads at most 1000 rows and 48 columns at once, or kept for other uses
_LEFT_OUT = ("arrhythmia", "car", "low-res-spect", "plant-texture", "semeion", "yeast")
_TEST_FRACTION = 0.2


@dataclass(frozen=True)
class RealTable:
    """A table, divided once: labelled rows float32 (n, F), query rows (m, F), classes int64 from 0 to k - 1, k at most 10."""

    name: str
    labelled: Array
    labels: Array
    queries: Array
    query_labels: Array

    @property
    def num_classes(self) -> int:
        return int(max(self.labels.max(), self.query_labels.max())) + 1


def read_tables(folder: Path | None = None) -> list[RealTable]:
    """scikit-learn's four tables, and those of `folder`, ordered by name; 80 % of the rows of each are labelled, stratified.

    A CSV file has one line of column names, numbers only (`nan` where missing), and the class, a whole number, in the last
    column. Classes with a single row are left out, and so are tables with fewer than 80 rows or more than 10 classes.

    Raises DataError for a folder without tables and for files that do not look like this.
    """
    from sklearn import datasets

    found = {}
    for name in _BUNDLED:
        values, classes = getattr(datasets, f"load_{name}")(return_X_y=True)
        found[f"sk_{name}"] = (values.astype(np.float32), classes.astype(np.int64))
    if folder is not None:
        files = sorted(folder.glob("*.csv")) if folder.is_dir() else []
        if not files:
            raise DataError(f"{folder}: there are no CSV files here.", "Give a folder of tables: --tables FOLDER")
        found |= {file.stem: _read(file) for file in files if file.stem not in _LEFT_OUT}
    tables = [_divided(name, *found[name]) for name in sorted(found)]
    return [table for table in tables if table is not None]


def _read(file: Path) -> tuple[Array, Array]:
    """Values float32 (N, F) and classes int64 (N,) of a CSV file."""
    hint = "It needs a line of names, then numbers, and in the last column the class as a whole number."
    try:
        text = read_guarded(file, _MOST_BYTES).decode()
        cells = np.loadtxt(io.StringIO(text), delimiter=",", skiprows=1, ndmin=2)
    except ValueError as error:
        raise DataError(f"{file}: this is no table of numbers: {first_line(error, 120)}", hint) from error
    if cells.shape[1] < 2 or len(cells) == 0:
        raise DataError(f"{file}: the table has no rows, or only one column.", hint)
    classes = cells[:, -1]
    if not np.isfinite(classes).all() or (classes != np.round(classes)).any():
        raise DataError(f"{file}: the last column holds values that are no whole numbers.", hint)
    values = cells[:, :-1].astype(np.float32)
    return np.where(np.isfinite(values), values, np.float32(np.nan)), classes.astype(np.int64)


def _divided(name: str, values: Array, classes: Array) -> RealTable | None:
    """The table with its rows divided, or None if it is too small or has too few or too many classes."""
    from sklearn.model_selection import train_test_split

    kinds, counts = np.unique(classes, return_counts=True)
    kept = np.isin(classes, kinds[counts >= 2])
    values, classes = values[kept], np.unique(classes[kept], return_inverse=True)[1]
    num_classes = len(np.unique(classes))
    if len(classes) < _FEWEST_ROWS or not 2 <= num_classes <= MAX_CLASSES:
        return None
    num_queries = max(num_classes, math.ceil(_TEST_FRACTION * len(classes)))
    labelled, queries, labels, query_labels = train_test_split(
        values, classes, test_size=num_queries, stratify=classes, random_state=0
    )
    return RealTable(name, labelled, labels, queries, query_labels)
