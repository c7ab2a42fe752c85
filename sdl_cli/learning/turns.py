"""Several networks on one GPU at once: each trains on a stream of its own, and they take turns an epoch at a time.

A captured step of a small network fills a part of the GPU and costs the CPU next to nothing. So an epoch of each is queued, and
while the CPU waits for one the GPU goes on with the others. Every network has its own batches and random numbers, and ends up as
it would alone.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import nn

from sdl_cli.learning.device import Runtime, cuda_indices, has_graphs, synchronize, threads
from sdl_cli.learning.streams import memory, side_streams

if TYPE_CHECKING:
    from sdl_cli.learning.together import Entry, Job

MOST_AT_ONCE = 16  # on one H200, 16 residual networks on 16 streams did 10 to 57 times the steps of one launched step by step
_MOST_MEMORY = 0.5  # of what is free, so that what else runs there does not fail
_END = object()


def can_take_turns(job: Job, runtime: Runtime | None = None) -> bool:
    """Whether its steps are captured, on the GPU of this runtime, and draw nothing from torch's own generator there.

    That one is shared: what dropout draws for a network would depend on the others.
    """
    if not has_graphs(job.runtime) or threading.current_thread() is not threading.main_thread():
        return False
    if job.capture == "nothing" or job.draws or job.runtime.precision == "float16" or runtime not in (None, job.runtime):
        return False
    return not any(isinstance(part, nn.modules.dropout._DropoutNd) and part.p > 0 for part in job.net.modules())


class Turns:
    """Trainings under way on one GPU, as many as its memory has room for, and at most 16; use it in a `with`."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.under_way: dict[int, tuple[Entry, Iterator[None]]] = {}  # by the numbers of their streams
        self.most = MOST_AT_ONCE
        self._each = 1  # bytes of one, as far as known
        self._inside = contextlib.ExitStack()

    def __enter__(self) -> Turns:
        self._inside.enter_context(threads(self.runtime))
        self._inside.enter_context(torch.random.fork_rng(devices=cuda_indices(self.runtime)))
        self._streams = self._inside.enter_context(side_streams(self.runtime, MOST_AT_ONCE))
        return self

    def __exit__(self, *_: object) -> None:
        self.under_way.clear()
        self._inside.close()

    @property
    def has_room(self) -> bool:
        return len(self.under_way) < self.most

    def start(self, entry: Entry) -> bool:
        """Launch its first epoch, while nothing else is launched; whether it goes on, as in `advance`."""
        number = next(each for each in range(MOST_AT_ONCE) if each not in self.under_way)
        held = memory(self.runtime)[0]
        goes_on = self._advance(number, entry, entry.job.epochs())
        # what it makes for itself or for all is there then, and how much memory it takes
        synchronize(self.runtime)
        now, free = memory(self.runtime)
        self._each = max(self._each, now - held)
        room = max(1, len(self.under_way) + int(_MOST_MEMORY * free / self._each))
        if room < self.most:
            entry.job.surroundings.notice(f"The GPU's memory has room for {room} of these networks at once.")
        self.most = min(self.most, room)
        return goes_on

    def advance(self) -> list[Entry]:
        """Settle an epoch of each and launch its next; those that have ended, with the error of each that failed."""
        now = list(self.under_way.items())
        return [entry for number, (entry, epochs) in now if not self._advance(number, entry, epochs)]

    def drop(self, owner: int) -> None:
        """Give up the trainings of an owner."""
        for number, (entry, _) in list(self.under_way.items()):
            if entry.owner == owner:
                self._end(number)

    def _advance(self, number: int, entry: Entry, epochs: Iterator[None]) -> bool:
        start, goes_on = time.perf_counter(), False
        self.under_way[number] = entry, epochs
        try:
            with self._streams[number]():
                goes_on = next(epochs, _END) is None
        except Exception as error:
            entry.error = error
        finally:
            if not goes_on:
                self._end(number)
            entry.seconds += time.perf_counter() - start
        return goes_on

    def _end(self, number: int) -> None:
        """Forget the training on a stream, once the GPU has done what was launched there."""
        del self.under_way[number]
        self._streams[number].wait()
