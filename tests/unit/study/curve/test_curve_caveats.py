"""What to bear in mind of a curve: the noise of few test rows, falls, and each warning where it belongs and nowhere else."""

from __future__ import annotations

import math
from typing import Any

import pytest
from scipy.special import stdtrit

from sdl_cli.measure.curve import LabelsNeeded, Point
from sdl_cli.study.curve import calibration
from sdl_cli.study.curve.caveats import asked_difference, difference, falls, gain, is_flat, mean_noise, noise_floor, warnings
from sdl_cli.study.curve.points import Points
from sdl_cli.study.curve.result import Draft, Twice
from sdl_cli.study.curve.summary import Question, summarise

SIZES = (16, 32, 64, 128, 256)
WARNINGS = {
    "not monotone": "The curve is not monotone",
    "guessing": "With all ",
    "few": "Only ",
    "one repeat": "One repeat",
    "some single": "A single repeat at some sizes",
    "small test": "The test part of ",
    "ceiling": "Already 100 %",
    "flat": "The curve is flat",
}


def points(
    law: Any,
    metric: str = "accuracy",
    spread: tuple[float, ...] = (-0.002, 0.0, 0.002),
    sizes: tuple[int, ...] = SIZES,
    majority: float | None = None,
) -> Points:
    means = [law(n) if callable(law) else law[i] for i, n in enumerate(sizes)]
    scores = {n: {str(i): m + each for i, each in enumerate(spread)} for n, m in zip(sizes, means, strict=True)}
    return Points(metric, scores, majority={} if majority is None else dict.fromkeys(sizes, majority))


def rising(n: float) -> float:
    """0.85 at 64 labels, 0.925 at 256."""
    return float(1 - 1.2 * n**-0.5)


def sentences(measured: Points, **question: Any) -> list[str]:
    return list(summarise(measured, Question(**question)).warnings)


def warned(measured: Points, **question: Any) -> list[str]:
    """Which warnings there are, by their short names."""
    said = sentences(measured, **question)
    found = [next((name for name, start in WARNINGS.items() if each.startswith(start)), "far") for each in said]
    assert all(
        name != "far" or "labels are more than 8 times what was measured" in each for name, each in zip(found, said, strict=True)
    )
    return found


def one_sentence(name: str, measured: Points, **question: Any) -> str:
    [sentence] = [each for each in sentences(measured, **question) if each.startswith(WARNINGS[name])]
    return sentence


def draft(**changes: Any) -> Draft:
    """What is known of a curve before its words are, at 90 % with 100 labels unless said otherwise."""
    known: dict[str, Any] = {"name": "forest", "dataset": "wine", "metric": "accuracy", "higher_is_better": True, "level": 0.9}
    return Draft(**known | {"points": (Point(size=100, mean=0.9, se=None, repeats=1),)} | changes)


def fallen(
    measured: Points, higher: bool = True, rows: float | None = None, same: bool = False
) -> list[tuple[int, int, float, float]]:
    return falls(measured, draft(higher_is_better=higher, noise_rows=rows, same_test_rows=same))


# small words and numbers


def test_differences() -> None:
    assert difference("accuracy", 0.0094) == "+0.9 points"
    assert difference("roc_auc", -0.1) == "-10.0 points"
    assert difference("rmse", -0.012345) == "-0.0123"
    assert difference("r2", 0.5) == "+0.5"


@pytest.mark.parametrize(
    ("metric", "score", "rows", "expected"),
    [
        ("accuracy", 0.9, 100, 0.03),  # sqrt(0.9 * 0.1 / 100)
        ("accuracy", 0.1, 100, 0.03),
        ("balanced_accuracy", 0.5, 25, 0.1),
        ("accuracy", 1.0, 1, math.sqrt(2 / 9)),  # Laplace: 2/3
        ("accuracy", 1.0, 8, 0.9**0.5 * 0.1**0.5 / 8**0.5),  # 9/10
        ("accuracy", 0.0, 8, 0.9**0.5 * 0.1**0.5 / 8**0.5),  # 1/10
        ("accuracy", 1.0, 98, math.sqrt(0.99 * 0.01 / 98)),
        ("balanced_accuracy", 1.0, 8.0, 0.106066),
        ("accuracy", 97 / 98, 98, math.sqrt(97 / 98 / 98 / 98)),  # one wrong row is taken as it is
    ],
)
def test_the_noise_floor_by_its_formula(metric: str, score: float, rows: float, expected: float) -> None:
    assert noise_floor(metric, score, rows) == pytest.approx(expected, rel=1e-5)


