"""Whether a table's first record holds the names of its columns, and those names cleaned up for display and lookup."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from sdl_cli.data.files.marks import Marks
from sdl_cli.data.files.missing import MISSING
from sdl_cli.errors import DataError
from sdl_cli.phrases import listed

Rows = list[list[str]]

_MAX_NAME = 1000  # characters of a column's name
_MAX_GUESSED_NAME = 200  # a longer cell is not taken for a name unless the user says so
_DATE = re.compile(r"[0-9]{1,4}([-/.])[0-9]{1,2}\1[0-9]{1,4}(?:[T ].{0,40})?")
_UNNAMED = re.compile(r"(?:Unnamed: [0-9]+)?")  # what pandas writes, or calls, a column without a name


def _kind(cell: str, marks: Marks) -> str:
    if cell in MISSING:
        return "missing"
    if marks.is_number(cell):
        return "number"
    return "date" if _DATE.fullmatch(cell) else "text"


def find_header(rows: Rows, marks: Marks) -> tuple[bool, str]:
    """Whether the first of some records holds names: true if text is above numbers or dates, or never repeats.

    Arguments:
        rows: stripped cells, each row as long as the others.
    Returns: the answer, and what to tell a user where it is a guess.
    """
    first, below = rows[0], rows[1:]
    kinds = [_kind(cell, marks) for cell in first]
    others = [row for row in below if row != first]  # tables that were joined repeat their header
    names = data = 0  # columns in which the first cell is unlike, or like, the cells below it
    for cell, kind, column in zip(first, kinds, zip(*others, strict=True) if others else [()] * len(first), strict=True):
        kinds_below = {_kind(other, marks) for other in column} - {"missing"}
        if kinds_below in ({"number"}, {"date"}):
            below_kind = kinds_below.pop()
            data += kind == below_kind
            names += kind == "text" or (kind == "date" and below_kind == "number") or (not cell and _counts_up(column))
    if data and _numbers_are_names(first, below, marks):
        return True, "The whole numbers in the first line were read as names of columns"
    if names or data:
        return names > data, ""
    index = first[0] == "" and len(first) > 1 and all(row[0] for row in below)  # names of rows have no name themselves
    if {"number", "date", "missing"} & set(kinds[index:]) or len(set(first)) < len(first):
        return False, ""
    recurs = any(cell in column for cell, column in zip(first, zip(*below, strict=True), strict=False))
    if recurs or any(len(cell) > _MAX_GUESSED_NAME or "\n" in cell for cell in first):
        return False, ""
    return True, "The first line was read as names of columns, as none of its cells recurs below" if below else ""


_MOST_LINES = 3  # of names at the top of a file
_LOOKED_AT = 200  # records that tell how many of them hold names
_UNIT = re.compile(
    r"[\[(].{1,20}[\])]|.{0,12}[%°/²³µ$€£].{0,12}|(?:k|c|m|h)?(?:m|g|s|l|V|W|A|Pa|Hz|J|N|mol)|deg ?[CF]|min|bar|K|h|d"
)


def num_lines_of_names(rows: Rows, marks: Marks) -> int:
    """How many records (as `find_header`) at the top hold names or units: only below all of them columns of numbers begin."""
    rows = rows[:_LOOKED_AT]
    kinds = [[_kind(cell, marks) for cell in row] for row in rows]
    found, columns = 1, _columns_of_numbers(kinds, 1)
    for num in range(2, min(_MOST_LINES, len(rows) - 2) + 1):
        more = _columns_of_numbers(kinds, num)
        last = [rows[num - 1][j] for j in more if kinds[num - 1][j] == "text"]
        recurs = any(cell and cell in {row[j] for row in rows[num:]} for j, cell in enumerate(rows[num - 1]) if j not in more)
        if more > columns and not recurs and (len(last) > 1 or any(map(_UNIT.fullmatch, last))):
            found, columns = num, more
    return found


def _columns_of_numbers(kinds: Rows, num: int) -> set[int]:
    """The columns with numbers or missing cells, and a number, from the record `num` on, and no number before."""
    return {
        j
        for j in range(len(kinds[0]))
        if {row[j] for row in kinds[num:]} in ({"number"}, {"number", "missing"})
        and all(row[j] != "number" for row in kinds[:num])
    }


def joined_names(rows: Rows) -> list[str]:
    """The names in several records at the top: the first record's where it names each column differently, otherwise all joined.

    A name for several columns is written above the first, as spreadsheets do with merged cells.
    """
    if all(rows[0]) and len(set(rows[0])) == len(rows[0]):
        return rows[0]
    names = [""] * len(rows[0])
    for i, row in enumerate(rows):
        above = ""
        for j, cell in enumerate(row):
            above = cell or (above if i < len(rows) - 1 else "")
            names[j] = f"{names[j]} {above}".strip()
    return names


def _counts_up(cells: Sequence[str]) -> bool:
    """Whether the cells are 0, 1, 2, ... or 1, 2, 3, ...: an index that a program wrote."""
    return any(all(cell == str(i) for i, cell in enumerate(cells, start)) for start in (0, 1))


def _numbers_are_names(first: list[str], below: Rows, marks: Marks) -> bool:
    """Whether the first record holds consecutive whole numbers as names, such as years, above decimal fractions."""
    places = [j for j, cell in enumerate(first) if marks.is_number(cell)]
    if len(below) < 3 or len(places) < 2 or not all(re.fullmatch("[0-9]{1,9}", first[j]) for j in places):
        return False
    values = [int(first[j]) for j in places]
    if any(b - a != 1 for a, b in pairwise(values)):
        return False
    fractions = []
    for j in places:
        cells = [row[j] for row in below if row[j] not in MISSING]
        fractions.append(bool(cells) and all(marks.decimal in cell for cell in cells))
    index = first[0] == "" and _counts_up([row[0] for row in below])
    return all(fractions) or (values[0] == 0 and len(values) > 2 and (any(fractions) or index))


def clean_names(
    path: Path, line: int, cells: list[str], group: str, unit: str = "line"
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The header's names, one for each column, all different and printable; and notes on what was changed.

    Arguments:
        line: where they stand, counted in `unit`.

    Raises DataError: a duplicate name, or one as long as a text.
    """
    names, unnamed, cleaned = [], [], 0
    taken = set(cells)
    for i, cell in enumerate(cells):
        if len(cell) > _MAX_NAME:
            raise DataError(
                f"{path}: {unit} {line}: the name of column {i + 1} has {len(cell)} characters.",
                f"Is it a header? If not, set {group}.header=false.",
            )
        name = cell if cell.isprintable() else " ".join("".join(c if c.isprintable() else " " for c in cell).split())
        cleaned += name != cell
        if _UNNAMED.fullmatch(name):
            name = f"x{i}"
            while name in taken:
                name += "_"
            taken.add(name)
            unnamed.append(name)
        names.append(name)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        places = [str(i + 1) for i, name in enumerate(names) if name == twice[0]]
        more = f" ({len(twice)} names occur twice)" if len(twice) > 1 else ""
        raise DataError(
            f"{path}: {unit} {line}: columns {listed(places, 5, last=', ')} are all called {twice[0][:60]!r}{more}.",
            f"Rename them; if the first {unit} is data, set {group}.header=false.",
        )
    notes = []
    if unnamed:
        notes.append(f"Columns without a name are called {listed(unnamed, 5, last=', ')}.")
    if cleaned:
        notes.append(f"Line breaks and other unprintable characters in {cleaned} column names became blanks.")
    return tuple(names), tuple(notes)
