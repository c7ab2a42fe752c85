"""Photos by their paths: decoded once into the cache for training, or a batch at a time for prediction."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.dataset import ValueRange
from sdl_cli.data.images.cache import cache_key
from sdl_cli.data.images.decode import NUM_CHANNELS, Batch, decode_batches, decode_file, is_read_as_ever
from sdl_cli.data.images.depth import OneDepth, scale_of, unlike_run
from sdl_cli.data.images.file_digests import files_digest
from sdl_cli.data.images.pictures import Pictures, pictures_in
from sdl_cli.data.images.pixels import View
from sdl_cli.data.images.squares import PhotoChannels
from sdl_cli.errors import DataError
from sdl_cli.phrases import counted, listed

OnError = Literal["fail", "skip"]

DEFAULT_PX = 64
_PROBES = 64
_LONG_REASON = 60  # letters
_READERS = 2  # raise it when more kinds of files can be read: those that were skipped are tried again
_REPAIR_HINT = "Repair it, or give other files: what opens in a viewer, such as a JPEG or PNG."
SKIP_HINT = "Repair or remove them, or leave them out with dataset.on_error=skip; with sdl predict use --on-error skip"


@dataclass(frozen=True)
class Decoding:
    """How photos become arrays; see `PhotoSettings`.

    Arguments:
        num_bands: C where `channels` is `all`; None takes that of the first photo that can be read.
    """

    size_px: int
    channels: PhotoChannels = "rgb"
    interpolation: str = "bilinear"  # one of `decode.INTERPOLATIONS`
    on_error: OnError = "fail"
    value_range: tuple[float, ...] | None = None
    view: View = View()
    num_bands: int | None = None

    def decides(self) -> dict[str, object]:
        """What decides the pixels, JSON-ready; what is as it ever was is left out, so that older caches are found."""
        known = {key: value for key, value in asdict(self).items() if key not in ("view", "num_bands")}
        known = {key: value for key, value in known.items() if key != "value_range" or value is not None}
        return known | ({"view": self.view.plain()} if self.view.plain() else {})


@dataclass(frozen=True)
class Photos:
    """Decoded photos: `images (M, C, S, S)` as a read-only memory map, and the picture that each is.

    They are uint8, or float32 where all are deeper than 8 bits and no range of values is set.
    """

    images: Array
    digest: str
    pictures: Pictures  # those that could be read, in the order of the files
    notes: list[str]
    value_range: ValueRange | None  # how deep images became 8 bit, where they did

    @property
    def kept(self) -> list[int]:
        """Position of each picture's file in those asked for, ascending; a file of several pages may come several times."""
        return self.pictures.rows


def read_photos(files: Sequence[Path], names: Sequence[str], how: Decoding, source: Path) -> Photos:
    """Decode photos into the cache, or find them there.

    Arguments:
        files: at least one; a file may come more than once. names: what messages call each of them.
        source: the folder or table that lists them.
    Raises DataError: unreadable photos, named (unless skipped), none that can be read, or a full disk.
    """
    pictures = pictures_in(files, names, how.view)
    files, names = pictures.files, pictures.names
    how = _with_bands(files, how)
    skipped: list[tuple[int, str]] = []
    depth = OneDepth(names, scale_of(how.value_range))

    def batches() -> Iterator[Array]:
        for batch in _decode(pictures, how, depth):
            skipped.extend(batch.failures)
            if len(batch.images):
                yield depth.images(batch)
        _refuse_failures(skipped, names, how.on_error)

    def are_read_as_ever() -> bool:
        return all(map(_is_read_as_ever, files))

    def more_facts() -> dict[str, object]:
        return {"skipped": skipped, "readers": _READERS}

    key = cache_key(files_digest(files, names, source), how.decides())
    notes: list[str] = []
    cached, scale = depth.cached(key, len(files), _shape(how), batches, are_read_as_ever, notes, more_facts, _READERS)
    gone = {int(row): str(why) for row, why in cached.facts["skipped"]}
    kept = pictures.take(row for row in range(len(files)) if row not in gone)
    return Photos(cached.images, cached.digest, kept, [*_skip_notes(list(gone.items()), names), *notes], scale)


def iter_photos(
    pictures: Pictures,
    how: Decoding,
    batch: int = 256,
    notes: list[str] | None = None,
    scale: ValueRange | None = None,
) -> Iterator[tuple[list[int], Array]]:
    """Decode photos a batch at a time: no cache, little memory.

    Arguments:
        pictures: those of `pictures_in` some files.
        notes: at the end, sentences about skipped photos, and what was left out of others, are added to this list.
        scale: how the run brought images deeper than 8 bits to 8; None where its own have 8 bits.
    Yields: positions in `pictures` of those that could be read, and their images `uint8 (n, C, S, S)`.
    Raises DataError: unreadable photos, named (unless skipped), or none that can be read.
    """
    names = pictures.names
    how = _with_bands(pictures.files, how)
    skipped: list[tuple[int, str]] = []
    depth = OneDepth(names, scale)
    for found in _decode(pictures, how, depth, batch):
        part = _like_run(found, scale)
        skipped.extend(part.failures)
        _refuse_failures(skipped, names, how.on_error)
        if part.rows:
            yield part.rows, depth.images(part)
    if notes is not None:
        notes.extend([*_skip_notes(skipped, names), *depth.notes(depth.facts())])


