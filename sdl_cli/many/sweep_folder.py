"""A sweep's folder as read: what was planned, and what became of each job. The one reader for resuming, listing and reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdl_cli.errors import DataError, SdlError
from sdl_cli.files import MOST_JSON_BYTES, plain_json, read_guarded
from sdl_cli.many.listing.untrusted import read_json

Values = dict[str, Any]
FILE, JOB_FILE = "sweep.json", "job.json"
NOT_RUN, UNREADABLE = "not run", "unreadable"


@dataclass(frozen=True)
class StoredSweep:
    """A sweep as planned.

    Arguments:
        jobs: `{"overrides", "config"}` of those in folders 0, 1, ...; None for a search, or custom folder names.
        parallel: how the jobs run, as plain values; None if one after another.
    """

    folder: Path
    verb: str
    jobs: list[Values] | None
    parallel: Values | None


@dataclass(frozen=True)
class StoredJob:
    """One job of a sweep.

    Arguments:
        state: running, done, failed or interrupted; `NOT_RUN`; `UNREADABLE` if its files were changed after it was done.
        reason: why it is not done, one line, or empty.
        values: of a job that is done, its `metrics.json`, `curve.json` or `comparison.json`.
        objective: what a search was told of it.
    """

    folder: Path
    overrides: list[str]
    state: str
    reason: str
    values: Values | None
    objective: float | None


def read(folder: Path) -> StoredSweep:
    """What `sweep.json` says; DataError if it cannot be read, or has no jobs."""
    path = folder / FILE
    try:
        values = plain_json(read_guarded(path, MOST_JSON_BYTES, within=folder))
        jobs = values.get("jobs")
        if jobs is not None and not all({"overrides", "config"} <= set(job) for job in jobs):
            raise ValueError("a job is incomplete")
        return StoredSweep(folder, str(values.get("verb", "train")), jobs, values.get("parallel") or None)
    except FileNotFoundError as error:
        raise DataError(f"{path}: missing, so this is no sweep.", "Give the folder that sdl train -m printed.") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: has no jobs.", "Restore it, or start the sweep again.") from error


def job_folders(folder: Path) -> list[Path]:
    """The folders of jobs that have begun, in the order of their names, numbers as numbers."""
    found = {file.parent for file in (*folder.rglob(JOB_FILE), *folder.glob("*/status.json"))}
    return sorted(found, key=lambda place: (len(place.name), place.name))


def read_jobs(folder: Path, planned: Sequence[Sequence[str]] | None) -> list[StoredJob]:
    """Every job of a sweep, in order: `planned` are the overrides of those in folders 0, 1, ...; None takes all folders."""
    if planned is None:
        return [read_job(place, overrides_of(place)) for place in job_folders(folder)]
    return [read_job(folder / str(number), overrides) for number, overrides in enumerate(planned)]


def read_job(folder: Path, overrides: Sequence[str]) -> StoredJob:
    """What became of the job in this folder."""
    from sdl_cli.run import run_folder

    state, reason, values = run_folder.read_state(folder), "", None
    try:
        if state == "done":
            kind = run_folder.kind_of(folder)
            own = kind in ("curve", "comparison")
            values = run_folder.read_json(folder / f"{kind}.json") if own else run_folder.read_run(folder).metrics
        elif state != "missing":
            reason = run_folder.read_reason(folder)
    except SdlError as error:
        state, reason = UNREADABLE, error.message
    state = NOT_RUN if state == "missing" else state
    return StoredJob(folder, list(map(str, overrides)), state, reason, values, objective_of(folder))


def read_made(folder: Path) -> Values:
    """What was written into a job's folder about it: `overrides`, `config_sha256`, and of a search its `objective`."""
    return read_json(f"{folder}/{JOB_FILE}") or {}


def overrides_of(folder: Path) -> list[str]:
    """The overrides that made the job in this folder."""
    found = read_made(folder).get("overrides")
    return [str(o) for o in found] if isinstance(found, list) else []


def objective_of(folder: Path) -> float | None:
    """What a search was told of the job in this folder."""
    found = read_made(folder).get("objective")
    return float(found) if isinstance(found, (int, float)) else None
