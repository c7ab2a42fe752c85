"""What the numbers of a DICOM frame mean (PS3.3 C.7.6.16, C.11.1 and C.11.2): rescaled values, and the window of the file."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.images.pixels import RefusedError, Remark

_EXACT = 2**24  # whole numbers below are exact in float32
_WINDOWS = "several windows, and the first of each was used"


class FromFile:
    """The facts of one frame that stand in its file, from the frame's own group of them where it has one.

    Arguments:
        elements: the data set before the pixels. frame: its number from 0.
    Raises RefusedError: a rescaling that has no meaning.
    """

    def __init__(self, elements: Any, frame: int) -> None:
        self.elements = elements
        self.is_float = "BitsStored" not in elements
        self.bits = int(elements.get("BitsStored", 0))
        self.signed = int(elements.get("PixelRepresentation", 0)) == 1
        transformation = _group(elements, frame, "PixelValueTransformationSequence")
        dose = elements.get("DoseGridScaling")  # of radiation dose, which has no slope (PS3.3 C.8.8.3)
        self.slope = float(_number(transformation.get("RescaleSlope"), _number(dose, 1.0)))
        self.intercept = float(_number(transformation.get("RescaleIntercept"), 0.0))
        self.window = _group(elements, frame, "FrameVOILUTSequence")
        if not (math.isfinite(self.slope) and math.isfinite(self.intercept) and self.slope != 0):
            raise RefusedError(f"a rescale slope of {self.slope:g} and intercept of {self.intercept:g}, which has no meaning")

    @property
    def limits(self) -> tuple[int, int]:
        """The lowest and the highest value that can be stored."""
        return (-(2 ** (self.bits - 1)), 2 ** (self.bits - 1) - 1) if self.signed else (0, 2**self.bits - 1)

    def is_plain(self, values: Array) -> bool:
        """Whether these are grey levels of 8 bits, or of one, as ordinary pictures have them."""
        rescaled = "ModalityLUTSequence" in self.elements or (self.slope, self.intercept) != (1.0, 0.0)
        return values.dtype == np.uint8 and self.bits in (1, 8) and not rescaled and not self.padding(values).any()

    def padding(self, values: Array) -> Array:
        """Which values `(H, W)` stand for no pixel (PS3.3 C.7.5.1.1.2)."""
        first = self.elements.get("PixelPaddingValue")
        if first is None or self.is_float:
            return np.zeros(values.shape, bool)
        last = self.elements.get("PixelPaddingRangeLimit", first)
        low, high = sorted(int(v) - 2**16 * (self.signed and int(v) >= 2**15) for v in (first, last))
        return np.asarray((values >= low) & (values <= high))

    def rescaled(self, values: Array) -> tuple[Array, float, float]:
        """The values as measured, of floating point, and the two that the lowest and the highest stored ones would become."""
        if "ModalityLUTSequence" in self.elements:
            from pydicom.pixels.processing import apply_modality_lut

            bits = int(self.elements.ModalityLUTSequence[0].LUTDescriptor[2])
            return apply_modality_lut(values, self.elements).astype(np.float64), 0.0, 2.0**bits - 1
        low, high = (limit * self.slope + self.intercept for limit in self.limits) if not self.is_float else (0.0, 0.0)
        exact = not self.is_float and self.slope.is_integer() and self.intercept.is_integer()
        exact = exact and max(abs(low), abs(high), abs(self.intercept)) < _EXACT
        # whole numbers up to there lose nothing in float32, which is quicker
        found: Array = values.astype(np.float32 if exact else np.float64)
        if self.slope != 1.0:
            np.multiply(found, self.slope, out=found)
        if self.intercept != 0.0:
            np.add(found, self.intercept, out=found)
        return found, low, high

    def measured(self, values: Array, inverted: bool) -> Array:
        """Values `float32 (H, W)` after rescaling, low ones dark; padding gets the darkest value of the others."""
        if inverted and self.is_float:
            raise RefusedError("white is the lowest value, which has no meaning for floating-point values")
        found, low, high = self.rescaled(values)
        if inverted:
            found = low + high - found
        if "PixelPaddingValue" in self.elements:
            nothing = self.padding(values)
            if nothing.any():
                found[nothing] = found[~nothing].min() if not nothing.all() else 0.0
        with np.errstate(over="ignore"):  # a number too large for float32 is refused as infinite
            return found.astype(np.float32, copy=False)


def windowed(values: Array, own: FromFile, inverted: bool, remark: Remark) -> Array:
    """Grey levels `uint8 (H, W)` as the file asks to be shown: by its table, or by its first window.

    Raises RefusedError: the file has neither.
    """
    found, low, high = own.rescaled(values)
    table = own.window.get("VOILUTSequence")
    if table:
        from pydicom.pixels.processing import apply_voi

        bits = int(table[0].LUTDescriptor[2])
        shown = apply_voi(np.rint(found).astype(np.int64), own.window) * (255.0 / (2**bits - 1))
    else:
        centre, width = (own.window.get(name) for name in ("WindowCenter", "WindowWidth"))
        if centre is None or width is None or centre == "" or width == "":
            raise RefusedError("no window in this file, and dataset.window=file asks for it: set dataset.window=data")
        if not isinstance(centre, (int, float, str)):
            if len(centre) > 1:
                remark(_WINDOWS)
            centre, width = centre[0], width[0]
        shape = str(own.window.get("VOILUTFunction", None) or "LINEAR").strip().upper()
        shown = 255.0 * _shares(found, float(centre), float(width), shape)
    shown = np.where(own.padding(values), 255.0 if inverted else 0.0, shown)
    levels: Array = np.rint(shown.clip(0.0, 255.0)).astype(np.uint8)
    return 255 - levels if inverted else levels


def _shares(values: Array, centre: float, width: float, shape: str) -> Array:
    """Values as shares of white by a window (PS3.3 C.11.2.1.2 and C.11.2.1.3), not yet cut off at 0 and 1."""
    least = 1.0 if shape == "LINEAR" else 0.0
    if not (math.isfinite(centre) and math.isfinite(width) and width >= least and width > 0):
        raise RefusedError(f"a window of width {width:g} around {centre:g}, which has no meaning")
    if shape == "LINEAR":
        return np.asarray((values - (centre - 0.5)) / max(width - 1.0, 1e-9) + 0.5)
    if shape == "LINEAR_EXACT":
        return np.asarray((values - centre) / width + 0.5)
    if shape == "SIGMOID":
        return np.asarray(1.0 / (1.0 + np.exp((-4.0 * (values - centre) / width).clip(-700, 700))))
    raise RefusedError("a window of a kind that is not read")


def _group(elements: Any, frame: int, sequence: str) -> Any:
    """Where a frame's facts of one kind stand: in its own functional group, in the one of all frames, or in the file itself."""
    own = elements.get("PerFrameFunctionalGroupsSequence") or ()
    shared = elements.get("SharedFunctionalGroupsSequence") or ()
    for items in (own[frame : frame + 1], shared[:1]):
        found = items[0].get(sequence) if len(items) else None
        if found:
            return found[0]
    return elements


def _number(value: Any, otherwise: float) -> Any:
    return otherwise if value is None or value == "" else value
