"""The variables of a MATLAB file of version 5 to 7: elements with a tag each, packed one by one since version 7.

Read here, as SciPy 1.17.1 allocates what a file claims, and keeps one of several objects without a name. The form is described
in "MAT-File Format" (The MathWorks, R2023b).
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.formats.matlab_values import MOST_DEPTH, Kind, Value, other, require_bytes
from sdl_cli.errors import DataError
from sdl_cli.phrases import shortened

_HEADER_BYTES = 128
_PEEK_BYTES = 4096  # of a packed variable, in which its class, size and name stand
_MATRIX, _COMPRESSED = 14, 15
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXTS = {16: "utf-8", 17: "utf-16", 18: "utf-32"}
_CELL, _STRUCT, _OBJECT, _CHAR, _SPARSE, _FUNCTION, _OPAQUE = 1, 2, 3, 4, 5, 16, 17
_NUMBERS = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_COMPLEX, _LOGICAL = 0x0800, 0x0200
_MOST_DIMS = 32
_MOST_BLANK_ROWS = 1_000_000


def matches(head: bytes) -> bool:
    """Whether a file begins as one of version 5 to 7: its mark says in which order bytes stand."""
    return len(head) >= _HEADER_BYTES and head[126:128] in (b"IM", b"MI") and head[124:126] in (b"\x00\x01", b"\x01\x00")


def variables(path: Path) -> dict[str, Value]:
    """The variables of a file by name; an object of a modern class also stands there.

    Raises DataError: a file that is damaged or cut short; two variables of one name.
    """
    require_bytes(path, 2 * path.stat().st_size)
    content = path.read_bytes()
    order = "<" if content[126:128] == b"IM" else ">"
    found: dict[str, Value] = {}
    for kind, start, stop in _elements(path, content, order, _HEADER_BYTES, len(content)):
        if kind not in (_MATRIX, _COMPRESSED):
            raise _damaged(path)
        packed = content[start:stop]
        if kind == _MATRIX:
            element = _Element(path, packed, order)
            name, value = element.named(0)
        else:
            peeked = _unpack(path, packed, _PEEK_BYTES)
            name, value = _Element(path, peeked[8:], order).named(0)
            value = Value(value.kind, value.dims, partial(_read_packed, path, packed, order), value.what)
        if not name:
            continue  # where MATLAB keeps what is in its objects
        if name in found:
            raise DataError(f"{path}: two variables are called {shortened(name, 40)}.", "Save it again.")
        found[name] = value
    return found


def _read_packed(path: Path, packed: bytes, order: str) -> Any:
    head = _unpack(path, packed, 8)
    size = int(struct.unpack(order + "II", head)[1]) if len(head) == 8 else 0
    require_bytes(path, 2 * size)
    content = _unpack(path, packed, size + 8, whole=True)
    if len(content) != size + 8:
        raise _damaged(path)
    return _Element(path, content[8:], order).named(0)[1].read()


def _unpack(path: Path, packed: bytes, num_bytes: int, whole: bool = False) -> bytes:
    """The first bytes of what is packed; with `whole` there must be no more, and its checksum must be right."""
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(packed, num_bytes)
        if whole and (unpacker.decompress(unpacker.unconsumed_tail, 1) or not unpacker.eof):
            raise _damaged(path)
    except zlib.error as error:
        raise _damaged(path) from error
    return content


def _damaged(path: Path) -> DataError:
    return DataError(f"{path}: this MATLAB file is damaged or cut short.", "Copy or save it again.")


def _elements(path: Path, content: bytes, order: str, place: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Type, start and stop of each element in a stretch of bytes."""
    while place < end:
        if place + 8 > end:
            raise _damaged(path)
        kind, size = struct.unpack_from(order + "II", content, place)
        if kind >> 16:  # a small element: its size, its type and its four bytes are the tag
            kind, size = kind & 0xFFFF, kind >> 16
            start, following = place + 4, place + 8
            if size > 4:
                raise _damaged(path)
        else:
            start = place + 8
            following = start + size if kind == _COMPRESSED else start + -(-size // 8) * 8
        if start + size > end:
            raise _damaged(path)
        yield kind, start, start + size
        place = following


@dataclass(frozen=True)
class _Element:
    """The content of a matrix: its class, size and name, then what is in it."""

    path: Path
    content: bytes
    order: str

    def _parts(self, depth: int) -> Iterator[tuple[int, int, int]]:
        if depth > MOST_DEPTH:
            raise DataError(f"{self.path}: cells or structs stand more than {MOST_DEPTH} deep in one another.", "Save fewer.")
        return _elements(self.path, self.content, self.order, 0, len(self.content))

    def _next(self, parts: Iterator[tuple[int, int, int]]) -> tuple[int, int, int]:
        part = next(parts, None)
        if part is None:
            raise _damaged(self.path)
        return part

    def _text(self, part: tuple[int, int, int]) -> str:
        return _name(self.content[part[1] : part[2]])

    def _ints(self, part: tuple[int, int, int]) -> list[int]:
        if part[0] not in _TYPES or _TYPES[part[0]][0] == "f":
            raise _damaged(self.path)
        return [int(value) for value in self._raw(part).tolist()]

    def _raw(self, part: tuple[int, int, int]) -> Array:
        kind, start, stop = part
        if kind not in _TYPES:
            raise _damaged(self.path)
        dtype = np.dtype(self.order + _TYPES[kind])
        if (stop - start) % dtype.itemsize:
            raise _damaged(self.path)
        return np.frombuffer(self.content, dtype, (stop - start) // dtype.itemsize, start)

    def named(self, depth: int) -> tuple[str, Value]:
        """Its name and value; what is in it is not looked at before it is read."""
        if not self.content:
            return "", Value("number", (0, 0), lambda: np.zeros((0, 0)))
        parts = self._parts(depth)
        flags = self._ints(self._next(parts))
        if len(flags) != 2:
            raise _damaged(self.path)
        kind = flags[0] & 0xFF
        if kind == _OPAQUE:
            name, _, what = (self._text(self._next(parts)) for _ in range(3))
            return name, other(what or "object")
        dims = tuple(self._ints(self._next(parts)))
        if not 2 <= len(dims) <= _MOST_DIMS or any(size < 0 for size in dims):
            raise _damaged(self.path)
        name = self._text(self._next(parts))
        if kind in (_FUNCTION, _OBJECT, _SPARSE):
            return name, other({_FUNCTION: "function handle", _OBJECT: "object", _SPARSE: "sparse"}[kind], dims)
        if kind in _NUMBERS:
            if flags[0] & _COMPLEX:
                return name, other("complex", dims)
            own: Kind = "logical" if flags[0] & _LOGICAL else "number"
            return name, Value(own, dims, lambda: self._numbers(self._below(depth), dims, _NUMBERS[kind]))
        if kind == _CHAR:
            return name, Value("char", dims, lambda: self._rows_of_text(self._below(depth), dims))
        if kind == _CELL:
            return name, Value("cell", dims, lambda: self._inner(self._below(depth), math.prod(dims), depth))
        if kind == _STRUCT:
            return name, Value("struct", dims, lambda: self._fields(self._below(depth), dims, depth))
        return name, other("object of an unknown class", dims)

    def _below(self, depth: int) -> Iterator[tuple[int, int, int]]:
        """What follows class, size and name."""
        return islice(self._parts(depth), 3, None)

    def _numbers(self, parts: Iterator[tuple[int, int, int]], dims: tuple[int, ...], dtype: str) -> Array:
        raw = self._raw(self._next(parts))
        if len(raw) != math.prod(dims):
            raise _damaged(self.path)
        require_bytes(self.path, 8 * len(raw))
        return raw.astype(dtype).reshape(dims, order="F")

    def _rows_of_text(self, parts: Iterator[tuple[int, int, int]], dims: tuple[int, ...]) -> list[str]:
        part = self._next(parts)
        kind, start, stop = part
        if kind in _TEXTS:
            codec = _TEXTS[kind] + ("" if kind == 16 else "-le" if self.order == "<" else "-be")
            try:
                text = self.content[start:stop].decode(codec)
            except UnicodeError as error:
                raise _damaged(self.path) from error
            return rows_of_text(self.path, np.frombuffer(text.encode("utf-16-le", "surrogatepass"), "<u2"), dims)
        return rows_of_text(self.path, self._raw(part), dims)

    def _inner(self, parts: Iterator[tuple[int, int, int]], count: int, depth: int) -> list[Value]:
        found = []
        for kind, start, stop in parts:
            if kind != _MATRIX:
                raise _damaged(self.path)
            found.append(_Element(self.path, self.content[start:stop], self.order).named(depth + 1)[1])
        if len(found) != count:
            raise _damaged(self.path)
        return found

    def _fields(self, parts: Iterator[tuple[int, int, int]], dims: tuple[int, ...], depth: int) -> dict[str, list[Value]]:
        width, names = self._ints(self._next(parts)), self._next(parts)
        written = self.content[names[1] : names[2]]
        if len(width) != 1 or width[0] <= 0 or len(written) % width[0]:
            raise _damaged(self.path)
        fields = [_name(written[i : i + width[0]]) for i in range(0, len(written), width[0])]
        values = self._inner(parts, math.prod(dims) * len(fields), depth)
        if len(set(fields)) < len(fields):
            twice = next(field for field in fields if fields.count(field) > 1)
            raise DataError(f"{self.path}: two fields of a struct are called {shortened(twice, 40)}.", "Save them apart.")
        return {field: values[i :: len(fields)] for i, field in enumerate(fields)}


def _name(written: bytes) -> str:
    plain = written.partition(b"\0")[0]
    try:
        return plain.decode("utf-8")
    except UnicodeError:
        return plain.decode("latin-1")


def rows_of_text(source: object, units: Array, dims: tuple[int, ...]) -> list[str]:
    """The rows of a char matrix, of characters of 16 bits; blanks that make its rows equally long are taken off.

    Raises DataError: there are not as many characters as the dims say.
    """
    rows, columns = dims[0], math.prod(dims[1:])
    if not len(units) and rows <= _MOST_BLANK_ROWS:
        return [""] * rows  # nothing is stored for blanks
    if rows == 1 and columns <= len(units) <= 2 * columns:
        columns = len(units)  # SciPy counts a character of two units once
    if rows * columns != len(units) or len(dims) > 2 or units.dtype.kind == "f":
        raise DataError(f"{source}: this MATLAB file is damaged: a text is not as long as it says.", "Save it again.")
    texts = [units[i::rows].astype("<u2").tobytes().decode("utf-16-le", "replace") for i in range(rows)]
    return [text.rstrip(" \0") for text in texts] if rows > 1 else texts
