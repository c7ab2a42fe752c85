"""Many experiments: what is done is read, what is missing is run, and a failure stays alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from sdl_cli import results
from sdl_cli.cells import Cell, Outcome, Parallel, check_backend, run_cells
from sdl_cli.config import Experiment, Training
from sdl_cli.device import available_cores
from sdl_cli.errors import ConfigError, DataError, RunError, StorageError


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


# several at once


def finish_or_fail(experiment: Experiment, folder: Path, resume: bool) -> dict[str, Any]:
    """Fails for seed 1, with an error that does not survive the way between processes."""
    if experiment.seed == 1:
        error = ZeroDivisionError("no luck")
        error.lock = threading.Lock()  # type: ignore[attr-defined]  # cannot be pickled
        raise error
    return {**finish(experiment, folder, resume), "process": os.getpid(), "cores": available_cores()}


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_cells_run_at_once_one_core_each_and_a_failure_stays_alone(tmp_path: Path, backend: Any) -> None:
    seen: list[Outcome] = []
    outcomes = run_cells(cells(tmp_path, 4), finish_or_fail, seen.append, Parallel(2, backend))
    assert [o.metrics and o.metrics["seed"] for o in outcomes] == [0, None, 2, 3], "in the order of the cells"
    assert isinstance(outcomes[1].error, RunError) and "ZeroDivisionError: no luck" in str(outcomes[1].error)
    assert sorted(o.cell.folder.name for o in seen) == ["0", "1", "2", "3"]
    for outcome in (outcomes[0], outcomes[2], outcomes[3]):
        assert outcome.metrics is not None and outcome.metrics["cores"] == 1
        assert (outcome.metrics["process"] == os.getpid()) == (backend == "threading")
    again = run_cells(cells(tmp_path, 4), finish, None, Parallel(2, backend))
    assert [o.was_done for o in again] == [True, False, True, True]


def disk_full(experiment: Experiment, folder: Path, resume: bool) -> dict[str, Any]:
    if experiment.seed == 1:
        raise StorageError(f"{folder}: the disk is full.")
    return finish(experiment, folder, resume)


@pytest.mark.parametrize("parallel", [None, Parallel(2), Parallel(1)])
def test_a_full_disk_ends_the_whole(tmp_path: Path, parallel: Parallel | None) -> None:
    with pytest.raises(StorageError, match="the disk is full"):
        run_cells(cells(tmp_path, 3), disk_full, None, parallel, raised=())


def refused(experiment: Experiment, folder: Path, resume: bool) -> dict[str, Any]:
    raise ConfigError("model.kind: no.")


def test_what_ends_the_whole_is_the_callers_choice(tmp_path: Path) -> None:
    for parallel in (None, Parallel(1)):
        with pytest.raises(ConfigError):
            run_cells(cells(tmp_path / "raised", 2), refused, None, parallel)
        outcomes = run_cells(cells(tmp_path / "kept", 2), refused, None, parallel, raised=())
        assert [type(o.error) for o in outcomes] == [ConfigError, ConfigError]


def test_one_job_runs_in_this_process(tmp_path: Path) -> None:
    [outcome] = run_cells(cells(tmp_path, 1), finish_or_fail, None, Parallel(1))
    assert outcome.metrics is not None and outcome.metrics["process"] == os.getpid()
    [outcome] = run_cells(cells(tmp_path / "two", 1), finish_or_fail, None, Parallel(2))
    assert outcome.metrics is not None and outcome.metrics["process"] != os.getpid(), "a cell that is killed takes no other along"


def die(experiment: Experiment, folder: Path, resume: bool) -> dict[str, Any]:
    """Kills its process, for seed 1 the first time only."""
    marker = folder.parent / f"died-{experiment.seed}"
    if experiment.seed == 2 or (experiment.seed == 1 and not marker.exists()):
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return finish(experiment, folder, resume)


def test_a_killed_worker_is_replaced_once(tmp_path: Path) -> None:
    notices: list[str] = []
    outcomes = run_cells(cells(tmp_path, 2), die, None, Parallel(2), on_notice=notices.append)
    assert [o.error for o in outcomes] == [None, None]
    assert len(notices) == 1 and "tried once more" in notices[0]


def test_a_worker_that_is_killed_again_is_a_failed_cell(tmp_path: Path) -> None:
    chosen = [cells(tmp_path, 3)[2], cells(tmp_path, 1)[0]]
    outcomes = run_cells(chosen, die, None, Parallel(2))
    assert isinstance(outcomes[0].error, RunError) and "killed, and again" in str(outcomes[0].error)
    assert results.read_state(chosen[0].folder) == "failed"


def test_a_backend_that_is_missing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdl_cli.cells.find_spec", lambda name: None)
    check_backend("loky")
    check_backend("threading")
    for name in ("dask", "ray"):
        with pytest.raises(ConfigError, match=f"parallel.backend={name}: {name} is not installed"):
            check_backend(name)


def square(experiment: Experiment, folder: Path, resume: bool) -> dict[str, Any]:
    return finish(experiment, folder, resume)


@pytest.mark.parametrize("backend", ["dask", "ray"])
def test_a_cluster_on_this_machine_does_the_same(tmp_path: Path, backend: Any) -> None:
    pytest.importorskip("distributed" if backend == "dask" else backend)
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2]); import unit.test_cells as t\n"
        "from sdl_cli.cells import Parallel, run_cells\n"
        "if __name__ == '__main__':\n"
        "    found = run_cells(t.cells(Path(sys.argv[1]), 4), t.square, None, Parallel(2, sys.argv[3]))\n"
        "    assert [o.metrics['seed'] for o in found] == [0, 1, 2, 3], found\n"
    )
    script = tmp_path / "cluster.py"
    script.write_text(code)
    tests = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tests), *filter(None, sys.path)])}
    subprocess.run(
        [sys.executable, str(script), str(tmp_path / "c"), str(tests), backend], check=True, env=environment, timeout=120
    )
