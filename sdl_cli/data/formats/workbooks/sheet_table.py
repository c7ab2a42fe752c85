"""The table of a sheet, read: its names, its rows as text, and sentences on what was read otherwise than it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sdl_cli.data.files.header import Rows, clean_names, joined_names, num_lines_of_names
from sdl_cli.data.files.marks import PLAIN, THOUSANDS, Marks
from sdl_cli.data.files.sniffing import Asked, believed_header, shown_row
from sdl_cli.data.files.table_cells import Cells
from sdl_cli.data.formats.workbooks.area import Area, columns_named
from sdl_cli.data.formats.workbooks.filling import fill_down
from sdl_cli.data.formats.workbooks.sheet import Sheet, Value, cell_name
from sdl_cli.data.formats.workbooks.summary_rows import num_summary_rows
from sdl_cli.data.formats.workbooks.table_area import TableArea, is_blank, plain_text
from sdl_cli.data.formats.workbooks.typed_columns import SheetColumn, error_notes, percent_notes, read_column
from sdl_cli.errors import DataError
from sdl_cli.phrases import counted, listed, shortened

_MOST_LINES = 3
_UNTOLD = {
    "xls": "Of an .xls, per cent cannot be told: such cells are read as stored.",
    "xlsb": "Of an .xlsb, formulas without a result, merged cells and per cent cannot be told: they are read as stored.",
}


def read_table(path: Path, sheet: Sheet, area: TableArea, asked: Asked, notes: list[str], kind: str) -> Cells:
    """The cells of a table in a sheet.

    Raises DataError: no rows, formulas without results, or what could be read in two ways.
    """
    names, top, header, said = _names(path, sheet, area, asked)
    grid, rows = area.grid[top:], area.rows[top:]
    if not grid:
        raise DataError(f"{path}: the table in the sheet {shortened(sheet.name)} has no rows below its names.")
    grid, rows, below = _without_totals(path, sheet, area, grid, rows, asked)
    _refuse_uncalculated(path, sheet, rows, area.columns)
    columns = list(zip(*grid, strict=True))
    where = f"Sheet {shortened(sheet.name)}: "
    where += f"names in {_rows_of(area.rows[:top])}, " if header else "no names, "
    where += (
        f"{counted(len(rows), 'row')} ({rows[0] + 1} to {rows[-1] + 1}) of {columns_named(area.columns[0], area.columns[-1])}."
    )
    notes = [where, *notes, *area.notes, *said, *below]
    if kind in _UNTOLD:
        notes.append(_UNTOLD[kind])
    columns = fill_down(path, sheet, columns, names, rows, area.columns, asked, notes)
    marks = None
    if asked.decimal is not None or asked.thousands is not None:
        thousands = THOUSANDS.get(asked.thousands or "", "")
        marks = Marks(asked.decimal or ("," if thousands == "." else "."), thousands)
    texts, cells = set(), []
    for name, values, place in zip(names, columns, area.columns, strict=True):
        column = SheetColumn(name, values, rows, place, sheet)
        cells.append(read_column(column, marks, name in asked.texts))
        error_notes(column)
        percent_notes(column)
        notes += column.notes
        texts |= {name} if column.as_text else set()
    return Cells(
        source=str(path),
        names=names,
        columns=cells,
        lines=np.array(rows, np.int64) + 1,
        notes=tuple(notes),
        header=header,
        header_lines=top if header else 1,
        texts=frozenset(texts),
        unit="row",
        sheet=sheet.name,
    )


def _rows_of(rows: Sequence[int]) -> str:
    return f"row {rows[0] + 1}" if len(rows) == 1 else f"rows {rows[0] + 1} to {rows[-1] + 1}"


def _names(path: Path, sheet: Sheet, area: TableArea, asked: Asked) -> tuple[tuple[str, ...], int, bool, tuple[str, ...]]:
    """The names, how many rows hold them, whether any does, and notes."""
    looks = area.text_rows()
    header, reason = believed_header(looks, PLAIN, asked)
    if not header:
        return tuple(f"x{i}" for i in range(len(area.columns))), 0, False, ("No header: columns are called x0, x1, ...",)
    top = min(asked.header_lines or 1, len(area.grid))
    if asked.new and top > 1 and _is_data(area.grid[1]):
        top = 1  # a file without the row of units that the first one had
    if asked.header_lines is None:
        found = num_lines_of_names(looks, PLAIN)
        inside = [
            span for span in sheet.merged or [] if span[0] == area.rows[0] and 0 < span[3] - span[1] < len(area.columns) - 1
        ]
        if inside and found == 1:
            found = 2
        if found > 1:
            shown, asks = shown_row(looks[1]), "dataset.header_lines"
            raise DataError(
                f"{path}: in the sheet {shortened(sheet.name)}, row {area.rows[1] + 1} ({shown}) looks like units or a second "
                "row of names.",
                f"To read it that way: {asks}={min(found, _MOST_LINES)}; if it is a row of data: {asks}=1",
            )
    rows: Rows = [[plain_text(value) for value in row] for row in area.grid[:top]]
    joined = _merged_names(sheet, area, rows) or joined_names(rows)
    names, notes = clean_names(path, area.rows[0] + 1, joined, "dataset", "row")
    if reason:
        notes += (f"{reason} (otherwise: dataset.header=false).",)
    if top > 1:
        below = _rows_of(area.rows[1:top])
        units = joined == rows[0]
        notes += (
            f"{below.capitalize()} ({shown_row(rows[1])}) below the names was left out."
            if units
            else f"The names of {_rows_of(area.rows[:top])} were joined: {shown_row(list(names))}.",
        )
    return names, top, True, notes


def _merged_names(sheet: Sheet, area: TableArea, rows: Rows) -> list[str]:
    """The names in several rows where merged cells tell how far each reaches; otherwise nothing."""
    upper, place = area.rows[: len(rows) - 1], {column: j for j, column in enumerate(area.columns)}
    spans = [span for span in sheet.merged or [] if span[0] in upper and span[3] > span[1] and span[1] in place]
    if not spans:
        return []
    cells = [list(row) for row in rows]
    for top, left, bottom, right in spans:
        for i in range(upper.index(top), min(len(rows), upper.index(top) + bottom - top + 1)):
            for column in range(left, right + 1):
                if column in place:
                    cells[i][place[column]] = rows[upper.index(top)][place[left]] if i == upper.index(top) else ""
    return [" ".join(filter(None, names)) for names in zip(*cells, strict=True)]


def _is_data(row: Sequence[Value]) -> bool:
    """Whether a row holds a number, a logical value or a date, as no row of units does."""
    return any(not isinstance(value, str) for value in row)


def _without_totals(
    path: Path, sheet: Sheet, area: TableArea, grid: list[list[Value]], rows: list[int], asked: Asked
) -> tuple[list[list[Value]], list[int], list[str]]:
    """The rows of cases, and a note on rows below that sum them up. Raises DataError: a row that may be one."""
    num, doubt = num_summary_rows(sheet, grid, rows, area.columns)
    fixed = asked.range is not None and not asked.new and asked.range.rstrip()[-1:].isdigit()
    if fixed and (num or doubt):
        return grid, rows, [f"The last row ({rows[-1] + 1}) looks like a total; it was kept, since dataset.range includes it."]
    if num:
        left, word = (
            rows[len(rows) - num :],
            next((plain_text(v) for v in grid[-num] if isinstance(v, str) and not is_blank(v)), ""),
        )
        shown = f" ({shortened(word, 20)})" if word else ""
        note = (
            f"{_rows_of(left).capitalize()}{shown} were left out: they sum up the rows above."
            if num > 1
            else (f"{_rows_of(left).capitalize()}{shown} was left out: it sums up the rows above.")
        )
        return grid[: len(grid) - num], rows[: len(rows) - num], [note]
    if doubt and not asked.new:
        without = Area(area.rows[0], area.columns[0], rows[-1] - 1, area.columns[-1]).shown(0)
        raise DataError(
            f"{path}: in the sheet {shortened(sheet.name)}, row {rows[-1] + 1} ({doubt!r}) may be a total of those above.",
            f"To leave it out: dataset.range={without}; to keep it, end the range with row {rows[-1] + 1}.",
        )
    return grid, rows, []


def _refuse_uncalculated(path: Path, sheet: Sheet, rows: Sequence[int], columns: Sequence[int]) -> None:
    if not sheet.uncalculated:
        return
    own, places = set(rows), set(columns)
    lost = sorted(cell for cell in sheet.uncalculated if cell[0] in own and cell[1] in places)
    if lost:
        cells = listed([cell_name(*cell) for cell in lost[:4]], 4, len(lost))
        raise DataError(
            f"{path}: {counted(len(lost), 'formula', 'formulas', 'has/have')} no result in the sheet {shortened(sheet.name)} "
            f"({cells}): the program that wrote the file did not calculate.",
            "Open and save it in Excel first (or in LibreOffice), or leave those cells out with dataset.range.",
        )
