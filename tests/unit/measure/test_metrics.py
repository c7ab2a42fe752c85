"""Every metric against scikit-learn, with and without weights, and the lifts by hand."""

from __future__ import annotations

import dataclasses
import json
import math
import warnings

import numpy as np
import pytest
from sklearn import metrics as reference

from sdl_cli.errors import RunError
from sdl_cli.measure import metrics, scoring, statistics
from sdl_cli.measure.metrics import Lift, Measured


def make_rows(n=300, num_classes=4, ties=False, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, num_classes, n)
    scores = rng.normal(size=(n, num_classes)) + 1.5 * np.eye(num_classes)[labels]
    if ties:
        scores = scores.round()
    probs = np.exp(scores)
    return labels, probs / probs.sum(axis=1, keepdims=True)


def reference_auc(labels, probs, weights):
    if probs.shape[1] == 2:
        return reference.roc_auc_score(labels, probs[:, 1], sample_weight=weights)
    return reference.roc_auc_score(labels, probs, multi_class="ovr", average="macro", sample_weight=weights)


def reference_calibration_error(labels, probs, weights):
    confidence, correct = probs.max(axis=1), probs.argmax(axis=1) == labels
    total = 0.0
    for m in range(15):
        rows = (confidence > m / 15) & (confidence <= (m + 1) / 15)
        if weights[rows].sum() > 0:
            gap = np.average(correct[rows], weights=weights[rows]) - np.average(confidence[rows], weights=weights[rows])
            total += weights[rows].sum() / weights.sum() * abs(gap)
    return total


REFERENCES = {
    "balanced_accuracy": lambda y, p, w: reference.balanced_accuracy_score(y, p.argmax(axis=1), sample_weight=w),
    "log_loss": lambda y, p, w: reference.log_loss(y, p, sample_weight=w, labels=range(p.shape[1])),
    "macro_f1": lambda y, p, w: reference.f1_score(y, p.argmax(axis=1), average="macro", sample_weight=w),
    "roc_auc": reference_auc,
    "calibration_error": reference_calibration_error,
}


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("num_classes", [2, 3, 10])
@pytest.mark.parametrize("ties", [False, True])
def test_classification_metric_is_scikit_learns(name, num_classes, ties):
    labels, probs = make_rows(num_classes=num_classes, ties=ties)
    metric = getattr(scoring, name)(labels, probs)
    weights = np.random.default_rng(1).integers(1, 6, size=(3, len(labels))).astype(float)
    weights = np.concatenate([np.ones((1, len(labels))), weights])
    expected = [REFERENCES[name](labels, probs, w) for w in weights]
    assert metric(weights) == pytest.approx(expected, rel=1e-6)
    assert scoring.classification(labels, probs)[name].value == pytest.approx(expected[0], rel=1e-9)


@pytest.mark.parametrize("name", REFERENCES)
def test_weights_are_repeated_rows(name):
    """Zero weights too: a resample is exactly the metric of the rows drawn."""
    labels, probs = make_rows(n=40, num_classes=5, ties=True)
    metric = getattr(scoring, name)
    for counts in statistics.bootstrap_weights(40, num_resamples=20):
        repeated = [metric(labels.repeat(c), probs.repeat(c, axis=0))(np.ones((1, 40)))[0] for c in counts]
        assert metric(labels, probs)(counts.astype(float)) == pytest.approx(repeated, rel=1e-6)


@pytest.mark.parametrize("name", ["rmse", "mae", "r2"])
def test_regression_metric_is_scikit_learns(name):
    rng = np.random.default_rng(0)
    targets = 1000 + rng.normal(size=200)
    predictions = targets + rng.normal(size=200)
    function = {
        "rmse": reference.root_mean_squared_error,
        "mae": reference.mean_absolute_error,
        "r2": reference.r2_score,
    }[name]
    weights = rng.integers(0, 4, size=(5, 200)).astype(float)
    expected = [function(targets, predictions, sample_weight=w) for w in weights]
    assert getattr(scoring, name)(targets, predictions)(weights) == pytest.approx(expected)
    measured = scoring.regression(targets, predictions)[name]
    assert measured.value == pytest.approx(function(targets, predictions))
    assert measured.low < measured.value < measured.high
    assert measured.n == 200


