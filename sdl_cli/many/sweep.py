"""The jobs of a sweep: run side by side or one after another, watched, resumed and summed up, alike for every verb."""

from __future__ import annotations

import contextlib
import functools
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sdl_cli.errors import SdlError
from sdl_cli.learning.models import traits
from sdl_cli.many import cells, sweep_folder, sweep_job
from sdl_cli.many.cells import Cell, Outcome
from sdl_cli.many.groups import groups_of
from sdl_cli.many.sweep_folder import NOT_RUN, UNREADABLE, StoredJob
from sdl_cli.many.sweep_job import SweepJob
from sdl_cli.many.sweep_result import JobResult
from sdl_cli.run import run_folder, writing
from sdl_cli.run.fit_and_score import trains_on_gpu
from sdl_cli.settings.experiment import Experiment, plain
from sdl_cli.settings.parallel import Parallel

Values = dict[str, Any]
POLL_SECONDS = 1.0  # between two looks at the folders of jobs that another launcher runs


class Listener(Protocol):
    """Who is told about the jobs of a sweep as they run."""

    def job(self, number: int, total: int | None, overrides: Sequence[str]) -> None: ...
    def job_done(self, values: Values) -> None: ...
    def failure(self, number: int, message: str) -> None: ...
    def ended(self, number: int, overrides: Sequence[str], state: str) -> None: ...
    def notice(self, sentence: str) -> None: ...
    def stop(self) -> None: ...


@dataclass(frozen=True)
class Sweep:
    """A sweep that has begun.

    Arguments:
        jobs: those in folders 0, 1, ... of a plain grid; None where they are not known before.
        parallel: how they run; None for one after another in this process.
        observer: of the verb, for jobs in this process.
        is_ours: our own launcher runs it, and none of hydra's.
    """

    folder: Path
    jobs: list[SweepJob] | None
    parallel: Parallel | None
    listener: Listener
    observer: Any
    is_ours: bool = True


def write(the_sweep: Sweep, verb: str) -> None:
    """Write `sweep.json`, from which the sweep can be resumed."""
    known, parallel = the_sweep.jobs, None if the_sweep.parallel is None else plain(the_sweep.parallel)
    jobs = None if known is None else [{"overrides": job.overrides, "config": job.config} for job in known]
    writing.write_json(the_sweep.folder, sweep_folder.FILE, {"verb": verb, "jobs": jobs, "parallel": parallel})


def run(the_sweep: Sweep, todo: Sequence[tuple[int, Cell]]) -> list[Outcome]:
    """Run jobs, each a number and a cell with a `SweepJob`, as the sweep says; only a full disk affects more than its job."""
    listener, total = the_sweep.listener, None if the_sweep.jobs is None else len(the_sweep.jobs)
    numbers = {cell.folder: number for number, cell in todo}
    parallel = _several(the_sweep.parallel, listener)
    groups = _on_one_gpu([cell for _, cell in todo]) if parallel is None else []

    def announce(cell: Cell) -> None:
        listener.job(numbers[cell.folder], total, cell.experiment.overrides)

    def on_done(outcome: Outcome) -> None:
        listener.stop()
        if parallel is not None or groups:
            announce(outcome.cell)
            for note in (outcome.metrics or {}).get("notes", ()):
                listener.notice(note)
        if outcome.error is None:
            listener.job_done(outcome.metrics or {})
        else:
            listener.failure(numbers[outcome.cell.folder], str(outcome.error))

    run_one: cells.RunOne = sweep_job.run
    if groups:
        settings: Values = {"groups": groups, "in_stages": sweep_job.in_stages}
    elif parallel is None:
        run_one = functools.partial(sweep_job.run, observer=the_sweep.observer)
        settings = {"on_begin": announce}
    else:
        settings = {"parallel": parallel, "tries": 1, "on_notice": listener.notice, **_slots(parallel)}
    try:
        return cells.run_cells([cell for _, cell in todo], run_one, on_done, raised=(), **settings)
    except KeyboardInterrupt as stop:
        for _, cell in todo:
            if run_folder.read_state(cell.folder) == "running":
                writing.record_failure(cell.folder, stop)
        raise


