"""The one shape that every source of data is brought to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Task = Literal["classification", "regression"]
Modality = Literal["image", "table"]


@dataclass(frozen=True)
class Dataset:
    """Rows, their targets, and what is known about them.

    Arguments:
        name: how results call it.
        task: `classification` or `regression`.
        modality: `image` or `table`.
        X: images `uint8 (N, C, H, W)` (an array or a memory map) or a table `float64 (N, F)`.
        y: class indices `int64 (N,)` into `classes`, or numbers `float64 (N,)`.
        classes: class names in index order; empty for regression.
        feature_names: column names of a table; empty for images.
        groups: `(N,)` group of each row, or None; one group never stands on two sides of a split.
        part: `(N,)` of "train", "validation" or "test" where the source brings its own split, or None.
        ids: `(N,)` of str, the row's name in the user's own terms (a file, a row number).
        fingerprint: sha256 over content (X, y, classes, part), hexadecimal.
        notes: what a user should know about how this was read, one sentence each.
    """

    name: str
    task: Task
    modality: Modality
    X: np.ndarray[Any, Any]
    y: np.ndarray[Any, Any]
    classes: tuple[str, ...]
    feature_names: tuple[str, ...]
    groups: np.ndarray[Any, Any] | None
    part: np.ndarray[Any, Any] | None
    ids: np.ndarray[Any, Any]
    fingerprint: str
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.y)
