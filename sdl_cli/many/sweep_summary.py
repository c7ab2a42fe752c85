"""A sweep that has begun: what the folders of its jobs say of them, while they run and at the end."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdl_cli.cli import hydra as bridge
from sdl_cli.errors import SdlError
from sdl_cli.files import write_atomic
from sdl_cli.many import sweep_job
from sdl_cli.report.console import Display, resume_command
from sdl_cli.report.sweep_table import results_csv
from sdl_cli.run import run_folder
from sdl_cli.settings.parallel import Parallel

Values = dict[str, Any]
POLL_SECONDS = 1.0  # between two looks at the folders of jobs that another launcher runs
NOT_RUN = "not run"


@dataclass(frozen=True)
class Kind:
    """What differs between sweeps of trainings, of learning curves and of comparisons.

    Arguments:
        check: parses composed values.
        parallel: how the jobs run, of composed values; None where each runs in this process, after the one before.
        load: composed values -> their data set, loaded.
        observer: what hears of a job in this process, for a display.
        item: what the summary says of a finished job, beside folder, status and overrides.
        columns: what `results.csv` says of it.
        show: prints the summary, and may add to it.
        complete: composed values and the overrides that made them -> the values of the job, where more belongs to it; such
            jobs run one after another in this process.
    """

    verb: sweep_job.Verb
    check: Callable[[Values], Any]
    parallel: Callable[[Values], Parallel | None]
    load: Callable[[Values], Any]
    observer: Callable[[Display], Any]
    item: Callable[[Path], Values]
    columns: Callable[[Values], Values]
    show: Callable[[Values, Display], None]
    complete: Callable[[Values, Sequence[str]], Values] | None = None


@dataclass(frozen=True)
class Sweep:
    """A sweep that has begun.

    Arguments:
        jobs: `{"overrides", "config"}` of each in folders 0, 1, ... of a plain grid; None where they come as they come.
        search: of a search.
        is_ours: our own launcher runs it, and none of hydra's.
    """

    kind: Kind
    folder: Path
    jobs: list[Values] | None
    parallel: Parallel | None
    display: Display
    search: bridge.Search | None = None
    is_ours: bool = True


@contextlib.contextmanager
def watched(begun: Sequence[Sweep]) -> Iterator[None]:
    """Say of each job that another launcher runs when it has ended, wherever it ran: its folder tells."""
    over, told = threading.Event(), set[Path]()

    def look() -> None:
        if not begun or begun[0].is_ours:
            return
        for folder in _job_folders(begun[0].folder):
            state = run_folder.read_state(folder)
            if folder not in told and state in ("done", "failed", "interrupted"):
                told.add(folder)
                text = state if state == "done" else f"{state} ({run_folder.read_reason(folder)})"
                begun[0].display.ended(len(told), sweep_job.overrides_of(folder), text)

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


def _job_folders(folder: Path) -> list[Path]:
    """The folders of jobs that have begun, in the order of their names, numbers as numbers."""
    return sorted((file.parent for file in folder.rglob(sweep_job.FILE)), key=lambda p: (len(p.name), p.name))


def summarise(the_sweep: Sweep) -> Values:
    """The object of `-m --json`, read from the job folders, so that it is the same whatever launched them."""
    kind, folder, display = the_sweep.kind, the_sweep.folder, the_sweep.display
    found, columns = [], []
    if the_sweep.jobs is None:
        planned = [(where, sweep_job.overrides_of(where)) for where in _job_folders(folder)]
    else:
        planned = [(folder / str(number), job["overrides"]) for number, job in enumerate(the_sweep.jobs)]
    for where, overrides in planned:
        item = item_of(kind, where, overrides)
        found.append(item)
        columns.append(kind.columns(item) if item["status"] == "done" else {})
    summary: Values = {"folder": str(folder), "jobs": found, "results": str(folder / "results.csv")}
    write_atomic(folder / "results.csv", results_csv(str(folder), found, columns))
    kind.show(summary, display)
    done = sum(item["status"] == "done" for item in found)
    if done == len(found) and found:
        return {**summary, "exit_code": 0}
    if the_sweep.jobs is not None:
        what = "Run what is missing" if any(item["status"] == NOT_RUN for item in found) else "Try the failed jobs again"
        display.lines([f"{what}: {resume_command(folder)}"])
    return {**summary, "exit_code": 1}


def item_of(kind: Kind, folder: Path, overrides: list[str]) -> Values:
    """What the summary says of one job; a finished one whose files were changed since counts as failed."""
    state = run_folder.read_state(folder)
    item: Values = {"folder": str(folder), "status": NOT_RUN if state == "missing" else state, "overrides": overrides}
    item["metrics"] = None
    try:
        if state == "done":
            return item | kind.item(folder)
        if state != "missing":
            item["reason"] = run_folder.read_reason(folder)
    except SdlError as error:  # its files were changed since
        item |= {"status": "failed", "reason": error.message}
    return item
