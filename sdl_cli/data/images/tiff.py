"""What a TIFF declares, and its pixels where Pillow does not read them as they are: by tifffile, of the extra `scans`.

Pillow reads plain 8-bit files. Its behaviour on others is written down in docs/FORMATS.md.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.images import lab, tiff_pages
from sdl_cli.data.images.pixels import EXTRA_BANDS, USUAL, Pixels, RefusedError, Remark, Source, View, opened, refuse_large
from sdl_cli.data.images.tiff_pages import MAGIC, stack_of
from sdl_cli.errors import DataError

INSTALL = 'pip install "sdl-cli[scans]"'

_BITS, _PHOTOMETRIC, _SAMPLES, _EXTRA, _FORMAT, _NODATA = 258, 262, 277, 338, 339, 42113  # tags
_GEOGRAPHIC = (33550, 33922, 34264, 34735, 42112)  # what GDAL writes into maps
_COLOURS = {0: 1, 1: 1, 2: 3, 3: 1, 4: 1, 5: 4, 6: 3, 8: 3}  # bands of a photometric interpretation
_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB = 0, 1, 2


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
            return file.read(4) in MAGIC
    source.seek(0)
    return source.read(4) in MAGIC


def declared(image: Any) -> Declared:
    """What the tags of a TIFF say that Pillow opened and did not load, of the page that it stands at."""
    tags = image.tag_v2
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


def is_surely_deep(source: Source) -> bool:
    """Whether a file is a TIFF of more than plain 8 bits, by its first tags; False where that is not sure."""
    with opened(source) as file:
        return tiff_pages.is_surely_deep(file)


def count(source: Source) -> int:
    """How many pictures a TIFF has."""
    with opened(source) as file:
        return stack_of(file).num_frames


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


def read(source: Source, remark: Remark, view: View = USUAL, frame: int = 0) -> Pixels:
    """Read one picture of a TIFF with tifffile.

    Arguments:
        source: a path, or an open file that is read from its start.
        remark: is called with bands that are left out.
        frame: its number among the pictures of the file.
    Returns: `uint8` values where the file has plain 8 bits, otherwise `float32`.
    Raises:
        DataError: tifffile or imagecodecs is not installed. ValueError: an unsupported or damaged TIFF.
    """
    tifffile = require_readers()
    if not isinstance(source, Path):
        source.seek(0)
    try:
        with tifffile.TiffFile(source, is_ome=False) as file:
            stack = stack_of(file.filehandle).checked(view)
            parts = [_page(file.pages[index], remark, view) for index in stack.of_frame(frame)]
            return parts[0] if len(parts) == 1 else Pixels(np.concatenate([p.values for p in parts], -1), parts[0].orientation)
    except (RefusedError, DataError):
        raise
    except Exception as error:  # a damaged file can make a reader raise anything
        raise _damaged(error) from error


def _damaged(error: Exception) -> ValueError:
    return ValueError(f"a damaged TIFF, or of a kind that is not read: {str(error) or type(error).__name__}")


def _page(page: Any, remark: Remark, view: View) -> Pixels:
    _check(page)
    values = page.asarray(maxworkers=1)
    values = {"YX": lambda: values[..., None], "YXS": lambda: values, "SYX": lambda: values.transpose(1, 2, 0)}[page.axes]()
    nodata = page.tags.get(_NODATA)
    missing = None if nodata is None else float(str(nodata.value).strip("\0 "))
    if missing is not None and (values == missing).any():
        raise RefusedError(f"pixels of value {missing:g}, which the file declares as missing")
    photometric, bits = int(page.photometric), int(np.max(page.bitspersample))
    if photometric in (lab.CIELAB, lab.ICCLAB):
        return _from_lab(page, values, remark, view)
    num = _COLOURS[photometric]
    if photometric == _MIN_IS_WHITE:
        if values.dtype.kind != "u":
            raise RefusedError(f"white is 0, which has no meaning for values of type {values.dtype}")
        values = np.concatenate([(2**bits - 1) - values[..., :num], values[..., num:]], axis=-1)
    is_plain = values.dtype == np.uint8 and bits == 8
    if view.all_bands:
        with np.errstate(over="ignore"):  # a number too large for float32 is refused as infinite
            return Pixels(np.ascontiguousarray(values) if is_plain else values.astype(np.float32), _orientation(page))
    alpha = values[..., num] if len(page.extrasamples) and int(page.extrasamples[0]) in (1, 2) else None
    if values.shape[-1] > num + (alpha is not None):
        if photometric != _RGB and values.shape[-1] > 2:
            raise RefusedError(f"{values.shape[-1]} bands, of which none is declared as red, green or blue: save it as RGB")
        remark(EXTRA_BANDS)
    colours = values[..., :num]
    if is_plain:
        if alpha is not None:
            refuse_measured_alpha(alpha, any(tag in page.tags for tag in _GEOGRAPHIC))
            colours = np.concatenate([np.repeat(colours, 4 - num, axis=-1)[..., :3], alpha[..., None]], axis=-1)
        return Pixels(np.ascontiguousarray(colours), _orientation(page))
    if alpha is not None:
        refuse_deep_alpha(alpha, 1.0 if alpha.dtype.kind == "f" else 2**bits - 1)
    with np.errstate(over="ignore"):  # a number too large for float32 is refused as infinite
        return Pixels(colours.astype(np.float32), _orientation(page))


def _from_lab(page: Any, values: Array, remark: Remark, view: View) -> Pixels:
    """Colours of CIELAB as sRGB of 8 bits."""
    if values.dtype.kind != "u" or values.dtype.itemsize > 2 or values.shape[-1] < 3:
        raise RefusedError(f"CIELAB colours of type {values.dtype} and {values.shape[-1]} bands")
    if values.shape[-1] > 3:
        if view.all_bands:
            raise RefusedError("CIELAB colours and further bands, which have no common meaning: save it as RGB")
        remark(EXTRA_BANDS)
    return Pixels(lab.to_rgb(values[..., :3], int(page.photometric)), _orientation(page))


def _check(page: Any) -> None:
    """Refuse kinds of pages that are not read, and sizes that are too large, before any memory is taken."""
    samples = int(page.imagewidth) * int(page.imagelength) * int(page.samplesperpixel)
    chunk = int(np.prod([int(side) for side in page.chunks], dtype=object)) if page.imagewidth and page.imagelength else 0
    refuse_large(max(samples, chunk))
    if int(page.photometric) not in (_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB, lab.CIELAB, lab.ICCLAB):
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


def require_readers() -> Any:
    try:
        import imagecodecs  # noqa: F401  (tifffile asks it to unpack what is compressed)
        import tifffile
    except ImportError as error:
        raise DataError(
            "There are images that need another reader: TIFFs deeper than 8 bits or of a rare kind, or PNGs with 16-bit colours.",
            f"Install it: {INSTALL}",
        ) from error
    log = logging.getLogger("tifffile")
    if log.level != logging.CRITICAL:  # setting it takes time
        log.setLevel(logging.CRITICAL)  # its errors say what matters
    return tifffile
