"""What twice the labels would bring, beside what another method brings."""

from __future__ import annotations

from typing import Any

import pytest

from sdl_cli.compare.more_labels import beside_methods


def comparison(metric: str, own: float, best: float, measurable: bool) -> dict[str, Any]:
    arms = [{"name": "deep", "mean": best, "measurable": False}, {"name": "simple", "mean": own, "measurable": measurable}]
    return {"metric": metric, "arms": arms, "best": "deep", "repeats": 10}


def curve(now: float, mean: float, low: float, high: float) -> dict[str, Any]:
    points = [{"scores": {str(r): now for r in range(5)}}]
    return {"name": "simple", "now": now, "twice": {"size": 200, "mean": mean, "low": low, "high": high}, "points": points}


@pytest.mark.parametrize(
    ("values", "measured", "gain", "method_gain", "more", "words"),
    [
        (("accuracy", 0.90, 0.91, False), (0.90, 0.93, 0.91, 0.95), 0.03, 0.0, True, "none of which is measurably better"),
        (
            ("accuracy", 0.90, 0.91, False),
            (0.90, 0.905, 0.88, 0.92),
            0.005,
            0.0,
            False,
            "told from chance (measured on 5 of the 10 splits)",
        ),
        (
            ("accuracy", 0.90, 0.95, True),
            (0.90, 0.93, 0.91, 0.95),
            0.03,
            0.05,
            False,
            "less than another method brings (deep: +5.0 points)",
        ),
        (
            ("accuracy", 0.90, 0.91, True),
            (0.90, 0.93, 0.91, 0.95),
            0.03,
            0.01,
            True,
            "more than another method brings (deep: +1.0 points)",
        ),
        (("rmse", 5.0, 4.0, True), (5.0, 4.5, 4.2, 4.8), 0.5, 1.0, False, "less than another method brings"),
        (("rmse", 5.0, 4.9, False), (5.0, 4.5, 4.2, 4.8), 0.5, 0.0, True, "none of which is measurably better"),
    ],
)
def test_more_labels_beside_other_methods(
    values: Any, measured: Any, gain: float, method_gain: float, more: bool, words: str
) -> None:
    found = beside_methods(comparison(*values), curve(*measured))
    assert found is not None and found["gain"] == pytest.approx(gain) and found["method_gain"] == pytest.approx(method_gain)
    assert found["more_than_methods"] is more and words in found["sentence"]


def test_without_a_forecast_nothing_is_said() -> None:
    assert beside_methods(comparison("accuracy", 0.9, 0.9, False), {**curve(0.9, 0.9, 0.9, 0.9), "twice": None}) is None
