"""Tables in workbooks: .xlsx, .xlsm, .xlsb, .xls and .ods."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from sdl_cli.data.files.sniffing import Asked
from sdl_cli.data.files.table_cells import Cells
from sdl_cli.data.formats.workbooks.area import parse_area
from sdl_cli.data.formats.workbooks.choice import Workbook, choose_sheet
from sdl_cli.data.formats.workbooks.container import encrypted, kind_of
from sdl_cli.data.formats.workbooks.excel import ExcelFile
from sdl_cli.data.formats.workbooks.ods import OdsFile
from sdl_cli.data.formats.workbooks.sheet_table import read_table
from sdl_cli.data.formats.workbooks.table_area import find_table
from sdl_cli.errors import DataError

HEEDS = ("sheet", "range", "fill_down", "header", "header_lines")


def matches(head: bytes, path: Path) -> bool:
    return kind_of(head, path) is not None


def iter_cells(path: Path, asked: Asked, chunk_rows: int | None) -> Iterator[Cells]:
    """The cells of a sheet as text, a chunk at a time, or all at once; there is at least one chunk.

    Raises DataError: damaged, encrypted, too large, no such sheet, several tables, formulas without results.
    """
    cells = _read(path, asked)
    num_rows = len(cells.lines)
    step = chunk_rows or num_rows
    for start in range(0, num_rows, step):
        part = slice(start, start + step)
        whole = step >= num_rows
        yield cells if whole else dataclasses.replace(cells, columns=[c[part] for c in cells.columns], lines=cells.lines[part])


def _read(path: Path, asked: Asked) -> Cells:
    with path.open("rb") as file:
        kind = kind_of(file.read(512), path)
    if kind == "encrypted":
        raise encrypted(path)
    if kind == "page" or kind is None:
        raise DataError(f"{path}: a web page or XML, in spite of its name.", "Open it in Excel and save it as .xlsx.")
    area = None if asked.range is None else parse_area(asked.range)
    if area is not None and asked.new:
        area = dataclasses.replace(area, bottom=None)  # new rows are as many as they are
    book: Workbook = OdsFile(path) if kind == "ods" else ExcelFile(path, kind)
    try:
        tab, notes = choose_sheet(path, book, asked.sheet, asked.new)
        sheet = book.sheet(tab)
    finally:
        book.close()
    found = find_table(path, sheet, area, asked.columns, asked.header_lines)
    return read_table(path, sheet, found, asked, notes, kind)
