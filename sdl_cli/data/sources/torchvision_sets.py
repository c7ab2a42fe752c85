"""Any classification data set that torchvision.datasets offers by name."""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.dataset import Dataset, digest
from sdl_cli.data.images.cache import cache_key, load_or_build
from sdl_cli.data.images.decode import NUM_CHANNELS, Channels, decode_batches, native_size, probed, to_square
from sdl_cli.data.images.depth import OneDepth
from sdl_cli.data.images.settings import SquareSettings
from sdl_cli.data.source import Reading, row_names, with_test_part
from sdl_cli.data.vision import import_torchvision
from sdl_cli.errors import DataError
from sdl_cli.phrases import first_line, listed
from sdl_cli.settings.experiment import Count
from sdl_cli.settings.parse import suggest

# fmt: off
_NOT_CLASSIFICATION = frozenset({
    "LSUN", "LSUNClass", "ImageFolder", "DatasetFolder", "VisionDataset", "FakeData", "CocoCaptions", "CocoDetection",
    "MovingMNIST", "PhotoTour", "SBU", "Flickr8k", "Flickr30k", "VOCSegmentation", "VOCDetection", "Cityscapes",
    "CelebA", "WIDERFace", "SBDataset", "Kinetics", "HMDB51", "UCF101", "Kitti", "LFWPairs", "KittiFlow", "Sintel",
    "FlyingChairs", "FlyingThings3D", "HD1K", "Kitti2012Stereo", "Kitti2015Stereo", "CarlaStereo",
    "Middlebury2014Stereo", "CREStereo", "FallingThingsStereo", "SceneFlowStereo", "SintelStereo", "InStereo2k",
    "ETH3DStereo",
})
# fmt: on

# Sets whose parts cannot be told from the signature alone: (part, arguments).
_UNUSUAL_PARTS: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "EMNIST": (("train", {"split": "balanced", "train": True}), ("test", {"split": "balanced", "train": False})),
    "OxfordIIITPet": (("train", {"split": "trainval"}), ("test", {"split": "test"})),
    "Places365": (("train", {"split": "train-standard", "small": True}), ("validation", {"split": "val", "small": True})),
    "INaturalist": (("train", {"version": "2021_train_mini"}), ("validation", {"version": "2021_valid"})),
    "Omniglot": (("train", {"background": True}),),
}


@dataclass(frozen=True, kw_only=True)
class TorchvisionSet(SquareSettings):
    """A published data set, read (and downloaded) by torchvision.

    Arguments:
        dataset: its name in torchvision.datasets, as CIFAR10 or Flowers102.
        root: the folder where torchvision looks for its files.
        download: fetch the files if they are not there.
        limit: use at most this many images of each part, always the same ones; None uses all.

    A `size_px` of None keeps square images of up to 64 px as they are.
    """

    name: str = "torchvision"
    dataset: str
    root: str = "~/.cache/sdl/torchvision"
    download: bool = True
    limit: Count | None = None


@dataclass(frozen=True)
class _Part:
    """One opened part: torchvision's own object and the rows of it that are used."""

    name: str
    source: Any
    rows: Array


def available() -> list[str]:
    """The names that `dataset` can take, sorted."""
    datasets = import_torchvision().datasets

    kinds = {name: getattr(datasets, name, None) for name in datasets.__all__}
    classes = [n for n, kind in kinds.items() if inspect.isclass(kind) and "root" in inspect.signature(kind).parameters]
    return sorted(set(classes) - _NOT_CLASSIFICATION)


