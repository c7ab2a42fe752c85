"""Results as words: tables of scores, of the jobs of a sweep, and what a lift means."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from sdl_cli.many.sweep_result import JobResult
from sdl_cli.measure.metrics import HIGHER_IS_BETTER, Measured, main_metric, over_repeats
from sdl_cli.measure.wording import gain, judged, label, measured, model_name, shown
from sdl_cli.phrases import counted, duration, shortened
from sdl_cli.report import layout
from sdl_cli.run.result import RunResult

QUICK_BASELINE = "forest (quick baseline)"
# modality -> what one example is called, and several
UNITS = {"image": "image", "table": "row", "text": "text", "series": "series"}
MANY = {"image": "images", "table": "rows", "text": "texts", "series": "series"}
SEEDS = ("seed=", "dataset.seed=")  # overrides in which jobs may differ and be repeats of each other


def examples(modality: str, shape: Sequence[int], count: int | None = None) -> str:
    """What the data is made of, and how many of it: `images of 1 x 8 x 8`, `178 rows of 13 features`, `series of 100 steps`."""
    which = MANY[modality] if count is None else counted(count, UNITS[modality], MANY[modality])
    if modality == "table":
        return f"{which} of {counted(shape[0], 'feature')}"
    if modality == "series":
        beside = f"{counted(shape[0], 'channel')} and " if shape[0] > 1 else ""
        return f"{which} of {beside}{counted(shape[1], 'step')}"
    return f"{which} of {' x '.join(f'{size:,}' for size in shape)}" if modality == "image" else which


def own_settings(jobs: Sequence[Sequence[str]]) -> tuple[list[str], list[str]]:
    """Of the overrides of each job those that others do not have, as one text; and those that all have."""
    common = set(jobs[0]).intersection(*jobs) if len(jobs) > 1 else set()
    return [" ".join(o for o in job if o not in common) for job in jobs], [o for o in jobs[0] if o in common]


def but_seeds(overrides: Sequence[str]) -> tuple[str, ...]:
    """The overrides that jobs have in common which repeat each other with other seeds."""
    return tuple(o for o in overrides if not o.lstrip("+").startswith(SEEDS))


def mean_over_seeds(metric: str, runs: Sequence[RunResult]) -> Measured:
    """The mean of a metric over jobs that repeat each other, with its interval."""
    same = all(run.same_test_rows for run in runs)
    return over_repeats([{metric: run.test[metric]} for run in runs], same_rows=same)[metric]


def score_rows(result: RunResult) -> list[list[str]]:
    """Of each metric its name, and its value of the model, of the quick baseline, of the majority, and on validation rows."""
    return [
        [
            label(name),
            measured(name, value),
            measured(name, result.baseline[name]) if name in result.baseline else "",
            shown(name, result.majority[name].value),
            measured(name, result.validation[name]) if name in result.validation else "",
        ]
        for name, value in result.test.items()
    ]


def score_lines(result: RunResult) -> list[str]:
    """The table of all metrics beside the baseline's and the majority's, with n and what the brackets are above it."""
    n = counted(next(iter(result.test.values())).n, "repeat" if result.repeats > 1 else "test row")
    header = ["test", shortened(model_name(result.config["model"]), 26), QUICK_BASELINE]
    header.append("majority" if result.task == "classification" else "mean")
    interval = "95 % interval" if result.repeats == 1 else "95 % t interval of their mean (the splits overlap)"
    if result.repeats > 1 and result.same_test_rows:
        interval = f"the same {result.rows['test']:,} test rows, 95 % interval over both"
    rows = layout.filled([header, *(row[:-1] for row in score_rows(result))])
    return [f"n = {n}, {interval}", *layout.table(rows)]


def sweep_lines(jobs: Sequence[JobResult]) -> list[str]:
    """The table of a sweep's jobs that were started; settings that all of them share stand below it once."""
    if all(job.status == "not run" for job in jobs):
        return ["No job was started."]
    mains = {main_metric(job.run.test) for job in jobs if job.run}
    only = mains.pop() if len(mains) == 1 else ""
    settings, shared = own_settings([job.overrides for job in jobs])
    rows = [["job", "folder", f"test {label(only)}".rstrip(), "forest", "status", "settings"]]
    for number, (job, own) in enumerate(zip(jobs, settings, strict=True), 1):
        score = other = ""
        if job.run:
            name = main_metric(job.run.test)
            score = f"{'' if only else label(name)} {measured(name, job.run.test[name])}".lstrip()
            other = shown(name, job.run.baseline[name].value) if job.run.baseline else ""
        if job.status != "not run":
            rows.append([str(number), job.folder.name, score, other, job.status, own])
    return [*layout.table(rows), *(layout.labelled("all", " ".join(shared)) if shared else [])]