def test_the_noise_floor_is_of_accuracies_on_known_rows() -> None:
    assert noise_floor("accuracy", 0.9, None) is None
    assert [noise_floor(m, 0.9, 100) for m in ("macro_f1", "roc_auc", "rmse", "log_loss", "r2")] == [None] * 5


def test_rows_of_balanced_accuracy_count_by_class() -> None:
    """Recalls of p on 10 and 90 rows: their mean has variance p (1 - p) (1/10 + 1/90) / 4, as one accuracy of 36 rows."""
    rows = 2**2 / (1 / 10 + 1 / 90)
    assert rows == pytest.approx(36)
    variance = 0.8 * 0.2 * (1 / 10 + 1 / 90) / 2**2
    assert noise_floor("balanced_accuracy", 0.8, rows) == pytest.approx(math.sqrt(variance))
    found = summarise(points(lambda n: 0.8, "balanced_accuracy"), Question(test_rows=100, noise_rows=rows))
    assert (found.test_rows, found.noise_floor) == (100, pytest.approx(math.sqrt(variance)))  # 0.0667
    assert summarise(points(lambda n: 0.8), Question(test_rows=100)).noise_floor == pytest.approx(0.04)


@pytest.mark.parametrize(("same", "repeats", "expected"), [(False, 4, 0.02), (True, 4, 0.04), (False, 1, 0.04)])
def test_the_noise_of_the_mean(same: bool, repeats: int, expected: float) -> None:
    measured = tuple(Point(size=10 * n, mean=0.9, se=None, repeats=n) for n in (9, repeats))
    assert mean_noise(draft(noise_floor=0.04, same_test_rows=same, points=measured)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("floor", "needed", "expected"),
    [
        (0.01, (0.95, 150), 0.05),
        (0.01, (0.95, None), 0.05),
        (0.01, (0.85, 101), 0.05),  # the last point is above, and the fitted curve is not
        (0.01, (0.85, 100), None),
        (None, (0.95, 150), None),
        (0.01, None, None),
    ],
)
def test_the_asked_difference(floor: float | None, needed: tuple[float, int | None] | None, expected: float | None) -> None:
    found = LabelsNeeded(needed[0], None, needed[1], None, "yes") if needed else None
    assert asked_difference(draft(noise_floor=floor, labels_needed=found)) == (
        expected if expected is None else pytest.approx(expected)
    )


@pytest.mark.parametrize(
    ("metric", "higher", "now", "twice", "gained", "flat"),
    [
        ("accuracy", True, 0.9, 0.9021, 0.0021, False),
        ("accuracy", True, 0.9, 0.9019, 0.0019, True),
        ("accuracy", True, 0.9, 0.8, -0.1, True),
        ("rmse", False, 100.0, 99.7, 0.3, False),  # a 500th of an error of 100 is 0.2
        ("rmse", False, 100.0, 99.9, 0.1, True),
        ("rmse", False, 100.0, 110.0, -10.0, True),
        ("log_loss", False, 0.5, 0.4989, 0.0011, False),
        ("log_loss", False, 0.5, 0.4991, 0.0009, True),
        ("r2", True, 0.5, 0.5011, 0.0011, False),  # what is missing to 1 is 0.5
        ("r2", True, -4.0, -3.9911, 0.0089, True),  # and here 5
        ("rmse", False, 0.0, 0.0, 0.0, True),
    ],
)
def test_the_gain_goes_from_the_fitted_value_to_twice(
    metric: str, higher: bool, now: float, twice: float, gained: float, flat: bool
) -> None:
    found = draft(metric=metric, higher_is_better=higher, now=now, twice=Twice(200, twice, None, None))
    assert gain(found) == pytest.approx(gained)
    assert is_flat(found) is flat


# falls


