"""A regularised linear head on frozen features."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import KFold, StratifiedKFold

from sdl_cli.learning.models.feature_scaling import Scaling, at_length, mean_length, scales
from sdl_cli.learning.models.linear_path import Axes, Fitted, logistic_path, ridge_path
from sdl_cli.learning.models.reduction import Reduction

Array = np.ndarray[Any, Any]
GRID = tuple(10.0**e for e in np.arange(-4.0, 1.1, 0.25))  # of C for unit-variance features
_AUTO: tuple[Scaling, ...] = ("unit", "shrink")  # in the order in which near ties go
_SHARES = tuple(10.0**e for e in np.arange(-2.0, 0.01, 0.125))  # of a head's outputs, at most all of them


@dataclass(frozen=True)
class Head:
    """A linear head on frozen features, which unpacks into its weight, bias and C.

    Arguments:
        weight: `(K, D)`. bias: `(K,)`, of two classes: logits -z/2 and z/2.
        c: the chosen inverse strength of the penalty.
        scaling: the chosen scaling. All but `unit` are folded into weight and bias, which are then those of raw features.
        length: of `unit`: the Euclidean length to which every row must be brought before weight and bias; otherwise None.
        reduction: fitted, where one was given; it is folded in too.
    """

    weight: Array
    bias: Array
    c: float
    scaling: Scaling
    length: float | None = None
    reduction: Reduction | None = None

    def __iter__(self) -> Iterator[Any]:
        return iter((self.weight, self.bias, self.c))

    def outputs(self, features: Array) -> Array:
        """Outputs `(N, K)` for raw features `(N, D)`."""
        rows = features if self.length is None else at_length(features, self.length)
        return np.asarray(rows @ self.weight.T + self.bias)


def fit_probe(
    features: Array, y: Array, num_views: int, classify: bool, seed: int, tempered: bool = False,
    scaling: Scaling | Literal["auto"] = "standardize", reduction: Reduction | None = None,
) -> Head:  # fmt: skip
    """Choose C and, if asked, the scaling by 5-fold log loss (squared error for numbers), and refit on all rows.

    Of all C whose loss is within one standard error of the least, the smallest is taken, the strongest penalty (Breiman et al.
    1984, Classification and regression trees, section 3.4.3): with few images the least itself is mostly luck.

    `auto` takes `unit`, unless the least loss of `shrink` is less by more than two standard errors of their differences, row by
    row. Length differs between images by contrast and by how much of them is in view, mostly not by class, and cross-validation
    on ten rows is too noisy to be asked without a prior. On features of SqueezeNet (ants and bees, CIFAR-10, Fashion-MNIST,
    Omniglot, digits) and MiniLM (TREC), with 3 to 60 rows of a class, `unit` was 0.5 to 9.1 points more accurate than
    `standardize`, and never below it. Where the class is whether an image is brighter, or has more contrast, than the median, it
    was at most 0.3 below (docs/BENCHMARKS.md).

    Arguments:
        features: `(V N, D)`, the views of N images one view after another; all views of an image fall into one fold.
        y: `(V N,)` class indices, all of them present, or standardised numbers. num_views: V.
        classify: logistic regression, otherwise ridge with C = 1 / alpha.
        tempered: instead, take the C of the least loss, where the outputs for classes may be made smaller by one factor, which
            the final head has too: with thousands of features the best decisions come from a weak penalty, the best
            probabilities otherwise from a strong one.
        scaling: `standardize`, `common`, `shrink` (see `feature_scaling.scales`), `unit` (every row is first brought to one
            length, that of the mean row, then as `shrink`) or `auto`.
        reduction: unfitted; fitted to the images themselves, of `unit` as they are at one length.
    """
    num_classes = int(y.max()) + 1 if classify else 0
    folds = _folds(y, num_views, classify, seed)
    found = []
    for name in _AUTO if scaling == "auto" else (scaling,):
        scaled = _Scaled.of(features, y, num_views, name, reduction)
        if not folds:
            found.append((scaled, _Choice(GRID[len(GRID) // 2], 1.0, np.zeros(1))))
            break
        path = _path(scaled.axes, y, num_classes, [kept for kept, _ in folds], GRID)
        choose = _tempered if tempered else _within_one_error
        found.append((scaled, choose(path, scaled.axes, y, folds, num_classes)))
    scaled, choice = _first_not_measurably_worse(found)
    [head] = _path(scaled.axes, y, num_classes, [np.arange(len(y))], [choice.c], tolerance=1e-6)
    weight, bias = choice.share * (scaled.axes.directions @ head.weights[0]).T, choice.share * head.intercepts[0]
    if num_classes == 2:
        weight, bias = np.concatenate([-weight / 2, weight / 2]), np.concatenate([-bias / 2, bias / 2])
    return scaled.folded(weight, bias, choice.c)


@dataclass(frozen=True)
class _Scaled:
    """Features under one scaling, on their principal axes, and the way back."""

    scaling: Scaling
    length: float | None
    reduction: Reduction | None
    mean: Array
    scale: Array
    axes: Axes

    @classmethod
    def of(cls, features: Array, y: Array, num_views: int, scaling: Scaling, reduction: Reduction | None) -> _Scaled:
        length = mean_length(features) if scaling == "unit" else None
        rows = features if length is None else at_length(features, length)
        if reduction is not None:
            images = slice(len(y) // num_views)
            reduction = clone(reduction).fit(rows[images], y[images])
            rows = reduction.transform(rows)
        mean, scale = rows.mean(axis=0), scales(rows, num_views, scaling)
        return cls(scaling, length, reduction, mean, scale, Axes.of((rows - mean) / scale))

    def folded(self, weight: Array, bias: Array, c: float) -> Head:
        weight = weight / self.scale
        bias = bias - weight @ self.mean
        if self.reduction is not None:
            weight, bias = self.reduction.folded(weight, bias)
        return Head(weight, bias, c, self.scaling, self.length, self.reduction)


@dataclass(frozen=True)
class _Choice:
    """A chosen C, the share of a head's outputs that is kept, and the least loss, of each row that was left out."""

    c: float
    share: float
    least: Array


