"""How sub-nets do on rows: each by itself, how much their errors have in common, and averages of some of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from sdl_cli.data.split import TestPart
from sdl_cli.measure import statistics
from sdl_cli.measure.metrics import Measured
from sdl_cli.run.fit_and_score import row_contributions
from sdl_cli.study.decompose.result import MOST_CHOICES, Average

Array = np.ndarray[Any, Any]


def correlation(errors: Array) -> tuple[Measured, Array]:
    """The mean over pairs of the correlation of errors, bootstrapped over rows, and that of each pair `(K, K)`.

    Arguments:
        errors: `(T, K)`, 1 where a sub-net errs on a test row. A pair of which one never errs or always has none: nan.
    """
    first, second = np.triu_indices(errors.shape[1], 1)

    def pairs(weights: Array) -> Array:
        """Of each pair, `(b, pairs)`."""
        share = weights / weights.sum(axis=1, keepdims=True)
        mean, both = share @ errors, share @ (errors[:, first] * errors[:, second])
        spread = np.sqrt(np.maximum(mean * (1 - mean), 0))
        spread[spread < 1e-9] = 0  # nothing but rounding
        top, bottom = both - mean[:, first] * mean[:, second], spread[:, first] * spread[:, second]
        return np.asarray(np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0))

    def mean_defined(weights: Array) -> Array:
        found = pairs(weights)
        count = np.isfinite(found).sum(axis=1)
        return np.asarray(np.divide(np.nansum(found, axis=1), count, out=np.full(len(found), np.nan), where=count > 0))

    value, low, high = statistics.bootstrap({"": mean_defined}, len(errors))[""]
    each = np.eye(errors.shape[1])
    each[first, second] = each[second, first] = pairs(np.ones((1, len(errors))))[0]
    return Measured(value, low, high, len(errors)), each


def averages(
    test: TestPart, outputs: Array, decided: Any, decision: Array | None, seed: int
) -> tuple[tuple[Average, ...], Measured]:
    """The mean test accuracy of averages of 1, 2, ... K sub-nets over all choices of them, and that of K less that of 1.

    The intervals are Wilson's, and for the difference a bootstrap of paired rows.

    Arguments:
        outputs: `(T, K, C)` of the sub-nets. decided: outputs `(T, C)` of a whole network -> probabilities over all classes.
        seed: of the choices where there are more than `MOST_CHOICES`.
    """
    num = outputs.shape[1]
    found: list[Average] = []
    rows: list[Array] = []
    rng = np.random.default_rng(seed)
    for size in range(1, num + 1):
        right: list[Array] = []
        for chosen in _choices(num, size, rng):
            probs = decided(num * outputs[:, chosen].mean(axis=1))  # as large as the outputs of the network
            contributed = row_contributions("accuracy", test, probs, decision)
            assert contributed is not None
            right.append(contributed)
        rows.append(np.mean(right, axis=0))
        successes, n = min(math.fsum(rows[-1]), float(len(test))), len(test)
        found.append(Average(size, Measured(successes / n, *statistics.wilson(successes, n), n)))
    gained = rows[-1] - rows[0]
    mean = statistics.bootstrap({"": lambda weights: weights @ gained / weights.sum(axis=1)}, len(gained))[""]
    return tuple(found), Measured(*mean, len(gained))


def _choices(num: int, size: int, rng: np.random.Generator) -> Sequence[list[int]]:
    if math.comb(num, size) <= MOST_CHOICES:
        return [list(chosen) for chosen in combinations(range(num), size)]
    return [rng.permutation(num)[:size].tolist() for _ in range(MOST_CHOICES)]
