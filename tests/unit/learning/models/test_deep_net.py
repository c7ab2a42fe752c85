"""The deep net: shapes, sizes, ensembles, losses, and results that can be checked."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from torch import nn

from sdl_cli.data.augment.policies import FlipCrop, Noise
from sdl_cli.errors import ConfigError
from sdl_cli.learning.losses import Cosine, CrossEntropy, Huber
from sdl_cli.learning.models.deep_net import MLP, DeepNet, DeepNetRegressor, PlainNet, ResNet
from sdl_cli.settings.experiment import Training

QUICK = Training(epochs=15, learning_rate=0.01)


def squares(n: int = 60, side: int = 8, channels: int = 1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Bright squares in the left or the right half, in noise."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 60, (n, channels, side, side)).astype(np.uint8)
    y = np.arange(n) % 2
    for i in range(n):
        left = (side // 2) * y[i]
        X[i, :, 2:5, left + 1 : left + 3] = 220
    return X, y


def test_the_mlp_has_the_layers_of_the_paper() -> None:
    net = MLP(13, 10, 100, 0.15)
    linears = [m for m in net.modules() if isinstance(m, nn.Linear)]
    assert len(linears) == 10 and all(m.out_features == 100 for m in linears)
    assert sum(isinstance(m, nn.ELU) for m in net.modules()) == 10
    assert [m.p for m in net.modules() if isinstance(m, nn.Dropout)] == [0.15] * 10
    he = (2 / 100) ** 0.5
    assert float(linears[5].weight.detach().std()) == pytest.approx(he, rel=0.1)


@pytest.mark.parametrize("depth", [5, 7, 9, 11, 15, 21])
def test_a_resnet_has_the_asked_number_of_weighted_layers(depth: int) -> None:
    net = ResNet(3, (32, 32), depth, 8, 0.0)
    assert sum(isinstance(m, nn.Conv2d) for m in net.modules()) + 1 == depth
    assert net.embedding_size == 64


@pytest.mark.parametrize("side", [4, 8, 28, 33, 64, 100, 224])
@pytest.mark.parametrize("kind", [ResNet, PlainNet])
def test_any_image_size_gives_one_embedding_per_image(side: int, kind: type) -> None:
    net = kind(1, (side, side), 4, 4, 0.1).eval()
    assert net(torch.rand(2, 1, side, side)).shape == (2, net.embedding_size)


@pytest.mark.parametrize("architecture", ["resnet", "plain"])
def test_images_are_learnt(architecture: str) -> None:
    X, y = squares()
    model = DeepNet(architecture=architecture, width=8, training=QUICK, precision="float32").fit(X[:40], y[:40])
    assert (model.predict(X[40:]) == y[40:]).mean() >= 0.95
    probs = model.predict_proba(X[40:])
    assert probs.shape == (20, 2) and np.allclose(probs.sum(1), 1)


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others() -> None:
    X, y = load_iris(return_X_y=True)
    fit = lambda seed: DeepNet(depth=3, width=20, training=QUICK, random_state=seed).fit(X, y).predict_proba(X)  # noqa: E731
    assert np.array_equal(fit(0), fit(0))
    assert not np.array_equal(fit(0), fit(1))


def test_an_ensemble_averages_the_probabilities_of_its_members() -> None:
    X, y = load_iris(return_X_y=True)
    model = DeepNet(depth=2, width=20, num_members=3, training=QUICK).fit(X, y)
    members = []
    for net in model.networks_:
        with torch.no_grad():
            members.append(net(torch.from_numpy(((X - model.mean_) / model.scale_).astype(np.float32))).double().softmax(1))
    assert np.allclose(model.predict_proba(X), torch.stack(members).mean(0).numpy(), atol=1e-6)
    assert not torch.allclose(members[0], members[1], atol=1e-3)


def test_the_table_is_standardised_by_training_rows_alone() -> None:
    X, y = load_iris(return_X_y=True)
    model = DeepNet(depth=1, width=4, training=QUICK).fit(X[:120], y[:120])
    assert np.allclose(model.mean_, X[:120].mean(0)) and np.allclose(model.scale_, X[:120].std(0))


def test_a_constant_column_and_huge_offsets_do_no_harm() -> None:
    X, y = load_iris(return_X_y=True)
    X = np.column_stack([X + 1e9, np.full(len(X), 7.0)])
    model = DeepNet(depth=2, width=32, training=QUICK).fit(X, y)
    assert (model.predict(X) == y).mean() > 0.9


def test_regression_predicts_in_the_targets_unit() -> None:
    X, y = load_diabetes(return_X_y=True)
    model = DeepNetRegressor(depth=2, width=32, training=QUICK).fit(X[:350], y[:350] * 1000 + 1e6)
    predictions = model.predict(X[350:])
    error = np.sqrt(np.mean((predictions - (y[350:] * 1000 + 1e6)) ** 2))
    assert error < 0.95 * (y[350:] * 1000).std()


@pytest.mark.parametrize(
    "loss", [CrossEntropy(label_smoothing=0.1), CrossEntropy(class_weight="balanced"), Cosine(), Cosine(xent_weight=0.1)]
)
def test_every_classification_loss_learns_and_gives_probabilities(loss: object) -> None:
    X, y = load_iris(return_X_y=True)
    model = DeepNet(depth=2, width=32, dropout=0.0, loss=loss, training=QUICK).fit(X, y)
    probs = model.predict_proba(X)
    assert np.allclose(probs.sum(1), 1) and (model.predict(X) == y).mean() > 0.9


def test_the_cosine_temperature_is_fitted_on_validation_and_improves_its_log_loss() -> None:
    from sklearn.metrics import log_loss

    X, y = load_iris(return_X_y=True)
    rng = np.random.default_rng(0)
    order = rng.permutation(150)
    train, val = order[:100], order[100:]
    model = DeepNet(depth=2, width=32, dropout=0.0, loss=Cosine(), training=QUICK).fit(X[train], y[train], X[val], y[val])
    assert model.temperature_ > 1
    fitted = log_loss(y[val], model.predict_proba(X[val]))
    for other in (0.5, 2.0):
        kept, model.temperature_ = model.temperature_, model.temperature_ * other
        assert log_loss(y[val], model.predict_proba(X[val])) >= fitted - 1e-6
        model.temperature_ = kept


def test_balanced_weights_raise_the_recall_of_a_rare_class() -> None:
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(0, 1, (300, 2)), rng.normal(1.2, 1, (20, 2))])
    y = np.repeat([0, 1], [300, 20])
    recall = {}
    for weight in ("none", "balanced"):
        model = DeepNet(depth=1, width=16, dropout=0.0, loss=CrossEntropy(class_weight=weight), training=QUICK).fit(X, y)
        recall[weight] = (model.predict(X[y == 1]) == 1).mean()
    assert recall["balanced"] > recall["none"] + 0.2


def test_huber_is_less_moved_by_outliers_than_mse() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 1))
    y = 3 * X[:, 0]
    y[:10] += 200
    errors = {}
    for name, loss in (("mse", None), ("huber", Huber(delta=0.1))):
        model = DeepNetRegressor(depth=1, width=16, dropout=0.0, loss=loss, training=Training(epochs=60, learning_rate=0.01)).fit(
            X, y
        )
        errors[name] = np.abs(model.predict(X[10:]) - y[10:]).mean()
    assert errors["huber"] < errors["mse"]


def test_misfits_are_errors() -> None:
    X, y = load_iris(return_X_y=True)
    images, labels = squares(10)
    with pytest.raises(ConfigError, match="resnet is for images"):
        DeepNet(architecture="resnet", training=QUICK).fit(X, y)
    with pytest.raises(ConfigError, match="harmonic is for images, seen by convolutions"):
        DeepNet(architecture="mlp", convolution="harmonic", training=QUICK).fit(images, labels)
    with pytest.raises(ConfigError):
        DeepNet(augment=FlipCrop(), training=QUICK).fit(X, y)
    with pytest.raises(ConfigError, match="loss"):
        DeepNetRegressor(loss=CrossEntropy(), training=QUICK).fit(X, y.astype(float))
    with pytest.raises(ValueError, match="uint8"):
        DeepNet(training=QUICK).fit(images.astype(float), labels)
    fitted = DeepNet(width=4, training=QUICK, precision="float32").fit(images, labels)
    with pytest.raises(ValueError, match="trained on"):
        fitted.predict(squares(4, side=16)[0])


def test_scikit_learn_tools_work_on_it() -> None:
    X, y = load_iris(return_X_y=True)
    model = DeepNet(depth=1, width=16, augment=Noise(), training=Training(epochs=5))
    assert clone(model).get_params() == model.get_params()
    assert len(cross_val_score(model, X, y, cv=3)) == 3
    search = GridSearchCV(model, {"width": [4, 16]}, cv=2).fit(X, y)
    assert search.best_estimator_.width == search.best_params_["width"]
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_early_stopping_uses_a_stratified_part_of_the_rows_given() -> None:
    X, y = load_iris(return_X_y=True)
    model = DeepNet(depth=1, width=16, training=Training(epochs=30, learning_rate=0.01, patience=5, select="best"))
    assert model.needs_validation
    assert (model.fit(X, y).predict(X) == y).mean() > 0.8
    assert not DeepNet().needs_validation and DeepNet(loss=Cosine()).needs_validation


def test_defaults_are_filled_by_rows() -> None:
    table = DeepNet().filled_training("table", 142)
    assert (table.epochs, table.batch_size, table.optimizer) == (100, 32, "adam")
    assert DeepNet().filled_training("table", 1437).batch_size == 64
    image = DeepNet().filled_training("image", 500)
    assert (image.epochs, image.batch_size) == (40, 32)
    assert DeepNet(training=Training(epochs=7)).filled_training("image", 500).epochs == 7
    for model in (DeepNet(), DeepNetRegressor()):
        for modality in ("table", "image"):
            filled = model.filled_training(modality, 100)
            empty = [k for k, v in vars(filled).items() if v is None and k != "steps"]
            assert not empty


def test_an_mlp_sees_images_as_rows_of_their_pixels() -> None:
    images, labels = squares(40)
    model = DeepNet(architecture="mlp", depth=2, width=16, dropout=0.0, training=Training(epochs=40, learning_rate=0.01)).fit(
        images, labels
    )
    first = model.networks_[0].body.layers[0]
    assert first.in_features == images[0].size and not model.networks_[0].body.is_chain
    assert model.score(images, labels) > 0.9
