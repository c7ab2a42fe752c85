"""What the verbs do, as module-level functions of plain data: train, evaluate, predict, curve, forecast."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data import DATASETS
from sdl_cli.data.augment import AUGMENTS
from sdl_cli.data.depth import eight_bit
from sdl_cli.data.split import Split, split
from sdl_cli.errors import ConfigError, DataError, RunError
from sdl_cli.files import write_atomic
from sdl_cli.learning.losses import LOSSES
from sdl_cli.learning.models import MODELS, NETWORKS
from sdl_cli.many import cells
from sdl_cli.many.cells import Parallel
from sdl_cli.measure import metrics
from sdl_cli.measure.decisions import check_threshold
from sdl_cli.measure.metrics import HIGHER_IS_BETTER, Lift, Measured, check_target
from sdl_cli.run import evaluate as evaluation
from sdl_cli.run import predict as prediction
from sdl_cli.run import prepare, run_folder, trackers
from sdl_cli.run import train as experiment
from sdl_cli.run.train import Observer, Result
from sdl_cli.settings.parse import Experiment, Training, parse, parse_group, suggest
from sdl_cli.study.compare.run import CompareObserver
from sdl_cli.study.compare.settings import Arm, Compare, Comparison, Shared
from sdl_cli.study.curve.run import CurveObserver
from sdl_cli.study.curve.settings import Curve, CurveExperiment
from sdl_cli.study.curve.summary import Question

Values = dict[str, Any]
TABLES: dict[str, Any] = {
    "dataset": DATASETS,
    "model": MODELS,
    "loss": LOSSES,
    "augment": AUGMENTS,
    "training": Training,
}


@dataclass(frozen=True, kw_only=True)
class Request(Experiment):
    """What `sdl train` is asked: an experiment, and how many jobs of a sweep of them run at once, which decides no result."""

    parallel: Parallel = Parallel(num_jobs=1)


def parse_experiment(values: Values) -> Experiment:
    """Plain values as an Experiment; a ConfigError names everything wrong with them, seen without loading any data."""
    found: Request = parse({**TABLES, "parallel": Parallel}, values, into=Request)
    _check(found)
    cells.check_backend(found.parallel.backend)
    return Experiment(**{f.name: getattr(found, f.name) for f in dataclasses.fields(Experiment)})


def parse_parallel(values: Values) -> Parallel:
    """How the jobs of a sweep run, of composed values; one after another where they do not say."""
    if "parallel" not in values:
        return Parallel(num_jobs=1)
    found: Parallel = parse_group("parallel", Parallel, values["parallel"])
    cells.check_backend(found.backend)
    return found


def parse_curve(values: Values) -> CurveExperiment:
    """Plain values as the settings of a learning curve; errors as for `parse_experiment`."""
    found: CurveExperiment = parse({**TABLES, "curve": Curve, "parallel": Parallel}, values, into=CurveExperiment)
    _check(found)
    cells.check_backend(found.parallel.backend)
    return found


def parse_shared(values: Values) -> Shared:
    """Plain values as what the arms of a comparison share; errors as for `parse_experiment`."""
    tables = {key: TABLES[key] for key in ("dataset", "loss", "training")}
    found: Shared = parse({**tables, "compare": Compare, "parallel": Parallel}, values, into=Shared)
    check_threshold(found.threshold)
    cells.check_backend(found.parallel.backend)
    if found.device not in ("auto", "cpu"):
        from sdl_cli.learning.device import resolve

        resolve(found.device, found.precision, found.memory_format, found.num_threads)
    return found


def parse_comparison(values: Values, folder: Path) -> Comparison:
    """A comparison of its complete values, arms and all, as they stand in the `config.yaml` of its folder."""
    shared = parse_shared({key: value for key, value in values.items() if key != "arms"})
    try:
        arms = tuple(Arm.from_plain(arm, parse_experiment) for arm in values["arms"])
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{folder / 'config.yaml'}: its arms cannot be read.", "Begin a new comparison.") from error
    return Comparison(shared, arms)


def _check_kind(folder: Path, verb: str) -> None:
    """Raise for a folder that another verb made."""
    kind, names = run_folder.kind_of(folder), {"train": "training run", "curve": "learning curve", "compare": "comparison"}
    if kind != verb:
        hint = f"Resume it: sdl {kind} --resume {run_folder.quoted(folder)}"
        raise DataError(f"{folder}: this is no {names[verb]} but a {names[kind]}.", hint)


def _check(found: Experiment) -> None:
    """Raise for what the settings alone show to be wrong."""
    check_threshold(found.threshold)
    trackers.check(found)
    if found.model.name in NETWORKS and found.device not in ("auto", "cpu"):
        from sdl_cli.learning.device import resolve

        resolve(found.device, found.precision, found.memory_format, found.num_threads)
    if found.model.name == "finetuned_cnn":
        from sdl_cli.learning.models.pretrained import check_architecture

        check_architecture(found.model.architecture)
    if found.model.name == "sklearn":
        from sdl_cli.learning.models.baseline import import_estimator

        import_estimator(found.model.estimator)


def train(values: Values, folder: Path, observer: Observer | None = None, resume: bool = False) -> Values:
    """Train, score and save one experiment, over `num_repeats` splits where that is more than one.

    Returns:
        The object of `sdl train --json`.
    """
    found = trackers.settled(parse_experiment(values))
    with trackers.watched(found, observer) as watched:
        if found.num_repeats == 1:
            return watched.finish(experiment.run(found, folder, watched.observer, resume).to_json())
        return watched.finish(_train_repeats(found, folder, watched, observer or Observer(), resume))


def resume(folder: Path, observer: Observer | None = None) -> Values:
    """Resume a stopped run from its stored configuration; a finished one is read."""
    _check_kind(folder, "train")
    if run_folder.read_state(folder) == "done":
        if observer and observer.on_notice:
            observer.on_notice("This run is finished; there is nothing to resume.")
        return run_folder.read_run(folder).metrics
    stored = run_folder.read_run(folder, finished=False)
    with run_folder.resumed(folder):
        return train(stored.config, folder, observer, resume=True)


def evaluate(
    folder: Path, overrides: dict[str, Any] | None, dataset: Values | None, observer: Observer, trust: bool = False
) -> Values:
    """Score a finished run again, on its own test part or on other data.

    Arguments:
        overrides: full key -> value, of `dataset.*` and `device`; None or empty for the run as it is.
        dataset: a whole other data set's settings (composed), or None.
    """
    stored = run_folder.read_run(folder)
    if stored.repeats:
        return _evaluate_repeats(stored, overrides, dataset, observer, trust)
    config = {**stored.config, "dataset": dict(dataset or stored.config["dataset"])}
    device = None
    for key, value in (overrides or {}).items():
        if key.startswith("dataset."):
            config["dataset"][key.removeprefix("dataset.")] = value
        elif key in ("device", "precision"):
            device = {**(device or {}), key: value}
        else:
            raise ConfigError(f"{key}: evaluate takes dataset and device settings only.", "The rest is as it was trained.")
    found = prepare.absolute(parse(TABLES, config))
    same_data = config["dataset"] == stored.config["dataset"]
    if found.model.name not in NETWORKS:
        return evaluation.evaluate(stored, found, same_data, observer, trust)
    from sdl_cli.learning import loop
    from sdl_cli.learning.device import Runtime, resolve
    from sdl_cli.machine import available_cores

    runtime = None
    if device is not None:
        resolved = resolve(device.get("device", "auto"), device.get("precision", "auto"))
        precision = "float32" if resolved.precision == "auto" else resolved.precision
        runtime = Runtime(resolved.device, precision, "contiguous", resolved.num_threads or available_cores(), "as asked")
    with loop.context(loop.Context(on_notice=observer.on_notice, runtime=runtime)):
        return evaluation.evaluate(stored, found, same_data, observer, trust)


def curve(values: Values, folder: Path, observer: CurveObserver | None = None) -> Values:
    """Measure and forecast a learning curve.

    Returns:
        The object of `sdl curve --json`.
    """
    from sdl_cli.study.curve import run

    return run.run(parse_curve(values), folder, observer)


def resume_curve(folder: Path, observer: CurveObserver | None = None) -> Values:
    """Resume a stopped curve from its stored settings; a finished one is read."""
    from sdl_cli.study.curve import run

    stored = run_folder.read_run(folder, finished=False)
    _check_kind(folder, "curve")
    if stored.state == "done":
        if observer and observer.on_notice:
            observer.on_notice("This curve is finished; there is nothing to resume.")
        return run_folder.read_json(folder / "curve.json")
    with run_folder.resumed(folder):
        return run.run(parse_curve(stored.config), folder, observer, resume=True)


def compare(values: Values, folder: Path, observer: CompareObserver | None = None) -> Values:
    """Compare arms of complete values.

    Returns:
        The object of `sdl compare --json`.
    """
    from sdl_cli.study.compare import run

    return run.run(parse_comparison(values, folder), folder, observer)


def resume_compare(folder: Path, observer: CompareObserver | None = None) -> Values:
    """Resume a stopped comparison from its stored settings; a finished one is read."""
    from sdl_cli.study.compare import run

    stored = run_folder.read_run(folder, finished=False)
    _check_kind(folder, "compare")
    if stored.state == "done":
        if observer and observer.on_notice:
            observer.on_notice("This comparison is finished; there is nothing to resume.")
        return {**run_folder.read_json(folder / "comparison.json"), "folder": str(folder)}
    with run_folder.resumed(folder):
        return run.run(parse_comparison(stored.config, folder), folder, observer, resume=True)


def overlay(folder: Path, items: list[Values]) -> Values:
    """The finished curves of a sweep in one picture, with where they cross; one picture for each data set and metric.

    Arguments:
        items: jobs of the sweep, finished ones with their `curve` and all with their `overrides`.
    Returns:
        `{"picture", "pictures", "crossings", "sentences"}`; picture is the first of pictures, or None where no two go together.
    """
    from sdl_cli.measure.png import draw_overlay
    from sdl_cli.study.curve.overlay import crossings, named, sentences

    groups: dict[tuple[str, str], list[Values]] = {}
    for item in items:
        if item["status"] == "done":
            groups.setdefault((item["curve"]["dataset"], item["curve"]["metric"]), []).append(item)
    found: Values = {"picture": None, "pictures": [], "crossings": [], "sentences": []}
    together = [named(group) for group in groups.values() if len(group) > 1]
    for number, curves in enumerate(together, 1):
        crossed = crossings(curves)
        file = folder / ("curves.png" if len(together) == 1 else f"curves-{number}.png")
        write_atomic(file, draw_overlay(curves, crossed))
        found["pictures"].append(str(file))
        found["crossings"] += crossed
        where = f"On {curves[0]['dataset']}: " if len(groups) > 1 else ""
        found["sentences"] += [where + sentence for sentence in sentences(curves, crossed)]
    if not together and len(groups) > 1:
        found["sentences"].append("The curves are of different data or metrics, so that no two go into one picture.")
    return found | {"picture": next(iter(found["pictures"]), None)}


def forecast(source: Path, metric: str, question: Question) -> Values:
    """Forecast a curve that was measured elsewhere, from a CSV with columns size, score and perhaps repeat.

    Returns:
        The object of `sdl forecast --json`.
    """
    from sdl_cli.study.curve.points import read_csv
    from sdl_cli.study.curve.summary import summarise

    metric = metric.lower()
    if metric not in HIGHER_IS_BETTER:
        raise ConfigError(
            f"--metric: there is no metric {metric!r}.{suggest(metric, HIGHER_IS_BETTER)}",
            f"There are: {', '.join(HIGHER_IS_BETTER)}.",
        )
    check_target("--target", metric, question.target)
    points = read_csv(source, metric)
    return {"name": source.stem, "dataset": source.name, **run_folder.finite(summarise(points, question))}


def predict(folder: Path, source: Path, out: Path, observer: Observer, trust: bool = False, on_error: str = "fail") -> Values:
    """Predict new inputs with a finished run and write them as CSV; see `prediction.predict`.

    Returns:
        The object of `sdl predict --json`.
    """
    return prediction.predict(run_folder.read_run(folder), source, out, observer, trust, on_error)


def check(values: Values) -> tuple[Values, list[str]]:
    """Look at the data of an experiment before training.

    Returns:
        The object of `sdl check --json`, and the same as lines of text.
    """
    from sdl_cli.report.check_words import report
    from sdl_cli.run import check as checking

    found = parse_experiment(values)
    problems = [*checking.inspect_files(found.dataset)]
    if hasattr(found.dataset, "on_error"):  # unreadable files are a finding here, not the end
        found = dataclasses.replace(found, dataset=dataclasses.replace(found.dataset, on_error="skip"))
    dataset, found, _ = prepare.load_dataset(found)
    hint = "Repair them, or leave them out with dataset.on_error=skip: otherwise training will be refused."
    skipped = [note for note in dataset.notes if "were skipped" in note or "have no image" in note]
    problems += [checking.Problem("warning", note, "", hint) for note in skipped]
    try:
        parts = split(dataset, found.dataset, found.seed)
    except DataError as error:  # training would be refused; what else there is to say is said all the same
        problems.append(checking.Problem("warning", f"Training will be refused. {error.message}", "", error.hint))
        parts = Split(np.arange(len(dataset)), None, np.array([], dtype=np.int64))
    dataset = eight_bit(dataset, parts.labelled)
    problems = checking.worst_first([*problems, *checking.inspect(dataset, parts)])
    summary = checking.summary(dataset, parts)
    return {"problems": [p.to_json() for p in problems], "summary": summary}, report(problems, summary)


def export(folder: Path, out: Path, observer: Observer, trust: bool = False) -> Values:
    """Write the model of a finished run as ONNX or torch.export; see `export.export`.

    Returns:
        The object of `sdl export --json`.
    """
    from sdl_cli.run.export import export as write

    return write(run_folder.read_run(folder), out, observer, trust)


def _train_repeats(found: Experiment, folder: Path, whole: trackers.Watched, observer: Observer, resume: bool) -> Values:
    if not resume:
        folder = run_folder.claim(folder, "repeats")
    singles = _singles(found)
    todo = [cells.Cell(single, folder / "repeats" / str(r)) for r, single in enumerate(singles)]
    if resume and run_folder.repeat_folders(folder):
        now = prepare.load_dataset(found)[0].fingerprint
        for repeat in run_folder.repeat_folders(folder):
            run_folder.require_same_data(repeat, now, "run", "train")
    if resume:
        run_folder.write_status(folder, "running")
    outcomes: list[cells.Outcome] = []

    def run_one(single: Experiment, where: Path, again: bool) -> Values:
        with trackers.watched(single, observer, whole.parent()) as watched:
            return watched.finish(experiment.run(single, where, watched.observer, resume=again).to_json())

    def on_done(outcome: cells.Outcome) -> None:
        outcomes.append(outcome)
        if outcome.metrics is not None and observer.on_repeat is not None:
            observer.on_repeat(len(outcomes), len(singles), outcome.metrics)

    try:
        run_folder.write_config(folder, prepare.absolute(found).to_plain())
        if whole.observer.on_folder is not None:
            whole.observer.on_folder(folder)
        cells.run_cells(todo, run_one, on_done)
        failed = [o for o in outcomes if o.error is not None]
        if failed:
            first = failed[0]
            raise RunError(
                f"{len(failed)} of {len(outcomes)} repeats failed, the first in {first.cell.folder}: {first.error}",
                f"Run them again with: sdl train --resume {run_folder.quoted(folder)}",
            ) from first.error
        summary = _over_repeats(folder, found, [o.metrics for o in outcomes if o.metrics is not None])
        run_folder.write_json(folder, "metrics.json", summary)
        run_folder.write_status(folder, "done", files=["config.yaml", "metrics.json"])
    except BaseException as error:
        run_folder.end_badly(folder, error, resume or bool(outcomes))
        raise
    return summary


def _singles(found: Experiment) -> list[Experiment]:
    """The experiments of a repeated one: seed, seed + 1, ... for the model and for the split."""
    singles = []
    for r in range(found.num_repeats):
        seed = found.dataset.seed
        dataset = found.dataset if seed is None else dataclasses.replace(found.dataset, seed=seed + r)
        singles.append(dataclasses.replace(found, num_repeats=1, seed=found.seed + r, dataset=dataset))
    return singles


def _over_repeats(folder: Path, found: Experiment, repeats: list[Values]) -> Values:
    def scores(*path: str) -> dict[str, Any]:
        parts = []
        for repeat in repeats:
            at: Any = repeat
            for key in path:
                at = at[key] if at else None
            if at:
                parts.append({k: _measured(v) for k, v in at.items()})
        return {k: v.to_json() for k, v in metrics.over_repeats(parts).items()} if parts else {}

    lifts = [_lift(r["lift"]) for r in repeats if r["lift"]]
    rows = repeats[0]["rows"]
    baseline = scores("baseline", "test")
    seconds = {k: round(sum(r["seconds"].get(k, 0.0) for r in repeats), 3) for k in repeats[0]["seconds"]}
    return {
        "folder": str(folder),
        "config": {**repeats[0]["config"], "num_repeats": found.num_repeats, "seed": found.seed},
        "metrics": {"test": scores("metrics", "test"), "validation": scores("metrics", "validation")},
        "baseline": {"name": repeats[0]["baseline"]["name"], "test": baseline} if baseline else None,
        "lift": metrics.lift_over_repeats(lifts, rows["test"] / rows["labelled"]).to_json() if lifts else None,
        "majority": {"test": scores("majority", "test")},
        "seconds": seconds,
        "rows": rows,
        "runtime": repeats[0]["runtime"],
        "notes": list(dict.fromkeys(note for r in repeats for note in r["notes"])),
        "repeats": len(repeats),
    }


def _evaluate_repeats(stored: run_folder.StoredRun, overrides: Any, dataset: Any, observer: Observer, trust: bool) -> Values:
    each = [evaluate(folder, overrides, dataset, observer, trust) for folder in stored.repeats]
    test = metrics.over_repeats([{k: _measured(v) for k, v in one["metrics"]["test"].items()} for one in each])
    verdicts = {one["reproduced"] for one in each}
    return {
        "folder": str(stored.folder.absolute()),
        "data": each[0]["data"],
        "metrics": {"test": {k: v.to_json() for k, v in test.items()}},
        "reproduced": None if verdicts == {None} else verdicts == {True},
    }


def _measured(values: Values) -> Measured:
    return Measured(_number(values["value"]), _number(values["low"]), _number(values["high"]), values["n"])


def _lift(values: Values) -> Lift:
    low, high = _number(values["low"]), _number(values["high"])
    return Lift(values["metric"], _number(values["value"]), low, high, values["measurable"])


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


__all__ = ["TABLES", "Result", "evaluate", "parse_experiment", "predict", "resume", "train"]
