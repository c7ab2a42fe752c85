"""How much worse a simpler method may be and still be recommended."""

from __future__ import annotations

from sdl_cli.measure.metrics import RANGE

POINTS = 1.0  # of a metric in per cent
PER_CENT = 2.0  # of the reference's error


def margin_of(metric: str, asked: float | None, reference: float) -> tuple[float, float | None]:
    """The margin in the metric's own unit, and the per cent of the error that it is (None for points).

    Arguments:
        asked: `compare.margin`: points of a metric in [0, 1], otherwise % of an error; None means 1 point, or 2 %.
        reference: mean score of the arm whose error that is; the error of an R2 is 1 minus it.
    """
    if RANGE[metric] == (0.0, 1.0):
        return (POINTS if asked is None else asked) / 100, None
    share = PER_CENT if asked is None else asked
    error = 1 - reference if metric == "r2" else reference
    return share / 100 * abs(error), share
