"""The pictures in some files, one row each: files of several pages or frames count more than once where all are asked for."""

from __future__ import annotations

import stat
import warnings
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sdl_cli.data.arrays import Array, objects
from sdl_cli.data.images import dicom, nifti
from sdl_cli.data.images.decode import num_pictures
from sdl_cli.data.images.pixels import View
from sdl_cli.data.images.readers import is_nameless_scan
from sdl_cli.errors import DataError, SdlError
from sdl_cli.phrases import listed
from sdl_cli.settings.machine import available_cores

_MOST_PICTURES = 1_000_000


@dataclass(frozen=True)
class Pictures:
    """One entry for each picture: its file, its name in messages, its number within the file, and the position of its file."""

    files: list[Path]
    names: list[str]
    frames: list[int]
    rows: list[int]

    @property
    def are_expanded(self) -> bool:
        """Whether any file counts more than once."""
        return any(frame > 0 for frame in self.frames)

    def named(self, names: Sequence[object]) -> list[object]:
        """Names of files `(F,)` as names of pictures: `scan.tif` of several is `scan.tif#1`, `scan.tif#2`."""
        several = {row for row, frame in zip(self.rows, self.frames, strict=True) if frame}
        return [
            f"{names[row]}#{frame + 1}" if row in several and names[row] is not None else names[row]
            for row, frame in zip(self.rows, self.frames, strict=True)
        ]

    def together(self, groups: Array, files: Sequence[object]) -> Array:
        """Groups of files `(F,)`, None where one has none, in which pictures of one file are never apart."""
        if not self.are_expanded:
            return groups
        return objects([str(file) if group is None else group for group, file in zip(groups, files, strict=True)])

    def take(self, kept: Iterable[int]) -> Pictures:
        """Those at some positions."""
        kept = list(kept)
        files, names, frames, rows = ([own[i] for i in kept] for own in (self.files, self.names, self.frames, self.rows))
        return Pictures(files, names, frames, rows)  # type: ignore[arg-type]


def pictures_in(files: Sequence[Path], names: Sequence[str], view: View) -> Pictures:
    """The pictures in files, which messages call `names`; a file that cannot be read counts once.

    Raises DataError: a reader is not installed, or far too many pictures.
    """
    counts = [1] * len(files)
    if view.frames == "all":
        with warnings.catch_warnings():  # once here, not in the threads: the filters belong to the whole process
            warnings.simplefilter("ignore")
            with ThreadPoolExecutor(available_cores()) as pool:
                counts = list(pool.map(_count, files))
    if sum(counts) > _MOST_PICTURES:
        raise DataError(f"{sum(counts):,} pictures in {len(files):,} files, and at most {_MOST_PICTURES:,} are read.")
    rows = [row for row, num in enumerate(counts) for _ in range(num)]
    frames = [frame for num in counts for frame in range(num)]
    found = Pictures([files[row] for row in rows], list(names), frames, rows)
    return Pictures(found.files, [str(name) for name in found.named(names)], frames, rows)


def _count(file: Path) -> int:
    try:
        found = file.stat()
        return num_pictures(file) if stat.S_ISREG(found.st_mode) and found.st_size else 1
    except SdlError:  # a reader is not installed: a fact about this machine
        raise
    except Exception:  # whoever decodes it says what is wrong with it
        return 1


def view_notes(files: Sequence[Path], view: View) -> list[str]:
    """Which slice of volumes is used, and settings of scans that have no effect on any of these files."""
    volumes = sum(nifti.matches(b"", file.name) for file in files)
    notes = []
    if volumes:
        which = "the middle one" if view.slice is None else f"slice {view.slice}"
        notes.append(f"Of each NIfTI volume one {view.plane} slice is used, {which} (dataset.plane, dataset.slice).")
    usual = View()
    unused = [] if volumes else [f"dataset.{key}" for key in ("plane", "slice") if getattr(view, key) != getattr(usual, key)]
    if view.window != usual.window and not any(dicom.matches(b"", file.name) or is_nameless_scan(file) for file in files):
        unused.append("dataset.window")
    if unused:
        notes.append(f"{listed(unused)} {'has' if len(unused) == 1 else 'have'} no effect on these images.")
    return notes
