"""The parts of an .xlsx or .xlsb: its sheets in their order, its styles, and which parts a reader is handed."""

from __future__ import annotations

import io
import posixpath
import re
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

from sdl_cli.data.formats.workbooks.container import Parts, damaged
from sdl_cli.data.formats.workbooks.xml_parts import Attributes, local, walk

_SMALL_BYTES = 2**26  # of the parts that only list things
_PERCENT_IDS = ("9", "10")  # built-in formats 0 % and 0.00 %
_QUOTED = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')
_SHEET_RECORD = 156  # BrtBundleSh of [MS-XLSB] 2.4.311


@dataclass(frozen=True)
class Tab:
    """A tab of a workbook: `part` is empty where it is no sheet of cells (a chart, a macro sheet)."""

    name: str
    is_hidden: bool
    part: str


@dataclass(frozen=True)
class Book:
    """What an .xlsx or .xlsb lists: its tabs in their order, from where days count, and whether results are asked for."""

    tabs: tuple[Tab, ...]
    is_1904: bool = False
    calculates_on_load: bool = False
    percent_styles: frozenset[str] = frozenset()


def read_book(parts: Parts, binary: bool) -> Book:
    """Raises DataError: damaged."""
    main = _by_lower(parts, "xl/workbook.bin" if binary else "xl/workbook.xml")
    targets = _targets(parts, main)
    if binary:
        found = [*_binary_tabs(parts.read(main, _SMALL_BYTES))]
        return Book(tuple(Tab(name, hidden, targets.get(rid, "")) for name, hidden, rid in found))
    sheets: list[tuple[str, bool, str]] = []
    said = {"1904": False, "load": False}

    def start(name: str, attributes: Attributes) -> None:
        if name == "sheet":
            hidden = (local(attributes, "state") or "visible") != "visible"
            sheets.append((local(attributes, "name") or "", hidden, local(attributes, "id") or ""))
        elif name == "workbookPr":
            said["1904"] = local(attributes, "date1904") in ("1", "true", "on")
        elif name == "calcPr":
            said["load"] = local(attributes, "fullCalcOnLoad") in ("1", "true", "on")

    walk(parts.path, parts.read(main, _SMALL_BYTES), start)
    tabs = tuple(Tab(name, hidden, targets.get(rid, "")) for name, hidden, rid in sheets)
    return Book(tabs, said["1904"], said["load"], _percent_styles(parts))


def _by_lower(parts: Parts, name: str) -> str:
    found = next((own for own in parts.names if own.lower() == name), None)
    if found is None:
        raise damaged(parts.path, f"there is no part {name}")
    return found


def _targets(parts: Parts, main: str) -> dict[str, str]:
    """By the id of a relation, the part of a sheet of cells; links to other files are left alone."""
    folder, name = posixpath.split(main)
    found: dict[str, str] = {}

    def start(element: str, attributes: Attributes) -> None:
        kind, target = attributes.get("Type", ""), attributes.get("Target", "")
        if element == "Relationship" and kind.endswith("/worksheet") and attributes.get("TargetMode") != "External":
            part = posixpath.normpath(target[1:] if target.startswith("/") else posixpath.join(folder, target))
            if part in parts.names:
                found[attributes.get("Id", "")] = part

    walk(parts.path, parts.read(_by_lower(parts, f"{folder}/_rels/{name}.rels".lower()), _SMALL_BYTES), start)
    return found


def _percent_styles(parts: Parts) -> frozenset[str]:
    """Positions of the cell formats that show per cent, as text."""
    if "xl/styles.xml" not in parts.names:
        return frozenset()
    codes: dict[str, str] = {}
    formats: list[str] = []
    inside: list[bool] = [False]

    def start(name: str, attributes: Attributes) -> None:
        if name == "numFmt":
            codes[local(attributes, "numFmtId") or ""] = local(attributes, "formatCode") or ""
        elif name == "cellXfs":
            inside[0] = True
        elif name == "xf" and inside[0]:
            formats.append(local(attributes, "numFmtId") or "")

    def end(name: str) -> None:
        inside[0] = inside[0] and name != "cellXfs"

    walk(parts.path, parts.read("xl/styles.xml", _SMALL_BYTES), start, end)
    percent = {*_PERCENT_IDS, *(key for key, code in codes.items() if "%" in _QUOTED.sub("", code))}
    return frozenset(str(i) for i, key in enumerate(formats) if key in percent)


def records(data: bytes) -> Iterator[tuple[int, int, int]]:
    """The kind, start and length of each record of a binary part ([MS-XLSB] 2.1.4)."""
    at, size = 0, len(data)
    while at < size:
        kind = data[at]
        at += 1
        if kind & 0x80 and at < size:
            kind = (kind & 0x7F) | (data[at] & 0x7F) << 7
            at += 1
        length = shift = 0
        while at < size and shift < 28:
            byte = data[at]
            at += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        yield kind, at, length
        at += length


def _binary_tabs(data: bytes) -> Iterator[tuple[str, bool, str]]:
    for kind, at, length in records(data):
        if kind != _SHEET_RECORD or length < 12:
            continue
        words, place = [], at + 8
        for _ in range(2):
            (count,) = struct.unpack_from("<I", data, place) if place + 4 <= len(data) else (0,)
            count = 0 if count == 2**32 - 1 else min(count, 255)
            words.append(data[place + 4 : place + 4 + 2 * count].decode("utf-16-le", "replace"))
            place += 4 + 2 * count
        yield words[1], data[at] != 0, words[0]


def only(parts: Parts, part: str, sheet: bytes) -> io.BytesIO:
    """The workbook with one sheet of cells, unpacked: what was checked is what a reader sees, without macros and links.

    Arguments:
        part, sheet: the name of the sheet's part, and its content.
    """
    kept = re.compile(r"\[content_types\]\.xml|_rels/\.rels|xl/_rels/workbook\.\w+\.rels|xl/(workbook|styles|sharedstrings)\.\w+")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as file:
        for name in sorted(parts.names):
            if kept.fullmatch(name.lower()):
                file.writestr(zipfile.ZipInfo(name), parts.read(name))
        file.writestr(zipfile.ZipInfo(part), sheet)
    out.seek(0)
    return out
