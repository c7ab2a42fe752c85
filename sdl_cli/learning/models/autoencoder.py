"""A network whose layers are pretrained one by one as autoencoders, on inputs alone, before a head is added."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import torch
from sklearn.base import ClassifierMixin, RegressorMixin
from torch import Tensor, nn

from sdl_cli.learning import loop, losses, together
from sdl_cli.learning.activations import ELU
from sdl_cli.learning.device import place, resident
from sdl_cli.learning.models.arguments import NETWORK, takes
from sdl_cli.learning.models.deep_net import initialise
from sdl_cli.learning.models.estimator import NetworkEstimator, Validate
from sdl_cli.learning.models.network import Array, Network
from sdl_cli.learning.models.settings import AutoencoderSettings
from sdl_cli.learning.stages import Stages
from sdl_cli.phrases import counted
from sdl_cli.settings.experiment import Training


@takes(AutoencoderSettings, standardize=True, **NETWORK)
class _AutoencoderNet(NetworkEstimator):
    def build_body(self, input_shape: Sequence[int]) -> tuple[nn.Module, int]:
        sparse = self.sparsity_target if self.sparsity_weight > 0 else None
        is_image = len(input_shape) == 3
        layers: list[nn.Module] = []
        size, side = input_shape[0], min(input_shape[1:], default=0)
        for i, width in enumerate(self.widths or ((32, 64, 128) if is_image else (128, 64, 32))):
            stride = 2 if side >= 4 and (i > 0 or side > 32) else 1  # the first layer keeps a small image's detail
            layers.append(ConvLayer(size, width, stride, sparse) if is_image else DenseLayer(size, width, sparse))
            side, size = (side + stride - 1) // stride, width
        return Encoder(layers, self.dropout), size

    def _fit_networks(self, X: Array, inputs: Tensor, targets: Tensor, validate: Validate | None) -> Stages[None]:
        """Pretrain layer by layer, then train the whole; `reconstruction_` has, per layer, the error before and after.

        An error is the mean squared reconstruction error over the variance of what is reconstructed: the mean alone has 1.
        """
        net = self.fresh_network("fit", X, targets.shape[1])
        runtime = self.settle_runtime(net, inputs, targets)
        self.networks_ = [net]
        self.reconstruction_: list[dict[str, float]] = []
        if self.pretrain:
            more = resident(inputs if self._unlabeled is None else torch.cat([inputs, self._unlabeled]), runtime)
            if self._unlabeled is not None:
                rows = counted(len(self._unlabeled), "unlabelled row")
                loop.current_context().notice(f"The autoencoder was also pretrained on {rows}.")
            nothing, training = torch.zeros(len(more), 1, device=more.device), self._pretraining(len(more))
            assert isinstance(net.body, Encoder)
            place(net, runtime)
            for depth in range(len(net.body.layers)):
                phase = f"layer{depth}"
                with torch.random.fork_rng(devices=[]):
                    torch.manual_seed(loop.phase_seed(self.seed_, f"weights {phase}"))
                    stage = LayerAutoencoder(net, depth, self.corruption_fraction, self.sparsity_weight, self.sparsity_target)
                place(stage, runtime)
                before = stage.relative_error(more, runtime)
                trained = [*stage.layer.parameters(), *stage.decoder.parameters()]
                job = self._job(
                    stage, more, nothing, None, phase, objective=_own_loss, training=training, augment=None, capture="all",
                    parameters=[(1.0, trained)], draws=self.corruption_fraction > 0,
                )  # fmt: skip
                yield together.Jobs([job])
                self.reconstruction_.append({"before": before, "after": stage.relative_error(more, runtime)})
        yield together.Jobs([self._job(net, inputs, targets, validate)])

    def _pretraining(self, num_rows: int) -> Training:
        return dataclasses.replace(  # as for a table
            self.settings.default_training["table"], epochs=self.pretrain_epochs, batch_size=min(64, max(8, num_rows // 8)),
            learning_rate=self.pretrain_learning_rate, checkpoint_seconds=self.training_.checkpoint_seconds,
        )  # fmt: skip

    def get_state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors, values = super().get_state()
        values["fitted"]["reconstruction"] = self.reconstruction_
        return tensors, values

    def restore_fitted(self, fitted: dict[str, Any]) -> None:
        self.reconstruction_ = fitted["reconstruction"]


class AutoencoderNet(ClassifierMixin, _AutoencoderNet):  # type: ignore[misc]
    """A classifier whose encoder is pretrained layer by layer as a stacked (denoising, sparse) autoencoder.

    Its arguments are those of `AutoencoderSettings` and of every `NetworkEstimator`. Sources: Vincent et al., JMLR 2010 (stacked
    denoising autoencoders); Feng, Zhou and Dong, Computational Materials Science 2019 (pretraining on small data).
    """


class AutoencoderNetRegressor(RegressorMixin, _AutoencoderNet):  # type: ignore[misc]
    """The same for numbers."""


class Encoder(nn.Module):
    """Layers in order, then the mean over positions for images, then dropout; `(N, ...)` to `(N, D)`."""

    def __init__(self, layers: Sequence[nn.Module], dropout: float) -> None:
        super().__init__()
        self.layers, self.dropout = nn.ModuleList(layers), nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        out: Tensor = self.dropout(x.mean((2, 3)) if x.ndim == 4 else x)
        return out


class DenseLayer(nn.Module):
    """A linear map and ELU; where `sparse` gives a target, sigmoids whose bias starts them at that activation."""

    def __init__(self, in_features: int, out_features: int, sparse: float | None) -> None:
        super().__init__()
        self.map = nn.Linear(in_features, out_features)
        nn.init.kaiming_normal_(self.map.weight, nonlinearity="relu")
        nn.init.constant_(self.map.bias, math.log(sparse / (1 - sparse)) if sparse else 0.0)
        self.activation = nn.Sigmoid() if sparse else ELU()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.activation(self.map(x))
        return out

    def decoder(self) -> nn.Module:
        return nn.Linear(self.map.out_features, self.map.in_features)


class ConvLayer(nn.Module):
    """A 3x3 convolution, BatchNorm and ReLU; where `sparse` gives a target, sigmoids that start at that activation."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, sparse: float | None) -> None:
        super().__init__()
        self.map = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)
        nn.init.constant_(self.norm.bias, math.log(sparse / (1 - sparse)) if sparse else 0.0)
        self.activation = nn.Sigmoid() if sparse else nn.ReLU()
        self.stride = stride
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.activation(self.norm(self.map(x)))
        return out

    def decoder(self) -> nn.Module:
        grow: list[nn.Module] = [nn.Upsample(scale_factor=2)] if self.stride == 2 else []
        return nn.Sequential(*grow, nn.Conv2d(self.map.out_channels, self.map.in_channels, 3, padding=1))


