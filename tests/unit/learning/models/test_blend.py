"""The blend: its mean by hand, the weights of a mixture, and what is stored."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.datasets import load_breast_cancer, load_iris

from sdl_cli.errors import DataError
from sdl_cli.learning.models.baseline import Baseline
from sdl_cli.learning.models.blend import WEIGHTS, Blend, mixture_weights
from sdl_cli.learning.models.pretrained_table import PretrainedTable
from sdl_cli.learning.models.storage import load_model, save_model

FEW = {"num_members": 1, "num_trees": 10, "precision": "float32"}
X, Y = load_iris(return_X_y=True)
INPUTS = {"modality": "table", "shape": [4], "classes": ["a", "b", "c"], "features": list("wxyz"), "columns": [], "source": {}}


@pytest.mark.parametrize(("combine", "weights"), [("weighted", [0.2, 0.1, 0.7]), ("mean", [1 / 3] * 3)])
def test_it_is_the_mean_of_its_parts(combine: str, weights: list[float]) -> None:
    blend = Blend(**FEW, combine=combine).fit(X[::2], Y[::2])
    parts = [Baseline(num_trees=10), Baseline(kind="logistic"), PretrainedTable(num_members=1, precision="float32")]
    mean = np.average([part.fit(X[::2], Y[::2]).predict_proba(X[1::2]) for part in parts], axis=0, weights=weights)
    np.testing.assert_allclose(blend.predict_proba(X[1::2]), mean, atol=1e-12)
    assert blend.weights_.tolist() == pytest.approx(weights)


def test_the_weights_of_a_mixture_have_the_greatest_likelihood() -> None:
    probs = np.random.default_rng(0).uniform(0.05, 0.95, (2, 200))
    probs[0] **= 0.7
    found = mixture_weights(probs)
    best = minimize_scalar(lambda w: -np.log(w * probs[0] + (1 - w) * probs[1]).sum(), bounds=(0, 1), method="bounded")
    assert found[0] == pytest.approx(best.x, abs=2e-3) and found.sum() == pytest.approx(1)
    assert mixture_weights(np.array([[0.9] * 20, [0.1] * 20]))[0] > 0.99


def test_stacking_weighs_parts_by_rows_that_they_have_not_seen() -> None:
    stacked = Blend(**FEW, combine="stacked").fit(X[::2], Y[::2])
    assert stacked.weights_.sum() == pytest.approx(1) and (stacked.weights_ >= 0).all()
    assert not np.allclose(stacked.weights_, WEIGHTS)
    assert (stacked.predict(X[1::2]) == Y[1::2]).mean() > 0.9
    single = Blend(**FEW, combine="stacked").fit(X[[0, 60, 61, 120, 121]], Y[[0, 60, 61, 120, 121]])
    assert single.weights_.tolist() == pytest.approx(WEIGHTS) and "single labelled row" in single.notes_[0]


@pytest.mark.parametrize("classes", [2, 3])
def test_a_stored_blend_answers_to_the_bit(tmp_path: Path, classes: int) -> None:
    rows, y = (X, Y) if classes == 3 else load_breast_cancer(return_X_y=True)
    rows, y = rows[::5, :4], y[::5]
    blend = Blend(**FEW).fit(rows, y)
    save_model(blend, "blend", "classification", tmp_path, INPUTS)
    np.testing.assert_array_equal(load_model(tmp_path)[0].predict_proba(rows), blend.predict_proba(rows))


def test_damaged_parts_are_refused() -> None:
    tensors, values = Blend(**FEW).fit(X[::5], Y[::5]).get_state()
    values = json.loads(json.dumps(values))
    Blend.from_state(tensors, values)
    for name, changed in (
        ("logistic.coef", tensors["logistic.coef"][:, :2]),
        ("logistic.mean", tensors["logistic.mean"].float()),
        ("forest.feature", tensors["forest.feature"] + 9),
        ("context.labels", tensors["context.labels"] * 0),
    ):
        with pytest.raises(DataError):
            Blend.from_state(tensors | {name: changed}, values)
    for weights in ([1.0], [2.0, 0.0, -1.0], [0.5, 0.1, 0.1]):
        with pytest.raises(DataError, match="weights of the blend"):
            Blend.from_state(tensors, {**values, "fitted": values["fitted"] | {"weights": weights}})
