"""What a report says first, in plain sentences: how good, how sure, against what, and whether probabilities can be believed."""

from __future__ import annotations

import math

from sdl_cli.measure import wording
from sdl_cli.measure.metrics import Measured, main_metric
from sdl_cli.phrases import counted, listed
from sdl_cli.report import words
from sdl_cli.report.html.sweep import Sweep
from sdl_cli.run.result import RunResult
from sdl_cli.study.compare.result import ComparisonResult
from sdl_cli.study.curve.result import CurveResult

_CALIBRATED = 0.05  # calibration error up to which probabilities are near enough to what happens


def run_verdict(result: RunResult, by_chance: float = 0.0) -> list[str]:
    """Sentences on one run, or on one repeated over several splits; `by_chance` as of `reliability.error_by_chance`."""
    test, metric = result.test, main_metric(result.test)
    over = f"over {result.repeats:,} splits" if result.repeats > 1 else f"on {test[metric].n:,} test rows"
    name = wording.label(metric)
    said = [f"{name[:1].upper()}{name[1:]} {_score(metric, test[metric])} {over}.", _against_baseline(result, metric)]
    return said + ([_calibration(test["calibration_error"], by_chance)] if "calibration_error" in test else [])


def sweep_verdict(sweep: Sweep) -> list[str]:
    """Sentences on a sweep of runs: the best by validation, or why none is named."""
    done, failed = len(sweep.done), len(sweep.failed)
    said = []
    if sweep.best is not None and sweep.metric is not None:
        best, metric = sweep.best, sweep.metric
        said.append(f"Best by validation score: {best.name}, with test {wording.label(metric)} {_score(metric, best.test)}.")
        said.append("It was chosen on validation rows, without looking at its test score.")
    elif len(sweep.groups) == 1 and sweep.metric is not None:
        group = sweep.groups[0]
        said.append(
            f"Test {wording.label(sweep.metric)} {_score(sweep.metric, group.test)} over {counted(len(group.jobs), 'job')}."
        )
    elif sweep.metric is None:
        said.append(f"{done} jobs of different data or tasks: their scores cannot be ranked.")
    else:
        said.append(f"{done} jobs are listed by test score; no best job is named.")
        said.append(
            "Not all of them have validation scores. Picking the job with the best test score would flatter it: by chance alone, "
            "one of many comes out ahead. sdl compare chooses on separate rows and says which differences are real."
        )
    if failed:
        said.append(not_finished(failed, done, "job"))
    return said


def not_finished(failed: int, done: int, unit: str) -> str:
    """How many of a sweep's jobs did not finish."""
    return f"{failed} of {counted(done + failed, unit)} did not finish; they are named below."


def curve_verdict(result: CurveResult) -> list[str]:
    """The verdict of a learning curve, and which cells it lacks."""
    failed = len(result.failed)
    return _sentences(result.verdict) + ([f"{failed} of its measurements failed and are missing."] if failed else [])


def comparison_verdict(result: ComparisonResult) -> list[str]:
    """The verdict of a comparison, and what more labels would bring."""
    said, more = _sentences(result.verdict), result.more_labels
    said += [more.sentence] if more and more.sentence not in result.verdict else []
    failed = listed([arm.name for arm in result.failed])
    return [*said, *([f"Failed, and not in the ranking: {failed}."] if failed else [])]


def _sentences(text: str) -> list[str]:
    """The first sentence, and the rest in one piece."""
    first, stop, rest = text.partition(". ")
    return [first + ".", rest] if stop and rest else [text]


def _score(metric: str, found: Measured) -> str:
    ends = wording.interval(metric, found.low, found.high, 0.95)
    return wording.shown(metric, found.value) + (f" ({ends})" if ends else "")


def _against_baseline(result: RunResult, metric: str) -> str:
    guess = f"ignoring the inputs gives {wording.shown(metric, result.majority[metric].value)}"
    sentence, judged, _ = words.lift_words(result)
    if result.lift is None:
        return f"This is the quick baseline itself{f', and {judged}' if judged else ''}; {guess}."
    named = f"the quick baseline (forest, {wording.shown(metric, result.baseline[metric].value)})"
    if not judged:
        return f"How it compares with {named} is undefined; {guess}."
    judged, _, also = judged.partition(", and ")
    opening = f"It is {judged} than" if judged.startswith("measurably") else "There is no measurable difference to"
    return f"{opening} {named}: {sentence}{f', and {also}' if also else ''}; {guess}."


def _calibration(found: Measured, by_chance: float) -> str:
    error, low, high = found.value, found.low, found.high
    if math.isnan(error):
        return "Whether its probabilities can be trusted is undefined."
    ends = wording.interval("accuracy", low, high, 0.95)
    off = f"they are off by {wording.size('accuracy', error)} on average{f', {ends}' if ends else ''}"
    if high <= _CALIBRATED:
        return f"Its probabilities can be trusted: {off}."
    if error <= by_chance:
        chance = f"on so few rows chance alone can give up to {wording.size('accuracy', by_chance)}"
        return f"Whether its probabilities can be trusted is unclear: {off}, and {chance}."
    if low > _CALIBRATED:
        return f"Its probabilities should not be trusted: {off}."
    return f"Its probabilities are roughly right, as far as these rows can tell: {off}."
