"""The verdict of a comparison in plain sentences."""

from __future__ import annotations

from typing import Any

from sdl_cli.measure.wording import difference, interval, label, p_value, shown, signed_interval, size
from sdl_cli.phrases import listed

Values = dict[str, Any]
FEW_REPEATS = 6


def verdict(values: Values) -> str:
    """Which arm to use and why, beside ignoring the inputs, the best mean and the baseline, and what else to bear in mind."""
    arms = {arm["name"]: arm for arm in values["arms"]}
    chosen = arms[values["recommended"]]
    sentences = [*_first(values, chosen), *_why(values, arms), *_beside_baseline(values, chosen)]
    sentences += [*_beside_guessing(values, chosen), *_probabilities(values)]
    if (
        values["repeats"] < FEW_REPEATS
        and not values["fixed_test"]
        and any(not arm["measurable"] and not arm["best"] and arm["difference"] != 0 for arm in values["arms"])
    ):
        many = values["repeats"]
        few = "With one split, no difference" if many == 1 else f"With {many} splits, only large differences"
        sentences.append(f"{few} can be told from chance; 10 are usual (compare.num_repeats=10).")
    if values["given_up"]:
        dropped = listed([arm["name"] for arm in values["given_up"]])
        sentences.append(f"Dropped for lack of time: {dropped} (for more time: compare.minutes).")
    if values["failed"]:
        sentences.append(f"Failed and therefore not compared: {listed([arm['name'] for arm in values['failed']])}.")
    return " ".join(sentences)


def _first(values: Values, chosen: Values) -> list[str]:
    metric = values["metric"]
    ends = interval(metric, chosen["low"], chosen["high"], 0.95)
    score = f"{label(metric)} {shown(metric, chosen['mean'])}{f' ({ends})' if ends else ''}"
    if values["majority"]["beaten"] is not False:
        return [f"Use {chosen['name']}: {score}."]
    guess = f"ignoring the inputs ({label(metric)} {shown(metric, values['majority']['mean'])})"
    told = f"No method is measurably better than {guess}."
    if values["repeats"] == 1 and not values["fixed_test"]:
        told = f"One split cannot tell whether any method is better than {guess}."
    return [told, f"If you use one anyway: {chosen['name']}, {score}."]


def _why(values: Values, arms: dict[str, Values]) -> list[str]:
    """How the recommended arm compares with the best mean, and the role of the margin."""
    metric = values["metric"]
    chosen, best, leader = (arms[values[key]] for key in ("recommended", "best", "leader"))
    sentences = []
    if leader is not best:
        but = f"but unlike {leader['name']} it is not measurably better than ignoring the inputs"
        sentences.append(f"{best['name']} has the best mean ({shown(metric, best['mean'])}), {but}.")
    if chosen is not leader:
        sentences.append(_simpler(values, chosen, leader))
    elif leader is best:
        sentences += _best_of(values, arms)
    if chosen is leader and values["majority"]["beaten"] is not False:
        sentences += _not_simpler(values)
    return sentences


def _simpler(values: Values, chosen: Values, leader: Values) -> str:
    metric, behind = values["metric"], chosen["behind"]
    opening = f"{leader['name']} has {'the best' if leader['best'] else 'a better'} mean ({shown(metric, leader['mean'])}), but"
    if values["rule"] == "simplest":
        gap = difference(metric, behind["difference"])
        return (
            f"{opening} the difference ({gap}, adjusted {p_value(behind['p'])}) may be chance, and {chosen['name']} is simpler "
            "(compare.recommend=simplest)."
        )
    worst = size(metric, -behind["plain_low"])
    near = f"{opening} {chosen['name']} is simpler and at most {worst} worse (end of the plain paired 95 % interval)"
    return f"{near}, within the margin of {margin_words(values)}."


def _best_of(values: Values, arms: dict[str, Values]) -> list[str]:
    others = [arm["name"] for arm in values["arms"] if not arm["measurable"] and not arm["best"]]
    if others:
        return [f"It has the best mean; {listed(others)} {'is' if len(others) == 1 else 'are'} not measurably worse."]
    which = "completed method" if values["given_up"] or values["failed"] else "method tried"
    return [f"It is measurably better than every other {which}."] if len(arms) > 1 else []


def _not_simpler(values: Values) -> list[str]:
    """Of the simpler arms that are not measurably worse, the nearest, and by how much it misses the margin."""
    near = [arm for arm in values["arms"] if arm["behind"] is not None and not arm["behind"]["measurable"]]
    near = [arm for arm in near if abs(arm["behind"]["plain_low"] or 0) < 1e300]  # with too few splits it has no end
    if not near or values["repeats"] == 1 and not values["fixed_test"]:
        return []
    arm = max(near, key=lambda one: one["behind"]["plain_low"])
    worst = size(values["metric"], -arm["behind"]["plain_low"])
    far = f"{arm['name']} is simpler, but may be {worst} worse (end of the plain paired 95 % interval)"
    return [f"{far}, over the margin of {margin_words(values)}."]


def _beside_baseline(values: Values, chosen: Values) -> list[str]:
    base, metric, found = values["baseline"], values["metric"], chosen["to_baseline"]
    if base is not None and found is not None:
        told = "not measurably different from"
        if found["measurable"]:
            told = f"measurably {'better' if found['difference'] > 0 else 'worse'} than"
        ends = signed_interval(metric, found["low"], found["high"])
        gap = difference(metric, found["difference"]) + (f", 95 % interval {ends}" if ends else "")
        return [f"It is {told} {_called(base)} ({gap}, adjusted {p_value(found['p'])})."]
    leads = [arm for arm in values["arms"] if arm["to_baseline"] and _is_lead(arm["to_baseline"])]
    if chosen["name"] == base and not leads and any(not arm["measurable"] and not arm["best"] for arm in values["arms"]):
        return ["No method is measurably better than this quick baseline."]
    return []


def _beside_guessing(values: Values, chosen: Values) -> list[str]:
    found, guess = chosen["to_majority"], shown(values["metric"], values["majority"]["mean"])
    if found is None or not values["majority"]["beaten"] or not _is_lead(found):
        return []
    return [f"It is measurably better than ignoring the inputs ({guess}; adjusted {p_value(found['p'])})."]


def _probabilities(values: Values) -> list[str]:
    """Which arms' probabilities are worse than the shares of the classes."""
    guess = (values["majority"]["metrics"].get("log_loss") or {}).get("value")
    if guess is None:
        return []
    losses = {arm["name"]: arm["metrics"]["log_loss"]["value"] for arm in values["arms"]}
    worse = [f"{name} ({shown('log_loss', loss)})" for name, loss in losses.items() if loss is not None and loss > guess + 1e-9]
    shares = shown("log_loss", guess)
    text = f"By log loss, the probabilities of {listed(worse)} are worse than guessing the class shares ({shares})."
    return [text] if worse else []


def margin_words(values: Values) -> str:
    """The margin in the metric's own unit, what it is a part of, and its setting."""
    metric, share, of = values["metric"], values["margin_share"], ""
    if share is not None:
        error = f"what {share['of']} is short of an R2 of 1" if metric == "r2" else f"the {label(metric)} of {share['of']}"
        of = f", {share['per_cent']:g} % of {error}"
    return f"{size(metric, values['margin'])} (compare.margin{of})"


def _called(baseline: str) -> str:
    return "the quick baseline, a random forest" if baseline in ("forest", "baseline") else f"the baseline {baseline}"


def _is_lead(found: Values) -> bool:
    return bool(found["measurable"] and found["difference"] > 0)
