"""Many runs from one command line: begun, gone on with and brought to their end alike for every verb that can be swept."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sdl_cli.cli import hydra as bridge
from sdl_cli.errors import ConfigError, DataError, RunError, SdlError, StorageError
from sdl_cli.many import cells, sweep_job
from sdl_cli.many.cells import Cell, Outcome
from sdl_cli.many.sweep_job import SweepJob
from sdl_cli.many.sweep_summary import Kind, Sweep, item_of, summarise, watched
from sdl_cli.report.console import Display, resume_command
from sdl_cli.run import locks, run_folder, writing
from sdl_cli.settings.parallel import Parallel
from sdl_cli.settings.parse import plain

Values = dict[str, Any]


def sweep(kind: Kind, overrides: Sequence[str], config_dir: str | None, display: Display) -> Values:
    """One run per combination, or per trial of a search. A job that fails is recorded and named, and stops no other."""
    begun: list[Sweep] = []
    parallels: list[Parallel | None] = []

    def check(values: Values) -> None:
        kind.check(values)
        parallels.append(kind.parallel(values))
        if parallels[-1] != parallels[0]:
            raise ConfigError("parallel: it says how the jobs of a sweep run, and has one value for all of them.", "Set it once.")

    def begin(found: bridge.Sweep) -> bridge.Task:
        if kind.complete is not None and (not found.is_ours or found.jobs is None):
            hint = "Leave out hydra/launcher and hydra.sweep.subdir."
            raise ConfigError(f"sdl {kind.verb} -m: such a sweep is run by the launcher of sdl alone.", hint)
        jobs = None if found.jobs is None else _stored(kind, found.jobs)
        the_sweep = Sweep(kind, found.folder, jobs, parallels[0], display, found.search, found.is_ours)
        locks.hold(found.folder)
        begun.append(the_sweep)
        stored = None if the_sweep.parallel is None else plain(the_sweep.parallel)
        writing.write_json(found.folder, "sweep.json", {"verb": kind.verb, "jobs": jobs, "parallel": stored})
        direction, is_search = (found.search.direction, True) if found.search else (None, False)
        alone = functools.partial(sweep_job.run_alone, verb=kind.verb, direction=direction, is_search=is_search)
        return bridge.Task(alone, functools.partial(_launch, the_sweep) if found.is_ours else None)

    def body() -> None:
        with watched(begun):
            bridge.sweep(kind.verb, overrides, begin, check, config_dir, lambda search: _check_search(kind, search))

    return _to_its_end(begun, body)


def resume(kind: Kind, folder: Path, display: Display) -> Values:
    """Run the jobs of a sweep that are missing, failed, or on data that has changed since."""
    with writing.resumed(folder):
        return _resume(kind, folder, display)


def _resume(kind: Kind, folder: Path, display: Display) -> Values:
    stored = run_folder.read_json(folder / "sweep.json")
    jobs, verb = stored.get("jobs"), stored.get("verb", "train")
    if verb != kind.verb:
        raise DataError(f"{folder}: this is a sweep of sdl {verb}.", f"Resume it: {resume_command(folder)}")
    if jobs is None:
        what = "a search, or a sweep whose folders have names of their own, cannot be resumed"
        raise DataError(f"{folder}: {what}.", "Resume its runs one by one.")
    if not isinstance(jobs, list) or not all(isinstance(job, dict) and {"overrides", "config"} <= set(job) for job in jobs):
        raise DataError(f"{folder / 'sweep.json'}: holds no jobs.", "Restore it, or begin the sweep again.")
    for job in jobs:
        kind.check(job["config"])
    parallel = kind.parallel({"parallel": stored["parallel"]} if stored.get("parallel") else {})
    the_sweep = Sweep(kind, folder, jobs, parallel, display)

    def body() -> None:
        todo = _missing(the_sweep)
        if not todo:
            display.notice("Every job of this sweep is done; there is nothing to resume.")
        _run(the_sweep, todo)

    return _to_its_end([the_sweep], body)


def _to_its_end(begun: list[Sweep], body: Callable[[], None]) -> Values:
    """Run `body` and sum the sweep up, however it ends: what is done is in the table and in results.csv."""
    try:
        return _summed_up(begun, body)
    finally:
        for the_sweep in begun:
            locks.release(the_sweep.folder)


def _summed_up(begun: list[Sweep], body: Callable[[], None]) -> Values:
    try:
        body()
    except BaseException as error:
        if not begun:
            raise
        the_sweep = begun[0]
        the_sweep.display.stop()
        if isinstance(error, KeyboardInterrupt) and the_sweep.jobs is not None:
            error.run_folder = the_sweep.folder  # type: ignore[attr-defined]  # so that the command to go on names the sweep
        if the_sweep.is_ours or not isinstance(error, Exception):
            with contextlib.suppress(SdlError):
                summarise(the_sweep)
            raise
        # one of Hydra's launchers has given up, over a job that was killed, say; some jobs may be done, and others run yet
        the_sweep.display.notice(f"The launcher has stopped: {(str(error).splitlines() or [type(error).__name__])[0][:500]}")
    return summarise(begun[0])


def _launch(the_sweep: Sweep, composed: list[bridge.Composed]) -> list[float | None]:
    """What our launcher does with the jobs it composed."""
    kind, search = the_sweep.kind, the_sweep.search
    todo: list[tuple[int, Cell]] = []
    for one in composed:
        values = one.values if kind.complete is None or the_sweep.jobs is None else the_sweep.jobs[one.number]["config"]
        job = sweep_job.job_of(kind.verb, values, one.overrides, search is not None)
        todo.append((one.number, Cell(job, sweep_job.own_folder(one.folder, job, {cell.folder for _, cell in todo}))))
    outcomes = _run(the_sweep, todo)
    if search is None:
        return [None] * len(outcomes)
    return [sweep_job.objective_or_worst(outcome.metrics, search.direction) for outcome in outcomes]


def _run(the_sweep: Sweep, todo: Sequence[tuple[int, Cell]]) -> list[Outcome]:
    """Run jobs one after another in this process, or several at once as the sweep says; each failure is its job's alone."""
    display, total = the_sweep.display, None if the_sweep.jobs is None else len(the_sweep.jobs)
    numbers = {cell.folder: number for number, cell in todo}
    parallel = _several(the_sweep.parallel, display)

    def here(job: SweepJob, folder: Path, resume: bool) -> Values:
        display.job(numbers[folder], total, job.overrides)
        return sweep_job.run(job, folder, resume, the_sweep.kind.observer(display))

    def on_done(outcome: Outcome) -> None:
        display.stop()
        number = numbers[outcome.cell.folder]
        if parallel is not None:
            display.job(number, total, outcome.cell.experiment.overrides)
            for note in (outcome.metrics or {}).get("notes", ()):
                display.notice(note)
        if outcome.error is None:
            display.job_done(outcome.metrics or {})
        else:
            display.failure(number, str(outcome.error))

    slots = {} if parallel is None else _slots(parallel)
    run_one = here if parallel is None else sweep_job.run
    try:
        return cells.run_cells([cell for _, cell in todo], run_one, on_done, parallel, (), display.notice, tries=1, **slots)
    except KeyboardInterrupt as stop:
        for _, cell in todo:
            if run_folder.read_state(cell.folder) == "running":
                writing.record_failure(cell.folder, stop)
        raise
    except StorageError as error:
        hint = f"What is done stays. Free some space, then: {resume_command(the_sweep.folder)}"
        raise RunError(error.message, hint) from error


