"""Comparisons as words: what will be compared, the ranking, and what was not compared and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sdl_cli.measure.wording import PERCENT, label, shown
from sdl_cli.report import layout
from sdl_cli.study.compare.verdict import listed, p_value, points

Values = dict[str, Any]
BESIDE = ("accuracy", "balanced_accuracy", "roc_auc", "log_loss", "rmse", "mae", "r2")  # metrics that are shown of every arm
UNITS = {"image": "images", "table": "rows", "text": "texts"}


def plan_lines(overview: Values) -> list[tuple[str, str]]:
    """Label and text of what is about to be compared."""
    unit = UNITS[overview["modality"]]
    shape = " of " + " x ".join(map(str, overview["shape"])) if overview["shape"] else ""
    shape += " features" if overview["modality"] == "table" else ""
    total = overview["labelled_rows"] + overview["test_rows"]
    repeats, tried = overview["repeats"], overview["num_candidates"]
    own = ", the source's own" if overview["fixed_test"] else ""
    splits = (
        f"{overview['labelled_rows']:,} labelled and {overview['test_rows']:,} test {unit}{own}, in each of {repeats} "
        f"{'repeat' if own else 'split'}{'s' if repeats > 1 else ''}, the same for all"
    )
    tuning = (
        f"each method chooses among {tried} settings on validation {unit}, then is scored once"
        if tried > 1
        else "each method as it is, scored once"
    )
    limit = "no time limit" if overview["minutes"] is None else f"at most {overview['minutes']:g} minutes (compare.minutes)"
    left = overview["cells"] - overview["done"]
    many = f"{left} fits with their tuning" + (f" ({overview['done']} are done)" if overview["done"] else "")
    at_once = f", {overview['jobs']} at once" if overview["jobs"] > 1 else ""
    return [
        ("data", f"{overview['dataset']}: {total:,} {unit}{shape}"),
        ("arms", ", ".join(arm["name"] for arm in overview["arms"])),
        *[("", f"without {names}: {reason}") for reason, names in by_reason(overview["left_out"])],
        ("splits", splits),
        ("tuning", tuning),
        ("time", f"{many}{at_once}; {limit}"),
    ]


def by_reason(arms: Sequence[Values]) -> list[tuple[str, str]]:
    """Each reason once, with the names it holds for."""
    reasons = dict.fromkeys(arm["reason"] for arm in arms)
    return [(reason, listed([arm["name"] for arm in arms if arm["reason"] == reason])) for reason in reasons]


def table_lines(values: Values) -> list[str]:
    """The ranking: each arm's mean and interval, its difference to the best and to the baseline, and its seconds."""
    metric, base = values["metric"], values["baseline"]
    unit = " (points)" if metric in PERCENT else ""
    header = ["arm", f"{label(metric)} (95 % interval)", f"to the best{unit}", *([f"to {base}"] if base else []), "seconds"]
    rows = [header]
    for arm in values["arms"]:
        row = [("> " if arm["recommended"] else "  ") + arm["name"], _mean(metric, arm)]
        row.append("best" if arm["best"] else _difference(metric, arm["difference"], arm["p"], arm["measurable"]))
        if base:
            found = arm["to_baseline"]
            row.append("itself" if found is None else _difference(metric, found["difference"], found["p"], found["measurable"]))
        rows.append([*row, f"{arm['seconds']:.0f}"])
    wide = max(len(row[-1]) for row in rows)
    lines = layout.table([[*row[:-1], row[-1].rjust(wide)] for row in rows], columns=10_000)
    return [*lines, *_legend(values), *_metrics_lines(values)]


def _legend(values: Values) -> list[str]:
    over = "a t test over test rows" if values["fixed_test"] else "the corrected t test over splits"
    text = f"~ no measurable difference: p, of {over} and adjusted for the number of arms, is over 0.05."
    return layout.wrap(text, min(layout.width(), 100))


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
    marked = [
        rows[0],
        *(
            [("> " if arm["recommended"] else "  ") + row[0], *row[1:]]
            for arm, row in zip(values["arms"], rows[1:], strict=False)
        ),
    ]
    return ["", *layout.table([*marked, ["  " + rows[-1][0], *rows[-1][1:]]], columns=10_000)]


def _mean(metric: str, arm: Values) -> str:
    text = shown(metric, arm["mean"])
    if arm["low"] is None or arm["high"] is None:
        return f"{text} (not estimable)" if metric in PERCENT else text
    return f"{text} ({shown(metric, arm['low'], unit=False)} to {shown(metric, arm['high'], unit=False)})"


def _difference(metric: str, value: float, p: float, measurable: bool) -> str:
    text = points(metric, value).removesuffix(" points")
    return f"{text} ({p_value(p)})" if measurable else f"{text} ~ ({p_value(p)})"


def sweep_lines(jobs: Sequence[Values]) -> list[str]:
    """One line per comparison of a sweep: what it recommends, and how far that is ahead of the baseline."""
    common = set.intersection(*(set(job["overrides"]) for job in jobs)) if len(jobs) > 1 else set()
    rows = [["job", "data", "use", "score", "over the baseline", "settings"]]
    for number, job in enumerate(jobs):
        settings = " ".join(o for o in job["overrides"] if o not in common)
        if job["status"] != "done":
            rows.append([str(number + 1), job["status"], "", "", "", settings])
            continue
        values = job["comparison"]
        arm = next(arm for arm in values["arms"] if arm["recommended"])
        found = arm["to_baseline"]
        ahead = "" if found is None else points(values["metric"], found["difference"]) + ("" if found["measurable"] else " ~")
        rows.append([str(number + 1), values["dataset"], arm["name"], shown(values["metric"], arm["mean"]), ahead, settings])
    return layout.table(rows)
