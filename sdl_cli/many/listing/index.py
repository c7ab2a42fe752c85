"""Find the runs below a folder, and read again only those that changed since they were last listed.

What was read is kept in `.sdl-index.json` in the folder that was listed, each run with the times, sizes and file numbers of what
it was read from. It is written whole, so that two who list at once do no harm; one that is damaged, of another version or
cannot be written is done without; and it is never the only copy of anything.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import json
import os
import platform
import time
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

from sdl_cli.errors import DataError, SdlError
from sdl_cli.files import write_atomic
from sdl_cli.many.listing.reading import Run, checked_details, measured, read, read_sweep
from sdl_cli.many.listing.untrusted import Values, read_bytes
from sdl_cli.phrases import listed

INDEX = ".sdl-index.json"
# folders of a run -> what is in them; a comparison has a curve of its own
PARTS = {"cells": "cell", "curve": "cell", "repeats": "repeat", "arms": "arm", "recommended": "recommended"}
STILL_SECONDS = 15 * 60.0  # a running run of which nothing was written for so long is taken to be stopped
_VERSION = 2  # 1 called interrupted runs failed
_WORTH_WRITING = 25  # runs read anew; with fewer, to read them again costs less than to write the index
_MOST_DEEP = 12
_MOST_INDEX_BYTES = 512 << 20
# fields of a run that are stored as they are, and what they hold
_PLAIN: dict[str, Any] = {
    **dict.fromkeys(("kind", "status", "reason", "metric", "verdict"), str),
    "begun": (int, float),
    "seconds": (int, float, type(None)),
}

Stamp = list[int]
Entry = list[Any]  # [stamp, number of its list of keys, values of its settings, metrics, details, value of each of _PLAIN]


class Found(NamedTuple):
    """A folder that holds a run or a sweep.

    Arguments:
        path: where it is.
        folder: relative to the folder that is listed.
        role: `sweep`; `cell`, `repeat`, ... for what a run is made of; `unreadable` for a folder that may not be looked into.
        sweep: folder of the sweep that it is in, or empty.
    """

    path: str
    folder: str
    role: str
    sweep: str


def find_runs(root: Path, parts: bool = False) -> list[Run]:
    """Every run below a folder, in no order.

    Arguments:
        root: a folder of runs; a single run or sweep will do.
        parts: list what repeated runs, curves and comparisons are made of too. That is read anew each time.
    Returns:
        Runs with their settled status. Hidden folders are not looked into; a folder that several links lead to counts once.
    Raises:
        DataError: there is no such folder, or it may not be read.
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
        return _settled(_find(root, parts), str(root))


