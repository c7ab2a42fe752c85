"""SAS transport files: where their rows lie, so that any of them can be read without those before.

A file is records of 80 bytes: headers, then the rows of one table without gaps, blanks to the end of the last record, and perhaps
more tables ("The SAS transport file format", SAS technical support document TS-140 and its version 8 supplement).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from sdl_cli.errors import DataError

_RECORD = 80
_ROWS_HEADERS = (b"HEADER RECORD*******OBS     HEADER RECORD", b"HEADER RECORD*******OBSV8   HEADER RECORD")
_NAMES_HEADER = re.compile(rb"HEADER RECORD\*{7}NAM(?:ESTR|STV8)\s*HEADER RECORD!{7}\d{5}(\d{5})")
_NAME_BYTES = 140  # that describe a column; its length stands in the fifth and sixth
_MEMBER = b"HEADER RECORD*******MEMB"
_MOST_HEADER_BYTES = 2**26
_SCAN_RECORDS = 2**16


@dataclass(frozen=True)
class Records:
    """The rows of the one table of a file.

    Arguments:
        header: all before them. row_bytes: of each. num_rows: with those of blanks alone at the very end left out.
    """

    path: Path
    header: bytes
    row_bytes: int
    num_rows: int

    def rows_in(self, start: int, rows: int) -> int:
        """How many of `rows` from `start` there are."""
        return max(0, min(rows, self.num_rows - start))

    def piece(self, start: int, rows: int) -> bytes:
        """A transport file of these rows alone."""
        with self.path.open("rb") as file:
            file.seek(len(self.header) + start * self.row_bytes)
            content = file.read(self.rows_in(start, rows) * self.row_bytes)
        return self.header + content + b" " * (-len(content) % _RECORD)


def records_of(path: Path) -> Records:
    """Find the rows of a file. Raises DataError: it is cut off, or holds several tables."""
    size = path.stat().st_size
    if size % _RECORD:
        raise DataError(f"{path}: it ends within a record of {_RECORD} bytes: a part of the file is missing.", "Copy it again.")
    header = _header(path)
    if _more_tables(path, len(header)):
        raise DataError(f"{path}: it holds several tables.", "Export one table into each file.")
    length, row_bytes = size - len(header), _row_bytes(path, header)
    num_rows = length // row_bytes
    with path.open("rb") as file:  # rows of blanks alone look like the blanks that fill the last record
        while num_rows and length - num_rows * row_bytes < _RECORD:
            file.seek(len(header) + (num_rows - 1) * row_bytes)
            rest = file.read(size)
            if rest.strip(b" "):
                break
            if len(rest) >= _RECORD:  # more than fills a record
                break
            num_rows -= 1
    claimed = header[-_RECORD:][len(_ROWS_HEADERS[1]) + 7 :].strip()
    if claimed.isdigit() and int(claimed):  # version 8 counts them
        if int(claimed) > length // row_bytes:
            raise DataError(f"{path}: it ends after {length // row_bytes:,} of {int(claimed):,} rows.", "Copy it again.")
        num_rows = int(claimed)
    return Records(path, header, row_bytes, num_rows)


def _header(path: Path) -> bytes:
    with path.open("rb") as file:
        start = file.read(_MOST_HEADER_BYTES)
    for at in range(0, len(start), _RECORD):
        if start.startswith(_ROWS_HEADERS, at):
            return start[: at + _RECORD]
    raise DataError(
        f"{path}: this SAS transport file cannot be read: it has no rows.", "Is it complete? Copy or export it again."
    )


def _row_bytes(path: Path, header: bytes) -> int:
    found = _NAMES_HEADER.search(header)
    if found is not None:
        start = found.start() + _RECORD
        lengths = [header[at + 4 : at + 6] for at in range(start, start + int(found[1]) * _NAME_BYTES, _NAME_BYTES)]
        total = sum(int.from_bytes(length, "big") for length in lengths)
        if total and all(len(length) == 2 for length in lengths):
            return total
    raise DataError(f"{path}: this SAS transport file cannot be read: its columns have no widths.", "Copy or export it again.")


def _more_tables(path: Path, start: int) -> bool:
    with path.open("rb") as file:
        file.seek(start)
        while block := file.read(_SCAN_RECORDS * _RECORD):
            at = block.find(_MEMBER)
            while at >= 0:
                if at % _RECORD == 0:
                    return True
                at = block.find(_MEMBER, at + 1)
    return False
