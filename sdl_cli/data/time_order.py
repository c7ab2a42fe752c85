"""Rows that follow each other in time, and the parts that are cut along it.

The test part is what comes last. Several such parts, one after the other at the end, are rolling origins (Tashman 2000,
International Journal of Forecasting 16:437): each is predicted from what came before it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.phrases import counted

LEAST_BEFORE = 0.5  # share of the rows that stay before the earliest of several origins


@dataclass(frozen=True)
class TimeOrder:
    """The place of each row in time.

    Arguments:
        name: of the column, as shown. times: `float64 (N,)`, days since 1970 of dates; NaN where a row has none.
        gap: what is left out before the test part, in days of dates, in the unit of a column of numbers.
    """

    name: str
    times: Array
    is_date: bool
    gap: float = 0.0

    def take(self, kept: Array) -> TimeOrder:
        return TimeOrder(self.name, self.times[kept], self.is_date, self.gap)

    def shown(self, time: float) -> str:
        """A place in time in words: `2024-03-01`, `2024-03-01 12:30` or `17.5`."""
        if not self.is_date:
            return f"{time:.15g}"
        moment = np.datetime64(round(time * 86_400), "s")
        return str(moment.astype("datetime64[D]") if time == math.floor(time) else moment).replace("T", " ")

    @property
    def shown_gap(self) -> str:
        return f"{self.gap:g} day{'' if self.gap == 1 else 's'}" if self.is_date else f"{self.gap:g} (unit of {self.name})"


def cuts(times: Array, test_fraction: float, origins: int) -> list[int]:
    """Where each test part begins among sorted times `(n,)`, the latest first; each ends where the one after it begins.

    A test part has `test_fraction` of the rows, or less where so many would leave under half of the rows before the earliest.
    Rows of one time stay together: a part begins where the time changes, as near as can be to what is asked.

    Raises ValueError: there are too few different times.
    """
    num = len(times)
    share = min(test_fraction, max(LEAST_BEFORE, test_fraction) / origins)
    free = np.flatnonzero(times[1:] != times[:-1]) + 1
    found: list[int] = []
    for number in range(1, origins + 1):
        allowed = free[free < (found[-1] if found else num)]
        allowed = allowed[origins - number :]  # the earlier ones need a beginning, too
        if not len(allowed):
            raise ValueError
        wanted = num - math.ceil(round(number * share * num, 6))
        found.append(int(allowed[np.argmin(np.abs(allowed - wanted))]))
    return found


def hold_out_latest(order: TimeOrder, y: Array, fraction: float, is_class: bool, groups: Array | None) -> tuple[Array, Array]:
    """Set the latest of the labelled rows aside for validation, as the test part is set aside: `hold_out` along time.

    Rows within the gap before them, and rows of groups that stand among them, are used for neither, unless nothing else is left.
    Every class stays present in what is kept: its earliest row is.

    Arguments:
        order, y, groups: of the labelled rows `(N,)`.
    Returns: sorted positions `int64`: (kept, held). Raises ValueError: all rows are of one time.
    """
    times = np.where(np.isnan(order.times), -np.inf, order.times)
    rows = np.argsort(times, kind="stable")
    start = cuts(times[rows], fraction, 1)[0]
    kept, held = rows[:start], rows[start:]
    usable = times[kept] < times[held[0]] - order.gap
    if groups is not None:
        usable &= ~np.isin(groups[kept], groups[held])
    classes = np.unique(y) if is_class else y[:0]
    if usable.any() and (not is_class or len(np.unique(y[kept[usable]])) > 1):
        kept = kept[usable]
    lone = [held[np.argmax(y[held] == each)] for each in np.setdiff1d(classes, y[kept])]
    return np.sort([*kept, *lone]).astype(np.int64), np.setdiff1d(held, lone).astype(np.int64)


def missing_sentence(order: TimeOrder) -> list[str]:
    num = int(np.isnan(order.times).sum())
    return [f"{counted(num, 'row', verbs='has/have')} no {order.name}: neither learned from nor tested."] if num else []


def origins_sentence(order: TimeOrder, origins: int) -> str:
    """What several splits along time are, and what that means for what is computed from them."""
    return (
        f"Splits follow {order.name}: {origins} test parts, one after the other at the end, each predicted from the rows before "
        "it. Intervals and tests are those for random splits (Nadeau and Bengio 2003): they allow for labelled rows in common, "
        "but not for a drift that neighbouring parts share."
    )


def part_sentences(order: TimeOrder, labelled: Array, test: Array) -> Sequence[str]:
    """Where a ready test part does not come after the labelled rows."""
    late = int((order.times[labelled] > np.nanmin(order.times[test])).sum()) if np.isfinite(order.times[test]).any() else 0
    if not late:
        return []
    are = counted(late, "labelled row", verbs="is/are")
    return [f"{are} later in {order.name} than the earliest test row: the score is not one of later rows."]
