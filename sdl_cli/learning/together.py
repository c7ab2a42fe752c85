"""Trainings that do not depend on each other, done together where that is faster: as one stack, or in turns on a GPU."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sdl_cli.errors import OutOfTimeError
from sdl_cli.learning import loop, stack, turns
from sdl_cli.learning.device import Runtime
from sdl_cli.learning.loop import Augment, Capture, Objective
from sdl_cli.learning.optimization import MOMENTUM
from sdl_cli.settings.experiment import Training

_EACH_ALONE = "The GPU's memory is too small for several networks at once: each is trained by itself."


@dataclass(frozen=True)
class Job:
    """A training that can begin: the arguments of `loop.train`, and what surrounds it.

    Arguments:
        draws: its steps draw from torch's own generator, also without dropout.
    """

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
    parameters: Sequence[tuple[float, Sequence[nn.Parameter]]] | None = None
    momentum: float = MOMENTUM
    draws: bool = False

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
        names = ("seed", "phase", "augment", "validate", "capture", "parameters", "momentum")
        return {name: getattr(self, name) for name in names}


class Jobs(list[Job]):
    """Trainings that do not depend on each other."""

    def train(self) -> None:
        """Train all networks in place, together if they can be and memory allows; raises as `loop.train`, for any of them."""
        with Trainer() as trainer:
            trainer.add(0, self)
            while trainer:
                for entry in trainer.advance():
                    if entry.error is not None:
                        raise entry.error


@dataclass(eq=False)
class Entry:
    """A training of an owner, and what became of it.

    Arguments:
        seconds: spent on it.
        error: that ended it.
        is_alone: it is not to be trained with others, which has failed.
    """

    owner: int
    job: Job
    seconds: float = 0.0
    error: Exception | None = None
    is_alone: bool = False

    def __post_init__(self) -> None:
        self._known = len(self.job.surroundings.history)
        self._begun: dict[str, Tensor] | None = None

    def remember(self) -> None:
        """Note how it begins, before it is trained with others."""
        self._begun = {name: value.clone() for name, value in self.job.net.state_dict().items()}

    def begin_again(self) -> None:
        """Undo what training with others has done, to train it alone."""
        assert self._begun is not None
        for p in self.job.net.parameters():
            p.data = p.data.clone()  # it may be a slice of a stack
        self.job.net.load_state_dict(self._begun)
        rows = self.job.surroundings.history  # which members of an ensemble share
        rows[self._known :] = [row for row in rows[self._known :] if row["phase"] != self.job.phase]
        self.error, self._begun, self.is_alone = None, None, True

    def train(self) -> None:
        """Train it by itself."""
        start = time.perf_counter()
        try:
            self.job.train()
        except Exception as error:
            self.error = error
        self.seconds += time.perf_counter() - start


class Trainer:
    """Trains networks as they come in: alike ones as one stack, others in turns on a GPU, and the rest one by one."""

    def __init__(self) -> None:
        self._waiting: list[Entry] = []
        self._turns: turns.Turns | None = None

    def __enter__(self) -> Trainer:
        return self

    def __exit__(self, *_: object) -> None:
        self._end_turns()

    def __bool__(self) -> bool:
        return bool(self._waiting) or self._turns is not None

    def add(self, owner: int, jobs: Sequence[Job]) -> list[Entry]:
        """Have networks trained; whatever is new is there before `advance` is called, so that it can be trained together."""
        found = [Entry(owner, job) for job in jobs]
        self._waiting += found
        return found

    def drop(self, owner: int) -> None:
        """Give up what is left of an owner's trainings."""
        self._waiting = [entry for entry in self._waiting if entry.owner != owner]
        if self._turns is not None:
            self._turns.drop(owner)

    def advance(self) -> list[Entry]:
        """Train for a while: a stack or a single network to its end, those in turns for an epoch; the entries that ended."""
        stacked = self._alike()
        if stacked:
            return self._train_stack(stacked)
        ended = self._start_turns()
        if self._turns is None:
            first = self._waiting.pop(0)
            first.train()
            return [first]
        ended += self._turns.advance()
        if not self._turns.under_way:
            self._end_turns()
        return [entry for entry in ended if not self._tries_again(entry)]

    def _alike(self) -> list[Entry]:
        """Those that wait and can be trained as one stack with the first of them that can; none, or several."""
        left = [entry for entry in self._waiting if not entry.is_alone]
        for number, first in enumerate(left):
            alike = [first, *(other for other in left[number + 1 :] if stack.can_be_stacked(first.job, other.job))]
            if len(alike) > 1:
                return alike[: stack.MOST_NETWORKS]
        return []

    def _train_stack(self, entries: Sequence[Entry]) -> list[Entry]:
        start = time.perf_counter()
        self._waiting = [entry for entry in self._waiting if entry not in entries]
        for entry in entries:
            entry.remember()
        try:
            stack.train_stack([entry.job for entry in entries])
        except OutOfTimeError as error:
            for entry in entries:
                entry.error = error
        except Exception as error:  # whose it is shows where each is trained alone
            for entry in entries:
                entry.begin_again()
            self._waiting = [*entries, *self._waiting]
            if isinstance(error, torch.OutOfMemoryError):
                _say_once(entries)
            return []
        finally:
            for entry in entries:
                entry.seconds += (time.perf_counter() - start) / len(entries)
        return [*entries]

    def _start_turns(self) -> list[Entry]:
        """Start as many as there is room for of those that can take turns with each other; those that ended at once."""
        runtime = None if self._turns is None else self._turns.runtime
        fit = [entry for entry in self._waiting if not entry.is_alone and turns.can_take_turns(entry.job, runtime)]
        if self._turns is None:
            fit = [entry for entry in fit if entry.job.runtime == fit[0].job.runtime]
            if len(fit) < 2:
                return []
            self._turns = turns.Turns(fit[0].job.runtime).__enter__()
        ended = []
        for entry in fit:
            if not self._turns.has_room:
                break
            self._waiting.remove(entry)
            entry.remember()
            if not self._turns.start(entry):
                ended.append(entry)
        return ended

    def _tries_again(self, entry: Entry) -> bool:
        """Whether a network whose turn has ended for lack of memory waits again, to be trained alone once the others are done."""
        if not isinstance(entry.error, torch.OutOfMemoryError):
            return False
        entry.begin_again()
        _say_once([entry])
        self._waiting.append(entry)
        if self._turns is not None:
            self._turns.most = max(1, len(self._turns.under_way))
        return True

    def _end_turns(self) -> None:
        if self._turns is not None:
            self._turns.__exit__()
            self._turns = None


def _say_once(entries: Sequence[Entry]) -> None:
    for surroundings in {id(entry.job.surroundings): entry.job.surroundings for entry in entries}.values():
        surroundings.notice(_EACH_ALONE)
