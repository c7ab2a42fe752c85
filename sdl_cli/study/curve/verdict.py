"""What a curve and its forecast mean, and what to do, in a few sentences."""

from __future__ import annotations

import dataclasses

from sdl_cli.measure.wording import PERCENT, interval, label, rounded, shown, size
from sdl_cli.study.curve import caveats
from sdl_cli.study.curve.forecast import HORIZON
from sdl_cli.study.curve.result import Draft, Twice

OTHER = "another model (sdl curve -m model=...), better inputs or cleaner labels"


def verdict(curve: Draft) -> str:
    """What twice the labels (or the numbers asked for) would bring, how many the target needs, and what to do."""
    if not curve.forecast:
        return "There is no forecast: it needs scores at 3 sizes or more."
    if curve.falls is not None:
        return (
            f"With all {curve.last.size:,} labels the {label(curve.metric)} is worse than with "
            f"{curve.falls:,}: find out why (labels, split, settings, or a score that is an error) before you label "
            "more. The forecast assumes that labels do no harm, so it says nothing here."
        )
    return " ".join(filter(None, [*_expected(curve), _needed(curve), _advice(curve)]))


def _expected(curve: Draft) -> list[str]:
    """A sentence for twice the labels, or for each size that was asked for."""
    metric, now = curve.metric, curve.now
    asked = curve.forecast[:3] if curve.at_given or curve.twice is None else (curve.twice,)
    sentences = []
    assert now is not None
    for row in asked:
        many = f"{row.size:,} labels" if curve.at_given else f"twice the labels ({row.size:,})"
        ends = interval(metric, row.low, row.high, curve.level)
        text = f"With {many} expect {label(metric)} {shown(metric, row.mean)} ({ends})"
        if row.size <= curve.last.size:
            sentences.append(f"{text}.")
        elif caveats.is_small(curve, (row.mean - now) * (1 if curve.higher_is_better else -1)):
            sentences.append(f"{text}: the fitted curve hardly moves from today's {shown(metric, now)}.")
        else:
            way = f"{size(metric, row.mean - now)} {'lower' if row.mean < now else 'higher'}"
            sentences.append(f"{text}, {way} than today's fitted {shown(metric, now)}.")
    return sentences


def _needed(curve: Draft) -> str:
    """How many labels the target needs; a target the user did not set is an example."""
    found, metric, largest = curve.labels_needed, curve.metric, curve.last.size
    if found is None:
        return ""
    target = shown(metric, found.target) if metric in PERCENT else f"{label(metric)} {found.target:g}"
    target = target if found.given else f"For example, {target}"
    if caveats.cannot_be_told(curve):
        return f"{target} cannot be told apart from today's score on {curve.test_rows:,} test rows: add test rows first."
    if found.reachable == "no":
        near = shown(metric, found.levels_off_at)
        return f"{target} is out of reach with more of the same data: the curve levels off near {near}."
    horizon = f"more than {int(HORIZON * largest):,}"
    if found.reachable == "beyond" or found.mid is None:
        return f"{target} needs {horizon} labels, {HORIZON:g} times what was measured: too far to plan for."
    if found.mid <= largest:
        first = " (the fewest measured)" if found.mid <= curve.points[0].size else ""
        return f"{target} is reached with about {rounded(found.mid)} labels{first}, which you have."
    last = curve.last.mean
    if _was_measured(curve):
        now = f"{target} was measured already with {largest:,} labels ({shown(metric, last)})"
        return f"{now}; the fitted curve reaches it at about {rounded(found.mid)}."
    assert found.low is not None  # the better end of the interval is there before the mean
    low = "hardly more than now" if found.low <= 1.02 * largest else rounded(found.low, largest)
    high = rounded(found.high, largest) if found.high is not None else horizon
    level = f"{100 * curve.level:g} % interval"
    return f"{target} needs about {rounded(found.mid, largest)} labels ({level}: {low} to {high})."


def _was_measured(curve: Draft) -> bool:
    last, found = curve.last.mean, curve.labels_needed
    return found is not None and (last == found.target or (last > found.target) == curve.higher_is_better)


def _advice(curve: Draft) -> str:
    """The next step."""
    found, largest = curve.labels_needed, curve.last.size
    if found is None or not found.given:
        return _worth(curve)
    if caveats.cannot_be_told(curve):
        return ""
    if found.reachable == "no" or found.reachable == "beyond" and caveats.is_flat(curve):
        return f"Try {OTHER}."
    if found.reachable == "beyond" or found.mid is None:
        return f"Label {largest:,} more and measure again, or try {OTHER}."
    if found.mid <= largest or _was_measured(curve):
        return "For this target there is no need to label more."
    return f"Label about {rounded(min(found.mid - largest, largest))} more, then measure again."


def of_twice(curve: Draft) -> Twice:
    """What twice the labels would bring, the same for a curve and for the curve of a comparison.

    The gain is over the fitted score of now, positive is better; it is sure where it is more than next to nothing and the whole
    interval of the forecast is better than now. The sentence says both, and what to do.
    """
    assert curve.twice is not None
    sure = curve.falls is None and not caveats.is_flat(curve) and caveats.is_sure(curve)
    if curve.falls is not None:
        sentence = verdict(curve)
    else:
        sentence = f"{_expected(dataclasses.replace(curve, at_given=False))[0]} {_worth(curve)}"
    return dataclasses.replace(curve.twice, gain=caveats.gain(curve), sure=sure, sentence=sentence)


def _worth(curve: Draft) -> str:
    """Whether to label more, where no target was asked for."""
    if caveats.is_at_ceiling(curve):
        return "Enlarge the test part before you label more: this one cannot show whether it helps."
    if caveats.is_flat(curve):
        return f"Labelling more of the same will hardly help: try {OTHER}."
    if not caveats.is_sure(curve):
        return "That gain may be chance: run more repeats before you label anything."
    return f"If that gain is worth it, label the next {curve.last.size:,}, then measure again."
