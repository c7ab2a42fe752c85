"""The records of an .xls ([MS-XLS] 2.4), looked through before a reader sees them: extent, errors, formulas."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sdl_cli.data.formats.workbooks.container import damaged, encrypted
from sdl_cli.data.formats.workbooks.xlsx_scan import Scan

_ROWS, _COLUMNS = 2**16, 2**8
_BOF, _EOF, _PASSWORD, _SHEET, _STRINGS, _DIMENSIONS, _1904 = 0x809, 0x0A, 0x2F, 0x85, 0xFC, 0x200, 0x22
_FORMULA, _LOGICAL, _MANY = 0x06, 0x205, (0xBD, 0xBE)
_CELLS = frozenset((_FORMULA, _LOGICAL, *_MANY, 0x201, 0x203, 0x204, 0x27E, 0xFD, 0xD6))
_MOST_SHEETS = 4096
ERROR_WORDS = {0: "#NULL!", 7: "#DIV/0!", 15: "#VALUE!", 23: "#REF!", 29: "#NAME?", 36: "#NUM!", 42: "#N/A"}


@dataclass(frozen=True)
class OldBook:
    """What an .xls says of itself: what its sheets hold, in their order, and from where days count."""

    scans: tuple[Scan, ...]
    is_1904: bool


def look_through(path: Path, stream: bytes) -> OldBook:
    """Raises DataError: encrypted, or damaged so that a reader would take more memory than the cells need."""
    starts: list[int] = []
    is_1904 = False
    try:
        old = stream[:2] == b"\x09\x08" and struct.unpack_from("<H", stream, 4)[0] != 0x600
        for kind, at, size in _records(stream, 0):
            if kind == _PASSWORD:
                raise encrypted(path)
            if kind == _SHEET:
                starts.append(struct.unpack_from("<I", stream, at)[0])
            elif kind == _1904:
                is_1904 = stream[at] == 1
            elif kind == _STRINGS and size >= 8 and struct.unpack_from("<I", stream, at + 4)[0] > len(stream):
                raise damaged(path, "more strings than it can hold")
        if len(starts) > _MOST_SHEETS or len(set(starts)) < len(starts):
            raise damaged(path, "its list of sheets")
        return OldBook(tuple(_look(path, stream, start, old) for start in starts), is_1904)
    except (struct.error, IndexError) as error:
        raise damaged(path) from error


def _records(stream: bytes, at: int) -> Iterator[tuple[int, int, int]]:
    """The kind, start and length of each record up to the end of a sheet; charts inside have an end of their own."""
    depth = 0
    while at + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, at)
        at += 4
        depth += (kind == _BOF) - (kind == _EOF)
        if kind == _EOF and depth <= 0:
            return
        yield kind, at, size
        at += size


def _look(path: Path, stream: bytes, start: int, old: bool) -> Scan:
    scan = Scan()
    blank = 0
    for kind, at, size in _records(stream, start):
        if kind == _DIMENSIONS:
            top, bottom, first, last = struct.unpack_from("<HHHH" if old else "<IIHH", stream, at)
            if not (top <= bottom <= _ROWS and first <= last <= _COLUMNS):
                raise damaged(path, "its extent")
        if kind not in _CELLS or size < 6:
            continue
        row, column = struct.unpack_from("<HH", stream, at)
        last = struct.unpack_from("<H", stream, at + size - 2)[0] if kind in _MANY else column
        if max(column, last) >= _COLUMNS or last < column:
            raise damaged(path, f"a cell in column {max(column, last):,}")
        scan.rows, scan.columns = max(scan.rows, row + 1), max(scan.columns, last + 1)
        if kind == _LOGICAL and stream[at + 7]:
            scan.errors[row, column] = ERROR_WORDS.get(stream[at + 6], "an error")
        elif kind == _FORMULA and size >= 14:
            scan.formulas.add((row, column))
            if stream[at + 12 : at + 14] == b"\xff\xff":
                if stream[at + 6] == 2:
                    scan.errors[row, column] = ERROR_WORDS.get(stream[at + 8], "an error")
                blank += stream[at + 6] == 3
    if blank and blank == len(scan.formulas):  # all of them gave an empty text: they never were calculated
        scan.empty = set(scan.formulas)
    return scan
