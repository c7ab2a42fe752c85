"""Before a run: the data loaded, every setting that depends on it filled in or refused, and the labelled rows divided."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli import data
from sdl_cli.data.dataset import Dataset
from sdl_cli.data.files import monotone
from sdl_cli.data.images.depth import eight_bit
from sdl_cli.data.split import LabelledPart, Split, split
from sdl_cli.data.targets import require_positive
from sdl_cli.errors import ConfigError, DataError
from sdl_cli.learning.losses import resolve as resolve_loss
from sdl_cli.learning.models import MODELS, build
from sdl_cli.measure.decisions import decision_sentence, decision_weights
from sdl_cli.phrases import counted, listed
from sdl_cli.run import run_folder
from sdl_cli.run.unlabelled import unlabelled_rows
from sdl_cli.settings.experiment import Experiment, Training, plain

Array = np.ndarray[Any, Any]
_LEAST_TARGET = 1e-140  # of the largest target: sums of squares of smaller ones, or of its inverse, are lost
PATHS = ("path", "test_path", "root", "unlabeled")  # settings of data sets that are files or folders
OF_A_FILE = ("sheet", "range", "variable")  # which table of a file is meant


def load_dataset(experiment: Experiment, dataset: Dataset | None = None) -> tuple[Dataset, Experiment, tuple[int, str] | None]:
    """The data set, unless already loaded; the experiment with absolute paths and image size; the size the model asked for."""
    experiment = absolute(experiment)
    preferred = None
    if experiment.model.is_pretrained and hasattr(experiment.dataset, "size_px"):
        preferred = build(experiment, "classification").image_size()
    elif experiment.model.reads_px is not None:
        preferred = experiment.model.reads_px, "bilinear"
    size, interpolation = preferred or (None, "bilinear")
    if dataset is None:
        dataset = data.load(experiment.dataset, preferred_px=size, interpolation=interpolation)
    monotone.of_columns(getattr(experiment.dataset, "monotone", {}), dataset)  # raises for a column that cannot have a direction
    if "settings" in dataset.source:  # what names this very data set, such as the version that was found
        found = dataclasses.replace(experiment.dataset, **dataset.source["settings"])
        experiment = dataclasses.replace(experiment, dataset=found)
    if dataset.modality == "image" and getattr(experiment.dataset, "size_px", 0) is None:
        found = dataclasses.replace(experiment.dataset, size_px=int(dataset.X.shape[2]))
        experiment = dataclasses.replace(experiment, dataset=found)
    return dataset, experiment, preferred


def load_here(experiment: Experiment) -> Dataset:
    """The experiment's data set, loaded once per process and shared by all fits; the last two are cached."""
    one = {"origins": 1, "origin": 0} if hasattr(experiment.dataset, "origins") else {}  # whatever part of it is asked for
    key = f"{dataclasses.replace(experiment.dataset, seed=None, num_train=None, **one)} {experiment.model}"
    found = _loaded.get(key)
    if found is None:
        found = load_dataset(experiment)[0]
        while len(_loaded) > 1:  # as it is, and as a pretrained network wants it
            _loaded.pop(next(iter(_loaded)), None)
        _loaded[key] = found
    return found


_loaded: dict[str, Dataset] = {}


def absolute(experiment: Experiment) -> Experiment:
    """The experiment with `~` expanded and every path absolute, so that the run can be evaluated from anywhere."""

    def whole(value: Any) -> Any:
        return value if not isinstance(value, str) else str(Path(value).expanduser().absolute())

    changed = {k: whole(getattr(experiment.dataset, k)) for k in PATHS if hasattr(experiment.dataset, k)}
    no_files = {"background": (None, ""), "weights": (None, "default", "none", "shipped"), "start_from": (None,)}
    values = {k: getattr(experiment.model, k, None) for k in no_files if not experiment.model.names_hub(k)}

    def whole_or_word(key: str, value: Any) -> Any:
        if isinstance(value, tuple):  # one for each of several networks
            return tuple(whole_or_word(key, one) for one in value)
        return value if value in no_files[key] else whole(value)

    named = {k: found for k, v in values.items() if (found := whole_or_word(k, v)) != v}
    model = dataclasses.replace(experiment.model, **named)
    return dataclasses.replace(experiment, dataset=dataclasses.replace(experiment.dataset, **changed), model=model)


