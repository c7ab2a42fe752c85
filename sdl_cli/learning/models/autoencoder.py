"""A network whose layers are pretrained one by one as autoencoders, on inputs alone, before a head is added."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import ClassifierMixin, RegressorMixin
from torch import Tensor, nn

from sdl_cli.errors import DataError
from sdl_cli.learning import loop
from sdl_cli.learning.device import place
from sdl_cli.learning.models.deep_net import initialise
from sdl_cli.learning.models.estimator import NetworkEstimator
from sdl_cli.learning.models.network import Array, Network, resident
from sdl_cli.settings.parse import Training


class _AutoencoderNet(NetworkEstimator):
    default_training: ClassVar[dict[str, Training]] = {
        "table": Training(
            epochs=100, optimizer="adam", learning_rate=0.001, schedule="cosine", warmup_fraction=0.0,
            weight_decay=0.0, clip_norm=1.0, ema_decay=0.0, select="last",
        ),
        "image": Training(
            optimizer="adamw", learning_rate=0.003, schedule="one_cycle", warmup_fraction=0.0,
            weight_decay=0.05, clip_norm=1.0, ema_decay=0.0, select="last",
        ),
    }  # fmt: skip

    def __init__(
        self,
        widths: Sequence[int] | None = None,
        pretrain: bool = True,
        corruption_fraction: float = 0.2,
        sparsity_weight: float = 0.0,
        sparsity_target: float = 0.05,
        pretrain_epochs: int = 30,
        pretrain_learning_rate: float = 0.001,
        unlabeled: str | None = None,
        dropout: float = 0.0,
        loss: Any = None,
        augment: Any = None,
        training: Training | None = None,
        validation_fraction: float = 0.2,
        standardize: bool = True,
        device: str = "auto",
        precision: str = "auto",
        memory_format: str = "auto",
        num_threads: int | None = None,
        random_state: int | None = 0,
    ) -> None:
        self.widths = widths
        self.pretrain = pretrain
        self.corruption_fraction = corruption_fraction
        self.sparsity_weight = sparsity_weight
        self.sparsity_target = sparsity_target
        self.pretrain_epochs = pretrain_epochs
        self.pretrain_learning_rate = pretrain_learning_rate
        self.unlabeled = unlabeled
        self.dropout = dropout
        self.loss = loss
        self.augment = augment
        self.training = training
        self.validation_fraction = validation_fraction
        self.standardize = standardize
        self.device = device
        self.precision = precision
        self.memory_format = memory_format
        self.num_threads = num_threads
        self.random_state = random_state

    def build_network(self, input_shape: Sequence[int], num_outputs: int) -> Network:
        combined = bool(getattr(self.loss, "xent_weight", 0))
        sparse = self.sparsity_target if self.sparsity_weight > 0 else None
        if len(input_shape) == 1:
            widths = self.widths or (128, 64, 32)
            body = Encoder(
                [DenseLayer(a, b, sparse) for a, b in zip((input_shape[0], *widths), widths, strict=False)],
                self.dropout,
            )
            return Network(body, widths[-1], num_outputs, combined=combined)
        widths = self.widths or (32, 64, 128)
        layers: list[nn.Module] = []
        side, channels = min(input_shape[1:]), input_shape[0]
        for i, width in enumerate(widths):
            stride = 2 if side >= 4 and (i > 0 or side > 32) else 1  # the first layer keeps a small image's detail
            layers.append(ConvLayer(channels, width, stride, sparse))
            side, channels = (side + stride - 1) // stride, width
        return Network(
            Encoder(layers, self.dropout),
            channels,
            num_outputs,
            [0.5] * input_shape[0],
            [0.25] * input_shape[0],
            combined,
        )

    def _fit_networks(self, X: Array, inputs: Tensor, targets: Tensor, validation: tuple[Tensor, Tensor] | None) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(loop.phase_seed(self.seed_, "weights fit"))
            net = self.build_network(self.input_shape_, targets.shape[1])
        if inputs.ndim == 4:
            net.standardise_with(X)
        runtime = self.settle_runtime(net, inputs, targets)
        place(net, runtime)
        self.reconstruction_: list[dict[str, float]] = []
        if self.pretrain:
            self._pretrain(net, self._with_unlabeled(inputs))
        self.networks_ = [net]
        self.train_network(net, inputs, targets, validation, "fit")

    def _pretrain(self, net: Network, inputs: Tensor) -> None:
        """Greedy layer-wise pretraining; afterwards `reconstruction_` has, per layer, the error before and after.

        An error is the mean squared reconstruction error over the variance of what is reconstructed: the mean alone has 1.
        """
        assert isinstance(net.body, Encoder)
        runtime = self.runtime_
        inputs = resident(inputs, runtime)
        nothing = torch.zeros(len(inputs), 1, device=inputs.device)
        batch_size = min(64, max(8, len(inputs) // 8))
        training = Training(
            epochs=self.pretrain_epochs, batch_size=batch_size, optimizer="adam", learning_rate=self.pretrain_learning_rate,
            schedule="cosine", warmup_fraction=0.0, weight_decay=0.0, clip_norm=1.0, ema_decay=0.0, select="last",
            checkpoint_seconds=self.training_.checkpoint_seconds,
        )  # fmt: skip
        for depth in range(len(net.body.layers)):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(loop.phase_seed(self.seed_, f"weights layer{depth}"))
                stage = LayerAutoencoder(net, depth, self.corruption_fraction, self.sparsity_weight, self.sparsity_target)
            place(stage, runtime)
            before = stage.relative_error(inputs, runtime)
            loop.train(
                stage, lambda s, x, _: s(x), inputs, nothing, training, runtime,
                seed=self.seed_, phase=f"layer{depth}", parameters=[(1.0, list(stage.trained_parameters()))],
            )  # fmt: skip
            after = stage.relative_error(inputs, runtime)
            self.reconstruction_.append({"before": before, "after": after})

    def _with_unlabeled(self, inputs: Tensor) -> Tensor:
        """The training inputs, and those of `unlabeled` behind them."""
        if self.unlabeled is None:
            return inputs
        path = Path(self.unlabeled).expanduser()
        if not path.exists():
            raise DataError(f"model.unlabeled: there is nothing at {path}.", "Give an npz file, or for images a folder.")
        if path.suffix == ".npz":
            from sdl_cli.data.sources.npz import read_inputs

            _, more = read_inputs(path)
        elif inputs.ndim == 4 and path.is_dir():
            from sdl_cli.data.sources.image_folder import read_images

            _, more, _ = read_images(path, int(inputs.shape[2]), channels="grey" if inputs.shape[1] == 1 else "rgb")
        else:
            raise DataError(f"model.unlabeled: {path} is neither an npz file nor (for images) a folder.")
        if list(more.shape[1:]) != list(inputs.shape[1:]):
            raise DataError(
                f"model.unlabeled: rows of {path} are {tuple(more.shape[1:])}, those of the data set {tuple(inputs.shape[1:])}."
            )
        loop.current_context().notice(f"The autoencoder was also pretrained on {len(more):,} unlabelled rows of {path}.")
        return torch.cat([inputs, self._as_inputs(np.asarray(more))])

    def get_state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors, values = super().get_state()
        values["fitted"]["reconstruction"] = self.reconstruction_
        return tensors, values

    def restore_fitted(self, fitted: dict[str, Any]) -> None:
        self.reconstruction_ = fitted["reconstruction"]


class AutoencoderNet(ClassifierMixin, _AutoencoderNet):  # type: ignore[misc]
    """A classifier whose encoder is pretrained layer by layer as a stacked (denoising, sparse) autoencoder.

    Arguments:
        widths: units (tables) or channels (images) of each encoder layer; None: (128, 64, 32) and (32, 64, 128).
        pretrain: False gives the same network from random weights, for comparison.
        corruption_fraction: of each layer's inputs set to 0 for it to repair, in [0, 1).
        sparsity_weight, sparsity_target: weight of the Kullback-Leibler penalty that draws the mean activation of each (then
            sigmoid) hidden unit to the target; 0 turns it off.
        pretrain_epochs, pretrain_learning_rate: of each layer, with Adam.
        unlabeled: a path to more inputs without labels.
        dropout: probability of dropping a unit of the code before the head.

    The other arguments are those of every network here, see `NetworkEstimator`. Sources: Vincent et al., JMLR 2010 (stacked
    denoising autoencoders); Feng, Zhou and Dong, Computational Materials Science 2019 (pretraining on small data).
    """


class AutoencoderNetRegressor(RegressorMixin, _AutoencoderNet):  # type: ignore[misc]
    """The same for numbers. Arguments as for `AutoencoderNet`."""


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
        self.activation = nn.Sigmoid() if sparse else nn.ELU()

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
    """Layer `depth` of an encoder with a decoder of its own; the layers before it are frozen and give its input.

    Called on prepared inputs it returns the per-row loss `(N,)`: the squared error of the reconstruction of the uncorrupted
    input, and `sparsity_weight` times the sum over units of KL(target || mean activation) (Ng 2011, Sparse autoencoder, eq. 8).
    """

    def __init__(self, net: Network, depth: int, corruption: float, sparsity_weight: float, sparsity_target: float) -> None:
        super().__init__()
        assert isinstance(net.body, Encoder)
        self.net, self.depth = [net], depth  # in a list: the net's other layers are not this module's parameters
        self.layer = net.body.layers[depth]
        layer = self.layer
        assert isinstance(layer, (DenseLayer, ConvLayer))
        self.decoder = layer.decoder()
        self.corruption, self.sparsity_weight, self.sparsity_target = corruption, sparsity_weight, sparsity_target

    def trained_parameters(self) -> list[nn.Parameter]:
        return [*self.layer.parameters(), *self.decoder.parameters()]

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
        code = self.layer(given)
        again = self.decoder(code)
        if again.ndim == 4 and again.shape != clean.shape:  # an odd side was rounded up
            again = again[..., : clean.shape[2], : clean.shape[3]]
        return again, code

    def forward(self, x: Tensor) -> Tensor:
        clean = self.below(x)
        given = clean
        if self.training and self.corruption:
            given = clean * (torch.rand_like(clean) >= self.corruption)
        again, code = self.reconstruct(clean, given)
        rows = (again.float() - clean.float()).square().flatten(1).mean(1)
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
                again, _code = self.reconstruct(clean, clean)
                error = (again.float() - clean.float()).square().flatten(1).mean(1)
                flat = clean.float().flatten(1)
                return torch.stack([error, flat.mean(1), flat.square().mean(1)], dim=1)

        self.eval()
        found = loop.apply(Errors(), inputs, runtime).double()
        variance = float(found[:, 2].mean() - found[:, 1].mean() ** 2)
        return float(found[:, 0].mean()) / max(variance, 1e-12)
