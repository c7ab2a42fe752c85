"""Delimited text (CSV and its relatives): all of it as text to learn from, or its numbers in chunks to predict from."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data.arrays import Array, objects
from sdl_cli.data.files.delimiter import open_lines, shown_delimiter
from sdl_cli.data.files.marks import PLAIN, Marks
from sdl_cli.data.files.missing import MISSING
from sdl_cli.data.files.records import Lines, records
from sdl_cli.data.files.sniffing import Format
from sdl_cli.data.files.text_file import check_memory, existing_file
from sdl_cli.errors import DataError
from sdl_cli.phrases import counted

Chunk = tuple[Array, list[Array], Array]

_CHUNK_CHARS = 2**24
_CHUNK_CELLS = 2**22
_MAX_KNOWN = 100_000  # number of distinct cells to intern
_WIDE = 1000  # columns beyond which one call of pandas costs more than the cells do
_BOOLEAN = re.compile("true|false", re.IGNORECASE)
_RAGGED_HINT = "Quote a cell that holds the delimiter, close each quote, or set the delimiter."


def read(path: Path, format: Format) -> tuple[list[Array], Array]:
    """All records of a file, as text.

    Returns: one object array `(N,)` of str for each column, stripped, None where it is empty; and `int64 (N,)`, the line of the
        file (from 1) on which each record begins.
    Raises DataError: records of another width than the header (the first line and their number), quotes, a damaged file.
    """
    check_memory(path)
    lines = _open(path, format)
    cells: list[list[str | None]] = [[] for _ in format.names]
    known: dict[str, str | None] = {"": None}
    numbers: list[int] = []
    ragged: list[tuple[int, int, int]] = []
    for number, row in records(lines, format.delimiter):
        if not _fits(row, format):
            ragged.append((number, lines.number, len(row)))
            continue
        numbers.append(number)
        for column, cell in zip(cells, row, strict=False):
            cell = cell.strip()
            column.append(known.setdefault(cell, cell) if len(known) < _MAX_KNOWN else known.get(cell, cell))
    if ragged:
        raise _ragged(path, format, ragged, len(numbers))
    return [objects(column) for column in cells], np.array(numbers, np.int64)


def iter_numbers(
    path: Path,
    format: Format,
    numbers: Sequence[str],
    texts: Sequence[str],
    chunk_rows: int = 50_000,
    missing: Collection[str] = MISSING,
    in_percent: set[str] | None = None,
) -> Iterator[Chunk]:
    """The records of a file a chunk at a time, in constant memory.

    Arguments:
        numbers, texts: names of columns to read as numbers, and as text; all of them are in `format.names`.
        chunk_rows: records of a chunk, at most (fewer where they are long).
        in_percent: names of columns with numbers that are written in per cent are added to it.
    Yields: `float64 (n, len(numbers))`, NaN where missing; for each of `texts` an object array `(n,)` of str, None where
        it is empty; and `int64 (n,)`, the line on which each record begins.
    Raises DataError: a cell that is not a finite number; otherwise as `read`.
    """
    place = {name: i for i, name in enumerate(format.names)}
    num_places, text_places = [place[name] for name in numbers], [place[name] for name in texts]
    lines = _open(path, format)
    max_rows = max(1, min(chunk_rows, _CHUNK_CELLS // len(format.names)))
    while ahead := lines.peek(max_rows, _CHUNK_CHARS):
        chunk = None
        if _is_plain(ahead, format):
            chunk = _parse_plain(ahead, lines.number + 1, format, num_places, text_places, missing)
        if chunk is None:
            seen: set[int] = set()
            chunk = _parse_checked(lines, lines.number + len(ahead), format, num_places, text_places, missing, seen)
            if in_percent is not None:
                in_percent |= {format.names[i] for i in seen}
        else:
            lines.skip(len(ahead))
        if len(chunk[2]):
            yield chunk


def _open(path: Path, format: Format) -> Lines:
    lines = open_lines(existing_file(path, ""), format.encoding, format.delimiter)
    for _ in range(format.header_lines if format.header else 0):
        next(records(lines, format.delimiter), None)
    return lines


def _fits(row: Sequence[str], format: Format) -> bool:
    width = len(format.names)
    return len(row) == width or (format.trailing and len(row) == width + 1 and not row[-1].strip())


def _is_plain(lines: Sequence[str], format: Format) -> bool:
    """Whether each line is one record of the right width without quotes, so every parser reads it the same way."""
    delimiter, count = format.delimiter, len(format.names) - (not format.trailing)
    if lines[0].startswith("\ufeff"):  # pandas takes a byte-order mark away, even in the middle of a file
        return False
    if not delimiter.isascii() or any('"' in line or line.count(delimiter) != count for line in lines):
        return False
    if format.trailing:
        return all(line.rstrip("\r\n").endswith(delimiter) for line in lines)
    return count > 0 or all(line.strip() for line in lines)


def _parse_plain(
    lines: Sequence[str], first: int, format: Format, numbers: Sequence[int], texts: Sequence[int], missing: Collection[str]
) -> Chunk | None:
    """Plain lines as a chunk, fast; None if a cell needs a closer look."""
    import pandas as pd

    # pandas is handed what is needed only: with thousands of columns it costs seconds for each call
    places = sorted({*numbers, *texts})
    if not places or len(places) > _WIDE or format.marks.thousands:
        return None
    options: dict[str, Any] = {
        "sep": format.delimiter,
        "header": None,
        "names": range(len(format.names) + format.trailing),
        "index_col": False,
        "usecols": places,
        "dtype": {i: object if i in texts else np.float64 for i in places},
        "na_values": {i: [] if i in texts else sorted(missing) for i in places},
        "keep_default_na": False,
        "skip_blank_lines": False,
        "quoting": csv.QUOTE_NONE,
        "decimal": format.marks.decimal,
        "engine": "c",
    }
    if tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1):
        options["float_precision"] = "round_trip"  # before 3.1 the default is off in the last digit
    text = "".join(lines)
    try:
        frame = pd.read_csv(io.StringIO(text), **options)
    except (ValueError, OverflowError):  # no number, or one written in a way that pandas does not know: the other way tells
        return None
    values = frame[list(numbers)].to_numpy(np.float64)
    if len(frame) != len(lines) or np.isinf(values).any():
        return None
    if ((values == 0) | (values == 1) | np.isnan(values)).all(axis=0).any() and _BOOLEAN.search(text):
        return None  # pandas may have read a column of true and false as 1 and 0
    words = [objects([_clean(cell) for cell in frame[i]]) for i in texts]
    return values, words, np.arange(first, first + len(lines), dtype=np.int64)


def _parse_checked(
    lines: Lines,
    last: int,
    format: Format,
    numbers: Sequence[int],
    texts: Sequence[int],
    missing: Collection[str],
    in_percent: set[int],
) -> Chunk:
    """Records up to a line as a chunk, cell by cell, so that an error can name its place; columns in per cent are added."""
    starts: list[int] = []
    rows: list[list[str]] = []
    for start, row in records(lines, format.delimiter):
        if not _fits(row, format):
            raise _ragged(lines.path, format, [(start, lines.number, len(row))], None)
        starts.append(start)
        rows.append(row)
        if lines.number >= last:
            break
    values = np.empty((len(rows), len(numbers)))
    for j, i in enumerate(numbers):
        own = [row[i].strip() for row in rows]
        values[:, j] = _to_numbers(own, starts, lines.path, format, i, missing)
        if any(cell.endswith("%") for cell in own):
            in_percent.add(i)
    words = [objects([_clean(row[i]) for row in rows]) for i in texts]
    return values, words, np.array(starts, np.int64)


def _to_numbers(
    cells: Sequence[str], starts: Sequence[int], path: Path, format: Format, column: int, missing: Collection[str]
) -> Array:
    joined = "".join(cells)
    if format.marks == PLAIN and joined.isascii() and "_" not in joined:  # otherwise Python accepts text that is not a number
        try:
            values = np.array([np.nan if cell in missing else float(cell) for cell in cells])
            if not np.isinf(values).any() and np.isnan(values).sum() == sum(cell in missing for cell in cells):
                return values
        except ValueError:
            pass
    placed = zip(cells, starts, strict=True)
    found = [np.nan if cell in missing else _to_number(cell, path, line, format, column) for cell, line in placed]
    return np.array(found, np.float64)


def _to_number(cell: str, path: Path, line: int, format: Format, column: int) -> float:
    plain = format.marks.plain(cell) or format.marks.part_of_one(cell)
    value = np.inf if plain is None else float(plain)
    if np.isfinite(value):
        return value
    hint = "Write a number there, or leave the cell empty where the value is missing."
    if Marks("," if format.marks.decimal == "." else ".").is_number(cell):
        hint = f"The decimal mark is {format.marks.decimal!r} in this file: use it everywhere, or set it."
    shown = repr(cell[:40]) + ("..." if len(cell) > 40 else "")
    raise DataError(f"{path}: line {line}, column {format.names[column][:60]!r}: {shown} is not a finite number.", hint)


def _clean(cell: str) -> str | None:
    return cell.strip() or None


def _ragged(path: Path, format: Format, ragged: Sequence[tuple[int, int, int]], num_good: int | None) -> DataError:
    start, end, width = ragged[0]
    where = f"line {start}" if start == end else f"the record on lines {start} to {end}"
    found = counted(width, "field")
    others = "the header" if format.header else "the other lines"
    more = ""
    if num_good is not None and len(ragged) > 1:
        more = f"; {len(ragged)} of {len(ragged) + num_good} records are like this"
    delimiter = shown_delimiter(format.delimiter)
    message = f"{path}: {where} has {found}, but {others} {len(format.names)}{more} (delimiter: {delimiter})."
    return DataError(message, _RAGGED_HINT)
