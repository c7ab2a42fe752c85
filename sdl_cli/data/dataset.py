"""The common form of every data source."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.files.columns import Column
from sdl_cli.data.time_order import TimeOrder
from sdl_cli.phrases import shortened
from sdl_cli.settings.machine import available_cores

Task = Literal["classification", "regression"]
Modality = Literal["image", "table", "text", "series"]
_BLOCK_BYTES = 16 * 2**20


@dataclass(frozen=True)
class ValueRange:
    """How images deeper than 8 bits become 8 bit: `low` becomes 0 and `high` 255."""

    low: float
    high: float
    with_plain: bool = False  # there are 8-bit images too, which stay as they are


@dataclass(frozen=True)
class Dataset:
    """Rows, their targets, and what is known about them.

    Arguments:
        name: its name in results.
        task: `classification` or `regression`.
        modality: `image`, `table`, `text` or `series`.
        X: images `uint8 (N, C, H, W)` (an array or a memory map; `float32` where all are deeper than 8 bits, until
            `depth.eight_bit` has learned their scale from the labelled rows), a table `float64 (N, F)`, texts `(N,)` of str
            (objects), or series `float64 (N, C, L)` of C channels and L steps.
        y: class indices `int64 (N,)` into `classes`, or numbers `float64 (N,)`.
        classes: class names in index order; empty for regression.
        feature_names: column names of a table; empty for images.
        groups: `(N,)` group of each row, or None; a group is never split.
        part: `(N,)` of "train", "validation" or "test" if the source has its own split, or None.
        ids: `(N,)` of str, the row's name in the user's own terms (a file, a row number).
        fingerprint: sha256 over content (X, y, classes, part), hexadecimal.
        notes: what a user should know about how this was read, one sentence each.
        columns: how the columns of a mixed table were read, from which X is made; empty for tables that come as plain
            numbers, for images and for texts.
        value_range: how images deeper than 8 bits became uint8; None where all have 8 bits, or `X` is not yet scaled.
        class_sets: `(K,)` set that each class belongs to, or None where there is one: a row is only ever answered with the
            classes of its own set.
        source: JSON-ready values that reading new rows alike must know (names, delimiter, text column); stored with a run.
        order: the place of each row in time, along which parts are cut, or None.
        dates: columns of dates that are not learned from, along which rows may follow each other.
        target_scale: what models learn of a number to predict: `none` for the number, `log` for its logarithm.
    """

    name: str
    task: Task
    modality: Modality
    X: Array
    y: Array
    classes: tuple[str, ...]
    feature_names: tuple[str, ...]
    groups: Array | None
    part: Array | None
    ids: Array
    fingerprint: str
    notes: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    value_range: ValueRange | None = None
    class_sets: Array | None = None
    source: Mapping[str, Any] = field(default_factory=dict)
    order: TimeOrder | None = None
    dates: tuple[TimeOrder, ...] = ()
    target_scale: Literal["none", "log"] = "none"

    def __len__(self) -> int:
        return len(self.y)

    def layout_fingerprint(self) -> str:
        """What tells the groups and the order of the rows, along which parts are cut, from any others."""
        digest_of = hashlib.sha256(repr(None if self.groups is None else self.groups.tolist()).encode())
        if self.order is not None:
            digest_of.update(self.order.times.tobytes() + repr(self.order.gap).encode())
        return digest_of.hexdigest()[:16]

    @property
    def own_columns(self) -> list[tuple[str, list[int]]]:
        """Name of each column of a table as the user knows it, and its places in X: a date has one for each of its parts."""
        if not self.columns:
            return [(name, [j]) for j, name in enumerate(self.feature_names)]
        places = itertools.count()
        return [(column.name, [next(places) for _ in column.parts or [column.name]]) for column in self.columns]

    def called(self, name: str, most: int = 60) -> str:
        """What people call a column or a part of a date: the label that its file gives it, with its own name behind."""
        return called(self.source, name, most)

    def allowed(self, rows: Array) -> Array | None:
        """Which classes each of these rows may be answered with, `bool (n, K)`; None for all of them."""
        if self.class_sets is None:
            return None
        return np.asarray(self.class_sets[self.y[rows]][:, None] == self.class_sets)

    @property
    def row_shape(self) -> list[int]:
        """Shape of one row as the user knows it: `[C, H, W]` of an image, `[columns]` of a table, `[C, L]` of a series."""
        return [len(self.own_columns)] if self.columns else [int(size) for size in self.X.shape[1:]]


def called(source: Mapping[str, Any], name: str, most: int = 60) -> str:
    """As `Dataset.called`, of what a data set or a run knows of its file; a label is cut so that the name stays."""
    labels = source.get("labels") or {}
    whole = name if name in labels else name.rpartition(".")[0]
    if whole not in labels:
        return shortened(name, most)
    own = shortened(name, max(20, most // 2))
    return f"{shortened(labels[whole], max(12, most - len(own) - 3))} ({own})"


def digest(array: Array) -> str:
    """sha256 of an array's type, shape and values, hexadecimal; blocks of rows are hashed in parallel."""
    assert array.dtype.kind in "biuf", array.dtype
    array = np.asarray(array, dtype=array.dtype.newbyteorder("<"))
    rows = max(1, _BLOCK_BYTES // max(1, array[:1].nbytes))

    def of_block(start: int) -> bytes:
        block = np.ascontiguousarray(array[start : start + rows])
        return hashlib.sha256(block.reshape(-1).view(np.uint8).data).digest()

    whole = hashlib.sha256(f"{array.dtype.str} {array.shape}".encode())
    with ThreadPoolExecutor(available_cores()) as pool:
        for part in pool.map(of_block, range(0, len(array), rows)):
            whole.update(part)
    return whole.hexdigest()


def digest_parts(parts: Iterable[bytes]) -> str:
    """sha256 of pieces of bytes and where each ends, hexadecimal."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "little") + part)
    return whole.hexdigest()
