"""The shape that every network here has: standardise, embed, map to outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

Array = np.ndarray[Any, Any]


class Network(nn.Module):
    """Standardise the input, embed it, and map the embedding to outputs.

    Arguments:
        body: `(N, C, H, W)`, `(N, C, L)` or `(N, F)` to embeddings `(N, embedding_size)`.
        channels: of images that are standardised here; None where the input is standardised already.
        combined: add the head of Barz and Denzler's combined loss (ReLU, BatchNorm, linear) on the outputs; `forward` then
            returns `(N, 2 K)`: the cosine outputs and that head's logits.
    """

    def __init__(
        self, body: nn.Module, embedding_size: int, num_outputs: int, channels: int | None = None, combined: bool = False
    ) -> None:
        super().__init__()
        self.body = body
        self.most_rows: int = getattr(body, "most_rows", 256)  # of a batch that is only looked at
        self.head = nn.Linear(embedding_size, num_outputs)
        nn.init.zeros_(self.head.bias)
        self.combined_head = (
            nn.Sequential(nn.ReLU(), nn.BatchNorm1d(num_outputs), nn.Linear(num_outputs, num_outputs)) if combined else None
        )
        self.mean: Tensor | None
        self.std: Tensor | None
        self.register_buffer("mean", None if channels is None else torch.zeros(1, channels, 1, 1))
        self.register_buffer("std", None if channels is None else torch.ones(1, channels, 1, 1))

    def standardise_with(self, X: Array) -> None:
        """Take mean and standard deviation (1 if it is 0) per channel of images `uint8 (N, C, H, W)` as numbers in [0, 1]."""
        count = X.size / X.shape[1]
        mean = X.sum(axis=(0, 2, 3), dtype=np.float64) / count / 255
        sums = np.stack([np.square(X[:, c], dtype=np.float32).sum(dtype=np.float64) for c in range(X.shape[1])])
        std = np.sqrt(np.maximum(sums / count / 255**2 - mean**2, 0))
        self.mean, self.std = (
            torch.from_numpy(values).float().view(1, -1, 1, 1) for values in (mean, np.where(std > 1e-6, std, 1.0))
        )

    def embed(self, x: Tensor) -> Tensor:
        """Embeddings `(N, D)` of prepared inputs."""
        if self.mean is not None and self.std is not None:
            x = (x - self.mean) / self.std
        embeddings: Tensor = self.body(x)
        return embeddings

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.head(self.embed(x))
        if self.combined_head is None:
            return outputs
        return torch.cat([outputs, self.combined_head(outputs.float())], dim=1)


class OneLengthLinear(nn.Linear):
    """A linear head on embeddings `(N, D)` that are first brought to one Euclidean length each, the buffer `length`."""

    length: Tensor

    def __init__(self, embedding_size: int, num_outputs: int) -> None:
        super().__init__(embedding_size, num_outputs)
        self.register_buffer("length", torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward((F.normalize(x.float(), dim=1) * self.length).to(x.dtype))
