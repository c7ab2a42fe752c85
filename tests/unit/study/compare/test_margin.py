"""How much worse a simpler method may be, in the metric's own unit."""

from __future__ import annotations

import pytest

from sdl_cli.study.compare.margin import margin_of


@pytest.mark.parametrize(
    ("metric", "asked", "reference", "margin", "share"),
    [
        ("accuracy", None, 0.7, 0.01, None),
        ("balanced_accuracy", 2.5, 0.7, 0.025, None),
        ("rmse", None, 6.0, 0.12, 2.0),
        ("mae", 5.0, 6.0, 0.3, 5.0),
        ("log_loss", None, 0.5, 0.01, 2.0),
        ("r2", None, 0.9, 0.002, 2.0),
        ("r2", 0.0, -0.5, 0.0, 0.0),
    ],
)
def test_points_of_per_cent_and_per_cent_of_an_error(
    metric: str, asked: float | None, reference: float, margin: float, share: float | None
) -> None:
    found, of = margin_of(metric, asked, reference)
    assert found == pytest.approx(margin) and of == share
