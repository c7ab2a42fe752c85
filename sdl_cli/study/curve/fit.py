"""Power laws through learning curves: every law of a grid fitted in closed form, and averaged by how well it fits.

The laws are error(n) = a + b (n + d)^-c with a floor a >= 0 and a gain b >= 0; d = 0 is the plain power law. For a given
exponent c and shift d only a and b are left, and they are linear (variable projection, Golub and Pereyra 1973), so that no
starting values are needed and thousands of curves are fitted at once. A single best law is a guess among many that fit equally
well; their likelihood-weighted average is not: on LCDB it forecasts better by a tenth (docs/LOG.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

EXPONENTS = np.linspace(0.05, 1.0, 20)
SHIFTS = np.concatenate([[0.0], 2.0 ** np.arange(-6, 4)])  # as multiples of the largest measured size
MISFIT = 0.002  # s.d. of a real curve around a power law, in units of error
FLOOR_RATE = 2.0  # rate of the exponential prior of the floor, as a fraction of the last error


@dataclass(frozen=True)
class PowerLaws:
    """All laws of the grid (g of them) through each of k curves.

    Arguments:
        floor, gain: a and b, `(k, g)`, both at least 0.
        exponent, shift: c and d, `(g,)`; d in labelled rows.
        weight: posterior probability of each law, `(k, g)`; rows sum to 1.
    """

    floor: Array
    gain: Array
    exponent: Array
    shift: Array
    weight: Array

    def at(self, sizes: Array) -> Array:
        """Mean error `(k, s)` at sizes `(s,)`; it never rises with the size."""
        laws = (self.floor + self.gain * (size + self.shift) ** -self.exponent for size in np.asarray(sizes, float))
        return np.stack([(self.weight * errors).sum(1) for errors in laws], axis=1)

    def floors(self, errors: Array) -> tuple[Array, Array]:
        """The error that more rows are expected to level off at `(k,)`, and the weight of all floors above `errors (k,)`."""
        above = (self.weight * (self.floor > errors[:, None])).sum(1)
        return np.asarray((self.weight * self.floor).sum(1)), np.asarray(above)


def fit(sizes: Array, errors: Array, noise: Array) -> PowerLaws:
    """Fit every law of the grid to every curve.

    The sum of squares is weighted by n (residuals by sqrt(n)), because a power law holds at large sizes, and the last points are
    closest to the forecast. A law's weight is exp(-S / 2 s^2) with its sum of squares S (weights of mean 1) and
    s^2 = MISFIT^2 + noise^2, times an exponential prior on its floor: few curves have already reached theirs.

    Arguments:
        sizes: labelled rows `(m,)`, increasing, at least 2.
        errors: mean errors `(k, m)`, at least 0; for a metric with no bounds scaled to the size of an error rate.
        noise: standard error of a point of each curve `(k,)`.
    """
    exponent, shift, floor, gain, squares = _all_laws(sizes, errors)
    log_weight = -squares / (2 * (MISFIT**2 + noise[:, None] ** 2))
    log_weight -= FLOOR_RATE * floor / np.maximum(errors[:, -1:], MISFIT)
    log_weight -= log_weight.max(1, keepdims=True)
    weight = np.exp(log_weight)
    return PowerLaws(floor, gain, exponent, shift, weight / weight.sum(1, keepdims=True))


def residual_deviation(sizes: Array, errors: Array) -> Array:
    """Standard deviation `(k,)` of points around their best law, on m - 2 degrees of freedom; nan for two points."""
    if len(sizes) < 3:
        return np.full(len(errors), np.nan)
    return np.asarray(np.sqrt(_all_laws(sizes, errors)[-1].min(1) / (len(sizes) - 2)))


def _all_laws(sizes: Array, errors: Array) -> tuple[Array, Array, Array, Array, Array]:
    """Exponent and shift of each law of the grid, `(g,)`, and its floor, gain and sum of squares, `(k, g)`."""
    exponent, relative = (grid.ravel() for grid in np.meshgrid(EXPONENTS, SHIFTS))
    shift = relative * sizes[-1]
    basis = (sizes[None] + shift[:, None]) ** -exponent[:, None]
    return exponent, shift, *_least_squares(basis, errors, np.asarray(sizes / sizes.mean(), float))


def _least_squares(basis: Array, errors: Array, weights: Array) -> tuple[Array, Array, Array]:
    """Least squares of errors `(k, m)` on 1 and each basis `(g, m)` with both coefficients at least 0.

    Of two coefficients the constrained optimum is the free one, or the better of the two with one at zero: where the free floor
        is negative it is 0 and the gain is refitted; where the gain is then or was negative, it is 0 and the floor is the mean.
    Returns: floor, gain and sum of squares, each `(k, g)`.
    """
    total = weights.sum()
    weighted = errors * weights
    x, xx = basis @ weights, basis**2 @ weights  # (g,)
    y, yy, xy = weighted.sum(1)[:, None], (weighted * errors).sum(1)[:, None], weighted @ basis.T
    spread = total * xx - x**2
    spread = np.where(spread > 1e-12 * total * xx, spread, np.inf)  # nearly equal sizes show no gain
    gain = (total * xy - x * y) / spread
    floor = (y - gain * x) / total
    negative = floor < 0
    gain, floor = np.where(negative, xy / xx, gain), np.where(negative, 0.0, floor)
    flat = gain < 0
    gain, floor = np.where(flat, 0.0, gain), np.where(flat, y / total, floor)
    squares = yy - 2 * floor * y - 2 * gain * xy + floor**2 * total + 2 * floor * gain * x + gain**2 * xx
    return floor, gain, np.maximum(squares, 0.0)
