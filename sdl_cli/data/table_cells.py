"""The cells of a table as text, wherever they come from, and as the numbers that a model sees."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data.columns import CellError, Column, encode
from sdl_cli.data.delimited import MISSING
from sdl_cli.data.roles import listed, printable, short
from sdl_cli.errors import DataError

Array = np.ndarray[Any, Any]
_INDEX = re.compile(r"__index_level_\d+__")


@dataclass(frozen=True)
class Cells:
    """A file's cells: per column objects `(N,)` of str or None where missing; the line of the file that each row starts on."""

    source: str
    names: tuple[str, ...]
    columns: list[Array]
    lines: Array
    decimal: str = "."
    notes: tuple[str, ...] = ()
    header: bool = True
    delimiter: str = ","


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
        X = encode(column, own, cells.decimal)
    except CellError as error:
        where = f"{cells.source}, line {cells.lines[error.row]}"
        message = f"{where}: column {short(column.name)} holds {short(own[error.row], 30)!r}, which is not {error.wanted}."
        raise DataError(message, "Correct it, or leave the cell empty if the value is not known.") from error
    if unknown is not None and column.kind == "category":
        rows = np.flatnonzero(X[:, 0] == len(column.levels))
        if len(rows):
            unknown.setdefault(column.name, [0, own[rows[0]]])[0] += len(rows)
    return X


def unknown_notes(found: Unknown, num_rows: int) -> list[str]:
    """A sentence for each column with levels that the run does not know."""
    return [
        f"Column {short(name)}: {count:,} of {num_rows:,} rows hold a value that the run was not trained on, "
        f"such as {short(example, 30)!r}."
        for name, (count, example) in found.items()
    ]


def require_columns(source: str, names: Sequence[str], needed: Sequence[str]) -> None:
    lacking = [name for name in needed if name not in names]
    if not lacking:
        return
    what = (
        f"{len(lacking)} columns that the run needs are missing" if len(lacking) > 1 else "a column that the run needs is missing"
    )
    asked = lacking[0].strip().lower()
    near = next(
        (f" Did you mean {short(name)}? Write it as {short(lacking[0])}." for name in names if name.strip().lower() == asked), ""
    )
    raise DataError(f"{source}: {what}: {listed(lacking)}.{near}", f"Columns are matched by name; the file has: {listed(names)}.")


def with_missing(cells: Cells, words: Sequence[str]) -> Cells:
    if not words:
        return cells
    columns = [_objects([None if cell in words else cell for cell in own]) for own in cells.columns]
    return dataclasses.replace(cells, columns=columns)


def take_rows(cells: Cells, kept: Array) -> Cells:
    return dataclasses.replace(cells, columns=[own[kept] for own in cells.columns], lines=cells.lines[kept])


def row_ids(cells: Cells, name: str | None) -> Array:
    ids = cells.columns[cells.names.index(name)] if name in cells.names else cells.lines
    return np.array(["" if i is None else str(i) for i in ids], dtype=object)


def is_parquet(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PAR1"
    except OSError:
        return False


def iter_parquet(path: Path, chunk_rows: int | None) -> Iterator[Cells]:
    """The cells of a Parquet file as text, a chunk at a time, or all at once; there is at least one chunk."""
    try:
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise DataError(f"{path}: reading Parquet needs pyarrow.", "pip install 'sdl-cli[parquet]'") from error
    try:
        file = parquet.ParquetFile(path)
        if not file.metadata.num_rows:
            raise DataError(f"{path}: the table has no rows.")
        start = 0
        names = [name for name in file.schema_arrow.names if not _INDEX.fullmatch(name)]  # a counter that pandas adds
        for batch in [file.read(names)] if chunk_rows is None else file.iter_batches(chunk_rows, columns=names):
            frame = batch.to_pandas(ignore_metadata=True)  # else a named index is no column
            yield from_frame(frame, str(path), start)
            start += len(frame)
    except DataError:
        raise
    except Exception as error:  # pyarrow has many kinds for a damaged file
        raise DataError(f"{path}: this Parquet file cannot be read: {short(str(error), 120)}.", "Write it again.") from error


def from_frame(frame: Any, source: str, start: int = 0) -> Cells:
    """The cells of a pandas DataFrame as text; lines count its rows from `start`."""
    names = tuple(printable(str(name)).strip() or f"x{i}" for i, name in enumerate(frame.columns))
    doubled = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if doubled:
        raise DataError(f"{source}: several columns are called {listed(doubled)}.", "Give each column a name of its own.")
    return Cells(source, names, [_as_text(frame.iloc[:, i]) for i in range(len(names))], np.arange(start, start + len(frame)))


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
    return _objects([None if lost or cell in MISSING else cell for lost, cell in zip(missing, text, strict=True)])


def _objects(cells: Sequence[str | None]) -> Array:
    found = np.empty(len(cells), dtype=object)
    found[:] = cells
    return found