def test_the_clearest_fall_by_hand() -> None:
    exact = Points("accuracy", {n: {"0": s, "1": s} for n, s in ((10, 0.5), (20, 0.9), (40, 0.8), (80, 0.85))})
    assert fallen(exact) == [(20, 40, pytest.approx(-0.1), 0.0), (20, 80, pytest.approx(-0.05), 0.0)]
    # of errors what rises is a fall
    assert fallen(exact, higher=False)[0] == (10, 20, pytest.approx(0.4), 0.0)


def test_a_fall_is_told_by_paired_differences() -> None:
    """Splits differ by 0.2, and yet each of them loses 0.02 with the last labels."""
    offsets = {"0": -0.1, "1": 0.0, "2": 0.1}
    means = dict(zip(SIZES, (0.6, 0.7, 0.75, 0.8, 0.78), strict=True))
    lost = {"0": 0.001, "1": 0.0, "2": -0.001}
    paired = Points(
        "accuracy", {n: {r: m + o + (lost[r] if n == 256 else 0) for r, o in offsets.items()} for n, m in means.items()}
    )
    assert fallen(paired)[0] == (128, 256, pytest.approx(-0.02), pytest.approx(0.001 / math.sqrt(3)))
    assert "not monotone" in warned(paired)
    # the same scores in unrelated splits are within their noise
    apart = Points("accuracy", {n: {f"{r} of {n}": s for r, s in scores.items()} for n, scores in paired.scores.items()})
    assert fallen(apart) == []
    assert "not monotone" not in warned(apart)


@pytest.mark.parametrize(
    ("offsets", "error", "factor"),
    [
        ((-1.0, 1.0), 1.0, math.tan(math.pi * 0.47725)),  # Student's t with 1 degree of freedom is Cauchy's: 13.97
        ((-1.0, 0.0, 1.0), 1 / math.sqrt(3), 0.9545 / math.sqrt(2 * 0.97725 * 0.02275)),  # with 2: 4.53
        ((-2.0, -1.0, 0.0, 1.0, 2.0), math.sqrt(2.5 / 5), 2.8693),
    ],
)
@pytest.mark.parametrize("metric", ["rmse", "roc_auc"])
def test_few_repeats_need_a_clearer_fall(offsets: tuple[float, ...], error: float, factor: float, metric: str) -> None:
    assert factor == pytest.approx(stdtrit(len(offsets) - 1, 0.97725), rel=1e-4)
    higher = metric == "roc_auc"
    unit, sign = (0.001, -1) if higher else (1.0, 1)
    for part, is_fall in ((0.99, False), (1.01, True)):
        change = sign * part * factor * error * unit
        before = {str(i): 0.5 for i in range(len(offsets))}
        after = {str(i): 0.5 + change + unit * each for i, each in enumerate(offsets)}
        expected = [(10, 20, pytest.approx(change), pytest.approx(error * unit))] if is_fall else []
        assert fallen(Points(metric, {10: before, 20: after}), higher) == expected


def one_row_less(repeats: int) -> Points:
    """18 and then 17 of 20 rows right, in every repeat: a standard error of 0."""
    return Points("accuracy", {n: {str(i): s for i in range(repeats)} for n, s in ((10, 0.9), (20, 0.85))})


@pytest.mark.parametrize("repeats", [2, 5])
def test_one_test_row_less_in_every_repeat_is_no_fall(repeats: int) -> None:
    assert fallen(one_row_less(repeats)) == [(10, 20, pytest.approx(-0.05), 0.0)]  # of the rows nothing is known
    assert fallen(one_row_less(repeats), rows=20) == []
    # 0.05 is two standard errors where sqrt((0.09 + 0.1275) / rows / repeats) is 0.025
    edge = (0.09 + 0.1275) / 0.025**2
    assert edge == pytest.approx(348)
    assert fallen(one_row_less(repeats), rows=1.01 * edge / repeats) == [
        (10, 20, pytest.approx(-0.05), pytest.approx(0.025 / math.sqrt(1.01)))
    ]
    assert fallen(one_row_less(repeats), rows=0.99 * edge / repeats) == []
    # repeats on the same rows do not lower it
    assert fallen(one_row_less(repeats), rows=0.99 * edge, same=True) == []
    assert len(fallen(one_row_less(repeats), rows=1.01 * edge, same=True)) == 1
    # of other scores than accuracies no such noise is known
    assert len(fallen(Points("macro_f1", one_row_less(repeats).scores), rows=20)) == 1