def resolve_settings(experiment: Experiment, dataset: Dataset, num_rows: int) -> Experiment:
    """Fill in what the settings leave to the model and the data: the loss, and every None of training."""
    _check_size_of_target(dataset)
    _check_target_scale(experiment, dataset)
    _check_channels(experiment, dataset)
    experiment.model.check_task(dataset.task)
    _check_reduction(experiment, dataset)
    _check_directions(experiment, dataset)
    seen = seen_as(experiment, dataset)
    if not experiment.model.is_network:
        if experiment.augment.name != "none" and "text" in (dataset.modality, experiment.augment.name):
            from sdl_cli.data.augment.policies import check as check_policy

            check_policy(experiment.augment, dataset.modality, dataset.task)
        return experiment
    loss = resolve_loss(experiment.loss, dataset.task)
    if experiment.dataset.unlabeled is not None and experiment.model.uses_unlabeled:
        experiment.model.check_unlabeled(dataset.task, loss)
    from sdl_cli.data.augment.policies import check as check_augment

    check_augment(experiment.augment, seen if dataset.modality == "series" else dataset.modality, dataset.task)
    training = build(experiment, dataset.task).filled_training(seen, num_rows)
    return dataclasses.replace(experiment, loss=loss, training=training)


def _check_channels(experiment: Experiment, dataset: Dataset) -> None:
    """Raise ConfigError where a model is made for grey or coloured images, and these have other channels."""
    model = experiment.model
    if dataset.modality != "image" or dataset.X.shape[1] in (1, 3) or not (model.is_pretrained or model.takes_support):
        return
    raise ConfigError(
        f"model={model.name} takes red, green and blue (or grey), but the images of {dataset.name} have "
        f"{counted(dataset.X.shape[1], 'channel')}.",
        "Use their colours, dataset.channels=rgb, or a model that takes any channels, such as model=deep_net.",
    )


def seen_as(experiment: Experiment, dataset: Dataset) -> str:
    """As what the model sees the data: texts, and series that it does not read itself, as a table of features.

    Raises ConfigError where it cannot see them.
    """
    seen: str = experiment.model.seen(dataset.modality)
    if seen in experiment.model.modalities:
        return seen
    what = {"table": "a table", "text": "made of texts", "image": "made of images", "series": "made of series"}[dataset.modality]
    takes = {("image",): "images", ("series",): "series", ("text",): "texts"}.get(experiment.model.modalities, "tables")
    fitting = [name for name, kind in MODELS.items() if kind.seen(dataset.modality) in kind.modalities]
    message = f"model: {experiment.model.name} takes {takes}, but the data set {dataset.name} is {what}."
    series = " If each row is a series in time: dataset=series." if takes == "series" and dataset.modality == "table" else ""
    raise ConfigError(message, f"Choose another model: {', '.join(fitting)}.{series}")


def _check_reduction(experiment: Experiment, dataset: Dataset) -> None:
    """Raise ConfigError where the model's inputs cannot be made smaller."""
    model, what = experiment.model, f"reduce={experiment.reduce.name}"
    if experiment.reduce.name == "none":
        return
    if dataset.modality == "image" and not model.reduces_images:
        hint = "Use a model that sees a row of pixels (model=baseline model.kind=logistic), or a probe (model=finetuned_cnn "
        raise ConfigError(
            f"{what}: model={model.name} reads images as they are, with every pixel in its place.",
            f"{hint}model.strategy=probe), or leave out reduce.",
        )
    if dataset.modality == "text" and model.seen("text") == "text":
        hint = "Leave out reduce, or use a model of TF-IDF features (model=baseline model.kind=logistic)."
        raise ConfigError(f"{what}: model={model.name} reads texts as they are.", hint)
    if dataset.modality == "series" and model.is_network and model.seen("series") == "series":
        hint = "Use a model that sees a row of features (model=baseline or model=rocket), or leave out reduce."
        raise ConfigError(f"{what}: model={model.name} reads series as they are, with every step in its place.", hint)
    if experiment.dataset.unlabeled is not None and model.uses_unlabeled:
        hint = "Leave out reduce or dataset.unlabeled."
        raise ConfigError(f"{what}: the rows of dataset.unlabeled cannot be reduced alike.", hint)


def directions(experiment: Experiment) -> dict[str, int]:
    """The columns that are known to have a direction, and which."""
    return {name: sign for name, sign in getattr(experiment.dataset, "monotone", {}).items() if sign}


def _check_directions(experiment: Experiment, dataset: Dataset) -> None:
    """Raise ConfigError where a model that heeds known directions cannot do so on this data."""
    if not directions(experiment) or not experiment.model.heeds_monotone:
        return
    if len(dataset.classes) > 2:
        what = f"dataset.monotone: with {len(dataset.classes)} classes there is no one probability that could only rise or fall"
        hint = "Leave it out (dataset.monotone={}), or predict a number or one of two classes."
        raise ConfigError(f"{what}, and scikit-learn's trees refuse it.", hint)
    if experiment.reduce.name == "pca":
        hint = "Use reduce=select, which keeps columns as they are, or leave out one of the two."
        raise ConfigError("dataset.monotone: reduce=pca mixes the columns, so that none keeps its direction.", hint)


