"""A learning curve that was measured elsewhere: its points from a CSV, and their forecast."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sdl_cli.errors import ConfigError
from sdl_cli.measure.metrics import HIGHER_IS_BETTER, check_target
from sdl_cli.settings.parse import suggest
from sdl_cli.study.curve.points import points_of, read_csv
from sdl_cli.study.curve.summary import Question, summarise

Values = dict[str, Any]


def forecast(source: Path, metric: str, question: Question) -> Values:
    """The object of `sdl forecast --json`, from a CSV with columns size, score and optionally repeat."""
    metric = _checked(metric, question, "--")
    return summarise(read_csv(source, metric), question, source.stem, source.name).to_json()


def forecast_rows(lines: Sequence[tuple[int, Sequence[str]]], metric: str, question: Question) -> Values:
    """The same of the lines of such a table with their numbers, the first one its names."""
    metric = _checked(metric, question, "")
    return summarise(points_of("points", lines, metric, "row"), question, "points", "points").to_json()


def _checked(metric: str, question: Question, dashes: str) -> str:
    """The metric in small letters. Raises ConfigError: there is none such, or it cannot reach the target."""
    metric = metric.lower()
    if metric not in HIGHER_IS_BETTER:
        raise ConfigError(
            f"{dashes}metric: there is no metric {metric!r}.{suggest(metric, HIGHER_IS_BETTER)}",
            f"There are: {', '.join(HIGHER_IS_BETTER)}.",
        )
    check_target(f"{dashes}target", metric, question.target)
    return metric