def test_accuracy_and_its_wilson_interval():
    labels, probs = make_rows(n=50)
    right = int((probs.argmax(axis=1) == labels).sum())
    assert scoring.classification(labels, probs)["accuracy"] == Measured(right / 50, *statistics.wilson(right, 50), 50)


def test_keys_seed_and_intervals():
    labels, probs = make_rows(n=80)
    result = scoring.classification(labels, probs)
    assert list(result) == ["accuracy", *REFERENCES]
    assert set(result) | {"rmse", "mae", "r2"} == set(metrics.HIGHER_IS_BETTER)
    assert set(metrics.MAIN.values()) <= set(metrics.HIGHER_IS_BETTER)
    for measured in result.values():
        assert measured.low <= measured.value <= measured.high
        assert measured.low < measured.high
        assert measured.n == 80
    assert scoring.classification(labels, probs) == result
    assert scoring.classification(labels, probs, seed=1)["log_loss"] != result["log_loss"]


def test_an_interval_shrinks_with_the_root_of_n():
    widths = []
    for n in (100, 1600):
        measured = scoring.classification(*make_rows(n=n))["log_loss"]
        widths.append(measured.high - measured.low)
    assert widths[0] / widths[1] == pytest.approx(4, rel=0.4)


def test_auc_leaves_absent_classes_out():
    labels, probs = make_rows(n=60, num_classes=4)
    labels[labels == 3] = 0
    expected = np.mean([reference.roc_auc_score(labels == k, probs[:, k]) for k in range(3)])
    assert scoring.classification(labels, probs)["roc_auc"].value == pytest.approx(expected)


@pytest.mark.parametrize("num_classes", [2, 3])
def test_auc_of_one_class_is_undefined_and_none_in_json(num_classes):
    probs = make_rows(n=10, num_classes=num_classes)[1]
    measured = scoring.classification(np.ones(10, int), probs)["roc_auc"]
    assert math.isnan(measured.value)
    assert measured.to_json() == {"value": None, "low": None, "high": None, "n": 10}


def test_auc_by_hand():
    probs = np.array([0.1, 0.4, 0.4, 0.8])
    # Positives 0.4 and 0.8 against 0.1 and 0.4: wins 1 + 1 + 1, one tie.
    value = scoring.roc_auc(np.array([0, 0, 1, 1]), np.stack([1 - probs, probs], axis=1))(np.ones((1, 4)))
    assert value == pytest.approx([3.5 / 4])


def test_log_loss_of_a_sure_mistake_is_finite():
    measured = scoring.classification(np.array([0, 1]), np.array([[1.0, 0.0], [1.0, 0.0]]))["log_loss"]
    assert measured.value == pytest.approx(-math.log(1e-15) / 2)


def test_calibration_error_by_hand():
    # Four rows at confidence 0.8, two of them right: |0.5 - 0.8|. Two at 0.6, both right: |1 - 0.6|.
    probs = np.array([[0.8, 0.2]] * 4 + [[0.6, 0.4]] * 2)
    measured = scoring.classification(np.array([0, 0, 1, 1, 0, 0]), probs)["calibration_error"]
    assert measured.value == pytest.approx(4 / 6 * 0.3 + 2 / 6 * 0.4)


def test_r2_of_equal_targets_is_undefined():
    result = scoring.regression(np.full(20, 0.1), np.linspace(0, 1, 20))
    assert math.isnan(result["r2"].value)
    assert result["rmse"].value > 0


def test_one_row_and_perfect_rows_give_finite_numbers():
    for labels, probs in [(np.array([1]), np.array([[0.3, 0.7]])), (np.arange(3), np.eye(3))]:
        result = scoring.classification(labels, probs)
        assert result["accuracy"].value == 1.0
        assert all(math.isfinite(m.value) for name, m in result.items() if name != "roc_auc")
    one = scoring.regression(np.array([2.0]), np.array([1.5]))["rmse"]
    assert one.to_json() == {"value": 0.5, "low": None, "high": None, "n": 1}, "one row says nothing of chance"


