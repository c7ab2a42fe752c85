"""Results as words: tables of scores, of the jobs of a sweep, and what a lift means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from sdl_cli.measure.metrics import HIGHER_IS_BETTER, Measured, main_metric, over_repeats
from sdl_cli.measure.wording import gain, judged, label, measured, model_name, shown
from sdl_cli.phrases import counted, duration, shortened
from sdl_cli.report import layout

Values = dict[str, Any]
UNITS = {"image": "image", "table": "row", "text": "text"}  # modality -> what one example is called
SEEDS = ("seed=", "dataset.seed=")  # overrides in which jobs may differ and be repeats of each other


def examples(modality: str, shape: Sequence[int], count: int | None = None) -> str:
    """What the data is made of, and how many of it: `images of 1 x 8 x 8`, `178 rows of 13 features`, `texts`.

    Arguments:
        shape: of one image, or the number of columns of a table.
    """
    unit = UNITS[modality]
    which = f"{unit}s" if count is None else counted(count, unit)
    if modality == "table":
        return f"{which} of {counted(shape[0], 'feature')}"
    return f"{which} of {' x '.join(f'{size:,}' for size in shape)}" if modality == "image" else which


def own_settings(jobs: Sequence[Values]) -> tuple[list[str], list[str]]:
    """Of each job of a sweep the overrides that others do not have, as one text; and the overrides that all have."""
    common = set.intersection(*(set(job["overrides"]) for job in jobs)) if len(jobs) > 1 else set()
    own = [" ".join(o for o in job["overrides"] if o not in common) for job in jobs]
    return own, [o for o in jobs[0]["overrides"] if o in common]


def but_seeds(overrides: Sequence[str]) -> tuple[str, ...]:
    """The overrides that jobs have in common which repeat each other with other seeds."""
    return tuple(o for o in overrides if not o.lstrip("+").startswith(SEEDS))


def mean_over_seeds(metric: str, scores: Sequence[float]) -> Values:
    """The mean of a metric over jobs that repeat each other, with its t interval: value, low, high, n."""
    return over_repeats([{metric: Measured(score, score, score, 1)} for score in scores])[metric].to_json()


def score_rows(values: Values) -> list[list[str]]:
    """Of each metric its name, and its value of the model, of the quick baseline, of the majority, and on validation rows."""
    test, majority = values["metrics"]["test"], values["majority"]["test"]
    held, other = values["metrics"].get("validation") or {}, (values["baseline"] or {}).get("test", {})
    return [
        [
            label(name),
            measured(name, value),
            measured(name, other[name]) if name in other else "",
            shown(name, majority[name]["value"]),
            measured(name, held[name]) if name in held else "",
        ]
        for name, value in test.items()
    ]


def baseline_name(values: Values) -> str:
    """What heads the column of the quick baseline."""
    return f"{values['baseline']['name']} (quick baseline)" if values["baseline"] else ""


def score_lines(values: Values) -> list[str]:
    """The table of all metrics beside the baseline's and the majority's, with n and what the brackets are above it."""
    test = values["metrics"]["test"]
    n = counted(next(iter(test.values()))["n"], "repeat" if values["repeats"] > 1 else "test row")
    header = ["test", shortened(model_name(values["config"]["model"]), 26), baseline_name(values)]
    header.append("majority" if "accuracy" in test else "mean")
    interval = "95 % interval" if values["repeats"] == 1 else "95 % t interval of their mean (the splits overlap)"
    rows = layout.filled([header, *(row[:-1] for row in score_rows(values))])
    return [f"n = {n}, {interval}", *layout.table(rows)]


def sweep_lines(jobs: Sequence[Values]) -> list[str]:
    """The table of a sweep's jobs that have begun; settings that all of them share stand below it once."""
    if all(job["status"] == "not run" for job in jobs):
        return ["No job has begun."]
    mains = {main_metric(job["metrics"]["test"]) for job in jobs if job["metrics"]}
    only = mains.pop() if len(mains) == 1 else ""
    settings, shared = own_settings(jobs)
    rows = [["job", "folder", f"test {label(only)}".rstrip(), "forest", "status", "settings"]]
    for number, (job, own) in enumerate(zip(jobs, settings, strict=True), 1):
        score = other = ""
        if job["metrics"]:
            name = main_metric(job["metrics"]["test"])
            score = f"{'' if only else label(name)} {measured(name, job['metrics']['test'][name])}".lstrip()
            other = shown(name, job["baseline"]["test"][name]["value"]) if job.get("baseline") else ""
        if job["status"] != "not run":
            rows.append([str(number), PurePath(job["folder"]).name, score, other, job["status"], own])
    return [*layout.table(rows), *(layout.labelled("all", " ".join(shared)) if shared else [])]


