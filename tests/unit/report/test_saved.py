"""Figures of a report as files: their size on paper, their letters, their colours, and the links that save them."""

from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from unit.report import made

from sdl_cli.errors import DataError
from sdl_cli.report.html import drawing, saved, sheet
from sdl_cli.report.html.drawing import INK, SERIES, Drawing, new_figure
from sdl_cli.report.html.section import Section
from sdl_cli.report.html.write import write_report

SVG = "{http://www.w3.org/2000/svg}"  # as every SVG document says of itself
LEAST_POINTS = 6.0  # of a letter on paper
# what people with each kind of colour blindness see of linear RGB (Machado, Oliveira and Fernandes 2009, severity 1)
SEEN = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    "all": np.eye(3).tolist(),
}


def line(caption: str = "", name: str = "line") -> Drawing:
    def draw(width_in: float) -> Figure:
        with new_figure(width_in, 2.5) as picture:
            axes = picture.add_subplot()
            axes.plot([0, 1], [0, 1], color=SERIES[1])
            axes.set(xlabel="size <&>", ylabel="score")
        return picture

    return Drawing(name, 'a "line" <b>', draw, caption)


@pytest.mark.parametrize("width_mm", saved.WIDTHS_MM)
def test_each_kind_of_file_has_the_width_of_a_column(width_mm: int) -> None:
    figure = saved.drawn_at(line(), width_mm)
    drawn = saved.as_svg(figure, "title")
    assert drawn == saved.as_svg(saved.drawn_at(line(), width_mm), "title")
    root = ET.fromstring(drawn)
    assert root.attrib["width"] == f"{width_mm:.2f}mm"
    height_mm = float(root.attrib["height"].removesuffix("mm"))
    assert height_mm == pytest.approx(2.5 * 25.4 * saved.SCALE, abs=0.01)
    with Image.open(io.BytesIO(saved.as_png(figure, 600))) as image:
        assert image.size[0] == pytest.approx(width_mm / 25.4 * 600, abs=2)
        assert image.info["dpi"] == pytest.approx((600, 600), abs=0.1)
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    pdf = saved.as_pdf(figure, "title")
    box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+) ?\]", pdf)
    assert pdf.startswith(b"%PDF") and box
    assert [float(side) * 25.4 / 72 for side in box.groups()] == pytest.approx([width_mm, height_mm], abs=0.1)
    assert b"/Type3" not in pdf and b"/CreationDate" not in pdf
    assert figure.dpi == 72, "drawing a PDF leaves the figure as it was"


