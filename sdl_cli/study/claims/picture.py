"""The picture of a claim: its numbers, published and measured, as panels that a PNG and a page draw alike."""

from __future__ import annotations

import math
import textwrap

from sdl_cli.measure.estimates import Line, Panel
from sdl_cli.phrases import printable
from sdl_cli.study.claims.result import FAILS, HOLDS, UNCLEAR, ClaimResult, Finding

_KINDS = {HOLDS: 0, FAILS: 1, UNCLEAR: 2}
_AXES = {
    "points": "difference (points)",
    "% of the error": "smaller error (%)",
    "%": "%",
    "rank": "mean rank (1 is best)",
}  # the others are called by their unit
MOST_LETTERS = 46  # of a label's line


def panels(claim: ClaimResult, most_letters: int = MOST_LETTERS) -> list[Panel]:
    """A panel for each unit, of the findings that have a number, measured or published; labels are broken into lines."""
    found: dict[str, list[Line]] = {}
    for one in claim.findings:
        if math.isfinite(one.value) or math.isfinite(one.reported):
            found.setdefault(one.unit, []).append(_line(one, most_letters))
    return [Panel(_AXES.get(unit, unit or "value"), lines) for unit, lines in found.items()]


def _line(one: Finding, most_letters: int) -> Line:
    label = "\n".join(textwrap.wrap(printable(one.what), most_letters)[:4])
    is_calm = one.control and one.verdict == HOLDS  # of a control, only what is not as expected has a colour
    kind = 3 if is_calm else _KINDS.get(one.verdict, 3)
    return Line(label, one.value, one.low, one.high, one.reported, one.bound, kind, one.decides)


def draw(claim: ClaimResult) -> bytes | None:
    """The picture as a PNG, or None where no number is known."""
    found = panels(claim)
    if not found:
        return None
    from sdl_cli.measure.png import draw_estimates

    return draw_estimates(claim.summary[:1].upper() + claim.summary[1:], found)
