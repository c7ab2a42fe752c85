"""Two files of one table as one: columns by name, numbers of the second rewritten in the first's format."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence

import numpy as np

from sdl_cli.data.arrays import Array, objects
from sdl_cli.data.files.columns import to_numbers
from sdl_cli.data.files.marks import Marks, without_percent
from sdl_cli.data.files.missing import without
from sdl_cli.data.files.roles import listed
from sdl_cli.data.files.table_cells import Cells
from sdl_cli.errors import DataError


def join_files(first: Cells, second: Cells, missing: Collection[str], as_written: Sequence[str]) -> Cells:
    """The rows of both; those of the second are marked, so that messages name their file.

    Arguments:
        as_written: columns whose cells are not numbers, whatever they look like.
    Raises DataError: the second lacks a column of the first, or holds series of another shape.
    """
    if first.series_shape != second.series_shape:
        shapes = [" x ".join(map(str, cells.series_shape or ("single values",))) for cells in (first, second)]
        message = f"dataset.test_path: the series of {second.source} are {shapes[1]}, those of {first.source} {shapes[0]}"
        raise DataError(f"{message} (dimensions x steps).", "Give series of one shape.")
    lacking = [name for name in first.names if name not in second.names]
    if lacking:
        raise DataError(f"dataset.test_path: {second.source} lacks columns that {first.source} has: {listed(lacking)}.")
    columns = []
    for name, own in zip(first.names, first.columns, strict=True):
        cells = second.columns[second.names.index(name)]
        marks, other = first.marks_of(name), second.marks_of(name)
        if name not in as_written and other != marks and _are_numbers(without(own, missing), marks):
            cells = respelled(cells, other, marks)
        columns.append(np.concatenate([own, cells]))
    own_notes = [f"{second.source.rpartition('/')[2]}: {note}" for note in second.notes if note not in first.notes]
    return dataclasses.replace(
        first,
        columns=columns,
        lines=np.concatenate([first.lines, second.lines]),
        notes=(*first.notes, *own_notes),
        second=second.source,
        is_second=np.repeat([False, True], [len(first.lines), len(second.lines)]),
    )


def names_of_numbers(cells: Cells, missing: Collection[str]) -> tuple[str, ...]:
    """The columns in which every cell that is not missing is a number."""
    pairs = zip(cells.names, cells.columns, strict=True)
    return tuple(name for name, own in pairs if _are_numbers(without(own, missing), cells.marks_of(name)))


def respelled(cells: Array, written: Marks, marks: Marks) -> Array:
    """Cells (str or None) with their numbers, which have the marks `written`, as numbers with the decimal mark of `marks`."""

    def spelled(cell: str | None) -> str | None:
        plain = None if cell is None else written.plain(without_percent(cell))
        return cell if cell is None or plain is None else plain.replace(".", marks.decimal) + "%" * cell.endswith("%")

    return objects([spelled(cell) for cell in cells])


def _are_numbers(cells: Array, marks: Marks) -> bool:
    known = cells[cells != None]  # noqa: E711  element by element
    return len(known) > 0 and not bool(np.isnan(to_numbers(known, marks)).any())
