"""What the scores of several arms on the same splits allow to be said: means, differences, and which of them chance explains.

Pure functions of arrays. Splits share rows, so variances are those of the corrected resampled t test (Nadeau and Bengio 2003,
"Inference for the generalization error", Machine Learning 52:239); p values are adjusted for the number of arms (Holm 1979).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sdl_cli.statistics import corrected_t_interval, corrected_t_test, holm, t_interval

Array = np.ndarray[Any, Any]
ALPHA = 0.05


@dataclass(frozen=True)
class Difference:
    """How much better one arm is than another (positive is better, whatever the metric).

    Arguments:
        value, low, high: mean over splits and its 95 % interval, not adjusted for the number of arms.
        p: two-sided, adjusted for the number of arms.
        measurable: p is at most 0.05 and the difference is not exactly zero.
    """

    value: float
    low: float
    high: float
    p: float
    measurable: bool


@dataclass(frozen=True)
class Judged:
    """One arm's mean with its 95 % interval, and its difference to the best arm and to the baseline (None to itself)."""

    name: str
    mean: float
    low: float
    high: float
    to_best: Difference | None
    to_baseline: Difference | None


@dataclass(frozen=True)
class Judgement:
    """All arms, best first, the best one, and the simplest one that is not measurably worse than it."""

    arms: tuple[Judged, ...]
    best: str
    recommended: str


@dataclass(frozen=True)
class Paired:
    """What the arms were scored on, so that differences between them can be tested.

    Arguments:
        scores: arm -> `(R,)` scores, one per split, the same splits for all.
        ratio: test rows over labelled rows of a split; it corrects the variance for rows that splits share.
        by_row: where every repeat is scored on the same test rows, arm -> `(T,)` contribution of each test row to the score
            (mean over repeats), whose mean is the score or its linearisation; else None.
    """

    scores: Mapping[str, Array]
    ratio: float
    by_row: Mapping[str, Array] | None = None

    def mean(self, name: str) -> tuple[float, float, float]:
        """Mean score of an arm and its 95 % interval."""
        mean = float(np.mean(self.scores[name]))
        if self.by_row is None:
            _, low, high = corrected_t_interval(self.scores[name], self.ratio)
            return mean, low, high
        centre, low, high = t_interval(self.by_row[name])
        return mean, mean + (low - centre), mean + (high - centre)

    def difference(self, name: str, other: str) -> tuple[float, float, float, float]:
        """Mean difference `name` minus `other`, its 95 % interval, and its p value, not adjusted."""
        mean = float(np.mean(self.scores[name] - self.scores[other]))
        if self.by_row is None:
            differences = self.scores[name] - self.scores[other]
            _, low, high = corrected_t_interval(differences, self.ratio)
            return mean, low, high, corrected_t_test(differences, self.ratio)
        rows = self.by_row[name] - self.by_row[other]
        centre, low, high = t_interval(rows)
        return mean, mean + (low - centre), mean + (high - centre), corrected_t_test(rows, 0.0)


def judge(paired: Paired, higher_is_better: bool, ladder: Sequence[str], baseline: str | None) -> Judgement:
    """Rank arms and say which differences can be told from chance.

    Arguments:
        paired: scores of at least one arm.
        higher_is_better: of the metric.
        ladder: all arms, the simplest first.
        baseline: the arm that others are measured against, or None where it was not run.
    Returns:
        differences are tested in two families, to the best arm and to the baseline, each adjusted by Holm's method.
    """
    sign = 1.0 if higher_is_better else -1.0
    means = {name: paired.mean(name) for name in ladder}
    best = max(ladder, key=lambda name: (sign * means[name][0], -ladder.index(name)))
    to_best = _family(paired, sign, ladder, best)
    to_baseline = _family(paired, sign, ladder, baseline) if baseline in ladder else {}
    ranked = sorted(ladder, key=lambda name: (name != best, -sign * means[name][0], ladder.index(name)))
    arms = tuple(Judged(name, *means[name], to_best.get(name), to_baseline.get(name)) for name in ranked)
    recommended = next(name for name in ladder if name == best or not to_best[name].measurable)
    return Judgement(arms, best, recommended)


def _family(paired: Paired, sign: float, names: Sequence[str], reference: str | None) -> dict[str, Difference]:
    """Differences of all other arms to one, their p values adjusted together."""
    assert reference is not None
    others = [name for name in names if name != reference]
    found = [paired.difference(name, reference) for name in others]
    adjusted = holm([p for *_, p in found]) if others else []
    differences = {}
    for name, (value, low, high, _), p in zip(others, found, adjusted, strict=True):
        ends = sorted((sign * low, sign * high))
        differences[name] = Difference(sign * value, ends[0], ends[1], p, p <= ALPHA and value != 0)
    return differences


def row_contributions(metric: str, truth: Array, outputs: Array, predicted: Array) -> Array | None:
    """What each test row adds to a score, for metrics of which the score is a mean or can be linearised; else None.

    Arguments:
        metric: its key.
        truth: `(T,)` class indices or numbers.
        outputs: probabilities `(T, K)` or numbers `(T,)`.
        predicted: `(T,)` class indices or numbers.
    Returns:
        `(T,)`: right or wrong for accuracy; the same weighted by class for balanced accuracy; the absolute error; minus the log
        probability; for RMSE its first-order influence (mean squared error is a mean, and the root is linearised at its value).
    """
    if metric == "accuracy":
        return np.asarray(predicted == truth, dtype=float)
    if metric == "balanced_accuracy":
        classes, index, counts = np.unique(truth, return_inverse=True, return_counts=True)
        weighted: Array = (predicted == truth) * len(truth) / (len(classes) * counts[index])
        return weighted
    if metric == "log_loss":
        probs = outputs[np.arange(len(truth)), truth] / outputs.sum(axis=1)
        return np.asarray(-np.log(np.clip(probs, 1e-15, 1)))
    if metric == "mae":
        return np.asarray(np.abs(outputs - truth))
    if metric == "rmse":
        squared = (outputs - truth) ** 2
        rmse = math.sqrt(float(squared.mean()))
        return np.full(len(truth), 0.0) if rmse == 0 else rmse + (squared - rmse**2) / (2 * rmse)
    return None
