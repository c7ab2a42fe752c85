"""Learning curves with their forecast: one as measured and forecast, or several over each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from matplotlib.figure import Figure

from sdl_cli.measure import wording
from sdl_cli.measure.axes import view
from sdl_cli.measure.figure import Look, draw_one, draw_several, legend
from sdl_cli.report.curve_words import forecast_rows, labels_needed, point_rows
from sdl_cli.report.html.drawing import GRID, INK, MUTED, PAGE_IN, PAPER, SERIES, Drawing, new_figure, svg
from sdl_cli.report.html.saved import shown
from sdl_cli.report.html.section import Section, escape, plain, table
from sdl_cli.study.compare.result import MoreLabels
from sdl_cli.study.curve.result import CurveResult

_LOOK = Look(SERIES, INK, MUTED, GRID, PAPER, note=INK, ticks=6, area=(330, 190), halo=())


def curve_section(curve: CurveResult, more_labels: MoreLabels | None = None) -> Section:
    """One curve: the picture, what was measured, what is forecast, what to be careful of, and what a comparison says of it."""
    lead = more_labels.sentence if more_labels else ""
    caption = f"Score of {plain(curve.name, 60)} on held-out rows against the number of labelled rows (log scale). "
    caption += "Dots: measured means, with one standard error on each side. "
    if curve.line:
        caption += f"Line: the fitted curve (dashed: forecast), with its {100 * curve.level:g} % interval shaded"
        low, high = view([curve])
        is_cut = any(row.low is not None and row.high is not None and (row.low < low or row.high > high) for row in curve.line)
        caption += ", which goes on beyond the edge of the picture." if is_cut else "."
    drawing = _drawing([curve], caption)
    body = shown(drawing)
    body += "".join(f"<p><b>Careful:</b> {escape(sentence)}</p>" for sentence in curve.warnings)
    header, *rows = point_rows(curve)
    body += "<h3>Measured</h3>" + table(header, rows, numeric=range(len(header)))
    if curve.forecast:
        header, *rows = forecast_rows(curve)
        body += "<h3>Forecast</h3>" + table(header, rows, numeric=(0, 1, 2))
    return Section("curve", "Would more labels help?", body, lead, (drawing,))


def curves_section(curves: Sequence[CurveResult]) -> Section:
    """Several curves, at least two, of one data set and metric in one picture; their names differ."""
    metric = curves[0].metric
    caption = "Marks: measured means, with one standard error on each side. Lines: fitted curves (dashed: forecast)."
    drawing = _drawing(curves[:6], caption)
    body = shown(drawing)
    if len(curves) > 6:
        body += f'<p class="muted">The picture shows the first 6 of {len(curves)} curves; the table has all.</p>'
    rows = []
    for curve in curves:
        last, twice = curve.last, curve.twice
        ahead = wording.estimated(metric, twice.mean, twice.low, twice.high) if twice else ""
        rows.append([curve.name, f"{last.size:,}", wording.shown(metric, last.mean), ahead, labels_needed(curve)])
    header = ["curve", "labelled rows", wording.label(metric), "with twice the labels", "labels for the target"]
    body += table(header, rows, numeric=(1, 2))
    return Section("curve", "Learning curves", body, "", (drawing,))


def curve_picture(curve: CurveResult) -> str:
    """The picture of one curve by itself."""
    drawing = _drawing([curve], "")
    return svg(drawing.draw(drawing.width_in), drawing.title)


def _drawing(curves: Sequence[CurveResult], caption: str) -> Drawing:
    def draw(width_in: float) -> Figure:
        return _drawn(curves, width_in)

    title = f"Learning curve: {wording.label(curves[0].metric)} against the number of labelled rows"
    return Drawing("curve", title, draw, caption)


def _drawn(curves: Sequence[CurveResult], width_in: float) -> Figure:
    metric, single = curves[0].metric, len(curves) == 1
    wide = width_in > 1.5 * PAGE_IN
    height = 3.5 if single else 3.4 + (0.08 if wide else 0.16) * len(curves)
    look = replace(_LOOK, area=(_LOOK.area[0] * width_in / PAGE_IN, 1.2 * _LOOK.area[1])) if wide else _LOOK
    with new_figure(width_in, 1.2 * height if wide else height) as made:
        axes = made.subplots()
        handles, texts = draw_one(axes, curves[0], look) if single else draw_several(axes, curves, look)
        axes.set_title(wording.axis_label(metric), color=MUTED, weight="normal")
        axes.minorticks_off()
        columns = (2 if max(map(len, texts)) <= 30 else 1) * (2 if wide else 1)
        legend(made, handles, texts, columns, 165 if max(map(len, texts)) <= 30 else 300)
    return made