def load(settings: TorchvisionSet, preferred_px: int | None = None, interpolation: str = "bilinear") -> Dataset:
    """Read one of torchvision's data sets: `X uint8 (N, C, S, S)` is a read-only memory map of the decoded cache.

    Raises DataError: no such set; files missing and not downloaded; an image that cannot be read.
    """
    torchvision = import_torchvision()

    names = available()
    if settings.dataset not in names:
        by_lower = {name.lower(): name for name in names}
        guess = suggest(settings.dataset.lower(), by_lower)
        near = next((by_lower[word] for word in by_lower if guess.endswith(f" {word}?")), None)
        message = f"dataset.dataset={settings.dataset}: torchvision has no such classification data set."
        raise DataError(message, f"Did you mean {near}?" if near else f"There are: {', '.join(names)}.")
    parts, notes = _named_parts(settings)
    size_px, channels, content = _probe(parts, settings.size_px, preferred_px)
    shape = (NUM_CHANNELS[channels], size_px, size_px)
    items = [(part.source, int(row)) for part in parts for row in part.rows]
    labels = np.full(len(items), -1, np.int64)

    def decode(position: int, item: tuple[Any, int]) -> Array:
        source, row = item
        image, label = source[row][:2]
        labels[position] = int(label)
        return to_square(_pil(image), size_px, channels, interpolation)

    depth = OneDepth([f"image {row}" for _, row in items], None)

    def batches() -> Iterator[Array]:
        for batch in decode_batches(items, decode, shape):
            for row, why in batch.failures:
                message = f"{settings.dataset}: image {items[row][1]} cannot be read: {why}."
                raise DataError(message, f"Remove its files under {settings.root} and download them again.")
            yield depth.images(batch)

    decides = {"dataset": settings.dataset, "size_px": size_px, "channels": channels, "interpolation": interpolation}
    key = cache_key(content, decides | {"limit": settings.limit, "torchvision": torchvision.__version__})
    cached = load_or_build(key, len(items), shape, batches, lambda: {"labels": labels.tolist()})
    y, classes = _classes(settings.dataset, np.array(cached.facts["labels"], dtype=np.int64), parts[0].source)
    part = None if len(parts) == 1 else np.repeat([p.name for p in parts], [len(p.rows) for p in parts])
    return Reading(
        where=settings.dataset,
        name=settings.dataset,
        task="classification",
        modality="image",
        X=cached.images,
        y=y,
        classes=classes,
        part=part,
        ids=row_names([row for p in parts for row in p.rows], part),
        x_digest=cached.digest,
        notes=notes,
    ).finish()


def _named_parts(settings: TorchvisionSet) -> tuple[list[_Part], list[str]]:
    """The set's parts, opened, with the test part always called test where there are two or more."""
    datasets = import_torchvision().datasets

    kind = getattr(datasets, settings.dataset)
    accepted = inspect.signature(kind).parameters
    notes: list[str] = []
    opened: list[tuple[str, Any]] = []
    if settings.dataset in _UNUSUAL_PARTS:
        opened = [(part, _open(kind, settings, arguments)) for part, arguments in _UNUSUAL_PARTS[settings.dataset]]
    elif "train" in accepted:
        opened = [(part, _open(kind, settings, {"train": part == "train"})) for part in ("train", "test")]
    elif "split" in accepted:
        for value, part in (("train", "train"), ("val", "validation"), ("valid", "validation"), ("test", "test")):
            with contextlib.suppress(_NoSuchSplitError):
                opened.append((part, _open(kind, settings, {"split": value})))
    else:
        opened = [("train", _open(kind, settings, {}))]
    if "train" not in [part for part, _ in opened]:
        raise DataError(f"{settings.dataset}: no training part of this set is known.", "Choose another set.")
    names = with_test_part(np.array([part for part, _ in opened]), notes).tolist()
    rng = np.random.default_rng(0)
    parts = []
    for part, (_, source) in zip(names, opened, strict=True):
        rows = np.arange(len(source))
        if settings.limit is not None and len(rows) > settings.limit:
            rows = np.sort(rng.choice(rows, settings.limit, replace=False))
            notes.append(f"{settings.limit} of the {len(source)} images of the {part} part are used (dataset.limit).")
        parts.append(_Part(part, source, rows))
    return parts, notes


class _NoSuchSplitError(Exception):
    """The set does not have the part that was tried."""


