"""Many experiments, each in its own folder: run what is missing, keep what is done, isolate failures.

The one executor under repeats, sweeps, curves and comparisons. A cell that is done is read, not run again; so resuming means
running the same list again. Cells run in this process, in worker processes of our own, or on a cluster. Wherever they run, a
process that dies costs only its current cell, or the cells that it began together.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import re
import subprocess
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdl_cli.errors import ConfigError, DataError, RunError, SdlError, StorageError
from sdl_cli.machine import available_cores, limited_cores
from sdl_cli.many import processes
from sdl_cli.many.processes import Slot, Task, WorkerLostError, as_run_error
from sdl_cli.many.processes import end_workers as end_workers
from sdl_cli.run import run_folder, writing
from sdl_cli.settings.parallel import Parallel

CLUSTERS = ("dask", "ray")
RunOne = Callable[..., dict[str, Any]]  # (experiment, folder, resume) -> metrics; and `begun`, where cells begin together
Begin = Callable[[Sequence[Any]], Sequence[Any]]
Results = list[tuple[dict[str, Any] | None, Exception | None]]
Ended = Generator[tuple[int, Any, BaseException | None], None, None]  # number of a task, and what it returned or how it failed


@dataclass(frozen=True)
class Cell:
    """One experiment and its run folder; an experiment is whatever `run_one` takes."""

    experiment: Any
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
    tries: int = 2,
    cores_per_job: int = 1,
    gpus: Sequence[str] = (),
    on_begin: Callable[[Cell], None] | None = None,
    together: Sequence[Sequence[Cell]] = (),
    begin: Begin | None = None,
) -> list[Outcome]:
    """Run every cell that is not done yet, one after another, or several at once.

    Arguments:
        run_one: `(experiment, folder, resume) -> metrics`; picklable if cells run in other processes.
        on_done: called in this thread with each outcome as it arrives, finished cells first.
        parallel: None runs them in this process, in order, on all its cores.
        raised: errors that every later cell would also hit and that end everything; a full disk always does.
        on_notice: called with a sentence when a worker process first dies and its cell is retried.
        tries: how often to start a cell whose process dies, at least 1; retries run alone at the end.
        cores_per_job: cores of a cell that runs in parallel, at least 1.
        gpus: ids as of `visible_gpus`; each worker process sees one of them, and more processes than GPUs share them in turn.
        on_begin: called with each cell that is about to run in this process.
        together: cells, of those not begun yet, that one process runs as one task, in the place of the first of them.
        begin: called with their experiments, picklable; `run_one` then gets what it returned for its own as `begun`. Where it
            fails, each cell is run as if it were alone.
    Returns:
        The outcomes in the order of `cells`. Any other error, even `sys.exit`, ends only its own cell.
    """
    assert tries >= 1 and cores_per_job >= 1
    outcomes: dict[int, Outcome] = {}

    def add(number: int, outcome: Outcome) -> None:
        outcomes[number] = outcome
        if on_done is not None:
            on_done(outcome)
        if outcome.error is not None and isinstance(outcome.error, (StorageError, *raised)):
            raise outcome.error

    left = []
    for number, cell in enumerate(cells):
        if run_folder.read_state(cell.folder) == "done":
            add(number, _stored(cell))
        else:
            left.append(number)
    tasks = _tasks(cells, left, together)
    if parallel is None or (parallel.backend not in CLUSTERS and _num_jobs(parallel, cores_per_job, gpus) == 1):
        for task in tasks:
            of_task = [cells[number] for number in task]
            if on_begin is not None:
                for cell in of_task:
                    on_begin(cell)
            results = _run_task(of_task, run_one, begin, None if parallel is None else cores_per_job)
            for number, result in zip(task, results, strict=False):
                add(number, Outcome(cells[number], *result))
        return [outcomes[number] for number in range(len(cells))]
    with contextlib.closing(_beside(cells, tasks, run_one, begin, parallel, cores_per_job, gpus, tries, on_notice)) as ended:
        for number, outcome in ended:
            add(number, outcome)
    return [outcomes[number] for number in range(len(cells))]


def _tasks(cells: Sequence[Cell], left: Sequence[int], together: Sequence[Sequence[Cell]]) -> list[list[int]]:
    """The numbers of the cells that are left, those of one task side by side."""
    task_of = {cell.folder: number for number, task in enumerate(together) for cell in task}
    found: dict[Any, list[int]] = {}
    for number in left:
        folder = cells[number].folder
        is_new = folder in task_of and run_folder.read_state(folder) == "missing"
        found.setdefault(("together", task_of[folder]) if is_new else number, []).append(number)
    return list(found.values())


def _beside(
    cells: Sequence[Cell],
    left: list[list[int]],
    run_one: RunOne,
    begin: Begin | None,
    parallel: Parallel,
    cores_per_job: int,
    gpus: Sequence[str],
    tries: int,
    on_notice: Callable[[str], None] | None,
) -> Generator[tuple[int, Outcome], None, None]:
    """Run tasks of cells, by their numbers, beside each other, and yield number and outcome of each cell as its task ends."""
    for attempt in range(1, tries + 1):
        if not left:
            return
        again: list[list[int]] = []
        tasks = [functools.partial(_run_task, [cells[number] for number in task], run_one, begin, cores_per_job) for task in left]
        with contextlib.closing(_ended(tasks, parallel, cores_per_job, gpus, alone=attempt > 1)) as ended:
            for index, value, error in ended:
                for place, number in enumerate(left[index]):
                    is_lost = isinstance(error, WorkerLostError) and run_folder.read_state(cells[number].folder) != "done"
                    if is_lost and attempt < tries:
                        if on_notice is not None and attempt == 1 and not again:
                            on_notice(f"A worker process {error}. Its work is tried once more at the end, alone.")
                        again.append([number])
                    elif error is None:
                        yield number, Outcome(cells[number], *value[place])
                    else:
                        yield number, _lost(cells[number], error, attempt)
        left = again


def _stored(cell: Cell) -> Outcome:
    return Outcome(cell, run_folder.read_run(cell.folder).metrics, None, was_done=True)


def _run_task(cells: Sequence[Cell], run_one: RunOne, begin: Begin | None, num_cores: int | None) -> Results:
    """Run cells one after another in this process, whichever that is, begun together if there are several; as `_run`."""
    begun: Sequence[Any] = [None] * len(cells)
    if begin is not None and len(cells) > 1:
        with contextlib.nullcontext() if num_cores is None else limited_cores(num_cores), contextlib.suppress(Exception):
            begun = begin(
                [cell.experiment for cell in cells]
            )  # what fails here fails again, by itself, where it can be said whose
    return [
        _run(cell, run_one if one is None else functools.partial(run_one, begun=one), num_cores)
        for cell, one in zip(cells, begun, strict=True)
    ]


def _run(cell: Cell, run_one: RunOne, num_cores: int | None) -> tuple[dict[str, Any] | None, Exception | None]:
    """Run a cell in this process, whichever that is: its metrics, or the error that ended it.

    With `num_cores` that it may use, the error is one that can be sent between processes; None means all, and the error itself.
    """
    resume = run_folder.read_state(cell.folder) != "missing"
    try:
        with contextlib.nullcontext() if num_cores is None else limited_cores(num_cores):
            return run_one(cell.experiment, cell.folder, resume), None
    except SystemExit as stop:
        lost = _lost(cell, stop)
        return lost.metrics, lost.error
    except Exception as error:
        return None, error if num_cores is None or isinstance(error, SdlError) else as_run_error(error)


def _lost(cell: Cell, error: BaseException, attempt: int = 1) -> Outcome:
    """The outcome of a cell that could not report one itself."""
    if run_folder.read_state(cell.folder) == "done":
        return _stored(cell)
    if isinstance(error, WorkerLostError):
        again = ", and again when it was tried once more, alone" if attempt > 1 else ""
        lost: SdlError = RunError(f"its worker process {error}{again}.")
    else:
        lost = error if isinstance(error, SdlError) else as_run_error(error)
    if lost is not error:
        lost.__cause__ = error
    writing.record_failure(cell.folder, lost)
    return Outcome(cell, None, lost)


# where cells run


def visible_gpus() -> list[str]:
    """Ids of the NVIDIA GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` takes them, without initialising CUDA."""
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if listed is not None:
        found = []
        for gpu in map(str.strip, listed.split(",")):
            if not re.fullmatch(r"\d+|(GPU|MIG)-.+", gpu):
                break  # like CUDA: ids after the first invalid one are ignored
            found.append(gpu)
        return found
    try:
        asked = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [str(number) for number in range(len(re.findall(r"^GPU \d+:", asked.stdout, re.MULTILINE)))]


def start_workers(parallel: Parallel, prepare: Task, cores_per_job: int = 1, gpus: Sequence[str] = ()) -> None:
    """Start worker processes in the background; each runs the picklable `prepare` while this one loads the data."""
    num_jobs = _num_jobs(parallel, cores_per_job, gpus)
    if parallel.backend in ("processes", "loky") and num_jobs > 1:
        with contextlib.suppress(RunError):  # raised again once a task needs a worker
            processes.start_workers(_slots(num_jobs, cores_per_job, gpus), prepare)


def _num_jobs(parallel: Parallel, cores_per_job: int, gpus: Sequence[str]) -> int:
    return parallel.num_jobs or len(gpus) or max(1, available_cores() // cores_per_job)


def _slots(num: int, cores_per_job: int, gpus: Sequence[str]) -> list[Slot]:
    return [Slot(cores_per_job, gpus[number % len(gpus)] if gpus else "") for number in range(num)]


def _ended(tasks: Sequence[Task], parallel: Parallel, cores_per_job: int, gpus: Sequence[str], alone: bool) -> Ended:
    """Run tasks where `parallel` says, one at a time with `alone`, and yield each as it ends."""
    num_slots = 1 if alone else min(_num_jobs(parallel, cores_per_job, gpus), len(tasks))
    if parallel.backend == "dask":
        return _on_dask(tasks, num_slots)
    if parallel.backend == "ray":
        return _on_ray(tasks, num_slots, cores_per_job, bool(gpus))
    if parallel.backend == "threading":
        return _in_threads(tasks, num_slots, cores_per_job)
    return processes.run_tasks(tasks, _slots(num_slots, cores_per_job, gpus))


def _in_threads(tasks: Sequence[Task], num_jobs: int, cores_per_job: int) -> Ended:
    from multiprocessing.pool import ThreadPool

    from threadpoolctl import threadpool_limits

    def run(number: int) -> tuple[int, Any, BaseException | None]:
        try:
            return number, tasks[number](), None
        except BaseException as error:  # a thread that exits would be waited for for ever
            return number, None, error

    with threadpool_limits(cores_per_job), ThreadPool(num_jobs) as pool:
        yield from pool.imap_unordered(run, range(len(tasks)))


def _on_dask(tasks: Sequence[Task], num_jobs: int) -> Ended:
    from distributed import Client, as_completed, get_client

    with contextlib.ExitStack() as stack:
        try:
            client = get_client()
        except ValueError:
            client = stack.enter_context(Client(n_workers=num_jobs, threads_per_worker=1, dashboard_address=None))
        # at most one per thread: a task waiting at a worker that keeps dying would be dropped with it
        width = sum(client.nthreads().values()) or num_jobs
        waiting = iter(enumerate(tasks))
        numbers = {client.submit(task, pure=False): number for number, task in itertools.islice(waiting, width)}
        ended = as_completed(list(numbers))
        for future in ended:
            for number, task in itertools.islice(waiting, 1):
                following = client.submit(task, pure=False)
                numbers[following] = number
                ended.add(following)
            error = future.exception()
            yield numbers.pop(future), future.result() if error is None else None, error


def _on_ray(tasks: Sequence[Task], num_jobs: int, cores_per_job: int, on_gpu: bool) -> Ended:
    import ray

    with contextlib.ExitStack() as stack:
        if not ray.is_initialized():
            num_cpus = None if "RAY_ADDRESS" in os.environ else num_jobs * cores_per_job
            ray.init(num_cpus=num_cpus, log_to_driver=False, logging_level="ERROR")
            stack.callback(ray.shutdown)
        num_gpus = 1 if on_gpu and ray.cluster_resources().get("GPU") else 0
        remote = ray.remote(num_cpus=cores_per_job, num_gpus=num_gpus, max_retries=0)(_called)
        waiting = {remote.remote(task): number for number, task in enumerate(tasks)}
        while waiting:
            [future], _ = ray.wait(list(waiting))
            number, value, error = waiting.pop(future), None, None
            try:
                value = ray.get(future)
            except ray.exceptions.RayTaskError as failure:
                error = failure
            except ray.exceptions.RayError as death:
                error = WorkerLostError(f"died ({as_run_error(death).message.rstrip('.')})")
            yield number, value, error


def _called(task: Task) -> Any:
    return task()
