"""Photos in folders: one sub-folder per class, or a ready train/ val/ test/ layout of such."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np

from sdl_cli.config import DataSettings, Range
from sdl_cli.data.cache import cache_key, files_digest, fingerprint, load_or_build
from sdl_cli.data.dataset import Dataset
from sdl_cli.data.decode import NUM_CHANNELS, SUFFIXES, Batch, Channels, decode_batches, decode_file
from sdl_cli.data.listing import existing_folder, list_folder, shown_name, walk
from sdl_cli.errors import DataError

Array = np.ndarray[Any, Any]
OnError = Literal["fail", "skip"]

DEFAULT_PX = 64
_SKIP_HINT = "Repair or remove them, or leave them out with dataset.on_error=skip (predict: --on-error skip)"


@dataclass(frozen=True, kw_only=True)
class ImageFolder(DataSettings):
    """A folder of photos.

    Arguments:
        path: the folder that holds one sub-folder per class, or train/ and val/ and test/ folders of such.
        size_px: side of the square that every photo is brought to, in pixels; None takes the model's own size, else 64.
        channels: rgb or grey.
        on_error: what to do about a photo that cannot be read: fail, or skip and count it.
    """

    name: str = "image_folder"
    path: str
    size_px: Annotated[int, Range(4, 2048)] | None = None
    channels: Channels = "rgb"
    on_error: OnError = "fail"


def load(settings: ImageFolder, preferred_px: int | None = None, interpolation: str = "bilinear") -> Dataset:
    """Read a folder of photos: `X uint8 (N, C, S, S)` is a read-only memory map of the decoded cache.

    Raises:
        DataError: no such folder, no photos or classes in it, unreadable photos (unless skipped), or a full disk.
    """
    root = existing_folder(settings.path)
    listing = list_folder(root)
    size_px = settings.size_px or preferred_px or DEFAULT_PX
    shape = (NUM_CHANNELS[settings.channels], size_px, size_px)
    names = [shown_name(path, root) for path in listing.files]
    skipped: list[tuple[int, str]] = []

    def batches() -> Iterator[Array]:
        for batch in _decode(listing.files, size_px, settings.channels, interpolation):
            skipped.extend(batch.failures)
            if len(batch.images):
                yield batch.images
        _refuse_failures(skipped, names, settings.on_error)

    decides = {
        "size_px": size_px,
        "channels": settings.channels,
        "interpolation": interpolation,
        "on_error": settings.on_error,
    }
    key = cache_key(files_digest(root, listing.files), decides)
    cached = load_or_build(key, len(names), shape, batches, lambda: {"skipped": skipped})

    gone = {int(row): str(why) for row, why in cached.facts["skipped"]}
    kept = [row for row in range(len(names)) if row not in gone]
    labels = [listing.labels[row] for row in kept]
    part = None if listing.parts is None else np.array([listing.parts[row] for row in kept])
    classes = tuple(sorted(set(listing.labels)))
    _check_still_there(root, classes, labels)
    y = np.array([classes.index(label) for label in labels], dtype=np.int64)
    return Dataset(
        name=root.name,
        task="classification",
        modality="image",
        X=cached.images,
        y=y,
        classes=classes,
        feature_names=(),
        groups=None,
        part=part,
        ids=np.array([names[row] for row in kept]),
        fingerprint=fingerprint(cached.digest, y, classes, part),
        notes=(*listing.notes, *_skip_notes([(names[row], why) for row, why in gone.items()], len(names))),
    )


def iter_images(
    path: str | Path,
    size_px: int,
    channels: Channels = "rgb",
    interpolation: str = "bilinear",
    on_error: OnError = "fail",
    batch: int = 256,
    notes: list[str] | None = None,
) -> Iterator[tuple[Array, Array]]:
    """Read the photos under `path` a batch at a time, for prediction: no cache, little memory.

    Arguments:
        path: one image file, or a folder that is searched through and through.
        size_px, channels, interpolation: as in training.
        on_error: `fail`, or `skip` the photos that cannot be read.
        batch: photos per batch.
        notes: at the end, a sentence about skipped photos is added to this list.
    Yields: ids `(n,)` (paths relative to the folder, sorted) and images `uint8 (n, C, S, S)`.
    Raises:
        DataError: nothing there, or unreadable photos, named.
    """
    start = Path(path).expanduser()
    if start.is_file():
        root, files = start.parent, [start]
    else:
        root = existing_folder(path, key="")
        files, _ = walk(root)
    if not files:
        raise DataError(f"{root}: no images in this folder.", f"Images end in one of: {' '.join(sorted(SUFFIXES))}")
    names = [shown_name(file, root) for file in files]
    skipped: list[tuple[int, str]] = []
    for part in _decode(files, size_px, channels, interpolation, batch):
        skipped.extend(part.failures)
        _refuse_failures(skipped, names, on_error)
        if part.rows:
            yield np.array([names[row] for row in part.rows]), part.images
    if notes is not None:
        notes.extend(_skip_notes([(names[row], why) for row, why in skipped], len(names)))


def read_images(
    path: str | Path,
    size_px: int,
    channels: Channels = "rgb",
    interpolation: str = "bilinear",
    on_error: OnError = "fail",
) -> tuple[Array, Array, tuple[str, ...]]:
    """All photos that `iter_images` gives: ids `(N,)`, images `uint8 (N, C, S, S)`, and notes about skipped ones."""
    notes: list[str] = []
    pairs = list(iter_images(path, size_px, channels, interpolation, on_error, notes=notes))
    return np.concatenate([ids for ids, _ in pairs]), np.concatenate([images for _, images in pairs]), tuple(notes)


def _decode(files: Sequence[Path], size_px: int, channels: Channels, interpolation: str, batch: int = 256) -> Iterator[Batch]:
    shape = (NUM_CHANNELS[channels], size_px, size_px)
    return decode_batches(files, lambda file: _decode_one(file, size_px, channels, interpolation), shape, batch)


def _decode_one(file: Path, size_px: int, channels: Channels, interpolation: str) -> Array:
    if file.stat().st_size == 0:
        raise ValueError("empty file, 0 bytes")
    return decode_file(file, size_px, channels, interpolation)


def _refuse_failures(failures: list[tuple[int, str]], names: list[str], on_error: OnError) -> None:
    if failures and (on_error == "fail" or len(failures) == len(names)):
        first = ", ".join(f"{names[row]} ({why})" for row, why in failures[:5])
        more = f", and {len(failures) - 5} more" if len(failures) > 5 else ""
        of_all = (
            "no image can be read" if len(failures) == len(names) else f"{len(failures)} of {len(names)} images cannot be read"
        )
        raise DataError(f"{of_all}: {first}{more}.", _SKIP_HINT)


def _skip_notes(skipped: list[tuple[str, str]], num_all: int) -> list[str]:
    if not skipped:
        return []
    first = ", ".join(f"{name} ({why})" for name, why in skipped[:5]) + (", ..." if len(skipped) > 5 else "")
    return [f"{len(skipped)} of {num_all} images could not be read and were skipped: {first}."]


def _check_still_there(root: Path, classes: Sequence[str], labels: Sequence[str]) -> None:
    lost = sorted(set(classes) - set(labels))
    if lost:
        raise DataError(f"{root}: no image of {', '.join(lost)} can be read.", "Repair them, or remove the class.")
