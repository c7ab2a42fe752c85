"""What reports are made of: text that cannot break out of HTML, and figures that follow the page's colours."""

from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from unit.report.made import HOSTILE

from sdl_cli.report.html import drawing
from sdl_cli.report.html import page as page_module
from sdl_cli.report.html.drawing import INK, SERIES, new_figure, svg
from sdl_cli.report.html.section import escape, figure, picture, plain, table


class Reader(HTMLParser):
    """Tags, attributes and text of a piece of HTML, as a browser takes them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        (3.5, "3.5"),
        ("a\nb\tc", "a␊b␉c"),
        ("\x1b[31mred\x00\x7f", "␛[31mred␀␡"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("half \udc80", "half \\udc80"),
        ("no\u00a0break", "no break"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("ünïcode 漢字", "ünïcode 漢字"),
        ("x" * 1000, "x" * 399 + "…"),
        ("\U000e0001", "\\U000e0001"),
    ],
)
def test_plain_text_shows_what_cannot_be_seen(text: object, shown: str) -> None:
    assert plain(text) == shown


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    found = Reader(f'<p title="{escape(text)}">{escape(text)}</p>')
    assert (found.tags, found.text, found.attributes) == (["p"], text, [("title", text)])
    found = Reader(table([text], [[text], [text]]) + figure("", text))
    assert set(found.tags) == {"div", "table", "thead", "tbody", "tr", "th", "figure", "figcaption"}
    assert found.text.count(text) == 4


def test_a_table_keeps_intervals_in_one_line_and_digits_below_each_other() -> None:
    long = "a sentence that is far too long to stand in one line of a telephone"
    found = table(["name", "interval", "n", "what"], [["forest", "98.6 % (96.8 to 99.4)", "12", long]], numeric=(2,))
    assert re.findall(r'<td class="(\w+)">', found) == ["short", "number", "long"]
    assert 'tabindex="0"' in found and "<script" not in found


def test_a_figure_follows_the_page_and_brings_no_style_sheet() -> None:
    with new_figure(5, 3) as made:
        axes = made.subplots()
        axes.plot([0, 1], [0, 1], color=SERIES[2], marker="o", label="a $x$ label")
        axes.fill_between([0, 1], [0, 0], [1, 2], color=INK, alpha=0.2)
        axes.set_yticks([0, 1], [HOSTILE[0], "bad \udc80"])
        axes.legend()
    text = svg(made, 'a "title"')
    root = ET.fromstring(text)
    assert root.attrib["viewBox"] == "0 0 360 216" and root.attrib["role"] == "img" and root.attrib["aria-label"] == 'a "title"'
    assert "width" not in root.attrib and "height" not in root.attrib
    assert {"style", "metadata", "script"}.isdisjoint(element.tag for element in root.iter())
    styles = " ".join(element.attrib.get("style", "") for element in root.iter())
    assert "var(--series-2)" in styles and "var(--ink)" in styles and "font-family" not in styles
    assert not [colour for colour in drawing.VARIABLES if colour in text.lower()]
    shown = [element.text for element in root.iter("text")]
    assert {"a $x$ label", HOSTILE[0], "bad \\udc80"} <= set(shown)


def test_the_style_sheet_has_a_value_of_each_colour_for_light_and_for_dark() -> None:
    light, dark = re.findall(r":root\{(.*?)\}", Path(page_module.__file__).with_name("style.css").read_text(), re.DOTALL)
    for colour, name in drawing.VARIABLES.items():
        assert f"--{name}:{colour}" in light and re.search(rf"--{name}:#[0-9a-f]{{6}}", dark)


def test_ids_are_of_their_figure_and_each_is_referred_to() -> None:
    texts = []
    for height in (1, 2):
        with new_figure(4, height) as made:
            made.subplots().plot([0, 1], [0, height], marker="o")
        texts.append(svg(made, "curve"))
    ids = [set(re.findall(r' id="([^"]+)"', text)) for text in texts]
    assert all(ids) and not ids[0] & ids[1]
    for text, own in zip(texts, ids, strict=True):
        assert own == set(re.findall(r"url\(#([^)]+)\)", text)) | set(re.findall(r'href="#([^"]+)"', text))


def test_the_same_figure_is_the_same_text() -> None:
    def drawn() -> str:
        with new_figure(4, 2) as made:
            made.subplots().plot([0, 1], [0, 1], marker="o")
        return svg(made, "same")

    assert drawn() == drawn()


def test_a_log_axis_shows_numbers_and_no_mathematics() -> None:
    with new_figure(4, 2) as made:
        axes = made.subplots()
        axes.plot([1, 1000], [1, 1000])
        axes.set_yscale("log")
    assert "mathdefault" not in svg(made, "log")


@pytest.mark.parametrize(
    ("shape", "px", "kind", "stored", "shown", "coarse"),
    [
        ((1, 8, 8), 96, "png", (8, 8), (96, 96), True),
        ((3, 32, 16), 96, "png", (16, 32), (48, 96), True),
        ((3, 256, 128), 160, "jpeg", (128, 256), (80, 160), False),
        ((3, 1000, 500), 160, "jpeg", (160, 320), (80, 160), False),
        ((1, 1, 5000), 96, "png", (192, 2), (96, 1), False),
    ],
)
def test_a_picture(
    shape: tuple[int, ...], px: int, kind: str, stored: tuple[int, int], shown: tuple[int, int], coarse: bool
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    found = Reader(picture(pixels, HOSTILE[1], px))
    attributes = dict(found.attributes)
    assert found.tags == ["img"] and attributes["alt"] == HOSTILE[1]
    assert (attributes["width"], attributes["height"]) == (str(shown[0]), str(shown[1]))
    assert (attributes.get("class") == "coarse") == coarse
    head, _, data = str(attributes["src"]).partition(",")
    assert head == f"data:image/{kind};base64"
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert image.size == stored
    if kind == "png" and coarse:
        own = np.asarray(image)
        np.testing.assert_array_equal(own if own.ndim == 2 else own.transpose(2, 0, 1), pixels[0] if shape[0] == 1 else pixels)
