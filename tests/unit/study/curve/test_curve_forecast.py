"""Forecasts and labels needed: shapes, units, intervals by their formula, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from sdl_cli.study.curve import calibration, forecast, labels_needed
from sdl_cli.study.curve.fit import MISFIT, fit, residual_deviation
from sdl_cli.study.curve.forecast import as_curves, quantile_at, usual_deviation

module = sys.modules["sdl_cli.study.curve.forecast"]  # the package's own `forecast` is the function

SIZES = np.array([16.0, 32.0, 64.0, 128.0])
AT = [100.0, 256.0, 512.0, 1024.0]


def accuracies(num: int = 7, sizes: np.ndarray = SIZES, seed: int = 0) -> np.ndarray:
    """Noisy power laws that end near 1, and a flat, a falling and a perfect curve among them."""
    rng = np.random.default_rng(seed)
    exponents, floors = rng.uniform(0.2, 1.0, (num, 1)), rng.uniform(0.0, 0.2, (num, 1))
    scores = 1 - floors - 0.5 * (sizes / sizes[0]) ** -exponents + rng.normal(scale=0.01, size=(num, len(sizes)))
    scores[0], scores[1], scores[2] = 0.7, 0.9 - sizes / 1000, 1.0
    return np.clip(scores, 0, 1)


def same(found: Any, expected: Any, scale: float = 1.0) -> None:
    for name in ("mean", "low", "high"):
        assert getattr(found, name) == pytest.approx(scale * getattr(expected, name), rel=1e-9, abs=1e-12 * scale)


# shapes, and many curves at once


def test_shapes() -> None:
    for scores, k in ((accuracies()[3], 1), (accuracies(), 7), (accuracies().tolist(), 7)):
        found = forecast(SIZES, scores, AT)
        needed = labels_needed(SIZES, scores, 0.9999)
        assert [getattr(found, name).shape for name in ("mean", "low", "high")] == [(k, 4)] * 3
        assert [getattr(needed, name).shape for name in ("low", "mid", "high", "floor")] == [(k,)] * 4
    assert forecast(SIZES, accuracies(), np.array(300)).mean.shape == (7, 1)


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 2048])
@pytest.mark.parametrize("with_errors", [False, True])
def test_many_curves_are_each_by_itself(chunk: int, with_errors: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = accuracies()
    errors = np.random.default_rng(1).uniform(0.001, 0.03, scores.shape)
    targets = np.linspace(0.8, 0.99, 7)

    def given(k: Any) -> dict[str, Any]:
        return {"standard_errors": errors[k], "repeats_per_size": 5} if with_errors else {}

    alone = [forecast(SIZES, scores[k], AT, **given(k)) for k in range(7)]
    needs = [labels_needed(SIZES, scores[k], targets[k], **given(k)) for k in range(7)]
    monkeypatch.setattr(module, "CHUNK", chunk)
    found, needed = forecast(SIZES, scores, AT, **given(slice(None))), labels_needed(SIZES, scores, targets, **given(slice(None)))
    for name in ("mean", "low", "high"):
        assert getattr(found, name) == pytest.approx(np.concatenate([getattr(each, name) for each in alone]), rel=1e-9)
    for name in ("low", "mid", "high", "floor"):
        assert getattr(needed, name) == pytest.approx(np.concatenate([getattr(each, name) for each in needs]), rel=1e-6)


# units


@pytest.mark.parametrize("repeats", [None, 1, 5])
def test_an_accuracy_is_1_minus_its_error(repeats: float | None) -> None:
    scores = accuracies()
    up = forecast(SIZES, scores, AT, repeats_per_size=repeats)
    down = forecast(SIZES, 1 - scores, AT, repeats_per_size=repeats, higher_is_better=False)
    assert up.mean == pytest.approx(1 - down.mean, abs=1e-9)
    assert up.low == pytest.approx(1 - down.high, abs=1e-9)
    assert up.high == pytest.approx(1 - down.low, abs=1e-9)
    one, other = labels_needed(SIZES, scores, 0.93), labels_needed(SIZES, 1 - scores, 0.07, higher_is_better=False)
    assert one.floor == pytest.approx(1 - other.floor, abs=1e-9)
    for name in ("low", "mid", "high"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-6)


@pytest.mark.parametrize("factor", [3.0, 1000.0, 1e9])
@pytest.mark.parametrize("with_errors", [False, True])
def test_a_score_without_bounds_may_be_in_any_unit(factor: float, with_errors: bool) -> None:
    scores = 2 + 3 * (1 - accuracies())
    errors = np.full_like(scores, 0.05)

    def given(scale: float) -> dict[str, Any]:
        own = {"standard_errors": scale * errors, "repeats_per_size": 5} if with_errors else {}
        return own | {"higher_is_better": False}

    same(forecast(SIZES, factor * scores, AT, **given(factor)), forecast(SIZES, scores, AT, **given(1)), factor)
    one, other = (
        labels_needed(SIZES, scores, 2.2, **given(1)),
        labels_needed(SIZES, factor * scores, factor * 2.2, **given(factor)),
    )
    assert factor * one.floor == pytest.approx(other.floor, rel=1e-9)
    for name in ("low", "mid", "high"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-6)


def test_units_of_an_unbounded_score_by_hand() -> None:
    """The largest error of a curve becomes TYPICAL_ERROR."""
    curves = as_curves(SIZES, [[8.0, 6.0, 4.0, 2.0], [100.0, 200.0, 50.0, 3.0]], higher_is_better=False)
    assert not curves.bounded.any()
    assert curves.unit == pytest.approx(np.array([8.0, 200.0]) / calibration.TYPICAL_ERROR)
    assert curves.errors == pytest.approx(calibration.TYPICAL_ERROR * np.array([[1, 0.75, 0.5, 0.25], [0.5, 1, 0.25, 0.015]]))
    assert curves.score(curves.errors) == pytest.approx(np.array([[8, 6, 4, 2], [100, 200, 50, 3]]))


def test_the_best_score_may_be_another() -> None:
    scores = accuracies()
    shifted = forecast(SIZES, scores + 4, AT, best=5.0)
    expected = forecast(SIZES, scores, AT)
    assert shifted.mean == pytest.approx(expected.mean + 4, abs=1e-9)
    assert shifted.high == pytest.approx(expected.high + 4, abs=1e-9)
    with pytest.raises(ValueError, match="scores must be no better than 5"):
        forecast(SIZES, scores + 4.5, AT, best=5.0)


# intervals


def test_intervals_of_accuracies_stay_in_0_to_1() -> None:
    for seed in range(5):
        scores = accuracies(seed=seed)
        scores[3] = [0.02, 0.0, 0.05, 0.01]
        found = forecast(SIZES, scores, AT, level=0.99)
        assert (found.low >= 0).all() and (found.high <= 1).all()
        assert (found.low <= found.mean).all() and (found.mean <= found.high).all()
        assert (found.low == 0).any() and (found.high == 1).any()


def test_intervals_of_an_rmse_stay_above_0_and_may_exceed_what_was_measured() -> None:
    found = forecast(SIZES, [[9.0, 3.0, 7.0, 2.0], [5.0, 4.0, 5.0, 5.1]], AT, level=0.99, higher_is_better=False)
    assert (found.low == 0).any() and (found.high > 9).any()
    assert (found.low >= 0).all()


def test_a_higher_level_is_wider() -> None:
    scores = accuracies()[3:]
    levels = (0.5, 0.55, 0.8, 0.9, 0.97, 0.99)
    halves = [forecast(SIZES, 10 - 10 * scores + 20, AT, level=level, higher_is_better=False) for level in levels]
    widths = np.stack([each.high - each.low for each in halves])
    assert (np.diff(widths, axis=0) > 0).all()
    assert all(np.array_equal(each.mean, halves[0].mean) for each in halves)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.93])
@pytest.mark.parametrize("num_sizes", [3, 4, 5, 6, 8])
def test_an_interval_by_hand(level: float, num_sizes: int) -> None:
    """q sqrt(g^2 + (3 s)^2 + MISFIT^2), with no gain where something was measured."""
    sizes = 16.0 * 2 ** np.arange(num_sizes)
    errors = np.array([0.3 * (sizes / 16) ** -0.3 + 0.02 * (-1.0) ** np.arange(num_sizes), 0.4 * (sizes / 16) ** -0.2])
    spread = np.array([np.full(num_sizes, 0.001), np.linspace(0.01, 0.03, num_sizes)])
    noise = np.sqrt((spread**2 * sizes).sum(1) / sizes.sum())
    deviation = residual_deviation(sizes, errors)
    scatter = np.maximum(noise, deviation)
    assert deviation[0] > noise[0] and deviation[1] < noise[1]
    at = np.array([sizes[1], sizes[-1], 2 * sizes[-1], 8 * sizes[-1]])
    mean = fit(sizes, errors, noise).at(at)
    gain = (errors[:, -1:] - mean) * np.array([0, 0, 1, 1])
    quantile = np.interp(level, calibration.LEVELS, calibration.QUANTILES[min(num_sizes, 6)])
    half = quantile * np.sqrt(gain**2 + (calibration.NOISE_FACTOR * scatter[:, None]) ** 2 + MISFIT**2)
    found = forecast(sizes, errors, at, level, standard_errors=spread, higher_is_better=False)
    assert found.mean == pytest.approx(mean, abs=1e-9)
    assert found.low == pytest.approx(np.maximum(mean - half, 0), abs=1e-7)
    assert found.high == pytest.approx(np.minimum(mean + half, 1), abs=1e-7)


def test_the_quantile_is_the_tables_and_linear_between() -> None:
    assert quantile_at(0.9, 4) == calibration.QUANTILES[4][5]
    assert quantile_at(0.875, 3) == pytest.approx((calibration.QUANTILES[3][4] + calibration.QUANTILES[3][5]) / 2)
    assert quantile_at(0.5, 6) == quantile_at(0.5, 7) == quantile_at(0.5, 50) == calibration.QUANTILES[6][0]
    assert quantile_at(0.99, 5) == calibration.QUANTILES[5][-1]


# noise


def usual_by_hand(errors: np.ndarray) -> np.ndarray:
    p = np.clip(errors, 0.002, 0.998)
    return calibration.TYPICAL_FACTOR * SIZES**calibration.TYPICAL_POWER * np.sqrt(p * (1 - p))


def test_the_usual_deviation_by_hand() -> None:
    errors = np.array([[0.5, 0.3, 0.0, 1.0], [0.001, 0.002, 0.9, 0.1]])
    assert usual_deviation(SIZES, errors) == pytest.approx(usual_by_hand(errors), rel=1e-12)
    assert (usual_deviation(SIZES, errors) > 0).all()


@pytest.mark.parametrize("repeats", [1, 2, 5, 25])
def test_measured_noise_is_drawn_to_the_usual_by_two_degrees_of_freedom(repeats: int) -> None:
    errors = 1 - accuracies()
    spread = np.random.default_rng(2).uniform(0, 0.05, errors.shape)
    weight = SIZES / SIZES.sum()
    measured, usual = spread**2 @ weight, usual_by_hand(errors) ** 2 / repeats @ weight
    freedom = 4 * (repeats - 1)
    expected = np.sqrt((freedom * measured + 2 * usual) / (freedom + 2))
    found = as_curves(SIZES, errors, repeats, spread, higher_is_better=False)
    assert found.noise == pytest.approx(expected, rel=1e-12)
    assert found.scatter == pytest.approx(np.maximum(expected, residual_deviation(SIZES, errors)), rel=1e-12)


@pytest.mark.parametrize("repeats", [None, 1, 4])
def test_noise_that_was_not_measured_is_the_scatter_drawn_to_the_usual(repeats: int | None) -> None:
    errors = 1 - accuracies()
    usual = usual_by_hand(errors) ** 2 / (repeats or 1) @ SIZES / SIZES.sum()
    deviation = residual_deviation(SIZES, errors)
    assert deviation.max() > 0.005
    expected = np.sqrt((2 * deviation**2 + 2 * usual) / 4)  # 4 sizes leave m - 2 = 2 degrees of freedom
    assert as_curves(SIZES, errors, repeats, higher_is_better=False).noise == pytest.approx(expected, rel=1e-12)


def test_standard_errors_of_unsaid_repeats_are_taken_as_they_are() -> None:
    spread = np.array([[0.04, 0.03, 0.02, 0.01]])
    noise = as_curves(SIZES, [0.6, 0.7, 0.8, 0.85], None, spread[0]).noise
    assert noise == pytest.approx(np.sqrt(spread**2 @ SIZES / SIZES.sum()), rel=1e-12)


def test_standard_errors_come_in_the_unit_of_the_score() -> None:
    spread = np.array([0.4, 0.3, 0.2, 0.1])
    curves = as_curves(SIZES, [8.0, 6.0, 5.0, 4.0], None, spread, higher_is_better=False)
    assert curves.noise * curves.unit == pytest.approx([np.sqrt(spread**2 @ SIZES / SIZES.sum())], rel=1e-12)


def test_more_noise_and_fewer_repeats_are_wider() -> None:
    scores = accuracies()[3:] * 0.7 + 0.1

    def width(**given: Any) -> np.ndarray:
        found = forecast(SIZES, scores, [256.0], **given)
        return np.asarray(found.high - found.low)[:, 0]

    assert (width(standard_errors=np.full(scores.shape, 0.04)) > width(standard_errors=np.full(scores.shape, 0.02))).all()
    assert (width(repeats_per_size=1) > width(repeats_per_size=25)).all()


# labels needed


def test_the_forecast_at_the_labels_needed_is_the_target() -> None:
    scores = 1 - np.array([[0.5], [0.4], [0.6]]) * (SIZES / 16) ** np.array([[-0.5], [-0.3], [-0.8]])
    targets = [0.86, 0.83, 0.97]
    spread = np.full(scores.shape, 0.004)
    found = labels_needed(SIZES, scores, targets, 0.5, standard_errors=spread)
    assert (found.low <= found.mid).all() and (found.mid <= found.high).all()
    assert (found.mid > 128).all() and np.isfinite(found.high[:2]).all()
    for k, target in enumerate(targets):
        sizes = [found.mid[k], 0.98 * found.mid[k], found.low[k], min(found.high[k], 1024)]
        at = forecast(SIZES, scores[k], sizes, 0.5, standard_errors=spread[k])
        assert at.mean[0, 0] == pytest.approx(target, abs=2e-4)
        assert at.mean[0, 1] < target
        assert at.high[0, 2] == pytest.approx(target, abs=1e-3)  # with luck
        if k < 2:
            assert at.low[0, 3] == pytest.approx(target, abs=1e-3)  # to be on the safe side


def test_luck_does_not_find_what_the_forecast_had_not_reached_with_all_that_was_measured() -> None:
    scores = 1 - 0.5 * (SIZES / 16) ** -0.5
    assert forecast(SIZES, scores, [100.0], standard_errors=np.full(4, 0.05)).high[0, 0] > 0.9
    noisy = labels_needed(SIZES, scores, 0.9, standard_errors=np.full(4, 0.05))
    assert noisy.low[0] == 128 and noisy.mid[0] > 128


def test_a_target_that_was_reached_already() -> None:
    scores = 1 - 0.5 * (SIZES / 16) ** -0.5
    found = labels_needed(SIZES, scores, 0.7, standard_errors=np.full(4, 0.001))
    # 0.5 (n / 16)^-0.5 = 0.3 at n = 44.4
    assert found.mid[0] == pytest.approx(16 * (5 / 3) ** 2, rel=0.02)
    assert 16 <= found.low[0] <= found.mid[0] <= found.high[0] < 64
    below = labels_needed(SIZES, scores, 0.2)
    assert (below.low[0], below.mid[0], below.high[0]) == (16, 16, 16)


def test_beyond_8_times_the_largest_it_is_inf() -> None:
    scores, spread = 1 - 0.5 * (SIZES / 16) ** -0.5, np.full(4, 0.001)
    # the law is at 1 - 0.0625 at 8 * 128 = 1024
    near, far = (labels_needed(SIZES, scores, target, standard_errors=spread) for target in (0.92, 0.96))
    assert 400 < near.mid[0] < 1024 and near.high[0] == np.inf
    assert far.mid[0] == far.high[0] == np.inf
    assert 128 < far.low[0] < 1024 and labels_needed(SIZES, scores, 1.0, 0.5, standard_errors=spread).low[0] == np.inf
    # and a curve that is flat never gets there
    flat = labels_needed(SIZES, np.full(4, 0.7), 0.9, standard_errors=spread)
    assert (flat.low[0], flat.mid[0], flat.high[0]) == (np.inf,) * 3
    assert flat.floor[0] == pytest.approx(0.7, abs=1e-6)


def test_every_curve_may_have_a_target_of_its_own() -> None:
    scores = np.tile(1 - 0.5 * (SIZES / 16) ** -0.5, (3, 1))
    found = labels_needed(SIZES, scores, [0.7, 0.85, 0.99])
    one = [labels_needed(SIZES, scores[0], target).mid[0] for target in (0.7, 0.85, 0.99)]
    assert found.mid.tolist() == pytest.approx(one)
    assert found.mid[0] < found.mid[1] < found.mid[2] == np.inf
    assert labels_needed(SIZES, scores, 0.85).mid.tolist() == pytest.approx([one[1]] * 3)


def test_the_floor_is_the_weighted_mean_of_the_laws() -> None:
    scores, spread = accuracies(), np.full((7, 4), 0.01)
    laws = fit(SIZES, 1 - scores, np.full(7, 0.01))
    found = labels_needed(SIZES, scores, 0.95, standard_errors=spread)
    assert found.floor == pytest.approx(1 - (laws.weight * laws.floor).sum(1), abs=1e-9)


def test_labels_are_in_order_for_all_kinds_of_curves() -> None:
    for seed in range(5):
        scores = accuracies(40, seed=seed)
        found = labels_needed(SIZES, scores, np.random.default_rng(seed).uniform(0.6, 1, 40), level=0.8)
        assert (found.low <= found.mid).all() and (found.mid <= found.high).all()
        assert (found.low >= 16).all()
        reached = found.mid[np.isfinite(found.mid)]
        assert len(reached) > 5 and reached.max() <= 1024 + 1e-6


# what is refused

GOOD = [0.5, 0.6, 0.7, 0.8]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sizes": [16, 32], "scores": [0.5, 0.6]}, "a forecast needs at least 3 sizes, not 2"),
        ({"sizes": [], "scores": []}, "a forecast needs at least 3 sizes, not 0"),
        ({"sizes": [16, 64, 32, 128]}, "sizes must be positive and increasing"),
        ({"sizes": [16, 32, 32, 128]}, "sizes must be positive and increasing"),
        ({"sizes": [0, 16, 32, 128]}, "sizes must be positive and increasing"),
        ({"sizes": [16, 32, 64, np.inf]}, "sizes must be positive and increasing"),
        ({"sizes": [16, np.nan, 64, 128]}, "sizes must be positive and increasing"),
        ({"scores": [0.5, 0.6, 0.7]}, r"scores must have the shape \(k, 4\) or \(4,\), not \(3,\)"),
        ({"scores": [[0.5], [0.6], [0.7], [0.8]]}, r"scores must have the shape \(k, 4\) or \(4,\), not \(4, 1\)"),
        ({"scores": [[GOOD]]}, r"scores must have the shape .* not \(1, 1, 4\)"),
        ({"scores": [0.5, 0.6, np.nan, 0.8]}, "scores must be finite numbers"),
        ({"scores": [0.5, 0.6, -np.inf, 0.8]}, "scores must be finite numbers"),
        ({"scores": [0.5, 0.6, 0.7, 1.01]}, "scores must be no better than 1"),
        ({"scores": [97, 98, 98, 99]}, "scores must be no better than 1"),
        ({"scores": [0.5, 0.6, 0.7, -0.01], "higher_is_better": False}, "scores must be no better than 0"),
        ({"standard_errors": [0.1, 0.1, 0.1]}, r"standard_errors must be numbers .* the shape \(1, 4\)"),
        ({"standard_errors": [[0.1] * 4] * 2}, "standard_errors must be numbers"),
        ({"standard_errors": [0.1, 0.1, 0.1, -0.1]}, "standard_errors must be numbers of at least 0"),
        ({"standard_errors": [0.1, np.nan, 0.1, 0.1]}, "standard_errors must be numbers"),
        ({"level": 0.49}, r"level: must be from 0\.5 to 0\.99, not 0\.49"),
        ({"level": 0.995}, r"level: must be from 0\.5 to 0\.99"),
        ({"level": 90}, r"level: must be from 0\.5 to 0\.99, not 90"),
        ({"level": np.nan}, r"level: must be from 0\.5 to 0\.99"),
    ],
)
def test_curves_that_are_refused(given: dict[str, Any], message: str) -> None:
    given = {"sizes": SIZES, "scores": GOOD} | given
    with pytest.raises(ValueError, match=message):
        forecast(**given, at=AT)
    with pytest.raises(ValueError, match=message):
        labels_needed(**given, target=0.9 if given.get("higher_is_better", True) else 0.1)


@pytest.mark.parametrize("at", [[0], [-1], [100, np.nan], [np.inf]])
def test_sizes_to_forecast_that_are_refused(at: list[float]) -> None:
    with pytest.raises(ValueError, match="at: sizes to forecast must be positive numbers"):
        forecast(SIZES, GOOD, at)


@pytest.mark.parametrize(("target", "higher", "best"), [(1.01, True, 1), (97, True, 1), (-0.1, False, 0), (np.nan, True, 1)])
def test_targets_that_are_refused(target: float, higher: bool, best: int) -> None:
    with pytest.raises(ValueError, match=f"target: must be a number no better than {best}"):
        labels_needed(SIZES, GOOD, target, higher_is_better=higher)


def test_importing_needs_neither_torch_nor_sklearn_nor_matplotlib() -> None:
    code = (
        "import sys; from sdl_cli.study.curve import forecast, labels_needed; "
        "forecast([10, 20, 40], [.5, .6, .7], [80]); labels_needed([10, 20, 40], [.5, .6, .7], .8); "
        "print({'torch', 'sklearn', 'scipy', 'matplotlib', 'hydra'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


# what a score is


def test_a_curve_does_not_change_with_its_neighbours() -> None:
    curves = [[0.9, 0.7, 0.6, 0.55], [2.9, 2.7, 2.6, 2.55]]
    together = forecast([10, 20, 40, 80], curves, [160], higher_is_better=False)
    for k, curve in enumerate(curves):
        alone = forecast([10, 20, 40, 80], curve, [160], higher_is_better=False)
        np.testing.assert_allclose([together.low[k], together.high[k]], [alone.low[0], alone.high[0]], rtol=1e-12)


def test_the_unit_of_an_unbounded_score_does_not_matter_even_below_1() -> None:
    curve = np.array([0.9, 0.7, 0.6, 0.55])
    large = forecast([10, 20, 40, 80], 1000 * curve, [160], higher_is_better=False)
    for factor in (1.0, 1e-3):
        small = forecast([10, 20, 40, 80], factor * curve, [160], higher_is_better=False, is_share=False)
        np.testing.assert_allclose(
            [small.low, small.mean, small.high], [factor / 1000 * x for x in (large.low, large.mean, large.high)]
        )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"repeats_per_size": 0}, "repeats_per_size must be at least 1"),
        ({"repeats_per_size": float("nan")}, "repeats_per_size must be at least 1"),
        ({"best": float("inf")}, "best must be a finite number"),
        ({"is_share": True, "scores": [3.0, 2.0, 1.0], "higher_is_better": False}, r"must lie in \[0, 1\]"),
        ({"at": []}, "sizes to forecast"),
        ({"scores": np.empty((0, 3))}, "must have the shape"),
        ({"sizes": [[10, 20, 40]]}, r"must have the shape \(m,\)"),
    ],
)
def test_more_that_cannot_be_forecast(changed: dict[str, object], message: str) -> None:
    given = {"sizes": [10, 20, 40], "scores": [0.8, 0.81, 0.82], "at": [80]} | changed
    with pytest.raises(ValueError, match=message):
        forecast(**given)


def test_a_slow_law_is_not_called_out_of_reach() -> None:
    sizes = np.array([16, 32, 64, 128, 256])
    slow = labels_needed(sizes, 1 - 0.8 * sizes**-0.1, 0.8, standard_errors=[0.001] * 5)
    level = labels_needed(sizes, 0.8 - 2 / sizes, 0.9, standard_errors=[0.0005] * 5)
    assert np.isinf(slow.mid[0]) and slow.out_of_reach[0] < 0.9 < level.out_of_reach[0]
    with pytest.raises(ValueError, match="one for each of 1 curves, not 2"):
        labels_needed(sizes, 1 - 0.8 * sizes**-0.1, [0.8, 0.9])


def test_sizes_that_all_but_coincide_show_no_gain() -> None:
    found = forecast([1_000_000, 1_000_001, 1_000_002], [0.8, 0.81, 0.82], [2_000_000])
    assert found.low[0, 0] < found.mean[0, 0] < found.high[0, 0] and found.mean[0, 0] == pytest.approx(0.81, abs=0.01)
