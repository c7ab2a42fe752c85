"""Results as words: numbers with their unit and interval, tables of scores, and what a lift means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from sdl_cli.measure.metrics import HIGHER_IS_BETTER, MAIN, Measured, over_repeats
from sdl_cli.measure.wording import PERCENT, label, measured, shown
from sdl_cli.phrases import counted
from sdl_cli.report import layout

Values = dict[str, Any]
SEEDS = ("seed=", "dataset.seed=")  # overrides in which jobs may differ and be repeats of each other


def score_lines(values: Values) -> list[str]:
    """The table of all metrics beside the baseline's and the majority's, with n and what the brackets are above it."""
    test, baseline, majority = values["metrics"]["test"], values["baseline"], values["majority"]["test"]
    n = counted(next(iter(test.values()))["n"], "repeat" if values["repeats"] > 1 else "test row")
    model = values["config"]["model"]
    header = ["test", model["kind"] if model["name"] == "baseline" else model["name"]]
    header += [f"{baseline['name']} (quick baseline)"] if baseline else []
    rows = [[*header, "majority" if "accuracy" in test else "mean"]]
    for name, value in test.items():
        row = [label(name), measured(name, value)]
        row += [measured(name, baseline["test"][name])] if baseline else []
        rows.append([*row, shown(name, majority[name]["value"])])
    interval = "95 % interval" if values["repeats"] == 1 else "95 % t interval of their mean (the splits overlap)"
    return [f"n = {n}, {interval}", *layout.table(rows)]


def sweep_lines(jobs: Sequence[Values]) -> list[str]:
    """The table of a sweep's jobs that have begun; settings that all of them share stand below it once."""
    if not any(job["status"] != "not run" for job in jobs):
        return ["No job was begun."]
    common = set.intersection(*(set(job["overrides"]) for job in jobs)) if len(jobs) > 1 else set()
    mains = {_main(job["metrics"]["test"]) for job in jobs if job["metrics"]}
    main = mains.pop() if len(mains) == 1 else ""
    rows = [["job", "folder", f"test {label(main)}".rstrip(), "forest", "status", "settings"]]
    for number, job in enumerate(jobs):
        if job["status"] == "not run":
            continue
        test = other = ""
        if job["metrics"]:
            name = _main(job["metrics"]["test"])
            test = measured(name, job["metrics"]["test"][name])
            test = test if main else f"{label(name)} {test}"
            other = shown(name, job["baseline"]["test"][name]["value"]) if job.get("baseline") else ""
        own = " ".join(o for o in job["overrides"] if o not in common)
        rows.append([str(number + 1), PurePath(job["folder"]).name, test, other, job["status"], own])
    shared = [o for o in jobs[0]["overrides"] if o in common]
    return [*layout.table(rows), *(layout.labelled("all", " ".join(shared)) if shared else [])]


def seed_lines(jobs: Sequence[Values]) -> list[str]:
    """Of jobs that differ in their seed alone the mean, in a table below that of the jobs; empty where there are none."""
    alike: dict[tuple[str, ...], list[Values]] = {}
    for job in jobs:
        if job["metrics"]:
            alike.setdefault(tuple(o for o in job["overrides"] if not o.lstrip("+").startswith(SEEDS)), []).append(job)
    common = set.intersection(*map(set, alike)) if len(alike) > 1 else set().union(*alike)
    rows = []
    for key, group in alike.items():
        names = {_main(job["metrics"]["test"]) for job in group}
        if len(group) < 2 or len(names) > 1:
            continue
        name = names.pop()
        scores = [job["metrics"]["test"][name]["value"] for job in group]
        others = [job["baseline"]["test"][name]["value"] for job in group if job.get("baseline")]
        if None in scores:
            continue
        mean = over_repeats([{name: Measured(score, score, score, 1)} for score in scores])[name].to_json()
        other = shown(name, sum(others) / len(others)) if len(others) == len(group) and None not in others else ""
        # equal scores say nothing of chance
        text = measured(name, mean) if mean["low"] != mean["high"] else shown(name, mean["value"])
        own = " ".join(o for o in key if o not in common)
        rows.append([f"{label(name)} {text}", other, str(len(group)), own])
    header = ["mean over seeds (95 % t interval)", "forest", "jobs", "settings"]
    return ["", *layout.table([header, *rows])] if rows else []


def best_of_search(jobs: Sequence[Values]) -> str:
    """Which job of a search scored best on validation rows; empty where nothing was searched for."""
    scored = [(number, job) for number, job in enumerate(jobs, 1) if job.get("objective") is not None]
    if not scored:
        return ""
    name = _main(scored[0][1]["metrics"]["test"])
    sign = 1 if HIGHER_IS_BETTER[name] else -1
    number, job = max(scored, key=lambda pair: (sign * pair[1]["objective"], -pair[0]))
    return f"job {number}: {label(name)} {shown(name, job['objective'])} on validation rows, by which the search chooses"


