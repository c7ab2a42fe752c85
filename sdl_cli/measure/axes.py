"""What every drawing of a learning curve shares: the ranges in view, the ticks, and the fitted line between its points."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence

from sdl_cli.measure import wording
from sdl_cli.measure.curve import Ahead, LearningCurve

MARGIN = 0.08  # of the range of values, below and above it


def extent(curves: Sequence[LearningCurve]) -> tuple[float, float]:
    """The least and the largest number of rows in view: all sizes with a little room, and at least a factor of 4."""
    sizes = [point.size for curve in curves for point in curve.points] + [row.size for curve in curves for row in curve.line]
    low, high = math.log(min(sizes)), math.log(max(sizes))
    room = max(0.03 * (high - low), (math.log(4) - (high - low)) / 2)
    return math.exp(low - room), math.exp(high + room)


def view(curves: Sequence[LearningCurve]) -> tuple[float, float]:
    """The least and the largest value in view: points, lines and targets with a margin; a wide band is clipped."""
    values: list[float] = []
    for curve in curves:
        for point in curve.points:
            error = point.se or 0.0
            values += [point.mean - error, point.mean + error]
            values += [] if point.baseline is None else [point.baseline]
        values += [row.mean for row in curve.line]
        values += [curve.labels_needed.target] if curve.labels_needed else []
    low, high = min(values), max(values)
    share = curves[0].metric in wording.PERCENT
    room = max(MARGIN * (high - low), 0.005 if share else 0.005 * abs(high) or 0.5)
    if share:
        # a point at the very end is drawn whole, and no tick stands beyond 100 %
        end = min(0.03, room / 2)
        return min(low, max(low - room, -end)), max(high, min(high + room, 1 + end))
    return low - room, high + room


def fraction(size: float, first: float, last: float) -> float:
    """Position of a size on the log axis from `first` (0) to `last` (1)."""
    return math.log(size / first) / math.log(last / first)


def size_ticks(first: float, last: float, smallest: float) -> list[int]:
    """Sizes to label from `first` to `last`: the smallest measured, and beyond it powers of ten (1, 2, 5 where they are few)."""
    ticks: list[int] = []
    for factors in ((1,), (1, 2, 5)):
        powers = range(math.floor(math.log10(first)), math.floor(math.log10(last)) + 1)
        ticks = [factor * 10**power for power in powers if power >= 0 for factor in factors]
        ticks = [tick for tick in ticks if first <= tick <= last]
        if len(ticks) >= 3:
            break
    start = fraction(smallest, first, last)
    return [round(smallest), *(tick for tick in ticks if fraction(tick, first, last) - start > 0.07)]


def value_ticks(low: float, high: float, most: int) -> list[float]:
    """Round values from `low` to `high`, 1, 2 or 5 times a power of ten apart: at least 2, and at most `most` if possible."""
    base = 10.0 ** math.floor(math.log10((high - low) / most))
    steps = (base, 2 * base, 5 * base, 10 * base)
    choices = [[number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)] for step in steps]
    return next((ticks for ticks in choices if 2 <= len(ticks) <= most), next(ticks for ticks in choices[::-1] if len(ticks) > 1))


def tick_texts(metric: str, ticks: Sequence[float]) -> list[str]:
    """Values with as many decimals as their step needs, in per cent (without the sign) where the metric is shown so."""
    scale = 100 if metric in wording.PERCENT else 1
    step = scale * (ticks[1] - ticks[0] if len(ticks) > 1 else abs(ticks[0]) or 1.0)
    if max(scale * abs(tick) for tick in ticks) >= 1e7 or step < 1e-6:
        return [f"{scale * tick:.6g}" for tick in ticks]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return [f"{round(scale * tick, decimals) + 0.0:,.{decimals}f}" for tick in ticks]


def line_at(line: Sequence[Ahead], size: float) -> Ahead | None:
    """The fitted curve at a size, interpolated over the log of the size; None outside it. Its band is None where it has none."""
    if not line or not line[0].size <= size <= line[-1].size:
        return None
    after = bisect_left(line, size, key=lambda row: row.size)
    if line[after].size == size:
        return line[after]
    one, other = line[after - 1], line[after]
    share = fraction(size, one.size, other.size)

    def between(low: float | None, high: float | None) -> float | None:
        return None if low is None or high is None else low + share * (high - low)

    mean = one.mean + share * (other.mean - one.mean)
    return Ahead(size, mean, between(one.low, other.low), between(one.high, other.high))
