"""One arm on one split: try its candidates on validation rows, fit the best on all labelled rows, score the test part once."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data.dataset import Dataset
from sdl_cli.data.depth import eight_bit, is_scaled
from sdl_cli.data.npz import array_header
from sdl_cli.data.split import Split, hold_out, split
from sdl_cli.errors import ConfigError, OutOfTimeError, RunError
from sdl_cli.files import write_atomic
from sdl_cli.learning.models import features
from sdl_cli.measure import baseline
from sdl_cli.measure.decisions import decide
from sdl_cli.measure.metrics import HIGHER_IS_BETTER, MAIN
from sdl_cli.run.prepare import load_here, resolve_settings
from sdl_cli.run.train import Clock, Observer, decide_by, learn, values_of
from sdl_cli.run.writing import finite, write_predictions, writing
from sdl_cli.settings.parse import Experiment
from sdl_cli.study.compare.judge import row_contributions
from sdl_cli.study.compare.settings import Candidate

Array = np.ndarray[Any, Any]
Values = dict[str, Any]
FROM_SCRATCH = ("deep_net", "autoencoder")
ROWS_FILE = "rows.npy"
PREDICTIONS_FILE = "predictions.csv"


@dataclass(frozen=True)
class Trial:
    """An arm on one split.

    Arguments:
        candidates: their experiments have this split's seeds.
        metric: what candidates are chosen by.
        tuning_fraction: part of its epochs, or of a forest's trees, with which a method tries a candidate.
        image_fraction: part of the usual epochs for networks trained on images from scratch.
        keep_rows: keep what each test row adds to the score.
        keep_predictions: keep what is predicted for each test row, for the report.
        deadline: `time.time()` at which training gives up, or None.
    """

    candidates: tuple[Candidate, ...]
    metric: str
    tuning_fraction: float = 1.0
    image_fraction: float = 1.0
    keep_rows: bool = False
    keep_predictions: bool = False
    deadline: float | None = None


def run_trial(trial: Trial, folder: Path, resume: bool = False) -> Values:
    """Carry out a trial and write its numbers to `folder`.

    Returns:
        `{"test", "majority": {metric: value}, "rows", "seconds", "runtime", "notes", "chosen": {"index", "label", "scores"},
        "split": digest of the rows}`.
    Raises:
        ConfigError, DataError: settings that do not go with the data. RunError: training failed. OutOfTimeError: time is over.
    """
    notes: list[str] = []
    clock = Clock()
    observer = Observer(on_epoch=_watch(trial.deadline))
    with writing(folder, "cell", resume) as out:
        with clock.phase("load"):
            first = trial.candidates[0].experiment
            dataset = load_here(first)
            parts = split(dataset, first.dataset, first.seed)
            dataset = eight_bit(dataset, parts.labelled)
        with clock.phase("tune"):
            index, scores = tune(trial, dataset, parts, observer)
        chosen = trial.candidates[index].experiment
        experiment = resolve_settings(chosen, dataset, len(parts.labelled))
        experiment = shortened(experiment, dataset, trial.image_fraction, chosen)
        decision = decide_by(experiment, dataset, parts, notes.append)
        frozen = frozen_here(experiment, dataset)
        learned = learn(experiment, dataset, parts, None, observer, notes.append, None, frozen, clock)
        majority = baseline.majority_outputs(dataset, parts.labelled, parts.test)
        values: Values = finite(
            {
                "test": values_of(dataset, parts.test, learned.outputs, decision),
                "majority": values_of(dataset, parts.test, majority),
                "rows": {"labelled": len(parts.labelled), "validation": learned.num_validation, "test": len(parts.test)},
                "seconds": {name: round(value, 3) for name, value in clock.total().items()},
                "runtime": learned.runtime,
                "notes": list(dict.fromkeys([*parts.notes, *notes])),
                "chosen": {"index": index, "label": trial.candidates[index].label, "scores": scores},
                "split": _digest(parts),
            }
        )
        if trial.keep_rows:
            truth, outputs = dataset.y[parts.test], learned.outputs
            predicted = outputs if dataset.task == "regression" else decide(outputs, decision)
            rows = row_contributions(trial.metric, truth, outputs, predicted)
            if rows is not None:
                write_atomic(folder / ROWS_FILE, _npy(rows))
        if trial.keep_predictions:
            ids, truth = dataset.ids[parts.test], dataset.y[parts.test]
            write_predictions(folder / PREDICTIONS_FILE, ids, truth, learned.outputs, dataset.classes, decision)
        out.config(experiment.to_plain())
        out.json("metrics.json", values)
        out.done()
    return values


def run_trial_in_time(trial: Trial, folder: Path, resume: bool) -> Values:
    """`run_trial`, unless the time is over before it begins."""
    if trial.deadline is not None and time.time() > trial.deadline:
        raise OutOfTimeError("the time limit was reached", "Raise compare.minutes.")
    return run_trial(trial, folder, resume)


def tune(trial: Trial, dataset: Dataset, parts: Split, observer: Observer) -> tuple[int, list[float | None]]:
    """Choose a candidate on validation rows: the source's own among the labelled ones, else a seeded stratified part of them.

    Networks try each for a part of their epochs, and forests with a part of their trees, as in successive halving (Jamieson and
    Talwalkar, AISTATS 2016) with one step.

    Returns:
        the number of the best candidate (the first of equals), and all scores; None for one that does not go with the data or
        diverged. With a single candidate nothing is fitted and there are no scores.
    Raises:
        What the first candidate raised, where none could be scored.
    """
    if len(trial.candidates) == 1:
        return 0, []
    first = trial.candidates[0].experiment
    inner = validation_split(first, dataset, parts)
    if dataset.task == "classification" and len(np.unique(dataset.y[inner.test])) < 2:
        return 0, []  # nothing to choose on
    scores: list[float | None] = []
    errors: list[Exception] = []
    for candidate in trial.candidates:
        try:
            experiment = resolve_settings(candidate.experiment, dataset, len(inner.labelled))
            experiment = shortened(experiment, dataset, trial.image_fraction, candidate.experiment)
            experiment = quick(experiment, trial.tuning_fraction)
            scores.append(score_of(experiment, dataset, inner, trial.metric, observer))
        except OutOfTimeError:
            raise
        except (ConfigError, RunError) as error:
            scores.append(None)
            errors.append(error)
    known = [(number, score) for number, score in enumerate(scores) if score is not None]
    if not known:
        if errors:
            raise errors[0]
        return 0, scores
    sign = 1.0 if HIGHER_IS_BETTER[trial.metric] else -1.0
    return max(known, key=lambda pair: (sign * pair[1], -pair[0]))[0], scores


def validation_split(experiment: Experiment, dataset: Dataset, parts: Split) -> Split:
    """The labelled rows of a split, divided once more: its test rows are validation rows."""
    if parts.validation is not None and len(parts.validation):
        return Split(np.setdiff1d(parts.labelled, parts.validation), None, parts.validation)
    groups = None if dataset.groups is None else dataset.groups[parts.labelled]
    fraction = experiment.dataset.validation_fraction
    kept, held = hold_out(dataset.y[parts.labelled], fraction, experiment.seed, dataset.task, groups)
    return Split(parts.labelled[kept], None, parts.labelled[held])


def score_of(experiment: Experiment, dataset: Dataset, parts: Split, metric: str, observer: Observer) -> float | None:
    """Fit on the labelled rows of a split and score its test rows; None where the metric is undefined on them."""
    ignore: Callable[[str], None] = lambda sentence: None  # noqa: E731
    decision = decide_by(experiment, dataset, parts, ignore)
    learned = learn(experiment, dataset, parts, None, observer, ignore, None, frozen_here(experiment, dataset))
    found = values_of(dataset, parts.test, learned.outputs, decision)[metric]
    return found if np.isfinite(found) else None


def validation_score(experiment: Experiment) -> float:
    """The main metric of an experiment on validation rows held out from its labelled rows: what a search may look at.

    Raises:
        ConfigError, DataError, RunError: as a training.
    """
    dataset = load_here(experiment)
    parts = split(dataset, experiment.dataset, experiment.seed)
    dataset = eight_bit(dataset, parts.labelled)
    inner = validation_split(experiment, dataset, parts)
    resolved = resolve_settings(experiment, dataset, len(inner.labelled))
    found = score_of(resolved, dataset, inner, MAIN[dataset.task], Observer())
    return float("nan") if found is None else found


def shortened(experiment: Experiment, dataset: Dataset, fraction: float, asked: Experiment) -> Experiment:
    """The experiment with its epochs cut to a part where it is a network trained on images from scratch.

    Arguments:
        asked: the same before its settings were filled in; epochs that were asked for stay.
    """
    is_slow = experiment.model.name in FROM_SCRATCH and dataset.modality == "image" and asked.training.epochs is None
    return quick(experiment, fraction) if is_slow else experiment


def quick(experiment: Experiment, fraction: float) -> Experiment:
    """The experiment with its epochs, those of pretraining, and the trees of a forest cut to a part, at least one of each."""
    model, training = experiment.model, experiment.training
    if training.epochs is not None:
        training = dataclasses.replace(training, epochs=max(1, round(training.epochs * fraction)))
    for name in ("pretrain_epochs", "num_trees"):
        if hasattr(model, name):
            model = dataclasses.replace(model, **{name: max(1, round(getattr(model, name) * fraction))})
    return dataclasses.replace(experiment, training=training, model=model)


def frozen_here(experiment: Experiment, dataset: Dataset) -> Array | None:
    """Frozen features of all rows where the model uses any; computed once for all processes, and read once in this one."""
    if not features.are_used(experiment) or not is_scaled(dataset):
        return None
    model = experiment.model
    settings = (experiment.device, experiment.precision, experiment.memory_format)
    data = f"{dataset.fingerprint} {dataset.value_range} {dataset.X.shape}"
    key = f"{data} {model.architecture} {model.weights} {model.image_size_px} {settings}"
    found = _frozen.get(key)
    if found is None:
        found = features.frozen_features(experiment, dataset)
        _frozen.clear()
        _frozen[key] = found
    return found


_frozen: dict[str, Array] = {}


def read_rows(folders: Sequence[Path]) -> Array | None:
    """Mean contribution of each test row over the repeats in these folders, or None where they keep none."""
    found = []
    for folder in folders:
        try:
            found.append(_read_npy(folder / ROWS_FILE))
        except (OSError, ValueError, EOFError):
            return None
    return np.mean(found, axis=0) if found and len({len(rows) for rows in found}) == 1 else None


def _read_npy(file: Path) -> Array:
    """A stored row of numbers, whose size was looked at first; ValueError where it is no such file."""
    with file.open("rb") as raw:
        shape, dtype, start = array_header(raw)
        if len(shape) != 1 or dtype != np.float64 or shape[0] * dtype.itemsize != file.stat().st_size - start:
            raise ValueError(f"{file}: no row of numbers, or not as long as it says")
        return np.fromfile(raw, dtype, shape[0])


def _watch(deadline: float | None) -> Callable[[Values], None] | None:
    if deadline is None:
        return None

    def on_epoch(row: Values) -> None:
        if time.time() > deadline:
            raise OutOfTimeError("the time limit was reached", "Raise compare.minutes.")

    return on_epoch


def _digest(parts: Split) -> str:
    return hashlib.sha256(np.sort(parts.labelled).tobytes() + b"/" + np.sort(parts.test).tobytes()).hexdigest()[:16]


def _npy(values: Array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return buffer.getvalue()
