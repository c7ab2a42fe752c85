"""One arm on one split: try its candidates on validation rows, fit the best on all labelled rows, score the test part once."""

from __future__ import annotations

import dataclasses
import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data.dataset import Dataset
from sdl_cli.data.files.value_words import codes_of
from sdl_cli.data.images.depth import is_scaled
from sdl_cli.data.sources.npz import array_header
from sdl_cli.data.split import LabelledPart
from sdl_cli.errors import ConfigError, OutOfTimeError, RunError
from sdl_cli.files import write_atomic
from sdl_cli.learning.models import features
from sdl_cli.learning.stages import Stages, finish
from sdl_cli.measure.metrics import HIGHER_IS_BETTER
from sdl_cli.run.fit_and_score import Around, fit_and_score, held_out_score, row_contributions, with_size
from sdl_cli.run.prepare import divided, load_here, make_ready, resolve_settings
from sdl_cli.run.writing import finite, write_predictions, writing
from sdl_cli.settings.experiment import Experiment
from sdl_cli.study.compare.settings import Candidate

Array = np.ndarray[Any, Any]
Values = dict[str, Any]
ROWS_FILE = "rows.npy"
PREDICTIONS_FILE = "predictions.csv"


@dataclass(frozen=True)
class Trial:
    """An arm on one split.

    Arguments:
        candidates: their experiments have this split's seeds.
        metric: what candidates are chosen by.
        tuning_fraction, image_fraction: `compare.tuning_fraction` and `compare.image_epochs_fraction`.
        keep_rows, keep_predictions: keep what each test row adds to the score, and what is predicted for it.
        deadline: `time.time()` at which training stops, or None.
    """

    candidates: tuple[Candidate, ...]
    metric: str
    tuning_fraction: float = 1.0
    image_fraction: float = 1.0
    keep_rows: bool = False
    keep_predictions: bool = False
    deadline: float | None = None


def run_trial(trial: Trial, folder: Path, resume: bool = False) -> Values:
    """`trial_in_stages` by itself."""
    return finish(trial_in_stages(trial, folder, resume))


def trial_in_stages(trial: Trial, folder: Path, resume: bool = False) -> Stages[Values]:
    """Carry out a trial and write its numbers to `folder`; it stops wherever networks are to be trained.

    Returns:
        `{"test", "majority": {metric: value}, "rows", "seconds", "runtime", "notes", "chosen": {"index", "label", "scores"},
        "split": digest of the rows}`.
    Raises:
        ConfigError, DataError: settings that do not suit the data. RunError: training failed. OutOfTimeError: time ran out.
    """
    _check_time(trial.deadline)
    notes: list[str] = []
    around = Around(on_epoch=_watch(trial.deadline), notice=notes.append)
    with writing(folder, "cell", resume) as out:
        with around.clock.phase("load"):
            first = trial.candidates[0].experiment
            dataset, parts = divided(first, load_here(first))
            labelled, test = parts.parts(dataset)
        with around.clock.phase("tune"):
            index, scores = yield from tune(trial, labelled)
        chosen = trial.candidates[index].experiment
        experiment = resolve_settings(chosen, dataset, len(labelled))
        experiment = shortened(experiment, dataset, trial.image_fraction, chosen)
        around.features = frozen_here(experiment, dataset)
        ready = with_size(make_ready(experiment, labelled, notes.append), around)
        experiment = ready.experiment
        scored = yield from fit_and_score(ready, test, around)
        values = scored.numbers(around.clock.total(), [*parts.notes, *notes])
        values["chosen"] = {"index": index, "label": trial.candidates[index].label, "scores": finite(scores)}
        values["split"] = parts.fingerprint()
        rows = row_contributions(trial.metric, test, scored.outputs, ready.decision) if trial.keep_rows else None
        if rows is not None:
            np.save(buffer := io.BytesIO(), rows, allow_pickle=False)
            write_atomic(folder / ROWS_FILE, buffer.getvalue())
        if trial.keep_predictions:
            ids = dataset.ids[test.rows]
            codes = codes_of(dataset.source, dataset.classes)
            write_predictions(folder / PREDICTIONS_FILE, ids, test.y, scored.outputs, dataset.classes, ready.decision, codes)
        out.config(experiment.to_plain())
        out.json("metrics.json", values)
        out.done()
    return values


