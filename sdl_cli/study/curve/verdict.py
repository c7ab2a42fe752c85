"""What a curve and its forecast mean, and what to do, in a few sentences."""

from __future__ import annotations

from typing import Any

from sdl_cli.measure.wording import PERCENT, interval, label, rounded, shown, size
from sdl_cli.study.curve import caveats
from sdl_cli.study.curve.forecast import HORIZON

Values = dict[str, Any]
OTHER = "another model (sdl curve -m model=...), better inputs or cleaner labels"


def verdict(values: Values) -> str:
    """What twice the labels (or the numbers asked for) would bring, how many the target needs, and what to do."""
    if not values["forecast"]:
        return "There is no forecast: it needs scores at 3 sizes or more."
    if values["falls"] is not None:
        return (
            f"With all {values['points'][-1]['size']:,} labels the {label(values['metric'])} is worse than with "
            f"{values['falls']:,}: find out why (labels, split, settings, or a score that is an error) before you label "
            "more. The forecast assumes that labels do no harm, so it says nothing here."
        )
    return " ".join(filter(None, [*_expected(values), _needed(values), _advice(values)]))


def _expected(values: Values) -> list[str]:
    """A sentence for twice the labels, or for each size that was asked for."""
    metric, now = values["metric"], values["now"]
    asked = values["forecast"][:3] if values["at_given"] else [values["twice"]]
    sentences = []
    for row in asked:
        many = f"{row['size']:,} labels" if values["at_given"] else f"twice the labels ({row['size']:,})"
        ends = interval(metric, row["low"], row["high"], values["level"])
        text = f"With {many} expect {label(metric)} {shown(metric, row['mean'])} ({ends})"
        if row["size"] <= values["points"][-1]["size"]:
            sentences.append(f"{text}.")
        elif caveats.is_small(values, (row["mean"] - now) * (1 if values["higher_is_better"] else -1)):
            sentences.append(f"{text}: the fitted curve hardly moves from today's {shown(metric, now)}.")
        else:
            way = f"{size(metric, row['mean'] - now)} {'lower' if row['mean'] < now else 'higher'}"
            sentences.append(f"{text}, {way} than today's fitted {shown(metric, now)}.")
    return sentences


def _needed(values: Values) -> str:
    """How many labels the target needs; a target the user did not set is an example."""
    found, metric, largest = values["labels_needed"], values["metric"], values["points"][-1]["size"]
    if found is None:
        return ""
    target = shown(metric, found["target"]) if metric in PERCENT else f"{label(metric)} {found['target']:g}"
    target = target if found["given"] else f"For example, {target}"
    if caveats.cannot_be_told(values):
        return f"{target} cannot be told apart from today's score on {values['test_rows']:,} test rows: add test rows first."
    if found["reachable"] == "no":
        near = shown(metric, found["levels_off_at"])
        return f"{target} is out of reach with more of the same data: the curve levels off near {near}."
    horizon = f"more than {int(HORIZON * largest):,}"
    if found["reachable"] == "beyond":
        return f"{target} needs {horizon} labels, {HORIZON:g} times what was measured: too far to plan for."
    if found["mid"] <= largest:
        first = " (the fewest measured)" if found["mid"] <= values["points"][0]["size"] else ""
        return f"{target} is reached with about {rounded(found['mid'])} labels{first}, which you have."
    last = values["points"][-1]["mean"]
    if _was_measured(values):
        now = f"{target} was measured already with {largest:,} labels ({shown(metric, last)})"
        return f"{now}; the fitted curve reaches it at about {rounded(found['mid'])}."
    low = "hardly more than now" if found["low"] <= 1.02 * largest else rounded(found["low"], largest)
    high = rounded(found["high"], largest) if found["high"] is not None else horizon
    level = f"{100 * values['level']:g} % interval"
    return f"{target} needs about {rounded(found['mid'], largest)} labels ({level}: {low} to {high})."


def _was_measured(values: Values) -> bool:
    last, target = values["points"][-1]["mean"], values["labels_needed"]["target"]
    return bool(last == target or (last > target) == values["higher_is_better"])


def _advice(values: Values) -> str:
    """The next step."""
    found, largest = values["labels_needed"], values["points"][-1]["size"]
    if found is None or not found["given"]:
        return _worth(values)
    if caveats.cannot_be_told(values):
        return ""
    if found["reachable"] == "no" or found["reachable"] == "beyond" and caveats.is_flat(values):
        return f"Try {OTHER}."
    if found["reachable"] == "beyond":
        return f"Label {largest:,} more and measure again, or try {OTHER}."
    if found["mid"] <= largest or _was_measured(values):
        return "For this target there is no need to label more."
    return f"Label about {rounded(min(found['mid'] - largest, largest))} more, then measure again."


def of_twice(values: Values) -> Values:
    """What twice the labels would bring, the same for a curve and for the curve of a comparison.

    Returns:
        `{"gain", "sure", "sentence"}`: over the fitted score of now, positive is better; whether it is more than next to nothing
        and the whole interval of the forecast is better than now; and both in words, with what to do.
    """
    sure = values["falls"] is None and not caveats.is_flat(values) and caveats.is_sure(values)
    if values["falls"] is not None:
        sentence = verdict(values)
    else:
        sentence = f"{_expected({**values, 'at_given': False})[0]} {_worth(values)}"
    return {"gain": caveats.gain(values), "sure": sure, "sentence": sentence}


def _worth(values: Values) -> str:
    """Whether to label more, where no target was asked for."""
    if caveats.is_at_ceiling(values):
        return "Enlarge the test part before you label more: this one cannot show whether it helps."
    if caveats.is_flat(values):
        return f"Labelling more of the same will hardly help: try {OTHER}."
    if not caveats.is_sure(values):
        return "That gain may be chance: run more repeats before you label anything."
    return f"If that gain is worth it, label the next {values['points'][-1]['size']:,}, then measure again."