class LayerAutoencoder(nn.Module):
    """Layer `depth` of an encoder with its own decoder; the layers before it are frozen and give its input.

    Called on prepared inputs it returns the per-row loss `(N,)`: the squared error of the reconstruction of the uncorrupted
    input, and `sparsity_weight` times the sum over units of KL(target || mean activation) (Ng 2011, Sparse autoencoder, eq. 8).
    """

    def __init__(self, net: Network, depth: int, corruption: float, sparsity_weight: float, sparsity_target: float) -> None:
        super().__init__()
        assert isinstance(net.body, Encoder)
        self.net, self.depth = [net], depth  # in a list: the net's other layers are not this module's parameters
        self.layer = layer = net.body.layers[depth]
        assert isinstance(layer, (DenseLayer, ConvLayer))
        self.decoder = layer.decoder()
        self.corruption, self.sparsity_weight, self.sparsity_target = corruption, sparsity_weight, sparsity_target

    def below(self, x: Tensor) -> Tensor:
        net = self.net[0]
        assert isinstance(net.body, Encoder)
        with torch.no_grad():
            if net.mean is not None and net.std is not None:
                x = (x - net.mean) / net.std
            for layer in net.body.layers[: self.depth]:
                x = layer.eval()(x)
        return x

    def reconstruct(self, clean: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
        """The squared error of each row `(N,)`, and the code."""
        code = self.layer(given)
        again = self.decoder(code)
        if again.ndim == 4 and again.shape != clean.shape:  # an odd side was rounded up
            again = again[..., : clean.shape[2], : clean.shape[3]]
        return losses.mse(again, clean), code

    def forward(self, x: Tensor) -> Tensor:
        clean = self.below(x)
        given = clean
        if self.training and self.corruption:
            given = clean * (torch.rand_like(clean) >= self.corruption)
        rows, code = self.reconstruct(clean, given)
        if self.sparsity_weight:
            mean = code.float().transpose(0, 1).flatten(1).mean(1).clamp(1e-6, 1 - 1e-6)
            target = torch.full_like(mean, self.sparsity_target)
            divergence = target * (target / mean).log() + (1 - target) * ((1 - target) / (1 - mean)).log()
            rows = rows + self.sparsity_weight * divergence.sum()
        return rows

    def relative_error(self, inputs: Tensor, runtime: Any) -> float:
        """Squared error of reconstructing clean inputs over their variance."""

        class Errors(nn.Module):
            def forward(_, x: Tensor) -> Tensor:  # noqa: N805
                clean = self.below(x)
                error, _code = self.reconstruct(clean, clean)
                flat = clean.float().flatten(1)
                return torch.stack([error, flat.mean(1), flat.square().mean(1)], dim=1)

        self.eval()
        found = loop.apply(Errors(), inputs, runtime).double()
        variance = float(found[:, 2].mean() - found[:, 1].mean() ** 2)
        return float(found[:, 0].mean()) / max(variance, 1e-12)


def _own_loss(stage: nn.Module, x: Tensor, _: Tensor) -> Tensor:
    found: Tensor = stage(x)
    return found
