"""Harmonic convolutions against scipy's cosine transform and torch's convolution; blurred pooling by hand; both in whole networks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.fft import dctn
from torch import nn
from torch.nn import functional as F

from sdl_cli.errors import ConfigError, DataError
from sdl_cli.learning.models.convolutions import MOST_FREQUENCY, BlurPool, Convolutions, HarmonicConv2d, cosine_basis
from sdl_cli.learning.models.deep_net import DeepNet, PlainNet, ResNet
from sdl_cli.learning.models.settings import DeepNetSettings
from sdl_cli.settings.experiment import Training


def test_the_basis_is_that_of_the_orthonormal_cosine_transform() -> None:
    waves = cosine_basis(3, MOST_FREQUENCY).double()
    assert waves.shape == (9, 3, 3)
    flat = waves.flatten(1)
    torch.testing.assert_close(flat @ flat.T, torch.eye(9, dtype=torch.float64), atol=1e-6, rtol=0)
    for wave in waves:  # scipy's transform of a wave is 1 at its own frequencies and 0 elsewhere
        found = np.sort(np.abs(dctn(wave.numpy(), norm="ortho")).ravel())
        np.testing.assert_allclose(found, [0] * 8 + [1], atol=1e-6)
    first, *_, last = (np.abs(dctn(wave.numpy(), norm="ortho")) for wave in waves)
    assert np.unravel_index(first.argmax(), (3, 3)) == (0, 0)
    assert np.unravel_index(last.argmax(), (3, 3)) == (2, 2)


@pytest.mark.parametrize(("most", "count"), [(0, 1), (1, 3), (2, 6), (3, 8), (4, 9)])
def test_frequencies_over_the_maximum_are_left_out(most: int, count: int) -> None:
    waves = cosine_basis(3, most)
    assert len(waves) == count
    for wave in waves:
        rows, columns = np.nonzero(np.abs(dctn(wave.double().numpy(), norm="ortho")) > 1e-6)
        assert rows + columns <= most
    layer = HarmonicConv2d(2, 5, max_frequency=most)
    assert [tuple(p.shape) for p in layer.parameters()] == [(5, 2, count)]
    assert list(layer.state_dict()) == ["coefficients"]  # the basis is not read from a file


@pytest.mark.parametrize("stride", [1, 2])
def test_a_harmonic_convolution_is_the_sum_of_the_responses_to_each_wave(stride: int) -> None:
    torch.manual_seed(0)
    layer, x = HarmonicConv2d(2, 4, stride), torch.randn(3, 2, 7, 6)
    responses = torch.stack(
        [F.conv2d(x.flatten(0, 1)[:, None], wave[None, None], stride=stride, padding=1) for wave in cosine_basis(3, 4)]
    )
    responses = responses[:, :, 0].unflatten(1, (3, 2))
    wanted = torch.einsum("bnihw,oib->nohw", responses, layer.coefficients)
    torch.testing.assert_close(layer(x), wanted, atol=1e-5, rtol=1e-5)


def test_its_filters_start_as_large_as_those_of_a_standard_convolution() -> None:
    torch.manual_seed(0)
    for most in (None, 2):
        layer = HarmonicConv2d(16, 64, max_frequency=most)
        filters = layer.coefficients.detach() @ layer.basis
        assert float(filters.square().sum(2).mean()) == pytest.approx(
            9 * 2 / (64 * 9), rel=0.05
        )  # He: each of 9 weights 2 / fan-out


def test_a_blur_pool_by_hand() -> None:
    x = torch.tensor([[0.0, 0.0, 4.0, 0.0], [0.0] * 4, [8.0] * 4, [8.0] * 4]).view(1, 1, 4, 4)
    pooled = BlurPool(1)(x)
    # one row blurred by 1 2 1 with mirrored edges, then every second: rows 0 and 2 of columns 0 and 2
    wide = (x + torch.cat([x[..., 1:2], x[..., :-1]], 3)) / 4 + (x + torch.cat([x[..., 1:], x[..., -2:-1]], 3)) / 4
    both = (wide + torch.cat([wide[:, :, 1:2], wide[:, :, :-1]], 2)) / 4 + (
        wide + torch.cat([wide[:, :, 1:], wide[:, :, -2:-1]], 2)
    ) / 4
    torch.testing.assert_close(pooled, both[:, :, ::2, ::2])
    assert BlurPool(3)(torch.ones(2, 3, 5, 1)).shape == (2, 3, 3, 1)
    torch.testing.assert_close(BlurPool(3)(torch.ones(2, 3, 6, 7)), torch.ones(2, 3, 3, 4))


@pytest.mark.parametrize("kind", [ResNet, PlainNet])
@pytest.mark.parametrize("side", [4, 7, 28, 33, 100])
def test_an_antialiased_network_halves_as_the_standard_one_does(side: int, kind: type) -> None:
    sizes: dict[str, list[tuple[int, ...]]] = {}
    for convolution in ("standard", "antialiased"):
        net = kind(1, (side, side), 5, 4, 0.0, Convolutions(convolution)).eval()
        sizes[convolution] = []
        for layer in net.layers:
            last = nn.MaxPool2d if convolution == "standard" else BlurPool
            if isinstance(layer, last):
                layer.register_forward_hook(lambda _, __, out, found=sizes[convolution]: found.append(tuple(out.shape)))
        assert net(torch.rand(2, 1, side, side)).shape == (2, net.embedding_size)
    pooled = len(sizes["standard"])
    assert pooled and sizes["antialiased"][-pooled:] == sizes["standard"]


@pytest.mark.parametrize(
    "more", [{"convolution": "harmonic"}, {"convolution": "harmonic", "max_frequency": 2}, {"convolution": "antialiased"}]
)
def test_they_learn_and_are_restored(more: dict[str, object]) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 60, (40, 1, 8, 8)).astype(np.uint8), np.arange(40) % 2
    X[y == 1, :, 2:5, 5:7] += 160
    training = Training(epochs=12, learning_rate=0.01)
    model = DeepNet(width=4, depth=5, training=training, device="cpu", precision="float32", random_state=0, **more).fit(X, y)
    assert model.score(X, y) > 0.9
    tensors, values = model.get_state()
    again = DeepNet.from_state(tensors, values)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    standard = {**values, "params": {**values["params"], "convolution": "standard", "max_frequency": None}}
    if more["convolution"] == "harmonic":
        with pytest.raises(DataError, match="do not match the stored network"):
            DeepNet.from_state(tensors, standard)


def test_misfits_are_errors() -> None:
    with pytest.raises(ConfigError, match="harmonic is for images"):
        DeepNet(convolution="harmonic").fit(np.eye(8), np.arange(8) % 2)
    with pytest.raises(ConfigError, match="standard convolutions have no waves"):
        DeepNetSettings(max_frequency=2).check()
    DeepNetSettings(convolution="harmonic", max_frequency=2).check()
