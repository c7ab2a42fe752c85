"""Tables in MATLAB files: a matrix and a vector, vectors of one length, or a struct of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sdl_cli.data.arrays import Array, objects
from sdl_cli.data.files.sniffing import Asked
from sdl_cli.data.files.table_cells import Cells
from sdl_cli.data.formats import matlab5
from sdl_cli.data.formats.matlab73 import HDF5, Matlab73
from sdl_cli.data.formats.matlab_choice import Chosen, choose, num_rows
from sdl_cli.data.formats.matlab_values import Value
from sdl_cli.data.formats.typed_columns import (
    TypedColumn,
    TypedTable,
    logical_cells,
    number_cells,
    numbered_names,
    refuse_wider,
    require_memory,
    shown_names,
    width_of,
)
from sdl_cli.errors import DataError
from sdl_cli.phrases import shortened

_USER_BLOCK = 512  # bytes of text before the HDF5 of a MATLAB file
_NAME = ".mat"
HEEDS = ("variable",)  # dataset.variable says which


def matches(head: bytes, path: Path) -> bool:
    if matlab5.matches(head) or head.startswith(b"MATLAB 7.3 MAT-file"):
        return True
    return path.suffix.lower() == _NAME and (head.startswith(HDF5) or b"\0" in head)


def iter_cells(path: Path, asked: Asked, chunk_rows: int | None) -> Iterator[Cells]:
    """The cells of a MATLAB file as text, a chunk at a time, or all at once; there is at least one chunk."""
    try:
        with path.open("rb") as file:
            head = file.read(_USER_BLOCK + len(HDF5))
        if head.startswith(HDF5) or head[_USER_BLOCK:] == HDF5:
            with Matlab73(path) as opened:
                yield from _table(path, opened.variables(), asked).chunks(chunk_rows)
        elif matlab5.matches(head):
            yield from _table(path, matlab5.variables(path), asked).chunks(chunk_rows)
        else:
            raise DataError(
                f"{path}: not a MATLAB file of version 5 to 7.3, or a damaged one.",
                f"In MATLAB: save('{shortened(path.stem, 30)}.mat', 'X', 'y', '-v7')",
            )
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or shortened(error)}.") from error


def _table(path: Path, variables: dict[str, Value], asked: Asked) -> TypedTable:
    chosen = choose(str(path), variables, asked)
    if chosen.matrix:
        refuse_wider(chosen.where, chosen.scope[chosen.matrix].dims[1], asked.width)
        if not width_of(asked.columns):
            _require_names(chosen, asked)
    columns = _matrix_columns(chosen) if chosen.matrix else []
    columns += [_column(chosen, name) for name in chosen.columns]
    return TypedTable(str(path), columns, chosen.notes)


def _require_names(chosen: Chosen, asked: Asked) -> None:
    """Raise DataError where a column is asked for by a name that a matrix cannot have."""
    width = chosen.scope[str(chosen.matrix)].dims[1]
    known = {name.lower() for name in chosen.columns}
    odd = [name for name in asked.columns if name.lower() not in known and not re.fullmatch("-?[0-9]+", name)]
    if odd:
        others = f"; others are {shown_names(chosen.columns)}" if chosen.columns else ""
        message = (
            f"{chosen.where}: there is no column {shortened(odd[0], 30)!r}. The matrix {shortened(chosen.matrix, 30)} has columns"
        )
        raise DataError(
            f"{message} x0 to x{width - 1}{others}.",
            "Give one of these, or a position such as -1 for the last; or save the column as a variable of its own.",
        )


def _matrix_columns(chosen: Chosen) -> list[TypedColumn]:
    value = chosen.scope[str(chosen.matrix)]
    rows, width = value.dims
    require_memory(chosen.where, 1, width)
    if value.kind == "cell":
        cells, is_text = _cells_of(chosen.where, str(chosen.matrix), value)
        parts = [cells[i * rows : (i + 1) * rows] for i in range(width)]
        texts = [is_text[i * rows : (i + 1) * rows] for i in range(width)]
        pairs = zip(numbered_names(width), parts, texts, strict=True)
        return [_text_column(name, own, all(text)) for name, own, text in pairs]
    array, logical = value.read(), value.kind == "logical"
    return [_array_column(name, array[:, i], logical) for i, name in enumerate(numbered_names(width))]


def _column(chosen: Chosen, name: str) -> TypedColumn:
    value = chosen.scope[name]
    if value.kind == "char":
        return _text_column(name, objects([text or None for text in value.read()]), True)
    if value.kind == "cell":
        cells, is_text = _cells_of(chosen.where, name, value)
        return _text_column(name, cells, all(is_text))
    return _array_column(name, np.asarray(value.read()).ravel(), value.kind == "logical")


def _array_column(name: str, values: Array, logical: bool) -> TypedColumn:
    def cells(start: int, stop: int) -> Array:
        return logical_cells(values[start:stop]) if logical else number_cells(values[start:stop])

    return TypedColumn(name, len(values), cells)


def _text_column(name: str, cells: Array, is_text: bool) -> TypedColumn:
    return TypedColumn(name, len(cells), lambda start, stop: cells[start:stop], is_text=is_text)


def _cells_of(where: str, name: str, value: Value) -> tuple[Array, list[bool]]:
    """Cells that each hold a text, a number, a logical or nothing, as text; and which of them are text or nothing."""
    values: list[Value] = value.read()
    found: list[str | None] = []
    is_text: list[bool] = []
    for place, cell in enumerate(values):
        single = _single(cell)
        if single is None:
            inside = (
                f"{place + 1}" if num_rows(value) == value.size else f"{place % value.dims[0] + 1},{place // value.dims[0] + 1}"
            )
            raise DataError(
                f"{where}: the cell {shortened(name, 30)}{{{inside}}} holds {cell.shown}, which is no text or single number.",
                "Save a column of text or numbers, or leave it out.",
            )
        found.append(_text(single))
        is_text.append(cell.kind == "char" or not cell.size)
    return objects(found), is_text


def _single(value: Value) -> Value | None:
    """The one value in a cell, perhaps in another cell, or None where it is none."""
    if value.kind == "cell" and value.size == 1:
        return _single(value.read()[0])
    if value.kind in ("other", "struct"):
        return None
    lines = value.dims[0] if value.kind == "char" else value.size
    return value if not value.size or (lines == 1 and len(value.dims) == 2) else None


def _text(value: Value) -> str | None:
    """A single value as a cell; None where it is empty."""
    if not value.size:
        return None
    if value.kind == "char":
        return value.read()[0] or None
    own = np.asarray(value.read()).ravel()
    cell: str | None = (logical_cells(own) if value.kind == "logical" else number_cells(own))[0]
    return cell
