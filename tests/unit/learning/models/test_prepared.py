"""A model behind its preparation is one estimator, and the preparation sees training rows only."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score

from sdl_cli.learning import loop
from sdl_cli.learning.models.baseline import Baseline, BaselineRegressor
from sdl_cli.learning.models.deep_net import DeepNet, DeepNetRegressor
from sdl_cli.learning.models.encoding import TableEncoder
from sdl_cli.learning.models.open_door import SklearnModel
from sdl_cli.learning.models.prepared import Prepared
from sdl_cli.settings.experiment import Training

Array = np.ndarray[Any, Any]
NUM_LEVELS = (0, 3)
NET: dict[str, Any] = {"depth": 1, "width": 8, "training": Training(epochs=3)}


def table(num: int = 60, seed: int = 0) -> tuple[Array, Array]:
    """Rows whose class is their category, but for missing cells."""
    rng = np.random.default_rng(seed)
    X = np.stack([rng.normal(size=num), np.arange(num) % 3], axis=1)
    y = (np.arange(num) % 3 == 0).astype(np.int64)
    X[rng.random(X.shape) < 0.05] = np.nan
    return X, y


class Spy(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Keeps what it is given."""

    def __init__(self, needs_validation: bool = False) -> None:
        self.needs_validation = needs_validation

    def fit(self, X: Array, y: Array, X_val: Array | None = None, y_val: Array | None = None) -> Spy:
        self.classes_, self.given_ = np.unique(y), (X, y, X_val, y_val)
        return self

    def predict(self, X: Array) -> Array:
        return np.repeat(self.classes_[:1], len(X))


@pytest.mark.parametrize(
    "model",
    [Baseline(num_trees=5), BaselineRegressor(num_trees=5), DeepNet(**NET), DeepNetRegressor(**NET)],
    ids=lambda model: type(model).__name__,
)
def test_the_kind_of_the_model_is_its_own(model: Any) -> None:
    prepared = Prepared(TableEncoder(NUM_LEVELS), model)
    assert is_classifier(prepared) == is_classifier(model) and is_regressor(prepared) == is_regressor(model)
    assert hasattr(prepared, "predict_proba") == is_classifier(model)
    assert prepared.needs_validation == model.needs_validation


def test_it_clones_with_its_parts_and_without_what_it_learned() -> None:
    X, y = table()
    prepared = Prepared(TableEncoder(NUM_LEVELS), Baseline(num_trees=5), None, 0.3, 7).fit(X, y)
    copy = clone(prepared)
    assert copy.get_params()["model__num_trees"] == 5 and copy.encoder.num_levels == NUM_LEVELS
    assert (copy.validation_fraction, copy.random_state) == (0.3, 7)
    with pytest.raises(NotFittedError):
        copy.predict(X)
    assert not hasattr(prepared.model, "model_") and not hasattr(prepared.encoder, "medians_"), "its parts stay unfitted"


def test_it_predicts_what_its_parts_predict_one_after_the_other() -> None:
    X, y = table()
    prepared = Prepared(TableEncoder(NUM_LEVELS), Baseline(num_trees=5)).fit(X, y)
    encoder = TableEncoder(NUM_LEVELS).fit(X)
    model = Baseline(num_trees=5).fit(encoder.transform(X), y)
    np.testing.assert_array_equal(prepared.predict_proba(X), model.predict_proba(encoder.transform(X)))
    np.testing.assert_array_equal(prepared.predict(X), model.predict(encoder.transform(X)))
    np.testing.assert_array_equal(prepared.classes_, [0, 1])


def test_scikit_learns_tools_take_it() -> None:
    X, y = table(90)
    prepared = Prepared(TableEncoder(NUM_LEVELS), Baseline(kind="logistic"))
    assert cross_val_score(prepared, X, y, cv=3).min() > 0.85
    assert cross_val_predict(prepared, X, y, cv=3, method="predict_proba").shape == (90, 2)
    search = GridSearchCV(prepared, {"model__c": [1e-4, 1.0], "encoder__min_level_rows": [1, 50]}, cv=3).fit(X, y)
    assert search.best_params_ == {"model__c": 1.0, "encoder__min_level_rows": 1}
    numbers = Prepared(TableEncoder(NUM_LEVELS), BaselineRegressor(kind="ridge"))
    assert cross_val_score(numbers, X, y.astype(float), cv=3).mean() > 0.5


def test_its_score_is_accuracy_or_the_coefficient_of_determination() -> None:
    X, y = table()
    prepared = Prepared(TableEncoder(NUM_LEVELS), Baseline(num_trees=5)).fit(X, y)
    assert prepared.score(X, y) == accuracy_score(y, prepared.predict(X))
    numbers = Prepared(TableEncoder(NUM_LEVELS), BaselineRegressor(num_trees=5)).fit(X, y.astype(float))
    assert numbers.score(X, y) == r2_score(y, numbers.predict(X))


