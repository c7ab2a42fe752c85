"""CIELAB colours of TIFFs to sRGB, which neither Pillow's `convert` nor tifffile does."""

from __future__ import annotations

import numpy as np

from sdl_cli.data.arrays import Array

CIELAB, ICCLAB = 8, 9  # photometric interpretations
_WHITE = np.array([0.96422, 1.0, 0.82521])  # D50, of the profile connection space (ICC.1:2022)
# XYZ of D50 to linear sRGB of D65, adapted as by Bradford (IEC 61966-2-1; Lindbloom, brucelindbloom.com)
_TO_RGB = np.array([[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540], [0.0719453, -0.2289914, 1.4052427]])


def to_rgb(values: Array, photometric: int) -> Array:
    """Stored values of 8 or 16 bits `(H, W, 3)` as sRGB `uint8 (H, W, 3)`; what sRGB cannot show is cut off.

    Arguments:
        photometric: CIELAB has signed a and b, ICCLAB shifted ones (TIFF 6.0 section 23; TIFF technical note of Adobe).
    """
    wide = values.dtype.itemsize == 2
    unsigned = values.astype(np.float64)
    lightness = unsigned[..., 0] * (100.0 / (65_535 if wide and photometric == CIELAB else 65_280 if wide else 255))
    if photometric == CIELAB:
        a_b = values[..., 1:].astype(np.uint16 if wide else np.uint8).view(np.int16 if wide else np.int8).astype(np.float64)
    else:
        a_b = unsigned[..., 1:] - (2**15 if wide else 128)
    a_b = a_b / (256.0 if wide else 1.0)
    y = (lightness + 16.0) / 116.0
    f = np.stack([y + a_b[..., 0] / 500.0, y, y - a_b[..., 1] / 200.0], axis=-1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * _WHITE
    linear = (xyz @ _TO_RGB.T).clip(0.0, 1.0)
    shown = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(shown * 255.0), dtype=np.uint8)
