"""One image file to one square uint8 array, with exactly torchvision's Resize and CenterCrop of a PIL image."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

Array = np.ndarray[Any, Any]
Channels = Literal["rgb", "grey"]
NUM_CHANNELS = {"rgb": 3, "grey": 1}
INTERPOLATIONS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")
# fmt: off
SUFFIXES = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".webp", ".avif",
    ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".jp2",
})
# fmt: on

_ORIENTATION = 0x0112  # the EXIF tag
_Item = TypeVar("_Item")


class Batch(NamedTuple):
    """Some decoded items: `images (n, C, S, S)` of those at `rows`, and (row, reason) of those that failed."""

    rows: list[int]
    images: Array
    failures: list[tuple[int, str]]


def decode_file(path: Path, size_px: int, channels: Channels, interpolation: str = "bilinear") -> Array:
    """Read an image file: `uint8 (C, size_px, size_px)`.

    Raises:
        Exception: any kind that a decoder raises on bad bytes; `reason` puts it in words.
    """
    from PIL import Image

    with Image.open(path) as image:
        return to_square(image, size_px, channels, interpolation)


def to_square(image: Image.Image, size_px: int, channels: Channels, interpolation: str = "bilinear") -> Array:
    """Bring a PIL image of any mode to `uint8 (C, size_px, size_px)`.

    EXIF orientation is applied, transparency is laid on white and deeper pixels are scaled to 8 bit; then the short
    side is resized with antialiasing and the centre is cropped.

    Arguments:
        image: an opened image, loaded or not.
        size_px: side of the square, in pixels.
        channels: `rgb` (C = 3) or `grey` (C = 1).
        interpolation: one of INTERPOLATIONS.
    Raises:
        ValueError: too many pixels, or values that fit no 8-bit scale; a decoder's own errors pass through.
    """
    _refuse_too_large(image.size)
    image.load()
    orientation = _orientation(image)
    flat = _turn(_eight_bit(image, channels), orientation)
    array = np.asarray(_crop(_resize(flat, size_px, interpolation), size_px))
    return array[None] if array.ndim == 2 else np.ascontiguousarray(array.transpose(2, 0, 1))


def decode_batches(
    items: Sequence[_Item], decode: Callable[[_Item], Array], shape: tuple[int, int, int], batch: int = 256
) -> Iterator[Batch]:
    """Decode items on all cores, in order, a batch at a time (decoders release Python's lock, so threads are enough).

    Arguments:
        items: what `decode` takes.
        decode: returns one `uint8` image of `shape`, or raises.
        shape: `(C, S, S)`.
        batch: items per batch.
    """

    def attempt(item: _Item) -> Array | str:
        try:
            return decode(item)
        except Exception as error:  # decoders raise anything on bad bytes; each is a fact about one file
            return reason(error)

    with ThreadPoolExecutor(num_cores()) as pool:
        for start in range(0, len(items), batch):
            with warnings.catch_warnings():  # once here, not in the threads: the filters belong to the whole process
                _filter_warnings()
                results = list(pool.map(attempt, items[start : start + batch]))
            good = [(start + i, r) for i, r in enumerate(results) if not isinstance(r, str)]
            bad = [(start + i, r) for i, r in enumerate(results) if isinstance(r, str)]
            images = np.stack([image for _, image in good]) if good else np.empty((0, *shape), np.uint8)
            assert images.shape[1:] == shape, (images.shape, shape)
            yield Batch([row for row, _ in good], images, bad)


def num_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def reason(error: Exception) -> str:
    """Why an image could not be read, in a few words without its path."""
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return _too_large()
    if isinstance(error, UnidentifiedImageError):
        return "not an image, or its start is damaged"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    words = (str(error).splitlines() or [""])[0]
    return words if isinstance(error, (OSError, ValueError)) and words else f"{type(error).__name__}: {words}"


def _filter_warnings() -> None:
    from PIL import Image

    warnings.simplefilter("ignore", UserWarning)  # damaged EXIF and the like, of no use to the reader of a result
    warnings.simplefilter("error", Image.DecompressionBombWarning)


def _refuse_too_large(size: tuple[int, int]) -> None:
    from PIL import Image

    if Image.MAX_IMAGE_PIXELS is not None and size[0] * size[1] > Image.MAX_IMAGE_PIXELS:
        raise ValueError(_too_large())


def _too_large() -> str:
    from PIL import Image

    return f"more than {Image.MAX_IMAGE_PIXELS:,} pixels, Pillow's limit against decompression bombs"


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # a damaged EXIF block says nothing about the picture itself
        return 1


def _turn(image: Image.Image, orientation: int) -> Image.Image:
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return image.transpose(turns[orientation]) if orientation in turns else image


def _eight_bit(image: Image.Image, channels: Channels) -> Image.Image:
    """The picture in mode RGB or L."""
    from PIL import Image

    target = "RGB" if channels == "rgb" else "L"
    if image.mode[0] in "IF":
        image = Image.fromarray(_scale_deep(np.asarray(image), image.mode, image.format))
    elif image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        white = Image.new("RGBA", image.size, "white")
        straight = {"La": "LA", "RGBa": "RGBA"}.get(image.mode, image.mode)
        image = Image.alpha_composite(white, image.convert(straight).convert("RGBA")).convert("RGB")
    elif image.mode not in ("RGB", "L", "1", "P"):
        image = image.convert("RGB")
    return image if image.mode == target else image.convert(target)


def _scale_deep(pixels: Array, mode: str, kind: str | None) -> Array:
    """Grey pixels deeper than 8 bit to uint8; the scale comes from the mode if it says so, else from the values."""
    low, high = float(pixels.min()), float(pixels.max())
    if mode.startswith("I;16") or (mode == "I" and kind == "PNG"):  # Pillow below 11 opens 16-bit PNG as I
        full = 65535.0
    elif mode == "F" and high <= 1:
        full = 1.0
    else:
        full = 255.0 if high <= 255 else 65535.0
    if not (low >= 0 and high <= full):  # also true of NaN
        raise ValueError(f"grey values from {low:g} to {high:g}, which fit none of the scales 0..1, 0..255, 0..65535")
    return np.rint(pixels.astype(np.float64) * (255.0 / full)).astype(np.uint8)


def _resize(image: Image.Image, size_px: int, interpolation: str) -> Image.Image:
    from PIL.Image import Resampling

    width, height = image.size
    short, long = min(width, height), max(width, height)
    new_long = int(size_px * long / short)  # rounded down, as torchvision does
    _refuse_too_large((size_px, new_long))  # a strip of 1 x 100,000 pixels
    size = (size_px, new_long) if width <= height else (new_long, size_px)
    return image if size == image.size else image.resize(size, Resampling[interpolation.upper()])


def _crop(image: Image.Image, size_px: int) -> Image.Image:
    width, height = image.size
    left, top = round((width - size_px) / 2), round((height - size_px) / 2)  # half to even, as torchvision does
    if (width, height) == (size_px, size_px):
        return image
    return image.crop((left, top, left + size_px, top + size_px))
