"""Means, paired differences and p values of arms, against hand computations and scikit-learn's own numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import balanced_accuracy_score, log_loss, mean_absolute_error

from sdl_cli.measure.scoring import row_contributions
from sdl_cli.measure.statistics import two_way_interval, two_way_test
from sdl_cli.study.compare.judge import FLOOR, Paired, Rule, judge

LADDER = ["simple", "middle", "deep"]


def paired(**scores: list[float]) -> Paired:
    return Paired({name: np.array(found) for name, found in scores.items()}, 0.25)


def test_differences_are_paired_corrected_and_adjusted() -> None:
    simple, middle, deep = [0.80, 0.84, 0.82, 0.81], [0.85, 0.90, 0.86, 0.87], [0.86, 0.89, 0.90, 0.91]
    found = judge(paired(simple=simple, middle=middle, deep=deep), True, LADDER, "simple")
    assert found.best == "deep" and [arm.name for arm in found.arms] == ["deep", "middle", "simple"]
    raw = {}
    for name, scores in (("middle", middle), ("simple", simple)):
        differences = np.subtract(scores, deep)
        error = math.sqrt(differences.var(ddof=1) * (1 / 4 + 0.25))
        raw[name] = 2 * stats.t.sf(abs(differences.mean()) / error, 3)
        one = next(arm for arm in found.arms if arm.name == name).to_best
        assert one is not None
        assert one.difference == pytest.approx(differences.mean())
        half = stats.t.ppf(0.975, 3) * error
        assert (one.plain_low, one.plain_high) == pytest.approx((differences.mean() - half, differences.mean() + half))
        # of two differences the clearer one is tested at 0.05 / 2, and since it is rejected the other at 0.05
        half = stats.t.ppf(1 - (0.05 / 2 if name == "simple" else 0.05) / 2, 3) * error
        assert (one.low, one.high) == pytest.approx((differences.mean() - half, differences.mean() + half))
    small, large = sorted(raw.values())
    adjusted = {small: min(1, 2 * small), large: max(min(1, 2 * small), large)}
    for name, p in raw.items():
        one = next(arm for arm in found.arms if arm.name == name).to_best
        assert one is not None and one.p == pytest.approx(adjusted[p]) and one.measurable == (adjusted[p] <= 0.05)
    assert next(arm for arm in found.arms if arm.name == "deep").to_best is None
    assert next(arm for arm in found.arms if arm.name == "simple").to_baseline is None


def test_the_mean_has_the_corrected_interval() -> None:
    scores = [0.7, 0.8, 0.75, 0.85, 0.8]
    mean, low, high = paired(simple=scores).mean("simple")
    half = stats.t.ppf(0.975, 4) * math.sqrt(np.var(scores, ddof=1) * (1 / 5 + 0.25))
    assert (mean, low, high) == pytest.approx((0.78, 0.78 - half, 0.78 + half))


# Of ten splits the difference of a simple arm to the best one is -0.004 on average with a deviation of 0.004: its plain 95 %
# interval is -0.004 +- 2.2622 x 0.004 x sqrt(1/10 + 1/4) = -0.004 +- 0.005354.
STEPS = np.sqrt(9 / 10) * 0.004 * np.array([1, -1] * 5)  # of mean 0 and sample deviation 0.004
FLAT = np.zeros(10)


def close(shift: float) -> Paired:
    deep = 0.9 + FLAT
    return Paired({"simple": deep - shift + STEPS, "deep": deep, FLOOR: 0.5 + STEPS}, 0.25)


def test_a_simpler_arm_is_taken_where_it_is_within_the_margin() -> None:
    found = judge(close(0.004), True, ["simple", "deep"], None, Rule("best", 0.01))
    behind = found.behind["simple"]
    assert (found.best, found.leader, found.recommended) == ("deep", "deep", "simple")
    assert behind.difference == pytest.approx(-0.004) and behind.plain_low == pytest.approx(-0.009354, abs=2e-6)


@pytest.mark.parametrize(("shift", "margin"), [(0.005, 0.01), (0.004, 0.0093), (0.004, 0.0)])
def test_a_simpler_arm_is_not_taken_where_it_may_be_worse_than_the_margin(shift: float, margin: float) -> None:
    assert judge(close(shift), True, ["simple", "deep"], None, Rule("best", margin)).recommended == "deep"


def test_the_margin_of_an_error_is_in_its_own_unit() -> None:
    steps = STEPS * 100  # the interval's half is 0.5354
    paired = Paired({"ridge": 10.4 + steps, "forest": 10.0 + FLAT, FLOOR: 20.0 + steps}, 0.25)
    within = judge(paired, False, ["ridge", "forest"], "forest", Rule("best", 0.94))
    assert within.behind["ridge"].plain_low == pytest.approx(-0.9354, abs=2e-4) and within.recommended == "ridge"
    assert judge(paired, False, ["ridge", "forest"], "forest", Rule("best", 0.93)).recommended == "forest"


def test_absence_of_evidence_is_not_equivalence() -> None:
    """279 rows: the forest is measurably better than guessing, the simpler logistic is not, and the two cannot be told apart."""
    guess = 0.607 + FLAT
    forest = 0.698 + 0.04 * np.array([1, -1] * 5)  # t = 0.091 / (0.04216 sqrt(0.35)) = 3.648
    logistic = 0.659 + 0.09 * np.array([1, -1, -1, 1, 1, -1, 1, -1, -1, 1])  # t = 0.93
    paired = Paired({"majority": guess, "logistic": logistic, "forest": forest, FLOOR: guess}, 0.25)
    ladder = ["majority", "logistic", "forest"]
    for rule in (Rule("best", 0.01), Rule("best", 1.0), Rule("simplest")):
        found = judge(paired, True, ladder, "forest", rule)
        assert found.recommended == "forest" and found.beats_floor, "whatever the margin"
    by_name = {arm.name: arm for arm in found.arms}
    assert by_name["majority"].to_floor is None, "it is ignoring the inputs: there is nothing to test, nor to adjust for"
    logistic_to = by_name["logistic"].to_best
    assert logistic_to is not None and not logistic_to.measurable
    forest_to = by_name["forest"].to_floor
    assert forest_to is not None and forest_to.is_lead and forest_to.p == pytest.approx(2 * 2 * stats.t.sf(3.648, 9), rel=0.01)


def test_the_best_mean_is_not_recommended_where_only_another_beats_guessing() -> None:
    wild = 0.72 + 0.2 * np.array([1, -1] * 5)
    paired = Paired({"simple": 0.70 + 0.02 * np.array([1, -1] * 5), "wild": wild, FLOOR: 0.6 + FLAT}, 0.25)
    found = judge(paired, True, ["simple", "wild"], None, Rule("best", 0.01))
    assert (found.best, found.leader, found.recommended) == ("wild", "simple", "simple") and found.beats_floor


def test_where_nothing_beats_guessing_the_best_mean_is_named_and_it_is_said() -> None:
    wild = 0.72 + 0.2 * np.array([1, -1] * 5)
    paired = Paired({"simple": 0.61 + STEPS * 10, "wild": wild, FLOOR: 0.6 + FLAT}, 0.25)
    found = judge(paired, True, ["simple", "wild"], None, Rule("best", 0.01))
    assert found.beats_floor is False and found.leader == found.recommended == "wild"


def test_the_simplest_that_is_not_measurably_worse_can_be_asked_for() -> None:
    near = [0.899, 0.901, 0.898, 0.9, 0.9]
    scores = paired(simple=[0.5, 0.51, 0.5, 0.49, 0.5], middle=near, deep=[0.9, 0.9, 0.9, 0.9, 0.9])
    assert judge(scores, True, LADDER, "simple", Rule("simplest")).recommended == "middle"
    assert judge(scores, True, LADDER, "simple", Rule("best", 0.0)).recommended == "deep"


def test_no_interval_excludes_zero_beside_no_measurable_difference() -> None:
    rng = np.random.default_rng(4)
    told = set()
    for _ in range(200):
        scores = {name: 0.8 + rng.normal(shift, 0.02, 8) for name, shift in zip("abcd", (0, 0.01, 0.03, 0.05), strict=True)}
        found = judge(Paired({**scores, FLOOR: 0.78 + rng.normal(0, 0.02, 8)}, 0.25), True, list("abcd"), "b")
        for arm in found.arms:
            for one in (arm.to_best, arm.to_baseline, arm.to_floor):
                if one is not None:
                    assert one.measurable == (one.low > 0 or one.high < 0)
                    told.add((one.measurable, one.plain_low > 0 or one.plain_high < 0))
    assert told == {(True, True), (False, False), (False, True)}, "the plain interval alone can exclude 0"


def test_equal_scores_on_all_splits_say_nothing_of_chance() -> None:
    found = judge(paired(simple=[1.0, 1.0, 1.0], deep=[0.9, 0.8, 0.9]), True, ["simple", "deep"], None)
    assert found.arms[0].mean == 1 and math.isnan(found.arms[0].low) and math.isnan(found.arms[0].high)


def test_of_equal_arms_the_simplest_is_best_and_nothing_is_measurable() -> None:
    scores = [0.9, 0.8, 0.85]
    found = judge(paired(simple=scores, middle=scores, deep=scores), True, LADDER, "deep")
    assert found.best == found.recommended == "simple"
    assert not any(d.measurable for arm in found.arms for d in (arm.to_best, arm.to_baseline) if d is not None)
    assert all(d.p == 1 and d.difference == 0 for arm in found.arms for d in (arm.to_best, arm.to_baseline) if d is not None)


def test_a_constant_difference_that_is_not_zero_is_measurable() -> None:
    found = judge(paired(simple=[0.5, 0.5, 0.5], deep=[0.75, 0.75, 0.75]), True, ["simple", "deep"], "simple")
    assert found.recommended == "deep" and found.arms[1].to_best is not None and found.arms[1].to_best.measurable


@pytest.mark.parametrize(("gain", "measurable"), [(5, False), (22, True), (24, True)])
def test_a_gain_that_is_the_same_in_three_splits_of_24_rows_varies_as_its_rows_do(gain: int, measurable: bool) -> None:
    """5 of 24 rows: s.e. sqrt(5/24 * 19/24 / 24 * (1/3 + 1/4)) = 0.0633, t = 3.29 with 2 degrees of freedom, p = 0.081."""
    base = {"simple": np.array([0.0, 1 / 24, 0.0]), "deep": np.array([0.0, 1 / 24, 0.0]) + gain / 24}
    found = judge(Paired(base, 0.25, num_test=24), True, ["simple", "deep"], "simple")
    other = found.arms[1].to_best
    share = gain / 24
    error = np.sqrt(max(share * (1 - share), 1 / 24) / 24 * (1 / 3 + 0.25))
    assert other is not None and other.p == pytest.approx(2 * stats.t.sf(share / error, 2))
    assert other.measurable is measurable and (other.high < 0) is measurable
    assert other.plain_low == pytest.approx(-share - stats.t.ppf(0.975, 2) * error)
    if gain == 5:
        assert other.p == pytest.approx(0.0812, abs=2e-4)


def test_an_error_is_better_when_it_is_smaller() -> None:
    found = judge(paired(simple=[5.0, 5.2, 5.1], deep=[3.0, 3.1, 3.2]), False, ["simple", "deep"], "simple")
    assert found.best == "deep"
    own = found.arms[0].to_baseline
    assert own is not None and own.difference == pytest.approx(2.0) and own.low < own.difference < own.high and own.measurable
    other = found.arms[1].to_best
    assert other is not None and other.difference == pytest.approx(-2.0) and other.low < other.difference < other.high


def test_one_split_tells_nothing() -> None:
    found = judge(paired(simple=[0.5], deep=[0.9]), True, ["simple", "deep"], "simple")
    assert found.best == found.recommended == "deep" and found.beats_floor is None
    assert found.arms[1].to_best is not None and found.arms[1].to_best.p == 1


def test_without_a_baseline_there_is_no_difference_to_it() -> None:
    found = judge(paired(simple=[0.5, 0.6], deep=[0.9, 0.8]), True, ["simple", "deep"], None)
    assert all(arm.to_baseline is None for arm in found.arms)


def test_on_the_same_test_rows_repeats_count_too() -> None:
    rng = np.random.default_rng(0)
    one, other = (rng.random((3, 400)) < 0.82).astype(float), (rng.random((3, 400)) < 0.75).astype(float)
    one[2] = (rng.random(400) < 0.7).astype(float)  # a draw that went badly
    scores, by_row = ({"simple": other.mean(axis), "deep": one.mean(axis)} for axis in (1, 0))
    found = judge(Paired(scores, 0.25, by_row), True, ["simple", "deep"], "simple")
    gap = found.arms[1].to_best
    pairs, rows = other.mean(1) - one.mean(1), other.mean(0) - one.mean(0)
    assert gap is not None and found.best == "deep"
    assert (gap.difference, gap.low, gap.high) == pytest.approx(two_way_interval(pairs, rows))
    assert gap.p == pytest.approx(two_way_test(pairs, rows)) and not gap.measurable
    assert stats.ttest_1samp(rows, 0).pvalue < gap.p  # over rows alone three draws would count for nothing
    assert (found.arms[0].low, found.arms[0].high) == pytest.approx(two_way_interval(one.mean(1), one.mean(0))[1:])


def test_on_the_same_test_rows_differences_are_tested_over_rows() -> None:
    rng = np.random.default_rng(0)
    one, other = (rng.random(200) < 0.9).astype(float), (rng.random(200) < 0.7).astype(float)
    scores = {"simple": np.full(3, other.mean()), "deep": np.full(3, one.mean())}
    found = judge(Paired(scores, 0.25, {"simple": other, "deep": one}), True, ["simple", "deep"], "simple")
    p = stats.ttest_rel(other, one).pvalue
    difference = found.arms[1].to_best
    assert (
        difference is not None
        and difference.p == pytest.approx(p)
        and difference.difference == pytest.approx((other - one).mean())
    )
    assert found.arms[0].low == pytest.approx(stats.t.interval(0.95, 199, one.mean(), stats.sem(one))[0])


def test_what_rows_add_to_a_score() -> None:
    rng = np.random.default_rng(1)
    truth, probs = rng.integers(0, 3, 90), rng.dirichlet(np.ones(3), 90)
    predicted = probs.argmax(1)
    assert row_contributions("accuracy", truth, probs, predicted).mean() == (truth == predicted).mean()  # type: ignore[union-attr]
    balanced = row_contributions("balanced_accuracy", truth, probs, predicted)
    assert balanced is not None and balanced.mean() == pytest.approx(balanced_accuracy_score(truth, predicted))
    losses = row_contributions("log_loss", truth, probs, predicted)
    assert losses is not None and losses.mean() == pytest.approx(log_loss(truth, probs))
    assert row_contributions("roc_auc", truth, probs, predicted) is None
    y, guess = rng.normal(size=50), rng.normal(size=50)
    absolute = row_contributions("mae", y, guess, guess)
    assert absolute is not None and absolute.mean() == pytest.approx(mean_absolute_error(y, guess))
    influence = row_contributions("rmse", y, guess, guess)
    rmse = math.sqrt(np.mean((y - guess) ** 2))
    assert influence is not None and influence.mean() == pytest.approx(rmse)
    # the variance of an RMSE by the delta method: that of the mean squared error over (2 rmse)^2
    assert influence.var() == pytest.approx(((y - guess) ** 2).var() / (4 * rmse**2))
    assert row_contributions("rmse", y, y, y) is not None


def test_identical_methods_are_rarely_told_apart() -> None:
    """Scores of two arms that differ by chance alone, on overlapping splits as a resampled test sees them."""
    rng = np.random.default_rng(0)
    called = 0
    for _ in range(400):
        rows = [(rng.random(300) < 0.9).astype(float) for _ in range(2)]  # whether each arm is right on each row
        splits = [rng.permutation(300)[:60] for _ in range(10)]
        scores = {name: np.array([right[s].mean() for s in splits]) for name, right in zip(("a", "b"), rows, strict=True)}
        called += any(
            arm.to_best is not None and arm.to_best.measurable for arm in judge(Paired(scores, 0.25), True, ["a", "b"], None).arms
        )
    assert called <= 400 * 0.08
