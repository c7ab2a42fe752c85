"""What a measured curve comes to: its forecast and labels needed, and all of it as JSON."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from sdl_cli.measure.metrics import HIGHER_IS_BETTER
from sdl_cli.study.curve import forecast, labels_needed
from sdl_cli.study.curve.forecast import usual_deviation
from sdl_cli.study.curve.points import Points
from sdl_cli.study.curve.result import CurveResult
from sdl_cli.study.curve.summary import Question, next_target, summarise

SIZES = (16, 32, 64, 128, 256)


def points(law: Any, metric: str = "accuracy", spread: tuple[float, ...] = (-0.002, 0.0, 0.002), sizes: Any = SIZES) -> Points:
    """Points of a law, with repeats that lie so far off it."""
    return Points(metric, {n: {str(i): law(n) + each for i, each in enumerate(spread)} for n in sizes})


def rising(n: float) -> float:
    return float(1 - 1.2 * n**-0.5)


@pytest.mark.parametrize(
    ("metric", "last", "expected"),
    [
        ("accuracy", 0.3, 0.5),
        ("accuracy", 0.5, 0.6),
        ("accuracy", 0.975, 0.98),
        ("accuracy", 0.979, 0.99),  # 0.98 is next to nothing away
        ("balanced_accuracy", 0.81, 0.85),
        ("macro_f1", 0.9, 0.95),
        ("roc_auc", 0.9965, 0.999),
        ("roc_auc", 0.9985, None),
        ("accuracy", 1.0, None),
        ("rmse", 2.0, 1.8),
        ("rmse", 5432.1, 4900.0),
        ("mae", 1e-5, 9e-6),
        ("log_loss", 0.5, 0.45),
        ("calibration_error", 0.1, 0.09),
        ("rmse", 0.0, None),
        ("r2", 0.5, 0.55),
        ("r2", -5.0, -4.4),
        ("r2", 1.0, None),
    ],
)
def test_the_next_target(metric: str, last: float, expected: float | None) -> None:
    found = next_target(metric, last)
    assert found == (expected if expected is None else pytest.approx(expected, rel=1e-9))


def test_the_next_target_is_always_better() -> None:
    for metric, higher in HIGHER_IS_BETTER.items():
        for last in np.linspace(0.003, 0.99, 300).tolist():
            target = next_target(metric, last)
            assert target is not None
            assert target > last if higher else 0 < target < last
            if metric in ("rmse", "log_loss", "r2"):  # a tenth less error, to two figures
                error = abs((1 if higher else 0) - last)
                assert abs(target - last) == pytest.approx(0.1 * error, abs=0.051 * error)
            elif metric == "accuracy":
                assert target > last + 0.002


def test_the_forecast_is_that_of_the_means_and_their_standard_errors() -> None:
    measured = points(rising)
    found = summarise(measured, Question(target=0.955, at=(300, 1000), level=0.8))
    spread = 0.002 / math.sqrt(3)
    given = {"repeats_per_size": 3, "standard_errors": [spread] * 5, "level": 0.8}
    expected = forecast(SIZES, [rising(n) for n in SIZES], [300, 1000], **given)
    assert [row.size for row in found.forecast] == [300, 1000]
    for name in ("mean", "low", "high"):
        assert [getattr(row, name) for row in found.forecast] == pytest.approx(getattr(expected, name)[0], abs=1e-9)
    needed = labels_needed(SIZES, [rising(n) for n in SIZES], 0.955, **given)
    assert found.labels_needed.mid == math.ceil(needed.mid[0]) and found.labels_needed.low == math.ceil(needed.low[0])
    assert found.labels_needed.high is None and needed.high[0] == math.inf
    assert found.labels_needed.levels_off_at == pytest.approx(needed.floor[0], abs=1e-9)
    assert (found.metric, found.higher_is_better, found.level) == ("accuracy", True, 0.8)
    [first, *_, last] = found.points
    expected_point = {
        "size": 16,
        "mean": pytest.approx(0.7),
        "se": pytest.approx(spread),
        "repeats": 3,
        "scores": measured.scores[16],
    }
    assert vars(first) == {**expected_point, "seconds": None, "baseline": None, "majority": None}
    assert last.size == 256
    assert last.scores == {"0": rising(256) - 0.002, "1": rising(256), "2": rising(256) + 0.002}


def test_what_is_asked_of_a_curve_without_a_question() -> None:
    found = summarise(points(rising), Question())
    assert [row.size for row in found.forecast] == [512, 1024, 2048]
    assert found.labels_needed.target == 0.95  # 0.925 was measured
    assert found.noise_floor is None and found.test_rows is None
    assert found.labels_needed.given is False
    assert vars(found.forecast[0]).items() < vars(found.twice).items()


def test_what_is_asked_for_is_told_from_an_example() -> None:
    for target, given in ((None, False), (0.95, True), (0.5, True)):
        assert summarise(points(rising), Question(target=target)).labels_needed.given is given


@pytest.mark.parametrize("at", [None, (300, 1000)])
def test_now_and_twice_are_of_the_fitted_curve(at: tuple[int, ...] | None) -> None:
    """Whatever is asked for, and also where the last point lies off the curve."""
    means = [*map(rising, SIZES[:4]), 0.94]
    measured = Points("accuracy", {n: {"0": m - 0.002, "1": m + 0.002} for n, m in zip(SIZES, means, strict=True)})
    found = summarise(measured, Question(at=at))
    given = {"repeats_per_size": 2, "standard_errors": [0.002] * 5}  # sqrt(2) * 0.002 / sqrt(2)
    expected = forecast(SIZES, means, [256, 512], **given)
    assert found.now == pytest.approx(expected.mean[0, 0], abs=1e-9) and found.now < 0.938
    ends = (expected.mean[0, 1], expected.low[0, 1], expected.high[0, 1])
    assert found.twice.size == 512
    assert [getattr(found.twice, name) for name in ("mean", "low", "high")] == pytest.approx(ends, abs=1e-9)
    [there] = [row.mean for row in found.line if row.size == 256]
    assert there == pytest.approx(found.now, abs=1e-9)


def test_the_rows_that_count_for_the_noise() -> None:
    """Laplace's rule and all else that is `noise_floor` is tested with it."""
    for question, floor in (
        (Question(test_rows=100), math.sqrt(0.925 * 0.075 / 100)),
        (Question(test_rows=100, noise_rows=50), math.sqrt(0.925 * 0.075 / 50)),
        (Question(), None),
    ):
        found = summarise(points(rising, "balanced_accuracy"), question)
        assert found.noise_floor == (floor if floor is None else pytest.approx(floor))
        assert found.test_rows == question.test_rows and found.same_test_rows is False
    assert summarise(points(rising), Question(same_test_rows=True)).same_test_rows is True


