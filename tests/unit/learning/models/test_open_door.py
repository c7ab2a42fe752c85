"""The open door: any estimator by its import path, also by one that has moved since it was stored."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris

from sdl_cli.errors import ConfigError
from sdl_cli.learning.models.open_door import SklearnModel, SklearnModelRegressor, import_estimator

IRIS, DIABETES = load_iris(return_X_y=True), load_diabetes(return_X_y=True)


def test_any_estimator_with_its_params() -> None:
    model = SklearnModel(estimator="sklearn.svm.SVC", params={"C": 10, "kernel": "linear"}).fit(*IRIS)
    assert model.model_[-1].C == 10
    assert set(np.unique(model.predict_proba(IRIS[0]))) == {0.0, 1.0}  # SVC names classes only
    assert SklearnModelRegressor(estimator="sklearn.linear_model.Lasso").fit(*DIABETES).predict(DIABETES[0]).shape == (442,)


@pytest.mark.parametrize(("arguments", "message"), [
    ({"estimator": "sklearn.svm.SVCC"}, "cannot be imported"),
    ({"estimator": "nowhere.Thing"}, "cannot be imported"),
    ({"estimator": "SVC"}, "cannot be imported"),
    ({"estimator": "sklearn.metrics.accuracy_score"}, "not an estimator class"),
    ({"estimator": "sklearn.svm.SVC", "params": {"CC": 1}}, "takes no such argument"),
    ({"estimator": "sklearn.linear_model.Ridge"}, "does not predict classes"),
])  # fmt: skip
def test_misfits_are_plain_errors(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SklearnModel(**arguments).fit(*IRIS)


def test_the_seed_is_handed_on() -> None:
    assert SklearnModel(estimator="sklearn.tree.DecisionTreeClassifier", random_state=5).fit(*IRIS).model_[-1].random_state == 5


@pytest.mark.parametrize(("stored", "module"), [
    ("sdl_cli.models.deep_net.DeepNet", "deep_net"),
    ("sdl_cli.models.deep_net.DeepNetRegressor", "deep_net"),
    ("sdl_cli.models.finetuned_cnn.FinetunedCNN", "finetuned_cnn"),
    ("sdl_cli.models.autoencoder.AutoencoderNet", "autoencoder"),
    ("sdl_cli.models.baseline.Baseline", "baseline"),
    ("sdl_cli.models.baseline.SklearnModel", "open_door"),
    ("sdl_cli.models.baseline.SklearnModelRegressor", "open_door"),
    ("sdl_cli.learning.models.deep_net.DeepNet", "deep_net"),
])  # fmt: skip
def test_a_stored_path_is_found_where_the_class_is_today(stored: str, module: str) -> None:
    found = import_estimator(stored)
    assert (found.__module__, found.__name__) == (f"sdl_cli.learning.models.{module}", stored.rpartition(".")[2])


def test_a_stored_path_fits_as_it_did() -> None:
    params = {"kind": "logistic", "c": 0.5}
    old, new = (SklearnModel(f"sdl_cli{room}.models.baseline.Baseline", params).fit(*IRIS) for room in ("", ".learning"))
    assert np.array_equal(old.predict_proba(IRIS[0]), new.predict_proba(IRIS[0]))


def test_what_never_was_there_is_named_as_it_was_given() -> None:
    with pytest.raises(ConfigError, match=r"model.estimator: sdl_cli.models.none.Such cannot be imported"):
        import_estimator("sdl_cli.models.none.Such")