def seed_lines(jobs: Sequence[Values]) -> list[str]:
    """Of jobs that differ in their seed alone the mean, in a table below that of the jobs; empty where there are none."""
    alike: dict[tuple[str, ...], list[Values]] = {}
    for job in jobs:
        if job["metrics"]:
            alike.setdefault(but_seeds(job["overrides"]), []).append(job)
    settings = own_settings([{"overrides": key} for key in alike])[0] if len(alike) > 1 else [""]
    rows = []
    for own, group in zip(settings, alike.values(), strict=False):
        names = {main_metric(job["metrics"]["test"]) for job in group}
        name = names.pop()
        scores = [job["metrics"]["test"][name]["value"] for job in group if name in job["metrics"]["test"]]
        if len(group) < 2 or names or None in scores:
            continue
        others = [job["baseline"]["test"][name]["value"] for job in group if job.get("baseline")]
        other = shown(name, sum(others) / len(others)) if len(others) == len(group) and None not in others else ""
        rows.append([f"{label(name)} {measured(name, mean_over_seeds(name, scores))}", other, str(len(group)), own])
    header = ["mean over seeds (95 % t interval)", "forest", "jobs", "settings"]
    return ["", *layout.table([header, *rows])] if rows else []


def best_of_search(jobs: Sequence[Values]) -> str:
    """Which job of a search scored best on validation rows; empty where nothing was searched for."""
    scored = [(number, job) for number, job in enumerate(jobs, 1) if job.get("objective") is not None]
    if not scored:
        return ""
    name = main_metric(scored[0][1]["metrics"]["test"])
    sign = 1 if HIGHER_IS_BETTER[name] else -1
    number, job = max(scored, key=lambda pair: (sign * pair[1]["objective"], -pair[0]))
    return f"job {number}: {label(name)} {shown(name, job['objective'])} on validation rows, by which the search chooses"


def one_line(values: Values) -> str:
    """A result in one line: the main metric, the baseline's, and the seconds it took."""
    test, baseline = values["metrics"]["test"], values["baseline"]
    name = main_metric(test)
    other = f", {baseline['name']} {shown(name, baseline['test'][name]['value'])}" if baseline else ""
    return f"{label(name)} {measured(name, test[name])}{other}, {duration(values['seconds']['total'], exact=True)}"


def lift_words(values: Values) -> tuple[str, str, str]:
    """Of the lift: its sentence, its verdict, and the verdict's colour."""
    lift, test = values["lift"], values["metrics"]["test"]
    name = main_metric(test)
    own, floor = test[name]["value"], values["majority"]["test"][name]["value"]
    is_known = own is not None and floor is not None
    if lift is None:
        better = is_known and own != floor and (own > floor) == HIGHER_IS_BETTER[name]
        return "this is the baseline itself", "" if better else "it is no better than ignoring the inputs", "33"
    if lift["value"] is None:
        return "undefined", "", ""
    verdict = judged(lift["value"], lift["measurable"])
    colour = "33" if not lift["measurable"] else "32" if lift["value"] > 0 else "31"
    if lift["metric"] == name and is_known and own != floor and (own < floor) == HIGHER_IS_BETTER[name]:
        verdict, colour = f"{verdict}, and worse than ignoring the inputs", "31"
    return gain(lift["metric"], lift["value"], lift["low"], lift["high"]), verdict, colour


def class_counts(counts: Mapping[str, int], most: int = 10) -> str:
    """Rows per class in few words."""
    low, high = min(counts.values()), max(counts.values())
    if low == high and len(counts) > 2:
        return f"{low} of each of {len(counts)}"
    if len(counts) > 5 and high - low <= 0.1 * low:
        return f"{low} to {high} of each of {len(counts)}"
    shown = [f"{shortened(name)} {count}" for name, count in list(counts.items())[:most]]
    return ", ".join(shown) + (f", ... ({len(counts)} classes)" if len(counts) > most else "")


def epoch_text(row: Values) -> str:
    """What one epoch came to."""
    scores = [name for name in ("accuracy", "rmse") if f"validation_{name}" in row]
    return "  ".join(
        [f"loss {row['train_loss']:.4f}", *(f"validation {name} {shown(name, row[f'validation_{name}'])}" for name in scores)]
    )


def time_taken(seconds: Mapping[str, float]) -> str:
    """The total, and each phase that is worth naming."""
    parts = ", ".join(f"{name} {value:.1f}" for name, value in seconds.items() if name != "total" and value >= 0.05)
    return duration(seconds["total"], exact=True) + (f" ({parts})" if parts else "")