def _first_not_measurably_worse(found: Sequence[tuple[_Scaled, _Choice]]) -> tuple[_Scaled, _Choice]:
    """The first whose loss exceeds the least by at most two standard errors of the difference of the two."""
    best = min((choice for _, choice in found), key=lambda choice: float(choice.least.mean()))
    for scaled, choice in found:
        more = choice.least - best.least
        if choice is best or more.mean() <= 2 * more.std(ddof=1) / np.sqrt(len(more)):
            return scaled, choice
    raise AssertionError("the best is one of them")


def _within_one_error(
    path: Iterable[Fitted], axes: Axes, y: Array, folds: Sequence[tuple[Array, Array]], num_classes: int
) -> _Choice:
    """The smallest C whose loss is within one standard error of the least; the path ends where the loss is far above it.

    Losses fall as the penalty weakens, and then rise; the weakest penalties take the most time.
    """
    losses: list[Array] = []
    least, error, best = np.inf, 0.0, 0
    for fitted in path:
        losses.append(_left_out_losses(fitted, axes, y, folds, num_classes))
        mean = float(losses[-1].mean())
        if mean < least:
            least, error, best = mean, float(losses[-1].std(ddof=1)) / len(losses[-1]) ** 0.5, len(losses) - 1
        elif mean > least + 2 * error:
            break
    chosen = next(number for number, loss in enumerate(losses) if loss.mean() <= least + error)
    return _Choice(GRID[chosen], 1.0, losses[best])


def _tempered(path: Iterable[Fitted], axes: Axes, y: Array, folds: Sequence[tuple[Array, Array]], num_classes: int) -> _Choice:
    """The C and the share of its outputs with the least loss; of numbers, the whole outputs."""
    shares = _SHARES if num_classes else (1.0,)
    found = []
    for c, one in zip(GRID, path, strict=True):
        for share in shares:
            smaller = Fitted(share * one.weights, share * one.intercepts)
            found.append(_Choice(c, share, _left_out_losses(smaller, axes, y, folds, num_classes)))
    return min(found, key=lambda choice: (float(choice.least.mean()), choice.c, choice.share))


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
