"""Dates, times of day and lengths of time in a column of a sheet.

Excel stores all of them as days; what a cell shows depends on its format. A time of 24 hours and more in a format without a day
is given as a date in the year 1900 (or 1904), where days begin; such a column is one of lengths of time, in seconds.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from sdl_cli.data.arrays import Array, objects
from sdl_cli.data.files.missing import MISSING
from sdl_cli.data.formats.workbooks.sheet import Value
from sdl_cli.errors import DataError
from sdl_cli.phrases import shortened

if TYPE_CHECKING:
    from sdl_cli.data.formats.workbooks.typed_columns import SheetColumn

_DAY_SECONDS = 86400
_LEAP = datetime.date(1900, 3, 1)  # from here on, a day that never was has been counted
_FORMATS = (
    "%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d.%m.%y", "%d-%m-%Y", "%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y",
)  # fmt: skip
_SLASHED = ("%m/%d/%Y", "%d/%m/%Y")
_TIMES = ("", " %H:%M", " %H:%M:%S", "T%H:%M:%S")


def kind_of_times(values: Sequence[Value], by_kind: Mapping[str, list[int]], is_1904: bool) -> Literal["clock", "date"]:
    """What a column with dates or times holds: lengths of time, or dates."""
    times = by_kind.get("time", [])
    dates = [values[i] for i in by_kind.get("date", [])]
    early = [date for date in dates if _is_early(date, is_1904)]
    if len(early) < len(dates):
        return "date"
    if times:
        return "clock"
    return "clock" if any(isinstance(d, datetime.datetime) and d.time() != datetime.time() for d in early) else "date"


def _is_early(value: Value, is_1904: bool) -> bool:
    """Whether this could be some days from the day where a workbook begins to count."""
    year = value.year if isinstance(value, datetime.date) else 0
    return year <= 1904 if is_1904 else year <= 1900


def as_seconds(column: SheetColumn, by_kind: Mapping[str, list[int]], stored: Mapping[int, float]) -> Array:
    """Lengths of time and times of day as seconds; other cells stay as they are, and are said.

    Arguments:
        stored: by row, the days that the file holds, where they are known.
    """
    cells = objects([None] * len(column.values))
    lost: list[int] = []
    for i in sorted([*by_kind.get("time", []), *by_kind.get("date", [])]):
        days = stored.get(column.rows[i])
        value = column.values[i]
        seconds = round(days * _DAY_SECONDS, 3) if days is not None else _seconds(value, column.sheet.is_1904)
        if seconds is None:
            lost.append(i)
        else:
            cells[i] = str(int(seconds)) if seconds == int(seconds) else repr(seconds)
    column.notes.append(f"{column.shown} holds times, which were read as seconds: 1:30:00 is 5400.")
    if lost:
        column.notes.append(
            f"{column.shown}: {column.count(lost)} of 59 or 60 days cannot be told apart: read as missing ({column.cells(lost)})."
        )
    others = [i for kind in ("number", "logical") for i in by_kind.get(kind, [])]
    if others:
        column.notes.append(
            f"{column.shown}: {column.count(others)} among the times hold a plain number, such as {column.values[others[0]]} in "
            f"{column.cell(others[0])}: read as missing. If they are times, give them the format of a time in the workbook."
        )
    words = _texts(column, by_kind.get("text", []))
    for i, text in words:
        cells[i] = text
    return cells


def _seconds(value: Value, is_1904: bool) -> float | None:
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, datetime.time):
        return value.hour * 3600 + value.minute * 60 + value.second + value.microsecond / 1e6
    assert isinstance(value, datetime.date)
    whole = value if isinstance(value, datetime.datetime) else datetime.datetime.combine(value, datetime.time())
    if is_1904:
        return (whole - datetime.datetime(1904, 1, 1)).total_seconds()
    if whole.date() == datetime.date(1900, 2, 28):
        return None
    start = datetime.datetime(1899, 12, 31 if whole.date() < _LEAP else 30)
    return (whole - start).total_seconds()


def as_dates(column: SheetColumn, by_kind: Mapping[str, list[int]]) -> Array:
    """Dates as text in one form for the column; dates in text cells are read each on its own.

    Raises DataError: a date in a text cell whose day and month could change places.
    """
    found: dict[int, datetime.datetime] = {i: _whole(column.values[i]) for i in by_kind["date"]} if "date" in by_kind else {}
    words: dict[int, str] = {}
    for i, text in _texts(column, by_kind.get("text", [])):
        read = _text_date(column, i, text)
        if read is None:
            words[i] = text
        else:
            found[i] = read
    read_texts = [i for i in by_kind.get("text", []) if i in found]
    if read_texts:
        example = shortened(str(column.values[read_texts[0]]), 20)
        column.notes.append(
            f"{column.shown}: {column.count(read_texts, 'text cell')} among the dates, such as {example!r} in "
            f"{column.cell(read_texts[0])}, read as {found[read_texts[0]]:%Y-%m-%d}."
        )
    _no_dates(column, by_kind)
    cells = objects([None] * len(column.values))
    form = _form(list(found.values()))
    for i, date in found.items():
        cells[i] = date.isoformat(*form) if form else date.date().isoformat()
    for i, text in words.items():
        cells[i] = text
    if found and all(date.year <= 1900 for date in found.values()):
        column.notes.append(f"{column.shown}: all its dates lie in 1900. Numbers that are shown as dates? Change their format.")
    return cells


def plain_dates(values: Sequence[Value], is_1904: bool) -> Array | None:
    """Dates as `as_dates` where all cells hold one, and none could be something else; otherwise None."""
    distinct = set(values)
    if any(_is_early(value, is_1904) for value in distinct):
        return None
    dates = {value: _whole(value) for value in distinct}
    form = _form(list(dates.values()))
    table = {value: date.isoformat(*form) if form else date.date().isoformat() for value, date in dates.items()}
    return objects(list(map(table.get, values)))


def _texts(column: SheetColumn, places: Sequence[int]) -> list[tuple[int, str]]:
    texts = [(i, str(column.values[i]).strip()) for i in places]
    return [(i, text) for i, text in texts if text not in MISSING]


def _whole(value: Value) -> datetime.datetime:
    assert isinstance(value, datetime.date)
    return value if isinstance(value, datetime.datetime) else datetime.datetime.combine(value, datetime.time())


def _form(dates: Sequence[datetime.datetime]) -> tuple[str, str] | None:
    """How all dates of a column are written, as isoformat takes it: without a time where none has one."""
    if any(date.microsecond for date in dates):
        return " ", "microseconds"
    return (" ", "seconds") if any(date.time() != datetime.time() for date in dates) else None


def _text_date(column: SheetColumn, i: int, text: str) -> datetime.datetime | None:
    if not text[:1].isalnum() or len(text) > 40:
        return None
    for day in _FORMATS:
        if (found := _parsed(text, day)) is not None:
            return found
    both = [found for day in _SLASHED if (found := _parsed(text, day)) is not None]
    if len(both) == 2 and both[0] != both[1]:
        raise DataError(
            f"{column.sheet.name}!{column.cells([i])}: the text {shortened(text, 20)!r} among the dates of column "
            f"{shortened(column.name)} can be read in two ways.",
            "Make it a date in the workbook, or write it as YYYY-MM-DD.",
        )
    return both[0] if both else None


def _parsed(text: str, day: str) -> datetime.datetime | None:
    for time in _TIMES:
        with suppress(ValueError):
            return datetime.datetime.strptime(text, day + time)
    return None


def _no_dates(column: SheetColumn, by_kind: Mapping[str, list[int]]) -> None:
    """Say which cells among dates are numbers or times: they are missing."""
    numbers, times = by_kind.get("number", []), by_kind.get("time", [])
    beyond = [i for i in numbers if not 0 < float(column.values[i]) < 2_958_466]  # type: ignore[arg-type]
    plain = [i for i in numbers if i not in set(beyond)]
    if beyond:
        column.notes.append(
            f"{column.shown}: {column.count(beyond)} beyond the year 9999 read as missing ({column.cells(beyond)})."
        )
    if plain:
        number = float(column.values[plain[0]])  # type: ignore[arg-type]
        column.notes.append(
            f"{column.shown}: {column.count(plain)} among the dates hold a plain number, such as {number:.15g} in "
            f"{column.cell(plain[0])}: read as missing. If they are dates, give them the format of a date in the workbook."
        )
    if times:
        column.notes.append(
            f"{column.shown}: {column.count(times)} among the dates hold a time without a date (or a day before the first): "
            f"read as missing ({column.cells(times)})."
        )
    if logical := by_kind.get("logical", []):
        column.notes.append(
            f"{column.shown}: {column.count(logical, 'logical cell')} among the dates read as missing ({column.cells(logical)})."
        )
