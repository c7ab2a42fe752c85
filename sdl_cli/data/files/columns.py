"""The columns of a mixed table: their kinds, inferred from text, and their cells as numbers.

A table reaches a model as `float64 (N, F)`: a number as it is, a category as the index of its level, a boolean as 0 or 1, a date
as several numbers, and NaN wherever a cell is missing. What is learned from data (medians, which levels are rare) is left to
`models/encoding.py`, which sees training rows only; this module covers only what a cell says on its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.files.class_names import whole_name
from sdl_cli.data.files.guess_marks import evidence
from sdl_cli.data.files.marks import PLAIN, Marks

Kind = Literal["number", "category", "boolean", "date"]

_BOOLEANS = (("false", "true"), ("no", "yes"), ("f", "t"), ("n", "y"))
# In the order in which they are tried; the first that reads every cell is taken.
_DATES = (
    "%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%y", "%m/%d/%y", "%d/%m/%y",
    "%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y",
)  # fmt: skip
_TIMES = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", "T%H:%M", "T%H:%M:%S", "T%H:%M:%S.%f", "T%H:%M:%SZ", "T%H:%M:%S.%fZ")
_LIKE_A_DATE = re.compile(
    r"(?:\d{1,4}([-/. ])(?:\d{1,2}|[^\W\d]{3,20})\1\d{1,4}|[^\W\d]{3,20} \d{1,2}, \d{1,4})(?:[ T]\d.{0,20})?$"
)
_DAY_PARTS = ("days", "year", "month", "day", "weekday")
COUNTS_ROWS = "counts the rows"
_DATE_WORDS = {"%Y": "YYYY", "%y": "YY", "%m": "MM", "%d": "DD", "%b": "Mon", "%B": "Month", "%H": "hh", "%M": "mm", "%S": "ss"}
_AMOUNT = re.compile(r"[^\w\s.,+-]{0,3}\s?[-+]?\d[\d.,'\s]*(?:[A-Za-z%‰°µ/€$£²³]{1,8})?$")
FEW_ODD = 0.2  # share of cells that are not numbers, below which they are more likely mistakes than categories
_FEW_AMOUNTS = 12  # levels such as "3 rooms" are categories
_UNIQUE_FRACTION = 0.9  # a text column with more distinct values than this share of its cells names rows
_FREE_TEXT_CHARACTERS = 40  # ... and this long on average it is free text


@dataclass(frozen=True)
class Column:
    """One column of a table that a model sees.

    Arguments:
        name: as in the file's header.
        levels: names of a category's levels, sorted; index i stands for `levels[i]`, and `len(levels)` for any other. For a
            boolean, the words for 0 and 1, lower case.
        parts: names of the numbers that a date becomes.
        format: how a date is written, in the terms of strptime.
    """

    name: str
    kind: Kind
    levels: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    format: str = ""

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> Column:
        """The column that `dataclasses.asdict` gave `values` of."""
        levels, parts = (tuple(map(str, values[key])) for key in ("levels", "parts"))
        return cls(str(values["name"]), values["kind"], levels, parts, str(values["format"]))


@dataclass(frozen=True)
class LeftOut:
    """A column that no model should see, and why, as the rest of a sentence: `is empty`."""

    name: str
    reason: str


class CellError(ValueError):
    """A cell that does not fit the kind of its column: `row` (position) and `wanted` (a number, a date, ...)."""

    def __init__(self, row: int, wanted: str) -> None:
        super().__init__(f"row {row}: not {wanted}")
        self.row, self.wanted = row, wanted


def feature_names(columns: Sequence[Column]) -> tuple[str, ...]:
    """Names of the F columns of X: a date gives one for each of its parts."""
    return tuple(name for c in columns for name in [f"{c.name}.{part}" for part in c.parts] or [c.name])


def level_counts(columns: Sequence[Column]) -> tuple[int, ...]:
    """For each of the F columns of X the number of levels that its indices count, 0 for a number."""
    return tuple(len(c.levels) * (c.kind == "category") for c in columns for _ in c.parts or [c.name])


def infer(
    name: str, cells: Array, marks: Marks = PLAIN, category: bool = False, chosen: bool = False, text: bool = False
) -> Column | LeftOut:
    """Find the kind of a column.

    Arguments:
        cells: objects `(N,)`, str or None where missing.
        category: the user says that it is one, whatever its cells look like.
        chosen: the user named this column to be used: it is never left out for looking like row names.
        text: the file says that its cells are text, whatever they look like: categories, or names of rows.
    """
    known = cells[cells != None]  # noqa: E711  element by element
    if not len(known):
        return LeftOut(name, "is empty")
    if category:
        return Column(name, "category", _levels(known))
    if text:
        return _names_or_levels(name, known, chosen)
    words = {str(cell).lower() for cell in known[:1000]}
    for pair in _BOOLEANS:
        # both words must stand there: a column of F alone may be the one half of F and M
        if words <= set(pair) and {str(cell).lower() for cell in known} == set(pair):
            return Column(name, "boolean", pair)
    numbers = to_numbers(known, marks)
    if not np.isnan(numbers).any():
        if not chosen and len(cells) >= 10 and len(known) == len(cells) and _counts_up(numbers):
            return LeftOut(name, COUNTS_ROWS)
        return Column(name, "number")
    date = _date_format(known, day_first=marks.decimal == ",")
    if date is not None:
        has_time = len(date) > 1 and "%H" in date
        return Column(name, "date", (), (*_DAY_PARTS, "hour") if has_time else _DAY_PARTS, date)
    levels = _levels(known)
    if not chosen and len(known) >= 20 and len(levels) > _UNIQUE_FRACTION * len(known):
        if all(evidence(cell) is not None for cell in levels):
            return LeftOut(name, f"holds numbers whose marks are not those of the file, such as {known[0]!r} (write them alike)")
        odd = known[np.isnan(numbers)]
        if are_amounts(odd):
            return LeftOut(name, f"holds numbers with a unit or thousands marks, such as {known[0]!r} (write plain numbers)")
        if len(odd) < FEW_ODD * len(known):
            few = "1 cell that is not a number" if len(odd) == 1 else f"{len(odd):,} cells that are not numbers"
            missing = f"where that means missing: 'dataset.missing_values=[{odd[0]}]'"
            return LeftOut(name, f"holds {few} among numbers, such as {odd[0]!r} ({missing})")
    return _names_or_levels(name, known, chosen)


def _names_or_levels(name: str, known: Array, chosen: bool) -> Column | LeftOut:
    """A category, or a column of text that differs in nearly every row."""
    levels = _levels(known)
    if chosen or len(known) < 20 or len(levels) <= _UNIQUE_FRACTION * len(known):
        return Column(name, "category", levels)
    length = sum(len(cell) for cell in known[:1000]) / len(known[:1000])
    if length > _FREE_TEXT_CHARACTERS:
        return LeftOut(name, "is free text, different in nearly every row (dataset=text learns from such a column)")
    return LeftOut(name, f"has {len(levels):,} different values in {len(known):,} rows, as identifiers do")


def _counts_up(numbers: Array) -> bool:
    with np.errstate(invalid="ignore", over="ignore"):  # of infinite numbers, and of very large ones
        return bool((np.diff(numbers) == 1).all())


def encode(column: Column, cells: Array, marks: Marks = PLAIN) -> Array:
    """The cells of one column as its columns of X.

    Arguments:
        cells: objects `(N,)`, str or None where missing; of a number also `float64 (N,)`.
    Returns: `float64 (N, 1)`, or `(N, len(parts))` of a date; NaN where missing, `len(levels)` for a level that is not known.
    Raises CellError: a cell that is not a finite number, date or boolean in a column of that kind.
    """
    if column.kind == "number":
        numbers = cells.astype(np.float64) if cells.dtype != object else to_numbers(cells, marks)
        return _all_read(np.where(np.isinf(numbers), np.nan, numbers), cells, "a finite number")[:, None]
    if column.kind == "date":
        return _date_parts(column, cells)
    index: dict[str, float] = {level: i for i, level in enumerate(column.levels)}
    if column.kind == "boolean":
        found = np.array([np.nan if cell is None else index.get(cell.lower(), np.nan) for cell in cells])
        return _all_read(found, cells, f"one of {', '.join(column.levels)}")[:, None]
    import pandas as pd

    which, words = pd.factorize(cells)  # -1 where missing, which takes the last of the codes
    unseen = float(len(column.levels))
    # 1.0 is the level 1, as programs rewrite numbers
    codes = [index.get(word, index.get(whole_name(word), unseen)) for word in words]
    return np.array([*codes, np.nan])[which][:, None]


def to_numbers(cells: Array, marks: Marks = PLAIN, percent: bool = True) -> Array:
    """Cells (str or None) as `float64`; NaN where a cell is missing or no number.

    Arguments:
        percent: 35% is a number too, 0.35.
    """
    import pandas as pd

    def plain(of: Array) -> Array:
        return np.array([None if cell is None else marks.plain(cell) for cell in of], dtype=object)

    def with_percent(numbers: Array) -> Array:
        places = [i for i in np.flatnonzero(np.isnan(numbers)) if cells[i] is not None and cells[i].endswith("%")]
        if percent and places:
            numbers[places] = parsed(np.array([marks.part_of_one(cells[i]) for i in places], dtype=object))
        return numbers

    def parsed(of: Array) -> Array:
        return np.array(pd.to_numeric(pd.Series(of, dtype=object), errors="coerce"), dtype=np.float64)

    if marks != PLAIN:
        return with_percent(parsed(plain(cells)))
    numbers = parsed(cells)
    other = np.flatnonzero(np.isnan(numbers))
    if len(other) and any(cell is not None and "\u2212" in cell for cell in cells[other]):
        numbers[other] = parsed(plain(cells[other]))
    return with_percent(numbers)


def _all_read(numbers: Array, cells: Array, wanted: str) -> Array:
    known = cells != None if cells.dtype == object else ~np.isnan(cells)  # noqa: E711  element by element
    bad = np.flatnonzero(np.isnan(numbers) & known)
    if len(bad):
        raise CellError(int(bad[0]), wanted)
    return numbers


def _levels(known: Array) -> tuple[str, ...]:
    return tuple(sorted(set(known.tolist())))


def are_amounts(odd: Array) -> bool:
    """Whether nearly all of these cells `(N,)` of str, no plain numbers, have a unit, a currency or thousands marks."""
    num = sum(_AMOUNT.match(cell) is not None for cell in odd[:1000])
    return num >= 0.95 * len(odd[:1000]) and len(set(odd[:1000].tolist())) > _FEW_AMOUNTS


def other_order(column: Column, cells: Array) -> bool:
    """Whether the dates of a column could as well be read with day and month the other way round."""
    swapped = re.sub("%[dm]", lambda m: "%m" if m[0] == "%d" else "%d", column.format)
    known = cells[cells != None]  # noqa: E711
    return "/" in column.format and not bool(np.isnat(_read_dates(known, swapped)).any())


def shown_format(written: str) -> str:
    """How a date is written, for people: `MM/DD/YYYY`."""
    for code, word in _DATE_WORDS.items():
        written = written.replace(code, word)
    return written


def may_be_dates(cells: Array) -> bool:
    """Whether the first cell that is not missing, of objects `(N,)`, looks like a date."""
    first = next((cell for cell in cells if cell is not None), "")
    return _LIKE_A_DATE.match(first) is not None


def _date_format(known: Array, day_first: bool) -> str | None:
    """The format that reads every cell as a date, or None."""
    if not may_be_dates(known):  # 135 formats are tried
        return None
    for day in sorted(_DATES, key=lambda day: day_first and day.startswith("%m")):
        for time in _TIMES:
            written = day + time
            if all(not np.isnat(_read_dates(some, written)).any() for some in (known[:1], known[:50], known)):
                return written
    return None


def _read_dates(cells: Array, written: str) -> Array:
    """Cells as `datetime64[us]`, NaT where one is not written so."""
    import pandas as pd

    found = pd.to_datetime(pd.Series(cells, dtype=object), format=written, errors="coerce", utc=True)
    return found.dt.tz_localize(None).to_numpy().astype("datetime64[us]")


def days_of(column: Column, cells: Array) -> Array:
    """The cells of a column of dates as days since 1970 `float64 (N,)`, with their time of day; NaN where missing."""
    times = _date_times(column, cells)
    return np.where(np.isnat(times), np.nan, times.astype(np.int64) / 86_400e6)


def _date_times(column: Column, cells: Array) -> Array:
    """The same as `datetime64[us]`, NaT where missing; a CellError for what is no date."""
    missing = cells == None  # noqa: E711
    times = _read_dates(cells, column.format)
    unread = np.flatnonzero(np.isnat(times) & ~missing)
    if len(unread):  # the only unambiguous format, also used by Parquet
        times[unread] = _read_dates(cells[unread], "ISO8601")
    bad = unread[np.isnat(times[unread])]
    if len(bad):
        other = "" if column.format.startswith("%Y-%m-%d") else " or YYYY-MM-DD"
        raise CellError(int(bad[0]), f"a date written as {shown_format(column.format)}{other}")
    return times


def _date_parts(column: Column, cells: Array) -> Array:
    missing = cells == None  # noqa: E711
    times = _date_times(column, cells)
    whole = times.astype("datetime64[D]")  # a difference from 1970 would overflow in year 9999
    months = times.astype("datetime64[M]")
    minutes = (times - whole).astype("timedelta64[m]").astype(np.int64)
    of = {"days": whole.astype(np.int64), "year": times.astype("datetime64[Y]").astype(np.int64) + 1970}
    of |= {"month": months.astype(np.int64) % 12 + 1, "day": (whole - months.astype("datetime64[D]")).astype(np.int64) + 1}
    of |= {"weekday": (whole.astype(np.int64) + 3) % 7, "hour": minutes // 60 + minutes % 60 / 60}  # 1970 began on a Thursday
    parts = np.stack([np.asarray(of[part], dtype=np.float64) for part in column.parts], axis=1)
    parts[missing] = np.nan
    return parts