def tune(trial: Trial, labelled: LabelledPart) -> Stages[tuple[int, list[float | None]]]:
    """Choose a candidate on validation rows: the source's own, or otherwise a seeded stratified share of the labelled rows.

    Networks try each for a part of their epochs, and forests with a part of their trees, as in successive halving (Jamieson and
    Talwalkar, AISTATS 2016) with one step.

    Returns:
        the number of the best candidate (the first of equals), and all scores; None for one that does not suit the data or
        diverged. With a single candidate nothing is fitted and there are no scores.
    Raises:
        The first candidate's error, if none could be scored.
    """
    if len(trial.candidates) == 1:
        return 0, []
    first, dataset = trial.candidates[0].experiment, labelled.dataset
    kept, held = labelled.divided(first.dataset.validation_fraction, first.seed)
    if dataset.task == "classification" and len(np.unique(held.y)) < 2:
        return 0, []  # nothing to choose on
    around = Around(on_epoch=_watch(trial.deadline))
    scores: list[float | None] = []
    errors: list[Exception] = []
    for candidate in trial.candidates:
        try:
            experiment = resolve_settings(candidate.experiment, dataset, len(kept))
            experiment = shortened(experiment, dataset, trial.image_fraction, candidate.experiment)
            experiment = quick(experiment, trial.tuning_fraction)
            around.features = frozen_here(experiment, dataset)
            found = yield from held_out_score(experiment, kept, held, trial.metric, around)
            scores.append(found if np.isfinite(found) else None)
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


def shortened(experiment: Experiment, dataset: Dataset, fraction: float, asked: Experiment) -> Experiment:
    """The experiment with its epochs cut to a part if it is a network trained on images from scratch.

    `asked` is the same before defaults were filled in; requested epochs stay.
    """
    is_slow = experiment.model.starts_random and dataset.modality == "image" and asked.training.epochs is None
    return quick(experiment, fraction) if is_slow else experiment


def quick(experiment: Experiment, fraction: float) -> Experiment:
    """The experiment with its epochs, those of pretraining, and the trees of a forest cut to a part, at least one of each."""
    model, training = experiment.model, experiment.training
    if training.epochs is not None:
        training = dataclasses.replace(training, epochs=max(1, round(training.epochs * fraction)))
    for name in ("pretrain_epochs", "generator_epochs", "num_trees"):
        if getattr(model, name, None) is not None:
            model = dataclasses.replace(model, **{name: max(1, round(getattr(model, name) * fraction))})
    return dataclasses.replace(experiment, training=training, model=model)


def frozen_here(experiment: Experiment, dataset: Dataset) -> Array | None:
    """Frozen features of all rows where the model uses any; computed once for all processes, and read once in this one."""
    if not experiment.model.uses_frozen_features or not is_scaled(dataset):
        return None
    if dataset.modality == "text":
        return None  # those of texts are kept one by one, and a fit finds its own
    model = experiment.model
    settings = (experiment.device, experiment.precision, experiment.memory_format)
    data = f"{dataset.fingerprint} {dataset.value_range} {dataset.X.shape}"
    key = f"{data} {model.architecture} {model.weights} {model.image_size_px} {settings}"
    if key not in _frozen:
        found = features.frozen_features(experiment, dataset)
        assert found is not None
        _frozen.clear()
        _frozen[key] = found
    return _frozen[key]


_frozen: dict[str, Array] = {}


def read_rows(folders: Sequence[Path]) -> Array | None:
    """Mean contribution of each test row over the repeats in these folders, or None if they keep none."""
    try:
        found = [_read_npy(folder / ROWS_FILE) for folder in folders]
    except (OSError, ValueError, EOFError):
        return None
    return np.mean(found, axis=0) if found and len({len(rows) for rows in found}) == 1 else None


def _read_npy(file: Path) -> Array:
    """A stored row of numbers, whose size is checked first; ValueError if it is not such a file."""
    with file.open("rb") as raw:
        shape, dtype, start = array_header(raw)
        if len(shape) != 1 or dtype != np.float64 or shape[0] * dtype.itemsize != file.stat().st_size - start:
            raise ValueError(f"{file}: no row of numbers, or not as long as it says")
        return np.fromfile(raw, dtype, shape[0])


def _check_time(deadline: float | None) -> None:
    if deadline is not None and time.time() > deadline:
        raise OutOfTimeError("the time limit was reached", "Raise compare.minutes.")


def _watch(deadline: float | None) -> Callable[[Values], None] | None:
    return None if deadline is None else lambda row: _check_time(deadline)
