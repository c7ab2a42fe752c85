"""ELU by way of exp is torch's own, forwards and backwards."""

from __future__ import annotations

import copy

import torch
from torch import nn

from sdl_cli.learning.activations import ELU


def test_it_is_that_of_torch_forwards_and_backwards() -> None:
    x = torch.cat([torch.linspace(-30, 30, 4001), torch.tensor([-1e-8, 0.0, 1e-8, 90.0, 1e30, -1e30])])
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    found, expected = ELU()(ours), nn.ELU()(theirs)
    assert (found - expected).abs().max() <= 6e-8 and torch.equal(found[x > 0], x[x > 0])
    found.sin().sum().backward()
    expected.sin().sum().backward()
    assert ours.grad is not None and theirs.grad is not None
    assert (ours.grad - theirs.grad).abs().max() <= 2e-7


def test_what_is_no_number_stays_none_and_other_uses_are_torchs_own() -> None:
    odd = torch.tensor([torch.nan, torch.inf, -torch.inf], requires_grad=True)
    found = ELU()(odd)
    assert found.isnan().tolist() == [True, False, False] and found[1:].tolist() == [torch.inf, -1.0]
    x = torch.randn(50)
    assert torch.equal(ELU()(x), nn.ELU()(x)), "without gradients"
    assert ELU()(x.bfloat16().requires_grad_()).dtype == torch.bfloat16
    assert isinstance(copy.deepcopy(ELU()), ELU)
