"""The stacked autoencoder: what pretraining changes, and that it reconstructs better layer by layer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_wine

from sdl_cli.learning import loop
from sdl_cli.learning.models.autoencoder import AutoencoderNet, AutoencoderNetRegressor, LayerAutoencoder
from sdl_cli.settings.experiment import Training

QUICK = Training(epochs=3)
FROZEN = Training(epochs=1, learning_rate=1e-9)


def digits(n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    X, y = load_digits(return_X_y=True)
    return (X[:n] * 255 / 16).astype(np.uint8).reshape(-1, 1, 8, 8), y[:n]


@pytest.mark.parametrize("data", [load_wine(return_X_y=True), digits()], ids=["table", "images"])
def test_each_layers_reconstruction_error_falls_and_beats_the_mean(data: tuple[np.ndarray, np.ndarray]) -> None:
    model = AutoencoderNet(pretrain_epochs=15, training=QUICK, precision="float32").fit(*data)
    assert len(model.reconstruction_) == 3
    for layer in model.reconstruction_:
        assert layer["after"] < layer["before"]
        assert layer["after"] < 0.9


def test_without_pretraining_it_is_the_same_network_from_the_same_random_weights() -> None:
    X, y = load_wine(return_X_y=True)
    nets = {}
    for pretrain in (True, False):
        model = AutoencoderNet(pretrain=pretrain, pretrain_epochs=1, training=QUICK)
        model.loss_ = None
        torch.manual_seed(loop.phase_seed(0, "weights fit"))
        nets[pretrain] = model.build_network([X.shape[1]], 3)
    for a, b in zip(nets[True].parameters(), nets[False].parameters(), strict=True):
        assert torch.equal(a, b)
    fitted = AutoencoderNet(pretrain=False, training=QUICK).fit(X, y)
    assert fitted.reconstruction_ == []


def test_pretraining_a_layer_leaves_the_layers_before_it_alone() -> None:
    torch.manual_seed(0)
    model = AutoencoderNet(widths=(8, 4))
    net = model.build_network([5], 2)
    before = net.body.layers[0].map.weight.detach().clone()
    stage = LayerAutoencoder(net, 1, 0.2, 0.0, 0.05)
    stage.train()
    stage(torch.randn(6, 5)).mean().backward()
    assert net.body.layers[0].map.weight.grad is None and torch.equal(before, net.body.layers[0].map.weight)
    assert net.body.layers[1].map.weight.grad is not None


def test_corruption_hides_the_asked_fraction_in_training_alone() -> None:
    torch.manual_seed(0)
    net = AutoencoderNet(widths=(8,)).build_network([50], 2)
    stage = LayerAutoencoder(net, 0, 0.3, 0.0, 0.05)
    seen = {}
    stage.reconstruct = lambda clean, given: (seen.update(given=given) or clean, given)  # type: ignore[method-assign]
    x = torch.rand(200, 50) + 1
    stage.train()
    stage(x)
    assert float((seen["given"] == 0).float().mean()) == pytest.approx(0.3, abs=0.02)
    stage.eval()
    stage(x)
    assert torch.equal(seen["given"], x)


def test_the_sparsity_penalty_is_the_kullback_leibler_sum() -> None:
    net = AutoencoderNet(widths=(3,), sparsity_weight=1.0).build_network([4], 2)
    x = torch.randn(10, 4)
    plain = LayerAutoencoder(net, 0, 0.0, 0.0, 0.1).eval()
    sparse = LayerAutoencoder(net, 0, 0.0, 2.0, 0.1).eval()
    sparse.decoder = plain.decoder
    mean = net.body.layers[0](x).mean(0).detach().double().numpy()
    expected = 2 * sum(0.1 * np.log(0.1 / m) + 0.9 * np.log(0.9 / (1 - m)) for m in mean)
    assert torch.allclose(sparse(x) - plain(x), torch.full((10,), float(expected)), atol=1e-4)


def test_sparse_units_are_mostly_off() -> None:
    X, y = load_wine(return_X_y=True)
    activity = {}
    for weight in (1e-9, 1.0):
        model = AutoencoderNet(
            widths=(32,), sparsity_weight=weight, pretrain_learning_rate=0.02, pretrain_epochs=40, training=FROZEN
        )
        model.fit(X, y)
        inputs = torch.from_numpy(((X - model.mean_) / model.scale_).astype(np.float32))
        activity[weight] = model.networks_[0].body.layers[0](inputs).detach().mean(0)
    target = torch.full((32,), 0.05)
    assert (activity[1.0] - target).abs().mean() < (activity[1e-9] - target).abs().mean() / 2


def test_unlabelled_rows_are_used_and_named() -> None:
    X, y = load_wine(return_X_y=True)
    notices: list[str] = []
    with loop.context(loop.Context(on_notice=notices.append)):
        with_more = AutoencoderNet(pretrain_epochs=2, training=QUICK).fit(X[:100], y[:100], X_unlabeled=X[100:])
    without = AutoencoderNet(pretrain_epochs=2, training=QUICK).fit(X[:100], y[:100])
    assert "The autoencoder was also pretrained on 78 unlabelled rows." in notices
    assert not np.array_equal(with_more.predict_proba(X), without.predict_proba(X))
    with pytest.raises(ValueError, match="features"):
        AutoencoderNet(training=QUICK).fit(X, y, X_unlabeled=X[:, :5])


def test_regression_and_odd_image_sides() -> None:
    X = np.random.default_rng(0).integers(0, 255, (30, 3, 21, 21)).astype(np.uint8)
    y = X.mean((1, 2, 3))
    model = AutoencoderNetRegressor(widths=(4, 4), pretrain_epochs=1, training=QUICK, precision="float32").fit(X, y)
    assert model.predict(X).shape == (30,)
