"""What a report says first, in plain sentences: how good, how sure, against what, and whether probabilities can be believed."""

from __future__ import annotations

from typing import Any

from sdl_cli.measure import wording
from sdl_cli.measure.metrics import main_metric
from sdl_cli.phrases import counted, listed
from sdl_cli.report import words
from sdl_cli.report.html.sweep import Sweep

Values = dict[str, Any]
_CALIBRATED = 0.05  # calibration error up to which probabilities are near enough to what happens


def run_verdict(values: Values, by_chance: float = 0.0) -> list[str]:
    """Sentences on one run, or on one repeated over several splits.

    Arguments:
        values: of `metrics.json`.
        by_chance: calibration error that chance alone can give on as many rows (`reliability.error_by_chance`).
    """
    test, repeats = values["metrics"]["test"], values.get("repeats", 1)
    metric = main_metric(test)
    over = f"over {repeats:,} splits" if repeats > 1 else f"on {test[metric]['n']:,} test rows"
    first = f"{_capital(wording.label(metric))} {_score(metric, test[metric])} {over}."
    return [
        first,
        _against_baseline(values, metric),
        *([_calibration(test["calibration_error"], by_chance)] if "calibration_error" in test else []),
    ]


def sweep_verdict(sweep: Sweep) -> list[str]:
    """Sentences on a sweep of runs: the best by validation, or why none is named."""
    done, failed = len(sweep.done), len(sweep.failed)
    said = []
    if sweep.best is not None and sweep.metric is not None:
        best, metric = sweep.best, sweep.metric
        said.append(f"Best by validation score: {best.name}, with test {wording.label(metric)} {_score(metric, best.test)}.")
        said.append("It was chosen on validation rows; its test score was not looked at for the choice.")
    elif len(sweep.groups) == 1 and sweep.metric is not None:
        group = sweep.groups[0]
        said.append(
            f"Test {wording.label(sweep.metric)} {_score(sweep.metric, group.test)} over {counted(len(group.jobs), 'job')}."
        )
    elif sweep.metric is None:
        said.append(f"{done} jobs of different data or tasks: their scores cannot be ranked.")
    else:
        said.append(f"{done} jobs are listed by their test score, and no best one is named.")
        said.append(
            "No validation scores were kept for all of them. Picking the job with the best test score would flatter it: "
            "chance alone puts one of many ahead. sdl compare chooses on separate rows and says which differences are real."
        )
    if failed:
        said.append(not_finished(failed, done, "job"))
    return said


def not_finished(failed: int, done: int, unit: str) -> str:
    """How many of a sweep's jobs did not finish."""
    return f"{failed} of {counted(done + failed, unit)} did not finish; they are named below."


def curve_verdict(values: Values) -> list[str]:
    """The verdict of a learning curve, and which cells it lacks."""
    failed = len(values.get("failed", []))
    return [
        *_sentences(values["verdict"]),
        *([f"{failed} of its measurements failed and are missing from it."] if failed else []),
    ]


def comparison_verdict(values: Values) -> list[str]:
    """The verdict of a comparison, and what more labels would bring."""
    said = _sentences(values["verdict"])
    more = (values.get("more_labels") or {}).get("sentence")
    said += [more] if more and more not in values["verdict"] else []
    failed = values.get("failed") or []
    return [*said, *([f"Failed, and not in the ranking: {listed([item['name'] for item in failed])}."] if failed else [])]


def _sentences(text: str) -> list[str]:
    """The first sentence alone, and the rest in one piece."""
    first, stop, rest = text.partition(". ")
    return [first + ".", rest] if stop and rest else [text]


def _score(metric: str, value: Values) -> str:
    ends = wording.interval(metric, value["low"], value["high"], 0.95)
    return wording.shown(metric, value["value"]) + (f" ({ends})" if ends else "")


def _against_baseline(values: Values, metric: str) -> str:
    guess = f"ignoring the inputs gives {wording.shown(metric, values['majority']['test'][metric]['value'])}"
    sentence, judged, _ = words.lift_words(values)
    if values["lift"] is None:
        return f"This is the quick baseline itself{f', and {judged}' if judged else ''}; {guess}."
    other = values["baseline"]
    named = f"the quick baseline ({other['name']}, {wording.shown(metric, other['test'][metric]['value'])})"
    if not judged:
        return f"How it compares with {named} is undefined; {guess}."
    judged, _, also = judged.partition(", and ")
    opening = f"It is {judged} than" if judged.startswith("measurably") else "There is no measurable difference to"
    return f"{opening} {named}: {sentence}{f', and {also}' if also else ''}; {guess}."


def _calibration(value: Values, by_chance: float) -> str:
    error, low, high = value["value"], value["low"], value["high"]
    if error is None:
        return "Whether its probabilities can be believed is undefined."
    ends = "" if low is None or high is None else f", 95 % interval {100 * low:.1f} to {100 * high:.1f}"
    off = f"they are off by {wording.size('accuracy', error)} on average{ends}"
    if high is not None and high <= _CALIBRATED:
        return f"Its probabilities can be taken at their word: {off}."
    if error <= by_chance:
        chance = f"on so few rows chance alone can give up to {wording.size('accuracy', by_chance)}"
        return f"Whether its probabilities can be taken at their word cannot be told: {off}, and {chance}."
    if low is not None and low > _CALIBRATED:
        return f"Its probabilities should not be taken at their word: {off}."
    return f"Its probabilities are roughly right, as far as these rows can tell: {off}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
