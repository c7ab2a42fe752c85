"""A table in a file: CSV, TSV or anything delimited, gzip or not, and Parquet; and new rows of it, for prediction."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np

from sdl_cli.config import DataSettings, Range
from sdl_cli.data.cache import digest, fingerprint
from sdl_cli.data.columns import CellError, Column, LeftOut, encode, feature_names, infer
from sdl_cli.data.dataset import Dataset
from sdl_cli.data.delimited import MISSING, Asked, Format, iter_numbers, read, sniff
from sdl_cli.data.roles import (
    drop_missing_targets,
    encode_target,
    find_column,
    large_classes,
    listed,
    printable,
    short,
    which_target,
)
from sdl_cli.errors import DataError

Array = np.ndarray[Any, Any]
_NAMED = 5  # columns left out that a note names one by one
_INDEX = re.compile(r"__index_level_\d+__")


@dataclass(frozen=True, kw_only=True)
class TableRoles(DataSettings):
    """What the columns of a table are for; a column is given by its name, or by its position from 0 (or -1 for the last).

    Arguments:
        target: the column to predict.
        features: the columns to learn from; empty takes all that have no other role.
        drop: columns to leave out.
        group: a column whose rows belong together (one patient, plant or camera): none stands on two sides of a split.
        id: a column that names the rows in predictions; it is not learned from.
        categorical: columns of categories, whatever their cells look like (postal codes, numbered sites).
        missing_values: words that mean a missing cell, beside the empty cell, NA, NaN, null and ?.
        missing_target: rows without a target: fail (and name them), or drop (and count them).
        min_class_rows: leave out classes with fewer rows; None keeps all.
        task: classification, regression or auto (text and few whole numbers are classes).
    """

    target: str | None = None
    features: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    group: str | None = None
    id: str | None = None
    categorical: tuple[str, ...] = ()
    missing_values: tuple[str, ...] = ()
    missing_target: Literal["fail", "drop"] = "fail"
    min_class_rows: Annotated[int, Range(2)] | None = None
    task: Literal["auto", "classification", "regression"] = "auto"


@dataclass(frozen=True, kw_only=True)
class Table(TableRoles):
    """A table in a file.

    Arguments:
        path: the file: delimited text (.csv, .tsv, ...), the same in gzip, or Parquet.
        test_path: a second file of the same columns that is the test part; None draws test rows from `path`.
        delimiter, header, encoding, decimal: how the text is written; None finds out.

    The other arguments are those of `TableRoles`.
    """

    name: str = "table"
    path: str
    test_path: str | None = None
    delimiter: str | None = None
    header: bool | None = None
    encoding: str | None = None
    decimal: Literal[".", ","] | None = None


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


def load(settings: Table, like: Mapping[str, Any] | None = None) -> Dataset:
    """Read a table: X `float64 (N, F)`, see `data/columns.py`.

    Arguments:
        like: the stored `inputs` of a run: its columns are read as the run reads them, whatever this file suggests.
    Raises:
        DataError: files, columns or cells that cannot be used; the message names them.
    """
    cells = _read_file(settings.path, settings, "dataset.path")
    if settings.test_path is None:
        return _remember(assemble(cells, settings, Path(settings.path).stem, like=like), settings)
    decimal: Any = cells.decimal
    alike = dataclasses.replace(settings, header=cells.header, decimal=decimal)
    test = _read_file(settings.test_path, alike, "dataset.test_path")
    lacking = [name for name in cells.names if name not in test.names]
    if lacking:
        raise DataError(f"dataset.test_path: {test.source} lacks columns that {cells.source} has: {listed(lacking)}.")
    order = [test.names.index(name) for name in cells.names]
    both = Cells(
        cells.source,
        cells.names,
        [np.concatenate([own, test.columns[i]]) for own, i in zip(cells.columns, order, strict=True)],
        np.concatenate([cells.lines, test.lines]),
        cells.decimal,
        cells.notes,
        cells.header,
    )
    part = np.repeat(["train", "test"], [len(cells.lines), len(test.lines)])
    return _remember(assemble(both, settings, Path(settings.path).stem, part, like), settings)


def _remember(dataset: Dataset, settings: Table) -> Dataset:
    """The data set with what the user said of the file's writing, which holds for new rows as well."""
    asked = {key: getattr(settings, key) for key in ("delimiter", "encoding", "decimal")}
    return dataclasses.replace(dataset, source={**dataset.source, "asked": asked})


