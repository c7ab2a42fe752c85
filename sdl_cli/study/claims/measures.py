"""Numbers from finished studies: differences between methods, scores, ranks, and how often a forecast held the truth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.measure.metrics import HIGHER_IS_BETTER
from sdl_cli.measure.statistics import t_interval, wilson
from sdl_cli.measure.wording import PERCENT
from sdl_cli.phrases import counted
from sdl_cli.study.claims.jobs import Job
from sdl_cli.study.compare.judge import Paired
from sdl_cli.study.compare.plan import arm_folder
from sdl_cli.study.compare.result import ComparisonResult
from sdl_cli.study.compare.trial import read_rows

Array = np.ndarray[Any, Any]
Values = dict[str, Any]
LEVEL = 0.95
NOTHING = (math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class Done:
    """A finished job and the object that its verb returned."""

    job: Job
    values: Values

    def comparison(self) -> ComparisonResult:
        return ComparisonResult.from_json(self.values)

    def scores(self, found: ComparisonResult, arm: str) -> Array:
        """The `(R,)` scores of an arm as its claim writes it. Raises KeyError if it has no result."""
        return _scores(found, self.job.arm(arm))


@dataclass(frozen=True)
class Number:
    """A number with its 95 % interval in its unit, what it rests on, and what else to know."""

    value: float
    low: float
    high: float
    unit: str
    n: str
    note: str = ""


def difference(done: Done, arm: str, minus: str) -> Number:
    """How much better one arm is than another over the same splits: points, or per cent of the other's error.

    Random splits: as `sdl compare` tells it, by the corrected t interval of Nadeau and Bengio (2003). Where all repeats share
    their test rows, which the source sets, the draws of labelled rows and the test rows both add to the error: see
    `two_way_interval`.

    Raises KeyError if one of the arms has no result.
    """
    found = done.comparison()
    one, other = (done.scores(found, name) for name in (arm, minus))
    unit, scale = _unit(found.metric, other)
    pairs = scale * (one - other)
    n = counted(len(pairs), "draw" if found.fixed_test else "split")
    if not found.fixed_test:
        num_test = found.test_rows if found.metric == "accuracy" else None  # of which the score is a share
        paired = Paired({arm: one, minus: other}, found.test_rows / found.labelled_rows, num_test=num_test)
        value, low, high = (scale * part for part in paired.difference(arm, minus))
        return Number(value, min(low, high), max(low, high), unit, n)
    rows = [_by_row(found, done.job.arm(name)) for name in (arm, minus)]
    if rows[0] is None or rows[1] is None or len(rows[0]) != len(rows[1]):
        return Number(*t_interval(pairs), unit, n)
    by_row = scale * (rows[0] - rows[1])
    note = "" if len(pairs) > 1 else "one draw of labelled rows, so that the interval is of the test rows alone"
    return Number(*two_way_interval(pairs, by_row), unit, f"{n} x {len(by_row):,} test rows", note)


def two_way_interval(draws: Array, rows: Array, level: float = LEVEL) -> tuple[float, float, float]:
    """Interval of a mean difference over `(R,)` draws and `(T,)` test rows; with one draw that of the test rows alone.

    The half-widths of the t interval over draws and of that over test rows are added as squares (Zou and Donner, Statistics in
    Medicine 27:1693, 2008), so that few draws count as few whatever the number of test rows is. What only a row in a draw adds is
    counted twice, which makes the interval rather too wide.

    Arguments:
        rows: the mean over draws of what each test row adds, so that its mean is that of `draws` but for rounding.
    """
    mean = float(np.mean(draws))
    halves = [high - centre for centre, _, high in (t_interval(each, level) for each in (draws, rows) if len(each) > 1)]
    half = math.hypot(*halves) if halves else math.inf
    return mean, mean - half, mean + half


def mean_of(numbers: Sequence[Number], what: str) -> Number:
    """The mean of several numbers that may depend on each other: its interval is as wide as the mean of theirs."""
    values = np.array([[one.value, one.low, one.high] for one in numbers])
    value, low, high = (float(each) for each in values.mean(axis=0))
    each = {one.n for one in numbers}
    rests_on = f"{len(numbers)} {what}" + (f", {numbers[0].n} each" if len(each) == 1 else "")
    return Number(value, low, high, numbers[0].unit, rests_on)


def over_sets(done: Sequence[Done], arm: str, minus: str) -> Number:
    """The mean difference of two arms over data sets, with its t interval over them."""
    pairs, units = [], set()
    for one in done:
        found = one.comparison()
        first, other = one.scores(found, arm), one.scores(found, minus)
        unit, scale = _unit(found.metric, other)
        units.add(unit)
        pairs.append(scale * float(np.mean(first) - np.mean(other)))
    wins, losses = sum(pair > 0 for pair in pairs), sum(pair < 0 for pair in pairs)
    note = f"better on {wins}, worse on {losses} of {len(pairs)} sets"
    return Number(*t_interval(pairs), " or ".join(sorted(units)), _sets(done), note)


def rank(done: Sequence[Done], arm: str) -> Number:
    """The mean rank of an arm among all of its comparison (1 is the best, equals share), and on how many sets it is the best."""
    ranks, best = [], 0
    for one in done:
        found = one.comparison()
        sign = 1.0 if HIGHER_IS_BETTER[found.metric] else -1.0
        means = {each.name: sign * float(np.mean(_scores(found, each.name))) for each in found.arms}
        own = means[one.job.arm(arm)]
        better, equal = sum(m > own for m in means.values()), sum(m == own for m in means.values())
        ranks.append(1 + better + (equal - 1) / 2)
        best += better == 0
    return Number(*t_interval(ranks), "rank", _sets(done), f"the best or equal to it on {best} of {len(ranks)}")


def score(one: Done, arm: str | None, error: bool = False) -> Number:
    """The score of an arm, or of a run, or with `error` 100 less it, in per cent where it is a share."""
    if one.job.verb == "compare":
        found = one.comparison()
        one.scores(found, arm or "")
        of = found.arm(one.job.arm(arm or ""))
        metric, measured = found.metric, (of.mean, of.low, of.high)
        n = f"{counted(found.repeats, 'draw' if found.fixed_test else 'split')}, {found.test_rows:,} test rows"
    else:
        test = one.values["metrics"]["test"]
        metric = "accuracy" if "accuracy" in test else "rmse"
        measured = tuple(test[metric][key] for key in ("value", "low", "high"))
        n = f"{test[metric]['n']:,} {'splits' if one.values.get('repeats') else 'test rows'}"
    value, low, high = (math.nan if part is None else float(part) for part in measured)
    if metric in PERCENT:
        value, low, high = 100 * value, 100 * low, 100 * high
    if error and metric in PERCENT:
        value, low, high = 100 - value, 100 - high, 100 - low
    return Number(value, low, high, "%" if metric in PERCENT else "", n)


def over_sets_score(done: Sequence[Done], arm: str | None) -> Number:
    """The mean score of an arm over data sets, with its t interval over them."""
    scores = [score(one, arm) for one in done]
    return Number(*t_interval([one.value for one in scores]), scores[0].unit, _sets(done))


def coverage(done: Sequence[Done], level: float = 0.9) -> Number:
    """How many forecasts of curves held the truth: from each three or more measured sizes to each larger one up to 8 times.

    Returns: the share in per cent, with Wilson's interval, in which all forecasts from the same sizes count as one.
    """
    from sdl_cli.study.curve.forecast import HORIZON, forecast

    inside = total = origins = 0
    for one in done:
        points = one.values["points"]
        sizes, means, errors = ([point[key] for point in points] for key in ("size", "mean", "se"))
        higher = HIGHER_IS_BETTER[one.values["metric"]]
        for last in range(3, len(sizes)):
            ahead = [k for k in range(last, len(sizes)) if sizes[k] <= HORIZON * sizes[last - 1]]
            known = None if any(e is None for e in errors[:last]) else errors[:last]
            repeats = points[0]["repeats"]
            at = [sizes[k] for k in ahead]
            origins += bool(at)
            if not at:
                continue
            band = forecast(sizes[:last], means[:last], at, level, repeats, known, higher)
            for place, k in enumerate(ahead):
                inside += bool(band.low[0, place] <= means[k] <= band.high[0, place])
                total += 1
    share = inside / total if total else math.nan
    low, high = wilson(share * origins if total else 0.0, origins)
    n = f"{counted(total, 'forecast')} from {counted(origins, 'start')}"
    return Number(100 * share, 100 * low, 100 * high, "%", n, f"{inside} of {total} hold the truth")


def of_networks(done: Sequence[Done], key: str) -> Number:
    """What networks that were taken apart have in common: `gain` of averaging (points) or `correlation` of their sub-nets."""
    scale, unit = (100.0, "points") if key == "gain" else (1.0, "")
    found = [one.values[key] for one in done if one.values[key]["value"] is not None]
    values = [scale * one["value"] for one in found]
    if len(values) == 1:
        ends = (scale * found[0]["low"], scale * found[0]["high"])
        return Number(values[0], *ends, unit, f"{done[0].job.member}, {found[0]['n']:,} test rows")
    return Number(*t_interval(values), unit, _sets(done)) if values else Number(*NOTHING, unit, _sets(done))


def _sets(done: Sequence[Done]) -> str:
    return "1 set" if len(done) == 1 else f"{len(done)} sets"


def _scores(found: ComparisonResult, arm: str) -> Array:
    """The `(R,)` scores of an arm. Raises KeyError if it has no result."""
    scores = next((each.scores for each in found.arms if each.name == arm), None)
    if scores is None or any(score is None for score in scores):
        reason = next((left.reason for left in (*found.left_out, *found.failed, *found.given_up) if left.name == arm), "")
        raise KeyError(f"{arm} has no result{f': {reason}' if reason else ''}")
    return np.array(scores, dtype=float)


def _by_row(found: ComparisonResult, arm: str) -> Array | None:
    return read_rows([arm_folder(Path(found.folder), arm) / str(repeat) for repeat in range(found.repeats)])


def _unit(metric: str, other: Array) -> tuple[str, float]:
    """The unit of a difference, and what one more of the metric is in it: points, or per cent of the other's error."""
    sign = 1.0 if HIGHER_IS_BETTER[metric] else -1.0
    if metric in PERCENT:
        return "points", sign * 100.0
    reference = float(np.mean(other))
    return "% of the error", sign * 100.0 / reference if reference else math.nan
