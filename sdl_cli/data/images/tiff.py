"""What a TIFF declares, and its pixels where Pillow does not read them as they are: by tifffile, of the extra `scans`.

Pillow reads plain 8-bit files. Its behaviour on others is written down in docs/FORMATS.md.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.errors import DataError

Source = Path | BinaryIO
Remark = Callable[[str], None]

INSTALL = 'pip install "sdl-cli[scans]"'
EXTRA_BANDS = "more bands than their colours, and the others were left out"

_MAGIC = {b"II*\0": "<", b"MM\0*": ">", b"II+\0": "<", b"MM\0+": ">"}
_SUBFILE, _BITS, _PHOTOMETRIC, _SAMPLES, _EXTRA, _FORMAT, _NODATA = 254, 258, 262, 277, 338, 339, 42113  # tags
_GEOGRAPHIC = (33550, 33922, 34264, 34735, 42112)  # what GDAL writes into maps
_COLOURS = {0: 1, 1: 1, 2: 3, 3: 1, 4: 1, 5: 4, 6: 3, 8: 3}  # bands of a photometric interpretation
_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB = 0, 1, 2
_SMALL_OR_MASK = 0b101  # kinds of sub-files that are no picture of their own: a smaller copy, a mask
_MOST_PAGES = 1000


class RefusedError(ValueError):
    """A TIFF that may be intact but would be read incorrectly."""


class Pixels(NamedTuple):
    """Pixels as they stand in a file: `values (H, W, B)` and EXIF's orientation.

    There are 1 or 3 bands, or, of 8 bits with transparency, 4.
    """

    values: Array
    orientation: int = 1


class Declared(NamedTuple):
    """What a TIFF that Pillow opened says: whether it is deeper than plain 8 bit; its fourth or second band is transparency."""

    is_deep: bool
    num_extra: int
    has_alpha: bool
    is_map: bool


def is_tiff(source: Source) -> bool:
    """Whether a file begins as TIFFs do."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            return file.read(4) in _MAGIC
    source.seek(0)
    return source.read(4) in _MAGIC


def declared(image: Any) -> Declared:
    """What the tags of a TIFF say that Pillow opened and did not load.

    Raises ValueError: the file holds several pages.
    """
    tags = image.tag_v2
    refuse_pages(image.fp)
    num = int(tags.get(_SAMPLES, 1))
    num_extra = num - _COLOURS.get(tags.get(_PHOTOMETRIC, _MIN_IS_WHITE), num)
    has_alpha = num_extra > 0 and _listed(tags.get(_EXTRA, 0))[0] in (1, 2)
    return Declared(is_deep(image), max(num_extra, 0), has_alpha, any(tag in tags for tag in _GEOGRAPHIC))


def is_deep(image: Any) -> bool:
    """Whether the tags of a TIFF that Pillow opened declare more than plain 8 bit."""
    bits, formats = _listed(image.tag_v2.get(_BITS, 1)), _listed(image.tag_v2.get(_FORMAT, 1))
    return max(bits) > 8 or any(kind not in (1, 4) for kind in formats)


def size_and_mode(source: Source) -> tuple[int, int, str]:
    """Width, height and type of values of a TIFF. Raises as `read`."""
    tifffile = require_readers()
    if not isinstance(source, Path):
        source.seek(0)
    try:
        with tifffile.TiffFile(source, is_ome=False) as opened:
            page = opened.pages[0]
            mode = "F" if page.samplesperpixel == 1 else f"{page.dtype} of {page.samplesperpixel} bands"
            return int(page.imagewidth), int(page.imagelength), mode
    except Exception as error:
        raise _damaged(error) from error


def refuse_pages(file: BinaryIO) -> None:
    """Raise a ValueError for a TIFF of several pages; smaller copies and masks of the first one do not count."""
    num = _num_pages(file)
    if num > 1:
        raise RefusedError(f"{num:,} pages, of which only one could be used: save the one that counts as a file of its own")


def refuse_measured_alpha(alpha: Array, is_map: bool) -> None:
    """Raise a ValueError where a band `uint8 (H, W)` that is declared as transparency looks like a measured one.

    Programs for maps declare a fourth band that way whatever it holds. Real transparency is nearly always none or full.
    """
    between = float(((alpha > 0) & (alpha < 255)).mean())
    if between > (0.0 if is_map else 0.5):
        raise RefusedError(
            f"its last band is declared as transparency, but {between:.0%} of it is neither clear nor opaque, as in a measured "
            "band such as near infrared: save the file without this band"
        )


def read(source: Source, remark: Remark) -> Pixels:
    """Read the one page of a TIFF with tifffile.

    Arguments:
        source: a path, or an open file that is read from its start.
        remark: is called with bands that are left out.
    Returns: `uint8` values where the file has plain 8 bits, otherwise `float32`.
    Raises:
        DataError: tifffile or imagecodecs is not installed. ValueError: an unsupported or damaged TIFF.
    """
    tifffile = require_readers()
    if not isinstance(source, Path):
        source.seek(0)
    try:
        with tifffile.TiffFile(source, is_ome=False) as file:
            refuse_pages(file.filehandle)
            return _page(file, file.pages[0], remark)
    except (RefusedError, DataError):
        raise
    except Exception as error:  # a damaged file can make a reader raise anything
        raise _damaged(error) from error


def _damaged(error: Exception) -> ValueError:
    return ValueError(f"a damaged TIFF, or of a kind that is not read: {str(error) or type(error).__name__}")


