"""Where in a sheet the table stands: its names, its rows, and what stands around and between them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sdl_cli.data.files.header import Rows
from sdl_cli.data.formats.workbooks.area import Area, columns_named, used_area
from sdl_cli.data.formats.workbooks.sheet import Sheet, Span, Value, cell_name, column_letters
from sdl_cli.data.formats.workbooks.typed_columns import looks_like_a_number, text_of
from sdl_cli.errors import DataError
from sdl_cli.phrases import counted, listed, shortened

_LOOKED_AT = 200  # rows that tell where the names are
_MOST_ABOVE = 100  # rows above the names
_SHORT = 0.5  # share of the rows that a part of the columns must fill to belong to the table beside it


@dataclass(frozen=True)
class TableArea:
    """A table in a sheet, found but not read.

    Arguments:
        grid: its rows from the first one of names (or of data) on, of its columns.
        rows: their rows in the sheet, from 0. columns: the columns in the sheet.
        notes: what was left out around it.
    """

    grid: list[list[Value]]
    rows: list[int]
    columns: list[int]
    notes: tuple[str, ...] = field(default=())

    def text_rows(self, num: int = _LOOKED_AT) -> Rows:
        """The first rows as a text table holds them; text that looks like a number is marked as text."""
        return [[_shown(value) for value in row] for row in self.grid[:num]]


def plain_text(value: Value) -> str:
    """A cell as the text of a name."""
    if isinstance(value, str):
        return value.strip()
    return text_of(value) or "" if isinstance(value, (bool, int, float)) else str(value)


def _shown(value: Value) -> str:
    text = plain_text(value)
    return f"'{text}" if isinstance(value, str) and looks_like_a_number(text) else text


def is_blank(value: Value) -> bool:
    return isinstance(value, str) and (value == "" or value.isspace())


def find_table(path: Path, sheet: Sheet, asked: Area | None, names: Sequence[str], num_names: int | None) -> TableArea:
    """Find the table of a sheet.

    Arguments:
        asked: the user's range, which begins with the row of names. names: of columns that must be there.
        num_names: rows of names, if the user says so.
    Raises DataError: nothing there, or several tables.
    """
    used = used_area(path, sheet, asked)
    assert used.bottom is not None
    rows = list(range(used.top, used.bottom + 1))
    grid = sheet.rows[used.top - sheet.top :][: len(rows)]
    if grid and (used.left > sheet.left or used.right + 1 - sheet.left < len(grid[0])):
        grid = [row[used.left - sheet.left : used.right + 1 - sheet.left] for row in grid]
    filled = [not is_blank(row[0]) or not all(map(is_blank, row)) for row in grid]
    notes: list[str] = []
    first = next((i for i, full in enumerate(filled) if full), None)
    if first is None:
        raise DataError(f"{path}: the sheet {shortened(sheet.name)} has blank cells only{' in this range' if asked else ''}.")
    if asked is None:
        spans = sheet.merged or []
        found = _row_of_names(grid, rows, filled, names, num_names, spans)
        if above := [i for i in range(first, found) if filled[i]]:
            words = listed([repr(_first_text(grid[i])) for i in above], 2, last=", ")
            notes.append(f"{_rows_were([rows[i] for i in above])} left out above the names: {words}.")
        first = found
    elif used.bottom == asked.bottom:
        beyond = [
            row[used.left - sheet.left : used.right + 1 - sheet.left] for row in sheet.rows[used.bottom + 1 - sheet.top :][:1]
        ]
        if beyond and not all(map(is_blank, beyond[0])):
            notes.append(f"dataset.range ends above row {used.bottom + 2}, which holds cells as well.")
    grid, rows, filled = grid[first:], rows[first:], filled[first:]
    area = TableArea(grid, rows, list(range(used.left, used.right + 1)), tuple(notes))
    return _without_blank_columns(path, sheet, _without_blank_rows(path, sheet, area, filled, asked))


def _first_text(row: Sequence[Value]) -> str:
    return shortened(next((_shown(value) for value in row if not is_blank(value)), ""), 40)


def _rows_were(rows: Sequence[int]) -> str:
    """`Row 3 was`, `Rows 3 and 5 were`, `Rows 3 to 5 were` of a sheet, as people count them."""
    numbers = [row + 1 for row in rows]
    if len(numbers) == 1:
        return f"Row {numbers[0]} was"
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"Rows {numbers[0]} to {numbers[-1]} were"
    return f"Rows {listed(list(map(str, numbers)), 5)} were"


def _row_of_names(
    grid: Sequence[list[Value]],
    rows: Sequence[int],
    filled: Sequence[bool],
    names: Sequence[str],
    num: int | None,
    spans: Sequence[Span],
) -> int:
    """The position of the first row of names: the one with a name that is asked for, or the first as wide as the table."""
    wanted = {name.strip().lower() for name in names if not name.strip().lstrip("-").isdecimal()}
    top = [i for i in range(min(len(grid), _MOST_ABOVE)) if filled[i]]
    counts = {i: sum(not is_blank(value) for value in grid[i]) for i in top}
    looked = [sum(not is_blank(value) for value in row) for row, full in zip(grid[:_LOOKED_AT], filled, strict=False) if full]
    usual = sorted(looked)[len(looked) // 2]
    wide = [i for i in top if counts[i] >= max(min(2, usual), usual / 2)]
    for i in wide:
        if wanted & {value.strip().lower() for value in grid[i] if isinstance(value, str)}:
            return i - (i > 0 and filled[i - 1] and num != 1 and _has_names_above(grid, rows, i, num, spans))
    return next(iter(wide), top[0])


def _has_names_above(grid: Sequence[list[Value]], rows: Sequence[int], i: int, num: int | None, spans: Sequence[Span]) -> bool:
    """Whether the row above row i of names holds names as well: merged ones, or what the user counts among them."""
    row, width = rows[i - 1], len(grid[i])
    inside = any(a == row and d > b and d - b + 1 < width and is_blank(grid[i - 1][0]) for a, b, _, d in spans)
    if inside or num is None:
        return inside
    typed = [any(not isinstance(value, str) for value in row) for row in grid[i + 1 : i + 3]]
    if typed[:1] == [True] or typed == [False, True]:
        return typed[0]  # rows of cases begin below, or below a row of units
    return sum(not is_blank(value) for value in grid[i - 1]) > 1


def _without_blank_rows(path: Path, sheet: Sheet, area: TableArea, filled: list[bool], asked: Area | None) -> TableArea:
    """The rows without blank ones; lines of notes below are left out. Raises DataError: another table below a blank row."""
    if all(filled):
        return area
    grid, rows, notes = area.grid, area.rows, list(area.notes)
    kept = [i for i, full in enumerate(filled) if full]
    footer = _notes_below(grid, filled, kept) if asked is None or asked.bottom is None else []
    if footer:
        kept = [i for i in kept if i < footer[0]]
        notes.append(f"{_rows_were([rows[i] for i in footer])} left out below the table: {_first_text(grid[footer[0]])!r}.")
    for k, i in enumerate(kept):
        if (
            k
            and not filled[i - 1]
            and asked is None
            and _begins_anew([grid[j] for j in kept[max(1, k - _LOOKED_AT) : k]], grid[i])
        ):
            corners = cell_name(rows[0], area.columns[0]), cell_name(rows[kept[k - 1]], area.columns[-1])
            raise DataError(
                f"{path}: in the sheet {shortened(sheet.name)}, another table seems to begin in row {rows[i] + 1} "
                f"({_first_text(grid[i])!r}), below a blank row.",
                f"Say where the table is: dataset.range={':'.join(corners)}",
            )
    blank = [rows[i] for i in range(kept[0], kept[-1]) if not filled[i]]
    if blank:
        notes.append(f"{_rows_were(blank)} skipped: blank.")
    return dataclasses.replace(area, grid=[grid[i] for i in kept], rows=[rows[i] for i in kept], notes=tuple(notes))


def _notes_below(grid: Sequence[list[Value]], filled: Sequence[bool], kept: Sequence[int]) -> list[int]:
    """The filled rows at the end, below blank ones, that hold one cell each: a source, a legend."""
    counts = {i: sum(not is_blank(value) for value in grid[i]) for i in [*kept[:_LOOKED_AT], *kept[-_LOOKED_AT:]]}
    if max(counts.values()) < 3:
        return []
    lone = [i for i in kept[-_LOOKED_AT:] if i > 1]
    while lone and all(counts[i] == 1 for i in lone) is False:
        lone = lone[1:]
    while lone and filled[lone[0] - 1]:
        lone = lone[1:]
    return lone


def _begins_anew(above: Sequence[list[Value]], row: Sequence[Value]) -> bool:
    """Whether a row below a blank one has text, and no number, where the rows above have numbers or dates."""
    typed = [j for j in range(len(row)) if above and all(not isinstance(own[j], str) or is_blank(own[j]) for own in above)]
    typed = [j for j in typed if any(not is_blank(own[j]) for own in above)]
    words = [j for j in typed if isinstance(row[j], str) and not is_blank(row[j])]
    return bool(words) and 2 * len(words) >= len(typed) and all(isinstance(row[j], str) for j in typed)


def _without_blank_columns(path: Path, sheet: Sheet, area: TableArea) -> TableArea:
    """The columns with cells. Raises DataError: a part behind a blank column has far fewer rows, as another table has."""
    empty = list(range(len(area.columns)))
    for row in area.grid:
        empty = [j for j in empty if is_blank(row[j])]
        if not empty:
            return area
    full = [j not in empty for j in range(len(area.columns))]
    blocks: list[list[int]] = []
    for j, has in enumerate(full):
        if has and j and full[j - 1] and blocks:
            blocks[-1].append(j)
        elif has:
            blocks.append([j])
    reach = [max(sum(not is_blank(row[j]) for row in area.grid) for j in block) for block in blocks]
    widest = max(range(len(blocks)), key=lambda k: (reach[k], len(blocks[k])))
    for block, num in zip(blocks, reach, strict=True):
        if num < _SHORT * reach[widest]:
            own, other = blocks[widest], block
            left, right = area.columns[own[0]], area.columns[own[-1]]
            raise DataError(
                f"{path}: in the sheet {shortened(sheet.name)}, {columns_named(area.columns[other[0]], area.columns[other[-1]])} "
                f"stands beside the table behind a blank column, with {num - 1:,} rows instead of {reach[widest] - 1:,}.",
                f"Say where the table is: dataset.range={cell_name(area.rows[0], left)}:{cell_name(area.rows[-1], right)}",
            )
    kept = [j for j, has in enumerate(full) if has]
    inner = [area.columns[j] for j in range(kept[0], kept[-1]) if not full[j]]
    notes = (
        (f"{counted(len(inner), 'blank column', verbs='was/were')} skipped: {listed([column_letters(j) for j in inner], 5)}.",)
        if inner
        else ()
    )
    grid = [[row[j] for j in kept] for row in area.grid]
    return dataclasses.replace(area, grid=grid, columns=[area.columns[j] for j in kept], notes=(*area.notes, *notes))
