"""Targets of any unit: every model learns them alike, through saving, loading and export too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import make_friedman1
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
from sklearn.metrics import r2_score

from sdl_cli.learning.models.baseline import BaselineRegressor
from sdl_cli.learning.models.open_door import SklearnModelRegressor
from sdl_cli.learning.models.storage import load_model, save_model
from sdl_cli.learning.models.target_scale import mean_and_spread, scale_of

X, Y = make_friedman1(120, 6, noise=1.0, random_state=0)
KINDS = ("forest", "extra_trees", "gradient_boosting", "ridge", "svm")
UNITS = (2.0**-100, 2.0**-30, 2.0**40, 2.0**200)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("unit", UNITS)
def test_the_unit_of_the_target_changes_no_prediction(kind: str, unit: float) -> None:
    plain = BaselineRegressor(kind=kind, num_trees=20).fit(X[:80], Y[:80]).predict(X[80:])
    other = BaselineRegressor(kind=kind, num_trees=20).fit(X[:80], Y[:80] * unit).predict(X[80:]) / unit
    assert np.allclose(other, plain, rtol=1e-9)
    assert r2_score(Y[80:], other) > 0.4


@pytest.mark.parametrize("kind", KINDS)
def test_targets_far_from_0_and_close_together_are_learned_too(kind: str) -> None:
    found = BaselineRegressor(kind=kind, num_trees=20).fit(X[:80], Y[:80] + 2.0**33).predict(X[80:]) - 2.0**33
    assert r2_score(Y[80:], found) > 0.4


def test_ordinary_targets_are_learned_as_they_are_to_the_last_bit() -> None:
    for y in (Y, Y * 1e-3, Y * 1e4, Y + 1000):
        assert scale_of(y) is None
    forest = RandomForestRegressor(20, random_state=0, n_jobs=1).fit(X, Y).predict(X)
    assert np.array_equal(BaselineRegressor(num_trees=20).fit(X, Y).predict(X), forest)
    boosting = GradientBoostingRegressor(random_state=0).fit(X, Y).predict(X)
    assert np.array_equal(BaselineRegressor(kind="gradient_boosting").fit(X, Y).predict(X), boosting)


def test_targets_that_are_all_the_same_are_no_case_for_scaling() -> None:
    assert scale_of(np.full(9, 1e-12)) is None
    assert np.allclose(BaselineRegressor(num_trees=3).fit(X[:9], np.full(9, 1e-12)).predict(X[:9]), 1e-12, rtol=1e-9)


@pytest.mark.parametrize("estimator", ["svm.SVR", "ensemble.HistGradientBoostingRegressor", "tree.DecisionTreeRegressor"])
def test_an_opened_estimator_learns_small_targets_unless_its_settings_are_in_their_unit(estimator: str) -> None:
    model = SklearnModelRegressor(estimator=f"sklearn.{estimator}").fit(X, Y * 1e-9)
    assert r2_score(Y, model.predict(X) * 1e9) > 0.5
    assert "unusually large or small" in model.notes_[0]
    own = SklearnModelRegressor(estimator="sklearn.svm.SVR", params={"epsilon": 1e-10, "C": 1e-9}).fit(X, Y * 1e-9)
    assert own.notes_ == [] and own.model_[-1].epsilon == 1e-10


@pytest.mark.parametrize("kind", KINDS)
def test_a_stored_model_predicts_in_the_unit_of_the_target(kind: str, tmp_path: Path) -> None:
    model = BaselineRegressor(kind=kind, num_trees=20).fit(X, Y * 1e-9)
    save_model(model, "baseline", "regression", tmp_path, {"modality": "table", "shape": [4], "classes": []})
    again = load_model(tmp_path)[0].predict(X)
    assert np.array_equal(again, model.predict(X)) or np.allclose(again, model.predict(X), rtol=1e-12)
    assert r2_score(Y, again * 1e9) > 0.5


def test_mean_and_spread_keep_to_numpys_bits_and_reach_further() -> None:
    assert mean_and_spread(Y) == (float(Y.mean()), float(Y.std()))
    assert mean_and_spread(Y * 2.0**-900)[1] == pytest.approx(float(Y.std()) * 2.0**-900, rel=1e-12)


def test_a_network_learns_small_targets() -> None:
    from sdl_cli.learning.models.deep_net import DeepNetRegressor
    from sdl_cli.settings.experiment import Training

    found = []
    for unit in (1.0, 2.0**-30):
        model = DeepNetRegressor(depth=2, width=16, training=Training(epochs=5), device="cpu", num_threads=1)
        found.append(model.fit(X, Y * unit).predict(X) / unit)
    assert np.allclose(*found, rtol=1e-6)
