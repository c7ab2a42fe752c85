"""The column by which rows follow each other in time."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from sdl_cli.data.files.column_doubts import note_doubts
from sdl_cli.data.files.columns import CellError, Column, LeftOut, days_of, infer, may_be_dates, to_numbers
from sdl_cli.data.files.table_cells import Cells
from sdl_cli.data.time_order import TimeOrder
from sdl_cli.errors import ConfigError, DataError
from sdl_cli.phrases import shortened
from sdl_cli.settings.experiment import Count, NonNegative, Range


@dataclass(frozen=True, kw_only=True)
class InTimeOrder:
    """How rows are divided that follow each other in time.

    Arguments:
        order: a column of dates or numbers; the rows with the latest are the test part. None draws test rows at random.
        gap: what is left out before the test part, in days of dates, in the unit of the column of numbers.
        origins: how many test parts follow each other at the end.
        origin: which of them is the test part, 0 for the latest; labelled rows are those before it.
    """

    order: str | None = None
    gap: NonNegative = 0.0
    origins: Count = 1
    origin: Annotated[int, Range(0)] = 0

    def __post_init__(self) -> None:
        if self.origin >= self.origins:
            raise ConfigError(f"origin: {self.origin} is none of {self.origins}, which count from 0 (dataset.origins).")
        if self.order is None and (self.gap or self.origins > 1):
            key = "gap" if self.gap else "origins"
            raise ConfigError(f"{key}: only rows in the order of time have one; name the column: dataset.order=COLUMN")


def order_of(cells: Cells, place: int, gap: float, notes: list[str]) -> TimeOrder:
    """The order that a column of a table gives its rows.

    Arguments:
        cells: without words for missing ones. notes: a sentence is added where dates can be read in two ways.
    Raises DataError: a column that holds neither dates nor numbers, or cells that are neither.
    """
    name, own = shortened(cells.names[place]), cells.columns[place]
    marks = cells.marks_of(cells.names[place])
    found = infer(cells.names[place], own, marks, chosen=True)
    if isinstance(found, LeftOut):
        raise DataError(f"dataset.order: the column {name} of {cells.source} {found.reason}.", "Choose another column.")
    if found.kind == "date":
        note_doubts(found, cells, place, notes, False)
        return TimeOrder(name, days_of(found, own), True, gap)
    times = to_numbers(own, marks)
    bad = np.flatnonzero(~np.isfinite(times) & (own != None))  # noqa: E711  element by element
    if not len(bad):
        return TimeOrder(name, times, False, gap)
    row, alone = int(bad[0]), infer(cells.names[place], own[bad[:1]], marks, chosen=True)
    if isinstance(alone, Column) and alone.kind == "date":  # a date, and so it is another cell that is not
        try:
            days_of(alone, own)
        except CellError as error:
            row = error.row
    what = f"column {name} holds {shortened(own[row], 30)!r}: rows are ordered by dates, all written alike, or by numbers"
    hint = "Write dates as YYYY-MM-DD, numbers with the marks of the file."
    raise DataError(f"dataset.order: {cells.place(row)}: {what}.", hint)


def dates_beside(cells: Cells, learned: Collection[int]) -> Iterator[TimeOrder]:
    """The columns of dates among those at other places than these."""
    for place, (name, own) in enumerate(zip(cells.names, cells.columns, strict=True)):
        is_open = place not in learned and may_be_dates(own)
        found = infer(name, own, cells.marks_of(name), chosen=True) if is_open else None
        if isinstance(found, Column) and found.kind == "date":
            yield TimeOrder(name, days_of(found, own), True)
