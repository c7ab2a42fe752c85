"""One slice of a NIfTI volume as a picture, by nibabel of the extra `scans`.

Whatever the order of a file's axes, the picture is as DICOM viewers show it: axial slices with the front at the top and the
patient's right on the left, coronal and sagittal ones with the head at the top, sagittal ones looking left.
"""

from __future__ import annotations

import gzip
import logging
import math
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.images.pixels import (
    NOT_SQUARE,
    USUAL,
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
from sdl_cli.phrases import shortened
from sdl_cli.settings.machine import available_bytes

INSTALL = 'pip install "sdl-cli[scans]"'
SUFFIXES = (".nii", ".nii.gz")
_MAGIC = {344: b"n+1\0", 4: b"n+2\0"}  # places in the header of the two versions
_HEAD_BYTES = 352
# of each plane: the anatomical axis across it, down the picture and along its rows (0 to the right, 1 to the front, 2 up);
# in a picture each of the last two runs backwards: down is back or down, along the rows is left or back
_AXES = {"axial": (2, 1, 0), "coronal": (1, 2, 0), "sagittal": (0, 2, 1)}
_NEAR_WHOLE = 0.1  # of a scaled file: the largest step of its numbers at which they may be meant as whole ones


def matches(head: bytes, name: str) -> bool:
    """Whether a file is NIfTI, by its start or, where that is gzip, by its name."""
    return name.lower().endswith(SUFFIXES) or any(head[place : place + 4] == magic for place, magic in _MAGIC.items())


def read(source: Source, frame: int, view: View, remark: Remark) -> Pixels:
    """The slice of a volume that the view asks for: uint8 where the file has plain 8 bits, otherwise float32.

    Arguments:
        frame: number of the volume in a file of several (axes beyond the third), the fourth axis fastest.
    Raises:
        DataError: nibabel is not installed. ValueError: unsupported or damaged.
    """

    def look(image: Any) -> Pixels:
        refuse_several(_num_volumes(image), view, "volumes")
        values, square = _slice(image, frame, view)
        if not square:
            remark(NOT_SQUARE)
        return Pixels(values)

    found: Pixels = _guarded(source, look)
    return found


def count(source: Source) -> int:
    """Its number of volumes. Raises as `read`."""
    return int(_guarded(source, _num_volumes))


def size_and_mode(source: Source, view: View = USUAL) -> tuple[int, int, str]:
    """Width and height of the picture in pixels, and the kind of values. Raises as `read`."""

    def look(image: Any) -> tuple[int, int, str]:
        sides, axes = _sides(image)
        _, down, along = (axes[axis] for axis in _AXES[view.plane])
        dtype = image.get_data_dtype()
        return sides[along], sides[down], "RGB" if dtype.fields else "L" if dtype == np.uint8 else "F"

    found: tuple[int, int, str] = _guarded(source, look)
    return found


def require_reader() -> Any:
    try:
        import nibabel
    except ImportError as error:
        raise DataError("There are NIfTI files, which need another reader.", f"Install it: {INSTALL}") from error
    log = logging.getLogger("nibabel.global")
    if log.level != logging.CRITICAL:
        log.setLevel(logging.CRITICAL)  # its errors say what matters
    return nibabel


def _guarded(source: Source, look: Any) -> Any:
    nibabel = require_reader()
    try:
        with opened(source) as raw:
            is_packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            with gzip.GzipFile(fileobj=raw) if is_packed else opened(raw) as file:
                head = file.read(_HEAD_BYTES)
                file.seek(0)
                kinds = {344: nibabel.Nifti1Image, 4: nibabel.Nifti2Image}
                kind = next((kinds[place] for place, magic in _MAGIC.items() if head[place : place + 4] == magic), None)
                if kind is None:
                    raise RefusedError("not a NIfTI file of one piece: its header does not say n+1 or n+2")
                holder = nibabel.FileHolder(filename=None, fileobj=file)
                image = kind.from_file_map({"header": holder, "image": holder})
                if not is_packed:
                    _refuse_cut_off(image, raw)
                return look(image)
    except (RefusedError, DataError):
        raise
    except (EOFError, zlib.error) as error:
        raise ValueError("a damaged NIfTI file: it is cut off, or its packing is broken") from error
    except OSError as error:
        if isinstance(source, Path) and not source.exists():
            raise
        raise ValueError(f"a damaged NIfTI file: {shortened(error, 120)}") from error
    except Exception as error:  # a damaged file can make a reader raise anything
        what = shortened((str(error).splitlines() or [""])[0] or type(error).__name__, 120)
        raise ValueError(f"a damaged NIfTI file, or of a kind that is not read: {what}") from error


def _refuse_cut_off(image: Any, file: BinaryIO) -> None:
    """Also where the slice that is asked for stands before the cut."""
    place = file.tell()
    size = file.seek(0, 2)
    file.seek(place)
    if int(image.dataobj.offset) + math.prod(map(int, image.shape)) * image.get_data_dtype().itemsize > size:
        raise RefusedError("a damaged NIfTI file: it is cut off")


def _num_volumes(image: Any) -> int:
    return math.prod(int(side) for side in image.shape[3:])


def _sides(image: Any) -> tuple[tuple[int, ...], list[int]]:
    """Sides of a volume by the file's axes, and the file's axis of each anatomical one."""
    sides = (*(int(side) for side in image.shape[:3]), 1, 1, 1)[:3]
    turned = _turned(image)
    return sides, [int(np.flatnonzero(turned[:, 0] == axis)[0]) for axis in range(3)]


def _turned(image: Any) -> Array:
    """Which anatomical axis each of a file's axes is, and its direction `(3, 2)`, with a place for an axis that has none."""
    orientation = require_reader().orientations.io_orientation(image.affine)
    free = [axis for axis in range(3) if axis not in orientation[:, 0]]
    return np.array([(axis, way) if math.isfinite(axis) else (free.pop(0), 1) for axis, way in orientation[:3]], float)


def _slice(image: Any, frame: int, view: View) -> tuple[Array, bool]:
    """The picture `(H, W, B)`, and whether its pixels are square in millimetres."""
    sides, axes = _sides(image)
    directions = _turned(image)[:, 1]
    across, down, along = (axes[axis] for axis in _AXES[view.plane])
    number = sides[across] // 2 if view.slice is None else view.slice
    if number >= sides[across]:
        raise RefusedError(f"{sides[across]:,} {view.plane} slices, and dataset.slice={number} asks for one beyond the last")
    refuse_large(sides[down] * sides[along])
    size = math.prod(sides) * image.get_data_dtype().itemsize
    if size > available_bytes():
        raise RefusedError(f"a volume of {size / 2**20:,.0f} MB, more than the free memory")
    place: list[Any] = [slice(None)] * 3
    place[across] = number if directions[across] > 0 else sides[across] - 1 - number
    volume = np.unravel_index(frame, image.shape[3:], order="F") if len(image.shape) > 3 else ()
    values = _scaled(image, (*place[: min(3, len(image.shape))], *(int(v) for v in volume)))
    values = values.reshape(*(sides[axis] for axis in sorted((down, along))), -1)
    picture = values if down < along else values.swapaxes(0, 1)
    # the file's axis runs to the back where its direction is -1: then it is a picture's already
    picture = picture[:: -1 if directions[down] > 0 else 1, :: -1 if directions[along] > 0 else 1]
    zooms = [float(zoom) for zoom in image.header.get_zooms()[:3]] + [1.0] * 3
    square = math.isclose(zooms[down], zooms[along], rel_tol=0.01)
    return np.ascontiguousarray(picture), square


def _scaled(image: Any, place: tuple[Any, ...]) -> Array:
    """Values at a place as they are meant: colours, plain 8 bits, or numbers scaled by the header."""
    dtype = image.get_data_dtype()
    slope, intercept = image.dataobj.slope, image.dataobj.inter
    if dtype.fields:
        stored = np.asarray(image.dataobj[place])
        if set(dtype.names) - {"R", "G", "B"}:
            raise RefusedError("colours with transparency, which are not read in NIfTI files")
        return np.stack([stored[name] for name in ("R", "G", "B")], axis=-1)
    if dtype.kind not in "uif":
        raise RefusedError(f"values of type {dtype}")
    values = np.asarray(image.dataobj[place])
    if (slope, intercept) == (1.0, 0.0):
        return values if dtype == np.uint8 else values.astype(np.float32)
    step = abs(float(slope))
    if dtype.kind in "ui" and step < _NEAR_WHOLE:
        whole = np.rint(values)
        if np.abs(values - whole).max(initial=0.0) <= step:  # labels that were squeezed into whole numbers
            values = whole
    return values.astype(np.float32)