def test_what_the_words_alone_need_is_not_kept() -> None:
    for sizes in (SIZES, SIZES[:2]):
        found = summarise(points(rising, sizes=sizes), Question())
        assert type(found) is CurveResult and not {"falls", "noise_rows", "at_given"} & set(found.to_json())


def test_seconds_and_other_scores_stand_beside_the_points() -> None:
    measured = Points("accuracy", points(rising).scores, {16: 1.5, 256: 9.0}, {16: 0.4}, {16: 0.3, 32: 0.2})
    found = [[point.seconds, point.baseline, point.majority] for point in summarise(measured, Question()).points]
    assert found == [[1.5, 0.4, 0.3], [None, None, 0.2], [None] * 3, [None] * 3, [9.0, None, None]]


def test_the_line_has_an_interval_where_it_is_a_forecast() -> None:
    line = summarise(points(rising), Question()).line
    sizes = [row.size for row in line]
    assert sizes == sorted(sizes) and sizes[0] == pytest.approx(16) and sizes[-1] == pytest.approx(2048)
    assert 256 in sizes
    for row in line:
        if row.size < 256:
            assert row.low is row.high is None
        else:
            assert row.low <= row.mean <= row.high
    means = [row.mean for row in line]
    assert all(b >= a - 1e-12 for a, b in zip(means, means[1:], strict=False))


def test_one_repeat_takes_the_usual_spread_and_that_of_the_test_rows() -> None:
    measured = points(rising, spread=(0.0,))
    means = np.array([rising(n) for n in SIZES])
    usual = usual_deviation(np.array(SIZES, float), 1 - means[None])[0]
    errors = np.sqrt(usual**2 + means * (1 - means) / 50)
    for rows, given in ((50, {"standard_errors": errors}), (None, {"repeats_per_size": 1})):
        found = summarise(measured, Question(at=(512,), test_rows=rows)).forecast[0]
        expected = forecast(SIZES, means, [512], **given)
        assert (found.low, found.high) == pytest.approx((expected.low[0, 0], expected.high[0, 0]), abs=1e-9)
    # fewer test rows know less
    widths = [
        row.high - row.low for n in (20, 50, 5000) for row in summarise(measured, Question(at=(512,), test_rows=n)).forecast
    ]
    assert widths[0] > widths[1] > widths[2]


def levelling(n: float) -> float:
    return 0.8 - 2 / n


