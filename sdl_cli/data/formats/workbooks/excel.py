"""Sheets of .xlsx, .xlsm, .xlsb and .xls: values by python-calamine, and what it does not tell from the file itself.

Only values are read: macros, queries and links to other files are never handed to the reader of .xlsx and .xlsb, and that of .xls
does not know them.
"""

from __future__ import annotations

import contextlib
import io
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sdl_cli.data.formats.workbooks.compound import only_stream, stream_of
from sdl_cli.data.formats.workbooks.container import Parts, damaged, encrypted, too_large
from sdl_cli.data.formats.workbooks.office_parts import Book, Tab, only, read_book, records
from sdl_cli.data.formats.workbooks.pieces import Rows, joined, split
from sdl_cli.data.formats.workbooks.sheet import Sheet, Span
from sdl_cli.data.formats.workbooks.xls_scan import ERROR_WORDS, look_through
from sdl_cli.data.formats.workbooks.xlsx_scan import Scan, extent, is_possible, look, num_usual_cells, raw_numbers, walk_through
from sdl_cli.errors import DataError
from sdl_cli.phrases import shortened
from sdl_cli.settings.machine import available_bytes

_SLOT_BYTES = 32  # of a cell, empty or not, in the reader's grid
_VALUE_BYTES = 96  # of a cell as Python's value and as text
_XLS_MEMORY_RATIO = 40
# [MS-XLSB] 2.3.2: a row, and cells: blank, rational, error, logical, real, text, and the same of formulas
_ROW, _CELLS, _ERRORS, _STRINGS = 0, range(1, 12), (3, 11), 159


