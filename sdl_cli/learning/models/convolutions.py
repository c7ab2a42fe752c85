"""The kinds of 3x3 convolution and of pooling that networks for images are made of."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_SIDE = 3
MOST_FREQUENCY = 2 * (_SIDE - 1)  # of both directions together


@dataclass(frozen=True)
class Convolutions:
    """How a network convolves and pools.

    Arguments:
        kind: standard, harmonic or antialiased, see `DeepNetSettings`.
        max_frequency: of harmonic: the highest vertical and horizontal frequency together, 0 to 4; None is all.
    """

    kind: str = "standard"
    max_frequency: int | None = None

    def block(self, in_channels: int, out_channels: int, stride: int = 1) -> list[nn.Module]:
        """A 3x3 convolution, BatchNorm and ReLU; antialiased, a stride comes after them."""
        blurred = self.kind == "antialiased" and stride > 1
        step = 1 if blurred else stride
        conv: nn.Module
        if self.kind == "harmonic":
            conv = HarmonicConv2d(in_channels, out_channels, step, self.max_frequency)
        else:
            conv = nn.Conv2d(in_channels, out_channels, _SIDE, stride=step, padding=1, bias=False)
        return [conv, nn.BatchNorm2d(out_channels), nn.ReLU(), *([BlurPool(out_channels)] if blurred else [])]

    def pool(self, channels: int) -> list[nn.Module]:
        """A 2x2 max pool that halves the side; antialiased, the maximum is taken everywhere, blurred, and then halved."""
        if self.kind == "antialiased":
            return [nn.MaxPool2d(2, stride=1), BlurPool(channels)]
        return [nn.MaxPool2d(2)]


class HarmonicConv2d(nn.Module):
    """A 3x3 convolution without bias whose filters are learned sums of fixed cosine waves; `(N, I, H, W)` to `(N, O, H', W')`.

    Ulicny, Krylov and Dahyot, "Harmonic networks with limited training samples" (EUSIPCO 2019): filters are combinations of the
    basis functions of the two-dimensional discrete cosine transform, of which the highest frequencies can be left out. The basis
    here is orthonormal, and the filters are summed before they are applied, which gives the same and costs less. He
    initialisation, as if each filter had as many weights as basis functions.

    Arguments:
        max_frequency: as of `Convolutions`.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, max_frequency: int | None = None) -> None:
        super().__init__()
        waves = cosine_basis(_SIDE, MOST_FREQUENCY if max_frequency is None else max_frequency)
        self.stride = stride
        self.coefficients = nn.Parameter(torch.empty(out_channels, in_channels, len(waves)))
        nn.init.normal_(self.coefficients, std=math.sqrt(2 / (out_channels * len(waves))))
        self.basis: Tensor
        self.register_buffer("basis", waves.reshape(len(waves), -1), persistent=False)  # it is no part of what is learned

    def forward(self, x: Tensor) -> Tensor:
        filters = (self.coefficients @ self.basis).reshape(*self.coefficients.shape[:2], _SIDE, _SIDE)
        return F.conv2d(x, filters, stride=self.stride, padding=1)


def cosine_basis(side: int, max_frequency: int) -> Tensor:
    """The orthonormal basis functions `(B, side, side)` of the DCT-II whose two frequencies sum to at most `max_frequency`.

    Those of low frequency come first; with a maximum of 2 (side - 1) they are all side^2.
    """
    places = (torch.arange(side, dtype=torch.float64) + 0.5) * math.pi / side
    waves = torch.cos(torch.arange(side, dtype=torch.float64)[:, None] * places) * math.sqrt(2 / side)
    waves[0] /= math.sqrt(2)
    pairs = sorted(
        ((u, v) for u in range(side) for v in range(side) if u + v <= max_frequency), key=lambda pair: (sum(pair), pair)
    )
    return torch.stack([torch.outer(waves[u], waves[v]) for u, v in pairs]).float()


class BlurPool(nn.Module):
    """Every second pixel after a blur by 1, 2, 1 in both directions; `(N, C, H, W)` to `(N, C, ceil(H / 2), ceil(W / 2))`.

    Zhang, "Making convolutional networks shift-invariant again" (ICML 2019). Edges are mirrored, or repeated where a side has
    one pixel.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        line = torch.tensor([1.0, 2.0, 1.0]) / 4
        self.blur: Tensor
        self.register_buffer("blur", torch.outer(line, line).expand(channels, 1, 3, 3).contiguous(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        mode = "reflect" if min(x.shape[2:]) > 1 else "replicate"
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode=mode), self.blur.to(x.dtype), stride=2, groups=x.shape[1])
