"""The columns of R's vectors: numbers, text, factors, dates by their class."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sdl_cli.data.arrays import Array, objects
from sdl_cli.data.formats.typed_columns import TypedColumn, date_cells, logical_cells, number_cells
from sdl_cli.phrases import shortened

_LOGICALS = ("FALSE", "TRUE")
_NA_LONG = np.iinfo(np.int64).min
_US = 1_000_000  # microseconds of a second
_DAY_SECONDS = 86_400
_MOST_SECONDS = 250_000 * 365 * _DAY_SECONDS  # far beyond any date, and within 64 bits of microseconds
_ALIKE = {"AsIs", "labelled", "haven_labelled", "vctrs_vctr", "integer", "double", "numeric", "character", "logical", "units"}


class UnreadError(ValueError):
    """A vector that is no column of a table, and why, as the rest of a sentence: `holds lists`."""


def attributes(found: Any) -> dict[str, Any]:
    """An object's attributes by name, as objects of rdata; their list is followed without going deeper."""
    own: dict[str, Any] = {}
    part = found.attributes
    while part is not None and part.info.type.name == "LIST":
        own[symbol(part.tag)] = part.value[0]
        part = part.value[1]
    return own


def symbol(found: Any) -> str:
    """The name that a tag stands for."""
    while found is not None and found.info.type.name == "REF":
        found = found.referenced_object
    if found is None or found.info.type.name != "SYM":
        return ""
    return text(found.value, "utf-8") or ""


def text(found: Any, encoding: str) -> str | None:
    """A string of R: UTF-8 or Latin-1 where it is marked so, otherwise the encoding of the file; None where it is NA."""
    if found.value is None:
        return None
    marks = int(found.info.gp)
    codec = "utf-8" if marks & 8 else "cp1252" if marks & 4 else encoding
    try:
        return bytes(found.value).decode(codec)
    except (UnicodeError, LookupError):
        return bytes(found.value).decode("latin-1")


def texts(found: Any, encoding: str) -> list[str | None]:
    """The strings of a character vector. Raises UnreadError: it is none."""
    if found is None or found.info.type.name != "STR":
        raise UnreadError("is no text")
    return [text(each, encoding) for each in found.value]


def length(found: Any) -> int | None:
    """The number of values of a vector, None of anything else."""
    return len(found.value) if found.info.type.name in ("LGL", "INT", "REAL", "CPLX", "STR", "VEC", "RAW") else None


@dataclass(frozen=True)
class Vector:
    """A vector that is to be a column.

    Arguments:
        name: of the column. found: the object. own: its attributes. encoding: of text that is not marked.
        notes: what is to be said is added to them. shown: the name as messages show it. label: what it is in words.
        exact: whether the file keeps all bits of floats, as R's forms other than the one of text do.
    """

    name: str
    found: Any
    own: Mapping[str, Any]
    encoding: str
    notes: list[str]
    shown: str
    label: str
    exact: bool

    def first_text(self, attribute: str) -> str:
        own = self.own.get(attribute)
        return next((word for word in (texts(own, self.encoding) if own is not None else ()) if word), "")


def column(name: str, found: Any, encoding: str, notes: list[str], shown: str, exact: bool) -> TypedColumn:
    """A vector as a column; the arguments are those of `Vector`.

    Raises UnreadError: lists, complex numbers, classes that sdl does not know.
    """
    own = attributes(found)
    kinds = tuple(word for word in (texts(own["class"], encoding) if "class" in own else ()) if word)
    if "dim" in own:
        raise UnreadError("is a matrix")
    make = next((_CLASSES[word] for word in kinds if word in _CLASSES), None)
    if make is None:
        unknown = [word for word in kinds if word not in _ALIKE]
        if unknown:
            raise UnreadError(f"is of the class {shortened(unknown[0], 40)}")
        make = _plain
    vector = Vector(name, found, own, encoding, notes, shown, "", exact)
    return make(dataclasses.replace(vector, label=vector.first_text("label")))


def _plain(v: Vector) -> TypedColumn:
    kind = v.found.info.type.name
    if kind == "STR":
        cells = objects([word or None for word in texts(v.found, v.encoding)])
        return TypedColumn(v.name, len(cells), lambda start, stop: cells[start:stop], is_text=True, label=v.label)
    if kind not in ("LGL", "INT", "REAL"):
        raise UnreadError(
            {"VEC": "holds lists", "CPLX": "holds complex numbers", "RAW": "holds raw bytes"}.get(kind, f"is {kind}")
        )
    values, missing = _values(v.found)
    if "labels" in v.own:
        v.notes.append(
            f"Column {v.shown} has labels for some values, which are not used (haven::as_factor makes them categories)."
        )

    def part(start: int, stop: int) -> Array:
        made = logical_cells(values[start:stop], _LOGICALS) if kind == "LGL" else number_cells(values[start:stop])
        made[missing[start:stop]] = None
        return made

    return TypedColumn(v.name, len(values), part, label=v.label)


