"""Scores beside each other: a chart of means with their intervals, and how the scores of one run stand to the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.ticker import FixedFormatter, FixedLocator

from sdl_cli.measure.axes import tick_texts, value_ticks
from sdl_cli.measure.metrics import HIGHER_IS_BETTER, main_metric
from sdl_cli.measure.wording import axis_label, label, model_name, shown
from sdl_cli.phrases import counted
from sdl_cli.report.html.drawing import INK, MUTED, PAPER, SERIES, new_figure, svg
from sdl_cli.report.html.section import Section, figure, plain, table
from sdl_cli.report.layout import filled
from sdl_cli.report.words import baseline_name, score_rows

Values = dict[str, Any]
_WIDTH_IN = 5.2
_MOST_BARS = 40


@dataclass(frozen=True)
class Bar:
    """One line of the chart.

    Arguments:
        name: plain text.
        mean, low, high: a score and its 95 % interval; None where there is none.
        scores: those of the single repeats, shown as thin ticks.
        strong: in colour, not in grey.
    """

    name: str
    mean: float
    low: float | None
    high: float | None
    scores: Sequence[float] = ()
    strong: bool = True


def interval_chart(bars: Sequence[Bar], metric: str, title: str, line: tuple[str, float] | None = None) -> str:
    """Scores as dots with their intervals as bars, the first at the top, as an inline SVG.

    Arguments:
        bars: at least one; the first 40 are drawn.
        title: what the chart shows, for who cannot see it.
        line: name and score of what all are compared with, drawn as a dashed line.
    """
    drawn = bars[:_MOST_BARS]
    ends = [value for bar in drawn for value in (bar.mean, bar.low, bar.high, *bar.scores) if value is not None]
    ends += [line[1]] if line else []
    room = 0.06 * (max(ends) - min(ends)) or 0.02 * abs(ends[0]) or 0.02
    low, high = min(ends) - room, max(ends) + room
    with new_figure(_WIDTH_IN, 0.36 * len(drawn) + 0.75) as made:
        axes = made.subplots()
        axes.set_xlim(low, high)
        axes.set_ylim(len(drawn) - 0.4, -0.6)
        if line:
            axes.axvline(line[1], color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)), zorder=1)
        for row, bar in enumerate(drawn):
            colour = SERIES[0] if bar.strong else MUTED
            if bar.low is not None and bar.high is not None:
                axes.barh(row, bar.high - bar.low, left=bar.low, height=0.5, color=colour, alpha=0.3, linewidth=0, zorder=2)
            if len(bar.scores) > 1:
                axes.plot(bar.scores, [row] * len(bar.scores), "|", color=colour, alpha=0.65, markersize=6, mew=1.1, zorder=3)
            axes.plot(bar.mean, row, "o", color=colour, markersize=7, markeredgecolor=PAPER, markeredgewidth=1, zorder=4)
            text = shown(metric, bar.mean)
            place = axes.get_yaxis_transform()
            axes.text(1.02, row, text, transform=place, va="center_baseline", fontsize=10, fontweight="bold", color=INK)
        axes.set_yticks(range(len(drawn)), [plain(bar.name, 24) for bar in drawn])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        ticks = value_ticks(low, high, 6)
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_major_formatter(FixedFormatter(tick_texts(metric, ticks)))
        axes.set_xlabel(axis_label(metric))
        axes.grid(axis="x")
    return svg(made, title)


def scores_section(values: Values, repeats: Sequence[Values]) -> Section:
    """All metrics of a run beside the baseline's, and the scores of its repeats where it has them.

    Arguments:
        values: of `metrics.json`.
        repeats: those of the single repeats, in order; empty for a single run.
    """
    test, baseline, majority = values["metrics"]["test"], values["baseline"], values["majority"]["test"]
    metric = main_metric(test)
    model, n = model_name(values["config"]["model"]), test[metric]["n"]
    of = counted(n, "split") if repeats else counted(n, "test row")
    entries = [(model, test[metric], [r["metrics"]["test"][metric]["value"] for r in repeats], True)]
    if baseline:
        own = [r["baseline"]["test"][metric]["value"] for r in repeats if r["baseline"]]
        entries.append((f"{baseline['name']} (baseline)", baseline["test"][metric], own, False))
    bars = [
        Bar(name, m["value"], m["low"], m["high"], [s for s in scores if s is not None], strong)
        for name, m, scores, strong in entries
        if m["value"] is not None
    ]
    guess = shown(metric, majority[metric]["value"])
    better = "higher" if HIGHER_IS_BETTER[metric] else "lower"
    caption = f"Dot: {label(metric)} ({better} is better). Bar: its 95 % interval over {of}."
    caption += " Thin lines: the single splits." if repeats else " Where two bars overlap widely, chance may explain it."
    caption += f" Ignoring the inputs gives {guess}."
    body = figure(interval_chart(bars, metric, f"{label(metric)} of {model} and the quick baseline"), caption) if bars else ""
    guessed = "most frequent class" if "accuracy" in test else "mean of the labels"
    header = ["metric", model, baseline_name(values), guessed, f"{model} on validation rows"]
    header, *rows = filled([header, *score_rows(values)])
    body += table(header, rows)
    if repeats:
        body += "<h3>Splits</h3>" + table(*_repeat_rows(repeats, metric), numeric=(1, 2, 3))
    lead = f"On {of} that took no part in training; 95 % interval in brackets."
    if repeats:
        lead = (
            f"Means over {of}, each scored on test rows of its own; 95 % t interval of the mean in brackets (the splits overlap)."
        )
    return Section("leaderboard" if repeats else "scores", "Scores", body, lead)


def _repeat_rows(repeats: Sequence[Values], metric: str) -> tuple[list[str], list[list[str]]]:
    rows = []
    for number, values in enumerate(repeats, 1):
        other = values["baseline"]["test"][metric]["value"] if values["baseline"] else None
        row = [str(number), shown(metric, values["metrics"]["test"][metric]["value"])]
        row += ["" if other is None else shown(metric, other), f"{values['seconds']['total']:.1f}"]
        rows.append(row)
    return ["split", label(metric), "quick baseline", "seconds"], rows
