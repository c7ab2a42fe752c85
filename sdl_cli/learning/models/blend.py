"""A forest, logistic regression and the pretrained network for tables: the mean of their probabilities by weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from sdl_cli.errors import DataError
from sdl_cli.learning.models.arguments import NETWORK, takes
from sdl_cli.learning.models.baseline import Baseline
from sdl_cli.learning.models.kind import ModelSettings
from sdl_cli.learning.models.parameters import Parameters
from sdl_cli.learning.models.pretrained_table import PretrainedTable
from sdl_cli.learning.models.settings import BlendSettings
from sdl_cli.learning.models.stored_network import State
from sdl_cli.learning.models.trees import forest_from_arrays, forest_to_arrays

Array = np.ndarray[Any, Any]

WEIGHTS = (0.2, 0.1, 0.7)  # of forest, logistic regression and network where none are fitted (docs/BENCHMARKS.md)
_MOST_FOLDS = 5
_EM_STEPS = 500


@takes(BlendSettings, **NETWORK)
class Blend(ClassifierMixin, Parameters, BaseEstimator):  # type: ignore[misc]
    """A random forest, logistic regression and `PretrainedTable` on the same table `(N, F)`, each with its own defaults.

    Its arguments are those of `BlendSettings` and of every network; of the latter only those of the device have an effect.

    Learned state: `parts_` (the three, fitted), `weights_ (3,)` (of their probabilities, adding up to 1), `classes_`, `runtime_`.

    Source of the stacking: Breiman 1996, Stacked regressions, for probabilities: weights of a mixture, fitted by
    expectation-maximisation to out-of-fold predictions of the labelled rows.
    """

    settings: ClassVar[type[ModelSettings]]

    def fit(self, X: Any, y: Any, X_val: Any = None, y_val: Any = None) -> Blend:
        """Fit all parts on labelled rows `(N, F)` with classes `(N,)`; validation rows are not needed. Raises as its parts."""
        self.check_parameters()
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, counts = np.unique(y, return_counts=True)
        self.weights_ = np.full(3, 1 / 3) if self.combine == "mean" else np.array(WEIGHTS)
        folds = min(_MOST_FOLDS, int(counts.min()))
        self.notes_: list[str] = []
        if self.combine == "stacked" and folds > 1 and len(counts) > 1:
            self.weights_ = mixture_weights(self._out_of_fold(X, y, folds))
        elif self.combine == "stacked":
            self.notes_.append("A class has a single labelled row, so that no weights can be fitted: the usual ones are taken.")
        self.parts_ = [part.fit(X, y) for part in self._parts()]
        self.runtime_ = self._network.runtime_
        self.notes_ += [note for part in self.parts_ for note in getattr(part, "notes_", [])]
        return self

    def predict_proba(self, X: Any) -> Array:
        """Class probabilities `float64 (N, K)`, in the order of `classes_`."""
        check_is_fitted(self, "parts_")
        X = validate_data(self, X, reset=False, dtype=np.float64)
        found = np.tensordot(self.weights_, np.stack([part.predict_proba(X) for part in self.parts_]), 1)
        return np.asarray(found / found.sum(axis=1, keepdims=True))

    def predict(self, X: Any) -> Array:
        """The most probable class `(N,)`."""
        probs = self.predict_proba(X)  # says first whether it was fitted
        return np.asarray(self.classes_[probs.argmax(axis=1)])

    @property
    def needs_validation(self) -> bool:
        return False

    def image_size(self) -> tuple[int, str] | None:
        return None

    def filled_training(self, modality: str, num_rows: int) -> Any:
        """The training settings as they are: no part is trained in epochs."""
        return self._network_part().filled_training(modality, num_rows)

    @property
    def _network(self) -> PretrainedTable:
        found = self.parts_[-1]
        assert isinstance(found, PretrainedTable)
        return found

    def _network_part(self) -> PretrainedTable:
        given = {name: value for name, value in self.get_params(deep=False).items() if name in NETWORK}
        return PretrainedTable(num_members=self.num_members, **given)

    def _parts(self) -> list[Any]:
        forest = Baseline(num_trees=self.num_trees, random_state=self.random_state)
        return [forest, Baseline(kind="logistic", random_state=self.random_state), self._network_part()]

    def _out_of_fold(self, X: Array, y: Array, folds: int) -> Array:
        """For each labelled row, the probability `(3, N)` that each part gives its class when it has not seen the row."""
        seed = self.random_state if isinstance(self.random_state, int) else 0
        labels = np.searchsorted(self.classes_, y)
        found = np.zeros((len(self._parts()), len(y)))
        for kept, held in StratifiedKFold(folds, shuffle=True, random_state=seed).split(X, labels):
            for number, part in enumerate(self._parts()):
                found[number, held] = part.fit(X[kept], labels[kept]).predict_proba(X[held])[np.arange(len(held)), labels[held]]
        return found

    def get_state(self) -> State:
        """Tensors and JSON-ready values of all parts, for `from_state`."""
        check_is_fitted(self, "parts_")
        forest, logistic, network = self.parts_
        tensors, values = network.get_state()
        tensors |= {f"forest.{name}": torch.from_numpy(array) for name, array in forest_to_arrays(forest.model_).items()}
        scaler, model = (step for _, step in logistic.model_.steps)
        scales = {"mean": scaler.mean_, "scale": scaler.scale_, "coef": model.coef_, "intercept": model.intercept_}
        tensors |= {f"logistic.{name}": torch.from_numpy(np.ascontiguousarray(array)) for name, array in scales.items()}
        params = self.plain_params()
        return tensors, {
            "params": params, "fitted": values["fitted"] | {"weights": self.weights_.tolist(), "network": values["params"]}
        }  # fmt: skip

    @classmethod
    def from_state(cls, tensors: Mapping[str, Tensor], values: dict[str, Any]) -> Blend:
        """Rebuild a fitted estimator. Raises DataError if its parts do not belong together."""
        from sdl_cli.learning.models.storage import check_settings

        fitted = values["fitted"]
        check_settings("pretrained_table", fitted["network"])
        network = PretrainedTable.from_state(tensors, {"params": fitted["network"], "fitted": fitted})
        classes, num_features = network.classes_, network.n_features_in_
        params = {**values["params"], "loss": None, "augment": None, "training": network.training}
        blend = cls(**params)
        blend.classes_, blend.n_features_in_, blend.runtime_, blend.notes_ = classes, num_features, network.runtime_, []
        forest, logistic, _ = blend._parts()
        arrays = {name.partition(".")[2]: t.numpy() for name, t in tensors.items() if name.startswith("forest.")}
        forest.model_ = forest_from_arrays(arrays, "forest", classes, num_features)
        logistic.model_ = _logistic({k: tensors[f"logistic.{k}"].numpy() for k in _LOGISTIC}, classes, num_features)
        for part in (forest, logistic):
            part.classes_, part.n_features_in_ = classes, num_features
        blend.parts_ = [forest, logistic, network]
        blend.weights_ = np.asarray(fitted["weights"], np.float64)
        if blend.weights_.shape != (3,) or not (blend.weights_ >= 0).all() or abs(blend.weights_.sum() - 1) > 1e-6:
            raise DataError("The stored weights of the blend are damaged.")
        return blend


_LOGISTIC = ("mean", "scale", "coef", "intercept")


def mixture_weights(probs: Array) -> Array:
    """The weights `(M,)` of M parts, at least 0 and adding up to 1, that maximise the likelihood of a mixture.

    Arguments:
        probs: `(M, N)`: the probability that each part gives to the class of each row, which it has not seen.

    Expectation-maximisation from equal weights; the likelihood is concave in the weights, so that it finds the maximum.
    """
    weights = np.full(len(probs), 1 / len(probs))
    probs = np.maximum(probs, 1e-6)
    for _ in range(_EM_STEPS):
        shares = weights[:, None] * probs
        weights = (shares / shares.sum(axis=0)).mean(axis=1)
    return np.asarray(weights / weights.sum())


def _logistic(arrays: dict[str, Array], classes: Array, num_features: int) -> Any:
    """The fitted scaler and logistic regression. Raises DataError where the shapes do not match."""
    num_outputs = 1 if len(classes) == 2 else len(classes)
    shapes = {"mean": (num_features,), "scale": (num_features,), "coef": (num_outputs, num_features), "intercept": (num_outputs,)}
    if any(arrays[k].shape != shape or arrays[k].dtype != np.float64 for k, shape in shapes.items()):
        raise DataError("The stored logistic regression is damaged: its parts do not match.")
    scaler, model = StandardScaler(), LogisticRegression(max_iter=2000)
    scaler.mean_, scaler.scale_, scaler.n_features_in_ = arrays["mean"], arrays["scale"], num_features
    model.coef_, model.intercept_, model.classes_, model.n_features_in_ = (
        arrays["coef"],
        arrays["intercept"],
        classes,
        num_features,
    )
    return make_pipeline(scaler, model)
