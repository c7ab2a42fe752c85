"""Augmentations that a user wrote."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from sdl_cli.errors import ConfigError, RunError, SdlError
from sdl_cli.settings.parts.own import Own, words_among, wrong_in

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    Policy = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]

_KINDS = ("image", "table", "series")
_TASKS = ("classification", "regression")


@dataclass(frozen=True)
class OwnAugment(Own):
    """An augmentation that a user wrote: a class whose instances are called with a batch.

    `__call__(inputs, targets, generator)` gives inputs and targets of the same shapes, as `policies.build` describes them. Its
    constants: `modalities`, a tuple of image, table and series (all, unless it says so); `tasks`, of classification and
    regression (classes alone, unless it says so, for nothing else tells what a change does to a number).
    """

    name: str = ""

    needs: ClassVar[tuple[str, ...]] = ("__call__",)

    @property
    def modalities(self) -> frozenset[str]:
        """The kinds of data that it changes."""
        return words_among(self, "modalities", _KINDS, _KINDS)

    def check_task(self, task: str) -> None:
        """Raise ConfigError where it does not say that it may change rows of this task."""
        if task not in words_among(self, "tasks", ("classification",), _TASKS):
            hint = f'If it keeps or changes the target rightly, write into the class: tasks = ("{task}",)'
            raise ConfigError(f"augment: {self.name} does not say that it works on {task}.", hint)

    def policy(self) -> Policy:
        """The function of a batch. Raises RunError, in the words of the code, where it fails."""

        def changed(inputs: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
            try:
                x, t = self.made(inputs, targets, generator)
                shapes = tuple(x.shape), tuple(t.shape)
            except SdlError:
                raise
            except Exception as error:
                raise RunError(*wrong_in(self, "on a batch", error)) from error
            if shapes != (tuple(inputs.shape), tuple(targets.shape)):
                what = f"augment={self.name}: it made {shapes[0]} inputs and {shapes[1]} targets"
                hint = "Return inputs and targets of the shapes that were given."
                raise RunError(f"{what} of {tuple(inputs.shape)} and {tuple(targets.shape)}.", hint)
            return x, t

        return changed
