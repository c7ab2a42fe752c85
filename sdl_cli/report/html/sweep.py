"""A sweep as read from its folder: its jobs, which of them differ in the seed alone, and which is best by validation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean

from sdl_cli.errors import DataError
from sdl_cli.many import sweep_folder
from sdl_cli.many.sweep_folder import StoredJob
from sdl_cli.measure.metrics import HIGHER_IS_BETTER, Measured, main_metric
from sdl_cli.report.html.section import table
from sdl_cli.report.words import but_seeds, mean_over_seeds
from sdl_cli.run import run_folder
from sdl_cli.run.result import RunResult


@dataclass(frozen=True)
class Job(StoredJob):
    """One job of a sweep; its `label` is its number from 1, or its folder's own name, and what makes it this job."""

    @property
    def label(self) -> str:
        number = f"{int(self.folder.name) + 1}" if self.folder.name.isdecimal() else self.folder.name
        return f"{number}: {' '.join(self.overrides)}".rstrip(": ")

    @cached_property
    def result(self) -> RunResult:
        """Of a training that is done."""
        return RunResult.from_json(self.values or {})


@dataclass(frozen=True)
class Group:
    """Jobs that differ in their seed alone, and their mean scores in the main metric."""

    name: str
    jobs: tuple[Job, ...]
    metric: str
    test: Measured
    scores: tuple[float, ...]
    validation: float | None
    baseline: float | None
    seconds: float


@dataclass(frozen=True)
class Sweep:
    """All of a sweep.

    Arguments:
        verb: `train`, `curve` or `compare`.
        groups: of finished jobs, the best test score first where they have one metric.
        metric: the main metric, None where jobs are of different data or metrics.
        best: the group with the best validation score, None where they have none or cannot be compared.
        shared: overrides that all jobs have.
    """

    folder: Path
    verb: str
    done: tuple[Job, ...]
    failed: tuple[Job, ...]
    groups: tuple[Group, ...]
    metric: str | None
    best: Group | None
    shared: tuple[str, ...]


def read_sweep(folder: Path) -> Sweep:
    """Read a sweep's folder; a job that failed, stopped or never began is named among `failed`.

    Raises:
        DataError: no job is done.
    """
    stored = sweep_folder.read(folder)
    verb, planned = stored.verb, None if stored.jobs is None else [job["overrides"] for job in stored.jobs]
    jobs = [Job(**vars(job)) for job in sweep_folder.read_jobs(folder, planned)]
    done, failed = [job for job in jobs if job.values], [job for job in jobs if not job.values]
    if not done:
        raise DataError(f"{folder}: no job of this sweep is done.", f"Resume it: sdl {verb} --resume {run_folder.quoted(folder)}")
    shared = [o for o in jobs[0].overrides if all(o in job.overrides for job in jobs)] if len(jobs) > 1 else []
    groups, metric = _groups(done, shared) if verb == "train" else ((), None)
    return Sweep(folder, verb, tuple(done), tuple(failed), groups, metric, _best(groups, metric), tuple(shared))


def failed_table(sweep: Sweep) -> str:
    """The jobs that are not done, as an HTML table."""
    return table(["job", "state", "reason"], [[job.label, job.state, job.reason] for job in sweep.failed])


def _groups(done: Sequence[Job], shared: Sequence[str]) -> tuple[tuple[Group, ...], str | None]:
    alike: dict[tuple[str, ...], list[Job]] = {}
    for job in done:
        alike.setdefault(but_seeds(job.overrides), []).append(job)
    groups = [_group(" ".join(o for o in key if o not in shared) or "all jobs", jobs) for key, jobs in alike.items()]
    metrics = {group.metric for group in groups}
    metric = metrics.pop() if len(metrics) == 1 and len({_data_of(job) for job in done}) == 1 else None
    if metric:
        sign = -1 if HIGHER_IS_BETTER[metric] else 1
        groups.sort(key=lambda group: sign * group.test.value if math.isfinite(group.test.value) else math.inf)
    return tuple(groups), metric


def _data_of(job: Job) -> str:
    """What data a job is about: its settings less those that only choose how many rows are seen and how they are divided."""
    split = ("seed", "num_train", "num_per_class", "test_fraction", "validation_fraction", "size_px")
    return str({key: value for key, value in job.result.config["dataset"].items() if key not in split})


def _group(name: str, jobs: Sequence[Job]) -> Group:
    found = [job.result for job in jobs]
    metric = main_metric(found[0].test)
    scores = [one.test[metric].value for one in found if math.isfinite(one.test[metric].value)]
    first = test = found[0].test[metric]
    if len(scores) > 1:
        test = mean_over_seeds(metric, [one for one in found if math.isfinite(one.test[metric].value)])
        if not math.isfinite(test.low):  # equal scores say nothing of chance: the interval of one job does
            test = replace(test, low=first.low, high=first.high)
    held = [one.validation[metric].value if metric in one.validation else math.nan for one in found]
    others = [one.baseline[metric].value for one in found if one.baseline]
    return Group(
        name,
        tuple(jobs),
        metric,
        test,
        tuple(scores),
        fmean(held) if all(map(math.isfinite, held)) else None,
        fmean(others) if others and all(map(math.isfinite, others)) else None,
        sum(one.seconds["total"] for one in found),
    )


def _best(groups: Sequence[Group], metric: str | None) -> Group | None:
    if metric is None or len(groups) < 2 or any(group.validation is None for group in groups):
        return None
    sign = 1 if HIGHER_IS_BETTER[metric] else -1
    return max(groups, key=lambda group: sign * (group.validation or 0.0))
