"""Which rows of a table have a target that can be learned: rows without one, and small classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Literal

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.dataset import Task
from sdl_cli.data.files.class_names import whole_name
from sdl_cli.data.files.marks import Marks
from sdl_cli.data.files.roles import Roles
from sdl_cli.data.files.target_cells import Asked, encode_target, encode_target_like
from sdl_cli.errors import DataError
from sdl_cli.phrases import counted, listed, shortened

_SHOWN = 5
KEEP = "dataset.missing_values=[]"  # with which words such as NA are values


def read_target(
    source: object,
    name: str,
    cells: Array,
    lines: Array,
    settings: Roles,
    marks: Marks,
    notes: list[str],
    written: Array | None = None,
    *,
    keep: str = KEEP,
    as_text: bool = False,
    like: Sequence[str] | None = None,
    counted: Array | None = None,
    unit: str = "line",
) -> tuple[Array, Array, tuple[str, ...], Task]:
    """Which rows have a target of a class that is large enough, and their targets.

    Arguments:
        cells, lines, written, keep, unit: as for `drop_missing_targets`.
        settings: its `task`, `missing_target` and `min_class_rows`.
        marks, as_text: as for `encode_target`. counted: as for `large_classes`.
        like: the classes of a run (none of a regression), by which the cells are read.
    Returns: positions `(M,)` of the rows that are used, and as `encode_target` of these.
    Raises DataError: as `drop_missing_targets`, `encode_target` and `large_classes`.
    """

    def encoded(rows: Array, asked: Asked, notes: list[str]) -> tuple[Array, tuple[str, ...], Task]:
        if like is not None:
            return encode_target_like(source, name, cells[rows], like, marks, notes, as_text)
        return encode_target(source, name, cells[rows], asked, marks, notes, as_text)

    kept = drop_missing_targets(source, name, cells, lines, settings.missing_target, notes, written, keep, unit)
    if settings.min_class_rows is None:
        return kept, *encoded(kept, settings.task, notes)
    said: list[str] = []
    with suppress(DataError):  # what cannot be a target may be one without its small classes
        y, classes, task = encoded(kept, settings.task, said)
        if task == "regression":
            notes += [*said, "dataset.min_class_rows has no effect: the target is a number."]
            return kept, y, classes, task
    kept = kept[large_classes(name, cells[kept], settings.min_class_rows, notes, None if counted is None else counted[kept])]
    said = []
    found = encoded(kept, settings.task, said)
    if found[2] == "regression":  # only the classes left out made these numbers look like names
        found = encoded(kept, "classification", said := [])
    notes += said
    return kept, *found


def drop_missing_targets(
    source: object,
    name: str,
    cells: Array,
    lines: Array,
    missing_target: Literal["fail", "drop"],
    notes: list[str],
    written: Array | None = None,
    keep: str = KEEP,
    unit: str = "line",
) -> Array:
    """The positions `(M,)` of rows with a target; the others are named in an error, or left out with a note.

    Arguments:
        cells: objects `(N,)`, None where missing. lines: `(N,)` line of the file (or another `unit`) that each row starts on.
        written: the cells as written in the file. keep: the setting with which words such as NA are values.
        unit: what `lines` counts.
    """
    missing = cells == None  # noqa: E711  element by element
    num = int(missing.sum())
    words = Counter(word for word in written[missing] if word is not None) if written is not None else Counter()
    held = ", ".join(f"{shortened(word, 20)!r} in {count:,}" for word, count in words.most_common(3))
    word = f"If {words.most_common(1)[0][0]!r} is a value here: {keep} - otherwise" if words else ""
    if num == len(cells):
        hint = f"If that is a value here: {keep}" if words else "Choose another column as dataset.target."
        holds = f" (it holds {held} rows)" if words else ""
        raise DataError(f"{source}: the target {shortened(name)} is missing in every row{holds}.", hint)
    holds = f"; it holds {held} of them" if words else ""
    if num and missing_target == "fail":
        shown = ", ".join(str(line) for line in lines[missing][:_SHOWN]) + (", ..." if num > _SHOWN else "")
        hint = f"{word} leave these rows out:" if words else "Fill them in, or leave these rows out with"
        rows = counted(num, "row")
        raise DataError(
            f"{source}: the target {shortened(name)} is missing in {rows} of {len(cells):,} ({unit} {shown}){holds}.",
            f"{hint} dataset.missing_target=drop",
        )
    if num:
        value = f" (if that is a value here: {keep})" if words else ""
        notes.append(f"{num:,} of {len(cells):,} rows have no target and were left out{holds}{value}.")
    return np.flatnonzero(~missing)


def large_classes(name: str, y_cells: Array, min_class_rows: int | None, notes: list[str], counted: Array | None = None) -> Array:
    """Positions of the rows whose class (a cell of text or number) has at least `min_class_rows` rows; a note names the others.

    Arguments:
        counted: bool `(N,)`, the rows that count; a class that has none of them is kept. None counts all.
    Raises DataError: no class has that many.
    """
    if min_class_rows is None:
        return np.arange(len(y_cells))
    labels, index = np.unique(np.array([whole_name(cell) for cell in y_cells], dtype=str), return_inverse=True)
    counts = np.bincount(index if counted is None else index[counted], minlength=len(labels))
    small = np.flatnonzero((counts < min_class_rows) & (counts > 0))
    if len(small) == (counts > 0).sum():
        raise DataError(
            f"dataset.min_class_rows={min_class_rows}: no value of {shortened(name)} occurs in that many rows.",
            "Choose a smaller number, or null to keep all classes.",
        )
    if len(small):
        named = listed([f"{shortened(labels[i], 30)} ({counts[i]})" for i in small], _SHOWN, last=", ")
        notes.append(f"Classes of {shortened(name)} with fewer than {min_class_rows} rows were left out: {named}.")
    return np.flatnonzero(~np.isin(index, small))
