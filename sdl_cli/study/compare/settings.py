"""The settings of a comparison: its arms, complete, and the protocol that is the same for all of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from sdl_cli.errors import DataError
from sdl_cli.measure.decisions import check_threshold
from sdl_cli.run.request import TABLES, parse_experiment
from sdl_cli.settings.experiment import Count, Experiment, NonNegative, Positive, Range, Training, plain
from sdl_cli.settings.parallel import Parallel, check_backend
from sdl_cli.settings.parse import parse
from sdl_cli.study.curve.settings import Metric

Share = Annotated[float, Range(0, 1, open_low=True)]
MODALITIES = ("table", "image", "text", "series")
TASKS = ("classification", "regression")
MOST_CANDIDATES = 6


@dataclass(frozen=True)
class Compare:
    """How arms are compared.

    Arguments:
        arms: names of arms, each with settings on top where it is to differ; None climbs the ladder.
        baseline: the arm that all others are measured against; None for none.
        num_repeats: splits (seed, seed + 1, ...), the same for every arm.
        num_candidates: settings that each arm may try on validation rows; 1 takes every method as it is.
        tuning_fraction: part of its epochs, or of a forest's trees, with which a method tries a candidate.
        image_epochs_fraction: part of a training's usual epochs for networks trained on images from scratch.
        metric: what is compared; None is RMSE for numbers and accuracy for classes, or balanced accuracy if one class holds
            over 70 % of the labelled rows.
        recommend: "best": the best mean, or a simpler arm within the margin of it; "simplest": the simplest arm that is not
            measurably worse than the best mean.
        margin: how much worse a simpler arm may be, in points of a per-cent metric and in per cent of the baseline's error for
            others; None is 1 point, and 2 per cent.
        minutes: time limit of the whole, in minutes; None sets none.
        curve: measure a short learning curve of the recommended arm.
        keep_models: train the recommended arm and the best one once more, to predict with.
    """

    arms: tuple[str, ...] | None = None
    baseline: str | None = "forest"
    num_repeats: Count = 10
    num_candidates: Annotated[int, Range(1, MOST_CANDIDATES)] = 3
    tuning_fraction: Share = 0.25
    image_epochs_fraction: Share = 0.5
    metric: Metric | None = None
    recommend: Literal["best", "simplest"] = "best"
    margin: NonNegative | None = None
    minutes: Positive | None = 30.0
    curve: bool = True
    keep_models: bool = True


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What all arms of a comparison share; the composed values of `conf/compare.yaml`. Each field is as in `Experiment`."""

    dataset: Any
    loss: Any
    training: Training
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0
    device: str = "auto"
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    memory_format: Literal["auto", "contiguous", "channels_last"] = "auto"
    num_threads: Count | None = None
    threshold: str = "most_probable"
    compare: Compare
    parallel: Parallel


@dataclass(frozen=True)
class Candidate:
    """One way to set an arm.

    Arguments:
        label: the settings that distinguish it from the arm's defaults; empty for the arm itself.
        experiment: complete, on the first split.
    """

    label: str
    experiment: Experiment


@dataclass(frozen=True)
class Arm:
    """A method with the settings it may choose from.

    Arguments:
        name: as the user wrote it.
        summary: one sentence.
        rung: place in the ladder, the simplest at 0.
        asked: named by the user, not taken from the ladder.
        candidates: by kind of data (table, image, text), the method as it is first.
        tasks, modalities: what it can predict, and learn from.
        min_px: least side of images for which it is part of the ladder, or None.
    """

    name: str
    summary: str
    rung: float
    asked: bool
    candidates: Mapping[str, tuple[Candidate, ...]]
    tasks: tuple[str, ...] = TASKS
    modalities: tuple[str, ...] = MODALITIES
    min_px: int | None = None

    def to_plain(self) -> dict[str, Any]:
        """Plain values from which `Arm.from_plain` rebuilds the arm."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "candidates"}
        values |= {"tasks": list(self.tasks), "modalities": list(self.modalities)}
        values["candidates"] = {
            kind: [{"label": c.label, "config": c.experiment.to_plain()} for c in candidates]
            for kind, candidates in self.candidates.items()
        }
        return values

    @classmethod
    def from_plain(cls, values: Mapping[str, Any], parse_experiment: Any) -> Arm:
        """The arm of plain values; `parse_experiment` turns a candidate's settings into an Experiment."""
        candidates = {
            kind: tuple(Candidate(c["label"], parse_experiment(c["config"])) for c in found)
            for kind, found in values["candidates"].items()
        }
        given = {**values, "tasks": tuple(values["tasks"]), "modalities": tuple(values["modalities"])}
        return cls(**given | {"candidates": candidates})


@dataclass(frozen=True)
class Comparison:
    """A comparison, complete: what all arms share, and the arms in the ladder's order."""

    shared: Shared
    arms: tuple[Arm, ...] = field(default_factory=tuple)

    def to_plain(self) -> dict[str, Any]:
        """As written to `config.yaml`."""
        return {**plain(self.shared), "arms": [arm.to_plain() for arm in self.arms]}


def parse_shared(values: dict[str, Any]) -> Shared:
    """Plain values as what the arms of a comparison share; errors as for `parse_experiment`."""
    tables = {key: TABLES[key] for key in ("dataset", "loss", "training")}
    found: Shared = parse({**tables, "compare": Compare, "parallel": Parallel}, values, into=Shared)
    check_threshold(found.threshold)
    check_backend(found.parallel.backend)
    if found.device not in ("auto", "cpu"):
        from sdl_cli.learning.device import resolve

        resolve(found.device, found.precision, found.memory_format, found.num_threads)
    return found


def parse_comparison(values: dict[str, Any], folder: Path = Path()) -> Comparison:
    """A comparison of its complete values, including arms, as stored in its folder's `config.yaml`."""
    shared = parse_shared({key: value for key, value in values.items() if key != "arms"})
    try:
        arms = tuple(Arm.from_plain(arm, parse_experiment) for arm in values["arms"])
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{folder / 'config.yaml'}: the arms in it cannot be read.", "Start a new comparison.") from error
    return Comparison(shared, arms)
