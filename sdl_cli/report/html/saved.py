"""Figures of a report as files of their own: SVG, PDF and PNG as wide as a column of a journal, and links that save them."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.backends.backend_pdf import Op, PdfFile, RendererPdf
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.text import Text

from sdl_cli import __version__
from sdl_cli.errors import DataError
from sdl_cli.files import write_atomic
from sdl_cli.measure.figure import drawing_style
from sdl_cli.phrases import listed
from sdl_cli.report.html.drawing import PAGE_IN, STYLE, Drawing, clean_texts, svg
from sdl_cli.report.html.section import Section, escape, figure, plain
from sdl_cli.run.run_folder import quoted

WIDTHS_MM = (89, 183)  # one column and two of most journals
PNG_DPI, LINK_DPI = 600, 300
# what is 11 points high in a figure drawn for the page is 7.4 points high on paper, and the smallest words 6.4
SCALE = WIDTHS_MM[0] / 25.4 / PAGE_IN
# editable text in all of them: journals refuse outlines, and fonts of type 3
_STYLE = STYLE | {"pdf.fonttype": 42, "svg.fonttype": "none"}
_SIZE = re.compile(r'width="[\d.]+pt" height="[\d.]+pt"')
_MOST_CAPTION = 2000


def shown(drawing: Drawing | None) -> str:
    """A drawing on the page, with its caption and links that save it; empty for None."""
    if drawing is None:
        return ""
    drawn = svg(drawing.draw(drawing.width_in), drawing.title)
    return figure(drawn, drawing.caption, links(drawing))


def links(drawing: Drawing) -> str:
    """Links that save a drawing as it stands in one column; they hold the files, and need no network and no script."""
    made = drawn_at(drawing, WIDTHS_MM[0])
    kinds = {"SVG": ("image/svg+xml", as_svg(made, drawing.title).encode())}
    if not _has_photographs(made):  # of which a PNG would be many times as large as the page is without it
        kinds["PNG"] = ("image/png", as_png(made, LINK_DPI, few_colours=True))
    parts = []
    for kind, (mime, content) in kinds.items():
        data = base64.b64encode(content).decode("ascii")
        name = f"{drawing.name}.{kind.lower()}"
        what = escape(f"Save this figure as {kind}: {drawing.title}")
        parts.append(f'<a download="{name}" href="data:{mime};base64,{data}" aria-label="{what}">{kind}</a>')
    return f'<p class="save">Save: {" ".join(parts)}</p>'


def write_figures(sections: Sequence[Section], folder: Path, notice: Callable[[str], None]) -> list[Path]:
    """Write every figure of a report as SVG, PDF and PNG, one and two columns wide, and their captions; returns the files.

    Arguments:
        folder: made where it is missing; files of the same name are replaced.
        notice: called with a sentence on letters that PDF and PNG cannot show.
    Raises:
        DataError: the folder is a file, or cannot be written.
    """
    drawings = {_file_name(section, drawing): drawing for section in sections for drawing in section.drawings}
    files: dict[str, bytes] = {}
    lacking: set[str] = set()
    for name, drawing in drawings.items():
        for width_mm in WIDTHS_MM:
            made = drawn_at(drawing, width_mm)
            lacking |= _letters_without_a_shape(made)
            whole = f"{name}_{width_mm}mm"
            files[f"{whole}.svg"] = as_svg(made, drawing.title).encode()
            files[f"{whole}.png"] = as_png(made, PNG_DPI)
            files[f"{whole}.pdf"] = as_pdf(made, drawing.title)
    captions = [f"{name}: {plain(drawing.title)}. {plain(drawing.caption, _MOST_CAPTION)}" for name, drawing in drawings.items()]
    files["captions.txt"] = ("\n\n".join(captions) + "\n").encode("utf-8", "replace")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        hint = f"Name a folder: --figures {quoted(folder.parent / 'figures')}"
        raise DataError(f"{folder}: no folder for figures can be made there ({error.strerror}).", hint) from error
    for file, content in files.items():
        write_atomic(folder / file, content)
    if lacking:
        signs = listed(sorted(lacking), 8)
        notice(f"PDF and PNG show boxes for letters that their font lacks ({signs}); the SVG files hold them as text.")
    return [folder / file for file in files]


def drawn_at(drawing: Drawing, width_mm: float) -> Figure:
    """A drawing for paper, this wide once `SCALE` has made it smaller."""
    made = drawing.draw(width_mm / 25.4 / SCALE)
    clean_texts(made)
    return made


def as_svg(made: Figure, title: str) -> str:
    """A figure of `drawn_at` as an SVG document on white, of its true size; the same text for the same figure."""
    out = io.StringIO()
    with drawing_style(_STYLE):
        known = {"Title": plain(title), "Creator": f"sdl {__version__}", "Date": None, "Format": None, "Type": None}
        made.savefig(out, format="svg", facecolor="white", metadata=known)
    width, height = (25.4 * SCALE * side for side in made.get_size_inches())
    return _SIZE.sub(f'width="{width:.2f}mm" height="{height:.2f}mm"', out.getvalue(), count=1)


def as_png(made: Figure, dpi: int, few_colours: bool = False) -> bytes:
    """The same as a PNG of `dpi` pixels an inch; with `few_colours` 256 of them, which makes one without photographs small."""
    from PIL import Image

    drawn, out = io.BytesIO(), io.BytesIO()
    with drawing_style(_STYLE):
        size = {"metadata": {"Software": None}, "pil_kwargs": {"dpi": (dpi, dpi)}}
        made.savefig(drawn, format="png", facecolor="white", dpi=dpi * SCALE, **size)  # type: ignore[arg-type]
    if not few_colours:
        return drawn.getvalue()
    with Image.open(drawn) as image:
        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(out, format="png", dpi=(dpi, dpi), optimize=True)
    return out.getvalue()


def as_pdf(made: Figure, title: str) -> bytes:
    """The same as a PDF of one page of its true size, its text as text in embedded fonts."""
    out = io.BytesIO()
    width, height = made.get_size_inches()
    before, ground = made.dpi, made.get_facecolor()
    with drawing_style(_STYLE):
        file = PdfFile(out, metadata={"Title": plain(title), "Creator": f"sdl {__version__}", "CreationDate": None})
        try:
            made.dpi = 72  # of which a PDF has that many points an inch
            made.set_facecolor("white")
            file.newPage(SCALE * width, SCALE * height)
            file.output(SCALE, 0, 0, SCALE, 0, 0, Op.concat_matrix)
            renderer = RendererPdf(file, PNG_DPI * SCALE, height, width)
            made.draw(renderer)
            renderer.finalize()
            file.finalize()
        finally:
            file.close()
            made.dpi = before
            made.set_facecolor(ground)
    return out.getvalue()


def _has_photographs(made: Figure) -> bool:
    return any(axes.images for axes in made.axes)


def _file_name(section: Section, drawing: Drawing) -> str:
    """The section's own name, which is unique in a report; a section has one figure of each name."""
    return section.id if drawing.name == section.id or len(section.drawings) == 1 else f"{section.id}_{drawing.name}"


def _letters_without_a_shape(made: Figure) -> set[str]:
    known = get_font(findfont(FontProperties(family="DejaVu Sans"))).get_charmap()
    texts = "".join(text.get_text() for text in made.findobj(Text) if isinstance(text, Text))
    return {letter for letter in texts if ord(letter) not in known and letter != "\n"}
