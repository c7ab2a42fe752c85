"""The results of a measured curve: forecast, labels needed, the fitted line, and what they mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sdl_cli.measure.curve import Ahead, LabelsNeeded, Point
from sdl_cli.measure.metrics import HIGHER_IS_BETTER, RANGE
from sdl_cli.measure.wording import IN_UNIT_OF_TARGET, PERCENT
from sdl_cli.study.curve.caveats import falls, noise_floor, warnings
from sdl_cli.study.curve.forecast import HORIZON, forecast, labels_needed, usual_deviation
from sdl_cli.study.curve.points import Points
from sdl_cli.study.curve.result import CurveResult, Draft, Twice
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


def summarise(points: Points, question: Question, name: str = "", dataset: str = "") -> CurveResult:
    """All that is said of a curve, which has this name and is of this data set; with fewer than 3 sizes there is no forecast."""
    higher, last, largest = HIGHER_IS_BETTER[points.metric], points.means[-1], points.sizes[-1]
    target = next_target(points.metric, last) if question.target is None else question.target
    noise_rows = question.noise_rows or question.test_rows
    draft = Draft(
        name=name,
        dataset=dataset,
        metric=points.metric,
        higher_is_better=higher,
        level=question.level,
        points=_points(points),
        test_rows=question.test_rows,
        noise_rows=noise_rows,
        noise_floor=noise_floor(points.metric, last, noise_rows),
        same_test_rows=question.same_test_rows,
        at_given=question.at is not None,
    )
    if len(points.sizes) >= 3:
        given = _given(points, question) | {"level": question.level, "higher_is_better": higher}
        given["is_share"] = RANGE[points.metric] == (0.0, 1.0)
        line = np.unique([*np.geomspace(points.sizes[0], HORIZON * largest, LINE_STEPS), largest]).tolist()
        now, twice = _ahead(points, [largest, 2 * largest], given)
        draft = replace(
            draft,
            forecast=_ahead(points, question.at or [int(k * largest) for k in (2, 4, HORIZON)], given),
            labels_needed=None if target is None else _labels_needed(points, target, question.target is not None, given),
            # what is measured has points, and no interval of a forecast
            line=tuple(r if r.size >= largest else replace(r, low=None, high=None) for r in _ahead(points, line, given)),
            now=now.mean,
            twice=Twice(**vars(twice)),
        )
    draft = replace(draft, falls=next((earlier for earlier, later, *_ in falls(points, draft) if later == largest), None))
    draft = replace(draft, warnings=tuple(warnings(points, draft)), verdict=verdict(draft))
    draft = replace(draft, twice=of_twice(draft)) if draft.twice else draft
    return CurveResult.from_json(draft.to_json())


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


def _points(points: Points) -> tuple[Point, ...]:
    columns = zip(points.scores.items(), points.means, points.standard_errors, strict=True)
    return tuple(
        Point(
            size=size,
            mean=mean,
            se=error,
            repeats=len(scores),
            seconds=points.seconds.get(size),
            baseline=points.baseline.get(size),
            majority=points.majority.get(size),
            scores=scores,
        )
        for (size, scores), mean, error in columns
    )


def _ahead(points: Points, at: Sequence[float], given: Values) -> tuple[Ahead, ...]:
    found = forecast(points.sizes, points.means, at, **given)
    return tuple(map(Ahead, at, found.mean[0].tolist(), found.low[0].tolist(), found.high[0].tolist()))


def _labels_needed(points: Points, target: float, asked: bool, given: Values) -> LabelsNeeded:
    found = labels_needed(points.sizes, points.means, target, **given)
    low, mid, high = (None if math.isinf(n[0]) else math.ceil(n[0] - 1e-9) for n in (found.low, found.mid, found.high))
    reachable = "yes" if mid is not None else "no" if found.out_of_reach[0] >= SURE and low is None else "beyond"
    return LabelsNeeded(target, low, mid, high, reachable, float(found.floor[0]), asked)
