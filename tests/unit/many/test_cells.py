"""Many experiments: what is done is read, what is missing is run, and a failure stays alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sdl_cli.errors import ConfigError, DataError, RunError, StorageError
from sdl_cli.learning.stages import Stages
from sdl_cli.many.cells import Cell, Group, Outcome, _on_dask, end_workers, run_cells, visible_gpus
from sdl_cli.run import run_folder, writing
from sdl_cli.settings.experiment import Experiment, Training
from sdl_cli.settings.machine import available_cores
from sdl_cli.settings.parallel import Parallel, check_backend


@pytest.fixture(autouse=True)
def no_worker_is_left() -> Iterator[None]:
    yield
    end_workers()


def cells(root: Path, num: int) -> list[Cell]:
    return [Cell(Experiment(None, None, None, None, Training(), seed=n), root / str(n)) for n in range(num)]


def finish(experiment: Experiment, folder: Path, resume: bool) -> dict[str, Any]:
    """A run that does nothing but leave a run folder."""
    folder = folder if resume else writing.claim(folder)
    writing.write_config(folder, {"seed": experiment.seed})
    writing.write_json(folder, "metrics.json", {"seed": experiment.seed, "resumed": resume})
    writing.write_status(folder, "done", files=["config.yaml", "metrics.json"])
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


class Nothing:
    """Trainings of no network, which leave a line in the folder that the process works in."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __iter__(self) -> Iterator[Any]:
        with Path("trained.txt").open("a") as file:
            file.write(f"{os.getpid()} {self.seed}\n")
        return iter(())

    def train(self) -> None:
        list(self)


def finish_in_stages(experiment: Experiment, folder: Path, resume: bool) -> Stages[dict[str, Any]]:
    if experiment.seed == 3 and Path("die").exists():
        Path("die").unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    if experiment.seed == 4:
        raise RunError("not this one")
    if experiment.seed != 5:
        yield Nothing(experiment.seed)
    return finish(experiment, folder, resume) | {"resumed": resume}


@pytest.mark.parametrize("parallel", [None, Parallel(2)])
def test_cells_of_a_group_are_run_in_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parallel: Parallel | None
) -> None:
    monkeypatch.chdir(tmp_path)
    todo = cells(tmp_path / "cells", 7)
    finish(todo[1].experiment, todo[1].folder, False)
    writing.claim(todo[2].folder)
    seen: list[Outcome] = []
    groups = [Group(todo[:3], 64), Group(todo[3:6], 2)]
    found = run_cells(todo, finish, seen.append, parallel, groups=groups, in_stages=finish_in_stages)
    trained = dict(line.split()[::-1] for line in Path("trained.txt").read_text().splitlines())
    assert sorted(trained) == ["0", "2", "3"], "the done one is read, and one that is in no group has no stages"
    assert trained["0"] == trained["2"] and (parallel is None) == (trained["0"] == str(os.getpid()))
    assert [outcome.metrics and outcome.metrics["seed"] for outcome in found] == [0, 1, 2, 3, None, 5, 6]
    assert found[1].was_done and "not this one" in str(found[4].error) and len(seen) == 7
    assert (found[2].metrics or {})["resumed"] and not (found[0].metrics or {})["resumed"]


def test_cells_of_a_group_whose_process_dies_run_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("die").touch()
    todo = [cell for cell in cells(tmp_path / "cells", 7) if cell.experiment.seed != 4]
    notices: list[str] = []
    groups = [Group(todo[:2], 64), Group(todo[2:], 64)]
    parallel = Parallel(2)
    found = run_cells(todo, finish, None, parallel, on_notice=notices.append, groups=groups, in_stages=finish_in_stages)
    assert all(outcome.error is None for outcome in found) and len(notices) == 1 and not Path("die").exists()
    assert [(outcome.metrics or {}).get("seed") for outcome in found] == [0, 1, 2, 3, 5, 6]


def test_a_cell_that_was_stopped_is_resumed(tmp_path: Path) -> None:
    writing.claim(tmp_path / "0")
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


@pytest.mark.parametrize("backend", ["processes", "loky", "threading"])
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
    assert all(o.was_done for o in run_cells(cells(tmp_path, 4), finish, None, Parallel(2, backend))), "nothing is left to run"


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


