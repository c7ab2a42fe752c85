"""What stands between the command line and the jobs: hydra's composition, the display, and one JSON object per verb."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sdl_cli.cli import hydra as bridge
from sdl_cli.errors import ConfigError
from sdl_cli.files import is_there
from sdl_cli.many import cells, repeats, sweep_job
from sdl_cli.many import sweep as sweeps
from sdl_cli.many.sweep_summary import Kind
from sdl_cli.phrases import counted
from sdl_cli.report.console import Display, resume_command
from sdl_cli.report.sweep_table import curve_columns, run_columns
from sdl_cli.run import evaluate as evaluation
from sdl_cli.run import run_folder, stored
from sdl_cli.run.prepare import load_dataset
from sdl_cli.run.request import TABLES, parse_experiment, parse_parallel
from sdl_cli.run.train import Observer
from sdl_cli.settings.parallel import Parallel
from sdl_cli.settings.parse import parse_group
from sdl_cli.study.compare.settings import parse_shared
from sdl_cli.study.curve import run as curving
from sdl_cli.study.curve.overlay import overlay
from sdl_cli.study.curve.run import CurveObserver
from sdl_cli.study.curve.settings import parse_curve
from sdl_cli.study.curve.summary import Question

Values = dict[str, Any]


def train(overrides: Sequence[str], config_dir: str | None, as_json: bool) -> Values:
    """`sdl train`: one run."""
    display = Display(as_json)
    done: list[Values] = []

    def job(values: Values, folder: Path, chosen: list[str]) -> None:
        if parse_parallel(values) != Parallel(num_jobs=1):
            display.notice("parallel has no effect: it says how many jobs of a sweep run at once, and without -m there is one.")
        done.append(repeats.train(values, folder, _observer(display)))

    try:
        bridge.run("train", overrides, job, parse_experiment, config_dir=config_dir)
    finally:
        display.stop()
    display.result(done[0])
    return done[0]


def inspect(
    verb: str, overrides: Sequence[str], config_dir: str | None, flags: Sequence[str], multirun: bool, as_json: bool
) -> Values:
    """`--cfg job`, `--info all` of a verb: what hydra composes or knows, and no run; as JSON its text is in `text`."""
    if multirun:
        raise ConfigError("-m: --cfg and --info show one configuration, not a sweep.", "Leave out -m.")

    def no_job(values: Values, folder: Path, chosen: list[str]) -> None:
        raise AssertionError("hydra runs nothing when it is asked for information")

    caught, checks = io.StringIO(), {"curve": parse_curve, "compare": parse_shared, "train": parse_experiment}
    with contextlib.redirect_stdout(caught) if as_json else contextlib.nullcontext():
        bridge.run(verb, overrides, no_job, checks[verb], config_dir=config_dir, flags=flags)
    return {"text": caught.getvalue()}


def sweep(overrides: Sequence[str], config_dir: str | None, as_json: bool) -> Values:
    """`sdl train -m`: one run per combination. A job that fails is recorded and named, and stops no other."""
    try:
        return sweeps.sweep(_TRAIN, overrides, config_dir, Display(as_json))
    finally:
        cells.end_workers()


def resume(folder: Path, as_json: bool) -> Values:
    """`sdl train --resume RUN`, of a run or of a whole sweep."""
    display = Display(as_json)
    try:
        with stored.reading(folder):
            if (folder / "sweep.json").is_file():
                return sweeps.resume(_TRAIN, folder.absolute(), display)
            values = repeats.resume(folder.absolute(), _observer(display))
            display.result(values)
    finally:
        display.stop()
        cells.end_workers()
    return values


def curve(overrides: Sequence[str], config_dir: str | None, as_json: bool) -> Values:
    """`sdl curve`: one learning curve."""
    display = Display(as_json)
    done: list[Values] = []

    def job(values: Values, folder: Path, chosen: list[str]) -> None:
        done.append(curving.begin(values, folder, _curve_observer(display)))

    try:
        bridge.run("curve", overrides, job, parse_curve, config_dir=config_dir)
    finally:
        display.stop()
        cells.end_workers()
    return _curve_result(done[0], display)


def curve_sweep(overrides: Sequence[str], config_dir: str | None, as_json: bool) -> Values:
    """`sdl curve -m`: one curve per combination, and one picture of all."""
    try:
        return sweeps.sweep(_CURVE, overrides, config_dir, Display(as_json))
    finally:
        cells.end_workers()


def resume_curve(folder: Path, as_json: bool) -> Values:
    """`sdl curve --resume RUN`, of a curve or of a whole sweep of them."""
    display = Display(as_json)
    try:
        with stored.reading(folder):
            if (folder / "sweep.json").is_file():
                return sweeps.resume(_CURVE, folder.absolute(), display)
            values = curving.resume(folder.absolute(), _curve_observer(display))
            return _curve_result(values, display)
    finally:
        display.stop()
        cells.end_workers()


def forecast(
    source: Path, at: Sequence[int], target: float | None, metric: str, level: float, test_rows: int | None, as_json: bool
) -> Values:
    """`sdl forecast POINTS.csv`."""
    display = Display(as_json)
    from sdl_cli.study.curve.elsewhere import forecast as forecast_points

    values = forecast_points(source, metric, Question(target, tuple(at) or None, level, test_rows))
    display.forecast(values)
    return values


def evaluate(folder: Path, overrides: Sequence[str], config_dir: str | None, trust: bool, as_json: bool) -> Values:
    """`sdl evaluate RUN`: a whole other data set is composed by hydra, single keys change the stored settings."""
    display = Display(as_json)
    dataset = None
    # a path by itself is other data of the same kind
    overrides = [f"dataset.path={o}" if "=" not in o and is_there(o) else o for o in overrides]
    kept = list(overrides)
    if any(o.startswith("dataset=") for o in overrides):
        chosen = [o for o in overrides if o.partition("=")[0].startswith("dataset")]
        kept = [o for o in overrides if o not in chosen]

        def check(values: Values) -> None:
            parse_group("dataset", TABLES["dataset"], values["dataset"])

        dataset = bridge.compose_checked("evaluate", chosen, check, config_dir)["dataset"]
    with stored.reading(folder):
        values = evaluation.evaluate(
            stored.single_run(folder, display.notice), bridge.parse_assignments(kept), dataset, _observer(display), trust
        )
        display.evaluation(values)
    return values


def check(overrides: Sequence[str], config_dir: str | None, as_json: bool) -> Values:
    """`sdl check`: what is wrong with a data set, worst first; exit code 1 where a result could not be trusted."""
    from sdl_cli.report import check_words
    from sdl_cli.run.check import data as checking

    display = Display(as_json)
    composed = bridge.compose_checked("train", overrides, parse_experiment, config_dir)
    problems, summary = checking.check(composed)
    display.lines(check_words.report(problems, summary))
    values: Values = {"problems": [p.to_json() for p in problems], "summary": summary}
    return {**values, "exit_code": 1} if any(p.severity == "leak" for p in problems) else values


def export(folder: Path, out: Path, trust: bool, as_json: bool) -> Values:
    """`sdl export RUN FILE`."""
    from sdl_cli.run.export import export as export_model

    display = Display(as_json)
    with stored.reading(folder):
        run = run_folder.read_run(stored.single_run(folder, display.notice))
        values = export_model(run, out, _observer(display), trust)
    display.exported(values)
    return values


def predict(folder: Path, source: Path, out: Path, trust: bool, on_error: str, as_json: bool) -> Values:
    """`sdl predict RUN INPUT -o FILE`."""
    from sdl_cli.run.predict import STDOUT
    from sdl_cli.run.predict import predict as predict_rows

    if as_json and out == STDOUT:
        raise ConfigError("-o - and --json both write to stdout.", "Leave out one of them.")
    display = Display(as_json or out == STDOUT)
    with stored.reading(folder):
        run = run_folder.read_run(stored.single_run(folder, display.notice))
        values = predict_rows(run, source, out, _observer(display), trust, on_error)
    where = "stdout" if out == STDOUT else values["out"]
    display.lines([f"{counted(values['rows'], 'prediction')} written to {where}"])
    return values


def report(folder: Path, out: Path | None, trust: bool, as_json: bool) -> Values:
    """`sdl report RUN -o FILE`."""
    from sdl_cli.report.html.write import write_report

    display = Display(as_json)
    with stored.reading(folder):
        values = write_report(folder, out, trust, display.notice)
    display.lines([f"Report written to {values['out']} ({values['bytes'] / 1000:,.0f} kB). Open it in any browser."])
    return values


def device(name: str, as_json: bool) -> Values:
    """`sdl device [DEVICE]`."""
    from sdl_cli.learning import device as devices
    from sdl_cli.report.layout import table, wrap

    found, chosen = devices.describe(), devices.resolve(name)
    quickest = "bfloat16 or float32, whichever is timed faster for the network"
    precision = quickest if chosen.precision == "auto" else chosen.precision
    threads = f", {counted(chosen.num_threads, 'thread')}" if chosen.num_threads else ""
    text = f"A network would run on {chosen.device} in {precision}{threads}: {chosen.reason}."
    Display(as_json).lines([*table(found), "", *wrap(text, 80)])
    return {"machine": dict(found), "runtime": chosen.to_plain()}


def _observer(display: Display) -> Observer:
    return Observer(display.start, display.epoch, display.notice, display.runtime, display.repeat)


def _curve_observer(display: Display) -> CurveObserver:
    return CurveObserver(display.curve_start, display.curve_progress, display.notice)


def _curve_result(values: Values, display: Display) -> Values:
    """Show a curve; where cells failed the exit code is 1 and the command that tries them again is named."""
    display.curve(values)
    if not values["failed"]:
        return values
    display.lines([f"Try the failed cells again: {resume_command(values['folder'])}"])
    return {**values, "exit_code": 1}


def _load(values: Values) -> Any:
    return load_dataset(parse_experiment(values))[0]


def _item(folder: Path) -> Values:
    found = run_folder.read_run(folder).metrics
    item = {name: found[name] for name in ("metrics", "baseline", "lift", "rows", "seconds")}
    objective = sweep_job.objective_of(folder)
    return item if objective is None else {**item, "objective": objective}


def _show_runs(summary: Values, display: Display) -> None:
    display.sweep(summary)


def _load_for_curve(values: Values) -> Any:
    return load_dataset(parse_curve(values))[0]


def _in_this_process(values: Values) -> None:
    """A curve runs its own cells side by side, and curves one after another."""


def _curve_item(folder: Path) -> Values:
    return {"curve": run_folder.read_json(folder / "curve.json")}


def _show_curves(summary: Values, display: Display) -> None:
    summary |= overlay(Path(summary["folder"]), summary["jobs"])
    display.curves(summary)


_TRAIN = Kind(
    verb="train",
    check=parse_experiment,
    parallel=parse_parallel,
    load=_load,
    observer=_observer,
    item=_item,
    columns=run_columns,
    show=_show_runs,
)
_CURVE = Kind(
    verb="curve",
    check=parse_curve,
    parallel=_in_this_process,
    load=_load_for_curve,
    observer=_curve_observer,
    item=_curve_item,
    columns=curve_columns,
    show=_show_curves,
)
