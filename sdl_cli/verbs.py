"""What stands between the command line and the jobs: hydra's composition, the display, and one JSON object per verb."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sdl_cli import bridge, jobs, results
from sdl_cli.errors import ConfigError, SdlError
from sdl_cli.experiment import Observer
from sdl_cli.report.console import Display

Values = dict[str, Any]


def train(overrides: Sequence[str], multirun: bool, config_dir: str | None, flags: Sequence[str], as_json: bool) -> Values | None:
    """`sdl train`: one run, or one per combination of a sweep."""
    display = Display(as_json)
    observer = Observer(display.start, display.epoch, display.notice)
    done: list[Values] = []
    failed: list[BaseException] = []

    def job(values: Values, folder: Path, chosen: list[str]) -> None:
        try:
            if multirun:
                results.write_json(folder, "job.json", {"overrides": chosen})
            done.append(jobs.train(values, folder, observer))
            if multirun:
                display.result(done[-1])
        except BaseException as error:
            display.stop()
            failed.append(error)
            if not multirun or isinstance(error, KeyboardInterrupt):
                results.remove_if_empty(folder)
                raise
            if results.read_state(folder) == "missing":
                results.record_failure(folder, error)
            display.notice(f"job {folder.name} failed: {error}")

    try:
        sweep = bridge.run("train", overrides, job, jobs.parse_experiment, multirun, config_dir, flags)
    except ConfigError as error:
        values = bridge.unknown_key_values(error, "train")
        if values is not None:
            jobs.parse_experiment(values)
        raise
    if sweep is not None:
        summary = _sweep_summary(sweep)
        display.sweep(summary)
        return summary
    if not done:
        return None
    display.result(done[0])
    return done[0]


def resume(folder: Path, as_json: bool) -> Values:
    """`sdl train --resume RUN`."""
    display = Display(as_json)
    try:
        values = jobs.resume(folder, Observer(display.start, display.epoch, display.notice))
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
        try:
            dataset = bridge.compose_group("evaluate", chosen, config_dir)["dataset"]
        except ConfigError as error:
            values = bridge.unknown_key_values(error, "evaluate")
            if values is not None:
                from sdl_cli.config import parse_group

                parse_group("dataset", jobs.TABLES["dataset"], values["dataset"])
            raise
    values = jobs.evaluate(folder, bridge.parse_assignments(kept), dataset, Observer(on_notice=display.notice), trust)
    display.evaluation(values)
    return values


def predict(folder: Path, source: Path, out: Path, trust: bool, on_error: str, as_json: bool) -> Values:
    """`sdl predict RUN INPUT -o FILE`."""
    display = Display(as_json)
    values = jobs.predict(folder, source, out, Observer(on_notice=display.notice), trust, on_error)
    display.out.print(f"{values['rows']:,} predictions written to {values['out']}", markup=False)
    return values


def catalogue(group: str | None, config_dir: str | None, as_json: bool) -> Values:
    """`sdl list [GROUP]`."""
    from sdl_cli.conf_files import GROUPS, check_group, options, summary
    from sdl_cli.report import console

    if group is not None:
        check_group(group)
    items = [
        {"group": g, "name": n, "summary": summary(f)}
        for g in GROUPS
        if group in (None, g)
        for n, f in options(g, config_dir).items()
    ]
    display = Display(as_json)
    for name in GROUPS:
        own = [i for i in items if i["group"] == name]
        if own:
            display.out.print(f"[bold underline]{name}[/]")
            display.out.print(console.catalogue(own))
            display.out.print()
    display.out.print("Settings of a choice and what they mean: sdl show GROUP=NAME")
    return {"items": items}


def device(name: str, as_json: bool) -> Values:
    """`sdl device [DEVICE]`."""
    from sdl_cli import device as devices

    found, chosen = devices.describe(), devices.resolve(name)
    display = Display(as_json)
    for key, value in found:
        display.out.print(f"{key:<14}{value}", markup=False)
    precision = (
        "bfloat16 or float32, whichever is timed faster for the network" if chosen.precision == "auto" else chosen.precision
    )
    display.out.print(
        f"\nA network would run on {chosen.device} in {precision}, {chosen.num_threads} threads: {chosen.reason}.",
        markup=False,
    )
    return {"machine": dict(found), "runtime": chosen.to_plain()}


def _sweep_summary(folder: Path) -> Values:
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
    num_failed = sum(item["status"] != "done" for item in found)
    return {"folder": str(folder), "jobs": found, "exit_code": 1 if num_failed else 0}


def _job_overrides(folder: Path) -> list[str]:
    try:
        return [str(o) for o in results.read_json(folder / "job.json")["overrides"]]
    except SdlError:
        return []
