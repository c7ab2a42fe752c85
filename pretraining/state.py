"""The state of a training: weights, their running mean, optimisers, counts and random numbers."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn

from pretraining.muon import Muon
from pretraining.prior import Draws
from pretraining.schedule import average_share, rate_factor
from pretraining.settings import Recipe
from sdl_cli.learning.models.table_network import TableNetwork

_FEWEST_CELLS = 500
_COUNTS = ("step", "num_tables", "num_cells", "cells")
_ADAM = ("step", "exp_avg", "exp_avg_sq")


class State:
    """Everything that a training changes.

    Arguments:
        net: the network, on its device; trained in place.
    """

    def __init__(self, recipe: Recipe, net: TableNetwork) -> None:
        self.recipe = recipe
        self.net = net.requires_grad_(True).train()
        self.average = copy.deepcopy(net).requires_grad_(False).eval()  # what is used if the rate has not yet come down
        device = next(net.parameters()).device
        named = dict(net.named_parameters())
        matrices = {name: p for name, p in named.items() if p.ndim == 2 and name.startswith("layers.")}
        others = [p for name, p in named.items() if name not in matrices]
        self.muon = Muon(list(matrices.values()))
        self.adam = torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=0.0, fused=device.type == "cuda")
        self.parameters = list(named.values())
        self.means: list[Tensor] = list(self.average.parameters())
        self.good = [p.detach().clone() for p in self.parameters]  # the last weights known to be finite
        self.is_finite = torch.ones((), dtype=torch.bool, device=device)  # all losses since then
        self.draws = Draws(recipe.seed, device)
        self.step = self.num_tables = self.num_cells = 0
        self.cells = recipe.cells
        self.seconds = 0.0
        self.rate_scale = 1.0

    @property
    def progress(self) -> float:
        """The fraction of the training that is done, by steps or by seconds; may pass 1."""
        if self.recipe.steps is not None:
            return self.step / self.recipe.steps
        return self.seconds / (60 * self.recipe.minutes)

    def learning_rate(self) -> float:
        """Muon's rate at this step."""
        return self.recipe.learning_rate * self.rate_scale * rate_factor(self.step, self.progress, self.recipe.warmup_steps)

    @torch.no_grad()
    def apply_gradients(self, sum_of_weights: float, rate: float) -> None:
        """One step with the gradients at hand, which are divided by `sum_of_weights`, and cut to a norm of 1."""
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        torch._foreach_mul_(gradients, 1.0 / sum_of_weights)
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for group in self.adam.param_groups:
            group["lr"] = rate / 4
        self.adam.step()
        self.muon.step(rate, self.recipe.weight_decay)
        self.drop_gradients()
        torch._foreach_lerp_(self.means, [p.detach() for p in self.parameters], average_share(self.step))
        self.step += 1

    def drop_gradients(self) -> None:
        for parameter in self.parameters:
            parameter.grad = None

    def halve_cells(self) -> bool:
        """Make batches half as large from now on; returns whether they could be."""
        self.drop_gradients()
        can_shrink = self.cells >= 2 * _FEWEST_CELLS
        if can_shrink:
            self.cells //= 2
        return can_shrink

    @torch.no_grad()
    def keep_or_recover(self) -> bool:
        """Remember the weights if all losses since the last call were finite.

        Otherwise return to the weights remembered then, forget the optimisers' memory, halve the learning rate, and return
        False.
        """
        is_finite = bool(self.is_finite) and all(bool(torch.isfinite(p).all()) for p in self.parameters)
        self.is_finite.fill_(True)
        current: list[Tensor] = [p.detach() for p in self.parameters]
        if is_finite:
            torch._foreach_copy_(self.good, current)
            return True
        torch._foreach_copy_(current, self.good)
        torch._foreach_copy_(self.means, self.good)
        self.muon.reset()
        self.adam.state.clear()
        self.rate_scale *= 0.5
        return False

    def tensors(self) -> dict[str, Tensor]:
        """All tensors by name; those of AdamW are missing before its first step."""
        found = {f"net.{name}": t for name, t in self.net.state_dict().items()}
        found |= {f"average.{name}": t for name, t in self.average.state_dict().items()}
        found |= {f"good.{number}": t for number, t in enumerate(self.good)}
        found |= {f"muon.{number}": t for number, t in enumerate(self.muon.buffers)}
        for number, own in self.adam.state_dict()["state"].items():
            found |= {f"adam.{number}.{key}": own[key] for key in _ADAM}
        return found | {"draws": self.draws.generator.get_state()}

    def values(self) -> dict[str, Any]:
        """All that is no tensor, ready for JSON, except the recipe."""
        values = {name: getattr(self, name) for name in (*_COUNTS, "seconds", "rate_scale")}
        return values | {"is_finite": bool(self.is_finite), "host_draws": self.draws.host.bit_generator.state}

    @torch.no_grad()
    def fill(self, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
        """Take over what `tensors` and `values` gave, into a fresh state of the same recipe and kind of device.

        Raises ValueError, KeyError, TypeError or RuntimeError for what does not fit.
        """
        adam = {name: t for name, t in tensors.items() if name.startswith("adam.")}
        for name, own in self.tensors().items():
            if tensors[name].shape != own.shape or tensors[name].dtype != own.dtype:
                raise ValueError(f"{name} has another shape or type")
            if name != "draws":
                own.copy_(tensors[name])
        stored = self.adam.state_dict()
        if adam:
            for number, parameter in enumerate(self.adam.param_groups[0]["params"]):
                step, first, second = (adam[f"adam.{number}.{key}"] for key in _ADAM)
                if step.shape != () or not first.shape == second.shape == parameter.shape:
                    raise ValueError(f"adam.{number} has another shape")
                stored["state"][number] = dict(zip(_ADAM, (step, first, second), strict=True))
        self.adam.load_state_dict(stored)
        self.draws.generator.set_state(tensors["draws"])
        self.draws.host.bit_generator.state = values["host_draws"]
        for name in _COUNTS:
            if type(values[name]) is not int or values[name] < 0:
                raise ValueError(f"{name} is {values[name]!r}")
            setattr(self, name, values[name])
        for name in ("seconds", "rate_scale"):
            if type(values[name]) is not float or not 0 <= values[name] < math.inf:
                raise ValueError(f"{name} is {values[name]!r}")
            setattr(self, name, values[name])
        self.is_finite.fill_(bool(values["is_finite"]))
