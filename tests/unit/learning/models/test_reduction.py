"""Reductions against scikit-learn's own and against formulas; what is stored is checked; they learn from training rows alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest, f_classif, f_regression
from sklearn.preprocessing import StandardScaler

from sdl_cli.errors import ConfigError, DataError
from sdl_cli.learning.models.baseline import Baseline, BaselineRegressor
from sdl_cli.learning.models.deep_net import DeepNet
from sdl_cli.learning.models.encoding import TableEncoder
from sdl_cli.learning.models.finetuned_cnn import FinetunedCNN, FinetunedCNNRegressor
from sdl_cli.learning.models.prepared import Prepared
from sdl_cli.learning.models.reduction import FlatImages, Reduction
from sdl_cli.learning.models.storage import load_model, save_model
from sdl_cli.settings import experiment as settings
from sdl_cli.settings.experiment import Training

Array = np.ndarray[Any, Any]
X, Y = load_breast_cancer(return_X_y=True)
NUMBERS = load_diabetes(return_X_y=True)
INPUTS: dict[str, Any] = {"modality": "table", "shape": [30], "classes": ["a", "b"], "features": [f"x{j}" for j in range(30)]}


def test_components_are_those_of_scikit_learn_on_standardised_columns() -> None:
    found = Reduction("pca", 5).fit(X, Y)
    scaled = StandardScaler().fit_transform(X)
    theirs = PCA(5).fit(scaled)
    np.testing.assert_allclose(np.abs(found.transform(X)), np.abs(theirs.transform(scaled)), rtol=1e-6, atol=1e-8)
    assert found.variance_fraction_ == pytest.approx(theirs.explained_variance_ratio_.sum())
    raw = Reduction("pca", 2, standardize=False).fit(X, Y)
    np.testing.assert_allclose(np.abs(raw.transform(X)), np.abs(PCA(2).fit_transform(X)), rtol=1e-6, atol=1e-6)


def test_all_components_keep_every_distance() -> None:
    found = Reduction("pca", standardize=False).fit(X[:20, :6], Y[:20])
    rows = found.transform(X[:20, :6])
    assert rows.shape == (20, 6)
    np.testing.assert_allclose(np.linalg.norm(rows[3] - rows[4]), np.linalg.norm(X[3, :6] - X[4, :6]))


@pytest.mark.parametrize(("data", "classify", "score"), [((X, Y), True, f_classif), (NUMBERS, False, f_regression)])
def test_the_kept_columns_are_those_with_the_largest_f_statistic(data: Any, classify: bool, score: Any) -> None:
    found = Reduction("select", 4, classify=classify).fit(*data)
    theirs = SelectKBest(score, k=4).fit(*data)
    np.testing.assert_array_equal(found.kept_, np.flatnonzero(theirs.get_support()))
    np.testing.assert_allclose(found.scores_, theirs.scores_[found.kept_])
    np.testing.assert_array_equal(found.transform(data[0]), data[0][:, found.kept_])


def test_constant_columns_come_last_and_rank_adds_no_noise() -> None:
    rng = np.random.default_rng(0)
    rows = np.column_stack([np.ones(30), rng.normal(size=30), np.arange(30) % 2, np.full(30, 0.1)])
    assert Reduction("select", 2).fit(rows, np.arange(30) % 2).kept_.tolist() == [1, 2]
    doubled = np.column_stack([rows, rows[:, 1]])
    found = Reduction("pca", 5).fit(doubled, np.arange(30) % 2).transform(doubled)
    assert (found[:, 2:] == 0).all(), "a direction without variance is 0, not rounding"
    assert Reduction("select", 2).fit(rows, np.zeros(30)).kept_.tolist() == [0, 1], "one class tells nothing"


@pytest.mark.parametrize(
    ("method", "number", "shape", "message", "hint"),
    [
        ("pca", 31, (455, 30), "reduce.num_components=31: there are 30 columns and 455 rows", "reduce.num_components=30 or less"),
        ("pca", 20, (20, 30), "which have at most 19 components", "reduce.num_components=19"),
        ("select", 5, (9, 4), "reduce.num_features=5: there are 4 columns.", "reduce.num_features=4"),
    ],
)
def test_more_than_there_can_be_is_refused_with_the_largest(
    method: str, number: int, shape: tuple[int, int], message: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        Reduction(method, number).check(*shape)
    assert message in caught.value.message and hint in caught.value.hint
    Reduction(method, Reduction(method).largest(*shape)).check(*shape)


@pytest.mark.parametrize("method", ["pca", "select"])
def test_a_folded_head_answers_as_the_head_behind_the_reduction(method: str) -> None:
    rng = np.random.default_rng(1)
    found = Reduction(method, 3).fit(X, Y)
    weight, bias = rng.normal(size=(2, 3)), rng.normal(size=2)
    whole, moved = found.folded(weight, bias)
    assert whole.shape == (2, 30)
    np.testing.assert_allclose(X @ whole.T + moved, found.transform(X) @ weight.T + bias, atol=1e-6)


@pytest.mark.parametrize("method", ["pca", "select"])
@pytest.mark.parametrize(
    ("encoder", "model"),
    [
        (None, Baseline(kind="logistic")),
        (TableEncoder((0,) * 30), Baseline(num_trees=5)),
        (None, DeepNet(depth=1, width=8, training=Training(epochs=2))),
    ],
    ids=lambda part: type(part).__name__,
)
def test_a_stored_model_predicts_the_same_to_the_last_bit(method: str, encoder: Any, model: Any, tmp_path: Path) -> None:
    whole = Prepared(encoder, model, reduction=Reduction(method, 4)).fit(X, Y)
    name = "deep_net" if isinstance(model, DeepNet) else "baseline"
    save_model(whole, name, "classification", tmp_path, INPUTS)
    loaded, _ = load_model(tmp_path)
    np.testing.assert_array_equal(loaded.predict_proba(X), whole.predict_proba(X))
    np.testing.assert_array_equal(loaded.transform(X), whole.transform(X))
    assert whole.model_.n_features_in_ == 4


def test_flattened_images_are_reduced_and_stored(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 255, (20, 1, 12, 12)).astype(np.uint8)
    whole = Prepared(FlatImages(6), Baseline(kind="logistic", max_px=6), reduction=Reduction("pca", 3, False))
    whole.fit(images, np.arange(20) % 2)
    inputs = INPUTS | {"modality": "image", "shape": [1, 12, 12]}
    save_model(whole, "baseline", "classification", tmp_path, inputs)
    assert whole.reduction_.num_inputs_ == 36 and whole.num_columns(images, None) == 36
    np.testing.assert_array_equal(load_model(tmp_path)[0].predict_proba(images), whole.predict_proba(images))


DAMAGE: dict[str, tuple[str, Any]] = {
    "kept beyond the columns": ("select", lambda a: a | {"reduction.kept": np.array([0, 1, 2, 30])}),
    "kept below 0": ("select", lambda a: a | {"reduction.kept": np.array([-1, 1, 2, 3])}),
    "kept twice": ("select", lambda a: a | {"reduction.kept": np.array([1, 1, 2, 3])}),
    "kept as fractions": ("select", lambda a: a | {"reduction.kept": np.array([0.0, 1.0, 2.0, 3.0])}),
    "fewer kept than the model takes": (
        "select", lambda a: a | {"reduction.kept": np.array([1, 2]), "reduction.scores": np.ones(2)}
    ),
    "no mean": ("pca", lambda a: {k: v for k, v in a.items() if k != "reduction.mean"}),
    "a mean of another length": ("pca", lambda a: a | {"reduction.mean": np.zeros(3)}),
    "components that are no numbers": ("pca", lambda a: a | {"reduction.components": a["reduction.components"] * np.nan}),
    "components in another shape": ("pca", lambda a: a | {"reduction.components": a["reduction.components"].ravel()}),
}  # fmt: skip


@pytest.mark.parametrize("how", DAMAGE)
def test_a_crafted_reduction_is_refused(how: str, tmp_path: Path) -> None:
    method, damage = DAMAGE[how]
    whole = Prepared(None, Baseline(kind="logistic"), reduction=Reduction(method, 4)).fit(X, Y)
    save_model(whole, "baseline", "classification", tmp_path, INPUTS)
    save_file(damage(load_file(tmp_path / "preparation.safetensors")), tmp_path / "preparation.safetensors")
    with pytest.raises(DataError, match="stored reduction"):
        load_model(tmp_path)


def test_it_learns_from_training_rows_alone() -> None:
    kept, held = np.arange(300), np.arange(300, len(X))
    net = DeepNet(depth=1, width=4, training=Training(epochs=2, select="best"))
    whole = Prepared(None, net, reduction=Reduction("pca", 3)).fit(X[kept], Y[kept], X[held] * 1000, Y[held])
    np.testing.assert_allclose(whole.reduction_.mean_, X[kept].mean(axis=0))


@pytest.mark.parametrize(
    "reduce", [settings.PCA(num_components=3), settings.Select(num_features=3)], ids=lambda value: value.name
)
@pytest.mark.parametrize("kind", [FinetunedCNN, FinetunedCNNRegressor])
def test_a_probe_folds_its_reduction_into_its_head(kind: Any, reduce: Any) -> None:
    images = np.random.default_rng(0).integers(0, 255, (24, 3, 32, 32)).astype(np.uint8)
    y = np.arange(24) % 3 if kind is FinetunedCNN else np.linspace(0, 1, 24)
    own = {"weights": "none", "strategy": "probe", "image_size_px": 32, "precision": "float32", "reduce": reduce}
    probe = kind(**own).fit(images, y)
    weight = probe.networks_[0].head.weight.detach().double().numpy()
    assert np.linalg.matrix_rank(weight - weight.mean(0) * (kind is FinetunedCNN), tol=1e-4) <= 3
    assert probe.reduction_.num_outputs == 3 and probe.reduction_.num_inputs_ == weight.shape[1] == probe.num_columns(images, y)
    if reduce.name == "select":
        assert set(np.flatnonzero(np.abs(weight).sum(axis=0))) <= set(probe.reduction_.kept_)


SIGNS = (1, -1, 0)


def made(num: int = 200, noise: float = 1.0) -> tuple[Array, Array]:
    """Rows whose number rises with the first column and falls with the second, under much noise."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(num, 3))
    return rows, rows[:, 0] - rows[:, 1] + noise * rng.normal(size=num)


