"""Comparisons as words: what will be compared, the ranking, and what was not compared and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sdl_cli.measure.wording import PERCENT, difference, label, measured, p_value, shown
from sdl_cli.phrases import counted, listed
from sdl_cli.report import layout
from sdl_cli.report.words import UNITS, examples, own_settings

Values = dict[str, Any]
BESIDE = ("accuracy", "balanced_accuracy", "roc_auc", "log_loss", "rmse", "mae", "r2")  # metrics that are shown of every arm


def plan_lines(overview: Values) -> list[tuple[str, str]]:
    """Label and text of what is about to be compared."""
    units = f"{UNITS[overview['modality']]}s"
    labelled, test = overview["labelled_rows"], overview["test_rows"]
    repeats, tried, minutes = overview["repeats"], overview["num_candidates"], overview["minutes"]
    own = ", the source's own" if overview["fixed_test"] else ""
    splits = (
        f"{labelled:,} labelled and {test:,} test {units}{own}, in each of {counted(repeats, 'repeat' if own else 'split')}, "
        "the same for all"
    )
    tuning = "each method as it is, scored once"
    if tried > 1:
        tuning = f"each method chooses among {tried} settings on validation {units}, then is scored once"
    limit = "no time limit" if minutes is None else f"at most {counted(minutes, 'minute')} (compare.minutes)"
    many = f"{overview['cells'] - overview['done']} fits with their tuning"
    many += f" ({overview['done']} are done)" if overview["done"] else ""
    many += f", {overview['jobs']} at once" if overview["jobs"] > 1 else ""
    return [
        ("data", f"{overview['dataset']}: {examples(overview['modality'], overview['shape'], labelled + test)}"),
        ("arms", ", ".join(arm["name"] for arm in overview["arms"])),
        *[("", f"without {names}: {reason}") for reason, names in by_reason(overview["left_out"])],
        ("splits", splits),
        ("tuning", tuning),
        ("time", f"{many}; {limit}"),
    ]


def by_reason(arms: Sequence[Values]) -> list[tuple[str, str]]:
    """Each reason once, with the names it holds for."""
    reasons = dict.fromkeys(arm["reason"] for arm in arms)
    return [(reason, listed([arm["name"] for arm in arms if arm["reason"] == reason])) for reason in reasons]


def table_lines(values: Values) -> list[str]:
    """The ranking: each arm's mean and interval, its difference to the best and to the baseline, and its seconds."""
    metric, base = values["metric"], values["baseline"]
    unit = " (points)" if metric in PERCENT else ""
    rows = [["arm", f"{label(metric)} (95 % interval)", f"to the best{unit}", *([f"to {base}"] if base else []), "seconds"]]
    for arm in values["arms"]:
        row = [_marked(arm), measured(metric, arm | {"value": arm["mean"]}), "best" if arm["best"] else _difference(metric, arm)]
        row += [_difference(metric, arm["to_baseline"]) if arm["to_baseline"] else "itself"] if base else []
        rows.append([*row, f"{arm['seconds']:.0f}"])
    wide = max(len(row[-1]) for row in rows)
    lines = layout.table([[*row[:-1], row[-1].rjust(wide)] for row in rows], columns=10_000)
    over = "a t test over test rows" if values["fixed_test"] else "the corrected t test over splits"
    text = f"~ no measurable difference: p, of {over} and adjusted for the number of arms, is over 0.05."
    return [*lines, *layout.wrap(text, min(layout.width(), 100)), *_metrics_lines(values)]


def metrics_rows(values: Values) -> list[list[str]]:
    """The means of all metrics that are shown, the header first and ignoring the inputs last; empty for an old comparison."""
    guess = values["majority"].get("metrics")
    if not guess:
        return []
    names = [name for name in BESIDE if name in guess]
    rows = [["arm", *map(label, names)]]
    for arm in values["arms"]:
        rows.append([arm["name"], *(shown(name, (arm["metrics"].get(name) or {}).get("value")) for name in names)])
    return [*rows, ["ignoring the inputs", *(shown(name, guess[name]["value"]) for name in names)]]


def _metrics_lines(values: Values) -> list[str]:
    rows = metrics_rows(values)
    if not rows:
        return [f"Ignoring the inputs gives {shown(values['metric'], values['majority']['mean'])}."]
    first = [rows[0][0], *map(_marked, values["arms"]), f"  {rows[-1][0]}"]
    return ["", *layout.table([[name, *row[1:]] for name, row in zip(first, rows, strict=True)], columns=10_000)]


def _marked(arm: Values) -> str:
    return ("> " if arm["recommended"] else "  ") + str(arm["name"])


def _difference(metric: str, found: Values) -> str:
    mark = "" if found["measurable"] else " ~"
    return f"{difference(metric, found['difference'], unit=False)}{mark} ({p_value(found['p'])})"


def sweep_lines(jobs: Sequence[Values]) -> list[str]:
    """One line per comparison of a sweep: what it recommends, and how far that is ahead of the baseline."""
    rows = [["job", "data", "use", "score", "over the baseline", "settings"]]
    for number, (job, settings) in enumerate(zip(jobs, own_settings(jobs)[0], strict=True), 1):
        row = [job["status"], "", "", ""]
        if job["status"] == "done":
            values = job["comparison"]
            metric, arm = values["metric"], next(arm for arm in values["arms"] if arm["recommended"])
            found = arm["to_baseline"]
            ahead = "" if found is None else difference(metric, found["difference"]) + ("" if found["measurable"] else " ~")
            row = [values["dataset"], arm["name"], shown(metric, arm["mean"]), ahead]
        rows.append([str(number), *row, settings])
    return layout.table(rows)
