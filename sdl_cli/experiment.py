"""One run, start to end: load, split, build, fit, score, stand beside the baseline, save. Read it like the article."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli import data, metrics, reference, results
from sdl_cli.config import Experiment, plain
from sdl_cli.data.dataset import Dataset
from sdl_cli.data.split import Split, hold_out, split
from sdl_cli.device import Runtime
from sdl_cli.errors import ConfigError
from sdl_cli.files import make_folder
from sdl_cli.losses import resolve as resolve_loss
from sdl_cli.metrics import Lift, Measured
from sdl_cli.models import NETWORKS, build, estimator_class
from sdl_cli.models.settings import BaselineSettings
from sdl_cli.models.storage import save_model

Array = np.ndarray[Any, Any]
Scores = dict[str, Measured]
VARIANTS = ("kind", "architecture", "estimator")  # the setting that tells models of one name apart


@dataclass
class Observer:
    """Who wants to hear of a run as it goes; every part is optional.

    Arguments:
        on_start: called once with what is about to run (see `_overview`), before training.
        on_epoch: called with each row of the training history.
        on_notice: called with a sentence for the user.
        on_runtime: called with what a network runs on once it is settled, or with None for scikit-learn.
        on_repeat: called with number, total and metrics of each of `num_repeats` splits that is done.
    """

    on_start: Callable[[dict[str, Any]], None] | None = None
    on_epoch: Callable[[dict[str, Any]], None] | None = None
    on_notice: Callable[[str], None] | None = None
    on_runtime: Callable[[dict[str, Any] | None], None] | None = None
    on_repeat: Callable[[int, int, dict[str, Any]], None] | None = None


@dataclass(frozen=True)
class Result:
    """What a run found. All scores are those of the test rows unless named otherwise.

    Arguments:
        folder: the run folder.
        config: complete and resolved, plain values.
        test, validation, baseline, majority: metric name -> Measured; validation and baseline may be empty.
        lift: improvement over the quick baseline, or None where the run is the baseline.
        seconds: per phase and `total`.
        rows: counts of `labelled`, `validation` and `test` rows; size of the test part over the labelled rows decides the
            correction of a lift over repeats.
        runtime: device, precision, memory format and threads of a network.
        notes: sentences on how data and settings were taken.
    """

    folder: Path
    config: dict[str, Any]
    test: Scores
    validation: Scores
    baseline: Scores
    majority: Scores
    lift: Lift | None
    seconds: dict[str, float]
    rows: dict[str, int]
    runtime: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()
    repeats: int = 1

    def to_json(self) -> dict[str, Any]:
        """The object that `sdl train --json` prints and `metrics.json` holds."""

        def scores(found: Scores) -> dict[str, Any]:
            return {name: value.to_json() for name, value in found.items()}

        values: dict[str, Any] = {
            "folder": str(self.folder),
            "config": self.config,
            "metrics": {"test": scores(self.test), "validation": scores(self.validation)},
            "baseline": {"name": "forest", "test": scores(self.baseline)} if self.baseline else None,
            "lift": self.lift.to_json() if self.lift else None,
            "majority": {"test": scores(self.majority)},
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
            "rows": self.rows,
            "runtime": self.runtime,
            "notes": list(self.notes),
            "repeats": self.repeats,
        }
        cleaned: dict[str, Any] = results.finite(values)
        return cleaned


@dataclass
class Clock:
    """Seconds per named phase."""

    seconds: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def total(self) -> dict[str, float]:
        return {**self.seconds, "total": time.perf_counter() - self.started}


def run(experiment: Experiment, folder: Path, observer: Observer | None = None, resume: bool = False) -> Result:
    """Carry out one experiment (one split) and write its run folder.

    Arguments:
        experiment: complete; `num_repeats` is not looked at here.
        folder: where the run is written; a new name is taken where another run has it.
        observer: hears of notices, of the start and of every epoch.
        resume: `folder` holds this run, stopped earlier: go on from its checkpoints.
    Raises:
        ConfigError, DataError: found before anything is written. RunError: training failed; `status.json` says why.
    """
    observer = observer or Observer()
    notes: list[str] = []

    def notice(sentence: str) -> None:
        if sentence not in notes:
            notes.append(sentence)
            if observer.on_notice is not None:
                observer.on_notice(sentence)

    clock = Clock()
    with clock.phase("load"):
        dataset, experiment, preferred = load_dataset(experiment)
        parts = split(dataset, experiment.dataset, experiment.seed)
        for sentence in (*dataset.notes, *parts.notes):
            notice(sentence)
    experiment = resolve_settings(experiment, dataset, len(parts.labelled))
    for sentence in settings_without_effect(experiment):
        notice(sentence)
    model = build(experiment, dataset.task)
    train, validation = divide(parts, dataset, model, experiment)
    stored_runtime = _stored_runtime(folder) if resume else None
    folder = folder if resume else results.claim(folder)
    try:
        results.write_config(folder, experiment.to_plain())
        environment = results.environment(dataset.fingerprint)
        results.require_space(folder, 20_000_000)
        results.write_json(folder, "environment.json", environment | {"runtime": stored_runtime and stored_runtime.to_plain()})
        if observer.on_start is not None:
            observer.on_start(_overview(experiment, dataset, train, validation, parts.test))
        with clock.phase("fit"):
            runtime = _fit(model, dataset, train, validation, folder, experiment, observer, notice, environment, stored_runtime)
        with clock.phase("predict"):
            outputs = reference.model_outputs(model, dataset.X[parts.test], len(dataset.classes))
            test = score(dataset, parts.test, outputs)
            held = {}
            if len(validation):
                held = score(dataset, validation, reference.model_outputs(model, dataset.X[validation], len(dataset.classes)))
            majority = score(dataset, parts.test, reference.majority_outputs(dataset, parts.labelled, parts.test))
        with clock.phase("baseline"):
            baseline, lift = _beside_baseline(experiment, dataset, parts, outputs)
        with clock.phase("save"):
            results.write_predictions(
                folder / "predictions.csv", dataset.ids[parts.test], dataset.y[parts.test], outputs, dataset.classes
            )
            files = save_model(model, experiment.model.name, dataset.task, folder, _inputs(dataset, experiment, preferred))
        rows = {"labelled": len(parts.labelled), "validation": len(validation), "test": len(parts.test)}
        result = Result(
            folder,
            experiment.to_plain(),
            test,
            held,
            baseline,
            majority,
            lift,
            clock.total(),
            rows,
            runtime,
            tuple(notes),
        )
        results.write_json(folder, "metrics.json", result.to_json())
        environment |= {"runtime": runtime, "seconds": result.seconds}
        results.write_json(folder, "environment.json", environment)
        written = [
            f
            for f in ("config.yaml", "metrics.json", "predictions.csv", "environment.json", "history.csv", *files)
            if (folder / f).is_file()
        ]
        results.write_status(folder, "done", files=written)
        results.remove_checkpoints(folder)
    except BaseException as error:
        results.end_badly(folder, error, resume)
        raise
    return result


def measure(
    experiment: Experiment,
    folder: Path,
    observer: Observer | None = None,
    resume: bool = False,
    dataset: Dataset | None = None,
    features: Array | None = None,
    runtime: Runtime | None = None,
) -> dict[str, Any]:
    """Carry out one experiment for its numbers alone: a cell of a curve, whose folder keeps no model and no predictions.

    Arguments:
        experiment, folder, observer, resume: as for `run`; the folder is taken as it is.
        dataset: the experiment's data set where it was loaded before.
        features: frozen features of all its rows `(N, D)`, for a model that probes them.
        runtime: what a network runs on, where that was settled before.
    Returns:
        `{"test", "baseline", "majority": {metric: value}, "rows", "seconds", "runtime", "notes"}`, as in `metrics.json`; the
        baseline is null where the experiment is that.
    Raises:
        As `run`; whatever it is stays in the folder's `status.json`.
    """
    observer = observer or Observer()
    notes: list[str] = []
    clock = Clock()
    stored_runtime = (_stored_runtime(folder) if resume else None) or runtime
    make_folder(folder)
    try:
        results.write_status(folder, "running")
        with clock.phase("load"):
            dataset, experiment, _ = load_dataset(experiment, dataset)
            parts = split(dataset, experiment.dataset, experiment.seed)
        experiment = resolve_settings(experiment, dataset, len(parts.labelled))
        model = build(experiment, dataset.task)
        train, validation = divide(parts, dataset, model, experiment)
        results.write_config(folder, experiment.to_plain())
        with clock.phase("fit"):
            where = {"data_fingerprint": dataset.fingerprint}
            settled = _fit(
                model, dataset, train, validation, folder, experiment, observer, notes.append, where, stored_runtime, features
            )
        with clock.phase("predict"):
            if features is not None and experiment.model.strategy == "probe":
                outputs = model.outputs_of_features(features[parts.test])
            else:
                outputs = reference.model_outputs(model, dataset.X[parts.test], len(dataset.classes))
        with clock.phase("baseline"):
            baseline = None
            if experiment.model != BaselineSettings():
                other = reference.baseline_outputs(dataset, parts.labelled, parts.test, experiment.seed)
                baseline = _values(dataset, parts.test, other)
        majority = reference.majority_outputs(dataset, parts.labelled, parts.test)
        values = results.finite(
            {
                "test": _values(dataset, parts.test, outputs),
                "baseline": baseline,
                "majority": _values(dataset, parts.test, majority),
                "rows": {"labelled": len(parts.labelled), "validation": len(validation), "test": len(parts.test)},
                "seconds": {name: round(value, 3) for name, value in clock.total().items()},
                "runtime": settled,
                "notes": list(dict.fromkeys([*parts.notes, *notes])),
            }
        )
        results.write_json(folder, "metrics.json", values)
        results.write_status(folder, "done")
        results.remove_checkpoints(folder)
    except BaseException as error:
        results.record_failure(folder, error)
        raise
    found: dict[str, Any] = values
    return found


def load_dataset(experiment: Experiment, dataset: Dataset | None = None) -> tuple[Dataset, Experiment, tuple[int, str] | None]:
    """The data set; the experiment with its paths absolute and image size filled in; and the size the model asked for.

    Arguments:
        dataset: where it was loaded before, for this model.
    """
    experiment = absolute(experiment)
    preferred = None
    if experiment.model.name == "finetuned_cnn" and hasattr(experiment.dataset, "size_px"):
        preferred = build(experiment, "classification").image_size()
    size, interpolation = preferred or (None, "bilinear")
    if dataset is None:
        dataset = data.load(experiment.dataset, preferred_px=size, interpolation=interpolation)
    if dataset.modality == "image" and getattr(experiment.dataset, "size_px", 0) is None:
        experiment = dataclasses.replace(
            experiment, dataset=dataclasses.replace(experiment.dataset, size_px=int(dataset.X.shape[2]))
        )
    return dataset, experiment, preferred


def absolute(experiment: Experiment) -> Experiment:
    """The experiment with `~` expanded and every path absolute, so that the run can be evaluated from anywhere."""

    def whole(value: str | None) -> str | None:
        return None if value is None else str(Path(value).expanduser().absolute())

    changed = {k: whole(getattr(experiment.dataset, k)) for k in ("path", "root") if hasattr(experiment.dataset, k)}
    experiment = dataclasses.replace(experiment, dataset=dataclasses.replace(experiment.dataset, **changed))
    model = experiment.model
    if getattr(model, "unlabeled", None):
        experiment = dataclasses.replace(experiment, model=dataclasses.replace(model, unlabeled=whole(model.unlabeled)))
    weights = getattr(model, "weights", None)
    if weights not in (None, "default", "none"):
        experiment = dataclasses.replace(experiment, model=dataclasses.replace(model, weights=whole(weights)))
    return experiment


def resolve_settings(experiment: Experiment, dataset: Dataset, num_rows: int) -> Experiment:
    """Fill in what the settings leave to the model and the data: the loss, and every None of training."""
    if experiment.model.name == "baseline":
        from sdl_cli.models.baseline import check_kind

        check_kind(experiment.model.kind, dataset.task)
    if experiment.model.name not in NETWORKS:
        return experiment
    loss = resolve_loss(experiment.loss, dataset.task)
    kind = estimator_class(experiment.model.name, dataset.task)
    if dataset.modality not in kind.modalities:
        raise ConfigError(
            f"model: {experiment.model.name} takes images, and the data set {dataset.name} is a table.",
            "Choose another model: baseline, deep_net, autoencoder or sklearn.",
        )
    from sdl_cli.data.augment import check as check_augment

    check_augment(experiment.augment, dataset.modality, dataset.task)
    training = build(experiment, dataset.task).filled_training(dataset.modality, num_rows)
    return dataclasses.replace(experiment, loss=loss, training=training)


def settings_without_effect(experiment: Experiment) -> list[str]:
    """Sentences on settings that were changed and that the chosen model does not look at."""
    name, found = experiment.model.name, []
    if name not in NETWORKS:
        if experiment.loss.name != "auto":
            found.append(f"loss={experiment.loss.name} has no effect: model={name} trains with a loss of its own.")
        if experiment.augment.name != "none":
            found.append(f"augment={experiment.augment.name} has no effect: model={name} does not train on batches.")
        changed = [k for k, v in plain(experiment.training).items() if v != getattr(type(experiment.training)(), k)]
        if changed:
            found.append(f"training.{changed[0]} has no effect: model={name} is not trained in epochs.")
        if experiment.device != "auto" or experiment.precision != "auto":
            found.append(f"device and precision have no effect: model={name} runs on the CPU.")
    elif (
        name == "finetuned_cnn" and experiment.model.strategy == "probe" and experiment.loss.name not in ("cross_entropy", "mse")
    ):
        found.append(f"loss={experiment.loss.name} has no effect: strategy=probe fits a logistic head.")
    return found


def divide(parts: Split, dataset: Dataset, model: Any, experiment: Experiment) -> tuple[Array, Array]:
    """Rows to fit on and rows to choose on: none of the latter, and all labelled rows to fit on, where the method needs none."""
    if not model.needs_validation:
        return parts.labelled, np.array([], dtype=np.int64)
    if parts.validation is not None and len(parts.validation):
        return np.setdiff1d(parts.labelled, parts.validation), parts.validation
    y = dataset.y[parts.labelled]
    groups = None if dataset.groups is None else dataset.groups[parts.labelled]
    kept, held = hold_out(y, experiment.dataset.validation_fraction, experiment.seed, dataset.task, groups)
    return parts.labelled[kept], parts.labelled[held]


def score(dataset: Dataset, rows: Array, outputs: Array) -> Scores:
    """All metrics of outputs for these rows of the data set."""
    if dataset.task == "regression":
        return metrics.regression(dataset.y[rows], outputs)
    return metrics.classification(dataset.y[rows], outputs)


def _values(dataset: Dataset, rows: Array, outputs: Array) -> dict[str, float]:
    """All metrics of outputs for these rows, without intervals."""
    of = metrics.regression if dataset.task == "regression" else metrics.classification
    return {name: found.value for name, found in of(dataset.y[rows], outputs, num_resamples=0).items()}


def _fit(
    model: Any,
    dataset: Dataset,
    train: Array,
    validation: Array,
    folder: Path,
    experiment: Experiment,
    observer: Observer,
    notice: Callable[[str], None],
    environment: dict[str, Any],
    stored_runtime: Runtime | None,
    features: Array | None = None,
) -> dict[str, Any] | None:
    X, y = dataset.X[train], dataset.y[train]
    if experiment.model.name not in NETWORKS:
        if observer.on_runtime is not None:
            observer.on_runtime(None)
        model.fit(X, y)
        return None
    from sdl_cli import loop

    def settled(runtime: Runtime) -> None:
        if observer.on_runtime is not None:
            observer.on_runtime(runtime.to_plain())
        results.write_json(folder, "environment.json", environment | {"runtime": runtime.to_plain()})

    known = None if features is None else features[train]
    surroundings = loop.Context(folder, observer.on_epoch, notice, settled, stored_runtime, known)
    with loop.context(surroundings):
        if len(validation):
            model.fit(X, y, dataset.X[validation], dataset.y[validation])
        else:
            model.fit(X, y)
    if surroundings.history:
        results.write_history(folder, surroundings.history)
    runtime: dict[str, Any] = model.runtime_.to_plain()
    return runtime


def _beside_baseline(experiment: Experiment, dataset: Dataset, parts: Split, outputs: Array) -> tuple[Scores, Lift | None]:
    if experiment.model == BaselineSettings():
        return {}, None
    other = reference.baseline_outputs(dataset, parts.labelled, parts.test, experiment.seed)
    truth = dataset.y[parts.test]
    return score(dataset, parts.test, other), metrics.paired_lift(dataset.task, truth, outputs, other)


def _inputs(dataset: Dataset, experiment: Experiment, preferred: tuple[int, str] | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "modality": dataset.modality,
        "shape": list(dataset.X.shape[1:]),
        "classes": list(dataset.classes),
        "features": list(dataset.feature_names),
    }
    if dataset.modality == "image":
        channels = "grey" if dataset.X.shape[1] == 1 else "rgb"
        found |= {
            "size_px": int(dataset.X.shape[2]),
            "channels": channels,
            "interpolation": preferred[1] if preferred else "bilinear",
        }
    return found


def _overview(experiment: Experiment, dataset: Dataset, train: Array, validation: Array, test: Array) -> dict[str, Any]:
    """What is about to run, for display: names, task, rows per part and class, shape, model, loss, augmentation."""

    def counts(rows: Array) -> dict[str, int]:
        if not dataset.classes:
            return {}
        found = np.bincount(dataset.y[rows], minlength=len(dataset.classes))
        return {name: int(n) for name, n in zip(dataset.classes, found, strict=True)}

    parts = {"train": train, "validation": validation, "test": test}
    return {
        "dataset": dataset.name,
        "task": dataset.task,
        "modality": dataset.modality,
        "shape": list(dataset.X.shape[1:]),
        "rows": {name: len(rows) for name, rows in parts.items()},
        "per_class": {name: counts(rows) for name, rows in parts.items() if len(rows)},
        "model": experiment.model.name,
        "variant": next((getattr(experiment.model, k) for k in VARIANTS if hasattr(experiment.model, k)), ""),
        "network": experiment.model.name in NETWORKS,
        "loss": experiment.loss.name,
        "augment": experiment.augment.name,
        "training": plain(experiment.training),
        "compute": {"device": experiment.device, "precision": experiment.precision},
    }


def _stored_runtime(folder: Path) -> Runtime | None:
    try:
        found = json.loads((folder / "environment.json").read_text(encoding="utf-8"))["runtime"]
    except (OSError, ValueError, KeyError):  # stopped before it was known
        return None
    return Runtime.from_plain(found) if found else None
