"""Pixels deeper than plain 8 bits, as stored in the file: grey and colours of 16 bits, whole and floating numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.images import tiff
from sdl_cli.data.images.pixels import ANIMATED, EXTRA_BANDS, USUAL, Pixels, Remark, View
from sdl_cli.data.images.tiff_pages import stack_of

_ORIENTATION = 0x0112  # the EXIF tag
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R 601-2, as Pillow weighs colours
_LAB = (8, 9)  # photometric interpretations of a TIFF
_MOVING = ("GIF", "WEBP", "PNG", "AVIF", "HEIF")  # of which every frame is a picture like the first
_TGA_FLAGS = 17  # the byte of a TGA's header whose low half counts the bits of transparency


def turn_to(image: Any, frame: int, view: View, remark: Remark) -> None:
    """Bring an opened PIL image to one of its frames or pages.

    Raises ValueError: there are several, and the view does not say which.
    """
    if image.format == "TIFF" and image.fp is not None:
        place = stack_of(image.fp).checked(view).of_frame(frame)[0]
        if place:
            image.seek(place)
    elif view.frames == "all" and image.format in _MOVING:  # the picture that HEIC shows first need not be number 0
        image.seek(frame)
    elif image.format in _MOVING and view.frames is None and getattr(image, "n_frames", 1) > 1:
        remark(ANIMATED)


def num_frames(image: Any) -> int:
    """How many frames or pages an opened PIL image has; smaller copies within a JPEG or TIFF are none."""
    if image.format == "TIFF" and image.fp is not None:
        return stack_of(image.fp).num_frames
    return int(getattr(image, "n_frames", 1)) if image.format in _MOVING else 1


def deep_pixels(image: Any, remark: Remark, view: View = USUAL, frame: int = 0) -> Pixels | None:
    """The pixels of an opened and not loaded PIL image, or None if it is plain 8-bit and Pillow reads it correctly.

    Raises:
        DataError: a reader is not installed. ValueError: a kind that cannot be read correctly, with the reason.
    """
    if image.format == "TIFF" and image.fp is not None:
        says = tiff.declared(image)
        more = view.all_bands and (says.num_extra > 0 or stack_of(image.fp).num_channels > 1)
        is_lab = image.tag_v2.get(262) in _LAB
        return tiff.read(image.fp, remark, view, frame) if says.is_deep or more or is_lab else None
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
        return not tiff.is_deep(image) and not tiff.declared(image).num_extra and stack_of(image.fp).num_frames == 1
    is_deep = image.mode[0] in "IF" or _raw_mode(image).endswith(";16B")
    is_deep = is_deep or (image.format == "PPM" and image.mode == "RGB" and _maximum(image) > 255)
    return not is_deep and (image.format, image.mode) != ("TGA", "RGBA")


def plain(image: Any, remark: Remark) -> Any:
    """A plain 8-bit PIL image, opened and not loaded, without a band that only looks like transparency."""
    if image.format == "TIFF" and image.fp is not None:
        says = tiff.declared(image)
        if says.num_extra > says.has_alpha:
            remark(EXTRA_BANDS)
        if says.has_alpha and image.mode in ("RGBA", "RGBa", "LA", "La"):
            tiff.refuse_measured_alpha(np.asarray(image)[..., -1], says.is_map)
        elif image.mode == "RGBA" and says.num_extra:
            image.load()
            return image.convert("RGB")
    elif image.format == "TGA" and image.mode == "RGBA" and not _tga_alpha_bits(image.fp):
        image.load()
        return image.convert("RGB")
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


def all_bands(image: Any) -> Array:
    """Every band of a plain 8-bit PIL image `uint8 (H, W, B)`: colours of a palette and of YCbCr as red, green and blue."""
    if image.mode in ("1", "P", "PA", "YCbCr", "HSV", "LAB", "La", "RGBa", "RGBX"):
        is_clear = "transparency" in image.info or image.mode in ("PA", "La", "RGBa")
        image = image.convert("L" if image.mode == "1" else "RGBA" if is_clear else "RGB")
    values: Array = np.asarray(image)
    return values[..., None] if values.ndim == 2 else values


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
