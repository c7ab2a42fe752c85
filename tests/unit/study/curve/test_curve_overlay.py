"""Several curves: where known power laws cross, as far as it was measured, what they are called, and the sentences about it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from sdl_cli.measure.curve import Ahead, Crossing, Point
from sdl_cli.measure.statistics import corrected_t_interval
from sdl_cli.study.curve.overlay import comparable, crossings, lead, named, sentences
from sdl_cli.study.curve.points import Points
from sdl_cli.study.curve.result import CurveResult
from sdl_cli.study.curve.summary import Question, summarise

SIZES = [16, 32, 64, 128, 256, 512]


def line(
    name: str,
    law: Any,
    metric: str = "accuracy",
    sizes: list[int] = SIZES,
    higher: bool = True,
    offsets: tuple[float, ...] = (-0.001, 0.0, 0.001),
    measured: Any = None,
    **changes: Any,
) -> CurveResult:
    """A curve whose fitted line is a law itself, measured at such offsets from it, or from another law."""
    grid = np.geomspace(sizes[0], 8 * sizes[-1], 80)
    at = measured or law
    scores = {n: {str(i): float(at(n)) + each for i, each in enumerate(offsets)} for n in sizes}
    line = tuple(Ahead(float(n), float(law(n)), None, None) for n in grid)
    return curve(name, metric, higher, scores, **{"line": line} | changes)


def curve(name: str, metric: str, higher: bool, scores: dict[int, dict[str, float]], **others: Any) -> CurveResult:
    points = tuple(
        Point(size=n, mean=float(np.mean(list(each.values()))), se=None, repeats=len(each), scores=each)
        for n, each in scores.items()
    )
    given = {"name": name, "dataset": "wine", "metric": metric, "higher_is_better": higher, "level": 0.9, "points": points}
    return CurveResult(**given | others)


def scored(name: str, scores: dict[int, list[float]], higher: bool = True, test_rows: int | None = None) -> CurveResult:
    """A curve of scores alone."""
    named = {n: {str(i): score for i, score in enumerate(each)} for n, each in scores.items()}
    return curve(name, "accuracy" if higher else "rmse", higher, named, test_rows=test_rows)


STEADY = (0.0, 0.0, 0.0)  # beside the offsets of `line` these are differences of -0.001, 0 and 0.001 around the laws'


def slow(n: float) -> float:
    return 1 - 0.6 * n**-0.25


def quick(n: float) -> float:
    """At 1 - 2.4 n^-0.5, level with `slow` where n^0.25 = 4, at 256 labels."""
    return 1 - 2.4 * n**-0.5


# which is ahead


@pytest.mark.parametrize(
    ("test_rows", "half", "measurable"),
    [
        (None, 0.012421, True),  # 4.302653 * 0.005 / sqrt(3)
        (0, 0.012421, True),
        (50, 0.019639, True),  # 4.302653 * 0.005 * sqrt(1 / 3 + 50 / 100)
        (200, 0.032862, False),  # 4.302653 * 0.005 * sqrt(1 / 3 + 200 / 100)
    ],
)
@pytest.mark.parametrize("size", [10, 100])
def test_a_lead_by_hand(test_rows: int | None, half: float, measurable: bool, size: int) -> None:
    """Splits overlap by their test rows and the largest size, whatever the size."""
    differences = [0.03, 0.02, 0.025]
    one = scored("one", {n: [0.5 + d for d in differences] for n in (10, 100)}, test_rows=test_rows)
    other = scored("other", {n: [0.5] * 3 for n in (10, 100)}, test_rows=test_rows)
    found = lead(one, other, size)
    assert found[:3] == pytest.approx((0.025, 0.025 - half, 0.025 + half), abs=1e-6)
    assert found[:3] == pytest.approx(corrected_t_interval(differences, (test_rows or 0) / 100), abs=1e-12)
    assert found[3] is measurable
    mean, low, high, also = lead(other, one, size)
    assert (-mean, -high, -low, also) == pytest.approx(found)


def test_a_lead_of_errors_is_to_have_less() -> None:
    one = scored("one", {10: [5.0, 5.1, 4.9]}, higher=False)
    other = scored("other", {10: [7.0, 7.0, 7.0]}, higher=False)
    mean, low, high, measurable = lead(one, other, 10)
    assert mean == pytest.approx(2.0) and 0 < low < 2 < high and measurable


def test_a_lead_is_paired() -> None:
    """Splits differ by 0.3, and one curve is ahead by 0.01 in each of them; what only one of them has is left out."""
    one = scored("one", {10: [0.51, 0.61, 0.712, 0.81]})
    other = scored("other", {10: [0.5, 0.6, 0.7, 0.8]})
    assert lead(one, other, 10)[3]

    def with_scores(scores: dict[str, float]) -> CurveResult:
        return curve("other", "accuracy", True, {10: scores})

    assert lead(one, with_scores({"3": 0.8, "0": 0.5, "9": 0.0}), 10) == pytest.approx((0.01, 0.01, 0.01, True))
    mean, low, high, measurable = lead(one, with_scores({"2": 0.7}), 10)
    assert mean == pytest.approx(0.012) and (low, high, measurable) == (-math.inf, math.inf, False)
    mean, low, high, measurable = lead(one, with_scores({"9": 0.7}), 10)
    assert math.isnan(mean) and (low, high, measurable) == (-math.inf, math.inf, False)


def test_the_same_scores_are_no_lead() -> None:
    same = scored("same", {10: [0.5, 0.6]})
    assert lead(same, same, 10) == (0.0, 0.0, 0.0, False)


# crossings


def test_two_laws_cross_where_algebra_says() -> None:
    [found] = crossings([line("slow", slow), line("quick", quick, offsets=STEADY)])
    assert found.size == pytest.approx(256, rel=0.01)
    assert found.value == pytest.approx(1 - 0.6 / 4, abs=1e-3)
    assert (found.first, found.second, found.forecast) == ("slow", "quick", False)
    [other] = crossings([line("quick", quick, offsets=STEADY), line("slow", slow)])
    assert (other.first, other.second, other.size) == ("slow", "quick", pytest.approx(found.size))


def test_of_errors_the_lower_is_ahead() -> None:
    curves = [
        line("slow", lambda n: 1 - slow(n), "log_loss", higher=False),
        line("quick", lambda n: 1 - quick(n), "log_loss", higher=False, offsets=STEADY),
    ]
    [found] = crossings(curves)
    assert (found.first, found.second, found.size) == ("slow", "quick", pytest.approx(256, rel=0.01))


@pytest.mark.parametrize(
    ("sizes", "other", "forecast"),
    [
        ([16, 32, 64], [16, 32, 64], True),
        ([16, 32, 128], [16, 32, 64], True),
        ([16, 32, 512], [16, 32, 512], False),
        ([16, 32, 512], [16, 32, 128], True),
        ([16, 512], [16, 64, 512, 1024], False),
        ([16, 32, 512], [16, 32, 1024], True),  # both are measured at 32 and never again
    ],
)
def test_a_crossing_beyond_the_sizes_that_both_were_measured_at_is_a_forecast(
    sizes: list[int], other: list[int], forecast: bool
) -> None:
    curves = [line("slow", slow, sizes=sizes), line("quick", quick, sizes=other, offsets=STEADY)]
    [found] = crossings(curves)
    assert found.forecast is forecast and found.size == pytest.approx(256, rel=0.01)


def test_a_crossing_within_noise_is_none() -> None:
    """At 16 labels slow is ahead by 0.3, and at 512 quick is by 0.02, which 4.302653 s / sqrt(3) must not reach: s below 0.008."""
    gaps = {n: slow(n) - quick(n) for n in SIZES}
    assert gaps[16] == pytest.approx(0.3) and gaps[512] == pytest.approx(-0.0201, abs=1e-3)
    edge = -gaps[512] * math.sqrt(3) / 4.302653
    for spread, num in ((0.95 * edge, 1), (1.05 * edge, 0)):
        curves = [line("slow", slow, offsets=(-spread, 0.0, spread)), line("quick", quick, offsets=STEADY)]
        assert len(crossings(curves)) == num
    # overlapping splits are worth less: sqrt(1 / 3 + 512 / 512) is twice sqrt(1 / 3)
    for spread, num in ((0.95 * edge / 2, 1), (1.05 * edge / 2, 0)):
        noisy = line("slow", slow, offsets=(-spread, 0.0, spread), test_rows=512)
        assert len(crossings([noisy, line("quick", quick, offsets=STEADY, test_rows=512)])) == num


def test_a_crossing_needs_a_lead_on_both_sides() -> None:
    steady = line("quick", quick, offsets=STEADY)
    assert len(crossings([line("slow", slow), steady])) == 1
    # the fitted curves cross, and yet one was ahead, or level, all the time
    assert crossings([line("slow", slow, measured=lambda n: quick(n) - 0.1), steady]) == []
    assert crossings([line("slow", slow, measured=lambda n: quick(n) + 0.1), steady]) == []
    assert crossings([line("slow", slow, measured=quick), steady]) == []
    # level until 256, and then ahead in turn: the lead does not lie before the crossing
    turns = {512: 0.1, 1024: -0.1}
    longer = [*SIZES, 1024]
    late = line("slow", slow, sizes=longer, measured=lambda n: quick(n) + turns.get(n, 0.0))
    assert crossings([late, line("quick", quick, sizes=longer, offsets=STEADY)]) == []
    # or they were ahead the other way round
    assert crossings([line("slow", slow, measured=lambda n: 2 * quick(n) - slow(n)), steady]) == []


def test_a_forecast_crossing_needs_a_lead_before_it() -> None:
    short = [16, 32, 64]
    steady = line("quick", quick, sizes=short, offsets=STEADY)
    [found] = crossings([line("slow", slow, sizes=short), steady])
    assert found.forecast is True
    assert crossings([line("slow", slow, sizes=short, offsets=(-0.3, 0.0, 0.3)), steady]) == []
    assert crossings([line("slow", slow, sizes=short, measured=lambda n: quick(n) - 0.1), steady]) == []
    # one repeat measures no lead
    assert crossings([line("slow", slow, offsets=(0.0,)), line("quick", quick, offsets=(0.0,))]) == []


def test_three_curves_cross_in_order_of_size() -> None:
    def middle(n: float) -> float:
        return 1 - 1.8 * n**-0.45

    sizes = [16, 64, 250, 350, 4096]
    names = {"slow": (slow, (-0.0002, 0.0, 0.0002)), "quick": (quick, STEADY), "middle": (middle, (0.0001, 0.0, -0.0001))}
    found = crossings([line(name, law, sizes=sizes, offsets=offsets) for name, (law, offsets) in names.items()])
    # slow and middle: n^0.2 = 3; quick and middle: n^0.05 = 4 / 3
    assert [(each.first, each.second) for each in found] == [("slow", "middle"), ("slow", "quick"), ("middle", "quick")]
    assert [each.size for each in found] == pytest.approx([3**5, 256, (4 / 3) ** 20], rel=0.01)


def test_curves_that_cross_nowhere() -> None:
    one = line("slow", slow)
    assert crossings([one]) == []
    assert crossings([one, line("lower", lambda n: slow(n) - 0.01, offsets=STEADY)]) == []
    assert crossings([one, line("roc", quick, "roc_auc", offsets=STEADY)]) == []
    assert crossings([one, line("elsewhere", quick, offsets=STEADY, dataset="iris")]) == []
    assert crossings([one, line("short", quick, offsets=STEADY, line=())]) == []
    assert crossings([one, line("apart", quick, sizes=[8192, 16_384, 32_768])]) == []
    # they cross at 256, and one of them is not known there
    assert crossings([line("slow", slow, sizes=[4, 8, 16]), line("quick", quick, sizes=[4, 8, 16], offsets=STEADY)]) == []
    assert crossings([line("slow", slow, sizes=[512, 1024, 2048]), line("quick", quick, offsets=STEADY)]) == []
    # both are known there, and were never measured at the same size
    assert crossings([one, line("quick", quick, sizes=[17, 65, 513], offsets=STEADY)]) == []


def test_curves_as_they_are_summarised() -> None:
    """Measured points of two laws, with the fitted curves between and beyond them."""
    for largest, forecast, within in ((512, False, 0.03), (128, True, 0.25)):
        sizes = [n for n in SIZES if n <= largest]
        curves = []
        for name, law, spread in (("slow", slow, 0.001), ("quick", quick, 0.0012)):
            points = Points("accuracy", {n: {"0": law(n) - spread, "1": law(n) + spread} for n in sizes})
            curves.append(summarise(points, Question(), name, "wine"))
        [found] = crossings(curves)
        assert found.size == pytest.approx(256, rel=within)
        assert (found.first, found.second, found.forecast) == ("slow", "quick", forecast)


def test_what_can_be_compared() -> None:
    one = line("slow", slow)
    assert comparable([one])
    assert comparable([one, line("quick", quick), line("third", quick)])
    assert not comparable([one, line("quick", quick, "roc_auc")])
    assert not comparable([one, line("quick", quick), line("third", quick, dataset="iris")])


# words


def test_sentences_of_crossings() -> None:
    curves = [line("slow", slow), line("quick", quick, offsets=STEADY)]
    found = [
        Crossing("slow", "quick", 1234.6, 0.8, forecast=True),
        Crossing("quick", "slow", 20.2, 0.8, forecast=False),
    ]
    assert sentences(curves, found) == [
        "quick overtakes slow at about 1,200 labels (a forecast).",
        "slow overtakes quick at about 20 labels.",
        "With 512 labels quick has the best accuracy, 89.4 %; measurably ahead of slow.",
    ]
    assert sentences([line("slow", slow, sizes=[16, 32, 64]), curves[1]], []) == [
        "With 64 labels slow has the best accuracy, 78.8 %; measurably ahead of quick."
    ]


def test_a_tie_is_no_measurable_difference() -> None:
    """0.8 is ahead by 0.1 of one, by 0.01 of another within splits that differ by 0.05, and a third has the same scores."""
    curves = [
        scored("level", {10: [0.74, 0.79, 0.84]}),
        scored("behind", {10: [0.7, 0.71, 0.69]}),
        scored("best", {10: [0.8, 0.8, 0.8]}),
        scored("same", {10: [0.8, 0.8, 0.8]}),
    ]
    assert sentences(curves, []) == [
        "With 10 labels best has the best accuracy, 80.0 %; measurably ahead of behind; not measurably different from level and same."
    ]
    assert sentences(curves[1:3], []) == ["With 10 labels best has the best accuracy, 80.0 %; measurably ahead of behind."]
    assert sentences(curves[2:], []) == ["With 10 labels best has the best accuracy, 80.0 %; not measurably different from same."]
    singles = [scored("a", {10: [0.9]}), scored("b", {10: [0.1]})]
    assert sentences(singles, []) == ["With 10 labels a has the best accuracy, 90.0 %; not measurably different from b."]


def test_several_are_behind() -> None:
    curves = [scored(name, {10: [value, value + 0.001]}) for name, value in (("c", 0.5), ("a", 0.9), ("b", 0.7))]
    assert sentences(curves, []) == ["With 10 labels a has the best accuracy, 90.1 %; measurably ahead of c and b."]


def test_of_errors_the_lowest_is_best() -> None:
    curves = [line("a", lambda n: 5.0, "rmse", higher=False), line("b", lambda n: 3.0, "rmse", higher=False)]
    assert sentences(curves, []) == ["With 512 labels b has the best RMSE, 3.000; measurably ahead of a."]


def test_the_best_is_told_at_the_largest_size_that_all_have() -> None:
    one = line("slow", slow)
    third = line("third", lambda n: 0.1, sizes=[32, 300, 1024])
    [text] = sentences([one, line("b", quick, sizes=[10, 32, 128, 300]), third], [])
    assert text.startswith("With 32 labels slow has the best accuracy")
    assert sentences([one, line("b", quick, sizes=[10, 20, 300])], []) == []  # they have none
    assert sentences([one, line("b", quick, points=())], []) == []
    crossing = Crossing("slow", "b", 20.0, 0.8)
    assert sentences([one, line("b", quick, points=())], [crossing]) == ["b overtakes slow at about 20 labels."]


def names(*jobs: tuple[str, ...]) -> list[str]:
    """What curves are called, each given by the name of its model and its job's overrides."""
    return [found.name for found in named([scored(name, {10: [0.5]}) for name, *_ in jobs], [list(own) for _, *own in jobs])]


def test_a_curve_is_named_by_its_model_or_by_what_sets_it_apart() -> None:
    assert names(("baseline (forest)", "model=baseline"), ("deep_net", "model=deep_net")) == ["baseline (forest)", "deep_net"]
    found = names(("deep_net", "model.depth=3", "dataset=wine"), ("deep_net", "model.depth=5", "dataset=wine", "seed=1"))
    assert found == ["model.depth=3", "model.depth=5 seed=1"]
    # with nothing of its own it keeps its model's name
    assert names(("m", "a=1"), ("m", "a=1", "b=2")) == ["m", "b=2"]
