"""The one training loop of the network for tables: batches of synthetic tables, steps, checkpoints. Read it top to bottom."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from pretraining.checkpoint import save_checkpoint
from pretraining.objective import SCORES, score_tables
from pretraining.state import State
from pretraining.workers import TableSource
from sdl_cli.errors import DeviceError
from sdl_cli.learning.models.table_network import save_weights
from sdl_cli.phrases import counted, duration

WEIGHTS = "weights.safetensors"
_CHECK_STEPS = 20  # how often losses are checked: a check waits for the GPU
_LOG_SECONDS = 10.0


def train(
    state: State,
    folder: Path,
    *,
    num_workers: int = 0,
    should_stop: Callable[[State], bool] = lambda state: False,
    say: Callable[[str], None] = print,
    save_seconds: float = 60.0,
) -> bool:
    """Train `state` until its recipe's end, writing `WEIGHTS` and a checkpoint into `folder` from time to time.

    The final weights are those of the last step. Until then, the file holds their running mean.

    Arguments:
        num_workers: processes that make tables. should_stop: asked before each step. say: takes lines for the user.
        save_seconds: between checkpoints, at least 0.
    Returns:
        whether the training came to its end; otherwise it was stopped, and can be resumed.
    Raises:
        DeviceError: the memory is too small for the smallest batch. DataError: the folder cannot be written to.
    """
    device = state.draws.device
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
        torch.backends.cuda.enable_cudnn_sdp(False)  # it plans anew for every shape
    started = time.monotonic() - state.seconds
    log = _Log(state, say)
    saved_at = time.monotonic()
    with TableSource(state.recipe, state.draws, num_workers, state.step) as source:
        while state.progress < 1 and not should_stop(state):
            rate = state.learning_rate()
            try:
                scores = _step(state, source, rate, dtype)
            except torch.OutOfMemoryError as error:
                if not state.halve_cells():
                    raise DeviceError(
                        "The memory is too small for even a small batch of tables.", "Use a smaller --preset."
                    ) from error
                if device.type == "cuda":
                    torch.cuda.empty_cache()
                say(f"out of memory: batches are of {state.cells:,} cells from now on")
                continue
            log.add(scores)
            if state.step % _CHECK_STEPS == 0 and not state.keep_or_recover():
                say(
                    f"step {state.step}: a loss or weight is not finite; back to the last good weights, at half the learning rate"
                )
            state.seconds = time.monotonic() - started
            log.print_at_times(rate, source.num_starved)
            if time.monotonic() - saved_at >= save_seconds:
                _save(state, folder, use_average=True)
                saved_at = time.monotonic()
    is_done = state.progress >= 1
    if is_done and not state.keep_or_recover():
        say("the last steps were not finite: the last good weights are written")
    _save(state, folder, use_average=not is_done)
    say(f"{counted(state.step, 'step')}, {counted(state.num_tables, 'table')}, {duration(state.seconds)}: {folder / WEIGHTS}")
    return is_done


def _step(state: State, source: TableSource, rate: float, dtype: torch.dtype) -> Tensor:
    """One step over batches of different shape, each weighted by the root of its tables; returns the mean `SCORES` (4,)."""
    scores, weights = [], []
    num_tables = num_cells = 0
    for _ in range(state.recipe.shapes_per_step):
        tables = source.next(state.cells, state.progress)
        loss, found = score_tables(state.net, tables, dtype)
        weights.append(math.sqrt(len(tables.values)))
        (loss * weights[-1]).backward()  # type: ignore[no-untyped-call]
        scores.append(found * weights[-1])
        state.is_finite &= torch.isfinite(found[0])
        num_tables += len(tables.values)
        num_cells += tables.values.numel() + tables.values.shape[0] * tables.values.shape[1]
    state.apply_gradients(sum(weights), rate)
    state.num_tables += num_tables
    state.num_cells += num_cells
    return torch.stack(scores).sum(0) / sum(weights)


def _save(state: State, folder: Path, use_average: bool) -> None:
    """Write the checkpoint and the weights, both at their last step."""
    save_checkpoint(state, folder)
    metadata = {"tables": state.num_tables, "steps": state.step, "seconds": round(state.seconds), "seed": state.recipe.seed}
    save_weights(state.average if use_average else state.net, folder / WEIGHTS, metadata)


class _Log:
    """Prints a line now and then: the mean scores since the last one."""

    def __init__(self, state: State, say: Callable[[str], None]) -> None:
        self.state, self.say = state, say
        self.is_first = True
        self._start()

    def _start(self) -> None:
        self.sums = torch.zeros(len(SCORES), device=self.state.draws.device)
        self.first_step, self.first_table, self.at = self.state.step, self.state.num_tables, time.monotonic()

    def add(self, scores: Tensor) -> None:
        self.sums += scores

    def print_at_times(self, rate: float, num_starved: int) -> None:
        """A line after the first step, and whenever the last one is ten seconds old."""
        passed = time.monotonic() - self.at
        if passed < _LOG_SECONDS and not self.is_first:
            return
        self.is_first = False
        state, num_steps = self.state, self.state.step - self.first_step
        loss, of_frequency, accuracy, of_majority = (self.sums / num_steps).tolist()
        speed = (state.num_tables - self.first_table) / passed
        waits = f", waited for tables {num_starved} times" if num_starved else ""
        self.say(
            f"{min(1.0, state.progress):4.0%}  step {state.step}  loss {loss:.4f} (class shares alone {of_frequency:.4f})  "
            f"accuracy {accuracy:.4f} (largest class {of_majority:.4f})  rate {rate:.5f}  {speed:.0f} tables/s{waits}"
        )
        self._start()
