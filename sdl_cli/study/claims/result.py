"""What the claims came to, as the code holds it and as `claims.json` does."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from sdl_cli.settings.typed import Json

HOLDS, FAILS, UNCLEAR, SHOWN = "holds", "does not hold", "not measurable here", ""
FILE = "claims.json"


@dataclass(frozen=True, kw_only=True)
class Finding(Json):
    """A measured number beside the published one.

    Arguments:
        what: in words, with its size or set.
        value, low, high: with its 95 % interval, in `unit`; nan where it is not known.
        unit: points, %, rank, ...; n: what it rests on, in words.
        published: in words. reported: the same as a number in `unit`, nan if there is none.
        statement: what is claimed of the number, in words; empty for a number that decides nothing. bound: the number in it.
        verdict: holds, does not hold, not measurable here; empty for a number that decides nothing.
        decides: the claim's verdict rests on it. control: a negative control.
        note: what else to know, one sentence.
    """

    what: str
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    unit: str = ""
    n: str = ""
    published: str = ""
    reported: float = math.nan
    statement: str = ""
    bound: float = math.nan
    verdict: str = SHOWN
    decides: bool = False
    control: bool = False
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class ClaimResult(Json):
    """A claim that was put to the test.

    Arguments:
        name, summary, source, published, learned: as of the claim.
        experiment: what was run, one sentence a study.
        findings: its numbers. verdict: holds, does not hold, not measurable here.
        missing: why studies were left out or failed, one sentence each.
        command: that repeats it. picture: file in the folder, or empty.
        seconds: that its studies took.
    """

    name: str
    summary: str
    source: str
    published: str
    learned: str
    experiment: tuple[str, ...]
    findings: tuple[Finding, ...]
    verdict: str
    missing: tuple[str, ...] = ()
    failed: bool = False
    command: str = ""
    picture: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class ClaimsResult(Json):
    """All claims of one run.

    Arguments:
        quick: whether it was the quick one. seed: of the splits, draws and weights.
        data: the folder `claims.data`, or None.
    """

    folder: Path
    quick: bool
    seed: int
    data: str | None
    claims: tuple[ClaimResult, ...]
    seconds: float = 0.0
