"""The estimator of a network that a user wrote."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Literal

import torch
from sklearn.base import ClassifierMixin, RegressorMixin
from torch import Tensor, nn

from sdl_cli.errors import ConfigError, RunError, SdlError
from sdl_cli.learning import together
from sdl_cli.learning.models.arguments import NETWORK, takes
from sdl_cli.learning.models.estimator import NetworkEstimator, Validate
from sdl_cli.learning.models.network import Array
from sdl_cli.learning.models.own_network_settings import OwnNetwork
from sdl_cli.learning.stages import Stages
from sdl_cli.settings.parts.own import wrong_in


@takes(OwnNetwork, own=None, standardize=True, **NETWORK)
class _OwnNet(NetworkEstimator):
    own: Any

    def build_body(self, input_shape: Sequence[int]) -> tuple[nn.Module, int]:
        body = self.own.build(input_shape=tuple(input_shape))
        whole = Whole(body, self.own)
        return whole, whole.size_of(input_shape)

    def _fit_networks(self, X: Array, inputs: Tensor, targets: Tensor, validate: Validate | None) -> Stages[None]:
        net = self.fresh_network("fit", X, targets.shape[1])
        self.settle_runtime(net, inputs, targets)
        yield together.Jobs([self._job(net, inputs, targets, validate)])
        self.networks_ = [copy.deepcopy(net).eval()]

    @property
    def _capture(self) -> Literal["all", "network", "nothing"]:
        return "nothing"  # of the user's code nobody knows whether a graph can hold it


class OwnNet(ClassifierMixin, _OwnNet):  # type: ignore[misc]
    """A network that a user wrote, as a scikit-learn classifier.

    `own` is its settings; the other arguments are those of every `NetworkEstimator`.
    """


class OwnNetRegressor(RegressorMixin, _OwnNet):  # type: ignore[misc]
    """The same for numbers; targets are standardised inside."""


class Whole(nn.Module):
    """A user's module, whose errors are told in its words and whose embeddings `(N, D)` are checked."""

    def __init__(self, inner: nn.Module, own: OwnNetwork) -> None:
        super().__init__()
        self.inner = inner
        self.own = own

    def forward(self, x: Tensor) -> Tensor:
        try:
            found: Tensor = self.inner(x)
            shape = tuple(found.shape)
        except (SdlError, MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            raise RunError(*wrong_in(self.own, f"on rows of shape {tuple(x.shape)}", error)) from error
        # an exported graph must not depend on the number of rows, so that is looked at in training alone
        if len(shape) != 2 or (self.training and shape[0] != len(x)):
            part = type(self.own).part
            what = f"{part.choice}: {part.place.said} made {shape} of {tuple(x.shape)}; it must embed each row, ({len(x)}, D)"
            raise RunError(f"{what}.", "Flatten or pool all other axes, for example x.flatten(1).")
        return found

    def size_of(self, input_shape: Sequence[int]) -> int:
        """The size D of the embeddings: what the module calls `embedding_size`, or what it makes of two rows of zeros."""
        size = getattr(self.inner, "embedding_size", None)
        if size is None:
            was_training = self.training
            with torch.no_grad(), torch.random.fork_rng(devices=[]):
                size = self.eval()(torch.zeros(2, *input_shape)).shape[1]
            self.train(was_training)
        if type(size) is not int or size < 1:
            part = type(self.own).part
            raise ConfigError(f"{part.choice}: embedding_size of {part.place.said} is {size!r}.", "Set it to a whole number.")
        return size
