"""A run, a comparison and a curve as a program sees them: lines of text, and tables as DataFrames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sdl_cli.measure import wording
from sdl_cli.measure.metrics import Measured
from sdl_cli.phrases import printable
from sdl_cli.report import compare_words, curve_words, layout, words
from sdl_cli.run.result import RunResult
from sdl_cli.study.compare.result import ComparisonResult
from sdl_cli.study.curve.result import CurveResult

if TYPE_CHECKING:
    import pandas as pd


def metric_lines(metrics: Mapping[str, Measured]) -> list[str]:
    """Each metric with its interval."""
    return layout.table([(wording.label(name), wording.measured(name, value)) for name, value in metrics.items()])


def run_line(result: RunResult) -> str:
    """A run in one line."""
    return printable(f"{wording.model_name(result.config['model'])}, {words.one_line(result)}")


def run_lines(result: RunResult) -> list[str]:
    """What `sdl train` prints of its result."""
    sentence, verdict, _ = words.lift_words(result)
    lines = [*layout.labelled("lift", sentence), *(layout.labelled("", verdict) if verdict else [])]
    return [*words.score_lines(result), "", *lines, f"{'run':<{layout.INDENT}}{result.folder}"]


def comparison_lines(result: ComparisonResult) -> list[str]:
    """What `sdl compare` prints of its result."""
    failed = [
        line
        for arms, label in ((result.given_up, "dropped"), (result.failed, "failed"))
        for reason, names in compare_words.by_reason(arms)
        for line in layout.labelled(label, f"{names}: {reason}")
    ]
    more = [] if result.more_labels is None else layout.labelled("labels", result.more_labels.sentence)
    return [*compare_words.table_lines(result), "", *failed, *layout.labelled("verdict", result.verdict), *more]


def curve_lines(curve: CurveResult) -> list[str]:
    """What `sdl curve` prints of its result."""
    warnings = [line for sentence in curve.warnings for line in layout.labelled("warning", sentence)]
    chart = [*curve_words.table_lines(curve), "", *curve_words.chart_lines(curve), ""]
    return [*chart, *warnings, *layout.labelled("verdict", curve.verdict)]


def leaderboard(result: ComparisonResult) -> pd.DataFrame:
    """A row for each method, best first; `score` is the mean of the compared metric over splits."""
    import pandas as pd

    rows = []
    for arm in result.arms:
        row: dict[str, Any] = {"arm": arm.name, "score": arm.mean, "low": arm.low, "high": arm.high}
        row |= {"difference": 0.0 if arm.best else arm.difference, "p": arm.p, "measurable": arm.measurable}
        row |= {"recommended": arm.recommended, "best": arm.best, "baseline": arm.baseline, "seconds": arm.seconds}
        rows.append(row | {name: found.value for name, found in arm.metrics.items()})
    return pd.DataFrame(rows)


def points_table(curve: CurveResult) -> pd.DataFrame:
    """What was measured, a row for each size."""
    import pandas as pd

    names = ("size", "mean", "se", "repeats", "baseline", "majority", "seconds")
    return pd.DataFrame([{name: getattr(point, name) for name in names} for point in curve.points], columns=list(names))


def forecast_table(curve: CurveResult) -> pd.DataFrame:
    """What is forecast, a row for each size."""
    import pandas as pd

    names = ("size", "mean", "low", "high")
    return pd.DataFrame([{name: getattr(ahead, name) for name in names} for ahead in curve.forecast], columns=list(names))
