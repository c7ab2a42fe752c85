"""Trainings that do not depend on each other, done together where that is faster: as one stack, or in turns on a GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sdl_cli.learning import loop, stack, turns
from sdl_cli.learning.device import Runtime
from sdl_cli.learning.loop import Augment, Capture, Objective
from sdl_cli.settings.experiment import Training

_EACH_ALONE = "The GPU's memory is too small for several networks at once: each is trained by itself."


@dataclass(frozen=True)
class Job:
    """A training that can begin: the arguments of `loop.train`, and what surrounds it."""

    net: nn.Module
    objective: Objective
    inputs: Tensor
    targets: Tensor
    training: Training
    runtime: Runtime
    seed: int
    phase: str
    augment: Augment | None
    validate: Callable[[nn.Module], dict[str, float]] | None
    capture: Capture
    surroundings: loop.Context

    @property
    def checkpoint(self) -> Path | None:
        return self.surroundings.checkpoint(self.phase)

    def train(self) -> None:
        """Train the network by itself."""
        with loop.context(self.surroundings):
            loop.train(*self._what, **self._how)

    def epochs(self) -> Iterator[None]:
        """The same an epoch at a time, as `loop.epochs`."""
        passing = loop.epochs(*self._what, **self._how)
        while True:
            with loop.context(self.surroundings):
                if next(passing, None) is None:
                    return
            yield

    @property
    def _what(self) -> tuple[Any, ...]:
        return self.net, self.objective, self.inputs, self.targets, self.training, self.runtime

    @property
    def _how(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("seed", "phase", "augment", "validate", "capture")}


class Jobs(list[Job]):
    """Trainings that do not depend on each other."""

    def train(self) -> None:
        """Train all networks in place, together if they can be and memory allows; raises as `loop.train`."""
        if self.go_together:
            begun = [{name: value.clone() for name, value in job.net.state_dict().items()} for job in self]
            known = [len(job.surroundings.history) for job in self]
            try:
                (stack.train_stack if stack.can_be_stacked(self) else turns.train_in_turns)(self)
                return
            except torch.OutOfMemoryError:
                for job, weights, num_rows in zip(self, begun, known, strict=True):
                    for p in job.net.parameters():
                        p.data = p.data.clone()  # it may be a slice of a stack
                    job.net.load_state_dict(weights)
                    del job.surroundings.history[num_rows:]
                    job.surroundings.notice(_EACH_ALONE)
        for job in self:
            job.train()

    @property
    def go_together(self) -> bool:
        """Whether they are faster together: as one stack, or on streams of one GPU."""
        return stack.can_be_stacked(self) or turns.can_take_turns(self)
