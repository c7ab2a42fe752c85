"""The baselines against scikit-learn itself."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sdl_cli.errors import ConfigError
from sdl_cli.learning.models.baseline import Baseline, BaselineRegressor

IRIS, DIABETES = load_iris(return_X_y=True), load_diabetes(return_X_y=True)


def test_the_forest_is_scikit_learns_with_the_same_seed() -> None:
    ours = Baseline(num_trees=30, random_state=3).fit(*IRIS).predict_proba(IRIS[0])
    assert np.array_equal(ours, RandomForestClassifier(30, random_state=3, n_jobs=1).fit(*IRIS).predict_proba(IRIS[0]))


def test_logistic_and_ridge_are_scikit_learns_on_standardised_columns() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    reference = make_pipeline(StandardScaler(), LogisticRegression(C=0.5, max_iter=2000)).fit(X, y)
    assert np.array_equal(Baseline(kind="logistic", c=0.5).fit(X, y).predict_proba(X), reference.predict_proba(X))
    reference = make_pipeline(StandardScaler(), Ridge(alpha=2.0)).fit(*DIABETES)
    assert np.array_equal(
        BaselineRegressor(kind="ridge", alpha=2.0).fit(*DIABETES).predict(DIABETES[0]), reference.predict(DIABETES[0])
    )


@pytest.mark.parametrize("kind", ["forest", "extra_trees", "logistic", "svm", "gradient_boosting"])
def test_every_kind_learns_classes_and_gives_probabilities(kind: str) -> None:
    a, b, c, d = train_test_split(*IRIS, stratify=IRIS[1], random_state=0)
    model = Baseline(kind=kind, num_trees=50).fit(a, c)
    assert accuracy_score(d, model.predict(b)) >= 0.86
    assert np.allclose(model.predict_proba(b).sum(1), 1)


@pytest.mark.parametrize("kind", ["forest", "extra_trees", "ridge", "svm", "gradient_boosting"])
def test_every_kind_learns_numbers(kind: str) -> None:
    a, b, c, d = train_test_split(*DIABETES, random_state=0)
    model = BaselineRegressor(kind=kind, num_trees=50).fit(a, c)
    assert mean_squared_error(d, model.predict(b)) < 0.8 * d.var()


def test_a_kind_that_does_not_fit_the_task_names_the_one_that_does() -> None:
    with pytest.raises(ConfigError, match="ridge") as caught:
        Baseline(kind="ridge").fit(*IRIS)
    assert "logistic" in caught.value.hint
    with pytest.raises(ConfigError) as caught:
        BaselineRegressor(kind="logistic").fit(*DIABETES)
    assert "ridge" in caught.value.hint


def test_images_go_in_as_they_are() -> None:
    X, y = load_digits(return_X_y=True)
    images = (X * 255 / 16).astype(np.uint8).reshape(-1, 1, 8, 8)
    model = Baseline(num_trees=50).fit(images[:1400], y[:1400])
    assert model.score(images[1400:], y[1400:]) > 0.85
    assert model.n_features_in_ == 64


def test_a_class_with_one_row_is_no_obstacle() -> None:
    X, y = IRIS[0][:60], IRIS[1][:60].copy()
    y[0] = 9
    for kind in ("forest", "svm", "logistic"):
        assert set(Baseline(kind=kind, num_trees=5).fit(X, y).classes_) == {0, 1, 9}