def test_the_larger_noise_counts() -> None:
    """Two repeats that differ by 0.04: a standard error of 0.02, and 13.97 of them are 0.279."""
    measured = Points("accuracy", {10: {"0": 0.9, "1": 0.9}, 20: {"0": 0.61, "1": 0.65}})
    assert fallen(measured, rows=1000) == []  # 0.27
    clearer = Points("accuracy", {10: {"0": 0.9, "1": 0.9}, 20: {"0": 0.58, "1": 0.62}})
    assert fallen(clearer, rows=1000) == [(10, 20, pytest.approx(-0.3), pytest.approx(0.02))]
    # on 12 rows sqrt((0.09 + 0.24) / 12 / 2) is 0.117, and twice that is less than 0.279
    assert fallen(clearer, rows=12) == [(10, 20, pytest.approx(-0.3), pytest.approx(0.02))]
    # on 8 rows 2 * 0.1436 is more than 0.279, and still less than 0.3
    assert fallen(clearer, rows=8) == [(10, 20, pytest.approx(-0.3), pytest.approx(math.sqrt(0.33 / 16)))]
    assert fallen(clearer, rows=7) == []


FALLING = Points("accuracy", {50: {"0": 0.90}, 100: {"0": 0.85}, 200: {"0": 0.80}, 400: {"0": 0.75}})


def test_a_clear_fall_with_one_repeat_per_size() -> None:
    def usual(n: int, p: float) -> float:
        return math.sqrt(p * (1 - p)) * calibration.TYPICAL_FACTOR * float(n) ** calibration.TYPICAL_POWER

    noise = math.hypot(usual(50, 0.9), usual(400, 0.75))
    found = fallen(FALLING)
    assert found[0] == (50, 400, pytest.approx(-0.15), pytest.approx(noise))
    scores = {50: 0.9, 100: 0.85, 200: 0.8, 400: 0.75}
    expected = {
        (one, other)
        for one in scores
        for other in scores
        if one < other and scores[one] - scores[other] > 2 * math.hypot(usual(one, scores[one]), usual(other, scores[other]))
    }
    assert {pair[:2] for pair in found} == expected and (50, 100) not in expected
    # few test rows are more noise than is usual: sqrt((0.09 + 0.1875) / 40) is 0.083
    assert fallen(FALLING, rows=40) == []
    assert f"(-15.0 points, standard error {100 * noise:.1f})" in sentences(FALLING)[0]
    assert summarise(FALLING, Question()).verdict.startswith("With all 400 labels the accuracy is worse than with 50: ")


def test_of_unbounded_metrics_one_repeat_tells_nothing() -> None:
    for metric in ("rmse", "mae", "log_loss"):
        assert fallen(Points(metric, {10: {"0": 1.0}, 20: {"0": 50.0}, 40: {"0": 900.0}}), higher=False) == []
    assert fallen(Points("r2", {10: {"0": 0.9}, 20: {"0": 0.1}, 40: {"0": -9.0}})) == []
    # a single repeat at one of two sizes is one repeat
    assert fallen(Points("rmse", {10: {"0": 1.0, "1": 1.0}, 20: {"0": 50.0}}), higher=False) == []
    assert len(fallen(Points("calibration_error", {10: {"0": 0.01}, 2000: {"0": 0.9}}), higher=False)) == 1


# warnings


def test_a_good_curve_has_no_warning() -> None:
    assert warned(points(rising), test_rows=1000) == []
    assert warned(points(rising, sizes=SIZES[:4])) == []
    assert warned(points(rising, majority=0.5), test_rows=1000) == []
    assert warned(points(lambda n: 50 + 200 * n**-0.5, "rmse", (-0.1, 0.1)), test_rows=10) == []


def test_not_monotone_names_the_clearest_fall() -> None:
    dipped = points([0.7, 0.5, 0.8, 0.85, 0.88], spread=(-0.002, 0.002))
    assert one_sentence("not monotone", dipped) == (
        "The curve is not monotone: with 32 labels the accuracy is worse than with 16 (-20.0 points, standard error 0.0). "
        "The forecast assumes that more labels do not harm."
    )
    # differences of 19, 20 and 21: 1 / sqrt(3)
    rmse = points([90.0, 70.0, 50.0, 40.0, 60.0], "rmse", (0.0, 0.0, 0.0))
    rmse.scores[256].update({"0": 59.0, "2": 61.0})
    text = "with 256 labels the RMSE is worse than with 128 (+20, standard error 0.577)."
    assert text in one_sentence("not monotone", rmse)


