"""The results of a learning curve, as the code holds them and as `curve.json` does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdl_cli.settings import typed

_OF_A_FOLDER = ("folder", "failed", "notes", "seconds")  # keys of a curve that was measured here, in a folder of its own


@dataclass(frozen=True)
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
    seconds: float | None
    baseline: float | None
    majority: float | None
    scores: Mapping[str, float]


@dataclass(frozen=True)
class Ahead:
    """The fitted curve at a size: its mean, and the ends of its interval (none among the sizes that were measured)."""

    size: float
    mean: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Twice(Ahead):
    """The forecast at twice the largest size: what it gains over now, whether that is sure, and what to do about it."""

    gain: float
    sure: bool
    sentence: str


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
    levels_off_at: float | None
    given: bool = False


@dataclass(frozen=True)
class Failed:
    """A cell without a score: its folder and the first line of why."""

    folder: Path
    reason: str


@dataclass(frozen=True, kw_only=True)
class CurveResult:
    """A learning curve with its forecast.

    Arguments:
        folder: of its cells; None if it was measured elsewhere, or is a part of a comparison.
        name, dataset: what was measured, on what.
        level: coverage of the intervals of the forecast.
        points, forecast: by increasing size, and at the sizes that were asked for.
        labels_needed: None if no target is left to ask for.
        line: the fitted curve, to be drawn.
        now: the fitted score at the largest size; None, as `twice`, with fewer than 3 sizes.
        test_rows, noise_floor, same_test_rows: of the test part: its rows, the standard error that they alone cause, and
            whether all repeats have the same ones.
    """

    folder: Path | None = None
    name: str
    dataset: str
    metric: str
    higher_is_better: bool
    level: float
    points: tuple[Point, ...]
    forecast: tuple[Ahead, ...] = ()
    labels_needed: LabelsNeeded | None = None
    line: tuple[Ahead, ...] = ()
    now: float | None = None
    twice: Twice | None = None
    test_rows: int | None = None
    noise_floor: float | None = None
    same_test_rows: bool = False
    warnings: tuple[str, ...] = ()
    verdict: str = ""
    failed: tuple[Failed, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """The object of `sdl curve --json` and of `curve.json`; without a folder that of `sdl forecast --json`."""
        values = typed.fields_to_json(self)
        return values if self.folder else {key: value for key, value in values.items() if key not in _OF_A_FOLDER}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> CurveResult:
        """What `to_json` gave; raises as `typed.from_json`."""
        return typed.from_json(cls, values)
