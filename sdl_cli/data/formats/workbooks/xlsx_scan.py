"""What the XML of a sheet says and a reader of values hides: how far it reaches, errors, formulas without results, per cent.

Files that are written as all usual programs write them are searched with regular expressions, which takes a tenth of reading
them; all others are walked through element by element.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sdl_cli.data.formats.workbooks.sheet import LARGEST_COLUMN, LARGEST_ROW, column_letters, column_number
from sdl_cli.data.formats.workbooks.xml_parts import walk

_REF = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_SUMS = ("SUM(", "SUBTOTAL(", "AVERAGE(", "COUNT(", "COUNTA(", "AGGREGATE(")
_ALL_REFS = re.compile(rb'<c r="([A-Z]{1,3})([0-9]{1,7})"')
_ERROR = re.compile(rb'<c r="([A-Z]+)([0-9]+)"[^>]* t="e"[^>]*>(?:<f[^>]*/>|<f.*?</f>)?<v>([^<]{0,40})')
_FORMULA = re.compile(
    rb'<c r="([A-Z]+)([0-9]+)"([^>]*)>\s*<f(?:[^>]*/>|[^>]*>([^<]*)</f>)\s*(?:<v\s*/>|<v(?: [^>]*)?>([^<]*)</v>)?'
)


@dataclass
class Scan:
    """What was found; cells are (row, column) from 0.

    Arguments:
        zeros: formulas whose stored result is 0. formulas: all of them.
    """

    errors: dict[tuple[int, int], str] = field(default_factory=dict)
    formulas: set[tuple[int, int]] = field(default_factory=set)
    empty: set[tuple[int, int]] = field(default_factory=set)
    zeros: set[tuple[int, int]] = field(default_factory=set)
    totals: set[tuple[int, int]] = field(default_factory=set)
    percents: Counter[int] = field(default_factory=Counter)
    rows: int = 0
    columns: int = 0

    def uncalculated(self, written_by_program: bool) -> frozenset[tuple[int, int]]:
        """Formulas without a result; programs that cannot calculate also write 0 and ask for it on loading.

        Such zeros are believed where another formula of the column has a result.
        """
        found = set(self.empty)
        if written_by_program:
            open_cells = self.empty | self.zeros
            counts, unknown = (Counter(column for _, column in cells) for cells in (self.formulas, open_cells))
            found |= {cell for cell in self.zeros if counts[cell[1]] == unknown[cell[1]]}
        return frozenset(found)

    def formula(self, cell: tuple[int, int], kind: str, text: str, value: str | None) -> None:
        self.formulas.add(cell)
        if not value and kind != "str":  # a text result may be empty
            self.empty.add(cell)
        elif value == "0" and kind in ("", "n"):
            self.zeros.add(cell)
        if text.strip().upper().startswith(_SUMS):
            self.totals.add(cell)


def num_usual_cells(data: bytes) -> int:
    """The number of cells if each begins with its name, and no document type stands before them; otherwise 0."""
    cells = data.count(b'<c r="')
    return cells if cells == data.count(b"<c ") and data.find(b"<!", 0, data.find(b'<c r="')) < 0 else 0


def extent(data: bytes, free_cells: int) -> tuple[int, int]:
    """How many rows and columns a sheet of usual XML takes from A1 on: at least as many as it has, exact where they are many."""
    last = _ALL_REFS.match(data, data.rfind(b'<c r="'))
    digits = len(last[2]) if last else 1
    far = set(re.findall(rb'<c r="([A-Z]{2,3}(?=[0-9]{1,%d}")|[A-Z]{1,3}[0-9]{%d})' % (digits, digits + 1), data))
    if last and all(name.isalpha() for name in far):
        columns = max((column_number(name.decode()) for name in far), default=25) + 1
        if columns * 10**digits <= free_cells:
            return int(last[2]), columns
    refs = _ALL_REFS.findall(data)
    return max((int(row) for _, row in refs), default=0), max((column_number(c.decode()) for c, _ in refs), default=0) + 1


def look(data: bytes, percent_styles: Collection[str]) -> Scan:
    """Errors, formulas and per cent in usual XML."""
    scan = Scan()
    if b' t="e"' in data:
        for letters, row, word in _ERROR.findall(data):
            scan.errors[int(row) - 1, column_number(letters.decode())] = word.decode("utf-8", "replace")
    if b"<f" in data:
        for letters, row, attributes, text, value in _FORMULA.findall(data):
            kind = re.search(rb' t="(\w*)"', attributes)
            cell = int(row) - 1, column_number(letters.decode())
            if kind is None or kind[1] != b"e":
                scan.formula(cell, kind[1].decode() if kind else "", text.decode("utf-8", "replace"), value.decode("latin-1"))
    if percent_styles:
        ids = b"|".join(re.escape(style.encode()) for style in percent_styles)
        found = re.findall(rb'<c r="([A-Z]+)[0-9]+"[^>]* s="(?:%s)"[^>/]*>' % ids, data)
        scan.percents.update(column_number(letters.decode()) for letters in found)
    return scan


def walk_through(path: Path, data: bytes, percent_styles: Collection[str]) -> Scan:
    """The same of any XML, with its extent. Raises DataError: it is damaged, or a cell lies outside any sheet."""
    scan = Scan()
    state: dict[str, Any] = {"row": -1, "column": -1, "kind": "", "formula": None, "value": None, "in": ""}

    def start(name: str, attributes: Any) -> None:
        if name == "row":
            number = attributes.get("r", "")
            state["row"] = int(number) - 1 if number.isdecimal() else state["row"] + 1
            state["column"] = -1
        elif name == "c":
            place = _REF.fullmatch(attributes.get("r", ""))
            state["column"] = column_number(place[1]) if place else state["column"] + 1
            state["row"] = int(place[2]) - 1 if place else max(state["row"], 0)
            state.update(kind=attributes.get("t", ""), formula=None, value=None, percent=attributes.get("s") in percent_styles)
            scan.rows, scan.columns = max(scan.rows, state["row"] + 1), max(scan.columns, state["column"] + 1)
        elif name == "f":
            state.update(formula="")
        elif name == "v":
            state.update(value="")
        state["in"] = {"f": "formula", "v": "value"}.get(name, "")

    def text(words: str) -> None:
        if state["in"]:
            state[state["in"]] += words

    def end(name: str) -> None:
        state["in"] = ""
        if name != "c":
            return
        cell = state["row"], state["column"]
        if state["kind"] == "e":
            scan.errors[cell] = str(state["value"] or "")[:40]
        elif state["formula"] is not None:
            scan.formula(cell, state["kind"], state["formula"], state["value"])
        scan.percents[cell[1]] += bool(state["percent"] and state["value"])

    walk(path, data, start, end, text)
    scan.percents = +scan.percents
    return scan


def is_possible(rows: int, columns: int) -> bool:
    return rows <= LARGEST_ROW and columns <= LARGEST_COLUMN


def raw_numbers(data: bytes, column: int) -> Iterator[tuple[int, float]]:
    """The row of each number of a column in usual XML, and the number as it is stored (days, for a time)."""
    name = column_letters(column).encode()
    cell = rb'<c r="%s([0-9]+)"(?: s="[0-9]+")?(?: t="n")?>(?:<f[^>]*/>|<f[^>]*>[^<]*</f>)?<v>([-+0-9.eE]+)</v>'
    for row, value in re.findall(cell % name, data):
        try:
            yield int(row) - 1, float(value)
        except ValueError:
            continue
