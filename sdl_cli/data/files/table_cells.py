"""The cells of a table as text, wherever they come from, and as the numbers that a model sees."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sdl_cli.data.arrays import Array, objects
from sdl_cli.data.files.columns import CellError, Column, encode
from sdl_cli.data.files.guess_marks import evidence
from sdl_cli.data.files.marks import PLAIN, Marks
from sdl_cli.data.files.missing import without
from sdl_cli.data.files.roles import listed
from sdl_cli.errors import DataError
from sdl_cli.phrases import printable, shortened

CELL_BYTES = 64  # of a cell as Python's text


@dataclass(frozen=True)
class Cells:
    """A file's cells: per column objects `(N,)` of str, None where empty; the line of the file that each row starts on.

    Where rows come from two files, `second` is the name of the second, and `is_second (N,)` says which are its rows.

    A format whose cells have types (`data/formats`) says more: `texts`, columns whose cells are text whatever they look like
    (00123 is no number); `levels`, the words of categories in an order of their own; `labels`, what columns are called in
    words; `codes`, by column whose words stand for codes the code of each word; `unit`, what messages count rows in; `strings`,
    the columns whose cells the file holds as text, to which alone `marks` apply (those of its numbers are plain), or None
    where all are text; `series_shape`, that each row is a series of so many dimensions and steps, in this order and before all
    other columns; `sheet`, which one of a workbook it was.
    """

    source: str
    names: tuple[str, ...]
    columns: list[Array]
    lines: Array
    marks: Marks = PLAIN
    notes: tuple[str, ...] = ()
    header: bool = True
    delimiter: str = ","
    header_lines: int = 1
    second: str = ""
    is_second: Array | None = None
    texts: frozenset[str] = frozenset()
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    unit: str = "line"
    strings: frozenset[str] | None = None
    series_shape: tuple[int, int] | None = None
    sheet: str = ""

    def marks_of(self, name: str) -> Marks:
        """How the numbers of a column are written."""
        return self.marks if self.strings is None or name in self.strings else PLAIN

    def place(self, row: int) -> str:
        """The file and the line of a row, for messages."""
        source = self.second if self.is_second is not None and self.is_second[row] else self.source
        return f"{source}, {self.unit} {self.lines[row]}"


Unknown = dict[str, list[Any]]  # per category the number of cells whose level is not known, and the first of them


def encode_columns(cells: Cells, columns: Sequence[Column], unknown: Unknown | None = None) -> Array:
    """X `float64 (N, F)` of these columns, found by name; a cell that does not fit its column is a DataError with its line.

    Arguments:
        unknown: levels that the columns do not know are counted in it.
    """
    return np.concatenate([encode_column(cells, c, cells.columns[cells.names.index(c.name)], unknown) for c in columns], axis=1)


def encode_column(cells: Cells, column: Column, own: Array, unknown: Unknown | None = None) -> Array:
    """One column's part of X, as `encode_columns`; `own` are its cells."""
    try:
        X = encode(column, own, cells.marks_of(column.name))
    except CellError as error:
        cell = f"{shortened(own[error.row], 30)!r}, which is not {error.wanted}"
        message = f"{cells.place(error.row)}: column {shortened(column.name)} holds {cell}."
        hint = "Correct it, or leave the cell empty if the value is not known."
        if column.kind == "number" and isinstance(own[error.row], str) and evidence(own[error.row]) is not None:
            mark = cells.marks_of(column.name).decimal
            hint = f"The decimal mark of this file is {mark!r}: use it everywhere, or set dataset.decimal."
        raise DataError(message, hint) from error
    if unknown is not None and column.kind == "category":
        rows = np.flatnonzero(X[:, 0] == len(column.levels))
        if len(rows):
            unknown.setdefault(column.name, [0, own[rows[0]]])[0] += len(rows)
    return X


def in_percent(cells: Cells, columns: Sequence[Column]) -> set[str]:
    """Names of those columns of numbers some of whose cells are written in per cent."""
    numbers = [column.name for column in columns if column.kind == "number"]
    own = {name: cells.columns[cells.names.index(name)] for name in numbers}
    return {name for name in numbers if any(isinstance(cell, str) and cell.endswith("%") for cell in own[name])}


