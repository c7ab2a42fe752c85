"""Pretrained networks as the body of a network: images in [0, 1] to embeddings, by one of them or by several side by side."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sdl_cli.learning.models.preprocessing import Preprocessing


class Backbone(nn.Module):
    """Preprocess images in [0, 1] exactly as the weights expect, then embed them: `(N, C, H, W)` to `(N, D)`."""

    def __init__(self, backbone: nn.Module, how: Preprocessing, freeze_batchnorm: bool) -> None:
        super().__init__()
        self.backbone, self.how, self.freeze_batchnorm = backbone, how, freeze_batchnorm
        self.most_rows = 256 if how.crop_px <= 256 else max(1, 32 * 256**2 // how.crop_px**2)
        self.register_buffer("mean", torch.tensor(how.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(how.std).view(1, 3, 1, 1), persistent=False)

    def train(self, mode: bool = True) -> Backbone:
        super().train(mode)
        for part in self.modules() if self.freeze_batchnorm else ():
            if isinstance(part, nn.modules.batchnorm._BatchNorm):
                part.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1] == 1:
            x = x.expand(-1, 3, -1, -1)
        x = self.how.square(x)
        assert isinstance(self.mean, Tensor) and isinstance(self.std, Tensor)
        out: Tensor = self.backbone((x - self.mean) / self.std)
        return out.flatten(1)


class SideBySide(nn.Module):
    """Several backbones that see the same images, each at its own size; their embeddings are concatenated, `(N, D1 + D2 ...)`."""

    def __init__(self, parts: Sequence[Backbone]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.most_rows = min(part.most_rows for part in parts)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([part(x) for part in self.parts], dim=1)


def backbones_of(body: nn.Module) -> list[Backbone]:
    """The backbones in the body of a network: one, several, or none where it is no pretrained one."""
    if isinstance(body, SideBySide):
        return [part for part in body.parts if isinstance(part, Backbone)]
    return [body] if isinstance(body, Backbone) else []
