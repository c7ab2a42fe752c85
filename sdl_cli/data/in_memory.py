"""Data that a program holds, kept as a file that every command reads: so its run can be resumed and scored again."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.files.roles import listed
from sdl_cli.data.files.table_cells import from_frame
from sdl_cli.data.formats.typed_columns import looks_typed
from sdl_cli.data.images.decode import is_image_name
from sdl_cli.data.sources.new_in_memory import FRAME, is_frame, is_list_of_paths
from sdl_cli.errors import DataError
from sdl_cli.files import make_folder, write_atomic
from sdl_cli.phrases import shortened

# how the CSV below is written; nothing of it is to be guessed, and no word means missing but the empty cell
_WRITTEN: dict[str, Any] = {"header": True, "delimiter": ",", "decimal": ".", "thousands": "none", "encoding": "utf-8"}
_TARGET = "target"
_WHAT = "Give a path, a DataFrame, arrays X with target=y, a list of texts or photos with target=, or a data set's name."


@dataclass(frozen=True)
class Kept:
    """A file of data from memory, and what is to be set to read it.

    Arguments:
        path: absolute. settings: of its data set, without their group: `{"target": "outcome"}`; of a kind of data set that
            has no such setting, they are of no use. notes: sentences for the user.
    """

    path: Path
    settings: Mapping[str, Any]
    notes: tuple[str, ...] = field(default=())


def keep(data: Any, target: Any, folder: Path) -> Kept:
    """Write what a program holds into `folder`, under a name made of its content.

    Arguments:
        data: a DataFrame; an array of numbers `(N, F)`, images `(N, H, W)`, `(N, H, W, C)` or `(N, C, H, W)`; a list of texts or
            of paths of photos; a pair `(X, y)`; or what scikit-learn's loaders return.
        target: the name of a column of a DataFrame, or the labels `(N,)`.
    Raises DataError: nothing of these, or lengths that differ.
    """
    if isinstance(data, Mapping) and {"data", "target"} <= set(data):  # a Bunch of scikit-learn
        data, target = data["data"], data["target"] if target is None else target
    if isinstance(data, tuple) and len(data) == 2 and target is None and not isinstance(data[0], (str, Path)):
        data, target = data
    labels = None if target is None or isinstance(target, (str, int)) else _labels(target)
    if is_frame(data):
        return _keep_frame(data, target, labels, folder)
    if labels is None:
        what = "which labels belong to these rows?" if target is None else "these rows have no columns with names"
        raise DataError(f"target: {what}", "Give them: target=y, one label for each row.")
    if is_list_of_paths(data):
        return _keep_texts(list(data), labels, folder)
    rows = np.asarray(data)
    if rows.ndim < 2 or rows.dtype == object:
        if rows.ndim == 2:
            import pandas as pd

            return _keep_frame(pd.DataFrame(rows).infer_objects().add_prefix("x"), None, labels, folder)
        raise DataError(f"This is no data that can be learned from: {shortened(type(data).__name__)}.", _WHAT)
    _same_length(len(rows), labels)
    if rows.ndim == 2 and rows.dtype.kind == "f" and np.isnan(rows).any():
        import pandas as pd

        return _keep_frame(pd.DataFrame(rows).add_prefix("x"), None, labels, folder)
    buffer = io.BytesIO()
    np.savez(buffer, X=rows, y=labels.astype(str) if labels.dtype == object else labels)
    return Kept(_written(buffer.getvalue(), "arrays", ".npz", folder), {})


def _keep_frame(frame: Any, target: Any, labels: Array | None, folder: Path) -> Kept:
    frame, id_name = _with_own_names(frame)
    name = target
    if labels is not None:
        _same_length(len(frame), labels)
        name = getattr(target, "name", None)
        name = _TARGET if name is None else str(name)
        if name in map(str, frame.columns):
            hint = f"Give its name, target={name!r}, or leave the column out of the DataFrame."
            raise DataError(f"target: the DataFrame has a column {shortened(name)} too.", hint)
        import pandas as pd

        frame = pd.concat([frame, pd.Series(labels, name=name)], axis=1)
    if not len(frame):
        raise DataError("The DataFrame has no rows.", "Give at least a few.")
    cells = from_frame(frame, FRAME)
    is_place = isinstance(target, int) and str(target) not in cells.names and -len(cells.names) <= target < len(cells.names)
    named = cells.names[target] if is_place else str(name)
    kinds = dict(zip(cells.names, map(str, frame.dtypes), strict=True))
    categorical = [column for column, kind in kinds.items() if kind == "category" and column != named]
    own = zip(cells.names, cells.columns, strict=True)
    odd = [column for column, found in own if column in (cells.strings or ()) and looks_typed(found, ordered=False)]
    text = [column for column in odd if column not in categorical]
    settings = {**_WRITTEN, "missing_values": [], "text": text, "categorical": categorical}
    settings |= {} if name is None else {"target": name}
    settings |= {} if id_name is None else {"id": id_name}
    settings |= {"task": "classification"} if kinds.get(named) == "category" else {}
    path = _written(_csv(cells.names, cells.columns).encode("utf-8", "surrogateescape"), "table", ".csv", folder)
    return Kept(path, settings, (_text_note(text),) if text else ())


def _text_note(names: Sequence[str]) -> str:
    many = len(names) > 1
    what = f"Column{'s' * many} {listed(names, 5)} hold{'s' * (not many)} text that looks like numbers"
    return f"{what}, and {'are' if many else 'is'} read as text (for numbers, give numbers)."


def _with_own_names(frame: Any) -> tuple[Any, str | None]:
    """The rows counted from 0; an index that names each of them becomes a column, whose name comes back too."""
    import pandas as pd

    index = frame.index
    name = str(index.name) if getattr(index, "name", None) is not None else "index"
    counts = isinstance(index, pd.RangeIndex) or pd.api.types.is_integer_dtype(index.dtype) and index.name is None
    if counts or isinstance(index, pd.MultiIndex) or not index.is_unique or name in map(str, frame.columns):
        return frame.reset_index(drop=True), None
    return frame.rename_axis(index=name).reset_index(), name


def _keep_texts(rows: Sequence[Any], labels: Array, folder: Path) -> Kept:
    """Texts, or photos where each is the path of one, with their labels."""
    _same_length(len(rows), labels)
    files = [Path(str(row)).expanduser() for row in rows]
    are_photos = all(isinstance(row, Path) or is_image_name(str(row)) for row in rows)
    if are_photos:
        if missing := [str(file) for file in files if not file.is_file()]:
            raise DataError(f"{missing[0]}: there is no such file ({len(missing):,} of {len(files):,}).", "Give paths of photos.")
        first, found, more = "file", [str(file.absolute()) for file in files], {"image": "file"}
    else:
        first, found, more = "text", [str(row) for row in rows], {"text": "text", **_WRITTEN}
    columns = [np.array(found, dtype=object), np.array([str(label) for label in labels], dtype=object)]
    text = _csv((first, _TARGET), columns)
    path = _written(text.encode("utf-8", "surrogateescape"), "photos" if are_photos else "texts", ".csv", folder)
    return Kept(path, {**more, "target": _TARGET})


def _labels(target: Any) -> Array:
    found = np.asarray(target.to_numpy() if hasattr(target, "to_numpy") else target)
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    if found.ndim != 1:
        raise DataError(f"target: it has shape {found.shape}, but each row needs one label.", "Give an array (N,).")
    return found


def _same_length(num_rows: int, labels: Array) -> None:
    if num_rows != len(labels):
        raise DataError(f"target: it has {len(labels):,} labels for {num_rows:,} rows.", "Give one label for each row.")


def _csv(names: Sequence[str], columns: Sequence[Array]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
    writer.writerow(names)
    lost = [["" if cell is None else cell for cell in column.tolist()] for column in columns]
    writer.writerows(zip(*lost, strict=True))
    return buffer.getvalue()


def _written(content: bytes, what: str, suffix: str, folder: Path) -> Path:
    path = folder.absolute() / f"{what}-{hashlib.sha256(content).hexdigest()[:8]}{suffix}"
    if not path.is_file() or path.read_bytes() != content:
        make_folder(path.parent)
        write_atomic(path, content)
    return path
