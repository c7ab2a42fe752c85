"""How every source of data ends: what it has read becomes a `Dataset`, in one place for all kinds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.dataset import Dataset, Modality, Task, ValueRange, digest
from sdl_cli.data.files.columns import Column
from sdl_cli.data.files.roles import listed
from sdl_cli.data.groups import crossing_notes, groups_from_cells
from sdl_cli.data.time_order import TimeOrder
from sdl_cli.errors import DataError


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a source has read of its N rows; the other fields are those of `Dataset`.

    Arguments:
        where: the file or folder, for messages.
        ids: `(N,)`, None where a row has no name.
        groups: `(N,)`; of objects, None where a row has no group and is one of its own.
        group_name: the column of groups, for messages.
        part: `(N,)` of "train", "validation" or "test" as the source has them, or None.
        x_digest: sha256 of all that decides X; None takes that of its values.
        notes: may hold a sentence twice.
    """

    where: str
    name: str
    task: Task
    modality: Modality
    X: Array
    y: Array
    classes: tuple[str, ...]
    ids: Sequence[object] | Array
    feature_names: tuple[str, ...] = ()
    groups: Array | None = None
    group_name: str = ""
    part: Array | None = None
    x_digest: str | None = None
    notes: Sequence[str] = ()
    columns: tuple[Column, ...] = ()
    value_range: ValueRange | None = None
    class_sets: Array | None = None
    source: Mapping[str, Any] = field(default_factory=dict)
    order: TimeOrder | None = None
    dates: tuple[TimeOrder, ...] = ()

    def finish(self) -> Dataset:
        """Make the data set: parts, groups, names of rows, notes and the fingerprint.

        Raises DataError: a class has no row left, because none of its images can be read.
        """
        notes = list(self.notes)
        part, groups = self.part, self.groups
        if part is not None:
            part = with_test_part(part, notes)
            part = None if (part == "train").all() else part
        if groups is not None and groups.dtype == object:
            groups = groups_from_cells(self.group_name, groups, notes)
        notes += crossing_notes(groups, part)
        lost = [name for i, name in enumerate(self.classes) if not (self.y == i).any()]
        if lost:
            raise DataError(f"{self.where}: no image of {listed(lost)} can be read.", "Repair them, or remove the class.")
        x_digest = digest(self.X) if self.x_digest is None else self.x_digest
        content = [x_digest, digest(self.y), list(self.classes), None if part is None else part.tolist()]
        as_read = (
            "name",
            "task",
            "modality",
            "X",
            "y",
            "classes",
            "feature_names",
            "columns",
            "value_range",
            "class_sets",
            "source",
            "order",
            "dates",
        )
        return Dataset(
            **{field: getattr(self, field) for field in as_read},
            groups=groups,
            part=part,
            ids=np.array(["" if name is None else str(name) for name in self.ids], dtype=object),
            fingerprint=hashlib.sha256(json.dumps(content).encode()).hexdigest(),
            notes=tuple(dict.fromkeys(notes)),
        )


def with_test_part(part: Array, notes: list[str]) -> Array:
    """The parts `(N,)`, validation being the test part where there is no other; a note says so."""
    if "test" in part or "validation" not in part:
        return part
    notes.append("There is no test part: the validation part is used as the test part, and is only scored at the end.")
    return np.where(part == "validation", "test", part)


def row_names(rows: Iterable[object], part: Array | None) -> list[str]:
    """Names of rows that have none: where each stands in its source, behind its part where there are several."""
    return [str(row) for row in rows] if part is None else [f"{of}/{row}" for of, row in zip(part, rows, strict=True)]
