"""What a curve and its forecast mean, in words."""

from __future__ import annotations

import itertools
import math
from typing import Any

from sdl_cli.curve.forecast import HORIZON
from sdl_cli.curve.points import Points
from sdl_cli.report.words import PERCENT, label, shown

Values = dict[str, Any]
FEW_SIZES = 4
FLAT = 0.002  # a forecast gain below this is none, in units of an error rate (or as a fraction of another error)


def verdict(values: Values) -> str:
    """What twice the labels would bring, how many the target needs, and what to do.

    Arguments:
        values: as `summary.summarise` fills them, with the forecast at twice the largest size under `twice`.
    """
    if not values["forecast"]:
        return "There is no forecast: it needs scores at 3 sizes or more."
    if values["falls"] is not None:
        return (
            f"With all {values['points'][-1]['size']:,} labels the {label(values['metric'])} is worse than with "
            f"{values['falls']:,}: find out why (labels, split, settings) before you label more. The forecast, which assumes "
            "that labels do not harm, says nothing here."
        )
    return " ".join(filter(None, [_twice(values), _needed(values)]))


def warnings(points: Points, values: Values) -> list[str]:
    """What to bear in mind when reading the curve, one sentence each.

    Arguments:
        values: as for `verdict`; without a forecast where there are fewer than 3 sizes.
    """
    found = [
        _not_monotone(points, values["higher_is_better"]),
        _few(points, values),
        _one_repeat(points, values),
        _small_test(points, values),
        _flat(values),
    ]
    return [sentence for sentence in found if sentence]


def rounded(size: float, least: int = 0) -> str:
    """A number of labels to two figures, since no forecast knows more: 6,100; exact where that would be below `least`."""
    digits = max(0, math.floor(math.log10(size)) - 1)
    short = int(round(size, -digits))
    return f"{short if short >= least else math.ceil(size):,}"


def difference(metric: str, value: float) -> str:
    """A difference of two scores: `+0.9 points`, or in the metric's own unit."""
    if metric in PERCENT:
        return f"{100 * value:+.1f} points"
    return f"{value:+.3g}"


def _twice(values: Values) -> str:
    metric, last, twice = values["metric"], values["points"][-1], values["twice"]
    interval = f"{shown(metric, twice['low'], unit=False)} to {shown(metric, twice['high'], unit=False)}"
    gain = f"{difference(metric, twice['mean'] - last['mean'])}."
    if (twice["mean"] > last["mean"]) != values["higher_is_better"]:
        gain = f"no more than the {shown(metric, last['mean'])} measured."
    return (
        f"With twice the labels ({twice['size']:,}) expect {label(metric)} {shown(metric, twice['mean'])} "
        f"({100 * values['level']:g} % interval {interval}), {gain}"
    )


def _needed(values: Values) -> str:
    found, metric, largest = values["labels_needed"], values["metric"], values["points"][-1]["size"]
    if found is None:
        return ""
    target = shown(metric, found["target"]) if metric in PERCENT else f"{label(metric)} {found['target']:g}"
    horizon = f"more than {int(HORIZON * largest):,}"
    if found["reachable"] == "no":
        near = shown(metric, found["levels_off_at"])
        return (
            f"{target} is not reachable by more of the same data: the curve levels off near {near}. "
            "Try another model, better inputs or cleaner labels."
        )
    if found["reachable"] == "beyond":
        luck = f" (with luck about {rounded(found['low'], largest)})" if found["low"] is not None else ""
        far = f"{HORIZON:g} times what was measured: too far to plan for. Try another model first."
        return f"{target} needs {horizon} labels{luck}, {far}"
    if found["mid"] <= largest:
        return f"{target} is reached with about {rounded(found['mid'])} labels, which you have."
    last = values["points"][-1]["mean"]
    if last == found["target"] or (last > found["target"]) == values["higher_is_better"]:
        now = f"{target} was measured already with {largest:,} labels ({shown(metric, last)})"
        return f"{now}; the fitted curve reaches it at about {rounded(found['mid'])}."
    high = rounded(found["high"], largest) if found["high"] is not None else horizon
    needed = f"{target} needs about {rounded(found['mid'], largest)} labels ({rounded(found['low'], largest)} to {high})"
    if found["mid"] <= 2 * largest:
        return f"{needed}."
    return f"{needed}: plan the first {largest:,} more, then measure again."


def falls(points: Points, higher_is_better: bool) -> list[tuple[int, int, float]]:
    """Sizes and difference of all pairs where more labels gave a score worse by over two standard errors, the clearest first."""
    sign = 1 if higher_is_better else -1
    found = []
    for earlier, later in itertools.combinations(points.sizes, 2):
        change, error = points.difference(earlier, later)
        if error is not None and sign * change < -max(2 * error, 1e-9):
            found.append((sign * change + 2 * error, earlier, later, change))
    return [pair[1:] for pair in sorted(found)]


def _not_monotone(points: Points, higher_is_better: bool) -> str:
    found = falls(points, higher_is_better)
    if not found:
        return ""
    earlier, later, change = found[0]
    return (
        f"The curve is not monotone: with {later:,} labels the {label(points.metric)} is worse than with {earlier:,} "
        f"({difference(points.metric, change)}, more than 2 standard errors). The forecast assumes that more labels do not harm."
    )


def _few(points: Points, values: Values) -> str:
    num = len(points.sizes)
    if num >= FEW_SIZES:
        return ""
    if not values["forecast"]:
        return f"Only {num} size{'s' if num != 1 else ''} could be measured, and a forecast needs 3."
    return f"Only {num} sizes were measured: a forecast from so few is rough, and its interval allows for that."


def _one_repeat(points: Points, values: Values) -> str:
    if min(points.repeats) > 1 or not values["forecast"]:
        return ""
    many = "One repeat" if max(points.repeats) == 1 else "A single repeat at some sizes"
    return f"{many}: the spread between splits was not measured, and the interval takes what is usual instead."


def _small_test(points: Points, values: Values) -> str:
    """A test part on which the asked difference drowns in the noise of its few rows."""
    floor, found, last = values["noise_floor"], values["labels_needed"], points.means[-1]
    if floor is None or found is None:
        return ""
    asked = abs(found["target"] - last)
    if asked >= 2 * floor or found["reachable"] == "yes" and found["mid"] <= points.sizes[-1]:
        return ""
    repeats = "" if values["same_test_rows"] or max(points.repeats) == 1 else "; the mean over repeats is steadier"
    return (
        f"The test part of {values['test_rows']:,} rows is small for this question: its noise floor is {100 * floor:.1f} points "
        f"(sqrt(p(1-p)/n)), and the target is {100 * asked:.1f} points away{repeats}."
    )


def _flat(values: Values) -> str:
    if not values["forecast"]:
        return ""
    gain = abs(values["twice"]["mean"] - values["points"][-1]["mean"])
    last, metric = values["points"][-1]["mean"], values["metric"]
    best = 1.0 if values["higher_is_better"] else 0.0
    size = 1.0 if metric in PERCENT else max(abs(best - last), 1e-12)
    change = (values["twice"]["mean"] - last) * (1 if values["higher_is_better"] else -1)
    if change >= FLAT * size:
        return ""
    lucky = "" if gain < FLAT * size else " (the last point is better than the fitted curve, perhaps by luck)"
    return f"The curve is flat: twice the labels are expected to bring next to nothing{lucky}."
