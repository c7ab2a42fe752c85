"""A learning curve as it is drawn and worded: what was measured, the fitted curve, its forecast, and the target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sdl_cli.measure.metrics import Measured


@dataclass(frozen=True, kw_only=True)
class Point:
    """A size that was measured.

    Arguments:
        mean, se: of the scores over repeats; no standard error of a single one.
        repeats, seconds: splits that have a score, and their time together.
        baseline, majority: mean score of the quick baseline, and of ignoring the inputs.
        scores: repeat -> score.
    """

    size: int
    mean: float
    se: float | None
    repeats: int
    seconds: float | None = None
    baseline: float | None = None
    majority: float | None = None
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Ahead:
    """The fitted curve at a size: its mean, and the ends of its interval (none among the sizes that were measured)."""

    size: float
    mean: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class LabelsNeeded:
    """Labelled rows until a target.

    Arguments:
        low, mid, high: rows, None beyond the horizon of the forecast.
        reachable: yes, beyond (the horizon) or no.
        levels_off_at: the score that the curve tends to.
        given: the target was asked for.
    """

    target: float
    low: int | None
    mid: int | None
    high: int | None
    reachable: str
    levels_off_at: float | None = None
    given: bool = False


@dataclass(frozen=True)
class Crossing:
    """Where two fitted curves cross: from `size` rows on `second` is the better; `forecast`: beyond all that both measured."""

    first: str
    second: str
    size: float
    value: float
    forecast: bool = False


@dataclass(frozen=True)
class Averages:
    """Members of an ensemble, and the mean score of averages of 1, 2, ... of them.

    Arguments:
        dataset: its name; it may hold anything.
        singles: score of each member.
        averages: by the number of members; the last is that of all of them.
    """

    dataset: str
    metric: str
    singles: tuple[float, ...]
    averages: tuple[Measured, ...]


@dataclass(frozen=True, kw_only=True)
class LearningCurve:
    """A learning curve.

    Arguments:
        name, dataset: what was measured, on what; they may hold anything.
        level: coverage of the intervals of the forecast.
        points, forecast: by increasing size, and at the sizes that were asked for.
        labels_needed: None if no target is left to ask for.
        line: the fitted curve, to be drawn.
    """

    name: str
    dataset: str
    metric: str
    higher_is_better: bool
    level: float
    points: tuple[Point, ...]
    forecast: tuple[Ahead, ...] = ()
    labels_needed: LabelsNeeded | None = None
    line: tuple[Ahead, ...] = ()

    @property
    def last(self) -> Point:
        """The largest size that was measured."""
        return self.points[-1]