def percent_notes(names: Collection[str]) -> list[str]:
    """A sentence on columns of new rows in per cent, since those that a run learned from may have been written otherwise."""
    if not names:
        return []
    return [f"Written in per cent, and read as parts of 1, 35% as 0.35: {listed(sorted(names), 5)}."]


def unknown_notes(found: Unknown, num_rows: int) -> list[str]:
    """A sentence for each column with levels that the run does not know."""
    return [
        f"Column {shortened(name)}: {count:,} of {num_rows:,} rows hold a value that the run was not trained on, "
        f"such as {shortened(example, 30)!r}."
        for name, (count, example) in found.items()
    ]


def require_columns(source: str, names: Sequence[str], needed: Sequence[str]) -> None:
    lacking = [name for name in needed if name not in names]
    if not lacking:
        return
    several = f"{len(lacking)} columns that the run needs are missing"
    what = several if len(lacking) > 1 else "a column that the run needs is missing"
    alike = [name for name in names if name.strip().lower() == lacking[0].strip().lower()]
    near = f" Did you mean {shortened(alike[0])}? Write it as {shortened(lacking[0])}." if alike else ""
    hint = f"Columns are matched by name; the file has: {listed(names)}."
    of, _, kind = lacking[0].rpartition(".")
    if kind == "missing" and of in names:
        hint = f"It says why {shortened(of)} is missing, and answered where it is not (dataset.missing_reasons=column): add it."
    raise DataError(f"{source}: {what}: {listed(lacking)}.{near}", hint)


def with_missing(cells: Cells, words: Collection[str], as_written: Collection[str | None] = ()) -> Cells:
    """The cells without these words, in all columns but those that are taken as they are written."""
    columns = [own if name in as_written else without(own, words) for name, own in zip(cells.names, cells.columns, strict=True)]
    return dataclasses.replace(cells, columns=columns)


def take_rows(cells: Cells, kept: Array) -> Cells:
    second = None if cells.is_second is None else cells.is_second[kept]
    columns = [own[kept] for own in cells.columns]
    return dataclasses.replace(cells, columns=columns, lines=cells.lines[kept], is_second=second)


def row_ids(cells: Cells, name: str | None) -> Array:
    """The id of each row as text: its cell of the column, or `line 7` where that is missing; without a column, the line."""
    ids = cells.columns[cells.names.index(name)] if name in cells.names else cells.lines
    return np.array(
        [f"{cells.unit} {line}" if i is None else str(i) for i, line in zip(ids, cells.lines, strict=True)], dtype=object
    )


def from_frame(frame: Any, source: str, start: int = 0) -> Cells:
    """The cells of a pandas DataFrame as text; lines count its rows from `start`."""
    names = tuple(printable(str(name)).strip() or f"x{i}" for i, name in enumerate(frame.columns))
    doubled = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if doubled:
        raise DataError(f"{source}: several columns are called {listed(doubled)}.", "Give each column a name of its own.")
    strings = frozenset(name for i, name in enumerate(names) if _holds_text(frame.iloc[:, i]))
    columns = [_as_text(frame.iloc[:, i]) for i in range(len(names))]
    return Cells(source, names, columns, np.arange(start, start + len(frame)), strings=strings)


def _holds_text(series: Any) -> bool:
    """Whether a column holds text, among it what may be numbers as someone wrote them."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(series.dtype) or pd.api.types.is_datetime64_any_dtype(series.dtype):
        return False
    return any(isinstance(cell, str) for cell in series)


def _as_text(series: Any) -> Array:
    import pandas as pd

    missing = np.asarray(series.isna())
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        whole = bool((series.dropna() == series.dropna().dt.normalize()).all())
        text = series.dt.strftime("%Y-%m-%d" if whole else "%Y-%m-%d %H:%M:%S")
    elif pd.api.types.is_float_dtype(series.dtype):
        # whole numbers without a fraction: the same column has none where no cell is missing
        text = [str(int(v)) if v.is_integer() and abs(v) < 2**53 else repr(v) for v in map(float, series.fillna(0.0))]
    else:
        text = [str(v).strip() for v in series]
    return objects([None if lost or not cell else cell for lost, cell in zip(missing, text, strict=True)])
