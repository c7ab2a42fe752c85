"""What a generator made of each class, beside labelled images of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from sdl_cli.errors import DataError, SdlError
from sdl_cli.phrases import counted
from sdl_cli.report.html.mistakes import as_html, gallery
from sdl_cli.report.html.opened import OpenedRun
from sdl_cli.report.html.saved import links
from sdl_cli.report.html.section import Section, escape, short_name
from sdl_cli.report.html.sheet import Card, sheet

Array = np.ndarray[Any, Any]
_MOST_CLASSES = 20
_CELL_IN = 2.5  # of a row of images, in a figure of their own
_TILE_PX, _GAP_PX = 44, 1  # side of one image on the page, and white pixels of the images between two


def build(run: OpenedRun) -> Section | None:
    """The section; None for a run that generated nothing. Raises DataError where its images are gone."""
    if run.result.generated is None:
        return None
    made, names = run.model.generated_, run.inputs["classes"]
    if made is None:
        raise DataError(f"{run.stored.folder}: its generated images are missing.", "Train it again.")
    num, width = made.shape[1], made.shape[1] * _TILE_PX
    labels = [int(label) for label in run.model.classes_][:_MOST_CLASSES]
    real, told = _labelled(run, labels, num)
    cards = []
    for place, label in enumerate(labels):
        name = short_name(names[label], 30)
        cards.append(Card([strip(made[place])], f"{name}, generated"))
        if label in real:
            cards.append(Card([strip(real[label])], f"{name}, labelled"))
    if len(made) > len(labels):
        told.append(f"{counted(len(made) - len(labels), 'more class', 'more classes')} not shown.")
    lead = _lead(run.result.generated)
    drawing = replace(sheet("generated", "Generated images", cards, _CELL_IN), caption=lead)
    body = gallery([as_html(card, card.caption, width) for card in cards], width) + links(drawing)
    body += "".join(f"<p>{escape(sentence)}</p>" for sentence in told)
    return Section("generated", "Generated images", body, lead, (drawing,))


def strip(images: Array) -> Array:
    """Images `uint8 (n, C, H, W)` beside each other, `uint8 (C or 3, H, n W + gaps)`; of other numbers of channels, the first."""
    shown = images if images.shape[1] in (1, 3) else images[:, :1]
    gap = np.full((*shown.shape[1:3], _GAP_PX), 255, np.uint8)
    parts = [part for image in shown for part in (image, gap)]
    return np.concatenate(parts[:-1], axis=2)


def _labelled(run: OpenedRun, labels: list[int], num: int) -> tuple[dict[int, Array], list[str]]:
    """The first labelled images of each class, and what is to be said where there are none to show."""
    try:
        dataset, rows = run.dataset, run.parts.labelled
    except SdlError as error:
        return {}, [f"Labelled images cannot be shown beside them. {error.message}"]
    return {label: np.asarray(dataset.X[rows[dataset.y[rows] == label][:num]]) for label in labels}, []


def _lead(found: dict[str, Any]) -> str:
    from sdl_cli.learning.models.adversarial.diversity import LEAST_RATIO

    what = "What the generator made of each class, and labelled images of it."
    if found["ratio"] is None:
        return f"{what} Labelled images of a class do not differ from each other."
    told = f"Two of a class differ by {100 * found['ratio']:.0f} % of what two labelled ones do, in their mean distance"
    least = f"{100 * found['least_ratio']:.0f} % in the class where it is least"
    repeats = " Under one half the generator repeats itself, and adds little." if found["ratio"] < LEAST_RATIO else ""
    return f"{what} {told} ({least}).{repeats}"
