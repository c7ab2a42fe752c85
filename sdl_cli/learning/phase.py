"""The state of one phase of training: optimiser, averaged and best weights, random numbers, and their checkpoint."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sdl_cli.errors import DataError
from sdl_cli.files import write_atomic
from sdl_cli.learning.device import Runtime, cuda_indices, has_graphs
from sdl_cli.learning.optimization import MOMENTUM, build_optimizer, schedule_factor
from sdl_cli.settings.experiment import Training

Row = dict[str, Any]


class Phase:
    """The state of one phase: everything needed to resume training bit for bit."""

    def __init__(
        self,
        net: nn.Module,
        training: Training,
        runtime: Runtime,
        num_rows: int,
        seed: int,
        parameters: Sequence[tuple[float, Sequence[nn.Parameter]]] | None,
        stacked: bool = False,
        momentum: float = MOMENTUM,
    ) -> None:
        assert training.batch_size and training.epochs and training.learning_rate, "training settings must be complete"
        self.net, self.training, self.runtime = net, training, runtime
        self.steps_per_epoch = max(1, math.ceil(num_rows / training.batch_size))
        self.num_steps = training.steps or training.epochs * self.steps_per_epoch
        self.num_epochs = math.ceil(self.num_steps / self.steps_per_epoch)
        self.epoch = self.step = self.epochs_without_better = 0
        self.num_parts = 1
        self.best_loss = math.inf
        self.best: dict[str, Tensor] | None = None
        self.history: list[Row] = []
        self.replayed = has_graphs(runtime)
        groups = parameters or [(1.0, list(net.parameters()))]
        self.optimizer, self.rate_factors = build_optimizer(training, groups, self.replayed, 2 if stacked else 1, momentum)
        self.trained = [p for group in self.optimizer.param_groups for p in group["params"]]
        self.average = [p.detach().clone() for p in self.trained] if training.ema_decay else []
        self.average_decay: Any = torch.zeros((), device=runtime.device) if self.replayed else 0.0
        self.scaler = torch.amp.GradScaler(runtime.device.partition(":")[0], enabled=runtime.precision == "float16")
        torch.manual_seed(seed)
        self.order = torch.Generator().manual_seed(seed)
        self.augmentation = torch.Generator(runtime.device).manual_seed(seed + 1)

    @property
    def finished(self) -> bool:
        stopped = self.training.patience > 0 and self.epochs_without_better >= self.training.patience
        return self.step >= self.num_steps or stopped

    def rate_at(self, step: int) -> float:
        return float(self.training.learning_rate or 0.0) * schedule_factor(step, self.num_steps, self.training)

    def set_rates(self) -> None:
        """Set what changes from step to step: the learning rate, and the decay of the average; on a GPU, where graphs read it."""
        rate = self.rate_at(self.step)
        for group, factor in zip(self.optimizer.param_groups, self.rate_factors, strict=True):
            if self.replayed:
                group["lr"].fill_(rate * factor)
            else:
                group["lr"] = rate * factor
        self.set_decay()

    def set_decay(self) -> None:
        """Set the decay of the average; the usual correction lets it follow the weights closely early on."""
        decay = min(float(self.training.ema_decay or 0), (1 + self.step) / (10 + self.step))
        if self.average:
            self.average_decay = self.average_decay.fill_(decay) if self.replayed else decay

    def update_average(self) -> None:
        if not self.average:
            return
        weights = [p.detach() for p in self.trained]
        if self.replayed:
            torch._foreach_mul_(self.average, self.average_decay)
            torch._foreach_add_(self.average, torch._foreach_mul(weights, 1 - self.average_decay))
        else:
            torch._foreach_lerp_(self.average, weights, 1 - self.average_decay)

    @contextlib.contextmanager
    def averaged_weights(self) -> Iterator[None]:
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        with torch.no_grad():
            for weight, average in zip(self.trained, self.average, strict=False):
                kept = weight.detach().clone()
                weight.copy_(average)
                average.copy_(kept)

    def compare(self, loss: float) -> None:
        """Remember the weights of the best epoch on validation."""
        if loss < self.best_loss:
            self.best_loss, self.epochs_without_better = loss, 0
            if self.training.select == "best":
                with self.averaged_weights():
                    self.best = {k: v.detach().clone() for k, v in self.net.state_dict().items()}
        else:
            self.epochs_without_better += 1

    def settle_weights(self) -> None:
        """At the end: the averaged weights, or those of the best epoch, become the net's own."""
        if self.average:
            self._swap()
        if self.best is not None:
            self.net.load_state_dict(self.best)

    def save(self, file: Path) -> None:
        state = {
            "net": self.net.state_dict(), "optimizer": self.optimizer.state_dict(), "scaler": self.scaler.state_dict(),
            "average": self.average, "best": self.best, "best_loss": self.best_loss, "history": self.history,
            "counts": [self.epoch, self.step, self.epochs_without_better, self.num_parts],
            "order": self.order.get_state(), "augmentation": self.augmentation.get_state(), "cpu": torch.get_rng_state(),
            "device": [torch.cuda.get_rng_state(d) for d in cuda_indices(self.runtime)],
        }  # fmt: skip
        buffer = io.BytesIO()
        torch.save(state, buffer)
        write_atomic(file, buffer.getvalue())

    def restore(self, file: Path) -> None:
        try:
            state = torch.load(file, map_location="cpu", weights_only=True)
            self.net.load_state_dict(state["net"])
            self.optimizer.load_state_dict(state["optimizer"])
        except Exception as error:  # a damaged file can raise nearly anything
            what = f"{file}: this checkpoint cannot be read ({type(error).__name__})."
            raise DataError(what, "Delete it to start this part again.") from error
        for group in self.optimizer.param_groups:  # as this device wants them, whichever the checkpoint is from
            group |= {key: value for key, value in self.optimizer.defaults.items() if key in ("fused", "capturable")}
            group |= {"lr": torch.zeros((), device=self.runtime.device)} if self.replayed else {}
        if self.scaler.is_enabled():
            self.scaler.load_state_dict(state["scaler"])
        self.epoch, self.step, self.epochs_without_better, self.num_parts = state["counts"]
        self.best, self.best_loss, self.history = state["best"], state["best_loss"], state["history"]
        for average, saved in zip(self.average, state["average"], strict=True):
            average.copy_(saved)
        self.order.set_state(state["order"])
        self.augmentation.set_state(state["augmentation"])
        torch.set_rng_state(state["cpu"])
        for device, saved in zip(cuda_indices(self.runtime), state["device"], strict=True):
            torch.cuda.set_rng_state(saved, device)
