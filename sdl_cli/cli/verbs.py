"""The table of the verbs that compose settings and run jobs; `composing` is the one path that they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdl_cli.many import repeats
from sdl_cli.many.sweep_folder import StoredJob
from sdl_cli.many.sweep_job import Work
from sdl_cli.report.console import Display
from sdl_cli.report.sweep_table import comparison_columns, curve_columns, run_columns
from sdl_cli.report.watching import observe_comparison, observe_curve, observe_run
from sdl_cli.run.fit_and_score import validation_score
from sdl_cli.run.prepare import load_dataset
from sdl_cli.run.request import parse_experiment, parse_parallel
from sdl_cli.run.result import RunResult

Values = dict[str, Any]


@dataclass(frozen=True)
class Verb:
    """What tells one verb from another.

    Arguments:
        check: parses what hydra composes.
        observe: a display -> the observer of a job in this process.
        load: composed values -> their data set, loaded.
        found: a finished job of a sweep -> what it found, as arguments of `JobResult`.
        columns: a finished job of the sweep's JSON -> what `results.csv` says of it.
        show_sweep: prints a sweep, and may add to its JSON.
        allow: raises ConfigError for overrides that the verb does not take, before anything is composed.
        complete: composed values, overrides as typed and the folder of the user's YAML -> the values of the job.
        needs_our_launcher: a sweep of its jobs cannot run under one of hydra's.
        parts: what may fail of a job whose result is shown all the same.
    """

    work: Work
    check: Callable[[Values], Any]
    observe: Callable[[Display], Any]
    show: Callable[[Display, Values], None]
    load: Callable[[Values], Any]
    found: Callable[[StoredJob], Values]
    columns: Callable[[Values], Values]
    show_sweep: Callable[[Display, Values], None]
    allow: Callable[[Sequence[str]], Any] = list
    complete: Callable[[Values, Sequence[str], str | None], Values] = lambda values, overrides, config_dir: values
    needs_our_launcher: bool = False
    parts: str = ""


def _found_by_run(job: StoredJob) -> Values:
    assert job.values is not None
    return {"run": RunResult.from_json(job.values), "objective": job.objective}


def _show_curves(display: Display, summary: Values) -> None:
    from sdl_cli.study.curve.overlay import overlay

    summary |= overlay(Path(summary["folder"]), summary["jobs"])
    display.curves(summary)


def _train() -> Verb:
    return Verb(
        Work(parse_experiment, repeats.train, repeats.resume, parse_parallel, validation_score, repeats.in_stages),
        check=parse_experiment,
        observe=observe_run,
        show=Display.result,
        load=lambda values: load_dataset(parse_experiment(values))[0],
        found=_found_by_run,
        columns=run_columns,
        show_sweep=Display.sweep,
    )


def _curve() -> Verb:
    from sdl_cli.study.curve import run as curving
    from sdl_cli.study.curve.settings import parse_curve

    return Verb(
        Work(parse_curve, curving.run, curving.resume),
        check=parse_curve,
        observe=observe_curve,
        show=Display.curve,
        load=lambda values: load_dataset(parse_curve(values))[0],
        found=lambda job: {"curve": job.values},
        columns=curve_columns,
        show_sweep=_show_curves,
        parts="cells",
    )


def _compare() -> Verb:
    from sdl_cli.study.compare import run as comparing
    from sdl_cli.study.compare.arms import shared_overrides
    from sdl_cli.study.compare.composing import with_arms
    from sdl_cli.study.compare.plan import first_experiment
    from sdl_cli.study.compare.settings import parse_comparison, parse_shared

    return Verb(
        Work(parse_comparison, comparing.run, comparing.resume),
        check=parse_shared,
        observe=observe_comparison,
        show=Display.comparison,
        load=lambda values: load_dataset(first_experiment(parse_comparison(values).arms))[0],
        found=lambda job: {"comparison": job.values},
        columns=comparison_columns,
        show_sweep=Display.comparisons,
        allow=shared_overrides,
        complete=with_arms,
        needs_our_launcher=True,
        parts="arms",
    )


# each builds its entry, so that one verb does not import what another needs
VERBS: dict[str, Callable[[], Verb]] = {"train": _train, "curve": _curve, "compare": _compare}
