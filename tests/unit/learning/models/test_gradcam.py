"""Grad-CAM: against a map computed by hand, and which layer it is taken at."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sdl_cli.learning import losses
from sdl_cli.learning.device import Runtime
from sdl_cli.learning.models import gradcam, pretrained
from sdl_cli.learning.models.deep_net import DeepNet
from sdl_cli.learning.models.finetuned_cnn import FinetunedCNN
from sdl_cli.learning.models.network import Network, OneLengthLinear
from sdl_cli.settings.experiment import Training

CPU = Runtime("cpu", "float32", "contiguous", 1, "a test")


class Tiny(nn.Module):
    """Two channels, x and 1 - x, and their means: `(N, 1, H, W)` to `(N, 2)`."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.map = nn.Conv2d(1, 2, 1)
        with torch.no_grad():
            self.map.weight.copy_(torch.tensor([1.0, -1.0]).view(2, 1, 1, 1))
            self.map.bias.copy_(torch.tensor([0.0, 1.0]))
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        out = self.map(x)
        if self.inplace:
            out.mul_(3).div_(3)
        return out.mean((2, 3))


def fitted(net: nn.Module, loss: Any = None) -> Any:
    return SimpleNamespace(networks_=[net.eval()], runtime_=CPU, loss_=loss or losses.CrossEntropy())


def tiny(inplace: bool = False) -> Network:
    net = Network(Tiny(inplace), 2, 3)
    with torch.no_grad():
        net.head.weight.copy_(torch.tensor([[2.0, 0.0], [0.0, 2.0], [-1.0, -1.0]]))
    return net


IMAGES = np.random.default_rng(0).integers(0, 256, (3, 1, 5, 4), np.uint8)


@pytest.mark.parametrize("inplace", [False, True])
def test_map_is_that_of_the_paper(inplace: bool) -> None:
    # the score of class c is the sum over k of head[c, k] mean(A_k): its gradient by each of the 20 cells is head[c, k] / 20
    found = gradcam.class_maps(fitted(tiny(inplace)), IMAGES, np.array([0, 1, 2]))
    assert found is not None
    x = IMAGES[:, 0] / 255
    by_hand = np.stack([2 / 20 * x[0], 2 / 20 * (1 - x[1]), np.zeros((5, 4))])  # -x - (1 - x) is negative: ReLU leaves nothing
    np.testing.assert_allclose(found.maps, by_hand, atol=1e-6)
    assert found.layer == "body.map"
    assert (found.top, found.left, found.side) == (0, 0, 4)  # the square of the shorter side


def test_weighted_map_is_equation_1_and_2() -> None:
    rng = np.random.default_rng(1)
    features, gradients = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(2, 3, 4, 5))
    found = gradcam.weighted_map(torch.from_numpy(features), torch.from_numpy(gradients)).numpy()
    alphas = gradients.mean(axis=(2, 3))
    np.testing.assert_allclose(found, np.maximum(0, np.einsum("nk,nkhw->nhw", alphas, features)))


def test_scores_are_what_decides() -> None:
    outputs = torch.tensor([[3.0, 4.0, 1.0, 2.0]])
    assert torch.equal(losses.CrossEntropy().class_logits(outputs, 1.0), outputs)
    cosines = losses.Cosine().class_logits(outputs[:, :2], 1.0)
    torch.testing.assert_close(cosines, torch.tensor([[0.6, 0.8]]))
    combined = losses.Cosine(xent_weight=0.1).class_logits(outputs, 1.0)
    assert torch.equal(combined, outputs[:, 2:])


