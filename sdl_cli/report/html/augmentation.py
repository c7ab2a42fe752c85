"""What augmentation makes of training rows: images, texts or numbers as a model saw them."""

from __future__ import annotations

from typing import Any

import numpy as np

from sdl_cli.data.augment.policies import AUGMENTS, TextAugment, works_on
from sdl_cli.data.dataset import Dataset
from sdl_cli.learning.models import MODELS
from sdl_cli.report.html.mistakes import gallery, varied
from sdl_cli.report.html.opened import OpenedRun
from sdl_cli.report.html.residuals import number
from sdl_cli.report.html.section import Section, figure, picture, short_name, table
from sdl_cli.report.html.series_lines import lines
from sdl_cli.settings.parse import parse_group

Array = np.ndarray[Any, Any]
_NUM_ROWS, _NUM_VERSIONS = 4, 5
_MOST_COLUMNS = 8
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
    if modality == "text":
        body = _texts(settings, dataset, rows)
    elif modality == "image":
        body = _images(settings, model.is_probe, dataset, rows)
    elif modality == "series":
        body = _series(settings, run.model, dataset, rows)
    elif dataset.columns:  # noise is added behind the preparation of a mixed table, to numbers that nobody knows
        return None
    else:
        body = _numbers(settings, run.model, dataset, rows[:1])
    mixes = getattr(settings, "mix_probability", 0) > 0 and not model.is_probe
    return Section("augmentation", title, body, _LEAD + _MIXED * mixes) if body else None


def shown_rows(dataset: Dataset, labelled: Array) -> Array:
    """Four labelled rows: the first of as many classes as there are, or the first."""
    if not dataset.classes:
        return labelled[:_NUM_ROWS]
    return np.asarray(labelled[varied(dataset.y[labelled])[:_NUM_ROWS]])


def _images(settings: Any, is_probe: bool, dataset: Dataset, rows: Array) -> str:
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
        cards = [figure(picture(image, "Training image", _PX), f"{own}, unchanged")]
        for k in range(i * _NUM_VERSIONS, (i + 1) * _NUM_VERSIONS):
            told = _target(dataset, labels[k])
            cards.append(figure(picture(versions[k], "The same, augmented", _PX), "" if told == own else told))
        parts.append(gallery(cards, _PX))
    return "".join(parts)


def _series(settings: Any, model: Any, dataset: Dataset, rows: Array) -> str:
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
        cards = [figure(lines(dataset.X[row], "Training series", _PX), f"{own}, unchanged")]
        for version in versions[i * _NUM_VERSIONS : (i + 1) * _NUM_VERSIONS]:
            cards.append(figure(lines(version, "The same, augmented", _PX)))
        parts.append(gallery(cards, _PX))
    return "".join(parts)


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
