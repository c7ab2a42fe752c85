"""The results of a comparison, as the code holds them and as `comparison.json` does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdl_cli.measure.metrics import Measured
from sdl_cli.settings import typed
from sdl_cli.study.curve.result import CurveResult


@dataclass(frozen=True)
class Gap:
    """How much better one arm is than another (positive is better, whatever the metric); nan for what is not known.

    Arguments:
        difference: mean over splits.
        low, high: its interval at the level at which Holm's method tested it, so that it excludes 0 if `p` is at most 0.05.
        p: two-sided, adjusted for the number of arms.
        measurable: p is at most 0.05 and the difference is not exactly zero.
        plain_low, plain_high: its 95 % interval as if it were the only difference, by which a margin is judged.
    """

    difference: float
    low: float
    high: float
    p: float
    measurable: bool
    plain_low: float = math.nan
    plain_high: float = math.nan

    @property
    def is_lead(self) -> bool:
        """Whether the one is measurably better than the other."""
        return self.measurable and self.difference > 0


@dataclass(frozen=True, kw_only=True)
class ArmResult:
    """An arm that was complete.

    Arguments:
        rung: its place on the ladder from simple to elaborate.
        mean, low, high: of the compared metric over splits.
        difference, ..., plain_high: to the best arm, as of `Gap`; 0 and None of that arm itself.
        behind, to_baseline, to_majority: to the arm that leads by the rule, to the quick baseline, and to ignoring the inputs.
        scores, chosen: of each split, and the label of its candidate. metrics: all of them, over splits.
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
    """What twice the labels would gain, compared with what any other method gains."""

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
        arms: complete ones; left_out: those that do not suit the data; given_up: those that did not fit the time limit.
        recommended, best, leader: names of arms; `leader` is the one that all others are compared with by the rule.
        rule, margin, margin_share: `compare.recommend`, and how much worse a simpler method may be.
        baseline: name of the arm that is the quick baseline, if it was complete.
        curve, more_labels: the learning curve of an arm, and what it says; None if none was measured.
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
