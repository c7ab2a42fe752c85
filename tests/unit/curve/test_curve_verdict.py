"""What a curve means in words: one verdict for each kind of curve, and each warning where it belongs and nowhere else."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sdl_cli.curve.points import Points
from sdl_cli.curve.summary import Question, summarise
from sdl_cli.curve.verdict import difference, falls, rounded

SIZES = (16, 32, 64, 128, 256)
WARNINGS = {
    "not monotone": "The curve is not monotone",
    "few": "Only ",
    "one repeat": "One repeat",
    "some single": "A single repeat at some sizes",
    "small test": "The test part of ",
    "flat": "The curve is flat",
}


def points(law: Any, metric: str = "accuracy", spread: tuple[float, ...] = (-0.002, 0.0, 0.002), sizes: Any = SIZES) -> Points:
    means = [law(n) if callable(law) else law[i] for i, n in enumerate(sizes)]
    return Points(metric, {n: {str(i): m + each for i, each in enumerate(spread)} for n, m in zip(sizes, means, strict=True)})


def rising(n: float) -> float:
    """0.85 at 64 labels, 0.925 at 256."""
    return float(1 - 1.2 * n**-0.5)


def warned(measured: Points, **question: Any) -> list[str]:
    """Which warnings there are, by their short names."""
    sentences = summarise(measured, Question(**question))["warnings"]
    found = [name for sentence in sentences for name, start in WARNINGS.items() if sentence.startswith(start)]
    assert len(found) == len(sentences), sentences
    return found


def said(measured: Points, **question: Any) -> str:
    return str(summarise(measured, Question(**question))["verdict"])


# small words


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


def test_differences() -> None:
    assert difference("accuracy", 0.0094) == "+0.9 points"
    assert difference("roc_auc", -0.1) == "-10.0 points"
    assert difference("rmse", -0.012345) == "-0.0123"
    assert difference("r2", 0.5) == "+0.5"


# the verdict of each kind of curve


def test_a_rising_curve() -> None:
    text = said(points(rising), target=0.95)
    found = summarise(points(rising), Question(target=0.95))
    twice = found["forecast"][0]
    assert text.startswith(f"With twice the labels (512) expect accuracy {100 * twice['mean']:.1f} % (90 % interval ")
    assert f"{100 * twice['low']:.1f} to {100 * twice['high']:.1f})" in text
    assert f"{100 * (twice['mean'] - rising(256)):+.1f} points" in text
    needed = found["labels_needed"]
    assert f"95.0 % needs about {rounded(needed['mid'])} labels ({rounded(needed['low'])} to " in text
    assert "reached" not in text and "reachable" not in text
    assert needed["mid"] == pytest.approx(576, rel=0.25)  # where the law is at 0.95


def test_the_level_is_named() -> None:
    assert "(80 % interval " in said(points(rising), level=0.8)
    low, high = (
        [float(x) for x in re.findall(r"interval ([\d.]+) to ([\d.]+)\)", said(points(rising), level=level))[0]]
        for level in (0.5, 0.99)
    )
    assert high[0] < low[0] < low[1] < high[1]


def test_a_target_far_off_is_planned_in_steps() -> None:
    assert "plan the first 256 more, then measure again" in said(points(rising), target=0.96)  # 900 labels
    near = said(points(rising), target=0.928)  # 278 labels
    assert "needs about" in near and "plan the first" not in near


def test_a_target_reached_already() -> None:
    text = said(points(rising), target=0.85)
    assert re.search(r"85\.0 % is reached with about 6\d labels, which you have\.", text)
    assert "needs" not in text


def test_a_target_beyond_the_horizon() -> None:
    slow = points(lambda n: 1 - 0.8 * n**-0.1)
    text = said(slow, target=0.64)
    assert "64.0 % needs more than 2,048 labels (with luck about " in text
    assert "8 times what was measured" in text


def test_a_target_out_of_reach() -> None:
    levelling = points(lambda n: 0.8 - 2 / n, spread=(-0.0005, 0.0005), sizes=(*SIZES, 512, 1024))
    text = said(levelling, target=0.9)
    assert "90.0 % is not reachable by more of the same data: the curve levels off near 80." in text
    rmse = points(lambda n: 1000 + 10_000 / n, "rmse", (-2.0, 2.0), (*SIZES, 512, 1024))
    text = said(rmse, target=500)
    assert "RMSE 500 is not reachable by more of the same data" in text


def test_a_falling_curve_says_nothing_of_the_future() -> None:
    falling = points([0.7, 0.8, 0.85, 0.86, 0.7])
    text = said(falling)
    assert text.startswith("With all 256 labels the accuracy is worse than with 128: find out why")
    assert "expect" not in text and "needs" not in text
    assert warned(falling)[0] == "not monotone"
    # the last point counts even where another fall is clearer
    assert "is worse than with 16" in said(points([0.9, 0.5, 0.55, 0.56, 0.57], spread=(-0.0005, 0.0005)))
    # a dip that is over does not stop the forecast
    dipped = points([0.7, 0.5, 0.8, 0.85, 0.88])
    assert said(dipped).startswith("With twice the labels (512) expect accuracy")
    assert warned(dipped)[0] == "not monotone"


def test_a_falling_error_is_a_rising_curve() -> None:
    assert said(points([9.0, 7.0, 6.0, 5.0, 4.5], "rmse", (-0.1, 0.1))).startswith("With twice the labels (512) expect RMSE ")
    assert said(points([5.0, 4.0, 3.0, 3.0, 6.0], "rmse", (-0.1, 0.1))).startswith(
        "With all 256 labels the RMSE is worse than with "
    )


def test_no_forecast() -> None:
    text = said(points(rising, sizes=SIZES[:2]))
    assert text == "There is no forecast: it needs scores at 3 sizes or more."


def test_of_other_metrics() -> None:
    for metric, name, law in (
        ("rmse", "RMSE", lambda n: 50 + 200 * n**-0.5),
        ("log_loss", "log loss", lambda n: 0.1 + 6 * n**-0.5),
    ):
        found = summarise(points(law, metric, (-0.01, 0.01)), Question())
        target = found["labels_needed"]["target"]
        assert target == pytest.approx(0.9 * law(256), rel=0.05)
        assert found["verdict"].startswith(f"With twice the labels (512) expect {name} ")
        assert f"{name} {target:g} needs about" in found["verdict"]
        assert "%" not in found["verdict"].replace("90 % interval", "") and "points" not in found["verdict"]


# falls


def test_the_clearest_fall_by_hand() -> None:
    exact = Points(
        "accuracy", {10: {"0": 0.5, "1": 0.5}, 20: {"0": 0.9, "1": 0.9}, 40: {"0": 0.8, "1": 0.8}, 80: {"0": 0.85, "1": 0.85}}
    )
    assert falls(exact, True)[0] == (20, 40, pytest.approx(-0.1))
    # of errors what rises is a fall
    assert falls(exact, False)[0] == (10, 20, pytest.approx(0.4))
    assert falls(Points("accuracy", {10: {"0": 0.5}, 20: {"0": 0.4}, 40: {"0": 0.3}}), True) == []  # nothing known of the noise


def test_a_fall_is_told_by_paired_differences() -> None:
    """Splits differ by 0.2, and yet each of them loses 0.02 with the last labels."""
    offsets = {"0": -0.1, "1": 0.0, "2": 0.1}
    means = dict(zip(SIZES, (0.6, 0.7, 0.75, 0.8, 0.78), strict=True))
    lost = {"0": 0.001, "1": 0.0, "2": -0.001}
    paired = Points(
        "accuracy", {n: {r: m + o + (lost[r] if n == 256 else 0) for r, o in offsets.items()} for n, m in means.items()}
    )
    assert falls(paired, True)[0] == (128, 256, pytest.approx(-0.02))
    assert "not monotone" in warned(paired)
    # the same scores in unrelated splits are within their noise
    apart = Points("accuracy", {n: {f"{r} of {n}": s for r, s in scores.items()} for n, scores in paired.scores.items()})
    assert falls(apart, True) == []
    assert "not monotone" not in warned(apart)


def test_a_fall_within_two_standard_errors_is_none() -> None:
    # differences of -0.03 and +0.01: mean -0.01, standard error 0.02
    within = Points("accuracy", {10: {"0": 0.5, "1": 0.5}, 20: {"0": 0.47, "1": 0.51}})
    assert falls(within, True) == []
    # -0.03 and -0.01: mean -0.02, standard error 0.01: not more than two of them
    edge = Points("rmse", {10: {"0": 8.0, "1": 8.0}, 20: {"0": 11.0, "1": 9.0}})
    assert falls(edge, False) == []
    beyond = Points("rmse", {10: {"0": 8.0, "1": 8.0}, 20: {"0": 11.0, "1": 9.5}})
    assert falls(beyond, False) == [(10, 20, pytest.approx(2.25))]


# warnings


def test_a_good_curve_has_no_warning() -> None:
    assert warned(points(rising), test_rows=1000) == []
    assert warned(points(rising, sizes=SIZES[:4])) == []
    assert warned(points(lambda n: 50 + 200 * n**-0.5, "rmse", (-0.1, 0.1)), test_rows=10) == []


def test_few_sizes() -> None:
    assert warned(points(rising, sizes=SIZES[:3])) == ["few"]
    for num, text in ((1, "Only 1 size could be measured"), (2, "Only 2 sizes could be measured")):
        [sentence] = summarise(points(rising, sizes=SIZES[:num]), Question())["warnings"]
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
    [sentence] = summarise(points(rising), Question(target=0.95, test_rows=100))["warnings"]
    assert "of 100 rows" in sentence and "noise floor is 2.6 points" in sentence and "the target is 2.5 points away" in sentence
    assert sentence.endswith("; the mean over repeats is steadier.")


def test_repeats_on_the_same_test_rows_are_no_steadier() -> None:
    for measured, same in ((points(rising), True), (points(rising, spread=(0.0,)), False)):
        [sentence] = [
            w
            for w in summarise(measured, Question(target=0.95, test_rows=100, same_test_rows=same))["warnings"]
            if "test part" in w
        ]
        assert "steadier" not in sentence


def test_a_flat_curve() -> None:
    for metric, value in (("accuracy", 0.8), ("rmse", 800.0), ("log_loss", 1.5)):
        assert warned(points(lambda n, value=value: value, metric), test_rows=100_000) == ["flat"]
    # 0.002 of an accuracy is next to nothing, and so is a 500th of an error
    assert warned(points([0.8, 0.8001, 0.8002, 0.8003, 0.8004], spread=(-1e-5, 1e-5)), test_rows=100_000) == ["flat"]
    assert warned(points([100, 99.97, 99.94, 99.91, 99.88], "rmse", (-1e-3, 1e-3))) == ["flat"]
    assert warned(points([100, 96, 92, 88, 84], "rmse", (-1e-3, 1e-3))) == []


def test_a_last_point_better_than_the_curve_is_flat() -> None:
    """A falling curve is fitted by its mean, weighted by n, which the last point lies above."""
    found = summarise(points([0.9, 0.85, 0.8, 0.6, 0.73]), Question(target=0.95))
    assert found["forecast"][0]["mean"] == pytest.approx((16 * 0.9 + 32 * 0.85 + 64 * 0.8 + 128 * 0.6 + 256 * 0.73) / 496)
    [sentence] = [w for w in found["warnings"] if w.startswith("The curve is flat")]
    assert "the last point" in sentence
    [plain] = [w for w in summarise(points(lambda n: 0.8), Question())["warnings"] if w.startswith("The curve is flat")]
    assert "the last point" not in plain
