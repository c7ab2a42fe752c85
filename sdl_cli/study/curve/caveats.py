"""What to bear in mind when reading a curve: falls, few sizes, few test rows, flat curves, scores no better than guessing."""

from __future__ import annotations

import itertools
import math

import numpy as np

from sdl_cli.measure.metrics import RANGE
from sdl_cli.measure.wording import PERCENT, difference, label, shown, size
from sdl_cli.phrases import counted
from sdl_cli.study.curve.forecast import HORIZON, usual_deviation
from sdl_cli.study.curve.points import Points
from sdl_cli.study.curve.result import Draft

FEW_SIZES = 4
FLAT = 0.002  # a forecast gain below this is none, in units of an error rate (or as a fraction of another error)


def warnings(points: Points, curve: Draft) -> list[str]:
    """One sentence for each thing to bear in mind, of a draft that has all else but its verdict."""
    found = [
        _not_monotone(points, curve),
        _no_better_than_guessing(points, curve),
        *_few(points, curve),
        _small_test(points, curve),
        _ceiling_or_flat(curve),
        _far(curve),
    ]
    return [sentence for sentence in found if sentence]


def noise_floor(metric: str, score: float, noise_rows: float | None) -> float | None:
    """Standard error sqrt(p (1 - p) / n) of an accuracy on n test rows, below which one split cannot see; None for other metrics.

    If all rows are right (or wrong), p is (n + 1) / (n + 2), Laplace's rule of succession, and not 1. For balanced accuracy,
    the mean of K recalls, n (`noise_rows`) is K^2 / sum of 1 / n_k over the K classes.
    """
    if noise_rows is None or metric not in ("accuracy", "balanced_accuracy"):
        return None
    p = min(max(score, 1 / (noise_rows + 2)), (noise_rows + 1) / (noise_rows + 2))
    return math.sqrt(p * (1 - p) / noise_rows)


def falls(points: Points, curve: Draft) -> list[tuple[int, int, float, float]]:
    """Pairs of sizes where more labels gave a score worse beyond noise, the clearest first.

    The noise is the standard error of the paired difference, by Student's t (two standard errors, and more for few repeats),
    and at least that of so many test rows; with one repeat it is what is usual. Each is given as the smaller size, the larger
    one, the difference, and its standard error.
    """
    sign = 1 if curve.higher_is_better else -1
    found = []
    for earlier, later in itertools.combinations(points.sizes, 2):
        change, error, factor = _change(points, curve, earlier, later)
        least = 1e-9 * (1.0 if points.metric in PERCENT else abs(points.means[-1]))  # the target's unit decides the scale
        if error is not None and sign * change < -max(factor * error, least):
            found.append((sign * change + factor * error, (earlier, later, change, error)))
    return [pair for _, pair in sorted(found)]


def asked_difference(curve: Draft) -> float | None:
    """How far the target is from the last score, if the test part may be too small to see that; otherwise None."""
    found = curve.labels_needed
    if curve.noise_floor is None or found is None or (found.mid is not None and found.mid <= curve.last.size):
        return None
    return abs(found.target - curve.last.mean)


def cannot_be_told(curve: Draft) -> bool:
    """Whether the target is nearer to the last score than the noise of its test rows."""
    asked = asked_difference(curve)
    return asked is not None and asked < mean_noise(curve)


def mean_noise(curve: Draft) -> float:
    """The noise floor of the mean over repeats: repeats on the same test rows do not lower it."""
    assert curve.noise_floor is not None
    return curve.noise_floor / math.sqrt(1 if curve.same_test_rows else curve.last.repeats)


def gain(curve: Draft, end: str = "mean") -> float:
    """What the fitted curve gains from now to twice the labels (or an `end` of its interval), positive is better."""
    sign = 1.0 if curve.higher_is_better else -1.0
    return sign * float(getattr(curve.twice, end) - curve.now)


def is_flat(curve: Draft) -> bool:
    """Whether twice the labels would gain almost nothing."""
    return is_small(curve, gain(curve))


def is_sure(curve: Draft) -> bool:
    """Whether the whole interval of the forecast at twice the labels is better than the current fitted score."""
    return all(gain(curve, end) > 0 for end in ("low", "high"))


def is_small(curve: Draft, better: float) -> bool:
    """Whether an improvement (positive is better) is almost nothing."""
    best = 1.0 if curve.higher_is_better else 0.0
    size = 1.0 if curve.now is None or curve.metric in PERCENT else abs(best - curve.now) or 1.0
    return better < FLAT * size


