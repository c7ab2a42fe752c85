"""What every result stands beside: the quick baseline and the majority (mean) predictor, on the same split.

The baseline is fitted once per data, split and settings, and its outputs on the test rows are remembered in the cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from dataclasses import asdict
from importlib import metadata
from typing import Any

import numpy as np

from sdl_cli.data.split import LabelledPart, TestPart
from sdl_cli.errors import SdlError
from sdl_cli.files import cache_folder, write_atomic
from sdl_cli.learning.models import with_preparation
from sdl_cli.learning.models.settings import BaselineSettings

Array = np.ndarray[Any, Any]
FITS = 2  # raised where the same settings come to fit otherwise, so that nothing older is remembered


def baseline_outputs(labelled: LabelledPart, test: TestPart, seed: int) -> Array:
    """Outputs of the default baseline (a forest) on the test rows: probabilities `(T, K)`, or numbers `(T,)`."""
    settings, dataset = BaselineSettings(), labelled.dataset
    key = hashlib.sha256(
        json.dumps(
            [FITS, dataset.fingerprint, dataset.X.shape, asdict(settings), seed, metadata.version("scikit-learn")]
        ).encode()
        + labelled.rows.tobytes()
        + b"/"
        + test.rows.tobytes()
    ).hexdigest()[:32]
    try:
        file = cache_folder("baselines") / f"{key}.npy"
        remembered: Array = np.load(file, allow_pickle=False)
        if len(remembered) == len(test):
            return remembered
    except (SdlError, OSError, ValueError, EOFError):
        pass
    model = settings.estimator_class(dataset.task)(**settings.arguments(), random_state=seed)
    model = with_preparation(model, dataset, seed=seed)
    model.fit(labelled.X, labelled.y)
    outputs = model_outputs(model, test.X, len(dataset.classes))
    buffer = io.BytesIO()
    np.save(buffer, outputs, allow_pickle=False)
    with contextlib.suppress(SdlError):  # a cache that cannot be written costs time next time, nothing else
        write_atomic(cache_folder("baselines") / f"{key}.npy", buffer.getvalue())
    return outputs


def majority_outputs(labelled: LabelledPart, num: int) -> Array:
    """Outputs of the predictor that ignores its input, for `num` rows: the class shares of the labelled rows, or their mean."""
    if labelled.dataset.task == "regression":
        return np.full(num, labelled.y.mean())
    shares = np.bincount(labelled.y, minlength=len(labelled.dataset.classes)) / len(labelled)
    return np.tile(shares, (num, 1))


def model_outputs(model: Any, X: Array, num_classes: int) -> Array:
    """Probabilities `(N, K)` over all classes of the data set (0 for one the model never saw), or numbers `(N,)`."""
    if not num_classes:
        return np.asarray(model.predict(X), dtype=np.float64)
    probs = np.zeros((len(X), num_classes))
    probs[:, np.asarray(model.classes_, dtype=np.int64)] = model.predict_proba(X)
    return probs
