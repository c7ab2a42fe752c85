"""What a number with its interval says about a claim: three verdicts, and when each is given."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sdl_cli.study.claims.definition import Row
from sdl_cli.study.claims.result import FAILS, HOLDS, SHOWN, UNCLEAR, Finding

_LAST_DIGIT = 0.05 + 1e-9  # numbers that agree to one decimal place


def statement(row: Row, unit: str) -> str:
    """What is claimed of a number, in words; empty for one that decides nothing."""
    of = f" {unit}" if unit else ""
    if row.more_than is not None:
        refuted = f" (refuted if all below {row.more_than + row.margin:g})" if row.margin else ""
        return f"more than {row.more_than:g}{of}{refuted}"
    if row.less_than is not None:
        refuted = f" (refuted if all above {row.less_than - row.margin:g})" if row.margin else ""
        return f"less than {row.less_than:g}{of}{refuted}"
    if row.at_most is not None:
        return f"at most {row.at_most:g}{of}"
    if row.no_gain:
        return "no measurable gain"
    if row.reproduces is not None:
        return f"{row.reproduces:g}{of}, on the same rows"
    return "" if row.about is None else f"about {row.about:g}{of}"


def verdict(row: Row, value: float, low: float, high: float) -> str:
    """The verdict on one number.

    `more_than` x holds if the whole 95 % interval lies above x, and does not hold if it ends below x plus the margin: no
    difference that matters is left. `less_than` is the mirror image. `at_most` x holds if the interval ends at or below x, and
    does not hold if it begins above x. `about` x holds if x lies in an interval that is narrow enough (`within`), and does not
    if it lies outside. `reproduces` x is for a method without chance on the very rows of the publication: it holds if the number
    is x to one decimal place, whatever its interval. `no_gain` says that no gain is measurable, so it holds unless the interval
    begins above 0. Everything else is not measurable here, and so is a number without an interval, which would pass or fail by
    chance.

    Arguments:
        value, low, high: in the unit of the row; nan or infinite where it is not known.
    """
    if row.claimed is None:
        return SHOWN
    if row.reproduces is not None and math.isfinite(value):
        return HOLDS if abs(value - row.reproduces) <= _LAST_DIGIT else FAILS
    if not all(map(math.isfinite, (value, low, high))):
        return UNCLEAR
    if row.more_than is not None:
        return HOLDS if low > row.more_than else FAILS if high < row.more_than + row.margin else UNCLEAR
    if row.less_than is not None:
        return HOLDS if high < row.less_than else FAILS if low > row.less_than - row.margin else UNCLEAR
    if row.at_most is not None:
        return HOLDS if high <= row.at_most else FAILS if low > row.at_most else UNCLEAR
    if row.no_gain:
        return HOLDS if low <= 0 else FAILS
    assert row.about is not None
    if not low <= row.about <= high:
        return FAILS
    return HOLDS if (high - low) / 2 <= row.within else UNCLEAR


def overall(findings: Sequence[Finding]) -> str:
    """A claim's verdict from the numbers that decide it: it holds if all of them do, and does not if one does not."""
    deciding = [finding.verdict for finding in findings if finding.decides]
    if FAILS in deciding:
        return FAILS
    return HOLDS if deciding and all(one == HOLDS for one in deciding) else UNCLEAR
