"""A model behind the preparation of its inputs and its target, which is fitted on the same training rows and saved with it."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sdl_cli.data.draw import hold_out
from sdl_cli.learning.stages import Stages, finish

Array = np.ndarray[Any, Any]
MOST_LOG = 350.0  # of a prediction: its exponential and the square of that are still numbers


class Prepared(BaseEstimator):  # type: ignore[misc]
    """An encoder, a reduction and a model as one estimator: what goes before the model learns from training rows only.

    Arguments:
        encoder: a `TableEncoder`, `TextEncoder` or `FlatImages`; None where rows are plain numbers `(N, F)` already.
        model: any estimator of this package; it sees transformed rows.
        text_augment: settings of `augment=text`; copies of the training texts are made before they are transformed.
        validation_fraction: part of the rows that is set aside if the model needs validation rows and none are given.
        random_state: seed of the copies and of that part.
        reduction: a `Reduction` of what the encoder gives, or None.
        target_scale: `log` for a model of numbers that learns the logarithms of positive targets; predictions are numbers again.

    Learned state: `encoder_`, `reduction_` and `model_`, `notes_` (sentences for the user); `classes_` and `runtime_` are the
    model's.
    """

    def __init__(
        self,
        encoder: Any,
        model: Any,
        text_augment: Any = None,
        validation_fraction: float = 0.2,
        random_state: int = 0,
        reduction: Any = None,
        target_scale: str = "none",
    ) -> None:
        self.encoder = encoder
        self.model = model
        self.text_augment = text_augment
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.reduction = reduction
        self.target_scale = target_scale

    def fit(self, X: Any, y: Any, X_val: Any = None, y_val: Any = None, X_unlabeled: Any = None) -> Prepared:
        """Fit the encoder, then the model, on rows `(N, ...)` that the encoder takes and targets `(N,)`.

        `X_unlabeled` `(U, ...)`, encoded alike, reach a model that uses rows without targets; the encoder learns none of them.
        """
        finish(self.fitting(X, y, X_val, y_val, X_unlabeled))
        return self

    def fitting(self, X: Any, y: Any, X_val: Any = None, y_val: Any = None, X_unlabeled: Any = None) -> Stages[None]:
        """`fit`, which stops wherever networks are to be trained."""
        y, y_val = self._scaled(y), None if y_val is None else self._scaled(y_val)
        if X_val is None and self.needs_validation:
            task = "classification" if is_classifier(self.model) else "regression"
            kept, held = hold_out(y, self.validation_fraction, self.random_state, task)  # type: ignore[arg-type]
            X, y, X_val, y_val = X[kept], y[kept], X[held], y[held]
        self.encoder_ = None if self.encoder is None else clone(self.encoder).fit(X, y)
        self.notes_: list[str] = []
        if self.text_augment is not None:
            from sdl_cli.data.augment.texts import augment_texts

            X, rows, notes = augment_texts(X, self.text_augment, self.random_state)
            y = y[rows]
            self.notes_ += notes
        self.model_ = clone(self.model)
        if getattr(self.encoder_, "same_scale", False) and "standardize" in self.model_.get_params(deep=False):
            self.model_.set_params(standardize=False)  # rare terms are small for a reason
        rows, self.reduction_ = self._encoded(X), None
        if self.reduction is not None:
            self.reduction_ = clone(self.reduction).fit(rows, y)
            rows = self.reduction_.transform(rows)
            self._carry_directions(self.reduction_)
        more = {} if X_val is None else {"X_val": self.transform(X_val), "y_val": y_val}
        more |= {} if X_unlabeled is None else {"X_unlabeled": self.transform(X_unlabeled)}
        if hasattr(self.model_, "fitting"):
            self.model_.in_own_unit = self.in_own_unit if self.target_scale == "log" else None
            yield from self.model_.fitting(rows, y, **more)
        else:
            self.model_.fit(rows, y, **more)
        self.notes_ += getattr(self.model_, "notes_", [])

    def _scaled(self, y: Any) -> Array:
        """Targets as the model learns them. Raises ValueError: a logarithm of what is not positive."""
        targets = np.asarray(y)
        if self.target_scale == "none":
            return targets
        if not (targets > 0).all():
            raise ValueError("targets must be positive to learn their logarithms")
        return np.asarray(np.log(targets))

    def _carry_directions(self, reduction: Any) -> None:
        """Known directions of columns, to the places that a selection has brought these columns to."""
        signs = self.model_.get_params(deep=False).get("monotone")
        if signs is not None:
            whole = np.zeros(reduction.num_inputs_, np.int64)
            whole[: len(signs)] = signs
            self.model_.set_params(monotone=tuple(whole[reduction.kept_].tolist()))

    def _encoded(self, X: Any) -> Array:
        return np.asarray(X) if self.encoder_ is None else self.encoder_.transform(X)

    def transform(self, X: Any) -> Array:
        """Rows as the model sees them, `(N, D)`."""
        check_is_fitted(self, "model_")
        rows = self._encoded(X)
        return rows if self.reduction_ is None else np.asarray(self.reduction_.transform(rows))

    def num_columns(self, X: Any, y: Any) -> int:
        """How many numbers a row of these training rows is before it is reduced."""
        return int(np.shape(X)[1] if self.encoder is None else clone(self.encoder).fit(X, y).transform(X[:1]).shape[1])

    def predict(self, X: Any) -> Array:
        """The model's predictions `(N,)`."""
        rows = self.transform(X)  # says first whether it was fitted
        return self.in_own_unit(np.asarray(self.model_.predict(rows)))

    def in_own_unit(self, outputs: Array) -> Array:
        """Numbers `(N,)` that the model predicts, in the target's own unit; probabilities `(N, K)` as they are."""
        return np.exp(np.clip(outputs, -MOST_LOG, MOST_LOG)) if self.target_scale == "log" else outputs

    @available_if(lambda self: hasattr(self.model, "outputs_of_features"))  # type: ignore[untyped-decorator]
    def outputs_of_features(self, features: Array) -> Array:
        """What the model, a probe, predicts of frozen features `(N, D)`."""
        return self.in_own_unit(self.model_.outputs_of_features(features))

    @available_if(lambda self: hasattr(self.model, "predict_proba"))  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Array:
        """The model's class probabilities `(N, K)`, in the order of `classes_`."""
        rows = self.transform(X)
        return np.asarray(self.model_.predict_proba(rows))

    def score(self, X: Any, y: Any) -> float:
        """Accuracy, or R2 of a regressor, as scikit-learn's own tools expect it."""
        from sklearn.metrics import accuracy_score, r2_score

        return float((accuracy_score if is_classifier(self) else r2_score)(y, self.predict(X)))

    @property
    def classes_(self) -> Array:
        return np.asarray(self.model_.classes_)

    @property
    def runtime_(self) -> Any:
        return self.model_.runtime_

    @property
    def needs_validation(self) -> bool:
        return bool(self.model.needs_validation)

    def image_size(self) -> tuple[int, str] | None:
        return None

    def filled_training(self, modality: str, num_rows: int) -> Any:
        """The training settings of the model, a network, with none left open; see `NetworkEstimator`."""
        return self.model.filled_training(modality, num_rows)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        for name in ("estimator_type", "classifier_tags", "regressor_tags"):
            setattr(tags, name, getattr(get_tags(self.model), name))
        return tags
