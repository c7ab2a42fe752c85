"""A learning curve that was measured elsewhere: its points from a CSV, and their forecast."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sdl_cli.errors import ConfigError
from sdl_cli.measure.metrics import HIGHER_IS_BETTER, check_target
from sdl_cli.settings.parse import suggest
from sdl_cli.study.curve.points import Points, points_of, read_csv
from sdl_cli.study.curve.summary import Question, summarise

Values = dict[str, Any]


def forecast(source: Path, metric: str, question: Question) -> Values:
    """The object of `sdl forecast --json`, from a CSV with columns size, score and optionally repeat."""
    metric = _checked(metric, question, "--")
    points = read_csv(source, metric)
    return summarise(points, _with_rows(question, points), source.stem, source.name).to_json()


def forecast_rows(lines: Sequence[tuple[int, Sequence[str]]], metric: str, question: Question) -> Values:
    """The same of the lines of such a table with their numbers, the first one its names."""
    metric = _checked(metric, question, "")
    points = points_of("points", lines, metric, "row")
    return summarise(points, _with_rows(question, points), "points", "points").to_json()


def _with_rows(question: Question, points: Points) -> Question:
    """The question with what the table says of its test rows, unless that was asked otherwise."""
    if question.test_rows is not None or points.test_rows is None:
        return question
    return dataclasses.replace(question, test_rows=points.test_rows, same_test_rows=points.same_test_rows)


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
