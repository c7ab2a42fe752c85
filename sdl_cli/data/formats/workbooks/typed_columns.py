"""The cells of one column of a sheet, by their own types, as text: what was read otherwise than shown is said."""

from __future__ import annotations

import array
import datetime
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from sdl_cli.data.arrays import Array, objects
from sdl_cli.data.files.class_names import is_code
from sdl_cli.data.files.marks import PLAIN, Marks
from sdl_cli.data.files.missing import MISSING
from sdl_cli.data.formats.workbooks.sheet import Sheet, Value, cell_name
from sdl_cli.data.formats.workbooks.times import as_dates, as_seconds, kind_of_times, plain_dates
from sdl_cli.phrases import listed, shortened

_FEW_DISTINCT = 0.5  # share of cells below which each distinct one is turned into text once
_SHOWN = 3
_EXACT = 2.0**53
_SMALLEST_PLAIN, _LARGEST_PLAIN = 1e-4, 1e8
_MANY = 10_000  # numbers from which a faster way is worth its import


@dataclass
class SheetColumn:
    """A column of a table in a sheet.

    Arguments:
        values: of the rows that are used, `rows (N,)` of the sheet (from 0), in its column `place`.
        notes: sentences about it, which reading adds.
        missing: positions whose cell cannot be read as the others are; it is missing.
        as_text: its cells are text that looks like numbers.
    """

    name: str
    values: Sequence[Value]
    rows: Sequence[int]
    place: int
    sheet: Sheet
    notes: list[str] = field(default_factory=list)
    as_text: bool = False

    @property
    def shown(self) -> str:
        return f"Column {shortened(self.name)}"

    def cell(self, position: int) -> str:
        return cell_name(self.rows[position], self.place)

    def cells(self, positions: Sequence[int]) -> str:
        """Names of cells in the sheet: `C7, C9 and 3 more`."""
        return listed([self.cell(i) for i in positions[:_SHOWN]], _SHOWN, len(positions), last=", ")

    def count(self, positions: Sequence[int], noun: str = "cell") -> str:
        return f"{len(positions):,} {noun}{'s' * (len(positions) != 1)}"


def read_column(column: SheetColumn, marks: Marks | None, keep_text: bool) -> Array:
    """The cells as objects `(N,)` of str, None where empty.

    Arguments:
        marks: how numbers in text cells are written, if the user says so: they are read as numbers.
        keep_text: the user says that the column holds text.
    Raises DataError: dates that can be read in two ways.
    """
    values = column.values
    kinds = set(map(type, values))
    if kinds <= {float, int}:
        return number_texts(values)
    if kinds == {str} and (cells := _plain_texts(values)) is not None:
        return cells
    blanks = str in kinds and not any(value and not value.isspace() for value in set(values) if type(value) is str)
    if blanks and kinds <= {float, int, str}:
        return _with_gaps(values)
    if kinds <= {datetime.date, datetime.datetime} and (dates := plain_dates(values, column.sheet.is_1904)) is not None:
        return dates
    if kinds == {bool} or (blanks and kinds == {bool, str}):
        return objects([_WORDS.get(value) for value in values])
    by_kind: dict[str, list[int]] = {}
    for i, value in enumerate(values):
        kind = _KINDS[type(value)]
        if kind != "text" or value.strip():  # type: ignore[union-attr]
            by_kind.setdefault(kind, []).append(i)
    if by_kind.keys() & {"date", "time"}:
        return _times(column, by_kind)
    cells = objects([text_of(value) for value in values])
    texts = by_kind.get("text", [])
    if texts:
        _numbers_in_text(column, cells, texts, by_kind, marks, keep_text)
    if "logical" in by_kind and "number" in by_kind:
        numbers = by_kind["number"]
        column.notes.append(
            f"{column.shown} holds {column.count(numbers, 'number')} ({column.cells(numbers)}) among its "
            f"{len(by_kind['logical']):,} logical cells: all are categories."
        )
    return cells


_WORDS: dict[Value, str] = {True: "True", False: "False"}
_KINDS = {
    float: "number",
    int: "number",
    str: "text",
    bool: "logical",
    datetime.date: "date",
    datetime.datetime: "date",
    datetime.time: "time",
    datetime.timedelta: "time",
}


def number_texts(values: Sequence[Value]) -> Array:
    """Numbers as objects `(N,)` of text that reads back to the same: whole ones without a fraction."""
    numbers = np.frombuffer(array.array("d", values), dtype=np.float64)  # type: ignore[type-var]
    size = np.abs(numbers)
    whole = (numbers == np.rint(numbers)) & (size < _EXACT)
    if whole.all():
        return objects(list(map(str, numbers.astype(np.int64).tolist())))
    texts = _fast_texts(numbers)
    # between these sizes no library writes an exponent
    for i in np.flatnonzero(whole | ~((size >= _SMALLEST_PLAIN) & (size < _LARGEST_PLAIN))).tolist():
        texts[i] = number_text(numbers[i])
    return texts


