"""Many experiments, each in a folder of its own: run what is missing, keep what is done, keep failures apart.

The one executor under repeats, sweeps, curves and comparisons. A cell that is done and whose configuration is the one asked
for is read, not run again; so resuming is running the same list once more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdl_cli import results
from sdl_cli.config import Experiment
from sdl_cli.errors import ConfigError, DataError


@dataclass(frozen=True)
class Cell:
    """One experiment and its run folder."""

    experiment: Experiment
    folder: Path


@dataclass(frozen=True)
class Outcome:
    """What became of a cell: its metrics (as in `metrics.json`), or the error that ended it."""

    cell: Cell
    metrics: dict[str, Any] | None
    error: Exception | None
    was_done: bool = False


def run_cells(
    cells: Sequence[Cell],
    run_one: Callable[[Experiment, Path, bool], dict[str, Any]],
    on_done: Callable[[Outcome], None] | None = None,
) -> list[Outcome]:
    """Run every cell that is not done yet, one after another.

    Arguments:
        cells: with folders of their own.
        run_one: `(experiment, folder, resume) -> metrics`.
        on_done: called with each outcome as it comes.
    Returns:
        The outcomes in the order of `cells`. An error ends its own cell alone; one in the settings or the data, which every
        later cell would meet too, is raised.
    """
    outcomes = []
    for cell in cells:
        state = results.read_state(cell.folder)
        if state == "done":
            outcome = Outcome(cell, results.read_run(cell.folder).metrics, None, was_done=True)
        else:
            try:
                outcome = Outcome(cell, run_one(cell.experiment, cell.folder, state != "missing"), None)
            except (ConfigError, DataError):
                raise
            except Exception as error:
                outcome = Outcome(cell, None, error)
        outcomes.append(outcome)
        if on_done is not None:
            on_done(outcome)
    return outcomes