class Shortcut(nn.Module):
    """A last convolution beside which the input goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.branch = nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        return (x + self.branch(x)).mean((2, 3))


def test_a_layer_that_a_shortcut_leads_around_is_not_taken() -> None:
    assert gradcam.find_layer(Network(Shortcut(), 1, 2).eval(), torch.rand(1, 1, 4, 4)) == "body.first"


def test_coarse_maps_are_not_taken() -> None:
    assert gradcam.find_layer(tiny().eval(), torch.rand(1, 1, 3, 9)) is None


def test_cells_that_a_pool_repeats_do_not_count() -> None:
    body = nn.Sequential(nn.Conv2d(1, 1, 1), nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(6), nn.Flatten())  # as VGG on small images
    assert gradcam.find_layer(Network(body, 36, 2).eval(), torch.rand(1, 1, 4, 4)) == "body.0"


@pytest.mark.parametrize(
    ("architecture", "layer"),
    [
        ("squeezenet1_1", "body.backbone.classifier.2"),
        ("resnet18", "body.backbone.layer4"),
        ("mobilenet_v3_small", "body.backbone.features"),
    ],
)
def test_last_map_of_a_pretrained_network(architecture: str, layer: str) -> None:
    net = FinetunedCNN(architecture, weights="none", image_size_px=128).build_network([3, 160, 160], 2).eval()
    assert gradcam.find_layer(net, torch.rand(1, 3, 160, 160)) == layer


def test_smaller_images_take_an_earlier_map() -> None:
    net = FinetunedCNN("resnet18", weights="none", image_size_px=64).build_network([3, 64, 64], 2).eval()
    assert gradcam.find_layer(net, torch.rand(1, 3, 64, 64)) == "body.backbone.layer3"


def test_vision_transformers_have_no_map() -> None:
    import torchvision

    vit = torchvision.models.VisionTransformer(32, 8, 1, 2, 16, 32)
    assert gradcam.find_layer(vit.eval(), torch.rand(1, 3, 32, 32)) is None


def test_a_cropped_border_is_told() -> None:
    net = FinetunedCNN("squeezenet1_1", weights="none").build_network([3, 256, 256], 2)
    assert isinstance(net.body.how, pretrained.Preprocessing)
    assert gradcam._seen(net, 256, 256) == (16, 16, 224)
    assert gradcam._seen(net, 128, 128) == (8, 8, 112)


def test_a_trained_network_looks_at_what_tells_the_classes_apart() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 60, (60, 1, 16, 16), np.uint8)
    y = np.arange(60) % 2
    for image, label in zip(images, y, strict=True):  # a filled square or an empty one, anywhere
        top, left = rng.integers(0, 8, 2)
        image[0, top : top + 8, left : left + 8] = 255
        if label:
            image[0, top + 2 : top + 6, left + 2 : left + 6] = 0
    net = DeepNet(
        "plain", depth=3, width=8, training=Training(epochs=12), device="cpu", memory_format="contiguous", num_threads=1
    )
    net.fit(images, y)
    assert (net.predict(images) == y).mean() > 0.9
    found = gradcam.class_maps(net, images[:20], y[:20])
    assert found is not None and found.maps.shape == (20, 8, 8) and found.layer == "body.layers"
    squares = np.asarray(images[:20, 0] >= 250).reshape(20, 8, 2, 8, 2).any(axis=(2, 4))
    on = np.array([cells[square].mean() for cells, square in zip(found.maps, squares, strict=True)])
    off = np.array([cells[~square].mean() for cells, square in zip(found.maps, squares, strict=True)])
    assert on[y[:20] == 0].mean() > 2 * off[y[:20] == 0].mean()


def test_a_head_on_embeddings_of_one_length_is_seen_through() -> None:
    # scores are r W e / |e| for embeddings e = (m, 1 - m), m the mean: their gradient by e is r (W - (W e / |e|) e / |e|) / |e|
    net = Network(Tiny(), 2, 2)
    weight = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    net.head = OneLengthLinear(2, 2)
    with torch.no_grad():
        net.head.weight.copy_(weight)
        net.head.bias.zero_()
        net.head.length.fill_(3.0)
    found = gradcam.class_maps(fitted(net), IMAGES, np.array([0, 1, 1]))
    assert found is not None
    x = torch.from_numpy(IMAGES).float() / 255
    maps = torch.cat([x, 1 - x], dim=1)
    e = maps.mean((2, 3))
    length = e.norm(dim=1, keepdim=True)
    w = weight[[0, 1, 1]]
    a = 3 * (w - (w * e).sum(1, keepdim=True) * e / length**2) / length / 20
    expected = (a[:, :, None, None] * maps).sum(1).relu()
    np.testing.assert_allclose(found.maps, expected.numpy(), atol=1e-6)
