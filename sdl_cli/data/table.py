"""A table in a file: CSV, TSV or anything delimited, gzip or not, and Parquet."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sdl_cli.data.cache import digest, fingerprint
from sdl_cli.data.columns import (
    COUNTS_ROWS,
    Column,
    LeftOut,
    are_amounts,
    feature_names,
    infer,
    other_order,
    shown_format,
    to_numbers,
)
from sdl_cli.data.dataset import Dataset
from sdl_cli.data.delimited import Asked, read, sniff
from sdl_cli.data.groups import crossing_notes, groups_from_cells
from sdl_cli.data.roles import (
    Roles,
    drop_missing_targets,
    encode_target,
    encode_target_like,
    find_column,
    large_classes,
    listed,
    short,
    which_target,
    without_doubt_of_header,
)
from sdl_cli.data.table_cells import (
    Cells,
    Unknown,
    encode_columns,
    is_parquet,
    iter_parquet,
    require_columns,
    take_rows,
    unknown_notes,
    with_missing,
)
from sdl_cli.errors import DataError

Array = np.ndarray[Any, Any]
_NAMED = 5  # columns left out that a note names one by one


@dataclass(frozen=True, kw_only=True)
class TableRoles(Roles):
    """What the columns of a table are for, beside the `Roles` of every file.

    Arguments:
        features: the columns to learn from; empty takes all that have no other role.
        drop: columns to leave out.
        categorical: columns of categories, whatever their cells look like (postal codes, numbered sites).
        missing_values: words that mean a missing cell, beside the empty cell, NA, NaN, null and ?.
    """

    features: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    missing_values: tuple[str, ...] = ()


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
        cells.delimiter,
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
    notes = without_doubt_of_header(cells.notes, cells.names, [roles.target])
    if roles.target is None:
        raise which_target(cells.source, cells.names)
    cells = with_missing(cells, roles.missing_values)
    places = _roles(cells, roles)
    kept = drop_missing_targets(
        cells.source, cells.names[places["target"]], cells.columns[places["target"]], cells.lines, roles.missing_target, notes
    )
    cells, part = take_rows(cells, kept), None if part is None else part[kept]
    target = cells.names[places["target"]]
    if roles.min_class_rows is not None:
        kept = large_classes(target, cells.columns[places["target"]], roles.min_class_rows, notes)
        cells, part = take_rows(cells, kept), None if part is None else part[kept]
    target_cells = cells.columns[places["target"]]
    if like is None:
        y, classes, task = encode_target(cells.source, target, target_cells, roles.task, cells.decimal, notes)
        columns, counter = _infer_columns(cells, roles, places, notes)
        if counter is not None and "id" not in places:
            places["id"] = counter
    else:  # as in the run, whatever these rows suggest
        columns = [Column.from_plain(values) for values in like["columns"]]
        require_columns(cells.source, cells.names, [c.name for c in columns])
        y, classes, task = encode_target_like(cells.source, target, target_cells, like["classes"], cells.decimal)
        if "id" not in places and (named := like.get("source", {}).get("id")) in cells.names:
            places["id"] = cells.names.index(named)
    unknown: Unknown = {}
    X = encode_columns(cells, columns, unknown)
    notes += unknown_notes(unknown, len(y))  # none where the columns were found in these very cells
    groups = None
    if "group" in places:
        groups = groups_from_cells(short(cells.names[places["group"]]), cells.columns[places["group"]], notes)
        notes += crossing_notes(groups, part)
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
            "delimiter": cells.delimiter,
            "decimal": cells.decimal,
            "target": target,
            "id": cells.names[places["id"]] if "id" in places else None,
            "missing_values": list(roles.missing_values),
        },
    )


def _read_file(path: str, settings: Table, key: str) -> Cells:
    file = Path(path).expanduser()
    if file.is_file() and is_parquet(file):
        return next(iter_parquet(file, None))
    form = sniff(file, Asked(settings.delimiter, settings.header, settings.encoding, settings.decimal), key)
    columns, lines = read(file, form)
    if not len(lines):
        raise DataError(f"{file}: the table has no rows.")
    return Cells(str(file), form.names, columns, lines, form.decimal, form.notes, form.header, form.delimiter)


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


def _infer_columns(
    cells: Cells, roles: TableRoles, places: Mapping[str, int], notes: list[str]
) -> tuple[list[Column], int | None]:
    """The columns to learn from, and the position of one that counts the rows and so names them."""

    def positions(key: str) -> list[int]:
        return [find_column(cells.source, cells.names, asked, f"dataset.{key}") for asked in getattr(roles, key)]

    chosen, dropped, categorical = list(dict.fromkeys(positions("features"))), positions("drop"), set(positions("categorical"))
    if places["target"] in chosen:
        raise DataError(
            f"dataset.features: {short(cells.names[places['target']])} is the target.", "Leave it out of the features."
        )
    taken = {*places.values(), *dropped}
    if places["target"] in dropped:
        raise DataError(f"dataset.drop: {short(cells.names[places['target']])} is the target.", "Leave it out of the list.")
    columns: list[Column] = []
    left_out: list[LeftOut] = []
    counters: list[int] = []
    for i in chosen or range(len(cells.names)):
        if i in taken and not (chosen and i not in dropped):
            continue
        found = infer(cells.names[i], cells.columns[i], cells.decimal, i in categorical, bool(chosen))
        if isinstance(found, LeftOut):
            left_out.append(found)
            counters += [i] if found.reason == COUNTS_ROWS else []
            continue
        columns.append(found)
        _note_doubts(found, cells, i, notes, i in categorical)
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
    return columns, counters[0] if len(counters) == 1 else None


def _note_doubts(column: Column, cells: Cells, i: int, notes: list[str], asked: bool) -> None:
    """A note where a column may be meant otherwise: numbers with a few words or a unit, dates of either order."""
    own = cells.columns[i]
    if column.kind == "date" and other_order(column, own):
        first = short(own[np.flatnonzero(own != None)[0]], 30)  # noqa: E711
        notes.append(
            f"Column {short(column.name)}: dates such as {first} were read as {shown_format(column.format)}, though day and "
            "month could be the other way round (YYYY-MM-DD leaves no doubt)."
        )
    if column.kind != "category" or asked:
        return
    if are_amounts(own[own != None]):  # noqa: E711
        first = short(own[np.flatnonzero(own != None)[0]], 30)  # noqa: E711
        notes.append(
            f"Column {short(column.name)} was read as categories, since its numbers have a unit or thousands marks, such as "
            f"{first!r}: write plain numbers to have them read as such."
        )
        return
    odd = np.flatnonzero(np.isnan(to_numbers(own, cells.decimal)) & (own != None))  # noqa: E711
    known = int((own != None).sum())  # noqa: E711
    if 0 < len(odd) < 0.2 * known:
        word = short(own[odd[0]], 30)
        notes.append(
            f"Column {short(column.name)} was read as categories, since {len(odd):,} of its cells are no numbers, "
            f"such as {word!r} in line {cells.lines[odd[0]]} (if that means missing: dataset.missing_values=[{word}])."
        )
