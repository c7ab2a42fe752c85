"""Blank cells below a value that stands for several rows, as merged cells write it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sdl_cli.data.files.sniffing import Asked
from sdl_cli.data.formats.workbooks.sheet import Sheet, Value, cell_name
from sdl_cli.data.formats.workbooks.table_area import is_blank
from sdl_cli.errors import DataError
from sdl_cli.phrases import counted, listed, shortened

_MOSTLY = 0.4  # share of blank cells from which a column of text seems to name the rows below as well
_MIN_ROWS = 8

Columns = list[tuple[Value, ...]]


def fill_down(
    path: Path,
    sheet: Sheet,
    columns: Columns,
    names: Sequence[str],
    rows: Sequence[int],
    places: Sequence[int],
    asked: Asked,
    notes: list[str],
) -> Columns:
    """The columns with the blank cells filled that the user wants filled.

    Arguments:
        columns: their cells `(N,)` each. rows, places: of the table in the sheet. notes: what was filled is added.
    Raises DataError: no such column, or merged cells of which nothing is said.
    """
    wanted = {_position(path, names, name) for name in asked.fill_down or ()}
    merged = _merged_rows(sheet, rows, places)
    if asked.fill_down is None and merged and not asked.new:
        named = [shortened(names[j]) for j in merged]
        asks = "dataset.fill_down"
        first = next(iter(merged.values()))[0]
        raise DataError(
            f"{path}: in the sheet {shortened(sheet.name)}, merged cells stand for several rows in {listed(named, 5)}, such "
            f"as {cell_name(first[0], first[1])}:{cell_name(first[2], first[3])}; only the first row of each holds the value.",
            f"To repeat it in the rows below: '{asks}=[{','.join(named)}]'; to leave them empty: '{asks}=[]'",
        )
    filled = list(columns)
    for j in sorted(wanted):
        filled[j], num = _filled(sheet, columns[j], rows, places[j])
        notes.append(f"Column {shortened(names[j])}: {counted(num, 'blank cell')} took the value above (dataset.fill_down).")
    for j, spans in merged.items():
        if j not in wanted:
            notes.append(
                f"Column {shortened(names[j])}: {counted(len(spans), 'merged cell')} hold a value in the first row only."
            )
    if asked.fill_down is None and not asked.new:
        notes += _offers(columns, names)
    across = [span for span in sheet.merged or [] if span[3] > span[1] and span[0] in set(rows) and span[1] in places]
    if across:
        shown = f"{cell_name(across[0][0], across[0][1])}:{cell_name(across[0][2], across[0][3])}"
        notes.append(
            f"{counted(len(across), 'merged area')} across columns, such as {shown}: only the first column holds the value."
        )
    return filled


def _position(path: Path, names: Sequence[str], name: str) -> int:
    from sdl_cli.data.files.roles import find_column

    return find_column(path, names, name, "dataset.fill_down")


def _merged_rows(sheet: Sheet, rows: Sequence[int], places: Sequence[int]) -> dict[int, list[tuple[int, int, int, int]]]:
    """By the position of a column, its cells that are merged over several rows of the table."""
    found: dict[int, list[tuple[int, int, int, int]]] = {}
    first, last = rows[0], rows[-1]
    where = {place: j for j, place in enumerate(places)}
    for span in sorted(sheet.merged or []):
        if span[2] > span[0] and first <= span[0] < last and span[1] in where:
            found.setdefault(where[span[1]], []).append(span)
    return found


def _filled(sheet: Sheet, values: Sequence[Value], rows: Sequence[int], place: int) -> tuple[tuple[Value, ...], int]:
    out: list[Value] = []
    above: Value = ""
    num = 0
    for value, row in zip(values, rows, strict=True):
        if is_blank(value) and (row, place) not in sheet.errors:
            num += not is_blank(above)
            out.append(above)
        else:
            above = value
            out.append(value)
    return tuple(out), num


def _offers(columns: Columns, names: Sequence[str]) -> list[str]:
    """A note on a first column of words that stand once above blank cells, in a table whose other columns are full."""
    values = columns[0]
    blank = [is_blank(value) for value in values]
    share = sum(blank) / len(blank)
    if len(blank) < _MIN_ROWS or blank[0] or not _MOSTLY <= share < 1 or len(columns) < 2:
        return []
    words = [value for value, empty in zip(values, blank, strict=True) if not empty]
    if (
        len(words) < 2
        or not all(isinstance(value, str) for value in words)
        or sum(map(is_blank, columns[1])) > share / 4 * len(blank)
    ):
        return []
    name = shortened(names[0])
    return [
        f"Column {name} is blank below most of its words; if each stands for the rows below it: 'dataset.fill_down=[{name}]'."
    ]
