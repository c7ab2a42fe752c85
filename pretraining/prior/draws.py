"""The random numbers of the prior: one generator for tensors, one for the few numbers that decide shapes."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor


class Draws:
    """Random tensors on one device; two of the same seed and device give the same numbers in the same order.

    Numbers that decide the size of a tensor come from `host`, so that a GPU never has to be waited for.

    Arguments:
        seed: of both generators.
        device: where tensors are made.
    """

    def __init__(self, seed: int, device: str | torch.device = "cpu") -> None:
        self.device = torch.device(device)
        self.generator = torch.Generator(self.device).manual_seed(seed)
        self.host = np.random.default_rng(seed)

    def uniform(self, *shape: int) -> Tensor:
        """Numbers in [0, 1)."""
        return torch.rand(shape, generator=self.generator, device=self.device)

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers."""
        return torch.randn(shape, generator=self.generator, device=self.device)

    def log_uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Numbers in [low, high) whose logarithm is uniform."""
        return torch.exp(self.uniform(*shape) * math.log(high / low) + math.log(low))

    def coin(self, probability: float, *shape: int) -> Tensor:
        """Booleans, each true with this probability."""
        return self.uniform(*shape) < probability

    def integers(self, low: int, high: int, *shape: int) -> Tensor:
        """Whole numbers in [low, high)."""
        return torch.randint(low, high, shape, generator=self.generator, device=self.device)

    def permutation(self, count: int) -> Tensor:
        """The numbers 0 to count - 1 in random order."""
        return torch.randperm(count, generator=self.generator, device=self.device)

    def categories(self, weights: Tensor, count: int) -> Tensor:
        """`count` category numbers for each row of `weights (B, K)`, drawn with replacement: int64 (B, count)."""
        return torch.multinomial(weights, count, replacement=True, generator=self.generator)


def standardized(values: Tensor) -> Tensor:
    """`values (B, N, ...)` with mean 0 and standard deviation 1 over the rows; a constant column becomes 0."""
    centred = values - values.mean(1, keepdim=True)
    return centred / (centred.pow(2).mean(1, keepdim=True).sqrt() + 1e-6)


def rank_fractions(values: Tensor) -> Tensor:
    """The rank of each value of `(B, N, F)` within its column, as a fraction in (0, 1); equal values get different ranks."""
    order = torch.argsort(torch.argsort(values, dim=1), dim=1)
    return (order.float() + 0.5) / values.shape[1]
