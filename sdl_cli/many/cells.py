"""Many experiments, each in its own folder: run what is missing, keep what is done, isolate failures.

The one executor under repeats, sweeps, curves and comparisons. A cell that is done is read, not run again; so resuming means
running the same list again. Cells run in this process, in worker processes of our own, or on a cluster. Wherever they run, a
process that dies costs only its current cell, or the cells that it had under way together.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import re
import subprocess
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sdl_cli.errors import ConfigError, DataError, RunError, SdlError, StorageError
from sdl_cli.learning.stages import Stages
from sdl_cli.many import processes
from sdl_cli.many.processes import Slot, Task, WorkerLostError, as_run_error
from sdl_cli.many.processes import end_workers as end_workers
from sdl_cli.run import run_folder, writing
from sdl_cli.settings.machine import available_cores, limited_cores
from sdl_cli.settings.parallel import Parallel
from sdl_cli.settings.parts import permission

CLUSTERS = ("dask", "ray")
RunOne = Callable[[Any, Path, bool], dict[str, Any]]  # (experiment, folder, resume) -> metrics
InStages = Callable[[Any, Path, bool], Stages[dict[str, Any]]]  # the same, which stops wherever networks are to be trained
Result = tuple[dict[str, Any] | None, Exception | None]
Ended = Generator[tuple[int, Any, BaseException | None], None, None]  # number of a task, and what it returned or how it failed


@dataclass(frozen=True)
class Cell:
    """One experiment and its run folder; an experiment is whatever `run_one` takes."""

    experiment: Any
    folder: Path


@dataclass(frozen=True)
class Group:
    """Cells that one process runs as one task, so that their networks are trained together; `at_once` of them are under way."""

    cells: Sequence[Cell]
    at_once: int


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
    groups: Sequence[Group] = (),
    in_stages: InStages | None = None,
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
        groups: each runs in the place of the first of its cells.
        in_stages: what runs the cells of a group; picklable like `run_one`, and like it but for its stops.
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
    tasks = _tasks(cells, left, groups)
    if parallel is None or (parallel.backend not in CLUSTERS and _num_jobs(parallel, cores_per_job, gpus) == 1):
        for task in tasks:
            of_task = [cells[number] for number in task.numbers]
            if on_begin is not None:
                for cell in of_task:
                    on_begin(cell)
            work = _Work(run_one, in_stages, task.at_once, None if parallel is None else cores_per_job)
            with contextlib.closing(work.results(of_task)) as results:
                for place, result in results:
                    add(task.numbers[place], Outcome(of_task[place], *result))
        return [outcomes[number] for number in range(len(cells))]
    with contextlib.closing(_beside(cells, tasks, run_one, in_stages, parallel, cores_per_job, gpus, tries, on_notice)) as ended:
        for number, outcome in ended:
            add(number, outcome)
    return [outcomes[number] for number in range(len(cells))]


@dataclass(frozen=True)
class _Task:
    """Cells, by their numbers, that one process runs as one task, and how many of them are under way at once."""

    numbers: Sequence[int]
    at_once: int = 1


def _tasks(cells: Sequence[Cell], left: Sequence[int], groups: Sequence[Group]) -> list[_Task]:
    """The tasks of the cells that are left."""
    group_of = {cell.folder: number for number, group in enumerate(groups) for cell in group.cells}
    found: dict[Any, list[int]] = {}
    for number in left:
        group = group_of.get(cells[number].folder)
        found.setdefault(("alone", number) if group is None else group, []).append(number)
    return [_Task(numbers, 1 if isinstance(key, tuple) else groups[key].at_once) for key, numbers in found.items()]


def _beside(
    cells: Sequence[Cell],
    left: list[_Task],
    run_one: RunOne,
    in_stages: InStages | None,
    parallel: Parallel,
    cores_per_job: int,
    gpus: Sequence[str],
    tries: int,
    on_notice: Callable[[str], None] | None,
) -> Generator[tuple[int, Outcome], None, None]:
    """Run tasks of cells beside each other, and yield number and outcome of each cell as its task ends."""
    for attempt in range(1, tries + 1):
        if not left:
            return
        again: list[_Task] = []
        works = [_Work(run_one, in_stages, task.at_once, cores_per_job) for task in left]
        tasks = [functools.partial(work, [cells[n] for n in task.numbers]) for work, task in zip(works, left, strict=True)]
        with contextlib.closing(_ended(tasks, parallel, cores_per_job, gpus, alone=attempt > 1)) as ended:
            for index, value, error in ended:
                for place, number in enumerate(left[index].numbers):
                    is_lost = isinstance(error, WorkerLostError) and run_folder.read_state(cells[number].folder) != "done"
                    if is_lost and attempt < tries:
                        if on_notice is not None and attempt == 1 and not again:
                            on_notice(f"A worker process {error}. Its work is tried once more at the end, alone.")
                        again.append(_Task([number]))
                    elif error is None:
                        yield number, Outcome(cells[number], *value[place])
                    else:
                        yield number, _lost(cells[number], error, attempt)
        left = again


@dataclass(frozen=True)
class _Work:
    """How the cells of a task are run, in whatever process; called with them, it returns all results.

    With `num_cores` that they may use, errors are such that can be sent between processes; None means all, and the errors
    themselves. It takes along which code of the user's own may be imported.
    """

    run_one: RunOne
    in_stages: InStages | None
    at_once: int
    num_cores: int | None
    may_import: Mapping[str, Any] = field(default_factory=permission.carried)

    def __call__(self, cells: Sequence[Cell]) -> list[Result]:
        found = dict(self.results(cells))
        return [found[place] for place in range(len(cells))]

    def results(self, cells: Sequence[Cell]) -> Generator[tuple[int, Result], None, None]:
        """Run cells one after another, or their networks together; yield each one's place and result as it ends."""
        permission.carry(self.may_import)
        resume = [run_folder.read_state(cell.folder) != "missing" for cell in cells]
        if self.in_stages is None or self.at_once == 1 or len(cells) == 1:
            for place, cell in enumerate(cells):
                try:
                    with self._cores():
                        found = self.run_one(cell.experiment, cell.folder, resume[place])
                except (Exception, SystemExit) as error:
                    yield place, self._failed(cell, error)
                else:
                    yield place, (found, None)
            return
        from sdl_cli.learning.works import run_together

        with self._cores():
            works = [self.in_stages(cell.experiment, cell.folder, again) for cell, again in zip(cells, resume, strict=True)]
            with contextlib.closing(run_together(works, self.at_once)) as ended:
                for place, value, failure in ended:
                    yield place, (value, None) if failure is None else self._failed(cells[place], failure)

    def _cores(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext() if self.num_cores is None else limited_cores(self.num_cores)

    def _failed(self, cell: Cell, error: BaseException) -> Result:
        if isinstance(error, SystemExit):
            lost = _lost(cell, error)
            return lost.metrics, lost.error
        assert isinstance(error, Exception)
        return None, error if self.num_cores is None or isinstance(error, SdlError) else as_run_error(error)


def _stored(cell: Cell) -> Outcome:
    return Outcome(cell, run_folder.read_run(cell.folder).metrics, None, was_done=True)


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
    import dask
    from distributed import Client, as_completed, get_client

    with contextlib.ExitStack() as stack:
        try:
            client = get_client()
        except ValueError:
            address = dask.config.get("scheduler-address", None)  # dask's own setting: $DASK_SCHEDULER_ADDRESS, or its file
            own = {"address": address} if address else {"n_workers": num_jobs, "threads_per_worker": 1, "dashboard_address": None}
            client = stack.enter_context(Client(**own))
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
