"""The sub-nets of a network, where `sdl decompose` took it apart.

Source: Olson, Wyner and Berk, "Modern neural networks generalize on small data sets" (NeurIPS 2018).
"""

from __future__ import annotations

from matplotlib.figure import Figure

from sdl_cli.measure.figure import Look, draw_averages, legend
from sdl_cli.report.decompose_words import correlation_cells, curve_rows, method_sentence, subnet_rows, verdict
from sdl_cli.report.html.drawing import GRID, INK, MUTED, PAPER, SERIES, Drawing, new_figure
from sdl_cli.report.html.opened import OpenedRun
from sdl_cli.report.html.saved import shown
from sdl_cli.report.html.section import Section, escape, table
from sdl_cli.run.run_folder import read_json
from sdl_cli.settings.contents import checked
from sdl_cli.study.decompose.result import DECOMPOSITION, FILE, Decomposition

_LOOK = Look(SERIES, INK, MUTED, GRID, PAPER, note=INK, ticks=6, area=(330, 190), halo=())


def build(run: OpenedRun) -> Section | None:
    """The section; None for a run that was not taken apart. Raises DataError for a file that is damaged or of another run."""
    file = run.stored.folder / FILE
    if not file.is_file():
        return None
    found = Decomposition.from_json(checked(read_json(file), DECOMPOSITION, file))
    found.check(file)
    num = len(found.subnets)
    caption = (
        f"Test accuracy of the average of 1, 2, ... {num} sub-nets, the mean over all choices of them (at most 200), with a "
        "95 % Wilson interval over test rows. Short lines: each sub-net by itself. Dashed: the network they sum to."
    )
    header, *rows = subnet_rows(found)

    def draw(width_in: float) -> Figure:
        return _drawn(found, width_in)

    drawing = Drawing("subnets", "Test accuracy against the number of sub-nets averaged", draw, caption)
    body = shown(drawing) + table(header, rows, numeric=(1, 2, 3))
    header, *rows = curve_rows(found)
    body += "<h3>Averages</h3>" + table(header, rows, numeric=(0, 1))
    header, *rows = correlation_cells(found)
    body += "<h3>Correlation of test errors</h3>" + table(header, rows, numeric=range(1, num + 1))
    body += f'<p class="muted">{escape(method_sentence(found), 1000)}</p>'
    return Section("subnets", "Is the network an ensemble?", body, verdict(found), (drawing,))


def _drawn(found: Decomposition, width_in: float) -> Figure:
    with new_figure(width_in, 3.5) as made:
        axes = made.subplots()
        handles, texts = draw_averages(axes, found.averages, _LOOK)
        axes.set_title("accuracy (%)", color=MUTED, weight="normal")
        legend(made, handles, texts, 2, 165)
    return made
