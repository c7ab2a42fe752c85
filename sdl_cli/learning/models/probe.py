"""A regularised linear head on frozen features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold

from sdl_cli.learning.models.linear_path import Axes, Fitted, logistic_path, ridge_path

Array = np.ndarray[Any, Any]
GRID = tuple(10.0**e for e in np.arange(-4.0, 1.1, 0.25))  # of C for unit-variance features
_SHARES = tuple(10.0**e for e in np.arange(-2.0, 0.01, 0.125))  # of a head's outputs, at most all of them


def fit_probe(
    features: Array, y: Array, num_views: int, classify: bool, seed: int, tempered: bool = False
) -> tuple[Array, Array, float]:
    """Choose C by 5-fold log loss (squared error for numbers), refit on all rows, and fold the scaling into the head.

    Of all C whose loss is within one standard error of the least, the smallest is taken, the strongest penalty (Breiman et al.
    1984, Classification and regression trees, section 3.4.3): with few images the least itself is mostly luck.

    Arguments:
        features: `(V N, D)`, the views of N images one view after another; all views of an image fall into one fold.
        y: `(V N,)` class indices, all of them present, or standardised numbers. num_views: V.
        classify: logistic regression, otherwise ridge with C = 1 / alpha.
        tempered: instead, take the C of the least loss, where the outputs for classes may be made smaller by one factor, which
            the final head has too: with thousands of features the best decisions come from a weak penalty, the best
            probabilities otherwise from a strong one.
    Returns:
        weight `(K, D)` and bias `(K,)` for raw features (two classes: logits -z/2 and z/2), and the chosen C.
    """
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale = np.where(scale > 1e-12, scale, 1.0)
    axes = Axes.of((features - mean) / scale)
    num_classes = int(y.max()) + 1 if classify else 0
    folds = _folds(y, num_views, classify, seed)
    chosen, share = GRID[len(GRID) // 2], 1.0
    if folds:
        path = list(_path(axes, y, num_classes, [kept for kept, _ in folds], GRID))
        chosen, share = (_tempered if tempered else _within_one_error)(path, axes, y, folds, num_classes)
    [head] = _path(axes, y, num_classes, [np.arange(len(y))], [chosen], tolerance=1e-6)
    weight, bias = share * (axes.directions @ head.weights[0]).T, share * head.intercepts[0]
    if num_classes == 2:
        weight, bias = np.concatenate([-weight / 2, weight / 2]), np.concatenate([-bias / 2, bias / 2])
    weight = weight / scale
    return weight, bias - weight @ mean, chosen


def _within_one_error(
    path: Sequence[Fitted], axes: Axes, y: Array, folds: Sequence[tuple[Array, Array]], num_classes: int
) -> tuple[float, float]:
    """The smallest C whose loss is within one standard error of the least, and 1."""
    losses = np.stack([_left_out_losses(fitted, axes, y, folds, num_classes) for fitted in path])
    means, errors = losses.mean(axis=1), losses.std(axis=1, ddof=1) / np.sqrt(losses.shape[1])
    best = int(means.argmin())
    return GRID[int(np.flatnonzero(means <= means[best] + errors[best])[0])], 1.0


def _tempered(
    path: Sequence[Fitted], axes: Axes, y: Array, folds: Sequence[tuple[Array, Array]], num_classes: int
) -> tuple[float, float]:
    """The C and the share of its outputs with the least loss; of numbers, the whole outputs."""
    shares = _SHARES if num_classes else (1.0,)
    found = [
        (
            float(_left_out_losses(Fitted(share * one.weights, share * one.intercepts), axes, y, folds, num_classes).mean()),
            c,
            share,
        )
        for c, one in zip(GRID, path, strict=True)
        for share in shares
    ]
    return min(found)[1:]


def _folds(y: Array, num_views: int, classify: bool, seed: int) -> list[tuple[Array, Array]]:
    num_rows = len(y) // num_views
    own = y[:num_rows]
    num_folds = min(5, int(np.bincount(own).min()) if classify else num_rows)
    if num_folds < 2:  # a class with one image: nothing to validate on
        return []
    splitter = (StratifiedKFold if classify else KFold)(num_folds, shuffle=True, random_state=seed)
    if num_views == 1:
        return list(splitter.split(own, own))
    offsets = np.arange(num_views)[:, None] * num_rows
    return [((a + offsets).ravel(), b) for a, b in splitter.split(own, own)]  # validated on the images themselves


def _path(
    axes: Axes, y: Array, num_classes: int, parts: Sequence[Array], strengths: Sequence[float], tolerance: float = 1e-4
) -> Iterator[Fitted]:
    """For each C, the heads fitted to these parts of the rows; no classes: to numbers."""
    if not num_classes:
        return ridge_path(axes, y, parts, [1 / c for c in strengths])
    return logistic_path(axes, y, num_classes, parts, strengths, tolerance)


def _left_out_losses(fitted: Fitted, axes: Axes, y: Array, folds: Sequence[tuple[Array, Array]], num_classes: int) -> Array:
    """Log loss, or squared error, of each row that was left out of a fold, by the head that had not seen it."""
    outputs = fitted.outputs(axes.rows)
    left = np.concatenate([outputs[number, held] for number, (_, held) in enumerate(folds)])
    truth = np.concatenate([y[held] for _, held in folds])
    if not num_classes:
        return np.asarray(np.square(left[:, 0] - truth))
    if num_classes == 2:
        left = np.concatenate([np.zeros_like(left), left], axis=1)
    left = left - left.max(axis=1, keepdims=True)
    losses = np.log(np.exp(left).sum(axis=1)) - left[np.arange(len(truth)), truth]
    return np.asarray(np.minimum(losses, -np.log(1e-15)))
