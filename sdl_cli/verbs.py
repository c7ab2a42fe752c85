"""What stands between the command line and the jobs: hydra's composition, the display, and one JSON object per verb."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sdl_cli import bridge, jobs, results
from sdl_cli.config import parse_group
from sdl_cli.errors import ConfigError, DataError, SdlError
from sdl_cli.experiment import Observer
from sdl_cli.files import make_folder
from sdl_cli.report.console import Display, resume_command

Values = dict[str, Any]


def train(overrides: Sequence[str], config_dir: str | None, as_json: bool) -> Values:
    """`sdl train`: one run."""
    display = Display(as_json)
    done: list[Values] = []

    def job(values: Values, folder: Path, chosen: list[str]) -> None:
        done.append(jobs.train(values, folder, _observer(display)))

    try:
        bridge.run("train", overrides, job, jobs.parse_experiment, config_dir=config_dir)
    finally:
        display.stop()
    display.result(done[0])
    return done[0]


def inspect(overrides: Sequence[str], config_dir: str | None, flags: Sequence[str], multirun: bool, as_json: bool) -> Values:
    """`sdl train --cfg job`, `--info all`: what hydra composes or knows, and no run; as JSON its text is in `text`."""
    if multirun:
        raise ConfigError("-m: --cfg and --info show one configuration, not a sweep.", "Leave -m away.")

    def no_job(values: Values, folder: Path, chosen: list[str]) -> None:
        raise AssertionError("hydra runs nothing when it is asked for information")

    caught = io.StringIO()
    with contextlib.redirect_stdout(caught) if as_json else contextlib.nullcontext():
        bridge.run("train", overrides, no_job, jobs.parse_experiment, config_dir=config_dir, flags=flags)
    return {"text": caught.getvalue()}


def sweep(overrides: Sequence[str], config_dir: str | None, as_json: bool) -> Values:
    """`sdl train -m`: one run per combination. A job that fails is recorded and named, and stops no other."""
    display = Display(as_json)
    begun: list[bridge.Sweep] = []

    def on_sweep(found: bridge.Sweep) -> None:
        begun.append(found)
        results.write_json(found.folder, "sweep.json", {"jobs": found.jobs})

    def job(values: Values, folder: Path, chosen: list[str]) -> None:
        number = sum(1 for _ in begun[0].folder.glob("*/job.json"))
        _one_job(display, begun[0], number, folder, chosen, lambda: jobs.train(values, folder, _observer(display)))

    try:
        bridge.run("train", overrides, job, jobs.parse_experiment, on_sweep, config_dir)
    except KeyboardInterrupt as stop:
        if begun and begun[0].jobs is not None:
            stop.run_folder = begun[0].folder  # type: ignore[attr-defined]  # so that the command to go on names the sweep
        raise
    finally:
        display.stop()
    return _sweep_summary(begun[0].folder, display)


def resume(folder: Path, as_json: bool) -> Values:
    """`sdl train --resume RUN`, of a run or of a whole sweep."""
    display = Display(as_json)
    try:
        if (folder / "sweep.json").is_file():
            return _resume_sweep(folder.absolute(), display)
        values = jobs.resume(folder.absolute(), _observer(display))
    finally:
        display.stop()
    display.result(values)
    return values


def evaluate(folder: Path, overrides: Sequence[str], config_dir: str | None, trust: bool, as_json: bool) -> Values:
    """`sdl evaluate RUN`: a whole other data set is composed by hydra, single keys change the stored settings."""
    display = Display(as_json)
    dataset = None
    kept = list(overrides)
    if any(o.startswith("dataset=") for o in overrides):
        chosen = [o for o in overrides if o.partition("=")[0].startswith("dataset")]
        kept = [o for o in overrides if o not in chosen]

        def check(values: Values) -> None:
            parse_group("dataset", jobs.TABLES["dataset"], values["dataset"])

        dataset = bridge.compose_checked("evaluate", chosen, check, config_dir)["dataset"]
    values = jobs.evaluate(folder, bridge.parse_assignments(kept), dataset, _observer(display), trust)
    display.evaluation(values)
    return values


def predict(folder: Path, source: Path, out: Path, trust: bool, on_error: str, as_json: bool) -> Values:
    """`sdl predict RUN INPUT -o FILE`."""
    display = Display(as_json)
    values = jobs.predict(folder, source, out, _observer(display), trust, on_error)
    display.lines([f"{values['rows']:,} prediction{'' if values['rows'] == 1 else 's'} written to {values['out']}"])
    return values


def device(name: str, as_json: bool) -> Values:
    """`sdl device [DEVICE]`."""
    from sdl_cli import device as devices
    from sdl_cli.report.layout import table, wrap

    found, chosen = devices.describe(), devices.resolve(name)
    quickest = "bfloat16 or float32, whichever is timed faster for the network"
    precision = quickest if chosen.precision == "auto" else chosen.precision
    threads = f", {chosen.num_threads} threads" if chosen.num_threads else ""
    text = f"A network would run on {chosen.device} in {precision}{threads}: {chosen.reason}."
    Display(as_json).lines([*table(found), "", *wrap(text, 80)])
    return {"machine": dict(found), "runtime": chosen.to_plain()}


def _observer(display: Display) -> Observer:
    return Observer(display.start, display.epoch, display.notice, display.runtime, display.repeat)


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


def _resume_sweep(folder: Path, display: Display) -> Values:
    stored = results.read_json(folder / "sweep.json").get("jobs")
    if not isinstance(stored, list):
        raise DataError(f"{folder}: this sweep is a search, which cannot be gone on with.", "Resume its runs one by one.")
    for job in stored:
        jobs.parse_experiment(job["config"])
    begun = bridge.Sweep(folder, stored)
    todo = [number for number in range(len(stored)) if results.read_state(folder / str(number)) != "done"]
    if not todo:
        display.notice("Every job of this sweep is done; there is nothing to go on with.")
    for number in todo:
        where, config = folder / str(number), stored[number]["config"]

        def run(where: Path = where, config: Values = config) -> Values:
            if (where / "config.yaml").is_file():
                return jobs.resume(where, _observer(display))
            (where / "status.json").unlink(missing_ok=True)  # it failed before it began
            return jobs.train(config, where, _observer(display))

        try:
            _one_job(display, begun, number, where, stored[number]["overrides"], run)
        except KeyboardInterrupt as stop:
            stop.run_folder = folder  # type: ignore[attr-defined]
            raise
    return _sweep_summary(folder, display)


def _sweep_summary(folder: Path, display: Display) -> Values:
    """The object of `sdl train -m --json`, read from the job folders, so that it is the same whatever launched them."""
    found = []
    for job in sorted((p.parent for p in folder.glob("*/status.json")), key=lambda p: (len(p.name), p.name)):
        state = results.read_state(job)
        item: Values = {"folder": str(job), "status": state, "overrides": _job_overrides(job), "metrics": None}
        if state == "done":
            metrics = results.read_run(job).metrics
            item |= {"metrics": metrics["metrics"], "baseline": metrics["baseline"], "lift": metrics["lift"]}
        else:
            item["reason"] = results.read_reason(job)
        found.append(item)
    summary = {"folder": str(folder), "jobs": found}
    display.sweep(summary)
    if any(item["status"] != "done" for item in found):
        display.lines([f"Try the failed jobs again: {resume_command(folder)}"])
        return {**summary, "exit_code": 1}
    return {**summary, "exit_code": 0}


def _job_overrides(folder: Path) -> list[str]:
    try:
        return [str(o) for o in results.read_json(folder / "job.json")["overrides"]]
    except (SdlError, KeyError, TypeError):
        return []
