"""A forest whose trees are asked one by one, against its own prediction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)

from sdl_cli.learning.models.baseline import Baseline
from sdl_cli.learning.models.trees import forest_from_arrays, forest_to_arrays, walked

IRIS, DIABETES = load_iris(return_X_y=True), load_diabetes(return_X_y=True)


@pytest.mark.parametrize(
    "forest", [RandomForestClassifier(20, random_state=0), ExtraTreesClassifier(20, random_state=0)], ids=str
)
def test_shares_of_classes_are_those_of_the_forest_bit_for_bit(forest: Any) -> None:
    X, y = IRIS
    forest.fit(X[::2], y[::2])
    stored = forest_from_arrays(
        forest_to_arrays(forest), "forest" if isinstance(forest, RandomForestClassifier) else "extra_trees", forest.classes_, 4
    )
    for of in (forest, stored):
        for rows in (X[:1], X, X[:0], np.asfortranarray(X)):
            found = walked(of, rows)
            assert found is not None and found.dtype == np.float64
            assert np.array_equal(found, forest.predict_proba(rows) if len(rows) else np.zeros((0, 3)))


@pytest.mark.parametrize("forest", [RandomForestRegressor(20, random_state=0), ExtraTreesRegressor(20, random_state=0)], ids=str)
def test_means_are_those_of_the_forest_bit_for_bit(forest: Any) -> None:
    X, y = DIABETES
    forest.fit(X[::2], y[::2])
    assert np.array_equal(walked(forest, X), forest.predict(X))


def test_what_the_forest_must_check_itself_is_left_to_it() -> None:
    X, y = IRIS
    forest = RandomForestClassifier(3, random_state=0).fit(X, y)
    for wrong in (np.nan, np.inf, 1e39):
        rows = X[:2].copy()
        rows[1, 2] = wrong
        assert walked(forest, rows) is None
    assert walked(forest, X[:, :3]) is None
    assert walked(RandomForestClassifier(3).fit(X, np.c_[y, y]), X) is None
    assert walked(GradientBoostingClassifier(n_estimators=2).fit(X, y), X) is None
    model = Baseline(num_trees=3).fit(X, y)
    with np.errstate(over="ignore"), pytest.raises(ValueError, match="infinity or a value too large"):
        model.predict_proba(np.full((1, 4), 1e39))
    assert np.array_equal(model.predict_proba(X), model.model_.predict_proba(X))
