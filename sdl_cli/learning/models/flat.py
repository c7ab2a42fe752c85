"""scikit-learn models on tables, or on images made small and flat."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from sdl_cli.data.images.area_means import reduce_images
from sdl_cli.errors import ConfigError
from sdl_cli.learning.models.class_targets import check_classes, few_rows_per_class
from sdl_cli.learning.models.kind import ModelSettings
from sdl_cli.learning.models.parameters import Parameters
from sdl_cli.learning.models.trees import walked
from sdl_cli.phrases import shortened
from sdl_cli.settings.machine import available_cores

Array = np.ndarray[Any, Any]


class FlatEstimator(Parameters, BaseEstimator):  # type: ignore[misc]
    """A scikit-learn model on a table, or on images reduced to at most `max_px` a side and flattened."""

    settings: ClassVar[type[ModelSettings]]
    max_px: int

    def fit(self, X: Any, y: Any, X_val: Any = None, y_val: Any = None) -> Any:
        """Fit on all rows given: `(N, F)` or images `uint8 (N, C, H, W)`, targets `(N,)`. Validation rows are not needed."""
        self.check_parameters()
        X, y = self._flatten(X, y, fitting=True)
        if is_classifier(self):
            check_classes(y)
            self.classes_ = np.unique(y)
        self.notes_: list[str] = []  # sentences for the user
        self.model_ = self._build(len(X), y)
        with few_rows_per_class():
            self._fit_model(X, y)
        if is_classifier(self) and not hasattr(self.model_, "predict_proba"):
            what = "Without probabilities (predict_proba), each class gets 0 or 1: log loss, ROC AUC and calibration say little."
            self.notes_.append(what)
        return self

    def predict(self, X: Any) -> Array:
        """Classes or numbers `(N,)`."""
        check_is_fitted(self, "model_")
        if is_classifier(self):
            return np.asarray(self.classes_[self.predict_proba(X).argmax(1)])
        X = self._flatten(X)[0]
        few = walked(self.model_, X) if num_jobs(X.size) == 1 else None
        return np.asarray(self.model_.predict(X) if few is None else few).reshape(-1)

    @property
    def needs_validation(self) -> bool:
        return False

    def image_size(self) -> tuple[int, str] | None:
        return None

    @available_if(is_classifier)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Array:
        """Class probabilities `float64 (N, K)`, in the order of `classes_`; 0 and 1 where the model only names classes."""
        check_is_fitted(self, "model_")
        X = self._flatten(X)[0]
        if num_jobs(X.size) == 1 and (few := walked(self.model_, X)) is not None:
            return few
        if hasattr(self.model_, "estimators_") and hasattr(self.model_, "n_jobs"):
            self.model_.n_jobs = num_jobs(X.size)
        if hasattr(self.model_, "predict_proba"):
            probs = np.asarray(self.model_.predict_proba(X), dtype=np.float64)
            return _checked(probs) if probs.shape == (len(X), len(self.classes_)) else probs  # another shape is said elsewhere
        found = np.asarray(self.model_.predict(X)).reshape(-1)
        if len(found) != len(X):
            raise ValueError(f"predict gave {len(found):,} classes for {len(X):,} rows")
        strange = np.flatnonzero(~np.isin(found, self.classes_))
        if len(strange):
            classes = shortened(", ".join(map(str, self.classes_)), 60)
            raise ValueError(f"predict gave {shortened(repr(found[strange[0]].item()), 60)}; its y in fit had only {classes}")
        return np.asarray(found[:, None] == self.classes_[None], dtype=np.float64)

    def _build(self, num_rows: int, y: Array) -> Any:
        raise NotImplementedError

    def _fit_model(self, X: Array, y: Array) -> None:
        try:
            self.model_.fit(X, y, **self._fit_parameters(y))
        except InvalidParameterError as error:
            raise ConfigError(f"model.params: {error}") from error

    def _fit_parameters(self, y: Array) -> dict[str, Any]:
        """Extra arguments for the model's `fit`."""
        return {}

    def _flatten(self, X: Any, y: Any = None, fitting: bool = False) -> tuple[Array, Any]:
        if getattr(X, "ndim", None) == 4:
            X = reduce_images(np.asarray(X), self.max_px).reshape(len(X), -1)
        if not fitting:
            return validate_data(self, X, reset=False), None
        X, y = validate_data(self, X, y, y_numeric=not is_classifier(self))
        return X, y


def _checked(probs: Array) -> Array:
    """The same probabilities. Raises ValueError for what are none: not finite, below 0, or not 1 in all."""
    wrong = int((~np.isfinite(probs)).sum())
    if wrong:
        raise ValueError(f"{wrong:,} of its probabilities are not finite numbers")
    if probs.size and probs.min() < -1e-6:
        raise ValueError(f"one of its probabilities is {probs.min():.4g}, less than 0")
    off = np.abs(probs.sum(axis=1) - 1)
    if len(off) and off.max() > 1e-3:
        raise ValueError(f"its probabilities of a row add up to {probs[off.argmax()].sum():.4g}, not to 1")
    return probs


def num_jobs(num_cells: int) -> int:
    """Threads of a forest: below some thousand rows they cost more than they save."""
    return 1 if num_cells < 20_000 else available_cores()
