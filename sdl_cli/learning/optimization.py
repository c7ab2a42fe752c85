"""Learning-rate schedules as pure functions of the step, and the optimisers."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence

import torch
from torch import nn

from sdl_cli.settings.experiment import Training

MOMENTUM = 0.9  # of SGD, and the first beta of Adam and AdamW


def schedule_factor(step: int, num_steps: int, training: Training) -> float:
    """The learning rate at `step` as a fraction of its peak, in [0, 1].

    Linear warm-up over `warmup_fraction` of all steps, then: constant; cosine `(1 + cos(pi t)) / 2`; sgdr, the same over
    `num_restarts` cycles, each twice as long as the one before (Loshchilov and Hutter 2017, eq. 5); one_cycle (Smith 2018), a
    cosine rise from 1/25 over the first 30 % (or `warmup_fraction`) and a cosine fall to 0.
    """
    t = step / max(1, num_steps)
    warmup = float(training.warmup_fraction or 0)
    if training.schedule == "one_cycle":
        rise = warmup or 0.3
        if t < rise:
            return 1 / 25 + (1 - 1 / 25) * (1 - math.cos(math.pi * t / rise)) / 2
        return (1 + math.cos(math.pi * (t - rise) / (1 - rise))) / 2
    if t < warmup:
        return (step + 1) / (warmup * num_steps + 1)
    t = (t - warmup) / (1 - warmup)
    if training.schedule == "constant":
        return 1.0
    if training.schedule == "sgdr":
        unit = 1 / (2**training.num_restarts - 1)  # cycles of length unit, 2 unit, 4 unit, ... fill [0, 1]
        cycle = min(int(math.log2(t / unit + 1)), training.num_restarts - 1)
        t = (t - unit * (2**cycle - 1)) / (unit * 2**cycle)
    return (1 + math.cos(math.pi * min(t, 1.0))) / 2


def build_optimizer(
    training: Training,
    parameters: Sequence[tuple[float, Sequence[nn.Parameter]]],
    replayed: bool = False,
    bias_axes: int = 1,
    momentum: float = MOMENTUM,
) -> tuple[torch.optim.Optimizer, list[float]]:
    """The optimiser, and the factor of the learning rate for each of its groups; biases and norms are not decayed.

    Arguments:
        replayed: its steps can be captured as a graph: the learning rate of each group is a number on the device.
        bias_axes: axes of a bias, one more where several networks are stacked.
        momentum: of SGD, and Adam's first beta.
    """
    groups, chosen_groups, factors = [], [], []
    for factor, members in parameters:
        wanted = [p for p in members if p.requires_grad]
        for decays in (True, False):
            chosen = [p for p in wanted if (p.ndim > bias_axes) == decays]
            if chosen:
                group = {"params": chosen, "weight_decay": float(training.weight_decay or 0) if decays else 0.0}
                groups.append(group | ({"lr": torch.zeros((), device=chosen[0].device)} if replayed else {}))
                chosen_groups.append(chosen)
                factors.append(factor)
    rate = float(training.learning_rate or 0)
    fused = all(p.device.type in ("cpu", "cuda") and p.is_floating_point() for members in chosen_groups for p in members)
    if training.optimizer == "sgd":
        return _eager(torch.optim.SGD)(groups, lr=rate, momentum=momentum, nesterov=True, fused=fused), factors
    kind = torch.optim.Adam if training.optimizer == "adam" else torch.optim.AdamW
    return _eager(kind)(groups, lr=rate, betas=(momentum, 0.999), fused=fused, capturable=replayed), factors


@functools.cache
def _eager(kind: type[torch.optim.Optimizer]) -> Callable[..., torch.optim.Optimizer]:
    """The optimiser without the wrappers of its methods, which import torch's compiler when first called.

    That takes as long as importing torch itself, and nothing is compiled here. What the wrapper of `step` does besides, running
    without gradients, is done in its place.
    """
    names = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in names}
    return type(kind.__name__, (kind,), {**methods, "step": torch.no_grad()(inspect.unwrap(kind.step))})
