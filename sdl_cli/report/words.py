"""Results as words: numbers with their unit and interval, tables of scores, and what a lift means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sdl_cli.metrics import HIGHER_IS_BETTER, MAIN
from sdl_cli.report import layout

Values = dict[str, Any]
PERCENT = frozenset({"accuracy", "balanced_accuracy", "macro_f1", "roc_auc"})


def score_lines(values: Values) -> list[str]:
    """The table of all metrics beside the baseline's and the majority's, with n and what the brackets are above it."""
    test, baseline, majority = values["metrics"]["test"], values["baseline"], values["majority"]["test"]
    unit = "repeats" if values["repeats"] > 1 else "test rows"
    model = values["config"]["model"]
    header = ["test", model["kind"] if model["name"] == "baseline" else model["name"]]
    header += [f"{baseline['name']} (quick baseline)"] if baseline else []
    rows = [[*header, "majority" if "accuracy" in test else "mean"]]
    for name, value in test.items():
        row = [label(name), measured(name, value)]
        row += [measured(name, baseline["test"][name])] if baseline else []
        rows.append([*row, shown(name, majority[name]["value"])])
    interval = "95 % interval" if values["repeats"] == 1 else "95 % t interval of their mean (the splits overlap)"
    return [f"n = {next(iter(test.values()))['n']:,} {unit}, {interval}", *layout.table(rows)]


def sweep_lines(jobs: Sequence[Values]) -> list[str]:
    """The table of a sweep's jobs that have begun; settings that all of them share stand below it once."""
    if not any(job["status"] != "not run" for job in jobs):
        return ["No job was begun."]
    common = set.intersection(*(set(job["overrides"]) for job in jobs)) if len(jobs) > 1 else set()
    mains = {_main(job["metrics"]["test"]) for job in jobs if job["metrics"]}
    main = mains.pop() if len(mains) == 1 else ""
    rows = [["job", f"test {label(main)}".rstrip(), "forest", "status", "settings"]]
    for number, job in enumerate(jobs):
        if job["status"] == "not run":
            continue
        test = other = ""
        if job["metrics"]:
            name = _main(job["metrics"]["test"])
            test = measured(name, job["metrics"]["test"][name])
            test = test if main else f"{label(name)} {test}"
            other = shown(name, job["baseline"]["test"][name]["value"]) if job.get("baseline") else ""
        rows.append([str(number + 1), test, other, job["status"], " ".join(o for o in job["overrides"] if o not in common)])
    shared = [o for o in jobs[0]["overrides"] if o in common]
    return [*layout.table(rows), *(layout.labelled("all", " ".join(shared)) if shared else [])]


def unequal_rows(named: Sequence[tuple[str, Values]]) -> str:
    """Who set labelled rows aside for validation where others learned from all of them; empty where all did alike.

    Arguments:
        named: of each method or job its name and its `rows`, as in `metrics.json`.
    """
    aside: dict[str, Values] = {name: rows for name, rows in named if rows.get("validation")}
    if not aside or len(aside) == len(named):
        return ""
    first = next(iter(aside.values()))
    names = ", ".join(list(aside)[:3]) + (f" and {len(aside) - 3} more" if len(aside) > 3 else "")
    return (
        f"Not all learned from the same rows: {names} set {first['validation']:,} of {first['labelled']:,} labelled rows aside "
        "for validation, the others none. For the same rows in all networks: training.select=best"
    )


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
        size, ends = f"{value:+.3g} of {label(metric)} (positive is better)", [end for end in (low, high) if end is not None]
        interval = " to ".join(f"{end:+.3g}" for end in ends)
    if not lift["measurable"]:
        verdict, colour = "no measurable difference", "33"
    else:
        verdict, colour = ("measurably better", "32") if value > 0 else ("measurably worse", "31")
    name = _main(values["metrics"]["test"])
    own, floor = values["metrics"]["test"][name]["value"], values["majority"]["test"][name]["value"]
    if metric == name and own is not None and floor is not None and (own < floor) == HIGHER_IS_BETTER[name] and own != floor:
        verdict, colour = f"{verdict}, and worse than ignoring the inputs", "31"
    return f"{size} over the baseline" + (f", 95 % interval {interval}" if interval else ""), verdict, colour


def measured(name: str, value: Values) -> str:
    """`98.6 % (96.8 to 99.4)`: a value and its interval."""
    if value["value"] is None:
        return "undefined"
    text = shown(name, value["value"])
    if value["low"] is None or value["high"] is None:
        return f"{text} (interval not estimable)" if name in PERCENT and value["value"] in (0.0, 1.0) else text
    return f"{text} ({shown(name, value['low'], unit=False)} to {shown(name, value['high'], unit=False)})"


def shown(name: str, value: float | None, unit: bool = True) -> str:
    """A value of a metric as people read it, for example `98.6 %`."""
    if value is None:
        return "undefined"
    if name in PERCENT:
        return f"{100 * value:.1f}" + (" %" if unit else "")
    size = abs(value)
    if size >= 1e9 or 1e-9 < size < 5e-4:
        return f"{value:.3g}"
    return f"{value:.3f}" if size < 100 else f"{value:,.1f}" if size < 10_000 else f"{value:,.0f}"


def label(name: str) -> str:
    """A metric's name as people write it."""
    names = {"roc_auc": "ROC AUC", "macro_f1": "macro F1", "rmse": "RMSE", "mae": "MAE", "r2": "R2"}
    return names.get(name, name.replace("_", " "))


def class_counts(counts: dict[str, int], most: int = 10) -> str:
    """Rows per class in few words."""
    from sdl_cli.check.problem import name_of  # it brings all of the data sets along

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
