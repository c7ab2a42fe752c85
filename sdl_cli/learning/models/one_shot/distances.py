"""Distances of drawings as they are, without a map between them."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_MOST_POINTS = 2000  # of a drawing: of a picture that is no drawing, every so-manieth ink pixel is taken


def hausdorff(asked: Array, known: Array) -> Array:
    """Modified Hausdorff distances `float64 (N, M)` in pixels of ink masks `bool (N, H, W)` and `(M, H, W)`.

    Of two centred sets of ink pixels, the mean distance from a pixel of one to the nearest of the other, in the direction in
    which it is larger (Dubuisson and Jain, ICPR 1994; centring as in the published Omniglot demonstration). Infinite without ink.
    """
    ours, theirs = ([_centred(mask) for mask in masks] for masks in (asked, known))
    found = np.full((len(ours), len(theirs)), np.inf)
    for i, j in np.ndindex(found.shape):
        if len(ours[i]) and len(theirs[j]):
            found[i, j] = _larger_mean(ours[i], theirs[j])
    return found


def _larger_mean(points: Array, others: Array) -> float:
    """Mean distance to the nearest, the larger of both ways; roots are taken of the least squares alone, which is quick."""
    ours, theirs = np.square(points).sum(axis=1), np.square(others).sum(axis=1)
    squares = points @ (-2 * others.T)
    squares += theirs
    there = np.maximum(squares.min(axis=1) + ours, 0.0)
    squares += ours[:, None]
    back = np.maximum(squares.min(axis=0), 0.0)
    return float(max(np.sqrt(there).mean(), np.sqrt(back).mean()))


def _centred(mask: Array) -> Array:
    points = np.argwhere(mask).astype(np.float64)
    points = points[:: 1 + len(points) // _MOST_POINTS]
    return points - points.mean(axis=0) if len(points) else points


def pixels(asked: Array, known: Array) -> Array:
    """Euclidean distances `float64 (N, M)` of the pixels of ink masks `bool (N, H, W)` and `(M, H, W)`; infinite without ink."""
    a, b = (masks.reshape(len(masks), -1).astype(np.float64) for masks in (asked, known))
    squares = a.sum(axis=1)[:, None] + b.sum(axis=1) - 2 * a @ b.T
    is_empty = (a.sum(axis=1) == 0)[:, None] | (b.sum(axis=1) == 0)
    return np.where(is_empty, np.inf, np.sqrt(np.maximum(squares, 0.0)))
