"""Learning curves with their forecast: one as measured and forecast, or several over each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, NullFormatter, NullLocator

from sdl_cli.measure import wording
from sdl_cli.measure.axes import extent, line_at, size_ticks, tick_texts, value_ticks, view
from sdl_cli.report.curve_words import forecast_rows, labels_needed, point_rows
from sdl_cli.report.html.section import (
    MUTED,
    PAPER,
    SERIES,
    Section,
    escape,
    figure,
    new_figure,
    plain,
    report_style,
    svg,
    table,
)

Values = dict[str, Any]
_MARKERS = "osD^vP"
_DASHED = (0, (4, 2.5))


def curve_section(curve: Values, more_labels: Values | None = None) -> Section:
    """One curve: the picture, what was measured, what is forecast, and what to be careful of.

    Arguments:
        curve: as `curve.json` holds it.
        more_labels: what a comparison says of more labels, with its `sentence`.
    """
    lead = more_labels["sentence"] if more_labels else ""
    caption = f"Score of {plain(curve['name'], 60)} on rows held out, against the number of labelled rows (on a log scale). "
    caption += "Dots: measured means, with one standard error to each side. "
    if curve["line"]:
        level = f"{100 * curve['level']:g} %"
        caption += f"Line: the fitted curve, dashed where it is a forecast, with its {level} interval shaded."
    body = figure(_drawn([curve]), caption)
    body += "".join(f"<p><b>Careful:</b> {escape(sentence)}</p>" for sentence in curve["warnings"])
    header, *rows = point_rows(curve)
    body += "<h3>Measured</h3>" + table(header, rows, numeric=range(len(header)))
    if curve["forecast"]:
        header, *rows = forecast_rows(curve)
        body += "<h3>Forecast</h3>" + table(header, rows, numeric=(0, 1, 2))
    return Section("curve", "Would more labels help?", body, lead)


def curves_section(curves: Sequence[Values]) -> Section:
    """Several curves of one data set and metric in one picture.

    Arguments:
        curves: at least two, each as `curve.json` holds it, with names that differ.
    """
    metric = curves[0]["metric"]
    caption = (
        "Marks: measured means, with one standard error to each side. Lines: fitted curves, dashed where they are a forecast."
    )
    body = figure(_drawn(curves[:6]), caption)
    if len(curves) > 6:
        body += f'<p class="muted">The picture shows the first 6 of {len(curves)} curves; the table has all.</p>'
    rows = []
    for curve in curves:
        last, twice = curve["points"][-1], curve["twice"]
        ahead = wording.measured(metric, twice | {"value": twice["mean"]}) if twice else ""
        rows.append([curve["name"], f"{last['size']:,}", wording.shown(metric, last["mean"]), ahead, labels_needed(curve)])
    header = ["curve", "labelled rows", wording.label(metric), "with twice the labels", "rows for the target"]
    body += table(header, rows, numeric=(1, 2))
    return Section("curve", "Learning curves", body)


def _drawn(curves: Sequence[Values]) -> str:
    single = len(curves) == 1
    made = new_figure(5.2, 3.6 if single else 3.5 + 0.16 * len(curves))
    with report_style():
        axes = made.subplots()
        _axes(axes, curves)
        for number, curve in enumerate(curves):
            shift = 1 + 0.02 * (number - (len(curves) - 1) / 2)  # so that curves at the same sizes do not hide each other
            _fitted(axes, curve, SERIES[number], with_band=single)
            _measured(axes, curve, SERIES[number], _MARKERS[number], shift, "measured" if single else plain(curve["name"], 40))
        if single:
            _beside(axes, curves[0])
        made.legend(loc="outside lower center", ncols=2 if single else 1)
    return svg(made, f"Learning curve: {wording.label(curves[0]['metric'])} against the number of labelled rows")


def _axes(axes: Axes, curves: Sequence[Values]) -> None:
    metric = curves[0]["metric"]
    first, last = extent(curves)
    low, high = view(curves)
    axes.set_xscale("log")
    axes.set_xlim(first, last)
    axes.set_ylim(low, high)
    sizes = size_ticks(first, last, min(curve["points"][0]["size"] for curve in curves))
    axes.xaxis.set_major_locator(FixedLocator(sizes))
    axes.xaxis.set_major_formatter(FixedFormatter([f"{size:,}" for size in sizes]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    values = value_ticks(low, high, 6)
    axes.yaxis.set_major_locator(FixedLocator(values))
    axes.yaxis.set_major_formatter(FixedFormatter(tick_texts(metric, values)))
    axes.grid(axis="y")
    axes.set_xlabel("number of labelled rows")
    name = wording.label(metric)
    axes.set_title(f"{name} (%)" if metric in wording.PERCENT else name, color=MUTED, weight="normal")


def _fitted(axes: Axes, curve: Values, colour: str, with_band: bool) -> None:
    line, largest = curve["line"], curve["points"][-1]["size"]
    border = line_at(line, largest)
    inside = [row for row in line if row["size"] < largest] + ([border] if border else [])
    beyond = ([border] if border else []) + [row for row in line if row["size"] > largest]
    for rows, style, label in ((inside, "-", "fitted"), (beyond, _DASHED, "forecast")):
        if len(rows) > 1:
            xs, ys = [row["size"] for row in rows], [row["mean"] for row in rows]
            axes.plot(xs, ys, color=colour, linestyle=style, zorder=3, label=label if with_band else None)
    banded = [row for row in line if row["low"] is not None and row["high"] is not None]
    if banded and with_band:
        xs, low, high = ([row[key] for row in banded] for key in ("size", "low", "high"))
        text = f"{100 * curve['level']:g} % interval of the forecast"
        axes.fill_between(xs, low, high, color=colour, alpha=0.2, linewidth=0, zorder=1.5, label=text)


def _measured(axes: Axes, curve: Values, colour: str, marker: str, shift: float, label: str) -> None:
    known = [point for point in curve["points"] if point["se"] is not None]
    if known:
        xs, ys, errors = ([point[key] for point in known] for key in ("size", "mean", "se"))
        axes.errorbar([shift * x for x in xs], ys, yerr=errors, fmt="none", ecolor=colour, elinewidth=1.3, zorder=4)
    xs, ys = ([point[key] for point in curve["points"]] for key in ("size", "mean"))
    style: Values = {"markeredgecolor": PAPER, "markeredgewidth": 0.8, "markersize": 6.5, "zorder": 5}
    axes.plot([shift * x for x in xs], ys, linestyle="none", marker=marker, color=colour, label=label, **style)


def _beside(axes: Axes, curve: Values) -> None:
    """The quick baseline at the same sizes, and the target with the rows that it needs."""
    known = [point for point in curve["points"] if point["baseline"] is not None]
    if known:
        xs, ys = [point["size"] for point in known], [point["baseline"] for point in known]
        axes.plot(xs, ys, color=MUTED, linewidth=1.3, marker=".", markersize=6, zorder=2, label="forest (quick baseline)")
    need = curve["labels_needed"]
    if need:
        label = f"target {wording.shown(curve['metric'], need['target'])}"
        axes.axhline(need["target"], color=SERIES[1], linewidth=1.2, zorder=2.5, label=label)
        first, last = axes.get_xlim()
        if need["mid"] is not None and first <= need["mid"] <= last:
            low, high = max(need["low"] or first, first), min(need["high"] or last, last)
            axes.plot([low, high], [need["target"]] * 2, color=SERIES[1], linewidth=6, alpha=0.3, zorder=2.6)
            style: Values = {"markeredgecolor": SERIES[1], "markeredgewidth": 1.6, "markersize": 7, "zorder": 6}
            axes.plot([need["mid"]], [need["target"]], "D", color=PAPER, **style)
