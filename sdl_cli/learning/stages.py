"""Work that stops wherever networks are to be trained, so that those of several such works can be trained together."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextvars import ContextVar
from typing import Protocol, TypeVar

T = TypeVar("T")


class Trainings(Protocol):
    """Trainings that do not depend on each other."""

    def train(self) -> None:
        """Do them all; raises what ends one of them."""


Stages = Generator[Trainings, None, T]  # it goes on once they are done, or with what ended one of them raised where it stopped

_others: ContextVar[float] = ContextVar("sdl_seconds_of_others", default=0.0)


def finish(stages: Stages[T]) -> T:
    """Carry out work by itself; raises what it raises."""
    try:
        trainings = next(stages)
        while True:
            try:
                trainings.train()
            except BaseException as error:
                trainings = stages.throw(error)
            else:
                trainings = next(stages)
    except StopIteration as end:
        value: T = end.value
        return value


def own_time() -> float:
    """Seconds of a clock that stands still while others go on (see `give_others`)."""
    return time.perf_counter() - _others.get()


def give_others(seconds: float) -> None:
    """Note that so many seconds went by for other works than that of the context in force."""
    _others.set(_others.get() + seconds)
