"""The worst mistakes on the test part, each as the user knows it: a picture, a text, or the values that are unusual."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from sdl_cli.data.dataset import Dataset
from sdl_cli.data.files.columns import Column
from sdl_cli.errors import SdlError
from sdl_cli.report.html.drawing import Drawing
from sdl_cli.report.html.opened import OpenedRun, Predicted
from sdl_cli.report.html.residuals import number
from sdl_cli.report.html.saved import links
from sdl_cli.report.html.section import Section, escape, figure, picture, short_name, table
from sdl_cli.report.html.series_lines import lines
from sdl_cli.report.html.sheet import Card, sheet

Array = np.ndarray[Any, Any]
_MOST_SHOWN = 12
_PX = 132  # five beside each other on a desktop, two on a phone
_CELL_IN = 1.25  # as wide, in a figure of their own
_MOST_VALUES = 3  # of a table's row
_UNUSUAL_FRACTION = 0.1  # a value that a larger share of the labelled rows has is none


def build(run: OpenedRun) -> Section:
    """The section: classes by the lowest probability of the truth, numbers by the largest error."""
    predicted = run.predicted
    worst = worst_mistakes(predicted)
    title = "The worst mistakes" if run.is_classification else "The largest errors"
    drawing: Drawing | None = None
    if not len(worst):
        return Section("mistakes", title, "", f"No mistakes in {len(predicted):,} test rows.")
    try:
        dataset, rows = run.dataset, run.test_rows[worst]
    except SdlError as error:
        body = f"<p>The rows themselves cannot be shown. {escape(error.message)}</p>" + _table(predicted, worst)
    else:
        if dataset.modality == "image":
            cards = [_card(predicted, i, dataset.X[row]) for i, row in zip(worst, rows, strict=True)]
            drawing = sheet("mistakes", title, cards, _CELL_IN)
            body = gallery(
                [as_html(card, f"Test image {row_name(predicted, i)}") for card, i in zip(cards, worst, strict=True)], _PX
            )
        elif dataset.modality == "text":
            body = _table(predicted, worst, "text", [short_name(dataset.X[row], 300) for row in rows])
        elif dataset.modality == "series":
            cards = [_drawn(predicted, i, dataset.X[row]) for i, row in zip(worst, rows, strict=True)]
            drawing = sheet("mistakes", title, cards, _CELL_IN)
            body = gallery(
                [as_html(card, f"Test series {row_name(predicted, i)}") for card, i in zip(cards, worst, strict=True)], _PX
            )
        else:
            header = "unusual values (share of labelled rows at least as unusual)"
            body = _table(predicted, worst, header, unusual_values(dataset, run.parts.labelled, rows))
    if drawing is None:
        return Section("mistakes", title, body, _lead(predicted, worst))
    drawing = replace(drawing, caption=_lead(predicted, worst))
    return Section("mistakes", title, body + links(drawing), drawing.caption, (drawing,))


def worst_mistakes(predicted: Predicted) -> Array:
    """At most 12 rows `(M,)`, worst first: wrong decisions by the lowest probability of the truth, or the largest errors.

    A row that several splits tested is named once, where it went worst.
    """
    if not predicted.classes:
        errors = np.abs(predicted.prediction - predicted.truth)
        order = np.argsort(-errors, kind="stable")[: int((errors > 0).sum())]
    else:
        wrong = np.flatnonzero(predicted.prediction != predicted.truth)
        order = wrong[np.argsort(predicted.outputs[wrong, predicted.truth[wrong]], kind="stable")]
    if predicted.distinct < 1:
        worst: dict[str, int] = {}
        for row in order:
            worst.setdefault(predicted.ids[row], int(row))
        order = np.array(list(worst.values()), dtype=np.int64)
    return order[:_MOST_SHOWN]


def row_name(predicted: Predicted, row: int) -> str:
    """What the user knows a row by: a file, a name, or its number."""
    name = short_name(predicted.ids[row], 40)
    return f"row {name}" if name.isdigit() else name


def varied(classes: Array) -> Array:
    """Positions in `(N,)` classes: the first of each class, then all others, each in their order."""
    _, first = np.unique(classes, return_index=True)
    return np.concatenate([np.sort(first), np.setdiff1d(np.arange(len(classes)), first)])


def gallery(cards: list[str], width_px: int) -> str:
    """Figures beside each other, as many as the page is wide, their captions no wider than `width_px`."""
    cells = "".join(f'<div style="width:{width_px}px">{card}</div>' for card in cards)
    return f'<div class="pictures">{cells}</div>'


def _gallery(cards: list[Card], predicted: Predicted, worst: Array, what: str) -> str:
    return gallery([as_html(card, f"{what} {row_name(predicted, i)}") for card, i in zip(cards, worst, strict=True)], _PX)


def _lead(predicted: Predicted, worst: Array) -> str:
    look = "Check each: a wrongly labelled row looks exactly like this."
    if not predicted.classes:
        return f"The {len(worst)} test rows with the worst predictions. {look}"
    wrong = predicted.prediction != predicted.truth
    num = int(wrong.sum())
    if predicted.distinct < 1:
        rows = len({name for name, one in zip(predicted.ids, wrong, strict=True) if one})
        which = f"All {rows}" if rows == len(worst) else f"The {len(worst)} worst of {rows:,}"
        told = "rows that any split got wrong, each at its worst, lowest probability of the true class first."
        return f"{which} {told} {look}"
    if num == 1:
        return f"The one mistake in {len(predicted):,} test rows. {look}"
    which = f"All {num} mistakes" if num == len(worst) else f"The {len(worst)} worst of {num:,} mistakes"
    return f"{which} in {len(predicted):,} test rows, lowest probability of the true class first. {look}"


def _card(predicted: Predicted, row: int, pixels: Array) -> Card:
    name, truth, prediction = row_name(predicted, row), *named(predicted, row)
    if predicted.classes:
        more = f"{truth}, called {prediction} ({percent(predicted, row)}; {truth} {percent(predicted, row, of_truth=True)})"
    else:
        more = f"{truth}, predicted {prediction}"
    return Card([np.asarray(pixels)], f"{name}: {more}")


def as_html(card: Card, alt: str, px: int = _PX) -> str:
    """A card of one picture or series on the page."""
    content = card.shown[0]
    return figure(lines(content, alt, px) if content.ndim == 2 else picture(content, alt, px), card.caption)


def _drawn(predicted: Predicted, row: int, series: Array) -> Card:
    name, truth, prediction = row_name(predicted, row), *named(predicted, row)
    told = f"{truth}, {'called' if predicted.classes else 'predicted'} {prediction}"
    sure = f" ({percent(predicted, row)})" if predicted.classes else ""
    return Card([series], f"{name}: {told}{sure}")


def named(predicted: Predicted, row: int) -> tuple[str, str]:
    """The truth and the prediction of a row, as people write them."""
    if not predicted.classes:
        return number(predicted.truth[row]), number(predicted.prediction[row])
    truth, prediction = (short_name(predicted.classes[k], 30) for k in (predicted.truth[row], predicted.prediction[row]))
    return truth, prediction


def percent(predicted: Predicted, row: int, of_truth: bool = False) -> str:
    """The probability of the predicted class, or of the true one."""
    return f"{100 * predicted.outputs[row, (predicted.truth if of_truth else predicted.prediction)[row]]:.1f} %"


def _table(predicted: Predicted, worst: Array, header: str = "", cells: list[str] | None = None) -> str:
    told = ["probability", "probability of the truth"] if predicted.classes else ["error"]
    rows = []
    for place, row in enumerate(worst):
        truth, prediction = named(predicted, row)
        if predicted.classes:
            numbers = [percent(predicted, row), percent(predicted, row, of_truth=True)]
        else:
            error = predicted.prediction[row] - predicted.truth[row]
            numbers = [f"{'+' if error > 0 else '-'}{number(abs(error))}"]
        more = [] if cells is None else [cells[place]]
        rows.append([short_name(predicted.ids[row], 40), truth, prediction, *numbers, *more])
    numeric = (3, 4) if predicted.classes else (1, 2, 3)
    return table(["row", "true", "predicted", *told, *([] if cells is None else [header])], rows, numeric)


def unusual_values(dataset: Dataset, labelled: Array, rows: Array) -> list[str]:
    """For each row the values that the fewest labelled rows are as far out as, with that share; at most three.

    A number is as far out as the smaller of its two tails, doubled; a category as rare as its share.
    """
    columns = dataset.own_columns
    shares = np.stack([_shares(dataset, place, labelled, rows) for _, place in columns], axis=1)
    kinds: list[Column | None] = list(dataset.columns) or [None] * len(columns)
    found = []
    for row, own in zip(rows, shares, strict=True):
        order = [j for j in np.argsort(own, kind="stable")[:_MOST_VALUES] if own[j] <= _UNUSUAL_FRACTION]
        words = []
        for j in order:
            share = f"{100 * own[j]:.1f} %" if own[j] else "no other"
            words.append(
                f"{short_name(dataset.called(columns[j][0], 40), 40)} {_cell(kinds[j], dataset.X[row, columns[j][1]])} ({share})"
            )
        found.append(", ".join(words) or "nothing unusual")
    return found


def _shares(dataset: Dataset, place: list[int], labelled: Array, rows: Array) -> Array:
    """Share of the labelled rows that are as far out as each of `rows` in one column."""
    known, own = dataset.X[labelled, place[0]], dataset.X[rows, place[0]]  # of a date its first part, which counts its days
    column = next((c for c, (_, p) in zip(dataset.columns, dataset.own_columns, strict=False) if p == place), None)
    missing = np.isnan(own)
    if column is not None and column.kind in ("category", "boolean"):
        shares = (known[None] == own[:, None]).mean(axis=1)
    else:
        ordered = np.sort(known[~np.isnan(known)])
        below = np.searchsorted(ordered, own, side="right") / max(len(ordered), 1)
        above = 1 - np.searchsorted(ordered, own, side="left") / max(len(ordered), 1)
        shares = np.minimum(1, 2 * np.minimum(below, above))
    return np.asarray(np.where(missing, np.isnan(known).mean(), shares))


def _cell(column: Column | None, values: Array) -> str:
    value = float(values[0])
    if np.isnan(value):
        return "missing"
    if column is None or column.kind == "number":
        return f"= {value:,.6g}"
    if column.kind == "date":
        return f"= {np.datetime64(int(value), 'D')}"
    levels = column.levels
    return f"= {short_name(levels[int(value)], 30)}" if int(value) < len(levels) else "= a level not seen in training"
