"""Dates and times of SPSS, Stata and SAS: numbers that their formats make dates of.

SPSS counts seconds from 14 October 1582 and has dates from the 15th ("Date and Time Formats", IBM SPSS Statistics 29 Command
Syntax Reference). Stata counts milliseconds, days, weeks, months, quarters or half-years from 1960, and writes years as they are
("datetime", Stata 18 Data Management Reference Manual). SAS counts days or seconds from 1960 ("SAS 9.4 Formats and Informats").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sdl_cli.data.arrays import Array

System = Literal["spss", "stata", "sas"]
_FIRST_DAY = {"spss": "1582-10-14", "stata": "1960-01-01", "sas": "1960-01-01"}
_EARLIEST = {"spss": "1582-10-15", "stata": "0100-01-01", "sas": "1582-01-01"}
_DAY_SECONDS = 86_400
_PER_YEAR = {"w": 52, "m": 12, "q": 4, "h": 2}

_SPSS_DATES = frozenset(("DATE", "ADATE", "EDATE", "JDATE", "SDATE", "QYR", "MOYR", "WKYR"))
_SPSS_MOMENTS = frozenset(("DATETIME", "YMDHMS"))
_SPSS_TIMES = frozenset(("TIME", "DTIME", "MTIME"))
_SAS_TIMES = re.compile(r"(TIME|TIMEAMPM|HHMM|HOUR|MMSS|TOD|NLTIME|NLTIMAP|[BEI]S?8601TM)$")
_SAS_MOMENTS = re.compile(r"(DATETIME|DATEAMPM|MDYAMPM|NLDATM\w*|DT(DATE|MONYY|WKDATX|YEAR|YYQC)|[BEI]S?8601D[NTXZ])$")
_SAS_DAYS = re.compile(
    r"(DATE|DAY|(DDMMYY|MMDDYY|YYMMDD|MMYY|YYMM|YYQ|YYQR)[BCDNPS]?|MONYY|YYMON|MONNAME|MONTH|QTRR?|YEAR|JULDAY|JULIAN|WEEKDA(TE|TX|Y)"
    r"|WEEK[UVW]|WORDDAT[EX]|DOWNAME|NLDATE\w*|[BEI]S?8601DA)$"
)
_CLOCK_ONLY = re.compile(r"(HH|Hh|hH|hh|H|h|MM|mm|M|m|SS|ss|S|s|\.s*|:|_|\+|a\.?m\.?|A\.?M\.?|p\.?m\.?|P\.?M\.?|!.)+$")
# days whose last second was followed by a leap second (IERS Bulletin C): %tC counts them
_LEAP_DAYS = (
    *(f"{year}-06-30" for year in (1972, 1981, 1982, 1983, 1985, 1992, 1993, 1994, 1997, 2012, 2015)),
    *(f"{year}-12-31" for year in (*range(1972, 1980), 1987, 1989, 1990, 1995, 1998, 2005, 2008, 2016)),
)


@dataclass(frozen=True)
class Clock:
    """How a format counts time.

    Arguments:
        per_second: of what it counts; of days and longer 0.
        kind: `date` becomes a date, `time` seconds.
        period: of Stata's weeks and longer the letter of its format, else nothing.
        leap_seconds: it counts them. days_only: it shows no time of the day, which its numbers may hold.
    """

    system: System
    kind: Literal["date", "time"]
    per_second: float
    period: str = ""
    leap_seconds: bool = False
    days_only: bool = False


def clock_of(written: str | None, system: System) -> Clock | None:
    """What a format says of time; None for one of plain numbers or of text."""
    if not written:
        return None
    if system == "stata":
        return _of_stata(written)
    word = re.match(r"[A-Z]+(?:8601[A-Z]+)?", written.upper())
    name = word[0] if word else ""
    if system == "spss":
        kind: Literal["date", "time"] | None = (
            "date" if name in _SPSS_DATES | _SPSS_MOMENTS else "time" if name in _SPSS_TIMES else None
        )
        return None if kind is None else Clock(system, kind, 1.0, days_only=name not in _SPSS_MOMENTS)
    if _SAS_TIMES.match(name):
        return Clock(system, "time", 1.0)
    if _SAS_MOMENTS.match(name):
        return Clock(system, "date", 1.0, days_only=name.startswith("DT"))
    return Clock(system, "date", 0.0) if _SAS_DAYS.match(name) else None


def _of_stata(written: str) -> Clock | None:
    found = re.match(r"%-?(?:t([a-zA-Z])|d)(.*)$", written)
    if found is None or (found[1] or "d") not in "cCdwmqh":
        return None
    letter, rest = found[1] or "d", found[2]
    if letter in "cC":
        kind: Literal["date", "time"] = "time" if rest and _CLOCK_ONLY.match(rest) else "date"
        return Clock("stata", kind, 1000.0, leap_seconds=letter == "C")
    return Clock("stata", "date", 0.0, letter if letter in _PER_YEAR else "")


def to_seconds(clock: Clock, values: Array) -> Array:
    """Times of day and durations `float64 (N,)` in seconds, as long as they are."""
    return values / clock.per_second


def to_dates(clock: Clock, values: Array) -> Array:
    """Numbers `float64 (N,)` as `datetime64[us]`, NaT where one is no date that the system has, or lies beyond the year 9999."""
    earliest = np.datetime64(_EARLIEST[clock.system], "us").astype(np.int64)
    latest = np.datetime64("9999-12-31T23:59:59.999999", "us").astype(np.int64)
    start = np.datetime64(_FIRST_DAY[clock.system], "us").astype(np.int64)
    if clock.period:
        days = _days_of_periods(clock.period, values)
    else:
        days = np.floor(values) if not clock.per_second else values / clock.per_second / _DAY_SECONDS
    fits = np.abs(days) < 4e6  # also false for NaN; further than any date, and near enough for whole microseconds
    safe, micros = np.where(fits, values, 0.0), np.zeros(len(values), np.int64)
    if clock.per_second:
        micros = np.rint(safe * (1e6 / clock.per_second)).astype(np.int64)
    else:
        micros = np.where(fits, days, 0.0).astype(np.int64) * (_DAY_SECONDS * 1_000_000)
    micros = micros + start
    if clock.leap_seconds:
        micros = micros - _leap_micros(micros)
    if clock.days_only:
        micros -= micros % (_DAY_SECONDS * 1_000_000)
    fits &= (micros >= earliest) & (micros <= latest)
    return np.where(fits, micros, 0).astype("datetime64[us]") + np.where(fits, np.timedelta64(0), np.timedelta64("NaT"))


def _days_of_periods(period: str, values: Array) -> Array:
    """Days since 1960 on which Stata's weeks, months, quarters and half-years begin; a year has 52 weeks."""
    whole = np.where(np.abs(values) < 1e6, np.floor(values), 1e6).astype(np.int64)
    year, part = np.divmod(whole, _PER_YEAR[period])
    months = np.zeros_like(part) if period == "w" else part * (12 // _PER_YEAR[period])
    first = (year * 12 + months + (1960 - 1970) * 12).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    days = first - np.datetime64("1960-01-01", "D").astype(np.int64) + (7 * part if period == "w" else 0)
    return np.where(np.abs(values) < 1e6, days.astype(np.float64), np.inf)


def _leap_micros(micros: Array) -> Array:
    """Microseconds of the leap seconds that a count of all seconds holds by then."""
    ends = np.array(sorted(_LEAP_DAYS), "datetime64[D]").astype("datetime64[us]").astype(np.int64) + _DAY_SECONDS * 1_000_000
    counted = ends + 1_000_000 * np.arange(len(ends))  # the leap second itself falls on the last one before it
    return np.asarray(np.searchsorted(counted, micros, side="right") * 1_000_000)


def as_text(dates: Array) -> Sequence[str]:
    """Dates `datetime64[us]`, none NaT, as text: without a clock where all are midnight, without fractions where none has any."""
    micros = dates.astype(np.int64)
    unit: Literal["D", "s", "us"] = "us"
    if not (micros % (_DAY_SECONDS * 1_000_000)).any():
        unit = "D"
    elif not (micros % 1_000_000).any():
        unit = "s"
    return [text.replace("T", " ") for text in np.datetime_as_string(dates, unit=unit).tolist()]