def _check_target_scale(experiment: Experiment, dataset: Dataset) -> None:
    """Raise DataError where a target has no logarithm to learn, ConfigError where changed images add to a number."""
    require_positive(dataset)
    changes = [key for key in ("shift_target", "rotate_target") if getattr(experiment.augment, key, None)]
    changes += ["flip_target"] if getattr(experiment.augment, "flip_target", None) == "negate" else []
    if dataset.target_scale == "log" and changes:
        what = f"augment.{changes[0]} changes the number itself, but models learn its logarithm (dataset.target_scale=log)"
        raise ConfigError(f"{what}.", "Leave out one of the two.")


def _check_size_of_target(dataset: Dataset) -> None:
    """Raise DataError where squares of the numbers to predict leave the range of float64."""
    if dataset.task != "regression" or not len(dataset):
        return
    largest = float(np.abs(dataset.y).max())
    if largest and not _LEAST_TARGET < largest < 1 / _LEAST_TARGET:
        message = (
            f"{dataset.name}: the largest target is {largest:.3g}; its square is out of the range that can be computed with."
        )
        raise DataError(message, "Use another unit for the target.")


def settings_without_effect(experiment: Experiment) -> list[str]:
    """Sentences on changed settings that the chosen model ignores; the experiment as `resolve_settings` gives it."""
    model, loss, augment = experiment.model, experiment.loss, experiment.augment.name
    training = _changed("training", experiment.training, Training(), *model.default_training.values())
    ignored: list[tuple[list[str], str]] = []
    if not model.is_network:
        weighed = model.takes_class_weight and getattr(loss, "class_weight", "") == "balanced"
        on_cpu = ["device", "precision"] if experiment.device != "auto" or experiment.precision != "auto" else []
        ignored = [
            ([f"loss={loss.name}"] if loss.name != "auto" and not weighed else [], f"model={model.name} uses its own loss"),
            ([f"augment={augment}"] if augment not in ("none", "text") else [], f"model={model.name} does not train on batches"),
            (training, f"model={model.name} is not trained in epochs"),
            (on_cpu, f"model={model.name} runs on the CPU"),
        ]
    elif model.holds_rows or not model.trains_in_epochs:
        who = f"strategy={getattr(model, 'strategy', 'probe')}" if model.is_probe else f"model={model.name}"
        other = loss.name not in ("auto", "cross_entropy", "mse")
        copies_texts = augment == "text" and "text" not in model.modalities
        batches = [] if model.uses_augment or augment == "none" or copies_texts else [f"augment={augment}"]
        ignored = [
            ([f"loss={loss.name}"] if other else _changed("loss", loss, type(loss)()), f"{who} uses its own loss"),
            ([] if model.trains_in_epochs else training, f"{who} is not trained in epochs"),
            (batches, f"{who} does not train on batches"),
        ]
    if augment == "text" and "text" in model.modalities and model.trains_in_epochs:
        ignored.append((["augment=text"], f"model={model.name} takes texts as they are"))
    ignored += [model.without_effect, *_unlabeled_without_effect(experiment)]
    if directions(experiment) and not model.heeds_monotone:
        heed = "model=baseline with model.kind=gradient_boosting, forest or extra_trees can"
        ignored.append((["dataset.monotone"], f"{_called(experiment)} cannot be held to a direction; {heed}"))
    return [f"{listed(what)} {'has' if len(what) == 1 else 'have'} no effect: {why}." for what, why in ignored if what]


def _unlabeled_without_effect(experiment: Experiment) -> list[tuple[list[str], str]]:
    """Changed settings on unlabelled rows that are ignored, and why."""
    model, is_given = experiment.model, experiment.dataset.unlabeled is not None
    own = [key for key in plain(model) if key.startswith("unlabeled_")]
    if is_given and not model.uses_unlabeled:
        switch = "unlabeled_weight=0" if own else "pretrain=false" if hasattr(model, "pretrain") else ""
        return [(["dataset.unlabeled"], f"model.{switch}" if switch else f"model={model.name} learns from labelled rows alone")]
    changed = [f"model.{key}" for key in own if getattr(model, key) != getattr(type(model), key)]
    return [] if is_given else [(changed, "there are no unlabelled rows (dataset.unlabeled)")]


def _called(experiment: Experiment) -> str:
    key = experiment.model.named_by
    return f"model={experiment.model.name}" if key is None else f"model.{key}={getattr(experiment.model, key)}"


def _changed(group: str, settings: Any, *defaults: Any) -> list[str]:
    """Settings of a group, by their full keys, whose value is none of the defaults."""
    values = plain(settings).items()
    return [f"{group}.{key}" for key, value in values if all(value != getattr(known, key) for known in defaults)]


