"""Tables in ARFF files, as Weka writes them."""

from __future__ import annotations

import codecs
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data.arrays import Array, objects
from sdl_cli.data.files.sniffing import Asked
from sdl_cli.data.files.table_cells import Cells
from sdl_cli.data.files.text_file import check_memory, find_encoding, open_bytes
from sdl_cli.data.files.text_lines import iter_lines
from sdl_cli.data.formats.arff_header import Attribute, read_header
from sdl_cli.data.formats.packed import unpacked_head
from sdl_cli.data.formats.typed_columns import date_cells, looks_typed, number_text, require_memory, text_note
from sdl_cli.errors import DataError
from sdl_cli.phrases import counted, shortened

_START = re.compile(r"@(?:relation|attribute)\b.*", re.I | re.S)
_COMMENT_BYTES = 2**20  # of comments at the top, behind which declarations are looked for
_WEIGHT = re.compile(r"(?:,|(?<=\}))\s*\{\s*([-+.\deE]+)\s*\}$")
_NUMBER = re.compile(r"[-+]?(?:\d++\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)
_EXACT_DIGITS = 16  # from which on a float may not keep a whole number apart from its neighbour
_MISSING = ("nan", "-nan", "+nan")
_INFINITE = {"inf": "inf", "infinity": "inf", "-inf": "-inf", "-infinity": "-inf", "+inf": "inf", "+infinity": "inf"}
_MOST_CELLS = 10_000_000  # of a chunk
_CHECKED_ROWS = 1000  # after so many, memory is looked at again


def matches(head: bytes, path: Path) -> bool:
    """Whether the first line that is no comment declares something."""
    own = _plain_text(unpacked_head(path, head)).lstrip()
    if own.startswith("@"):
        return _START.match(own) is not None
    if not own.startswith("%"):
        return False
    try:
        with open_bytes(path) as file:
            lines = _plain_text(file.read(_COMMENT_BYTES)).splitlines()
    except (DataError, OSError):
        return False
    first = next((line.strip() for line in lines if line.strip() and not line.lstrip().startswith("%")), "")
    return _START.match(first) is not None


def _plain_text(content: bytes) -> str:
    """The beginning of a text, whose words are plain letters in any encoding."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "ignore")
    return content.removeprefix(codecs.BOM_UTF8).decode("latin-1")


def iter_cells(path: Path, asked: Asked, chunk_rows: int | None) -> Iterator[Cells]:
    """The cells of an ARFF file as text, a chunk at a time, or all at once; there is at least one chunk."""
    library = _library(path)
    if chunk_rows is None:
        check_memory(path)
    encoding, notes = find_encoding(path, asked.encoding, "dataset.encoding")
    lines = iter_lines(path, encoding)
    attributes, more = read_header(path, lines)
    reader = _Rows(path, attributes, lines, library)
    most = None if chunk_rows is None else max(1, min(chunk_rows, _MOST_CELLS // len(attributes)))
    found = False
    for rows, numbers in reader.chunks(most):
        found = True
        own = [_column(path, a, column, numbers) for a, column in zip(attributes, zip(*rows, strict=True), strict=True)]
        yield _cells(path, attributes, own, numbers, (*notes, *more, *reader.notes(), *_whole_notes(attributes, own)))
    if not found:
        raise DataError(f"{path}: the table has no rows.")


def _library(path: Path) -> Any:
    try:
        import arff
    except ImportError as error:
        raise DataError(f"{path}: reading ARFF needs liac-arff.", "pip install 'sdl-cli[arff]'") from error
    if not hasattr(arff, "ArffDecoder"):  # another package of this name
        raise DataError(f"{path}: reading ARFF needs liac-arff, and the package arff is in its place.", "pip uninstall arff")
    return arff


class _Rows:
    """The rows of an ARFF file, dense or sparse, as lists of text; None where a cell is missing.

    The library splits them, told that all columns are text: its own types cut fractions off INTEGER, do not know dates, and
    make a text of the 0 that stands for a cell that a sparse row leaves out.
    """

    def __init__(self, path: Path, attributes: list[Attribute], lines: Iterator[tuple[int, str]], library: Any) -> None:
        self._path, self._attributes, self._lines, self._library = path, attributes, lines, library
        self._queue: deque[str] = deque()
        self._dense, self._sparse = self._decoder(library.DENSE_GEN), self._decoder(library.LOD_GEN)
        self._weights = 0
        self._weighted_line = 0
        self._left_out: dict[str, int] = {}  # cells that sparse rows leave out, by column; not of numbers

    def _decoder(self, kind: int) -> Iterator[Any]:
        def lines() -> Iterator[str]:
            yield "@relation rows"
            yield from (f"@attribute a{i} string" for i in range(len(self._attributes)))
            yield "@data"
            while True:
                yield self._queue.popleft()

        decoded: Iterator[Any] = self._library.ArffDecoder().decode(lines(), return_type=kind)["data"]
        return decoded

    def chunks(self, most: int | None) -> Iterator[tuple[list[list[str | None]], Array]]:
        """Rows and their lines, up to `most` at a time."""
        rows: list[list[str | None]] = []
        numbers: list[int] = []
        for number, line in self._lines:
            text = line.strip()
            if text.startswith("%"):
                continue
            rows.append(self._row(number, text))
            numbers.append(number)
            if most is not None and len(rows) == most:
                yield rows, np.array(numbers)
                rows, numbers = [], []
            elif len(rows) % _CHECKED_ROWS == 0 and text.startswith("{"):
                require_memory(str(self._path), len(rows), len(self._attributes))
        if rows:
            yield rows, np.array(numbers)

    def _row(self, number: int, text: str) -> list[str | None]:
        if text.endswith("}") and (weight := _WEIGHT.search(text)):
            text = text[: weight.start()].rstrip()
            self._weights += 1
            self._weighted_line = self._weighted_line or number
        is_sparse = text.startswith("{")
        self._queue.append(text)
        try:
            found = next(self._sparse if is_sparse else self._dense)
        except Exception as error:  # its own errors, and others on odd escapes
            raise self._unread(number, text, error) from error
        if not is_sparse:
            return list(found)
        if "'" not in text and '"' not in text and len(found) != len(re.findall(r"[^{},\s][^{},]*", text)):
            raise DataError(f"{self._path}, line {number}: a column stands twice in this sparse row.", "Correct it.")
        return [found[i] if i in found else self._absent(attribute) for i, attribute in enumerate(self._attributes)]

    def _absent(self, attribute: Attribute) -> str | None:
        if attribute.kind == "number":
            return "0"
        self._left_out[attribute.name] = self._left_out.get(attribute.name, 0) + 1
        return attribute.values[0] if attribute.values else None

    def _unread(self, number: int, text: str, error: Exception) -> DataError:
        where = f"{self._path}, line {number}"
        width, own = len(self._attributes), len(text.split(","))
        if isinstance(error, self._library.BadDataFormat) and not text.startswith("{") and not {"'", '"'} & set(text):
            return DataError(
                f"{where}: {counted(own, 'value')}, but the file declares {counted(width, 'column')}.", "Correct it."
            )
        hint = "Put text with blanks, commas, quotes or braces in quotes, with \\' for an apostrophe and \\\\ for a backslash."
        return DataError(f"{where}: this row cannot be read: {shortened(text)!r}.", hint)

    def notes(self) -> list[str]:
        """What is to be said of the rows read so far."""
        said = []
        if self._weights:
            rows = counted(self._weights, "row has", "rows have")
            said.append(f"Weights of rows, such as that in line {self._weighted_line}, are not used: {rows} one.")
        for attribute in self._attributes:
            if count := self._left_out.get(attribute.name):
                cells, name = counted(count, "cell"), shortened(attribute.name)
                what = f"Sparse rows leave out {cells} of {name}"
                first = shortened(attribute.values[0], 30) if attribute.values else ""
                said.append(
                    f"{what}, which stand for its first value, {first!r}: check that this is meant, for other programs may show "
                    "them as missing."
                    if attribute.values
                    else f"{what}, which is no number: they are missing."
                )
        return said


def _column(path: Path, attribute: Attribute, own: tuple[str | None, ...], lines: Array) -> Array:
    """The cells of one column; those that are not of its kind are a DataError with the line."""

    def refuse(cell: str, wanted: str) -> DataError:
        row = own.index(cell)
        what = f"column {shortened(attribute.name)} holds {shortened(cell, 30)!r}, which is not {wanted}"
        return DataError(f"{path}, line {lines[row]}: {what}.", "Correct it, or write ? if the value is not known.")

    if attribute.kind == "text" or (attribute.kind == "date" and not attribute.format):
        return objects([cell or None for cell in own])
    if attribute.kind == "date":
        import pandas as pd

        texts = pd.Series([cell or None for cell in own], dtype=object)
        times = pd.to_datetime(texts, format=attribute.format, errors="coerce").to_numpy().astype("datetime64[us]")
        bad = np.flatnonzero(np.isnat(times) & np.asarray(texts.notna()))
        if len(bad):
            raise refuse(str(own[bad[0]]), "a date of the declared form")
        return date_cells(times, None if "%H" in attribute.format else False)
    meant: dict[str | None, str | None] = {None: None, "": None}
    for cell in dict.fromkeys(own):
        if cell is None or cell == "":
            continue
        if attribute.kind == "nominal":
            if cell not in attribute.values:
                raise refuse(cell, "among the declared values")
            meant[cell] = cell
        else:
            text = cell.strip()
            if _NUMBER.fullmatch(text):
                meant[cell] = _plain_number(text)
            elif text.lower() in _INFINITE:
                meant[cell] = _INFINITE[text.lower()]
            elif text.lower() in _MISSING:
                meant[cell] = None
            else:
                raise refuse(cell, "a number")
    return objects([meant[cell] for cell in own])


def _plain_number(text: str) -> str | None:
    """A number as `number_text` writes it; a whole one keeps all its digits."""
    digits = text.lstrip("+-")
    if len(digits) < _EXACT_DIGITS or not digits.isdigit():
        return number_text(float(text))
    return "-" * text.startswith("-") + (digits.lstrip("0") or "0")


def _whole_notes(attributes: list[Attribute], own: list[Array]) -> Iterator[str]:
    for attribute, cells in zip(attributes, own, strict=True):
        odd = (
            next((cell for cell in cells if cell is not None and ("." in cell or "e" in cell)), None) if attribute.whole else None
        )
        if odd is not None:
            name = shortened(attribute.name)
            yield f"Column {name} is declared INTEGER and holds fractions, such as {odd}: they are kept as they are."


def _cells(path: Path, attributes: list[Attribute], own: list[Array], lines: Array, notes: tuple[str, ...]) -> Cells:
    pairs = [(a, cells) for a, cells in zip(attributes, own, strict=True) if a.kind in ("nominal", "text")]
    texts = {a.name for a, cells in pairs if looks_typed(cells, a.kind == "nominal")}
    if odd := [a.name for a, _ in pairs if a.kind == "text" and a.name in texts]:
        notes += (text_note(odd),)
    levels = {a.name: a.values for a in attributes if a.values}
    names = tuple(a.name for a in attributes)
    return Cells(str(path), names, own, lines, notes=notes, texts=frozenset(texts), levels=levels)
