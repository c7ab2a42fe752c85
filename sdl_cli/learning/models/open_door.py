"""The open door: any scikit-learn-compatible estimator by its import path."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin, is_classifier, is_regressor
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from sdl_cli.errors import ConfigError, DataError
from sdl_cli.learning.models.arguments import takes
from sdl_cli.learning.models.flat import FlatEstimator
from sdl_cli.learning.models.foreign import keep_quiet, words_of
from sdl_cli.learning.models.settings import SklearnSettings
from sdl_cli.learning.models.target_scale import may_scale, scale_of
from sdl_cli.settings.experiment import Experiment
from sdl_cli.settings.parse import suggest
from sdl_cli.settings.parts.own import require_path

Array = np.ndarray[Any, Any]
ALLOWED_ROOTS = ("sklearn", "sdl_cli")
MOVED = {  # how paths began that stored configurations hold -> how they begin today; the longest first
    "sdl_cli.models.baseline.SklearnModel": "sdl_cli.learning.models.open_door.SklearnModel",
    "sdl_cli.models.": "sdl_cli.learning.models.",
}


@takes(SklearnSettings, random_state=Experiment.seed)
class _SklearnModel(FlatEstimator):
    def _build(self, num_rows: int, y: Array) -> Any:
        kind = import_estimator(self.estimator)
        params = dict(self.params or {})
        accepted = inspect.signature(kind).parameters
        unknown = [p for p in params if p not in accepted and not any(a.kind == a.VAR_KEYWORD for a in accepted.values())]
        if unknown:
            what = f"model.params.{unknown[0]}: {self.estimator} takes no such argument.{suggest(unknown[0], accepted)}"
            raise ConfigError(what, f"It takes: {', '.join(accepted)}.")
        if "random_state" in accepted:
            params.setdefault("random_state", self.random_state)
        try:
            model = kind(**params)
        except Exception as error:
            raise ConfigError(f"model.params: {self.estimator} cannot be built: {words_of(error)}") from error
        if not hasattr(model, "__sklearn_tags__"):
            base = "ClassifierMixin" if is_classifier(self) else "RegressorMixin"
            what = f"model.estimator: {self.estimator} is no estimator as scikit-learn understands it."
            raise ConfigError(what, f"Derive it from {base} and BaseEstimator of sklearn.base, in this order.")
        wanted, fits = ("classes", is_classifier(model)) if is_classifier(self) else ("numbers", is_regressor(model))
        if not fits:
            raise ConfigError(f"model.estimator: {self.estimator} does not predict {wanted}, which this data set needs.")
        if not is_classifier(self) and may_scale(self.params or {}) and scale_of(y) is not None:
            model = TransformedTargetRegressor(model, transformer=StandardScaler(), check_inverse=False)
            self.notes_.append(
                f"The target's values are unusually large or small, so {self.estimator} learns them standardised; predictions "
                "are in the original unit."
            )
        return make_pipeline(StandardScaler(), model) if self.standardize else model

    def _fit_model(self, X: Array, y: Array) -> None:
        super()._fit_model(X, y)
        try:
            check_is_fitted(self.model_)
        except NotFittedError as error:
            what = f"model.estimator: {self.estimator} does not look fitted after fit, and scikit-learn would not let it predict."
            raise ConfigError(what, "Let fit keep what it learned in attributes that end with _, such as classes_.") from error


class SklearnModel(ClassifierMixin, _SklearnModel):  # type: ignore[misc]
    """Any scikit-learn-compatible classifier: the arguments of `SklearnSettings`, and `random_state` for one that takes it."""


class SklearnModelRegressor(RegressorMixin, _SklearnModel):  # type: ignore[misc]
    """Any scikit-learn-compatible regressor."""


def import_estimator(path: str) -> Any:
    """The class at an import path, or where it has moved since the run was stored. Raises ConfigError if there is none."""
    old = next((prefix for prefix in MOVED if path.startswith(prefix)), "")
    keep_quiet()
    today = MOVED.get(old, "") + path.removeprefix(old)
    module, _, name = today.rpartition(".")
    found: Any = require_path("model.estimator", today, ALLOWED_ROOTS)
    try:
        found = found or getattr(importlib.import_module(module), name)
    except (Exception, SystemExit) as error:  # importing runs code of others, which raises anything
        usual = isinstance(error, (ImportError, AttributeError))
        what = f"model.estimator: {path} cannot be imported: {error if usual else words_of(error)}"
        hint = "Give the full path of a class, for example sklearn.svm.SVC, or my_file.MyClass of a file in this folder."
        raise ConfigError(what, hint) from error
    if not (inspect.isclass(found) and hasattr(found, "fit") and hasattr(found, "predict")):
        raise ConfigError(f"model.estimator: {path} is not an estimator class with fit and predict.")
    return found


def check_trusted(path: str) -> None:
    """Refuse to import, for a run folder from elsewhere, a name outside the allow-list."""
    if path.partition(".")[0] not in ALLOWED_ROOTS:
        what = f"This run uses {path}, and loading it would import that code."
        raise DataError(what, "If you trust the source of the run, add --trust.")
