"""Which marks the numbers of a file have: certain cases are applied, good guesses reported, and ambiguous ones asked about."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from sdl_cli.data.files.marks import NAMES, Marks, unified, without_percent
from sdl_cli.data.files.missing import MISSING
from sdl_cli.errors import DataError

Rows = Sequence[Sequence[str]]
Evidence = tuple[Literal["whole", "decimal", "thousands", "either"], str, str]  # its kind, thousands mark, decimal mark

_MOST_LETTERS = 60  # of a number
_CHARACTERS = frozenset("0123456789.,' +-eE")
_ENOUGH = 500  # different cells of a column
_ODD = 0.2  # share of cells that are not numbers, up to which a column is still one of numbers


@lru_cache
def _patterns() -> list[tuple[re.Pattern[str], Evidence]]:
    found: list[tuple[re.Pattern[str], Evidence]] = [(re.compile("[0-9]+"), ("whole", "", ""))]
    head = "[1-9][0-9]{0,2}"
    for mark in ".,' ":
        group, lakhs = rf"{re.escape(mark)}[0-9]{{3}}", r"|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}" if mark == "," else ""
        for decimal in ".,".replace(mark, ""):
            found.append((re.compile(rf"{head}(?:{group})+{re.escape(decimal)}[0-9]*"), ("thousands", mark, decimal)))
        if mark in ".,":
            found.append((re.compile(head + group), ("either", mark, mark)))
            found.append((re.compile(rf"[0-9]+{re.escape(mark)}[0-9]*|{re.escape(mark)}[0-9]+"), ("decimal", "", mark)))
        found.append((re.compile(rf"{head}(?:{group})+{lakhs}"), ("thousands", mark, "")))
    return found


def evidence(cell: str) -> Evidence | None:
    """What a stripped cell says of the marks of its file; None where it is not a number in any of them."""
    if cell.isdigit() and cell.isascii() and len(cell) <= _MOST_LETTERS:
        return ("whole", "", "")
    cell = unified(cell[: _MOST_LETTERS + 1])
    if not cell or len(cell) > _MOST_LETTERS or not _CHARACTERS.issuperset(cell):
        return None
    body, exponent, power = re.sub("^[+-]", "", cell).replace("E", "e").partition("e")
    if exponent and not re.fullmatch("[+-]?[0-9]+", power):
        return None
    kind = next((found for pattern, found in _patterns() if pattern.fullmatch(body)), None)
    return ("decimal", "", kind[2]) if exponent and kind is not None and kind[0] == "either" else kind


@dataclass
class _Column:
    """What the cells of one column of numbers say."""

    place: int
    decimals: set[str] = field(default_factory=set)
    thousands: set[str] = field(default_factory=set)
    either: dict[str, str] = field(default_factory=dict)  # mark -> the first such cell
    examples: dict[str, str] = field(default_factory=dict)  # thousands mark -> the first such cell
    hundreds: bool = False  # a whole number from 100 to 999 stands there
    long: bool = False  # a whole number of four digits or more stands there without a mark

    def says_thousands(self, mark: str) -> bool:
        """Whether hundreds appear with numbers that have one group of three digits: 750 and 1.150."""
        return mark in self.either and self.hundreds and not self.long and not (self.decimals | self.thousands)


def _look(place: int, cells: Collection[str]) -> _Column | None:
    found, num_odd = _Column(place), 0
    for num, cell in enumerate(cells):
        if num == _ENOUGH and (found.decimals or found.thousands or num_odd == num):
            cells = list(cells)[:num]  # what is certain, or no number at all, will not change
            break
        seen = evidence(cell)
        if seen is None:
            num_odd += 1
            continue
        kind, thousands, decimal = seen
        if kind == "whole":
            digits = len(cell.lstrip("+-\u2212"))
            found.hundreds |= digits == 3 and not cell.startswith("0")
            found.long |= digits > 3
        elif kind == "either":
            found.either.setdefault(decimal, unified(cell))
        else:
            found.decimals |= {decimal} - {""}
            found.thousands |= {thousands} - {""}
            if thousands:
                found.examples.setdefault(thousands, unified(cell))
    if num_odd > _ODD * len(cells) or found.decimals & found.thousands:
        return None
    return found


def find_marks(
    source: object,
    names: Sequence[str],
    rows: Rows,
    delimiter: str,
    asked: tuple[str | None, str | None],
    group: str,
    known: Marks | None = None,
    numbers: Collection[str] = (),
    texts: Collection[str] = (),
) -> tuple[Marks, tuple[str, ...]]:
    """The marks of the numbers in some records, and notes where they are a guess.

    Arguments:
        source, names, group: the file, what may be the names of its columns, and the group of the settings, for messages.
        rows: stripped cells of equally long records, without the names.
        asked: what the user says: the decimal mark or None, and the thousands mark ("" for none) or None.
        known: the marks of a file that this one belongs to; they are taken where they read all numbers in `numbers`, and
            decide what these cells leave open.
        numbers, texts: names of columns that hold numbers in that file, and of those that hold text whatever they look like.
    Raises DataError: the cells can be read in two ways; the message names the setting that decides.
    """
    decimal, thousands = asked
    if decimal is not None and thousands is not None:
        return Marks(decimal, thousands), ()
    if known is not None and decimal is None and thousands is None and _reads(known, names, rows, numbers):
        return known, ()
    columns = []
    for place, column in enumerate(zip(*rows, strict=True)):
        if names[place] in texts:
            continue
        cells = dict.fromkeys(without_percent(cell) for cell in column if cell not in MISSING)  # in their order
        found = _look(place, cells) if cells else None
        if found is not None:
            columns.append(found)
    if thousands is not None:
        return _with_thousands(columns, thousands), ()
    is_open = decimal is None and not any(c.decimals or c.thousands for c in columns)
    if known is not None and is_open and all(mark in (known.decimal, known.thousands) for c in columns for mark in c.either):
        return known, ()
    decimals, groups, notes = _decide(source, names, columns, delimiter, decimal, group)
    marks = Marks(decimals, min(groups) if len(groups) == 1 else "")
    if any(decimals in c.decimals or decimals in c.either for c in columns) and decimals == "," and decimal is None:
        notes.append("Decimal comma: 1,5 is read as one and a half.")
    if marks.thousands:
        cell = groups[marks.thousands]
        other = Marks(marks.thousands).plain(cell) if marks.thousands in ".," else None
        doubt = "" if other is None else f" (if it is {_short(other)}: {group}.thousands=none)"
        notes.append(f"Thousands {NAMES[marks.thousands]}: {cell} is read as {marks.plain(cell)}{doubt}.")
    elif len(groups) > 1:
        shown = " and ".join(sorted(groups.values()))
        notes.append(f"Thousands are divided in several ways ({shown}): such cells are not read as numbers.")
    return marks, tuple(notes)


def _reads(known: Marks, names: Sequence[str], rows: Rows, numbers: Collection[str]) -> bool:
    """Whether some of these columns are there, and all their numbers have these marks."""
    places = [place for place, name in enumerate(names) if name in numbers]
    cells = {without_percent(row[place]) for row in rows for place in places}
    return bool(places) and all(known.is_number(cell) or evidence(cell) is None for cell in cells)


def _with_thousands(columns: Sequence[_Column], thousands: str) -> Marks:
    """The marks where the user gave the thousands mark: what cannot be one is the decimal mark."""
    if thousands in (".", ","):
        return Marks("," if thousands == "." else ".", thousands)
    decimals = {mark for c in columns for mark in (*c.decimals, *c.either)}
    return Marks("," if decimals == {","} else ".", thousands)


def _decide(
    source: object, names: Sequence[str], columns: Sequence[_Column], delimiter: str, decimal: str | None, group: str
) -> tuple[str, dict[str, str], list[str]]:
    """The decimal mark, the thousands marks with a cell of each, and notes."""
    notes: list[str] = []
    decimals = {mark for c in columns for mark in c.decimals} if decimal is None else {decimal}
    certain = {mark: cell for c in reversed(columns) for mark, cell in c.examples.items()}
    either = {mark: cell for c in reversed(columns) for mark, cell in c.either.items()}
    if not decimals and certain:  # what divides thousands is known, so another mark is the decimal one
        decimals = either.keys() - certain.keys() or {"," if "." in certain else "."}
    elif not decimals and either:
        decimals = {_open(source, names, columns, either, delimiter, group, notes)}
    if len(decimals) == 2:
        how = f"read with points (otherwise: {group}.decimal)"
        notes.append(f"Some columns hold numbers with a decimal comma, others with a point: {how}.")
        return ".", {}, notes
    found = next(iter(decimals), ".")
    return found, {mark: cell for mark, cell in (either | certain).items() if mark != found}, notes


def _open(
    source: object,
    names: Sequence[str],
    columns: Sequence[_Column],
    either: dict[str, str],
    delimiter: str,
    group: str,
    notes: list[str],
) -> str:
    """The decimal mark where three digits stand behind every mark there is, as in 1.150."""
    if len(either) == 2:
        raise DataError(
            f"{source}: one of the marks in {either['.']} and {either[',']} divides thousands, and nothing shows which.",
            f"Say what the decimal mark is: {group}.decimal=. or {group}.decimal=,",
        )
    ((mark, cell),) = either.items()
    other = "," if mark == "." else "."
    if any(c.says_thousands(mark) for c in columns):
        return other
    if delimiter == ",":  # there a comma needs quotes, which programs put around thousands; a point is the decimal mark
        return "."
    small, large = _short(str(Marks(mark).plain(cell))), re.sub("[.,]", "", cell)
    if mark == "." and delimiter != ";":
        notes.append(f"{cell} is read as {small} (if it is {large}: {group}.thousands=.).")
        return mark
    place = next(c.place for c in columns if mark in c.either)
    raise DataError(
        f"{source}: column {names[place][:60]!r} holds {cell}: is that {large} or {small}?",
        f"If it is {large}: {group}.thousands={mark} - if it is {small}: {group}.thousands=none",
    )


def _short(plain: str) -> str:
    return f"{float(plain):.15g}"
