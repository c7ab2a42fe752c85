"""Find the runs below a folder and read each: their files are small, and ten thousand of them take about three seconds."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import os
import platform
import time
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from sdl_cli.errors import DataError
from sdl_cli.many.listing.reading import Run, read, read_sweep
from sdl_cli.many.listing.untrusted import Values
from sdl_cli.phrases import listed

# folders of a run -> what is in them; a comparison has a curve of its own
PARTS = {"cells": "cell", "curve": "cell", "repeats": "repeat", "arms": "arm", "recommended": "recommended", "studies": "study"}
STILL_SECONDS = 15 * 60.0  # a running run for which nothing was written for so long is taken to have stopped
_MOST_DEEP = 12


class Found(NamedTuple):
    """A folder that holds a run or a sweep: its path, its name below the folder that is listed, and the sweep it is in, or "".

    The role is `sweep`; `cell`, `repeat`, ... for what a run is made of; `unreadable` for a folder that may not be looked into.
    """

    path: str
    folder: str
    role: str
    sweep: str


def find_runs(root: Path, parts: bool = False) -> list[Run]:
    """Every run below a folder (or a single run or sweep) with its settled status, in no order.

    With `parts` also what repeated runs, curves and comparisons are made of. Hidden folders are not looked into; a folder that
    several links lead to counts once. Raises DataError if there is no such folder, or it may not be read.
    """
    try:
        with os.scandir(root):
            pass
    except NotADirectoryError as error:
        raise DataError(f"{root}: this is a file, not a folder of runs.", "Give the folder: sdl runs runs") from error
    except OSError as error:
        reason = "there is no such folder" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
        raise DataError(f"{root}: {reason}.", "Give the folder of your runs, or train first: sdl train") from error
    with _uncollected():
        return _settled([_read(found) for found in walk(str(root), parts)], str(root))


def _read(found: Found) -> Run:
    """A run as its folder says."""
    if found.role == "unreadable":
        return Run(found.folder)
    run = read_sweep(found.path, found.folder) if found.role == "sweep" else read(found.path, found.folder, found.role)
    return dataclasses.replace(run, sweep=found.sweep) if found.sweep and not found.role else run


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Without the garbage collector, which would repeatedly scan half a million live values."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def walk(root: str, parts: bool) -> Iterator[Found]:
    """Folders of runs and sweeps below `root`. A run is recognised by its `status.json`, and only with `parts` looked into."""
    seen: set[str] = set()
    todo, links = [Found(os.path.realpath(root), ".", "", "")], list[Found]()
    while todo or links:
        here = todo.pop() if todo else links.pop()  # links last: a folder goes by its own name, not by that of a link to it
        if here.path in seen:
            continue
        seen.add(here.path)
        folder = here.folder
        is_run = os.path.lexists(f"{here.path}/status.json")
        if is_run:
            yield here
            if not parts:
                continue
        try:
            with os.scandir(here.path) as listing:
                inside = [entry for entry in listing if not entry.name.startswith(".")]
        except OSError:
            if not is_run:
                yield Found(here.path, folder, "unreadable", here.sweep)
            continue
        is_sweep = not is_run and any(entry.name == "sweep.json" for entry in inside)
        if is_sweep:
            yield Found(here.path, folder, "sweep", "")
        if folder.count("/") >= _MOST_DEEP:
            continue
        for entry in inside:
            role = PARTS.get(entry.name, "") if is_run else here.role
            if is_run and not role:
                continue
            inner = entry.name if folder == "." else f"{folder}/{entry.name}"
            sweep = folder if is_sweep else here.sweep
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    todo.append(Found(f"{here.path}/{entry.name}", inner, role, sweep))
                elif entry.is_symlink() and entry.is_dir():
                    links.append(Found(os.path.realpath(entry.path), inner, role, sweep))


def _settled(runs: list[Run], root: str) -> list[Run]:
    """Runs as they stand now: a silent run counts as stopped, and a sweep's status comes from its jobs."""
    jobs: dict[str, list[Run]] = {}
    settled = []
    for run in runs:
        if run.status == "running" and not _is_alive(run, root):
            run = dataclasses.replace(run, status="stopped")
        settled.append(run)
        if run.sweep:
            jobs.setdefault(run.sweep, []).append(run)
    return [_sweep(run, jobs.get(run.folder, [])) if run.kind == "sweep" else run for run in settled]


def _sweep(sweep: Run, jobs: list[Run]) -> Run:
    """A sweep with what its jobs have in common, and how many of them are done."""
    jobs = sorted(jobs, key=lambda job: (len(job.folder), job.folder))
    states = [job.status for job in jobs]
    planned = sweep.details.get("jobs")
    total = max(planned, len(jobs)) if isinstance(planned, int) else len(jobs)
    num_done = states.count("done")
    if sweep.status == "unreadable":
        status = "unreadable"
    elif "running" in states:
        status = "running"
    elif "failed" in states or "unreadable" in states:
        status = "failed"
    else:
        status = "done" if num_done == total else "interrupted" if "interrupted" in states else "stopped"
    config: Values = dict(jobs[0].config) if jobs else {}
    for job in jobs[1:]:
        config = {key: value for key, value in config.items() if job.config.get(key, jobs) == value}
    details: Values = {"jobs": {"total": total, "done": num_done, "failed": states.count("failed")}}
    details |= {name: _together(jobs, name) for name in ("datasets", "models")}
    seconds = [job.seconds for job in jobs if job.seconds is not None]
    # the first job begins with its sweep: a sweep stands before its jobs
    begun = min([sweep.begun, *(job.begun for job in jobs)])
    total_seconds = sum(seconds) if seconds else None
    return dataclasses.replace(sweep, status=status, config=config, details=details, seconds=total_seconds, begun=begun)


def _together(jobs: list[Run], name: str) -> list[str]:
    """Names of the data sets or models of all jobs; the first, to be shown, is all that are shown of the jobs."""
    each = list(map(attrgetter(name), jobs))
    shown = list(dict.fromkeys(names[0] for names in each if names))
    return list(dict.fromkeys([listed(shown, 3), *(n for names in each for n in names)])) if shown else []


def _is_alive(run: Run, root: str) -> bool:
    """Whether the process of a running run is there; for another machine's or an older run, whether it wrote recently."""
    process = run.details.get("process")
    if process is not None and process["host"] == platform.node():
        try:
            os.kill(process["pid"], 0)
        except ProcessLookupError:
            return False
        except OSError:  # another user's
            return True
        return True
    newest = 0.0
    for number, (folder, _, names) in enumerate(os.walk(f"{root}/{run.folder}")):
        for name in ("", *names):
            with contextlib.suppress(OSError):
                newest = max(newest, os.lstat(f"{folder}/{name}").st_mtime)
        if number > 2_000 or time.time() - newest < STILL_SECONDS:
            break
    return time.time() - newest < STILL_SECONDS
