"""One sheet of a workbook as its cells say it, before anything is taken for a table."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

Value = int | float | str | bool | datetime.date | datetime.datetime | datetime.time | datetime.timedelta
Span = tuple[int, int, int, int]  # first row, first column, last row, last column
LARGEST_ROW, LARGEST_COLUMN = 2**20, 2**14  # of a sheet, in all these formats


@dataclass(frozen=True)
class Sheet:
    """The cells of a sheet; rows and columns count from 0, also where the first ones are empty.

    Arguments:
        rows: cells of all rows from `top` on and all columns from `left` on, equally long; "" where a cell is empty.
        merged: areas of merged cells, of which only the first cell holds a value; None where the format does not tell.
        errors: by (row, column), cells that hold an error, such as #DIV/0!; they are empty in `rows`.
        uncalculated: (row, column) of formulas without a result.
        totals: (row, column) of formulas that sum up other cells.
        percents: by column, how many of its cells are shown in per cent.
        stored: for a column, row and stored number of its cells, where the format tells: a time in days, also below 0.
        is_1904: days are counted from 1904.
    """

    name: str
    rows: list[list[Value]]
    top: int = 0
    left: int = 0
    merged: list[Span] | None = None
    errors: Mapping[tuple[int, int], str] = field(default_factory=dict)
    uncalculated: frozenset[tuple[int, int]] = frozenset()
    totals: frozenset[tuple[int, int]] = frozenset()
    percents: Mapping[int, int] = field(default_factory=dict)
    stored: Callable[[int], Iterator[tuple[int, float]]] = lambda column: iter(())
    is_1904: bool = False


def column_letters(column: int) -> str:
    """`A` for 0, `AA` for 26."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def column_number(letters: str) -> int:
    """0 for `A`, 26 for `AA`."""
    number = 0
    for letter in letters.upper():
        number = 26 * number + ord(letter) - 64
    return number - 1


def cell_name(row: int, column: int) -> str:
    """`B4` for row 3 and column 1."""
    return f"{column_letters(column)}{row + 1}"
