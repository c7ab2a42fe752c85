"""A picture of any mode brought to a square, with exactly torchvision's Resize and CenterCrop of a PIL image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.images import scans
from sdl_cli.data.images.pixels import Pixels

if TYPE_CHECKING:
    from PIL import Image

PhotoChannels = Literal["rgb", "grey", "all"]
NUM_CHANNELS = {"rgb": 3, "grey": 1}


def square_of(pixels: Pixels, size_px: int, channels: PhotoChannels, interpolation: str) -> Array:
    """Pixels of a file as `(C, size_px, size_px)`, float32 where they are deeper than 8 bits; C as in the file for `all`."""
    from PIL import Image

    values = pixels.values
    if values.dtype == np.uint8 and channels != "all":
        image = Image.fromarray(values[..., 0] if values.shape[-1] == 1 else values)
        return square(image, pixels.orientation, size_px, channels, interpolation)
    bands = []
    for band in np.moveaxis(scans.in_channels(values, channels), -1, 0):
        image = _turn(Image.fromarray(np.ascontiguousarray(band)), pixels.orientation)
        bands.append(np.asarray(_crop(_resize(image, size_px, interpolation), size_px)))
    wanted = len(bands) if channels == "all" else NUM_CHANNELS[channels]
    return np.stack(bands if len(bands) == wanted else bands * wanted)


def square(image: Image.Image, orientation: int, size_px: int, channels: PhotoChannels, interpolation: str) -> Array:
    """A plain PIL image, turned as EXIF's orientation says, as `uint8 (C, size_px, size_px)`."""
    flat = _turn(_eight_bit(image, channels), orientation)
    array = np.asarray(_crop(_resize(flat, size_px, interpolation), size_px))
    return array[None] if array.ndim == 2 else np.ascontiguousarray(array.transpose(2, 0, 1))


def refuse_too_large(size: tuple[int, int]) -> None:
    """Raise a ValueError for more pixels than Pillow takes."""
    from PIL import Image

    if Image.MAX_IMAGE_PIXELS is not None and size[0] * size[1] > Image.MAX_IMAGE_PIXELS:
        raise ValueError(too_large())


def too_large() -> str:
    """Why a picture of too many pixels is refused."""
    from PIL import Image

    return f"more than {Image.MAX_IMAGE_PIXELS:,} pixels, Pillow's limit against decompression bombs"


def _turn(image: Image.Image, orientation: int) -> Image.Image:
    from PIL.Image import Transpose

    names = ("FLIP_LEFT_RIGHT", "ROTATE_180", "FLIP_TOP_BOTTOM", "TRANSPOSE", "ROTATE_270", "TRANSVERSE", "ROTATE_90")
    return image.transpose(Transpose[names[orientation - 2]]) if 2 <= orientation <= 8 else image


def _eight_bit(image: Image.Image, channels: PhotoChannels) -> Image.Image:
    """The picture in mode RGB or L."""
    from PIL import Image

    target = "RGB" if channels == "rgb" else "L"
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        white = Image.new("RGBA", image.size, "white")
        straight = {"La": "LA", "RGBa": "RGBA"}.get(image.mode, image.mode)
        image = Image.alpha_composite(white, image.convert(straight).convert("RGBA")).convert("RGB")
    elif image.mode not in ("RGB", "L", "1", "P"):
        image = image.convert("RGB")
    return image if image.mode == target else image.convert(target)


def _resize(image: Image.Image, size_px: int, interpolation: str) -> Image.Image:
    from PIL.Image import Resampling

    width, height = image.size
    short, long = min(width, height), max(width, height)
    new_long = int(size_px * long / short)  # rounded down, as torchvision does
    refuse_too_large((size_px, new_long))  # a strip of 1 x 100,000 pixels
    size = (size_px, new_long) if width <= height else (new_long, size_px)
    return image if size == image.size else image.resize(size, Resampling[interpolation.upper()])


def _crop(image: Image.Image, size_px: int) -> Image.Image:
    width, height = image.size
    left, top = round((width - size_px) / 2), round((height - size_px) / 2)  # half to even, as torchvision does
    if (width, height) == (size_px, size_px):
        return image
    return image.crop((left, top, left + size_px, top + size_px))