@pytest.mark.parametrize(
    ("law", "target", "reachable", "known"),
    [
        (rising, 0.95, "yes", "low mid"),
        (rising, 0.9, "yes", "low mid high"),  # reached at 144
        (rising, 0.5, "yes", "low mid high"),
        (lambda n: 1 - 0.8 * n**-0.1, 0.64, "beyond", "low"),  # 0.63 at the horizon
        (levelling, 0.79, "yes", "low mid"),
        (levelling, 0.9, "no", ""),
    ],
)
def test_whether_a_target_is_reachable(law: Any, target: float, reachable: str, known: str) -> None:
    sizes = tuple(SIZES) + (512, 1024) if law is levelling else SIZES
    found = summarise(points(law, sizes=sizes, spread=(-0.0005, 0.0005)), Question(target=target)).labels_needed
    assert found.target == target
    assert found.reachable == reachable
    assert set(known.split()) <= {name for name in ("low", "mid", "high") if getattr(found, name) is not None}
    assert all(isinstance(getattr(found, name), int | None) for name in ("low", "mid", "high"))
    assert (found.mid is not None) == (reachable == "yes")
    if reachable == "no":
        assert found.low is found.high is None
        assert found.levels_off_at == pytest.approx(0.8, abs=0.02)


def test_what_the_interval_may_still_reach_is_not_ruled_out() -> None:
    """Three single scores of 3: the curve levels off there, and yet so little is known that 2.7 may come."""
    found = summarise(points(lambda n: 3.0, "rmse", (0.0,), SIZES[:3]), Question(target=2.7)).labels_needed
    assert found.levels_off_at == pytest.approx(3.0)
    assert found.reachable == "beyond" and found.low is not None and found.mid is None


def test_of_errors_the_floor_is_below() -> None:
    sizes = (*SIZES, 512, 1024)
    for metric, scale in (("rmse", 1000.0), ("log_loss", 5.0)):
        measured = points(lambda n, scale=scale: scale * (1 + 10 / n), metric, (-0.002 * scale, 0.002 * scale), sizes)
        found = summarise(measured, Question(target=0.5 * scale)).labels_needed
        assert found.reachable == "no"
        assert found.levels_off_at == pytest.approx(scale, rel=0.05)
        reached = summarise(measured, Question(target=1.1 * scale)).labels_needed
        assert reached.reachable == "yes" and 64 < reached.mid <= 128  # the law is there with 100 labels


@pytest.mark.parametrize("num", [1, 2])
def test_fewer_than_3_sizes_have_no_forecast(num: int) -> None:
    found = summarise(points(rising, sizes=SIZES[:num]), Question(target=0.9))
    assert found.forecast == found.line == ()
    assert found.labels_needed is found.now is found.twice is None
    assert len(found.points) == num


def test_a_perfect_curve_has_no_target_left() -> None:
    found = summarise(points(lambda n: 1.0, spread=(0.0, 0.0)), Question(test_rows=30))
    assert found.labels_needed is None
    assert found.noise_floor == pytest.approx(math.sqrt(31 / 32 / 32 / 30))  # 30 of 30 rows are taken as 31 of 32
    assert found.forecast[0].mean == pytest.approx(1.0)


CURVES = {
    "accuracy": rising,
    "roc_auc": rising,
    "calibration_error": lambda n: 0.8 * n**-0.5,
    "log_loss": lambda n: 0.2 + 6 * n**-0.5,
    "rmse": lambda n: 50 + 200 * n**-0.5,
    "mae": lambda n: 1e6 * n**-0.2,
    "r2": lambda n: 0.9 - 10 * n**-0.7,
    "macro_f1": lambda n: 0.4,
}


@pytest.mark.parametrize("metric", CURVES)
@pytest.mark.parametrize("spread", [(0.0,), (-0.001, 0.001)])
@pytest.mark.parametrize("num", [2, 3, 5])
def test_every_metric_is_plain_json(metric: str, spread: tuple[float, ...], num: int) -> None:
    measured = points(CURVES[metric], metric, spread, SIZES[:num])
    found = summarise(measured, Question(test_rows=40))
    text = json.dumps(found.to_json(), allow_nan=False)
    assert json.loads(text)["higher_is_better"] is HIGHER_IS_BETTER[metric]
    assert isinstance(found.verdict, str) and found.verdict
    means = [row.mean for row in found.forecast]
    assert len(means) == (0 if num < 3 else 3)
    if metric != "macro_f1" and means:  # more labels are better, in whatever direction that is
        better = np.diff([measured.means[-1], *means]) * (1 if HIGHER_IS_BETTER[metric] else -1)
        assert (better > 0).all()