def _values(found: Any) -> tuple[Array, Array]:
    """The values of a vector of numbers and which are missing."""
    if found.info.type.name not in ("LGL", "INT", "REAL"):
        raise UnreadError("holds no numbers")
    missing = np.ma.getmaskarray(found.value)
    values = np.ma.getdata(found.value)
    return values, missing | (np.isnan(values) if values.dtype.kind == "f" else False)


def _factor(v: Vector) -> TypedColumn:
    words = texts(v.own.get("levels"), v.encoding)
    values, missing = _values(v.found)
    codes = np.where(missing, 0, values).astype(np.int64)
    if len(codes) and not (codes.min() >= 0 and codes.max() <= len(words)):
        raise UnreadError("is a factor with numbers that have no level")
    if len(set(words)) < len(words):
        raise UnreadError("is a factor with two levels of one name")
    by_code = objects([None, *(word or None for word in words)])
    levels = tuple(word for word in words if word)
    return TypedColumn(v.name, len(codes), lambda start, stop: by_code[codes[start:stop]], levels, is_text=True, label=v.label)


def _date(v: Vector) -> TypedColumn:
    values, missing = _values(v.found)
    days = np.floor(np.where(missing, 0, values).astype(np.float64))
    return _moments(v.name, np.clip(days, -_MOST_SECONDS, _MOST_SECONDS) * _DAY_SECONDS, missing, False, v.label)


def _time(v: Vector) -> TypedColumn:
    zone = v.first_text("tzone")
    if zone not in ("UTC", "GMT", "Etc/UTC"):
        of = f"their zone is {shortened(zone, 40)}" if zone else "the file names no zone"
        v.notes.append(f"Times of {v.shown} are read in UTC; {of}.")
    values, missing = _values(v.found)
    return _moments(v.name, np.where(missing, 0, values).astype(np.float64), missing, None, v.label)


def _moments(name: str, seconds: Array, missing: Array, with_time: bool | None, label: str) -> TypedColumn:
    """Seconds since 1970 as a column of dates; those that no calendar holds are refused."""
    if (np.abs(seconds) > _MOST_SECONDS).any():
        raise UnreadError("holds dates that no calendar has")
    whole = np.floor(seconds)
    exact = whole.astype(np.int64) * _US + np.rint((seconds - whole) * _US).astype(np.int64)
    times = exact.view("datetime64[us]").copy()
    times[missing] = np.datetime64("NaT")
    known = times[~missing]
    if len(known) and (known.min() < np.datetime64("0001-01-01") or known.max() >= np.datetime64("10000-01-01")):
        raise UnreadError("holds dates outside the years 1 to 9999")
    if with_time is None:
        with_time = bool((exact[~missing] % (_DAY_SECONDS * _US)).any())
    return TypedColumn(name, len(times), lambda start, stop: date_cells(times[start:stop], with_time), label=label)


def _long(v: Vector) -> TypedColumn:
    """integer64: whole numbers of 64 bits in the place of floats."""
    if v.found.info.type.name != "REAL":
        raise UnreadError("is integer64 in a form that bit64 does not write")
    if not v.exact:
        raise UnreadError("is integer64, whose digits R's text form of a file does not keep")
    values = np.ascontiguousarray(np.ma.getdata(v.found.value), dtype=np.float64).view(np.int64)
    return _with_missing(v.name, values, values == _NA_LONG, v.label)


def _with_missing(name: str, values: Array, missing: Array, label: str) -> TypedColumn:
    def part(start: int, stop: int) -> Array:
        made = number_cells(values[start:stop])
        made[missing[start:stop]] = None
        return made

    return TypedColumn(name, len(values), part, label=label)


def _span(v: Vector) -> TypedColumn:
    """A length of time, a number in the unit that the file says."""
    unit = shortened(v.first_text("units"), 20)
    values, missing = _values(v.found)
    if unit:
        v.notes.append(f"Column {v.shown} is a length of time in {unit}.")
    return _with_missing(v.name, values, missing, v.label or (f"{v.name} ({unit})" if unit else ""))


_CLASSES: dict[str, Callable[..., TypedColumn]] = {
    "factor": _factor, "Date": _date, "POSIXct": _time, "integer64": _long, "difftime": _span,
}  # fmt: skip
