"""A linear model of TF-IDF features, as it stands beside embeddings: `model=baseline` of kind logistic or ridge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sdl_cli.errors import DataError
from sdl_cli.learning.models.baseline import Baseline, BaselineRegressor
from sdl_cli.learning.models.prepared import Prepared
from sdl_cli.learning.models.text_features import TextEncoder

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Words:
    """The fitted model: an encoder of texts, weights `(K, F)` and offsets `(K,)`; of two classes, and of numbers, one row."""

    encoder: TextEncoder
    weight: Array
    bias: Array

    @classmethod
    def fit(cls, texts: Array, y: Array, classify: bool, seed: int) -> Words:
        """Fit on texts `(N,)` and classes or numbers `(N,)`."""
        head = Baseline(kind="logistic", random_state=seed) if classify else BaselineRegressor(kind="ridge", random_state=seed)
        fitted = Prepared(TextEncoder(random_state=seed), head).fit(texts, y)
        linear = fitted.model_.model_[-1]
        assert fitted.encoder_ is not None
        return cls(fitted.encoder_, np.atleast_2d(linear.coef_), np.atleast_1d(linear.intercept_))

    def probabilities(self, texts: Any) -> Array:
        """Class probabilities `(N, K)`, in the order of the classes."""
        outputs = self._outputs(texts)
        if outputs.shape[1] == 1:
            outputs = np.concatenate([-outputs / 2, outputs / 2], axis=1)
        shares = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))

    def numbers(self, texts: Any) -> Array:
        """Numbers `(N,)`."""
        return np.asarray(self._outputs(texts)[:, 0])

    def _outputs(self, texts: Any) -> Array:
        return np.asarray(self.encoder.transform(texts).astype(np.float64) @ self.weight.T + self.bias)

    def get_state(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Arrays and JSON-ready values for `from_state`."""
        arrays, values = self.encoder.get_state()
        return arrays | {"weight": self.weight, "bias": self.bias}, values

    @classmethod
    def from_state(cls, arrays: dict[str, Array], values: dict[str, Any], num_outputs: int) -> Words:
        """Rebuild it. Raises DataError where its parts do not belong together."""
        encoder = TextEncoder.from_state(arrays, values)
        num = num_outputs if num_outputs > 2 else 1
        shapes = {"weight": (num, encoder.num_outputs), "bias": (num,)}
        if any(name not in arrays or arrays[name].shape != shape for name, shape in shapes.items()):
            raise DataError("The stored model of words is damaged: its parts do not match.")
        weight, bias = (np.asarray(arrays[name], np.float64) for name in shapes)
        return cls(encoder, weight, bias)
