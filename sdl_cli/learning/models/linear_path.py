"""Linear models under an L2 penalty, for many strengths of it and several parts of the rows at once.

The solution of a penalised linear model lies in the space that the rows span (the representer theorem: Kimeldorf and Wahba 1971).
So the rows are turned once onto their principal axes, at most as many as there are rows, and everything else happens there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
_LEAST_VARIANCE = 1e-12  # of an axis, relative to the largest
_MEMORY = 10  # steps that L-BFGS remembers
_MOST_STEPS = 300
_MOST_HALVINGS = 20


@dataclass(frozen=True)
class Axes:
    """Rows on their principal axes.

    Arguments:
        rows: `float64 (N, Q)`, their coordinates, not centred again. directions: `(F, Q)`, orthonormal, so that coefficients for
            the rows as they came are `directions @ coefficients`. sums: `(Q,)` of the squares of each coordinate.
    """

    rows: Array
    directions: Array
    sums: Array

    @classmethod
    def of(cls, X: Array) -> Axes:
        """Turn rows `float64 (N, F)`, by way of the smaller of their two products with themselves."""
        wide = X.shape[1] > len(X)
        sums, vectors = np.linalg.eigh(X @ X.T if wide else X.T @ X)
        kept = sums > max(sums[-1], 0.0) * _LEAST_VARIANCE
        sums, vectors = sums[kept], vectors[:, kept]
        if wide:
            scales = np.sqrt(sums)
            return cls(vectors * scales, X.T @ (vectors / scales), sums)
        return cls(X @ vectors, vectors, sums)


@dataclass(frozen=True)
class Fitted:
    """Coefficients of B models `(B, Q, K)` on the axes, and their intercepts `(B, K)`."""

    weights: Array
    intercepts: Array

    def outputs(self, rows: Array) -> Array:
        """Linear outputs `(B, M, K)` for rows on the axes `(M, Q)`."""
        return rows @ self.weights + self.intercepts[:, None]


def ridge_path(axes: Axes, y: Array, parts: Sequence[Array], penalties: Sequence[float]) -> Iterator[Fitted]:
    """Least squares with `penalty * |w|^2`, its intercept free: for each penalty, one model per part of the rows (indices)."""
    solved = []
    for part in parts:
        rows, target = axes.rows[part], y[part]
        mean, middle = rows.mean(axis=0), target.mean()
        own = Axes.of(rows - mean)
        solved.append((own, own.rows.T @ (target - middle), mean, middle))
    for penalty in penalties:
        weights = np.stack([own.directions @ (moment / (own.sums + penalty)) for own, moment, _, _ in solved])
        intercepts = [middle - mean @ found for (_, _, mean, middle), found in zip(solved, weights, strict=True)]
        yield Fitted(weights[:, :, None], np.array(intercepts)[:, None])


def logistic_path(
    axes: Axes, y: Array, num_classes: int, parts: Sequence[Array], strengths: Sequence[float], tolerance: float = 1e-4
) -> Iterator[Fitted]:
    """Logistic regression with `|w|^2 / (2 C)`, its intercept free: for each C, one model per part of the rows (indices).

    Two classes have one output, the log odds of the second; more have one each (softmax). Every model starts from its solution
    under the C before, so `strengths` should rise. All parts are solved side by side by L-BFGS (Nocedal 1980), scaled by the
    bound of the Hessian on the axes (Boehning and Lindsay 1988, Boehning 1992), until no mean gradient exceeds `tolerance`.

    Arguments:
        y: `int64 (N,)` in [0, num_classes).
    """
    num_outputs = 1 if num_classes == 2 else num_classes
    counted = np.zeros((len(parts), len(axes.rows), 1))
    for own, part in zip(counted, parts, strict=True):
        own[part] = 1.0
    rows = np.concatenate([axes.rows, np.ones((len(axes.rows), 1))], axis=1)  # the intercept is a coordinate without penalty
    right = (y == 1).astype(np.float64)[:, None] if num_outputs == 1 else np.eye(num_classes)[y]
    sizes = counted.sum(axis=(1, 2))
    bounds = (0.25 if num_outputs == 1 else 0.5) * np.append(axes.sums, len(axes.rows))[None] * sizes[:, None] / len(axes.rows)
    found = np.zeros((len(parts), rows.shape[1], num_outputs))
    for strength in strengths:
        penalty = np.append(np.full(len(axes.sums), 1.0 / strength), 0.0)

        def loss(chosen: Array, at: Array, penalty: Array = penalty) -> tuple[Array, Array]:
            """Losses `(b,)` of the chosen models at coefficients `(b, Q + 1, K)`, and their gradients."""
            outputs = rows @ at
            if num_outputs == 1:
                each = np.logaddexp(0.0, outputs) - right * outputs
                surplus = _sigmoid(outputs) - right
            else:
                outputs -= outputs.max(axis=2, keepdims=True)
                powers = np.exp(outputs)
                total = powers.sum(axis=2, keepdims=True)
                each = np.log(total) - (right * outputs).sum(axis=2, keepdims=True)
                surplus = powers / total - right
            mask = counted[chosen]
            shrunk = penalty[:, None] * at
            value = (each * mask).sum(axis=(1, 2)) + (shrunk * at).sum(axis=(1, 2)) / 2
            return value, rows.T @ (surplus * mask) + shrunk

        found = _minimise(loss, found, 1.0 / (bounds + penalty)[:, :, None], sizes * tolerance)
        yield Fitted(found[:, :-1], found[:, -1])


def _minimise(loss: Any, start: Array, scale: Array, least: Array) -> Array:
    """Minimise B smooth convex functions side by side by L-BFGS.

    Arguments:
        loss: `(indices (b,), points (b, Q, K)) -> values (b,), gradients (b, Q, K)`.
        start: `(B, Q, K)`. scale: `(B, Q, 1)`, diagonal of an inverse Hessian. least: `(B,)`, largest gradient that ends it.
    """
    at = start.copy()
    value, gradient = loss(np.arange(len(at)), at)
    moves: list[Array] = []
    turns: list[Array] = []
    for _ in range(_MOST_STEPS):
        active = np.flatnonzero(np.abs(gradient).max(axis=(1, 2)) > least)
        if not len(active):
            break
        direction = -_inverse_hessian(gradient, moves, turns, scale)[active]
        slope = (direction * gradient[active]).sum(axis=(1, 2))
        length, left = np.ones(len(active)), np.arange(len(active))
        move, turn = np.zeros_like(at), np.zeros_like(at)
        for _ in range(_MOST_HALVINGS):
            who = active[left]
            step = length[left, None, None] * direction[left]
            new_value, new_gradient = loss(who, at[who] + step)
            good = new_value <= value[who] + 1e-4 * length[left] * slope[left] + 1e-12 * np.abs(value[who])
            taken = who[good]
            move[taken], turn[taken] = step[good], new_gradient[good] - gradient[taken]
            at[taken] += step[good]
            value[taken], gradient[taken] = new_value[good], new_gradient[good]
            length[left] /= 2
            left = left[~good]
            if not len(left):
                break
        else:  # rounding leaves no way down
            least = least.copy()
            least[active[left]] = np.inf
        moves, turns = [*moves, move][-_MEMORY:], [*turns, turn][-_MEMORY:]
    return at


def _inverse_hessian(gradient: Array, moves: Sequence[Array], turns: Sequence[Array], scale: Array) -> Array:
    """The two loops of L-BFGS, for B functions at a time; pairs without curvature count for nothing."""
    found, kept = gradient.copy(), []
    for move, turn in zip(reversed(moves), reversed(turns), strict=True):
        curvature = (move * turn).sum(axis=(1, 2), keepdims=True)
        share = np.divide(1.0, curvature, out=np.zeros_like(curvature), where=curvature > 1e-300)
        factor = share * (move * found).sum(axis=(1, 2), keepdims=True)
        found -= factor * turn
        kept.append((move, turn, share, factor))
    found *= scale
    if kept:  # the last step says how much less the curvature is than its bound
        move, turn, share, _ = kept[0]
        spread = (turn * scale * turn).sum(axis=(1, 2), keepdims=True)
        found *= np.divide((move * turn).sum(axis=(1, 2), keepdims=True), spread, out=np.ones_like(spread), where=share > 0)
    for move, turn, share, factor in reversed(kept):
        found += (factor - share * (turn * found).sum(axis=(1, 2), keepdims=True)) * move
    return found


def _sigmoid(x: Array) -> Array:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))
