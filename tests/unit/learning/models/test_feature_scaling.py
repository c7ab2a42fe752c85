"""Scalings of frozen features, against sums written out one by one."""

from __future__ import annotations

import numpy as np
import pytest

from sdl_cli.learning.models.feature_scaling import SCALINGS, at_length, mean_length, scales, shrinkage


def sparse(num: int = 12, num_features: int = 7) -> np.ndarray:
    """Rows of features at least 0, of very different spread, most of them 0, as those after a ReLU; the last is constant."""
    rng = np.random.default_rng(0)
    X = np.maximum(rng.normal(-0.3, 1, (num, num_features)), 0) * np.geomspace(0.01, 5, num_features)
    X[:, -1] = 2.5
    return X


def test_rows_are_brought_to_one_length() -> None:
    rows = np.array([[3.0, 4.0], [0.0, 0.0], [0.6, 0.8]])
    assert mean_length(rows) == pytest.approx(2.0)
    np.testing.assert_allclose(at_length(rows, 2.0), [[1.2, 1.6], [0, 0], [1.2, 1.6]])
    assert mean_length(np.zeros((3, 2))) == 1.0


@pytest.mark.parametrize("scaling", SCALINGS)
def test_the_mean_variance_is_1_and_a_constant_stays_finite(scaling: str) -> None:
    X = sparse()
    variances = X.var(axis=0) / scales(X, 1, scaling) ** 2
    of = variances[:-1] if scaling == "standardize" else variances  # a constant one has no scale of its own
    assert of.mean() == pytest.approx(1.0)
    assert (scales(np.full((4, 3), 7.0), 1, scaling) == 1).all()


def test_standardize_and_common_are_standard_deviations() -> None:
    X = sparse()
    np.testing.assert_allclose(scales(X, 1, "standardize")[:-1], X.std(axis=0)[:-1])
    np.testing.assert_allclose(scales(X, 1, "common"), np.sqrt(X.var(axis=0).mean()))


def test_the_shrinkage_is_opgen_rheins_and_strimmers_and_goes_to_the_mean() -> None:
    X = sparse()
    n = len(X)
    chance = distance = 0.0
    w = (X - X.mean(axis=0)) ** 2
    v = w.mean(axis=0)
    for k in range(X.shape[1]):
        chance += sum((w[i, k] - w[:, k].mean()) ** 2 for i in range(n)) / (n - 1) / n
        distance += (v[k] - v.mean()) ** 2
    assert 0 < chance / distance < 1
    assert shrinkage(X, 1) == pytest.approx(chance / distance)
    shrunken = np.sqrt((1 - chance / distance) * v + chance / distance * v.mean())
    np.testing.assert_allclose(scales(X, 1, "shrink") / shrunken, np.sqrt((v / shrunken**2).mean()))
    np.testing.assert_array_equal(scales(X, 1, "unit"), scales(X, 1, "shrink"))


def test_the_more_images_the_less_is_shrunken_and_views_are_no_images() -> None:
    few, many = sparse(10), sparse(2000)
    assert shrinkage(many, 1) < 0.05 < shrinkage(few, 1)
    assert shrinkage(np.concatenate([few, few, few]), 3) == pytest.approx(shrinkage(few, 1))
    alike = np.random.default_rng(0).normal(size=(20, 500))  # all variances are the same: their differences are chance
    assert shrinkage(alike, 1) > 0.8
    assert shrinkage(few[:1], 1) == shrinkage(np.ones((5, 3)), 1) == 1.0