def test_no_better_than_guessing() -> None:
    flat = points(lambda n: 0.5, spread=(-0.01, 0.0, 0.01), majority=0.49)  # 2 standard errors: 0.0115
    assert one_sentence("guessing", flat) == (
        "With all 256 labels, the accuracy (50.0 %) is no different, within noise, from ignoring the inputs (49.0 %)."
    )
    assert "guessing" not in warned(points(lambda n: 0.5, spread=(-0.01, 0.0, 0.01), majority=0.488))
    assert "guessing" in warned(points(lambda n: 0.5, majority=0.6))  # worse than that
    assert "guessing" not in warned(points(lambda n: 0.5))  # not known
    # on 100 rows and 3 repeats 2 * 0.05 / sqrt(3) is 0.058, and 0.1 on the same rows
    measured = points(lambda n: 0.5, majority=0.43)
    assert "guessing" not in warned(measured, test_rows=100)
    assert "guessing" in warned(measured, test_rows=100, same_test_rows=True)
    assert "guessing" in warned(points(lambda n: 0.5, majority=0.45), test_rows=100)


def test_a_guess_that_is_mostly_right_asks_for_balanced_accuracy() -> None:
    hint = " One class makes up most rows: curve.metric=balanced_accuracy tells you more."
    assert one_sentence("guessing", points(lambda n: 0.9, majority=0.9)).endswith(hint)
    assert hint not in one_sentence("guessing", points(lambda n: 0.6, majority=0.6))
    assert hint not in one_sentence("guessing", points(lambda n: 0.9, "roc_auc", majority=0.9))


def test_no_better_than_guessing_of_errors() -> None:
    spread = (-1.0, 0.0, 1.0)  # 2 standard errors: 1.155
    assert one_sentence("guessing", points(lambda n: 50.0, "rmse", spread, majority=51.0)) == (
        "With all 256 labels, the RMSE (50.000) is no different, within noise, from ignoring the inputs (51.000)."
    )
    assert "guessing" not in warned(points(lambda n: 50.0, "rmse", spread, majority=51.2))
    assert "guessing" in warned(points(lambda n: 50.0, "rmse", spread, majority=20.0))
    # with one repeat only what is no better counts
    assert "guessing" in warned(points(lambda n: 50.0, "rmse", (0.0,), majority=50.0))
    assert "guessing" not in warned(points(lambda n: 50.0, "rmse", (0.0,), majority=50.1))


def test_few_sizes() -> None:
    assert warned(points(rising, sizes=SIZES[:3])) == ["few"]
    for num, text in ((1, "Only 1 size could be measured"), (2, "Only 2 sizes could be measured")):
        [sentence] = sentences(points(rising, sizes=SIZES[:num]))
        assert sentence.startswith(text) and "a forecast needs 3" in sentence


def test_one_repeat() -> None:
    assert warned(points(rising, spread=(0.0,))) == ["one repeat"]
    measured = points(rising)
    del measured.scores[64]["0"], measured.scores[64]["1"]
    assert warned(measured) == ["some single"]
    assert warned(points(rising, spread=(0.0,), sizes=SIZES[:2])) == ["few"]  # of what is not forecast it says nothing


def test_a_small_test_part() -> None:
    # accuracy 0.925: sqrt(0.925 * 0.075 / n) is 0.0263 for 100 rows and 0.0125 for 444, half of the way to 0.95
    assert warned(points(rising), target=0.95, test_rows=100) == ["small test"]
    assert warned(points(rising), target=0.95, test_rows=440) == ["small test"]
    assert warned(points(rising), target=0.95, test_rows=450) == []
    assert warned(points(rising), target=0.95) == []
    assert warned(points(rising), target=0.85, test_rows=10) == []  # reached long ago
    assert warned(points(rising), target=0.95, test_rows=450, noise_rows=440) == ["small test"]
    assert one_sentence("small test", points(rising), target=0.95, test_rows=100) == (
        "The test part of 100 rows is small for this question: its score can be off by 2.6 points by chance (sqrt(p(1-p)/n)), "
        "and the target is 2.5 points away. A larger dataset.test_fraction would help. "
        "The mean over 3 repeats can be off by 1.5 points; more repeats help too."  # 2.63 / sqrt(3)
    )


