"""Frozen features of a whole data set, computed once, for all fits that probe the same network on subsets of it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from sdl_cli.data.dataset import Dataset
from sdl_cli.learning.models import build
from sdl_cli.learning.remembered import Array, remembered
from sdl_cli.settings.experiment import Experiment, plain


def frozen_features(experiment: Experiment, dataset: Dataset) -> Array | None:
    """Features `float64 (N, D)` of all images in their own order, from the cache where they were computed before.

    They are computed in this fixed order and not per subset, since the last bits of a row may depend on the rows beside it.
    Those of texts are kept one by one, where each fit finds its own: there is nothing to hand on, None.
    """
    if dataset.modality == "text":
        build(experiment, dataset.task).embeddings(dataset.X)
        return None
    from sdl_cli.learning.models import pretrained

    model = build(experiment, dataset.task)
    settings = experiment.model
    weights = pretrained.weights_key(settings.architecture, settings.weights)
    device = [experiment.device, experiment.precision, experiment.memory_format]
    seen = [settings.architecture, [plain(how) for how in model.preprocessing()]]
    named: list[Any] = [dataset.fingerprint, list(dataset.X.shape), weights, device, seen]
    if dataset.value_range is not None:
        named.append(plain(dataset.value_range))
    key = hashlib.sha256(json.dumps(named).encode()).hexdigest()[:32]
    return remembered("features", key, len(dataset), lambda: model.frozen_features(dataset.X, max(len(dataset.classes), 1)))
