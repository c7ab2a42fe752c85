"""Small data sets with and without something wrong with them."""

from __future__ import annotations

import numpy as np

from sdl_cli.data.dataset import Dataset
from sdl_cli.data.split import Split


def make_dataset(X, y, names=None, **more):
    """A data set of `X`; text or whole numbers as `y` are classes, other numbers are numbers."""
    X, y = np.asarray(X), np.asarray(y)
    classes = ()
    if y.dtype.kind != "f":
        labels, y = np.unique(y, return_inverse=True)
        classes = tuple(str(label) for label in labels)
    modality = {1: "text", 2: "table", 4: "image"}[X.ndim]
    features = tuple(names or (f"f{j}" for j in range(X.shape[1]))) if modality == "table" else ()
    values = {
        "name": "planted",
        "task": "classification" if classes else "regression",
        "modality": modality,
        "X": X.astype(np.float64) if modality == "table" else X,
        "y": y,
        "classes": classes,
        "feature_names": features,
        "groups": None,
        "part": None,
        "ids": np.array([str(i) for i in range(len(y))]),
        "fingerprint": "",
    }
    return Dataset(**values | more)


def last_fifth(dataset):
    """The last fifth of the rows as the test part."""
    num = len(dataset) - len(dataset) // 5
    return Split(np.arange(num), None, np.arange(num, len(dataset)))


def interleaved(dataset):
    """Every fifth row as a test row."""
    rows = np.arange(len(dataset))
    return Split(rows[rows % 5 != 4], None, rows[rows % 5 == 4])
