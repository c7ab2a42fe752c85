"""What every reader of pictures gives and takes: pixels of a file, and which of its pictures is asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple, get_args

from sdl_cli.data.arrays import Array
from sdl_cli.errors import DataError

Source = Path | BinaryIO
Remark = Callable[[str], None]
Frames = Literal["first", "all"]
Plane = Literal["axial", "coronal", "sagittal"]
Window = Literal["data", "file"]

ONE_FILE_ONE_GROUP = "The pictures of one file stay together on one side of every split."
ANIMATED = "several frames, and only the first of each was used"
EXTRA_BANDS = "more bands than their colours, and the others were left out"
NOT_SQUARE = "pixels that are not square in millimetres, and was used pixel by pixel"


class RefusedError(ValueError):
    """A file that may be intact but would be read incorrectly."""


class Pixels(NamedTuple):
    """Pixels as they stand in a file: `values (H, W, B)` and EXIF's orientation.

    There are 1 or 3 bands, or, of 8 bits with transparency, 4; where all bands are asked for, any number.
    """

    values: Array
    orientation: int = 1


@dataclass(frozen=True)
class View:
    """Which picture of a file is taken, and how values of scans become one.

    Arguments:
        frames: of files with several pages or frames the first, or all, each a row; None refuses them.
        plane: of volumes (NIfTI) the plane of the slice. slice: its number from 0; None is the middle one.
        window: of DICOM files the values of the data, or the grey levels that each file asks to be shown with.
        all_bands: every band of the file as it is, instead of its colours.
    """

    frames: Frames | None = None
    plane: Plane = "axial"
    slice: int | None = None
    window: Window = "data"
    all_bands: bool = False

    def plain(self) -> dict[str, Any]:
        """What differs from the usual, JSON-ready."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if getattr(self, f.name) != f.default}

    def source(self) -> dict[str, Any]:
        """How a run stores it in what it says of its data: nothing where it is the usual."""
        return {"view": self.plain()} if self.plain() else {}

    @classmethod
    def of_source(cls, source: Mapping[str, Any]) -> View:
        """The view of a stored run. Raises DataError where it is damaged."""
        return cls.from_plain(source.get("view") or {})

    @classmethod
    def from_plain(cls, stored: Mapping[str, Any]) -> View:
        """The view that `plain` described. Raises DataError where it is damaged."""
        if not isinstance(stored, Mapping):
            raise DataError("model.json: how its images were taken from their files is damaged.", "Restore it, or train again.")
        allowed = {"frames": get_args(Frames), "plane": get_args(Plane), "window": get_args(Window), "all_bands": (True, False)}
        number = stored.get("slice")
        good = number is None or (type(number) is int and number >= 0)
        if not good or any(key != "slice" and value not in allowed.get(key, ()) for key, value in stored.items()):
            raise DataError("model.json: how its images were taken from their files is damaged.", "Restore it, or train again.")
        return cls(**stored)


USUAL = View()


@contextmanager
def opened(source: Source) -> Iterator[BinaryIO]:
    """The bytes of a source from their start; a file that is open already stays so."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            yield file
    else:
        source.seek(0)
        yield source


def refuse_several(num: int, view: View, what: str = "pages") -> None:
    """Raise a RefusedError for a file of several pictures where nobody said which of them to take."""
    if num > 1 and view.frames is None:
        raise RefusedError(
            f"{num:,} {what}, of which only one could be used: save the one that counts as a file of its own "
            "(or set dataset.frames=first, or all for a row of each)"
        )


def refuse_large(num_values: int) -> None:
    """Raise a RefusedError for more values than Pillow takes, before any memory is taken."""
    from PIL import Image

    most = Image.MAX_IMAGE_PIXELS
    if most is not None and num_values > most:
        raise RefusedError(f"more than {most:,} values, the limit against files that unpack to far more than they are")