def of_repeat(experiment: Experiment, repeat: int, num_repeats: int) -> Experiment:
    """The experiment on split number `repeat` of `num_repeats`: its own seeds for model and split, each plus `repeat`.

    Where rows follow each other in time, each repeat has a test part of its own, the first one the latest.
    """
    seed = experiment.dataset.seed
    dataset = experiment.dataset if seed is None else dataclasses.replace(experiment.dataset, seed=seed + repeat)
    if num_repeats > 1 and getattr(dataset, "order", None) is not None:
        dataset = dataclasses.replace(dataset, origins=num_repeats, origin=repeat)
    return dataclasses.replace(experiment, dataset=dataset, seed=experiment.seed + repeat)


def divided(experiment: Experiment, dataset: Dataset) -> tuple[Dataset, Split]:
    """The experiment's split, and the data set with deep images brought to 8 bits by what the labelled ones hold.

    Unlabelled rows that its model learns from too are read, but for those that equal test rows.
    """
    parts = split(dataset, experiment.dataset, experiment.seed)
    _check_start(experiment, dataset, parts)
    dataset = eight_bit(dataset, parts.labelled)
    more = unlabelled_rows(experiment, dataset, parts.test)
    if more is not None:
        parts = dataclasses.replace(parts, unlabelled=more[0], notes=(*parts.notes, *more[1]))
    return dataset, parts


def _check_start(experiment: Experiment, dataset: Dataset, parts: Split) -> None:
    """Raise ConfigError where training would start from a run that has learned from rows that are test rows here."""
    start = getattr(experiment.model, "start_from", None)
    if start is None or (dataset.part is not None and (dataset.part == "test").any()):  # the source's own test rows are the same
        return
    file = Path(start).expanduser() / "environment.json"
    known = run_folder.read_json(file) if file.is_file() else {}
    if known.get("data_fingerprint") == dataset.fingerprint and known.get("split_fingerprint") != parts.fingerprint():
        what = f"model.start_from: {start} was trained on this same data, divided otherwise: it may have seen these test rows."
        raise ConfigError(what, "Start from a run on other data, or on the same split (the same seed).")


@dataclass(frozen=True)
class Ready:
    """A fit that can begin: the experiment has its settings resolved, and the model is unfitted.

    Arguments:
        labelled: all rows that it may see: those to `fit` on, and those of `validation`, empty if the method needs none.
        decision: `(K,)` as `decisions.decision_weights` gives it, or None.
    """

    experiment: Experiment
    labelled: LabelledPart
    fit: LabelledPart
    validation: LabelledPart
    model: Any
    decision: Array | None


def make_ready(experiment: Experiment, labelled: LabelledPart, notice: Callable[[str], None]) -> Ready:
    """Build the model of a resolved experiment, and divide the labelled rows for it. Raises ConfigError as `build`."""
    decision = _decision(experiment, labelled, notice)
    model = build(experiment, labelled.dataset.task, labelled.dataset)
    fit, validation = labelled, LabelledPart(labelled.dataset, np.array([], dtype=np.int64))
    if model.needs_validation:
        fit, validation = labelled.divided(experiment.dataset.validation_fraction, experiment.seed)
    counts = np.bincount(fit.y, minlength=len(fit.dataset.classes)).tolist() if fit.dataset.classes else []
    experiment.model.check_counts(dict(zip(fit.dataset.classes, counts, strict=True)))
    if experiment.reduce.number is not None:
        model.reduction.check(len(fit), model.num_columns(fit.X, fit.y))
    return Ready(experiment, labelled, fit, validation, model, decision)


def _decision(experiment: Experiment, labelled: LabelledPart, notice: Callable[[str], None]) -> Array | None:
    """How probabilities become classes; reported if it is not simply the most probable one."""
    classes = labelled.dataset.classes
    if labelled.dataset.task == "regression":
        if experiment.threshold != "most_probable":
            notice(f"threshold={experiment.threshold} has no effect: numbers are predicted, not classes.")
        return None
    is_weighed = weighs_classes(experiment) and experiment.model.takes_class_weight and not experiment.model.is_probe
    if experiment.threshold == "balanced" and is_weighed:
        # its probabilities are those of equal classes already
        notice("threshold=balanced has no effect with loss.class_weight=balanced, which does the same in training.")
        return None
    counts = np.bincount(labelled.y, minlength=len(classes))
    weights = decision_weights(experiment.threshold, counts, classes)
    sentence = decision_sentence(experiment.threshold, weights, counts, classes)
    if sentence is not None:
        notice(sentence)
    return weights


def weighs_classes(experiment: Experiment) -> bool:
    """Whether the loss weighs all classes alike."""
    return bool(getattr(experiment.loss, "class_weight", "none") == "balanced")