def _fast_texts(numbers: Array) -> Array:
    """What repr gives, but for exponents: four times as fast where pyarrow is installed."""
    if len(numbers) > _MANY:
        with suppress(ImportError):
            import pyarrow

            texts: Array = pyarrow.array(numbers).cast(pyarrow.string()).to_numpy(zero_copy_only=False)
            return texts if texts.flags.writeable else texts.copy()
    return objects(list(map(repr, numbers.tolist())))


def number_text(number: float) -> str:
    """One number as `number_texts`."""
    number = float(number)
    return str(int(number)) if number.is_integer() and abs(number) < _EXACT else repr(number)


def _plain_texts(values: Sequence[Value]) -> Array | None:
    """Cells of text that cannot be taken for numbers; None where there is a doubt."""
    distinct = set(values)
    if len(distinct) > _FEW_DISTINCT * len(values) and len(values) > 1000:
        return None
    table = {value: str(value).strip() or None for value in distinct}
    if any(word is not None and word not in MISSING and looks_like_a_number(word) for word in table.values()):
        return None
    return objects(list(map(table.get, values)))


def _with_gaps(values: Sequence[Value]) -> Array:
    filled = [i for i, value in enumerate(values) if type(value) is not str]
    cells = objects([None] * len(values))
    if filled:
        cells[filled] = number_texts([values[i] for i in filled])
    return cells


def text_of(value: Value) -> str | None:
    """A number, logical value or text as text; None where empty."""
    if isinstance(value, str):
        return value.strip() or None
    return number_text(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)


def looks_like_a_number(text: str) -> bool:
    """Whether a reader of plain text would take it for a number, inf among them."""
    if PLAIN.is_number(text):
        return True
    try:
        float(text)
    except ValueError:
        return False
    return text.isascii() and "_" not in text


def _numbers_in_text(
    column: SheetColumn, cells: Array, texts: list[int], by_kind: dict[str, list[int]], marks: Marks | None, keep_text: bool
) -> None:
    """What text cells that look like numbers are: text, unless they stand among numbers or the user gave their marks."""
    known = [i for i in texts if cells[i] not in MISSING]
    if keep_text or not known:
        return
    numbers = [i for i in known if looks_like_a_number(cells[i])]
    codes = [i for i in numbers if is_code(cells[i]) or not PLAIN.is_number(cells[i])]
    if marks is not None and not codes:
        plain = [marks.plain(cells[i]) for i in known]
        if all(text is not None for text in plain):
            cells[known] = objects([number_text(float(text)) for text in plain if text is not None])
            column.notes.append(
                f"{column.shown}: {column.count(known, 'text cell')} ({column.cells(known)}) were read as numbers."
            )
            return
    if len(numbers) < len(known):
        return  # words: all are categories, which the rules for tables say
    first = shortened(cells[(codes or numbers)[0]], 20)
    if codes or "number" not in by_kind:
        column.as_text = True
        among = f" among {len(by_kind['number']):,} numbers" if "number" in by_kind else ""
        way = "" if codes else " (to read them as numbers: dataset.decimal=. or their own mark)"
        column.notes.append(
            f"{column.shown}: {column.count(numbers, 'cell')}{among} ({column.cells(numbers)}) hold text that looks like a "
            f"number, such as {first!r}: the column was read as text{way}."
        )
        return
    column.notes.append(
        f"{column.shown}: {column.count(numbers, 'cell')} among {len(by_kind['number']):,} numbers hold a number as text, such "
        f"as {first!r} in {column.cell(numbers[0])}: read as numbers (otherwise: dataset.text=[{shortened(column.name)}])."
    )


def _times(column: SheetColumn, by_kind: dict[str, list[int]]) -> Array:
    if kind_of_times(column.values, by_kind, column.sheet.is_1904) == "clock":
        stored = dict(column.sheet.stored(column.place))
        return as_seconds(column, by_kind, stored)
    return as_dates(column, by_kind)


def error_notes(column: SheetColumn) -> None:
    """Say how many cells hold errors, which are missing."""
    errors = column.sheet.errors
    places = [i for i, row in enumerate(column.rows) if (row, column.place) in errors] if errors else []
    if places:
        words = Counter(errors[column.rows[i], column.place] for i in places)
        kinds = ", ".join(f"{shortened(word, 20)} ({count:,})" for word, count in words.most_common(4))
        column.notes.append(
            f"{column.shown}: {column.count(places, 'error cell')} read as missing, {kinds}: {column.cells(places)}."
        )


def percent_notes(column: SheetColumn) -> None:
    """Say what number a per cent is, and where only some cells of the column are shown so."""
    shown = column.sheet.percents.get(column.place, 0)
    if not shown:
        return
    numbers = [i for i, value in enumerate(column.values) if type(value) in (float, int)]
    if not numbers:
        return
    value = float(column.values[numbers[0]])  # type: ignore[arg-type]
    if shown < len(numbers):
        column.notes.append(
            f"{column.shown}: {shown:,} of its {len(numbers):,} numbers are shown in per cent and the others are not: all were "
            "read as stored, 35 % as 0.35 and 35 as 35. Write them alike."
        )
    else:
        column.notes.append(f"{column.shown} is shown in per cent and was read as stored: {value * 100:.6g} % is {value:.6g}.")
