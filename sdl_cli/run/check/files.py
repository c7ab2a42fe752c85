"""Image files on disk: which cannot be read, and their sizes and colour modes. Only headers are read."""

from __future__ import annotations

import contextlib
import hashlib
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdl_cli.data.images.decode import reason, size_and_mode
from sdl_cli.data.images.listing import existing_folder, list_folder, shown_name
from sdl_cli.data.sources.image_folder import ImageFolder
from sdl_cli.data.sources.image_table import ImageTable, list_photos
from sdl_cli.phrases import counted, shortened
from sdl_cli.run.check.problem import Problem, named, worst_first
from sdl_cli.settings.machine import available_cores

_LONG = 2.0  # times as long as wide: the centre square is less than half of it
_PLAIN_MODES = frozenset({"RGB", "L"})


@dataclass(frozen=True)
class Header:
    """What a file's header says: its size in bytes, width and height in pixels, mode; or why it cannot be read."""

    num_bytes: int
    width: int = 0
    height: int = 0
    mode: str = ""
    failure: str = ""


def inspect_files(settings: Any) -> list[Problem]:
    """Look at the image files that `settings` point to; sources other than photos give no findings.

    Raises DataError: no such folder, or no images in it.
    """
    if isinstance(settings, ImageTable):
        files, names = list_photos(settings)
        return inspect_images(files, names, settings.size_px)
    if not isinstance(settings, ImageFolder):
        return []
    root = existing_folder(settings.path)
    files = list_folder(root).files
    return inspect_images(files, [shown_name(file, root) for file in files], settings.size_px)


def inspect_images(files: Sequence[Path], names: Sequence[str], size_px: int | None) -> list[Problem]:
    """Look at image files, which messages call `names` and which are brought to squares of `size_px`, if that is set."""
    with warnings.catch_warnings():  # once here, not in the threads: the filters belong to the whole process
        warnings.simplefilter("ignore")
        with ThreadPoolExecutor(available_cores()) as pool:
            headers = list(pool.map(_header, files))
    shown = [shortened(name) for name in names]
    images = list(zip(shown, headers, strict=True))
    return worst_first([*_unreadable(images), *_same_names(files, images), *_modes(images), *_sizes(images, size_px)])


def _header(file: Path) -> Header:
    num_bytes = 0
    try:
        num_bytes = file.stat().st_size
        if num_bytes == 0:
            return Header(0, failure="empty file, 0 bytes")
        return Header(num_bytes, *size_and_mode(file))
    except Exception as error:  # decoders can raise anything on bad bytes; that concerns one file
        return Header(num_bytes, failure=reason(error))


_Named = list[tuple[str, Header]]


def _unreadable(images: _Named) -> Iterator[Problem]:
    failed = [f"{name} ({header.failure})" for name, header in images if header.failure]
    if failed:
        what = f"{counted(len(failed), 'image file')} of {len(images):,} cannot be read."
        yield Problem("warning", what, named(failed), "Repair or remove them, or leave them out: dataset.on_error=skip")


def _same_names(files: Sequence[Path], images: _Named) -> Iterator[Problem]:
    """Equal files of one name in different folders: one photo that was given two classes or two parts."""
    places: dict[tuple[str, int], list[tuple[Path, str]]] = defaultdict(list)
    for file, (name, header) in zip(files, images, strict=True):
        if header.num_bytes:
            places[file.name, header.num_bytes].append((file, name))
    equal: dict[tuple[str, bytes], list[str]] = defaultdict(list)
    for alike in places.values():  # pictures without compression are of one size whatever they show: their bytes decide
        for file, name in alike if len(alike) > 1 else ():
            with contextlib.suppress(OSError), file.open("rb") as opened:
                equal[file.name, hashlib.file_digest(opened, "sha256").digest()].append(name)
    twice = [" = ".join(names[:2]) for names in equal.values() if len(names) > 1]
    if twice:
        what = f"{counted(len(twice), 'file name', verbs='stands/stand')} in several folders with the same content."
        yield Problem("warning", what, named(twice), "They are the same photos: keep each once.")


def _modes(images: _Named) -> Iterator[Problem]:
    modes = Counter(header.mode for _, header in images if header.mode).most_common()
    if len(modes) > 1 or any(mode not in _PLAIN_MODES for mode, _ in modes):
        listed = ", ".join(f"{mode} {num:,}" for mode, num in modes[:6])
        rare = [name for name, header in images if header.mode == modes[-1][0]]
        where = f"{modes[-1][0]}: {named(rare)}" if len(modes) > 1 else ""
        advice = "All are brought to dataset.channels; look whether the mode goes with the class, for it can give it away."
        yield Problem("note", f"The files have these colour modes: {listed}.", where, advice)


def _sizes(images: _Named, size_px: int | None) -> Iterator[Problem]:
    read = [(f"{name} ({h.width} x {h.height})", h) for name, h in images if h.width]
    small = [name for name, h in read if size_px is not None and min(h.width, h.height) < size_px]
    if small:
        are = counted(len(small), "image", verbs="is/are")
        what = f"{are} smaller than {size_px} px and will be enlarged (of {len(images):,})."
        yield Problem("note", what, named(small), "A smaller dataset.size_px is quicker and loses nothing of these.")
    long = [name for name, h in read if max(h.width, h.height) > _LONG * min(h.width, h.height)]
    if long:
        what = f"{counted(len(long), 'image', verbs='is/are')} more than twice as long as wide (of {len(images):,})."
        yield Problem("note", what, named(long), "Only the centre square is used: cut them to what matters.")
