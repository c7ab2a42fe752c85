"""What twice the labels would bring, beside what another method brings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sdl_cli.measure.curve import Point
from sdl_cli.study.compare.more_labels import beside_methods
from sdl_cli.study.curve.result import CurveResult, Twice


def comparison(metric: str, own: float, best: float, measurable: bool) -> dict[str, Any]:
    arms = [{"name": "deep", "mean": best, "measurable": False}, {"name": "simple", "mean": own, "measurable": measurable}]
    return {"metric": metric, "arms": arms, "best": "deep", "repeats": 10}


def curve(gain: float, sure: bool) -> CurveResult:
    point = Point(size=100, mean=0.9, se=None, repeats=5, scores={str(r): 0.9 for r in range(5)})
    twice = Twice(200, 0.9 + gain, 0.8, 1.0, gain, sure, "What a curve says.")
    given: dict[str, Any] = {"name": "simple", "dataset": "wine", "metric": "accuracy", "higher_is_better": True, "level": 0.9}
    return CurveResult(**given, points=(point,), now=0.9, twice=twice)


@pytest.mark.parametrize(
    ("values", "measured", "method_gain", "more", "words"),
    [
        (("accuracy", 0.90, 0.91, False), (0.03, True), 0.0, True, ""),
        (("accuracy", 0.90, 0.91, False), (0.005, False), 0.0, False, ""),
        (("accuracy", 0.90, 0.95, True), (0.03, True), 0.05, False, " deep gains more without any new labels (+5.0 points)."),
        (("accuracy", 0.90, 0.91, True), (0.03, True), 0.01, True, " deep gains less without any new labels (+1.0 points)."),
        (("accuracy", 0.90, 0.91, True), (0.03, False), 0.01, False, " deep gains more without any new labels (+1.0 points)."),
        (("rmse", 5.0, 4.0, True), (0.5, True), 1.0, False, " deep gains more without any new labels"),
        (("rmse", 5.0, 4.9, False), (0.5, True), 0.0, True, ""),
    ],
)
def test_more_labels_beside_other_methods(values: Any, measured: Any, method_gain: float, more: bool, words: str) -> None:
    found = beside_methods(comparison(*values), curve(*measured))
    assert found is not None and found.gain == measured[0] and found.method_gain == pytest.approx(method_gain)
    assert found.more_than_methods is more
    assert found.sentence.startswith(f"What a curve says. Measured with simple on 5 of the 10 splits.{words}")


def test_without_a_forecast_nothing_is_said() -> None:
    assert beside_methods(comparison("accuracy", 0.9, 0.9, False), replace(curve(0.0, False), twice=None)) is None
