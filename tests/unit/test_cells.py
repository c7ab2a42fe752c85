"""Many experiments: what is done is read, what is missing is run, and a failure stays alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sdl_cli import results
from sdl_cli.cells import Cell, Outcome, run_cells
from sdl_cli.config import Experiment, Training
from sdl_cli.errors import ConfigError, DataError, RunError


def cells(root: Path, num: int) -> list[Cell]:
    return [Cell(Experiment(None, None, None, None, Training(), seed=n), root / str(n)) for n in range(num)]


def finish(experiment: Experiment, folder: Path, resume: bool) -> dict[str, Any]:
    """A run that does nothing but leave a run folder."""
    folder = folder if resume else results.claim(folder)
    results.write_config(folder, {"seed": experiment.seed})
    results.write_json(folder, "metrics.json", {"seed": experiment.seed, "resumed": resume})
    results.write_status(folder, "done", files=["config.yaml", "metrics.json"])
    return {"seed": experiment.seed, "resumed": resume}


def test_every_cell_is_run_once_in_order_and_read_the_next_time(tmp_path: Path) -> None:
    seen: list[Outcome] = []
    first = run_cells(cells(tmp_path, 3), finish, seen.append)
    assert [o.metrics and o.metrics["seed"] for o in first] == [0, 1, 2] and seen == first
    assert not any(o.was_done for o in first)

    def never(*_: object) -> dict[str, Any]:
        raise AssertionError("a finished cell was run again")

    again = run_cells(cells(tmp_path, 3), never)
    assert all(o.was_done for o in again) and [o.metrics for o in again] == [o.metrics for o in first]


def test_a_failure_keeps_to_its_own_cell(tmp_path: Path) -> None:
    def fail_on_one(experiment: Experiment, folder: Path, resume: bool) -> dict[str, Any]:
        if experiment.seed == 1:
            raise RunError("the loss is not a number")
        return finish(experiment, folder, resume)

    outcomes = run_cells(cells(tmp_path, 3), fail_on_one)
    assert [o.error is None for o in outcomes] == [True, False, True]
    assert outcomes[1].metrics is None and "not a number" in str(outcomes[1].error)


@pytest.mark.parametrize("error", [ConfigError("no"), DataError("no"), KeyboardInterrupt()])
def test_what_every_later_cell_would_meet_too_is_raised(tmp_path: Path, error: BaseException) -> None:
    num_calls = []

    def fail(*_: object) -> dict[str, Any]:
        num_calls.append(1)
        raise error

    with pytest.raises(type(error)):
        run_cells(cells(tmp_path, 3), fail)
    assert len(num_calls) == 1


def test_a_cell_that_was_stopped_is_resumed(tmp_path: Path) -> None:
    results.claim(tmp_path / "0")
    outcomes = run_cells(cells(tmp_path, 2), finish)
    assert [o.metrics and o.metrics["resumed"] for o in outcomes] == [True, False]
