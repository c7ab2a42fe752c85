"""The dictionary of an SPSS file is walked through before pyreadstat is given it, since a damaged one can end the process.

Its records stand one after the other behind a header of 176 bytes: a variable (2), value labels (3) and the variables that have
them (4), lines of text (6), further information (7), the end (999). Source: "System File Format", PSPP 2.0 developers guide.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import IO

from sdl_cli.errors import DataError

_HEADER_BYTES, _LAYOUT_AT = 176, 64
_VARIABLE, _LABELS, _LABELLED, _LINES, _MORE, _END = 2, 3, 4, 6, 7, 999
_WIDEST = 255  # letters of a piece of text
_TEXT_FORMATS = frozenset((1, 2))  # A and AHEX
_MOST_VARIABLES = 2**20
_MACHINE, _DISPLAY, _ENCODING = 3, 11, 20  # kinds of further information: where it was written, how it is shown, its letters


class _DamagedError(Exception):
    pass


class _Dictionary:
    """The records of a file; `starts` says what starts in each eight bytes of a row: text, a number, nothing."""

    def __init__(self, file: IO[bytes], size: int, order: str) -> None:
        self.file, self.size, self.order = file, size, order
        self.starts: list[str | None] = []
        self.open_pieces = 0
        self.coded_texts: list[bytes] = []  # values of text with a label that are not written in ASCII
        self.encoding = ""

    def number(self) -> int:
        raw = self.file.read(4)
        if len(raw) < 4:
            raise _DamagedError
        return int(struct.unpack(f"{self.order}i", raw)[0])

    def number_in(self, low: int, high: int) -> int:
        found = self.number()
        if not low <= found <= high:
            raise _DamagedError
        return found

    def skip(self, num_bytes: int) -> None:
        if num_bytes < 0 or self.file.tell() + num_bytes > self.size:
            raise _DamagedError
        self.file.seek(num_bytes, 1)

    def variable(self) -> None:
        width, has_label, num_missing = self.number_in(-1, _WIDEST), self.number_in(0, 1), self.number_in(-3, 3)
        if (width == -1) != (self.open_pieces > 0) or num_missing == -1 or len(self.starts) > _MOST_VARIABLES:
            raise _DamagedError
        self.starts.append(None if width == -1 else "text" if width else "number")
        self.open_pieces = self.open_pieces - 1 if width == -1 else max(0, -(-width // 8) - 1)
        formats = [(self.number() >> 16) & 255 for _ in ("print", "write")]
        name = self.file.read(8)
        if width >= 0 and any(form and (form in _TEXT_FORMATS) != (width > 0) for form in formats):
            raise _DamagedError
        if width != -1 and (len(name) < 8 or not name.strip(b" \0")):
            raise _DamagedError
        if has_label:
            self.skip(-(-self.number_in(0, 2**16) // 4) * 4)
        self.skip(8 * abs(num_missing))

    def value_labels(self) -> None:
        allowed, values = {"text", "number"}, []
        for _ in range(self.number_in(0, self.size)):
            values.append(self.file.read(8))
            if b"\0" in values[-1]:
                allowed = {"number"}
            length = self.file.read(1)
            self.skip(-(-((length[0] if length else self.size) + 1) // 8) * 8 - 1)
        if self.number() != _LABELLED:
            raise _DamagedError
        for _ in range(self.number_in(1, len(self.starts) or 1)):
            place = self.number_in(1, max(1, len(self.starts)))
            kind = self.starts[place - 1] if self.starts else None
            if kind not in allowed:
                raise _DamagedError
            allowed = {kind}
            self.coded_texts += [value for value in values if kind == "text" and not value.isascii()]

    def more(self) -> None:
        kind, size, count = self.number(), self.number_in(0, self.size), self.number_in(0, self.size)
        num_variables = sum(start is not None for start in self.starts)
        if kind == _DISPLAY and (size != 4 or count not in (2 * num_variables, 3 * num_variables)):
            raise _DamagedError
        if kind == _MACHINE and size * count == 32 and not self.encoding:
            self.skip(28)
            self.encoding = {2: "cp1252", 3: "cp1252", 65001: "utf-8"}.get(code := self.number(), f"cp{code}")
            return
        if kind == _ENCODING and size * count < 100:
            self.encoding = self.file.read(size * count).decode("latin-1").strip(" \0")
            return
        self.skip(size * count)

    def check_texts(self, asked: str | None) -> None:
        """Raise UnicodeError or LookupError where a labelled value of text is not written in the encoding of the file."""
        for value in self.coded_texts:
            value.decode(asked or self.encoding)


def check_dictionary(path: Path, encoding: str | None = None) -> None:
    """Raise DataError where the dictionary of a .sav or .zsav file is damaged, or its texts are in another encoding."""
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
            _require_start(path, header)
            layouts = (
                {order: struct.unpack_from(f"{order}i", header, _LAYOUT_AT)[0] for order in "<>"} if len(header) > 99 else {}
            )
            order = next((order for order, layout in layouts.items() if layout in (2, 3)), None)
            if order is None or len(header) < _HEADER_BYTES:
                raise _DamagedError
            found = _Dictionary(file, path.stat().st_size, order)
            _walk(found)
            found.check_texts(encoding)
    except _DamagedError:
        message = f"{path}: this SPSS file cannot be read: the description of its variables is damaged."
        raise DataError(message, "Copy or export it again.") from None
    except (UnicodeError, LookupError) as error:
        message = f"{path}: this SPSS file cannot be read: its texts are not written in the encoding that it names."
        raise DataError(message, "Set it, for example dataset.encoding=windows-1252") from error


def _require_start(path: Path, header: bytes) -> None:
    if b"ENCRYPTEDSAV" in header[:32]:
        raise DataError(f"{path}: this SPSS file is encrypted.", "Open it in SPSS and save it without a password.")
    if not header.startswith((b"$FL2", b"$FL3")):
        message = f"{path}: this SPSS file cannot be read: it does not begin as one."
        raise DataError(message, "Other programs write .sav files too. Export it from SPSS, or as CSV.")


def _walk(found: _Dictionary) -> None:
    while (kind := found.number()) != _END:
        if kind != _VARIABLE and found.open_pieces:
            raise _DamagedError
        if kind == _VARIABLE:
            found.variable()
        elif kind == _LABELS:
            found.value_labels()
        elif kind == _LINES:
            found.skip(80 * found.number_in(0, 2**20))
        elif kind == _MORE:
            found.more()
        else:
            raise _DamagedError
