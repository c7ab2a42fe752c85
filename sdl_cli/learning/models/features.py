"""Frozen features of a whole data set, computed once, for all fits that probe the same network on subsets of it."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from typing import Any

import numpy as np

from sdl_cli.data.dataset import Dataset
from sdl_cli.errors import SdlError
from sdl_cli.files import cache_folder, write_atomic
from sdl_cli.learning.models import build
from sdl_cli.settings.experiment import Experiment, plain

Array = np.ndarray[Any, Any]


def frozen_features(experiment: Experiment, dataset: Dataset) -> Array:
    """Features `float64 (N, D)` of all images in their own order, from the cache where they were computed before.

    They are computed in this fixed order and not per subset, since the last bits of a row may depend on the rows beside it.
    """
    from sdl_cli.learning.models import pretrained

    model = build(experiment, dataset.task)
    settings = plain(experiment.model)
    how = model.image_size()
    device = [experiment.device, experiment.precision, experiment.memory_format]
    weights = pretrained.weights_key(experiment.model.architecture, experiment.model.weights)
    seen = [settings[k] for k in ("architecture", "image_size_px")]
    named = [dataset.fingerprint, list(dataset.X.shape), weights, how, device, seen]
    if dataset.value_range is not None:
        named.append(plain(dataset.value_range))
    key = hashlib.sha256(json.dumps(named).encode()).hexdigest()[:32]
    with contextlib.suppress(SdlError, OSError, ValueError, EOFError):
        remembered: Array = np.load(cache_folder("features") / f"{key}.npy", allow_pickle=False)
        if len(remembered) == len(dataset):
            return remembered
    found: Array = model.frozen_features(dataset.X, max(len(dataset.classes), 1))
    buffer = io.BytesIO()
    np.save(buffer, found, allow_pickle=False)
    with contextlib.suppress(SdlError):  # a cache that cannot be written costs time next time, nothing else
        write_atomic(cache_folder("features") / f"{key}.npy", buffer.getvalue())
    return found