def test_bad_input_is_refused():
    labels, probs = make_rows(n=10, num_classes=3)
    with pytest.raises(ValueError, match=r"0\.\.2"):
        scoring.classification(np.full(10, 3), probs)
    with pytest.raises(ValueError, match="are needed"):
        scoring.classification(labels[:5], probs)
    with pytest.raises(ValueError, match="are needed"):
        scoring.regression(np.zeros(3), np.zeros((3, 1)))
    probs[2, 1] = np.nan
    with pytest.raises(RunError, match="1 of the model's probabilities are not finite"):
        scoring.classification(labels, probs)
    with pytest.raises(RunError, match="predictions"):
        scoring.regression(np.zeros(2), np.array([np.inf, 0]))


def test_to_json_is_json():
    assert json.loads(json.dumps(Measured(0.5, -math.inf, math.inf, 3).to_json(), allow_nan=False)) == {
        "value": 0.5,
        "low": None,
        "high": None,
        "n": 3,
    }
    lift = Lift("accuracy", 0.1, 0.05, 0.15, True)
    assert lift.to_json() == dataclasses.asdict(lift)
    assert json.dumps(Lift("rmse", math.nan, -math.inf, 1.0, False).to_json(), allow_nan=False)


def test_lift_in_accuracy_is_newcombes_and_signed():
    labels, probs = make_rows(n=200, num_classes=3)
    worse = np.full_like(probs, 1 / 3)
    lift = scoring.paired_lift("classification", labels, probs, worse)
    right, baseline = probs.argmax(axis=1) == labels, labels == 0
    assert (lift.value, lift.low, lift.high) == pytest.approx(statistics.newcombe_paired(right, baseline))
    assert lift.metric == "accuracy"
    assert lift.value > 0
    assert lift.measurable
    back = scoring.paired_lift("classification", labels, worse, probs)
    assert back.value == -lift.value
    assert back.measurable


def test_lift_in_rmse_is_positive_where_the_model_is_better():
    rng = np.random.default_rng(0)
    targets = rng.normal(size=100)
    shared = rng.normal(size=100)
    lift = scoring.paired_lift("regression", targets, targets + 0.9 * shared, targets + shared)
    assert lift.metric == "rmse"
    assert lift.value == pytest.approx(0.1 * math.sqrt(np.mean(shared**2)))
    # Paired: the shared error cancels, so the interval is far narrower than that of either RMSE.
    single = scoring.regression(targets, targets + shared)["rmse"]
    assert lift.high - lift.low < 0.2 * (single.high - single.low)
    assert lift.measurable


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_no_difference_is_never_measurable(task):
    labels, probs = make_rows(n=30)
    outputs = probs if task == "classification" else probs[:, 0]
    lift = scoring.paired_lift(task, labels, outputs, outputs)
    assert lift.value == 0
    assert not lift.measurable


def test_over_repeats():
    runs = [{"accuracy": Measured(v, 0, 1, 30), "roc_auc": Measured(a, a, a, 30)} for v, a in [(0.9, 0.5), (0.8, math.nan)]]
    result = metrics.over_repeats(runs)
    mean, low, high = statistics.t_interval([0.9, 0.8])
    assert high > 1  # what a t interval of two values says, and what an accuracy cannot be
    assert result["accuracy"] == Measured(mean, low, 1.0, 2)
    assert result["roc_auc"].value == 0.5
    assert result["roc_auc"].n == 1
    assert metrics.over_repeats(runs[:1]) == runs[0]
    undefined = metrics.over_repeats([{"r2": Measured(math.nan, math.nan, math.nan, 3)}] * 2)["r2"]
    assert math.isnan(undefined.value)
    assert undefined.n == 0


