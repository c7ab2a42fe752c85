"""A table in a file: CSV, TSV or anything delimited, gzip or not, and the formats of `data/formats`."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.dataset import Dataset, digest
from sdl_cli.data.files.class_names import in_given_order
from sdl_cli.data.files.column_doubts import missing_notes, refuse_numbers_as_text, refuse_odd_target, sums_note
from sdl_cli.data.files.columns import Column, feature_names
from sdl_cli.data.files.delimited import read
from sdl_cli.data.files.feature_columns import columns_like, infer_columns
from sdl_cli.data.files.missing import missing_words
from sdl_cli.data.files.order_column import dates_beside, order_of
from sdl_cli.data.files.roles import find_column, which_target, without_doubt_of_header
from sdl_cli.data.files.sniffing import Known, sniff, sniff_like
from sdl_cli.data.files.table_cells import (
    Cells,
    Unknown,
    encode_columns,
    in_percent,
    percent_notes,
    row_ids,
    take_rows,
    unknown_notes,
    with_missing,
)
from sdl_cli.data.files.table_settings import Table as Table
from sdl_cli.data.files.table_settings import TableRoles as TableRoles
from sdl_cli.data.files.target_rows import read_target
from sdl_cli.data.files.two_files import join_files, names_of_numbers
from sdl_cli.data.files.typed_marks import with_own_marks
from sdl_cli.data.files.value_words import in_words, known_levels, levels_of, refuse_words_as_numbers, words_of
from sdl_cli.data.formats import gives_words, read_cells, without_effect
from sdl_cli.data.source import Reading, row_names
from sdl_cli.data.time_order import TimeOrder
from sdl_cli.errors import DataError
from sdl_cli.phrases import shortened


def load(settings: Table, like: Mapping[str, Any] | None = None) -> Dataset:
    """Read a table: X `float64 (N, F)`, see `data/files/columns.py`.

    Arguments:
        like: the stored `inputs` of a run: its columns are read as the run reads them, whatever this file suggests.
    Raises DataError: files, columns or cells that cannot be used; the message names them.
    """
    cells, part = read_files(settings, like)
    reading = assemble(cells, settings, Path(settings.path).stem, part, like)
    return dataclasses.replace(reading, source={**reading.source, "asked": asked_of_new_rows(settings)}).finish()


def read_files(settings: Table, like: Mapping[str, Any] | None = None) -> tuple[Cells, Array | None]:
    """The cells of the file and of the one that brings test rows, and `(N,)` "train" or "test", None where there is one file."""
    run = None if like is None else Known.of(like["source"], [Column.from_plain(values) for values in like["columns"]])
    known = None if like is None else {**known_levels(like), str(like["source"].get("target")): tuple(like["classes"])}
    cells = _read_file(settings.path, settings, "dataset.path", run, levels=known)
    without = "" if gives_words(Path(settings.path).expanduser()) else settings.set_for_words()
    if without:
        said = f"{without}: no effect, since this file gives its values no words."
        cells = dataclasses.replace(cells, notes=(*cells.notes, said))
    if settings.test_path is None:
        return cells, None
    test = _read_file(settings.test_path, settings, "dataset.test_path", first=cells)
    written = [cells.names[find_column(cells.source, cells.names, name, "dataset.text")] for name in settings.text]
    part = np.repeat(["train", "test"], [len(cells.lines), len(test.lines)])
    return join_files(cells, test, missing_words(settings.missing_values), written), part


def asked_of_new_rows(settings: Table) -> dict[str, Any]:
    """What the user said of how the file is written, as far as it holds for new rows as well."""
    return {key: value for key, value in settings.written().items() if key not in ("header", "header_lines")}


def assemble(
    cells: Cells,
    roles: TableRoles,
    name: str,
    part: Array | None = None,
    like: Mapping[str, Any] | None = None,
    known_columns: Sequence[Column] | None = None,
) -> Reading:
    """Read a table from its cells: find the roles and kinds of its columns.

    Arguments:
        name: of the data set. part: `(N,)` of "train" or "test", or None. like: as for `load`.
        known_columns: the columns to learn from and their kinds, where nothing is to be inferred.
    Raises DataError: no such column, no usable feature, a target that cannot be one.
    """
    notes = without_doubt_of_header(cells.notes, cells.names, [roles.target])
    if roles.target is None:
        raise which_target(cells.source, cells.names)
    places, words = _roles(cells, roles), missing_words(roles.missing_values)
    texts = {find_column(cells.source, cells.names, asked, "dataset.text") for asked in roles.text}
    written, cells = cells, with_missing(cells, words, [cells.names[i] for i in texts])
    notes += missing_notes(written, cells, places.values())
    if like is not None:
        classes_too = Column(cells.names[places["target"]], "category", tuple(like["classes"]))
        of_codes: dict[str, None] = {}
        learned = [Column.from_plain(values) for values in like["columns"]]
        cells = in_words(cells, like.get("source", {}), [*learned, classes_too], of_codes)
        notes += of_codes
    notes += sums_note(cells) if like is None else []
    target = cells.names[places["target"]]
    as_text = places["target"] in texts or target in cells.texts
    own = cells.columns[places["target"]]
    if like is None:
        refuse_words_as_numbers(cells, target, roles.task)
        refuse_odd_target(cells, target, own, as_text)
        if roles.task == "auto" and places["target"] not in texts:
            refuse_numbers_as_text(cells, target, own)
    keep, before = f"dataset.text=[{shortened(target)}]", written.columns[places["target"]]
    known = None if like is None else like["classes"]
    kept, y, classes, task = read_target(
        cells.source,
        target,
        own,
        cells.lines,
        roles,
        cells.marks_of(target),
        notes,
        before,
        keep=keep,
        as_text=as_text,
        like=known,
        unit=cells.unit,
    )
    if like is None and task == "classification" and target in cells.levels:
        y, classes = in_given_order(y, classes, cells.levels[target])
    written, cells, part = take_rows(written, kept), take_rows(cells, kept), None if part is None else part[kept]
    if known_columns is not None:
        columns, namer = list(known_columns), None
    else:
        columns, namer = infer_columns(cells, roles, places, notes) if like is None else columns_like(cells, like)
    id_place, order = places.get("id", namer), _order(cells, roles, notes, like is not None)
    notes += [] if like is None else percent_notes(in_percent(cells, columns))
    unknown: Unknown = {}
    X = encode_columns(cells, columns, unknown)
    notes += unknown_notes(unknown, len(y))  # none where the columns were found in these very cells
    id_name = None if id_place is None else cells.names[id_place]
    group = cells.names[places["group"]] if "group" in places else None
    used = {target, id_name, group, *(column.name for column in columns)}
    several = part is not None and (part == "test").any()
    content = json.dumps([dataclasses.asdict(c) for c in columns])
    return Reading(
        where=cells.source,
        name=name,
        task=task,
        modality="table",
        X=X,
        y=y,
        classes=classes,
        feature_names=feature_names(columns),
        groups=None if group is None else cells.columns[places["group"]],
        group_name=shortened(group or ""),
        part=part,
        ids=row_ids(written, id_name) if id_name else row_names(cells.lines, part if several else None),
        x_digest=hashlib.sha256((digest(X) + content).encode()).hexdigest(),
        notes=notes,
        columns=tuple(columns),
        source={
            **_written(cells),
            "target": target,
            "id": id_name,
            "missing": sorted(words),
            "text": sorted(cells.names[i] for i in texts),
            **words_of(cells, used),
        },
        order=order,
        dates=() if like is not None else tuple(dates_beside(cells, [*map(cells.names.index, (c.name for c in columns))])),
    )


def _order(cells: Cells, roles: TableRoles, notes: list[str], is_known: bool) -> TimeOrder | None:
    """The order of the rows where one is asked for; rows of a known run need none that is not there."""
    name = getattr(roles, "order", None)
    if name is None:
        return None
    assert isinstance(roles, Table)
    try:
        place = find_column(cells.source, cells.names, name, "dataset.order")
    except DataError:
        if is_known:
            return None
        raise
    if roles.target is not None and place == find_column(cells.source, cells.names, roles.target, "dataset.target"):
        shown = shortened(cells.names[place])
        raise DataError(f"dataset.order and dataset.target are both the column {shown}.", "Give each its own column.")
    return order_of(cells, place, roles.gap, notes)


def _written(cells: Cells) -> dict[str, Any]:
    """How the file is written, by which new rows are read."""
    return {
        "kind": "table",
        "names": list(cells.names),
        "header": cells.header,
        "delimiter": cells.delimiter,
        "decimal": cells.marks.decimal,
        "thousands": cells.marks.thousands,
        "header_lines": cells.header_lines,
        **({"sheet": cells.sheet} if cells.sheet else {}),
    }


def _read_file(
    path: str,
    settings: Table,
    key: str,
    run: Known | None = None,
    first: Cells | None = None,
    levels: Mapping[str, tuple[str, ...]] | None = None,
) -> Cells:
    """The cells of a file; the one that a run learned from, or of a second file the first, decides what this one leaves open."""
    file = Path(path).expanduser()
    roles = (settings.target, settings.group, settings.id, settings.order)
    asked = settings.asked(*roles, *settings.features, *settings.drop, *settings.text)
    words, known = missing_words(settings.missing_values), run
    if first is not None:
        known = Known(first.marks, first.header_lines, names_of_numbers(first, words))
        levels = levels_of(first, known.numbers)
    wanted = {
        key: getattr(settings, key)
        for key in ("categorical", "codes", "missing_reasons", "variable", "sheet", "range", "fill_down")
    }
    aside = tuple(name for name in (settings.target, settings.group, settings.id) if name is not None)
    is_new = run is not None or first is not None
    asked = dataclasses.replace(asked, texts=settings.text, **wanted, missing=words, aside=aside, levels=levels, new=is_new)
    if file.is_file() and (typed := read_cells(file, asked)) is not None:
        return with_own_marks(typed, asked if first is None else dataclasses.replace(asked, decimal=None, thousands=None), known)
    if first is None:
        form = sniff(file, asked, key, run)
    else:
        assert known is not None
        form = sniff_like(file, dataclasses.replace(asked, header=first.header), key, known, first.names)
    columns, lines = read(file, form)
    if not len(lines):
        raise DataError(f"{file}: the table has no rows.")
    notes = (*form.notes, *without_effect(asked))
    return Cells(str(file), form.names, columns, lines, form.marks, notes, form.header, form.delimiter, form.header_lines)


def _roles(cells: Cells, roles: TableRoles) -> dict[str, int]:
    """The position of target, group and id; no column has two roles."""
    places = {
        role: find_column(cells.source, cells.names, asked, f"dataset.{role}")
        for role in ("target", "group", "id")
        if (asked := getattr(roles, role)) is not None
    }
    for role in ("group", "id"):
        if places.get(role) == places["target"]:
            name = shortened(cells.names[places[role]])
            raise DataError(f"dataset.{role} and dataset.target are both the column {name}.", "Give each its own column.")
    return places
