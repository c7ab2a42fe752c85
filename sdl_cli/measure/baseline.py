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

from sdl_cli.data.dataset import Dataset
from sdl_cli.data.split import LabelledPart, TestPart
from sdl_cli.learning.models import with_preparation
from sdl_cli.learning.models.foreign import own_words
from sdl_cli.learning.models.settings import BaselineSettings
from sdl_cli.learning.remembered import Array, remembered

FITS = 2  # raised where the same settings come to fit otherwise, so that nothing older is remembered
_MANY_ROWS = 10_000  # from so many on, a forest would take long


def quick_baseline(dataset: Dataset, num_rows: int) -> BaselineSettings:
    """The forest that stands beside a model fitted to this many rows: that of `model=baseline`, but where that takes long.

    On images it has 200 extremely randomised trees (Geurts, Ernst and Wehenkel 2006) in the place of 500 of a random forest:
    no less accurate on photographs, digits, clothes and CIFAR-10, in a fifth of the time (docs/BENCHMARKS.md). For numbers each
    split looks at a third of the pixels. From 10,000 rows on there are fewer trees, as each has seen more.
    """
    if dataset.modality != "image":
        return BaselineSettings(num_trees=_fewer(500, num_rows))
    fraction = None if dataset.task == "classification" else 1 / 3
    return BaselineSettings(kind="extra_trees", num_trees=_fewer(200, num_rows), features_fraction=fraction)


def unlike_default(quick: BaselineSettings, num_rows: int) -> str | None:
    """How a quick baseline for this many rows differs from the forest of `model=baseline`, as a sentence."""
    usual = BaselineSettings()
    if quick.kind != usual.kind:
        what = f"The forest beside it has {quick.num_trees} extremely randomised trees"
        return f"{what}: on images about as good as the {usual.num_trees} trees of model=baseline, and quicker."
    if num_rows <= _MANY_ROWS:
        return None
    return f"The forest beside it has {quick.num_trees} trees instead of {usual.num_trees}, as there are {num_rows:,} rows."


def _fewer(num_trees: int, num_rows: int) -> int:
    """So many trees that time hardly grows from `_MANY_ROWS` on, but at least 100."""
    return max(100, min(num_trees, num_trees * _MANY_ROWS // max(1, num_rows)))


def baseline_outputs(labelled: LabelledPart, test: TestPart, seed: int) -> Array:
    """Outputs of the quick baseline on the test rows: probabilities `(T, K)`, or numbers `(T,)`."""
    dataset = labelled.dataset
    settings = quick_baseline(dataset, len(labelled))
    named = [FITS, dataset.fingerprint, dataset.X.shape, asdict(settings), seed, metadata.version("scikit-learn")]
    named += [dataset.target_scale] if dataset.target_scale != "none" else []
    seen = json.dumps(named).encode() + labelled.rows.tobytes() + b"/" + test.rows.tobytes()
    key = hashlib.sha256(seen).hexdigest()[:32]

    def compute() -> Array:
        model = settings.estimator_class(dataset.task)(**settings.arguments(), random_state=seed)
        model = with_preparation(model, dataset, seed=seed)
        model.fit(labelled.X, labelled.y)
        return model_outputs(model, test.X, len(dataset.classes), dataset.allowed(test.rows))

    return remembered("baselines", key, len(test), compute)


def majority_outputs(labelled: LabelledPart, num: int, allowed: Array | None = None) -> Array:
    """Outputs of the predictor that ignores its input, for `num` rows: the class shares of the labelled rows, or their mean."""
    if labelled.dataset.task == "regression":
        return np.full(num, labelled.y.mean())
    shares = np.bincount(labelled.y, minlength=len(labelled.dataset.classes)) / len(labelled)
    return among(np.tile(shares, (num, 1)), allowed)


def model_outputs(model: Any, X: Array, num_classes: int, allowed: Array | None = None) -> Array:
    """Probabilities `(N, K)` over all classes of the data set (0 for one the model never saw), or numbers `(N,)`.

    Arguments:
        allowed: which classes each row may be answered with, `bool (N, K)`, or None for all. A model that knows what to do
            with it is told (`predict_among`); the others answer as ever, and what is not allowed is taken away.
    Raises RunError: what an estimator of others raises, in its words.
    """
    with own_words(model):
        if not num_classes:
            return np.asarray(model.predict(X), dtype=np.float64)
        probs = np.zeros((len(X), num_classes))
        classes = np.asarray(model.classes_, dtype=np.int64)
        if allowed is not None and hasattr(model, "predict_among"):
            probs[:, classes] = model.predict_among(X, allowed[:, classes])
        else:
            found = np.asarray(model.predict_proba(X), dtype=np.float64)
            if found.shape != (len(X), len(classes)):
                raise ValueError(f"its probabilities have the shape {found.shape}, not {(len(X), len(classes))}")
            probs[:, classes] = found
    return among(probs, allowed)


def among(probs: Array, allowed: Array | None) -> Array:
    """Probabilities `(N, K)` given that the class is one of those allowed; alike for all of them where none has any."""
    if allowed is None:
        return probs
    kept = np.where(allowed, probs, 0.0)
    total = kept.sum(axis=1, keepdims=True)
    return np.asarray(np.where(total > 0, kept / np.where(total > 0, total, 1.0), allowed / allowed.sum(axis=1, keepdims=True)))
