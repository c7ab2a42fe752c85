"""Pictures of DICOM files, by pydicom of the extra `scans`: `pixel_array` is not yet a picture.

What stands in the file is brought to what it means: rescaled, padding and MONOCHROME1 turned to black, palettes to colours.
The part numbers in this file are those of the DICOM standard PS3.3.
"""

from __future__ import annotations

import logging
import math
import re
import struct
import zlib
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.images.dicom_values import FromFile, windowed
from sdl_cli.data.images.pixels import (
    NOT_SQUARE,
    Pixels,
    RefusedError,
    Remark,
    Source,
    View,
    opened,
    refuse_large,
    refuse_several,
)
from sdl_cli.errors import DataError
from sdl_cli.phrases import listed, shortened

INSTALL = 'pip install "sdl-cli[scans]"'
_MAGIC, _PLACE = b"DICM", 128
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_MOST_INFLATED_BYTES = 2**28
_PIXELS = {0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData", 0x7FE00010: "PixelData"}
_OWN_PLUGIN = "pydicom"  # that unpacks RLE
_FRAME_BYTES = 8  # that an item of packed pixels has at least


class _Opened(NamedTuple):
    """The elements before the pixels, and the number of frames."""

    elements: Any
    num_frames: int


def matches(head: bytes, name: str) -> bool:
    """Whether a file that begins with `head` is DICOM; one called so without the mark is refused when it is read."""
    return head[_PLACE : _PLACE + 4] == _MAGIC or name.lower().endswith((".dcm", ".dicom", ".ima"))


def read(source: Source, frame: int, view: View, remark: Remark) -> Pixels:
    """One frame as it is meant to be seen: uint8 where the file has plain 8 bits, otherwise float32 as rescaled.

    Raises:
        DataError: pydicom, or what it unpacks this file with, is not installed. ValueError: unsupported or damaged.
    """
    found: Pixels = _guarded(lambda file: _picture(file, frame, view, remark), source)
    return found


def count(source: Source) -> int:
    """Its number of frames. Raises as `read`."""
    return int(_guarded(lambda file: _header(file).num_frames, source))


def size_and_mode(source: Source) -> tuple[int, int, str]:
    """Width and height in pixels, and the kind of values. Raises as `read`."""

    def look(file: BinaryIO) -> tuple[int, int, str]:
        elements = _header(file).elements
        colours, bits = str(elements.PhotometricInterpretation), int(elements.get("BitsStored", 32))
        kind = "F" if colours.startswith("MONO") and bits > 8 else "L" if colours.startswith("MONO") else "RGB"
        return int(elements.Columns), int(elements.Rows), kind

    found: tuple[int, int, str] = _guarded(look, source)
    return found


def patient(source: Source) -> str | None:
    """The patient's number, None where the file has none or cannot be read."""
    try:
        with opened(source) as file:
            _refuse_deflated_bomb(file)
            pydicom = require_reader()
            file.seek(0)
            found = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=["PatientID"]).get("PatientID")
    except DataError:
        raise
    except Exception:  # whoever decodes it says what is wrong with it
        return None
    return str(found).strip() or None if found is not None else None


def require_reader() -> Any:
    try:
        import pydicom
    except ImportError as error:
        raise DataError("There are DICOM files, which need another reader.", f"Install it: {INSTALL}") from error
    log = logging.getLogger("pydicom")
    if log.level != logging.CRITICAL:  # setting it takes time
        log.setLevel(logging.CRITICAL)  # its errors say what matters
    return pydicom


