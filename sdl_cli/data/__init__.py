"""Where data comes from: one module per kind of source, all returning a `Dataset`.

Importing this package is quick: scikit-learn, torch, torchvision and Pillow are imported by the source that needs them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sdl_cli.data.dataset import Dataset
from sdl_cli.data.sources import (
    builtin,
    huggingface,
    image_folder,
    image_table,
    npz,
    omniglot,
    openml,
    own,
    series,
    table,
    text,
    torchvision_sets,
)
from sdl_cli.data.targets import on_log_scale
from sdl_cli.settings.experiment import DataSettings
from sdl_cli.settings.parts.own import Choices

_KINDS: tuple[Any, ...] = (  # settings, each of which has its own name as the default of `name`
    *(builtin.Digits, builtin.BreastCancer, builtin.Wine, builtin.Iris, builtin.Diabetes),
    *(npz.Npz, table.Table, series.Series, text.Text, openml.OpenML, huggingface.HuggingFace),
    *(image_folder.ImageFolder, image_table.ImageTable, torchvision_sets.TorchvisionSet, omniglot.OmniglotRuns),
)
DATASETS: dict[str, type] = Choices("dataset", {kind.name: kind for kind in _KINDS}, own=own.OwnData)


def load(
    settings: DataSettings,
    preferred_px: int | None = None,
    interpolation: str = "bilinear",
    like: Mapping[str, Any] | None = None,
) -> Dataset:
    """Read the data set that `settings` describes.

    Arguments:
        settings: one of the dataclasses in DATASETS.
        preferred_px: side of the square images that the model likes best, if the source leaves a choice.
        interpolation: how photos are resized, one of `decode.INTERPOLATIONS`.
        like: the stored `inputs` of a run whose columns the table must have; they are read as the run reads them.
    Raises DataError: the data is missing or unusable; the message names the file or setting.
    """
    found = _load(settings, preferred_px, interpolation, like)
    return on_log_scale(found) if getattr(settings, "target_scale", "none") == "log" else found


def _load(settings: DataSettings, preferred_px: int | None, interpolation: str, like: Mapping[str, Any] | None) -> Dataset:
    if isinstance(settings, own.OwnData):
        return own.load(settings, like)
    if isinstance(settings, table.Table):
        return table.load(settings, like)
    if isinstance(settings, series.Series):
        return series.load(settings, like)
    if isinstance(settings, openml.OpenML):
        return openml.load(settings, like)
    if isinstance(settings, huggingface.HuggingFace):
        return huggingface.load(settings, preferred_px, interpolation, like)
    if isinstance(settings, text.Text):
        return text.load(settings)
    if isinstance(settings, image_folder.ImageFolder):
        return image_folder.load(settings, preferred_px, interpolation)
    if isinstance(settings, image_table.ImageTable):
        return image_table.load(settings, preferred_px, interpolation)
    if isinstance(settings, torchvision_sets.TorchvisionSet):
        return torchvision_sets.load(settings, preferred_px, interpolation)
    if isinstance(settings, omniglot.OmniglotRuns):
        return omniglot.load(settings)
    if isinstance(settings, npz.Npz):
        return npz.load(settings)
    assert isinstance(settings, builtin.Builtin), settings
    return builtin.load(settings)