def go_wrong(experiment: Experiment, folder: Path, resume: bool) -> dict[str, Any]:
    """Kills its process for seeds 1 and 6, for 1 the first time only; exits for 2, 3 and 5, for 5 once it is done; raises for 4."""
    marker = folder.parent / f"died-{experiment.seed}"
    if not resume:
        writing.claim(folder)
    if experiment.seed == 6 or (experiment.seed == 1 and not marker.exists()):
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if experiment.seed == 2:
        sys.exit(3)
    if experiment.seed == 3:
        os._exit(3)
    if experiment.seed == 4:
        raise RunError("the loss is not a number.")
    found = finish(experiment, folder, True)
    if experiment.seed == 5:
        os._exit(0)
    return found


def test_forty_cells_lose_only_those_that_die(tmp_path: Path) -> None:
    notices: list[str] = []
    seen: list[str] = []
    main_thread = threading.current_thread()

    def on_done(outcome: Outcome) -> None:
        assert threading.current_thread() is main_thread
        seen.append(outcome.cell.folder.name)

    outcomes = run_cells(cells(tmp_path, 40), go_wrong, on_done, Parallel(2), on_notice=notices.append)
    failed = {int(o.cell.folder.name): str(o.error) for o in outcomes if o.error is not None}
    assert failed == {
        2: "it called sys.exit(3).",
        3: "its worker process ended with exit code 3, and again when it was tried once more, alone.",
        4: "the loss is not a number.",
        6: "its worker process was killed by signal 9 (out of memory?), and again when it was tried once more, alone.",
    }
    assert all(isinstance(o.error, (RunError, type(None))) for o in outcomes)
    assert [o.metrics["seed"] for o in outcomes if o.metrics is not None] == [n for n in range(40) if n not in failed]
    assert sorted(map(int, seen)) == list(range(40)) and set(seen[-3:]) == {"1", "3", "6"}, "what died is tried again at the end"
    assert notices == [
        "A worker process was killed by signal 9 (out of memory?). Its work is tried once more at the end, alone."
    ] or notices == ["A worker process ended with exit code 3. Its work is tried once more at the end, alone."]
    for number in (2, 3, 6):
        assert run_folder.read_state(tmp_path / str(number)) == "failed"
        assert run_folder.read_reason(tmp_path / str(number)) == failed[number]
    assert outcomes[5].was_done, "its process died when all was written"


def test_a_cell_may_be_tried_only_once(tmp_path: Path) -> None:
    notices: list[str] = []
    chosen = [cells(tmp_path, 7)[n] for n in (0, 1, 6)]
    outcomes = run_cells(chosen, go_wrong, None, Parallel(2), on_notice=notices.append, tries=1)
    assert [str(o.error) for o in outcomes] == ["None"] + 2 * ["its worker process was killed by signal 9 (out of memory?)."]
    assert not notices
    again = run_cells(chosen, go_wrong, None, Parallel(2), tries=1)
    assert [o.error is None for o in again] == [True, True, False] and again[0].was_done


@pytest.mark.parametrize("parallel", [None, Parallel(1), Parallel(2, "threading")])
def test_a_cell_that_exits_fails_alone_in_this_process_too(tmp_path: Path, parallel: Parallel | None) -> None:
    outcomes = run_cells(cells(tmp_path, 3), go_wrong_by_exit, None, parallel)
    assert [str(o.error) for o in outcomes] == ["None", "it called sys.exit(3).", "None"]
    assert run_folder.read_state(tmp_path / "1") == "failed"


def go_wrong_by_exit(experiment: Experiment, folder: Path, resume: bool) -> dict[str, Any]:
    if experiment.seed == 1:
        sys.exit(3)
    return finish(experiment, folder, resume)


def unpicklable(experiment: Experiment, folder: Path, resume: bool) -> dict[str, Any]:
    if experiment.seed == 1:
        finish(experiment, folder, resume)
    return {"seed": experiment.seed, "lock": threading.Lock()}


def test_a_result_that_cannot_be_sent_is_read_from_its_folder_or_failed(tmp_path: Path) -> None:
    failed, done = run_cells(cells(tmp_path, 2), unpicklable, None, Parallel(2))
    assert str(failed.error).startswith("what it returned cannot be sent between processes: TypeError: cannot pickle")
    assert done.error is None and done.metrics == {"seed": 1, "resumed": False}


def surroundings(experiment: Experiment, folder: Path, resume: bool) -> dict[str, Any]:
    names = ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS")
    return {"cores": available_cores(), "process": os.getpid(), **{name: os.environ.get(name) for name in names}}