def _change(points: Points, curve: Draft, earlier: int, later: int) -> tuple[float, float | None, float]:
    """Difference of the scores at two sizes, its standard error, and how many of them count as noise."""
    change, error = points.difference(earlier, later)
    means = [float(np.mean(list(points.scores[size].values()))) for size in (earlier, later)]
    repeats = len(points.pairs(earlier, later))
    if repeats < 2:  # not paired: each mean has its own
        repeats = min(len(points.scores[earlier]), len(points.scores[later]))
    floors = [noise_floor(points.metric, p, curve.noise_rows) or 0.0 for p in means]
    floor = math.hypot(*floors) / math.sqrt(1 if curve.same_test_rows else repeats)
    if error is None:
        if RANGE[points.metric] != (0.0, 1.0):
            return change, None, 2.0
        sizes = np.array([earlier, later], float)
        usual = usual_deviation(sizes, np.array([means]))[0]
        return change, max(math.hypot(*usual), floor), 2.0
    from scipy.special import stdtrit

    factor = float(stdtrit(repeats - 1, 0.97725)) if error > 0 else 2.0
    return (change, error, factor) if factor * error >= 2 * floor else (change, floor, 2.0)


def _not_monotone(points: Points, curve: Draft) -> str:
    found = falls(points, curve)
    if not found:
        return ""
    earlier, later, change, error = found[0]
    by = f"{difference(points.metric, change)}, standard error {size(points.metric, error, unit=False)}"
    worse = f"with {later:,} labels the {label(points.metric)} is worse than with {earlier:,} ({by})"
    return f"The curve is not monotone: {worse}. The forecast assumes that more labels do not harm."


def _no_better_than_guessing(points: Points, curve: Draft) -> str:
    last, guess = curve.last, curve.last.majority
    if guess is None:
        return ""
    sign = 1 if curve.higher_is_better else -1
    noise = max(2 * (last.se or 0.0), 2 * mean_noise(curve) if curve.noise_floor is not None else 0.0)
    if sign * (last.mean - guess) > noise:
        return ""
    text = (
        f"With all {last.size:,} labels, the {label(points.metric)} ({shown(points.metric, last.mean)}) is no different, "
        f"within noise, from ignoring the inputs ({shown(points.metric, guess)})."
    )
    more = " One class makes up most rows: curve.metric=balanced_accuracy tells you more."
    return text + (more if points.metric == "accuracy" and guess > 0.6 else "")


def _few(points: Points, curve: Draft) -> list[str]:
    """Few sizes, and few repeats."""
    num, said = len(points.sizes), []
    if not curve.forecast:
        return [f"Only {counted(num, 'size')} could be measured, but a forecast needs 3."] if num < FEW_SIZES else []
    if num < FEW_SIZES:
        said.append(f"Only {num} sizes were measured: a forecast from so few is rough, and its interval allows for that.")
    if min(points.repeats) == 1:
        many = "One repeat" if max(points.repeats) == 1 else "A single repeat at some sizes"
        said.append(f"{many}: the spread between splits was not measured, so the interval uses a typical one.")
    return said


def _small_test(points: Points, curve: Draft) -> str:
    """A warning if the requested difference is lost in the noise of few test rows."""
    asked, floor = asked_difference(curve), curve.noise_floor
    if asked is None or floor is None or curve.test_rows is None or asked >= 2 * floor:
        return ""
    metric = points.metric
    formula = "sqrt(p(1-p)/n)" if metric == "accuracy" else "from the recalls of its classes"
    more = "More test rows" if curve.same_test_rows else "A larger dataset.test_fraction"
    steady = ""
    if not curve.same_test_rows and max(points.repeats) > 1:
        off = size(metric, mean_noise(curve))
        steady = f" The mean over {max(points.repeats)} repeats can be off by {off}; more repeats help too."
    return (
        f"The test part of {curve.test_rows:,} rows is small for this question: its score can be off by "
        f"{size(metric, floor)} by chance ({formula}), and the target is {size(metric, asked)} away. "
        f"{more} would help.{steady}"
    )


def is_at_ceiling(curve: Draft) -> bool:
    """Whether nothing was wrong at the largest size, so that this test part can show no gain."""
    return curve.metric in PERCENT and curve.last.mean >= 1


def _ceiling_or_flat(curve: Draft) -> str:
    if is_at_ceiling(curve):
        rows = f" of {curve.test_rows:,} rows" if curve.test_rows else ""
        return f"Already 100 %: the test part{rows} cannot show a further gain. More test rows would, or curve.metric=log_loss."
    if curve.forecast and curve.falls is None and is_flat(curve):
        return "The curve is flat: twice the labels would bring almost nothing."
    return ""


def _far(curve: Draft) -> str:
    horizon = HORIZON * curve.last.size
    far = [row.size for row in curve.forecast if row.size > horizon]
    never = f"labels are more than {HORIZON:g} times what was measured: forecasts that far ahead have never been checked."
    return f"{min(far):,} {never}" if far else ""
