"""One run, start to end: load, split, build, fit, score, stand beside the baseline, save. Read it like the article."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data.dataset import Dataset
from sdl_cli.data.depth import eight_bit
from sdl_cli.data.split import Split, split
from sdl_cli.errors import RunError, SdlError
from sdl_cli.learning.device import Runtime
from sdl_cli.learning.models import NETWORKS, build
from sdl_cli.learning.models.settings import BaselineSettings
from sdl_cli.learning.models.storage import save_model
from sdl_cli.measure import baseline as reference
from sdl_cli.measure import metrics
from sdl_cli.measure.decisions import decision_sentence, decision_weights
from sdl_cli.measure.metrics import Lift, Measured
from sdl_cli.run import check, run_folder
from sdl_cli.run.prepare import divide, load_dataset, resolve_settings, settings_without_effect
from sdl_cli.run.writing import Writing, finite, require_space, write_history, write_predictions, writing
from sdl_cli.settings.parse import Experiment, plain

Array = np.ndarray[Any, Any]
Scores = dict[str, Measured]
_MANY_ROWS = 20_000  # from here on the quick baseline is not quick
PHOTOS = ("image_folder", "image_table")  # kinds of data set that mostly are photographs
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
        on_folder: called once with the run folder, when it is the run's own and holds its settings, before `on_start`.
    """

    on_start: Callable[[dict[str, Any]], None] | None = None
    on_epoch: Callable[[dict[str, Any]], None] | None = None
    on_notice: Callable[[str], None] | None = None
    on_runtime: Callable[[dict[str, Any] | None], None] | None = None
    on_repeat: Callable[[int, int, dict[str, Any]], None] | None = None
    on_folder: Callable[[Path], None] | None = None


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
        cleaned: dict[str, Any] = finite(values)
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
        ConfigError, DataError: found before anything is written, so also where the data of a resumed run has changed.
        RunError: training failed; `status.json` says why.
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
        if resume:
            run_folder.require_same_data(folder, dataset.fingerprint, "run", "train")
        parts = split(dataset, experiment.dataset, experiment.seed)
        dataset = eight_bit(dataset, parts.labelled)
        for sentence in (*dataset.notes, *parts.notes):
            notice(sentence)
    with clock.phase("check"):
        for sentence in look(experiment, dataset, parts):
            notice(sentence)
    experiment = resolve_settings(experiment, dataset, len(parts.labelled))
    for sentence in settings_without_effect(experiment):
        notice(sentence)
    if experiment.dataset.name in PHOTOS and experiment.model.name == "deep_net":
        notice(
            "deep_net learns from these images alone: for photographs try model=finetuned_cnn, which has seen a million others."
        )
    decision = decide_by(experiment, dataset, parts, notice)
    model = build(experiment, dataset.task, dataset)
    train, validation = divide(parts, dataset, model, experiment)
    stored_runtime = _stored_runtime(folder) if resume else None
    with writing(folder, "run", resume) as out:
        out.config(experiment.to_plain())
        require_space(out.folder, 20_000_000)
        out.environment(data_fingerprint=dataset.fingerprint, runtime=stored_runtime and stored_runtime.to_plain())
        if observer.on_folder is not None:
            observer.on_folder(out.folder)
        if observer.on_start is not None:
            observer.on_start(_overview(experiment, dataset, train, validation, parts.test))
        with clock.phase("fit"):
            runtime = _fit(model, dataset, train, validation, out, experiment, observer, notice, stored_runtime)
            for sentence in getattr(model, "notes_", ()):
                notice(sentence)
        with clock.phase("predict"), opened_door(experiment):
            outputs = reference.model_outputs(model, dataset.X[parts.test], len(dataset.classes))
            test = score(dataset, parts.test, outputs, decision)
            held = {}
            if len(validation):
                own = reference.model_outputs(model, dataset.X[validation], len(dataset.classes))
                held = score(dataset, validation, own, decision)
            majority = score(dataset, parts.test, reference.majority_outputs(dataset, parts.labelled, parts.test))
        if len(parts.labelled) > _MANY_ROWS and experiment.model != BaselineSettings():
            notice(f"The quick baseline, a forest, learns from {len(parts.labelled):,} rows once: it may take minutes.")
        with clock.phase("baseline"):
            baseline, lift = _beside_baseline(experiment, dataset, parts, outputs, decision)
        with clock.phase("save"):
            write_predictions(
                out.folder / "predictions.csv", dataset.ids[parts.test], dataset.y[parts.test], outputs, dataset.classes, decision
            )
            inputs = _inputs(dataset, experiment, preferred) | {"decision": None if decision is None else decision.tolist()}
            files = save_model(model, experiment.model.name, dataset.task, out.folder, inputs, notice)
        rows = {"labelled": len(parts.labelled), "validation": len(validation), "test": len(parts.test)}
        result = Result(
            out.folder,
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
        out.json("metrics.json", result.to_json())
        out.environment(runtime=runtime, seconds=result.seconds)
        out.done(["config.yaml", "metrics.json", "predictions.csv", "environment.json", "history.csv", *files])
    return result


def look(experiment: Experiment, dataset: Dataset, parts: Split) -> list[str]:
    """What a quick look at the data finds that can spoil a result, one sentence or two each."""
    balanced = experiment.threshold != "most_probable" or getattr(experiment.loss, "class_weight", "none") == "balanced"
    found = [problem for problem in check.inspect(dataset, parts, brief=True) if problem.severity != "note"]
    return [
        " ".join(filter(None, (problem.what, problem.where and f"({problem.where})", problem.advice)))
        for problem in found
        if not (balanced and "class_weight=balanced" in problem.advice)
    ]


def measure(
    experiment: Experiment,
    folder: Path,
    observer: Observer | None = None,
    resume: bool = False,
    dataset: Dataset | None = None,
    features: Array | None = None,
    runtime: Runtime | None = None,
    beside_baseline: bool = True,
) -> dict[str, Any]:
    """Carry out one experiment for its numbers alone: a cell of a curve, whose folder keeps no model and no predictions.

    Arguments:
        experiment, folder, observer, resume: as for `run`; the folder is taken as it is.
        dataset: the experiment's data set where it was loaded before.
        features: frozen features of all its rows `(N, D)`, for a model that probes them.
        runtime: what a network runs on, where that was settled before.
        beside_baseline: fit the quick baseline on the same rows too.
    Returns:
        `{"test", "baseline", "majority": {metric: value}, "rows", "seconds", "runtime", "notes"}`, as in `metrics.json`; the
        baseline is null where it was not asked for or the experiment is a forest too.
    Raises:
        As `run`; whatever it is stays in the folder's `status.json`.
    """
    observer = observer or Observer()
    notes: list[str] = []
    clock = Clock()
    stored_runtime = (_stored_runtime(folder) if resume else None) or runtime
    with writing(folder, "cell", resume) as out:
        with clock.phase("load"):
            dataset, experiment, _ = load_dataset(experiment, dataset)
            parts = split(dataset, experiment.dataset, experiment.seed)
            dataset = eight_bit(dataset, parts.labelled)
        experiment = resolve_settings(experiment, dataset, len(parts.labelled))
        decision = decide_by(experiment, dataset, parts, notes.append)
        out.config(experiment.to_plain())
        learned = learn(experiment, dataset, parts, out, observer, notes.append, stored_runtime, features, clock)
        with clock.phase("baseline"):
            baseline = None
            if beside_baseline and not (
                experiment.model.name == "baseline" and experiment.model.kind == "forest"
            ):  # any forest will do beside itself
                other = reference.baseline_outputs(dataset, parts.labelled, parts.test, experiment.seed)
                baseline = values_of(dataset, parts.test, other, decision)
        majority = reference.majority_outputs(dataset, parts.labelled, parts.test)
        values: dict[str, Any] = finite(
            {
                "test": values_of(dataset, parts.test, learned.outputs, decision),
                "baseline": baseline,
                "majority": values_of(dataset, parts.test, majority),
                "rows": {"labelled": len(parts.labelled), "validation": learned.num_validation, "test": len(parts.test)},
                "seconds": {name: round(value, 3) for name, value in clock.total().items()},
                "runtime": learned.runtime,
                "notes": list(dict.fromkeys([*parts.notes, *notes])),
            }
        )
        out.json("metrics.json", values)
        out.done()
    return values


@dataclass(frozen=True)
class Learned:
    """What a method made of the labelled rows of a split.

    Arguments:
        outputs: for the test rows, probabilities `(T, K)` or numbers `(T,)`.
        num_validation: labelled rows that it set aside to choose on.
        runtime: what a network ran on, as plain values; None for scikit-learn.
    """

    outputs: Array
    num_validation: int
    runtime: dict[str, Any] | None


def learn(
    experiment: Experiment,
    dataset: Dataset,
    parts: Split,
    out: Writing | None,
    observer: Observer,
    notice: Callable[[str], None],
    runtime: Runtime | None = None,
    features: Array | None = None,
    clock: Clock | None = None,
) -> Learned:
    """Fit the experiment's model on the labelled rows of a split and let it answer for the test rows.

    Arguments:
        experiment: with its settings resolved.
        out: for checkpoints and the training history; None keeps neither.
        runtime, features: as for `measure`.
        clock: takes the phases `fit` and `predict`.
    """
    clock = clock or Clock()
    model = build(experiment, dataset.task, dataset)
    train, validation = divide(parts, dataset, model, experiment)
    with clock.phase("fit"):
        settled = _fit(model, dataset, train, validation, out, experiment, observer, notice, runtime, features)
    with clock.phase("predict"), opened_door(experiment):
        if features is not None and experiment.model.name == "finetuned_cnn" and experiment.model.strategy == "probe":
            outputs = model.outputs_of_features(features[parts.test])
        else:
            outputs = reference.model_outputs(model, dataset.X[parts.test], len(dataset.classes))
    return Learned(outputs, len(validation), settled)


def score(dataset: Dataset, rows: Array, outputs: Array, decision: Array | None = None, num_resamples: int = 1000) -> Scores:
    """All metrics of outputs for these rows of the data set; `decision` is as `decisions.decision_weights` gives it."""
    if dataset.task == "regression":
        return metrics.regression(dataset.y[rows], outputs, num_resamples=num_resamples)
    return metrics.classification(dataset.y[rows], outputs, num_resamples=num_resamples, weights=decision)


def values_of(dataset: Dataset, rows: Array, outputs: Array, decision: Array | None = None) -> dict[str, float]:
    """All metrics of outputs for these rows, without intervals."""
    return {name: found.value for name, found in score(dataset, rows, outputs, decision, num_resamples=0).items()}


def decide_by(experiment: Experiment, dataset: Dataset, parts: Split, notice: Callable[[str], None]) -> Array | None:
    """How probabilities become classes, said aloud where it is not simply the most probable one."""
    if dataset.task == "regression":
        if experiment.threshold != "most_probable":
            notice(f"threshold={experiment.threshold} has no effect: numbers are predicted, not classes.")
        return None
    weighed = getattr(experiment.loss, "class_weight", "none") == "balanced" and experiment.model.name != "sklearn"
    if experiment.threshold == "balanced" and weighed:  # its probabilities are those of equal classes already
        notice("threshold=balanced has no effect beside loss.class_weight=balanced, which does the same in training.")
        return None
    counts = np.bincount(dataset.y[parts.labelled], minlength=len(dataset.classes))
    weights = decision_weights(experiment.threshold, counts, dataset.classes)
    sentence = decision_sentence(experiment.threshold, weights, counts, dataset.classes)
    if sentence is not None:
        notice(sentence)
    return weights


@contextlib.contextmanager
def opened_door(experiment: Experiment) -> Iterator[None]:
    """Within it, what an estimator of `model=sklearn` raises is its own word on the data or its parameters, and names it."""
    try:
        yield
    except (SdlError, MemoryError):
        raise
    except Exception as error:
        if experiment.model.name != "sklearn":
            raise
        first = (str(error).splitlines() or [""])[0][:500]
        raise RunError(
            f"model.estimator: {experiment.model.estimator} cannot do this: {type(error).__name__}: {first}",
            "Change its model.params, the data, or the estimator; run.log in the run's folder holds the traceback.",
        ) from error


def _fit(
    model: Any,
    dataset: Dataset,
    train: Array,
    validation: Array,
    out: Writing | None,
    experiment: Experiment,
    observer: Observer,
    notice: Callable[[str], None],
    stored_runtime: Runtime | None,
    features: Array | None = None,
) -> dict[str, Any] | None:
    X, y = dataset.X[train], dataset.y[train]
    if experiment.model.name not in NETWORKS:
        if observer.on_runtime is not None:
            observer.on_runtime(None)
        with opened_door(experiment):
            model.fit(X, y)
        return None
    from sdl_cli.learning import loop

    def settled(runtime: Runtime) -> None:
        if observer.on_runtime is not None:
            observer.on_runtime(runtime.to_plain())
        if out is not None:
            out.environment(data_fingerprint=dataset.fingerprint, runtime=runtime.to_plain())

    known = None if features is None else features[train]
    surroundings = loop.Context(None if out is None else out.folder, observer.on_epoch, notice, settled, stored_runtime, known)
    with loop.context(surroundings):
        if len(validation):
            model.fit(X, y, dataset.X[validation], dataset.y[validation])
        else:
            model.fit(X, y)
    if surroundings.history and out is not None:
        write_history(out.folder, surroundings.history)
    runtime: dict[str, Any] = model.runtime_.to_plain()
    return runtime


def _beside_baseline(
    experiment: Experiment, dataset: Dataset, parts: Split, outputs: Array, decision: Array | None
) -> tuple[Scores, Lift | None]:
    if experiment.model == BaselineSettings():
        return {}, None
    other = reference.baseline_outputs(dataset, parts.labelled, parts.test, experiment.seed)
    truth = dataset.y[parts.test]
    balanced = decision is not None or getattr(experiment.loss, "class_weight", "none") == "balanced"
    lift = metrics.paired_lift(dataset.task, truth, outputs, other, weights=decision, balanced=balanced)
    return score(dataset, parts.test, other, decision), lift


def _inputs(dataset: Dataset, experiment: Experiment, preferred: tuple[int, str] | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "modality": dataset.modality,
        "shape": list(dataset.X.shape[1:]),
        "classes": list(dataset.classes),
        "features": list(dataset.feature_names),
        "columns": [asdict(column) for column in dataset.columns],
        "source": dict(dataset.source),
    }
    if dataset.modality == "image":
        channels = "grey" if dataset.X.shape[1] == 1 else "rgb"
        found |= {
            "size_px": int(dataset.X.shape[2]),
            "channels": channels,
            "interpolation": preferred[1] if preferred else "bilinear",
        }
    if dataset.value_range is not None:
        found["value_range"] = asdict(dataset.value_range)
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
        found = run_folder.read_json(folder / "environment.json")["runtime"]
    except (SdlError, KeyError):  # stopped before it was known
        return None
    return Runtime.from_plain(found) if found else None
