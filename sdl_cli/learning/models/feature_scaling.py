"""How frozen features are scaled before a regularised linear head, which decides how strongly each is penalised."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

Array = np.ndarray[Any, Any]
Scaling = Literal["standardize", "common", "shrink", "unit"]
SCALINGS: tuple[Scaling, ...] = ("standardize", "common", "shrink", "unit")

_LEAST = 1e-12  # a standard deviation or length below it is 0


def mean_length(rows: Array) -> float:
    """Mean Euclidean length of rows `(N, D)`; 1 where all of them are 0."""
    return float(np.linalg.norm(rows, axis=1).mean()) or 1.0


def at_length(rows: Array, length: float) -> Array:
    """Rows `(N, D)` stretched to one Euclidean length each; a row of zeros stays."""
    return np.asarray(rows * (length / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), _LEAST)))


def scales(rows: Array, num_views: int, scaling: Scaling) -> Array:
    """What each feature is divided by after centring `(D,)`; the mean variance of what varies at all is then 1.

    `standardize`: its own standard deviation. `common`: one number for all. `shrink` and `unit`: the root of its own variance,
    shrunken towards the mean variance by `shrinkage`.

    Arguments:
        rows: `(V N, D)`, the views of N images one view after another. num_views: V.
    """
    variances = rows.var(axis=0)
    if scaling == "common":
        variances = np.full_like(variances, variances.mean())
    elif scaling != "standardize":
        kept = 1 - shrinkage(rows, num_views)
        variances = kept * variances + (1 - kept) * variances.mean()
    found = np.sqrt(variances)
    found = np.where(found > _LEAST, found, 1.0)
    if scaling in ("shrink", "unit"):  # so that a strength of the penalty means the same under every scaling
        found *= np.sqrt((rows.var(axis=0) / found**2).mean()) or 1.0
    return np.asarray(found)


def shrinkage(rows: Array, num_views: int) -> float:
    """How far the features' variances are to be drawn to their mean, in [0, 1]: the share of their differences that is chance.

    It is the estimated sampling variance of all variances over their squared distances from the mean (Opgen-Rhein and Strimmer
    2007, Accurate ranking of differentially expressed genes by a distribution-free shrinkage approach; their target is the
    median). The few, sparse features of few images make it large, many images make it vanish.

    Arguments:
        rows: `(V N, D)`; the V views of an image count as one.
    """
    squares = np.square(rows - rows.mean(axis=0)).reshape(num_views, -1, rows.shape[1]).mean(axis=0)
    num_images = len(squares)
    if num_images < 2:
        return 1.0
    chance = squares.var(axis=0, ddof=1).sum() / num_images
    variances = squares.mean(axis=0)
    spread = np.square(variances - variances.mean()).sum()
    return float(min(1.0, chance / spread)) if spread > 0 else 1.0
