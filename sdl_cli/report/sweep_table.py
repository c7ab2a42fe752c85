"""`results.csv` of a sweep: one line per job, the same bytes whatever ran the jobs, but for the times at the end."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sdl_cli.measure.metrics import main_metric
from sdl_cli.study.curve.result import CurveResult

Values = dict[str, Any]
TIMES = ("seconds_total", "seconds_fit")


def results_csv(folder: str, jobs: Sequence[Values], columns: Sequence[Mapping[str, Any]]) -> str:
    """The table of a sweep as CSV.

    Arguments:
        jobs: of `-m --json`, in order: folder, status, overrides, and the reason of one that is not done.
        columns: what was measured in each job, by name; those in `TIMES` come last. Empty for a job that is not done.
    Returns:
        Columns job (its number from 1, or where folders have names of their own its folder), folder, status, each setting that
        is not the same in all jobs, what was measured, reason, and the times. Numbers are written in full.
    """
    settings = [settings_of(job["overrides"]) for job in jobs]
    varied = [key for key in dict.fromkeys(k for one in settings for k in one) if len({one.get(key) for one in settings}) > 1]
    measured = [key for key in dict.fromkeys(k for one in columns for k in one) if key not in TIMES]
    names = [Path(job["folder"]).relative_to(folder).as_posix() for job in jobs]
    rows: list[list[Any]] = [["job", "folder", "status", *varied, *measured, "reason", *TIMES]]
    for name, job, own, found in zip(names, jobs, settings, columns, strict=True):
        number = str(int(name) + 1) if name.isdecimal() else name
        reason = job.get("reason", "").replace(folder, ".")
        texts = [number, name, job["status"], *(own.get(key, "") for key in varied)]
        rows.append([*texts, *(_text(found.get(key)) for key in measured), reason, *(_text(found.get(key)) for key in TIMES)])
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


def settings_of(overrides: Sequence[str]) -> dict[str, str]:
    """Overrides as key -> value, without the quotes and signs that hydra needs."""
    found = {}
    for override in overrides:
        key, _, value = override.lstrip("+~").partition("=")
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1].replace(f"\\{value[0]}", value[0])
        found[key] = value
    return found


def run_columns(item: Values) -> Values:
    """What a finished training comes to, main metric first, of an item of `-m --json`."""
    test = item["metrics"]["test"]
    main = main_metric(test)
    found = {f"test_{main}": test[main]["value"], f"test_{main}_low": test[main]["low"], f"test_{main}_high": test[main]["high"]}
    found |= {f"test_{name}": value["value"] for name, value in test.items() if name != main}
    found[f"validation_{main}"] = item["metrics"]["validation"].get(main, {}).get("value")
    found[f"baseline_{main}"] = item["baseline"]["test"][main]["value"] if item["baseline"] else None
    lift = item["lift"] or {}
    found |= {"lift": lift.get("value"), "lift_measurable": lift.get("measurable")}
    found |= {"objective": item["objective"]} if "objective" in item else {}
    found |= {"labelled_rows": item["rows"]["labelled"], "test_rows": item["rows"]["test"]}
    return found | {f"seconds_{name}": item["seconds"].get(name) for name in ("total", "fit")}


def curve_columns(item: Values) -> Values:
    """What a finished learning curve comes to: its last point, and the labels that its target needs."""
    curve = CurveResult.from_json(item["curve"])
    last, needed = curve.last, curve.labels_needed
    found = {"metric": curve.metric, "size": last.size, "mean": last.mean, "se": last.se}
    found |= {f"labels_{name}": getattr(needed, name, None) for name in ("target", "low", "mid", "high", "reachable")}
    return found | {"seconds_total": curve.seconds}


def comparison_columns(item: Values) -> Values:
    """What a finished comparison comes to: the arm to use, its score, and how far it is ahead of the baseline."""
    values = item["comparison"]
    arm = next(arm for arm in values["arms"] if arm["recommended"])
    ahead = arm["to_baseline"] or {}
    found = {"metric": values["metric"], "recommended": arm["name"], "best": values["best"]}
    found |= {key: arm[key] for key in ("mean", "low", "high")}
    found |= {f"over_baseline_{key}": ahead.get(key) for key in ("difference", "low", "high", "p", "measurable")}
    return found | {"seconds_total": values["seconds"]["total"]}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)
