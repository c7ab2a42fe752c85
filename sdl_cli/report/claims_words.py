"""Claims as text: what is about to be run, and what each came to."""

from __future__ import annotations

import math
from typing import Any

from sdl_cli.phrases import duration
from sdl_cli.report import layout
from sdl_cli.study.claims.result import ClaimResult, ClaimsResult, Finding
from sdl_cli.study.claims.table import measured, verdict_words

Values = dict[str, Any]


def plan_lines(overview: Values) -> list[tuple[str, str]]:
    """Label and text of what is about to be run, how long it takes, and what is left out."""
    mode = "the quick version" if overview["quick"] else "the full version"
    lines = [("claims", f"{', '.join(overview['claims'])} ({mode})")]
    done = f", {overview['done']:,} of them done" if overview["done"] else ""
    minutes = overview["minutes"]
    about = f"{f'about {duration(60 * minutes)}' if minutes > 1 else 'a minute at most'} on two cores with nothing else running"
    number = f"{overview['studies']:,} {'study' if overview['studies'] == 1 else 'studies'}"
    lines.append(("size", f"{number}{done}; {about}"))
    reasons: dict[str, list[str]] = {}
    for name, missing in overview["left_out"].items():
        for study, reason in missing.items():
            reasons.setdefault(reason, []).append(f"{name} ({study})")
    lines += [("without", f"{', '.join(names)}: {reason}") for reason, names in reasons.items()]
    return lines


def table_lines(found: ClaimsResult) -> list[str]:
    """One line per claim, its deciding numbers below it, and what the verdicts mean."""
    rows = [["claim", "verdict", "published", "measured (95 % interval)"]]
    for claim in found.claims:
        deciding = [one for one in claim.findings if one.decides]
        first = deciding[0] if deciding else None
        rows.append([claim.name, claim.verdict, _short(claim), "" if first is None else _number(first)])
        rows += [["", verdict_words(one), one.published, _number(one)] for one in deciding[1:]]
        controls = [one for one in claim.findings if one.control]
        rows += [["", verdict_words(one), "", _number(one)] for one in controls]
    return layout.table(rows)


def _number(one: Finding) -> str:
    """A number and what it is, or why there is none."""
    return f"{measured(one)}: {one.what}" if math.isfinite(one.value) else f"{one.what}: {one.note or 'not measured'}"


def _short(claim: ClaimResult) -> str:
    """What was published of the first deciding number."""
    return next((one.published for one in claim.findings if one.decides and one.published), "")


def meaning() -> str:
    """When each verdict is given."""
    return (
        "Holds: the whole 95 % interval lies on the claimed side. Does not hold: it leaves no difference that matters there. "
        "Not measurable here: neither."
    )
