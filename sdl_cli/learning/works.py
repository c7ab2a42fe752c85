"""Works beside each other in one thread: wherever some stop for trainings, these are done together."""

from __future__ import annotations

import contextlib
import contextvars
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sdl_cli.errors import RunError
from sdl_cli.learning import stack
from sdl_cli.learning.stages import Stages, T, give_others
from sdl_cli.learning.together import Entry, Trainer


@dataclass(eq=False)
class _Work:
    """Work that has begun, and the trainings that it stops for."""

    number: int
    stages: Stages[Any]
    context: contextvars.Context
    trainings: Sequence[Entry] = ()
    stopped_at: float = 0.0
    open: set[int] = field(default_factory=set)

    def resume(self) -> Any:
        """Go on to its next trainings; raises StopIteration with its value, or what it raises."""
        if self.trainings:
            own = sum(entry.seconds for entry in self.trainings)
            self.context.run(give_others, time.perf_counter() - self.stopped_at - own)
        error = next((entry.error for entry in self.trainings if entry.error is not None), None)
        if error is not None:
            return self.context.run(self.stages.throw, error)
        return self.context.run(next, self.stages)


def run_together(
    works: Sequence[Stages[T]], most: int = stack.MOST_NETWORKS
) -> Generator[tuple[int, T | None, BaseException | None], None, None]:
    """Carry out works beside each other, in this thread, and train the networks that they stop for together.

    Arguments:
        most: how many are under way at once.
    Yields:
        number of a work, its value, and the error that ended it, as each ends. What ends all, such as an interrupt, is raised in
        each that has begun, so that it can leave its folder in order.
    """
    waiting, begun = deque(enumerate(works)), dict[int, _Work]()
    with Trainer() as trainer:
        try:
            while waiting or begun:
                while waiting and len(begun) < most:
                    number, stages = waiting.popleft()
                    begun[number] = _Work(number, stages, contextvars.copy_context())
                    yield from _go_on(begun, number, trainer)
                for entry in trainer.advance() if begun else ():
                    work = begun.get(entry.owner)
                    if work is None or id(entry) not in work.open:  # another of its trainings has failed before
                        continue
                    work.open.remove(id(entry))
                    if entry.error is not None:
                        trainer.drop(entry.owner)
                    if entry.error is not None or not work.open:
                        yield from _go_on(begun, entry.owner, trainer)
        except BaseException as stop:
            # whoever asked for results has stopped: a full disk, say, which is raised there
            raised = RunError("Stopped, since what ran beside it ended all.") if isinstance(stop, GeneratorExit) else stop
            for work in begun.values():
                with contextlib.suppress(BaseException):
                    work.context.run(work.stages.throw, raised)
            raise


def _go_on(begun: dict[int, _Work], number: int, trainer: Trainer) -> Iterator[tuple[int, Any, BaseException | None]]:
    """Go on with a work to its next trainings, or to its end."""
    work, value, error = begun[number], None, None
    try:
        while True:
            trainings = work.resume()
            work.trainings = trainer.add(number, trainings)
            if work.trainings:
                break
    except StopIteration as end:
        value = end.value
    except (Exception, SystemExit) as failure:
        error = failure
    else:
        work.stopped_at = time.perf_counter()
        work.open = {id(entry) for entry in work.trainings}
        return
    del begun[number]
    yield number, value, error
