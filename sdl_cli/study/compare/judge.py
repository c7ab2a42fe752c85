"""What the scores of several arms on the same splits allow to be said: means, differences, and which of them chance explains.

Pure functions of arrays. Splits share rows, so variances are those of the corrected resampled t test (Nadeau and Bengio 2003,
"Inference for the generalization error", Machine Learning 52:239); p values are adjusted for the number of arms (Holm 1979).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.special import stdtr, stdtrit

from sdl_cli.measure.statistics import corrected_t_interval, corrected_t_test, holm, holm_levels

Array = np.ndarray[Any, Any]
ALPHA = 0.05
FLOOR = "ignoring the inputs"  # stands beside the arms in `Paired`: no arm can be called so


@dataclass(frozen=True)
class Difference:
    """How much better one arm is than another (positive is better, whatever the metric).

    Arguments:
        value: mean over splits.
        low, high: its interval at the level at which Holm's method tested it, so that it excludes 0 where `p` is at most 0.05.
        p: two-sided, adjusted for the number of arms.
        measurable: p is at most 0.05 and the difference is not exactly zero.
        plain_low, plain_high: its 95 % interval as if it were the only difference, by which a margin is judged.
    """

    value: float
    low: float
    high: float
    p: float
    measurable: bool
    plain_low: float
    plain_high: float

    @property
    def is_lead(self) -> bool:
        """Whether the one is measurably better than the other."""
        return self.measurable and self.value > 0


@dataclass(frozen=True)
class Judged:
    """One arm's mean with its 95 % interval (nan where no split differs), and its differences.

    Arguments:
        to_best, to_baseline: to the best arm and to the baseline; None to itself.
        to_floor: to ignoring the inputs; None for an arm that does just that, and where that was not scored.
    """

    name: str
    mean: float
    low: float
    high: float
    to_best: Difference | None
    to_baseline: Difference | None
    to_floor: Difference | None


@dataclass(frozen=True)
class Rule:
    """Which arm is recommended.

    Arguments:
        prefer: "best": the best mean, unless a simpler arm is within the margin of it; "simplest": the simplest arm that is not
            measurably worse than the best mean.
        margin: how much worse a simpler arm may be, in the metric's own unit: the lower end of its plain 95 % interval of the
            difference to the best lies above -margin.
    """

    prefer: Literal["best", "simplest"] = "best"
    margin: float = 0.0


@dataclass(frozen=True)
class Judgement:
    """What the scores of all arms come to.

    Arguments:
        arms: best first.
        best: the best mean.
        leader: the best mean among the arms that may be recommended: where any arm is measurably better than ignoring the inputs,
            those that are; else all.
        recommended: the leader, or a simpler one that the rule takes instead.
        behind: of each simpler arm that may be recommended, its difference to the leader.
        beats_floor: some arm is measurably better than ignoring the inputs; None where that was not scored.
    """

    arms: tuple[Judged, ...]
    best: str
    leader: str
    recommended: str
    behind: Mapping[str, Difference]
    beats_floor: bool | None


@dataclass(frozen=True)
class Paired:
    """What the arms were scored on, so that differences between them can be tested.

    Arguments:
        scores: arm -> `(R,)` scores, one per split, the same splits for all; `FLOOR` -> those of ignoring the inputs.
        ratio: test rows over labelled rows of a split; it corrects the variance for rows that splits share.
        by_row: where every repeat is scored on the same test rows, arm -> `(T,)` contribution of each test row to the score
            (mean over repeats), whose mean is the score or its linearisation; else None.
        num_test: test rows of a split, where the score is a share of them; else None.
    """

    scores: Mapping[str, Array]
    ratio: float
    by_row: Mapping[str, Array] | None = None
    num_test: int | None = None

    def mean(self, name: str) -> tuple[float, float, float]:
        """Mean score of an arm and its 95 % interval, nan where its scores do not differ at all, which says nothing of chance."""
        mean = float(np.mean(self.scores[name]))
        values = self.scores[name] if self.by_row is None else self.by_row[name]
        if len(values) > 1 and np.ptp(values) == 0:
            return mean, math.nan, math.nan
        centre, low, high = corrected_t_interval(values, self._ratio)
        return mean, mean + (low - centre), mean + (high - centre)

    def difference(self, name: str, other: str, level: float = 0.95) -> tuple[float, float, float]:
        """Mean difference `name` minus `other`, and its interval."""
        mean = float(np.mean(self.scores[name] - self.scores[other]))
        error = self._error_of_equal(name, other)
        if error is not None:
            half = float(stdtrit(len(self.scores[name]) - 1, (1 + level) / 2)) * error
            return mean, mean - half, mean + half
        centre, low, high = corrected_t_interval(self._pairs(name, other), self._ratio, level)
        return mean, mean + (low - centre), mean + (high - centre)

    def p(self, name: str, other: str) -> float:
        """The p value of that difference, not adjusted."""
        error = self._error_of_equal(name, other)
        if error is not None:
            pairs = self._pairs(name, other)
            return 2 * float(stdtr(len(pairs) - 1, -abs(float(pairs[0])) / error))
        return corrected_t_test(self._pairs(name, other), self._ratio)

    def _error_of_equal(self, name: str, other: str) -> float | None:
        """Standard error where the same share of test rows tells two arms apart in every split; else None.

        A few splits of a few rows often agree by chance. What no spread shows is taken from the rows: a share d of T test rows
        varies by d (1 - d) / T, and by 1 / T^2 at least.
        """
        pairs = self._pairs(name, other)
        equal = len(pairs) > 1 and 0 < abs(pairs[0]) <= 1 and np.ptp(pairs) <= 1e-12
        if not equal or self.num_test is None or self.by_row is not None:
            return None
        share = min(abs(float(pairs[0])), 1.0)
        variance = max(share * (1 - share), 1 / self.num_test) / self.num_test
        return math.sqrt(variance * (1 / len(pairs) + self.ratio))

    @property
    def _ratio(self) -> float:
        return self.ratio if self.by_row is None else 0.0

    def _pairs(self, name: str, other: str) -> Array:
        values = self.scores if self.by_row is None else self.by_row
        return np.asarray(values[name] - values[other])


def judge(
    paired: Paired, higher_is_better: bool, ladder: Sequence[str], baseline: str | None, rule: Rule | None = None
) -> Judgement:
    """Rank arms, say which differences can be told from chance, and recommend one.

    Arguments:
        paired: scores of at least one arm.
        higher_is_better: of the metric.
        ladder: all arms, the simplest first.
        baseline: the arm that others are measured against, or None where it was not run.
        rule: None is the best mean alone.
    Returns:
        differences are tested in three families, to the best arm, to the baseline and to ignoring the inputs, each adjusted by
        Holm's method.
    """
    rule = rule or Rule()
    sign = 1.0 if higher_is_better else -1.0
    means = {name: paired.mean(name) for name in ladder}

    def leads(names: Sequence[str]) -> str:
        return max(names, key=lambda name: (sign * means[name][0], -ladder.index(name)))

    best = leads(ladder)
    to_best = _family(paired, sign, ladder, best)
    to_baseline = _family(paired, sign, ladder, baseline) if baseline in ladder else {}
    scored = FLOOR in paired.scores
    learning = [name for name in ladder if scored and not np.array_equal(paired.scores[name], paired.scores[FLOOR])]
    to_floor = _family(paired, sign, learning, FLOOR)
    ranked = sorted(ladder, key=lambda name: (name != best, -sign * means[name][0], ladder.index(name)))
    arms = tuple(Judged(name, *means[name], to_best.get(name), to_baseline.get(name), to_floor.get(name)) for name in ranked)
    better = [name for name in ladder if name in to_floor and to_floor[name].is_lead]
    allowed = better or list(ladder)
    leader = leads(allowed)
    simpler = allowed[: allowed.index(leader)]
    behind = _family(paired, sign, [*simpler, leader], leader) if leader != best else {name: to_best[name] for name in simpler}
    taken = (name for name in simpler if _is_taken(behind[name], rule))
    return Judgement(arms, best, leader, next(taken, leader), behind, bool(better) if scored else None)


def _is_taken(behind: Difference, rule: Rule) -> bool:
    """Whether a simpler arm is recommended instead of the leader."""
    if rule.prefer == "simplest":
        return not behind.measurable
    return behind.plain_low > -rule.margin


def _family(paired: Paired, sign: float, names: Sequence[str], reference: str | None) -> dict[str, Difference]:
    """Differences of all other arms to one, their p values adjusted and their intervals widened together."""
    assert reference is not None
    others = [name for name in names if name != reference]
    raw = [paired.p(name, reference) for name in others]
    differences = {}
    for name, p, level in zip(others, holm(raw), holm_levels(raw, ALPHA), strict=True):
        value, *ends = paired.difference(name, reference, level)
        low, high = sorted(sign * end for end in ends)
        plain_low, plain_high = sorted(sign * end for end in paired.difference(name, reference)[1:])
        differences[name] = Difference(sign * value, low, high, p, p <= ALPHA and value != 0, plain_low, plain_high)
    return differences
