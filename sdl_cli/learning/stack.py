"""Several small networks of one shape trained at once: their weights are stacked, and each step is one product for all.

What a step of a small network costs is launches and Python, which a stack pays once. Every network has its own batches, random
numbers, averaged and best weights: it ends up as it would alone, but for rounding in the last digits, and on a GPU for what
dropout draws.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from sdl_cli.learning import loop
from sdl_cli.learning.activations import ELU
from sdl_cli.learning.captured import CapturedStep
from sdl_cli.learning.device import autocast, cuda_indices, has_graphs, place, threads
from sdl_cli.learning.phase import Phase, Row
from sdl_cli.learning.streams import own_stream

if TYPE_CHECKING:
    from pathlib import Path

    from sdl_cli.learning.together import Job

MOST_NETWORKS = 64  # in a stack: their weights, gradients and averages are in memory at once


def can_be_stacked(one: Job, other: Job) -> bool:
    """Whether these are new trainings, alike, of networks alike, that are chains of linear maps, ELU and dropout."""
    # float16 scales the loss, by one scale for all; an objective that follows a phase goes along with one network
    if one.runtime.device == "mps" or one.runtime.precision == "float16" or isinstance(one.objective, loop.FollowingObjective):
        return False
    if any(job.parameters is not None for job in (one, other)):
        return False
    if _how(one) != _how(other) or not (_is_chain(one.net) and _is_chain(other.net)) or _shapes(one.net) != _shapes(other.net):
        return False
    return not any(job.checkpoint is not None and job.checkpoint.exists() for job in (one, other))


def _how(job: Job) -> tuple[Any, ...]:
    """What is the same in trainings that are alike."""
    sizes, without = (job.inputs.shape, job.targets.shape), (job.augment is None, job.validate is None)
    return job.training, job.runtime, *sizes, job.capture, *without, type(job.objective), job.momentum


def _shapes(net: nn.Module) -> list[Any]:
    parts = [(type(part), getattr(part, "p", None)) for part in _chain(net)]
    return [*parts, *(p.shape for p in net.parameters())]


def train_stack(jobs: Sequence[Job]) -> None:
    """Train networks that can be stacked; the history of each job's surroundings gets its rows, as from `loop.train`.

    Where all have the same surroundings, these hear of the means of an epoch, otherwise each of its own.
    """
    first = jobs[0]
    runtime, training = first.runtime, first.training
    together = all(job.surroundings is first.surroundings for job in jobs)
    for job in jobs:
        place(job.net, runtime)
    with threads(runtime), own_stream(runtime), torch.random.fork_rng(devices=cuda_indices(runtime)):
        stack = Stack(jobs)
        step = stack.step_of()
        saved_at = time.monotonic()
        while not stack.finished:
            start = time.monotonic()
            found = stack.train_epoch(step)
            rows: list[tuple[Job, Row]] = []
            for run, job, loss in zip(stack.runs, jobs, found, strict=True):
                if run.epoch < stack.lead.epoch:
                    continue  # it has stopped early, and only keeps the others company
                row = loop.end_epoch(run, job.phase, loss, job.validate)
                run.history.append(row)
                rows.append((job, row))
                if run.finished:
                    stack.settle(run)
            seconds = (time.monotonic() - start) / len(rows)
            for _, row in rows:
                row["seconds"] = round(seconds, 3)
            heard = [(first, _mean([row for _, row in rows], f"{len(jobs)} members"))] if together else rows
            for job, row in heard:
                if job.surroundings.on_epoch is not None:
                    job.surroundings.on_epoch(row)
            if stack.finished or time.monotonic() - saved_at >= training.checkpoint_seconds:
                for run, job in zip(stack.runs, jobs, strict=True):
                    if job.checkpoint is not None:
                        stack.save(run, job.checkpoint)
                saved_at = time.monotonic()
        stack.take_apart()
    for run, job in zip(stack.runs, jobs, strict=True):
        job.surroundings.history.extend(run.history)
        run.net.eval()


class Stack:
    """Networks of one shape, whose weights are slices of stacked ones, and the state of the phase of each."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        first = jobs[0]
        training, runtime, num_rows = first.training, first.runtime, len(first.inputs)
        seeds = [loop.phase_seed(job.seed, job.phase) for job in jobs]
        self.jobs, nets = jobs, [job.net for job in jobs]
        self.runs = [Phase(net, training, runtime, num_rows, seed, None) for net, seed in zip(nets, seeds, strict=True)]
        self.dropout = [torch.Generator(runtime.device).manual_seed(seed) for seed in seeds]
        self.chain = _chain(nets[0])
        together = zip(*(net.parameters() for net in nets), strict=True)
        self.weights = [nn.Parameter(torch.stack([p.detach() for p in each])) for each in together]
        self._share()
        self.inputs, self.targets = (
            _stacked(each, runtime.device) for each in zip(*((j.inputs, j.targets) for j in jobs), strict=True)
        )
        self.numbers = torch.arange(len(jobs), device=runtime.device)[:, None]
        self.final: dict[int, dict[str, Tensor]] = {}
        own = dataclasses.replace(training, ema_decay=0.0)  # each network has its average
        self.lead = Phase(nn.ParameterList(self.weights), own, runtime, num_rows, seeds[0], None, stacked=True)

    def _share(self) -> None:
        """Make the weights of each network slices of the stacked ones."""
        for number, run in enumerate(self.runs):
            for p, stacked in zip(run.net.parameters(), self.weights, strict=True):
                p.data = stacked.data[number]

    @property
    def finished(self) -> bool:
        return all(run.finished for run in self.runs)

    def step_of(self) -> Callable[[Tensor], Tensor]:
        """What takes the numbers of a batch's rows `(K, B)`, does a step of all networks, and returns their losses `(K,)`."""
        capture = self.jobs[0].capture

        def batch(rows: Tensor) -> tuple[Tensor, Tensor]:
            x, t = self.inputs[self.numbers, rows], self.targets[self.numbers, rows]
            if self.jobs[0].augment is None:
                return x, t
            parts = []
            for k, (job, run) in enumerate(zip(self.jobs, self.runs, strict=True)):
                assert job.augment is not None
                parts.append(job.augment(x[k], t[k], run.augmentation))
            return torch.stack([part for part, _ in parts]), torch.stack([part for _, part in parts])

        def whole(rows: Tensor) -> Tensor:
            return self._step(*batch(rows))

        if not has_graphs(self.lead.runtime) or capture == "nothing":
            return whole
        generators = [*self.dropout, *(run.augmentation for run in self.runs)]
        made = partial(CapturedStep, self.lead, notice=self.jobs[0].surroundings.notice, generators=generators)
        if capture == "all":
            return made(whole, whole)
        step = made(self._step, self._step)
        return lambda rows: step(*batch(rows))

    def train_epoch(self, step: Callable[[Tensor], Tensor]) -> list[float]:
        """One pass over all rows, for each network in an order of its own; its mean loss of a row."""
        num_rows = self.inputs.shape[1]
        orders = torch.stack([torch.randperm(num_rows, generator=run.order) for run in self.runs]).to(self.inputs.device)
        start, losses, sizes = self.lead.step, [], []
        for rows in orders.tensor_split(self.lead.steps_per_epoch, dim=1):
            self.lead.set_rates()
            for run in self.runs:
                run.set_decay()
            losses.append(step(rows))
            sizes.append(rows.shape[1])
            for run in self.runs:
                run.step += not run.finished
            self.lead.step += 1
            if self.lead.step >= self.lead.num_steps:
                break
        self.lead.epoch += 1
        found = torch.stack(losses).T.tolist()
        for run, each in zip(self.runs, found, strict=True):
            if run.step == self.lead.step:
                run.epoch = self.lead.epoch
                loop.check_losses(run, start, each)
        return [loop.mean_loss(each, sizes) for each in found]

    def _step(self, x: Tensor, t: Tensor) -> Tensor:
        """One step of all networks with rows `(K, B, F)` and targets `(K, B, D)`; their losses `(K,)`."""
        self.lead.optimizer.zero_grad(set_to_none=True)
        with autocast(self.lead.runtime):
            outputs = self._outputs(x)
            losses = [job.objective(_known(outputs[k]), x[k], t[k]).float().sum() / x.shape[1] for k, job in enumerate(self.jobs)]
        found = torch.stack(losses)
        found.sum().backward()  # type: ignore[no-untyped-call]
        if self.lead.training.clip_norm:
            self._clip(self.lead.training.clip_norm)
        self.lead.optimizer.step()
        for run in self.runs:
            run.update_average()
        return found.detach()

    def _outputs(self, x: Tensor) -> Tensor:
        weights = iter(self.weights)
        for part in self.chain:
            if isinstance(part, nn.Linear):
                weight, bias = next(weights), next(weights)
                x = torch.baddbmm(bias[:, None], x, weight.transpose(1, 2))
            elif isinstance(part, ELU):
                x = part(x)
            else:
                assert isinstance(part, nn.Dropout)
                noise = torch.stack([torch.empty_like(one).bernoulli_(1 - part.p, generator=g) for one, g in self._slices(x)])
                x = x * noise.div_(1 - part.p)
        return x

    def _slices(self, x: Tensor) -> Iterator[tuple[Tensor, torch.Generator]]:
        return zip(x.detach(), self.dropout, strict=True)

    def _clip(self, most: float) -> None:
        """Clip the gradients of each network to this norm."""
        grads = [p.grad for p in self.weights if p.grad is not None]
        norms = torch.stack([grad.flatten(1).norm(dim=1) for grad in grads]).norm(dim=0)
        factors = (most / (norms + 1e-6)).clamp(max=1.0)
        for grad in grads:
            grad.mul_(factors.view(-1, *[1] * (grad.ndim - 1)))

    def settle(self, run: Phase) -> None:
        """Keep what a network that has finished ends with: its slices go on changing with those of the others."""
        number = self.runs.index(run)
        kept = {name: value.clone() for name, value in run.net.state_dict().items()}
        run.settle_weights()
        self.final[number] = {name: value.clone() for name, value in run.net.state_dict().items()}
        run.net.load_state_dict(kept)

    def take_apart(self) -> None:
        """Give each network weights of its own again, those that it ends with."""
        for number, run in enumerate(self.runs):
            for p in run.net.parameters():
                p.data = p.data.clone()
            run.net.load_state_dict(self.final[number])

    def save(self, run: Phase, file: Path) -> None:
        """Write a network's checkpoint, from which `loop.train` goes on with it alone."""
        number = self.runs.index(run)
        for stacked, p in zip(self.weights, run.net.parameters(), strict=True):
            state = self.lead.optimizer.state[stacked]
            own = {key: value[number] if value.shape == stacked.shape else value for key, value in state.items()}
            run.optimizer.state[p] = {key: value.clone() for key, value in own.items()}
        before = run.net.state_dict()
        if number in self.final:
            before = {name: value.clone() for name, value in before.items()}
            run.net.load_state_dict(self.final[number])
        state = self.dropout[number].get_state()  # from which dropout goes on
        with torch.random.fork_rng(devices=cuda_indices(run.runtime)):
            if cuda_indices(run.runtime):
                torch.cuda.set_rng_state(state, cuda_indices(run.runtime)[0])
            else:
                torch.set_rng_state(state)
            run.save(file)
        run.net.load_state_dict(before)


def _known(outputs: Tensor) -> Any:
    """What an objective calls as a network whose outputs are known already."""
    return lambda x: outputs


def _is_chain(net: nn.Module) -> bool:
    parts = _chain(net)
    return bool(getattr(getattr(net, "body", None), "is_chain", False)) and {type(p) for p in parts} <= {
        nn.Linear,
        ELU,
        nn.Dropout,
    }


def _chain(net: nn.Module) -> list[nn.Module]:
    """The parts of a network without parts of their own, in the order in which they are called."""
    return [part for part in net.modules() if not list(part.children())]


def _stacked(tensors: Sequence[Tensor], device: str) -> Tensor:
    """Tensors `(N, ...)` of K networks as one `(K, N, ...)` on the device; of one that all share, there is one copy."""
    if all(tensor is tensors[0] for tensor in tensors):
        return tensors[0].to(device).expand(len(tensors), *tensors[0].shape)
    return torch.stack(list(tensors)).to(device)


def _mean(rows: Sequence[Row], phase: str) -> Row:
    """The means of what differs between networks in an epoch."""
    first = rows[0] | {"phase": phase}
    return {
        key: math.fsum(row[key] for row in rows) / len(rows) if isinstance(value, float) else value
        for key, value in first.items()
    }
