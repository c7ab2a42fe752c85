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
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.images import readers, scans, squares, tiff
from sdl_cli.data.images.pixels import USUAL, Pixels, Remark, Source, View
from sdl_cli.data.images.squares import PhotoChannels, refuse_too_large, square, square_of, too_large
from sdl_cli.errors import SdlError
from sdl_cli.settings.machine import available_cores

if TYPE_CHECKING:
    from PIL import Image

Channels = Literal["rgb", "grey"]
NUM_CHANNELS = squares.NUM_CHANNELS
_NATIVE_PX = 64  # square images up to this side stay as they are where no size is asked for
_NUM_PROBES = 64
_BATCH_BYTES = 8 * 2**20
_GREY_MODES = frozenset({"L", "1", "I", "I;16", "I;16B", "F"})
INTERPOLATIONS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")
# fmt: off
SUFFIXES = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".webp", ".avif",
    ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".jp2", ".heic", ".heif", ".hif", ".dcm", ".dicom", ".ima", ".nii",
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


def is_image_name(name: str) -> bool:
    """Whether a file is called as images are."""
    lower = name.lower()
    return lower.endswith(".nii.gz") or ("." in lower and f".{lower.rpartition('.')[2]}" in SUFFIXES)


def decode_file(
    source: Source,
    size_px: int,
    channels: PhotoChannels,
    interpolation: str = "bilinear",
    remark: Remark = _no_remark,
    view: View = USUAL,
    frame: int = 0,
) -> Array:
    """Read an image file, by its path or opened: `uint8 (C, size_px, size_px)`, or float32 where it holds more than 8 bits.

    Arguments:
        view, frame: which picture of a file that has several.
    Raises:
        SdlError: a reader is not installed.
        Exception: any kind that a decoder raises on bad bytes; `reason` puts it in words.
    """
    from PIL import Image

    view = replace(view, all_bands=channels == "all")
    own = readers.reader_of(source)
    if own is not None:
        return square_of(own.read(source, frame, view, remark), size_px, channels, interpolation)
    if tiff.is_surely_deep(source):  # Pillow would only find that it is
        return square_of(tiff.read(source, remark, view, frame), size_px, channels, interpolation)
    try:
        image = Image.open(source)
    except Exception as error:
        if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)) or not tiff.is_tiff(source):
            raise
        # of a kind that Pillow does not know
        return square_of(tiff.read(source, remark, view, frame), size_px, channels, interpolation)
    with image:
        return to_square(image, size_px, channels, interpolation, remark, view, frame)


def num_pictures(source: Source) -> int:
    """How many frames, pages or volumes a file has, each of which could be a row. Raises as `decode_file`."""
    from PIL import Image

    own = readers.reader_of(source)
    if own is not None:
        return int(own.count(source))
    try:
        with Image.open(source) as image:
            return scans.num_frames(image)
    except Exception:
        if not tiff.is_tiff(source):
            raise
        return tiff.count(source)


def to_square(
    image: Image.Image,
    size_px: int,
    channels: PhotoChannels,
    interpolation: str = "bilinear",
    remark: Remark = _no_remark,
    view: View = USUAL,
    frame: int = 0,
) -> Array:
    """Bring a PIL image of any mode to `(C, size_px, size_px)`: uint8, or float32 where it holds more than 8 bits.

    EXIF orientation is applied and transparency is laid on white; then the short side is resized with antialiasing and the
    centre is cropped.

    Arguments:
        image: an opened image, loaded or not.
        interpolation: one of INTERPOLATIONS.
        remark: is called with what is left out of the image.
        view, frame: which picture of a file that has several.
    Raises ValueError: too many pixels, or a kind that is not read right; a decoder's own errors pass through.
    """
    scans.turn_to(image, frame, view, remark)
    refuse_too_large(image.size)
    deep = scans.deep_pixels(image, remark, view, frame)
    if deep is not None:
        return square_of(deep, size_px, channels, interpolation)
    if channels == "all":
        image.load()
        return square_of(Pixels(scans.all_bands(image), scans.orientation_of(image)), size_px, channels, interpolation)
    image = scans.plain(image, remark)
    image.load()
    return square(image, scans.orientation_of(image), size_px, channels, interpolation)


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

    own = readers.reader_of(source)
    if own is not None:
        width, height, mode = own.size_and_mode(source)
        return int(width), int(height), str(mode)
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
        return too_large()
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
