"""Learning curves as words: what will be measured, the table of points and forecasts, and one line per curve of a sweep."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from sdl_cli.many.sweep_result import JobResult
from sdl_cli.measure.curve import LearningCurve
from sdl_cli.measure.wording import interval, label, rounded, shown
from sdl_cli.phrases import counted, duration
from sdl_cli.report import layout
from sdl_cli.report.chart import chart
from sdl_cli.report.words import MANY, examples, own_settings
from sdl_cli.study.curve.result import CurveResult

Values = dict[str, Any]


def plan_lines(overview: Values) -> list[tuple[str, str]]:
    """Label and text of what is about to be measured."""
    units = MANY[overview["modality"]]
    sizes = ", ".join(f"{size:,}" for size in overview["sizes"])
    at_once = f", {overview['jobs']} at once" if overview["jobs"] > 1 else ""
    guess = " (a first guess: no similar curve has been measured here before)" if overview["is_guess"] else ""
    left = overview["cells"] - overview["done"]
    many = f"{left} of {overview['cells']} cells ({overview['done']} are done)" if overview["done"] else f"{left} cells"
    data = examples(overview["modality"], overview["shape"])
    least = "at least " if overview.get("grouped") else ""  # whole groups stay together
    return [
        ("data", f"{overview['dataset']}: {data}, {least}{overview['test_rows']:,} test {units} in each repeat"),
        ("model", overview["name"]),
        ("sizes", f"{sizes} labelled {units}, {counted(overview['repeats'], 'repeat')} of each"),
        ("time", f"about {duration(overview['seconds'])} for {many}{at_once}{guess}"),
    ]


def point_rows(curve: LearningCurve, with_seconds: bool = False) -> list[list[str]]:
    """The measured points as a table, the header first; a column that no point fills is left out."""
    metric = curve.metric
    rows = [["labels", label(metric), "s.e.", "repeats", "seconds (sum)", "forest (quick baseline)"]]
    for point in curve.points:
        error = "" if point.se is None else shown(metric, point.se, unit=False)
        seconds = f"{point.seconds:.1f}" if with_seconds and point.seconds is not None else ""
        other = "" if point.baseline is None else shown(metric, point.baseline)
        rows.append([f"{point.size:,}", shown(metric, point.mean), error, str(point.repeats), seconds, other])
    return layout.filled(rows)


def forecast_rows(curve: LearningCurve) -> list[list[str]]:
    """The forecast as a table, the header first."""
    metric = curve.metric
    rows = [["labels", "forecast", f"{100 * curve.level:g} % interval"]]
    return rows + [
        [f"{ahead.size:,}", shown(metric, ahead.mean), interval(metric, ahead.low, ahead.high)] for ahead in curve.forecast
    ]


def table_lines(curve: LearningCurve) -> list[str]:
    """The measured points, and below them the forecast."""
    lines = layout.table(layout.right(point_rows(curve, with_seconds=True)))
    last = curve.last
    if last.majority is not None:
        lines.append(f"Ignoring the inputs gives {shown(curve.metric, last.majority)} with {last.size:,} labels.")
    return [*lines, "", *layout.table(layout.right(forecast_rows(curve)))] if curve.forecast else lines


def chart_lines(curve: LearningCurve) -> list[str]:
    """The chart, as wide as the terminal up to 100 columns, in ASCII where its encoding has no more."""
    encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower()
    return chart(curve, min(layout.width(), 100), ascii_only="utf" not in encoding)


def sweep_lines(jobs: Sequence[JobResult]) -> list[str]:
    """One line per curve: its largest size, the score there, at twice that, and the labels that the target needs."""
    curves = [CurveResult.from_json(job.curve) if job.curve else None for job in jobs]
    needs = [curve.labels_needed for curve in curves if curve]
    same = {needed.target for needed in needs if needed and needed.given}
    with_target = len(same) == 1  # a target of its own for each curve could not be compared
    rows = [["job", "curve", "labels", "score", "with twice", *(["target needs"] if with_target else []), "settings"]]
    settings = own_settings([job.overrides for job in jobs])[0]
    for number, (job, curve, own) in enumerate(zip(jobs, curves, settings, strict=True), 1):
        row = [job.status, "", "", "", ""]
        if curve:
            metric, last = curve.metric, curve.last
            twice = shown(metric, curve.twice.mean) if curve.twice else ""
            row = [curve.name, f"{last.size:,}", shown(metric, last.mean), twice, labels_needed(curve)]
        rows.append([str(number), *row[: 5 if with_target else 4], own])
    return layout.table(rows)


def labels_needed(curve: LearningCurve) -> str:
    """`95.0 %: about 6,100`: the target of a curve and the labels that it needs; empty without a target."""
    found = curve.labels_needed
    if found is None:
        return ""
    if found.reachable == "no":
        many = "out of reach"
    elif found.mid is None:
        many = f"more than {8 * curve.last.size:,}"
    else:
        many = f"about {rounded(found.mid)}"
    return f"{shown(curve.metric, found.target)}: {many}"
