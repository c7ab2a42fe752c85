"""The results of a measured curve: forecast, labels needed, and the fitted line, as the plain values of `curve.json`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from sdl_cli.measure.metrics import HIGHER_IS_BETTER, RANGE
from sdl_cli.measure.wording import IN_UNIT_OF_TARGET, PERCENT
from sdl_cli.run.writing import finite
from sdl_cli.study.curve.caveats import falls, noise_floor, warnings
from sdl_cli.study.curve.forecast import HORIZON, forecast, labels_needed, usual_deviation
from sdl_cli.study.curve.points import Points
from sdl_cli.study.curve.verdict import of_twice, verdict

Values = dict[str, Any]
LINE_STEPS = 80
SURE = 0.9  # weight of laws that level off short of a target, from which on it is said to be out of reach
ROUND_TARGETS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999)


@dataclass(frozen=True)
class Question:
    """What is asked of a curve.

    Arguments:
        target: score to reach; None takes `next_target`.
        at: sizes to forecast; None takes 2, 4 and 8 times the largest.
        level: coverage of the interval.
        test_rows, noise_rows: rows of one test part, if known, and how many of them count for the metric's noise; None: all.
        same_test_rows: they are the same in every repeat.
    """

    target: float | None = None
    at: tuple[int, ...] | None = None
    level: float = 0.9
    test_rows: int | None = None
    noise_rows: float | None = None
    same_test_rows: bool = False


def summarise(points: Points, question: Question) -> Values:
    """All that is said of a curve.

    Returns:
        metric, higher_is_better, level, points, now (the fitted score at the largest size), twice (the forecast at twice that),
        forecast (as asked), labels_needed (None where no target is left to ask for), line, test_rows, noise_floor, warnings,
        verdict. With fewer than 3 sizes there is no forecast: its lists are empty.
    """
    higher, last = HIGHER_IS_BETTER[points.metric], points.means[-1]
    target = next_target(points.metric, last) if question.target is None else question.target
    values: Values = {
        "metric": points.metric,
        "higher_is_better": higher,
        "level": question.level,
        "points": _points(points),
        "forecast": [],
        "labels_needed": None,
        "line": [],
        "now": None,
        "twice": None,
        "test_rows": question.test_rows,
        "noise_rows": question.noise_rows or question.test_rows,
        "noise_floor": noise_floor(points.metric, last, question.noise_rows or question.test_rows),
        "same_test_rows": question.same_test_rows,
        "at_given": question.at is not None,
    }
    if len(points.sizes) >= 3:
        largest = points.sizes[-1]
        at = question.at or tuple(int(k * largest) for k in (2, 4, HORIZON))
        given = _given(points, question) | {"level": question.level, "higher_is_better": higher}
        given["is_share"] = RANGE[points.metric] == (0.0, 1.0)
        values["forecast"] = _forecast_rows(points, [*at], given)
        if target is not None:
            values["labels_needed"] = _labels_needed(points, target, given) | {"given": question.target is not None}
        line = np.unique([*np.geomspace(points.sizes[0], HORIZON * largest, LINE_STEPS), largest]).tolist()
        values["line"] = _forecast_rows(points, line, given)
        for row in values["line"]:
            if row["size"] < largest:  # what is measured has points, and no interval of a forecast
                row["low"] = row["high"] = None
        now, values["twice"] = _forecast_rows(points, [largest, 2 * largest], given)
        values["now"] = now["mean"]
    values["falls"] = next((earlier for earlier, later, *_ in falls(points, values) if later == points.sizes[-1]), None)
    values["warnings"] = warnings(points, values)
    values["verdict"] = verdict(values)
    if values["twice"] is not None:
        values["twice"] |= of_twice(values)
    for key in ("falls", "noise_rows", "at_given"):
        del values[key]
    return finite(values)  # type: ignore[no-any-return]


def next_target(metric: str, last: float) -> float | None:
    """A sensible target: the next round number for a score in [0, 1], otherwise a tenth less error; None if there is none."""
    if metric in PERCENT:
        return next((target for target in ROUND_TARGETS if target > last + 0.002), None)
    best = 1.0 if HIGHER_IS_BETTER[metric] else 0.0
    error = abs(best - last)
    least = 0.0 if metric in IN_UNIT_OF_TARGET else 1e-9
    return None if error <= least else best - math.copysign(1, best - last) * float(f"{0.9 * error:.2g}")


def _given(points: Points, question: Question) -> Values:
    """Repeats and standard errors as `forecast` takes them."""
    errors = points.standard_errors
    if all(error is not None for error in errors):
        return {"repeats_per_size": float(np.mean(points.repeats)), "standard_errors": errors}
    floors = [noise_floor(points.metric, mean, question.noise_rows or question.test_rows) for mean in points.means]
    # one split: what is usual over splits, and what so few test rows add to it
    usual = usual_deviation(np.array(points.sizes, float), 1 - np.array([points.means]))[0]
    known = [math.hypot(u, floor) for u, floor in zip(usual, floors, strict=True) if floor is not None]
    return {"standard_errors": known} if known else {"repeats_per_size": 1.0}


def _points(points: Points) -> list[Values]:
    beside = {"seconds": points.seconds, "baseline": points.baseline, "majority": points.majority}
    columns = zip(points.sizes, points.means, points.standard_errors, points.repeats, strict=True)
    return [
        {"size": size, "mean": mean, "se": error, "repeats": repeats}
        | {name: known.get(size) for name, known in beside.items()}
        | {"scores": points.scores[size]}
        for size, mean, error, repeats in columns
    ]


def _forecast_rows(points: Points, at: list[float] | list[int], given: Values) -> list[Values]:
    found = forecast(points.sizes, points.means, at, **given)
    rows = zip(at, found.mean[0].tolist(), found.low[0].tolist(), found.high[0].tolist(), strict=True)
    return [{"size": size, "mean": mean, "low": low, "high": high} for size, mean, low, high in rows]


def _labels_needed(points: Points, target: float, given: Values) -> Values:
    found = labels_needed(points.sizes, points.means, target, **given)
    low, mid, high = (None if math.isinf(n[0]) else math.ceil(n[0] - 1e-9) for n in (found.low, found.mid, found.high))
    reachable = "yes" if mid is not None else "no" if found.out_of_reach[0] >= SURE and low is None else "beyond"
    rows = {"low": low, "mid": mid, "high": high}
    return {"target": target, **rows, "reachable": reachable, "levels_off_at": float(found.floor[0])}
