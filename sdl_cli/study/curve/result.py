"""The results of a learning curve, as the code holds them and as `curve.json` does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdl_cli.measure.curve import Ahead, LearningCurve
from sdl_cli.settings import typed

_OF_A_FOLDER = ("folder", "failed", "notes", "seconds")  # keys of a curve that was measured here, in a folder of its own


@dataclass(frozen=True)
class Twice(Ahead):
    """The forecast at twice the largest size: what it gains over now, whether that is sure, and what to do about it."""

    gain: float = 0.0
    sure: bool = False
    sentence: str = ""


@dataclass(frozen=True)
class Failed:
    """A cell without a score: its folder and the first line of why."""

    folder: Path
    reason: str


@dataclass(frozen=True, kw_only=True)
class CurveResult(LearningCurve):
    """A learning curve with what its forecast means.

    Arguments:
        folder: of its cells; None if it was measured elsewhere, or is a part of a comparison.
        now: the fitted score at the largest size; None, as `twice`, with fewer than 3 sizes.
        test_rows, noise_floor, same_test_rows: of the test part: its rows, the standard error that they alone cause, and
            whether all repeats have the same ones.
    """

    folder: Path | None = None
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
        values = {"folder": None} | typed.fields_to_json(self)  # first, as it always was
        return values if self.folder else {key: value for key, value in values.items() if key not in _OF_A_FOLDER}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> CurveResult:
        """What `to_json` gave; raises as `typed.from_json`."""
        return typed.from_json(cls, values)


@dataclass(frozen=True, kw_only=True)
class Draft(CurveResult):
    """A result while its words are sought, with what they alone need.

    Arguments:
        noise_rows: how many test rows count for the metric's noise (see `caveats.noise_floor`).
        at_given: the sizes of the forecast were asked for.
        falls: a size that was better than the largest one beyond noise, or None.
    """

    noise_rows: float | None = None
    at_given: bool = False
    falls: int | None = None
