"""The classifier's two sides, the generator's images, and what freezing a network leaves alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from sdl_cli.learning.models.adversarial.networks import (
    Convolutional,
    GaussianNoise,
    Generator,
    TwoSidedHead,
    WeightNormConv2d,
    frozen,
    statistics_kept,
)


def test_a_class_has_the_sum_of_its_two_probabilities() -> None:
    torch.manual_seed(0)
    head, embeddings = TwoSidedHead(5, 3), torch.randn(7, 5)
    both = head.sides(embeddings).softmax(1)
    assert both.shape == (7, 6)
    assert torch.allclose(head(embeddings).softmax(1), both[:, :3] + both[:, 3:], atol=1e-6)


def test_the_filters_have_the_learned_length_and_direction() -> None:
    torch.manual_seed(0)
    layer = WeightNormConv2d(4, 6, stride=2)
    with torch.no_grad():
        layer.length.copy_(torch.arange(1.0, 7.0))
        layer.bias.copy_(torch.arange(6.0))
    x = torch.randn(2, 4, 9, 9)
    v = layer.direction.detach().numpy()
    w = np.stack([v[k] / np.sqrt((v[k] ** 2).sum()) * (k + 1) for k in range(6)])
    wanted = F.conv2d(x, torch.from_numpy(w), torch.arange(6.0), stride=2, padding=1)
    assert torch.allclose(layer(x), wanted, atol=1e-5)


@pytest.mark.parametrize("norm", ["weight", "batch"])
@pytest.mark.parametrize("size", [(32, 32), (8, 8), (5, 9), (3, 3), (1, 1)])
def test_images_of_any_size_are_embedded_and_generated(size: tuple[int, int], norm: str) -> None:
    torch.manual_seed(0)
    body = Convolutional(2, size, 4, norm, 0.1, 0.1)
    generator = Generator((2, *size), 3, 5, 2)
    with torch.no_grad():
        images = generator(torch.randn(4, 5), torch.eye(3)[[0, 1, 2, 0]])
    assert images.shape == (4, 2, *size) and images.dtype == torch.float32
    assert 0 <= float(images.min()) <= float(images.max()) <= 1
    assert body(images).shape == (4, body.embedding_size) == (4, 8)


def test_the_generator_starts_small_and_doubles() -> None:
    assert Generator((3, 32, 32), 10, 100, 128).start == (512, 4, 4)  # the published one
    assert [c.out_channels for c in Generator((3, 32, 32), 10, 100, 128).grow] == [256, 128, 3]
    assert Generator((3, 28, 28), 10, 9, 1).start == (2, 7, 7)
    assert Generator((1, 128, 64), 2, 9, 1).start == (8, 4, 2)


def test_every_layer_of_the_generator_is_told_the_class() -> None:
    generator = Generator((1, 16, 16), 3, 5, 4).eval()
    classes = torch.eye(3)
    assert [conv.in_channels for conv in generator.grow] == [8 + 3, 4 + 3]
    alike = generator(torch.ones(3, 5), classes)
    assert not torch.allclose(alike[0], alike[1])


def test_noise_comes_in_training_alone() -> None:
    torch.manual_seed(0)
    layer, x = GaussianNoise(0.5), torch.zeros(20_000)
    assert float(layer.train()(x).std()) == pytest.approx(0.5, rel=0.03)
    assert torch.equal(layer.eval()(x), x)


def test_a_frozen_network_passes_gradients_on_and_keeps_weights_and_statistics() -> None:
    torch.manual_seed(0)
    net = Convolutional(1, (8, 8), 2, "batch", 0.0, 0.0).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    x = torch.rand(6, 1, 8, 8, requires_grad=True)
    with frozen(net):
        out = net(x)
    out.sum().backward()
    assert x.grad is not None and float(x.grad.abs().sum()) > 0
    assert all(p.grad is None and p.requires_grad for p in net.parameters())
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name]) or "num_batches" in name
    with statistics_kept(net):
        net(x)
    assert torch.equal(net.state_dict()["layers.2.running_mean"], before["layers.2.running_mean"])
    net(x)
    assert not torch.equal(net.state_dict()["layers.2.running_mean"], before["layers.2.running_mean"])
