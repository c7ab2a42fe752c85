"""What a comparison comes to, as the code holds it and as `comparison.json` does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdl_cli.measure.metrics import Measured
from sdl_cli.settings import typed
from sdl_cli.study.curve.result import CurveResult


@dataclass(frozen=True)
class Gap:
    """The paired difference between two arms, positive is better.

    Arguments:
        difference, low, high: with its interval, widened for all that are compared together.
        p: adjusted.
        measurable: told from chance.
        plain_low, plain_high: the interval of this difference alone.
    """

    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    measurable: bool
    plain_low: float | None = None
    plain_high: float | None = None


@dataclass(frozen=True, kw_only=True)
class ArmResult:
    """An arm that was complete.

    Arguments:
        rung: its place on the ladder from simple to elaborate.
        mean, low, high: of the compared metric over splits.
        difference, ..., plain_high: to the best arm, as of `Gap`; 0 and None of that arm itself.
        behind: to the arm that leads by the rule; None of that arm itself.
        to_baseline, to_majority: to the quick baseline, and to ignoring the inputs.
        scores: of each split. metrics: all of them, over splits. chosen: the label of each split's candidate.
    """

    name: str
    summary: str
    rung: float
    mean: float | None
    low: float | None
    high: float | None
    difference: float | None
    difference_low: float | None = None
    difference_high: float | None = None
    p: float | None = None
    measurable: bool
    plain_low: float | None = None
    plain_high: float | None = None
    behind: Gap | None = None
    to_baseline: Gap | None = None
    to_majority: Gap | None = None
    scores: tuple[float | None, ...] = ()
    metrics: Mapping[str, Measured]
    chosen: tuple[str, ...] = ()
    seconds: float = 0.0
    best: bool = False
    baseline: bool = False
    recommended: bool = False


@dataclass(frozen=True)
class Majority:
    """Ignoring the inputs, on the same splits; `beaten`: an arm is measurably better, None where that is not known."""

    mean: float | None
    scores: tuple[float | None, ...] = ()
    metrics: Mapping[str, Measured] | None = None
    beaten: bool | None = None


@dataclass(frozen=True)
class Left:
    """An arm that has no result: its name, why, and where it failed its folder."""

    name: str
    reason: str
    folder: Path | None = None

    def to_json(self) -> dict[str, Any]:
        where = {} if self.folder is None else {"folder": str(self.folder)}
        return {"name": self.name, **where, "reason": self.reason}


@dataclass(frozen=True)
class MoreLabels:
    """What twice the labels would bring to the measured arm, beside what any other method brings to it."""

    size: float
    mean: float | None
    low: float | None
    high: float | None
    gain: float | None
    method_gain: float | None
    more_than_methods: bool
    sentence: str


@dataclass(frozen=True)
class Share:
    """A margin as per cent of the error of an arm."""

    per_cent: float
    of: str


@dataclass(frozen=True, kw_only=True)
class ComparisonResult:
    """A comparison of arms on the same splits.

    Arguments:
        metric: what is compared.
        repeats: splits. fixed_test: all of them have the source's own test rows.
        arms: that were complete, the recommended and the best among them; left_out: that do not suit the data; given_up: that
            did not fit the time limit; failed: that failed.
        recommended, best, leader: names of arms; `leader` is the one that all others are held against by the rule.
        rule, margin, margin_share: `compare.recommend`, and how much worse a simpler method may be.
        baseline: name of the arm that is the quick baseline, where it was complete.
        curve, more_labels: the learning curve of an arm, and what it says; None where none was measured.
        seconds: `total`.
    """

    folder: Path
    dataset: str
    task: str
    modality: str
    metric: str
    labelled_rows: int
    test_rows: int
    repeats: int
    fixed_test: bool = False
    num_candidates: int = 1
    arms: tuple[ArmResult, ...]
    majority: Majority
    left_out: tuple[Left, ...] = ()
    given_up: tuple[Left, ...] = ()
    failed: tuple[Left, ...] = ()
    recommended: str
    best: str
    leader: str | None = None
    rule: str | None = None
    margin: float | None = None
    margin_share: Share | None = None
    baseline: str | None = None
    curve: CurveResult | None = None
    more_labels: MoreLabels | None = None
    notes: tuple[str, ...] = ()
    verdict: str = ""
    seconds: Mapping[str, float] | None = None

    def arm(self, name: str) -> ArmResult:
        """The complete arm of this name."""
        return next(arm for arm in self.arms if arm.name == name)

    def to_json(self) -> dict[str, Any]:
        """The object of `sdl compare --json` and of `comparison.json`."""
        return typed.fields_to_json(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ComparisonResult:
        """What `to_json` gave, with defaults for what an older sdl did not write; raises as `typed.from_json`."""
        return typed.from_json(cls, values)
