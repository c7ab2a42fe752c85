"""Convolutional networks for series: filters over time, then the mean and the largest response of the whole series."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_LONGEST = 512  # steps that blocks work on: longer series are first halved until they are at most so long
_SHORTEST = 16  # steps below which nothing is pooled
_RESIDUAL_TAPS = (9, 5, 3)
_PLAIN_TAPS = (9, 5, 3)


class SeriesResNet(nn.Module):
    """A residual network of three convolutions a block for series; `(N, C, L)` to `(N, 4 width)`.

    It is the ResNet of Wang, Yan and Oates, "Time series classification from scratch with deep neural networks" (IJCNN 2017) with
    fewer channels, max pools that halve the series behind the first two blocks, and of what comes out both the mean and the
    largest value over time.

    Arguments:
        length: L. depth: weighted layers, the linear head among them: 1 and three for each block, so 10 has three blocks.
        width: channels of the first block; later ones have twice as many.
    """

    def __init__(self, in_channels: int, length: int, depth: int, width: int, dropout: float) -> None:
        super().__init__()
        layers, channels, length = _shortened(in_channels, length, width)
        for number in range(max(1, (depth - 1) // 3)):
            out = width if number == 0 else 2 * width
            layers.append(SeriesBlock(channels, out))
            if number < 2 and length >= 2 * _SHORTEST:
                layers.append(nn.MaxPool1d(2))
                length //= 2
            channels = out
        self.layers, self.dropout, self.embedding_size = nn.Sequential(*layers), nn.Dropout(dropout), 2 * channels
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.dropout(over_time(self.layers(x)))
        return out


class PlainSeriesNet(nn.Module):
    """`depth` convolutions with BatchNorm and ReLU, as in the same paper's FCN; `(N, C, L)` to `(N, D)`."""

    def __init__(self, in_channels: int, length: int, depth: int, width: int, dropout: float) -> None:
        super().__init__()
        layers, channels, _ = _shortened(in_channels, length, width)
        for number in range(depth):
            out = 2 * width if 0 < number < depth - 1 else width
            layers += _convolution(channels, out, _PLAIN_TAPS[min(number, 2)])
            channels = out
        self.layers, self.dropout, self.embedding_size = nn.Sequential(*layers), nn.Dropout(dropout), 2 * channels
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.dropout(over_time(self.layers(x)))
        return out


class SeriesBlock(nn.Module):
    """Three convolutions over time with BatchNorm, added to the input (brought to as many channels)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for number, taps in enumerate(_RESIDUAL_TAPS):
            layers += _convolution(in_channels if number == 0 else out_channels, out_channels, taps)
        self.layers = nn.Sequential(*layers[:-1])  # the last ReLU comes after the sum
        same = in_channels == out_channels
        self.beside = nn.Identity() if same else nn.Sequential(*_convolution(in_channels, out_channels, 1)[:-1])

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.beside(x) + self.layers(x))


def over_time(x: Tensor) -> Tensor:
    """Mean and largest value over time: `(N, C, L)` to `(N, 2 C)`."""
    return torch.cat([x.mean(2), x.amax(2)], dim=1)


def _shortened(in_channels: int, length: int, width: int) -> tuple[list[nn.Module], int, int]:
    """Strided convolutions that halve long series, and the channels and steps behind them."""
    layers: list[nn.Module] = []
    while length > _LONGEST:
        layers += _convolution(in_channels, width, 7, stride=2)
        in_channels, length = width, (length + 1) // 2
    return layers, in_channels, length


def _convolution(in_channels: int, out_channels: int, taps: int, stride: int = 1) -> list[nn.Module]:
    conv = nn.Conv1d(in_channels, out_channels, taps, stride=stride, padding=taps // 2, bias=False)
    return [conv, nn.BatchNorm1d(out_channels), nn.ReLU()]


def initialise(module: nn.Module) -> None:
    """He initialisation of every convolution (He et al. 2015)."""
    for part in module.modules():
        if isinstance(part, nn.Conv1d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
