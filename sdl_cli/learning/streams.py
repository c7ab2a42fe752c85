"""Streams of a CUDA GPU: a training runs on one of its own, several trainings run on several beside each other."""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from sdl_cli.learning.device import Runtime


class Side:
    """A stream beside that of the caller; without CUDA it does nothing.

    Arguments:
        own, outer: the stream, and that of the caller, which it does not wait for, except where it is entered.
    """

    def __init__(self, own: Any = None, outer: Any = None) -> None:
        self.own, self.outer = own, outer

    def __call__(self) -> contextlib.AbstractContextManager[Any]:
        """Launch the body there, after what the caller's stream has been given so far."""
        if self.own is None:
            return contextlib.nullcontext()
        self.own.wait_stream(self.outer)
        return torch.cuda.stream(self.own)

    def wait(self) -> None:
        """Wait until all that was launched there is done."""
        if self.own is not None:
            self.own.synchronize()


@contextlib.contextmanager
def own_stream(runtime: Runtime) -> Iterator[None]:
    """Run the body on a CUDA stream of its own, as capturing asks for, in order with what comes before and after."""
    with side_streams(runtime, 1) as [stream], stream():
        yield


@contextlib.contextmanager
def side_streams(runtime: Runtime, num: int) -> Iterator[Sequence[Side]]:
    """Streams that do not wait for each other, but all for what comes before, and what follows for all.

    They stay the same for all fits of a thread: memory that a stream has freed serves only that stream again. Without CUDA they
    do nothing.
    """
    if not runtime.device.startswith("cuda"):
        yield [Side()] * num
        return
    outer = torch.cuda.current_stream(runtime.device)
    own = [_stream(runtime.device, threading.get_ident(), number) for number in range(num)]
    try:
        yield [Side(stream, outer) for stream in own]
    finally:
        for stream in own:
            outer.wait_stream(stream)


@functools.cache
def _stream(device: str, _thread: int, _number: int) -> Any:
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


def memory(runtime: Runtime) -> tuple[int, int]:
    """Bytes of a GPU that this process holds for tensors, and bytes that are free there; elsewhere none and no end of them."""
    if not runtime.device.startswith("cuda"):
        return 0, sys.maxsize
    return torch.cuda.memory_reserved(runtime.device), torch.cuda.mem_get_info(runtime.device)[0]
