"""How each column of a table was read: its kind, how often it is missing, and examples of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.dataset import Dataset
from sdl_cli.data.files.columns import Column

_EXAMPLES = 3
NOT_LEARNED = "not learned from"


def column_list(dataset: Dataset) -> list[dict[str, Any]]:
    """The columns of a table in the order of the file.

    Returns: for each its `name`; `kind` (number, category, boolean, date; target, id, or not learned from); `missing` cells,
        `distinct` values, and up to three `examples` as text. Of columns that no model sees, missing and distinct are None.
        Also the `label` of a column to which its file gives one.
    """
    if dataset.modality != "table":
        return []
    columns = dataset.columns or tuple(Column(name, "number") for name in dataset.feature_names)
    places = [own[0] for _, own in dataset.own_columns]
    found = {column.name: _described(column, dataset.X[:, j]) for column, j in zip(columns, places, strict=True)}
    names = [str(name) for name in dataset.source.get("names", [])]
    if set(found) <= set(names):  # a file lists them
        found = {name: found[name] if name in found else _aside(name, dataset) for name in names}
    labels = dataset.source.get("labels") or {}
    return [{**values, "label": labels[name]} if name in labels else values for name, values in found.items()]


def _described(column: Column, x: Array) -> dict[str, Any]:
    values, first, counts = np.unique(x[~np.isnan(x)], return_index=True, return_counts=True)
    order = np.argsort(-counts, kind="stable") if column.levels else np.argsort(first, kind="stable")
    return {
        "name": column.name,
        "kind": column.kind,
        "missing": int(np.isnan(x).sum()),
        "distinct": len(values),
        "examples": [_text(column, float(values[i])) for i in order[:_EXAMPLES]],
    }


def _text(column: Column, value: float) -> str:
    if column.levels:
        return column.levels[int(value)] if value < len(column.levels) else "?"
    if column.kind == "date":
        return str(np.datetime64(int(value), "D"))
    return f"{value:.6g}"


def _aside(name: str, dataset: Dataset) -> dict[str, Any]:
    values: dict[str, Any] = {"name": name, "kind": NOT_LEARNED, "missing": None, "distinct": None, "examples": []}
    if name == dataset.source.get("target"):
        examples = list(dataset.classes[:_EXAMPLES]) or [f"{value:.6g}" for value in dataset.y[:_EXAMPLES]]
        return values | {"kind": "target", "missing": 0, "distinct": len(np.unique(dataset.y)), "examples": examples}
    if name == dataset.source.get("id"):
        ids = [str(i) for i in dataset.ids]
        return values | {"kind": "id", "missing": ids.count(""), "distinct": len(set(ids)), "examples": ids[:_EXAMPLES]}
    return values
