"""The delimiter of a text file, and its first records split by it."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from sdl_cli.data.files.guess_marks import evidence
from sdl_cli.data.files.header import Rows
from sdl_cli.data.files.missing import MISSING
from sdl_cli.data.files.records import Lines, records
from sdl_cli.errors import ConfigError, DataError
from sdl_cli.phrases import counted

ONE_COLUMN = "\x1f"  # the delimiter of a file that has none: a character that no text holds
_BLANKS = " "
_CANDIDATES = ("\t", ";", "|", ",", _BLANKS)  # the earlier wins a tie
_WORDS = {
    "tab": "\t", "\\t": "\t", "space": _BLANKS, "blank": _BLANKS, "comma": ",", "semicolon": ";", "pipe": "|",
}  # fmt: skip
_SHOWN = {"\t": "tab", _BLANKS: "blanks", ONE_COLUMN: "none"}
_SEP_LINE = re.compile(r'"?sep=([^\r\n"])"?[\r\n]*', re.IGNORECASE)  # Excel's own first line
_NO_TABLES = (  # how a file begins that is text but no delimited table, what it is, what to do
    (re.compile(r"\s*@relation\s.*", re.IGNORECASE | re.DOTALL), "an ARFF file", "dataset=table reads it."),
    (re.compile(r"\s*<(?:!doctype|html|\?xml).*", re.IGNORECASE | re.DOTALL), "a web page or XML", "Save the table as CSV."),
    (re.compile(r"\s*(?:\{\s*|\[\s*[\[{]\s*)\".*", re.DOTALL), "JSON", "Save the table as CSV."),
    (re.compile(r"\S+(?: +[0-9]+:[0-9.eE+-]+)+\s*"), "a LIBSVM file (index:value)", "Save it with a column for each index."),
)
_SAMPLE_LINES, _SAMPLE_CHARS, _SAMPLE_CELLS = 10_000, 2_000_000, 200_000
_DELIMITER_RECORDS = 100
_MOST_NUMBERS = 0.8  # share of lines that are numbers in a file of one column


def shown_delimiter(delimiter: str) -> str:
    """A delimiter as a message shows it."""
    return _SHOWN.get(delimiter, repr(delimiter))


def open_lines(path: Path, encoding: str, delimiter: str) -> Lines:
    """The lines of a file, behind the line `sep=;` that Excel may write first."""
    lines = Lines(path, encoding, blanks=delimiter == _BLANKS)
    first = lines.peek(1, 1)
    if first and _SEP_LINE.fullmatch(first[0]):
        lines.skip(1)
    return lines


def asked_delimiter(asked: str | None, key: str) -> str | None:
    if asked is None:
        return None
    delimiter = _WORDS.get(asked.lower(), asked)
    shown = delimiter in ("\t", ONE_COLUMN) or delimiter.isprintable()
    if len(delimiter) != 1 or not shown or delimiter.isalnum() or delimiter in "\"'.+-_":
        raise ConfigError(
            f"{key}: {asked[:40]!r} cannot be a delimiter.",
            'Give one character such as "," or ";", or a word: tab, space, comma.',
        )
    return delimiter


def sample(
    path: Path, encoding: str, delimiter: str, max_records: int = _SAMPLE_LINES
) -> tuple[list[int], Rows, DataError | None]:
    """Line numbers and stripped cells of the first records, and the error that ended them."""
    numbers: list[int] = []
    rows: Rows = []
    num_cells = num_chars = 0
    try:
        for number, row in records(open_lines(path, encoding, delimiter), delimiter):
            numbers.append(number)
            rows.append([cell.strip() for cell in row])
            num_cells += len(row)
            num_chars += sum(map(len, row))
            if len(rows) >= max_records or (len(rows) > 2 and (num_cells > _SAMPLE_CELLS or num_chars > _SAMPLE_CHARS)):
                break
    except DataError as error:
        return numbers, rows, error
    return numbers, rows, None


def _usual_width(rows: Rows) -> int:
    """The most frequent number of fields; on a tie, the first record's."""
    counts = Counter(map(len, rows))
    most = max(counts.values())
    return len(rows[0]) if counts[len(rows[0])] == most else next(width for width, n in counts.items() if n == most)


def even_rows(path: Path, delimiter: str, group: str, numbers: list[int], rows: Rows) -> tuple[list[int], Rows, bool]:
    """The records of the usual width, which the first must have, and whether a delimiter behind the last column was taken off."""
    width = _usual_width(rows)
    trailing = width > 1 and len(rows) > 1 and all(not row[-1] for row in rows if len(row) == width)
    if len(rows[0]) != width and not (trailing and len(rows[0]) == width - 1):
        raise DataError(
            f"{path}: line {numbers[0]} has {counted(len(rows[0]), 'field')}, but the lines below have {width}.",
            f"Remove lines above the header, or set {group}.delimiter (read with: {shown_delimiter(delimiter)}).",
        )
    even = [(number, row) for number, row in zip(numbers, rows, strict=True) if len(row) in (width, width - trailing)]
    return [number for number, _ in even], [row[: width - trailing] for _, row in even], trailing


def find_delimiter(path: Path, encoding: str) -> str:
    first_line = "".join(Lines(path, encoding).peek(1, 1))
    for pattern, what, hint in _NO_TABLES:
        if pattern.fullmatch(first_line):
            raise DataError(f"{path}: not a delimited table but {what}.", hint)
    excel = _SEP_LINE.fullmatch(first_line)
    if excel:
        return excel[1]
    best, found, failure = 0.0, ONE_COLUMN, None
    for delimiter in _CANDIDATES:
        _, rows, error = sample(path, encoding, delimiter, _DELIMITER_RECORDS)
        score = _score(rows, delimiter, num_broken=int(error is not None))
        if score > best:
            best, found = score, delimiter
        if delimiter != _BLANKS and not rows:
            failure = failure or error
    if failure and not best:
        raise failure
    return ONE_COLUMN if best <= 1 and found not in first_line and _is_one_column(path, encoding) else found


def _is_one_column(path: Path, encoding: str) -> bool:
    """Whether whole lines below the first are numbers, such as 17.678,49."""
    lines = [row[0] for _, row in zip(*sample(path, encoding, ONE_COLUMN, _DELIMITER_RECORDS)[:2], strict=True)][1:]
    return bool(lines) and sum(evidence(line) is not None for line in lines) > _MOST_NUMBERS * len(lines)


def _score(rows: Rows, delimiter: str, num_broken: int) -> float:
    """How well a delimiter explains the first records: how many agree in width, and how many of their cells are numbers."""
    width = _usual_width(rows) if rows else 1
    agreeing = [row for row in rows if len(row) == width]
    share = len(agreeing) / max(1, len(rows) + num_broken)
    if width < 2 or share < (0.9 if delimiter == _BLANKS else 0.5):
        return 0
    columns = [
        [evidence(cell) is not None for cell in column if cell not in MISSING] for column in zip(*agreeing[1:], strict=True)
    ]
    if delimiter == _BLANKS and not any(column and all(column) for column in columns):
        return 0  # words of a sentence
    ended = len(rows[0]) == width - 1 and all(not row[-1] for row in agreeing)  # a delimiter behind the last column
    fits = 1.0 if len(rows[0]) == width or ended else 0.5  # a header of another width speaks against it
    return fits * share * (1 + sum(map(sum, columns)) / max(1, sum(map(len, columns))))