def test_processes_share_the_gpus_in_turn(tmp_path: Path) -> None:
    def found(*arguments: Any, **more: Any) -> list[dict[str, Any]]:
        return [o.metrics or {} for o in run_cells(cells(tmp_path, 6), surroundings, None, *arguments, **more)]

    several = found(Parallel(3), cores_per_job=2, gpus=["0", "GPU-1"])
    assert {each["cores"] for each in several} == {2} and {each["OMP_NUM_THREADS"] for each in several} == {"2"}
    gpu_of = {each["process"]: each["CUDA_VISIBLE_DEVICES"] for each in several}
    assert set(gpu_of.values()) <= {"0", "GPU-1"} and len(gpu_of) <= 3
    one_each = found(Parallel(), gpus=["0", "GPU-1"])
    assert len({each["process"] for each in one_each}) <= 2 and os.getpid() not in {each["process"] for each in one_each}
    assert {each["process"] for each in found(Parallel(), gpus=["0"])} == {os.getpid()}


@pytest.mark.parametrize(
    ("visible", "listed", "gpus"),
    [
        ("0, 2", None, ["0", "2"]),
        ("GPU-8932f937,MIG-4c1", None, ["GPU-8932f937", "MIG-4c1"]),
        ("1,-1,0", None, ["1"]),
        ("", None, []),
        ("NoDevFiles", None, []),
        (
            None,
            "GPU 0: NVIDIA H100 (UUID: GPU-1)\n  MIG 1g Device 0: (UUID: MIG-1)\nGPU 1: NVIDIA H100 (UUID: GPU-2)",
            ["0", "1"],
        ),
        (None, "No devices found.", []),
        (None, None, []),
    ],
)
def test_the_gpus_that_may_be_used(
    visible: str | None, listed: str | None, gpus: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    if listed is not None:
        (tmp_path / "nvidia-smi").write_text(f"#!{sys.executable} -S\nprint({listed!r})\n")
        (tmp_path / "nvidia-smi").chmod(0o755)
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert visible_gpus() == gpus


def test_a_backend_that_is_missing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdl_cli.settings.parallel.find_spec", lambda name: None)
    for name in ("processes", "loky", "threading"):
        check_backend(name)
    for name in ("dask", "ray"):
        with pytest.raises(ConfigError, match=f"parallel.backend={name}: {name} is not installed"):
            check_backend(name)


@pytest.mark.parametrize(
    ("configured", "told"),
    [
        ("tcp://scheduler:8786", {"address": "tcp://scheduler:8786"}),
        (None, {"n_workers": 3, "threads_per_worker": 1, "dashboard_address": None}),
    ],
)
def test_dask_goes_to_the_scheduler_that_its_setting_names(monkeypatch: pytest.MonkeyPatch, configured: Any, told: Any) -> None:
    made: list[dict[str, Any]] = []

    class Client:
        def __init__(self, **how: Any) -> None:
            made.append(how)

        def __enter__(self) -> Client:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def nthreads(self) -> dict[str, int]:
            return {}

    def get_client() -> Client:
        raise ValueError("No global client found and no address provided")

    config = types.SimpleNamespace(get=lambda key, default: {"scheduler-address": configured}[key])
    monkeypatch.setitem(sys.modules, "dask", types.SimpleNamespace(config=config))
    library = types.SimpleNamespace(Client=Client, as_completed=list, get_client=get_client)
    monkeypatch.setitem(sys.modules, "distributed", library)
    assert list(_on_dask([], 3)) == [] and made == [told]


def kill_once(experiment: Experiment, folder: Path, resume: bool) -> dict[str, Any]:
    """Kills its process for seed 1."""
    if experiment.seed == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return finish(experiment, folder, resume)


@pytest.mark.parametrize("backend", ["dask", "ray"])
def test_a_cluster_on_this_machine_does_the_same(tmp_path: Path, backend: Any) -> None:
    pytest.importorskip("distributed" if backend == "dask" else backend)
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2]); import unit.many.test_cells as t\n"
        "from sdl_cli.many.cells import Parallel, run_cells\n"
        "if __name__ == '__main__':\n"
        "    found = run_cells(t.cells(Path(sys.argv[1]), 4), t.kill_once, None, Parallel(2, sys.argv[3]))\n"
        "    assert [o.metrics and o.metrics['seed'] for o in found] == [0, None, 2, 3], found\n"
        "    print(found[1].error)\n"
    )
    script = tmp_path / "cluster.py"
    script.write_text(code)
    tests = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tests), *filter(None, sys.path)])}
    command = [sys.executable, str(script), str(tmp_path / "c"), str(tests), backend]
    found = subprocess.run(command, check=True, env=environment, timeout=120, stdout=subprocess.PIPE, text=True)
    assert {"dask": "KilledWorker", "ray": "its worker process died"}[backend] in found.stdout
    assert run_folder.read_state(tmp_path / "c" / "1") == "failed"