def _find(root: Path, parts: bool) -> list[Run]:
    """Runs as their folders say, from the index where they have not changed."""
    known = _read_index(root)
    whole: dict[str, tuple[Stamp, Run]] = {}
    runs: list[Run] = []
    num_new = 0
    for found in walk(str(root), parts):
        if found.role in ("unreadable", *PARTS.values()):
            runs.append(Run(found.folder) if found.role == "unreadable" else read(found.path, found.folder, found.role))
            continue
        stamp = _stamp(found.path, found.role)
        stored = known.get(found.folder)
        if stored is not None and stored[0] == stamp:
            run = stored[1]
        else:
            num_new += 1
            run = read_sweep(found.path, found.folder) if found.role == "sweep" else read(found.path, found.folder)
        whole[found.folder] = stamp, run
        runs.append(dataclasses.replace(run, sweep=found.sweep) if found.sweep else run)
    is_folder_of_runs = "." not in whole  # nothing of ours is written into a run
    if is_folder_of_runs and num_new + len(known.keys() - whole.keys()) >= _WORTH_WRITING:
        _write_index(root, whole)
    return runs


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Without the garbage collector, which would go again and again through half a million lists, none of them garbage."""
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
        is_run = _exists(f"{here.path}/status.json")
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


def _exists(path: str) -> bool:
    try:
        os.lstat(path)
    except (OSError, ValueError):
        return False
    return True


def _stamp(path: str, role: str) -> Stamp:
    """What tells whether a run has changed: time, size and number of its files, and of its folder, where each was replaced."""
    stamp: Stamp = []
    for name in ("/sweep.json",) if role == "sweep" else ("/status.json", "/metrics.json", "/config.yaml", ""):
        if name == "/config.yaml" and stamp[3]:  # the settings are in metrics.json too
            continue
        try:
            found = os.stat(path + name)  # noqa: PTH116  # ten thousand Paths take longer than all the rest
            stamp += (found.st_mtime_ns, found.st_size, found.st_ino)
        except OSError:
            stamp += (0, 0, 0)
    return stamp


def _read_index(root: Path) -> dict[str, tuple[Stamp, Run]]:
    """Stamp and run of each folder in the index; empty where there is none, or it is not as this version writes it."""
    try:
        content = read_bytes(str(root / INDEX), _MOST_INDEX_BYTES)
        stored = json.loads(content or b"{}", parse_constant=_refuse)
        if stored.get("version") != _VERSION:
            return {}
        keys = [tuple(map(_checked_text, names)) for names in stored["keys"]]
        return {folder: _from_entry(folder, keys, entry) for folder, entry in stored["runs"].items()}
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError, MemoryError):
        return {}


def _from_entry(folder: str, keys: list[tuple[str, ...]], entry: Entry) -> tuple[Stamp, Run]:
    stamp, number, values, metrics, details, *rest = entry
    if not all(isinstance(value, kind) for value, kind in zip(rest, _PLAIN.values(), strict=True)):
        raise TypeError("an entry is not as it was written")
    config = dict(zip(keys[number], values, strict=True))
    plain = dict(zip(_PLAIN, rest, strict=True))
    return stamp, Run(folder, config=config, metrics=measured(metrics), details=checked_details(details), **plain)


def _checked_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a key is no text")
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is never written")


def _write_index(root: Path, whole: dict[str, tuple[Stamp, Run]]) -> None:
    keys: dict[tuple[str, ...], int] = {}
    entries: dict[str, Entry] = {}
    for folder, (stamp, run) in whole.items():
        number = keys.setdefault(tuple(run.config), len(keys))
        metrics = {name: list(value.values()) for name, value in run.metrics.items()}
        plain = [getattr(run, name) for name in _PLAIN]
        entries[folder] = [stamp, number, list(run.config.values()), metrics, run.details, *plain]
    values = {"version": _VERSION, "keys": list(keys), "runs": entries}
    with contextlib.suppress(SdlError):  # a folder that may not be written to, or a full disk: it is only slower next time
        write_atomic(root / INDEX, json.dumps(values, separators=(",", ":"), allow_nan=False))


def _settled(runs: list[Run], root: str) -> list[Run]:
    """Runs as they stand now: one that gives no sign of life is stopped, and a sweep is what its jobs are."""
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
    return dataclasses.replace(
        sweep, status=status, config=config, details=details, seconds=sum(seconds) if seconds else None, begun=begun
    )


def _together(jobs: list[Run], name: str) -> list[str]:
    """Names of the data sets or models of all jobs; the first, to be shown, is all that are shown of the jobs."""
    each = list(map(attrgetter(name), jobs))
    shown = list(dict.fromkeys(names[0] for names in each if names))
    return list(dict.fromkeys([listed(shown, 3), *(n for names in each for n in names)])) if shown else []


def _is_alive(run: Run, root: str) -> bool:
    """Whether the process of a running run is there; of another machine's, or an older run's, whether it wrote of late."""
    process = run.details.get("process")
    if process is not None and process["host"] == platform.node():
        try:
            os.kill(process["pid"], 0)
        except ProcessLookupError:
            return False
        except OSError:  # another user's
            return True
        return True
    path, newest = f"{root}/{run.folder}", 0.0
    for number, (folder, _, names) in enumerate(os.walk(path)):
        for name in ("", *names):
            with contextlib.suppress(OSError):
                newest = max(newest, os.lstat(f"{folder}/{name}").st_mtime)
        if number > 2_000 or time.time() - newest < STILL_SECONDS:
            break
    return time.time() - newest < STILL_SECONDS
