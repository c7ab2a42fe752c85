"""Photos by their paths: decoded once into the cache for training, or a batch at a time for prediction."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sdl_cli.data.cache import cache_key, load_or_build
from sdl_cli.data.decode import NUM_CHANNELS, Batch, Channels, decode_batches, decode_file
from sdl_cli.data.file_digests import files_digest
from sdl_cli.errors import DataError

Array = np.ndarray[Any, Any]
OnError = Literal["fail", "skip"]

DEFAULT_PX = 64
SKIP_HINT = "Repair or remove them, or leave them out with dataset.on_error=skip; with sdl predict use --on-error skip"


@dataclass(frozen=True)
class Decoding:
    """How photos become arrays.

    Arguments:
        size_px: side of the square that every photo is brought to, in pixels.
        channels: rgb or grey.
        interpolation: one of `decode.INTERPOLATIONS`.
        on_error: what to do about a photo that cannot be read: fail, or skip and count it.
    """

    size_px: int
    channels: Channels = "rgb"
    interpolation: str = "bilinear"
    on_error: OnError = "fail"


@dataclass(frozen=True)
class Photos:
    """Decoded photos: `images uint8 (M, C, S, S)` as a read-only memory map, and where each stood in the list of files.

    Arguments:
        images, digest: from the cache.
        kept: positions of the images in the files asked for, ascending; others could not be read.
        notes: a sentence about those that were skipped.
    """

    images: Array
    digest: str
    kept: list[int]
    notes: list[str]


def read_photos(files: Sequence[Path], names: Sequence[str], how: Decoding, source: Path) -> Photos:
    """Decode photos into the cache, or find them there.

    Arguments:
        files: at least one; a file may come more than once.
        names: what messages call each of them.
        how: size, channels, interpolation, and what to do about bad ones.
        source: the folder or table that lists them.
    Raises:
        DataError: unreadable photos, named (unless skipped), none that can be read, or a full disk.
    """
    skipped: list[tuple[int, str]] = []

    def batches() -> Iterator[Array]:
        for batch in _decode(files, how):
            skipped.extend(batch.failures)
            if len(batch.images):
                yield batch.images
        _refuse_failures(skipped, names, how.on_error)

    key = cache_key(files_digest(files, names, source), asdict(how))
    cached = load_or_build(key, len(files), _shape(how), batches, lambda: {"skipped": skipped})
    gone = {int(row): str(why) for row, why in cached.facts["skipped"]}
    kept = [row for row in range(len(files)) if row not in gone]
    return Photos(cached.images, cached.digest, kept, _skip_notes(list(gone.items()), names))


def iter_photos(
    files: Sequence[Path], names: Sequence[str], how: Decoding, batch: int = 256, notes: list[str] | None = None
) -> Iterator[tuple[list[int], Array]]:
    """Decode photos a batch at a time: no cache, little memory.

    Arguments:
        files, names, how: as for `read_photos`.
        batch: photos per batch.
        notes: at the end, a sentence about skipped photos is added to this list.
    Yields: positions in `files` of those that could be read, and their images `uint8 (n, C, S, S)`.
    Raises:
        DataError: unreadable photos, named (unless skipped), or none that can be read.
    """
    skipped: list[tuple[int, str]] = []
    for part in _decode(files, how, batch):
        skipped.extend(part.failures)
        _refuse_failures(skipped, names, how.on_error)
        if part.rows:
            yield part.rows, part.images
    if notes is not None:
        notes.extend(_skip_notes(skipped, names))


def _shape(how: Decoding) -> tuple[int, int, int]:
    return NUM_CHANNELS[how.channels], how.size_px, how.size_px


def _decode(files: Sequence[Path], how: Decoding, batch: int = 256) -> Iterator[Batch]:
    return decode_batches(files, lambda file: _decode_one(file, how), _shape(how), batch)


def _decode_one(file: Path, how: Decoding) -> Array:
    found = file.stat()
    if not stat.S_ISREG(found.st_mode):  # reading a pipe would wait for ever
        raise ValueError("not a file")
    if found.st_size == 0:
        raise ValueError("empty file, 0 bytes")
    return decode_file(file, how.size_px, how.channels, how.interpolation)


def _refuse_failures(failures: Sequence[tuple[int, str]], names: Sequence[str], on_error: OnError) -> None:
    if failures and (on_error == "fail" or len(failures) == len(names)):
        first = ", ".join(f"{names[row]} ({why})" for row, why in failures[:5])
        more = f", and {len(failures) - 5} more" if len(failures) > 5 else ""
        of_all = (
            "no image can be read" if len(failures) == len(names) else f"{len(failures)} of {len(names)} images cannot be read"
        )
        raise DataError(f"{of_all}: {first}{more}.", SKIP_HINT)


def _skip_notes(skipped: Sequence[tuple[int, str]], names: Sequence[str]) -> list[str]:
    if not skipped:
        return []
    first = ", ".join(f"{names[row]} ({why})" for row, why in skipped[:5]) + (", ..." if len(skipped) > 5 else "")
    return [f"{len(skipped)} of {len(names)} images could not be read and were skipped: {first}."]