def _on_one_gpu(todo: Sequence[Cell]) -> list[cells.Group]:
    """Jobs of single splits whose networks are trained together in this process, since they share a GPU."""
    singles: dict[Path, Experiment] = {}
    for cell in todo:
        with contextlib.suppress(SdlError):  # raised again where it is said whose it is
            request = cell.experiment.work.parse(cell.experiment.config)
            if cell.experiment.work.in_stages is not None and request.num_repeats == 1 and trains_on_gpu(request):
                singles[cell.folder] = request
    found = [cell for cell in todo if cell.folder in singles]
    return groups_of(found, lambda cell: singles[cell.folder], lambda cell: 0, "image", 1)


def _several(parallel: Parallel | None, listener: Listener) -> Parallel | None:
    """How jobs run in parallel, or None."""
    if parallel is None or parallel.num_jobs != 1:
        return parallel
    if parallel.backend in ("dask", "ray"):
        listener.notice(f"parallel.backend={parallel.backend} has no effect with parallel.num_jobs=1: set how many run at once.")
    return None


def _slots(parallel: Parallel) -> Values:
    """Cores of each job, and the GPUs to share out where there are several."""
    from sdl_cli.settings.machine import available_cores

    gpus = cells.visible_gpus()
    gpus = gpus if len(gpus) > 1 else []
    num_jobs = parallel.num_jobs or len(gpus) or available_cores()
    return {"cores_per_job": max(1, available_cores() // num_jobs), "gpus": gpus}


def missing(the_sweep: Sweep, load: Callable[[Values], Any]) -> list[tuple[int, Cell]]:
    """The jobs of a stopped sweep that must run; leftovers of another configuration or other data are removed."""
    fingerprints_of = _fingerprints(the_sweep.listener, load)
    todo, changed = [], 0
    for number, job in enumerate(the_sweep.jobs or []):
        folder = the_sweep.folder / str(number)
        if sweep_folder.read_job(folder, job.overrides).state == UNREADABLE:
            sweep_job.clear(folder)
        other_data = sweep_job.has_other_data(folder, job, fingerprints_of)
        changed += other_data
        if other_data or sweep_job.has_other_config(folder, job):
            sweep_job.clear(folder)
        if not sweep_job.is_done(folder, job):
            todo.append((number, Cell(job, folder)))
    if changed:
        what = "1 job runs" if changed == 1 else f"{changed} jobs run"
        the_sweep.listener.notice(f"{what} again from the start: the data has changed.")
    return todo


def _fingerprints(listener: Listener, load: Callable[[Values], Any]) -> Callable[[Values], Values | None]:
    """The fingerprints of the data of composed values, each data set loaded once; None, and a notice, where it cannot be."""
    known: dict[str, Values | None] = {}

    def fingerprints_of(config: Values) -> Values | None:
        # a fine-tuned net chooses the size at which its images are read
        model = config["model"] if traits(config.get("model", {}).get("name")).is_pretrained else None
        key = json.dumps([config["dataset"], model], sort_keys=True)
        if key not in known:
            try:
                dataset = load(config)
                layout = dataset.layout_fingerprint()
                known[key] = {"data_fingerprint": dataset.fingerprint, "layout_fingerprint": layout}
            except SdlError as error:
                listener.notice(f"Finished jobs were not checked against their data, which cannot be read: {error.message}")
                known[key] = None
        return known[key]

    return fingerprints_of


@contextlib.contextmanager
def watched(the_sweep: Sweep) -> Iterator[None]:
    """Report each finished job of another launcher, wherever it ran, by watching its folder."""
    over, told = threading.Event(), set[Path]()

    def look() -> None:
        for folder in sweep_folder.job_folders(the_sweep.folder):
            state = run_folder.read_state(folder)
            if folder not in told and state in ("done", "failed", "interrupted"):
                told.add(folder)
                text = state if state == "done" else f"{state} ({run_folder.read_reason(folder)})"
                the_sweep.listener.ended(len(told), sweep_folder.overrides_of(folder), text)

    def watch() -> None:
        while not over.wait(POLL_SECONDS):
            look()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        look()


def results(the_sweep: Sweep, found: Callable[[StoredJob], Values]) -> tuple[JobResult, ...]:
    """The outcome of each job, read from the job folders, so it is the same whatever launched them; `found` is as of a verb."""
    planned = None if the_sweep.jobs is None else [job.overrides for job in the_sweep.jobs]
    jobs = []
    for job in sweep_folder.read_jobs(the_sweep.folder, planned):
        known = found(job) if job.values is not None else {} if job.state == NOT_RUN else {"reason": job.reason}
        status = "failed" if job.state == UNREADABLE else job.state
        jobs.append(JobResult(job.folder, status, tuple(job.overrides), **known))
    return tuple(jobs)
