"""Drawings as points along their strokes, each with the direction in which the stroke runs there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sdl_cli.learning.models.one_shot.ink import thin

Array = np.ndarray[Any, Any]

NUM_POINTS = 64
_MOST_PIXELS = 2000  # of a thinned drawing: of a picture that is no drawing, every so-manieth is taken
_NEAR_PX = 2.5  # standard deviation of the neighbourhood whose spread is the direction of a stroke


@dataclass(frozen=True)
class Strokes:
    """Points of N drawings, centred, and scaled so that their root mean square distance from the centre is 1.

    Arguments:
        points: `float32 (N, P, 2)`, row and column. weights: `(N, P)`, the share of the strokes that a point stands for, 0 for
            those that only fill up.
        directions: `(N, P, 2)`: cosine and sine of twice the angle to the rows, as long as the stroke is straight there (0 to 1).
    """

    points: Tensor
    directions: Tensor
    weights: Tensor

    def __len__(self) -> int:
        return len(self.points)

    def rows(self, rows: Tensor) -> Strokes:
        return Strokes(self.points[rows], self.directions[rows], self.weights[rows])


def find_strokes(mask: Array) -> Strokes:
    """Points along the strokes of ink `bool (N, H, W)`; a drawing without ink has no weights."""
    found = [_points_of(lines) for lines in thin(mask)]
    points, directions, weights = (np.stack(values).astype(np.float32) for values in zip(*found, strict=True))
    return Strokes(torch.from_numpy(points), torch.from_numpy(directions), torch.from_numpy(weights))


def _points_of(lines: Array) -> tuple[Array, Array, Array]:
    points, directions, weights = np.zeros((NUM_POINTS, 2)), np.zeros((NUM_POINTS, 2)), np.zeros(NUM_POINTS)
    pixels = np.argwhere(lines).astype(np.float64)
    if not len(pixels):
        return points, directions, weights
    pixels = pixels[:: 1 + len(pixels) // _MOST_PIXELS]
    squares = np.square(pixels[:, None] - pixels).sum(-1)
    chosen = _spread_out(squares)
    near = np.exp(-squares[chosen] / (2 * _NEAR_PX**2))
    near /= near.sum(axis=1, keepdims=True)
    off = pixels - (near @ pixels)[:, None]
    cov = np.einsum("ij,ijk,ijl->ikl", near, off, off)
    spread = cov[:, 0, 0] + cov[:, 1, 1] + 1e-6
    num = len(chosen)
    directions[:num] = np.stack([cov[:, 1, 1] - cov[:, 0, 0], 2 * cov[:, 0, 1]], axis=1) / spread[:, None]
    weights[:num] = np.bincount(squares[:, chosen].argmin(axis=1), minlength=num) / len(pixels)
    center = weights[:num] @ pixels[chosen]
    points[:num] = pixels[chosen] - center
    points /= max(1.0, np.sqrt(weights @ np.square(points).sum(axis=1)))
    return points, directions, weights


def _spread_out(squares: Array) -> Array:
    """At most NUM_POINTS pixels, each the furthest from those before it (Gonzalez 1985), by squared distances `(P, P)`."""
    if len(squares) <= NUM_POINTS:
        return np.arange(len(squares))
    chosen, nearest = [0], squares[0].copy()
    for _ in range(NUM_POINTS - 1):
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, squares[chosen[-1]])
    return np.array(chosen)