def test_text_of_an_svg_is_text_and_legible() -> None:
    root = ET.fromstring(saved.as_svg(saved.drawn_at(line(), 89), 'a "title" <b>'))
    texts = {"".join(text.itertext()).strip() for text in root.iter(f"{SVG}text")}
    assert {"size <&>", "score"} <= texts
    sizes = [float(found) for text in root.iter(f"{SVG}text") for found in re.findall(r"([\d.]+)px", text.attrib["style"])]
    assert sizes and min(sizes) * saved.SCALE >= LEAST_POINTS


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison with a run inside, reported with all of its figures."""
    root = tmp_path_factory.mktemp("figures")
    made.write_comparison(root / "study", made.comparison())
    made.train(root / "study" / "recommended", made.hostile_table(root / "rows.csv"))
    made.write_history(root / "study" / "recommended")
    found = write_report(root / "study", root / "report.html", figures=root / "out")
    assert found["figures"]["folder"] == str(root / "out")
    assert sorted(found["figures"]["files"]) == sorted(file.name for file in (root / "out").iterdir())
    return root


def test_every_figure_of_the_page_is_written_and_linked(written: Path) -> None:
    page = (written / "report.html").read_text(encoding="utf-8")
    names = {"leaderboard", "curve", "history", "confusion", "reliability", "importance"}
    kinds = {f"_{width}mm.{kind}" for width in (89, 183) for kind in ("svg", "pdf", "png")}
    files = {file.name for file in (written / "out").iterdir()}
    assert files == {f"{name}{kind}" for name in names for kind in kinds} | {"captions.txt", "methods.txt"}
    assert page.count("<svg") == len(names), "each figure that is drawn is saved too"
    links = re.findall(r'<a download="([a-z-]+)\.(svg|png)" href="data:(image/svg\+xml|image/png);base64,([^"]+)"', page)
    assert sorted((name, kind) for name, kind, _, _ in links) == sorted((name, kind) for name in names for kind in ("png", "svg"))
    for name, kind, _, content in links:
        whole = base64.b64decode(content)
        if kind == "svg":
            assert whole == (written / "out" / f"{name}_89mm.svg").read_bytes()
            assert not [e for e in ET.fromstring(whole).iter() if e.tag.rpartition("}")[2] in ("script", "foreignObject")]
        else:
            assert Image.open(io.BytesIO(whole)).size[0] == pytest.approx(89 / 25.4 * saved.LINK_DPI, abs=2)
    captions = (written / "out" / "captions.txt").read_text(encoding="utf-8")
    assert all(f"{name}: " in captions for name in names)


def test_letters_of_every_figure_are_legible_on_paper(written: Path) -> None:
    for file in (written / "out").glob("*.svg"):
        texts = list(ET.fromstring(file.read_bytes()).iter(f"{SVG}text"))
        sizes = [float(size) for text in texts for size in re.findall(r"([\d.]+)px", text.attrib["style"])]
        assert sizes and min(sizes) * saved.SCALE >= LEAST_POINTS, file.name


def lab(colour: str, seen: list[list[float]]) -> np.ndarray:
    """CIE L*a*b* of a colour as somebody sees it."""
    values = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(seen) @ linear, 0, 1)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ linear / np.array([0.9505, 1, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def dark_series() -> list[str]:
    style = Path(drawing.__file__).with_name("style.css").read_text(encoding="utf-8")
    dark = style.partition("prefers-color-scheme:dark")[2]
    return [re.search(rf"--series-{k}:(#[0-9a-f]{{6}})", dark)[1] for k in range(len(SERIES))]  # type: ignore[index]


@pytest.mark.parametrize("colours", [lambda: list(SERIES), dark_series], ids=["light and paper", "dark"])
@pytest.mark.parametrize("kind", list(SEEN))
def test_colours_differ_for_the_colour_blind(colours: Callable[[], list[str]], kind: str) -> None:
    seen = [lab(colour, SEEN[kind]) for colour in colours()]
    assert min(float(np.linalg.norm(one - other)) for one, other in combinations(seen, 2)) > 12


def test_colours_of_the_page_are_those_that_are_drawn() -> None:
    style = Path(drawing.__file__).with_name("style.css").read_text(encoding="utf-8")
    for colour, name in drawing.VARIABLES.items():
        assert f"--{name}:{colour}" in style


def test_a_sheet_has_a_picture_for_each_card_and_keeps_its_words() -> None:
    rng = np.random.default_rng(0)
    cards = [sheet.Card([rng.integers(0, 255, (3, 8, 8)).astype(np.uint8)] * 2, f"row {k}: 12.5 %") for k in range(5)]
    cards += [sheet.Card([rng.normal(size=(2, 30))], "a series"), sheet.Card([np.zeros((1, 4, 4), np.uint8)])]
    made_of = sheet.sheet("mistakes", "title", cards, 1.25)
    for width_mm in saved.WIDTHS_MM:
        figure = saved.drawn_at(made_of, width_mm)
        assert sum(len(axes.images) for axes in figure.axes) == 11 and sum(len(axes.lines) for axes in figure.axes) == 2
        told = {" ".join(text.get_text().split("\n")) for text in figure.texts}
        assert told == {*(f"row {k}: 12.5 %" for k in range(5)), "a series", ""}
        boxes = [axes.get_position() for axes in figure.axes]
        assert all(0 <= box.x0 < box.x1 <= 1 and 0 <= box.y0 < box.y1 <= 1 for box in boxes)
        assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    assert "PNG" not in saved.links(made_of) and "SVG" in saved.links(made_of)


def test_several_figures_of_a_section_have_names_of_their_own(tmp_path: Path) -> None:
    sections = [Section("a", "A", "", "", (line(name="one"), line(name="two"))), Section("b", "B", "", "", (line(name="one"),))]
    found = saved.write_figures(sections, tmp_path, lambda sentence: None)
    assert {file.name for file in found if file.name.endswith("_89mm.svg")} == {"a_one_89mm.svg", "a_two_89mm.svg", "b_89mm.svg"}


def test_letters_that_the_font_lacks_are_said(tmp_path: Path) -> None:
    said: list[str] = []

    def draw(width_in: float) -> Figure:
        with new_figure(width_in, 1) as picture:
            picture.text(0.5, 0.5, "犬 dog", color=INK)
        return picture

    saved.write_figures([Section("a", "A", "", "", (Drawing("a", "t", draw),))], tmp_path, said.append)
    assert said == ["PDF and PNG show boxes for letters that their font lacks (犬); the SVG files hold them as text."]
    assert "犬 dog" in (tmp_path / "a_89mm.svg").read_text(encoding="utf-8")


def test_a_file_is_no_folder_for_figures(written: Path) -> None:
    place = written / "report.html"
    with pytest.raises(DataError, match="no folder for figures can be made there") as error:
        write_report(written / "study", written / "other.html", figures=place)
    assert "--figures" in error.value.hint
