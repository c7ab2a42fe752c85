"""What every kind of model says of itself, so that nothing else depends on its name."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from sdl_cli.errors import ConfigError
from sdl_cli.settings.experiment import Training

# Seconds on one core of a 2026 server: fixed, and for every labelled row, epoch and feature (or pixel).
TABLE_NETWORK = (0.3, 3e-6)
IMAGE_NETWORK = (0.5, 5e-7)
ROW = 4e-4  # of a network, for every row seen, however small


HOLDS_ROWS = "The model holds its labelled rows: whoever has it has that data."


@dataclass(frozen=True)
class ModelSettings:
    """The settings of a kind of model; the names below are its traits, and the fields of a subclass its settings.

    Traits:
        estimators: module, classifier and regressor; imported by `estimator_class` alone.
        modalities: what it learns from; texts and series reach a model as a table of features where it does not name them.
        is_network: it is trained in epochs, on batches, with a loss, an augmentation and a device.
        is_pretrained: it starts from weights that saw other images, and reads images at the size those want.
        starts_random: a network that knows nothing before it sees the rows of this data set.
        holds_rows: what is stored of it holds its labelled rows, so that whoever has the model has the data.
        is_one_graph: it can be exported as a single graph.
        no_graph: why it cannot be exported at all, as the end of a sentence; empty where it can.
        reads_px: side in pixels at which it reads images where the data set leaves a choice, or None.
        takes_support: what it has learned serves for other classes too, of which one drawing each is given when predicting.
        stacks: on tables, several of its networks can be trained as one stack.
        is_foreign: it is somebody else's code, so that what it raises is that code's own word.
        takes_class_weight: `loss.class_weight=balanced` reaches it.
        named_by: the setting whose value people call it by, or None where that is its own name.
        default_training: of a network, by modality: what replaces every None of `training`.
    """

    name: str = ""

    estimators: ClassVar[tuple[str, str, str]]
    modalities: ClassVar[tuple[Literal["image", "table", "series", "text"], ...]] = ("table", "image")
    is_network: ClassVar[bool] = False
    is_pretrained: ClassVar[bool] = False
    starts_random: ClassVar[bool] = False
    holds_rows: ClassVar[bool] = False
    is_one_graph: ClassVar[bool] = True
    no_graph: ClassVar[str] = ""
    reads_px: ClassVar[int | None] = None
    takes_support: ClassVar[bool] = False
    stacks: ClassVar[bool] = False
    is_foreign: ClassVar[bool] = False
    takes_class_weight: ClassVar[bool] = True
    named_by: ClassVar[str | None] = None
    default_training: ClassVar[dict[str, Training]] = {}

    @classmethod
    def seen(cls, modality: str) -> str:
        """As what it sees data of a modality: texts and series as a table, unless it reads them itself."""
        return "table" if modality in ("text", "series") and modality not in cls.modalities else modality

    @classmethod
    def estimator_class(cls, task: str) -> Any:
        """The estimator that takes these settings, for `classification` or `regression`."""
        module, classifier, regressor = cls.estimators
        return getattr(importlib.import_module(module), classifier if task == "classification" else regressor)

    def arguments(self) -> dict[str, Any]:
        """As keyword arguments of the estimator."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "name"}

    def check(self) -> None:
        """Raise ConfigError for what the settings alone show to be wrong; a foreign estimator is imported for it."""

    def require_weights(self, task: str, fetch: bool) -> None:
        """Raise ConfigError or DataError where a package or weights that it starts from are not on this machine.

        Arguments:
            task: `classification` or `regression`, for which weights may differ.
            fetch: weights on a hub are fetched now, after saying so.
        """

    def names_hub(self, key: str) -> bool:
        """Whether a setting names weights on a hub, so that it is no path."""
        return False

    def check_task(self, task: str) -> None:
        """Raise ConfigError where this model does not do `classification` or `regression`; nothing is imported."""

    def check_counts(self, counts: Mapping[str, int]) -> None:
        """Raise ConfigError where rows to fit on, counted by class, are too few of one; of numbers there are no counts."""

    @classmethod
    def check_unlabeled(cls, task: str, loss: Any) -> None:
        """Raise ConfigError where this model cannot learn from unlabelled rows, for this task and (settled) loss."""
        hint = "Leave out dataset.unlabeled, or use model=deep_net or model=autoencoder."
        raise ConfigError(f"dataset.unlabeled: model={cls.name} learns from labelled rows alone.", hint)

    def changed(self, *names: str) -> list[str]:
        """Those of these settings that are not at their defaults, in full (`model.kind`)."""
        return [f"model.{name}" for name in names if getattr(self, name) != getattr(type(self), name)]

    @property
    def is_probe(self) -> bool:
        """Whether only a head is fitted, on features that stay as they are: losses, epochs and mixed images have no effect."""
        return False

    @property
    def heeds_monotone(self) -> bool:
        """Whether it can be held to known directions of columns (`dataset.monotone`)."""
        return False

    @property
    def reduces_images(self) -> bool:
        """Whether images reach it as rows of numbers, which may be made fewer first: pixels, or features of a frozen network."""
        return not self.is_network or self.is_probe

    @property
    def trains_in_epochs(self) -> bool:
        """Whether these settings train a network on batches, so that `training`, a loss and an augmentation have an effect."""
        return self.is_network and not self.is_probe

    @property
    def uses_frozen_features(self) -> bool:
        """Whether it begins with features that neither the seed nor the labelled rows change, so that all fits can share them."""
        return False

    @property
    def uses_augment(self) -> bool:
        """Whether a policy that changes batches has an effect."""
        return self.is_network

    @property
    def uses_unlabeled(self) -> bool:
        """Whether it learns from rows without targets too (`dataset.unlabeled`)."""
        return False

    @property
    def without_effect(self) -> tuple[list[str], str]:
        """Changed settings of its own that others of them leave without effect, in full (`model.kind`), and why."""
        return [], ""

    def seconds(self, num_rows: int, num_features: int, modality: str, epochs: int) -> float:
        """A rough guess at the seconds of one fit on `num_rows` rows of `num_features` numbers (or pixels)."""
        raise NotImplementedError


class FromScratch(ModelSettings):
    """Of the networks that start from random weights."""

    is_network = True
    starts_random = True

    def seconds(self, num_rows: int, num_features: int, modality: str, epochs: int) -> float:
        fixed, rate = IMAGE_NETWORK if modality == "image" else TABLE_NETWORK
        return fixed + num_rows * epochs * getattr(self, "num_members", 1) * (ROW + rate * num_features)


class InContext(ModelSettings):
    """Of what reads the labelled rows of a table to answer: it keeps them, tells classes apart, and runs as a network does."""

    modalities = ("table",)
    is_network = True
    holds_rows = True
    takes_class_weight = False

    def check_task(self, task: str) -> None:
        if task == "regression":
            hint = "Use model=baseline (a forest) or model=deep_net."
            raise ConfigError(f"model: {self.name} predicts classes, and this target is a number.", hint)

    @property
    def trains_in_epochs(self) -> bool:
        return False

    @property
    def uses_augment(self) -> bool:
        return False
