"""Pixels deeper than plain 8 bits, as stored in the file: grey and colours of 16 bits, whole and floating numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.images import tiff
from sdl_cli.data.images.tiff import Pixels, Remark

_ORIENTATION = 0x0112  # the EXIF tag
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R 601-2, as Pillow weighs colours
_ANIMATED = "several frames, and only the first of each was used"
_TGA_FLAGS = 17  # the byte of a TGA's header whose low half counts the bits of transparency


def deep_pixels(image: Any, remark: Remark) -> Pixels | None:
    """The pixels of an opened and not loaded PIL image, or None if it is plain 8-bit and Pillow reads it correctly.

    Raises:
        DataError: a reader is not installed. ValueError: a kind that cannot be read correctly, with the reason.
    """
    if image.format == "TIFF" and image.fp is not None:
        says = tiff.declared(image)
        return tiff.read(image.fp, remark) if says.is_deep else None
    if image.format == "PNG" and image.mode[0] not in "IF" and _raw_mode(image).endswith(";16B"):
        return _png_colours(image)
    if image.format == "PPM" and image.mode == "RGB" and _maximum(image) > 255:
        raise ValueError("colours of more than 8 bits in a PPM file, of which only 8 would be read: save it as TIFF or PNG")
    if image.mode[0] not in "IF":
        return None
    most = _maximum(image, 65_535) if image.format == "PPM" else 65_535
    image.load()
    values = np.asarray(image)
    if most != 65_535:  # Pillow has stretched what the file holds from 0..most to 0..65535
        values = np.rint(values * (most / 65_535))
    clear = image.info.get("transparency")
    if isinstance(clear, int) and (values == clear).any():
        raise ValueError(f"more than 8 bits and pixels of value {clear} declared as transparent: lay it on a background first")
    return Pixels(values.astype(np.float32)[..., None], orientation_of(image))


def is_ordinary(image: Any) -> bool:
    """Whether an opened and not loaded image is plain 8 bit, and nothing in it is left out or only looks transparent."""
    if image.format == "TIFF":
        return not tiff.is_deep(image) and not tiff.declared(image).num_extra
    is_deep = image.mode[0] in "IF" or _raw_mode(image).endswith(";16B")
    is_deep = is_deep or (image.format == "PPM" and image.mode == "RGB" and _maximum(image) > 255)
    return not is_deep and (image.format, image.mode) != ("TGA", "RGBA")


def plain(image: Any, remark: Remark) -> Any:
    """A plain 8-bit PIL image, opened and not loaded, without a band that only looks like transparency."""
    if image.format == "TIFF" and image.fp is not None:
        says = tiff.declared(image)
        if says.num_extra > says.has_alpha:
            remark(tiff.EXTRA_BANDS)
        if says.has_alpha and image.mode in ("RGBA", "RGBa", "LA", "La"):
            tiff.refuse_measured_alpha(np.asarray(image)[..., -1], says.is_map)
        elif image.mode == "RGBA" and says.num_extra:
            image.load()
            return image.convert("RGB")
    elif image.format == "TGA" and image.mode == "RGBA" and not _tga_alpha_bits(image.fp):
        image.load()
        return image.convert("RGB")
    elif image.format in ("GIF", "WEBP", "PNG", "AVIF") and getattr(image, "is_animated", False):
        remark(_ANIMATED)
    return image


def mode_of(image: Any) -> str:
    """The colour mode of an opened image: Pillow's, unless that hides how deep it is."""
    is_deep = tiff.is_deep(image) if image.format == "TIFF" else image.format == "PNG" and _raw_mode(image).endswith(";16B")
    if not is_deep or image.mode[0] in "IF":
        return str(image.mode)
    return "F" if image.mode == "L" else f"{image.mode} of more than 8 bits"


def orientation_of(image: Any) -> int:
    """EXIF's orientation, 1 (upright) to 8."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # a damaged EXIF block says nothing about the picture itself
        return 1


def in_channels(values: Array, channels: str) -> Array:
    """`float32 (H, W, B)` of 1 or 3 bands brought to grey `(H, W, 1)`, or as it is where rgb is asked for.

    Raises ValueError: values that are infinite or not numbers.
    """
    if not (np.isfinite(values.min()) and np.isfinite(values.max())):
        raise ValueError("values that are infinite or not numbers")
    return (values @ _LUMA)[..., None] if channels == "grey" and values.shape[-1] == 3 else values


def _raw_mode(image: Any) -> str:
    """Pillow's raw mode of the file, such as RGB;16B."""
    args = image.tile[0][3] if image.tile else ""
    return str(args[0] if isinstance(args, tuple) and args else args)


def _maximum(image: Any, otherwise: int = 255) -> int:
    """The largest value that a PPM declares, where Pillow's decoder is told of it."""
    args = image.tile[0][3] if image.tile else ""
    return max((v for v in args if isinstance(v, int)), default=otherwise) if isinstance(args, tuple) else otherwise


def _tga_alpha_bits(file: Any) -> int:
    place = file.tell()
    file.seek(_TGA_FLAGS)
    flags = file.read(1)[0]
    file.seek(place)
    return int(flags) & 0x0F


def _png_colours(image: Any) -> Pixels:
    """Colours of 16 bits, of which Pillow keeps the upper 8."""
    tiff.require_readers()
    import imagecodecs

    image.fp.seek(0)
    values = imagecodecs.png_decode(image.fp.read())
    if values.ndim != 3 or values.dtype != np.uint16:
        raise ValueError(f"a PNG that was read as {values.dtype} {values.shape}")
    if values.shape[-1] in (2, 4):
        tiff.refuse_deep_alpha(values[..., -1], 65_535)
        values = values[..., :-1]
    return Pixels(values.astype(np.float32), orientation_of(image))
