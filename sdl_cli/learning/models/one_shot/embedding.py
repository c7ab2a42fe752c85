"""A network that places drawings of one character near each other, learned from characters that no task asks about.

It learns to tell the background characters apart by the cosine between a drawing's place and one learned place for each character
(as in Gidaris and Komodakis, CVPR 2018). A character turned by 90, 180 and 270 degrees counts as three characters more, and every
drawing is distorted anew each time it is seen (Lake et al. 2015 and Santoro et al. 2016 train on Omniglot so).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sdl_cli.learning.models.convolutions import Convolutions
from sdl_cli.learning.models.deep_net import initialise

Array = np.ndarray[Any, Any]

SIDE_PX = 28
NUM_TURNS = 4
_MARGIN = 1.2  # side of the square that is seen, over the longer side of the ink
_SMALLEST_PX = 20  # ink smaller than that is not enlarged to fill it
_SHARPNESS = 15.0  # of the softmax over cosines
_SMOOTHING = 0.1


def framed(mask: Array) -> Array:
    """Ink `bool (N, H, W)` as `uint8 (N, 1, 28, 28)`, white on black, moved to the middle and scaled to one size."""
    from PIL import Image

    frames = np.zeros((len(mask), 1, SIDE_PX, SIDE_PX), np.uint8)
    for row, one in enumerate(mask):
        ys, xs = np.nonzero(one.any(axis=1))[0], np.nonzero(one.any(axis=0))[0]
        if not len(ys):
            continue
        sides = ys[-1] + 1 - ys[0], xs[-1] + 1 - xs[0]
        half = max(*sides, _SMALLEST_PX) * _MARGIN / 2
        pad = math.ceil(half)
        y, x = (ys[0] + ys[-1] + 1) / 2 + pad, (xs[0] + xs[-1] + 1) / 2 + pad
        whole = Image.fromarray(np.pad(one, pad).astype(np.uint8) * 255)
        small = whole.resize((SIDE_PX, SIDE_PX), Image.Resampling.BILINEAR, box=(x - half, y - half, x + half, y + half))
        frames[row, 0] = np.asarray(small)
    return frames


class Embedder(nn.Module):
    """Drawings `(N, 1, 28, 28)` to cosines with the background characters `(N, C)`; `embed` gives places `(N, D)` of length 1.

    Four 3x3 convolutions, as the embedding networks of Vinyals et al. (2016) and Snell et al. (2017), but the last two are not
    followed by pooling: where a stroke lies tells characters of one alphabet apart.

    Arguments:
        width: channels of the first convolution, half those of the others. size: D. num_characters: C, turned ones included.
    """

    most_rows = 256

    def __init__(self, width: int, size: int, num_characters: int) -> None:
        super().__init__()
        wide, side, block = 2 * width, SIDE_PX // 4, Convolutions().block
        self.layers = nn.Sequential(
            *block(1, width), nn.MaxPool2d(2), *block(width, wide), nn.MaxPool2d(2),
            *block(wide, wide), *block(wide, wide),
            nn.Flatten(), nn.Dropout(0.2), nn.Linear(wide * side * side, size),
        )  # fmt: skip
        self.characters = nn.Parameter(torch.randn(num_characters, size))
        initialise(self)

    def embed(self, x: Tensor) -> Tensor:
        return F.normalize(self.layers(x).float(), dim=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.embed(x) @ F.normalize(self.characters, dim=1).T


class Placer(nn.Module):
    """An Embedder as a network whose outputs are places."""

    most_rows = 256

    def __init__(self, embedder: Embedder) -> None:
        super().__init__()
        self.embedder = embedder

    def forward(self, x: Tensor) -> Tensor:
        return self.embedder.embed(x)


def losses(net: nn.Module, x: Tensor, t: Tensor) -> Tensor:
    """Cross-entropy `(N,)` of the characters with the indices `t (N, 1)`, the targets smoothed (Szegedy et al. 2016)."""
    return F.cross_entropy(_SHARPNESS * net(x), t[:, 0].long(), label_smoothing=_SMOOTHING, reduction="none")


def turned_and_distorted(x: Tensor, t: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Drawings turned by quarters, each turn a character of its own, then rotated, scaled, sheared, shifted and bent a little.

    Arguments:
        x: `(N, 1, S, S)`. t: `(N, 1)`, indices of characters; turned ones are those of the same drawings, `NUM_TURNS` in a row.
    """
    num, device = len(x), x.device

    def uniform(most: float) -> Tensor:
        return (torch.rand(num, generator=generator, device=device) * 2 - 1) * most

    quarter = torch.randint(NUM_TURNS, (num,), generator=generator, device=device)
    angle = uniform(0.3) + quarter * (math.pi / 2)
    across, down, shear = uniform(0.25).exp(), uniform(0.25).exp(), uniform(0.3)
    cos, sin, ones, zeros = angle.cos(), angle.sin(), torch.ones_like(angle), torch.zeros_like(angle)
    rotation = torch.stack([cos, -sin, sin, cos], 1).view(-1, 2, 2)
    sheared = torch.stack([ones, shear, zeros, ones], 1).view(-1, 2, 2)
    scaled = torch.diag_embed(torch.stack([across, down], 1))
    shift = torch.stack([uniform(0.12), uniform(0.12)], 1)[:, :, None]
    grid = F.affine_grid(torch.cat([rotation @ sheared @ scaled, shift], 2), list(x.shape), align_corners=False)
    bend = torch.randn(num, 2, 4, 4, generator=generator, device=device) * 0.05
    grid = grid + F.interpolate(bend, x.shape[2:], mode="bicubic", align_corners=False).permute(0, 2, 3, 1)
    return F.grid_sample(x, grid.to(x.dtype), align_corners=False), t * NUM_TURNS + quarter[:, None]
