"""The memory-mapped cache of decoded images.

A cache entry is a folder `<key>/` with `images.npy` and `meta.json`. It is built under a temporary name and renamed
into place, so a reader sees all of it or none, and if two processes build the same entry, either may win.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.dataset import digest
from sdl_cli.errors import DataError
from sdl_cli.files import cache_folder, write_atomic

_FORMAT = 1  # raise it when decoding or the layout of an entry changes
_STALE_SECONDS = 86_400.0  # a build this old was killed


@dataclass(frozen=True)
class Cached:
    """A cache entry: `images uint8 or float32 (N, C, S, S)` as a read-only memory map, their digest, and facts kept with them."""

    images: Array
    digest: str
    facts: dict[str, Any]


def cache_key(content: str, settings: dict[str, Any]) -> str:
    """The name of an entry: sha256 over the sources' digest, everything that determines the pixels, and the decoder's version."""
    import PIL

    everything = {"content": content, "settings": settings, "format": _FORMAT, "pillow": PIL.__version__}
    return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()


def load_or_build(
    key: str,
    num_images: int,
    shape: tuple[int, int, int],
    batches: Callable[[], Iterable[Array]],
    facts: Callable[[], dict[str, Any]],
    checked: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda facts: facts,
) -> Cached:
    """Open the cache entry `key`, or build it; a damaged or outdated entry is built again.

    Arguments:
        num_images: upper bound on the number of images (fewer if some are skipped).
        shape: `(C, S, S)` of one image.
        batches: starts the decoding and yields `(n, C, S, S)`, all uint8 or all float32, in order, at least one image in all.
        facts: plain values to keep with the images; asked for after the last batch.
        checked: takes the facts of the entry that is there and returns those to keep with it, or None where the images would be
            decoded in another way today.
    Raises DataError: the disk is full or the cache folder cannot be written to; and whatever `batches` raises.
    """
    root = cache_folder("images")
    final = root / key
    cached = _open(final, shape)
    if cached is not None:
        found = checked(cached.facts)
        if found is not None:
            return _with_facts(final, cached, found)
        shutil.rmtree(final, ignore_errors=True)
    with _temporary_folder(root, num_images * int(np.prod(shape))) as folder:
        _write(folder, num_images, shape, batches(), facts)
        _move_into_place(folder, final, shape)
    cached = _open(final, shape)
    if cached is None:
        raise DataError(f"{final}: the image cache was written but cannot be read back.", "Set SDL_CACHE to another disk.")
    return cached


def _with_facts(folder: Path, cached: Cached, facts: dict[str, Any]) -> Cached:
    """The entry with these facts, kept for the next time where they are new."""
    if facts != cached.facts:
        with contextlib.suppress(DataError):  # they can be found again
            write_atomic(folder / "meta.json", _meta(cached.images, cached.digest, facts))
    return dataclasses.replace(cached, facts=facts)


def _open(folder: Path, shape: tuple[int, int, int]) -> Cached | None:
    """The entry in `folder`, or None if missing or incomplete."""
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        images = np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False)
        whole = images.dtype in (np.uint8, np.float32) and images.shape[1:] == shape and digest(images) == meta["digest"]
        return Cached(images, meta["digest"], dict(meta["facts"])) if whole else None
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None


def _write(
    folder: Path, num_images: int, shape: tuple[int, int, int], batches: Iterable[Array], facts: Callable[[], dict[str, Any]]
) -> None:
    # Plain writes, not a map: writing to a map on a full disk kills the process with SIGBUS.
    with (folder / "images.npy").open("wb") as file:
        start, count, dtype = 0, 0, np.dtype(np.uint8)
        for images in batches:
            if not start:
                dtype = images.dtype.newbyteorder("<")
                _write_header(file, num_images, shape, dtype)
                start = file.tell()
            assert images.dtype == dtype, (images.dtype, dtype)
            file.write(np.ascontiguousarray(images, dtype).data)
            count += len(images)
        assert 0 < count <= num_images, (count, num_images)
        file.seek(0)
        _write_header(file, count, shape, dtype)
        assert file.tell() == start, "numpy pads the header so that its length does not depend on the row count"
    images = np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False)
    (folder / "meta.json").write_text(_meta(images, digest(images), facts()))


def _meta(images: Array, digest: str, facts: dict[str, Any]) -> str:
    return json.dumps({"format": _FORMAT, "shape": list(images.shape), "digest": digest, "facts": facts})


def _write_header(file: Any, count: int, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> None:
    header = {"descr": dtype.str, "fortran_order": False, "shape": (count, *shape)}
    np.lib.format.write_array_header_1_0(file, header)


@contextlib.contextmanager
def _temporary_folder(root: Path, num_bytes: int) -> Iterator[Path]:
    """A folder to build in, gone at the end if it was not renamed; an OSError within becomes a DataError."""
    for old in root.glob(".building-*"):
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(old)
    folder = None
    try:
        if shutil.disk_usage(root).free < num_bytes:
            raise OSError(errno.ENOSPC, "the disk is full")
        folder = Path(tempfile.mkdtemp(prefix=".building-", dir=root))
        yield folder
    except OSError as error:
        hint = "Set SDL_CACHE to a folder on a disk with room that can be written to"
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            size = f"{num_bytes / 2**20:,.0f} MiB"
            raise DataError(
                f"{root}: the disk is full: the decoded images need {size}.", f"{hint}, or free some space."
            ) from error
        raise DataError(f"{root}: the image cache cannot be written: {error.strerror or error}.", f"{hint}.") from error
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _move_into_place(folder: Path, final: Path, shape: tuple[int, int, int]) -> None:
    for attempt in range(4):
        try:
            folder.rename(final)
            return
        except OSError:
            if attempt == 3:
                raise
        if _open(final, shape) is not None:  # another process was faster
            return
        with contextlib.suppress(OSError):  # a damaged entry is in the way; another process may also be moving it
            final.rename(folder.with_name(f"{folder.name}-damaged-{attempt}"))
            shutil.rmtree(folder.with_name(f"{folder.name}-damaged-{attempt}"), ignore_errors=True)
