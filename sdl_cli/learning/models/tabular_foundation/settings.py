"""The settings of `tabular_foundation`."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from sdl_cli.errors import ConfigError
from sdl_cli.learning.models.kind import InContext
from sdl_cli.settings.experiment import Range, Training

OPEN_VERSION = "v2"  # of either; those of tabpfn that follow are not for commercial use
_VERSIONS = {"tabicl": ("v2",), "tabpfn": ("v2", "v2.5", "v2.6", "v3", "v3.5")}
# Seconds on one core of a 2026 server: fixed, and for every cell that a member reads.
_SECONDS = {"tabicl": (2.0, 3.5e-4), "tabpfn": (2.5, 8e-4)}


@dataclass(frozen=True)
class TabularFoundationSettings(InContext):
    """A foundation model of others for tables, which reads the labelled rows as they are.

    Arguments:
        kind: tabicl (Qu et al. 2026, arXiv 2602.11139) or tabpfn (Hollmann et al., Nature 637, 2025); each is a package of its
            own.
        version: of the weights: v2; tabpfn also has v2.5, v2.6, v3 and v3.5, which are not for commercial use.
        weights: `default` (fetched once from the Hugging Face Hub), or a local checkpoint (.ckpt or .safetensors).
        num_members: passes over the table whose answers are averaged, each with columns and classes in other orders.
        accept_license: true where you have read the licence of weights that are not for commercial use, and accept it.
    """

    name: str = "tabular_foundation"
    kind: Literal["tabicl", "tabpfn"] = "tabicl"
    version: Literal["v2", "v2.5", "v2.6", "v3", "v3.5"] = "v2"
    weights: str = "default"
    num_members: Annotated[int, Range(1, 64)] = 8
    accept_license: bool = False

    estimators = (
        "sdl_cli.learning.models.tabular_foundation.estimator", "TabularFoundation", "TabularFoundationRegressor",
    )  # fmt: skip
    named_by = "kind"
    no_graph = "its network belongs to another package, and is not stored with the run"
    default_training: ClassVar[dict[str, Training]] = {}

    def check(self) -> None:
        if importlib.util.find_spec(self.kind) is None:
            raise ConfigError(f"model.kind={self.kind} needs the package {self.kind}.", f"pip install 'sdl-cli[{self.kind}]'")
        if self.version not in _VERSIONS[self.kind]:
            message = f"model.version: {self.kind} has no weights {self.version} here."
            raise ConfigError(message, f"Use model.version={' or '.join(_VERSIONS[self.kind])}.")
        if self.weights != "default" and not Path(self.weights).expanduser().is_file():
            hint = f"Give the path of a checkpoint of {self.kind}, or model.weights=default to fetch one from the hub."
            raise ConfigError(f"model.weights: there is no file {self.weights}.", hint)
        if self.weights == "default":
            check_accepted(self.version, self.accept_license)

    def check_task(self, task: str) -> None:
        """It predicts classes and numbers."""

    @property
    def without_effect(self) -> tuple[list[str], str]:
        return [] if self.weights == "default" else self.changed("version"), "model.weights is a file, which is of one version"

    def require_weights(self, task: str, fetch: bool) -> None:
        from sdl_cli.learning.models.hub_weights import kept, unavailable
        from sdl_cli.learning.models.tabular_foundation.weights import located, on_hub

        if self.weights == "default" and not fetch and kept(on_hub(self.kind, self.version, task)) is None:
            raise unavailable(on_hub(self.kind, self.version, task))
        located(self.kind, self.version, task, self.weights)

    def seconds(self, num_rows: int, num_features: int, modality: str, epochs: int) -> float:
        fixed, rate = _SECONDS[self.kind]
        return fixed + rate * self.num_members * 1.25 * num_rows * (num_features + 1)


def check_accepted(version: str, accepted: bool) -> None:
    """Raise ConfigError for weights of tabpfn that are not for commercial use, unless their licence was accepted."""
    if version == OPEN_VERSION or accepted:
        return
    raise ConfigError(
        f"model.version={version}: these weights of tabpfn have a licence of Prior Labs for non-commercial use only (LICENSE in "
        f"{repository_of(version)} on the Hugging Face Hub, which asks for an account that has accepted it).",
        "If you have read and accept it, set model.accept_license=true; or use model.version=v2, which allows commercial use.",
    )


def repository_of(version: str) -> str:
    """Where the hub has tabpfn's weights of a version after v2."""
    return f"Prior-Labs/tabpfn_{version.removeprefix('v').replace('.', '_')}"
