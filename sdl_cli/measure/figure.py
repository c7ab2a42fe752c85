"""Learning curves drawn on axes, of a PNG and of a page alike. Matplotlib by its objects alone: no pyplot, no global state."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib.style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import AbstractPathEffect, withStroke
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, FixedLocator, NullFormatter
from matplotlib.transforms import Bbox

from sdl_cli.measure import wording
from sdl_cli.measure.axes import extent, fraction, line_at, size_ticks, tick_texts, value_ticks, view
from sdl_cli.measure.curve import Averages, Crossing, LabelsNeeded, LearningCurve
from sdl_cli.measure.wording import rounded
from sdl_cli.phrases import printable

Values = dict[str, Any]
Legend = tuple[list[Artist], list[str]]  # what is drawn, and what it is called
# Okabe and Ito (2008), without their yellow, which is too pale for a line on white; grey instead
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#777777")
MARKERS = "osD^vPX*"
INK = "#333333"
DASHED = (0, (5, 2))


@dataclass(frozen=True)
class Look:
    """How curves are drawn.

    Arguments:
        series: colours of the curves, the second also that of the target.
        ink, muted, grid, paper: of rings, of what stands beside, of lines behind, and around points.
        note: of the words at the target.
        shade: of the part that is a forecast: its opacity in the colour of the grid.
        text: size of notes and of the legend, in points.
        area: width and height of the axes in points, about: where notes would collide.
        ticks: most values to label.
        halo: what keeps notes legible over a line.
    """

    series: Sequence[str] = COLOURS
    ink: str = INK
    muted: str = "#707070"
    grid: str = "#dddddd"
    paper: str = "white"
    note: str = COLOURS[1]
    shade: float = 0.33
    text: float = 9.5
    area: tuple[float, float] = (570, 270)
    ticks: int = 7
    halo: Sequence[AbstractPathEffect] = (withStroke(linewidth=3.0, foreground="white"),)

    @property
    def ring(self) -> Values:
        """Where two curves cross."""
        return {"marker": "o", "markersize": 11, "color": "none", "markeredgecolor": self.ink, "markeredgewidth": 1.3}


def draw_one(axes: Axes, curve: LearningCurve, look: Look) -> Legend:
    """One curve with all that stands beside it: its forecast, its target, the quick baseline, and ignoring the inputs."""
    _scales(axes, [curve], look)
    _forecast_region(axes, curve, look)
    _measured(axes, curve, look, 0, 6.5)
    _fitted(axes, curve, look.series[0], band=0.2, width=2.2)
    beside: Values = {"color": look.muted, "linewidth": 1.2, "zorder": 2}
    known = [(point.size, point.baseline) for point in curve.points if point.baseline is not None]
    if known:
        axes.plot(*zip(*known, strict=True), marker=".", markersize=5, label="forest (quick baseline)", **beside)
    known = [(point.size, point.majority) for point in curve.points if point.majority is not None]
    low, high = axes.get_ylim()
    if known and low <= known[-1][1] <= high:
        axes.plot(*zip(*known, strict=True), linestyle=":", label="ignoring the inputs", **beside)
    if curve.labels_needed:
        _target(axes, curve, curve.labels_needed, look)
    handles, texts = axes.get_legend_handles_labels()
    return list(handles), list(texts)


def draw_several(axes: Axes, curves: Sequence[LearningCurve], look: Look, crossings: Sequence[Crossing] = ()) -> Legend:
    """Curves of one metric over each other, and rings where they cross."""
    _scales(axes, curves, look)
    if len({curve.last.size for curve in curves}) == 1:
        _forecast_region(axes, max(curves, key=lambda curve: len(curve.line)), look)
    handles: list[Artist] = []
    for number, curve in enumerate(curves):
        colour, marker = look.series[number % len(look.series)], MARKERS[number % len(MARKERS)]
        _fitted(axes, curve, colour, band=min(0.12, 0.36 / len(curves)), width=1.8)
        _measured(axes, curve, look, number, 5.5, shift=1 + 0.02 * (number - (len(curves) - 1) / 2))
        handles.append(Line2D([], [], color=colour, marker=marker, linewidth=1.8, markersize=6.5))
    texts = [curve.name for curve in curves]
    if any(curve.line for curve in curves):
        handles += [Line2D([], [], color=look.muted, linestyle=DASHED, linewidth=1.8), Patch(color=look.muted, alpha=0.3, lw=0)]
        texts += ["forecast", f"{100 * curves[0].level:g} % interval"]
    if _crossings(axes, crossings, look):
        handles.append(Line2D([], [], linestyle="none", **look.ring))
        texts.append("two curves cross (rows)")
    return handles, texts


def draw_averages(axes: Axes, shown: Averages, look: Look) -> Legend:
    """Scores of averages of 1, 2, ... members with their intervals, beside those of each member and of all together."""
    numbers = list(range(1, len(shown.averages) + 1))
    means = [one.value for one in shown.averages]
    ends = [(one.value - one.low, one.high - one.value) for one in shown.averages]
    colour = look.series[0]
    axes.axhline(means[-1], color=look.muted, linestyle=DASHED, linewidth=1.3, zorder=2, label="the whole network")
    style: Values = {"color": look.series[1], "marker": "_", "markersize": 15, "linestyle": "none", "zorder": 3}
    axes.plot([1] * len(shown.singles), shown.singles, label="each sub-net", **style)
    axes.errorbar(numbers, means, yerr=list(zip(*ends, strict=True)), fmt="none", ecolor=colour, alpha=0.45, capsize=3, zorder=3)
    axes.plot(numbers, means, color=colour, marker="o", markersize=6, zorder=4, label="averages (mean, 95 % interval)")
    low = min(min(shown.singles), *(one.low for one in shown.averages))
    high = max(max(shown.singles), *(one.high for one in shown.averages))
    room = 0.06 * (high - low) or 0.01
    axes.set_ylim(low - room, high + room)
    axes.xaxis.set_major_locator(FixedLocator(numbers))
    values = value_ticks(low - room, min(high + room, 1.0), look.ticks)
    axes.yaxis.set_major_locator(FixedLocator(values))
    axes.yaxis.set_major_formatter(FixedFormatter(tick_texts(shown.metric, values)))
    axes.grid(axis="y", color=look.grid, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_xlabel("number of sub-nets averaged")
    handles, texts = axes.get_legend_handles_labels()
    return list(handles), list(texts)


def legend(figure: Figure, handles: Sequence[Artist], texts: Sequence[str], columns: int, most: float) -> None:
    """What is what, below the axes, so that it hides nothing; texts are cut at `most` points."""
    # some versions leave out a label that begins with "_": the true texts come after
    names = [str(number) for number in range(len(texts))]
    style: Values = {"fontsize": 9.5, "columnspacing": 1.3, "handlelength": 2.2, "handletextpad": 0.6}
    made = figure.legend(list(handles), names, loc="outside lower center", ncols=columns, **style)
    for shown, text in zip(made.get_texts(), texts, strict=True):
        shown.set_text(printable(text))
        fit(shown, most)


@contextmanager
def drawing_style(style: Mapping[str, Any]) -> Iterator[None]:
    """Matplotlib's defaults and ours, whatever the user's own file of settings says (LaTeX, say)."""
    with warnings.catch_warnings(), matplotlib.style.context(["default", dict(style)]):
        # a letter that the font lacks is drawn as a box, which is no reason to stop
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from", category=UserWarning)
        yield


def _scales(axes: Axes, curves: Sequence[LearningCurve], look: Look) -> None:
    """Limits, ticks and grid."""
    first, last = extent(curves)
    low, high = view(curves)
    axes.set_xscale("log")
    axes.set_xlim(first, last)
    axes.set_ylim(low, high)
    sizes = size_ticks(first, last, min(curve.points[0].size for curve in curves))
    axes.xaxis.set_major_locator(FixedLocator(sizes))
    axes.xaxis.set_major_formatter(FixedFormatter([f"{size:,}" for size in sizes]))
    axes.xaxis.set_minor_formatter(NullFormatter())
    values = value_ticks(low, high, look.ticks)
    axes.yaxis.set_major_locator(FixedLocator(values))
    axes.yaxis.set_major_formatter(FixedFormatter(tick_texts(curves[0].metric, values)))
    axes.grid(axis="y", color=look.grid, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_xlabel("number of labelled rows")


def _forecast_region(axes: Axes, curve: LearningCurve, look: Look) -> None:
    """Shade what lies beyond the largest measured size, and name both parts where the curve leaves room."""
    largest = curve.last.size
    first, last = axes.get_xlim()
    if not curve.line or curve.line[-1].size <= largest:
        return
    axes.axvspan(largest, last, color=look.grid, alpha=look.shade, linewidth=0, zorder=0)
    axes.axvline(largest, color=look.muted, alpha=0.6, linewidth=0.9, zorder=1)
    height, va = (0.02, "bottom") if curve.higher_is_better else (0.98, "top")
    style: Values = {"xycoords": axes.get_xaxis_transform(), "textcoords": "offset points", "va": va, "color": look.muted}
    for text, ha, away in (("measured", "right", -6), ("forecast", "left", 6)):
        if text == "forecast" or fraction(largest, first, last) > 0.12:
            note: Values = {"fontsize": look.text, "path_effects": look.halo}
            axes.annotate(text, (largest, height), xytext=(away, 0), ha=ha, **note, **style)


def _fitted(axes: Axes, curve: LearningCurve, colour: str, band: float, width: float) -> None:
    """The fitted line, dashed beyond the largest measured size, and its interval where it has one."""
    line, largest = curve.line, curve.last.size
    border = line_at(line, largest)
    inside = [row for row in line if row.size < largest] + ([border] if border else [])
    beyond = ([border] if border else []) + [row for row in line if row.size > largest]
    for rows, style, label in ((inside, "-", "fitted curve"), (beyond, DASHED, "forecast")):
        if len(rows) > 1:
            xs, ys = zip(*((row.size, row.mean) for row in rows), strict=True)
            axes.plot(xs, ys, color=colour, linestyle=style, linewidth=width, zorder=3, label=label)
    banded = [(row.size, row.low, row.high) for row in line if row.low is not None and row.high is not None]
    if banded:
        text = f"{100 * curve.level:g} % interval"
        xs, low, high = zip(*banded, strict=True)
        axes.fill_between(xs, low, high, color=colour, alpha=band, linewidth=0, zorder=1.5, label=text)


def _measured(axes: Axes, curve: LearningCurve, look: Look, number: int, size: float, shift: float = 1.0) -> None:
    """The measured means, with a bar of one standard error on each side if it is known; `shift` keeps curves side by side."""
    colour, marker = look.series[number % len(look.series)], MARKERS[number % len(MARKERS)]
    known = [(shift * point.size, point.mean, point.se) for point in curve.points if point.se is not None]
    if known:
        xs, ys, errors = zip(*known, strict=True)
        axes.errorbar(xs, ys, yerr=errors, fmt="none", ecolor=colour, elinewidth=size / 5, capsize=size / 3, zorder=4)
    style: Values = {"marker": marker, "markersize": size, "markeredgecolor": look.paper, "markeredgewidth": 0.7}
    repeats = {point.repeats for point in curve.points}
    details = [f"mean of {num}" for num in repeats if len(repeats) == 1 and num > 1] + (["± 1 s.e."] if known else [])
    text = f"measured ({' '.join(details)})" if details else "measured"
    xs, ys = zip(*((shift * point.size, point.mean) for point in curve.points), strict=True)
    axes.plot(xs, ys, linestyle="none", color=colour, zorder=5, label=text, **style)


def _target(axes: Axes, curve: LearningCurve, need: LabelsNeeded, look: Look) -> None:
    """The target as a line with its value, and where the forecast reaches it with the interval of that size."""
    target, low, mid, high = need.target, need.low, need.mid, need.high
    first, last = axes.get_xlim()
    shown = need.reachable == "yes" and mid is not None and first <= mid <= last
    early = shown and mid is not None and mid < curve.last.size
    # texts stand on the side of the line that the curve leaves free: before the forecast reaches it, or after an early crossing
    away = 5 if curve.higher_is_better != early else -5
    colour = look.series[1]
    style: Values = {"color": look.note, "fontsize": look.text + 0.5, "path_effects": look.halo, "zorder": 7}
    style["textcoords"] = "offset points"
    style["va"] = "bottom" if away > 0 else "top"
    bottom, top = axes.get_ylim()
    room = math.copysign(22 / look.area[1] * (top - bottom), away)  # for two lines of text
    axes.set_ylim(min(bottom, target + room), max(top, target + room))
    axes.axhline(target, color=colour, linewidth=1.3, zorder=2.5)
    note = {"beyond": ", beyond this forecast", "no": ", not reached by this curve"}.get(need.reachable, "")
    end, ha = (1, "right") if early else (0, "left")
    place: Values = {"xycoords": axes.get_yaxis_transform(), "xytext": (-6 if early else 6, away), "ha": ha}
    axes.annotate(f"target {wording.shown(curve.metric, target)}{note}", (end, target), **place, **style)
    if not shown or mid is None:
        return
    bar: Values = {"linewidth": 5, "alpha": 0.35, "solid_capstyle": "butt", "zorder": 2.6}
    axes.plot([low or first, high or last], [target, target], color=colour, **bar)
    axes.plot([mid], [target], marker="D", markersize=8, color=look.paper, markeredgecolor=colour, markeredgewidth=1.8, zorder=6)
    ha = "left" if early or fraction(mid, first, last) < 0.45 else "right"
    axes.annotate(_rows_text(low, mid, high), (mid, target), xytext=(0, 1.8 * away), ha=ha, **style)


def _rows_text(low: float | None, mid: float, high: float | None) -> str:
    """`about 6,100 rows (3,900 or more)`: a size and its interval, to the two figures that the verdict gives too."""
    about = f"about {rounded(mid)} rows"
    if low is None and high is None:
        return about
    if low is None or high is None:
        return f"{about} (up to {rounded(high)})" if high is not None else f"{about} ({rounded(low or mid)} or more)"
    return f"{about} ({rounded(low)} to {rounded(high)})"


def _crossings(axes: Axes, crossings: Sequence[Crossing], look: Look) -> int:
    """A ring at each crossing in view, and its size beside it where other rings and texts leave room. Returns how many."""
    first, last = axes.get_xlim()
    low, high = axes.get_ylim()
    inside = [row for row in crossings if first <= row.size <= last and low <= row.value <= high]
    width, height = look.area
    whole = Bbox.from_bounds(0, 0, width, height)
    centres = [(width * fraction(row.size, first, last), height * (row.value - low) / (high - low)) for row in inside]
    taken = [Bbox.from_bounds(x - 5, y - 5, 10, 10) for x, y in centres]
    for row, (x, y) in zip(inside, centres, strict=True):
        axes.plot([row.size], [row.value], zorder=8, **look.ring)
        text = f"{row.size:,.0f}"
        wide = 6.5 * len(text)
        for dx, dy in ((dx, dy) for dy in (8, -18, 19, -29) for dx in (7, -7 - wide)):
            box = Bbox.from_bounds(x + dx, y + dy, wide, 10)
            if whole.containsx(box.x0) and whole.containsx(box.x1) and not any(box.overlaps(other) for other in taken):
                style: Values = {"fontsize": look.text, "path_effects": look.halo, "zorder": 9}
                axes.annotate(text, (row.size, row.value), xytext=(dx, dy), textcoords="offset points", **style)
                taken.append(box)
                break
    return len(inside)


def fit(text: Text, points: float) -> None:
    """Cut a text until it is no wider than `points`."""
    whole, figure = text.get_text(), text.get_figure()
    assert figure is not None
    fits, over = 0, len(whole) + 1  # all lengths up to `fits` fit, none from `over` on does
    while over - fits > 1:
        middle = (fits + over) // 2 if over <= len(whole) else len(whole)
        text.set_text(whole if middle == len(whole) else whole[:middle].rstrip() + "…")
        wide = text.get_window_extent().width * 72 / figure.dpi > points
        fits, over = (fits, middle) if wide else (middle, over)
    text.set_text(whole if fits == len(whole) else whole[:fits].rstrip() + "…")
