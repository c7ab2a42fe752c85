"""Tables in Parquet files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sdl_cli.data.files.sniffing import Asked
from sdl_cli.data.files.table_cells import CELL_BYTES, Cells, from_frame
from sdl_cli.errors import DataError
from sdl_cli.phrases import shortened
from sdl_cli.settings.machine import available_bytes

_PART_ROWS = 8192  # that are unpacked at once
_INDEX = re.compile(r"__index_level_\d+__")


def matches(head: bytes, path: Path) -> bool:
    return head.startswith(b"PAR1")


def iter_cells(path: Path, asked: Asked, chunk_rows: int | None) -> Iterator[Cells]:
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
        for batch in [_whole(file, names, path)] if chunk_rows is None else file.iter_batches(chunk_rows, columns=names):
            frame = batch.to_pandas(ignore_metadata=True)  # otherwise a named index is not a column
            yield from_frame(frame, str(path), start)
            start += len(frame)
    except DataError:
        raise
    except Exception as error:  # pyarrow has many kinds for a damaged file
        raise DataError(f"{path}: this Parquet file cannot be read: {shortened(str(error), 120)}.", "Write it again.") from error


def _whole(file: Any, names: list[str], path: Path) -> Any:
    """All rows of a Parquet file, if memory suffices: in the file, a repeated value takes almost no space."""
    import pyarrow

    free, num_rows = available_bytes(), int(file.metadata.num_rows)
    needed = num_rows * len(names) * CELL_BYTES
    parts = []
    for part in file.iter_batches(_PART_ROWS, columns=names) if needed <= free else ():
        parts.append(part)
        needed += 2 * int(part.nbytes)
        if needed > free:
            break
    if needed > free:
        raise DataError(
            f"{path}: {num_rows:,} rows of {len(names):,} columns, unpacked, take more than the {free / 2**30:.1f} GB of memory "
            "that are free.",
            "Give fewer rows or columns; sdl predict takes files of any length.",
        )
    return pyarrow.Table.from_batches(parts)