def _like_run(batch: Batch, scale: ValueRange | None) -> Batch:
    """The batch with images of another depth than the run takes among its failures."""
    reasons = [unlike_run(bool(is_deep), scale) for is_deep in batch.deep]
    good = np.array([not why for why in reasons], bool)
    if good.all():
        return batch
    bad = [(row, why) for row, why in zip(batch.rows, reasons, strict=True) if why]
    rows = [row for row, why in zip(batch.rows, reasons, strict=True) if not why]
    images = batch.images[good] if scale is not None else batch.images[good].astype(np.uint8)
    return Batch(rows, images, sorted([*batch.failures, *bad]), batch.deep[good])


def _shape(how: Decoding) -> tuple[int, int, int]:
    bands = how.num_bands if how.channels == "all" else NUM_CHANNELS[how.channels]
    assert bands is not None, "_with_bands has looked"
    return bands, how.size_px, how.size_px


def _with_bands(files: Sequence[Path], how: Decoding) -> Decoding:
    """The same, with the number of bands of the first photo that can be read where all are asked for."""
    if how.channels != "all" or how.num_bands is not None:
        return how
    for batch in decode_batches(files[:_PROBES], lambda _, file: _bands(file, how), (1, 1, 1)):
        if len(batch.images):
            return replace(how, num_bands=int(batch.images[0, 0, 0, 0]))
    return replace(how, num_bands=1)


def _bands(file: Path, how: Decoding) -> Array:
    view = how.view if how.view.frames else replace(how.view, frames="first")
    return np.full((1, 1, 1), len(_decoded(file, 4, "all", "nearest", lambda remark: None, view, 0)), np.float32)


def _decode(pictures: Pictures, how: Decoding, depth: OneDepth, batch: int = 256) -> Iterator[Batch]:
    shape = _shape(how)

    def decode(row: int, file: Path) -> Array:
        def remark(what: str) -> None:
            depth.remarks.append((row, what))

        found = _decoded(file, how.size_px, how.channels, how.interpolation, remark, how.view, pictures.frames[row])
        if len(found) != shape[0]:
            raise ValueError(f"{counted(len(found), 'band')}, and {counted(shape[0], 'band')} are needed, as in the first image")
        return found

    return decode_batches(pictures.files, decode, shape, batch)


def _decoded(file: Path, size_px: int, *how: Any) -> Array:
    """A file by `decode_file`, if it is one and not empty."""
    found = file.stat()
    if not stat.S_ISREG(found.st_mode):  # reading a pipe would wait forever
        raise ValueError("not a file")
    if found.st_size == 0:
        raise ValueError("empty file, 0 bytes")
    return decode_file(file, size_px, *how)


def _is_read_as_ever(file: Path) -> bool:
    try:
        return not stat.S_ISREG(file.stat().st_mode) or is_read_as_ever(file)
    except OSError:  # it could not be read then either
        return True


def _refuse_failures(failures: Sequence[tuple[int, str]], names: Sequence[str], on_error: OnError) -> None:
    if failures and (on_error == "fail" or len(failures) == len(names)):
        first = _named_failures(failures, names)
        of_all = f"{len(failures)} of {len(names)} images cannot be read"
        of_all = "no image can be read" if len(failures) == len(names) else of_all
        raise DataError(f"{of_all}: {first}.", SKIP_HINT if len(failures) < len(names) else _REPAIR_HINT)


def _named_failures(failures: Sequence[tuple[int, str]], names: Sequence[str]) -> str:
    """The first of some images and what is wrong with each; a long reason that they share is said once."""
    reasons = {why for _, why in failures}
    if len(failures) > 1 and len(reasons) == 1 and len(failures[0][1]) > _LONG_REASON:
        return f"{failures[0][1]}: {listed([names[row] for row, _ in failures], 5, last=', ')}"
    return listed([f"{names[row]} ({why})" for row, why in failures], 5, last=", ")


def _skip_notes(skipped: Sequence[tuple[int, str]], names: Sequence[str]) -> list[str]:
    if not skipped:
        return []
    first = _named_failures(skipped, names)
    return [f"{len(skipped)} of {len(names)} images could not be read and were skipped: {first}."]
