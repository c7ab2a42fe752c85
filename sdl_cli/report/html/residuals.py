"""How far predicted numbers are off: predicted against true, and the residuals."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sdl_cli.measure.wording import measured, shown
from sdl_cli.report.html import saved
from sdl_cli.report.html.drawing import GRID, MUTED, SERIES, Drawing, new_figure
from sdl_cli.report.html.opened import OpenedRun
from sdl_cli.report.html.section import Section

Array = np.ndarray[Any, Any]
_WIDTH_IN = 4.6
_MOST_POINTS = 500  # each is an element of the page


def build(run: OpenedRun) -> Section | None:
    """The section; None for classes."""
    if run.is_classification:
        return None
    truth, prediction = run.predicted.truth, run.predicted.prediction
    test = run.result.test
    of = "test rows" if run.repeats == 1 else "splits (means over them)"
    lead = (
        f"Predictions are typically off by {measured('rmse', test['rmse'])} (RMSE, which weights large errors more) "
        f"and by {measured('mae', test['mae'])} on average (MAE); n = {test['rmse'].n:,} {of}, 95 % intervals in brackets."
    )
    kept = thinned(np.abs(prediction - truth))
    caption = (
        "Above: each point is a test row; on the dashed line, predictions are exact. Below: predicted minus true. Ideally, "
        "points show no pattern around the line; a bend, slope or funnel means that the model misses something. "
        f"{_bias(truth, prediction)}"
    )
    if len(kept) < len(truth):
        caption += f" Of {len(truth):,} rows {len(kept)} are drawn, the largest errors among them."

    def draw(width_in: float) -> Figure:
        return _panels(truth[kept], prediction[kept], width_in)

    drawing = Drawing("residuals", "Predicted against true numbers, and residuals", draw, caption, _WIDTH_IN)
    return Section("residuals", "How far off the predictions are", saved.shown(drawing), lead, (drawing,))


def thinned(errors: Array) -> Array:
    """At most 500 rows to draw, ascending: the 50 largest errors and an even choice of the others in their order."""
    if len(errors) <= _MOST_POINTS:
        return np.arange(len(errors))
    largest = np.argsort(-errors, kind="stable")[:50]
    others = np.setdiff1d(np.arange(len(errors)), largest)
    even = others[np.linspace(0, len(others) - 1, _MOST_POINTS - len(largest)).astype(np.int64)]
    return np.sort(np.concatenate([largest, even]))


def _bias(truth: Array, prediction: Array) -> str:
    from sdl_cli.measure.statistics import t_interval

    if len(truth) < 2:
        return ""
    mean, low, high = t_interval(prediction - truth)
    side = "too high" if low > 0 else "too low" if high < 0 else ""
    told = f"{mean:+.3g} ({low:+.3g} to {high:+.3g})"
    if side:
        return f"On average predictions are {side}: {told}."
    return f"On average predictions are neither measurably too high nor too low: {told}."


def _panels(truth: Array, prediction: Array, width_in: float) -> Figure:
    from matplotlib.ticker import MaxNLocator

    wide = width_in > 1.5 * _WIDTH_IN  # beside each other, not below
    with new_figure(width_in, 4.4 if wide else 6.4) as picture:
        upper, lower = picture.subplots(1, 2) if wide else picture.subplots(2, 1, height_ratios=(1.5, 1))
        both = np.concatenate([truth, prediction])
        ends = [float(both.min()), float(both.max())]
        look: dict[str, Any] = {"color": SERIES[0], "markersize": 4, "alpha": 0.45, "linestyle": "none", "marker": "o"}
        upper.plot(ends, ends, color=MUTED, linestyle=(0, (4, 3)), linewidth=1.2)
        upper.plot(truth, prediction, markeredgewidth=0, **look)
        lower.axhline(0, color=MUTED, linestyle=(0, (4, 3)), linewidth=1.2)
        lower.plot(prediction, prediction - truth, markeredgewidth=0, **look)
        upper.set(xlabel="true", ylabel="predicted")
        lower.set(xlabel="predicted", ylabel="predicted minus true")
        for axes in (upper, lower):
            axes.grid(color=GRID)
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(MaxNLocator(6))
                axis.set_major_formatter(lambda value, _: f"{value:,.6g}")
    return picture


def number(value: float) -> str:
    """A target or a prediction as people read it."""
    return f"{value:,.0f}" if value == round(value) and abs(value) < 1e15 else shown("rmse", float(value))
