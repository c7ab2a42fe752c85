"""The quick scikit-learn models that every other is measured against, and the open door to any other estimator."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, is_classifier, is_regressor
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.validation import check_is_fitted, validate_data

from sdl_cli.errors import ConfigError, DataError
from sdl_cli.learning.models.settings import BaselineSettings, SklearnSettings
from sdl_cli.learning.models.target_scale import may_scale, scale_back, scale_of
from sdl_cli.machine import available_cores

Array = np.ndarray[Any, Any]
ALLOWED_ROOTS = ("sklearn", "sdl_cli")


class _Flat(BaseEstimator):  # type: ignore[misc]
    """A scikit-learn model on a table, or on images reduced to at most `max_px` a side and flattened."""

    max_px: int

    def fit(self, X: Any, y: Any, X_val: Any = None, y_val: Any = None) -> Any:
        """Fit on all rows given: `(N, F)` or images `uint8 (N, C, H, W)`, targets `(N,)`. Validation rows are not needed."""
        X, y = self._flatten(X, y, fitting=True)
        if is_classifier(self):
            from sklearn.utils.multiclass import check_classification_targets

            check_classification_targets(y)
            self.classes_ = np.unique(y)
        self.notes_: list[str] = []  # sentences for the user
        self.model_ = self._build(len(X), y)
        self._fit_model(X, y)
        return self

    def predict(self, X: Any) -> Array:
        """Classes or numbers `(N,)`."""
        check_is_fitted(self, "model_")
        if is_classifier(self):
            return np.asarray(self.classes_[self._probabilities(X).argmax(1)])
        return np.asarray(self.model_.predict(self._flatten(X)[0])).reshape(-1)

    @property
    def needs_validation(self) -> bool:
        return False

    def image_size(self) -> tuple[int, str] | None:
        return None

    def _probabilities(self, X: Any) -> Array:
        check_is_fitted(self, "model_")
        X = self._flatten(X)[0]
        if hasattr(self.model_, "estimators_") and hasattr(self.model_, "n_jobs"):
            self.model_.n_jobs = _num_jobs(X.size)
        if hasattr(self.model_, "predict_proba"):
            return np.asarray(self.model_.predict_proba(X), dtype=np.float64)
        # an estimator that only names classes is as sure as it can be: 1 for the class it names
        return np.asarray(np.asarray(self.model_.predict(X))[:, None] == self.classes_[None], dtype=np.float64)

    def _build(self, num_rows: int, y: Array) -> Any:
        raise NotImplementedError

    def _fit_model(self, X: Array, y: Array) -> None:
        try:
            self.model_.fit(X, y, **self._fit_parameters(y))
        except InvalidParameterError as error:
            raise ConfigError(f"model.params: {error}") from error

    def _fit_parameters(self, y: Array) -> dict[str, Any]:
        """What the model's own `fit` takes beside the rows."""
        return {}

    def _flatten(self, X: Any, y: Any = None, fitting: bool = False) -> tuple[Array, Any]:
        if getattr(X, "ndim", None) == 4:
            X = reduce_images(np.asarray(X), self.max_px).reshape(len(X), -1)
        if not fitting:
            return validate_data(self, X, reset=False), None
        X, y = validate_data(self, X, y, y_numeric=not is_classifier(self))
        return X, y


