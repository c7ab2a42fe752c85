"""Where a convolutional network looked: Grad-CAM of the predicted class over test images.

Sources: Selvaraju et al., "Grad-CAM" (ICCV 2017); what such maps can and cannot show: Adebayo et al., "Sanity checks for saliency
maps" (NeurIPS 2018).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from sdl_cli.learning.models import traits
from sdl_cli.report.html.mistakes import gallery, named, percent, row_name, varied, worst_mistakes
from sdl_cli.report.html.opened import OpenedRun, Predicted
from sdl_cli.report.html.saved import links
from sdl_cli.report.html.section import Section, escape, figure, picture
from sdl_cli.report.html.sheet import Card, sheet

Array = np.ndarray[Any, Any]
_MOST_OF_EACH = 4
_PX = 128
_CELL_IN = 2.55  # of an image and its map, in a figure of their own
_ALPHA = 0.55  # of the map over the image


def build(run: OpenedRun) -> Section | None:
    """The section; None for all but networks that tell classes of images apart."""
    kind = traits(run.config["model"]["name"])
    if not run.is_classification or run.inputs["modality"] != "image" or not kind.is_network or kind.takes_support:
        return None  # what names a drawing by the nearest other one has no map for a class
    right, wrong = chosen_rows(run.predicted)
    rows = np.concatenate([right, wrong])
    model, images = run.model, np.asarray(run.dataset.X[run.test_rows[rows]])
    from sdl_cli.learning.models.gradcam import LEAST_CELLS, class_maps

    found = class_maps(model, images, np.searchsorted(model.classes_, run.predicted.prediction[rows]))
    title = "Where the network looked"
    if found is None:
        no_map = (
            f"This network has no feature map of at least {LEAST_CELLS} x {LEAST_CELLS} cells through which everything passes "
            "(vision transformers and several networks side by side have none); a coarser map would not show where it looked."
        )
        return Section("attention", title, "", no_map)
    seen = slice(found.top, found.top + found.side), slice(found.left, found.left + found.side)
    pairs = [
        _pair(run.predicted, row, image[:, seen[0], seen[1]], cells)
        for row, image, cells in zip(rows, images, found.maps, strict=True)
    ]
    lead, limits = "Bright parts of the image spoke for the predicted class, dark ones did not.", _limits(model, found.maps)
    drawing = replace(sheet("attention", title, pairs, _CELL_IN), caption=f"{lead} {limits}")
    names = [(row_name(run.predicted, row), named(run.predicted, row)[1]) for row in rows]
    shown = [_as_html(pair, *name) for pair, name in zip(pairs, names, strict=True)]
    body = (
        _part("Right", shown[: len(right)])
        + _part("Wrong", shown[len(right) :])
        + f'{links(drawing)}<p class="muted">{escape(limits, 1000)}</p>'
    )
    return Section("attention", title, body, lead, (drawing,))


def chosen_rows(predicted: Predicted) -> tuple[Array, Array]:
    """At most four right and four wrong rows: the first right ones, of different classes as far as there are, and the worst."""
    right = np.flatnonzero(predicted.prediction == predicted.truth)
    return right[varied(predicted.truth[right])[:_MOST_OF_EACH]], worst_mistakes(predicted)[:_MOST_OF_EACH]


def overlay(image: Array, cells: Array) -> Array:
    """A heat map `(h, w)` of numbers of at least 0 over an image `uint8 (C, H, H)` in grey: `uint8 (3, S, S)`.

    Few pixels are shown as squares; the largest number becomes the brightest.
    """
    from matplotlib import colormaps
    from PIL import Image

    side = max(_PX // image.shape[1], 1) * image.shape[1]
    grey = image.astype(np.float64).mean(axis=0).repeat(side // image.shape[1], axis=0).repeat(side // image.shape[1], axis=1)
    most = float(cells.max())
    scaled = (cells / most if most > 0 else np.zeros_like(cells)).astype(np.float32)
    heat = np.asarray(Image.fromarray(scaled).resize((side, side), Image.Resampling.BILINEAR)).clip(0, 1)
    colours = 255 * colormaps["inferno"](heat)[..., :3]  # equal steps look equal, also in grey and to the colour-blind
    mixed = (1 - _ALPHA) * grey[..., None] + _ALPHA * colours
    return np.ascontiguousarray(mixed.round().astype(np.uint8).transpose(2, 0, 1))


def _pair(predicted: Predicted, row: int, image: Array, cells: Array) -> Card:
    name = row_name(predicted, row)
    truth, called, share = *named(predicted, row), percent(predicted, row)
    told = f"{truth} ({share})" if truth == called else f"{truth}, called {called} ({share})"
    if not cells.max() > 0:
        told += "; no part spoke for it"
    return Card([image, overlay(image, cells)], f"{name}: {told}")


def _as_html(pair: Card, name: str, called: str) -> str:
    image, heat = pair.shown
    both = [picture(image, f"Test image {name}", _PX), picture(heat, f"Its heat map for {called}", _PX)]
    return figure(f'<div style="display:flex;gap:8px">{"".join(both)}</div>', pair.caption)


def _part(title: str, pairs: list[str]) -> str:
    return f"<h3>{title}</h3>{gallery(pairs, 2 * _PX + 8)}" if pairs else ""


def _limits(model: Any, maps: Array) -> str:
    members = len(model.networks_)
    which = f" This is the first of the {members} networks whose probabilities are averaged." if members > 1 else ""
    return (
        f"The map (Grad-CAM) has {maps.shape[1]} x {maps.shape[2]} cells, smoothed over the image. Colours are scaled within "
        "each image, so do not compare two images by them. Check a bright border or background: the network may have learned "
        f"from something irrelevant. A sensible map does not prove why the network decided as it did.{which}"
    )
