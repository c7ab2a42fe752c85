"""New inputs that a program holds in memory, for prediction: a DataFrame, arrays, texts, or a list of photos."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli import phrases
from sdl_cli.data.arrays import Array, objects
from sdl_cli.data.files.columns import Column
from sdl_cli.data.files.roles import listed
from sdl_cli.data.files.table_cells import Cells, from_frame, require_columns
from sdl_cli.data.images.decode import INTERPOLATIONS
from sdl_cli.errors import DataError

Chunks = Iterator[tuple[Array, Array]]
Notes = list[str]
FRAME, ARRAY = "the DataFrame", "the array"  # as messages call them
_ROWS = 50_000  # of a table that are taken at once
_PHOTOS = "Give a list of paths, a folder, or a DataFrame with the column of paths."
_TEXT_WORDS = "Give a list of texts, a Series, a DataFrame with the column, or the path of a file."


def iter_in_memory(data: Any, inputs: Mapping[str, Any], notes: Notes, on_error: str = "fail") -> Chunks:
    """Rows for a stored run, from what a program holds.

    Arguments:
        data: for tables a DataFrame, or an array `(N, F)`; for texts a list or Series of them, or a DataFrame with their column;
            for images a list of paths, or an array `uint8 (N, C, H, W)`, `(N, H, W, C)` or `(N, H, W)`; for series `(N, C, L)`,
            or `(N, L)`, or a DataFrame with a column for each step.
        inputs: what the run stored of its data. notes: sentences on how they were read are added.
    Yields: ids `(n,)` (labels of a DataFrame's index, paths, or positions) and X `(n, ...)`.
    Raises DataError: columns that are missing, and rows that are not of the run's kind.
    """
    kind = inputs["modality"]
    if kind == "text":
        yield from _texts(data, inputs)
    elif kind == "image" and (is_frame(data) or is_list_of_paths(data)):
        paths = _column_of(data, inputs["source"].get("image"), _PHOTOS) if is_frame(data) else data
        yield from _photos([Path(str(path)).expanduser() for path in paths], inputs, notes, on_error)
    elif kind == "image":
        yield from _images(_as_array(data), inputs, notes)
    elif kind == "series":
        yield from _series(data, inputs)
    else:
        yield from _table(data, inputs, notes)


def is_frame(data: Any) -> bool:
    """Whether this is a pandas DataFrame; pandas is not imported to find out."""
    return hasattr(data, "columns") and hasattr(data, "iloc")


def is_list_of_paths(data: Any) -> bool:
    """Whether this is a list, tuple, Series or array of texts or paths."""
    found = np.asarray(data, dtype=object) if not isinstance(data, (str, Path)) and not is_frame(data) else np.empty(0)
    return found.ndim == 1 and len(found) > 0 and all(isinstance(one, (str, Path)) for one in found)


def _table(data: Any, inputs: Mapping[str, Any], notes: Notes) -> Chunks:
    columns = [Column.from_plain(values) for values in inputs.get("columns") or ()]
    names = [column.name for column in columns] or [str(name) for name in inputs["features"]]
    if not is_frame(data):
        rows = _as_array(data)
        if rows.ndim != 2 or rows.shape[1] != len(names):
            message = f"{ARRAY} has shape {rows.shape}, but this run takes rows of {len(names)} columns."
            raise DataError(message, f"Give these columns, in this order: {listed(names)}.")
        if not columns:
            yield np.arange(len(rows)), _finite(rows)
            return
        import pandas as pd

        data = pd.DataFrame(rows, columns=names)
    data = data.rename(columns=str)
    if not columns:
        require_columns(FRAME, list(data.columns), names)
        yield np.asarray(data.index, dtype=object), _finite(data[names].to_numpy())
        return
    from sdl_cli.data.sources.new_rows import rows_of_cells

    by_place = {**inputs, "source": {**inputs["source"], "id": None}}  # rows are called what the index calls them
    require_columns(FRAME, list(data.columns), names)
    own = data[names]
    parts = (_cells(own.iloc[start : start + _ROWS], columns, start) for start in range(0, len(own), _ROWS))
    start = 0
    for _, X in rows_of_cells(parts, FRAME, by_place, notes):
        yield np.asarray(own.index[start : start + len(X)], dtype=object), X
        start += len(X)


def _cells(frame: Any, columns: Sequence[Column], start: int) -> Cells:
    """Rows of a DataFrame; numbers that are numbers there stay what they are."""
    import pandas as pd

    def is_number(column: Column) -> bool:
        dtype = frame[column.name].dtype
        return column.kind == "number" and pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)

    numbers = {c.name: frame[c.name].to_numpy(np.float64, na_value=np.nan) for c in columns if is_number(c)}
    texts = from_frame(frame[[c.name for c in columns if c.name not in numbers]], FRAME, start)
    words = dict(zip(texts.names, texts.columns, strict=True))
    names = tuple(column.name for column in columns)
    found = [numbers[name] if name in numbers else words[name] for name in names]
    return dataclasses.replace(texts, names=names, columns=found, lines=np.arange(start, start + len(frame)), unit="row")


def _texts(data: Any, inputs: Mapping[str, Any]) -> Chunks:
    if is_frame(data):
        data = _column_of(data, inputs["source"].get("text"), _TEXT_WORDS)
    if isinstance(data, (str, Path)):
        raise DataError("One text was given, and it is no file.", _TEXT_WORDS)
    index = np.asarray(data.index, dtype=object) if hasattr(data, "index") and hasattr(data, "iloc") else None
    rows = list(data)
    if strange := next((one for one in rows if not isinstance(one, str) and one is not None and one == one), None):
        raise DataError(f"This run reads texts, but one of these is {type(strange).__name__}: {strange!r:.60}.", _TEXT_WORDS)
    texts = objects([one if isinstance(one, str) else "" for one in rows])
    yield (np.arange(len(texts)) if index is None else index), texts


def _column_of(frame: Any, name: str | None, hint: str) -> Any:
    """The column that the run learned from; of a run that had no names, the only one. DataError where there is none."""
    frame = frame.rename(columns=str)
    name = str(frame.columns[0]) if name is None and len(frame.columns) == 1 else name
    if name not in frame.columns:
        what = "that is alone" if name is None else name
        raise DataError(f"{FRAME} has no column {what}; it has: {listed(list(frame.columns))}.", hint)
    return frame[name]


def _series(data: Any, inputs: Mapping[str, Any]) -> Chunks:
    index: Array | None = None
    if is_frame(data):
        steps = [str(step) for step in inputs["source"].get("steps") or inputs["features"]]
        data = data.rename(columns=str)
        require_columns(FRAME, list(data.columns), steps)
        index, data = np.asarray(data.index, dtype=object), data[steps].to_numpy()
    rows = _as_array(data)
    shape = tuple(inputs["shape"])
    if rows.ndim == 2 and rows.shape[1] == int(np.prod(shape)):
        rows = rows.reshape(len(rows), *shape)
    yield (np.arange(len(rows)) if index is None else index), _finite(rows)


def _images(rows: Array, inputs: Mapping[str, Any], notes: Notes) -> Chunks:
    from sdl_cli.data.sources.npz import as_images

    if rows.ndim not in (3, 4) or rows.dtype.kind not in "biuf":
        message = f"This run takes images, but {ARRAY} has shape {rows.shape} and type {rows.dtype}."
        raise DataError(message, "Give a list of paths, a folder, or an array uint8 (N, C, H, W).")
    yield np.arange(len(rows)), as_images(ARRAY, rows, notes)


def _photos(files: Sequence[Path], inputs: Mapping[str, Any], notes: Notes, on_error: str) -> Chunks:
    from sdl_cli.data.images.depth import stored_scale
    from sdl_cli.data.images.pixels import View
    from sdl_cli.data.sources.image_folder import iter_files

    if missing := [str(file) for file in files if not file.is_file()]:
        raise DataError(f"{phrases.listed(missing, 3)}: there is no such file.", "Give paths of photos, or one folder.")
    assert inputs["interpolation"] in INTERPOLATIONS
    read: Callable[..., Chunks] = iter_files
    how = {key: inputs[key] for key in ("size_px", "channels", "interpolation")}
    more = {"scale": stored_scale(inputs.get("value_range")), "view": View.of_source(inputs.get("source", {}))}
    names = [str(file) for file in files]
    yield from read(files, names, **how, **more, on_error=on_error, notes=notes, num_bands=inputs["shape"][0])


def _as_array(data: Any) -> Array:
    return np.asarray(data.to_numpy() if hasattr(data, "to_numpy") else data)


def _finite(rows: Array) -> Array:
    """Numbers as float64. Raises DataError: they are none, or some are missing."""
    try:
        found = rows.astype(np.float64)
    except (ValueError, TypeError) as error:
        raise DataError(f"These rows hold what is no number: {error}.", "Give numbers like those it was trained on.") from error
    if not np.isfinite(found).all():
        bad = np.flatnonzero(~np.isfinite(found.reshape(len(found), -1)).all(axis=1))
        message = f"NaN or infinity in {len(bad)} rows of the inputs; the first is row {bad[0]}."
        raise DataError(message, "This run learned from rows without any: fill them in first.")
    return found
