"""The kinds of model: their settings in `MODELS`, and `build`, which makes the estimator that takes them.

Importing this package imports neither torch nor scikit-learn; `build` imports what the one model needs.
"""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

from sdl_cli.config import Experiment
from sdl_cli.models.settings import MODELS

# name in the configuration -> module, classifier, regressor
ESTIMATORS: dict[str, tuple[str, str, str]] = {
    "baseline": ("sdl_cli.models.baseline", "Baseline", "BaselineRegressor"),
    "finetuned_cnn": ("sdl_cli.models.finetuned_cnn", "FinetunedCNN", "FinetunedCNNRegressor"),
    "deep_net": ("sdl_cli.models.deep_net", "DeepNet", "DeepNetRegressor"),
    "autoencoder": ("sdl_cli.models.autoencoder", "AutoencoderNet", "AutoencoderNetRegressor"),
    "sklearn": ("sdl_cli.models.baseline", "SklearnModel", "SklearnModelRegressor"),
}
NETWORKS = frozenset({"finetuned_cnn", "deep_net", "autoencoder"})


def estimator_class(name: str, task: str) -> Any:
    """The estimator class of model `name` for `classification` or `regression`."""
    module, classifier, regressor = ESTIMATORS[name]
    return getattr(importlib.import_module(module), classifier if task == "classification" else regressor)


def build(experiment: Experiment, task: str) -> Any:
    """The unfitted estimator of an experiment, with all of its settings."""
    settings = experiment.model
    arguments = {f.name: getattr(settings, f.name) for f in dataclasses.fields(settings) if f.name != "name"}
    arguments["random_state"] = experiment.seed
    if settings.name in NETWORKS:
        arguments |= {
            "loss": experiment.loss,
            "augment": experiment.augment,
            "training": experiment.training,
            "validation_fraction": experiment.dataset.validation_fraction,
            "device": experiment.device,
            "precision": experiment.precision,
            "memory_format": experiment.memory_format,
            "num_threads": experiment.num_threads,
        }
    return estimator_class(settings.name, task)(**arguments)


__all__ = ["ESTIMATORS", "MODELS", "NETWORKS", "build", "estimator_class"]