class _Baseline(_Flat):
    settings = BaselineSettings

    def __init__(
        self,
        kind: str = "forest",
        num_trees: int = 500,
        features_fraction: float | None = None,
        min_leaf_rows: int = 1,
        c: float = 1.0,
        alpha: float = 1.0,
        max_px: int = 32,
        class_weight: str | None = None,
        standardize: bool = True,
        random_state: int | None = 0,
    ) -> None:
        self.kind = kind
        self.num_trees = num_trees
        self.features_fraction = features_fraction
        self.min_leaf_rows = min_leaf_rows
        self.c = c
        self.alpha = alpha
        self.max_px = max_px
        self.class_weight = class_weight
        self.standardize = standardize
        self.random_state = random_state

    def _build(self, num_rows: int, y: Array) -> Any:
        classify = is_classifier(self)
        weight: dict[str, Any] = {"class_weight": self.class_weight} if classify else {}
        if self.kind in ("forest", "extra_trees"):
            from sklearn import ensemble

            task, tree = (
                "Classifier" if classify else "Regressor",
                "RandomForest" if self.kind == "forest" else "ExtraTrees",
            )
            if self.features_fraction is not None:
                weight["max_features"] = float(self.features_fraction)
            return getattr(ensemble, tree + task)(
                self.num_trees,
                min_samples_leaf=self.min_leaf_rows,
                random_state=self.random_state,
                n_jobs=_num_jobs(num_rows * self.n_features_in_),
                **weight,
            )
        if self.kind == "gradient_boosting":
            from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

            boosting = GradientBoostingClassifier if classify else GradientBoostingRegressor
            return boosting(random_state=self.random_state)
        if self.kind == "svm":
            return self._build_svm(y)
        if self.kind == "logistic" and classify:
            from sklearn.linear_model import LogisticRegression

            return make_pipeline(*self._scaler(), LogisticRegression(C=self.c, max_iter=2000, **weight))
        if self.kind == "ridge" and not classify:
            from sklearn.linear_model import Ridge

            return make_pipeline(*self._scaler(), Ridge(alpha=self.alpha))
        BaselineSettings(kind=self.kind).check("classification" if classify else "regression")  # type: ignore[arg-type]
        raise ConfigError(f"model.kind: there is no baseline called {self.kind!r}.")

    def _fit_model(self, X: Array, y: Array) -> None:
        grows_trees = self.kind in ("forest", "extra_trees", "gradient_boosting")
        scale = scale_of(y) if grows_trees and not is_classifier(self) else None
        super()._fit_model(X, y if scale is None else scale.into(y))
        if scale is not None:
            scale_back(self.model_, scale)
            self.notes_.append(scale.sentence())

    def _fit_parameters(self, y: Array) -> dict[str, Any]:
        """Row weights for models that take class weights in no other way, or whose calibration would undo them."""
        calibrated = hasattr(self.model_, "steps") and self.model_.steps[-1][0] == "calibratedclassifiercv"
        if self.class_weight is None or not is_classifier(self) or not (calibrated or self.kind == "gradient_boosting"):
            return {}
        from sklearn.utils.class_weight import compute_sample_weight

        return {
            "calibratedclassifiercv__sample_weight" if calibrated else "sample_weight": compute_sample_weight(
                self.class_weight, y
            )
        }

    def _scaler(self) -> list[Any]:
        return [StandardScaler()] if self.standardize else []

    def _build_svm(self, y: Array) -> Any:
        from sklearn.calibration import CalibratedClassifierCV
        from sklearn.svm import SVC, SVR

        if not is_classifier(self):
            return make_pipeline(*self._scaler(), TransformedTargetRegressor(SVR(C=self.c), transformer=StandardScaler()))
        smallest = int(np.unique(y, return_counts=True)[1].min())
        machine = make_pipeline(*self._scaler(), SVC(C=self.c, class_weight=self.class_weight))
        if smallest < 2:  # nothing to calibrate on
            return machine
        if self.class_weight is not None:  # a pipeline would take no row weights from the calibration around it
            return make_pipeline(*self._scaler(), CalibratedClassifierCV(SVC(C=self.c), cv=min(5, smallest), ensemble=False))
        return CalibratedClassifierCV(machine, cv=min(5, smallest), ensemble=False)


class Baseline(ClassifierMixin, _Baseline):  # type: ignore[misc]
    """A quick model for classes.

    Arguments:
        kind: `forest` (random forest, Breiman 2001), `extra_trees`, `gradient_boosting`, `logistic` or `svm` (RBF kernel with
            Platt-calibrated probabilities).
        num_trees: trees of forest and extra_trees.
        features_fraction: share of the features that each of their splits is chosen from; None: scikit-learn's own choice.
        min_leaf_rows: rows that their leaves hold at least.
        c: inverse regularisation strength of logistic and svm, over 0.
        alpha: L2 penalty of ridge (regression only).
        max_px: images are reduced to at most this many pixels a side by area means.
        standardize: logistic, ridge and svm centre and scale the features first.
        class_weight: `balanced` gives every class the same total weight, None every row.
        random_state: seed.
    """

    def predict_proba(self, X: Any) -> Array:
        """Class probabilities `float64 (N, K)`, in the order of `classes_`."""
        return self._probabilities(X)


class BaselineRegressor(RegressorMixin, _Baseline):  # type: ignore[misc]
    """A quick model for numbers: forest, extra_trees, gradient_boosting, ridge or svm. Arguments as for `Baseline`."""