def _main(test: Values) -> str:
    return MAIN["classification" if "accuracy" in test else "regression"]


def one_line(values: Values) -> str:
    """A result in one line: the main metric, the baseline's, and the seconds it took."""
    test, baseline = values["metrics"]["test"], values["baseline"]
    name = _main(test)
    other = f", {baseline['name']} {shown(name, baseline['test'][name]['value'])}" if baseline else ""
    return f"{label(name)} {measured(name, test[name])}{other}, {values['seconds']['total']:.1f} seconds"


def lift_words(values: Values) -> tuple[str, str, str]:
    """Of the lift: its sentence, its verdict, and the verdict's colour."""
    lift = values["lift"]
    if lift is None:
        name = _main(values["metrics"]["test"])
        value, floor = values["metrics"]["test"][name]["value"], values["majority"]["test"][name]["value"]
        better = (value > floor) == HIGHER_IS_BETTER[name] and value != floor
        return "this is the baseline itself", "" if better else "it is no better than ignoring the inputs", "33"
    metric, value, low, high = (lift[key] for key in ("metric", "value", "low", "high"))
    if value is None:
        return "undefined", "", ""
    if metric in PERCENT:
        size, ends = f"{100 * value:+.1f} points of {label(metric)}", [100 * end for end in (low, high) if end is not None]
        interval = " to ".join(f"{end:+.1f}" for end in ends)
    else:
        size, interval = _ways(metric, value), _interval_ways(metric, low, high)
    if not lift["measurable"]:
        verdict, colour = "no measurable difference", "33"
    else:
        verdict, colour = ("measurably better", "32") if value > 0 else ("measurably worse", "31")
    name = _main(values["metrics"]["test"])
    own, floor = values["metrics"]["test"][name]["value"], values["majority"]["test"][name]["value"]
    if metric == name and own is not None and floor is not None and (own < floor) == HIGHER_IS_BETTER[name] and own != floor:
        verdict, colour = f"{verdict}, and worse than ignoring the inputs", "31"
    beside = "over the baseline" if metric in PERCENT else "than the baseline's"
    return f"{size} {beside}" + (f", 95 % interval {interval}" if interval else ""), verdict, colour


def _ways(metric: str, gain: float) -> str:
    """`RMSE lower by 0.213`, of a gain that is positive where the metric is better."""
    return f"{label(metric)} {_way(metric, gain)} by {abs(gain):.3g}"


def _interval_ways(metric: str, low: float | None, high: float | None) -> str:
    """`lower by 0.1 to 0.3`, or `higher by 0.1 to lower by 0.3` where the ends of the interval of a gain disagree."""
    if low is None or high is None:
        return ""
    first, last = _way(metric, low), _way(metric, high)
    if first == last:
        small, large = sorted((abs(low), abs(high)))
        return f"{first} by {small:.3g} to {large:.3g}"
    return f"{first} by {abs(low):.3g} to {last} by {abs(high):.3g}"


def _way(metric: str, gain: float) -> str:
    return "higher" if (gain > 0) == HIGHER_IS_BETTER[metric] else "lower"


def class_counts(counts: dict[str, int], most: int = 10) -> str:
    """Rows per class in few words."""
    from sdl_cli.run.check.problem import name_of  # it brings all of the data sets along

    low, high = min(counts.values()), max(counts.values())
    if low == high and len(counts) > 2:
        return f"{low} of each of {len(counts)}"
    if len(counts) > 5 and high - low <= 0.1 * low:
        return f"{low} to {high} of each of {len(counts)}"
    shown = [f"{name_of(name)} {count}" for name, count in list(counts.items())[:most]]
    return ", ".join(shown) + (f", ... ({len(counts)} classes)" if len(counts) > most else "")


def epoch_text(row: Values) -> str:
    """What one epoch came to."""
    text = f"loss {row['train_loss']:.4f}"
    for name in ("accuracy", "rmse"):
        if f"validation_{name}" in row:
            text += f"  validation {name} {shown(name, row[f'validation_{name}'])}"
    return text


def time_taken(seconds: Values) -> str:
    """The total, and each phase that is worth naming."""
    parts = ", ".join(f"{name} {value:.1f}" for name, value in seconds.items() if name != "total" and value >= 0.05)
    return f"{seconds['total']:.1f} seconds" + (f" ({parts})" if parts else "")