class ExcelFile:
    """A workbook of Excel that is open: its tabs, and its sheets one at a time."""

    def __init__(self, path: Path, kind: str) -> None:
        self.path, self._kind = path, kind
        self._reader = _calamine(path)
        self._parts: Parts | None = None
        if kind == "xls":
            self._open_old()
        else:
            self._parts = Parts(path)
            self._book = read_book(self._parts, kind == "xlsb")

    def _open_old(self) -> None:
        size, free = self.path.stat().st_size, available_bytes()
        if _XLS_MEMORY_RATIO * size > free:
            raise too_large(self.path, f"this workbook of {size / 2**30:.1f} GB takes", free)
        stream = stream_of(self.path, self.path.read_bytes(), ("Workbook", "WORKBOOK", "Book", "BOOK"))
        looked = look_through(self.path, stream)
        for scan in looked.scans:
            self._check(scan.rows, scan.columns)
        self._scans = looked.scans
        alone = io.BytesIO(only_stream(self.path, "Workbook" if b"\x00\x06" in stream[4:6] else "Book", stream))
        with _silent():
            self._old = _opened(self.path, lambda: self._reader.CalamineWorkbook.from_filelike(alone))
        sheet, visible = self._reader.SheetTypeEnum.WorkSheet, self._reader.SheetVisibleEnum.Visible
        found = [Tab(m.name, m.visible != visible, m.name if m.typ == sheet else "") for m in self._old.sheets_metadata]
        self._book = Book(tuple(found), looked.is_1904)

    @property
    def tabs(self) -> tuple[Tab, ...]:
        return self._book.tabs

    def close(self) -> None:
        if self._parts is not None:
            self._parts.__exit__()

    def is_filled(self, tab: Tab) -> bool:
        """Whether a tab has cells with values."""
        if self._parts is None:
            return self._old_sheet(tab).start is not None
        data = self._parts.read(tab.part)
        if self._kind == "xlsb":
            return any(kind in _CELLS[1:] for kind, _, _ in records(data))
        return b"v>" in data or b"is>" in data

    def sheet(self, tab: Tab) -> Sheet:
        """Raises DataError: damaged, or more cells than memory holds."""
        if self._parts is None:
            scan = self._scans[self.tabs.index(tab)] if len(self._scans) == len(self.tabs) else Scan()
            return self._one(self._old_sheet(tab), tab, scan)
        data = self._parts.read(tab.part)
        if self._kind == "xlsb":
            scan = _scan_binary(data)
            self._check(scan.rows, scan.columns)
            _check_strings(self.path, self._parts)
            with _silent():
                return self._one(self._read_part(tab, data), tab, scan)
        usual = num_usual_cells(data)
        scan = Scan() if usual else walk_through(self.path, data, self._book.percent_styles)
        reach = extent(data, available_bytes() // (2 * _SLOT_BYTES)) if usual else (scan.rows, scan.columns)
        self._check(*reach, usual or data.count(b"<"))
        with _silent():
            pieces = split(data) if usual else [data]
            # the reader lets other threads work while it parses
            with ThreadPoolExecutor(len(pieces)) as pool:
                reading = [pool.submit(self._read_part, tab, piece) for piece in pieces]
                scan = look(data, self._book.percent_styles) if usual else scan
                reads = [one.result() for one in reading]
            found = joined(reads, self._rows) or joined([self._read_part(tab, data)], self._rows)
            assert found is not None  # of one piece
        return _as_sheet(found, reads[0].merged_cell_ranges, tab.name, self._book, scan, data if usual else None)

    def _one(self, read: Any, tab: Tab, scan: Scan) -> Sheet:
        found = joined([read], self._rows)
        assert found is not None  # of one piece
        return _as_sheet(found, read.merged_cell_ranges, tab.name, self._book, scan)

    def _read_part(self, tab: Tab, data: bytes) -> Any:
        assert self._parts is not None
        book = only(self._parts, tab.part, data)
        return _opened(self.path, lambda: self._reader.CalamineWorkbook.from_filelike(book).get_sheet_by_name(tab.name))

    def _rows(self, read: Any) -> Rows:
        rows: Rows = _opened(self.path, read.to_python)
        return rows

    def _check(self, rows: int, columns: int, cells: int = 0) -> None:
        if not is_possible(rows, columns):
            raise damaged(self.path, f"a cell in row {rows:,} and column {columns:,}")
        free = available_bytes()
        if _SLOT_BYTES * rows * columns + _VALUE_BYTES * cells > free:
            raise too_large(self.path, f"its sheet reaches to row {rows:,} and column {columns:,}", free)

    def _old_sheet(self, tab: Tab) -> Any:
        with _silent():
            return _opened(self.path, lambda: self._old.get_sheet_by_name(tab.name))


def _calamine(path: Path) -> Any:
    try:
        import python_calamine
    except ImportError as error:
        message = f"{path}: reading Excel workbooks needs python-calamine."
        raise DataError(message, "pip install 'sdl-cli[excel]'") from error
    return python_calamine


_alone = threading.Lock()  # the standard error is the process's


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keep what the reader itself prints, where a damaged file makes it give up, off the terminal."""
    with _alone, Path(os.devnull).open("w") as nowhere:
        try:
            kept = os.dup(2)
        except OSError:  # there is no standard error
            yield
            return
        try:
            os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _opened(path: Path, read: Callable[[], Any]) -> Any:
    """What the reader gives; it has many kinds of errors for a damaged file, and one that is no Exception."""
    try:
        return read()
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:
        if type(error).__name__ == "PasswordError":
            raise encrypted(path) from error
        raise damaged(path, shortened(str(error), 80)) from error


def _as_sheet(found: tuple[Rows, int, int], spans: Any, name: str, book: Book, scan: Scan, data: bytes | None = None) -> Sheet:
    """Arguments: found: the cells, and where the first stands. data: of usual XML, from which stored numbers are read."""
    merged: list[Span] | None = None if spans is None else [(a, b, c, d) for (a, b), (c, d) in spans]

    def stored(column: int) -> Iterator[tuple[int, float]]:
        return iter(()) if data is None else raw_numbers(data, column)

    return Sheet(
        name=name,
        rows=found[0],
        top=found[1],
        left=found[2],
        merged=merged,
        errors=scan.errors,
        uncalculated=scan.uncalculated(book.calculates_on_load),
        totals=frozenset(scan.totals),
        percents=scan.percents,
        stored=stored,
        is_1904=book.is_1904,
    )


def _check_strings(path: Path, parts: Parts) -> None:
    """Raise DataError: an .xlsb that says that it has more strings than its part can hold."""
    name = next((name for name in parts.names if name.lower() == "xl/sharedstrings.bin"), None)
    data = b"" if name is None else parts.read(name)
    for kind, at, length in records(data):
        if kind == _STRINGS and length >= 8 and int.from_bytes(data[at + 4 : at + 8], "little") > len(data):
            raise damaged(path, "more strings than it can hold")
        if kind != _STRINGS:
            return


def _scan_binary(data: bytes) -> Scan:
    """The extent and the errors of a sheet of an .xlsb."""
    scan, row = Scan(), 0
    for kind, at, length in records(data):
        if kind == _ROW and length >= 4:
            row = int.from_bytes(data[at : at + 4], "little")
            scan.rows = max(scan.rows, row + 1)
        elif kind in _CELLS and length >= 8:
            column = int.from_bytes(data[at : at + 4], "little")
            scan.columns = max(scan.columns, column + 1)
            if kind in _ERRORS and length >= 9:
                scan.errors[row, column] = ERROR_WORDS.get(data[at + 8], "an error")
    return scan
