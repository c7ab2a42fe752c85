"""Numbers from finished studies: differences between methods, scores, ranks, and how often a forecast held the truth."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.measure.metrics import HIGHER_IS_BETTER
from sdl_cli.measure.statistics import t_interval, two_way_interval, wilson
from sdl_cli.measure.wording import PERCENT
from sdl_cli.phrases import counted, listed, shortened
from sdl_cli.study.claims.jobs import Job
from sdl_cli.study.compare.judge import Paired
from sdl_cli.study.compare.plan import arm_folder
from sdl_cli.study.compare.result import ComparisonResult
from sdl_cli.study.compare.trial import read_rows

Array = np.ndarray[Any, Any]
Values = dict[str, Any]
NOTHING = (math.nan, math.nan, math.nan)
_EQUAL = 1e-9  # means of the same scores differ by their order of addition
_ONE = "one draw or seed, so that the interval is of the test rows alone and gives no verdict"


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
    """A number with its 95 % interval in its unit, what it rests on, and what else to know.

    Arguments:
        is_partial: its interval leaves out a part of chance, so that it decides nothing.
    """

    value: float
    low: float
    high: float
    unit: str
    n: str
    note: str = ""
    is_partial: bool = False


def difference(done: Done, arm: str, minus: str) -> Number:
    """How much better one arm is than another over the same splits: points, or per cent of the other's error.

    Random splits: as `sdl compare` tells it, by the corrected t interval of Nadeau and Bengio (2003). Where all repeats share
    their test rows, which the source sets, the draws of labelled rows and the test rows both add to the error: see
    `statistics.two_way_interval`. Per cent of an error are a ratio of two means, whose interval is that of its linear
    approximation (the delta method).

    Raises KeyError if one of the arms has no result.
    """
    found = done.comparison()
    one, other = (done.scores(found, name) for name in (arm, minus))
    is_share = found.metric in PERCENT
    unit = "points" if is_share else "% of the error"
    one, other = _as_gain(found.metric, one, other)
    by_row, partial = None, ""
    if found.fixed_test:
        rows = [_by_row(found, done.job.arm(name)) for name in (arm, minus)] if is_share else []
        known = [each for each in rows if each is not None]
        if len(known) < 2 or len(known[0]) != len(known[1]):
            partial = "its test rows are not known, so that its interval leaves them out"
            return Number(*t_interval(100 * (one - other)), unit, _rests_on(done, found, len(one)), partial, is_partial=True)
        by_row = dict(zip((arm, minus), _as_gain(found.metric, *known), strict=True))
        partial = _ONE if len(one) == 1 else ""
    num_test = found.test_rows if found.metric == "accuracy" else None  # of which the score is a share
    paired = Paired({arm: one, minus: other}, found.test_rows / found.labelled_rows, by_row, num_test)
    value, low, high = (100 * part for part in paired.difference(arm, minus))
    n = _rests_on(done, found, len(one)) if found.fixed_test else counted(len(one), "split")
    return Number(value, low, high, unit, n, partial, is_partial=bool(partial))


def _as_gain(metric: str, one: Array, other: Array) -> tuple[Array, Array]:
    """Scores `(R,)` of two arms, such that the mean of their difference is what the one is better by, as a share.

    Of a metric that is no share it is by how much the ratio R of their means is smaller than 1, and the single differences spread
    as those of `one - R other`, in units of the other's mean.
    """
    sign = 1.0 if HIGHER_IS_BETTER[metric] else -1.0
    if metric in PERCENT:
        return sign * one, sign * other
    reference = float(np.mean(other)) or math.nan
    ratio = float(np.mean(one)) / reference
    return sign * one / reference, sign * (ratio * other / reference - (ratio - 1))


def _rests_on(done: Done, found: ComparisonResult, repeats: int) -> str:
    """Repeats and test rows, in words; where all labelled rows are used, repeats differ in their seed alone."""
    if not found.fixed_test:
        return f"{counted(repeats, 'split')}, {found.test_rows:,} test rows"
    all_rows = done.job.size is None and not any("num_per_class" in text for text in done.job.overrides)
    drawn = f"{counted(repeats, 'seed')}, all labelled rows" if all_rows else f"{counted(repeats, 'draw')} of labelled rows"
    return f"{drawn}, {'' if repeats == 1 else 'the same '}{found.test_rows:,} test rows"


def mean_of(numbers: Sequence[Number], what: str) -> Number:
    """The mean of several numbers that may depend on each other: its interval is as wide as the mean of theirs."""
    values = np.array([[one.value, one.low, one.high] for one in numbers])
    value, low, high = (float(each) for each in values.mean(axis=0))
    each = {one.n for one in numbers}
    rests_on = f"{len(numbers)} {what}" + (f", each {numbers[0].n}" if len(each) == 1 else "")
    partial = [one for one in numbers if one.is_partial]
    note = f"{len(partial)} of them: {partial[0].note}" if partial else ""
    return Number(value, low, high, numbers[0].unit, rests_on, note, bool(partial))


def over_sets(done: Sequence[Done], arm: str, minus: str) -> Number:
    """The mean difference of two arms over data sets, with its t interval over them."""
    pairs, units = [], set()
    for one in done:
        found = one.comparison()
        first, other = _as_gain(found.metric, one.scores(found, arm), one.scores(found, minus))
        units.add("points" if found.metric in PERCENT else "% of the error")
        pairs.append(100 * float(np.mean(first) - np.mean(other)))
    wins, losses = sum(pair > 100 * _EQUAL for pair in pairs), sum(pair < -100 * _EQUAL for pair in pairs)
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
        better = sum(mean > own + _EQUAL for mean in means.values())
        equal = sum(abs(mean - own) <= _EQUAL for mean in means.values())
        ranks.append(1 + better + (equal - 1) / 2)
        best += better == 0
    among = listed(list(dict.fromkeys(str(len(one.comparison().arms)) for one in done)), last=" or ")
    note = f"of {among} methods; the best or equal to it on {best} of {len(ranks)}"
    return Number(*t_interval(ranks), "rank", _sets(done), note)


def score(one: Done, arm: str | None, error: bool = False) -> Number:
    """The score of an arm, or of a run, or with `error` 100 less it, in per cent where it is a share.

    Of an arm whose repeats share their test rows, draws and test rows both add to the error, as in `difference`; one draw of a
    share of rows has Wilson's interval.
    """
    note = ""
    if one.job.verb == "compare":
        found = one.comparison()
        scores = one.scores(found, arm or "")
        of = found.arm(one.job.arm(arm or ""))
        metric, measured = found.metric, (of.mean, of.low, of.high)
        rows = _by_row(found, one.job.arm(arm or "")) if found.fixed_test and metric in PERCENT else None
        if rows is not None and len(scores) > 1:
            measured = two_way_interval(scores, rows)
        elif rows is not None and metric == "accuracy":
            measured = (of.mean, *wilson(float(rows.sum()), len(rows)))
        n = _rests_on(one, found, found.repeats)
        note = _ONE if found.fixed_test and found.repeats == 1 else ""
    else:
        test = one.values["metrics"]["test"]
        metric = "accuracy" if "accuracy" in test else "rmse"
        measured = tuple(test[metric][key] for key in ("value", "low", "high"))
        n = f"{test[metric]['n']:,} {'splits' if one.values.get('repeats') else 'test rows'}"
    value, low, high = (math.nan if part is None else float(part) for part in measured)
    if metric not in PERCENT:
        return Number(value, low, high, "", n, note, is_partial=bool(note))
    value, low, high = 100 * value, max(100 * low, 0.0), min(100 * high, 100.0)  # NaN stays NaN as the first of two
    value, low, high = (100 - value, 100 - high, 100 - low) if error else (value, low, high)
    return Number(value, low, high, "%", n, note, is_partial=bool(note))


def over_clusters(one: Done, pattern: str, error: bool = False) -> Number:
    """The share of right test rows of a run, or with `error` of wrong ones, with the t interval over clusters of them.

    Rows of one cluster (a patient, a sheet of drawings) are more alike than others and count as one. Every cluster counts alike.

    Arguments:
        pattern: a regular expression that finds a row's cluster in its id.
    Raises KeyError for ids without one.
    """
    right: dict[str, list[bool]] = {}
    with (one.job.folder / "predictions.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found = re.search(pattern, row["id"])
            if found is None:
                raise KeyError(f"the row {shortened(row['id'])} has no cluster ({pattern})")
            right.setdefault(found.group(), []).append(row["prediction"] == row["truth"])
    shares = [float(np.mean(each)) for each in right.values()]
    value, low, high = t_interval([100 * (1 - share if error else share) for share in shares])
    n = f"{sum(map(len, right.values())):,} test rows in {counted(len(right), 'cluster')}"
    return Number(value, max(low, 0.0), min(high, 100.0), "%", n)


def over_sets_score(done: Sequence[Done], arm: str | None) -> Number:
    """The mean score of an arm over data sets, with its t interval over them."""
    scores = [score(one, arm) for one in done]
    return Number(*t_interval([one.value for one in scores]), scores[0].unit, _sets(done))


def coverage(done: Sequence[Done], level: float = 0.9) -> Number:
    """How many forecasts of curves held the truth: from each three or more measured sizes to each larger one up to 8 times.

    Returns: the share in per cent, with Wilson's interval, in which all forecasts from the same sizes count as one. How far they
    were from the truth on average, and how far their intervals reach, are in the note.
    """
    from sdl_cli.study.curve.forecast import HORIZON, forecast

    inside: list[bool] = []
    missed, reached = [], []
    origins = 0
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
            truth, low, high = np.array([means[k] for k in ahead]), band.low[0], band.high[0]
            inside += [bool(each) for each in (low <= truth) & (truth <= high)]
            missed += list(np.abs(band.mean[0] - truth))
            reached += list((high - low) / 2)
    total = len(inside)
    share = sum(inside) / total if total else math.nan
    low, high = wilson(share * origins if total else 0.0, origins)
    n = f"{counted(total, 'forecast')} from {counted(origins, 'start')}"
    note = f"{sum(inside)} of {total} hold the truth"
    if total and all(one.values["metric"] in PERCENT for one in done):
        off, reach = 100 * float(np.mean(missed)), 100 * float(np.mean(reached))
        note += f", which is {off:.1f} points from the forecast on average; the intervals reach {reach:.1f} to either side"
    return Number(100 * share, 100 * low, 100 * high, "%", n, note)


def of_networks(done: Sequence[Done], key: str) -> Number:
    """What networks that were taken apart have in common: `gain` of averaging (points) or `correlation` of their sub-nets.

    The interval over networks is that of t, for correlations on Fisher's scale (1921), artanh, so that it stays within -1 and 1.
    """
    is_gain = key == "gain"
    scale, unit = (100.0, "points") if is_gain else (1.0, "correlation")
    found = [one.values[key] for one in done if one.values[key]["value"] is not None]
    values = [scale * one["value"] for one in found]
    if len(values) == 1:
        ends = (scale * found[0]["low"], scale * found[0]["high"])
        return Number(values[0], *ends, unit, f"{done[0].job.member}, {found[0]['n']:,} test rows")
    if not values:
        return Number(*NOTHING, unit, _sets(done))
    if is_gain:
        return Number(*t_interval(values), unit, _sets(done))
    _, low, high = np.tanh(t_interval(list(np.arctanh(np.clip(values, -1 + 1e-9, 1 - 1e-9)))))
    return Number(float(np.mean(values)), float(low), float(high), unit, _sets(done))


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