def test_repeats_on_the_same_rows_keep_the_chance_of_the_rows():
    runs = [{"accuracy": Measured(0.80, 0.70, 0.88, 60)}, {"accuracy": Measured(0.84, 0.76, 0.90, 60)}]
    found = metrics.over_repeats(runs, same_rows=True)["accuracy"]
    _, low, high = statistics.t_interval([0.80, 0.84])
    assert found.value == pytest.approx(0.82) and found.n == 2
    assert found.low == pytest.approx(0.82 - math.hypot(0.82 - low, 0.09)) and found.high == 1.0
    still = metrics.over_repeats(runs[:1] * 3, same_rows=True)["accuracy"]  # the same number each time says nothing new
    assert (still.value, still.low, still.high) == pytest.approx((0.80, 0.70, 0.88))
    open_ended = [{"accuracy": Measured(1.0, math.nan, math.nan, 9)}] * 2
    assert math.isnan(metrics.over_repeats(open_ended, same_rows=True)["accuracy"].low)
    lifts = [Lift("accuracy", 0.05, 0.01, 0.09, True), Lift("accuracy", 0.05, 0.03, 0.07, True)]
    lift = metrics.lift_over_repeats(lifts, 0.25, same_rows=True)
    assert (lift.value, lift.low, lift.high) == pytest.approx((0.05, 0.02, 0.08)) and lift.measurable


def test_lift_over_repeats_uses_the_corrected_interval():
    lifts = [Lift("accuracy", value, 0, 1, True) for value in (0.02, 0.01, 0.03, 0.0, 0.04)]
    result = metrics.lift_over_repeats(lifts, ratio=0.25)
    assert (result.value, result.low, result.high) == statistics.corrected_t_interval([x.value for x in lifts], 0.25)
    assert not result.measurable
    assert metrics.lift_over_repeats(lifts, ratio=0.0).measurable  # independent repeats would have been enough
    assert metrics.lift_over_repeats(lifts[:1], 0.25) is lifts[0]
    none = metrics.lift_over_repeats([Lift("accuracy", 0.0, -1, 1, False)] * 4, 0.25)
    assert (none.value, none.measurable) == (0.0, False)


def test_no_warning_for_a_class_missing_from_a_resample():
    labels = np.array([0] * 19 + [1])
    probs = make_rows(n=20, num_classes=2)[1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = scoring.classification(labels, probs)
    assert math.isfinite(result["roc_auc"].low)


def test_all_rows_right_have_bounds_or_none():
    labels = np.repeat([0, 1, 2], 7)
    found = scoring.classification(labels, 0.1 * np.ones((21, 3)) + 0.7 * np.eye(3)[labels])
    assert found["accuracy"].low == pytest.approx(21 / (21 + 1.959964**2))
    balanced = found["balanced_accuracy"].to_json()
    assert balanced == {"value": 1.0, "low": pytest.approx(0.025 ** (1 / 21)), "high": 1.0, "n": 21}
    for name in ("macro_f1", "roc_auc", "log_loss"):
        assert found[name].to_json()["low"] is None and found[name].to_json()["high"] is None


def test_always_the_same_class_has_a_bound_in_balanced_accuracy():
    labels = np.array([0] * 6 + [1] * 2)
    found = scoring.classification(labels, np.tile([0.75, 0.25], (8, 1)))["balanced_accuracy"]
    assert found.value == 0.5
    assert (found.low, found.high) == pytest.approx((0.025 ** (1 / 6) / 2, 1 - 0.025 ** (1 / 2) / 2))


def test_a_lift_without_spread_is_judged_by_each_ones_bounds():
    labels = np.repeat([0, 1], 20)
    right, guess = np.eye(2)[labels] * 0.8 + 0.1, np.tile([0.6, 0.4], (40, 1))
    lift = scoring.paired_lift("classification", labels, right, guess, balanced=True)
    own, other = 0.025 ** (1 / 40), 1 - 0.025 ** (1 / 20) / 2
    assert lift.value == 0.5 and lift.low == pytest.approx(own - other) and lift.measurable
    same = scoring.paired_lift("classification", labels, right, right, balanced=True)
    assert same.value == 0 and not same.measurable


def test_repeats_that_do_not_differ_say_nothing_of_chance():
    found = metrics.over_repeats([{"accuracy": Measured(1.0, 0.9, 1.0, 30)}] * 3)["accuracy"]
    assert found.to_json() == {"value": 1.0, "low": None, "high": None, "n": 3}
