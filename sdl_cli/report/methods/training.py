"""How a network was trained, as a run's configuration says it: loss, optimiser, schedule and augmentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sdl_cli.errors import SdlError
from sdl_cli.learning.models import MODELS
from sdl_cli.phrases import counted
from sdl_cli.report.html.section import plain
from sdl_cli.report.methods.references import cite
from sdl_cli.settings.parse import parse_group

Values = Mapping[str, Any]
_MOST_LETTERS = 80


def name_of(value: Any, most: int = _MOST_LETTERS) -> str:
    """Text from a configuration in one line, not too long."""
    return plain(value, most)


def training_sentences(config: Values, modality: str, task: str) -> list[str]:
    """Loss, optimiser, schedule and augmentation; empty for what trains no network in epochs."""
    try:
        settings = parse_group("model", MODELS, dict(config["model"]))
    except SdlError:  # a model of a user's own, or of another version
        return []
    if settings.is_network and settings.is_probe:
        head = "logistic regression" if task == "classification" else "ridge regression"
        return [
            f"Its pretrained layers stayed as they were; a {head} was fitted to their features, its penalty chosen by 5-fold "
            "cross-validation of the training rows."
        ]
    if not settings.trains_in_epochs:
        return []
    scaled = ["Inputs were standardised by the mean and standard deviation of training rows."] if settings.starts_random else []
    return [*scaled, _training(config, task), *_augmentation(config, modality)]


def _training(config: Values, task: str) -> str:
    training, loss = config["training"], config["loss"]
    optimizer = {"adamw": f"AdamW{cite('adamw')}", "adam": f"Adam{cite('adam')}", "sgd": "SGD with Nesterov momentum 0.9"}
    schedule = {
        "constant": "a constant learning rate",
        "cosine": "a learning rate that falls to zero along a cosine",
        "one_cycle": f"the one-cycle schedule{cite('one_cycle')}",
        "sgdr": f"cosine decay with {training.get('num_restarts')} warm restarts{cite('sgdr')}",
    }
    length = f"{counted(training['steps'], 'step')}" if training.get("steps") else f"{counted(training['epochs'] or 0, 'epoch')}"
    told = (
        f"It was trained for {length} on batches of {training['batch_size']} rows with "
        f"{optimizer.get(training['optimizer'], name_of(training['optimizer']))}, {schedule.get(training['schedule'], '')} "
        f"(peak {training['learning_rate']:g}) and weight decay {training['weight_decay']:g}"
    )
    told += f", gradients clipped to norm {training['clip_norm']:g}" if training.get("clip_norm") else ""
    told += f", and weights averaged with decay {training['ema_decay']:g}" if training.get("ema_decay") else ""
    is_best = training.get("select") == "best"
    chosen = "those of the epoch that was best on validation rows" if is_best else "those of the last epoch"
    stop = (
        f"; training stopped after {training['patience']} epochs without a better validation loss" if training["patience"] else ""
    )
    return f"{told}; the weights used are {chosen}{stop}. {_loss(loss, task)}"


def _loss(loss: Values, task: str) -> str:
    name = str(loss["name"])
    if name == "auto":
        name = "cross_entropy" if task == "classification" else "mse"
    words = {
        "cross_entropy": "cross-entropy",
        "cosine": f"one minus the cosine similarity of output and class{cite('cosine')}",
        "mse": "the mean squared error of the standardised target",
        "huber": f"Huber's loss{cite('huber')} of the standardised target (delta {loss.get('delta', 1):g})",
    }
    told = f"The loss was {words.get(name, name_of(name))}"
    if loss.get("label_smoothing"):
        told += f", with labels smoothed by {loss['label_smoothing']:g}{cite('smoothing')}"
    if loss.get("xent_weight"):
        told += f", plus cross-entropy of a second head with weight {loss['xent_weight']:g}"
    return told + (", every class with the same total weight." if loss.get("class_weight") == "balanced" else ".")


def _augmentation(config: Values, modality: str) -> list[str]:
    augment = config["augment"]
    crop = "mirrored left and right at random, and " if augment.get("flip") else ""
    crop += f"cropped at random after a border of {100 * augment.get('pad_fraction', 0):g} % was added"
    words = {
        "none": "",
        "flip_crop": f"Training images were {crop}.",
        "shift": (
            f"Training images were shifted by up to {100 * augment.get('max_fraction', 0):g} % of their side and turned by up to "
            f"{augment.get('max_degrees', 0):g} degrees."
        ),
        "trivial": f"Each training image was changed by one random operation of random strength{cite('trivial')}.",
        "strong": (
            f"Training images were {crop}, had a rectangle erased{cite('erasing')} with probability "
            f"{augment.get('erase_probability', 0):g}, and were mixed{cite('mixup', 'cutmix')} with probability "
            f"{augment.get('mix_probability', 0):g}."
        ),
        "noise": (
            f"Gaussian noise of {augment.get('std', 0):g} standard deviations was added to the standardised columns of training "
            "rows."
        ),
        "series": (
            "Training series were cropped to a random window of "
            f"{100 * augment.get('crop_fraction', 1):g} % of their steps, scaled and jittered."
        ),
        "text": "",  # said with the features of texts
    }
    told = words.get(str(augment["name"]), f"Training rows were changed by the augmentation {name_of(augment['name'])}.")
    return [told] if told and modality != "text" else []
