"""What augmentation makes of training rows: images, texts or numbers as a model saw them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from sdl_cli.data.augment.policies import AUGMENTS, TextAugment, works_on
from sdl_cli.data.dataset import Dataset
from sdl_cli.learning.models import MODELS
from sdl_cli.report.html.drawing import Drawing
from sdl_cli.report.html.mistakes import as_html, gallery, varied
from sdl_cli.report.html.opened import OpenedRun
from sdl_cli.report.html.residuals import number
from sdl_cli.report.html.saved import links
from sdl_cli.report.html.section import Section, short_name, table
from sdl_cli.report.html.sheet import Card, sheet
from sdl_cli.settings.parse import parse_group

Array = np.ndarray[Any, Any]
_NUM_ROWS, _NUM_VERSIONS = 4, 5
_MOST_COLUMNS = 8
_CELL_IN = 0.8  # the same in a figure of their own
_PX = 92  # the original and its versions beside each other on a desktop
_SEED = 0
_LEAD = "Look at each version: would you still give it the label of the original? If not, choose a weaker policy."
_MIXED = " Where two images are mixed, so are their labels, in the shares shown below."


def build(run: OpenedRun) -> Section | None:
    """The section; None if the model saw unchanged rows."""
    settings, model = parse_group("augment", AUGMENTS, run.config["augment"]), parse_group("model", MODELS, run.config["model"])
    modality = run.inputs["modality"]
    if settings.name == "none" or modality not in works_on(settings) or not (modality == "text" or model.uses_augment):
        return None
    dataset = run.dataset
    rows = shown_rows(dataset, run.parts.labelled)
    title = f"Augmented training rows ({settings.name})"
    drawing: Drawing | None = None
    if modality == "text":
        body = _texts(settings, dataset, rows)
    elif modality == "image":
        body, drawing = _galleries(_images(settings, model.is_probe, dataset, rows), title)
    elif modality == "series":
        body, drawing = _galleries(_series(settings, run.model, dataset, rows), title)
    elif dataset.columns:  # noise is added behind the preparation of a mixed table, to numbers that nobody knows
        return None
    else:
        body = _numbers(settings, run.model, dataset, rows[:1])
    mixes = getattr(settings, "mix_probability", 0) > 0 and not model.is_probe
    return Section("augmentation", title, body, _LEAD + _MIXED * mixes, (drawing,) if drawing else ()) if body else None


def shown_rows(dataset: Dataset, labelled: Array) -> Array:
    """Four labelled rows: the first of as many classes as there are, or the first."""
    if not dataset.classes:
        return labelled[:_NUM_ROWS]
    return np.asarray(labelled[varied(dataset.y[labelled])[:_NUM_ROWS]])


def _galleries(rows: list[list[Card]], title: str) -> tuple[str, Drawing]:
    """A gallery for each training row, the row itself first; and all of them as one drawing."""
    caption = "Training rows (left) and versions of each as augmentation changes them."
    every = [card for row in rows for card in row]
    drawing = replace(sheet("augmentation", title, every, _CELL_IN, 1 + _NUM_VERSIONS), caption=caption)
    parts = []
    for row in rows:
        what = "Training series" if row[0].shown[0].ndim == 2 else "Training image"
        shown = [as_html(card, "The same, augmented" if number else what, _PX) for number, card in enumerate(row)]
        parts.append(gallery(shown, _PX))
    return "".join(parts) + links(drawing), drawing


def _images(settings: Any, is_probe: bool, dataset: Dataset, rows: Array) -> list[list[Card]]:
    import dataclasses

    import torch

    from sdl_cli.data.augment import policies as augment
    from sdl_cli.learning.losses import one_hot

    if is_probe and hasattr(settings, "mix_probability"):
        settings = dataclasses.replace(settings, mix_probability=0.0)  # as the probe does
    images = np.array(dataset.X[rows])
    batch = torch.from_numpy(images).float().div(255).repeat_interleave(_NUM_VERSIONS, dim=0)
    y = torch.from_numpy(np.array(dataset.y[rows]))
    targets = one_hot(y, len(dataset.classes)) if dataset.classes else y.float()[:, None]
    generator = torch.Generator().manual_seed(_SEED)
    policy = augment.build(settings, None if dataset.classes else 0.0)
    changed, labels = policy(batch, targets.repeat_interleave(_NUM_VERSIONS, dim=0), generator)
    versions = changed.mul(255).round().clamp(0, 255).to(torch.uint8).numpy()
    parts = []
    for i, image in enumerate(images):
        own = _target(dataset, targets[i])
        cards = [Card([image], f"{own}, unchanged")]
        for k in range(i * _NUM_VERSIONS, (i + 1) * _NUM_VERSIONS):
            told = _target(dataset, labels[k])
            cards.append(Card([versions[k]], "" if told == own else told))
        parts.append(cards)
    return parts


def _series(settings: Any, model: Any, dataset: Dataset, rows: Array) -> list[list[Card]]:
    """Training series, and versions of each, in the units of their channels."""
    import torch

    from sdl_cli.data.augment import policies as augment

    scaled = torch.from_numpy((dataset.X[rows] - model.mean_) / model.scale_).float().repeat_interleave(_NUM_VERSIONS, dim=0)
    generator = torch.Generator().manual_seed(_SEED)
    changed, _ = augment.build(settings)(scaled, torch.zeros(len(scaled), 1), generator)
    versions = changed.numpy() * model.scale_ + model.mean_
    parts = []
    for i, row in enumerate(rows):
        own = short_name(dataset.classes[dataset.y[row]], 20) if dataset.classes else number(float(dataset.y[row]))
        own_versions = versions[i * _NUM_VERSIONS : (i + 1) * _NUM_VERSIONS]
        parts.append([Card([dataset.X[row]], f"{own}, unchanged"), *(Card([version]) for version in own_versions)])
    return parts


def _target(dataset: Dataset, target: Any) -> str:
    """A label, or what shares of labels an image was mixed from."""
    if not dataset.classes:
        return number(float(target[0]))
    shares = {k: float(share) for k, share in enumerate(target) if share > 0.005}
    names = {k: short_name(dataset.classes[k], 20) for k in shares}
    if len(shares) == 1:
        return next(iter(names.values()))
    return " + ".join(f"{100 * share:.0f} % {names[k]}" for k, share in sorted(shares.items(), key=lambda item: -item[1]))


def _texts(settings: TextAugment, dataset: Dataset, rows: Array) -> str:
    from sdl_cli.data.augment.texts import augment_texts

    texts, origins, _ = augment_texts(dataset.X[rows], settings, _SEED)
    cells = []
    for i, text in enumerate(texts[: len(rows)]):
        copies = [copy for copy, origin in zip(texts[len(rows) :], origins[len(rows) :], strict=True) if origin == i]
        cells += [[short_name("" if k else text, 200), short_name(copy, 200)] for k, copy in enumerate(copies[:_NUM_VERSIONS])]
    return table(["training text", "changed copy"], cells) if cells else ""


def _numbers(settings: Any, model: Any, dataset: Dataset, rows: Array) -> str:
    """One training row and versions of it, in the units of its columns."""
    import torch

    from sdl_cli.data.augment import policies as augment

    scaled = torch.from_numpy((dataset.X[rows] - model.mean_) / model.scale_).float().repeat(_NUM_VERSIONS, 1)
    generator = torch.Generator().manual_seed(_SEED)
    changed, _ = augment.build(settings)(scaled, torch.zeros(len(scaled), 1), generator)
    versions = changed.numpy() * model.scale_ + model.mean_
    header = ["column", "unchanged", *(f"version {k + 1}" for k in range(_NUM_VERSIONS))]
    cells = [
        [short_name(dataset.called(name, 40), 40), *(f"{value:,.4g}" for value in (dataset.X[rows[0], j], *versions[:, j]))]
        for j, name in enumerate(dataset.feature_names[:_MOST_COLUMNS])
    ]
    return table(header, cells, numeric=range(1, len(header)))