def seed_lines(jobs: Sequence[JobResult]) -> list[str]:
    """The mean of jobs that differ only in their seed, in a table below that of the jobs; empty where there are none."""
    alike: dict[tuple[str, ...], list[RunResult]] = {}
    for job in jobs:
        if job.run:
            alike.setdefault(but_seeds(job.overrides), []).append(job.run)
    settings = own_settings(list(alike))[0] if len(alike) > 1 else [""]
    rows = []
    for own, group in zip(settings, alike.values(), strict=False):
        names = {main_metric(run.test) for run in group}
        name = names.pop()
        scores = [run.test[name].value for run in group if name in run.test]
        if len(group) < 2 or names or not all(map(math.isfinite, scores)):
            continue
        others = [run.baseline[name].value for run in group if run.baseline]
        other = fmean(others) if len(others) == len(group) else math.nan
        text = shown(name, other) if math.isfinite(other) else ""
        rows.append([f"{label(name)} {measured(name, mean_over_seeds(name, group))}", text, str(len(group)), own])
    header = ["mean over seeds (95 % interval)", "forest", "jobs", "settings"]
    return ["", *layout.table([header, *rows])] if rows else []


def best_of_search(jobs: Sequence[JobResult]) -> str:
    """Which job of a search scored best on validation rows; empty where nothing was searched for."""
    scored = [(job.objective, -number, job.run) for number, job in enumerate(jobs, 1) if job.objective is not None and job.run]
    if not scored:
        return ""
    name = main_metric(scored[0][2].test)
    sign = 1 if HIGHER_IS_BETTER[name] else -1
    objective, number, _ = max(scored, key=lambda one: (sign * one[0], one[1]))
    return f"job {-number}: {label(name)} {shown(name, objective)} on validation rows, used by the search to choose"


def one_line(result: RunResult) -> str:
    """A result in one line: the main metric, the baseline's, and the seconds it took."""
    name = main_metric(result.test)
    other = f", forest {shown(name, result.baseline[name].value)}" if result.baseline else ""
    return f"{label(name)} {measured(name, result.test[name])}{other}, {duration(result.seconds['total'], exact=True)}"


def lift_words(result: RunResult) -> tuple[str, str, str]:
    """Of the lift: its sentence, its verdict, and the verdict's colour."""
    lift, name = result.lift, main_metric(result.test)
    own, floor = result.test[name].value, result.majority[name].value
    ahead = (own - floor) * (1 if HIGHER_IS_BETTER[name] else -1)  # nan where one of them is undefined
    if lift is None:
        return "this is the baseline itself", "" if ahead > 0 else "it is no better than ignoring the inputs", "33"
    if not math.isfinite(lift.value):
        return "undefined", "", ""
    verdict = judged(lift.value, lift.measurable)
    colour = "33" if not lift.measurable else "32" if lift.value > 0 else "31"
    if lift.metric == name and ahead < 0:
        verdict, colour = f"{verdict}, and no better than ignoring the inputs", "31"
    return gain(lift.metric, lift.value, lift.low, lift.high), verdict, colour


def class_counts(counts: Mapping[str, int], most: int = 10) -> str:
    """Rows per class in few words."""
    low, high = min(counts.values()), max(counts.values())
    if low == high and len(counts) > 2:
        return f"{low} of each of {len(counts)}"
    if len(counts) > 5 and high - low <= 0.1 * low:
        return f"{low} to {high} of each of {len(counts)}"
    shown = [f"{shortened(name)} {count}" for name, count in list(counts.items())[:most]]
    return ", ".join(shown) + (f", ... ({len(counts)} classes)" if len(counts) > most else "")


def epoch_text(row: Mapping[str, Any]) -> str:
    """What one epoch came to; nothing for other work that is counted as it goes on."""
    if "train_loss" not in row:
        return ""
    scores = [name for name in ("accuracy", "rmse") if f"validation_{name}" in row]
    return "  ".join(
        [f"loss {row['train_loss']:.4f}", *(f"validation {name} {shown(name, row[f'validation_{name}'])}" for name in scores)]
    )


def time_taken(seconds: Mapping[str, float]) -> str:
    """The total, and each phase that is worth naming."""
    parts = ", ".join(f"{name} {value:.1f}" for name, value in seconds.items() if name != "total" and value >= 0.05)
    return duration(seconds["total"], exact=True) + (f" ({parts})" if parts else "")


def scored_part(is_own: bool) -> str:
    """Which rows an evaluation scored."""
    return "its own test part" if is_own else "all rows given (rows it was trained on would inflate the score)"
