"""What an interval says about a claim, in every position that it can have."""

from __future__ import annotations

import math

import pytest

from sdl_cli.study.claims.definition import Row
from sdl_cli.study.claims.result import FAILS, HOLDS, SHOWN, UNCLEAR, Finding
from sdl_cli.study.claims.verdict import overall, statement, verdict


def row(**claimed: object) -> Row:
    return Row(what="a minus b", measure="difference", **claimed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("claimed", "interval", "expected"),
    [
        ({"more_than": 0.0}, (3.0, 0.1, 5.9), HOLDS),
        ({"more_than": 0.0}, (3.0, 0.0, 6.0), UNCLEAR),
        ({"more_than": 0.0}, (0.2, -0.5, 0.9), FAILS),  # less than the margin of one is left
        ({"more_than": 0.0}, (0.2, -0.7, 1.1), UNCLEAR),
        ({"more_than": 0.0}, (-3.0, -5.0, -1.0), FAILS),
        ({"more_than": -2.5, "margin": 0.0}, (0.0, -2.4, 2.4), HOLDS),
        ({"more_than": -2.5, "margin": 0.0}, (-4.0, -5.0, -2.6), FAILS),
        ({"less_than": 13.5}, (2.0, 1.0, 3.9), HOLDS),
        ({"less_than": 13.5}, (15.0, 13.0, 17.0), FAILS),
        ({"less_than": 13.5}, (12.0, 10.0, 14.0), UNCLEAR),
        ({"at_most": 1.5}, (0.5, -0.5, 1.5), HOLDS),
        ({"at_most": 1.5}, (0.5, -0.6, 1.6), UNCLEAR),
        ({"at_most": 1.5}, (4.0, 1.6, 6.4), FAILS),
        ({"about": 94.8}, (94.8, 90.0, 97.3), HOLDS),
        ({"about": 90.0}, (75.0, 53.1, 88.8), FAILS),
        ({"about": 90.0}, (67.0, 21.0, 94.0), UNCLEAR),
        ({"about": 90.0, "within": 40.0}, (67.0, 21.0, 94.0), HOLDS),
        ({"reproduces": 38.75}, (38.75, 30.0, 47.0), HOLDS),
        ({"reproduces": 38.8}, (38.75, math.nan, math.nan), HOLDS),
        ({"reproduces": 38.75}, (38.5, 30.0, 47.0), FAILS),
        ({"no_gain": True}, (2.0, -1.0, 5.0), HOLDS),
        ({"no_gain": True}, (2.0, 0.1, 3.9), FAILS),
        ({"more_than": 0.0}, (3.0, -math.inf, math.inf), UNCLEAR),
        ({"more_than": 0.0}, (math.nan, math.nan, math.nan), UNCLEAR),
        ({}, (3.0, 1.0, 5.0), SHOWN),
    ],
)
def test_a_verdict_follows_from_the_interval_alone(
    claimed: dict[str, float], interval: tuple[float, float, float], expected: str
) -> None:
    assert verdict(row(**claimed), *interval) == expected


@pytest.mark.parametrize(
    ("claimed", "unit", "words"),
    [
        ({"more_than": 5.0}, "points", "more than 5 points (refuted if all below 6)"),
        ({"more_than": -2.5, "margin": 0.0}, "points", "more than -2.5 points"),
        ({"less_than": 13.5}, "%", "less than 13.5 % (refuted if all above 12.5)"),
        ({"reproduces": 38.75}, "%", "38.75 %, on the same rows"),
        ({"at_most": 1.5}, "points", "at most 1.5 points"),
        ({"about": 90.0}, "%", "about 90 %"),
        ({"no_gain": True}, "points", "no measurable gain"),
        ({}, "points", ""),
    ],
)
def test_what_is_claimed_is_said(claimed: dict[str, float], unit: str, words: str) -> None:
    assert statement(row(**claimed), unit) == words


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([HOLDS], HOLDS),
        ([HOLDS, HOLDS], HOLDS),
        ([HOLDS, FAILS], FAILS),
        ([UNCLEAR, FAILS], FAILS),
        ([HOLDS, UNCLEAR], UNCLEAR),
        ([], UNCLEAR),
    ],
)
def test_a_claim_holds_if_all_that_decides_it_holds(verdicts: list[str], expected: str) -> None:
    findings = [Finding(what="x", verdict=one, decides=True) for one in verdicts]
    assert overall([*findings, Finding(what="beside it", verdict=FAILS)]) == expected
