"""Several curves on the same data: where one overtakes another, and which is ahead."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.files import write_atomic
from sdl_cli.measure.curve import Crossing
from sdl_cli.measure.statistics import corrected_t_interval
from sdl_cli.measure.wording import label, rounded, shown
from sdl_cli.phrases import listed
from sdl_cli.settings import typed
from sdl_cli.study.curve.result import CurveResult

Values = dict[str, Any]


def named(curves: Sequence[CurveResult], overrides: Sequence[Sequence[str]]) -> list[CurveResult]:
    """The curves of a sweep's jobs, each with a unique name: its model if that is enough, otherwise the job's overrides."""
    if len({curve.name for curve in curves}) == len(curves):
        return list(curves)
    shared = set.intersection(*map(set, overrides))
    return [
        dataclasses.replace(curve, name=" ".join(o for o in own if o not in shared) or curve.name)
        for curve, own in zip(curves, overrides, strict=True)
    ]


def crossings(curves: Sequence[CurveResult]) -> list[Crossing]:
    """Where fitted curves on the same data cross, where the measured points support it, by size.

    A crossing counts where one curve is measurably ahead at a size before it (see `lead`), and the other at a size after it, or
    where it lies beyond all sizes that both were measured at, as a forecast.
    """
    found = []
    for one, other in itertools.combinations(curves, 2):
        if not comparable([one, other]) or not one.line or not other.line:
            continue
        common = {point.size for point in one.points} & {point.size for point in other.points}
        leads = {size: lead(one, other, size) for size in common}
        for size, first_is_one in _meetings(one, other):
            sign = 1 if first_is_one else -1
            before = any(measurable and sign * mean > 0 for n, (mean, *_, measurable) in leads.items() if n < size)
            after = any(measurable and sign * mean < 0 for n, (mean, *_, measurable) in leads.items() if n >= size)
            ahead_of_all = size > max(leads, default=0)
            if not before or not (after or ahead_of_all):
                continue
            first, second = (one, other) if first_is_one else (other, one)
            found.append(Crossing(first.name, second.name, size, float(_at(one, size)), ahead_of_all))
    return sorted(found, key=lambda crossing: crossing.size)


def lead(one: CurveResult, other: CurveResult, size: int) -> tuple[float, float, float, bool]:
    """By how much one curve is better than another at a measured size, paired over the repeats that both have.

    Given as the mean (positive: `one` is better), low and high of its 95 % interval, corrected for overlapping splits (Nadeau and
    Bengio 2003), and whether the interval excludes 0.
    """
    scores = [next(point.scores for point in curve.points if point.size == size) for curve in (one, other)]
    sign = 1.0 if one.higher_is_better else -1.0
    differences = [sign * (scores[0][repeat] - scores[1][repeat]) for repeat in scores[0] if repeat in scores[1]]
    if not differences:
        return math.nan, -math.inf, math.inf, False
    # splits overlap as much at every size: by their test rows, and what is left of them at the largest
    ratio = (one.test_rows or 0) / max(curve.last.size for curve in (one, other))
    mean, low, high = corrected_t_interval(differences, ratio)
    return mean, low, high, mean != 0 and (low > 0 or high < 0)


def sentences(curves: Sequence[CurveResult], found: Sequence[Crossing]) -> list[str]:
    """The crossings in words, and which curves are ahead at the largest size that all have, as far as can be told."""
    said = [
        f"{c.second} overtakes {c.first} at about {rounded(c.size)} labels{' (a forecast).' if c.forecast else '.'}"
        for c in found
    ]
    common = set.intersection(*({point.size for point in curve.points} for curve in curves))
    if not common:
        return said
    size, metric = max(common), curves[0].metric
    means = {curve.name: next(p.mean for p in curve.points if p.size == size) for curve in curves}
    sign = 1 if curves[0].higher_is_better else -1
    best = max(curves, key=lambda curve: sign * means[curve.name])
    others = [curve for curve in curves if curve is not best]
    behind = [curve.name for curve in others if lead(best, curve, size)[3]]
    level = [curve.name for curve in others if curve.name not in behind]
    text = f"With {size:,} labels {best.name} has the best {label(metric)}, {shown(metric, means[best.name])}"
    text += f"; measurably ahead of {listed(behind)}" if behind else ""
    text += f"; not measurably different from {listed(level)}" if level else ""
    return [*said, text + "."]


def comparable(curves: Sequence[CurveResult]) -> bool:
    """Whether curves show the same metric of the same data."""
    return len({(curve.metric, curve.dataset) for curve in curves}) == 1


def _meetings(one: CurveResult, other: CurveResult) -> list[tuple[float, bool]]:
    """Sizes at which the fitted curves meet, each with whether `one` is ahead before it."""
    low = max(one.line[0].size, other.line[0].size)
    high = min(one.line[-1].size, other.line[-1].size)
    if low >= high:
        return []
    grid = np.geomspace(low, high, 400)
    ahead = (_at(one, grid) - _at(other, grid)) * (1 if one.higher_is_better else -1)
    ahead = np.where(ahead == 0, 1e-300, ahead)  # a crossing right at a point of the grid is one too
    found = []
    for k in np.flatnonzero(np.sign(ahead[:-1]) * np.sign(ahead[1:]) < 0):
        share = ahead[k] / (ahead[k] - ahead[k + 1])
        found.append((float(np.exp(np.log(grid[k]) + share * np.log(grid[k + 1] / grid[k]))), bool(ahead[k] > 0)))
    return found


def _at(curve: CurveResult, sizes: Any) -> np.ndarray[Any, Any]:
    known = np.log([row.size for row in curve.line])
    return np.asarray(np.interp(np.log(sizes), known, [row.mean for row in curve.line]))


def overlay(folder: Path, items: list[Values]) -> Values:
    """The finished curves of a sweep in one picture, with where they cross; one picture for each data set and metric.

    Arguments:
        items: jobs of the sweep, finished ones with their `curve` and all with their `overrides`.
    Returns:
        `{"picture", "pictures", "crossings", "sentences"}`; picture is the first of pictures, or None where no two go together.
    """
    from sdl_cli.measure.png import draw_overlay

    groups: dict[tuple[str, str], list[tuple[CurveResult, list[str]]]] = {}
    for item in items:
        if item["status"] == "done":
            curve = CurveResult.from_json(item["curve"])
            groups.setdefault((curve.dataset, curve.metric), []).append((curve, item["overrides"]))
    found: Values = {"picture": None, "pictures": [], "crossings": [], "sentences": []}
    together = [named(*zip(*group, strict=True)) for group in groups.values() if len(group) > 1]
    for number, curves in enumerate(together, 1):
        crossed = crossings(curves)
        file = folder / ("curves.png" if len(together) == 1 else f"curves-{number}.png")
        write_atomic(file, draw_overlay(curves, crossed))
        found["pictures"].append(str(file))
        found["crossings"] += typed.to_json(crossed)
        where = f"On {curves[0].dataset}: " if len(groups) > 1 else ""
        found["sentences"] += [where + sentence for sentence in sentences(curves, crossed)]
    if not together and len(groups) > 1:
        found["sentences"].append("The curves have different data or metrics, so no two share a picture.")
    return found | {"picture": next(iter(found["pictures"]), None)}