def test_validation_rows_pass_the_encoder_that_training_rows_taught() -> None:
    X, y = table()
    wild = np.full((4, 2), 1e6)
    wild[:, 1] = [0, 1, 2, 3]
    prepared = Prepared(TableEncoder(NUM_LEVELS), Spy()).fit(X, y, wild, y[:4])
    encoder = TableEncoder(NUM_LEVELS).fit(X)
    given = prepared.model_.given_
    np.testing.assert_array_equal(given[0], encoder.transform(X))
    np.testing.assert_array_equal(given[2], encoder.transform(wild))
    np.testing.assert_array_equal(given[3], y[:4])


def test_without_validation_rows_some_are_set_aside_before_the_encoder_learns() -> None:
    X, y = table()
    prepared = Prepared(TableEncoder(NUM_LEVELS), Spy(needs_validation=True), validation_fraction=0.25).fit(X, y)
    rows, targets, held, held_targets = prepared.model_.given_
    assert (len(rows), len(held)) == (45, 15) and len(targets) == 45 and len(held_targets) == 15
    assert np.isclose(held_targets.mean(), y.mean())
    # the encoder knows the 45 rows only: its median is theirs, to which it moves them
    known = rows[rows[:, 1] == 0, 0] if prepared.encoder_.indicated_[0] else rows[:, 0]
    assert np.median(known) == pytest.approx(0, abs=1e-12)
    assert Prepared(TableEncoder(NUM_LEVELS), Spy()).fit(X, y).model_.given_[2] is None


@pytest.mark.parametrize("model", [Baseline(num_trees=5), DeepNet(**NET)], ids=lambda model: type(model).__name__)
def test_outputs_of_training_rows_do_not_depend_on_test_rows(model: Any) -> None:
    X, y = table()
    prepared = Prepared(TableEncoder(NUM_LEVELS), model)
    with loop.context(loop.Context()):
        prepared.fit(X, y)
        before = prepared.predict_proba(X)
        prepared.predict_proba(np.array([[1e300, 3], [np.nan, np.nan], [-1e300, 99]]))
        np.testing.assert_array_equal(prepared.predict_proba(X), before)


def test_any_scikit_learn_estimator_goes_behind_it() -> None:
    X, y = table()
    model = SklearnModel("sklearn.neighbors.KNeighborsClassifier", {"n_neighbors": 1})
    prepared = Prepared(TableEncoder(NUM_LEVELS), model).fit(X, y)
    assert np.isfinite(prepared.predict_proba(X)).all() and prepared.image_size() is None


# the logarithm of the target


def skewed(num: int = 80, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(num, 2))
    return X, np.exp(3 + X[:, 0] + 0.1 * rng.normal(size=num))


def test_a_logarithm_is_learned_and_the_number_predicted() -> None:
    X, y = skewed()
    prepared = Prepared(None, BaselineRegressor(kind="ridge"), target_scale="log").fit(X, y)
    own = BaselineRegressor(kind="ridge").fit(X, np.log(y))
    assert np.array_equal(prepared.predict(X), np.exp(own.predict(X))) and prepared.score(X, y) > 0.95
    assert clone(prepared).target_scale == "log"


def test_validation_targets_are_on_the_same_scale() -> None:
    X, y = skewed()
    prepared = Prepared(None, Spy(), target_scale="log").fit(X, y, X[:5], y[:5])
    assert np.array_equal(prepared.model_.given_[3], np.log(y[:5]))


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan])
def test_a_target_without_a_logarithm_is_refused(bad: float) -> None:
    X, y = skewed()
    y[3] = bad
    with pytest.raises(ValueError, match="must be positive"):
        Prepared(None, BaselineRegressor(kind="ridge"), target_scale="log").fit(X, y)


def test_a_prediction_far_off_is_still_a_number() -> None:
    prepared = Prepared(None, BaselineRegressor(kind="ridge"), target_scale="log").fit(*skewed())
    assert np.isfinite(prepared.predict(np.array([[1e9, 0.0], [-1e9, 0.0]])) ** 2).all()


def test_a_network_is_scored_on_validation_rows_in_the_unit_of_the_target() -> None:
    X, y = skewed()
    training = Training(epochs=2, select="best")
    prepared = Prepared(None, DeepNetRegressor(depth=1, width=8, training=training), target_scale="log")
    with loop.context(loop.Context()) as _:
        prepared.fit(X[:60], y[:60], X[60:], y[60:])
        history = loop.current_context().history
    best = min(history, key=lambda row: row["validation_loss"])
    rmse = float(np.sqrt(np.mean((prepared.predict(X[60:]) - y[60:]) ** 2)))
    assert best["validation_rmse"] == pytest.approx(rmse, rel=1e-4)
