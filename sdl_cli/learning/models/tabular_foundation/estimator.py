"""A foundation model of others for tables as an estimator: fitting keeps the labelled rows, and its package reads them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, is_classifier
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from sdl_cli.errors import ConfigError, DataError, RunError
from sdl_cli.learning import device, loop
from sdl_cli.learning.device import Runtime
from sdl_cli.learning.models.arguments import NETWORK, takes
from sdl_cli.learning.models.class_targets import check_classes
from sdl_cli.learning.models.kind import ModelSettings
from sdl_cli.learning.models.parameters import Parameters
from sdl_cli.learning.models.stored_network import PRETRAINED, State, runtime_here
from sdl_cli.learning.models.tabular_foundation import libraries, weights
from sdl_cli.learning.models.tabular_foundation.settings import OPEN_VERSION, TabularFoundationSettings, check_accepted
from sdl_cli.settings.experiment import Training
from sdl_cli.settings.machine import fit_threads
from sdl_cli.settings.parse import parse_group

Array = np.ndarray[Any, Any]


@takes(TabularFoundationSettings, **NETWORK)
class _TabularFoundation(Parameters, BaseEstimator):  # type: ignore[misc]
    """What the classifier and the regressor share.

    Learned state: `context_ (n, F)` and `targets_ (n,)` (the labelled rows with the numbers of their classes from 0, or their
    numbers), `library_` (the package's own estimator, fitted to them; None where all answers are alike), `weights_file_`
    and `weights_digest_`, `runtime_`, `notes_`; of a classifier `classes_`.
    """

    settings: ClassVar[type[ModelSettings]]

    def fit(self, X: Any, y: Any, X_val: Any = None, y_val: Any = None) -> Any:
        """Keep the labelled rows `(N, F)`, NaN where a cell is missing, with targets `(N,)`; validation rows are not needed.

        Raises:
            ValueError: data of the wrong shape or kind. ConfigError: more rows, columns or classes than the package takes, a
                licence that was not accepted, or a package that is not installed.
            DataError: weights that are not here, or are no checkpoint. RunError: whatever the package raises, in its words.
        """
        self.check_parameters()
        libraries.imported(self.kind)
        X, y = self._validated(X, y)
        self.seed_ = self.random_state
        if not isinstance(self.random_state, int):
            self.seed_ = int(np.random.RandomState(self.random_state).randint(2**31 - 1))
        self.runtime_ = self._settled_runtime()
        self.context_, self.targets_, num_classes = X, y, 0
        if is_classifier(self):
            self.classes_, self.targets_ = np.unique(y, return_inverse=True)
            num_classes = len(self.classes_)
        else:
            self.targets_ = y.astype(np.float64)
        version, on_cpu = self.version, self.runtime_.device == "cpu"
        if self.weights != "default":  # a file says itself which version it is
            version = weights.examined(self.kind, weights.located(self.kind, version, self._task, self.weights)).version
        self.notes_: list[str] = libraries.outside(self.kind, version, len(X), X.shape[1], num_classes, on_cpu)
        self.weights_file_ = weights.located(self.kind, self.version, self._task, self.weights)
        self.weights_digest_ = weights.digest_of_file(self.weights_file_)
        self.pretrained_ = [dict(zip(PRETRAINED, (self.kind, str(self.weights_file_), self.weights_digest_), strict=True))]
        self._open()
        return self

    def predict(self, X: Any) -> Array:
        """The most probable class, or the expected number `(N,)`."""
        check_is_fitted(self, "context_")
        if is_classifier(self):
            return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])
        return np.asarray(self._asked("predict", self._validated(X)), dtype=np.float64)

    @property
    def needs_validation(self) -> bool:
        return False

    def image_size(self) -> tuple[int, str] | None:
        return None

    def filled_training(self, modality: str, num_rows: int) -> Training:
        """The training settings as they are: nothing is trained here."""
        return self.given("training") or Training()

    @property
    def _task(self) -> str:
        return "classification" if is_classifier(self) else "regression"

    def _validated(self, X: Any, *y: Any) -> Any:
        if y and is_classifier(self):
            check_classes(y[0])
        kinds = {"y_numeric": not is_classifier(self)} if y else {"reset": False}
        return validate_data(self, X, *y, dtype=np.float64, ensure_all_finite="allow-nan", **kinds)

    def _settled_runtime(self) -> Runtime:
        surroundings = loop.current_context()
        runtime = surroundings.runtime
        if runtime is None:
            precision = "float32" if self.precision == "auto" else self.precision
            runtime = device.resolve(self.device, precision, self.memory_format, self.num_threads)
            runtime = runtime.filled(precision, "contiguous", runtime.reason.partition("; this CPU")[0])
            runtime = dataclasses.replace(runtime, num_threads=runtime.num_threads or fit_threads())
        if surroundings.on_runtime is not None:
            surroundings.on_runtime(runtime)
        return runtime

    def _open(self) -> None:
        """Look at the checkpoint, and let the package read the labelled rows with it."""
        file, self.library_ = self.weights_file_, None
        libraries.imported(self.kind)
        checkpoint = weights.examined(self.kind, file)
        checkpoint.check_task(self.kind, self._task, file)
        if self.kind == "tabpfn":
            check_accepted(checkpoint.version, self.accept_license)
            if checkpoint.version == OPEN_VERSION:
                self.notes_.append(f"{weights.ATTRIBUTION}: the licence of these weights wants that shown beside results.")
        elif file.suffix == ".safetensors":
            file = weights.as_torch_file(file, self.weights_digest_)
        if not self._can_differ():
            return
        with device.threads(self.runtime_):
            self.library_ = libraries.fitted(
                self.kind, self._task, file, checkpoint.config, self.num_members, self.seed_, self.runtime_,
                (self.context_, self.targets_),
            )  # fmt: skip

    def _can_differ(self) -> bool:
        """Whether the labelled rows have several targets, and a column that varies: a package needs both."""
        known = [column[~np.isnan(column)] for column in self.context_.T]
        return bool(np.ptp(self.targets_) > 0 and any(len(column) and np.ptp(column) > 0 for column in known))

    def _asked(self, method: str, X: Array) -> Array:
        """What the package answers for rows `(m, F)`; where all answers are alike, what the labelled rows hold."""
        if self.library_ is None:
            alike = np.bincount(self.targets_) / len(self.targets_) if is_classifier(self) else self.targets_.mean()
            return np.broadcast_to(alike, (len(X), *np.shape(alike)))
        with device.threads(self.runtime_), libraries.own_words(self.kind):
            return np.asarray(getattr(self.library_, method)(X))

    def get_state(self) -> State:
        """Tensors (the labelled rows) and JSON-ready values for `from_state`; the network stays in its file."""
        check_is_fitted(self, "context_")
        tensors = {"context.rows": torch.from_numpy(self.context_), "context.targets": torch.from_numpy(self.targets_)}
        params = self.plain_params()
        fitted: dict[str, Any] = {
            "num_features": int(self.n_features_in_), "seed": self.seed_, "runtime": self.runtime_.to_plain(),
            "weights_digest": self.weights_digest_, "package": f"{self.kind} {libraries.version_of(self.kind)}",
        }  # fmt: skip
        if self.weights != "default":
            params["weights"] = str(self.weights_file_)  # wherever the run is used from
        if is_classifier(self):
            fitted["classes"] = self.classes_.tolist()
        return {name: t.contiguous() for name, t in tensors.items()}, {"params": params, "fitted": fitted}

    @classmethod
    def from_state(cls, tensors: Mapping[str, Tensor], values: dict[str, Any]) -> Any:
        """Rebuild a fitted estimator: the package reads the stored rows again.

        Raises DataError: parts that do not belong together, or a checkpoint that is gone or has changed since.
        """
        params, fitted = dict(values["params"]) | {"loss": None, "augment": None}, values["fitted"]
        if params.get("training") is not None:
            params["training"] = parse_group("training", Training, params["training"])
        model = cls(**params)
        model.n_features_in_, model.seed_ = int(fitted["num_features"]), int(fitted["seed"])
        if is_classifier(model):
            model.classes_ = np.asarray(fitted["classes"])
        model.context_, model.targets_ = (tensors[f"context.{name}"].numpy() for name in ("rows", "targets"))
        model._check_context()
        model.runtime_, model.notes_ = runtime_here(Runtime.from_plain(fitted["runtime"])), []
        model.weights_file_ = weights.located(model.kind, model.version, model._task, model.weights, stored=True)
        model.weights_digest_ = weights.digest_of_file(model.weights_file_)
        if model.weights_digest_ != fitted["weights_digest"]:
            what = f"model.weights: {model.weights_file_} is another file than the one that this run was made with"
            raise DataError(f"{what} (its sha256 differs).", "Put the old file back, or train again with this one.")
        try:
            model._open()
        except (ConfigError, RunError) as error:  # a package that is gone, or another version that does not take the file
            raise DataError(f"This run answers with {fitted['package']}. {error.message}", error.hint) from error
        return model

    def _check_context(self) -> None:
        """Raise DataError unless the stored rows and targets fit each other."""
        rows, targets = self.context_, self.targets_
        sound = (
            rows.dtype == np.float64 and rows.ndim == 2 and len(rows) > 0 and rows.shape[1] == self.n_features_in_
            and targets.shape == rows.shape[:1] and not np.isinf(rows).any() and 0 <= self.seed_ < 2**32
        )  # fmt: skip
        if is_classifier(self):
            known = np.arange(len(self.classes_))
            sound = sound and targets.dtype == np.int64 and np.array_equal(np.unique(targets), known)
        else:
            sound = sound and targets.dtype == np.float64 and bool(np.isfinite(targets).all())
        if not sound:
            raise DataError("The stored labelled rows are damaged: their parts do not match.")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class TabularFoundation(ClassifierMixin, _TabularFoundation):  # type: ignore[misc]
    """A foundation model of others as a scikit-learn classifier of a table `(N, F)`.

    Its arguments are those of `TabularFoundationSettings` and of every network; of the latter only those of the device have an
    effect: a `precision` other than float32 turns on the package's own mixed precision.

    Sources: Qu et al. 2026 (arXiv 2602.11139); Hollmann et al., Nature 637, 2025.
    """

    def predict_proba(self, X: Any) -> Array:
        """Class probabilities `float64 (N, K)`, in the order of `classes_`."""
        check_is_fitted(self, "context_")
        probs = np.asarray(self._asked("predict_proba", self._validated(X)), dtype=np.float64)
        return np.asarray(probs / probs.sum(axis=1, keepdims=True))


class TabularFoundationRegressor(RegressorMixin, _TabularFoundation):  # type: ignore[misc]
    """The same for numbers: predictions are the means of what the network expects."""
