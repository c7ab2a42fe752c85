"""A deep network from scratch: an MLP for tables, a residual or a small plain convolutional network for images or series."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import numpy as np
import torch
from sklearn.base import ClassifierMixin, RegressorMixin
from torch import Tensor, nn

from sdl_cli.errors import ConfigError
from sdl_cli.learning import loop, together
from sdl_cli.learning.activations import ELU
from sdl_cli.learning.models.arguments import NETWORK, takes
from sdl_cli.learning.models.convolutions import Convolutions
from sdl_cli.learning.models.estimator import NetworkEstimator, Validate
from sdl_cli.learning.models.network import Array, Network
from sdl_cli.learning.models.pseudo_labels import PseudoLabels, views
from sdl_cli.learning.models.series_net import PlainSeriesNet, SeriesResNet
from sdl_cli.learning.models.settings import DeepNetSettings
from sdl_cli.learning.models.start import start
from sdl_cli.learning.models.stored_network import PRETRAINED
from sdl_cli.learning.stages import Stages

_STANDARD = Convolutions()


@takes(DeepNetSettings, standardize=True, **NETWORK)
class _DeepNet(NetworkEstimator):
    def build_body(self, input_shape: Sequence[int]) -> tuple[nn.Module, int]:
        is_image, is_series = len(input_shape) == 3, len(input_shape) == 2
        architecture = self.architecture if self.architecture != "auto" else ("resnet" if is_image or is_series else "mlp")
        if is_series:
            return self._series_body(input_shape, architecture)
        if not is_image and architecture != "mlp":
            raise ConfigError(f"model.architecture: {architecture} is for images.", "Use mlp (or auto) for a table.")
        if architecture == "mlp":
            if self.convolution != "standard":
                what = f"model.convolution: {self.convolution} is for images, seen by convolutions."
                raise ConfigError(what, "Leave it at standard for a table or an mlp.")
            width, dropout = self.width or 100, 0.15 if self.dropout is None else self.dropout
            return MLP(math.prod(input_shape), self.depth or 10, width, dropout, is_image), width
        kind, depth, width = (ResNet, 9, 24) if architecture == "resnet" else (PlainNet, 4, 32)
        how = Convolutions(self.convolution, self.max_frequency)
        body = kind(input_shape[0], input_shape[1:], self.depth or depth, self.width or width, self.dropout or 0.0, how)
        return body, body.embedding_size

    def _series_body(self, input_shape: Sequence[int], architecture: str) -> tuple[nn.Module, int]:
        if architecture == "mlp":
            raise ConfigError("model.architecture: mlp is for tables.", "Use resnet or plain (or auto) for series.")
        if self.convolution != "standard":
            raise ConfigError(f"model.convolution: {self.convolution} is for images.", "Leave it at standard for series.")
        kind, depth, width = (SeriesResNet, 10, 32) if architecture == "resnet" else (PlainSeriesNet, 3, 64)
        body = kind(input_shape[0], input_shape[1], self.depth or depth, self.width or width, self.dropout or 0.0)
        return body, body.embedding_size

    def _fit_networks(self, X: Array, inputs: Tensor, targets: Tensor, validate: Validate | None) -> Stages[None]:
        phases = [f"member{member}" for member in range(self.num_members)] if self.num_members > 1 else ["fit"]
        nets = [self.fresh_network(phase, X, targets.shape[1]) for phase in phases]
        self.settle_runtime(nets[0], inputs, targets)
        own = [None if self._unlabeled is None else self._pseudo_labels(self._unlabeled) for _ in nets]
        # pseudo-labels draw random numbers, so that no graph holds them
        special = [{} if labels is None else {"objective": labels, "capture": "nothing"} for labels in own]
        yield together.Jobs(
            self._job(net, inputs, targets, validate, phase, **more)
            for net, phase, more in zip(nets, phases, special, strict=True)
        )
        self.networks_ = [copy.deepcopy(net).eval() for net in nets]
        if own[0] is not None:
            share = own[0].sure_share(self.networks_[0])
            what = f"{share:.0%} of {len(own[0].rows):,} unlabelled rows had a class with a probability of at least"
            loop.current_context().notice(f"In the end {what} {self.unlabeled_threshold:g}, and so a label to learn from.")

    def fresh_network(self, phase: str, X: Array, num_outputs: int) -> Network:
        net = super().fresh_network(phase, X, num_outputs)
        if self.start_from is not None:
            digest = start(net.body, self.start_from)
            self.pretrained_ = [dict(zip(PRETRAINED, ("deep_net", self.start_from, digest), strict=True))]
        return net

    def _pseudo_labels(self, rows: Tensor) -> PseudoLabels:
        weak, strong = views(self.given("augment"), self.unlabeled_augment, rows.ndim == 4)

        def probabilities(outputs: Tensor) -> Tensor:
            probs: Tensor = self.loss_.class_logits(outputs.float(), 1.0).softmax(1)
            return probs

        return PseudoLabels(rows, self.runtime_, self.losses_of, self.loss_.rows, probabilities, weak, strong, self)

    def last_layer(self, X: Array) -> tuple[Array, Array, Array]:
        """The first network's last layer on a table `(N, F)`.

        Returns:
            activations `(N, M)` of its last hidden units, and the weights `(K, M)` and bias `(K,)` of its outputs, in float64.
        """
        net = self.networks_[0]
        units = loop.apply(net.body, self._as_inputs(self._check(X)[0]), self.runtime_)
        weights, bias = (tensor.detach().cpu().double() for tensor in (net.head.weight, net.head.bias))
        return np.asarray(units.double()), np.asarray(weights), np.asarray(bias)

    def outputs(self, X: Array) -> Array:
        """Outputs `float64 (N, K)` of the first network, before the softmax."""
        return np.asarray(self._outputs(X)[0].double())

    def probabilities(self, outputs: Array) -> Array:
        """Class probabilities `(N, K)` of outputs `(N, K)`."""
        return np.asarray(self._probabilities(torch.from_numpy(outputs)))


class DeepNet(ClassifierMixin, _DeepNet):  # type: ignore[misc]
    """A deep network trained from scratch, as a scikit-learn classifier.

    Its arguments are those of `DeepNetSettings` and of every `NetworkEstimator`. The table default is the network of Olson,
    Wyner and Berk, "Modern neural networks generalize on small data sets" (NeurIPS 2018): 10 hidden layers of 100 ELU units, He
    initialisation, Adam, dropout 0.15. The image default is a residual network (He et al. 2016).
    """


class DeepNetRegressor(RegressorMixin, _DeepNet):  # type: ignore[misc]
    """The same network for numbers; targets are standardised inside."""


class MLP(nn.Module):
    """`depth` hidden layers of `width` ELU units with dropout after each; `(N, F)` to `(N, width)`; He initialisation.

    Arguments:
        of_images: inputs are images `(N, C, H, W)` of F pixels in all, each seen as a row of them.
    """

    def __init__(self, num_features: int, depth: int, width: int, dropout: float, of_images: bool = False) -> None:
        super().__init__()
        self.is_chain = not of_images  # several of them can be trained as one stack
        layers: list[nn.Module] = []
        for i in range(depth):
            linear = nn.Linear(num_features if i == 0 else width, width)
            nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
            nn.init.zeros_(linear.bias)
            layers += [linear, ELU()] + ([nn.Dropout(dropout)] if dropout else [])
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x if self.is_chain else x.flatten(1))
        return out


class ResNet(nn.Module):
    """A residual network of three stages for small images; `(N, C, H, W)` to `(N, 8 width)`.

    A stem convolution of `width` channels; then three times a 3x3 convolution that doubles the channels, a 2x2 max pool and
    residual blocks (He et al. 2016) of two convolutions. It is the shape of Page's ResNet-9 for fast training (How to train your
    ResNet, 2018): pooling early is what makes it quick on a CPU.

    Arguments:
        depth: weighted layers, the linear head among them: 5 and two for each residual block, so 9 has two blocks. Blocks are
            dealt to the first, the third and the second stage in turn.
        width: channels of the stem.
    An image side over 64 pixels is first halved until it is at most 64, by strided convolutions.
    """

    def __init__(
        self, in_channels: int, size: Sequence[int], depth: int, width: int, dropout: float, how: Convolutions = _STANDARD
    ) -> None:
        super().__init__()
        side, channels = min(size), width
        layers: list[nn.Module] = how.block(in_channels, width)
        while side > 64:
            layers += how.block(width, width, stride=2)
            side = (side + 1) // 2
        num_blocks = max(0, (depth - 5) // 2)
        for stage in range(3):
            layers += how.block(channels, 2 * channels)
            channels *= 2
            if side >= 4:
                layers += how.pool(channels)
                side //= 2
            order = (0, 2, 1)[stage]
            layers += [ResidualBlock(channels, how) for _ in range((num_blocks + 2 - order) // 3)]
        self.layers, self.dropout, self.embedding_size = nn.Sequential(*layers), nn.Dropout(dropout), channels
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.dropout(self.layers(x).amax((2, 3)))
        return out


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with BatchNorm and ReLU, added to the input."""

    def __init__(self, channels: int, how: Convolutions) -> None:
        super().__init__()
        self.layers = nn.Sequential(*how.block(channels, channels), *how.block(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.layers(x)
        return out


class PlainNet(nn.Module):
    """`depth` 3x3 convolutions with BatchNorm and ReLU, a max pool after every second one; `(N, C, H, W)` to `(N, D)`."""

    def __init__(
        self, in_channels: int, size: Sequence[int], depth: int, width: int, dropout: float, how: Convolutions = _STANDARD
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        side, channels = min(size), in_channels
        for i in range(depth):
            out = min(width * 2 ** (i // 2), 8 * width)
            layers += how.block(channels, out)
            if i % 2 and side >= 4:
                layers += how.pool(out)
                side //= 2
            channels = out
        self.layers, self.dropout, self.embedding_size = nn.Sequential(*layers), nn.Dropout(dropout), channels
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.dropout(self.layers(x).mean((2, 3)))
        return out


def initialise(module: nn.Module) -> None:
    """He initialisation of every convolution (He et al. 2015)."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
