"""Scoring a stored run again: on its own test part, which must give the same numbers, or on other data."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli import data
from sdl_cli.data import DATASETS
from sdl_cli.data.dataset import Dataset
from sdl_cli.data.images.depth import as_in_run
from sdl_cli.data.split import LabelledPart, Split, TestPart, split
from sdl_cli.errors import ConfigError, DataError
from sdl_cli.learning.models.storage import load_model
from sdl_cli.measure import baseline, metrics
from sdl_cli.measure.metrics import Measured
from sdl_cli.run import prepare, run_folder
from sdl_cli.run.fit_and_score import score
from sdl_cli.run.outputs import stored_decision
from sdl_cli.run.prepare import OF_A_FILE, PATHS
from sdl_cli.run.request import TABLES
from sdl_cli.run.train import Observer
from sdl_cli.settings.contents import METRICS, checked
from sdl_cli.settings.experiment import DataSettings, Experiment
from sdl_cli.settings.parse import parse, parse_group

Values = dict[str, Any]


def evaluate(folder: Path, overrides: Values | None, dataset: Values | None, observer: Observer, trust: bool = False) -> Values:
    """Score a finished run again, on its own test part or on other data.

    Arguments:
        overrides: full key -> value, of `dataset.*` and `device`; None or empty for the run as it is.
        dataset: a whole other data set's settings (composed), or None.
    """
    stored = run_folder.read_run(folder)
    if stored.repeats:
        return _evaluate_repeats(stored, overrides, dataset, observer, trust)
    config = {**stored.config, "dataset": dict(dataset or stored.config["dataset"])}
    if config["dataset"].get("target", "") is None:  # what the run predicts is called the same elsewhere, unless it is named
        config["dataset"]["target"] = stored.config["dataset"].get("target")
    device = None
    for key, value in (overrides or {}).items():
        if key.startswith("dataset."):
            config["dataset"][key.removeprefix("dataset.")] = value
        elif key in ("device", "precision"):
            device = {**(device or {}), key: value}
        else:
            raise ConfigError(f"{key}: evaluate takes dataset and device settings only.", "Everything else comes from the run.")
    found = prepare.absolute(parse(TABLES, config))
    same_data = config["dataset"] == stored.config["dataset"]
    if not found.model.is_network:
        return _evaluate(stored, found, same_data, observer, trust)
    from sdl_cli.learning import loop
    from sdl_cli.learning.device import Runtime, resolve
    from sdl_cli.settings.machine import fit_threads

    runtime = None
    if device is not None:
        resolved = resolve(device.get("device", "auto"), device.get("precision", "auto"))
        precision = "float32" if resolved.precision == "auto" else resolved.precision
        runtime = Runtime(resolved.device, precision, "contiguous", resolved.num_threads or fit_threads(), "as asked")
    with loop.context(loop.Context(on_notice=observer.on_notice, runtime=runtime)):
        return _evaluate(stored, found, same_data, observer, trust)


def _evaluate(stored: run_folder.StoredRun, experiment: Experiment, same_data: bool, observer: Observer, trust: bool) -> Values:
    """Score a stored run on its own test part, or on all of another data set (its test part, if it has one).

    The experiment is the stored one with the data set to evaluate on; `same_data` says that this is the run's own, so its test
    part must be reproduced. Returns `{"folder", "data", "metrics": {"test"}, "reproduced"}`; the last is None for other data.
    """
    checked(stored.metrics, METRICS, stored.folder / "metrics.json")
    model, values = load_model(stored.folder, trust)
    inputs = values["inputs"]
    dataset = load_as_read(experiment.dataset, inputs)
    if same_data:
        hint = f"Restore the data, or name other data: dataset={experiment.dataset.name} dataset.path=..."
        _require_unchanged(stored, dataset, hint)
    same_data = dataset.fingerprint == stored.environment.get(
        "data_fingerprint"
    )  # also if the same data is named again: its training rows are not test rows
    if same_data:  # read and divided as in training, whatever the settings say now
        own = parse_group("dataset", DATASETS, stored.config["dataset"])
        if own != experiment.dataset:
            observer.on_notice("The run was trained on this data, so it is split as it was then, whatever the settings say now.")
        if own != experiment.dataset and type(own) is type(experiment.dataset):
            here = {key: getattr(experiment.dataset, key) for key in PATHS if hasattr(own, key)}
            meant = {key: getattr(experiment.dataset, key) for key in OF_A_FILE if hasattr(own, key)}
            here |= {key: value for key, value in meant.items() if value is not None}
            dataset = load_as_read(dataclasses.replace(own, **here), inputs)
    dataset = _matched(dataset, values)
    if same_data:
        rows = _own_split(stored, dataset, own, experiment.seed).test
    else:
        has_test = dataset.part is not None and (dataset.part == "test").any()
        rows = np.flatnonzero(dataset.part == "test") if has_test else np.arange(len(dataset))
    test = TestPart(dataset, rows)
    outputs = baseline.model_outputs(model, test.X, len(inputs["classes"]), dataset.allowed(rows))
    found = {k: v.to_json() for k, v in score(test, outputs, stored_decision(inputs)).items()}
    reproduced = _values(found) == _values(stored.metrics["metrics"]["test"]) if same_data else None
    if reproduced is False:
        may = "device, precision, threads or versions may differ."
        observer.on_notice(f"The stored metrics were not reproduced to the last digit: {may}")
    described = {"name": dataset.name, "rows": len(rows), "same_test_part": same_data}
    return {"folder": str(stored.folder), "data": described, "metrics": {"test": found}, "reproduced": reproduced}


def own_parts(stored: run_folder.StoredRun, values: Values) -> tuple[LabelledPart, TestPart]:
    """The labelled and the test rows of a finished run of one split, its labels numbered as the model's classes.

    Arguments:
        values: as `load_model` gives them.
    Raises:
        DataError: the data set is gone, or has changed since the run.
    """
    experiment = prepare.absolute(parse(TABLES, stored.config))
    dataset = load_as_read(experiment.dataset, values["inputs"])
    _require_unchanged(stored, dataset, "Restore the data, or train again.")
    dataset = _matched(dataset, values)
    return _own_split(stored, dataset, experiment.dataset, experiment.seed).parts(dataset)


def _own_split(stored: run_folder.StoredRun, dataset: Dataset, settings: DataSettings, seed: int) -> Split:
    """The division of rows that a run was trained on. Raises DataError: it would be another one now."""
    parts = split(dataset, settings, seed)
    if stored.environment.get("split_fingerprint") not in (None, parts.fingerprint()):
        message = f"{stored.folder}: its test part has other rows now: the order or the groups of its data have changed."
        raise DataError(message, "Restore the data, or train again.")
    return parts


def _require_unchanged(stored: run_folder.StoredRun, dataset: Dataset, hint: str) -> None:
    if dataset.fingerprint != stored.environment.get("data_fingerprint"):
        message = f"{stored.folder}: the data set has changed since this run, so its test part cannot be recovered."
        raise DataError(message, hint)


def _values(metrics: Values) -> Values:
    """What was measured, without its intervals: how those are computed may have improved since."""
    return {name: (found["value"], found["n"]) for name, found in metrics.items()}


def load_as_read(settings: DataSettings, inputs: Values) -> Dataset:
    """The data set, read as the run reads it."""
    size, how = inputs.get("size_px"), inputs.get("interpolation", "bilinear")
    known = inputs.get("source", {}).get("steps") if settings.name == "series" else inputs.get("columns")  # type: ignore[attr-defined]
    found = data.load(settings, preferred_px=size, interpolation=how, like=inputs if known else None)
    return as_in_run(found, inputs.get("value_range"))


def _matched(dataset: Dataset, values: Values) -> Dataset:
    """The data set with its labels numbered as the model's classes; DataError if they are incompatible."""
    inputs = values["inputs"]
    if dataset.task != values["task"] or dataset.modality != inputs["modality"]:
        what = f"the data set {dataset.name} is {dataset.modality} {dataset.task}"
        message = f"This run predicts {inputs['modality']} {values['task']}, but {what}."
        raise DataError(message, "Evaluate on data of the same kind.")
    shape = list(dataset.X.shape[1:])
    if shape != inputs["shape"]:
        hint = "Give data with the same columns."
        if dataset.modality == "image":
            hint = f"Read them the same way: dataset.size_px={inputs['size_px']} dataset.channels={inputs['channels']}"
        message = f"This run takes rows of shape {tuple(inputs['shape'])}, but those of {dataset.name} have {tuple(shape)}."
        raise DataError(message, hint)
    classes = list(inputs["classes"])
    unknown = [name for name in dataset.classes if name not in classes]
    if unknown:
        message = f"The data set {dataset.name} has the class {unknown[0]!r}, which the run was not trained on."
        raise DataError(message, f"It knows: {', '.join(classes[:20])}.")
    if dataset.task == "classification" and list(dataset.classes) != classes:
        place = np.array([classes.index(name) for name in dataset.classes])
        sets = dataset.class_sets
        if sets is not None:
            sets = np.full(len(classes), -1, dtype=np.int64)
            sets[place] = dataset.class_sets
        dataset = dataclasses.replace(dataset, y=place[dataset.y], classes=tuple(classes), class_sets=sets)
    return dataset


def _evaluate_repeats(stored: run_folder.StoredRun, overrides: Any, dataset: Any, observer: Observer, trust: bool) -> Values:
    each = [evaluate(folder, overrides, dataset, observer, trust) for folder in stored.repeats]
    same = not any(one["data"]["same_test_part"] for one in each) or stored.metrics.get("same_test_rows") is True
    test = metrics.over_repeats([{k: Measured.from_json(v) for k, v in one["metrics"]["test"].items()} for one in each], same)
    verdicts = {one["reproduced"] for one in each}
    return {
        "folder": str(stored.folder.absolute()),
        "data": each[0]["data"],
        "metrics": {"test": {k: v.to_json() for k, v in test.items()}},
        "reproduced": None if verdicts == {None} else verdicts == {True},
        "same_test_rows": same,
    }
