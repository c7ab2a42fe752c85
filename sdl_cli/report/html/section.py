"""What a report is made of: sections, and text, tables and pictures as safe HTML."""

from __future__ import annotations

import base64
import html
import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from sdl_cli.report.html.drawing import Drawing

MOST_LETTERS = 400
_JOINERS = "\u200c\u200d"  # parts of ordinary words in Persian, Hindi and of emoji


@dataclass(frozen=True)
class Section:
    """One part of a report.

    Arguments:
        id: its anchor, unique in the page: small letters and hyphens.
        title: plain text.
        body: HTML in which all text is escaped already.
        lead: one plain sentence below the title; the page escapes it.
        drawings: the figures in the body, to be saved as files of their own.
    """

    id: str
    title: str
    body: str
    lead: str = ""
    drawings: Sequence[Drawing] = ()


def plain(text: object, most: int = MOST_LETTERS) -> str:
    """Text from data in one line: what cannot be seen is spelled out, and it is cut where it is longer than `most` letters.

    Not yet escaped: for a figure's labels and titles, and for what `table` and `figure` escape themselves.
    """
    whole = str(text)
    line = "".join(_visible(letter) for letter in whole[:most])
    return line if len(whole) <= most else line[: most - 1].rstrip() + "…"


def short_name(name: object, most: int) -> str:
    """`plain` text of which the middle is left out where it is longer than `most` letters: names often differ at their end."""
    whole = str(name)
    if len(whole) > most:
        tail = (most - 1) // 2
        whole = f"{whole[: most - 1 - tail].rstrip()}…{whole[len(whole) - tail :].lstrip()}"
    return plain(whole)


def escape(text: object, most: int = MOST_LETTERS) -> str:
    """`plain` text that HTML shows as it is, in an element or in a quoted attribute."""
    return html.escape(plain(text, most))


def table(header: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[int] = ()) -> str:
    """A table that scrolls sideways where the page is too narrow for it.

    Arguments:
        header, rows: plain text; each row has as many cells as the header.
        numeric: positions of the columns that are aligned right.
    """
    kinds = [_column_class([row[column] for row in rows], column in numeric) for column in range(len(header))]
    head = "".join(f'<th scope="col" class="{kind}">{escape(cell)}</th>' for cell, kind in zip(header, kinds, strict=True))
    lines = []
    for row in rows:
        first, *more = [f' class="{kind}">{escape(cell)}' for cell, kind in zip(row, kinds, strict=True)]
        lines.append(f'<tr><th scope="row"{first}</th>' + "".join(f"<td{cell}</td>" for cell in more) + "</tr>")
    body = "\n".join(lines)
    # tabindex: it can be scrolled with the keyboard
    return f'<div class="scroll" tabindex="0"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'


def figure(content: str, caption: str = "", links: str = "") -> str:
    """A figure of HTML with a caption below it, which is plain text and escaped here, and HTML of links that save it."""
    below = f"<figcaption>{escape(caption, most=1000)}</figcaption>" if caption else ""
    return f"<figure>{content}{below}{links}</figure>"


def picture(pixels: np.ndarray[Any, Any], alt: str, px: int = 96) -> str:
    """An image whose longer side is `px` wide on the page.

    Few pixels are shown as squares, not blurred. A large picture is made smaller (twice `px`, for sharp screens) and a large
    one in colour stored as JPEG, so that a report stays small.

    Arguments:
        pixels: uint8 `(C, H, W)`; where C is neither 1 nor 3, the first channel is shown.
        alt: what it shows, plain text.
    """
    from PIL import Image

    assert pixels.dtype == np.uint8, pixels.dtype
    assert pixels.ndim == 3, pixels.shape
    pixels = pixels if len(pixels) in (1, 3) else pixels[:1]
    image = Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    longer = max(image.size)
    width, height = (max(1, round(px * side / longer)) for side in image.size)
    is_coarse = longer < px
    if longer > 2 * px:
        image = image.resize((2 * width, 2 * height), Image.Resampling.LANCZOS)
    kind = "jpeg" if image.mode == "RGB" and max(image.size) > 96 else "png"
    out = io.BytesIO()
    image.save(out, format=kind, **({"quality": 85} if kind == "jpeg" else {"optimize": True}))
    data = base64.b64encode(out.getvalue()).decode("ascii")
    look = ' class="coarse"' if is_coarse else ""
    return f'<img{look} src="data:image/{kind};base64,{data}" width="{width}" height="{height}" alt="{escape(alt)}">'


def _column_class(cells: Sequence[str], is_numeric: bool) -> str:
    """Numbers and short words keep to one line, so that an interval is not broken; words and long texts wrap."""
    if is_numeric:
        return "number"
    longest = max((len(cell) for cell in cells), default=0)
    with_digits = any(letter.isdecimal() for cell in cells for letter in cell[:30])
    return "short" if longest <= (30 if with_digits else 18) else "words" if longest <= 30 else "long"


def _visible(letter: str) -> str:
    if letter.isprintable() or letter in _JOINERS:
        return letter
    if unicodedata.category(letter) == "Zs":
        return " "
    code = ord(letter)
    if code < 0x20 or code == 0x7F:
        return chr(0x2400 + code) if code < 0x20 else "␡"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
