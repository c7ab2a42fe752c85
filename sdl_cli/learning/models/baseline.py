"""The quick scikit-learn models that every other is compared with."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.base import ClassifierMixin, RegressorMixin, is_classifier
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sdl_cli.errors import ConfigError
from sdl_cli.learning.models.arguments import takes
from sdl_cli.learning.models.flat import FlatEstimator, num_jobs
from sdl_cli.learning.models.settings import BaselineSettings
from sdl_cli.learning.models.target_scale import scale_back, scale_of
from sdl_cli.settings.experiment import Experiment

Array = np.ndarray[Any, Any]


@takes(BaselineSettings, class_weight=None, standardize=True, monotone=None, random_state=Experiment.seed)
class _Baseline(FlatEstimator):
    def _build(self, num_rows: int, y: Array) -> Any:
        classify = is_classifier(self)
        weight: dict[str, Any] = {"class_weight": self.class_weight} if classify else {}
        if self._signs is not None and not BaselineSettings(kind=self.kind).heeds_monotone:
            raise ConfigError(
                f"monotone: {self.kind} cannot be held to a direction.", "Use forest, extra_trees or gradient_boosting."
            )
        if self.kind in ("forest", "extra_trees"):
            from sklearn import ensemble

            if self._signs is not None:
                weight["monotonic_cst"] = self._signs

            tree = "RandomForest" if self.kind == "forest" else "ExtraTrees"
            if self.features_fraction is not None:
                weight["max_features"] = float(self.features_fraction)
            return getattr(ensemble, tree + ("Classifier" if classify else "Regressor"))(
                self.num_trees, min_samples_leaf=self.min_leaf_rows, random_state=self.random_state,
                n_jobs=num_jobs(num_rows * self.n_features_in_), **weight,
            )  # fmt: skip
        if self.kind == "gradient_boosting" and self._signs is not None:
            return self._build_monotone_boosting(y)
        if self.kind == "gradient_boosting":
            from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

            return (GradientBoostingClassifier if classify else GradientBoostingRegressor)(random_state=self.random_state)
        if self.kind == "svm":
            return self._build_svm(y)
        BaselineSettings(kind=self.kind).check_task("classification" if classify else "regression")
        if self.kind not in ("logistic", "ridge"):
            raise ConfigError(f"model.kind: there is no baseline called {self.kind!r}.")
        from sklearn.linear_model import LogisticRegression, Ridge

        model = LogisticRegression(C=self.c, max_iter=2000, **weight) if classify else Ridge(alpha=self.alpha)
        return make_pipeline(*self._scaler(), model)

    @property
    def _signs(self) -> list[int] | None:
        """`monotone` for every column, 0 for those that it does not reach; None where nothing is asked."""
        if self.monotone is None or not any(self.monotone):
            return None
        return [int(sign) for sign in self.monotone] + [0] * (self.n_features_in_ - len(self.monotone))

    def _build_monotone_boosting(self, y: Array) -> Any:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        self.notes_.append("gradient_boosting with known directions is scikit-learn's HistGradientBoosting.")
        if is_classifier(self):
            return HistGradientBoostingClassifier(monotonic_cst=self._signs, random_state=self.random_state)
        model = HistGradientBoostingRegressor(monotonic_cst=self._signs, random_state=self.random_state)
        return model if scale_of(y) is None else TransformedTargetRegressor(model, transformer=StandardScaler())

    def _fit_model(self, X: Array, y: Array) -> None:
        grows_trees = self.kind in ("forest", "extra_trees") or (self.kind == "gradient_boosting" and self._signs is None)
        scale = scale_of(y) if grows_trees and not is_classifier(self) else None
        # the arguments of each tree are the forest's, which `_build` gave it: to check them again takes a fifth of a small fit
        with config_context(skip_parameter_validation=grows_trees):
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

        weights = compute_sample_weight(self.class_weight, y)
        return {"calibratedclassifiercv__sample_weight" if calibrated else "sample_weight": weights}

    def _scaler(self) -> list[Any]:
        return [StandardScaler()] if self.standardize else []

    def _build_svm(self, y: Array) -> Any:
        from sklearn.calibration import CalibratedClassifierCV
        from sklearn.svm import SVC, SVR

        if not is_classifier(self):
            return make_pipeline(*self._scaler(), TransformedTargetRegressor(SVR(C=self.c), transformer=StandardScaler()))
        num_folds = min(5, int(np.unique(y, return_counts=True)[1].min()))
        machine = make_pipeline(*self._scaler(), SVC(C=self.c, class_weight=self.class_weight))
        if num_folds < 2:  # nothing to calibrate on
            return machine
        if self.class_weight is not None:  # a pipeline would take no row weights from the calibration around it
            return make_pipeline(*self._scaler(), CalibratedClassifierCV(SVC(C=self.c), cv=num_folds, ensemble=False))
        return CalibratedClassifierCV(machine, cv=num_folds, ensemble=False)


class Baseline(ClassifierMixin, _Baseline):  # type: ignore[misc]
    """A quick model for classes.

    Arguments, besides those of `BaselineSettings` (a forest is Breiman's of 2001; an svm has an RBF kernel and Platt-calibrated
    probabilities):
        standardize: logistic, ridge and svm centre and scale the features first.
        class_weight: `balanced` gives every class the same total weight, None every row.
        monotone: for each of the first columns 1, -1 or 0: what forest, extra_trees and gradient_boosting predict then never
            falls, or never rises, as the column rises (of two classes, the probability of the second); None asks nothing.
        random_state: seed.
    """


class BaselineRegressor(RegressorMixin, _Baseline):  # type: ignore[misc]
    """A quick model for numbers: forest, extra_trees, gradient_boosting, ridge or svm."""
