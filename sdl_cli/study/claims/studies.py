"""One study of a claim: run, resumed or read, whatever verb it is of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sdl_cli.many import repeats
from sdl_cli.run import run_folder
from sdl_cli.run.request import parse_experiment
from sdl_cli.run.train import Observer
from sdl_cli.study.claims.jobs import Job
from sdl_cli.study.compare import run as comparing
from sdl_cli.study.compare.settings import parse_comparison
from sdl_cli.study.curve import run as curving
from sdl_cli.study.curve.settings import parse_curve
from sdl_cli.study.decompose import run as decomposing
from sdl_cli.study.decompose.result import FILE as DECOMPOSITION
from sdl_cli.study.plan import StudyObserver

Values = dict[str, Any]
Compose = Callable[[str, Sequence[str]], Values]  # a verb and its settings as typed -> complete values
Notice = Callable[[str], None]


def is_done(job: Job) -> bool:
    """Whether a study is finished, so that it is only read."""
    taken_apart = job.verb != "decompose" or (job.folder / DECOMPOSITION).is_file()
    return run_folder.read_state(job.folder) == "done" and taken_apart


def seconds_of(values: Values) -> float:
    """The seconds that a finished study took, whenever that was."""
    found = values.get("seconds") or 0.0
    return float(found["total"] if isinstance(found, dict) else found)


def check(job: Job, compose: Compose) -> None:
    """Raise what its verb would say of its settings, before anything is run."""
    values = compose("train" if job.verb == "decompose" else job.verb, job.overrides)
    if job.verb == "compare":
        parse_comparison(values)
    elif job.verb == "curve":
        parse_curve(values)
    else:
        parse_experiment(values)


def carry_out(job: Job, compose: Compose, observer: StudyObserver) -> Values:
    """Run a study in its folder, resume it or read it: the object of its verb's `--json`.

    Raises SdlError: settings, data or a run that fail as they would under the verb itself.
    """
    is_new = run_folder.read_state(job.folder) == "missing"
    heard = StudyObserver(on_progress=observer.on_progress)  # what a study says of itself is in its folder
    if job.verb == "compare":
        if is_new:
            return comparing.run(parse_comparison(compose("compare", job.overrides)), job.folder, heard)
        return comparing.resume(job.folder, heard)
    if job.verb == "curve":
        if is_new:
            return curving.run(parse_curve(compose("curve", job.overrides)), job.folder, heard)
        return curving.resume(job.folder, heard)
    found = _trained(job, compose, is_new)
    return found if job.verb == "train" else _taken_apart(job.folder)


def _trained(job: Job, compose: Compose, is_new: bool) -> Values:
    if is_new:
        return repeats.train(parse_experiment(compose("train", job.overrides)), job.folder, Observer())
    return repeats.resume(job.folder, Observer())


def _taken_apart(folder: Path) -> Values:
    if (folder / DECOMPOSITION).is_file():
        return run_folder.read_json(folder / DECOMPOSITION)
    return decomposing.run(folder, decomposing.Asked(), lambda sentence: None)
