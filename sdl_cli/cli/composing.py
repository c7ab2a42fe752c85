"""The one path of the verbs that compose settings and run jobs: a job, a sweep, a stopped one resumed, or a look at settings."""

from __future__ import annotations

import contextlib
import functools
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sdl_cli.cli.verbs import VERBS, Verb
from sdl_cli.errors import ConfigError, DataError, RunError, SdlError, StorageError
from sdl_cli.files import write_atomic
from sdl_cli.many import cells, sweep_folder, sweep_job
from sdl_cli.many import sweep as sweeps
from sdl_cli.many.cells import Cell
from sdl_cli.many.sweep import Sweep
from sdl_cli.many.sweep_folder import NOT_RUN
from sdl_cli.many.sweep_job import SweepJob, job_of
from sdl_cli.many.sweep_result import SweepResult
from sdl_cli.phrases import first_line
from sdl_cli.report.console import Display, resume_command
from sdl_cli.report.sweep_table import results_csv
from sdl_cli.run import hydra as bridge
from sdl_cli.run import locks, stored, writing
from sdl_cli.settings import older_names
from sdl_cli.settings.parallel import Parallel
from sdl_cli.settings.parts import permission

Values = dict[str, Any]


def start(name: str, overrides: Sequence[str], config_dir: str | None, display: Display) -> Values:
    """Compose one job, run it and show its result."""
    verb = VERBS[name]()
    permission.begin(display.notice)
    verb.allow(overrides)
    with closed(display), bridge.composed(name, overrides, verb.check, config_dir) as one:
        values = verb.complete(one.values, overrides, config_dir)
        if verb.work.parallel is not None and verb.work.parallel(values) != Parallel(num_jobs=1):
            display.notice("parallel has no effect: it sets how many jobs of a sweep run at once, and without -m there is one.")
        for sentence in older_names.sentences(one.values, overrides):
            display.notice(sentence)
        found = verb.work.run(verb.work.parse(values), one.folder, verb.observe(display))
    return _shown(verb, found, display)


def sweep(name: str, overrides: Sequence[str], config_dir: str | None, display: Display) -> Values:
    """`-m`: one job per combination, or per trial of a search. A failed job is recorded and named, and stops no other."""
    verb = VERBS[name]()
    permission.begin(display.notice)
    verb.allow(overrides)
    begun: list[Sweep] = []
    parallels: list[Parallel | None] = []

    def check(values: Values) -> None:
        verb.check(values)
        for sentence in older_names.sentences(values, overrides) if not parallels else ():
            display.notice(sentence)
        parallels.append(None if verb.work.parallel is None else verb.work.parallel(values))
        if parallels[-1] != parallels[0]:
            raise ConfigError("parallel: it sets how jobs of a sweep run, one value for all of them.", "Set it once.")

    def begin(found: bridge.Sweep) -> bridge.Task:
        if verb.needs_our_launcher and (not found.is_ours or found.jobs is None):
            hint = "Leave out hydra/launcher and hydra.sweep.subdir."
            raise ConfigError(f"sdl {name} -m: such a sweep needs sdl's own launcher.", hint)
        jobs = None
        if found.jobs is not None:
            each = [(one["config"], one["overrides"]) for one in found.jobs]
            jobs = [job_of(verb.work, verb.complete(values, chosen, config_dir), chosen) for values, chosen in each]
        the_sweep = Sweep(found.folder, jobs, parallels[0], display, verb.observe(display), found.is_ours)
        at_end.enter_context(locks.alone(found.folder))
        sweeps.write(the_sweep, name)
        begun.append(the_sweep)
        direction, is_search = (found.search.direction, True) if found.search else (None, False)
        if not found.is_ours:
            watching.enter_context(sweeps.watched(the_sweep))
        alone = functools.partial(sweep_job.run_alone, work=verb.work, direction=direction, is_search=is_search)
        return bridge.Task(alone, functools.partial(_search, verb, the_sweep, direction) if found.is_ours else None)

    with closed(display), contextlib.ExitStack() as at_end:
        with (
            _to_its_end(verb, begun, display),
            contextlib.ExitStack() as watching,
            bridge.swept(name, overrides, begin, check, config_dir, functools.partial(_check_search, name)) as composed,
        ):
            if composed:
                sweeps.run(begun[0], _placed(verb, begun[0], composed))
        return _summed_up(verb, begun[0], display)


def resume(name: str, folder: Path, display: Display, trust: bool = False) -> Values:
    """`--resume RUN`, of a single job or of a whole sweep; with `trust`, code of others that it names is imported."""
    verb, folder = VERBS[name](), folder.absolute()
    permission.begin(display.notice, trust)
    with closed(display), stored.reading(folder):
        if not (folder / sweep_folder.FILE).is_file():
            return _shown(verb, verb.work.resume(folder, verb.observe(display)), display)
        with writing.resumed(folder):
            return _resume_sweep(name, folder, display)


def inspect(
    name: str, overrides: Sequence[str], config_dir: str | None, flags: Sequence[str], multirun: bool, as_json: bool
) -> Values:
    """`--cfg job`, `--info all`: what hydra composes or knows, and no run; as JSON its text is in `text`."""
    if multirun:
        raise ConfigError("-m: --cfg and --info show one configuration, not a sweep.", "Leave out -m.")
    caught = io.StringIO()
    with contextlib.redirect_stdout(caught) if as_json else contextlib.nullcontext():
        bridge.inform(name, overrides, flags, VERBS[name]().check, config_dir)
    return {"text": caught.getvalue()}


