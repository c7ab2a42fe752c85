"""What every result is compared with: the quick baseline and the majority (mean) predictor, on the same split.

The baseline is fitted once per data, split and settings, and its outputs on the test rows are cached.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from importlib import metadata
from typing import Any

import numpy as np

from sdl_cli.data.split import LabelledPart, TestPart
from sdl_cli.learning.models import with_preparation
from sdl_cli.learning.models.settings import BaselineSettings
from sdl_cli.learning.remembered import Array, remembered

FITS = 2  # raised where the same settings come to fit otherwise, so that nothing older is remembered


def baseline_outputs(labelled: LabelledPart, test: TestPart, seed: int) -> Array:
    """Outputs of the default baseline (a forest) on the test rows: probabilities `(T, K)`, or numbers `(T,)`."""
    settings, dataset = BaselineSettings(), labelled.dataset
    named = [FITS, dataset.fingerprint, dataset.X.shape, asdict(settings), seed, metadata.version("scikit-learn")]
    seen = json.dumps(named).encode() + labelled.rows.tobytes() + b"/" + test.rows.tobytes()
    key = hashlib.sha256(seen).hexdigest()[:32]

    def compute() -> Array:
        model = settings.estimator_class(dataset.task)(**settings.arguments(), random_state=seed)
        model = with_preparation(model, dataset, seed=seed)
        model.fit(labelled.X, labelled.y)
        return model_outputs(model, test.X, len(dataset.classes))

    return remembered("baselines", key, len(test), compute)


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
