"""Intervals and tests for numbers measured on few rows or few repeats: pure functions of arrays, in numpy.

`level` is the coverage of an interval, in (0, 1), everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Values = Sequence[float] | Array

_CHUNK_CELLS = 500_000  # weights held at once: small enough to stay in cache, large enough to amortise a numpy call


def wilson(successes: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Score interval of a proportion (Wilson 1927; method 3 of Newcombe 1998, Statistics in Medicine 17:857).

    Arguments:
        successes: number of successes, in 0..n; a fraction where trials count for less than one each.
        n: number of trials; if 0, the interval is [0, 1].
    Returns:
        low, high in [0, 1]; exactly 0 where nothing and exactly 1 where everything succeeded.
    Raises:
        ValueError: successes outside 0..n.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes in {n} trials")
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + level) / 2)
    p = successes / n
    middle = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low = 0.0 if successes == 0 else (middle - half) / scale
    high = 1.0 if successes == n else (middle + half) / scale
    return low, high


def bootstrap_weights(n: int, num_resamples: int = 1000, seed: int = 0) -> Iterator[Array]:
    """How often each of n rows is drawn in each of `num_resamples` resamples of size n with replacement (Efron 1979).

    Yields chunks `(b, n)` of about half a million int64 counts; the chunks' b sum to `num_resamples`, every row of counts to n.
    """
    if n < 1:
        raise ValueError("a bootstrap needs at least one row")
    rng = np.random.default_rng(seed)
    per_chunk = max(1, _CHUNK_CELLS // n)
    for start in range(0, num_resamples, per_chunk):
        b = min(per_chunk, num_resamples - start)
        drawn = rng.integers(0, n, size=(b, n)) + n * np.arange(b)[:, None]
        yield np.bincount(drawn.ravel(), minlength=b * n).reshape(b, n)


def bootstrap(
    functions: Mapping[str, Callable[[Array], Array]], n: int, num_resamples: int = 1000, seed: int = 0, level: float = 0.95
) -> dict[str, tuple[float, float, float]]:
    """Values and percentile bootstrap intervals (Efron 1979) of statistics of the same n rows, resampled together.

    Arguments:
        functions: by name, a statistic as a function of row weights, `(b, n) -> (b,)`, nan where it is undefined.
    Returns:
        value (at weights of one), low, high; all nan where the value is undefined. Resamples in which a statistic is
        undefined are left out of its interval. The interval is widened to include the value if all resampled values lie on
        one side: resampling adds noise, which can only increase a mean of absolute values such as the calibration error.
    """
    ones = np.ones((1, n))
    values = {name: float(function(ones)[0]) for name, function in functions.items()}
    chunks: dict[str, list[Array]] = {name: [] for name in functions}
    for counts in bootstrap_weights(n, num_resamples, seed):
        weights = counts.astype(np.float64)
        for name, function in functions.items():
            chunks[name].append(function(weights))
    tail = (1 - level) / 2
    result = {}
    for name, value in values.items():
        samples = np.concatenate(chunks[name])
        defined = samples[np.isfinite(samples)]
        low, high = np.quantile(defined, [tail, 1 - tail]) if len(defined) else (value, value)
        # A value that is nan stays nan on either side of min and max only when it comes first.
        result[name] = (value, min(value, float(low)), max(value, float(high)))
    return result


def all_or_nothing_recalls(right: Sequence[int], wrong: Sequence[int], level: float = 0.95) -> tuple[float, float]:
    """Interval in [0, 1] of a mean of recalls if each class has all its rows right or all wrong, where a bootstrap gives none.

    The lower end is the smallest mean recall with which rows all right are still as likely as the tail: the sum of n_k log p_k is
    at least log((1 - level) / 2), and its minimum has p_k in proportion to n_k, up to 1. With equal classes that is Clopper and
    Pearson's bound (1934) of all rows together. The upper end is the same of the classes all wrong.

    Arguments:
        right, wrong: rows, at least 1, of each class that is all right, and all wrong; one class or more in all.
    """
    num = len(right) + len(wrong)
    tail = (1 - level) / 2
    return _least_sum(right, tail) / num, 1 - _least_sum(wrong, tail) / num


def _least_sum(rows: Sequence[int], tail: float) -> float:
    """Smallest sum of p_k with which n_k of n_k in every class have the probability `tail`."""
    n = np.sort(np.asarray(rows, dtype=float))
    for active in range(len(n), 0, -1):  # the largest classes may be right for certain; the others share the tail
        own = n[:active]
        scale = math.exp((math.log(tail) - float((own * np.log(own)).sum())) / float(own.sum()))
        if scale * own[-1] <= 1:
            return float(scale * own.sum()) + len(n) - active
    return 0.0


def t_interval(values: Values, level: float = 0.95) -> tuple[float, float, float]:
    """Student's interval of the mean of independent repeats `(J,)`, at least one, as `corrected_t_interval` gives it."""
    # A ratio of 0 leaves the usual variance of a mean, s^2 / J.
    return corrected_t_interval(values, test_fraction_ratio=0.0, level=level)


