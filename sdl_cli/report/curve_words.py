"""Learning curves as words: what will be measured, the table of points and forecasts, and one line per curve of a sweep."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from sdl_cli.measure.wording import label, rounded, shown
from sdl_cli.report import layout
from sdl_cli.report.chart import chart

Values = dict[str, Any]


def plan_lines(overview: Values) -> list[tuple[str, str]]:
    """Label and text of what is about to be measured."""
    unit = {"image": "images", "table": "rows", "text": "texts"}[overview["modality"]]
    sizes = ", ".join(f"{size:,}" for size in overview["sizes"])
    repeats = f"{overview['repeats']} repeat{'s' if overview['repeats'] > 1 else ''}"
    at_once = f", {overview['jobs']} at once" if overview["jobs"] > 1 else ""
    guess = " (a first guess: no such curve was measured here before)" if overview["is_guess"] else ""
    left = overview["cells"] - overview["done"]
    many = f"{left} of {overview['cells']} cells ({overview['done']} are done)" if overview["done"] else f"{left} cells"
    shape = " of " + " x ".join(map(str, overview["shape"])) if overview["shape"] else ""
    return [
        ("data", f"{overview['dataset']}: {unit}{shape}, {overview['test_rows']:,} test {unit} in each repeat"),
        ("model", overview["name"]),
        ("sizes", f"{sizes} labelled {unit}, {repeats} of each"),
        ("time", f"about {duration(overview['seconds'])} for {many}{at_once}{guess}"),
    ]


def table_lines(values: Values) -> list[str]:
    """The measured points, and below them the forecast."""
    metric, points = values["metric"], values["points"]
    with_seconds, with_baseline = _any(points, "seconds"), _any(points, "baseline")
    header = ["labels", label(metric), "s.e.", "repeats"]
    header += (["seconds (sum)"] if with_seconds else []) + (["forest (quick baseline)"] if with_baseline else [])
    rows = [header]
    for point in points:
        error = "" if point["se"] is None else shown(metric, point["se"], unit=False)
        row = [f"{point['size']:,}", shown(metric, point["mean"]), error, str(point["repeats"])]
        row += [f"{point['seconds']:.1f}"] if with_seconds else []
        row += [shown(metric, point["baseline"]) if point["baseline"] is not None else ""] if with_baseline else []
        rows.append(row)
    lines = layout.table(_right(rows))
    guess = points[-1].get("majority")
    if guess is not None:
        lines.append(f"Ignoring the inputs gives {shown(metric, guess)} with {points[-1]['size']:,} labels.")
    if values["forecast"]:
        ahead = [["labels", "forecast", f"{100 * values['level']:g} % interval"]]
        ahead += [
            [
                f"{f['size']:,}",
                shown(metric, f["mean"]),
                f"{shown(metric, f['low'], unit=False)} to {shown(metric, f['high'], unit=False)}",
            ]
            for f in values["forecast"]
        ]
        lines += ["", *layout.table(_right(ahead))]
    return lines


def chart_lines(values: Values) -> list[str]:
    """The chart, as wide as the terminal up to 100 columns, in ASCII where its encoding has no more."""
    encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower()
    return chart(values, min(layout.width(), 100), ascii_only="utf" not in encoding)


def sweep_lines(jobs: Sequence[Values]) -> list[str]:
    """One line per curve: its largest size, the score there, at twice that, and the labels that the target needs."""
    same = {curve["labels_needed"]["target"] for curve in _curves(jobs) if (curve["labels_needed"] or {}).get("given")}
    with_target = len(same) == 1  # a target of its own for each curve could not be compared
    rows = [["job", "curve", "labels", "score", "with twice", *(["target needs"] if with_target else []), "settings"]]
    common = set.intersection(*(set(job["overrides"]) for job in jobs)) if len(jobs) > 1 else set()
    for number, job in enumerate(jobs):
        settings = " ".join(o for o in job["overrides"] if o not in common)
        if job["status"] != "done":
            rows.append([str(number + 1), job["status"], "", "", "", *([""] if with_target else []), settings])
            continue
        curve = job["curve"]
        metric, last = curve["metric"], curve["points"][-1]
        twice = shown(metric, curve["twice"]["mean"]) if curve["twice"] else ""
        row = [str(number + 1), curve["name"], f"{last['size']:,}", shown(metric, last["mean"]), twice]
        rows.append([*row, *([_needed(curve)] if with_target else []), settings])
    return layout.table(rows)


def duration(seconds: float) -> str:
    """A time as people say it: 8 seconds, 3 minutes, 1.5 hours."""
    if seconds < 90:
        return f"{max(1, round(seconds))} second{'s' if round(seconds) > 1 else ''}"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} minutes"
    return f"{seconds / 3600:.1f} hours"


def _needed(curve: Values) -> str:
    found = curve["labels_needed"]
    if found is None:
        return ""
    target = shown(curve["metric"], found["target"])
    if found["reachable"] == "no":
        return f"{target}: out of reach"
    many = f"about {rounded(found['mid'])}" if found["mid"] is not None else f"more than {8 * curve['points'][-1]['size']:,}"
    return f"{target}: {many}"


def _curves(jobs: Sequence[Values]) -> list[Values]:
    return [job["curve"] for job in jobs if job["status"] == "done"]


def _any(points: Sequence[Values], key: str) -> bool:
    return any(point[key] is not None for point in points)


def _right(rows: list[list[str]]) -> list[list[str]]:
    """Every column but the last set flush right, since they are numbers under each other."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return [[cell.rjust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
