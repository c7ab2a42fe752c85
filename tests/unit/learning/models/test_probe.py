"""The head on frozen features: which scaling it takes, and that its outputs are those of scikit-learn on scaled features."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import normalize

from sdl_cli.learning.models.feature_scaling import SCALINGS, scales
from sdl_cli.learning.models.probe import GRID, fit_probe
from sdl_cli.learning.models.reduction import Reduction


def directions(num: int, num_classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows `(N, 30)` whose class is in their direction, while their lengths differ tenfold by chance, and classes `(N,)`."""
    rng = np.random.default_rng(seed)
    y = np.arange(num) % num_classes
    X = rng.normal(1, 1, (num, 30))
    X[np.arange(num), y] += 3
    return X * rng.uniform(0.1, 1, (num, 1)), y


def lengths(num: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose class is in their length alone."""
    rng = np.random.default_rng(0)
    y = np.arange(num) % 2
    return normalize(rng.normal(1, 0.3, (num, 30))) * (1 + y[:, None] + rng.normal(0, 0.1, (num, 1))), y


@pytest.mark.parametrize("num_classes", [2, 3])
def test_unit_is_scikit_learns_on_rows_of_one_length(num_classes: int) -> None:
    X, y = directions(60, num_classes)
    head = fit_probe(X, y, 1, True, 0, scaling="unit")
    assert head.length == pytest.approx(np.linalg.norm(X, axis=1).mean())
    rows = normalize(X) * head.length
    z = (rows - rows.mean(axis=0)) / scales(rows, 1, "unit")
    expected = LogisticRegression(C=head.c, tol=1e-8, max_iter=2000).fit(z, y).predict_proba(z)
    np.testing.assert_allclose(softmax(head.outputs(X), axis=1), expected, atol=1e-3)
    np.testing.assert_allclose(head.outputs(5 * X), head.outputs(X), atol=1e-9, err_msg="length tells it nothing")


@pytest.mark.parametrize("scaling", ["standardize", "common", "shrink"])
def test_other_scalings_are_folded_into_the_head(scaling: str) -> None:
    X, y = directions(60, 3)
    head = fit_probe(X, y, 1, True, 0, scaling=scaling)
    assert head.length is None and head.scaling == scaling and head.c in GRID
    z = (X - X.mean(axis=0)) / scales(X, 1, scaling)
    expected = LogisticRegression(C=head.c, tol=1e-8, max_iter=2000).fit(z, y).predict_proba(z)
    weight, bias, _ = head
    np.testing.assert_allclose(softmax(X @ weight.T + bias, axis=1), expected, atol=1e-3)


def test_numbers_get_a_ridge_on_scaled_features() -> None:
    X, _ = directions(60, 2)
    y = normalize(X)[:, 0] * 3
    head = fit_probe(X, y, 1, False, 0, scaling="unit")
    rows = normalize(X) * head.length
    z = (rows - rows.mean(axis=0)) / scales(rows, 1, "unit")
    np.testing.assert_allclose(head.outputs(X)[:, 0], Ridge(1 / head.c).fit(z, y).predict(z))


def test_auto_takes_one_length_unless_lengths_tell_the_classes() -> None:
    assert fit_probe(*directions(40, 2), 1, True, 0, scaling="auto").scaling == "unit"
    assert fit_probe(*lengths(40), 1, True, 0, scaling="auto").scaling == "shrink"
    X, y = lengths(40)
    assert fit_probe(X, np.linalg.norm(X, axis=1), 1, False, 0, scaling="auto").scaling == "shrink"
    alike = normalize(directions(40, 2)[0]) * 3
    tie, other = (fit_probe(alike, directions(40, 2)[1], 1, True, 0, scaling=scaling) for scaling in ("auto", "shrink"))
    assert tie.scaling == "unit"
    np.testing.assert_allclose(tie.outputs(alike), other.outputs(alike), atol=1e-6)


@pytest.mark.parametrize("tempered", [False, True])
def test_auto_is_the_same_head_as_the_scaling_that_it_takes(tempered: bool) -> None:
    X, y = directions(40, 2)
    found, same = (fit_probe(X, y, 1, True, 0, tempered, scaling) for scaling in ("auto", "unit"))
    assert found.scaling == "unit"
    np.testing.assert_array_equal(found.outputs(X), same.outputs(X))


def test_nothing_to_validate_on_takes_the_first() -> None:
    X, y = directions(5, 2)
    head = fit_probe(X[[0, 1, 2, 4]], y[[0, 1, 2, 4]], 1, True, 0, scaling="auto")
    assert head.scaling == "unit" and head.c == GRID[len(GRID) // 2] and np.isfinite(head.outputs(X)).all()


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("method", ["pca", "select"])
def test_a_reduction_comes_after_the_length_and_before_the_scale(scaling: str, method: str) -> None:
    X, y = directions(60, 3)
    unfitted = Reduction(method, 4)
    head = fit_probe(np.concatenate([X, 1.1 * X]), np.tile(y, 2), 2, True, 0, scaling=scaling, reduction=unfitted)
    rows = X if head.length is None else normalize(X) * head.length
    own = Reduction(method, 4).fit(rows, y)
    both = np.concatenate([own.transform(rows), own.transform(rows if head.length else 1.1 * rows)])
    z = (both - both.mean(axis=0)) / scales(both, 2, scaling)
    expected = LogisticRegression(C=head.c, tol=1e-8, max_iter=2000).fit(z, np.tile(y, 2)).predict_proba(z[:60])
    np.testing.assert_allclose(softmax(head.outputs(X), axis=1), expected, atol=1e-3)
    assert head.weight.shape == (3, 30) and not hasattr(unfitted, "num_inputs_")
