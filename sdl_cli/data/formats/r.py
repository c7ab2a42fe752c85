"""Tables in files of R: data frames, lists of vectors of one length, and matrices; nothing of the file is evaluated."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data.arrays import objects
from sdl_cli.data.files.sniffing import Asked
from sdl_cli.data.files.table_cells import Cells
from sdl_cli.data.formats.packed import unpacked, unpacked_head
from sdl_cli.data.formats.r_altrep import constructors
from sdl_cli.data.formats.r_values import UnreadError, attributes, column, length, symbol, texts
from sdl_cli.data.formats.typed_columns import TypedColumn, TypedTable, numbered_names, refuse_wider, width_of
from sdl_cli.errors import DataError
from sdl_cli.phrases import counted, listed, shortened
from sdl_cli.settings.machine import available_bytes
from sdl_cli.settings.parse import suggest

HEEDS = ("variable",)  # dataset.variable says which
ROW_NAMES = "row.names"  # the column of the names of rows, where it is asked for
_KEY = "dataset.variable"
_WORKSPACE = (b"RDX2\n", b"RDX3\n", b"RDA2\n", b"RDA3\n", b"RDB2\n", b"RDB3\n")
_START = re.compile(
    rb"(?:RD[XAB][23]\n)?(?:X\n\0\0\0[\2\3]\0|B\n[\2\3]\0\0\0|B\n\0\0\0[\2\3]|A\r?\n[23]\r?\n\d{6}\r?\n(?:131840|197888)\r?\n)"
)
_NUMBER_RATIO = 2  # of the memory that numbers take once read to their unpacked size
_OBJECT_BYTES = 500  # of a string once it is read
_MOST_OBJECTS = 10_000  # of a workspace
_SHOWN = 6


def matches(head: bytes, path: Path) -> bool:
    return _START.match(unpacked_head(path, head)) is not None


def iter_cells(path: Path, asked: Asked, chunk_rows: int | None) -> Iterator[Cells]:
    """The cells of a file of R as text, a chunk at a time, or all at once; there is at least one chunk."""
    found, encoding, exact = _parsed(path)
    try:
        name, table = _chosen(path, found, encoding, asked)
        if table.info.type.name == "VEC":
            read = _frame(path, name, table, encoding, asked, exact)
        else:
            scope = found if isinstance(found, dict) else _elements(found, encoding) or {}
            read = _matrix(path, name, table, encoding, asked, exact, scope)
    except (AttributeError, TypeError, ValueError, IndexError, KeyError) as error:  # an object that R would not write
        raise _damaged(path, error) from error
    yield from read.chunks(chunk_rows)


def _damaged(path: Path, error: Exception) -> DataError:
    said = f" ({shortened(error, 80)})" if isinstance(error, (NotImplementedError, UnreadError)) else ""
    what = f"this R file cannot be read: it is damaged or cut short{said}"
    return DataError(f"{path}: {what}.", "Copy or save it again. In R: saveRDS(as.data.frame(x), 'table.rds')")


def _parsed(path: Path) -> tuple[dict[str, Any] | Any, str, bool]:
    """The objects of a workspace by name, or the one of an .rds file; the encoding of its text; whether floats keep all bits."""
    try:
        from rdata.parser import parse_data
    except ImportError as error:
        raise DataError(f"{path}: reading files of R needs rdata.", "pip install 'sdl-cli[r]'") from error
    content = unpacked(path, _NUMBER_RATIO, "R")
    strings = max(content.count(b"\0\x09"), content.count(b"\x09\0")) if b"\0" in content[:64] else content.count(b"\n")
    if strings * _OBJECT_BYTES + _NUMBER_RATIO * len(content) > available_bytes():
        raise DataError(f"{path}: its {counted(strings, 'text')} take more than the memory that is free.", "Give fewer rows.")
    is_workspace = content.startswith(_WORKSPACE)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = parse_data(
                content,
                altrep_constructor_dict=constructors(),
                extension=".rda" if is_workspace else ".rds",
            )
        encoding = data.extra.encoding or "utf-8"
        exact = not content[5 * is_workspace :].startswith(b"A")
        return (_by_name(data.object) if is_workspace else data.object), encoding, exact
    except DataError:
        raise
    except Exception as error:  # it has many kinds, RecursionError among them
        raise _damaged(path, error) from error


def _by_name(found: Any) -> dict[str, Any]:
    objects_of: dict[str, Any] = {}
    while found is not None and found.info.type.name == "LIST" and len(objects_of) < _MOST_OBJECTS:
        objects_of[symbol(found.tag)] = found.value[0]
        found = found.value[1]
    return objects_of


def _kinds(found: Any, encoding: str) -> list[str | None]:
    own = attributes(found)
    return texts(own["class"], encoding) if "class" in own else []


def _shape(found: Any) -> tuple[int, ...] | None:
    """The dims of a matrix of numbers or text."""
    own = attributes(found)
    if "dim" not in own or found.info.type.name not in ("LGL", "INT", "REAL", "STR"):
        return None
    return tuple(int(size) for size in np.ma.getdata(own["dim"].value))


def _is_table(found: Any, encoding: str) -> bool:
    """Whether an object holds columns: a data frame, a named list of vectors of one length, or a matrix."""
    kind = found.info.type.name
    if kind == "VEC":
        if "data.frame" in _kinds(found, encoding):
            return True
        sizes = {None if "dim" in attributes(part) else length(part) for part in found.value}
        return "names" in attributes(found) and len(sizes) == 1 and None not in sizes and sizes != {0}
    shape = _shape(found)
    return shape is not None and len(shape) == 2


def _chosen(path: Path, found: Any, encoding: str, asked: Asked) -> tuple[str, Any]:
    """The name and object of the table that is meant. Raises DataError: there is none, or several could be meant."""
    if not isinstance(found, dict):
        if _is_table(found, encoding) and asked.variable is None:
            return "", found
        inner = _elements(found, encoding)
        if inner is None:
            if _is_table(found, encoding):
                return "", found  # one data frame needs no name
            raise _no_table(path, encoding, {"its object": found})
        found = inner
    name = asked.variable
    if name is not None and (name in found or not asked.new_rows):
        if name not in found:
            message = f"{_KEY}: {path} has no object {shortened(name)!r}.{suggest(name, list(found))}"
            raise DataError(message, f"It holds: {_shown(found, encoding)}.")
        if not _is_table(found[name], encoding):
            raise _no_table(path, encoding, {name: found[name]})
        return name, found[name]
    tables = {name: each for name, each in found.items() if _is_table(each, encoding)}
    frames = {name: each for name, each in tables.items() if "data.frame" in _kinds(each, encoding)}
    several = frames or tables
    if len(several) > 1:
        first = shortened(next(iter(several)), 30)
        raise DataError(
            f"{path}: several objects could be the table: {_shown(several, encoding)}.",
            f"Say which: {_KEY}={first} (of new rows, save one of them only)",
        )
    if not several:
        raise _no_table(path, encoding, found)
    return next(iter(several.items()))


def _elements(found: Any, encoding: str) -> dict[str, Any] | None:
    """The named parts of a list, which may be tables; None where it is no such list."""
    own = attributes(found)
    if found.info.type.name != "VEC" or "names" not in own or "class" in own:
        return None
    return {
        name or f"{i + 1}": part for i, (name, part) in enumerate(zip(texts(own["names"], encoding), found.value, strict=True))
    }


def _shown(found: dict[str, Any], encoding: str) -> str:
    named = [f"{shortened(name, 30)} ({_described(each, encoding)})" for name, each in list(found.items())[:_SHOWN]]
    return listed(named, _SHOWN, len(found))


def _described(found: Any, encoding: str) -> str:
    kinds = [kind for kind in _kinds(found, encoding) if kind]
    if "data.frame" in kinds:
        return f"data frame of {counted(len(found.value), 'column')}"
    if kinds:
        return shortened(kinds[0], 30)
    names = {
        "VEC": "list",
        "STR": "text",
        "LGL": "logicals",
        "INT": "numbers",
        "REAL": "numbers",
        "CLO": "function",
        "ENV": "environment",
    }
    kind = names.get(found.info.type.name, found.info.type.name)
    shape = _shape(found)
    size = length(found)
    return f"{' x '.join(map(str, shape))} {kind}" if shape else kind if size is None else f"{kind}, {size:,} long"


def _no_table(path: Path, encoding: str, found: dict[str, Any]) -> DataError:
    holds = f" It holds {_shown(found, encoding)}." if found else ""
    hint = "In R: saveRDS(as.data.frame(x), 'table.rds')"
    return DataError(f"{path}: no data frame, list of vectors of one length, or matrix is in it.{holds}", hint)


def _source(path: Path, name: str, asked: Asked, notes: list[str]) -> str:
    """The file and in it the table, for messages; a note where a name was given for the one table that there is."""
    if asked.variable is not None and not name:
        notes.append("The file holds one table, without a name: dataset.variable has no effect.")
    return f"{path}, {shortened(name, 40)}" if name else str(path)


def _frame(path: Path, name: str, found: Any, encoding: str, asked: Asked, exact: bool) -> TypedTable:
    """A data frame, or a list of vectors of one length."""
    own, notes = attributes(found), list[str]()
    source = _source(path, name, asked, notes)
    if not found.value:
        raise DataError(f"{source}: the table has no columns.")
    names = texts(own.get("names"), encoding)
    sizes = {length(part) for part in found.value if _is_vector(part)}
    if len(names) != len(found.value) or len(sizes) > 1:
        raise DataError(f"{source}: its columns are not equally long: the file is damaged.", "Save it again.")
    columns: list[TypedColumn] = []
    left: list[str] = []
    for given, part in zip(names, found.value, strict=True):
        shown = shortened(given or "", 40)
        try:
            columns.append(column(given or "", part, encoding, notes, shown, exact))
        except UnreadError as error:
            if given in asked.columns:
                raise DataError(
                    f"{source}: the column {shown} {error}, which sdl does not read.", _way_out(str(error))
                ) from error
            left.append(f"Column {shown} {error}: it was left out ({_way_out(str(error))}).")
    if not columns:
        raise DataError(f"{source}: none of its columns can be read. {left[0] if left else ''}".strip())
    if "row.names" in own:
        columns += _row_names(source, own["row.names"], encoding, columns[0].size, asked, notes)
    return TypedTable(str(path), columns, [*notes, *left])


def _way_out(why: str) -> str:
    if "POSIXlt" in why:
        return "as.POSIXct makes it a column of times"
    return "as.character or as.numeric makes it a plain column"


def _row_names(source: str, found: Any, encoding: str, num_rows: int, asked: Asked, notes: list[str]) -> list[TypedColumn]:
    """The names of rows as a column where it is asked for; otherwise a note, where they are more than numbers."""
    if found.info.type.name != "STR":
        values = np.ma.getdata(found.value)
        compact = len(values) == 2 and bool(np.ma.getmaskarray(found.value)[0] or values[0] == np.iinfo(np.int32).min)
        count = abs(int(values[1])) if compact else len(values)
        if count != num_rows:
            raise DataError(f"{source}: it names {count:,} rows and holds {num_rows:,}: the file is damaged.", "Save it again.")
        return []
    cells = objects(texts(found, encoding))
    if len(cells) != num_rows:
        raise DataError(f"{source}: it names {len(cells):,} rows and holds {num_rows:,}: the file is damaged.", "Save it again.")
    if ROW_NAMES in asked.columns:
        return [TypedColumn(ROW_NAMES, num_rows, lambda start, stop: cells[start:stop], is_text=True)]
    notes.append(
        f"Names of rows, such as {shortened(cells[0], 30)!r}, are no column; dataset.id={ROW_NAMES} shows them in predictions."
    )
    return []


def _is_vector(found: Any) -> bool:
    """Whether an object holds one value a row: no matrix, and no list of parts with a class, such as POSIXlt."""
    own = attributes(found)
    return length(found) is not None and "dim" not in own and not (found.info.type.name == "VEC" and "class" in own)


def _matrix(path: Path, name: str, found: Any, encoding: str, asked: Asked, exact: bool, scope: dict[str, Any]) -> TypedTable:
    """A matrix column by column, by the names of its columns or x0, x1, ..., and the vectors beside it that are as long."""
    notes: list[str] = []
    source = _source(path, name, asked, notes)
    shape, own = _shape(found), attributes(found)
    if shape is None or len(shape) != 2 or shape[0] * shape[1] != length(found):
        raise DataError(f"{source}: this matrix is not as large as it says: the file is damaged.", "Save it again.")
    rows, width = shape
    names = numbered_names(width)
    if "dimnames" in own and len(own["dimnames"].value) == 2 and own["dimnames"].value[1].info.type.name == "STR":
        given = texts(own["dimnames"].value[1], encoding)
        names = [word or name for word, name in zip(given, names, strict=True)]
    refuse_wider(source, width_of(names), asked.width)
    whole = column("", replace(found, attributes=None), encoding, [], "", True)

    def part(name: str, first: int) -> TypedColumn:
        return TypedColumn(name, rows, lambda start, stop: whole.cells(first + start, first + stop), is_text=whole.is_text)

    columns = [part(name, i * rows) for i, name in enumerate(names)]
    for other, vector in scope.items():
        if _is_vector(vector) and vector.info.type.name != "VEC" and length(vector) == rows:
            with contextlib.suppress(UnreadError):
                columns.append(column(other, vector, encoding, notes, shortened(other, 40), exact))
    return TypedTable(str(path), columns, notes)
