"""The names of a table's columns from its first lines, quickly: for suggestions, and never a reason to stop."""

from __future__ import annotations

import codecs
import csv
import io
import re
from pathlib import Path
from typing import IO, TYPE_CHECKING

from sdl_cli.files import typed_path

if TYPE_CHECKING:
    from zipfile import ZipFile

_BYTES = 65_536  # of a file are looked at
_ROWS = 20
_MOST_COLUMNS, _MOST_NAME = 5_000, 200
_PART_BYTES = 4 << 20  # of a part of a workbook, unpacked
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_NUMBER = re.compile(r"[-+]?[0-9][0-9.,' ]*(?:[eE][-+]?[0-9]+)?%?")
_ARFF = re.compile(r"\s*@attribute\s+(?:'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"|(\S+))", re.IGNORECASE)
_CELL = re.compile(r"<c\b([^>]*?)(?:/>|>(.*?)</c>)", re.DOTALL)


def columns(path: str) -> dict[str, str]:
    """The name of each column of a file, and a few of its cells; nothing for a file without names, or one that cannot be read."""
    try:
        file = typed_path(path)
        if not file.is_file():
            return {}
        found = _of_workbook(file) if file.suffix.lower() in (".xlsx", ".xlsm") else _of_text(file)
    except (OSError, ValueError, LookupError, EOFError, csv.Error, NotImplementedError, RuntimeError):
        return {}
    return {name: cells for name, cells in found.items() if name and len(name) <= _MOST_NAME and name.isprintable()}


def _of_text(file: Path) -> dict[str, str]:
    with file.open("rb") as raw:
        is_packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        content = _unpacked(raw) if is_packed else raw.read(_BYTES)
    if file.suffix.lower().removesuffix(".gz") == ".arff" or re.match(rb"\s*(?:%[^\n]*\n\s*)*@relation", content, re.IGNORECASE):
        return _of_arff(content.decode("utf-8", "replace"))
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    if b"\0" in content[:1000] and encoding != "utf-16":
        return {}
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(content)
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    lines = text.splitlines(keepends=True)
    lines = [line for line in (lines[:-1] if len(content) == _BYTES and len(lines) > 1 else lines) if line.strip()]
    asked = re.fullmatch(r'"?sep=([^\r\n"])"?\s*', lines[0], re.IGNORECASE) if lines else None
    if asked is not None:
        lines = lines[1:]
    return _named(_rows("".join(lines), asked[1] if asked else None))


def _unpacked(raw: IO[bytes]) -> bytes:
    import gzip
    import zlib

    try:
        return gzip.GzipFile(fileobj=raw).read(_BYTES)
    except zlib.error as error:
        raise ValueError("no gzip file") from error


def _rows(text: str, delimiter: str | None) -> list[list[str]]:
    """The first records under the delimiter that cuts them into the same number of cells, and the most."""
    best: tuple[int, int, list[list[str]]] = (0, 0, [])
    for one in (delimiter,) if delimiter else ("\t", ";", "|", ","):
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=one or ",", skipinitialspace=True)
        rows: list[list[str]] = []
        for row in reader:
            rows.append([cell.strip() for cell in row])
            if len(rows) > _ROWS:
                break
        rows = [row for row in rows if any(row)]
        if rows and len(rows[0]) > 1:
            even = sum(len(row) == len(rows[0]) for row in rows)
            best = max(best, (even * 100 // len(rows), len(rows[0]), rows), key=lambda found: found[:2])
    if best[2]:
        return best[2]
    lines = [line.strip() for line in text.splitlines() if line.strip()][: _ROWS + 1]
    cut = [line.split() for line in lines]
    even_blanks = bool(cut) and len(cut[0]) > 1 and all(len(row) == len(cut[0]) for row in cut[1:])
    return cut if even_blanks else [[line.strip('"')] for line in lines]


def _named(rows: list[list[str]]) -> dict[str, str]:
    """Names in the first row above their cells; nothing where the first row holds numbers, and so is data."""
    if not rows or len(rows[0]) > _MOST_COLUMNS or any(_NUMBER.fullmatch(cell) for cell in rows[0]):
        return {}
    found: dict[str, str] = {}
    for place, name in enumerate(rows[0]):
        cells = list(dict.fromkeys(row[place] for row in rows[1:] if place < len(row) and row[place]))
        shown = ", ".join(cell[:20] for cell in cells[:3])
        found.setdefault(name, f"{shown}, ..." if len(cells) > 3 else shown)
    return found


def _of_arff(text: str) -> dict[str, str]:
    found = {}
    for line in text.splitlines():
        if line.strip().lower().startswith("@data"):
            break
        attribute = _ARFF.match(line)
        if attribute is not None:
            name = re.sub(r"\\(.)", r"\1", attribute[1] or attribute[2] or attribute[3])
            found[name] = line[attribute.end() :].strip()[:60]
    return found


def _of_workbook(file: Path) -> dict[str, str]:
    """The first filled row of the first sheet of an Excel workbook."""
    import zipfile
    import zlib

    try:
        with zipfile.ZipFile(file) as book:
            return _named(_rows_of_sheet(book))
    except (zipfile.BadZipFile, zlib.error) as error:
        raise ValueError("no workbook") from error


def _rows_of_sheet(book: ZipFile) -> list[list[str]]:
    sheet = min((name for name in book.namelist() if re.fullmatch(r"xl/worksheets/sheet\d+\.xml", name)), key=_by_number)
    shared = "xl/sharedStrings.xml"
    words = []
    if shared in book.namelist():
        whole = re.findall(r"<si\b[^>]*>(.*?)</si>", _part(book, shared), re.DOTALL)
        words = [_plain("".join(re.findall(r"<t\b[^>]*>(.*?)</t>", one, re.DOTALL))) for one in whole]
    rows = re.findall(r"<row\b[^>]*>(.*?)</row>", _part(book, sheet), re.DOTALL)[: _ROWS + 1]
    return [
        row for row in ([_cell(attributes, inner, words) for attributes, inner in _CELL.findall(row)] for row in rows) if any(row)
    ]


def _part(book: ZipFile, name: str) -> str:
    with book.open(name) as part:
        return part.read(_PART_BYTES).decode("utf-8", "replace")


def _cell(attributes: str, inner: str, words: list[str]) -> str:
    kind = re.search(r'\bt="(\w+)"', attributes)
    if kind is not None and kind[1] == "inlineStr":
        return _plain("".join(re.findall(r"<t\b[^>]*>(.*?)</t>", inner, re.DOTALL)))
    value = re.search(r"<v\b[^>]*>(.*?)</v>", inner, re.DOTALL)
    if value is None:
        return ""
    is_shared = kind is not None and kind[1] == "s"
    return words[int(value[1])] if is_shared and int(value[1]) < len(words) else _plain(value[1])


def _plain(text: str) -> str:
    import html

    return html.unescape(text).strip()


def _by_number(name: str) -> int:
    return int(re.sub(r"\D", "", name))
