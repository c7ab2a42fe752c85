"""What a data set is, in numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from sdl_cli.data.dataset import Dataset
from sdl_cli.data.split import Split
from sdl_cli.run.check.column_list import column_list


def summary(dataset: Dataset, parts: Split) -> dict[str, Any]:
    """Rows, features, classes and parts of a data set.

    Returns: JSON-ready values: `name`, `task`, `modality`, `rows`; `shape` of one row ([F], [C, H, W], or [] for a text);
        `classes` (name -> rows) or `target` (its smallest, largest, mean, standard deviation and distinct values); `missing`
        (cells, and columns that have them); `groups` (how many, or None); `parts` (rows labelled, of them validation rows
        that the source itself set aside, test rows, and unused ones); `columns` of a table, see `column_list`; and `notes` on
        how it was read and divided.
    """
    values: dict[str, Any] = {
        "name": dataset.name,
        "task": dataset.task,
        "modality": dataset.modality,
        "rows": len(dataset),
        "shape": dataset.row_shape,
        "classes": None,
        "target": None,
        "missing": {"cells": 0, "columns": 0},
        "groups": None if dataset.groups is None else len(np.unique(dataset.groups)),
        "parts": {
            "labelled": len(parts.labelled),
            "validation": 0 if parts.validation is None else len(parts.validation),
            "test": len(parts.test),
            "unused": len(dataset) - len(parts.labelled) - len(parts.test),
        },
        "columns": column_list(dataset),
        "notes": [*dataset.notes, *parts.notes],
    }
    if dataset.task == "classification":
        counts = np.bincount(dataset.y, minlength=len(dataset.classes))
        values["classes"] = {name: int(count) for name, count in zip(dataset.classes, counts, strict=True)}
    elif len(dataset):
        y = dataset.y
        ends = {"low": float(y.min()), "high": float(y.max()), "mean": float(y.mean()), "sd": float(y.std())}
        values["target"] = {**ends, "distinct": len(np.unique(y))}
    if dataset.modality == "table":
        missing = np.isnan(dataset.X)
        values["missing"] = {"cells": int(missing.sum()), "columns": int(missing.any(axis=0).sum())}
    return values
