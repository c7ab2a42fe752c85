"""The division of rows that follow each other in time: the latest are the test part."""

from __future__ import annotations

from typing import Any

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.dataset import Dataset
from sdl_cli.data.time_order import TimeOrder, cuts, missing_sentence
from sdl_cli.errors import DataError
from sdl_cli.phrases import counted, listed, shortened
from sdl_cli.settings.experiment import DataSettings

_UNLIKE = 0.02  # difference from the asked share of test rows that is worth a sentence


def divide(dataset: Dataset, settings: DataSettings) -> tuple[Array, Array, list[str]]:
    """Labelled and test rows along `dataset.order`, and what a user should know of them.

    The test part is what comes last, or of `origins` parts that follow each other at the end the one asked for; labelled rows are
    those before it. Labelled rows within the gap, and those of groups that also stand in the test part, are left out.

    Arguments:
        settings: test_fraction, and those of `InTimeOrder`.
    Raises DataError: too few different times, or nothing is left to learn from.
    """
    order, origins, origin = dataset.order, getattr(settings, "origins", 1), getattr(settings, "origin", 0)
    assert order is not None
    rows = np.argsort(order.times, kind="stable")[: int(np.isfinite(order.times).sum())]  # those without a time sort last
    try:
        starts = cuts(order.times[rows], settings.test_fraction, origins)
    except ValueError:
        num = counted(len(np.unique(order.times[rows])), "different value")
        what = f"{num} of {order.name} cannot be divided into labelled rows and {counted(origins, 'test part')}"
        raise DataError(f"{dataset.name}: {what}.", "Choose another dataset.order, or fewer repeats.") from None
    before, test = rows[: starts[origin]], rows[starts[origin] : starts[origin - 1] if origin else len(rows)]
    labelled, notes = _usable(dataset, order, before, test)
    notes = [_where(order, labelled, test, origins, origin), *notes, *missing_sentence(order)]
    share = len(test) / len(rows)
    if origins == 1 and abs(share - settings.test_fraction) > _UNLIKE:
        alike = f"Rows of one {order.name} stay together"
        notes.append(f"{alike}: the test part is {share:.0%} of the rows, not {settings.test_fraction:.0%}.")
    return np.sort(labelled), np.sort(test), notes + _classes(dataset, labelled, test)


def _usable(dataset: Dataset, order: TimeOrder, before: Array, test: Array) -> tuple[Array, list[str]]:
    """The rows before a test part that may be learned from, and sentences on those that may not."""
    notes, first = [], float(order.times[test].min())
    kept = before[order.times[before] < first - order.gap]
    if num := len(before) - len(kept):
        are = counted(num, "row", verbs="is/are")
        notes.append(f"{are} left out: within {order.shown_gap} before the test part (dataset.gap).")
    if not len(kept):
        message = f"{dataset.name}: dataset.gap={order.gap:g} leaves no labelled row before the test part."
        raise DataError(message, "Choose a smaller gap, or a smaller dataset.test_fraction.")
    if dataset.groups is not None:
        groups: Any = dataset.groups
        crossing = np.isin(groups[kept], groups[test])
        names = np.unique(groups[kept][crossing])
        if crossing.all():
            raise DataError(
                f"{dataset.name}: every group before the test part also stands in it, so that no labelled row is left.",
                "If later rows of the same groups are to be predicted, leave out dataset.group; for new groups, leave out "
                "dataset.order.",
            )
        if len(names):
            shown = listed([shortened(str(name), 40) for name in names[:5]], 5, len(names), last=", ")
            stand = (
                f"of {counted(len(names), 'group')} that also stand{'s' if len(names) == 1 else ''} in the test part ({shown})"
            )
            notes.append(f"{counted(int(crossing.sum()), 'labelled row', verbs='is/are')} left out: {stand}.")
        kept = kept[~crossing]
    if len(kept) < 2 or (dataset.task == "classification" and len(np.unique(dataset.y[kept])) < 2):
        few = "fewer than 2 rows" if len(kept) < 2 else f"only class {dataset.classes[int(dataset.y[kept[0]])]}"
        message = f"{dataset.name}: before {order.shown(first)} there {'are' if len(kept) < 2 else 'is'} {few} to learn from."
        raise DataError(message, "Choose a smaller dataset.test_fraction or fewer repeats, or leave out dataset.order.")
    return kept, notes


def _where(order: TimeOrder, labelled: Array, test: Array, origins: int, origin: int) -> str:
    last, ends = order.shown(order.times[labelled].max()), [order.shown(end(order.times[test])) for end in (np.min, np.max)]
    which = f" ({origin + 1} of {origins}, the first is the latest)" if origins > 1 else ""
    return (
        f"Split along {order.name}: {len(labelled):,} labelled rows up to {last}, {counted(len(test), 'test row')}{which} from "
        f"{ends[0]} to {ends[1]}; intervals over test rows are too narrow where neighbours are alike."
    )


def _classes(dataset: Dataset, labelled: Array, test: Array) -> list[str]:
    """Sentences on classes that stand on one side only."""
    if dataset.task != "classification":
        return []
    own, tested = np.unique(dataset.y[labelled]), np.unique(dataset.y[test])
    new = np.setdiff1d(tested, own)
    notes = [f"No test row is of class {dataset.classes[i]}: all its rows are earlier." for i in np.setdiff1d(own, tested)]
    if len(new):
        num, names = int(np.isin(dataset.y[test], new).sum()), listed([dataset.classes[i] for i in new], 5, last=", ")
        are = counted(num, "test row", verbs="is/are")
        notes.append(f"{are} of classes that no labelled row has ({names}): they count as wrong.")
    return notes
