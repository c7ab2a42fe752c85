"""One job of a sweep, in whatever process it runs: started or resumed in its folder, with any failure recorded there."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdl_cli.errors import SdlError
from sdl_cli.files import make_folder
from sdl_cli.learning.stages import Stages, finish
from sdl_cli.many.processes import as_run_error
from sdl_cli.many.sweep_folder import JOB_FILE, read_made
from sdl_cli.measure.metrics import HIGHER_IS_BETTER, MAIN, main_metric
from sdl_cli.run import run_folder, writing
from sdl_cli.settings.parallel import Parallel

Values = dict[str, Any]


@dataclass(frozen=True)
class Work:
    """What a verb does in each job of a sweep. Its functions are importable by name, so that any process can be handed them.

    Arguments:
        parse: composed values -> what `run` takes.
        run, resume: `([request,] folder, observer) -> the object of the verb's --json`, from a folder without or with a run.
        parallel: composed values -> how the jobs of the sweep run; None if it is a setting of the jobs, which run in turn.
        score: request -> its main metric on rows held out from the labelled ones, for a search; None for a verb without one.
        in_stages: `run`, which stops wherever networks are to be trained; None for a verb that has them trained itself.
    """

    parse: Callable[[Values], Any]
    run: Callable[[Any, Path, Any], Values]
    resume: Callable[[Path, Any], Values]
    parallel: Callable[[Values], Parallel] | None = None
    score: Callable[[Any], float] | None = None
    in_stages: Callable[[Any, Path, Any], Stages[Values]] | None = None


@dataclass(frozen=True)
class SweepJob:
    """One job: composed values, what distinguishes it from the others, and whether a search asks for its objective."""

    work: Work
    config: Values
    overrides: list[str]
    is_search: bool = False


def job_of(work: Work, values: Values, overrides: Sequence[str], is_search: bool = False) -> SweepJob:
    """A job, without `parallel` where that is the sweep's own and decides no result."""
    if work.parallel is None:
        return SweepJob(work, values, list(overrides), is_search)
    config = {key: value for key, value in values.items() if key != "parallel"}
    return SweepJob(work, config, [o for o in overrides if not o.lstrip("+").startswith("parallel")], is_search)


def own_folder(folder: Path, job: SweepJob, taken: Collection[Path] = ()) -> Path:
    """The folder, or `folder-2`, `folder-3`, ... if another job has it (`hydra.sweep.subdir` need not tell jobs apart)."""
    return next(name for name in writing.names_like(folder) if name not in taken and not has_other_config(name, job))


def config_sha256(config: Values) -> str:
    """The sha256 of composed values, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()


def run(job: SweepJob, folder: Path, resume: bool = False, observer: Any = None) -> Values:
    """`in_stages` by itself."""
    return finish(in_stages(job, folder, resume, observer))


def in_stages(job: SweepJob, folder: Path, resume: bool = False, observer: Any = None) -> Stages[Values]:
    """Start or resume the job in its folder, whatever `resume` says, and record the reason there if it fails.

    It stops wherever networks are to be trained, as far as the verb does.

    Arguments:
        observer: of the verb, or None in a process without a display.
    Returns:
        The object of the verb's `--json`; of a search with its `objective`.
    Raises:
        Whatever the job raised; a call of sys.exit as RunError.
    """
    stored: Values = {"overrides": job.overrides, "config_sha256": config_sha256(job.config)}
    make_folder(folder)
    writing.write_json(folder, JOB_FILE, stored)
    try:
        if (folder / "config.yaml").is_file():
            values = job.work.resume(folder, observer)
        else:
            (folder / "status.json").unlink(missing_ok=True)  # it failed before it began
            request = job.work.parse(job.config)
            if job.work.in_stages is None:
                values = job.work.run(request, folder, observer)
            else:
                values = yield from job.work.in_stages(request, folder, observer)
    except (Exception, SystemExit) as error:
        raised = as_run_error(error) if isinstance(error, SystemExit) else error
        if raised is not error:
            raised.__cause__ = error
        if run_folder.read_state(folder) in ("missing", "running") or raised is not error:
            writing.record_failure(folder, raised)
        with contextlib.suppress(SdlError):
            writing.write_json(folder, JOB_FILE, stored)  # a run that got nowhere removes all its files
        raise raised  # noqa: B904
    if not job.is_search:
        return values
    stored["objective"] = _objective(job, values)
    writing.write_json(folder, JOB_FILE, stored)
    return {**values, "objective": stored["objective"]}


def run_alone(
    values: Values, folder: Path, overrides: list[str], work: Work, direction: str | None, is_search: bool
) -> float | None:
    """One job under a launcher of hydra's own, perhaps on another machine: it never raises. Returns a search's objective."""
    job, found = job_of(work, values, overrides, is_search), None
    with contextlib.suppress(Exception):  # it is in the job's folder
        found = run(job, own_folder(folder, job))
    return objective_or_worst(found, direction) if is_search else None


def objective_or_worst(values: Values | None, direction: str | None) -> float:
    """The value reported to a search: the main metric on validation rows, or the worst there is, nan in no known direction."""
    found = None if values is None else values.get("objective")
    return {"maximize": -math.inf, "minimize": math.inf}.get(str(direction), math.nan) if found is None else float(found)


def right_direction(task: str) -> str:
    """`maximize` or `minimize`: what a search of the task's main metric must do."""
    return "maximize" if HIGHER_IS_BETTER[MAIN[task]] else "minimize"


def _objective(job: SweepJob, values: Values) -> float | None:
    """The main metric on validation rows; None where there is none, or where it is undefined."""
    if "metrics" not in values or job.work.score is None:
        return None
    name = main_metric(values["metrics"]["test"])
    held = values["metrics"]["validation"].get(name)
    if held is not None:
        return None if held["value"] is None else float(held["value"])
    try:
        found = job.work.score(job.work.parse(job.config))
    except SdlError:  # for example too few rows to hold any out
        return None
    return found if math.isfinite(found) else None


def is_done(folder: Path, job: SweepJob) -> bool:
    """Whether the folder holds the finished run of this very configuration."""
    return run_folder.read_state(folder) == "done" and not has_other_config(folder, job)


def has_other_config(folder: Path, job: SweepJob) -> bool:
    """Whether the folder holds something of another configuration, which the job cannot resume."""
    own = config_sha256(job.config)
    return str(read_made(folder).get("config_sha256", own)) != own


def has_other_data(folder: Path, job: SweepJob, fingerprints_of: Callable[[Values], Values | None]) -> bool:
    """Whether the folder holds a run, or a part of one, on data that has changed since.

    Arguments:
        fingerprints_of: those of the data of a configuration, by their names in `environment.json`; None of data that cannot
            be read.
    """
    files = [place / "environment.json" for place in (folder, *run_folder.repeat_folders(folder))]
    known = [run_folder.read_json(file) for file in files if file.is_file()]
    now = fingerprints_of(job.config) if known else None
    return now is not None and any(
        stored.get(key) != own for stored in known for key, own in now.items() if key in stored or key == "data_fingerprint"
    )


def clear(folder: Path) -> None:
    """Remove what a job left in its folder."""
    writing.discard(folder)
    for name in writing.PARTS:
        shutil.rmtree(folder / name, ignore_errors=True)
