"""Time series in the `.ts` files of the UCR and UEA archives: one series a line, dimensions and the label behind colons.

The format is that of Bagnall et al., "The UEA multivariate time series classification archive" (2018): lines that begin with
`#` or `%` are comments, those that begin with `@` say how the rest is written, and after `@data` every line is a series.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sdl_cli.data.arrays import objects
from sdl_cli.data.files.sniffing import Asked
from sdl_cli.data.files.table_cells import Cells
from sdl_cli.data.files.text_file import check_memory, find_encoding, open_bytes
from sdl_cli.errors import DataError
from sdl_cli.phrases import counted, listed, shortened

_HEADER = re.compile(rb"\s*(?:[#%][^\n]*\n\s*)*@problemname\b", re.IGNORECASE)
_MISSING = frozenset(("?", "nan", ""))
_PART_ROWS = 4096  # of a file that is read at once, on the way
_NAMED = 5
_UNEQUAL_HINT = "Cut or fill them to one length first: sdl learns from series of equal length."


def matches(head: bytes, path: Path) -> bool:
    return _HEADER.match(head.removeprefix(b"\xef\xbb\xbf")) is not None or (
        path.suffix.lower() == ".ts" and head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"#", b"%", b"@")
    )


@dataclass
class _Head:
    """What the lines before `@data` say.

    Arguments:
        target: what stands behind the last colon: a class, a number (target), or nothing.
        labels: the classes that it lists, as written.
    """

    target: str = ""
    labels: tuple[str, ...] = ()
    says: dict[str, str] = field(default_factory=dict)
    unlisted: set[str] = field(default_factory=set)
    shape: tuple[int, int] | None = None  # dimensions, and steps of each

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns: t1, t2, ... of one dimension, d1.t1, ... of several, then the target."""
        assert self.shape is not None
        dimensions, length = self.shape
        steps = [f"t{i + 1}" for i in range(length)]
        if dimensions > 1:
            steps = [f"d{d + 1}.{step}" for d in range(dimensions) for step in steps]
        return (*steps, *([self.target] if self.target else []))


def iter_cells(path: Path, asked: Asked, chunk_rows: int | None) -> Iterator[Cells]:
    """The series as rows of a table: dimension by dimension, the steps of each in order, and the label as the last column.

    Labels keep their case. A `?` or NaN is a missing cell. Raises DataError: series of unequal length, time stamps, a file that
    is none or damaged, with the line.
    """
    if chunk_rows is None:
        check_memory(path)
    encoding, notes = find_encoding(path, asked.encoding, "dataset.encoding")
    head, rows, numbers, found = _Head(), [], [], 0
    with io.TextIOWrapper(open_bytes(path), encoding=encoding, newline=None) as file:
        lines = enumerate(file, 1)
        _read_head(path, lines, head)
        for number, line in lines:
            if not (text := line.strip()) or text.startswith(("#", "%")):
                continue
            rows.append(_series(path, number, text, head))
            numbers.append(number)
            found += 1
            if chunk_rows is not None and len(rows) == chunk_rows:
                yield _cells(path, rows, numbers, head, notes)
                rows, numbers = [], []
    if not found:
        raise DataError(f"{path}: there is no series after @data.", "Give a file with one series a line.")
    if rows:
        yield _cells(path, rows, numbers, head, notes)


def _read_head(path: Path, lines: Iterator[tuple[int, str]], head: _Head) -> None:
    """Read up to `@data`. Raises DataError for time stamps, unequal lengths, and lines that are no header."""
    for number, line in lines:
        text = line.strip()
        if not text or text.startswith(("#", "%")):
            continue
        key, _, value = text.partition(" ")
        key, value = key.lower(), value.strip()
        if not key.startswith("@"):
            raise DataError(f"{path}, line {number}: a series stands before @data.", "Is this a .ts file of the UCR/UEA archive?")
        if key == "@data":
            break
        head.says[key[1:]] = value
        words = value.split()
        if key in ("@classlabel", "@targetlabel") and words[:1] and words[0].lower() == "true":
            head.target, head.labels = ("class", tuple(words[1:])) if key == "@classlabel" else ("target", ())
        if key == "@timestamps" and value.lower() == "true":
            raise DataError(
                f"{path}: its series have time stamps.", "Give series at equal steps, without stamps (@timestamps false)."
            )
        if key == "@equallength" and value.lower() == "false":
            raise DataError(f"{path}: its series are of unequal length (@equalLength false).", _UNEQUAL_HINT)
    else:
        raise DataError(f"{path}: there is no line @data.", "Is this a whole .ts file of the UCR/UEA archive?")


def _series(path: Path, number: int, text: str, head: _Head) -> list[str | None]:
    """One line as cells: all steps of the first dimension, of the second, ..., and the label. Raises as `iter_cells`."""
    if "(" in text:
        hint = "Give series at equal steps, without stamps: 1.5,2.5,3.5:label"
        raise DataError(f"{path}, line {number}: values in brackets, as with time stamps.", hint)
    parts = text.split(":")
    label: str | None = None
    if head.target:
        if len(parts) < 2:
            raise DataError(
                f"{path}, line {number}: the {head.target} is missing: nothing stands behind a colon.", "Add it, as :label"
            )
        label = parts.pop().strip()
        label = None if label in ("", "?") else label
        if label is not None and head.labels and label not in head.labels:
            head.unlisted.add(label)
    values = [[cell.strip() for cell in part.split(",")] for part in parts]
    shape = (len(values), len(values[0]))
    if head.shape is None:
        head.shape = _as_said(path, number, shape, head)
    other = next((len(one) for one in values if len(one) != head.shape[1]), None)
    if other is not None:
        raise DataError(f"{path}, line {number}: series of unequal length, {head.shape[1]:,} and {other:,} steps.", _UNEQUAL_HINT)
    if shape[0] != head.shape[0]:
        what = f"{counted(shape[0], 'dimension')}, but the others have {head.shape[0]}"
        raise DataError(f"{path}, line {number}: the series has {what}.", "Correct the line: dimensions are divided by colons.")
    cells = [None if cell.lower() in _MISSING else cell for one in values for cell in one]
    return [*cells, label] if head.target else cells


def _as_said(path: Path, number: int, shape: tuple[int, int], head: _Head) -> tuple[int, int]:
    """The shape of the first series. Raises DataError where the header says another number of dimensions."""
    univariate = head.says.get("univariate", "").lower()
    said = "1" if univariate == "true" else head.says.get("dimensions", head.says.get("dimension", ""))
    if said.isdecimal() and int(said) != shape[0]:
        what = f"the header says {counted(int(said), 'dimension')}, but the series has {shape[0]}"
        labelled = "" if head.target else " If the last part is the label, the header needs @classLabel true."
        raise DataError(f"{path}, line {number}: {what}.", f"Dimensions are divided by colons.{labelled}")
    return shape


def _cells(path: Path, rows: Sequence[list[str | None]], numbers: Sequence[int], head: _Head, notes: Sequence[str]) -> Cells:
    assert head.shape is not None
    columns = [objects(own) for own in zip(*rows, strict=True)]
    more = []
    if head.unlisted:
        found = sorted(head.unlisted)
        labels = listed([repr(shortened(one, 30)) for one in found[:_NAMED]], _NAMED, len(found), last=", ")
        more.append(f"{path.name}: labels that its header does not list: {labels}. Capital and small letters are told apart.")
    return Cells(
        str(path), head.names, columns, np.array(numbers), notes=(*notes, *more), delimiter=":",
        texts=frozenset({"class"} if head.target == "class" else ()), series_shape=head.shape,
    )  # fmt: skip
