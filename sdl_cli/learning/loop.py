"""The one training loop: steps, validation, checkpoint, resume, stop on NaN. Read it top to bottom; `Phase` is its state.

What a fit needs besides hyperparameters (the run's folder, the progress display, the runtime settled before) comes through
`context`; without it, a fit simply trains.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from sdl_cli.errors import DeviceError, RunError
from sdl_cli.learning.captured import CapturedStep
from sdl_cli.learning.device import Runtime, autocast, cuda_indices, has_graphs, place, resident, threads, time_steps
from sdl_cli.learning.optimization import MOMENTUM
from sdl_cli.learning.phase import Phase, Row
from sdl_cli.learning.streams import own_stream
from sdl_cli.settings.experiment import Training

_CPU_NUMBERS = 4 * 3 * 224 * 224  # for each thread, in a batch that is only passed through a network

Augment = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]
Objective = Callable[[nn.Module, Tensor, Tensor], Tensor]
Capture = Literal["all", "network", "nothing"]


@runtime_checkable
class FollowingObjective(Protocol):
    """An objective that goes along with a phase: it changes as steps go by, or draws from the phase's random numbers."""

    def follow(self, run: Phase) -> None:
        """Called once, before the first step of a phase or of what is left of it."""

    def __call__(self, net: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor: ...


@dataclass
class Context:
    """What surrounds a fit.

    Arguments:
        folder: where checkpoints are kept, or None to keep none.
        on_epoch: called with each history row (`phase`, `epoch`, `epochs`, `train_loss`, ...) as it is made.
        on_notice: called with a sentence for the user. on_runtime: called with the runtime once it is settled.
        runtime: the runtime to use as it is (a resumed or loaded run), or None.
        features: frozen features `(N, D)` of the rows handed to fit, if they were computed before.
    """

    folder: Path | None = None
    on_epoch: Callable[[Row], None] | None = None
    on_notice: Callable[[str], None] | None = None
    on_runtime: Callable[[Runtime], None] | None = None
    runtime: Runtime | None = None
    features: Any = None
    history: list[Row] = field(default_factory=list)

    def note(self, row: Row) -> None:
        self.history.append(row)
        if self.on_epoch is not None:
            self.on_epoch(row)

    def checkpoint(self, phase: str) -> Path | None:
        """The file of a phase's checkpoint, or None where none are kept."""
        return None if self.folder is None else self.folder / f"checkpoint-{phase}.pt"

    def notice(self, sentence: str) -> None:
        if self.on_notice is not None:
            self.on_notice(sentence)


_current: ContextVar[Context | None] = ContextVar("sdl_context", default=None)


@contextlib.contextmanager
def context(surroundings: Context) -> Iterator[Context]:
    """Make `surroundings` the context of every fit in the body."""
    token = _current.set(surroundings)
    try:
        yield surroundings
    finally:
        _current.reset(token)


def current_context() -> Context:
    """The context in force, or an empty one."""
    return _current.get() or Context()


def phase_seed(seed: int, phase: str) -> int:
    """A seed for one phase of a fit, so that a phase is the same whether or not the ones before it ran in this process."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{phase}".encode()).digest()[:4], "little") & 0x7FFFFFFF


def train(
    net: nn.Module,
    objective: Objective,
    inputs: Tensor,
    targets: Tensor,
    training: Training,
    runtime: Runtime,
    *,
    seed: int,
    phase: str = "fit",
    augment: Augment | None = None,
    validate: Callable[[nn.Module], dict[str, float]] | None = None,
    parameters: Sequence[tuple[float, Sequence[nn.Parameter]]] | None = None,
    capture: Capture = "all",
    momentum: float = MOMENTUM,
) -> list[Row]:
    """Train `net` in place on the rows given, and return its history.

    Arguments:
        objective: `(net, inputs, targets) -> losses (N,)`, one per row; a `FollowingObjective` hears of the phase.
        inputs: `uint8 (N, C, H, W)` images or `float32 (N, F)`; all of them, moved to the device where they fit.
        targets: `(N, K)` soft labels or `(N, 1)` numbers, likewise.
        training: all fields set.
        seed: of batch order, augmentation and dropout. phase: names the checkpoint and the history rows.
        validate: called after each epoch with the weights that would be used for prediction; returns at least `loss`.
        parameters: `(factor of the learning rate, parameters)` groups; None trains all of `net` at factor 1.
        capture: what of a step a GPU may repeat as it was launched once (see `captured`): all; the network, but not an
            augmentation that waits for the device; nothing, where a step draws random numbers or decides on the CPU.
        momentum: decay of the optimiser's mean gradient from step to step; networks that learn against each other want less.
    Raises:
        RunError: the loss is no longer a number. DeviceError: not even one row fits into the GPU's memory.
    """
    with threads(runtime), own_stream(runtime), torch.random.fork_rng(devices=cuda_indices(runtime)):
        *_, history = epochs(
            net, objective, inputs, targets, training, runtime, seed=seed, phase=phase, augment=augment, validate=validate,
            parameters=parameters, capture=capture, momentum=momentum,
        )  # fmt: skip
    return history


def epochs(
    net: nn.Module,
    objective: Objective,
    inputs: Tensor,
    targets: Tensor,
    training: Training,
    runtime: Runtime,
    *,
    seed: int,
    phase: str,
    augment: Augment | None,
    validate: Callable[[nn.Module], dict[str, float]] | None,
    parameters: Sequence[tuple[float, Sequence[nn.Parameter]]] | None = None,
    capture: Capture = "all",
    momentum: float = MOMENTUM,
) -> Iterator[list[Row]]:
    """`train`, an epoch at a time: yields the rows so far whenever the steps of another epoch are launched.

    A GPU may still be busy with them; it is waited for when the epoch is settled, before the next one. Threads, stream and random
    numbers are the caller's.
    """
    surroundings = current_context()
    place(net, runtime)
    inputs, targets = resident(inputs, runtime), resident(targets, runtime)
    run = Phase(net, training, runtime, len(inputs), phase_seed(seed, phase), parameters, momentum=momentum)
    file = surroundings.checkpoint(phase)
    if file is not None and file.exists():
        run.restore(file)
        surroundings.history.extend(run.history)
        if run.finished:
            yield run.history
            return
    if isinstance(objective, FollowingObjective):
        objective.follow(run)
    step = _step_of(run, objective, inputs, targets, augment, capture)
    saved_at = time.monotonic()
    while not run.finished:
        start = time.monotonic()
        launched = _launch_epoch(run, step, inputs.device, len(inputs))
        yield run.history
        row = end_epoch(run, phase, _mean_loss(run, *launched), validate)
        run.history.append(row | {"seconds": round(time.monotonic() - start, 3)})
        surroundings.note(run.history[-1])
        if run.finished:
            run.settle_weights()
        if file is not None and (run.finished or time.monotonic() - saved_at >= training.checkpoint_seconds):
            run.save(file)
            saved_at = time.monotonic()
    net.eval()


def _step_of(
    run: Phase, objective: Objective, inputs: Tensor, targets: Tensor, augment: Augment | None, capture: Capture
) -> Callable[[Tensor], Tensor]:
    """What takes the numbers of a batch's rows, does an optimiser step with them, and returns its loss.

    On CUDA it replays a graph: of all that happens to a batch, or where the data does not fit on the device, of what follows.
    """
    device = torch.device(run.runtime.device)

    def batch(rows: Tensor) -> tuple[Tensor, Tensor]:
        x = prepare(inputs[rows].to(device, non_blocking=True), run.runtime)
        t = targets[rows.to(targets.device)].to(device, non_blocking=True)
        return (x, t) if augment is None else augment(x, t, run.augmentation)

    def whole(rows: Tensor) -> Tensor:
        return _step(run, objective, *batch(rows))

    is_main = threading.current_thread() is threading.main_thread()  # what other threads launch would get into the graph
    if not has_graphs(run.runtime) or not is_main or capture == "nothing" or run.scaler.is_enabled():
        return whole  # the scaler decides each time whether to step
    notice = current_context().notice
    if capture == "all" and inputs.device == targets.device == device:
        return CapturedStep(run, whole, lambda rows: _step_once(run, objective, *batch(rows)), notice)
    step = CapturedStep(run, partial(_step, run, objective), partial(_step_once, run, objective), notice)
    return lambda rows: step(*batch(rows))


def _launch_epoch(
    run: Phase, step: Callable[[Tensor], Tensor], where: torch.device, num_rows: int
) -> tuple[int, list[Tensor], list[int]]:
    """One pass over all rows, which are `where`, in a new order: number of its first step, and loss and size of each batch."""
    run.net.train()
    start, sizes = run.step, []
    losses: list[Tensor] = []
    order = torch.randperm(num_rows, generator=run.order).to(where)
    for rows in order.tensor_split(run.steps_per_epoch):  # near-equal batches: BatchNorm never sees a final batch of one row
        run.set_rates()
        losses.append(step(rows))
        sizes.append(len(rows))
        run.step += 1
        if run.step >= run.num_steps:
            break
    run.epoch += 1
    return start, losses, sizes


def _mean_loss(run: Phase, start: int, losses: list[Tensor], sizes: list[int]) -> float:
    """The mean loss of a row in an epoch, once its losses are there; all of them are checked."""
    found: list[float] = torch.stack(losses).tolist()  # only here the host waits for the device
    check_losses(run, start, found)
    return mean_loss(found, sizes)


def end_epoch(run: Phase, phase: str, loss: float, validate: Callable[[nn.Module], dict[str, float]] | None) -> Row:
    """The history row of an epoch, but for its seconds, with the scores on validation rows; the best epoch is remembered."""
    row: Row = {"phase": phase, "epoch": run.epoch, "epochs": run.num_epochs, "step": run.step}
    row |= {"learning_rate": run.rate_at(run.step - 1), "train_loss": loss}
    if validate is not None:
        with run.averaged_weights(), torch.no_grad():
            run.net.eval()
            scores = validate(run.net)
        row |= {f"validation_{name}": value for name, value in scores.items()}
        run.compare(scores["loss"])
    return row


def check_losses(run: Phase, start: int, losses: Sequence[float]) -> None:
    """Raise RunError if one of the losses of an epoch that began with step `start` is no finite number."""
    bad = next((number for number, loss in enumerate(losses, start) if not math.isfinite(loss)), None)
    if bad is not None:
        raise RunError(
            f"The training loss became NaN or infinite at step {bad} (epoch {run.epoch}, {run.training.optimizer}, "
            f"learning rate {run.training.learning_rate:g}).",
            "Lower training.learning_rate, or set training.clip_norm=1 or precision=float32.",
        )


def mean_loss(losses: Sequence[float], sizes: Sequence[int]) -> float:
    """The mean loss of a row, from those of batches of these sizes."""
    return sum(loss * size for loss, size in zip(losses, sizes, strict=True)) / sum(sizes)


def _step(run: Phase, objective: Objective, x: Tensor, t: Tensor) -> Tensor:
    """One optimiser step; where a GPU's memory is too small, the batch is halved and gradients are summed."""
    while True:
        try:
            return _step_once(run, objective, x, t)
        except torch.OutOfMemoryError as error:
            run.optimizer.zero_grad(set_to_none=True)
            if run.num_parts >= len(x):
                what = "The GPU's memory is too small for even one row of this network."
                raise DeviceError(what, "Use a smaller network or image size, or device=cpu.") from error
            run.num_parts = min(2 * run.num_parts, len(x))
            if x.is_cuda:
                torch.cuda.empty_cache()
            current_context().notice(
                f"The GPU's memory is too small for a batch of {len(x)}: it is computed in {run.num_parts} parts with summed "
                "gradients (BatchNorm sees each part). training.batch_size sets the batch."
            )


def _step_once(run: Phase, objective: Objective, x: Tensor, t: Tensor) -> Tensor:
    """One optimiser step, with gradients summed over `run.num_parts` parts of the batch. Raises torch.OutOfMemoryError."""
    run.optimizer.zero_grad(set_to_none=True)
    loss = torch.zeros((), device=x.device)
    for part_x, part_t in zip(x.tensor_split(run.num_parts), t.tensor_split(run.num_parts), strict=True):
        with autocast(run.runtime):
            losses = objective(run.net, part_x, part_t)
        part = losses.float().sum() / len(x)
        run.scaler.scale(part).backward()  # type: ignore[no-untyped-call]
        loss += part.detach()
    run.scaler.unscale_(run.optimizer)
    if run.training.clip_norm:
        torch.nn.utils.clip_grad_norm_(run.trained, run.training.clip_norm)
    run.scaler.step(run.optimizer)
    run.scaler.update()
    run.update_average()
    return loss


def prepare(batch: Tensor, runtime: Runtime) -> Tensor:
    """A batch as a network takes it: images as float32 in [0, 1] in the runtime's memory format, tables as they are."""
    if batch.dtype == torch.uint8:
        batch = batch.float().div_(255)
    if batch.ndim == 4 and runtime.memory_format == "channels_last":
        batch = batch.contiguous(memory_format=torch.channels_last)
    return batch


def apply(net: nn.Module, inputs: Tensor, runtime: Runtime, batch_size: int = 256) -> Tensor:
    """Outputs `float32 (N, ...)` of `net` in eval mode, on the CPU, in batches of at most `batch_size` and of `net.most_rows`.

    Batches of large images are smaller on a CPU: more at once are no faster there, and what layers make of them fills gigabytes.
    """
    net.eval()
    num_rows = min(batch_size, getattr(net, "most_rows", batch_size))
    if runtime.device == "cpu":
        num_rows = max(1, min(num_rows, max(1, runtime.num_threads) * _CPU_NUMBERS // max(1, inputs[:1].numel())))
    parts = []
    with threads(runtime), torch.inference_mode():
        for batch in torch.split(inputs, num_rows):
            with autocast(runtime):
                outputs = net(prepare(batch.to(runtime.device), runtime))
            parts.append(outputs.float().cpu())
    return torch.cat(parts)


def seconds_per_pass(net: nn.Module, inputs: Tensor, runtime: Runtime) -> float:
    """Seconds of `apply` on a small batch and a copy of `net`, for `device.settle`."""
    trial = place(copy.deepcopy(net), runtime)
    return time_steps(lambda: apply(trial, inputs, runtime), runtime)


def seconds_per_step(net: nn.Module, objective: Objective, inputs: Tensor, targets: Tensor, runtime: Runtime) -> float:
    """Seconds of one forward and backward pass over a small batch on a copy of `net`, for `device.settle`."""
    trial = place(copy.deepcopy(net), runtime).train()
    x, t = prepare(inputs.to(runtime.device), runtime), targets.to(runtime.device)

    def step() -> None:
        trial.zero_grad(set_to_none=True)
        with autocast(runtime):
            losses = objective(trial, x, t)
        losses.float().mean().backward()  # type: ignore[no-untyped-call]

    with threads(runtime), torch.random.fork_rng(devices=cuda_indices(runtime)):
        return time_steps(step, runtime)
