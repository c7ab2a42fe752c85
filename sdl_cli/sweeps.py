"""Many runs from one command line: begun, gone on with, and summed up the same way for every verb that can be swept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdl_cli import bridge, results
from sdl_cli.errors import DataError, SdlError
from sdl_cli.files import make_folder
from sdl_cli.report.console import Display, resume_command

Values = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """What differs between sweeps of training and of learning curves.

    Arguments:
        verb: `train` or `curve`.
        check: parses composed values.
        run: one job: `(values, folder, display) -> values`.
        resume: one stopped job: `(folder, display) -> values`.
        item: what the summary says of a finished job, beside folder, status and overrides.
        show: prints the summary, and may add to it.
    """

    verb: str
    check: Callable[[Values], Any]
    run: Callable[[Values, Path, Display], Values]
    resume: Callable[[Path, Display], Values]
    item: Callable[[Path], Values]
    show: Callable[[Values, Display], None]


def sweep(kind: Kind, overrides: Sequence[str], config_dir: str | None, display: Display) -> Values:
    """One run per combination. A job that fails is recorded and named, and stops no other."""
    begun: list[bridge.Sweep] = []

    def on_sweep(found: bridge.Sweep) -> None:
        begun.append(found)
        results.write_json(found.folder, "sweep.json", {"verb": kind.verb, "jobs": found.jobs})

    def job(values: Values, folder: Path, chosen: list[str]) -> None:
        number = sum(1 for _ in begun[0].folder.glob("*/job.json"))
        _one_job(display, begun[0], number, folder, chosen, lambda: kind.run(values, folder, display))

    try:
        bridge.run(kind.verb, overrides, job, kind.check, on_sweep, config_dir)
    except KeyboardInterrupt as stop:
        if begun and begun[0].jobs is not None:
            stop.run_folder = begun[0].folder  # type: ignore[attr-defined]  # so that the command to go on names the sweep
        raise
    finally:
        display.stop()
    return _summary(kind, begun[0].folder, display)


def resume(kind: Kind, folder: Path, display: Display) -> Values:
    """Run the jobs of a sweep that are missing or failed."""
    stored = results.read_json(folder / "sweep.json")
    jobs, verb = stored.get("jobs"), stored.get("verb", "train")
    if verb != kind.verb:
        raise DataError(f"{folder}: this is a sweep of sdl {verb}.", f"Go on with it: {resume_command(folder)}")
    if not isinstance(jobs, list):
        raise DataError(f"{folder}: this sweep is a search, which cannot be gone on with.", "Resume its runs one by one.")
    for job in jobs:
        kind.check(job["config"])
    begun = bridge.Sweep(folder, jobs)
    todo = [number for number in range(len(jobs)) if results.read_state(folder / str(number)) != "done"]
    if not todo:
        display.notice("Every job of this sweep is done; there is nothing to go on with.")
    for number in todo:
        where, config = folder / str(number), jobs[number]["config"]

        def run(where: Path = where, config: Values = config) -> Values:
            if (where / "config.yaml").is_file():
                return kind.resume(where, display)
            (where / "status.json").unlink(missing_ok=True)  # it failed before it began
            return kind.run(config, where, display)

        try:
            _one_job(display, begun, number, where, jobs[number]["overrides"], run)
        except KeyboardInterrupt as stop:
            stop.run_folder = folder  # type: ignore[attr-defined]
            raise
    return _summary(kind, folder, display)


def _one_job(
    display: Display, begun: bridge.Sweep, number: int, folder: Path, chosen: list[str], run: Callable[[], Values]
) -> None:
    """Run one job of a sweep, and keep its failure to itself."""
    display.job(number, None if begun.jobs is None else len(begun.jobs), chosen)
    try:
        make_folder(folder)
        results.write_json(folder, "job.json", {"overrides": chosen})
        display.job_done(run())
    except Exception as error:
        display.stop()
        if results.read_state(folder) in ("missing", "running"):
            results.record_failure(folder, error)
        display.failure(number, str(error))


def _summary(kind: Kind, folder: Path, display: Display) -> Values:
    """The object of `-m --json`, read from the job folders, so that it is the same whatever launched them."""
    found = []
    for job in sorted((p.parent for p in folder.glob("*/status.json")), key=lambda p: (len(p.name), p.name)):
        state = results.read_state(job)
        item: Values = {"folder": str(job), "status": state, "overrides": _overrides(job), "metrics": None}
        if state == "done":
            item |= kind.item(job)
        else:
            item["reason"] = results.read_reason(job)
        found.append(item)
    summary: Values = {"folder": str(folder), "jobs": found}
    kind.show(summary, display)
    if any(item["status"] != "done" for item in found):
        display.lines([f"Try the failed jobs again: {resume_command(folder)}"])
        return {**summary, "exit_code": 1}
    return {**summary, "exit_code": 0}


def _overrides(folder: Path) -> list[str]:
    try:
        return [str(o) for o in results.read_json(folder / "job.json")["overrides"]]
    except (SdlError, KeyError, TypeError):
        return []
