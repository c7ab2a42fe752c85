"""The settings that several kinds of image data share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from sdl_cli.data.images.depth import check_value_range
from sdl_cli.data.images.photos import DEFAULT_PX, Decoding, OnError
from sdl_cli.data.images.pixels import Frames, Plane, View, Window
from sdl_cli.data.images.squares import PhotoChannels
from sdl_cli.settings.experiment import DataSettings, Range


@dataclass(frozen=True, kw_only=True)
class SquareSettings(DataSettings):
    """Images that are all brought to one size.

    Arguments:
        size_px: side of the square that every image is brought to, in pixels; None takes the model's own size, otherwise 64.
    """

    size_px: Annotated[int, Range(4, 2048)] | None = None


@dataclass(frozen=True, kw_only=True)
class DepthSettings(SquareSettings):
    """Images that may be deeper than 8 bits.

    Arguments:
        value_range: two values, of images deeper than 8 bits, that become black and white; None takes the lowest and the highest
            of the labelled images.
    """

    value_range: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        check_value_range(self.value_range)


@dataclass(frozen=True, kw_only=True)
class PhotoSettings(DepthSettings):
    """Photos in files of their own.

    Arguments:
        channels: rgb or grey, or all the bands of the files as they are.
        frames: of files with several pages, frames or volumes the first, or all, each a row; None refuses such TIFFs, DICOM and
            NIfTI files, and takes the first frame of moving pictures.
        plane: of volumes (NIfTI) the plane of the slice. slice: its number from 0; None takes the middle one.
        window: of DICOM files the values of the data, or the grey levels by the window of each file.
        on_error: what to do about a photo that is missing or cannot be read: fail, or skip and count it.
    """

    channels: PhotoChannels = "rgb"
    frames: Frames | None = None
    plane: Plane = "axial"
    slice: Annotated[int, Range(0, 100_000)] | None = None
    window: Window = "data"
    on_error: OnError = "fail"

    def decoding(self, preferred_px: int | None, interpolation: str) -> Decoding:
        """How the photos become arrays for a model that prefers this size."""
        size_px = self.size_px or preferred_px or DEFAULT_PX
        return Decoding(size_px, self.channels, interpolation, self.on_error, self.value_range, self.view())

    def view(self) -> View:
        """Which picture of each file is taken."""
        return View(self.frames, self.plane, self.slice, self.window, self.channels == "all")
