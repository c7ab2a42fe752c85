"""A learning curve that was measured elsewhere: its points from a CSV, and their forecast."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sdl_cli.errors import ConfigError
from sdl_cli.measure.metrics import HIGHER_IS_BETTER, check_target
from sdl_cli.settings.parse import suggest
from sdl_cli.study.curve.points import read_csv
from sdl_cli.study.curve.summary import Question, summarise

Values = dict[str, Any]


def forecast(source: Path, metric: str, question: Question) -> Values:
    """The object of `sdl forecast --json`, from a CSV with columns size, score and optionally repeat."""
    metric = metric.lower()
    if metric not in HIGHER_IS_BETTER:
        raise ConfigError(
            f"--metric: there is no metric {metric!r}.{suggest(metric, HIGHER_IS_BETTER)}",
            f"There are: {', '.join(HIGHER_IS_BETTER)}.",
        )
    check_target("--target", metric, question.target)
    return summarise(read_csv(source, metric), question, source.stem, source.name).to_json()
