"""Scores beside each other: a chart of means with their intervals, and how the scores of one run stand to the baseline."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator

from sdl_cli.measure.axes import tick_texts, value_ticks
from sdl_cli.measure.metrics import HIGHER_IS_BETTER, main_metric
from sdl_cli.measure.wording import axis_label, label, model_name, shown
from sdl_cli.phrases import counted
from sdl_cli.report.html import saved
from sdl_cli.report.html.drawing import INK, MUTED, PAPER, SERIES, Drawing, new_figure
from sdl_cli.report.html.section import Section, plain, table
from sdl_cli.report.layout import filled
from sdl_cli.report.words import QUICK_BASELINE, score_rows
from sdl_cli.run.result import RunResult

_MOST_BARS = 40


@dataclass(frozen=True)
class Bar:
    """One line of the chart.

    Arguments:
        name: plain text.
        mean, low, high: a score and its 95 % interval; None or nan if unknown.
        scores: those of the single repeats, shown as thin ticks.
        strong: in colour, not in grey.
    """

    name: str
    mean: float | None
    low: float | None
    high: float | None
    scores: Sequence[float] = ()
    strong: bool = True


def interval_chart(
    name: str, bars: Sequence[Bar], metric: str, title: str, caption: str = "", line: float | None = None
) -> Drawing | None:
    """Scores as dots with their intervals as bars, the first at the top; None if none of them is known.

    Arguments:
        name, title, caption: as of `Drawing`.
        bars: the first 40 with a mean are drawn.
        line: score that all are compared with, drawn as a dashed line.
    """
    drawn = [bar for bar in bars if bar.mean is not None and math.isfinite(bar.mean)][:_MOST_BARS]

    def draw(width_in: float) -> Figure:
        return _drawn(drawn, metric, line, width_in)

    return Drawing(name, title, draw, caption) if drawn else None


def _drawn(bars: Sequence[Bar], metric: str, line: float | None, width_in: float) -> Figure:
    found = [value for bar in bars for value in (bar.mean, bar.low, bar.high, *bar.scores)] + ([] if line is None else [line])
    ends = [value for value in found if value is not None and math.isfinite(value)]
    room = 0.06 * (max(ends) - min(ends)) or 0.02 * abs(ends[0]) or 0.02
    low, high = min(ends) - room, max(ends) + room
    with new_figure(width_in, 0.36 * len(bars) + 0.75) as made:
        axes = made.subplots()
        axes.set_xlim(low, high)
        axes.set_ylim(len(bars) - 0.4, -0.6)
        if line is not None:
            axes.axvline(line, color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)), zorder=1)
        for row, bar in enumerate(bars):
            _bar(axes, row, bar, metric)
        axes.set_yticks(range(len(bars)), [plain(bar.name, 24) for bar in bars])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        ticks = value_ticks(low, high, 6)
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_major_formatter(FixedFormatter(tick_texts(metric, ticks)))
        axes.set_xlabel(axis_label(metric))
        axes.grid(axis="x")
    return made


def _bar(axes: Axes, row: int, bar: Bar, metric: str) -> None:
    assert bar.mean is not None
    colour = SERIES[0] if bar.strong else MUTED
    if bar.low is not None and bar.high is not None and math.isfinite(bar.high - bar.low):
        axes.barh(row, bar.high - bar.low, left=bar.low, height=0.5, color=colour, alpha=0.3, linewidth=0, zorder=2)
    if len(bar.scores) > 1:
        axes.plot(bar.scores, [row] * len(bar.scores), "|", color=colour, alpha=0.65, markersize=6, mew=1.1, zorder=3)
    axes.plot(bar.mean, row, "o", color=colour, markersize=7, markeredgecolor=PAPER, markeredgewidth=1, zorder=4)
    text, place = shown(metric, bar.mean), axes.get_yaxis_transform()
    axes.text(1.02, row, text, transform=place, va="center_baseline", fontsize=10, fontweight="bold", color=INK)


def scores_section(result: RunResult, repeats: Sequence[RunResult]) -> Section:
    """All metrics of a run beside the baseline's, and the scores of its single repeats where it has them."""
    metric = main_metric(result.test)
    one = "repeat" if result.same_test_rows else "split"
    model, of = model_name(result.config["model"]), counted(result.test[metric].n, one if repeats else "test row")
    entries = [(model, result.test, [r.test for r in repeats], True)]
    entries += [("forest (baseline)", result.baseline, [r.baseline for r in repeats if r.baseline], False)]
    bars = []
    for name, found, single, strong in entries:
        if found:
            scores = [each[metric].value for each in single if math.isfinite(each[metric].value)]
            bars.append(Bar(name, found[metric].value, found[metric].low, found[metric].high, scores, strong))
    guess = shown(metric, result.majority[metric].value)
    better = "higher" if HIGHER_IS_BETTER[metric] else "lower"
    caption = f"Dot: {label(metric)} ({better} is better). Bar: its 95 % interval over {of}."
    caption += (
        f" Thin lines: the single {one}s." if repeats else " If two bars overlap widely, chance may explain the difference."
    )
    caption += f" Ignoring the inputs gives {guess}."
    title = f"{label(metric)} of {model} and the quick baseline"
    drawing = interval_chart("leaderboard" if repeats else "scores", bars, metric, title, caption)
    drawings, body = (drawing,) if drawing else (), saved.shown(drawing)
    guessed = "most frequent class" if result.task == "classification" else "mean of the labels"
    header = ["metric", model, QUICK_BASELINE, guessed, f"{model} on validation rows"]
    header, *rows = filled([header, *score_rows(result)])
    body += table(header, rows)
    if not repeats:
        return Section("scores", "Scores", body, f"On {of} not used in training; 95 % interval in brackets.", drawings)
    rows = []
    for number, each in enumerate(repeats, 1):
        other = shown(metric, each.baseline[metric].value) if each.baseline else ""
        rows.append([str(number), shown(metric, each.test[metric].value), other, f"{each.seconds['total']:.1f}"])
    body += f"<h3>{one.title()}s</h3>" + table([one, label(metric), "quick baseline", "seconds"], rows, numeric=(1, 2, 3))
    lead = f"Means over {of}, each scored on its own test rows; 95 % t interval of the mean in brackets (the splits overlap)."
    if result.repeats > 1 and result.same_test_rows:
        rows_of_all = f"all on the same {result.rows['test']:,} test rows"
        lead = f"Means over {of}, {rows_of_all}; 95 % interval over repeats and rows in brackets."
    return Section("leaderboard", "Scores", body, lead, drawings)