def assemble(
    cells: Cells, roles: TableRoles, name: str, part: Array | None = None, like: Mapping[str, Any] | None = None
) -> Dataset:
    """Make the data set of a table whose cells are read: find the roles and kinds of its columns.

    Arguments:
        name: of the data set. part: `(N,)` of "train" or "test", or None. like: as for `load`.
    Raises:
        DataError: no such column, no usable feature, a target that cannot be one.
    """
    notes = list(cells.notes)
    if roles.target is None:
        raise which_target(cells.source, cells.names)
    cells = _with_missing(cells, roles.missing_values)
    places = _roles(cells, roles)
    kept = drop_missing_targets(
        cells.source, cells.names[places["target"]], cells.columns[places["target"]], cells.lines, roles.missing_target, notes
    )
    cells, part = _rows(cells, kept), None if part is None else part[kept]
    target = cells.names[places["target"]]
    if roles.min_class_rows is not None:
        kept = large_classes(target, cells.columns[places["target"]], roles.min_class_rows, notes)
        cells, part = _rows(cells, kept), None if part is None else part[kept]
    y, classes, task = encode_target(cells.source, target, cells.columns[places["target"]], roles.task, cells.decimal, notes)
    if like is None:
        columns = _infer_columns(cells, roles, places, notes)
    else:
        columns = [Column.from_plain(values) for values in like["columns"]]
        _require(cells.source, cells.names, [c.name for c in columns])
    X = encode_columns(cells, columns)
    groups = _groups(cells, places, part, notes)
    ids = cells.columns[places["id"]] if "id" in places else cells.lines
    if part is not None and (part == "test").any() and "id" not in places:
        ids = np.array([f"{p}/{line}" for p, line in zip(part, cells.lines, strict=True)])
    content = json.dumps([dataclasses.asdict(c) for c in columns])
    x_digest = hashlib.sha256((digest(X) + content).encode()).hexdigest()
    return Dataset(
        name=name,
        task=task,
        modality="table",
        X=X,
        y=y,
        classes=classes,
        feature_names=feature_names(columns),
        groups=groups,
        part=part,
        ids=np.array([str(i) if i is not None else "" for i in ids], dtype=object),
        fingerprint=fingerprint(x_digest, y, classes, part),
        notes=tuple(dict.fromkeys(notes)),
        columns=tuple(columns),
        source={
            "kind": "table",
            "names": list(cells.names),
            "header": cells.header,
            "target": target,
            "id": cells.names[places["id"]] if "id" in places else None,
            "missing_values": list(roles.missing_values),
        },
    )


def iter_rows(path: Path, inputs: Mapping[str, Any], chunk_rows: int = 50_000) -> Iterator[tuple[Array, Array]]:
    """Read new rows for prediction a chunk at a time, their columns matched by name: memory does not grow with the file.

    Arguments:
        path: delimited text, gzip of it, or Parquet; it needs no target.
        inputs: what a run stored of its data: `columns` and `source`.
    Yields: ids `(n,)` of str (the id column, else the line) and X `float64 (n, F)`.
    Raises:
        DataError: columns that are missing, cells that do not fit their column, with the line; and whatever reading raises.
    """
    columns, source = [Column.from_plain(values) for values in inputs["columns"]], inputs["source"]
    if _is_parquet(path):
        for cells in _iter_parquet(path, chunk_rows):
            _require(str(path), cells.names, [c.name for c in columns])
            cells = _with_missing(cells, source["missing_values"])
            yield _ids(cells, source["id"]), encode_columns(cells, columns)
        return
    form = _format_of(path, columns, source)
    asked_missing = tuple(source["missing_values"])
    fast = not asked_missing  # words of the user's own are looked for in text
    numbers = [c.name for c in columns if c.kind == "number" and fast]
    texts = [c.name for c in columns if c.name not in numbers]
    id_name = source["id"] if source["id"] in form.names else None
    wanted = [*texts, *([id_name] if id_name and id_name not in texts else [])]
    for values, strings, lines in iter_numbers(path, form, numbers, wanted, chunk_rows):
        cells = _with_missing(Cells(str(path), tuple(wanted), strings, lines, form.decimal), asked_missing)
        place = {name: i for i, name in enumerate(numbers)}
        X = [
            values[:, place[c.name]][:, None] if c.name in place else _encode_one(cells, c, cells.columns[wanted.index(c.name)])
            for c in columns
        ]
        ids = _ids(cells, id_name)
        yield ids, np.concatenate(X, axis=1) if len(X) > 1 else X[0]


