"""What a curve means in words, and what to do: one verdict for each kind of curve."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from sdl_cli.measure.curve import LabelsNeeded, Point
from sdl_cli.measure.wording import rounded
from sdl_cli.study.curve.points import Points
from sdl_cli.study.curve.result import Draft, Twice
from sdl_cli.study.curve.summary import Question, summarise
from sdl_cli.study.curve.verdict import of_twice, verdict

SIZES = (16, 32, 64, 128, 256)
OTHER = "another model (sdl curve -m model=...), better inputs or cleaner labels."


def points(law: Any, metric: str = "accuracy", spread: tuple[float, ...] = (-0.002, 0.0, 0.002), sizes: Any = SIZES) -> Points:
    means = [law(n) if callable(law) else law[i] for i, n in enumerate(sizes)]
    return Points(metric, {n: {str(i): m + each for i, each in enumerate(spread)} for n, m in zip(sizes, means, strict=True)})


def rising(n: float) -> float:
    """0.85 at 64 labels, 0.925 at 256."""
    return float(1 - 1.2 * n**-0.5)


def said(measured: Points, **question: Any) -> str:
    return str(summarise(measured, Question(**question)).verdict)


def row(size: int, mean: float, low: float, high: float) -> Twice:
    return Twice(size, mean, low, high)


def measured_at(*means: tuple[int, float]) -> tuple[Point, ...]:
    return tuple(Point(size=size, mean=mean, se=None, repeats=3) for size, mean in means)


def draft(**changes: Any) -> Draft:
    """Of a curve at 90.5 % with 100 labels, where the fitted curve is at 90 % and at 92.5 % with 200."""
    twice = row(200, 0.925, 0.9001, 0.95)  # all of it over the score of now
    known: dict[str, Any] = {"name": "forest", "dataset": "wine", "metric": "accuracy", "higher_is_better": True, "level": 0.9}
    known |= {"points": measured_at((10, 0.7), (100, 0.905)), "now": 0.9, "twice": twice}
    return Draft(**known | {"forecast": (twice, row(400, 0.94, 0.9, 0.97), row(800, 0.95, 0.9, 0.98))} | changes)


def needed(target: float = 0.95, given: bool = True, **changes: Any) -> dict[str, LabelsNeeded]:
    return {"labels_needed": replace(LabelsNeeded(target, 180, 345, None, "yes", 0.97, given), **changes)}


EXPECTED = "With twice the labels (200) expect accuracy 92.5 % (90 % interval 90.0 to 95.0), 2.5 points higher than today's fitted 90.0 %."
FLAT = {"twice": row(200, 0.9019, 0.89, 0.91)}


def after_expected(**changes: Any) -> str:
    """What is said after the sentence of twice the labels."""
    text = verdict(draft(**changes))
    first = "With twice the labels (200) expect accuracy 90.2 % (90 % interval 89.0 to 91.0): the fitted curve hardly moves from today's 90.0 %."
    first = first if "twice" in changes else EXPECTED
    assert text.startswith(f"{first} ")
    return text.removeprefix(f"{first} ")


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (1, "1"),
        (7, "7"),
        (10, "10"),
        (47, "47"),
        (144, "140"),
        (1234, "1,200"),
        (6149, "6,100"),
        (99_600, "100,000"),
        (123_456, "120,000"),
    ],
)
def test_a_number_of_labels_has_two_figures(size: int, text: str) -> None:
    assert rounded(size) == text


def test_a_number_of_labels_is_not_rounded_below_what_there_is() -> None:
    assert rounded(1234, 1234) == "1,234"
    assert rounded(1233.2, 1210) == "1,234"
    assert rounded(1260, 1234) == "1,300"


# what more labels would bring


def test_the_gain_is_that_of_the_fitted_curve() -> None:
    """From the fitted value now, whatever the last point is."""
    for last in (0.5, 0.905, 0.999):
        assert verdict(draft(points=measured_at((10, 0.7), (100, last)))).startswith(f"{EXPECTED} ")
    measured = points([*map(rising, SIZES[:4]), 0.94])
    found = summarise(measured, Question())
    now, twice = found.now, found.twice
    assert now < 0.939
    gained = f"{100 * (twice.mean - now):.1f} points higher than today's fitted {100 * now:.1f} %."
    interval = f"(90 % interval {100 * twice.low:.1f} to {100 * twice.high:.1f})"
    assert found.verdict.startswith(f"With twice the labels (512) expect accuracy {100 * twice.mean:.1f} % {interval}, {gained}")


def test_the_gain_in_units_of_the_metric() -> None:
    rmse = {"metric": "rmse", "higher_is_better": False, "now": 50.0, "twice": row(200, 42.25, 30.0, 60.0)}
    assert verdict(draft(**rmse)).startswith(
        "With twice the labels (200) expect RMSE 42.250 (90 % interval 30.000 to 60.000), 7.75 lower than today's fitted 50.000."
    )
    r2 = {"metric": "r2", "now": 0.5, "twice": row(200, 0.625, 0.5, 0.7)}
    assert "expect R2 0.625 (90 % interval 0.500 to 0.700), 0.125 higher than today's fitted 0.500." in verdict(draft(**r2))


def test_a_flat_curve_hardly_moves() -> None:
    assert after_expected(**FLAT) == f"Labelling more of the same will hardly help: try {OTHER}"
    rmse = {"metric": "rmse", "higher_is_better": False, "now": 50.0, "twice": row(200, 49.95, 48.0, 52.0)}
    assert "(90 % interval 48.000 to 52.000): the fitted curve hardly moves from today's 50.000." in verdict(draft(**rmse))


def test_the_sizes_that_were_asked_for() -> None:
    asked = [row(50, 0.86, 0.85, 0.87), row(100, 0.9, 0.89, 0.91), row(150, 0.915, 0.9, 0.93), row(999, 0.95, 0.9, 0.99)]
    assert verdict(draft(forecast=asked, at_given=True)) == (
        "With 50 labels expect accuracy 86.0 % (90 % interval 85.0 to 87.0). "
        "With 100 labels expect accuracy 90.0 % (90 % interval 89.0 to 91.0). "
        "With 150 labels expect accuracy 91.5 % (90 % interval 90.0 to 93.0), 1.5 points higher than today's fitted 90.0 %. "
        "If that gain is worth it, label the next 100, then measure again."
    )
    # each is judged by itself: next to nothing at 150, and something at 999
    text = verdict(draft(forecast=[row(150, 0.901, 0.9, 0.93), row(999, 0.91, 0.9, 0.93)], at_given=True, **FLAT))
    assert "(90 % interval 90.0 to 93.0): the fitted curve hardly moves from today's 90.0 %." in text
    assert "1.0 point higher than today's fitted 90.0 %." in text and "twice" not in text


def test_few_test_rows_leave_one_thing_to_do() -> None:
    measured = points([0.7, 0.788, 0.85, 0.894, 0.93], spread=(-0.005, 0.005))
    text = said(measured, target=0.95, test_rows=20)
    assert text.endswith("95.0 % cannot be told apart from today's score on 20 test rows: add test rows first.")


def test_what_was_measured_already_needs_no_more_labels() -> None:
    measured = points([0.7, 0.788, 0.85, 0.894, 0.955], spread=(-0.005, 0.005))
    text = said(measured, target=0.95)
    assert "was measured already with 256 labels" in text
    assert text.endswith("For this target there is no need to label more.")


def test_one_repeat_on_few_test_rows_widens_the_interval() -> None:
    def width(metric: str, **known: float) -> float:
        scores = {n: {"0": 1 - 1.2 * n**-0.5} for n in SIZES}
        twice = summarise(Points(metric, scores), Question(**known)).twice
        return float(twice.high - twice.low)

    assert width("accuracy", test_rows=20) > 1.5 * width("accuracy", test_rows=100_000)
    assert width("balanced_accuracy", test_rows=100, noise_rows=10) > 1.5 * width("balanced_accuracy", test_rows=100)
    perfect = [summarise(Points("accuracy", {n: {"0": 1.0} for n in SIZES}), Question(test_rows=rows)) for rows in (5, 5000)]
    assert perfect[0].twice.low < perfect[1].twice.low, "right on all 5 rows says less than on all 5,000"


def test_the_level_is_named() -> None:
    assert "(80 % interval " in said(points(rising), level=0.8)
    assert "(80 % interval: 180 to more than 800)" in verdict(draft(level=0.8, **needed()))
    low, high = (
        [float(x) for x in re.findall(r"interval ([\d.]+) to ([\d.]+)\)", said(points(rising), level=level))[0]]
        for level in (0.5, 0.99)
    )
    assert high[0] < low[0] < low[1] < high[1]


# the labels that a target needs, and what to do


def test_a_target_that_was_given_and_an_example() -> None:
    many = "95.0 % needs about 340 labels (90 % interval: 180 to more than 800)."
    assert after_expected(**needed()) == f"{many} Label about 100 more, then measure again."
    assert after_expected(**needed(given=False)) == (
        f"For example, {many} If that gain is worth it, label the next 100, then measure again."
    )
    assert after_expected() == "If that gain is worth it, label the next 100, then measure again."  # no target is left


@pytest.mark.parametrize(
    ("low", "mid", "high", "text"),
    [
        (100, 110, 300, "about 110 labels (90 % interval: hardly more than now to 300). Label about 10 more"),
        (102, 145, 345, "about 140 labels (90 % interval: hardly more than now to 340). Label about 45 more"),
        (103, 145, 345, "about 103 labels"),
        (150, 500, 700, "about 500 labels (90 % interval: 150 to 700). Label about 100 more"),  # in steps
    ],
)
def test_labels_needed(low: int, mid: int, high: int, text: str) -> None:
    found = after_expected(**needed(low=low, mid=mid, high=high))
    if low == 103:  # just more than now is said exactly where two figures would be less
        assert "about 140 labels (90 % interval: 100 to 340)" in found
    else:
        assert text in found


def test_a_target_far_off_is_planned_in_steps() -> None:
    assert said(points(rising), target=0.96).endswith("Label about 260 more, then measure again.")  # 900 labels
    near = said(points(rising), target=0.928)  # 278 labels
    found = summarise(points(rising), Question(target=0.928)).labels_needed
    assert near.endswith(f"Label about {rounded(found.mid - 256)} more, then measure again.") and found.mid < 300
    assert "(90 % interval: hardly more than now to " in near


def test_a_target_reached_already() -> None:
    done = "For this target there is no need to label more."
    assert after_expected(**needed(0.85, low=30, mid=45, high=60)) == (
        f"85.0 % is reached with about 45 labels, which you have. {done}"
    )
    assert after_expected(**needed(0.9, low=30, mid=100)) == f"90.0 % is reached with about 100 labels, which you have. {done}"
    assert after_expected(**needed(0.6, low=10, mid=10, high=10)) == (
        f"60.0 % is reached with about 10 labels (the fewest measured), which you have. {done}"
    )
    assert re.search(r"85\.0 % is reached with about 6\d labels, which you have\.", said(points(rising), target=0.85))


@pytest.mark.parametrize("last", [0.91, 0.92])
def test_a_target_measured_already(last: float) -> None:
    text = verdict(draft(points=measured_at((10, 0.7), (100, last)), **needed(0.91, mid=123)))
    now = f"91.0 % was measured already with 100 labels ({100 * last:.1f} %); the fitted curve reaches it at about 120."
    assert now in text and "needs" not in text


def test_an_error_measured_already() -> None:
    rmse = {"metric": "rmse", "higher_is_better": False, "now": 50.0, "twice": row(200, 42.0, 30.0, 60.0)}
    for last, measured in ((44.0, True), (45.0, True), (46.0, False)):
        text = verdict(draft(**rmse, points=measured_at((10, 90.0), (100, last)), **needed(45.0, mid=150)))
        assert ("RMSE 45 was measured already with 100 labels" in text) is measured
        assert ("RMSE 45 needs about 150 labels" in text) is not measured


def test_a_target_beyond_the_horizon() -> None:
    beyond = needed(low=400, mid=None, reachable="beyond")
    far = "95.0 % needs more than 800 labels, 8 times what was measured: too far to plan for."
    assert after_expected(**beyond) == f"{far} Label 100 more and measure again, or try {OTHER}"
    assert after_expected(**beyond, **FLAT) == f"{far} Try {OTHER}"
    example = needed(low=400, mid=None, reachable="beyond", given=False)
    assert after_expected(**example) == (f"For example, {far} If that gain is worth it, label the next 100, then measure again.")
    slow = points(lambda n: 1 - 0.8 * n**-0.1)
    assert "64.0 % needs more than 2,048 labels, 8 times what was measured: " in said(slow, target=0.64)


def test_a_target_out_of_reach() -> None:
    never = needed(0.99, low=None, mid=None, reachable="no")
    never_text = "99.0 % is out of reach with more of the same data: the curve levels off near 97.0 %."
    assert after_expected(**never) == f"{never_text} Try {OTHER}"
    assert after_expected(**never, **FLAT) == f"{never_text} Try {OTHER}"
    example = needed(0.99, low=None, mid=None, reachable="no", given=False)
    assert after_expected(**example, **FLAT) == (
        f"For example, {never_text} Labelling more of the same will hardly help: try {OTHER}"
    )
    levelling = points(lambda n: 0.8 - 2 / n, spread=(-0.0005, 0.0005), sizes=(*SIZES, 512, 1024))
    assert "90.0 % is out of reach with more of the same data: the curve levels off near 80." in said(levelling, target=0.9)
    rmse = points(lambda n: 1000 + 10_000 / n, "rmse", (-2.0, 2.0), (*SIZES, 512, 1024))
    assert "RMSE 500 is out of reach with more of the same data" in said(rmse, target=500)


def test_a_flat_curve_with_a_target_that_was_given() -> None:
    flat = points(lambda n: 0.8)
    text = said(flat, target=0.9)
    assert ": the fitted curve hardly moves from today's 80.0 %. 90.0 % is out of reach" in text
    assert text.endswith(f"near 80.0 %. Try {OTHER}") and text.count("another model") == 1
    assert said(flat, target=0.7).endswith("For this target there is no need to label more.")
    assert "For example, 85.0 % is out of reach" in said(flat)
    assert said(flat).endswith(f"Labelling more of the same will hardly help: try {OTHER}")


def test_a_target_that_so_few_test_rows_cannot_tell() -> None:
    """The last score is 0.905, and the mean over 3 repeats is known to 0.08 / sqrt(3) = 0.046."""
    told = "95.0 % cannot be told apart from today's score on 12 test rows: add test rows first."
    few = {"noise_floor": 0.08, "test_rows": 12}
    assert after_expected(**few, **needed(0.95)).startswith(told)
    assert after_expected(**few, **needed(0.95, given=False)).startswith(f"For example, {told}")
    assert after_expected(**few, **needed(0.952)).startswith("95.2 % needs about 340 labels")
    # on the same rows the repeats do not help
    assert after_expected(**few, same_test_rows=True, **needed(0.98)).startswith("98.0 % cannot be told")
    assert after_expected(**few, same_test_rows=True, **needed(0.986)).startswith("98.6 % needs about")
    # neither what is out of reach can be told, and what is reached by far fewer labels can
    assert after_expected(**few, **needed(0.95, mid=None, low=None, reachable="no")).startswith(told)
    assert after_expected(**few, **needed(0.9, mid=90)).startswith("90.0 % is reached with about 90 labels")


# falling curves and short ones


def test_a_falling_curve_says_nothing_of_the_future() -> None:
    assert verdict(draft(falls=10, **needed())) == (
        "With all 100 labels the accuracy is worse than with 10: find out why (labels, split, settings, or a score that is an "
        "error) before you label more. The forecast assumes that labels do no harm, so it says nothing here."
    )
    assert said(points([0.7, 0.8, 0.85, 0.86, 0.7])).startswith("With all 256 labels the accuracy is worse than with 128: find")
    # the last point counts even where another fall is clearer
    assert "is worse than with 16" in said(points([0.9, 0.5, 0.55, 0.56, 0.57], spread=(-0.0005, 0.0005)))
    # a dip that is over does not stop the forecast
    assert said(points([0.7, 0.5, 0.8, 0.85, 0.88])).startswith("With twice the labels (512) expect accuracy")


def test_a_falling_error_is_a_rising_curve() -> None:
    assert said(points([9.0, 7.0, 6.0, 5.0, 4.5], "rmse", (-0.1, 0.1))).startswith("With twice the labels (512) expect RMSE ")
    assert said(points([5.0, 4.0, 3.0, 3.0, 6.0], "rmse", (-0.1, 0.1))).startswith(
        "With all 256 labels the RMSE is worse than with "
    )


def test_one_test_row_less_is_no_fall() -> None:
    measured = points([0.6, 0.7, 0.8, 0.9, 0.85], spread=(0.0, 0.0))
    assert said(measured, test_rows=20).startswith("With twice the labels")
    assert said(measured, test_rows=20_000).startswith("With all 256 labels the accuracy is worse than with 128")


def test_no_forecast() -> None:
    text = said(points(rising, sizes=SIZES[:2]), target=0.95)
    assert text == "There is no forecast: it needs scores at 3 sizes or more."


def test_of_other_metrics() -> None:
    for metric, name, law in (
        ("rmse", "RMSE", lambda n: 50 + 200 * n**-0.5),
        ("log_loss", "log loss", lambda n: 0.1 + 6 * n**-0.5),
    ):
        found = summarise(points(law, metric, (-0.01, 0.01)), Question())
        target = found.labels_needed.target
        assert target == pytest.approx(0.9 * law(256), rel=0.05)
        assert found.verdict.startswith(f"With twice the labels (512) expect {name} ")
        assert f"lower than today's fitted {found.now:.3f}. For example, {name} {target:g} needs about" in found.verdict
        assert "%" not in found.verdict.replace("90 % interval", "") and "points" not in found.verdict


def test_a_gain_whose_interval_holds_the_score_of_now_is_not_sold() -> None:
    unsure = draft(twice=row(200, 0.925, 0.895, 0.95))
    assert str(verdict(unsure)).endswith("That gain may be chance: run more repeats before you label anything.")
    assert of_twice(unsure) == Twice(200, 0.925, 0.895, 0.95, pytest.approx(0.025), False, verdict(unsure))
    sure = of_twice(draft())
    assert sure.sure and sure.sentence == verdict(draft())
    flat = of_twice(draft(twice=row(200, 0.901, 0.9005, 0.902)))
    assert not flat.sure and "will hardly help" in flat.sentence


def test_twice_the_labels_is_one_opinion_whatever_else_was_asked() -> None:
    asked = draft(forecast=[row(50, 0.8, 0.7, 0.9)], at_given=True, **needed())
    assert of_twice(asked).sentence == of_twice(draft()).sentence
    worse = of_twice(draft(falls=50, points=measured_at((50, 0.92), (100, 0.905))))
    assert not worse.sure and "is worse than with 50" in worse.sentence