def corrected_t_interval(differences: Values, test_fraction_ratio: float, level: float = 0.95) -> tuple[float, float, float]:
    """Interval of a mean difference over overlapping splits: the corrected resampled t of Nadeau and Bengio (2003).

    Repeats share training rows, so their variance is multiplied by 1/J + n_test/n_train instead of 1/J.

    Arguments:
        differences: `(J,)` paired differences, one per split.
        test_fraction_ratio: n_test / n_train of one split; 0 for independent repeats.
    Returns:
        mean, low, high; with a single difference nothing is known of the spread and the interval is (-inf, inf).
    """
    mean, error, num_values = _mean_and_error(differences, test_fraction_ratio)
    if num_values == 1:
        return mean, -math.inf, math.inf
    from scipy.special import stdtrit

    half = float(stdtrit(num_values - 1, (1 + level) / 2)) * error
    return mean, mean - half, mean + half


def corrected_t_test(differences: Values, test_fraction_ratio: float) -> float:
    """Two-sided p value that the mean difference over overlapping splits is 0 (Nadeau and Bengio 2003).

    The arguments are those of `corrected_t_interval`; p is 1 for a single difference and for a mean of exactly 0.
    """
    mean, error, num_values = _mean_and_error(differences, test_fraction_ratio)
    if num_values == 1 or mean == 0:
        return 1.0
    if error == 0:
        return 0.0
    from scipy.special import stdtr

    return 2 * float(stdtr(num_values - 1, -abs(mean) / error))


def two_way_interval(draws: Values, rows: Values, level: float = 0.95) -> tuple[float, float, float]:
    """Interval of a mean over `(R,)` repeats on the same `(T,)` test rows; of one repeat that of the test rows alone.

    Repeats (of the labelled rows, of the seed) and test rows both add to the error. The half-widths of the t interval over
    repeats and of that over test rows are added as squares (Zou and Donner, Statistics in Medicine 27:1693, 2008), so that few
    repeats count as few whatever the number of test rows is. What only a row in a repeat adds is counted twice, which makes the
    interval rather too wide.

    Arguments:
        draws: the mean of each repeat.
        rows: the mean over repeats of what each test row adds, so that its mean is that of `draws` but for rounding.
    Returns:
        mean, low, high; of one repeat and one row (-inf, inf) around it.
    """
    return joined(float(np.mean(draws)), *(t_interval(each, level)[1:] for each in (draws, rows) if len(each) > 1))


def joined(value: float, *intervals: tuple[float, float]) -> tuple[float, float, float]:
    """A value with the interval of several independent sources of error, of each of which its own interval is known.

    The distances of the ends from their middle are added as squares; for one that does not lie around its middle (Wilson's, a
    bootstrap's), those of each side (Zou and Donner 2008).

    Arguments:
        intervals: low and high of each source, around a mean of its own that is taken to be `value`; none leaves all open.
    """
    if not intervals:
        return value, -math.inf, math.inf
    below, above = (math.hypot(*(abs(value - ends[side]) for ends in intervals)) for side in (0, 1))
    return value, value - below, value + above


def two_way_test(draws: Values, rows: Values) -> float:
    """Two-sided p value that a mean over repeats on the same test rows is 0: 1 less the level at which its interval begins at 0.

    The arguments are those of `two_way_interval`; p is 1 for a mean of exactly 0.
    """
    from scipy.optimize import brentq
    from scipy.special import stdtrit

    mean = abs(float(np.mean(draws)))
    errors = [_mean_and_error(each, 0.0)[1:] for each in (draws, rows) if len(each) > 1]
    if mean == 0 or not errors:
        return 1.0
    if not any(error for error, _ in errors):
        return 0.0

    def beyond(log_p: float) -> float:
        return math.hypot(*(error * float(stdtrit(num - 1, math.exp(log_p) / 2)) for error, num in errors)) - mean

    least = math.log(1e-100)
    return 0.0 if beyond(least) < 0 else math.exp(brentq(beyond, least, 0.0, xtol=1e-12))