@contextlib.contextmanager
def closed(display: Display) -> Iterator[None]:
    """After it no progress bar and no worker process is left."""
    try:
        yield
    finally:
        display.stop()
        cells.end_workers()


def _shown(verb: Verb, values: Values, display: Display) -> Values:
    """Show a result; if parts of it failed, the exit code is 1 and the retry command is shown."""
    verb.show(display, values)
    if not values.get("failed"):
        return values
    display.lines([f"Try the failed {verb.parts} again: {resume_command(values['folder'])}"])
    return {**values, "exit_code": 1}


def _placed(verb: Verb, the_sweep: Sweep, composed: Sequence[bridge.Composed], is_search: bool = False) -> list[tuple[int, Cell]]:
    """Number and cell of each composed job, in a folder that no other job has."""
    todo: list[tuple[int, Cell]] = []
    for one in composed:
        job = the_sweep.jobs[one.number] if the_sweep.jobs else job_of(verb.work, one.values, one.overrides, is_search)
        todo.append((one.number, Cell(job, sweep_job.own_folder(one.folder, job, {cell.folder for _, cell in todo}))))
    return todo


def _search(verb: Verb, the_sweep: Sweep, direction: str | None, composed: Sequence[bridge.Composed]) -> list[float | None]:
    """Run the next jobs of a search and return what it is told of each."""
    outcomes = sweeps.run(the_sweep, _placed(verb, the_sweep, composed, is_search=True))
    return [sweep_job.objective_or_worst(outcome.metrics, direction) for outcome in outcomes]


def _check_search(name: str, search: bridge.Search) -> None:
    """Raise ConfigError for a search in the wrong direction: the right one depends on the data."""
    if VERBS[name]().work.score is None:
        raise ConfigError(f"sdl {name} -m: its jobs have no score to search by.", "Search with sdl train -m.")
    if search.direction is None:
        return
    task = VERBS[name]().load(search.example).task
    right = sweep_job.right_direction(task)
    if search.direction != right:
        metric = "accuracy" if task == "classification" else "RMSE"
        hint = f"Add hydra.sweeper.direction={right}"
        raise ConfigError(f"hydra.sweeper.direction={search.direction}: it would search for the worst {metric}.", hint)


def _resume_sweep(name: str, folder: Path, display: Display) -> Values:
    """Run the jobs of a sweep that are missing, failed, or on data that has changed since."""
    found, verb = sweep_folder.read(folder), VERBS[name]()
    if found.verb != name:
        raise DataError(f"{folder}: this is a sweep of sdl {found.verb}.", f"Resume it: {resume_command(folder)}")
    if found.jobs is None:
        what = "a search, or a sweep with custom folder names, cannot be resumed"
        raise DataError(f"{folder}: {what}.", "Resume its runs one by one.")
    for job in found.jobs:
        verb.work.parse(job["config"])
    jobs = [SweepJob(verb.work, job["config"], job["overrides"]) for job in found.jobs]
    stated = {"parallel": found.parallel} if found.parallel else {}
    parallel = None if verb.work.parallel is None else verb.work.parallel(stated)
    the_sweep = Sweep(folder, jobs, parallel, display, verb.observe(display))
    with _to_its_end(verb, [the_sweep], display):
        todo = sweeps.missing(the_sweep, verb.load)
        if not todo:
            display.notice("Every job of this sweep is done; there is nothing to resume.")
        sweeps.run(the_sweep, todo)
    return _summed_up(verb, the_sweep, display)


@contextlib.contextmanager
def _to_its_end(verb: Verb, begun: list[Sweep], display: Display) -> Iterator[None]:
    """Sum a sweep up however the body ends: what is done is in the table and in results.csv."""
    try:
        yield
    except BaseException as error:
        if not begun:
            raise
        the_sweep = begun[0]
        display.stop()
        if isinstance(error, KeyboardInterrupt) and the_sweep.jobs is not None:
            error.run_folder = the_sweep.folder  # type: ignore[attr-defined]  # for the command that resumes it
        if the_sweep.is_ours or not isinstance(error, Exception):
            with contextlib.suppress(SdlError):
                _summed_up(verb, the_sweep, display)
            if isinstance(error, StorageError):
                hint = f"What is done stays. Free some space, then: {resume_command(the_sweep.folder)}"
                raise RunError(error.message, hint) from error
            raise
        # a Hydra launcher gave up, for example because a job was killed; some jobs may be done and others still running
        display.notice(f"The launcher stopped: {first_line(error)}")


def _summed_up(verb: Verb, the_sweep: Sweep, display: Display) -> Values:
    """Show a sweep; if jobs are not done, the exit code is 1 and the command that runs them is shown."""
    file = the_sweep.folder / "results.csv"
    summary = SweepResult(the_sweep.folder, sweeps.results(the_sweep, verb.found), file).to_json()
    jobs = summary["jobs"]
    columns = [verb.columns(job) if job["status"] == "done" else {} for job in jobs]
    write_atomic(file, results_csv(str(the_sweep.folder), jobs, columns))
    verb.show_sweep(display, summary)
    states = {job["status"] for job in jobs}
    if states == {"done"}:
        return {**summary, "exit_code": 0}
    if the_sweep.jobs is not None:
        what = "Run what is missing" if NOT_RUN in states else "Try the failed jobs again"
        display.lines([f"{what}: {resume_command(the_sweep.folder)}"])
    return {**summary, "exit_code": 1}