def _several(parallel: Parallel | None, display: Display) -> Parallel | None:
    """How jobs run beside each other; None where they do not."""
    if parallel is None or parallel.num_jobs != 1:
        return parallel
    if parallel.backend in ("dask", "ray"):
        display.notice(f"parallel.backend={parallel.backend} has no effect with parallel.num_jobs=1: set how many run at once.")
    return None


def _slots(parallel: Parallel) -> Values:
    """Cores of each job, and the GPUs to share out where there are several."""
    from sdl_cli.machine import available_cores

    gpus = cells.visible_gpus()
    gpus = gpus if len(gpus) > 1 else []
    num_jobs = parallel.num_jobs or len(gpus) or available_cores()
    return {"cores_per_job": max(1, available_cores() // num_jobs), "gpus": gpus}


def _missing(the_sweep: Sweep) -> list[tuple[int, Cell]]:
    """The jobs of a begun sweep that must run; what another configuration or other data left in their folders is taken away."""
    fingerprint_of = _fingerprints(the_sweep)
    todo, changed = [], 0
    for number, stored in enumerate(the_sweep.jobs or []):
        job = SweepJob(the_sweep.kind.verb, stored["config"], stored["overrides"])
        folder = the_sweep.folder / str(number)
        if run_folder.read_state(folder) == "done" and item_of(the_sweep.kind, folder, job.overrides)["status"] != "done":
            sweep_job.clear(folder)  # its files are not as it left them
        other_data = sweep_job.has_other_data(folder, job, fingerprint_of)
        changed += other_data
        if other_data or sweep_job.has_other_config(folder, job):
            sweep_job.clear(folder)
        if not sweep_job.is_done(folder, job):
            todo.append((number, Cell(job, folder)))
    if changed:
        what = "1 job runs" if changed == 1 else f"{changed} jobs run"
        the_sweep.display.notice(f"{what} again from the start: the data has changed since.")
    return todo


def _fingerprints(the_sweep: Sweep) -> Callable[[Values], str | None]:
    """The fingerprint of the data of composed values, each data set loaded once; None, and a notice, where it cannot be."""
    known: dict[str, str | None] = {}

    def fingerprint_of(config: Values) -> str | None:
        # a fine-tuned net chooses the size at which its images are read
        model = config["model"] if config.get("model", {}).get("name") == "finetuned_cnn" else None
        key = json.dumps([config["dataset"], model], sort_keys=True)
        if key not in known:
            try:
                known[key] = str(the_sweep.kind.load(config).fingerprint)
            except SdlError as error:
                the_sweep.display.notice(f"What is done was not compared with its data, which cannot be read: {error.message}")
                known[key] = None
        return known[key]

    return fingerprint_of


def _check_search(kind: Kind, search: bridge.Search) -> None:
    """Refuse a search in the wrong direction: what is best is known once the data is."""
    if kind.verb != "train":
        what = "curve" if kind.verb == "curve" else "comparison"
        raise ConfigError(f"sdl {kind.verb} -m: a {what} has no score to search by.", "Search with sdl train -m.")
    if search.direction is None:
        return
    task = kind.load(search.example).task
    right = sweep_job.right_direction(task)
    if search.direction != right:
        name = "accuracy" if task == "classification" else "RMSE"
        raise ConfigError(
            f"hydra.sweeper.direction={search.direction}: it would search for the worst {name}.",
            f"Add hydra.sweeper.direction={right}",
        )


def _stored(kind: Kind, jobs: Sequence[Values]) -> list[Values]:
    """Jobs as `sweep.json` holds them."""
    complete = kind.complete or (lambda values, overrides: values)
    with_all = [(complete(job["config"], job["overrides"]), [str(o) for o in job["overrides"]]) for job in jobs]
    found = [sweep_job.job_of(kind.verb, values, overrides) for values, overrides in with_all]
    return [{"overrides": job.overrides, "config": job.config} for job in found]
