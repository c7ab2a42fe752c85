"""One image file to one square array, with exactly torchvision's Resize and CenterCrop of a PIL image.

Plain 8-bit images become uint8. Deeper ones stay the numbers of their file, float32: one scale for a whole data set brings them
to 8 bit (see `depth`).
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.images import scans, tiff
from sdl_cli.data.images.tiff import Pixels, Remark, Source
from sdl_cli.errors import SdlError
from sdl_cli.machine import available_cores

if TYPE_CHECKING:
    from PIL import Image

Channels = Literal["rgb", "grey"]
NUM_CHANNELS = {"rgb": 3, "grey": 1}
_NATIVE_PX = 64  # square images up to this side stay as they are where no size is asked for
_NUM_PROBES = 64
_BATCH_BYTES = 8 * 2**20
_GREY_MODES = frozenset({"L", "1", "I", "I;16", "I;16B", "F"})
INTERPOLATIONS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")
# fmt: off
SUFFIXES = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".webp", ".avif",
    ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".jp2",
})
# fmt: on

_Item = TypeVar("_Item")


class Batch(NamedTuple):
    """Some decoded items: `images (n, C, S, S)` of those at `rows`, and (row, reason) of those that failed.

    `deep (n,)` says which hold more than plain 8 bit; where any does, all `images` are float32.
    """

    rows: list[int]
    images: Array
    failures: list[tuple[int, str]]
    deep: Array


def _no_remark(remark: str) -> None:
    """Ignores remarks about what was left out."""


def decode_file(
    source: Source, size_px: int, channels: Channels, interpolation: str = "bilinear", remark: Remark = _no_remark
) -> Array:
    """Read an image file, by its path or opened: `uint8 (C, size_px, size_px)`, or float32 where it holds more than 8 bits.

    Raises:
        SdlError: a reader is not installed.
        Exception: any kind that a decoder raises on bad bytes; `reason` puts it in words.
    """
    from PIL import Image

    try:
        image = Image.open(source)
    except Exception as error:
        if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)) or not tiff.is_tiff(source):
            raise
        return _square_of(tiff.read(source, remark), size_px, channels, interpolation)  # of a kind that Pillow does not know
    with image:
        return to_square(image, size_px, channels, interpolation, remark)


def to_square(
    image: Image.Image, size_px: int, channels: Channels, interpolation: str = "bilinear", remark: Remark = _no_remark
) -> Array:
    """Bring a PIL image of any mode to `(C, size_px, size_px)`: uint8, or float32 where it holds more than 8 bits.

    EXIF orientation is applied and transparency is laid on white; then the short side is resized with antialiasing and the
    centre is cropped.

    Arguments:
        image: an opened image, loaded or not.
        interpolation: one of INTERPOLATIONS.
        remark: is called with what is left out of the image.
    Raises ValueError: too many pixels, or a kind that is not read right; a decoder's own errors pass through.
    """
    _refuse_too_large(image.size)
    deep = scans.deep_pixels(image, remark)
    if deep is not None:
        return _square_of(deep, size_px, channels, interpolation)
    image = scans.plain(image, remark)
    image.load()
    return _square(image, scans.orientation_of(image), size_px, channels, interpolation)


def is_read_as_ever(source: Source) -> bool:
    """Whether versions without support for deep images read this one the same way; also true for non-images."""
    from PIL import Image

    try:
        with Image.open(source) as image:
            return scans.is_ordinary(image)
    except Exception:
        return not tiff.is_tiff(source)


def size_and_mode(source: Source) -> tuple[int, int, str]:
    """Width and height in pixels and colour mode of an image file, by its start alone. Raises as `decode_file`."""
    from PIL import Image

    try:
        with Image.open(source) as image:
            return image.width, image.height, scans.mode_of(image)
    except Exception:
        if not tiff.is_tiff(source):
            raise
        return tiff.size_and_mode(source)


def native_size(sizes: set[tuple[int, int]], modes: set[str], preferred_px: int | None) -> tuple[int, Channels]:
    """Side and channels of images of which some were looked at: those that all share, where they are small squares.

    Arguments:
        sizes: widths and heights in pixels. modes: colour modes. preferred_px: the side that the model prefers, for other sizes.
    """
    width, height = next(iter(sizes))
    is_native = len(sizes) == 1 and width == height <= _NATIVE_PX
    return width if is_native else preferred_px or _NATIVE_PX, "grey" if modes <= _GREY_MODES else "rgb"


def probed(num: int) -> Array:
    """Positions of the images that decide size and channels of `num`, spread evenly."""
    return np.unique(np.linspace(0, num - 1, _NUM_PROBES).astype(int))


def _square(image: Image.Image, orientation: int, size_px: int, channels: Channels, interpolation: str) -> Array:
    flat = _turn(_eight_bit(image, channels), orientation)
    array = np.asarray(_crop(_resize(flat, size_px, interpolation), size_px))
    return array[None] if array.ndim == 2 else np.ascontiguousarray(array.transpose(2, 0, 1))


def _square_of(pixels: Pixels, size_px: int, channels: Channels, interpolation: str) -> Array:
    from PIL import Image

    values = pixels.values
    if values.dtype == np.uint8:
        image = Image.fromarray(values[..., 0] if values.shape[-1] == 1 else values)
        return _square(image, pixels.orientation, size_px, channels, interpolation)
    bands = []
    for band in np.moveaxis(scans.in_channels(values, channels), -1, 0):
        image = _turn(Image.fromarray(np.ascontiguousarray(band)), pixels.orientation)
        bands.append(np.asarray(_crop(_resize(image, size_px, interpolation), size_px)))
    return np.stack(bands if len(bands) == NUM_CHANNELS[channels] else bands * NUM_CHANNELS[channels])


def decode_batches(
    items: Iterable[_Item], decode: Callable[[int, _Item], Array], shape: tuple[int, int, int], batch: int = 256
) -> Iterator[Batch]:
    """Decode items on all cores, in order, a batch at a time (decoders release Python's lock, so threads are enough).

    Arguments:
        decode: takes an item and its row, and returns one image of `shape` `(C, S, S)`, uint8 or float32, or raises.
        batch: most images of a batch; of large ones there are fewer, about 8 MB in all.
    """
    batch = min(batch, max(16, _BATCH_BYTES // math.prod(shape)))

    def attempt(numbered: tuple[int, _Item]) -> Array | str:
        try:
            return decode(*numbered)
        except SdlError:  # a reader is not installed: a fact about this machine
            raise
        except Exception as error:  # decoders raise anything on bad bytes; each is a fact about one file
            return reason(error)

    numbered = enumerate(items)
    with ThreadPoolExecutor(available_cores()) as pool:
        while some := list(itertools.islice(numbered, batch)):
            with warnings.catch_warnings():  # once here, not in the threads: the filters belong to the whole process
                _filter_warnings()
                results = list(enumerate(pool.map(attempt, some), some[0][0]))
            good = [(row, result) for row, result in results if not isinstance(result, str)]
            bad = [(row, result) for row, result in results if isinstance(result, str)]
            images = np.stack([image for _, image in good]) if good else np.empty((0, *shape), np.uint8)
            assert images.shape[1:] == shape, (images.shape, shape)
            yield Batch([row for row, _ in good], images, bad, np.array([i.dtype != np.uint8 for _, i in good], bool))


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


def _turn(image: Image.Image, orientation: int) -> Image.Image:
    from PIL.Image import Transpose

    names = ("FLIP_LEFT_RIGHT", "ROTATE_180", "FLIP_TOP_BOTTOM", "TRANSPOSE", "ROTATE_270", "TRANSVERSE", "ROTATE_90")
    return image.transpose(Transpose[names[orientation - 2]]) if 2 <= orientation <= 8 else image


def _eight_bit(image: Image.Image, channels: Channels) -> Image.Image:
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
    _refuse_too_large((size_px, new_long))  # a strip of 1 x 100,000 pixels
    size = (size_px, new_long) if width <= height else (new_long, size_px)
    return image if size == image.size else image.resize(size, Resampling[interpolation.upper()])


def _crop(image: Image.Image, size_px: int) -> Image.Image:
    width, height = image.size
    left, top = round((width - size_px) / 2), round((height - size_px) / 2)  # half to even, as torchvision does
    if (width, height) == (size_px, size_px):
        return image
    return image.crop((left, top, left + size_px, top + size_px))
