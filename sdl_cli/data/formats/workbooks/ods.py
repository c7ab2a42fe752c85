"""Sheets of .ods, read from the XML itself: there a cell says its type, its error, its formula and its exact value.

OpenDocument 1.3 part 3: table:table-cell (9.1.4), office:value-type (19.389).
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass, field
from pathlib import Path

from sdl_cli.data.formats.workbooks.container import Parts, damaged, encrypted, too_large
from sdl_cli.data.formats.workbooks.office_parts import Tab
from sdl_cli.data.formats.workbooks.sheet import LARGEST_COLUMN, LARGEST_ROW, Sheet, Span, Value
from sdl_cli.data.formats.workbooks.xml_parts import Attributes, local, walk
from sdl_cli.settings.machine import available_bytes

_VALUE_BYTES = 96
_MOST_CELLS = 2**31
_DURATION = re.compile(r"(-?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:[.,]\d*)?)S)?)?")
_ERROR_TEXT = re.compile(r"#[A-Z/0-9]+[!?]|#N/A|Err:\d{3}")
_SUMS = re.compile(r"(?:\w+:)?=\s*(?:SUM|SUBTOTAL|AVERAGE|COUNTA?|AGGREGATE)\(", re.IGNORECASE)


@dataclass
class _Table:
    name: str
    is_hidden: bool
    rows: list[list[Value]] = field(default_factory=list)  # of different lengths, without empty ends
    merged: list[Span] = field(default_factory=list)
    errors: dict[tuple[int, int], str] = field(default_factory=dict)
    uncalculated: set[tuple[int, int]] = field(default_factory=set)
    totals: set[tuple[int, int]] = field(default_factory=set)
    percents: dict[int, int] = field(default_factory=dict)


class OdsFile:
    """An .ods that is open. Raises DataError: damaged, encrypted, more cells than memory holds."""

    def __init__(self, path: Path, kind: str = "ods") -> None:
        self.path = path
        with Parts(path) as parts:
            if b"encryption-data" in (parts.read("META-INF/manifest.xml") if "META-INF/manifest.xml" in parts.names else b""):
                raise encrypted(path)
            content = parts.read("content.xml")
        self._tables = _Walk(path).tables_of(content)
        self.tabs = tuple(Tab(table.name, table.is_hidden, table.name or " ") for table in self._tables)

    def close(self) -> None:
        self._tables = []

    def is_filled(self, tab: Tab) -> bool:
        return bool(self._table(tab).rows)

    def sheet(self, tab: Tab) -> Sheet:
        table = self._table(tab)
        width = max(map(len, table.rows), default=0)
        if _VALUE_BYTES * width * len(table.rows) > (free := available_bytes()):
            raise too_large(self.path, f"its sheet reaches to row {len(table.rows):,} and column {width:,}", free)
        rows = [[*row, *[""] * (width - len(row))] for row in table.rows]
        return Sheet(
            name=table.name,
            rows=rows,
            merged=table.merged,
            errors=table.errors,
            uncalculated=frozenset(table.uncalculated),
            totals=frozenset(table.totals),
            percents=table.percents,
        )

    def _table(self, tab: Tab) -> _Table:
        return self._tables[self.tabs.index(tab)]


class _Walk:
    """One pass through the content: repeated rows and cells are written out where they hold something."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._hidden_styles: set[str] = set()
        self._style = ""
        self._tables: list[_Table] = []
        self._depth = 0  # tables inside cells are not sheets
        self._row: list[Value] = []
        self._row_at, self._row_times, self._column = 0, 1, 0
        self._cell: Attributes | None = None
        self._text: list[str] = []
        self._paragraphs = self._aside = 0
        self._in_paragraph = False
        self._num_cells = 0
        self._most = min(_MOST_CELLS, available_bytes() // _VALUE_BYTES)

    def tables_of(self, content: bytes) -> list[_Table]:
        walk(self._path, content, self._start, self._end, self._words)
        return self._tables

    def _start(self, name: str, attributes: Attributes) -> None:
        if name == "style":
            self._style = local(attributes, "name") or ""
        elif name == "table-properties" and local(attributes, "display") == "false":
            self._hidden_styles.add(self._style)
        elif name == "table":
            self._depth += 1
            if self._depth == 1:
                hidden = local(attributes, "style-name") in self._hidden_styles
                self._tables.append(_Table(local(attributes, "name") or "", hidden))
                self._row_at = 0
        elif self._depth != 1:
            return
        elif name == "table-row":
            self._row, self._column, self._row_times = [], 0, self._count(attributes, "number-rows-repeated")
        elif name in ("table-cell", "covered-table-cell"):
            self._cell, self._text, self._paragraphs = attributes, [], 0
        elif name in ("annotation", "shape", "frame") and self._cell is not None:
            self._aside += 1
        elif self._cell is not None and not self._aside:
            self._blank(name, attributes)

    def _blank(self, name: str, attributes: Attributes) -> None:
        if name == "p":
            self._text += ["\n"] * (self._paragraphs > 0)
            self._paragraphs += 1
            self._in_paragraph = True
        elif name == "s":
            self._text.append(" " * min(self._count(attributes, "c"), 1000))
        elif name in ("tab", "line-break"):
            self._text.append(" ")

    def _words(self, words: str) -> None:
        if self._in_paragraph and not self._aside:
            self._text.append(words)

    def _end(self, name: str) -> None:
        if name == "table":
            self._depth -= 1
        elif self._depth != 1:
            return
        elif name == "p":
            self._in_paragraph = False
        elif name in ("annotation", "shape", "frame"):
            self._aside = max(0, self._aside - 1)
        elif name in ("table-cell", "covered-table-cell"):
            self._end_of_cell(name == "covered-table-cell")
        elif name == "table-row":
            self._end_of_row()

    def _count(self, attributes: Attributes, name: str) -> int:
        number = local(attributes, name) or "1"
        return int(number) if number.isdecimal() and len(number) < 10 else 1

    def _end_of_cell(self, covered: bool) -> None:
        attributes, self._cell = self._cell or {}, None
        times, table = self._count(attributes, "number-columns-repeated"), self._tables[-1]
        place, text = (self._row_at, self._column), "".join(self._text)
        value = self._value(attributes, text)
        if isinstance(value, str) and value and self._is_error(attributes, text):
            self._each(table.errors, place, times, value)
            value = ""
        formula = local(attributes, "formula")
        if formula is not None:
            if _SUMS.match(formula):
                table.totals.add(place)
            if local(attributes, "value-type") is None and not text:
                table.uncalculated.add(place)
        spans = self._count(attributes, "number-rows-spanned"), self._count(attributes, "number-columns-spanned")
        if max(spans) > 1 and not covered:
            table.merged.append((*place, place[0] + spans[0] - 1, place[1] + spans[1] - 1))
        if local(attributes, "value-type") == "percentage" and value != "":
            table.percents[self._column] = table.percents.get(self._column, 0) + self._row_times
        self._column += times
        if value != "" or formula is not None:
            self._fits(1, self._column)
            self._row += [""] * (self._column - times - len(self._row))
            self._row += [value] * times

    def _is_error(self, attributes: Attributes, text: str) -> bool:
        kind = next((value for key, value in attributes.items() if key.startswith("calcext") and key.endswith("value-type")), "")
        return kind == "error" or (_ERROR_TEXT.fullmatch(text.strip()) is not None)

    def _each(self, errors: dict[tuple[int, int], str], place: tuple[int, int], times: int, word: str) -> None:
        self._fits(self._row_times, times)
        for row in range(place[0], place[0] + self._row_times):
            for column in range(place[1], place[1] + times):
                errors[row, column] = word[:40]

    def _value(self, attributes: Attributes, text: str) -> Value:
        kind = local(attributes, "value-type")
        try:
            if kind in ("float", "percentage", "currency"):
                return float(local(attributes, "value") or text)
            if kind == "boolean":
                return {"true": True, "false": False}[local(attributes, "boolean-value") or text.lower()]
            if kind == "date":
                return _date(local(attributes, "date-value") or text)
            if kind == "time":
                return _duration(local(attributes, "time-value") or text)
        except (ValueError, KeyError, OverflowError):
            return text or (local(attributes, "date-value") or local(attributes, "time-value") or "?")
        if kind == "string":
            return local(attributes, "string-value") or text
        return text

    def _end_of_row(self) -> None:
        table, times = self._tables[-1], self._row_times
        if self._row:
            while len(table.rows) < self._row_at:
                table.rows.append([])
            self._fits(times, len(self._row))
            table.rows += [self._row] * times
        self._row_at += times

    def _fits(self, rows: int, columns: int) -> None:
        """Raise where repeated cells are more than a sheet or the memory holds."""
        self._num_cells += rows * columns
        if self._row_at + rows > LARGEST_ROW or columns > LARGEST_COLUMN:
            raise damaged(self._path, "cells outside of the sheet")
        if self._num_cells > self._most:
            raise too_large(self._path, "it repeats cells", available_bytes())


def _date(text: str) -> Value:
    return datetime.datetime.fromisoformat(text) if "T" in text else datetime.date.fromisoformat(text)


def _duration(text: str) -> datetime.timedelta:
    """`PT26H03M00S`. Raises ValueError: not a duration."""
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()[1:]):
        raise ValueError(text)
    days, hours, minutes, seconds = (float((part or "0").replace(",", ".")) for part in found.groups()[1:])
    span = datetime.timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    return -span if found[1] else span