@pytest.mark.parametrize("kind", ["forest", "extra_trees", "gradient_boosting"])
@pytest.mark.parametrize("task", ["classification", "regression", "tiny numbers"])
def test_predictions_never_go_against_a_known_direction(kind: str, task: str, tmp_path: Path) -> None:
    rows, y = made()
    is_class = task == "classification"
    y = (y > 0).astype(int) if is_class else y * (1e-9 if task == "tiny numbers" else 1.0)
    estimator = Baseline if is_class else BaselineRegressor

    def slopes(model: Any, column: int) -> Array:
        """Changes along the column, for many values of the others; in the target's standard deviations."""
        grid = np.repeat(rows[:40], 30, axis=0)
        grid[:, column] = np.tile(np.linspace(-3, 3, 30), 40)
        answers = model.predict_proba(grid)[:, 1] if is_class else model.predict(grid) / y.std()
        return np.diff(answers.reshape(40, 30), axis=1)

    bound = estimator(kind=kind, num_trees=20, monotone=SIGNS).fit(rows, y)
    free = estimator(kind=kind, num_trees=20).fit(rows, y)
    assert slopes(bound, 0).min() >= -1e-9 and slopes(bound, 1).max() <= 1e-9
    assert slopes(free, 0).min() < -1e-3 and slopes(free, 1).max() > 1e-3, "noise alone would go against it"
    assert slopes(bound, 0).max() > 0.01 and slopes(bound, 2).min() < 0 < slopes(bound, 2).max()
    save_model(bound, "baseline", "classification" if is_class else "regression", tmp_path, INPUTS)
    np.testing.assert_allclose(slopes(load_model(tmp_path)[0], 0), slopes(bound, 0), atol=1e-12)


def test_a_selection_carries_directions_to_their_new_places() -> None:
    rows, y = made()
    rows = np.column_stack([np.random.default_rng(5).normal(size=len(rows)), rows])
    whole = Prepared(None, BaselineRegressor(num_trees=5, monotone=(0, 1, -1)), reduction=Reduction("select", 2, classify=False))
    whole.fit(rows, y)
    assert whole.reduction_.kept_.tolist() == [1, 2] and whole.model_.monotone == (1, -1)


def test_a_model_without_directions_refuses_them() -> None:
    with pytest.raises(ConfigError, match="monotone: logistic cannot be held to a direction"):
        Baseline(kind="logistic", monotone=(1,)).fit(X, Y)
