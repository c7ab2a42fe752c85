"""Many experiments, each in a folder of its own: run what is missing, keep what is done, keep failures apart.

The one executor under repeats, sweeps, curves and comparisons. A cell that is done is read, not run again; so resuming is running
the same list once more. Cells run in this process, or in worker processes (or on a cluster) through joblib, one core each.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from sdl_cli import results
from sdl_cli.config import Count, Experiment
from sdl_cli.errors import ConfigError, DataError, RunError, SdlError, StorageError

RunOne = Callable[[Experiment, Path, bool], dict[str, Any]]


@dataclass(frozen=True)
class Parallel:
    """How many cells run at once, and where.

    Arguments:
        num_jobs: cells at once; None is one per core. A model that uses all cores, or a GPU, runs alone whatever this says.
        backend: joblib's: loky (worker processes), threading, or dask or ray (a cluster, or this machine where none is named).
    """

    num_jobs: Count | None = None
    backend: Literal["loky", "threading", "dask", "ray"] = "loky"


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
    run_one: RunOne,
    on_done: Callable[[Outcome], None] | None = None,
    parallel: Parallel | None = None,
    raised: tuple[type[Exception], ...] = (ConfigError, DataError),
    on_notice: Callable[[str], None] | None = None,
) -> list[Outcome]:
    """Run every cell that is not done yet, one after another, or several at once.

    Arguments:
        cells: with folders of their own.
        run_one: `(experiment, folder, resume) -> metrics`; picklable where cells run in other processes.
        on_done: called with each outcome as it comes, those that were done before first.
        parallel: None runs them in this process, in order.
        raised: errors that every later cell would meet too, and that end the whole; a full disk always does.
        on_notice: called with a sentence when a worker process was killed.
    Returns:
        The outcomes in the order of `cells`. Any other error ends its own cell alone.
    """
    outcomes: dict[int, Outcome] = {}

    def add(number: int, outcome: Outcome) -> None:
        outcomes[number] = outcome
        if on_done is not None:
            on_done(outcome)
        if outcome.error is not None and isinstance(outcome.error, (StorageError, *raised)):
            raise outcome.error

    for number, cell in enumerate(cells):
        if results.read_state(cell.folder) == "done":
            add(number, _stored(cell))
        elif parallel is None:
            add(number, _run(cell, run_one))
    if parallel is not None:
        _run_parallel(cells, run_one, add, outcomes, parallel, on_notice)
    return [outcomes[number] for number in range(len(cells))]


def _stored(cell: Cell) -> Outcome:
    return Outcome(cell, results.read_run(cell.folder).metrics, None, was_done=True)


def _run(cell: Cell, run_one: RunOne) -> Outcome:
    resume = results.read_state(cell.folder) != "missing"
    try:
        return Outcome(cell, run_one(cell.experiment, cell.folder, resume), None)
    except Exception as error:
        return Outcome(cell, None, error)


def _run_parallel(
    cells: Sequence[Cell],
    run_one: RunOne,
    add: Callable[[int, Outcome], None],
    outcomes: dict[int, Outcome],
    parallel: Parallel,
    on_notice: Callable[[str], None] | None,
) -> None:
    """Hand what is left to joblib; when a worker is killed, which breaks its whole pool, what is then left once more."""
    import joblib
    from joblib.externals.loky.process_executor import BrokenProcessPool

    if _starting is not None:
        _starting.join()  # joblib's temporary folders do not bear two of its calls at once
    for last in (False, True):
        left = [number for number in range(len(cells)) if number not in outcomes]
        if not left:
            return
        tasks = [joblib.delayed(_in_worker)(number, cells[number], run_one) for number in left]
        try:
            with _backend(parallel, len(left)), warnings.catch_warnings():
                # of tasks that are given up when one raises: they are not done, and that is said
                warnings.simplefilter("ignore", UserWarning)
                # one job is joblib's sign to run in this process: no other is started for it
                returned = "list" if parallel.backend == "ray" else "generator_unordered"  # ray's backend gives all at the end
                for number, metrics, error in joblib.Parallel(return_as=returned, batch_size=1)(tasks):
                    add(number, Outcome(cells[number], metrics, error))
        except BrokenProcessPool as broken:
            for number in left:
                if number not in outcomes and results.read_state(cells[number].folder) == "done":
                    add(number, _stored(cells[number]))
            if on_notice is not None and not last:
                on_notice(
                    "A worker process was killed (out of memory?). What it and the others had not finished is tried once more."
                )
            if last:
                for number in (n for n in left if n not in outcomes):
                    lost = RunError("a worker process was killed, and again when it was tried once more (out of memory?).")
                    lost.__cause__ = broken
                    results.record_failure(cells[number].folder, lost)
                    add(number, Outcome(cells[number], None, lost))


def check_backend(backend: str) -> None:
    """Raise ConfigError where a backend of `Parallel` is not installed."""
    if backend in ("dask", "ray") and find_spec("distributed" if backend == "dask" else backend) is None:
        raise ConfigError(
            f"parallel.backend={backend}: {backend} is not installed.", f'Install it: pip install "sdl-cli[{backend}]"'
        )


def _in_worker(number: int, cell: Cell, run_one: RunOne) -> tuple[int, dict[str, Any] | None, Exception | None]:
    from sdl_cli.device import limited_cores

    with limited_cores(1):
        outcome = _run(cell, run_one)
    error = outcome.error
    if error is not None and not isinstance(error, SdlError):  # of a class that may not survive the way back
        error = RunError(f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:500]}")
    return number, outcome.metrics, error


def _end_with(main_process: int) -> None:
    """Let a worker process end soon after the process that started it, however that ended, so that no two write one cell."""

    def watch() -> None:
        while os.getppid() == main_process:
            time.sleep(0.25)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def _backend(parallel: Parallel, num_tasks: int) -> Iterator[None]:
    import joblib

    from sdl_cli.device import available_cores

    num_jobs = parallel.num_jobs or available_cores()
    if num_jobs > 1:  # not 1 for a single task: that would run in this process, and a cell that is killed would take it along
        num_jobs = max(2, min(num_jobs, num_tasks))
    more: dict[str, Any] = {}
    if parallel.backend == "loky":
        more = {"inner_max_num_threads": 1, "initializer": _end_with, "initargs": (os.getpid(),)}
    with contextlib.ExitStack() as stack:
        if parallel.backend == "threading":
            from threadpoolctl import threadpool_limits

            stack.enter_context(threadpool_limits(1))
        if parallel.backend == "dask":
            _start_dask(stack, num_jobs)
        elif parallel.backend == "ray":
            _start_ray(stack, num_jobs)
        stack.enter_context(joblib.parallel_config(backend=parallel.backend, n_jobs=num_jobs, **more))
        yield


def start_workers(parallel: Parallel, prepare: Callable[[], None]) -> None:
    """Start worker processes in the background, and let each import what it will need, while this one loads the data.

    Arguments:
        prepare: imports it; picklable.
    """
    import joblib

    from sdl_cli.device import available_cores

    num_jobs = parallel.num_jobs or available_cores()
    if parallel.backend != "loky" or num_jobs == 1:
        return

    def start() -> None:
        with contextlib.suppress(Exception), _backend(parallel, num_jobs):  # what goes wrong comes again, where it is heard
            joblib.Parallel(batch_size=1)(joblib.delayed(prepare)() for _ in range(num_jobs))

    global _starting
    _starting = threading.Thread(target=start, daemon=True)
    _starting.start()


_starting: threading.Thread | None = None


def end_workers() -> None:
    """End idle worker processes at once: they hold nothing that is not written, and to wait for them takes half a second."""
    if "joblib" not in sys.modules:
        return
    if _starting is not None:
        _starting.join(timeout=10)  # the pool does not bear being ended while it is begun
        if _starting.is_alive():
            return
    from joblib.externals.loky import reusable_executor

    executor = reusable_executor._executor
    if executor is not None:
        executor.shutdown(wait=False, kill_workers=True)


def _start_dask(stack: contextlib.ExitStack, num_jobs: int) -> None:
    """Use the cluster that the process is a client of, or else start one on this machine."""
    from distributed import Client, get_client

    try:
        get_client()
    except ValueError:
        stack.enter_context(Client(n_workers=num_jobs, threads_per_worker=1, dashboard_address=None))


def _start_ray(stack: contextlib.ExitStack, num_jobs: int) -> None:
    """Use the cluster at $RAY_ADDRESS, or else start one on this machine."""
    import ray
    from ray.util.joblib import register_ray

    if not ray.is_initialized():
        ray.init(num_cpus=None if "RAY_ADDRESS" in os.environ else num_jobs, log_to_driver=False, logging_level="ERROR")
        stack.callback(ray.shutdown)
    register_ray()
