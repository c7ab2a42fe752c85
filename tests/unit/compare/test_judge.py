"""Means, paired differences and p values of arms, against hand computations and scikit-learn's own numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import balanced_accuracy_score, log_loss, mean_absolute_error

from sdl_cli.compare.judge import Paired, judge, row_contributions

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
        half = stats.t.ppf(0.975, 3) * error
        one = next(arm for arm in found.arms if arm.name == name).to_best
        assert one is not None
        assert one.value == pytest.approx(differences.mean()) and one.low == pytest.approx(differences.mean() - half)
        assert one.high == pytest.approx(differences.mean() + half)
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


def test_the_simplest_arm_that_is_not_measurably_worse_is_recommended() -> None:
    near = [0.899, 0.901, 0.898, 0.9, 0.9]
    found = judge(paired(simple=[0.5, 0.51, 0.5, 0.49, 0.5], middle=near, deep=[0.9, 0.9, 0.9, 0.9, 0.9]), True, LADDER, "simple")
    assert found.best == "deep" and found.recommended == "middle"


def test_of_equal_arms_the_simplest_is_best_and_nothing_is_measurable() -> None:
    scores = [0.9, 0.8, 0.85]
    found = judge(paired(simple=scores, middle=scores, deep=scores), True, LADDER, "deep")
    assert found.best == found.recommended == "simple"
    assert not any(d.measurable for arm in found.arms for d in (arm.to_best, arm.to_baseline) if d is not None)
    assert all(d.p == 1 and d.value == 0 for arm in found.arms for d in (arm.to_best, arm.to_baseline) if d is not None)


def test_a_constant_difference_that_is_not_zero_is_measurable() -> None:
    found = judge(paired(simple=[0.5, 0.5, 0.5], deep=[0.75, 0.75, 0.75]), True, ["simple", "deep"], "simple")
    assert found.recommended == "deep" and found.arms[1].to_best is not None and found.arms[1].to_best.measurable


def test_an_error_is_better_when_it_is_smaller() -> None:
    found = judge(paired(simple=[5.0, 5.2, 5.1], deep=[3.0, 3.1, 3.2]), False, ["simple", "deep"], "simple")
    assert found.best == "deep"
    own = found.arms[0].to_baseline
    assert own is not None and own.value == pytest.approx(2.0) and own.low < own.value < own.high and own.measurable
    other = found.arms[1].to_best
    assert other is not None and other.value == pytest.approx(-2.0) and other.low < other.value < other.high


def test_one_split_tells_nothing() -> None:
    found = judge(paired(simple=[0.5], deep=[0.9]), True, ["simple", "deep"], "simple")
    assert found.best == "deep" and found.recommended == "simple"
    assert found.arms[1].to_best is not None and found.arms[1].to_best.p == 1


def test_without_a_baseline_there_is_no_difference_to_it() -> None:
    found = judge(paired(simple=[0.5, 0.6], deep=[0.9, 0.8]), True, ["simple", "deep"], None)
    assert all(arm.to_baseline is None for arm in found.arms)


def test_on_the_same_test_rows_differences_are_tested_over_rows() -> None:
    rng = np.random.default_rng(0)
    one, other = (rng.random(200) < 0.9).astype(float), (rng.random(200) < 0.7).astype(float)
    scores = {"simple": np.full(3, other.mean()), "deep": np.full(3, one.mean())}
    found = judge(Paired(scores, 0.25, {"simple": other, "deep": one}), True, ["simple", "deep"], "simple")
    p = stats.ttest_rel(other, one).pvalue
    difference = found.arms[1].to_best
    assert difference is not None and difference.p == pytest.approx(p) and difference.value == pytest.approx((other - one).mean())
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
