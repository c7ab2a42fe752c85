"""Indices that compiled code would follow: each kind of fitted model as it is, and arrays made here that are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import BaggingClassifier, GradientBoostingRegressor, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier

from sdl_cli.errors import DataError
from sdl_cli.learning.models.stored_arrays import check_histogram_nodes, check_labels, check_machine, check_model
from sdl_cli.learning.models.stored_types import check_file

IRIS, DIABETES = load_iris(return_X_y=True), load_diabetes(return_X_y=True)
MODELS: list[tuple[Any, Any]] = [
    (DecisionTreeClassifier(), IRIS),
    (RandomForestClassifier(3), IRIS),
    (BaggingClassifier(max_features=0.5, n_estimators=3), IRIS),
    (GradientBoostingRegressor(n_estimators=3), DIABETES),
    (HistGradientBoostingClassifier(max_iter=3), IRIS),
    (KNeighborsClassifier(algorithm="kd_tree"), IRIS),
    (KNeighborsRegressor(algorithm="ball_tree", metric="manhattan"), DIABETES),
    (KNeighborsClassifier(algorithm="brute"), IRIS),
    (SVC(), IRIS),
    (SVC(kernel="poly"), (IRIS[0][:100], IRIS[1][:100])),
    (SVR(), DIABETES),
]


@pytest.mark.parametrize(("model", "data"), MODELS, ids=lambda v: str(v)[:50] if not isinstance(v, tuple) else "")
def test_honest_models_pass_and_predict_the_same(model: Any, data: Any) -> None:
    X, y = data
    content = skops.io.dumps(model.fit(X, y))
    loaded = skops.io.loads(content, trusted=check_file(content))
    check_model(loaded, X.shape[1])
    assert np.array_equal(loaded.predict(X), model.predict(X))
    with pytest.raises(DataError, match="columns"):
        check_model(loaded, X.shape[1] + 1)


def test_a_tree_made_for_other_columns_than_its_forest_is_refused() -> None:
    X, y = IRIS
    forest = RandomForestClassifier(2, random_state=0).fit(X, y)
    forest.estimators_[1] = DecisionTreeClassifier().fit(np.c_[X, X], y)
    with pytest.raises(DataError, match="different columns|columns that it does not take"):
        check_model(forest, 4)
    owner = DecisionTreeClassifier().fit(X, y)
    owner.n_features_in_ = 4
    owner.tree_ = DecisionTreeClassifier().fit(np.c_[X, X], y).tree_
    with pytest.raises(DataError, match="different columns|columns that it does not take"):
        check_model(owner, 4)


def test_search_trees_are_built_anew_and_stored_threads_are_not_believed() -> None:
    X, y = IRIS
    model = KNeighborsClassifier(algorithm="kd_tree", n_jobs=7).fit(X, y)
    before, found = model._tree, model.predict_proba(X)
    check_model(model, 4)
    assert model._tree is not before and model.n_jobs is None
    assert np.array_equal(model.predict_proba(X), found)
    model.leaf = before
    with pytest.raises(DataError, match="search tree"):
        check_model(model, 4)


NODE = np.dtype(
    [
        ("is_leaf", "u1"),
        ("left", "<u4"),
        ("right", "<u4"),
        ("feature_idx", "<i8"),
        ("is_categorical", "u1"),
        ("bitset_idx", "<u4"),
    ]
)
CATEGORICAL = np.array([False, True])
BITSETS = np.zeros((1, 8), np.uint32)


def histogram(**changes: int) -> np.ndarray:
    """A root that splits a category, an inner node that splits a number, and three leaves."""
    made = np.array(
        [(0, 1, 4, 1, 1, 0), (0, 2, 3, 0, 0, 0), (1, 0, 0, 0, 0, 0), (1, 0, 0, 0, 0, 0), (1, 0, 0, 0, 0, 0)], dtype=NODE
    )
    for key, value in changes.items():
        name, _, row = key.rpartition("_at_")
        made[name][int(row)] = value
    return made


def test_a_histogram_tree_is_followed_only_where_it_is_one() -> None:
    check_histogram_nodes(histogram(), CATEGORICAL, BITSETS)
    crafted = [
        histogram(left_at_0=5), histogram(right_at_0=2**32 - 1), histogram(left_at_1=1), histogram(left_at_1=0),
        histogram(feature_idx_at_1=2), histogram(feature_idx_at_1=-1), histogram(bitset_idx_at_0=1),
        histogram(is_categorical_at_1=1), histogram()[:4], histogram()[:0], np.zeros(3),
    ]  # fmt: skip
    for made in crafted:
        with pytest.raises(DataError):
            check_histogram_nodes(made, CATEGORICAL, BITSETS)
    for bitsets in (np.zeros((0, 8), np.uint32), np.zeros((1, 7), np.uint32), np.zeros((1, 8), np.int64)):
        with pytest.raises(DataError):
            check_histogram_nodes(histogram(), CATEGORICAL, bitsets)


def test_labels_of_neighbours_count_classes() -> None:
    check_labels(np.array([0, 1, 2]), 3, 3)
    check_labels(np.array([0.5, -7.0]), 2, None)
    for labels, rows, classes in (([0, 3], 2, 3), ([-1, 0], 2, 3), ([0, 1], 3, 3), ([0.0, 1.0], 2, 3)):
        with pytest.raises(DataError):
            check_labels(np.array(labels), rows, classes)


def machine(**changes: Any) -> dict[str, np.ndarray]:
    made = {
        "_n_support": np.array([2, 1, 2]), "support_": np.arange(5), "support_vectors_": np.zeros((5, 4)),
        "_dual_coef_": np.zeros((2, 5)), "_intercept_": np.zeros(3), "_probA": np.zeros(0), "_probB": np.zeros(3),
    }  # fmt: skip
    return made | changes


def test_a_support_vector_machine_counts_its_vectors() -> None:
    check_machine(machine(), 4, 3)
    for crafted in (
        machine(_n_support=np.array([2, 1, 200])), machine(_n_support=np.array([5])), machine(_n_support=np.array([6, -3, 2])),
        machine(support_=np.arange(4)), machine(support_vectors_=np.zeros((5, 3))), machine(_dual_coef_=np.zeros((1, 5))),
        machine(_dual_coef_=np.zeros((2, 4))), machine(_intercept_=np.zeros(2)), machine(_probA=np.zeros(1)),
    ):  # fmt: skip
        with pytest.raises(DataError):
            check_machine(crafted, 4, 3)
