"""The declarations at the top of an ARFF file: names and types of its columns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sdl_cli.data.formats.typed_columns import unique_names
from sdl_cli.errors import DataError
from sdl_cli.phrases import shortened

_NAME = re.compile(r"@attribute\s+(?:'((?:[^'\\]|\\.)*+)'|\"((?:[^\"\\]|\\.)*+)\"|([^\s{'\"]+))(?:\s+|(?=\{))(\S.*)", re.I | re.S)
_VALUE = re.compile(r"\s*(?:'((?:[^'\\]|\\.)*+)'|\"((?:[^\"\\]|\\.)*+)\"|([^,'\"{}]*))\s*([,}])", re.S)
_WEIGHT_OF_COLUMN = re.compile(r"\{\s*[-+.\deE]+\s*\}$")
_ESCAPE = re.compile(r"\\([0-9]{1,3}|u[0-9a-f]{4}|.)", re.S)
_LETTERS = {"t": "\t", "n": "\n", "r": "\r", "b": "\b", "f": "\f"}
_NUMBERS = ("numeric", "real", "integer")
_JAVA = re.compile(r"'([^']*)'|([A-Za-z])\2*|[^A-Za-z']+")
_STRPTIME = {
    "yyyy": "%Y", "yy": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "M": "%m", "dd": "%d", "d": "%d", "HH": "%H", "H": "%H",
    "mm": "%M", "m": "%M", "ss": "%S", "s": "%S", "SSS": "%f",
}  # fmt: skip
_DAY = (("%Y", "%y"), ("%m", "%b", "%B"), ("%d",))  # of a whole day, one each
_DEFAULT_DATE = "yyyy-MM-dd'T'HH:mm:ss"
_AGAIN = "Correct the line, or save the table as CSV."


@dataclass(frozen=True)
class Attribute:
    """A column as it is declared.

    Arguments:
        values: of a nominal column, in their order. format: of a date, in the terms of strptime; "" where it has no such form.
        whole: declared INTEGER.
    """

    name: str
    kind: Literal["number", "nominal", "text", "date"]
    values: tuple[str, ...] = ()
    format: str = ""
    whole: bool = False


def read_header(path: Path, lines: Iterator[tuple[int, str]]) -> tuple[list[Attribute], list[str]]:
    """The columns of an ARFF file and what is to be said of them; the lines `(number, content)` are read up to `@data`.

    Raises DataError: a declaration that cannot be read, columns that share a name, no data; with its line.
    """
    found: list[Attribute] = []
    notes: list[str] = []
    for number, line in lines:
        text = line.strip().removeprefix("\ufeff")
        word = text.split(None, 1)[0].lower() if text else "%"
        if word.startswith("%") or word == "@relation":
            continue
        if word == "@data":
            break
        if not word.startswith("@attribute"):
            raise DataError(f"{path}, line {number}: {shortened(text, 30)!r} is no declaration of an ARFF file.", _AGAIN)
        found.append(_attribute(path, number, text, notes))
    else:
        raise DataError(f"{path}: this ARFF file ends before @data: it is cut short or damaged.", "Copy or save it again.")
    if not found:
        raise DataError(f"{path}: this ARFF file declares no @attribute.", _AGAIN)
    names = unique_names(str(path), [attribute.name for attribute in found])
    return [Attribute(name, a.kind, a.values, a.format, a.whole) for name, a in zip(names, found, strict=True)], notes


def _attribute(path: Path, number: int, text: str, notes: list[str]) -> Attribute:
    match = _NAME.fullmatch(text)
    if match is None:
        raise DataError(f"{path}, line {number}: this @attribute cannot be read: {shortened(text)!r}.", _AGAIN)
    single, double, bare, kind = match.groups()
    name = bare if bare is not None else unescaped(path, number, single if single is not None else double)
    if kind.startswith("{"):
        return Attribute(name, "nominal", _nominal_values(path, number, kind))
    if weight := _WEIGHT_OF_COLUMN.search(kind):
        notes.append(f"The weight that the file gives the column {shortened(name)} is not used.")
        kind = kind[: weight.start()].strip()
    word, _, rest = kind.partition(" ") if " " in kind else kind.partition("\t")
    word = word.lower()
    if word in _NUMBERS and not rest.strip():
        return Attribute(name, "number", whole=word == "integer")
    if word == "string" and not rest.strip():
        return Attribute(name, "text")
    if word == "date":
        return Attribute(name, "date", format=_date_format(name, rest.strip().strip("'\"") or _DEFAULT_DATE, notes))
    if word == "relational":
        raise DataError(
            f"{path}, line {number}: the column {shortened(name)} holds tables (relational), which sdl does not read.",
            "Save one row for each of the inner ones, with a column that says which belong together (dataset.group).",
        )
    raise DataError(
        f"{path}, line {number}: the column {shortened(name)} has the type {shortened(kind, 30)!r}, which ARFF does not have.",
        "Its types are numeric, real, integer, string, date and {first,second}.",
    )


def _nominal_values(path: Path, number: int, text: str) -> tuple[str, ...]:
    values: list[str] = []
    place, end = 1, ""
    while end != "}":
        match = _VALUE.match(text, place)
        if match is None:
            raise DataError(
                f"{path}, line {number}: this list of values cannot be read from {shortened(text[place:], 30)!r} on.",
                "Put values with blanks, commas or quotes in quotes: {'New York', Boston}",
            )
        single, double, bare, end = match.groups()
        value = bare.strip() if bare is not None else unescaped(path, number, single if single is not None else double)
        if bare is not None and len(value.split()) > 1:
            what = f"the value {shortened(value, 30)!r} holds a blank and no quotes"
            raise DataError(f"{path}, line {number}: {what}.", f"Write '{shortened(value, 30)}' in quotes, or as two values.")
        values += [value] if value or bare is None else []
        place = match.end()
    return tuple(dict.fromkeys(values))


def unescaped(path: Path, number: int, text: str) -> str:
    r"""What stands in quotes, with \' as an apostrophe and so on: the same as liac-arff 2.5.0 does for the rows."""

    def meant(match: re.Match[str]) -> str:
        code = match[1]
        if code[0] == "u" and len(code) > 1:
            return chr(int(code[1:], 16))
        if code.isdigit() and not set("89") & set(code):
            return chr(int(code, 8))
        if code in _LETTERS or code in "\\'\"%":
            return _LETTERS.get(code, code)
        raise DataError(
            f"{path}, line {number}: \\{shortened(code, 5)} in {shortened(text, 30)!r} has no meaning.",
            "Write a backslash as \\\\.",
        )

    return _ESCAPE.sub(meant, text)


def _date_format(name: str, written: str, notes: list[str]) -> str:
    """A date's form of Java in the terms of strptime; "" and a note where it has none, or names no whole day."""
    parts: list[str] = []
    known: list[str] = []
    for match in _JAVA.finditer(written):
        if match[2]:
            known.append(_STRPTIME.get(match[0], ""))
            parts.append(known[-1])
        else:
            parts.append((match[0] if match[1] is None else match[1]).replace("%", "%%"))
    days = all(sum(part in group for part in known) == 1 for group in _DAY)
    if not days or not all(known) or len(set(known)) < len(known):
        form = shortened(written, 40)
        notes.append(f"Dates of {shortened(name)} are declared as {form!r}, a form that sdl does not know: read as text.")
        return ""
    return "".join(parts)
