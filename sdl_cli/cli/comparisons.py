"""`sdl compare` between the command line and the comparison: arms composed by hydra, the display, and the JSON object."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sdl_cli.cli import hydra as bridge
from sdl_cli.many import cells
from sdl_cli.many import sweep as sweeps
from sdl_cli.many.sweep_summary import Kind
from sdl_cli.report.console import Display, resume_command
from sdl_cli.report.sweep_table import comparison_columns
from sdl_cli.run import run_folder, stored
from sdl_cli.run.prepare import load_dataset
from sdl_cli.run.request import parse_experiment
from sdl_cli.study.compare import run as comparing
from sdl_cli.study.compare.arms import compose_arms, shared_overrides, with_current_names
from sdl_cli.study.compare.plan import first_experiment
from sdl_cli.study.compare.run import CompareObserver
from sdl_cli.study.compare.settings import Comparison, parse_comparison, parse_shared

Values = dict[str, Any]


def compare(overrides: Sequence[str], config_dir: str | None, as_json: bool) -> Values:
    """`sdl compare`: one comparison."""
    display = Display(as_json)
    done: list[Values] = []
    request = compose(overrides, config_dir)

    def job(values: Values, folder: Path, chosen: list[str]) -> None:
        done.append(comparing.run(request, folder, observer(display)))

    comparing.prepare_workers(request)
    try:
        bridge.run("compare", overrides, job, parse_shared, config_dir=config_dir)
    finally:
        display.stop()
        cells.end_workers()
    return finish(done[0], display)


def sweep(overrides: Sequence[str], config_dir: str | None, as_json: bool) -> Values:
    """`sdl compare -m`: one comparison per combination."""
    shared_overrides(overrides)

    def complete(values: Values, one: Sequence[str]) -> Values:
        return compose(one, config_dir).to_plain()

    try:
        return sweeps.sweep(dataclasses.replace(_COMPARE, complete=complete), overrides, config_dir, Display(as_json))
    finally:
        cells.end_workers()


def resume(folder: Path, as_json: bool) -> Values:
    """`sdl compare --resume RUN`, of a comparison or of a whole sweep of them."""
    display = Display(as_json)
    try:
        with stored.reading(folder):
            if (folder / "sweep.json").is_file():
                return sweeps.resume(_COMPARE, folder.absolute(), display)
            return finish(comparing.resume(folder.absolute(), observer(display)), display)
    finally:
        display.stop()
        cells.end_workers()


def compose(overrides: Sequence[str], config_dir: str | None) -> Comparison:
    """A comparison, complete: its shared settings and every arm with its candidates; nothing is loaded or run.

    Raises:
        ConfigError: settings or arms that are wrong.
    """
    common = shared_overrides(overrides)
    values = bridge.compose_checked("compare", overrides, parse_shared, config_dir)
    shared = parse_shared(values)
    shared = dataclasses.replace(shared, compare=with_current_names(shared.compare, config_dir))

    def compose_one(arm: Sequence[str]) -> Values:
        return bridge.compose_checked("train", arm, parse_experiment, config_dir)

    arms = compose_arms(shared.compare, common, compose_one, bridge.parse_assignments, parse_experiment, config_dir)
    return Comparison(shared, arms)


def observer(display: Display) -> CompareObserver:
    """What the display hears of a comparison."""
    return CompareObserver(display.compare_start, display.compare_progress, display.notice)


def finish(values: Values, display: Display) -> Values:
    """Show a comparison; where arms failed the exit code is 1 and the command that tries them again is named."""
    display.comparison(values)
    if not values["failed"]:
        return values
    display.lines([f"Try the failed arms again: {resume_command(values['folder'])}"])
    return {**values, "exit_code": 1}


def _check(values: Values) -> None:
    """Parse a job of a sweep, with its arms where it has them already."""
    if "arms" in values:
        parse_comparison(values, Path("sweep.json"))
    else:
        parse_shared(values)


def _in_this_process(values: Values) -> None:
    return None


def _load(values: Values) -> Any:
    request = parse_comparison(values, Path("sweep.json"))
    return load_dataset(first_experiment(request.arms))[0]


def _item(folder: Path) -> Values:
    return {"comparison": run_folder.read_json(folder / "comparison.json")}


def _show(summary: Values, display: Display) -> None:
    display.comparisons(summary)


_COMPARE = Kind(
    verb="compare",
    check=_check,
    parallel=_in_this_process,
    load=_load,
    observer=observer,
    item=_item,
    columns=comparison_columns,
    show=_show,
)