def encode_columns(cells: Cells, columns: Sequence[Column]) -> Array:
    """X `float64 (N, F)` of these columns, found by name; a cell that does not fit its column is a DataError with its line."""
    return np.concatenate([_encode_one(cells, c, cells.columns[cells.names.index(c.name)]) for c in columns], axis=1)


def _encode_one(cells: Cells, column: Column, own: Array) -> Array:
    try:
        return encode(column, own, cells.decimal)
    except CellError as error:
        where = f"{cells.source}, line {cells.lines[error.row]}"
        message = f"{where}: column {short(column.name)} holds {short(own[error.row], 30)!r}, which is not {error.wanted}."
        raise DataError(message, "Correct it, or leave the cell empty if the value is not known.") from error


def _read_file(path: str, settings: Table, key: str) -> Cells:
    file = Path(path).expanduser()
    if file.is_file() and _is_parquet(file):
        return next(_iter_parquet(file, None))
    form = sniff(file, Asked(settings.delimiter, settings.header, settings.encoding, settings.decimal), key)
    columns, lines = read(file, form)
    if not len(lines):
        raise DataError(f"{file}: the table has no rows.")
    return Cells(str(file), form.names, columns, lines, form.decimal, form.notes, form.header)


def _is_parquet(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PAR1"
    except OSError:
        return False


def _iter_parquet(path: Path, chunk_rows: int | None) -> Iterator[Cells]:
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


def _format_of(path: Path, columns: Sequence[Column], source: Mapping[str, Any]) -> Format:
    """How a file of new rows is written; its columns are those of the run, by name, or by place where neither has a header."""
    if not path.exists():
        raise DataError(f"{path}: there is nothing here.", "Give a table with the columns of the run.")
    needed, trained = [c.name for c in columns], list(source["names"])
    asked = Asked(**source.get("asked", {}))
    if not source["header"]:
        with_header = sniff(path, asked, "INPUT")
        if with_header.header and all(name in with_header.names for name in needed):
            return with_header
        found = sniff(path, dataclasses.replace(asked, header=False), "INPUT")
        for names in (trained, [name for name in trained if name != source["target"]]):
            if len(names) == len(found.names):
                return dataclasses.replace(found, names=tuple(names))
        message = (
            f"{path}: it has {len(found.names)} columns; the run was trained on {len(trained)} without a header, target included."
        )
        raise DataError(message, "Give the same columns in the same order, with or without the target.")
    form = sniff(path, dataclasses.replace(asked, header=True), "INPUT")
    _require(str(path), form.names, needed)
    return form


def _require(source: str, names: Sequence[str], needed: Sequence[str]) -> None:
    lacking = [name for name in needed if name not in names]
    if not lacking:
        return
    what = (
        f"{len(lacking)} columns that the run needs are missing" if len(lacking) > 1 else "a column that the run needs is missing"
    )
    raise DataError(f"{source}: {what}: {listed(lacking)}.", f"Columns are matched by name; the file has: {listed(names)}.")


def _with_missing(cells: Cells, words: Sequence[str]) -> Cells:
    if not words:
        return cells
    columns = [_objects([None if cell in words else cell for cell in own]) for own in cells.columns]
    return dataclasses.replace(cells, columns=columns)


def _rows(cells: Cells, kept: Array) -> Cells:
    return dataclasses.replace(cells, columns=[own[kept] for own in cells.columns], lines=cells.lines[kept])


def _ids(cells: Cells, name: str | None) -> Array:
    ids = cells.columns[cells.names.index(name)] if name in cells.names else cells.lines
    return np.array(["" if i is None else str(i) for i in ids], dtype=object)


def _roles(cells: Cells, roles: TableRoles) -> dict[str, int]:
    """The position of target, group and id; no column has two roles."""
    places = {
        role: find_column(cells.source, cells.names, asked, f"dataset.{role}")
        for role in ("target", "group", "id")
        if (asked := getattr(roles, role)) is not None
    }
    for role, other in (("group", "target"), ("id", "target")):
        if role in places and places[role] == places["target"]:
            name = short(cells.names[places[role]])
            raise DataError(f"dataset.{role} and dataset.{other} are both the column {name}.", "Give each its own column.")
    return places


def _infer_columns(cells: Cells, roles: TableRoles, places: Mapping[str, int], notes: list[str]) -> list[Column]:
    def positions(key: str) -> list[int]:
        return [find_column(cells.source, cells.names, asked, f"dataset.{key}") for asked in getattr(roles, key)]

    chosen, dropped, categorical = list(dict.fromkeys(positions("features"))), positions("drop"), set(positions("categorical"))
    if places["target"] in chosen:
        raise DataError(
            f"dataset.features: {short(cells.names[places['target']])} is the target.", "Leave it out of the features."
        )
    taken = {*places.values(), *dropped}
    columns: list[Column] = []
    left_out: list[LeftOut] = []
    for i in chosen or range(len(cells.names)):
        if i in taken and not (chosen and i not in dropped):
            continue
        found = infer(cells.names[i], cells.columns[i], cells.decimal, i in categorical, bool(chosen))
        if isinstance(found, LeftOut):
            left_out.append(found)
            continue
        columns.append(found)
        _note_odd_cells(found, cells, i, notes, i in categorical)
    notes += [f"Column {short(c.name)} {c.reason}: it was left out." for c in left_out[:_NAMED]]
    if len(left_out) > _NAMED:
        notes.append(f"{len(left_out) - _NAMED} more columns were left out: {listed([c.name for c in left_out[_NAMED:]])}.")
    if not columns:
        why = f" ({short(left_out[0].name)} {left_out[0].reason})" if left_out else ""
        raise DataError(
            f"{cells.source}: no column is left to learn from{why}.",
            "Name the columns to use all the same: dataset.features=[...]"
            if left_out
            else "Add columns that say something of each row.",
        )
    return columns


def _note_odd_cells(column: Column, cells: Cells, i: int, notes: list[str], asked: bool) -> None:
    """A note where a few cells of text make a column of numbers into categories."""
    if column.kind != "category" or asked:
        return
    from sdl_cli.data.columns import to_numbers

    own = cells.columns[i]
    odd = np.flatnonzero(np.isnan(to_numbers(own, cells.decimal)) & (own != None))  # noqa: E711
    known = int((own != None).sum())  # noqa: E711
    if 0 < len(odd) < 0.2 * known:
        word = short(own[odd[0]], 30)
        notes.append(
            f"Column {short(column.name)} was read as categories, since {len(odd):,} of its cells are no numbers, "
            f"such as {word!r} in line {cells.lines[odd[0]]} (if that means missing: dataset.missing_values=[{word}])."
        )


def _groups(cells: Cells, places: Mapping[str, int], part: Array | None, notes: list[str]) -> Array | None:
    """Group numbers `int64 (N,)`; a row without a group is one of its own."""
    if "group" not in places:
        return None
    own, name = cells.columns[places["group"]], short(cells.names[places["group"]])
    missing = np.flatnonzero(own == None)  # noqa: E711
    if len(missing):
        notes.append(f"{len(missing):,} rows have no {name}: each was taken as a group of its own.")
    keys = np.array([f"={cell}" for cell in own], dtype=object)
    keys[missing] = [f"#{i}" for i in missing]
    groups = np.unique(keys.astype(str), return_inverse=True)[1].astype(np.int64)
    if part is not None:
        both = np.intersect1d(groups[part == "test"], groups[part != "test"])
        if len(both):
            notes.append(f"{len(both)} groups of {name} stand in the labelled and the test part: the test score may be too good.")
    return groups
