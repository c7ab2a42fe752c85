"""Which classes are mistaken for which: the confusion matrix of the test part, or its largest entries where classes are many."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sdl_cli.measure.statistics import wilson
from sdl_cli.measure.wording import estimated
from sdl_cli.report.html.drawing import GRID, INK, PAGE_IN, SERIES, Drawing, new_figure
from sdl_cli.report.html.opened import OpenedRun
from sdl_cli.report.html.saved import shown
from sdl_cli.report.html.section import Section, short_name, table

Array = np.ndarray[Any, Any]
_MOST_CLASSES = 12  # of a picture
_MOST_ROWS = 15  # of a table
_SHADES = (0.12, 0.55)  # of a cell with any rows, and with all of its true class: its number must stay legible
_CELL_IN = 0.62


def build(run: OpenedRun) -> Section | None:
    """The section, by the stored decisions; None for numbers."""
    if not run.is_classification:
        return None
    predicted = run.predicted
    classes, distinct = predicted.classes, predicted.distinct
    counts = count_confusions(predicted.truth, predicted.prediction, len(classes))
    title, lead = "Which classes are confused", _lead(counts, classes)
    if len(classes) > _MOST_CLASSES:
        return Section("confusion", title, _largest(counts, classes, distinct), lead)
    drawing = _matrix(counts, classes)
    body = shown(drawing) + _class_table(counts, classes, np.arange(len(counts)), distinct)
    return Section("confusion", title, body, lead, (drawing,))


def count_confusions(truth: Array, prediction: Array, num_classes: int) -> Array:
    """Rows of class i that were called j, `int64 (K, K)`."""
    return np.bincount(truth * num_classes + prediction, minlength=num_classes**2).reshape(num_classes, num_classes)


def _lead(counts: Array, classes: tuple[str, ...]) -> str:
    total, right = int(counts.sum()), int(np.trace(counts))
    if right == total:
        return f"All {total:,} test rows are classified correctly."
    wrong = _mistakes(counts)
    i, j = np.unravel_index(wrong.argmax(), wrong.shape)
    one, other = (short_name(classes[k], 60) for k in (i, j))
    often = f"The most frequent confusion: {one} predicted as {other} in {wrong[i, j]:,} of {counts[i].sum():,} rows."
    told = f"{right:,} of {total:,} test rows are classified correctly, and {total - right:,} wrongly."
    return f"{told} {often if wrong[i, j] > 1 else 'No confusion occurs more than once.'}"


def _mistakes(counts: Array) -> Array:
    return np.asarray(counts * (1 - np.eye(len(counts), dtype=np.int64)))


def _matrix(counts: Array, classes: tuple[str, ...]) -> Drawing:
    num = len(classes)
    caption = (
        "Each row of the matrix shows the test rows of one true class, counted by predicted class. Blue cells are right, orange "
        "ones wrong; stronger colour means a larger share of the true class."
    )

    def draw(width_in: float) -> Figure:
        return _drawn(counts, classes, width_in)

    return Drawing("confusion", f"Confusion matrix of {num} classes", draw, caption, min(PAGE_IN, num * _CELL_IN + 1.9))


def _drawn(counts: Array, classes: tuple[str, ...], width_in: float) -> Figure:
    """The matrix; where the width is more than it needs, white is left on both sides."""
    from matplotlib.patches import Rectangle

    num = len(classes)
    most = max(width_in, PAGE_IN)
    across = max(len(name) for name in classes) * 5.5 < 0.8 * 72 * (most - 1) / num  # in points
    names = [short_name(name, 16 if across else 14) for name in classes]
    cell = min(_CELL_IN, (most - 1.4) / num)
    with new_figure(width_in, num * min(cell, 0.45) + (0.7 if across else 1.3)) as picture:
        axes = picture.add_subplot()
        if width_in > num * cell + 2.2:
            axes.set_box_aspect(min(cell, 0.45) / cell)
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        for i, j in np.ndindex(counts.shape):
            colour = SERIES[0] if i == j else SERIES[1]
            if counts[i, j]:
                shade = _SHADES[0] + (_SHADES[1] - _SHADES[0]) * shares[i, j]
                axes.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, facecolor=colour, alpha=shade, linewidth=0))
            if counts[i, j] or i == j:
                axes.text(j, i, f"{counts[i, j]:,}", ha="center", va="center_baseline", color=INK, fontsize=10)
        for draw in (axes.hlines, axes.vlines):
            draw(np.arange(num + 1) - 0.5, -0.5, num - 0.5, color=GRID, linewidth=0.8)
        axes.set(xlim=(-0.5, num - 0.5), ylim=(num - 0.5, -0.5), xlabel="predicted class", ylabel="true class")
        axes.set_xticks(range(num), names, rotation=0 if across else 90)
        axes.set_yticks(range(num), names)
        axes.tick_params(length=0)
        axes.xaxis.set_label_position("top")
        axes.xaxis.tick_top()
        axes.spines[:].set_visible(False)
    return picture


def _class_table(counts: Array, classes: tuple[str, ...], which: Array, distinct: float) -> str:
    rows = []
    for k in which:
        right, true, called = int(counts[k, k]), int(counts[k].sum()), int(counts[:, k].sum())
        recall = _proportion(right, true, distinct) if true else "no test rows"
        precision = _proportion(right, called, distinct) if called else "never predicted"
        rows.append([short_name(classes[k], 60), f"{true:,}", recall, f"{called:,}", precision])
    header = [
        "class",
        "test rows",
        "found (recall, 95 % interval)",
        "predicted",
        "right if predicted (precision, 95 % interval)",
    ]
    return table(header, rows, numeric=(1, 2, 3, 4))


def _proportion(successes: int, total: int, distinct: float) -> str:
    low, high = wilson(distinct * successes, distinct * total)  # a row that several splits tested counts once for chance
    return estimated("accuracy", successes / total, low, high)


def _largest(counts: Array, classes: tuple[str, ...], distinct: float) -> str:
    """The most frequent confusions, and the classes that are found least."""
    wrong = _mistakes(counts)
    order = np.argsort(-wrong, axis=None, kind="stable")[:_MOST_ROWS]
    rows = []
    for i, j in zip(*np.unravel_index(order, wrong.shape), strict=True):
        if wrong[i, j]:
            names = [short_name(classes[k], 60) for k in (i, j)]
            rows.append([*names, f"{wrong[i, j]:,}", f"{100 * wrong[i, j] / counts[i].sum():.1f} %"])
    frequent = table(["true class", "predicted as", "test rows", "share of the true class"], rows, numeric=(2, 3))
    true = counts.sum(axis=1)
    recall = np.divide(np.diag(counts), true, out=np.full(len(true), 2.0), where=true > 0)
    worst = np.lexsort((-true, recall))[:_MOST_ROWS]
    worst = worst[recall[worst] < 1]
    if not rows:
        return ""
    found_least = _class_table(counts, classes, worst, distinct)
    return f"<h3>Most frequent confusions</h3>{frequent}<h3>Classes with the lowest recall</h3>{found_least}"
