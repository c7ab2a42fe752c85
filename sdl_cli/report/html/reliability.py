"""Whether probabilities can be trusted: the reliability diagram of the test part.

Sources: DeGroot and Fienberg, "The comparison and evaluation of forecasters" (The Statistician, 1983); Guo et al., "On
calibration of modern neural networks" (ICML 2017).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sdl_cli.measure.statistics import wilson
from sdl_cli.measure.wording import interval, size
from sdl_cli.report.html.drawing import GRID, INK, MUTED, SERIES, Drawing, new_figure
from sdl_cli.report.html.opened import OpenedRun
from sdl_cli.report.html.saved import shown
from sdl_cli.report.html.section import Section

Array = np.ndarray[Any, Any]
_MOST_BINS = 10
_NUM_DRAWS = 400
_WIDTH_IN = 4.6
_LEAST_ROWS = 15  # of a bin: fewer say nearly nothing


def build(run: OpenedRun) -> Section | None:
    """The section; None for numbers."""
    if not run.is_classification:
        return None
    predicted = run.predicted
    confidence = predicted.outputs.max(axis=1)
    correct = predicted.outputs.argmax(axis=1) == predicted.truth
    caption = (
        "Each point is a group of test rows with similar confidence (the probability of the most probable class): how often "
        "the most probable class is right, with a 95 % Wilson interval. On the dashed line, probabilities are accurate; below "
        "it, the model is overconfident. The bars below count the test rows."
    )
    if run.decision is not None:
        caption += " The threshold of this run changes decisions, not probabilities, so it plays no role here."
    error = run.result.test["calibration_error"]
    of = "test rows" if run.repeats == 1 else "splits (mean over them)"
    gap, chance = size("accuracy", error.value), size("accuracy", error_by_chance(confidence, predicted.distinct))
    ends = interval("accuracy", error.low, error.high, 0.95)
    lead = (
        f"{verdict(confidence, correct, predicted.distinct)} Within groups of like confidence the two are {gap} apart on average "
        f"(expected calibration error, 15 bins{f', {ends}' if ends else ''}, n = {error.n:,} {of}); on so many rows chance "
        f"alone can give up to {chance}."
    )

    def draw(width_in: float) -> Figure:
        return _diagram(confidence, correct, predicted.distinct, width_in)

    drawing = Drawing("reliability", "Reliability diagram: confidence against accuracy", draw, caption, _WIDTH_IN)
    return Section("reliability", "Can the probabilities be trusted?", shown(drawing), lead, (drawing,))


def verdict(confidence: Array, correct: Array, distinct: float = 1.0) -> str:
    """Whether the mean confidence lies outside the 95 % interval of the accuracy, as a sentence; `distinct` as of `Predicted`."""
    low, high = wilson(distinct * int(correct.sum()), distinct * len(correct))
    mean, share = float(confidence.mean()), float(correct.mean())
    claim = (
        f"it claims {100 * mean:.1f} % on average and is right in {100 * share:.1f} % ({100 * low:.1f} to {100 * high:.1f}) of "
        f"{len(correct):,} test rows."
    )
    if low <= mean <= high:
        return f"There is no measurable bias, be it over- or under-confidence: {claim}"
    return f"The model is {'over' if mean > high else 'under'}-confident: {claim}"


def error_by_chance(confidence: Array, distinct: float = 1.0) -> float:
    """Calibration error that 95 % of models with these confidences `(N,)` stay below although each of theirs is exactly right.

    With `distinct`, as in `Predicted`, a row that several splits tested counts once for chance.
    """
    rng = np.random.default_rng(0)
    bins = np.clip(np.ceil(confidence * 15).astype(np.int64) - 1, 0, 14)  # as for `metrics.calibration_error`
    gaps = [np.bincount(bins, (rng.random(len(bins)) < confidence) - confidence) for _ in range(_NUM_DRAWS)]
    errors = [np.abs(gap).sum() / len(bins) for gap in gaps]
    return float(np.quantile(errors, 0.95) / np.sqrt(distinct))


def equal_count_bins(confidence: Array) -> list[Array]:
    """Row numbers of each bin, by rising confidence `(N,)`: as equal in number as ties allow, with at least 15 if n allows."""
    order = np.argsort(confidence, kind="stable")
    ordered = confidence[order]
    num_bins = max(1, min(_MOST_BINS, len(order) // _LEAST_ROWS))
    edges = [0]
    for place in (np.arange(1, num_bins) * len(order)) // num_bins:
        edge = int(np.searchsorted(ordered, ordered[place], side="left"))  # equal confidences stay together
        if edge - edges[-1] >= _LEAST_ROWS and len(order) - edge >= _LEAST_ROWS:
            edges.append(edge)
    return np.split(order, edges[1:])


def _diagram(confidence: Array, correct: Array, distinct: float, width_in: float) -> Figure:
    with new_figure(width_in, 4.6) as picture:
        upper, lower = picture.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
        bins = [(float(confidence[rows].mean()), int(correct[rows].sum()), len(rows)) for rows in equal_count_bins(confidence)]
        ends = [wilson(distinct * right, distinct * num) for _, right, num in bins]
        first, least = (max(0.0, np.floor(10 * low) / 10) for low in (confidence.min(), min(end[0] for end in ends)))
        upper.plot([first, 1], [first, 1], color=MUTED, linestyle=(0, (4, 3)), linewidth=1.2)
        for (mean, right, num), end in zip(bins, ends, strict=True):
            upper.plot([mean, mean], end, color=SERIES[0], linewidth=1.6, alpha=0.6)
            upper.plot([mean], [right / num], "o", color=SERIES[0], markersize=6)
        lower.hist(confidence, bins=np.linspace(first, 1, 21), color=SERIES[0], alpha=0.6)
        for axes in (upper, lower):
            axes.grid(axis="y", color=GRID)
        upper.set(ylabel="share that is right", ylim=(min(first, least) - 0.02, 1.02))
        lower.set(xlabel="confidence", ylabel="rows", xlim=(first - 0.01, 1.01))
        for axis in (upper.yaxis, lower.xaxis):
            axis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        upper.tick_params(labelcolor=INK)
    return picture
