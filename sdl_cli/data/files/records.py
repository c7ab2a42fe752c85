"""The lines of a text file and the records of a table in them, each with the number of its line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from sdl_cli.data.files.text_file import SAVE_AS_TEXT, open_bytes
from sdl_cli.errors import DataError

MAX_LINE = 2**26  # characters of a line or cell: bounds the memory that a file without line ends can take
_LINE_END = re.compile(r"\r\n|\r|\n")
# A quoted cell, closed or not, so that it matches wherever a quote stands; possessive: no way back, linear in time and memory.
_QUOTED = re.compile(r'("[^"]*+(?:""[^"]*+)*+("|\Z))[ \t]*+')
_TOO_LONG = "field limit"  # in what the csv module says of a cell beyond MAX_LINE
_DOUBLE_QUOTES = 'A cell that begins with a quote must end with one; inside it a quote is written twice: "say ""yes""".'


class Lines:
    """The lines of a text file, checked as they are read.

    Arguments:
        path, encoding: the file.
        blanks: columns are divided by runs of blanks: surrounding ones are dropped and each run becomes one blank.

    Attributes:
        number: lines returned so far.
        pending: lines handed out since it was last cleared.
        ended: whether a line was asked for after the last one.
    """

    def __init__(self, path: Path, encoding: str, blanks: bool = False) -> None:
        self.path, self.number, self.ended = path, 0, False
        self.pending: list[str] = []
        self._lines = _read_lines(path, encoding, blanks)
        self._ahead: Iterator[str] = iter(())

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        line = next(self._ahead, None)
        if line is None:
            line = next(self._lines, None)
        if line is None:
            self.ended = True
            raise StopIteration
        self.number += 1
        self.pending.append(line)
        return line

    def peek(self, num: int, max_chars: int) -> list[str]:
        """The next lines, up to a count and a size (but one at least), without handing them out."""
        lines, size = [], 0
        for line in islice(chain(self._ahead, self._lines), num):
            lines.append(line)
            size += len(line)
            if size >= max_chars:
                break
        self._ahead = chain(lines, self._ahead)
        return lines

    def skip(self, num: int) -> None:
        """Consume lines shown by `peek`."""
        self.number += sum(1 for _ in islice(self._ahead, num))


def _read_lines(path: Path, encoding: str, blanks: bool) -> Iterator[str]:
    number = 0
    try:
        with open_bytes(path) as raw, io.TextIOWrapper(raw, encoding=encoding, newline="") as text:
            for number, line in enumerate(iter(partial(text.readline, MAX_LINE), ""), 1):
                if "\0" in line:
                    raise DataError(f"{path}: not a text file: line {number} holds a zero byte.", SAVE_AS_TEXT)
                if len(line) == MAX_LINE:
                    raise DataError(f"{path}: line {number} has more than {MAX_LINE} characters.", "Is it a table?")
                if blanks:
                    line = line.replace("\t", " ").strip() + "\n" if '"' in line else " ".join(line.split()) + "\n"
                yield line
    except UnicodeError as error:
        raise DataError(f"{path}: not valid {encoding} after line {number}.", "Save it as UTF-8.") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from error


def records(lines: Lines, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The records of a table with the line on which each begins; blank lines are left out.

    Quotes are read strictly, because a stray one can silently merge rows; spaces after a closing quote are allowed.

    Raises DataError: a quote that is not closed, or text after one that is.
    """
    csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE))  # process-wide, so it is only ever raised
    options: dict[str, Any] = {"delimiter": delimiter, "strict": True, "skipinitialspace": True}
    reader = csv.reader(lines, **options)
    while True:
        lines.pending.clear()
        start = lines.number + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            tidied = _QUOTED.sub(r"\1", "".join(lines.pending))  # without blanks after quotes
            if lines.ended or delimiter == " " or _TOO_LONG in str(error) or len(tidied) == sum(map(len, lines.pending)):
                raise _misquoted(lines, start, error) from error
            reader = csv.reader(chain([tidied], lines), **options)
            try:
                row = next(reader)
            except csv.Error as again:
                raise _misquoted(lines, start, again) from again
        if len(row) > 1 or (row and (row[0].strip() or '"' in lines.pending[0])):
            yield start, row


def _misquoted(lines: Lines, start: int, error: csv.Error) -> DataError:
    if not lines.ended and _TOO_LONG not in str(error):
        record = "" if start == lines.number else f" (in a cell that may have been opened on line {start})"
        return DataError(f"{lines.path}: line {lines.number}: text follows a closing quote{record}.", _DOUBLE_QUOTES)
    text = "".join(lines.pending)
    opened = [match.start() for match in _QUOTED.finditer(text) if not match[2]]
    line = start + len(_LINE_END.findall(text[: opened[-1]] if opened else ""))
    return DataError(f"{lines.path}: a quote that opens on line {line} is not closed.", _DOUBLE_QUOTES)