def _open(kind: Any, settings: TorchvisionSet, arguments: dict[str, Any]) -> Any:
    """torchvision's object for one part, from the files in root, or downloaded where that is allowed."""
    root = Path(settings.root).expanduser()
    can_download = "download" in inspect.signature(kind).parameters or "kwargs" in inspect.signature(kind).parameters
    can_download = can_download and kind.__name__ != "ImageNet"
    try:
        # Files that are there are used as they are: some sets refuse download=True because their site is gone.
        return _construct(kind, root, arguments | ({"download": False} if can_download else {}))
    except Exception as error:
        if isinstance(error, ValueError) and "split" in str(error):
            raise _NoSuchSplitError from error
        if isinstance(error, ImportError) or "is not found" in str(error):  # a reader such as h5py or scipy
            raise DataError(f"{kind.__name__}: {first_line(error).rstrip('.:')}", "Install the package it needs.") from error
        if not (settings.download and can_download):
            raise _missing(kind, root, can_download, "") from error
    try:
        return _construct(kind, root, arguments | {"download": True})
    except Exception as error:
        raise _missing(kind, root, can_download, f", and the download failed: {first_line(error).rstrip('.:')}") from error


def _construct(kind: Any, root: Path, arguments: dict[str, Any]) -> Any:
    with contextlib.redirect_stdout(sys.stderr):  # some sets print; stdout belongs to --json
        return kind(root=str(root), **arguments)


def _missing(kind: Any, root: Path, can_download: bool, failure: str) -> DataError:
    name = kind.__name__
    folder = root / (f"{name}/raw" if hasattr(kind, "raw_folder") else str(getattr(kind, "base_folder", "")))
    files = [str(url).rpartition("/")[2] for url, *_ in getattr(kind, "resources", []) if isinstance(url, str)]
    files += [str(entry[0]) for entry in getattr(kind, "train_list", []) + getattr(kind, "test_list", [])]
    which = f" ({listed(files, 4)})" if files else ""
    hint = f"Put its files{which} into {folder}" + (", or go online with dataset.download=true." if can_download else ".")
    return DataError(f"{name}: its files are missing or incomplete under dataset.root={root}{failure}.", hint)


def _probe(parts: list[_Part], size_px: int | None, preferred_px: int | None) -> tuple[int, Channels, str]:
    """Size and channels to decode to, and a digest of some images and labels that tells these files from others."""
    modes: set[str] = set()
    sizes: set[tuple[int, int]] = set()
    facts: list[Any] = []
    for part in parts:
        if not len(part.rows):
            raise DataError(f"The {part.name} part of the data set is empty.", "Remove its files and download them again.")
        for row in part.rows[probed(len(part.rows))]:
            sample, label = part.source[int(row)][:2]
            image = _pil(sample)
            modes.add(image.mode)
            sizes.add(image.size)
            facts.append([part.name, len(part.source), int(row), int(label), digest(np.atleast_1d(np.asarray(image)))])
    native_px, channels = native_size(sizes, modes, preferred_px)
    return size_px or native_px, channels, str(facts)


def _pil(image: Any) -> Any:
    from PIL import Image

    return image if isinstance(image, Image.Image) else Image.fromarray(np.asarray(image))


def _classes(dataset: str, labels: Array, source: Any) -> tuple[Array, tuple[str, ...]]:
    """Class indices and names of the classes that have rows."""
    seen, y = np.unique(labels, return_inverse=True)
    if len(seen) < 2:
        raise DataError(f"{dataset}: the images used are all of one class.", "Raise dataset.limit.")
    names = next((getattr(source, a) for a in ("classes", "categories", "all_categories") if getattr(source, a, None)), None)
    if not isinstance(names, (list, tuple)) or len(names) <= seen.max():
        names = range(int(seen.max()) + 1)
    shown = [names[i][0] if isinstance(names[i], tuple) else str(names[i]) for i in seen]
    if len(set(shown)) < len(shown):  # ImageNet has two classes called crane
        shown = [f"{name} ({label})" if shown.count(name) > 1 else name for name, label in zip(shown, seen, strict=True)]
    return y.astype(np.int64), tuple(shown)
