"""The keyword arguments of the estimators, taken from the dataclasses of settings, so that every default is written once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

from sdl_cli.learning.models.kind import ModelSettings
from sdl_cli.settings.experiment import DataSettings, Experiment

Kind = TypeVar("Kind", bound=type)

NETWORK: dict[str, Any] = {
    "loss": None,
    "augment": None,
    "training": None,
    "validation_fraction": DataSettings.validation_fraction,
    "device": Experiment.device,
    "precision": Experiment.precision,
    "memory_format": Experiment.memory_format,
    "num_threads": Experiment.num_threads,
    "random_state": Experiment.seed,
}


def takes(settings: type[ModelSettings], **more: Any) -> Callable[[Kind], Kind]:
    """Give an estimator one argument for each setting, and those in `more`, and the class of its settings as `settings`.

    The `__init__` is the one that dataclasses write: it stores each argument untouched under its name, and its signature, which
    `get_params` and `clone` of scikit-learn read, has the defaults of the settings. A setting whose default is made anew for
    each instance (a dictionary) is None here, as scikit-learn allows no argument that can be changed in place.
    """
    own = {f.name: f for f in dataclasses.fields(settings) if f.name != "name"}
    fields = [(name, f.type, None if f.default is dataclasses.MISSING else f.default) for name, f in own.items()]
    fields += [(name, "Any", default) for name, default in more.items()]

    def decorate(kind: Kind) -> Kind:
        written = dataclasses.make_dataclass(kind.__name__, [(n, t, dataclasses.field(default=d)) for n, t, d in fields])
        init = vars(written)["__init__"]
        init.__qualname__ = f"{kind.__qualname__.lstrip('_')}.__init__"
        kind.__init__, kind.settings = init, settings  # type: ignore[misc, attr-defined]
        return kind

    return decorate
