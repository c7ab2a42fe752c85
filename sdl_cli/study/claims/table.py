"""The claims as a table in Markdown: for a document, or to look at what was written."""

from __future__ import annotations

import math

from sdl_cli.study.claims.result import FAILS, HOLDS, SHOWN, ClaimResult, ClaimsResult, Finding

SIGNS = (
    "Differences are in points of accuracy or, for numbers that are predicted, in per cent of the second method's error; "
    "positive means that the first is better."
)


def markdown(found: ClaimsResult) -> str:
    """A table of the claims' verdicts, and one of the numbers of each."""
    lines = [SIGNS, "", "| claim | source | published | verdict |", "|---|---|---|---|"]
    lines += [f"| {cell(one.summary)} | {cell(one.source)} | {cell(one.published)} | **{one.verdict}** |" for one in found.claims]
    return "\n".join([*lines, "", *(line for one in found.claims for line in _numbers(one))]) + "\n"


def _numbers(claim: ClaimResult) -> list[str]:
    lines = [f"### {claim.name}", "", f"{claim.summary[:1].upper()}{claim.summary[1:]}. {claim.learned}", ""]
    lines += [f"- {sentence}" for sentence in claim.experiment]
    lines += ["", "| what | published | measured (95 % interval) | rests on | claimed | verdict |", "|---|---|---|---|---|---|"]
    for one in claim.findings:
        decides = "**" if one.decides else ""
        note = f"; {one.note}" if one.note else ""
        cells = [
            one.what,
            one.published,
            f"{measured(one)}{note}",
            one.n,
            one.statement,
            f"{decides}{verdict_words(one)}{decides}",
        ]
        lines.append(f"| {' | '.join(map(cell, cells))} |")
    missing = [f"Not run: {sentence}" for sentence in claim.missing]
    return [*lines, "", *missing, *([""] if missing else []), f"`{claim.command}`", ""]


def cell(text: str) -> str:
    """Text that stays within a cell."""
    return " ".join(text.split()).replace("|", "\\|")


def measured(one: Finding) -> str:
    """A number with its interval and its unit, as people read it: `+3.2 points (+1.0 to +5.4)`."""
    if not math.isfinite(one.value):
        return "-"
    signed = one.unit == "points" or one.unit.startswith("% of")
    is_bare = one.unit in ("rank", "correlation", "")
    digits, unit = (2, "") if is_bare else (1, f" {one.unit}")
    text = _number(one.value, digits, signed) + unit
    if not (math.isfinite(one.low) and math.isfinite(one.high)):
        return text
    return f"{text} ({_number(one.low, digits, signed)} to {_number(one.high, digits, signed)})"


def _number(value: float, digits: int, signed: bool) -> str:
    text = f"{value:+.{digits}f}" if signed else f"{value:.{digits}f}"
    return text.lstrip("+-") if float(text) == 0 else text


def verdict_words(one: Finding) -> str:
    """A finding's verdict, of a control whether it is as expected; a dash where nothing is claimed."""
    if one.control:
        return {HOLDS: "as expected", FAILS: "not as expected"}.get(one.verdict, one.verdict)
    return one.verdict if one.verdict != SHOWN else "-"
