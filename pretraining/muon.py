"""Muon: momentum whose step for a matrix is made nearly orthogonal (Jordan et al. 2024, kellerjordan.github.io/posts/muon)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
_STEP_RMS = 0.2  # of a step's entries, times the learning rate: about that of Adam


def orthogonalized(matrices: Tensor) -> Tensor:
    """Matrices float32 (G, rows, columns) with singular values moved close to 1 (0.7 to 1.2), their directions kept.

    Five Newton-Schulz steps with a polynomial of degree 5; in bfloat16 on a GPU.
    """
    a, b, c = _COEFFICIENTS
    is_tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.transpose(1, 2) if is_tall else matrices
    x = x / (x.flatten(1).norm(dim=1).view(-1, 1, 1) + 1e-12)
    x = x.to(torch.bfloat16 if x.is_cuda else torch.float32)
    for _ in range(_ITERATIONS):
        square = x @ x.transpose(1, 2)
        x = a * x + (b * square + c * (square @ square)) @ x
    found: Tensor = (x.transpose(1, 2) if is_tall else x).float()
    return found


class Muon:
    """Nesterov momentum with orthogonalised steps, matrices of one shape at a time.

    Arguments:
        parameters: matrices; all of them must have a gradient at each step.
        momentum: of the running mean of gradients, in [0, 1).
    """

    def __init__(self, parameters: Sequence[nn.Parameter], momentum: float = 0.95) -> None:
        by_shape: dict[tuple[int, ...], list[nn.Parameter]] = {}
        for parameter in parameters:
            by_shape.setdefault(tuple(parameter.shape), []).append(parameter)
        self.groups = list(by_shape.values())
        self.buffers = [torch.zeros(len(group), *group[0].shape, device=group[0].device) for group in self.groups]
        self.momentum = momentum

    @torch.no_grad()
    def step(self, learning_rate: float, weight_decay: float) -> None:
        """Move all parameters by their gradients; the decay is decoupled, as in AdamW."""
        for group, buffer in zip(self.groups, self.buffers, strict=True):
            gradients = torch.stack([parameter.grad for parameter in group if parameter.grad is not None])
            buffer.lerp_(gradients, 1 - self.momentum)
            direction = orthogonalized(gradients.lerp(buffer, self.momentum))
            scale = _STEP_RMS * math.sqrt(max(direction.shape[1:]))
            parameters = [parameter.data for parameter in group]
            torch._foreach_mul_(parameters, 1 - learning_rate * weight_decay)
            torch._foreach_add_(parameters, list(direction.unbind(0)), alpha=-learning_rate * scale)

    def reset(self) -> None:
        """Forget all gradients."""
        for buffer in self.buffers:
            buffer.zero_()
