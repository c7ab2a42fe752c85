"""The settings of an experiment: frozen dataclasses with their bounds. YAML holds every value, these every type and bound.

A field is `Annotated[type, Range(...)]` where it has bounds and `Literal[...]` where it is a choice. `parse` reads them.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal


@dataclass(frozen=True)
class Range:
    """Bounds of a number: `low <= value <= high`, or strictly within where the side is open."""

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False

    def holds(self, value: float) -> bool:
        at_end = (self.open_low and value == self.low) or (self.open_high and value == self.high)
        return self.low <= value <= self.high and not at_end

    def __str__(self) -> str:
        low, high = (int(end) if math.isfinite(end) and end == int(end) else end for end in (self.low, self.high))
        if self.high == math.inf:
            return f"{'more than' if self.open_low else 'at least'} {low}"
        return f"from {low}{' (excluded)' if self.open_low else ''} to {high}{' (excluded)' if self.open_high else ''}"


Count = Annotated[int, Range(1)]
NonNegative = Annotated[float, Range(0)]
Positive = Annotated[float, Range(0, open_low=True)]
Fraction = Annotated[float, Range(0, 1, open_high=True)]


@dataclass(frozen=True)
class Training:
    """How a network is trained. None means: the model's own default for this kind of data, written into the run's config.

    Arguments:
        epochs: passes over the training rows.
        steps: optimiser steps instead of epochs, or None.
        batch_size: rows per optimiser step.
        optimizer: AdamW (Loshchilov and Hutter 2019), Adam (Kingma and Ba 2015) or SGD with Nesterov momentum 0.9.
        learning_rate: the peak learning rate.
        schedule: constant; cosine decay to 0; one_cycle (Smith 2018); sgdr, cosine with warm restarts (Loshchilov and Hutter
            2017).
        warmup_fraction: fraction of all steps over which the rate rises linearly to its peak.
        num_restarts: cycles of `sgdr`, each twice as long as the one before.
        weight_decay: decay per step, times the learning rate (decoupled for AdamW and SGD).
        clip_norm: largest gradient norm; 0 turns clipping off.
        ema_decay: exponential moving average of the weights, used for prediction; 0 turns it off.
        select: `last` epoch, or the `best` one on validation rows.
        patience: stop after this many epochs without a better validation loss; 0 turns it off.
        checkpoint_seconds: least time between two checkpoints; 0 writes one after every epoch.
    """

    epochs: Count | None = None
    steps: Count | None = None
    batch_size: Count | None = None
    optimizer: Literal["adamw", "adam", "sgd"] | None = None
    learning_rate: Positive | None = None
    schedule: Literal["constant", "cosine", "one_cycle", "sgdr"] | None = None
    warmup_fraction: Fraction | None = None
    num_restarts: Count = 3
    weight_decay: NonNegative | None = None
    clip_norm: NonNegative | None = None
    ema_decay: Fraction | None = None
    select: Literal["last", "best"] | None = None
    patience: Annotated[int, Range(0)] = 0
    checkpoint_seconds: NonNegative = 30.0

    def filled_from(self, defaults: Training) -> Training:
        """These settings, with every None replaced by the value in `defaults`."""
        return dataclasses.replace(defaults, **{key: value for key, value in vars(self).items() if value is not None})

    @property
    def needs_validation(self) -> bool:
        return self.select == "best" or self.patience > 0


@dataclass(frozen=True)
class NoReduction:
    """Every column as it is."""

    name: str = "none"

    number_key: ClassVar[str] = ""
    number: ClassVar[int | None] = None


@dataclass(frozen=True)
class PCA:
    """Principal components of all columns, learned from labelled rows (Pearson 1901; Hotelling 1933).

    Arguments:
        num_components: components that are kept; None: the number that does best on validation rows.
    """

    name: str = "pca"
    num_components: Count | None = None

    number_key: ClassVar[str] = "num_components"

    @property
    def number(self) -> int | None:
        """How many columns a model sees, or None where that is still to be chosen."""
        return self.num_components


@dataclass(frozen=True)
class Select:
    """The columns that depend most on the target, each by itself: by the F statistic of labelled rows, a one-way analysis of
    variance for classes and the square of the correlation for numbers (scikit-learn's `f_classif` and `f_regression`).

    Arguments:
        num_features: columns that are kept; None: the number that does best on validation rows.
    """

    name: str = "select"
    num_features: Count | None = None

    number_key: ClassVar[str] = "num_features"

    @property
    def number(self) -> int | None:
        """As of `PCA`."""
        return self.num_features


REDUCTIONS: dict[str, type] = {"none": NoReduction, "pca": PCA, "select": Select}


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """What every data set accepts.

    Arguments:
        test_fraction: part of all rows that is only scored at the end; unused where the source brings its own test part.
        validation_fraction: part of the labelled rows that a method may set aside to choose epochs or a temperature on.
        num_per_class: use this many labelled rows of each class (a stratified, seeded, nested subset); None uses all.
        num_train: use this many labelled rows in all, likewise; None uses all.
        seed: seed of the split and the subset; None takes the experiment's.
        unlabeled: more rows of the same kind without targets (an npz file, a table, texts or a folder of images), or None; test
            rows among them are left out.
    """

    test_fraction: Annotated[float, Range(0, 1, open_low=True, open_high=True)] = 0.2
    validation_fraction: Annotated[float, Range(0, 1, open_low=True, open_high=True)] = 0.2
    num_per_class: Count | None = None
    num_train: Annotated[int, Range(2)] | None = None
    seed: Annotated[int, Range(0, 2**31 - 1)] | None = None
    unlabeled: str | None = None


@dataclass(frozen=True)
class Experiment:
    """One run, complete: its values decide its result. conf/train.yaml says what each means.

    Each of the groups is one dataclass, picked by name from its table; methods that train no network do not use `training`.
    """

    dataset: Any
    model: Any
    loss: Any
    augment: Any
    training: Training
    reduce: Any = field(default_factory=NoReduction)
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0
    num_repeats: Count = 1
    device: str = "auto"
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    memory_format: Literal["auto", "contiguous", "channels_last"] = "auto"
    num_threads: Count | None = None
    threshold: str = "most_probable"
    tensorboard: bool = False
    mlflow: str | None = None

    def to_plain(self) -> dict[str, Any]:
        """Nested dictionaries of plain values, as written to `config.yaml` and read back by `parse`."""
        return plain(self)


def plain(settings: Any) -> dict[str, Any]:
    """A settings dataclass as nested dictionaries of plain values."""
    return dataclasses.asdict(settings, dict_factory=lambda pairs: {k: list(v) if isinstance(v, tuple) else v for k, v in pairs})
