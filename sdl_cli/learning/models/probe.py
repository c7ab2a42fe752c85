"""A regularised linear head on frozen features."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold

Array = np.ndarray[Any, Any]
GRID = tuple(10.0**e for e in np.arange(-4.0, 1.1, 0.25))  # of C for unit-variance features


def fit_probe(features: Array, y: Array, num_views: int, classify: bool, seed: int) -> tuple[Array, Array, float]:
    """Choose C by 5-fold log loss (squared error for numbers), refit on all rows, and fold the scaling into the head.

    Of all C whose loss is within one standard error of the least, the smallest is taken, the strongest penalty (Breiman et al.
    1984, Classification and regression trees, section 3.4.3): with few images the least itself is mostly luck.

    Arguments:
        features: `(V N, D)`, the views of N images one view after another; all views of an image fall into one fold.
        y: `(V N,)` class indices or standardised numbers. num_views: V.
        classify: logistic regression, otherwise ridge with C = 1 / alpha.
    Returns:
        weight `(K, D)` and bias `(K,)` for raw features (two classes: logits -z/2 and z/2), and the chosen C.
    """
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale = np.where(scale > 1e-12, scale, 1.0)
    z = (features - mean) / scale
    folds = _folds(y, num_views, classify, seed)
    chosen = GRID[len(GRID) // 2]
    if folds:
        losses = np.stack(
            [np.concatenate([_losses(_fit(z[a], y[a], c, classify), z[b], y[b], classify) for a, b in folds]) for c in GRID]
        )
        means, errors = losses.mean(axis=1), losses.std(axis=1, ddof=1) / np.sqrt(losses.shape[1])
        best = int(means.argmin())
        chosen = GRID[int(np.flatnonzero(means <= means[best] + errors[best])[0])]
    head = _fit(z, y, chosen, classify)
    weight, bias = np.atleast_2d(head.coef_), np.atleast_1d(head.intercept_)
    if classify and len(weight) == 1:
        weight, bias = np.concatenate([-weight / 2, weight / 2]), np.concatenate([-bias / 2, bias / 2])
    weight = weight / scale
    return weight, bias - weight @ mean, chosen


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


def _fit(z: Array, y: Array, c: float, classify: bool) -> Any:
    if not classify:
        return Ridge(alpha=1 / c).fit(z, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # at weak penalties the last digits do not matter to the choice
        return LogisticRegression(C=c, max_iter=300, tol=1e-4).fit(z, y)


def _losses(head: Any, z: Array, y: Array, classify: bool) -> Array:
    """Log loss, or squared error, of each row."""
    if not classify:
        return np.asarray(np.square(head.predict(z) - y))
    probs = head.predict_proba(z)
    return np.asarray(-np.log(np.clip(probs[np.arange(len(y)), np.searchsorted(head.classes_, y)], 1e-15, 1)))
