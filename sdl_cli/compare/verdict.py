"""What a comparison comes to, in plain sentences."""

from __future__ import annotations

from typing import Any

from sdl_cli.report.words import PERCENT, label, shown

Values = dict[str, Any]
FEW_REPEATS = 6


def verdict(values: Values) -> str:
    """Which arm is best, which to use and why, and what the baseline has to say to that."""
    arms = {arm["name"]: arm for arm in values["arms"]}
    best, chosen = arms[values["best"]], arms[values["recommended"]]
    metric = values["metric"]
    name = label(metric)
    sentences = [f"Use {chosen['name']}: {name} {shown(metric, chosen['mean'])}{_interval(metric, chosen)}."]
    alike = [arm["name"] for arm in values["arms"] if not arm["measurable"]]
    if chosen is not best:
        gap = points(metric, chosen["difference"])
        if chosen["difference"] == 0:
            sentences.append(f"It is as good as {best['name']}, and simpler.")
        else:
            sentences.append(
                f"{best['name']} has the best mean ({shown(metric, best['mean'])}), but the difference ({gap}, adjusted "
                f"{p_value(chosen['p'])}) can be chance, and {chosen['name']} is simpler."
            )
    elif len(alike) > 1:
        others = [other for other in alike if other != best["name"]]
        sentences.append(f"It has the best mean; {listed(others)} {_are(others)} not measurably worse.")
    elif len(arms) > 1:
        which = "every other method that was complete" if values["given_up"] or values["failed"] else "every other method tried"
        sentences.append(f"It is measurably better than {which}.")
    base = values["baseline"]
    if base is not None and chosen["to_baseline"] is not None:
        found = chosen["to_baseline"]
        told = (
            f"measurably {'better' if found['difference'] > 0 else 'worse'} than"
            if found["measurable"]
            else "not measurably different from"
        )
        ends = _ends(metric, found["low"], found["high"])
        sentences.append(
            f"It is {told} {_called(base)} ({points(metric, found['difference'])}{ends}, adjusted {p_value(found['p'])})."
        )
    elif (
        chosen["name"] == base
        and len(alike) > 1
        and not any(arm["to_baseline"] and _is_lead(arm["to_baseline"]) for arm in values["arms"])
    ):
        sentences.append("No method is measurably better than this quick baseline.")
    floor = values["majority"]["mean"]
    if chosen["low"] is not None and chosen["high"] is not None and chosen["low"] <= floor <= chosen["high"]:
        sentences.append(f"That is no better than ignoring the inputs ({shown(metric, floor)}) as far as can be told.")
    if (
        values["repeats"] < FEW_REPEATS
        and not values["fixed_test"]
        and any(not arm["measurable"] and not arm["best"] and arm["difference"] != 0 for arm in values["arms"])
    ):
        few = "one split nothing" if values["repeats"] == 1 else f"{values['repeats']} splits only a large difference"
        sentences.append(f"With {few} can be told from chance; 10 are usual (compare.num_repeats=10).")
    if values["given_up"]:
        given_up = listed([arm["name"] for arm in values["given_up"]])
        sentences.append(f"Given up for lack of time: {given_up} (more time: compare.minutes).")
    if values["failed"]:
        sentences.append(f"Failed, and so not compared: {listed([arm['name'] for arm in values['failed']])}.")
    return " ".join(sentences)


def points(metric: str, difference: float) -> str:
    """`+1.7 points` of a metric in per cent, or `+0.12` in its own unit; positive is better."""
    if metric in PERCENT:
        text = f"{100 * difference:+.1f}"
        return ("0.0" if text in ("-0.0", "+0.0") else text) + " points"
    return f"{difference:+.3g}"


def p_value(p: float) -> str:
    """`p = 0.023`, `p < 0.001`: three digits, and no more certainty than that."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def listed(names: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _called(baseline: str) -> str:
    return "the quick baseline, a random forest" if baseline == "baseline" else f"the baseline {baseline}"


def _are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _is_lead(difference: Values) -> bool:
    return bool(difference["measurable"] and difference["difference"] > 0)


def _interval(metric: str, arm: Values) -> str:
    low, high = arm["low"], arm["high"]
    if low is None or high is None or not all(abs(end) < 1e300 for end in (low, high)):
        return ""
    return f" (95 % interval {shown(metric, low, unit=False)} to {shown(metric, high, unit=False)})"


def _ends(metric: str, low: float | None, high: float | None) -> str:
    if low is None or high is None or not all(abs(end) < 1e300 for end in (low, high)):
        return ""
    if metric in PERCENT:
        return f", 95 % interval {100 * low:+.1f} to {100 * high:+.1f}"
    return f", 95 % interval {low:+.3g} to {high:+.3g}"