def _page(file: Any, page: Any, remark: Remark) -> Pixels:
    _check(file, page)
    values = page.asarray(maxworkers=1)
    values = {"YX": lambda: values[..., None], "YXS": lambda: values, "SYX": lambda: values.transpose(1, 2, 0)}[page.axes]()
    nodata = page.tags.get(_NODATA)
    missing = None if nodata is None else float(str(nodata.value).strip("\0 "))
    if missing is not None and (values == missing).any():
        raise RefusedError(f"pixels of value {missing:g}, which the file declares as missing")
    photometric, bits = int(page.photometric), int(np.max(page.bitspersample))
    num = _COLOURS[photometric]
    alpha = values[..., num] if len(page.extrasamples) and int(page.extrasamples[0]) in (1, 2) else None
    if values.shape[-1] > num + (alpha is not None):
        if photometric != _RGB and values.shape[-1] > 2:
            raise RefusedError(f"{values.shape[-1]} bands, of which none is declared as red, green or blue: save it as RGB")
        remark(EXTRA_BANDS)
    colours = values[..., :num]
    if photometric == _MIN_IS_WHITE:
        if values.dtype.kind != "u":
            raise RefusedError(f"white is 0, which has no meaning for values of type {values.dtype}")
        colours = (2**bits - 1) - colours
    if values.dtype == np.uint8 and bits == 8:
        if alpha is not None:
            refuse_measured_alpha(alpha, any(tag in page.tags for tag in _GEOGRAPHIC))
            colours = np.concatenate([np.repeat(colours, 4 - num, axis=-1)[..., :3], alpha[..., None]], axis=-1)
        return Pixels(np.ascontiguousarray(colours), _orientation(page))
    if alpha is not None:
        refuse_deep_alpha(alpha, 1.0 if alpha.dtype.kind == "f" else 2**bits - 1)
    with np.errstate(over="ignore"):  # a number too large for float32 is refused as infinite
        return Pixels(colours.astype(np.float32), _orientation(page))


def _check(file: Any, page: Any) -> None:
    """Refuse kinds of pages that are not read, and sizes that are too large, before any memory is taken."""
    from PIL import Image

    most = Image.MAX_IMAGE_PIXELS
    samples = int(page.imagewidth) * int(page.imagelength) * int(page.samplesperpixel)
    chunk = int(np.prod([int(side) for side in page.chunks], dtype=object)) if page.imagewidth and page.imagelength else 0
    if most is not None and max(samples, chunk) > most:
        raise RefusedError(f"more than {most:,} values, the limit against files that unpack to far more than they are")
    images = (file.imagej_metadata or {}).get("images", 1) if file.is_imagej else 1
    if isinstance(images, int) and images > 1:
        raise RefusedError(f"{images:,} pages, of which only one could be used: save the one that counts as a file of its own")
    if int(page.photometric) not in (_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB):
        raise RefusedError(
            f"colours of kind {getattr(page.photometric, 'name', page.photometric)}, which are not read in this kind of TIFF"
        )
    if page.dtype is None or page.dtype.kind not in "uif" or (page.dtype == np.uint8 and np.max(page.bitspersample) != 8):
        raise RefusedError(f"values of {page.bitspersample} bits of kind {getattr(page.sampleformat, 'name', page.sampleformat)}")
    if page.axes not in ("YX", "YXS", "SYX"):
        raise RefusedError(f"axes {page.axes}, and only flat images are read")


def refuse_deep_alpha(alpha: Array, full: float) -> None:
    """Raise a ValueError where deep pixels are transparent anywhere: what lies behind them has no value."""
    if not (alpha == full).all():
        raise RefusedError("more than 8 bits and a band declared as transparency that is not opaque everywhere: save it without")


def _orientation(page: Any) -> int:
    tag = page.tags.get(274)
    return 1 if tag is None else int(tag.value)


def _listed(value: Any) -> tuple[int, ...]:
    return tuple(int(v) for v in value) or (0,) if isinstance(value, (tuple, list)) else (int(value),)


def _num_pages(file: BinaryIO) -> int:
    """Pages of a TIFF by its chain of directories; smaller copies and masks do not count. 1 where the chain is damaged."""
    place, num = file.tell(), 0
    seen: set[int] = set()
    try:
        file.seek(0)
        start = file.read(16)
        order = _MAGIC[start[:4]]
        is_big = start[2:4] in (b"+\0", b"\0+")
        size, count, offset = (20, "Q", "Q") if is_big else (12, "H", "I")
        (at,) = struct.unpack_from(order + offset, start, 8 if is_big else 4)
        while at and at not in seen and len(seen) < _MOST_PAGES:
            seen.add(at)
            file.seek(at)
            (entries,) = struct.unpack(order + count, file.read(struct.calcsize(count)))
            content = file.read(min(entries, 65_535) * size)
            kinds = [
                struct.unpack_from(order + "I", content, start + size - (8 if is_big else 4))[0]
                for start in range(0, len(content) - size + 1, size)
                if struct.unpack_from(order + "H", content, start)[0] == _SUBFILE
            ]
            num += not (kinds and kinds[0] & _SMALL_OR_MASK)
            (at,) = struct.unpack(order + offset, file.read(struct.calcsize(offset)))
    except (OSError, KeyError, struct.error):
        return max(num, 1)
    finally:
        file.seek(place)
    return num


def require_readers() -> Any:
    try:
        import imagecodecs  # noqa: F401  (tifffile asks it to unpack what is compressed)
        import tifffile
    except ImportError as error:
        raise DataError(
            "There are images that need another reader: TIFFs deeper than 8 bits or of a rare kind, or PNGs with 16-bit colours.",
            f"Install it: {INSTALL}",
        ) from error
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # its errors say what matters
    return tifffile
