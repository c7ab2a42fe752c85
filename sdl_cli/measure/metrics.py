"""How results are measured: names of metrics, measured numbers with their intervals, lifts, means."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from sdl_cli.errors import ConfigError
from sdl_cli.measure import statistics
from sdl_cli.settings.typed import Json

HIGHER_IS_BETTER: dict[str, bool] = {
    **dict.fromkeys(("accuracy", "balanced_accuracy", "macro_f1", "roc_auc", "r2"), True),
    **dict.fromkeys(("log_loss", "calibration_error", "rmse", "mae"), False),
}
# what each metric can be at all: a t interval knows nothing of it and is clipped
RANGE: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("accuracy", "balanced_accuracy", "macro_f1", "roc_auc", "calibration_error"), (0.0, 1.0)),
    **dict.fromkeys(("log_loss", "rmse", "mae"), (0.0, math.inf)),
    "r2": (-math.inf, 1.0),
}
MAIN: dict[str, str] = {"classification": "accuracy", "regression": "rmse"}


def main_metric(test: Container[str]) -> str:
    """The metric that a result is named by, of the names of its metrics: that of its task."""
    return MAIN["classification" if "accuracy" in test else "regression"]


@dataclass(frozen=True)
class Measured(Json):
    """A measured number: its value, its 95 % interval, and the number n of rows (or repeats) it rests on."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Lift(Json):
    """Improvement over the baseline in `metric`, positive is better, with its 95 % interval.

    `measurable` says that the interval excludes 0; a value of exactly 0 is never measurable.
    """

    metric: str
    value: float
    low: float
    high: float
    measurable: bool


def over_repeats(repeats: Sequence[Mapping[str, Measured]], same_rows: bool = False) -> dict[str, Measured]:
    """Mean of each metric over repeats of a run (at least one, all with the same metrics), with a t interval.

    n is the number of repeats in which a metric is defined. A single repeat has no spread, so it keeps its own interval and n,
    those over rows.

    Arguments:
        same_rows: all are scored on the same test rows, whose chance repeats do not show: the interval holds that over repeats
            and the mean of their own (see `statistics.joined`).
    """
    if len(repeats) == 1:
        return dict(repeats[0])
    result = {}
    for key in repeats[0]:
        known = [repeat[key] for repeat in repeats if math.isfinite(repeat[key].value)]
        values = [one.value for one in known]
        mean, low, high = statistics.t_interval(values) if values else (math.nan, math.nan, math.nan)
        if same_rows and values:
            _, low, high = statistics.joined(mean, (low, high), _own_ends(mean, known))
        elif len(values) > 1 and low == high:  # no two repeats differ, which says nothing about chance
            low = high = math.nan
        least, most = RANGE[key]
        result[key] = Measured(mean, max(low, least), min(high, most), n=len(values))
    return result


def _own_ends(mean: float, known: Sequence[Measured | Lift]) -> tuple[float, float]:
    """The interval over test rows of a mean over repeats: the mean distance of their own ends from their values."""
    below = math.fsum(one.value - one.low for one in known) / len(known)
    above = math.fsum(one.high - one.value for one in known) / len(known)
    return mean - below, mean + above


def lift_over_repeats(lifts: Sequence[Lift], ratio: float, same_rows: bool = False) -> Lift:
    """Mean lift over repeats of a run, with the corrected interval of Nadeau and Bengio (2003); a single one as it is.

    Arguments:
        ratio: n_test / n_train of one split.
        same_rows: all are scored on the same test rows, as of `over_repeats`; then `ratio` is not used.
    """
    if len(lifts) == 1:
        return lifts[0]
    if same_rows:
        mean, low, high = statistics.t_interval([lift.value for lift in lifts])
        return lift_of(lifts[0].metric, *statistics.joined(mean, (low, high), _own_ends(mean, lifts)))
    return lift_of(lifts[0].metric, *statistics.corrected_t_interval([lift.value for lift in lifts], ratio))


def check_target(key: str, metric: str, target: float | None) -> None:
    """Raise ConfigError for a target that the metric cannot reach; None is fine."""
    low, high = RANGE[metric]
    if target is None or (math.isfinite(target) and low <= target <= high):
        return
    per_cent = f"Divide a percentage by 100: {target / 100:g}." if high == 1 and 1 < target <= 100 else ""
    bounds = f"at most {high:g}" if low == -math.inf else f"at least {low:g}" if high == math.inf else f"from {low:g} to {high:g}"
    raise ConfigError(f"{key}: {target:g} is no {metric}, which is {bounds}.", per_cent)


def lift_of(metric: str, value: float, low: float, high: float) -> Lift:
    """A lift, measurable where its interval excludes 0."""
    return Lift(metric, value, low, high, measurable=value != 0 and (low > 0 or high < 0))