class _SklearnModel(_Flat):
    settings = SklearnSettings

    def __init__(
        self,
        estimator: str = "sklearn.neighbors.KNeighborsClassifier",
        params: dict[str, Any] | None = None,
        standardize: bool = True,
        max_px: int = 32,
        random_state: int | None = 0,
    ) -> None:
        self.estimator = estimator
        self.params = params
        self.standardize = standardize
        self.max_px = max_px
        self.random_state = random_state

    def _build(self, num_rows: int, y: Array) -> Any:
        kind = import_estimator(self.estimator)
        params = dict(self.params or {})
        accepted = inspect.signature(kind).parameters
        unknown = [p for p in params if p not in accepted and not any(a.kind == a.VAR_KEYWORD for a in accepted.values())]
        if unknown:
            from sdl_cli.settings.parse import suggest

            raise ConfigError(
                f"model.params.{unknown[0]}: {self.estimator} takes no such argument.{suggest(unknown[0], accepted)}",
                f"It takes: {', '.join(accepted)}.",
            )
        if "random_state" in accepted:
            params.setdefault("random_state", self.random_state)
        try:
            model = kind(**params)
        except TypeError as error:
            raise ConfigError(f"model.params: {self.estimator} cannot be built: {error}") from error
        wanted, fits = ("classes", is_classifier(model)) if is_classifier(self) else ("numbers", is_regressor(model))
        if not fits:
            raise ConfigError(f"model.estimator: {self.estimator} does not predict {wanted}, which this data set asks for.")
        if not is_classifier(self) and may_scale(self.params or {}) and scale_of(y) is not None:
            model = TransformedTargetRegressor(model, transformer=StandardScaler(), check_inverse=False)
            self.notes_.append(
                f"The target is of an unusual size, so {self.estimator} learns it centred and divided by its standard deviation; "
                "predictions are in its own unit."
            )
        return make_pipeline(StandardScaler(), model) if self.standardize else model


class SklearnModel(ClassifierMixin, _SklearnModel):  # type: ignore[misc]
    """Any scikit-learn-compatible classifier.

    Arguments:
        estimator: its import path.
        params: its keyword arguments.
        standardize: centre and scale the features first.
        max_px: as for `Baseline`.
        random_state: handed on where the estimator takes one.
    """

    def predict_proba(self, X: Any) -> Array:
        """Class probabilities `float64 (N, K)`; 0 and 1 where the estimator gives none."""
        return self._probabilities(X)


class SklearnModelRegressor(RegressorMixin, _SklearnModel):  # type: ignore[misc]
    """Any scikit-learn-compatible regressor. Arguments as for `SklearnModel`."""


def _num_jobs(num_cells: int) -> int:
    """Threads of a forest: below some thousand rows they cost more than they save."""
    return 1 if num_cells < 20_000 else available_cores()


def import_estimator(path: str) -> Any:
    """The class at an import path. Raises ConfigError where there is none."""
    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"model.estimator: {path} cannot be imported: {error}",
            "Give the full path of a class, for example sklearn.svm.SVC.",
        ) from error
    if not (inspect.isclass(found) and hasattr(found, "fit") and hasattr(found, "predict")):
        raise ConfigError(f"model.estimator: {path} is no estimator class with fit and predict.")
    return found


def check_trusted(path: str, trust: bool) -> None:
    """Refuse to import, for a run folder that was handed to us, a name outside the allow-list."""
    if not trust and path.partition(".")[0] not in ALLOWED_ROOTS:
        raise DataError(
            f"This run uses {path}, and loading it would import that code.",
            "If you trust where the run came from, add --trust.",
        )


def reduce_images(images: Array, max_px: int) -> Array:
    """Images `uint8 (N, C, H, W)` as `float32` with sides of at most `max_px`, by area means (part pixels by their share)."""
    height, width = images.shape[2:]
    rows, columns = _area_weights(height, min(height, max_px)), _area_weights(width, min(width, max_px))
    if len(rows) == height and len(columns) == width:
        return images.astype(np.float32)
    out = np.empty((*images.shape[:2], len(rows), len(columns)), np.float32)
    for i in range(0, len(images), 64):
        out[i : i + 64] = rows @ (images[i : i + 64].astype(np.float32) @ columns.T)
    return out


def _area_weights(old: int, new: int) -> Array:
    """`(new, old)` matrix of the share that each old pixel has in each new one; rows sum to 1."""
    edges = np.linspace(0, old, new + 1)
    low, high = edges[:-1, None], edges[1:, None]
    pixels = np.arange(old)[None]
    overlap = np.clip(np.minimum(high, pixels + 1) - np.maximum(low, pixels), 0, None)
    return np.asarray(overlap / overlap.sum(axis=1, keepdims=True), dtype=np.float32)
