"""Figures of a report: drawn by matplotlib, and put into the page as SVG in colours that follow it from light to dark."""

from __future__ import annotations

import hashlib
import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, FuncFormatter, LogFormatter, NullFormatter

from sdl_cli.measure.figure import drawing_style
from sdl_cli.report.html.section import plain

# as drawn; `svg` turns each into a variable of the page, which has one value for light and one for dark
PAPER, INK, MUTED, GRID = "#fdfdfb", "#20242c", "#676e7d", "#d9dde5"
# told apart by people who see no red, no green or no blue as well, and dark enough for lines on white
SERIES = ("#1d6fb8", "#d0541b", "#159a7f", "#b84a93", "#5c3a00", "#3b1f7a")
VARIABLES = {PAPER: "paper", INK: "ink", MUTED: "muted", GRID: "grid", **{c: f"series-{k}" for k, c in enumerate(SERIES)}}
STYLE = {
    "text.parse_math": False,
    "svg.hashsalt": "sdl",  # the same file for the same figure
    "svg.fonttype": "none",  # text stays text: it can be searched, read aloud, and takes the page's font
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=SERIES),
    "grid.color": GRID,
    "lines.linewidth": 2.0,
    **dict.fromkeys(("axes.spines.top", "axes.spines.right", "legend.frameon"), False),
    **dict.fromkeys(("axes.facecolor", "figure.facecolor", "savefig.facecolor"), "none"),
    **dict.fromkeys(("axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "hatch.color"), MUTED),
    **dict.fromkeys(("axes.titlecolor", "text.color", "xtick.labelcolor", "ytick.labelcolor"), INK),
    **dict.fromkeys(("font.size", "axes.titlesize"), 11.0),
    **dict.fromkeys(("axes.labelsize", "xtick.labelsize", "ytick.labelsize", "legend.fontsize"), 10.5),
    **dict.fromkeys(("axes.linewidth", "grid.linewidth"), 0.8),
}
PAGE_IN = 5.2  # width of a figure on the page, in inches as drawn
_NAMESPACE = re.compile(r"\{[^}]*\}")
_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}(?:e-?\d+)?")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")


@dataclass(frozen=True)
class Drawing:
    """A figure that can be drawn at any width: for the page, and for files of its own.

    Arguments:
        name: of its files, and in its section: small letters and hyphens.
        title: what it shows, plain text, for anyone who cannot see it.
        draw: from a width in inches, as for `new_figure`, to the figure.
        caption: plain text.
        width_in: on the page.
    """

    name: str
    title: str
    draw: Callable[[float], Figure]
    caption: str = ""
    width_in: float = PAGE_IN


@contextmanager
def new_figure(width_in: float, height_in: float) -> Iterator[Figure]:
    """An empty figure, to be drawn into within the report's style, its parts laid out so that none is cut.

    Colours are INK, MUTED, GRID, PAPER and SERIES, with alpha where a shade is needed (a heat map: SERIES[0] with its share as
    alpha), so that they change with the page from light to dark. Labels from data pass through `plain`.

    Up to about 5.2 inches wide, 11 points are still legible on a phone, and 14 px high on a desktop.
    """
    with drawing_style(STYLE):
        made = Figure(figsize=(width_in, height_in), dpi=72, layout="constrained")
        FigureCanvasAgg(made)
        yield made


def svg(figure: Figure, title: str) -> str:
    """A figure of `new_figure` as an inline `<svg>`; `title` says in plain text what it shows, for anyone who cannot see it."""
    with drawing_style(STYLE):
        clean_texts(figure)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    root = ET.fromstring(out.getvalue())
    _tidy(root)
    width, height = figure.get_size_inches() * 72
    _rename(root, hashlib.sha256((title + out.getvalue()).encode()).hexdigest()[:8])
    root.attrib = {
        "viewBox": f"0 0 {width:g} {height:g}",
        "role": "img",
        "aria-label": plain(title),
        "style": f"max-width:{1.32 * width / 16:.3g}rem",
    }
    return ET.tostring(root, encoding="unicode")


def clean_texts(figure: Figure) -> None:
    """Make all text drawable (half a surrogate pair ends matplotlib), with no part of it read as mathematics."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            formatter = axis.get_major_formatter()
            if isinstance(formatter, FixedFormatter):
                formatter.seq = [_lines(text) for text in formatter.seq]
            elif isinstance(formatter, FuncFormatter):  # also what labels given with the ticks become
                axis.set_major_formatter(FuncFormatter(lambda value, at, write=formatter.func: _lines(write(value, at))))
            elif isinstance(formatter, LogFormatter):  # powers of ten are written in mathematics
                axis.set_major_formatter(FuncFormatter(lambda value, position: f"{value:g}"))
                axis.set_minor_formatter(NullFormatter())
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        text.set_parse_math(False)
        text.set_text(_lines(text.get_text()))


def _lines(text: object) -> str:
    return "\n".join(plain(line) for line in str(text).split("\n"))


def _tidy(root: ET.Element) -> None:
    """Drop what a page needs not (metadata, a style sheet that would reach all of it), shorten numbers, name the colours."""
    for parent in list(root.iter()):
        for child in list(parent):
            if _NAMESPACE.sub("", child.tag) in ("metadata", "style"):
                parent.remove(child)
    for element in root.iter():
        element.text, element.tail = (text if text and text.strip() else None for text in (element.text, element.tail))
        element.tag = _NAMESPACE.sub("", element.tag)
        element.attrib = {_NAMESPACE.sub("", key): value for key, value in element.attrib.items()}
        for key, value in list(element.attrib.items()):
            if key == "transform" and value.startswith("rotate(-0 "):
                del element.attrib[key]
            elif key == "style":
                element.attrib[key] = _page_style(value)
            elif key != "href":
                element.attrib[key] = _LONG_NUMBER.sub(lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), value)


def _page_style(style: str) -> str:
    """A style attribute with the page's variables for our colours, and without a font family."""
    kept = []
    for part in style.split(";"):
        key, _, value = (piece.strip() for piece in part.partition(":"))
        if key == "font-family":
            continue
        if key == "font":  # weight and size before the families
            words = value.split("'")[0].split('"')[0].split()
            kept += [f"font-weight:{word}" for word in words if word in ("bold", "700", "600")]
            kept += [f"font-size:{word}" for word in words if word.endswith("px")]
        elif key:
            name = VARIABLES.get(value.lower())
            kept.append(f"{key}:var(--{name})" if name else f"{key}:{value}")
    return ";".join(kept)


def _rename(root: ET.Element, prefix: str) -> None:
    """Give the ids that are referred to a name of their own in the page, and drop the others."""
    used = set()
    for element in root.iter():
        for key, value in element.attrib.items():
            if key == "href" and value.startswith("#"):
                used.add(value[1:])
                element.attrib[key] = f"#f{prefix}-{value[1:]}"
            elif "url(#" in value:
                used |= set(_REFERENCE.findall(value))
                element.attrib[key] = _REFERENCE.sub(rf"url(#f{prefix}-\1)", value)
    for element in root.iter():
        name = element.attrib.pop("id", None)
        if name in used:
            element.attrib["id"] = f"f{prefix}-{name}"
