"""Measured numbers with their intervals beside published ones, drawn on axes: a line each, a panel for each unit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from sdl_cli.measure.figure import Look

LINE_IN = 0.2  # height of a line of text; a number has at least one and a half


@dataclass(frozen=True)
class Line:
    """One number.

    Arguments:
        label: plain text. value, low, high: with its interval, nan where that is unknown.
        reported: the published number, nan if there is none. bound: what is claimed of it, nan if nothing is.
        kind: colour by its verdict: 0 holds, 1 does not hold, 2 not known, 3 shown alone.
        strong: whether the verdict rests on it.
    """

    label: str
    value: float
    low: float
    high: float
    reported: float = math.nan
    bound: float = math.nan
    kind: int = 3
    strong: bool = False


@dataclass(frozen=True)
class Panel:
    """The lines of one unit; `axis` names it."""

    axis: str
    lines: Sequence[Line]


KINDS = ("holds", "does not hold", "not measurable here", "measured")


def height(panels: Sequence[Panel]) -> float:
    """Height in inches of a figure of these panels."""
    return sum(LINE_IN * _heights(panel) + 0.62 for panel in panels)


def _heights(panel: Panel) -> float:
    """Lines of text that a panel is high."""
    return sum(map(_text_lines, panel.lines))


def _text_lines(line: Line) -> float:
    return max(1.5, 1.15 * (line.label.count("\n") + 1))


def draw(figure: Figure, panels: Sequence[Panel], look: Look) -> None:
    """Draw panels below each other, and one legend for all of what is in them."""
    ratios = [LINE_IN * _heights(panel) + 0.3 for panel in panels]
    axes = figure.subplots(len(panels), 1, squeeze=False, gridspec_kw={"height_ratios": ratios})[:, 0]
    for each, panel in zip(axes, panels, strict=True):
        _panel(each, panel, look)
    handles, texts = _legend(panels, look)
    figure.legend(handles, texts, loc="outside lower left", ncols=min(3, len(handles)), fontsize=look.text, frameon=False)


def _colours(look: Look) -> tuple[str, str, str, str]:
    return look.series[0], look.series[1], look.muted, look.ink


def _panel(axes: Axes, panel: Panel, look: Look) -> None:
    colours, places, below = _colours(look), list[float](), 0.0
    for line in panel.lines:
        place = below + _text_lines(line) / 2
        below += _text_lines(line)
        places.append(place)
        colour = colours[line.kind]
        if math.isfinite(line.low) and math.isfinite(line.high):
            axes.plot([line.low, line.high], [place, place], color=colour, linewidth=3.2 if line.strong else 1.8, zorder=3)
        axes.plot([line.value], [place], marker="o", markersize=7 if line.strong else 5.5, color=colour, linestyle="", zorder=4)
        if math.isfinite(line.reported):
            axes.plot([line.reported], [place], **_reported(look), zorder=5)
        if math.isfinite(line.bound):
            axes.plot([line.bound] * 2, [place - 0.5, place + 0.5], color=look.ink, linewidth=1.2, zorder=2)
    axes.set_yticks(places, [line.label for line in panel.lines], fontsize=look.text)
    axes.set_ylim(below, 0)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=look.grid, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel(panel.axis)
    low, high = axes.get_xlim()
    if low < 0 < high:
        axes.axvline(0, color=look.muted, linewidth=1.0, zorder=1)


def _reported(look: Look) -> dict[str, Any]:
    return {
        "marker": "D",
        "markersize": 6.5,
        "color": "none",
        "markeredgecolor": look.ink,
        "markeredgewidth": 1.4,
        "linestyle": "",
    }


def _legend(panels: Sequence[Panel], look: Look) -> tuple[list[Artist | Patch], list[str]]:
    lines = [line for panel in panels for line in panel.lines]
    colours = _colours(look)
    handles: list[Artist | Patch] = []
    texts: list[str] = []
    for kind, name in enumerate(KINDS):
        if any(line.kind == kind for line in lines):
            handles.append(Line2D([], [], color=colours[kind], marker="o", markersize=6, linewidth=2))
            texts.append(f"{name}, 95 % interval" if kind == 3 else name)
    if any(math.isfinite(line.reported) for line in lines):
        handles.append(Line2D([], [], **_reported(look)))
        texts.append("published")
    if any(math.isfinite(line.bound) for line in lines):
        handles.append(Line2D([], [], color=look.ink, linewidth=1.2, marker="|", markersize=11, linestyle=""))
        texts.append("claimed")
    return handles, texts
