"""One thing that a look at the data found, and how names and shares are put in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.dataset import Dataset
from sdl_cli.data.split import Split
from sdl_cli.phrases import listed, shortened

Severity = Literal["refusal", "leak", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("refusal", "leak", "warning", "note")
MOST_NAMED = 5


@dataclass(frozen=True)
class Problem:
    """One thing that a look at the data found.

    With a `refusal` nothing can be trained, a `leak` makes a result untrustworthy, a `warning` can spoil one, a `note` is worth
    knowing.
    """

    severity: Severity
    what: str  # one sentence with its numbers
    where: str = ""  # columns, files, rows or groups; at most five of them are named
    advice: str = ""  # what to do about it, one sentence

    def to_json(self) -> dict[str, str]:
        """The object in the list `problems` of `sdl check --json`."""
        return asdict(self)


def is_fatal(problem: Problem) -> bool:
    """Whether there will be no result, or none to trust."""
    return problem.severity in ("refusal", "leak")


def worst_first(problems: Iterable[Problem]) -> list[Problem]:
    """Problems by severity; those of one severity stay in their order."""
    return sorted(problems, key=lambda problem: SEVERITIES.index(problem.severity))


def named(names: Iterable[str], num: int | None = None) -> str:
    """At most five names in one line, and how many more there are: of `num`, where `names` holds only the first of them."""
    return listed(list(names), MOST_NAMED, num, last=", ")


def rows_named(dataset: Dataset, rows: Array) -> str:
    """At most five rows, positions `(M,)` or a mask `(N,)` of bool, by their ids, and how many more there are."""
    positions = np.flatnonzero(rows) if rows.dtype == bool else rows
    names = named([shortened(name) for name in dataset.ids[positions[:MOST_NAMED]]], len(positions))
    return names if dataset.modality == "image" else f"id{'' if len(positions) == 1 else 's'} {names}"


def percent(fraction: float) -> str:
    """A share in [0, 1] as `4.4 %`; only an exact 0 or 1 is shown as such."""
    value = 100 * fraction
    if 0 < value < 0.05:
        return "under 0.1 %"
    if 99.95 <= value < 100:
        return "over 99.9 %"
    return f"{value:.0f} %" if value in (0, 100) or value == round(value) else f"{value:.1f} %"


def sides(dataset: Dataset, parts: Split) -> Array:
    """`(N,)`: 1 for a labelled row, 2 for a test row, 0 for a row of neither."""
    side = np.zeros(len(dataset), dtype=np.int8)
    side[parts.labelled] = 1
    side[parts.test] = 2
    return side


def ranked(x: Array) -> Array:
    """Ranks `float64 (N,)` from 1, ties at their mean rank."""
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse])