def _guarded(look: Any, source: Source) -> Any:
    try:
        with opened(source) as file:
            return look(file)
    except (RefusedError, DataError, OSError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # a damaged file can make a reader raise anything: a panic of plugins in Rust is no Exception
        what = shortened((str(error).splitlines() or [""])[0] or type(error).__name__, 150)
        raise ValueError(f"a damaged DICOM file, or of a kind that is not read: {what}") from error


def _header(file: BinaryIO) -> _Opened:
    pydicom = require_reader()
    file.seek(_PLACE)
    if file.read(4) != _MAGIC:
        raise RefusedError("not a DICOM file: there is no DICM after its first 128 bytes")
    _refuse_deflated_bomb(file)
    file.seek(0)
    elements = pydicom.dcmread(file, stop_before_pixels=True)
    if "Rows" not in elements or "Columns" not in elements:
        kind = str(elements.get("Modality", "")) or "none"
        raise RefusedError(f"no picture in this DICOM file (its modality is {shortened(kind, 20)})")
    height, width, bands = int(elements.Rows), int(elements.Columns), int(elements.get("SamplesPerPixel", 1))
    if height < 1 or width < 1 or bands not in (1, 3):
        raise RefusedError(f"a picture of {width} x {height} pixels and {bands} bands")
    refuse_large(height * width * bands)
    num = int(elements.get("NumberOfFrames", None) or 1)
    place = file.tell()
    size = file.seek(0, 2)
    file.seek(place)
    packed = elements.file_meta.TransferSyntaxUID.is_compressed
    least = _FRAME_BYTES if packed else height * width * bands * int(elements.BitsAllocated) // 8
    if num < 1 or num * least > (_MOST_INFLATED_BYTES if _is_deflated(elements) else size - place):
        declared = "pixels" if num == 1 else f"{num:,} frames"
        raise RefusedError(f"{declared} beyond the end of the file: it is damaged or cut off")
    return _Opened(elements, num)


def _is_deflated(elements: Any) -> bool:
    return bool(str(elements.file_meta.TransferSyntaxUID) == _DEFLATED.decode())


def _refuse_deflated_bomb(file: BinaryIO) -> None:
    """pydicom unpacks a deflated file whole: what that takes is measured first."""
    file.seek(0)
    head = file.read(2048)
    if _DEFLATED not in head:
        return
    (length,) = struct.unpack_from("<I", head, 140)  # of the group that says how the file is packed
    file.seek(min(144 + length, 2**20))
    inflate, total = zlib.decompressobj(-zlib.MAX_WBITS), 0
    while block := file.read(2**16):
        while block:
            total += len(inflate.decompress(block, 2**22))
            block = inflate.unconsumed_tail
            if total > _MOST_INFLATED_BYTES:
                raise RefusedError(f"it unpacks to more than {_MOST_INFLATED_BYTES / 2**20:.0f} MB")


def _picture(file: BinaryIO, frame: int, view: View, remark: Remark) -> Pixels:
    found = _header(file)
    elements = found.elements
    refuse_several(found.num_frames, view, "frames")
    if not _square(elements):
        remark(NOT_SQUARE)
    values, colours = _stored(file, elements, frame)
    if colours == "RGB":
        return _colours(values, int(elements.BitsStored))
    if colours == "PALETTE COLOR":
        return _by_palette(values, elements)
    if colours not in ("MONOCHROME1", "MONOCHROME2"):
        raise RefusedError(f"colours of kind {shortened(colours, 30)}, which are not read")
    own = FromFile(elements, frame)
    inverted = colours == "MONOCHROME1"
    if view.window == "file":
        return Pixels(windowed(values, own, inverted, remark)[..., None])
    if own.is_plain(values):
        white = 1 if own.bits == 1 else 255
        plain = values.astype(np.uint8) * (255 // white)
        return Pixels((255 - plain if inverted else plain)[..., None])
    return Pixels(own.measured(values, inverted)[..., None])


def _stored(file: BinaryIO, elements: Any, frame: int) -> tuple[Array, str]:
    """The values of a frame `(H, W)` or `(H, W, 3)`, and what they are once pydicom has turned YBR to RGB."""
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.pixels.utils import as_pixel_options

    syntax = elements.file_meta.TransferSyntaxUID
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError as error:
        raise RefusedError(f"packed as {shortened(syntax.name)}, which pydicom does not read") from error
    if not decoder.is_available:
        plugins = listed([shortened(what.partition(" - ")[0], 30) for what in decoder.missing_dependencies], last=" or ")
        raise DataError(
            f"There are DICOM files packed as {shortened(syntax.name, 120)}, which pydicom unpacks by a plugin only ({plugins}), "
            "and none is installed.",
            f"Install one of them, for example: pip install {_packages(decoder)}",
        )
    if _is_deflated(elements):
        file.seek(0)
        whole = require_reader().dcmread(file)
        values, facts = decoder.as_array(whole, index=frame)
    else:
        keyword, vr = _at_pixels(file, syntax)
        options = {**as_pixel_options(elements), "transfer_syntax_uid": syntax, "pixel_keyword": keyword}
        options["view_only"] = True  # nobody writes into them, and a copy costs as much as reading
        if _OWN_PLUGIN in decoder.available_plugins:  # tried alone: damage that it refuses makes the next plugin panic
            options["decoding_plugin"] = _OWN_PLUGIN
        try:
            values, facts = decoder.as_array(file, index=frame, **options | ({} if vr is None else {"pixel_vr": vr}))
        except RuntimeError as error:
            if not decoder.missing_dependencies:
                raise
            what = f"its pixels, packed as {shortened(syntax.name, 120)}, cannot be unpacked"
            raise RefusedError(f"{what} (perhaps by another plugin: pip install {_packages(decoder)})") from error
    return values, str(facts["photometric_interpretation"])


def _packages(decoder: Any) -> str:
    """What to install, of the plugins that are missing: the last that pydicom names, which comes from PyPI without conditions."""
    wanted = re.sub(r"^.* requires ", "", decoder.missing_dependencies[-1])
    return " ".join(name for name in re.findall(r"[a-z][a-z-]+", wanted) if name not in ("and", "numpy"))


def _at_pixels(file: BinaryIO, syntax: Any) -> tuple[str, str | None]:
    """Which element holds the pixels, and its type where it is written; the file is left where their values begin."""
    order = "<" if syntax.is_little_endian else ">"
    group, element = struct.unpack(order + "HH", file.read(4))
    keyword = _PIXELS.get(group << 16 | element)
    if keyword is None:
        raise RefusedError("no pixels in this DICOM file")
    if syntax.is_implicit_VR:
        file.read(4)
        return keyword, None
    vr = file.read(2).decode("ascii", "replace")
    file.read(6)
    return keyword, vr


def _colours(values: Array, bits: int) -> Pixels:
    if values.ndim != 3 or values.shape[-1] != 3:
        raise RefusedError(f"colours of shape {values.shape}")
    return Pixels(np.ascontiguousarray(values) if values.dtype == np.uint8 and bits == 8 else values.astype(np.float32))


def _by_palette(indices: Array, elements: Any) -> Pixels:
    """Colours of a palette, 8 bits of each: a palette of 16 is made to be shown too."""
    from pydicom.pixels.processing import apply_color_lut

    found = apply_color_lut(indices, elements)
    bits = int(elements.RedPaletteColorLookupTableDescriptor[2])
    most = 2**bits - 1
    if found[..., :3].max() > most:
        raise RefusedError(f"a palette that goes beyond its {bits} bits")
    colours = np.rint(found[..., :3].astype(np.float32) * (255.0 / most)).astype(np.uint8)
    if found.shape[-1] == 4 and (found[..., 3] != most).any():
        raise RefusedError("a palette with transparent colours")
    return Pixels(np.ascontiguousarray(colours))


def _square(elements: Any) -> bool:
    """Whether a pixel is as high as it is wide, as far as the file says."""
    for name in ("PixelSpacing", "ImagerPixelSpacing", "PixelAspectRatio"):
        sides = elements.get(name)
        if sides is not None and not isinstance(sides, (str, float, int)) and len(sides) == 2:
            return math.isclose(float(sides[0]), float(sides[1]), rel_tol=0.01)
    return True
