"""Where a convolutional network looked for a class: Grad-CAM, the feature map weighed by the gradient of the class's score.

Source: Selvaraju et al., "Grad-CAM: Visual explanations from deep networks via gradient-based localization" (ICCV 2017).
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from sdl_cli.learning.device import threads
from sdl_cli.learning.loop import prepare
from sdl_cli.learning.models.backbone import Backbone
from sdl_cli.learning.models.estimator import NetworkEstimator
from sdl_cli.learning.models.network import Array

LEAST_CELLS = 4  # per side: a coarser map says nothing of where


class ClassMaps(NamedTuple):
    """Maps `float32 (N, h, w)`, at least 0 and comparable within one image only, and the name of the layer they weigh.

    top, left, side: the square of each image that the network saw, in pixels: a pretrained one crops the border.
    """

    maps: Array
    layer: str
    top: int
    left: int
    side: int


def class_maps(estimator: NetworkEstimator, images: Array, classes: Array) -> ClassMaps | None:
    """Grad-CAM of one class for each image, by the first network of a fitted classifier.

    The layer is the last one that everything passes through whose map has at least 4 x 4 cells.

    Arguments:
        images: `uint8 (N, C, H, W)`. classes: `(N,)` positions in the estimator's `classes_`.
    Returns:
        the maps, or None where no layer has such a map: vision transformers, several networks side by side, and images of a few
        pixels.
    """
    net, runtime = estimator.networks_[0].eval(), estimator.runtime_
    whole = torch.from_numpy(np.array(images))
    maps = []
    with threads(runtime):
        layer = find_layer(net, prepare(whole[:1].to(runtime.device), runtime))
        if layer is None:
            return None
        most = min(64, net.most_rows)
        for part, labels in zip(torch.split(whole, most), torch.split(torch.as_tensor(classes), most), strict=True):
            features, outputs = _from_layer(net, layer, prepare(part.to(runtime.device), runtime))
            # before softmax: logits, or cosines to the classes
            scores = estimator.loss_.class_logits(outputs, 1.0)[torch.arange(len(part)), labels]
            (gradients,) = torch.autograd.grad(scores.sum(), features)
            maps.append(weighted_map(features.detach(), gradients).float().cpu())
    return ClassMaps(torch.cat(maps).numpy(), layer, *_seen(net, *images.shape[2:]))


def weighted_map(features: Tensor, gradients: Tensor) -> Tensor:
    """ReLU of the sum over channels of a_k A_k, where a_k is the mean of channel k's gradient (equations 1 and 2): `(N, h, w)`.

    Arguments:
        features, gradients: `(N, C, h, w)`: A, and the gradient of the score by A.
    """
    return (gradients.mean((2, 3), keepdim=True) * features).sum(1).relu()


def find_layer(net: nn.Module, x: Tensor) -> str | None:
    """Full name of the last layer that everything passes through whose map has at least 4 x 4 cells, or None.

    None as well where what follows it is mixed as tokens, or has its channels last: such a layer is only the way in.

    Arguments:
        x: one prepared image `(1, C, H, W)`.
    """
    if any("Attention" in type(part).__name__ for part in net.modules()):  # its tokens have no place of their own
        return None
    ended: list[tuple[str, bool]] = []  # and whether it is a map
    times: Counter[str] = Counter()
    height, width = (1, 1) if isinstance(getattr(net, "body", None), Backbone) else x.shape[2:]  # it crops squares

    def note(name: str, module: nn.Module, _inputs: Any, output: Any) -> None:
        times[name] += 1
        if isinstance(module, nn.AdaptiveAvgPool2d):  # it may repeat the cells of a coarser map
            return
        if not isinstance(output, Tensor):
            return
        if output.ndim == 4 and min(output.shape[2:]) >= LEAST_CELLS:
            rows, columns = output.shape[2:]
            ended.append((name, abs(rows * width - columns * height) <= max(height, width)))  # of one shape, but for a cell
        elif output.ndim == 3 and output.shape[1] >= LEAST_CELLS**2:
            ended.append((name, False))

    with ExitStack() as hooks, torch.no_grad():
        for name, part in net.named_modules():
            hooks.enter_context(part.register_forward_hook(partial(note, name)))
        net(x)
    last = next(((name, is_map) for name, is_map in reversed(ended) if times[name] == 1 and _carries_all(net, name, x)), None)
    return last[0] if last is not None and last[1] else None


def _carries_all(net: nn.Module, layer: str, x: Tensor) -> bool:
    """Whether the outputs depend on the input through this layer alone: no shortcut leads around it."""
    x = x.detach().requires_grad_()
    _, outputs = _from_layer(net, layer, x)
    return torch.autograd.grad(outputs.sum(), x, allow_unused=True)[0] is None


def _from_layer(net: nn.Module, layer: str, x: Tensor) -> tuple[Tensor, Tensor]:
    """The output of a layer as a leaf of the graph, and the network's outputs as a function of it."""
    kept: list[Tensor] = []

    def cut(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        kept.append(output.detach().requires_grad_())
        return kept[-1].clone()  # the next layer may work in place

    with net.get_submodule(layer).register_forward_hook(cut), torch.enable_grad():
        outputs = net(x)
    return kept[0], outputs


def _seen(net: nn.Module, height: int, width: int) -> tuple[int, int, int]:
    """Top, left and side, in pixels of the image, of the square that the network sees."""
    short = min(height, width)
    body = net.body
    side = round(short * body.how.crop_px / body.how.resize_px) if isinstance(body, Backbone) else short
    return round((height - side) / 2), round((width - side) / 2), side
