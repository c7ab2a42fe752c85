"""Penalised linear models for many penalties and parts at once, against scikit-learn's, one at a time."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression, Ridge

from sdl_cli.learning.models.linear_path import Axes, Fitted, logistic_path, ridge_path

STRENGTHS = (1e-3, 0.1, 10.0)


def rows(num: int, num_features: int, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose columns differ in scale and are not centred, and classes that they tell of, but not surely."""
    rng = np.random.default_rng(0)
    y = np.arange(num) % num_classes
    X = rng.normal(size=(num, num_features)) * np.geomspace(0.1, 3, num_features) + 0.3
    X[:, :2] += y[:, None] * [0.5, 1]
    return X, y


def parts(num: int) -> list[np.ndarray]:
    """Three overlapping parts, of different sizes."""
    return [np.flatnonzero(np.arange(num) % 5 != k) for k in (0, 1)] + [np.arange(num)]


def coefficients(axes: Axes, fitted: Fitted, number: int) -> np.ndarray:
    return (axes.directions @ fitted.weights[number]).T


@pytest.mark.parametrize("shape", [(40, 7), (30, 80)], ids=["tall", "wide"])
def test_axes_hold_the_rows(shape: tuple[int, int]) -> None:
    X = rows(*shape, 2)[0]
    axes = Axes.of(X)
    assert axes.rows.shape == (shape[0], min(shape))
    assert np.allclose(axes.rows @ axes.directions.T, X)
    assert np.allclose(axes.directions.T @ axes.directions, np.eye(min(shape)), atol=1e-9)
    assert np.allclose(axes.rows.T @ axes.rows, np.diag(axes.sums))
    assert Axes.of(np.hstack([X, X])).rows.shape[1] == min(shape), "no axis for columns that others make up"


@pytest.mark.parametrize("num_classes", [2, 3])
@pytest.mark.parametrize("shape", [(60, 7), (45, 90)], ids=["tall", "wide"])
def test_logistic_models_are_scikit_learns(shape: tuple[int, int], num_classes: int) -> None:
    X, y = rows(*shape, num_classes)
    axes = Axes.of(X)
    path = list(logistic_path(axes, y, num_classes, parts(len(X)), STRENGTHS, tolerance=1e-8))
    assert len(path) == len(STRENGTHS)
    for strength, fitted in zip(STRENGTHS, path, strict=True):
        outputs = fitted.outputs(axes.rows)
        for number, part in enumerate(parts(len(X))):
            own = LogisticRegression(C=strength, tol=1e-10, max_iter=10_000).fit(X[part], y[part])
            found = expit(outputs[number])[:, 0] if num_classes == 2 else softmax(outputs[number], axis=1)
            expected = own.predict_proba(X)
            assert np.allclose(found, expected[:, 1] if num_classes == 2 else expected, atol=1e-5)
            assert np.allclose(coefficients(axes, fitted, number), own.coef_, atol=1e-4 * np.abs(own.coef_).max())


@pytest.mark.parametrize("shape", [(60, 7), (45, 90)], ids=["tall", "wide"])
def test_ridge_models_are_scikit_learns(shape: tuple[int, int]) -> None:
    X, _ = rows(*shape, 2)
    y = X[:, 0] - 2 * X[:, 1] + np.random.default_rng(1).normal(size=len(X)) + 5
    axes = Axes.of(X)
    for alpha, fitted in zip((0.1, 100.0), ridge_path(axes, y, parts(len(X)), (0.1, 100.0)), strict=True):
        for number, part in enumerate(parts(len(X))):
            own = Ridge(alpha=alpha, solver="svd").fit(X[part], y[part])
            assert np.allclose(fitted.outputs(axes.rows)[number, :, 0], own.predict(X))
            assert np.allclose(coefficients(axes, fitted, number)[0], own.coef_)


def test_separable_classes_and_a_constant_column_end_in_finite_numbers() -> None:
    X = np.repeat([[-1.0, 0.0, 1e3], [1.0, 0.0, 1e3]], 10, axis=0)
    y = np.repeat([0, 1], 10)
    axes = Axes.of(X)
    [fitted] = logistic_path(axes, y, 2, [np.arange(20)], [10.0], tolerance=1e-6)
    probs = expit(fitted.outputs(axes.rows)[0, :, 0])
    own = LogisticRegression(C=10.0, tol=1e-10, max_iter=10_000).fit(X[:, :1], y).predict_proba(X[:, :1])[:, 1]
    assert np.isfinite(fitted.weights).all() and np.allclose(probs, own, atol=2e-3)
