"""The columns of a table that a model learns from: found in its cells, or known from a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from sdl_cli.data.files.class_names import ordered
from sdl_cli.data.files.column_doubts import note_doubts
from sdl_cli.data.files.columns import COUNTS_ROWS, Column, LeftOut, infer
from sdl_cli.data.files.roles import find_column, listed
from sdl_cli.data.files.table_cells import Cells, require_columns
from sdl_cli.data.files.table_settings import TableRoles
from sdl_cli.errors import DataError
from sdl_cli.phrases import shortened

_NAMED = 5  # columns left out that a note names one by one


def infer_columns(
    cells: Cells, roles: TableRoles, places: Mapping[str, int], notes: list[str]
) -> tuple[list[Column], int | None]:
    """The feature columns, and the position of a column that numbers the rows and so names them."""

    def positions(key: str) -> list[int]:
        return [find_column(cells.source, cells.names, asked, f"dataset.{key}") for asked in getattr(roles, key)]

    chosen, dropped = list(dict.fromkeys(positions("features"))), positions("drop")
    categorical = {*positions("categorical"), *positions("text"), *map(cells.names.index, cells.texts & set(cells.levels))}
    texts = {*map(cells.names.index, cells.texts)} - categorical
    taken = {*places.values(), *dropped}
    for key, own in (("features", chosen), ("drop", dropped)):
        if places["target"] in own:
            target = shortened(cells.names[places["target"]])
            raise DataError(f"dataset.{key}: {target} is the target.", "Leave it out of the list.")
    columns: list[Column] = []
    left_out: list[LeftOut] = []
    counters: list[int] = []
    for i in chosen or range(len(cells.names)):
        if i in taken and not (chosen and i not in dropped):
            continue
        name = cells.names[i]
        found = infer(name, cells.columns[i], cells.marks_of(name), i in categorical, bool(chosen), i in texts)
        if isinstance(found, LeftOut):
            left_out.append(found)
            counters += [i] if found.reason == COUNTS_ROWS else []
            continue
        if found.kind == "category" and found.name in cells.levels:
            found = dataclasses.replace(found, levels=ordered(found.levels, cells.levels[found.name]))
        columns.append(found)
        note_doubts(found, cells, i, notes, i in categorical | texts)
    notes += [f"Column {shortened(c.name)} {c.reason}: it was left out." for c in left_out[:_NAMED]]
    if len(left_out) > _NAMED:
        notes.append(f"{len(left_out) - _NAMED} more columns were left out: {listed([c.name for c in left_out[_NAMED:]])}.")
    if not columns:
        why = f" ({shortened(left_out[0].name)} {left_out[0].reason})" if left_out else ""
        raise DataError(
            f"{cells.source}: no column is left to learn from{why}.",
            "Name the columns to use anyway: dataset.features=[...]" if left_out else "Add columns that describe each row.",
        )
    return columns, counters[0] if len(counters) == 1 else None


def columns_like(cells: Cells, like: Mapping[str, Any]) -> tuple[list[Column], int | None]:
    """The columns that a run learned from, whatever these rows suggest, and the position of the one that names its rows."""
    columns = [Column.from_plain(values) for values in like["columns"]]
    require_columns(cells.source, cells.names, [c.name for c in columns])
    named = like.get("source", {}).get("id")
    return columns, cells.names.index(named) if named in cells.names else None