def test_what_helps_a_small_test_part() -> None:
    same = one_sentence("small test", points(rising), target=0.95, test_rows=100, same_test_rows=True)
    assert same.endswith("More test rows would help.")
    single = one_sentence("small test", points(rising, spread=(0.0,)), target=0.95, test_rows=100)
    assert single.endswith("A larger dataset.test_fraction would help.")
    balanced = one_sentence("small test", points(rising, "balanced_accuracy"), target=0.95, test_rows=400, noise_rows=100)
    assert "of 400 rows" in balanced and "off by 2.6 points by chance (from the recalls of its classes)" in balanced


def test_the_ceiling() -> None:
    perfect = points(lambda n: 1.0, spread=(0.0, 0.0))
    assert warned(perfect, test_rows=30) == ["ceiling"]  # and not that it is flat
    help_ = "cannot show a further gain. More test rows would, or curve.metric=log_loss."
    assert one_sentence("ceiling", perfect, test_rows=30) == f"Already 100 %: the test part of 30 rows {help_}"
    assert one_sentence("ceiling", perfect) == f"Already 100 %: the test part {help_}"
    assert warned(points(lambda n: 1.0, "roc_auc", (0.0, 0.0))) == ["ceiling"]
    assert warned(points(lambda n: 1.0, spread=(0.0, 0.0), sizes=SIZES[:2])) == ["few", "ceiling"]
    assert warned(points(lambda n: 0.999, spread=(0.0, 0.0))) == ["flat"]
    for metric in ("rmse", "r2", "calibration_error"):
        assert "ceiling" not in warned(points(lambda n: 1.0, metric, (0.0, 0.0)))


def test_a_flat_curve() -> None:
    for metric, value in (("accuracy", 0.8), ("rmse", 800.0), ("log_loss", 1.5)):
        assert warned(points(lambda n, value=value: value, metric), test_rows=100_000) == ["flat"]
    # 0.002 of an accuracy is next to nothing, and so is a 500th of an error
    assert warned(points([0.8, 0.8001, 0.8002, 0.8003, 0.8004], spread=(-1e-5, 1e-5)), test_rows=100_000) == ["flat"]
    assert warned(points([100, 99.97, 99.94, 99.91, 99.88], "rmse", (-1e-3, 1e-3))) == ["flat"]
    assert warned(points([100, 96, 92, 88, 84], "rmse", (-1e-3, 1e-3))) == []
    assert one_sentence("flat", points(lambda n: 0.8)) == ("The curve is flat: twice the labels would bring almost nothing.")


@pytest.mark.parametrize("last", [0.915, 0.935])
def test_a_last_point_off_the_curve_does_not_make_it_flat(last: float) -> None:
    measured = points([*map(rising, SIZES[:4]), last])
    found = summarise(measured, Question())
    assert "flat" not in warned(measured)
    assert found.twice is not None and found.now is not None
    assert found.twice.gain == pytest.approx(found.twice.mean - found.now)
    assert abs(found.now - last) > 0.001


def test_forecasts_far_ahead() -> None:
    assert warned(points(rising), at=(512, 2048)) == []
    assert sentences(points(rising), at=(512, 5000, 2049)) == [
        "2,049 labels are more than 8 times what was measured: forecasts that far ahead have never been checked."
    ]
    assert warned(points(rising)) == []  # 8 times is asked for by itself


def test_warnings_come_in_one_order() -> None:
    measured = points([0.9, 0.7, 0.6], spread=(0.0,), sizes=SIZES[:3], majority=0.7)
    assert warned(measured, target=0.69, test_rows=100, at=(1000,)) == [
        "not monotone",
        "guessing",
        "few",
        "one repeat",
        "small test",
        "far",
    ]  # a curve that falls is not called flat too
    found = summarise(measured, Question())
    assert warnings(measured, Draft(**vars(found), falls=16)) == list(found.warnings)
