"""Learning curves as pictures (PNG). Matplotlib by its objects alone: no pyplot, no global state, no text read as mathematics."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib.style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, FixedLocator, NullFormatter
from matplotlib.transforms import Bbox

from sdl_cli.measure import wording
from sdl_cli.measure.axes import extent, fraction, line_at, size_ticks, tick_texts, value_ticks, view
from sdl_cli.measure.wording import rounded

Values = dict[str, Any]
SIZE_INCHES, DPI = (9.0, 5.6), 200  # sharp when shown at 900 x 560 px
# Okabe and Ito (2008), without their yellow, which is too pale for a line on white; grey instead
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#777777")
MARKERS = "osD^vPX*"
BLUE, VERMILLION, GREY, INK, PALE = COLOURS[0], COLOURS[1], "#888888", "#333333", "#f4f4f4"
DASHED = (0, (5, 2))
RING: Values = {"marker": "o", "markersize": 11, "color": "none", "markeredgecolor": INK, "markeredgewidth": 1.3}
STYLE = {
    "text.parse_math": False,
    "font.size": 11.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "legend.frameon": False,
}
HALO = [withStroke(linewidth=3.0, foreground="white")]  # keeps small text legible over a line


def draw_curve(curve: Values) -> bytes:
    """One learning curve, its fit and its forecast as a PNG of 1800 x 1120 px.

    Arguments:
        curve: name, dataset, metric, higher_is_better, level, points, line and labels_needed, as the forecast of a curve
            gives them; names may hold anything.
    Returns:
        The file's bytes, the same for the same curve.
    """
    return _png(curve_figure(curve))


def draw_overlay(curves: Sequence[Values], crossings: Sequence[Values]) -> bytes:
    """Several learning curves of one metric in one picture, as a PNG of 1800 x 1120 px.

    Arguments:
        curves: at least one, at most 8 for colours that differ, each as for `draw_curve`.
        crossings: where two fitted curves cross: the names `first` and `second`, `size` in rows, and `value`.
    Returns:
        The file's bytes, the same for the same curves.
    """
    return _png(overlay_figure(curves, crossings))


def curve_figure(curve: Values) -> Figure:
    """The figure that `draw_curve` writes."""
    with _own_style():
        figure, axes = _axes([curve], f"{_clean(curve['dataset'])}: {_clean(curve['name'])}")
        _forecast_region(axes, curve)
        _measured(axes, curve, BLUE, "o")
        _fitted(axes, curve, BLUE, band=0.2, width=2.2)
        baseline = [point for point in curve["points"] if point["baseline"] is not None]
        if baseline:
            xs, ys = [point["size"] for point in baseline], [point["baseline"] for point in baseline]
            axes.plot(xs, ys, color=GREY, linewidth=1.2, marker=".", markersize=5, zorder=2, label="forest (quick baseline)")
        _majority(axes, curve)
        if curve["labels_needed"]:
            _target(axes, curve)
        handles, texts = axes.get_legend_handles_labels()
        _legend(figure, handles, texts, columns=len(texts))
    return figure


def overlay_figure(curves: Sequence[Values], crossings: Sequence[Values]) -> Figure:
    """The figure that `draw_overlay` writes."""
    with _own_style():
        datasets = list(dict.fromkeys(_clean(curve["dataset"]) for curve in curves))
        figure, axes = _axes(curves, ", ".join(datasets))
        if len({curve["points"][-1]["size"] for curve in curves}) == 1:
            _forecast_region(axes, max(curves, key=lambda curve: len(curve["line"])))
        handles: list[Artist] = []
        for number, curve in enumerate(curves):
            colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
            _fitted(axes, curve, colour, band=min(0.12, 0.36 / len(curves)), width=1.8)
            _measured(axes, curve, colour, marker, size=5.5, shift=1 + 0.02 * (number - (len(curves) - 1) / 2))
            handles.append(Line2D([], [], color=colour, marker=marker, linewidth=1.8, markersize=6.5))
        texts = [curve["name"] for curve in curves]
        if any(curve["line"] for curve in curves):
            handles += [Line2D([], [], color=GREY, linestyle=DASHED, linewidth=1.8), Patch(color=GREY, alpha=0.3, linewidth=0)]
            texts += ["forecast", f"{100 * curves[0]['level']:g} % interval"]
        if _crossings(axes, crossings):
            handles.append(Line2D([], [], linestyle="none", **RING))
            texts.append("two curves cross (rows)")
        columns = 3 if max(map(len, texts)) <= 28 else 2
        _legend(figure, handles, texts, columns, most=600 / columns - 45)
    return figure


@contextmanager
def _own_style() -> Iterator[None]:
    """Matplotlib's defaults and ours, whatever the user's own file of settings says (LaTeX, say)."""
    with warnings.catch_warnings(), matplotlib.style.context(["default", STYLE]):
        # a letter that the font lacks is drawn as a box, which is no reason to stop
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from", category=UserWarning)
        yield


def _png(figure: Figure) -> bytes:
    with _own_style():
        out = io.BytesIO()
        figure.savefig(out, format="png", dpi=DPI, metadata={"Software": None})
        return out.getvalue()


def _axes(curves: Sequence[Values], title: str) -> tuple[Figure, Axes]:
    """An empty picture with its title, limits, ticks and grid."""
    figure = Figure(figsize=SIZE_INCHES, dpi=DPI, layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.06))
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    metric = curves[0]["metric"]
    first, last = extent(curves)
    low, high = view(curves)
    axes.set_xscale("log")
    axes.set_xlim(first, last)
    axes.set_ylim(low, high)
    sizes = size_ticks(first, last, min(curve["points"][0]["size"] for curve in curves))
    axes.xaxis.set_major_locator(FixedLocator(sizes))
    axes.xaxis.set_major_formatter(FixedFormatter([f"{size:,}" for size in sizes]))
    axes.xaxis.set_minor_formatter(NullFormatter())
    values = value_ticks(low, high, 7)
    axes.yaxis.set_major_locator(FixedLocator(values))
    axes.yaxis.set_major_formatter(FixedFormatter(tick_texts(metric, values)))
    axes.grid(axis="y", color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_xlabel("number of labelled rows")
    axes.set_ylabel(f"{wording.label(metric)} (%)" if metric in wording.PERCENT else wording.label(metric))
    _fit(axes.set_title(title, loc="left", fontsize=13, fontweight="bold", pad=10), 560)
    return figure, axes


def _forecast_region(axes: Axes, curve: Values) -> None:
    """Shade what lies beyond the largest measured size, and name both parts where the curve leaves room."""
    largest = curve["points"][-1]["size"]
    first, last = axes.get_xlim()
    if not curve["line"] or curve["line"][-1]["size"] <= largest:
        return
    axes.axvspan(largest, last, color=PALE, linewidth=0, zorder=0)
    axes.axvline(largest, color="#bbbbbb", linewidth=0.9, zorder=1)
    height, va = (0.02, "bottom") if curve["higher_is_better"] else (0.98, "top")
    style: Values = {"xycoords": axes.get_xaxis_transform(), "textcoords": "offset points", "va": va, "path_effects": HALO}
    for text, ha, away in (("measured", "right", -6), ("forecast", "left", 6)):
        if text == "forecast" or fraction(largest, first, last) > 0.12:
            axes.annotate(text, (largest, height), xytext=(away, 0), ha=ha, fontsize=9.5, color="#666666", **style)


def _fitted(axes: Axes, curve: Values, colour: str, band: float, width: float) -> None:
    """The fitted line, dashed beyond the largest measured size, and its interval where it has one."""
    line, largest = curve["line"], curve["points"][-1]["size"]
    border = line_at(line, largest)
    inside = [row for row in line if row["size"] < largest] + ([border] if border else [])
    beyond = ([border] if border else []) + [row for row in line if row["size"] > largest]
    for rows, style, label in ((inside, "-", "fitted curve"), (beyond, DASHED, "forecast")):
        if len(rows) > 1:
            xs, ys = [row["size"] for row in rows], [row["mean"] for row in rows]
            axes.plot(xs, ys, color=colour, linestyle=style, linewidth=width, zorder=3, label=label)
    banded = [row for row in line if row["low"] is not None and row["high"] is not None]
    if banded:
        xs, low, high = ([row[key] for row in banded] for key in ("size", "low", "high"))
        text = f"{100 * curve['level']:g} % interval"
        axes.fill_between(xs, low, high, color=colour, alpha=band, linewidth=0, zorder=1.5, label=text)


def _measured(axes: Axes, curve: Values, colour: str, marker: str, size: float = 6.5, shift: float = 1.0) -> None:
    """The measured means, with a bar of one standard error to each side where it is known.

    Arguments:
        shift: factor of the sizes, near 1, so that curves measured at the same sizes do not hide each other.
    """
    points = curve["points"]
    known = [point for point in points if point["se"] is not None]
    if known:
        xs, ys, errors = ([point[key] for point in known] for key in ("size", "mean", "se"))
        axes.errorbar(
            [shift * x for x in xs], ys, yerr=errors, fmt="none", ecolor=colour, elinewidth=size / 5, capsize=size / 3, zorder=4
        )
    xs, ys = ([point[key] for point in points] for key in ("size", "mean"))
    style: Values = {"marker": marker, "markersize": size, "markeredgecolor": "white", "markeredgewidth": 0.7}
    axes.plot([shift * x for x in xs], ys, linestyle="none", color=colour, zorder=5, label=_measured_text(points), **style)


def _majority(axes: Axes, curve: Values) -> None:
    """What ignoring the inputs would give, where that is in view."""
    known = [point for point in curve["points"] if point.get("majority") is not None]
    low, high = axes.get_ylim()
    if known and low <= known[-1]["majority"] <= high:
        xs, ys = [point["size"] for point in known], [point["majority"] for point in known]
        axes.plot(xs, ys, color=GREY, linewidth=1.2, linestyle=":", zorder=2, label="ignoring the inputs")


def _measured_text(points: Sequence[Values]) -> str:
    repeats = {point["repeats"] for point in points}
    mean = f"mean of {points[0]['repeats']}" if len(repeats) == 1 and points[0]["repeats"] > 1 else ""
    error = "± 1 s.e." if any(point["se"] is not None for point in points) else ""
    details = " ".join(part for part in (mean, error) if part)
    return f"measured ({details})" if details else "measured"


def _target(axes: Axes, curve: Values) -> None:
    """The target as a line with its value, and where the forecast reaches it with the interval of that size."""
    need, metric = curve["labels_needed"], curve["metric"]
    target, low, mid, high = (need[key] for key in ("target", "low", "mid", "high"))
    first, last = axes.get_xlim()
    shown = need["reachable"] == "yes" and mid is not None and first <= mid <= last
    early = shown and mid < curve["points"][-1]["size"]
    # texts stand on the side of the line that the curve leaves free: before the forecast reaches it, or after an early crossing
    away = 5 if curve["higher_is_better"] != early else -5
    style: Values = {"color": VERMILLION, "fontsize": 10, "path_effects": HALO, "zorder": 7, "textcoords": "offset points"}
    style["va"] = "bottom" if away > 0 else "top"
    axes.axhline(target, color=VERMILLION, linewidth=1.3, zorder=2.5)
    note = {"beyond": ", beyond this forecast", "no": ", not reached by this curve"}.get(need["reachable"], "")
    end, ha = (1, "right") if early else (0, "left")
    place: Values = {"xycoords": axes.get_yaxis_transform(), "xytext": (-6 if early else 6, away), "ha": ha}
    axes.annotate(f"target {wording.shown(metric, target)}{note}", (end, target), **place, **style)
    if not shown:
        return
    bar: Values = {"linewidth": 5, "alpha": 0.35, "solid_capstyle": "butt", "zorder": 2.6}
    axes.plot([low or first, high or last], [target, target], color=VERMILLION, **bar)
    axes.plot([mid], [target], marker="D", markersize=8, color="white", markeredgecolor=VERMILLION, markeredgewidth=1.8, zorder=6)
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


def _crossings(axes: Axes, crossings: Sequence[Values]) -> int:
    """A ring at each crossing in view, and its size beside it where other rings and texts leave room. Returns how many."""
    first, last = axes.get_xlim()
    low, high = axes.get_ylim()
    inside = [row for row in crossings if first <= row["size"] <= last and low <= row["value"] <= high]
    # in points, on axes of about 570 x 270
    whole = Bbox.from_bounds(0, 0, 570, 270)
    centres = [(570 * fraction(row["size"], first, last), 270 * (row["value"] - low) / (high - low)) for row in inside]
    taken = [Bbox.from_bounds(x - 5, y - 5, 10, 10) for x, y in centres]
    for row, (x, y) in zip(inside, centres, strict=True):
        axes.plot([row["size"]], [row["value"]], zorder=8, **RING)
        text = f"{row['size']:,.0f}"
        width = 6.5 * len(text)
        for dx, dy in ((dx, dy) for dy in (8, -18, 19, -29) for dx in (7, -7 - width)):
            box = Bbox.from_bounds(x + dx, y + dy, width, 10)
            if whole.containsx(box.x0) and whole.containsx(box.x1) and not any(box.overlaps(other) for other in taken):
                style: Values = {"fontsize": 9.5, "path_effects": HALO, "zorder": 9}
                axes.annotate(text, (row["size"], row["value"]), xytext=(dx, dy), textcoords="offset points", **style)
                taken.append(box)
                break
    return len(inside)


def _legend(figure: Figure, handles: Sequence[Artist], texts: Sequence[str], columns: int, most: float = 640) -> None:
    """What is what, below the axes, so that it hides nothing; texts are cut at `most` points."""
    # some versions leave out a label that begins with "_": the true texts come after
    names = [str(number) for number in range(len(texts))]
    style: Values = {"fontsize": 9.5, "columnspacing": 1.3, "handlelength": 2.2, "handletextpad": 0.6}
    legend = figure.legend(list(handles), names, loc="outside lower center", ncols=columns, **style)
    for shown, text in zip(legend.get_texts(), texts, strict=True):
        shown.set_text(_clean(text))
        _fit(shown, most)


def _clean(text: str) -> str:
    """In one line, and without what cannot be drawn (half a surrogate pair in a file's name, say)."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _fit(text: Text, points: float) -> None:
    """Cut a text until it is no wider than `points`."""
    whole = text.get_text()
    fits, over = 0, len(whole) + 1  # all lengths up to `fits` fit, none from `over` on does
    while over - fits > 1:
        middle = (fits + over) // 2 if over <= len(whole) else len(whole)
        text.set_text(whole if middle == len(whole) else whole[:middle].rstrip() + "…")
        wide = text.get_window_extent().width * 72 / DPI > points
        fits, over = (fits, middle) if wide else (middle, over)
    text.set_text(whole if fits == len(whole) else whole[:fits].rstrip() + "…")
