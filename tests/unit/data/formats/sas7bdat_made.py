"""Files of SAS (.sas7bdat) byte by byte, since no library writes them: one page of 32-bit little-endian layout.

Source of the layout: Shotwell, "SAS7BDAT Database Binary Format" (vignette of the R package sas7bdat, 2013).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAGIC = bytes.fromhex("000000000000000000000000c2ea8160b31411cfbd92080009c7318c181f1011")
HEADER, PAGE, UTF8, MIXED = 1024, 2**16, 20, 512


@dataclass(frozen=True)
class Made:
    name: str
    values: Sequence[Any]  # numbers, letters of missing values, None; or texts of up to `width` letters
    format: str = ""
    label: str = ""
    width: int = 0  # of text


class _Texts:
    """The texts of a page, which its other parts point at."""

    def __init__(self) -> None:
        self.content = bytearray(28)  # what SAS says of itself

    def reference(self, text: str) -> bytes:
        raw = text.encode()
        at = len(self.content)
        self.content += raw + b" " * (-len(raw) % 4)
        return struct.pack("<HHH", 0, 4 + at if raw else 0, len(raw))


def _number(value: Any) -> bytes:
    """A number as SAS holds it; a missing one is a NaN whose sixth byte is the letter, inverted."""
    if value is None or isinstance(value, str):
        letter = ord("." if value is None else value.upper())
        return bytes(5) + bytes([~letter & 255, 255, 255])
    return struct.pack("<d", value)


def _parts(columns: Sequence[Made], row_bytes: int, num_rows: int) -> list[bytes]:
    texts, names, formats, attributes, at = _Texts(), b"", [], b"", 0
    for column in columns:
        names += texts.reference(column.name) + bytes(2)
        own = bytearray(52)
        own[:4] = b"\xfe\xfb\xff\xff"
        own[34:40], own[40:46] = texts.reference(column.format), texts.reference(column.label)
        formats.append(bytes(own))
        width = column.width or 8
        attributes += struct.pack("<IIHBB", at, width, 0, 2 if column.width else 1, 0)
        at += width
    rows = bytearray(480)
    rows[:4] = b"\xf7" * 4
    struct.pack_into("<II", rows, 20, row_bytes, num_rows)
    struct.pack_into("<II", rows, 36, len(columns), 0)
    struct.pack_into("<I", rows, 52, PAGE)
    struct.pack_into("<I", rows, 60, num_rows)
    text = bytes(texts.content) + bytes(-len(texts.content) % 8)
    return [
        bytes(rows),
        b"\xf6" * 4 + struct.pack("<I", len(columns)) + bytes(4),
        b"\xfd\xff\xff\xff" + struct.pack("<H", len(text) + 4 - 12 + 4) + bytes(2) + text,
        b"\xff" * 4 + struct.pack("<H", len(names) + 8) + bytes(6) + names + bytes(8),
        b"\xfc\xff\xff\xff" + struct.pack("<H", len(attributes) + 8) + bytes(6) + attributes + bytes(8),
        *formats,
    ]


def write(path: Path, columns: Sequence[Made]) -> Path:
    """Write a table; all must fit on one page."""
    num_rows = len(columns[0].values)
    row_bytes = sum(column.width or 8 for column in columns)
    parts = _parts(columns, row_bytes, num_rows)
    page = bytearray(PAGE)
    struct.pack_into("<HHH", page, 16, MIXED, num_rows + len(parts), len(parts))
    end = PAGE
    for i, part in enumerate(parts):
        end -= len(part)
        page[end : end + len(part)] = part
        struct.pack_into("<IIBB", page, 24 + 12 * i, end, len(part), 0, 0)
    at = 24 + 12 * len(parts)
    at += -at % 8
    for values in zip(*(column.values for column in columns), strict=True):
        for column, value in zip(columns, values, strict=True):
            raw = str(value).encode().ljust(column.width) if column.width else _number(value)
            page[at : at + len(raw)] = raw
            at += len(raw)
    assert at <= end
    header = bytearray(HEADER)
    header[:32] = MAGIC
    header[32], header[35], header[37], header[39], header[70] = 0x22, 0x22, 1, ord("1"), UTF8
    header[84:92], header[92:124] = b"SAS FILE", b"TABLE".ljust(32)
    header[156:164] = b"DATA    "
    struct.pack_into("<III", header, 196, HEADER, PAGE, 1)
    header[216:224] = b"9.0401M6"
    path.write_bytes(bytes(header) + bytes(page))
    return path
