"""Where the ink of a drawing is, whichever of ink and paper is darker, and the thin lines that its strokes are drawn along."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Ink:
    """Ink of drawings.

    Arguments:
        mask: `bool (N, H, W)`, true where there is ink.
        is_light: `(N,)`, true where ink is lighter than its paper.
    """

    mask: Array
    is_light: Array


def find_ink(images: Array) -> Ink:
    """The ink of drawings `uint8 (N, C, H, W)`.

    A threshold divides the grey values of each drawing in two; paper is the side that most of the outermost pixels are on. A
    drawing of one grey value has no ink.
    """
    grey = images.mean(axis=1).round().astype(np.uint8)
    dark = grey <= np.array([_threshold(one) for one in grey])[:, None, None]
    edge = np.concatenate([dark[:, 0], dark[:, -1], dark[:, 1:-1, 0], dark[:, 1:-1, -1]], axis=1)
    is_flat = grey.min(axis=(1, 2)) == grey.max(axis=(1, 2))
    is_light = (edge.mean(axis=1) > 0.5) & ~is_flat
    return Ink((dark ^ is_light[:, None, None]) & ~is_flat[:, None, None], is_light)


def _threshold(grey: Array) -> int:
    """The grey value that divides those of one drawing into two groups with the largest variance between them (Otsu 1979)."""
    counts = np.bincount(grey.ravel(), minlength=256).astype(np.float64)
    below = counts.cumsum()
    sums = (counts * np.arange(256)).cumsum()
    above = below[-1] - below
    both = (below > 0) & (above > 0)
    means = sums[both] / below[both], (sums[-1] - sums[both]) / above[both]
    between = np.zeros(256)
    between[both] = below[both] * above[both] * (means[0] - means[1]) ** 2
    return int(between.argmax())


def thin(mask: Array) -> Array:
    """The strokes of `mask bool (N, H, W)`, one pixel wide (Zhang and Suen, Communications of the ACM 27, 1984)."""
    padded = np.pad(mask, ((0, 0), (1, 1), (1, 1)))
    rows = np.arange(len(mask))
    while len(rows):
        part = padded[rows]
        before = part.sum(axis=(1, 2))
        for corners in ((2, 4), (0, 6)):
            _peel(part, corners)
        padded[rows] = part
        rows = rows[part.sum(axis=(1, 2)) < before]
    return np.ascontiguousarray(padded[:, 1:-1, 1:-1])


def _peel(padded: Array, corners: tuple[int, int]) -> None:
    """Half a pass of thinning, in place: border pixels whose removal breaks no stroke."""
    height, width = padded.shape[1] - 2, padded.shape[2] - 2
    around = ((0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0), (0, 0))  # from the one above, clockwise
    near = [padded[:, y : y + height, x : x + width] for y, x in around]
    center = padded[:, 1:-1, 1:-1]
    count = np.sum(near, axis=0, dtype=np.int8)
    turns = np.sum([~near[i] & near[(i + 1) % 8] for i in range(8)], axis=0, dtype=np.int8)
    first, second = corners
    on_edge = ~(near[0] & near[4] & near[2 if first == 2 else 6]) & ~(near[2] & near[6] & near[4 if second == 4 else 0])
    center[center & (count >= 2) & (count <= 6) & (turns == 1) & on_edge] = False
