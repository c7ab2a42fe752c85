"""Networks that a user wrote: their settings and traits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from sdl_cli.learning.models.kind import FromScratch
from sdl_cli.settings.experiment import Training
from sdl_cli.settings.parts.choices import GIVEN
from sdl_cli.settings.parts.importing import OwnCodeError
from sdl_cli.settings.parts.own import Own, words_among

KINDS = ("table", "image", "series")


@dataclass(frozen=True)
class OwnNetwork(Own, FromScratch):
    """A network that a user wrote: a torch.nn.Module whose first argument is `input_shape`, and that embeds a batch of rows.

    It maps rows `(N, *input_shape)` to embeddings `(N, D)`; sdl puts a linear layer with one output per class behind them. Its
    other arguments are settings. Its constant `modalities` is a tuple of table, image and series (all, unless it says so).
    """

    name: str = ""

    given_by_us: ClassVar[tuple[str, ...]] = GIVEN["model"]
    needs: ClassVar[tuple[str, ...]] = ("forward",)
    estimators = ("sdl_cli.learning.models.own_network", "OwnNet", "OwnNetRegressor")
    modalities = ("table", "image", "series")
    default_training: ClassVar[dict[str, Training]] = {}  # those of deep_net, see `settings`

    @classmethod
    def settle(cls) -> None:
        chosen = words_among(cls, "modalities", KINDS, KINDS)
        cls.modalities = tuple(one for one in KINDS if one in chosen)  # type: ignore[misc, assignment]

    def arguments(self) -> dict[str, Any]:
        return {"own": self}

    def check_own(self) -> None:
        """Import the class; it is built once the shape of the rows is known."""
        if "input_shape" not in {one.name for one in type(self).described.arguments}:
            part = type(self).part
            hint = "Write: def __init__(self, input_shape, ...). See docs/EXTENDING.md for a whole example."
            raise OwnCodeError(f"{part.choice}: the __init__ of {part.place.said} takes no input_shape.", hint)
        from torch import nn

        if not issubclass(self.code(), nn.Module):
            part = type(self).part
            raise OwnCodeError(f"{part.choice}: {part.place.said} is no torch.nn.Module.", "Write: class Net(nn.Module).")
