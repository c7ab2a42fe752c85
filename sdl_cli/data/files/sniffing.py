"""How a delimited text file is written: its delimiter, header, column names and decimal mark, found from its first records."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sdl_cli.data.files.columns import Column
from sdl_cli.data.files.delimiter import asked_delimiter, even_rows, find_delimiter, sample, shown_delimiter
from sdl_cli.data.files.guess_marks import find_marks
from sdl_cli.data.files.header import Rows, clean_names, find_header, joined_names, num_lines_of_names
from sdl_cli.data.files.marks import PLAIN, THOUSANDS, Marks
from sdl_cli.data.files.text_file import existing_file, find_encoding
from sdl_cli.errors import ConfigError, DataError
from sdl_cli.phrases import listed, printable


@dataclass(frozen=True)
class Asked:
    """What a user says about a file; None is detected.

    Arguments:
        delimiter, header, encoding, decimal, thousands, header_lines: the settings of `WrittenRoles`.
        columns: names of columns that must be there: a first record that holds one of them is a header.
        texts: names of columns that hold text, whatever they look like.
        variable: which of a file's tables is meant, in formats that hold several.
        new_rows: they are for a run, whose file may have had another name for its table.
        width: how many columns without names the run's file has; 0 where that is not known.
        categorical, codes, missing_reasons: the settings of `Table`; missing: words that mean a missing cell.
        aside: columns that are not learned from.
        levels: by column the words that a run or a first file knows, none of numbers; None leaves them to the cells. Of the
            chunks of new rows only these columns are needed.
        sheet, range, fill_down: the settings of `Table` for workbooks.
        new: the file belongs to one that was read before (new rows, a second file): it may lack the sheet, and has its own rows.
    """

    delimiter: str | None = None
    header: bool | None = None
    encoding: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    header_lines: int | None = None
    columns: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    variable: str | None = None
    new_rows: bool = False
    width: int = 0
    categorical: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    missing_reasons: str = "missing"
    missing: Collection[str] = ()
    aside: tuple[str, ...] = ()
    levels: Mapping[str, Sequence[str]] | None = None
    sheet: str | None = None
    range: str | None = None
    fill_down: Sequence[str] | None = None
    new: bool = False


@dataclass(frozen=True)
class Known:
    """The format of a file to which another one belongs: it decides where the other leaves a doubt."""

    marks: Marks = PLAIN
    header_lines: int = 1
    numbers: tuple[str, ...] = ()  # names of its columns of numbers

    @classmethod
    def of(cls, source: Mapping[str, Any], columns: Sequence[Column] = ()) -> Known:
        """What a run stored of its file, and the columns that it learned from."""
        marks = Marks(source.get("decimal", "."), source.get("thousands", ""))
        return cls(marks, source.get("header_lines", 1), tuple(c.name for c in columns if c.kind == "number"))


@dataclass(frozen=True)
class Format:
    """How a file is read.

    Arguments:
        delimiter: one character; a blank stands for any run of blanks, the unit separator (U+001F) for one column only.
        names: the columns' names, from the header (stripped) or x0, x1, ...
        trailing: every line ends with a delimiter, behind which nothing stands.
        header_lines: records of names at the top, where `header`.
    """

    encoding: str
    delimiter: str
    header: bool
    marks: Marks
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()
    trailing: bool = False
    header_lines: int = 1


def sniff(path: Path, asked: Asked = Asked(), key: str = "dataset.path", known: Known | None = None) -> Format:
    """Find out how a delimited text file is written.

    Arguments:
        path: plain text or gzip. asked: what the user says; it is never overruled.
        key: the setting that names the file, for messages; the settings of `asked` are its siblings.
        known: how the file is written that this one belongs to.
    Raises:
        DataError: no such file, not text, empty, duplicate names, first lines that do not match, numbers or
            lines that can be read in two ways.
        ConfigError: an unknown delimiter, encoding or mark.
    """
    group = key.rpartition(".")[0] or "dataset"
    file = existing_file(path, key)
    delimiter = asked_delimiter(asked.delimiter, f"{group}.delimiter")
    given = asked_marks(asked, group)
    encoding, notes = find_encoding(file, asked.encoding, f"{group}.encoding")
    delimiter = delimiter or find_delimiter(file, encoding)
    numbers, rows, error = sample(file, encoding, delimiter)
    if error:
        raise error
    if not rows:
        raise DataError(f"{file}: the file holds blank lines only.", "Give a file with a header and rows.")
    numbers, rows, trailing = even_rows(file, delimiter, group, numbers, rows)
    notes += ("Each line ends with a delimiter: the empty last column was left out.",) * trailing
    top = min(asked.header_lines or (known.header_lines if known else 1), len(rows))
    names = tuple(joined_names(rows[:top]) if asked.header is not False else (f"x{i}" for i in range(len(rows[0]))))
    prior, columns = (known.marks, known.numbers) if known else (None, ())
    below = rows[top:] or rows
    marks, more = find_marks(file, names, below, delimiter, given, group, prior, columns, asked.texts)
    notes += more
    header, reason = believed_header(rows, marks, asked)
    if header and asked.header_lines is None and not (known and _holds_names(rows[1:top], names, known, marks)):
        top = num_lines_of_names(rows, marks)
        if top > 1 and (known is None or known.header_lines != top):
            raise _names_or_units(file, numbers, rows[:top], group)
    if header and not reason and asked.header is None and rows[0] in rows[top:]:
        raise DataError(
            f"{file}: line {numbers[rows.index(rows[0], 1)]} repeats the header of line {numbers[0]}.",
            f"Remove it; if these lines are data, set {group}.header=false.",
        )
    width = len(rows[0])
    if width == 1:
        notes += (f"One column only (delimiter: {shown_delimiter(delimiter)}; otherwise set {group}.delimiter).",)
    if reason:
        notes += (f"{reason} (otherwise: {group}.header=false).",)
    if header:
        names, more = clean_names(file, numbers[0], joined_names(rows[:top]), group)
        more += _said_lines(numbers, rows[:top], names)
    else:
        names = tuple(f"x{i}" for i in range(width))
        more = (f"No header: columns are called x0 to x{width - 1}." if width > 1 else "No header: the column is called x0.",)
    return Format(encoding, delimiter, header, marks, names, notes + more, trailing, top if header else 1)


def _holds_names(rows: Rows, names: Sequence[str], known: Known, marks: Marks) -> bool:
    """Whether records below the first hold names or units as those of the known file do: no number where it has numbers."""
    places = [place for place, name in enumerate(names) if name in known.numbers]
    return bool(rows and places) and not any(marks.is_number(row[place]) for row in rows for place in places)


def asked_marks(asked: Asked, group: str) -> tuple[str | None, str | None]:
    """The decimal and the thousands mark that the user says numbers have, as characters; a ConfigError for what is neither."""
    if asked.decimal not in (None, ".", ","):
        raise ConfigError(f'{group}.decimal must be "." or ",", not {asked.decimal[:40]!r}.')
    if asked.thousands is not None and asked.thousands not in THOUSANDS:
        raise ConfigError(f"{group}.thousands must be one of {' '.join(THOUSANDS)}, not {asked.thousands[:40]!r}.")
    if asked.thousands is not None and asked.decimal == asked.thousands:
        raise ConfigError(f"{group}.decimal and {group}.thousands are both {asked.decimal!r}.", "One mark cannot be both.")
    if asked.header is False and asked.header_lines is not None:
        raise ConfigError(f"{group}.header=false and {group}.header_lines={asked.header_lines} contradict each other.")
    return asked.decimal, None if asked.thousands is None else THOUSANDS[asked.thousands]


def believed_header(rows: Rows, marks: Marks, asked: Asked) -> tuple[bool, str]:
    """Whether names stand at the top, and what to tell a user where it is a guess."""
    if asked.header is not None or asked.header_lines is not None:
        return asked.header is not False, ""
    first = {cell.lower() for cell in rows[0]}
    named = [name.strip().lower() for name in asked.columns if not re.fullmatch("-?[0-9]+", name.strip())]
    if not first.isdisjoint(named):
        return True, ""
    header, reason = find_header(rows, marks)
    return (True, "") if not header and num_lines_of_names(rows, marks) > 1 else (header, reason)


def shown_row(row: list[str]) -> str:
    return listed([printable(cell[:20]) for cell in row if cell], 5, last=", ")


def _names_or_units(path: Path, numbers: list[int], rows: Rows, group: str) -> DataError:
    what = f"line {numbers[1]} ({shown_row(rows[1])}) looks like units or a second line of names"
    if len(rows) > 2:
        what = f"lines {numbers[1]} to {numbers[len(rows) - 1]} ({shown_row(rows[1])}; ...) look like more names or units"
    hint = f"To read it that way: {group}.header_lines={len(rows)}; if it is a row of data: {group}.header_lines=1"
    return DataError(f"{path}: {what}.", hint)


def _said_lines(numbers: list[int], rows: Rows, names: tuple[str, ...]) -> tuple[str, ...]:
    if len(rows) < 2:
        return ()
    if names[0] == rows[0][0] and all(rows[0]) and len(rows) == 2:
        return (f"Line {numbers[1]} ({shown_row(rows[1])}) below the names was left out.",)
    if names[0] == rows[0][0] and all(rows[0]):
        return (f"Lines {numbers[1]} to {numbers[len(rows) - 1]} below the names were left out.",)
    return (f"The names of lines {numbers[0]} to {numbers[len(rows) - 1]} were joined: {shown_row(list(names))}.",)


def sniff_like(path: Path, asked: Asked, key: str, known: Known, needed: Sequence[str]) -> Format:
    """How a file is written that belongs to another one; what the user asked for was said of that one, and may not hold here.

    Arguments:
        known: how the other one is written, which decides what this one leaves open.
        needed: names of columns that must be in it.
    Raises: as `sniff`.
    """
    asked = replace(asked, decimal=None, thousands=None, header_lines=None)
    with suppress(DataError):
        form = sniff(path, asked, key, known)
        if set(needed) <= set(form.names):
            return form
    return sniff(path, replace(asked, delimiter=None, encoding=None), key, known)
