"""New rows of a table for prediction, a chunk at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.files.columns import Column
from sdl_cli.data.files.delimited import iter_numbers
from sdl_cli.data.files.missing import missing_words
from sdl_cli.data.files.sniffing import Asked, Format, Known, sniff, sniff_like
from sdl_cli.data.files.table_cells import (
    Cells,
    Unknown,
    encode_column,
    encode_columns,
    in_percent,
    percent_notes,
    require_columns,
    row_ids,
    unknown_notes,
    with_missing,
)
from sdl_cli.data.files.typed_marks import with_own_marks
from sdl_cli.data.files.value_words import in_words, known_levels
from sdl_cli.data.formats import iter_cells
from sdl_cli.data.formats.typed_columns import width_of
from sdl_cli.errors import DataError
from sdl_cli.phrases import shortened


def iter_rows(
    path: Path, inputs: Mapping[str, Any], chunk_rows: int = 50_000, notes: list[str] | None = None
) -> Iterator[tuple[Array, Array]]:
    """Read new rows for prediction a chunk at a time, their columns matched by name: memory does not grow with the file.

    Arguments:
        path: delimited text, gzip of it, or a format of `data/formats`; it needs no target.
        inputs: what a run stored of its data.
        notes: at the end, sentences about values that the run does not know and about missing ids are added.
    Yields: ids `(n,)` of str (the id column, or the line) and X `float64 (n, F)`.
    Raises DataError: columns that are missing, cells that do not fit their column, with the line; and whatever reading raises.
    """
    columns, source = [Column.from_plain(values) for values in inputs["columns"]], inputs["source"]
    typed = iter_cells(path, _asked_of_run(columns, inputs), chunk_rows)
    if typed is not None:
        yield from rows_of_cells(typed, str(path), inputs, notes)
        return
    unknown: Unknown = {}
    percent: set[str] = set()
    count = 0
    id_name, as_written, words = source["id"], source.get("text", ()), _missing(source)
    form = _format_of(path, columns, source)
    if notes is not None and form.marks != Known.of(source).marks:
        notes += [note for note in form.notes if note.startswith(("Decimal", "Thousands", "Some columns"))]
    id_name = id_name if id_name in form.names else None  # read as text, also where it is learned from
    numbers = [c.name for c in columns if c.kind == "number" and c.name != id_name]
    texts = [c.name for c in columns if c.name not in numbers]
    wanted = [*texts, *([id_name] if id_name and id_name not in texts else [])]
    of_codes: dict[str, None] = {}
    for values, strings, lines in iter_numbers(path, form, numbers, wanted, chunk_rows, words, percent):
        written = Cells(str(path), tuple(wanted), strings, lines, form.marks)
        cells = in_words(with_missing(written, words, as_written), source, columns, of_codes)
        place = {name: i for i, name in enumerate(numbers)}
        X = [
            values[:, place[c.name]][:, None]
            if c.name in place
            else encode_column(cells, c, cells.columns[wanted.index(c.name)], unknown)
            for c in columns
        ]
        count += len(lines)
        ids = row_ids(written, id_name)
        yield ids, np.concatenate(X, axis=1) if len(X) > 1 else X[0]
    if notes is not None:
        notes += [*of_codes, *percent_notes(percent)]
    _say(notes, unknown, count, source["id"], form.names)


def rows_of_cells(
    parts: Iterator[Cells], where: str, inputs: Mapping[str, Any], notes: list[str] | None = None
) -> Iterator[tuple[Array, Array]]:
    """The same of rows whose cells have types already, a part at a time; `where` names them in messages."""
    columns, source = [Column.from_plain(values) for values in inputs["columns"]], inputs["source"]
    id_name, as_written, words = source["id"], source.get("text", ()), _missing(source)
    asked = dataclasses.replace(_asked_of_run(columns, inputs), decimal=None, thousands=None)
    known: Known | None = Known.of(source, columns)
    said: dict[str, None] = {}
    unknown: Unknown = {}
    percent: set[str] = set()
    count = 0
    names: Sequence[str] = ()
    for cells in parts:
        said |= dict.fromkeys(cells.notes)
        cells = with_own_marks(cells, asked, known, "INPUT")
        known = Known(cells.marks, 1, known.numbers if known else ())  # later chunks are written alike
        require_columns(where, cells.names, [c.name for c in columns])
        count, names = count + len(cells.lines), cells.names
        known_cells = in_words(with_missing(cells, words, as_written), source, columns, said)
        percent |= in_percent(known_cells, columns)
        yield row_ids(cells, id_name), encode_columns(known_cells, columns, unknown)
    if notes is not None:
        notes += [*said, *percent_notes(percent)]
    _say(notes, unknown, count, id_name, names)


def _missing(source: Mapping[str, Any]) -> frozenset[str]:
    return missing_words(source.get("missing_values") or None) if "missing" not in source else frozenset(source["missing"])


def _asked_of_run(columns: Sequence[Column], inputs: Mapping[str, Any]) -> Asked:
    """What a run stored of its file, for files whose cells have types: which are text, missing or levels too."""
    source = inputs["source"]
    id_name = source["id"]
    levels = {c.name: c.levels for c in columns} | ({} if id_name is None else {id_name: known_levels(inputs).get(id_name, ())})
    asked = _asked_of_cells(columns, source)
    return dataclasses.replace(asked, texts=tuple(source.get("text", ())), missing=_missing(source), levels=levels)


def _asked_of_cells(columns: Sequence[Column], source: Mapping[str, Any]) -> Asked:
    """What a run stored of its file, for files whose cells have types."""
    known = {key: source[key] for key in ("sheet", "header", "header_lines") if key in source}
    named = [] if source["id"] is None else [source["id"]]
    asked = Asked(**{**known, **source.get("asked", {})}, columns=(*(c.name for c in columns), *named))
    return dataclasses.replace(asked, new=True, new_rows=True, width=width_of(source["names"]))


def _say(notes: list[str] | None, unknown: Unknown, count: int, id_name: str | None, names: Sequence[str]) -> None:
    if notes is None:
        return
    notes += unknown_notes(unknown, count)
    if id_name is not None and id_name not in names:
        notes.append(f"There is no column {shortened(id_name)}: the ids of the predictions are lines of the file.")


def _format_of(path: Path, columns: Sequence[Column], source: Mapping[str, Any]) -> Format:
    """How a file of new rows is written; its columns are those of the run, by name, or by place where neither has a header."""
    if not path.exists():
        raise DataError(f"{path}: there is nothing here.", "Give a table with the columns of the run.")
    needed, trained = [c.name for c in columns], list(source["names"])
    asked = Asked(**source.get("asked", {}))
    known = Known.of(source, columns)
    if not source["header"]:
        asked = dataclasses.replace(asked, decimal=None, thousands=None)
        with_header = sniff(path, asked, "INPUT", known)
        if with_header.header and all(name in with_header.names for name in needed):
            return with_header
        found = sniff(path, dataclasses.replace(asked, header=False), "INPUT", known)
        for names in (trained, [name for name in trained if name != source["target"]]):
            if len(names) == len(found.names):
                return dataclasses.replace(found, names=tuple(names))
        what = f"it has {len(found.names)} columns; the run was trained on {len(trained)} without a header, target included."
        raise DataError(f"{path}: {what}", "Give the same columns in the same order, with or without the target.")
    form = sniff_like(path, dataclasses.replace(asked, header=True), "INPUT", known, needed)
    require_columns(str(path), form.names, needed)
    return form
