"""A training step captured once as a CUDA graph and replayed: small steps on a GPU cost launches and Python, not arithmetic.

A graph repeats its kernels on the same memory. So a step has fixed inputs, into which each batch is copied; learning rate and
weight of the average are numbers on the device (`Phase.set_rates`); random numbers come from generators that the graph knows.
Batches of two sizes have two graphs. Nothing is computed while a step is captured, and a step that waits for the device, which no
graph can hold, is found before: where there is no graph, training goes on with steps that are launched one by one.
Source: CUDA graphs in PyTorch, "Whole-network capture" (torch.cuda documentation).
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from sdl_cli.learning.phase import Phase
from sdl_cli.phrases import typed_line

Step = Callable[..., Tensor]

_FIRST_STEPS = 3  # of a batch size, launched one by one: in them libraries load kernels and set aside memory
_LEAST_STEPS = 50  # fewer are done before a capture pays


class Graph(Protocol):
    """Kernels that were launched once and can be launched again."""

    def capture(self, body: Callable[[], Tensor]) -> Tensor:
        """Note what `body` launches, without computing it, and return its output, which each replay writes anew."""

    def replay(self) -> None: ...

    def waits(self, step: Callable[[], Tensor]) -> tuple[Tensor, bool]:
        """The output of a step, and whether it made the CPU wait for the device."""

    def give_up(self) -> None:
        """Clean up after a capture that failed."""


class CudaGraph:
    """A graph of the current stream, which must not be the default one.

    Arguments:
        generators: whose random numbers differ from replay to replay, as those of torch's own generator do.
    """

    def __init__(self, generators: Sequence[torch.Generator]) -> None:
        self._graph, self._generators = torch.cuda.CUDAGraph(), generators
        for generator in generators:
            with warnings.catch_warnings():  # later versions of torch know the generators by themselves, and say so
                warnings.simplefilter("ignore")
                if hasattr(self._graph, "register_generator_state"):
                    self._graph.register_generator_state(generator)

    def capture(self, body: Callable[[], Tensor]) -> Tensor:
        # other threads, such as one that fits a forest, may use the device meanwhile
        with torch.cuda.graph(self._graph, stream=torch.cuda.current_stream(), capture_error_mode="thread_local"):
            return body()

    def replay(self) -> None:
        self._graph.replay()

    def waits(self, step: Callable[[], Tensor]) -> tuple[Tensor, bool]:
        before = torch.cuda.get_sync_debug_mode()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            try:
                output = step()
            finally:
                torch.cuda.set_sync_debug_mode(before)
        return output, any("synchronizing" in str(one.message) for one in told if "prototype" not in str(one.message))

    def give_up(self) -> None:
        # up to torch 2.11 generators go on as if a capture were going on
        for generator in (*self._generators, torch.cuda.default_generators[torch.cuda.current_device()]):
            with contextlib.suppress(RuntimeError, AttributeError):
                state = generator.get_state()
                generator.graphsafe_set_state(torch.Generator(generator.device))
                generator.set_state(state)


class CapturedStep:
    """`step`, captured after its first calls for each shape of batch, as long as that works.

    Arguments:
        step: takes tensors of a batch, on the device, and returns its loss; it changes weights in place.
        once: the same without what a graph cannot do: it raises where memory is short.
        notice: called with a sentence, once, if the step cannot be captured.
        generators: of random numbers in a step, beside torch's own; those of the phase's augmentation unless given.
        new_graph: makes an empty graph.
    """

    def __init__(
        self,
        run: Phase,
        step: Step,
        once: Step,
        notice: Callable[[str], None],
        generators: Sequence[torch.Generator] | None = None,
        new_graph: Callable[[Sequence[torch.Generator]], Graph] = CudaGraph,
    ) -> None:
        self.run, self.step, self.once, self.notice, self.new_graph = run, step, once, notice, new_graph
        self.generators = [run.augmentation] if generators is None else generators
        self.is_capturing = run.num_steps - run.step >= _LEAST_STEPS
        self._calls: dict[tuple[int, ...], int] = {}
        self._graphs: dict[tuple[int, ...], tuple[Graph, list[Tensor], Tensor]] = {}

    def __call__(self, *batch: Tensor) -> Tensor:
        """The loss of a batch, a tensor that stays as it is; the weights have moved on."""
        size = tuple(batch[0].shape)
        if size not in self._graphs:
            self._calls[size] = self._calls.get(size, 0) + 1
            if not self.is_capturing or self.run.num_parts > 1 or self._calls[size] < _FIRST_STEPS:
                return self.step(*batch)
            if self._calls[size] == _FIRST_STEPS:
                return self._watched(batch)
            if not self._capture(batch):
                return self.step(*batch)
        graph, inputs, loss = self._graphs[size]
        for fixed, given in zip(inputs, batch, strict=True):
            fixed.copy_(given)
        graph.replay()
        return loss.clone()

    def _watched(self, batch: Sequence[Tensor]) -> Tensor:
        """A step launched by itself, and watched: one that waits for the device is not captured."""
        loss, waits = self.new_graph(self.generators).waits(lambda: self.step(*batch))
        if waits:
            self._give_up("a step waits for the device")
        return loss

    def _capture(self, batch: Sequence[Tensor]) -> bool:
        """Whether a graph for this size of batch was made."""
        graph, inputs = self.new_graph(self.generators), [given.clone() for given in batch]
        try:
            loss = graph.capture(lambda: self.once(*inputs))
        except RuntimeError as error:  # torch has no narrower one for what a graph cannot hold; its lack of memory is one too
            self.run.optimizer.zero_grad(set_to_none=True)
            graph.give_up()
            self._give_up(typed_line(error))
            return False
        self._graphs[tuple(batch[0].shape)] = graph, inputs, loss
        return True

    def _give_up(self, why: str) -> None:
        self.is_capturing = False
        self._graphs.clear()
        how = "each is launched by itself, which is slower and changes no result"
        self.notice(f"Training steps could not be captured as a CUDA graph ({why}): {how}.")
