"""Learning curves, averages of sub-nets and numbers beside published ones as PNG files; `figure` and `estimates` draw them."""

from __future__ import annotations

import io
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from sdl_cli.measure import wording
from sdl_cli.measure.curve import Averages, Crossing, LearningCurve
from sdl_cli.measure.estimates import Panel, draw, height
from sdl_cli.measure.figure import INK, Look, draw_averages, draw_one, draw_several, drawing_style, fit, legend
from sdl_cli.phrases import printable

SIZE_INCHES, DPI = (9.0, 5.6), 200  # sharp when shown at 900 x 560 px
STYLE = {
    "font.size": 11.0,
    **dict.fromkeys(("text.parse_math", "axes.spines.top", "axes.spines.right", "legend.frameon"), False),
    **dict.fromkeys(("axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "text.color"), INK),
}
LOOK = Look()


def draw_curve(curve: LearningCurve) -> bytes:
    """One learning curve, its fit and its forecast as a PNG of 1800 x 1120 px, the same bytes for the same curve."""
    return _png(curve_figure(curve))


def draw_overlay(curves: Sequence[LearningCurve], crossings: Sequence[Crossing]) -> bytes:
    """Several learning curves of one metric in one picture, as a PNG of 1800 x 1120 px.

    Arguments:
        curves: at least one, at most 8 for colours that differ, each as for `draw_curve`.
        crossings: where their fitted curves cross.
    """
    return _png(overlay_figure(curves, crossings))


def curve_figure(curve: LearningCurve) -> Figure:
    """The figure that `draw_curve` writes."""
    with drawing_style(STYLE):
        figure, axes = _figure(f"{printable(curve.dataset)}: {printable(curve.name)}", curve.metric)
        handles, texts = draw_one(axes, curve, LOOK)
        legend(figure, handles, texts, len(texts), 640)
    return figure


def overlay_figure(curves: Sequence[LearningCurve], crossings: Sequence[Crossing]) -> Figure:
    """The figure that `draw_overlay` writes."""
    with drawing_style(STYLE):
        datasets = dict.fromkeys(printable(curve.dataset) for curve in curves)
        figure, axes = _figure(", ".join(datasets), curves[0].metric)
        handles, texts = draw_several(axes, curves, LOOK, crossings)
        columns = 3 if max(map(len, texts)) <= 28 else 2
        legend(figure, handles, texts, columns, 600 / columns - 45)
    return figure


def draw_subnets(shown: Averages) -> bytes:
    """Averages of the parts of a network as a PNG of 1800 x 1120 px."""
    return _png(subnets_figure(shown))


def subnets_figure(shown: Averages) -> Figure:
    """The figure that `draw_subnets` writes."""
    with drawing_style(STYLE):
        title = f"{printable(shown.dataset)}: {len(shown.singles)} sub-nets that sum to the network"
        figure, axes = _figure(title, shown.metric)
        handles, texts = draw_averages(axes, shown, LOOK)
        legend(figure, handles, texts, len(texts), 640)
    return figure


def draw_estimates(title: str, panels: Sequence[Panel]) -> bytes:
    """Measured numbers beside published ones as a PNG, 1800 px wide and as high as its lines need."""
    with drawing_style(STYLE):
        high = height(panels) + 0.9
        figure = Figure(figsize=(SIZE_INCHES[0], high), dpi=DPI, layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.06))
        FigureCanvasAgg(figure)
        draw(figure, panels, LOOK)
        fit(figure.suptitle(printable(title), x=0.02, ha="left", fontsize=13, fontweight="bold"), 620)
    return _png(figure)


def _png(figure: Figure) -> bytes:
    with drawing_style(STYLE):
        out = io.BytesIO()
        figure.savefig(out, format="png", dpi=DPI, metadata={"Software": None})
        return out.getvalue()


def _figure(title: str, metric: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE_INCHES, dpi=DPI, layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.06))
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_ylabel(wording.axis_label(metric))
    fit(axes.set_title(title, loc="left", fontsize=13, fontweight="bold", pad=10), 560)
    return figure, axes
