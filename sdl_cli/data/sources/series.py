"""Series of equal length, one a row: a table of numbers in time order, or a `.ts` file of the UCR and UEA archives."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.dataset import Dataset
from sdl_cli.data.files.columns import COUNTS_ROWS, Column, LeftOut, infer, to_numbers
from sdl_cli.data.files.missing import missing_words, without
from sdl_cli.data.files.roles import TestFile, find_column, listed, which_target
from sdl_cli.data.files.sniffing import Asked
from sdl_cli.data.files.table_cells import Cells, require_columns
from sdl_cli.data.formats import iter_cells
from sdl_cli.data.sources.new_rows import iter_rows
from sdl_cli.data.sources.table import Table, asked_of_new_rows, assemble, read_files
from sdl_cli.errors import DataError
from sdl_cli.phrases import counted, shortened
from sdl_cli.settings.experiment import Count

_FEWEST_STEPS = 8  # below this, a row is a table's and no series
_NAMED = 5
_FILL_HINT = "Fill them in, or set dataset.fill=linear: each from its neighbours in time."


@dataclass(frozen=True, kw_only=True)
class Series(TestFile):
    """Series of equal length in a file: a table whose rows are series, their columns in time order, or a `.ts` file.

    Arguments:
        path: the file.
        channels: series measured side by side in each row of a table: first all columns of the first, then those of the second,
            and so on. A `.ts` file says it itself.
        drop: columns to leave out.
        fill: what becomes of missing values: fail (and say where), or linear (from the neighbours in time; at the ends, the
            nearest value).

    The other arguments are those of `TestFile`; the target of a `.ts` file has the name class, or target for a number.
    """

    name: str = "series"
    channels: Count = 1
    drop: tuple[str, ...] = ()
    fill: Literal["fail", "linear"] = "fail"


def load(settings: Series, like: Mapping[str, Any] | None = None) -> Dataset:
    """Read series: X `float64 (N, C, L)`.

    Arguments:
        like: the stored `inputs` of a run: its columns are read as the run reads them, whatever this file suggests.
    Raises DataError: files, columns or cells that cannot be used; the message names them.
    """
    kept = {f.name: getattr(settings, f.name) for f in dataclasses.fields(settings) if f.name not in ("name", "channels", "fill")}
    table = Table(**kept)
    run = None
    if like is not None and "steps" in like.get("source", {}):  # otherwise it is no run on series, as whoever compares them finds
        run = {**like, "columns": [_plain(name) for name in like["source"]["steps"]]}
    cells, part = read_files(table, run)
    if table.target is None or (run is not None and cells.series_shape is not None):  # the run's own table may name it otherwise
        table = dataclasses.replace(table, target=_own_target(cells))
    steps = _steps(cells, table) if run is None else _steps_like(cells, run["source"]["steps"], run["shape"])
    columns = [Column(name, "number") for name in steps]
    channels = _num_channels(cells, settings, len(columns))
    reading = assemble(cells, table, Path(settings.path).stem, part, run, columns)
    X = reading.X.reshape(len(reading.X), channels, -1)
    notes = list(reading.notes)
    X = filled(X, [str(i) for i in reading.ids], settings.fill, cells.source, notes)
    own = {"kind": "series", "steps": [c.name for c in columns], "fill": settings.fill, "asked": asked_of_new_rows(table)}
    return dataclasses.replace(
        reading,
        modality="series",
        X=X,
        columns=(),
        feature_names=(),
        x_digest=None,
        notes=notes,
        source={**reading.source, **own},
    ).finish()


def iter_series(path: Path, inputs: Mapping[str, Any], notes: list[str] | None = None) -> Iterator[tuple[Array, Array]]:
    """New series for prediction a chunk at a time, their columns matched by name.

    Arguments:
        inputs: what a run stored of its data. notes: sentences for the user are added at the end.
    Yields: ids `(n,)` of str and X `float64 (n, C, L)`.
    Raises DataError: as `new_rows.iter_rows`; missing values that the run does not fill.
    """
    source = inputs["source"]
    shape = [int(n) for n in inputs["shape"]]
    first = next(iter_cells(path, Asked(**source.get("asked", {})), 1) or iter(()), None) if path.is_file() else None
    steps = source["steps"] if first is None else _steps_like(first, source["steps"], shape)
    rows = iter_rows(path, {**inputs, "columns": [_plain(name) for name in steps]}, notes=notes)
    said: list[str] = []
    for ids, X in rows:
        yield ids, filled(X.reshape(-1, *shape), [str(i) for i in ids], source["fill"], str(path), said)
    if notes is not None:
        notes += said[:1]


def filled(X: Array, ids: Sequence[str], how: str, source: str, notes: list[str]) -> Array:
    """Series `(N, C, L)` without missing values (NaN), filled as `Series.fill` says; a note counts them.

    Raises DataError: values are missing and `how` is fail, or a whole channel of a series is missing.
    """
    missing = np.isnan(X)
    rows = np.flatnonzero(missing.sum(axis=(1, 2)))
    if not len(rows):
        return X
    count, where = int(missing.sum()), f"in {len(rows):,} of {len(X):,} series"
    where += f" (id {listed([shortened(ids[i], 40) for i in rows[:_NAMED]])}{', ...' if len(rows) > _NAMED else ''})"
    if how == "fail":
        late = np.diff(missing[rows].astype(np.int8), axis=2).min() >= 0  # never a value behind a missing one
        padded = " They are missing at the end, as in series of unequal length: cut them to one length first." if late else ""
        raise DataError(f"{source}: {counted(count, 'value', verbs='is/are')} missing {where}.{padded}", _FILL_HINT)
    empty = np.flatnonzero((missing.sum(axis=2) == X.shape[2]).sum(axis=1))
    if len(empty):
        raise DataError(f"{source}: the series {shortened(ids[empty[0]], 40)} has a channel without any value.", "Leave it out.")
    X, steps = X.copy(), np.arange(X.shape[2])
    for i in rows:
        for own, gone in zip(X[i], missing[i], strict=True):
            own[gone] = np.interp(steps[gone], steps[~gone], own[~gone])
    what = f"{counted(count, 'value', verbs='was/were')} missing {where}"
    notes.append(f"{what} and filled from the neighbours in time (dataset.fill=linear).")
    return X


def _steps_like(cells: Cells, steps: Sequence[str], shape: Sequence[int]) -> list[str]:
    """The columns of a run's series in a file: by name, or in a `.ts` file, which has no names, by place.

    Raises DataError: columns that are missing; a `.ts` file with series of another shape, whose first steps alone would mean
    something else.
    """
    if cells.series_shape is None:
        require_columns(cells.source, cells.names, steps)
        return list(steps)
    if list(cells.series_shape) != list(shape):
        told = [f"{counted(c, 'dimension')} of {counted(length, 'step')}" for c, length in (cells.series_shape, shape)]
        message = f"{cells.source}: its series have {told[0]}, but this run takes {told[1]}."
        raise DataError(message, "Give series like those it was trained on.")
    return list(cells.names[: len(steps)])


def _plain(name: str) -> dict[str, Any]:
    return dataclasses.asdict(Column(str(name), "number"))


def _own_target(cells: Cells) -> str:
    """The target of a file that says which it is."""
    if cells.series_shape is None or len(cells.names) == np.prod(cells.series_shape):
        hint = " Its header says neither @classLabel true nor @targetLabel true."
        if cells.series_shape is not None:
            raise DataError(f"{cells.source}: there is nothing to predict.{hint}", "Give a file with labels.")
        raise which_target(cells.source, cells.names)
    return cells.names[-1]


def _num_channels(cells: Cells, settings: Series, num_columns: int) -> int:
    """Channels C of a row. Raises DataError: the columns cannot be divided among them, or are too few for a series."""
    if cells.series_shape is not None:
        dimensions, length = cells.series_shape
        if settings.channels not in (1, dimensions):
            raise DataError(f"dataset.channels={settings.channels}: {cells.source} has {dimensions}.", "Leave it out.")
        if num_columns != dimensions * length:
            raise DataError(f"{cells.source}: single steps of a .ts file cannot be left out.", "Leave out dataset.drop.")
        channels = dimensions
    else:
        channels = settings.channels
        if num_columns % channels:
            what = f"dataset.channels={channels}: {cells.source} has {num_columns} columns of numbers, which cannot be divided so"
            raise DataError(f"{what}.", "Give each channel as many columns; leave out others with dataset.drop=[...]")
    if num_columns // channels < _FEWEST_STEPS:
        what = f"{cells.source}: {counted(num_columns // channels, 'step')} are too few for a series (at least {_FEWEST_STEPS})"
        raise DataError(f"{what}.", "Use dataset=table for rows of single numbers.")
    return channels


def _steps(cells: Cells, table: Table) -> list[str]:
    """The columns of the series, in their order. Raises DataError: columns that are none, as names of rows or counters."""
    asked = [("target", table.target), ("group", table.group), ("id", table.id), *(("drop", name) for name in table.drop)]
    taken = {find_column(cells.source, cells.names, name, f"dataset.{key}") for key, name in asked if name is not None}
    places = [i for i in range(len(cells.names)) if i not in taken]
    words = missing_words(table.missing_values)
    strange, counters = [], []
    for i in places:
        own = without(cells.columns[i], words)
        known = own[own != None]  # noqa: E711  element by element
        if len(known) and np.isnan(to_numbers(known[:50], cells.marks)).all():
            strange.append(cells.names[i])
        elif i in (places[0], places[-1]):
            found = infer(cells.names[i], own, cells.marks)
            counters += [cells.names[i]] if isinstance(found, LeftOut) and found.reason == COUNTS_ROWS else []
    hint = "Say what they are: dataset.id, dataset.group, or leave them out with dataset.drop=[...]"
    if strange:
        raise DataError(
            f"{cells.source}: columns that hold no numbers, and so are no steps of a series: {listed(strange)}.", hint
        )
    if counters:
        raise DataError(f"{cells.source}: the column {shortened(counters[0])} counts the rows: it is no step of a series.", hint)
    return [cells.names[i] for i in places]
