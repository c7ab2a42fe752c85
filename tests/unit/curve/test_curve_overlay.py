"""Several curves: where known power laws cross, what they are called, and the sentences about it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sdl_cli.curve.overlay import crossing_sentences, crossings, named
from sdl_cli.curve.points import Points
from sdl_cli.curve.summary import Question, summarise

SIZES = [16, 32, 64, 128, 256]


def line(name: str, law: Any, metric: str = "accuracy", sizes: list[int] = SIZES, higher: bool = True) -> dict[str, Any]:
    """A curve whose fitted line is a law itself."""
    grid = np.geomspace(sizes[0], 8 * sizes[-1], 80)
    return {
        "name": name,
        "metric": metric,
        "higher_is_better": higher,
        "points": [{"size": n, "mean": float(law(n))} for n in sizes],
        "line": [{"size": float(n), "mean": float(law(n))} for n in grid],
    }


def slow(n: float) -> float:
    return 1 - 0.6 * n**-0.25


def quick(n: float) -> float:
    """At 1 - 2.4 n^-0.5, level with `slow` where n^0.25 = 4, at 256 labels."""
    return 1 - 2.4 * n**-0.5


def test_two_laws_cross_where_algebra_says() -> None:
    [found] = crossings([line("slow", slow), line("quick", quick)])
    assert found["size"] == pytest.approx(256, rel=0.01)
    assert found["value"] == pytest.approx(1 - 0.6 / 4, abs=1e-3)
    assert (found["first"], found["second"]) == ("slow", "quick")
    [other] = crossings([line("quick", quick), line("slow", slow)])
    assert (other["first"], other["second"], other["size"]) == ("slow", "quick", pytest.approx(found["size"]))


def test_of_errors_the_lower_is_ahead() -> None:
    curves = [
        line("slow", lambda n: 1 - slow(n), "log_loss", higher=False),
        line("quick", lambda n: 1 - quick(n), "log_loss", higher=False),
    ]
    [found] = crossings(curves)
    assert (found["first"], found["second"], found["size"]) == ("slow", "quick", pytest.approx(256, rel=0.01))


@pytest.mark.parametrize(("sizes", "other", "forecast"), [(64, 64, True), (128, 64, True), (512, 512, False), (512, 128, True)])
def test_a_crossing_beyond_what_was_measured_of_either_is_a_forecast(sizes: int, other: int, forecast: bool) -> None:
    curves = [line("slow", slow, sizes=[16, 32, sizes]), line("quick", quick, sizes=[16, 32, other])]
    assert crossings(curves)[0]["forecast"] is forecast


def test_three_curves_cross_in_order_of_size() -> None:
    middle = line("middle", lambda n: 1 - 1.8 * n**-0.45)
    found = crossings([line("slow", slow), line("quick", quick), middle])
    # slow and middle: n^0.2 = 3; quick and middle: n^0.05 = 4 / 3
    assert [(each["first"], each["second"]) for each in found] == [("slow", "middle"), ("slow", "quick"), ("middle", "quick")]
    assert [each["size"] for each in found] == pytest.approx([3**5, 256, (4 / 3) ** 20], rel=0.01)


def test_curves_that_cross_nowhere() -> None:
    one = line("slow", slow)
    assert crossings([one]) == []
    assert crossings([one, line("lower", lambda n: slow(n) - 0.01)]) == []
    assert crossings([one, line("roc", quick, "roc_auc")]) == []
    assert crossings([one, {**line("short", quick), "line": []}]) == []
    assert crossings([one, line("apart", quick, sizes=[4096, 8192, 16_384])]) == []
    # they cross at 256, and one of them is not known there
    assert crossings([line("slow", slow, sizes=[4, 8, 16]), line("quick", quick, sizes=[4, 8, 16])]) == []
    assert crossings([line("slow", slow, sizes=[512, 1024, 2048]), line("quick", quick)]) == []


def test_curves_as_they_are_summarised() -> None:
    """Measured points of two laws, with the fitted curves between and beyond them."""
    for largest, forecast, within in ((512, False, 0.03), (128, True, 0.25)):
        sizes = [n for n in (16, 32, 64, 128, 256, 512) if n <= largest]
        curves = []
        for name, law in (("slow", slow), ("quick", quick)):
            points = Points("accuracy", {n: {"0": law(n) - 0.001, "1": law(n) + 0.001} for n in sizes})
            curves.append({"name": name, **summarise(points, Question())})
        [found] = crossings(curves)
        assert found["size"] == pytest.approx(256, rel=within)
        assert (found["first"], found["second"], found["forecast"]) == ("slow", "quick", forecast)


def test_sentences() -> None:
    curves = [line("slow", slow), line("quick", quick, sizes=[16, 64, 128, 256, 512])]
    found = [
        {"first": "slow", "second": "quick", "size": 1234.6, "value": 0.8, "forecast": True},
        {"first": "quick", "second": "slow", "size": 20.2, "value": 0.8, "forecast": False},
    ]
    *crossed, ahead = crossing_sentences(curves, found)
    assert crossed[0].startswith("quick overtakes slow at about 1,2") and crossed[0].endswith("labels (a forecast).")
    assert crossed[1] == "slow overtakes quick at about 20 labels."
    # both are 0.85 at 256, so that one of them is taken at 64 instead
    assert ahead.startswith("With 256 labels") and ahead.endswith("accuracy 85.0 %.")
    assert crossing_sentences([line("slow", slow, sizes=[16, 32, 64]), curves[1]], []) == [
        "With 64 labels slow is ahead: accuracy 78.8 %."
    ]


def test_of_errors_the_lowest_is_ahead() -> None:
    curves = [line("a", lambda n: 5.0, "rmse", higher=False), line("b", lambda n: 3.0, "rmse", higher=False)]
    assert crossing_sentences(curves, []) == ["With 256 labels b is ahead: RMSE 3.000."]


def test_nobody_is_ahead_where_there_is_nothing_to_compare() -> None:
    one = line("slow", slow)
    assert crossing_sentences([one, line("roc", quick, "roc_auc")], []) == []
    assert crossing_sentences([one, {**line("b", quick), "points": []}], []) == []
    assert crossing_sentences([one, line("b", quick, sizes=[10, 20, 300])], []) == []  # not measured at 256


def job(name: str, *overrides: str) -> dict[str, Any]:
    return {"curve": {"name": name, "points": [1]}, "overrides": list(overrides)}


def test_a_curve_is_named_by_its_model_or_by_what_sets_it_apart() -> None:
    assert [c["name"] for c in named([job("baseline (forest)", "model=baseline"), job("deep_net", "model=deep_net")])] == [
        "baseline (forest)",
        "deep_net",
    ]
    jobs = [job("deep_net", "model.depth=3", "dataset=wine"), job("deep_net", "model.depth=5", "dataset=wine", "seed=1")]
    found = named(jobs)
    assert [c["name"] for c in found] == ["model.depth=3", "model.depth=5 seed=1"]
    assert found[0]["points"] == [1]
    assert jobs[0]["curve"]["name"] == "deep_net"  # what was given is left as it was
    # with nothing of its own it keeps its model's name
    assert [c["name"] for c in named([job("m", "a=1"), job("m", "a=1", "b=2")])] == ["m", "b=2"]
