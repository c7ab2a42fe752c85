"""Several networks on one GPU at once: each trains on a stream of its own, and they take turns an epoch at a time.

A captured step of a small network fills a part of the GPU and costs the CPU next to nothing. So an epoch of each is queued, and
while the CPU waits for one the GPU goes on with the others. Every network has its own batches and random numbers, and ends up as
it would alone.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

from sdl_cli.learning.device import Runtime, cuda_indices, has_graphs, synchronize, threads
from sdl_cli.learning.streams import Entered, memory, side_streams

if TYPE_CHECKING:
    from sdl_cli.learning.together import Job

MOST_AT_ONCE = 16  # on one H200, 16 residual networks on 16 streams did 10 to 57 times the steps of one launched step by step
_MOST_MEMORY = 0.5  # of what is free, so that what else runs there does not fail
_END = object()


def can_take_turns(jobs: Sequence[Job]) -> bool:
    """Whether these are trainings on one GPU whose steps are captured and draw nothing from torch's own generator there.

    That one is shared: what dropout draws for a network would depend on the others.
    """
    if len(jobs) < 2 or not has_graphs(jobs[0].runtime) or threading.current_thread() is not threading.main_thread():
        return False
    if any(job.runtime != jobs[0].runtime or job.capture == "nothing" for job in jobs):
        return False
    return jobs[0].runtime.precision != "float16" and not any(_drops(job.net) for job in jobs)


def _drops(net: nn.Module) -> bool:
    return any(isinstance(part, nn.modules.dropout._DropoutNd) and part.p > 0 for part in net.modules())


def train_in_turns(jobs: Sequence[Job]) -> None:
    """Train networks that can take turns, up to 16 at once as memory allows; raises as `loop.train`, for any of them."""
    runtime, waiting = jobs[0].runtime, list(jobs)
    with threads(runtime), torch.random.fork_rng(devices=cuda_indices(runtime)), side_streams(runtime, MOST_AT_ONCE) as streams:
        held, most = memory(runtime)[0], 1
        under_way: dict[int, Iterator[None]] = {}  # by the numbers of their streams
        while waiting or under_way:
            while waiting and len(under_way) < most:
                number = next(each for each in range(MOST_AT_ONCE) if each not in under_way)
                training = waiting.pop(0).epochs()
                if _goes_on(training, streams[number]):
                    under_way[number] = training
                # its first epoch alone: what it makes for itself or for all is there then, and how much memory it takes
                synchronize(runtime)
                if len(waiting) == len(jobs) - 1:
                    most = _room(runtime, held)
                    if most < min(len(jobs), MOST_AT_ONCE):
                        jobs[0].surroundings.notice(f"The GPU's memory has room for {most} of these networks at once.")
            under_way = {number: training for number, training in under_way.items() if _goes_on(training, streams[number])}


def _goes_on(training: Iterator[None], stream: Entered) -> bool:
    """Settle an epoch and launch the next; whether there was one."""
    with stream():
        return next(training, _END) is None


def _room(runtime: Runtime, held: int) -> int:
    """How many trainings fit at once, of which the first has begun; it takes what is held now and was not before."""
    now, free = memory(runtime)
    return max(1, min(MOST_AT_ONCE, 1 + int(_MOST_MEMORY * free / max(1, now - held))))
