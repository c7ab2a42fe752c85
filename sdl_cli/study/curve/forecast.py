"""What a learning curve does next, and how many labelled rows a target needs: arrays in, arrays out, many curves at once."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sdl_cli.study.curve import calibration
from sdl_cli.study.curve.fit import MISFIT, PowerLaws, fit, residual_deviation

Array = np.ndarray[Any, Any]
Numbers = Sequence[float] | Sequence[Sequence[float]] | Array
HORIZON = 8.0  # times the largest measured size: as far as anything was calibrated
CHUNK = 2048  # curves fitted at once, so that memory stays small
STEPS = 97  # sizes between the first and the horizon at which a target is looked for


@dataclass(frozen=True)
class Forecast:
    """Scores expected at some sizes: mean and ends of the interval, each `(k, len(at))`."""

    mean: Array
    low: Array
    high: Array


@dataclass(frozen=True)
class LabelsNeeded:
    """Labelled rows at which the target is reached: each `(k,)`, inf if that is beyond the horizon.

    Arguments:
        low, mid, high: where the interval's upper end reaches the target (the optimistic count), the forecast, and the lower end.
        floor: the score that the fitted curve levels off at, `(k,)`.
        out_of_reach: share of the fitted laws, by weight, whose own floor is worse than the target `(k,)`: near 1, more of the
            same data will not suffice.
    """

    low: Array
    mid: Array
    high: Array
    floor: Array
    out_of_reach: Array


@dataclass(frozen=True)
class Curves:
    """Learning curves as errors: 0 is the best score there is, smaller is better.

    Arguments:
        sizes: `(m,)`. errors: `(k, m)`. noise: standard error of a point `(k,)`.
        scatter: the noise, or the points' deviation from their best law where that is larger `(k,)`.
        best: the best possible score; sign: +1 if a higher score is better, otherwise -1.
        unit: what one unit of error is in units of the score `(k,)`; 1 for an error rate.
        bounded: that an error cannot exceed 1 `(k,)`.
    """

    sizes: Array
    errors: Array
    noise: Array
    scatter: Array
    best: float
    sign: float
    unit: Array
    bounded: Array

    def score(self, errors: Array) -> Array:
        """Scores `(k, s)` of errors `(k, s)`."""
        return np.asarray(self.best - self.sign * errors * self.unit[:, None])

    def error(self, scores: Array) -> Array:
        """Errors `(k, s)` of scores, `(k, s)` or a number."""
        return np.asarray((self.best - scores) * self.sign / self.unit[:, None])


def forecast(
    sizes: Sequence[float] | Array,
    scores: Numbers,
    at: Sequence[float] | Array,
    level: float = 0.9,
    repeats_per_size: float | None = None,
    standard_errors: Numbers | None = None,
    higher_is_better: bool = True,
    best: float | None = None,
    is_share: bool | None = None,
) -> Forecast:
    """Forecast learning curves, with conformal intervals.

    The curve is `fit.PowerLaws`. Its interval is the forecast plus or minus q sqrt(g^2 + (3 s)^2): g is the gain that it
    forecasts over the last point, s the standard error of the points (or their deviation from the curve, where that is larger),
    and q the quantile of that scaled error on the curves of LCDB 1.1 (split conformal prediction, Papadopoulos et al. 2002; see
    `calibration`).

    Arguments:
        sizes: labelled rows of each measured point `(m,)`, increasing, at least 3.
        scores: mean score at each size, one curve `(m,)` or many `(k, m)`.
        at: sizes to forecast, more than 0; beyond 8 times the largest measured size nothing was calibrated.
        level: coverage of the interval, 0.5 to 0.99.
        repeats_per_size: repeats that each point is the mean of; None means many if standard errors are given, otherwise 1.
        standard_errors: of the scores, same shape; None estimates them from the scatter around the curve and what is usual.
        higher_is_better: False for an error rate, RMSE or a loss.
        best: the best possible score; None is 1 if higher is better, otherwise 0.
        is_share: scores lie in [0, 1] by their nature, as accuracies do and RMSE does not; None assumes so if they happen to.
    Returns:
        mean, low and high `(k, len(at))`, k = 1 for one curve.
    Raises:
        ValueError: fewer than 3 sizes, sizes that do not increase, scores that are not finite or better than the best.
    """
    curves = as_curves(sizes, scores, repeats_per_size, standard_errors, higher_is_better, best, is_share)
    asked = np.asarray(at, float).reshape(-1)
    if len(asked) == 0 or not (np.isfinite(asked).all() and (asked > 0).all()):
        raise ValueError("at: sizes to forecast must be positive numbers")
    quantile = quantile_at(level, len(curves.sizes))
    parts = [_band(part, fit(part.sizes, part.errors, part.noise), asked, quantile) for part in _chunks(curves)]
    mean, low, high = (np.concatenate(each) for each in zip(*parts, strict=True))
    ends = curves.score(low), curves.score(high)
    return Forecast(curves.score(mean), np.minimum(*ends), np.maximum(*ends))


def labels_needed(
    sizes: Sequence[float] | Array,
    scores: Numbers,
    target: float | Sequence[float] | Array,
    level: float = 0.9,
    repeats_per_size: float | None = None,
    standard_errors: Numbers | None = None,
    higher_is_better: bool = True,
    best: float | None = None,
    is_share: bool | None = None,
) -> LabelsNeeded:
    """The least size, up to 8 times the largest measured one, at which the forecast and each end of its interval reach a target.

    Arguments:
        target: score to reach, one for all curves or one for each `(k,)`; the others are as for `forecast`.
    Raises:
        ValueError: as `forecast`, or a target better than the best.
    """
    curves = as_curves(sizes, scores, repeats_per_size, standard_errors, higher_is_better, best, is_share)
    given = np.asarray(target, float).reshape(-1, 1)
    if len(given) not in (1, len(curves.errors)):
        raise ValueError(f"target: must be one number, or one for each of {len(curves.errors)} curves, not {len(given)}")
    wanted = curves.error(np.broadcast_to(given, (len(curves.errors), 1)))[:, 0]
    if not np.isfinite(wanted).all() or (wanted < 0).any():
        raise ValueError(f"target: must be a number no better than {curves.best:g}")
    grid = np.geomspace(curves.sizes[0], HORIZON * curves.sizes[-1], STEPS)
    quantile = quantile_at(level, len(curves.sizes))
    found: list[tuple[Array, ...]] = []
    for number, part in enumerate(_chunks(curves)):
        laws, own = fit(part.sizes, part.errors, part.noise), wanted[number * CHUNK :][: len(part.errors)]
        mean, low, high = _band(part, laws, grid, quantile)
        found.append((*(_first_below(grid, errors, own) for errors in (low, mean, high)), *laws.floors(own)))
    low, mid, high, floor, beyond = (np.concatenate(each) for each in zip(*found, strict=True))
    # a score the forecast has not reached at the largest measured size was not reached earlier
    low = np.where(mid > curves.sizes[-1], np.maximum(low, curves.sizes[-1]), low)
    return LabelsNeeded(low, mid, high, curves.score(floor[:, None])[:, 0], beyond)


def as_curves(
    sizes: Sequence[float] | Array,
    scores: Numbers,
    repeats_per_size: float | None = None,
    standard_errors: Numbers | None = None,
    higher_is_better: bool = True,
    best: float | None = None,
    is_share: bool | None = None,
) -> Curves:
    """Check measured curves and turn them into errors. Arguments and errors as for `forecast`."""
    n = np.asarray(sizes, float)
    if n.ndim != 1:
        raise ValueError(f"sizes must have the shape (m,), not {n.shape}")
    if len(n) < 3:
        raise ValueError(f"a forecast needs at least 3 sizes, not {n.size}")
    if not np.isfinite(n).all() or (n <= 0).any() or (np.diff(n) <= 0).any():
        raise ValueError("sizes must be positive and increasing")
    y = np.atleast_2d(np.asarray(scores, float))
    if y.ndim != 2 or y.shape[1] != len(n) or len(y) == 0:
        raise ValueError(f"scores must have the shape (k, {len(n)}) or ({len(n)},), not {np.shape(scores)}")
    if not np.isfinite(y).all():
        raise ValueError("scores must be finite numbers")
    if repeats_per_size is not None and not (math.isfinite(repeats_per_size) and repeats_per_size >= 1):
        raise ValueError(f"repeats_per_size must be at least 1, not {repeats_per_size}")
    if best is not None and not math.isfinite(best):
        raise ValueError(f"best must be a finite number, not {best}")
    best = (1.0 if higher_is_better else 0.0) if best is None else float(best)
    sign = 1.0 if higher_is_better else -1.0
    errors = (best - y) * sign
    if (errors < 0).any():
        raise ValueError(f"scores must be no better than {best:g}")
    if is_share and (errors > 1).any():
        raise ValueError("scores must lie in [0, 1]")
    bounded = np.asarray((errors <= 1).all(1) if is_share is None else np.full(len(y), is_share))
    largest = errors.max(1)
    unit = np.where(bounded, 1.0, np.where(largest > 0, largest, 1.0) / calibration.TYPICAL_ERROR)
    errors = errors / unit[:, None]
    spread = None if standard_errors is None else _spread(standard_errors, y.shape) / unit[:, None]
    noise = _noise(n, errors, repeats_per_size, spread)
    scatter = np.fmax(noise, residual_deviation(n, errors))
    return Curves(n, errors, noise, scatter, best, sign, unit, bounded)


def quantile_at(level: float, num_sizes: int) -> float:
    """Scaled half-width of the interval with coverage `level` for curves measured at `num_sizes` sizes."""
    levels = calibration.LEVELS
    if not levels[0] <= level <= levels[-1]:
        raise ValueError(f"level: must be from {levels[0]} to {levels[-1]}, not {level}")
    known = calibration.QUANTILES
    return float(np.interp(level, levels, known[min(max(num_sizes, min(known)), max(known))]))


def _noise(n: Array, errors: Array, repeats: float | None, standard_errors: Array | None) -> Array:
    """Standard error of a point of each curve `(k,)`, weighted as the fit weights points.

    The measured error is shrunk towards the typical one on LCDB with the weight of two extra degrees of freedom: with few repeats
    or points, a small standard error is often luck.
    """
    usual_squares = usual_deviation(n, errors) ** 2 / (repeats or 1.0)
    usual = (usual_squares * n).sum(1) / n.sum()
    if standard_errors is None:
        measured, freedom = residual_deviation(n, errors) ** 2, float(len(n) - 2)
    else:
        measured = (standard_errors**2 * n).sum(1) / n.sum()
        if repeats is None:
            return np.asarray(np.sqrt(measured))
        freedom = len(n) * (repeats - 1.0)
    return np.asarray(np.sqrt((freedom * measured + 2 * usual) / (freedom + 2)))


def usual_deviation(n: Array, errors: Array) -> Array:
    """Standard deviation over splits that an error rate `(k, m)` usually has at sizes n `(m,)`, by LCDB 1.1."""
    p = np.clip(errors, MISFIT, 1 - MISFIT)
    return np.asarray(np.sqrt(p * (1 - p)) * calibration.TYPICAL_FACTOR * n**calibration.TYPICAL_POWER)


def _spread(standard_errors: Numbers, shape: tuple[int, ...]) -> Array:
    spread = np.atleast_2d(np.asarray(standard_errors, float))
    if spread.shape != shape or not np.isfinite(spread).all() or (spread < 0).any():
        raise ValueError(f"standard_errors must be numbers of at least 0, with the shape {shape} of the scores")
    return spread


def _chunks(curves: Curves) -> list[Curves]:
    parts = [slice(i, i + CHUNK) for i in range(0, len(curves.errors), CHUNK)]
    each = ("errors", "noise", "scatter", "unit", "bounded")
    return [dataclasses.replace(curves, **{name: getattr(curves, name)[part] for name in each}) for part in parts]


def _band(curves: Curves, laws: PowerLaws, at: Array, quantile: float) -> tuple[Array, Array, Array]:
    """Mean, low and high error `(k, s)` at sizes `(s,)`."""
    mean = laws.at(at)
    half = quantile * scale(curves, mean, at)
    high = mean + half
    return mean, np.maximum(mean - half, 0.0), np.where(curves.bounded[:, None], np.minimum(high, 1.0), high)


def scale(curves: Curves, mean: Array, at: Array) -> Array:
    """What an interval's half-width is proportional to `(k, s)`, for forecast errors `(k, s)` at sizes `(s,)`."""
    gain = np.where(at > curves.sizes[-1], curves.errors[:, -1:] - mean, 0.0)  # between measured sizes nothing is extrapolated
    return np.asarray(np.sqrt(gain**2 + (calibration.NOISE_FACTOR * curves.scatter[:, None]) ** 2 + MISFIT**2))


def _first_below(grid: Array, errors: Array, wanted: Array) -> Array:
    """For each curve `(k,)` the least size at which `errors (k, s)` are at most `wanted`; by the log between points."""
    below = errors <= wanted[:, None]
    first = below.argmax(1)  # an interval's edge may rise again
    rows, before = np.arange(len(errors)), np.maximum(first - 1, 0)
    upper, lower = errors[rows, before], errors[rows, first]
    share = np.where(upper > lower, (upper - wanted) / np.where(upper > lower, upper - lower, 1.0), 1.0)
    log_size = np.log(grid[before]) + np.clip(share, 0, 1) * (np.log(grid[first]) - np.log(grid[before]))
    return np.where(below.any(1), np.where(first == 0, grid[0], np.exp(log_size)), np.inf)
