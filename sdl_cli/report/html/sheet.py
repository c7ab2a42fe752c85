"""Pictures and series beside each other with a caption below each, as one figure that can be saved."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sdl_cli.report.html.drawing import SERIES, Drawing, new_figure
from sdl_cli.report.html.section import plain

Array = np.ndarray[Any, Any]
_TEXT = 9.5  # points
_LETTER_IN = 0.54 * _TEXT / 72  # mean width of a letter
_LINE_IN = 1.3 * _TEXT / 72
_GAP_IN = 0.12
_NUMBER_PERCENT = re.compile(r"(?<=\d) %")  # a number and its per cent sign stay in one line
_COARSE_PX = 96  # fewer pixels are shown as squares


@dataclass(frozen=True)
class Card:
    """What stands in one place of a sheet.

    Arguments:
        shown: pictures uint8 `(C, H, W)` beside each other, or one series `(C, L)`.
        caption: plain text.
    """

    shown: Sequence[Array]
    caption: str = ""


def sheet(name: str, title: str, cards: Sequence[Card], cell_in: float, columns: int | None = None) -> Drawing:
    """A drawing of cards in rows.

    Arguments:
        name, title: as of `Drawing`.
        cell_in: least width of a card in inches of the page; `columns` beside each other instead, however wide.
    """

    def draw(width_in: float) -> Figure:
        across = min(columns or max(1, int(width_in / cell_in)), len(cards))
        # few cards stay small; the figure is as wide as its column all the same
        cell = min(width_in / across, 1.6 * cell_in)
        texts = [
            textwrap.fill(_NUMBER_PERCENT.sub("\u00a0%", plain(card.caption)), max(8, int((cell - _GAP_IN) / _LETTER_IN)))
            for card in cards
        ]
        rows = [range(start, min(start + across, len(cards))) for start in range(0, len(cards), across)]
        heights = [max(_height(cards[k], cell - _GAP_IN) for k in row) for row in rows]
        words = [max(texts[k].count("\n") + 1 if texts[k] else 0 for k in row) * _LINE_IN for row in rows]
        total = sum(heights) + sum(words) + 1.5 * _GAP_IN * len(rows)
        with new_figure(width_in, total) as made:
            made.set_layout_engine("none")
            top = total
            left_in = (width_in - across * cell) / 2
            for row, height, below in zip(rows, heights, words, strict=True):
                for place, k in enumerate(row):
                    left = left_in + place * cell
                    _card(made, cards[k], (left, top - height, cell - _GAP_IN, height), (width_in, total))
                    at = left / width_in, (top - height - 0.3 * _GAP_IN) / total
                    made.text(*at, texts[k], fontsize=_TEXT, ha="left", va="top", linespacing=1.15)
                top -= height + below + 1.5 * _GAP_IN
        return made

    return Drawing(name, title, draw)


def _height(card: Card, width: float) -> float:
    """Of a card without its words; pictures are as high as their width allows."""
    first = card.shown[0]
    if first.ndim == 2:
        return width / 2
    each = (width - _GAP_IN / 2 * (len(card.shown) - 1)) / len(card.shown)
    return float(each * max(picture.shape[1] / picture.shape[2] for picture in card.shown))


def _card(made: Figure, card: Card, box: tuple[float, float, float, float], whole: tuple[float, float]) -> None:
    left, bottom, width, height = box
    each = (width - _GAP_IN / 2 * (len(card.shown) - 1)) / len(card.shown)
    for number, content in enumerate(card.shown):
        start = left + number * (each + _GAP_IN / 2)
        axes = made.add_axes((start / whole[0], bottom / whole[1], each / whole[0], height / whole[1]))
        axes.set_axis_off()
        if content.ndim == 2:
            _series(axes, content)
        else:
            _picture(axes, content)


def _picture(axes: Axes, pixels: Array) -> None:
    pixels = pixels if len(pixels) in (1, 3) else pixels[:1]
    image = np.repeat(pixels, 3, axis=0) if len(pixels) == 1 else pixels
    way = "nearest" if max(image.shape[1:]) <= _COARSE_PX else "antialiased"
    axes.imshow(image.transpose(1, 2, 0), interpolation=way, aspect="equal")
    axes.set_anchor("SW")


def _series(axes: Axes, series: Array) -> None:
    """Each channel on the scale of its own values, as on the page."""
    for number, own in enumerate(series[: len(SERIES)]):
        values = np.asarray(own, dtype=np.float64)
        low, high = float(values.min()), float(values.max())
        axes.plot(np.linspace(0, 1, len(values)), (values - low) / ((high - low) or 1.0), color=SERIES[number], linewidth=1.2)
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.05, 1.05)
