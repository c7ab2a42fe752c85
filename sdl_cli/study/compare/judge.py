"""What the scores of several arms on the same splits show: means, differences, and which of these chance explains.

Pure functions of arrays. Splits share rows, so variances are those of the corrected resampled t test (Nadeau and Bengio 2003,
"Inference for the generalization error", Machine Learning 52:239); where all repeats have the same test rows, repeats and rows
both count (`statistics.two_way_interval`). p values are adjusted for the number of arms (Holm 1979).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.special import stdtr, stdtrit

from sdl_cli.measure.statistics import corrected_t_interval, corrected_t_test, holm, holm_levels, two_way_interval, two_way_test
from sdl_cli.study.compare.result import Gap

Array = np.ndarray[Any, Any]
ALPHA = 0.05
FLOOR = "ignoring the inputs"  # listed with the arms in `Paired`; no arm can have this name


@dataclass(frozen=True)
class Judged:
    """One arm's mean with its 95 % interval (nan where no split differs), and its differences.

    Arguments:
        to_best, to_baseline: to the best arm and to the baseline; None to itself.
        to_floor: to ignoring the inputs; None for an arm that does just that, or if that was not scored.
    """

    name: str
    mean: float
    low: float
    high: float
    to_best: Gap | None
    to_baseline: Gap | None
    to_floor: Gap | None


@dataclass(frozen=True)
class Rule:
    """Which arm is recommended: `compare.recommend`, and how much worse a simpler arm may be, in the metric's own unit.

    An arm is within the margin if the lower end of its plain 95 % interval of the difference to the best lies above -margin.
    """

    prefer: Literal["best", "simplest"] = "best"
    margin: float = 0.0


@dataclass(frozen=True)
class Judgement:
    """The verdict on the scores of all arms.

    Arguments:
        arms: best first.
        best: the best mean.
        leader: the best mean among the arms that may be recommended: those measurably better than ignoring the inputs, or all if
            there are none.
        recommended: the leader, or a simpler one that the rule takes instead.
        behind: each eligible simpler arm's difference from the leader.
        beats_floor: some arm is measurably better than ignoring the inputs; None if that was not scored.
    """

    arms: tuple[Judged, ...]
    best: str
    leader: str
    recommended: str
    behind: Mapping[str, Gap]
    beats_floor: bool | None


@dataclass(frozen=True)
class Paired:
    """What the arms were scored on, so that differences between them can be tested.

    Arguments:
        scores: arm -> `(R,)` scores, one per split, the same splits for all; `FLOOR` -> those of ignoring the inputs.
        ratio: test rows over labelled rows of a split; it corrects the variance for rows that splits share.
        by_row: if every repeat is scored on the same test rows, arm -> `(T,)` contribution of each test row to the score
            (mean over repeats), whose mean is the score or its linearisation.
        num_test: test rows of a split, if the score is a share of them.
    """

    scores: Mapping[str, Array]
    ratio: float
    by_row: Mapping[str, Array] | None = None
    num_test: int | None = None

    def mean(self, name: str) -> tuple[float, float, float]:
        """Mean score of an arm and its 95 % interval, nan if its scores do not differ at all, which says nothing of chance."""
        values = self.scores[name]
        if self.by_row is not None:
            found, values = two_way_interval(values, self.by_row[name]), self.by_row[name]
        else:
            found = corrected_t_interval(values, self.ratio)
        return (found[0], math.nan, math.nan) if len(values) > 1 and np.ptp(values) == 0 else found

    def difference(self, name: str, other: str, level: float = 0.95) -> tuple[float, float, float]:
        """Mean difference `name` minus `other`, and its interval."""
        pairs = self._pairs(name, other)
        if self.by_row is not None:
            return two_way_interval(pairs, self._row_pairs(name, other), level)
        error = self._error_of_equal(pairs)
        if error is not None:
            mean, half = float(np.mean(pairs)), float(stdtrit(len(pairs) - 1, (1 + level) / 2)) * error
            return mean, mean - half, mean + half
        return corrected_t_interval(pairs, self.ratio, level)

    def p(self, name: str, other: str) -> float:
        """The p value of that difference, not adjusted."""
        pairs = self._pairs(name, other)
        if self.by_row is not None:
            return two_way_test(pairs, self._row_pairs(name, other))
        error = self._error_of_equal(pairs)
        if error is not None:
            return 2 * float(stdtr(len(pairs) - 1, -abs(float(pairs[0])) / error))
        return corrected_t_test(pairs, self.ratio)

    def _error_of_equal(self, pairs: Array) -> float | None:
        """Standard error if two arms differ on the same share of test rows in every split; otherwise None.

        A few splits of a few rows often agree by chance. If the splits show no spread, the rows give one: a share d of T test
        rows has variance d (1 - d) / T, at least 1 / T^2.
        """
        equal = len(pairs) > 1 and 0 < abs(pairs[0]) <= 1 and np.ptp(pairs) <= 1e-12
        if not equal or self.num_test is None:
            return None
        share = min(abs(float(pairs[0])), 1.0)
        variance = max(share * (1 - share), 1 / self.num_test) / self.num_test
        return math.sqrt(variance * (1 / len(pairs) + self.ratio))

    def _pairs(self, name: str, other: str) -> Array:
        return np.asarray(self.scores[name] - self.scores[other])

    def _row_pairs(self, name: str, other: str) -> Array:
        assert self.by_row is not None
        return np.asarray(self.by_row[name] - self.by_row[other])


def judge(
    paired: Paired, higher_is_better: bool, ladder: Sequence[str], baseline: str | None, rule: Rule | None = None
) -> Judgement:
    """Rank arms, say which differences exceed chance, and recommend one.

    Differences are tested in three families, to the best arm, to the baseline and to ignoring the inputs, each adjusted by Holm's
    method.

    Arguments:
        paired: scores of at least one arm.
        ladder: all arms, the simplest first.
        baseline: the arm that others are measured against, or None if it was not run.
        rule: None recommends the best mean.
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
    near = {name: gap.plain_low > -rule.margin if rule.prefer == "best" else not gap.measurable for name, gap in behind.items()}
    taken = next((name for name in simpler if near[name]), leader)
    return Judgement(arms, best, leader, taken, behind, bool(better) if scored else None)


def _family(paired: Paired, sign: float, names: Sequence[str], reference: str | None) -> dict[str, Gap]:
    """Differences of all other arms to one, their p values adjusted and their intervals widened together."""
    assert reference is not None
    others = [name for name in names if name != reference]
    raw = [paired.p(name, reference) for name in others]
    differences = {}
    for name, p, level in zip(others, holm(raw), holm_levels(raw, ALPHA), strict=True):
        value, *ends = paired.difference(name, reference, level)
        low, high = sorted(sign * end for end in ends)
        plain_low, plain_high = sorted(sign * end for end in paired.difference(name, reference)[1:])
        differences[name] = Gap(sign * value, low, high, p, p <= ALPHA and value != 0, plain_low, plain_high)
    return differences