def holm(p_values: Values) -> list[float]:
    """P values `(M,)` adjusted for their number, family-wise (Holm 1979), in the order they were given.

    The i-th smallest is multiplied by M - i (i from 0); then all are made monotone, and at most 1.
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return [float(value) for value in adjusted]


def holm_levels(p_values: Values, alpha: float = 0.05) -> list[float]:
    """Levels of intervals that go with Holm's test: each is that at which its own difference was tested.

    The i-th smallest p value is compared with alpha / (M - i); from the first that exceeds it on, all are held to that one's.
    An interval of that level from the same test excludes 0 exactly where the adjusted p value (`holm`) is at most alpha.

    Arguments:
        p_values: `(M,)`, not adjusted; the levels come in the same order.
        alpha: family-wise error rate, in (0, 1).
    """
    p = np.asarray(p_values, dtype=float)
    levels = np.empty_like(p)
    divisor, rejecting = len(p), True
    for i, place in enumerate(np.argsort(p, kind="stable")):
        if rejecting:
            divisor = len(p) - i
            rejecting = bool(p[place] * divisor <= alpha)
        levels[place] = 1 - alpha / divisor
    return [float(level) for level in levels]


def newcombe_paired(a_correct: Values, b_correct: Values, level: float = 0.95) -> tuple[float, float, float]:
    """Difference (A's minus B's) of two proportions measured on the same rows `(N,)`, low and high, all in [-1, 1].

    Newcombe (1998), "Improved confidence intervals for the difference between binomial proportions based on paired
    data", Statistics in Medicine 17:2635, method 10: Wilson's two half-widths are squared and added, less twice their
    product times the continuity-corrected correlation.

    Raises:
        ValueError: no rows, or lengths that differ.
    """
    a, b = np.asarray(a_correct, dtype=bool), np.asarray(b_correct, dtype=bool)
    if a.shape != b.shape or a.ndim != 1 or len(a) == 0:
        raise ValueError(f"paired rows are needed, not {a.shape} and {b.shape}")
    n = len(a)
    both, only_a, only_b = int((a & b).sum()), int((a & ~b).sum()), int((~a & b).sum())
    neither = n - both - only_a - only_b
    num_a, num_b = both + only_a, both + only_b
    p_a, p_b = num_a / n, num_b / n
    low_a, high_a = wilson(num_a, n, level)
    low_b, high_b = wilson(num_b, n, level)

    cross = float(both * neither - only_a * only_b)
    if cross > 0:
        cross = max(cross - n / 2, 0.0)
    # As floats: the product of four counts outgrows int64 beyond some 50,000 rows in numpy, and Python's ints are slow.
    marginals = float(num_a) * (n - num_a) * float(num_b) * (n - num_b)
    phi = cross / math.sqrt(marginals) if marginals > 0 else 0.0

    difference = (only_a - only_b) / n
    down, up = _added(p_a - low_a, high_b - p_b, phi), _added(high_a - p_a, p_b - low_b, phi)
    return difference, max(-1.0, difference - down), min(1.0, difference + up)


def _added(first: float, second: float, phi: float) -> float:
    # Never negative in exact arithmetic, since |phi| <= 1; rounding may say otherwise.
    return math.sqrt(max(first * first - 2 * phi * first * second + second * second, 0.0))


def _mean_and_error(values: Values, ratio: float) -> tuple[float, float, int]:
    v = np.asarray(values, dtype=float)
    if v.ndim != 1 or len(v) == 0:
        raise ValueError("at least one value is needed")
    if len(v) == 1:
        return float(v[0]), math.nan, 1
    if np.ptp(v) <= 1e-12 * np.abs(v).max():  # equal except for rounding, so no spread
        return float(v[0]), 0.0, len(v)
    return float(v.mean()), math.sqrt(float(v.var(ddof=1)) * (1 / len(v) + ratio)), len(v)
