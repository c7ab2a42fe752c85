"""Comparisons as words: what will be compared, the ranking, and what was not compared and why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from sdl_cli.many.sweep_result import JobResult
from sdl_cli.measure.wording import PERCENT, difference, estimated, label, p_value, shown
from sdl_cli.phrases import counted, listed
from sdl_cli.report import layout
from sdl_cli.report.words import MANY, examples, own_settings
from sdl_cli.study.compare.result import ArmResult, ComparisonResult, Gap, Left

Values = dict[str, Any]
BESIDE = ("accuracy", "balanced_accuracy", "roc_auc", "log_loss", "rmse", "mae", "r2")  # metrics that are shown of every arm


def plan_lines(overview: Values) -> list[tuple[str, str]]:
    """Label and text of what is about to be compared."""
    units = MANY[overview["modality"]]
    labelled, test = overview["labelled_rows"], overview["test_rows"]
    repeats, tried, minutes = overview["repeats"], overview["num_candidates"], overview["minutes"]
    own = ", which come with the source" if overview["fixed_test"] else ""
    about = "about " if overview.get("grouped") and not own else ""  # whole groups stay together
    splits = (
        f"{about}{labelled:,} labelled and {test:,} test {units}{own}, in each of "
        f"{counted(repeats, 'repeat' if own else 'split')}, the same for all"
    )
    if overview.get("in_order") and not own and repeats > 1:
        splits = f"{labelled:,} labelled and {test:,} test {units} in the latest of {repeats} splits, earlier ones have fewer "
        splits = f"{splits}labelled {units}; the same for all"
    tuning = "no tuning: each method as it is, scored once"
    if tried > 1:
        tuning = f"each method chooses among up to {tried} settings on validation {units}, then is scored once"
    limit = "no time limit" if minutes is None else f"at most {counted(minutes, 'minute')} (compare.minutes)"
    many = f"{overview['cells'] - overview['done']} fits with their tuning"
    many += f" ({overview['done']} are done)" if overview["done"] else ""
    many += f", {overview['jobs']} at once" if overview["jobs"] > 1 else ""
    return [
        ("data", f"{overview['dataset']}: {examples(overview['modality'], overview['shape'], labelled + test)}"),
        ("arms", ", ".join(arm["name"] for arm in overview["arms"])),
        *[("", f"without {names}: {reason}") for reason, names in by_reason([Left(**arm) for arm in overview["left_out"]])],
        ("splits", splits),
        ("tuning", tuning),
        ("time", f"{many}; {limit}"),
    ]


def by_reason(arms: Sequence[Left]) -> list[tuple[str, str]]:
    """Each reason once, with the names it holds for."""
    reasons = dict.fromkeys(arm.reason for arm in arms)
    return [(reason, listed([arm.name for arm in arms if arm.reason == reason])) for reason in reasons]


def table_lines(result: ComparisonResult) -> list[str]:
    """The ranking: each arm's mean and interval, its difference to the best and to the baseline, and its seconds."""
    metric, base = result.metric, result.baseline
    unit = " (points)" if metric in PERCENT else ""
    rows = [["arm", f"{label(metric)} (95 % interval)", f"to the best{unit}", *([f"to {base}"] if base else []), "seconds"]]
    for arm in result.arms:
        row = [_marked(arm), estimated(metric, arm.mean, arm.low, arm.high), "best" if arm.best else _difference(metric, arm)]
        row += [_difference(metric, arm.to_baseline) if arm.to_baseline else "itself"] if base else []
        rows.append([*row, f"{arm.seconds:.0f}"])
    wide = max(len(row[-1]) for row in rows)
    lines = layout.table([[*row[:-1], row[-1].rjust(wide)] for row in rows], columns=10_000)
    over = "over repeats and test rows" if result.fixed_test else "corrected t test over splits"
    text = f"~ no measurable difference: p over 0.05 ({over}, adjusted in each column for the number of arms)."
    return [*lines, *layout.wrap(text, min(layout.width(), 100)), *_metrics_lines(result)]


def metrics_rows(result: ComparisonResult) -> list[list[str]]:
    """The means of all metrics that are shown, the header first and ignoring the inputs last; empty for an old comparison."""
    guess = result.majority.metrics
    if not guess:
        return []
    names = [name for name in BESIDE if name in guess]
    each = [*((arm.name, arm.metrics) for arm in result.arms), ("ignoring the inputs", guess)]
    rows = [[who, *(shown(name, found[name].value if name in found else None) for name in names)] for who, found in each]
    return [["arm", *map(label, names)], *rows]


def _metrics_lines(result: ComparisonResult) -> list[str]:
    rows = metrics_rows(result)
    if not rows:
        return [f"Ignoring the inputs gives {shown(result.metric, result.majority.mean)}."]
    first = [rows[0][0], *map(_marked, result.arms), f"  {rows[-1][0]}"]
    return ["", *layout.table([[name, *row[1:]] for name, row in zip(first, rows, strict=True)], columns=10_000)]


def _marked(arm: ArmResult) -> str:
    return ("> " if arm.recommended else "  ") + arm.name


def _difference(metric: str, found: ArmResult | Gap) -> str:
    mark = "" if found.measurable else " ~"
    p = "" if found.p is None or math.isnan(found.p) else f" ({p_value(found.p)})"
    return f"{difference(metric, found.difference, unit=False)}{mark}{p}"


def sweep_lines(jobs: Sequence[JobResult]) -> list[str]:
    """One line per comparison of a sweep: what it recommends, and how far that is ahead of the baseline."""
    rows = [["job", "data", "use", "score", "over the baseline", "settings"]]
    for number, (job, settings) in enumerate(zip(jobs, own_settings([job.overrides for job in jobs])[0], strict=True), 1):
        row = [job.status, "", "", ""]
        if job.comparison:
            result = ComparisonResult.from_json(job.comparison)
            metric, arm = result.metric, result.arm(result.recommended)
            found = arm.to_baseline
            ahead = "" if found is None else difference(metric, found.difference) + ("" if found.measurable else " ~")
            row = [result.dataset, arm.name, shown(metric, arm.mean), ahead]
        rows.append([str(number), *row, settings])
    return layout.table(rows)
