"""The page and the picture of claims: what is drawn, said and escaped."""

from __future__ import annotations

import io
import math
from pathlib import Path

import pytest
from PIL import Image

from sdl_cli.report.claims_words import plan_lines, table_lines
from sdl_cli.report.html.claims import head, sections
from sdl_cli.report.html.page import page
from sdl_cli.study.claims.picture import draw, panels
from sdl_cli.study.claims.result import FAILS, HOLDS, UNCLEAR, ClaimResult, ClaimsResult, Finding
from sdl_cli.study.claims.table import markdown, measured


def finding(what: str, value: float = 3.0, unit: str = "points", **more: object) -> Finding:
    return Finding(what=what, value=value, low=value - 1, high=value + 1, unit=unit, n="3 draws", **more)  # type: ignore[arg-type]


def claim(name: str, verdict: str, *findings: Finding) -> ClaimResult:
    return ClaimResult(
        name=name,
        summary="a <b>bold</b> claim",
        source="someone & others",
        published="50 to 60 %",
        learned="It | depends.",
        experiment=("sdl compare.",),
        findings=findings,
        verdict=verdict,
        command=f"sdl claims {name}",
    )


@pytest.fixture
def found() -> ClaimsResult:
    first = finding(
        "a minus b", published="+9 points", reported=9.0, statement="more than 0 points", bound=0.0, verdict=HOLDS, decides=True
    )
    control = finding("control: c minus d", 0.0, statement="no measurable gain", bound=0.0, verdict=HOLDS, control=True)
    published = Finding(what="theirs", unit="points", reported=-2.4, published="-2.4 points")
    none = Finding(what="missing", verdict=UNCLEAR, note="not run: no data")
    claims = (
        claim("one", HOLDS, first, control, published, none),
        claim("two", FAILS, finding("accuracy", 51.25, "%", verdict=FAILS, decides=True)),
    )
    return ClaimsResult(folder=Path("runs/c"), quick=True, seed=0, data=None, claims=claims, seconds=61.0)


def test_the_page_says_how_many_hold_and_escapes_what_it_is_given(found: ClaimsResult) -> None:
    made = head(found)
    assert made.verdict[0] == "Of 2 claims, 1 holds and 1 does not hold."
    text = page(made, sections(found))
    assert "A &lt;b&gt;bold&lt;/b&gt; claim" in text and "<b>bold" not in text
    assert text.count("<svg") == 2 and 'id="claim-one"' in text
    assert "as expected" in text and "not run: no data" in text and "sdl claims two" in text


def test_a_panel_for_each_unit_with_what_was_published(found: ClaimsResult) -> None:
    [panel] = panels(found.claims[0])
    assert panel.axis == "difference (points)"
    assert [line.label for line in panel.lines] == ["a minus b", "control: c minus d", "theirs"]
    assert [line.kind for line in panel.lines] == [0, 3, 3]  # a control as expected has no colour
    assert panel.lines[0].bound == 0 and panel.lines[0].reported == 9 and panel.lines[0].strong
    assert panel.lines[1].bound == 0 and math.isnan(panel.lines[2].bound) and math.isnan(panel.lines[2].value)
    several = claim("x", UNCLEAR, finding("a"), finding("b", 2.0, "rank"), finding("c", 0.5, "correlation"))
    assert [p.axis for p in panels(several)] == ["difference (points)", "mean rank (1 is best)", "correlation"]


def test_the_picture_is_a_png_that_grows_with_its_lines(found: ClaimsResult) -> None:
    sizes = []
    for number in (1, 12):
        drawn = draw(claim("x", HOLDS, *(finding(f"number {k}") for k in range(number))))
        assert drawn is not None
        sizes.append(Image.open(io.BytesIO(drawn)).size)
    assert sizes[0][0] == sizes[1][0] == 1800 and sizes[1][1] > sizes[0][1]
    assert draw(found.claims[0]) == draw(found.claims[0])
    assert draw(claim("x", UNCLEAR, Finding(what="nothing"))) is None


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (3.21, "points", "+3.2 points (+2.2 to +4.2)"),
        (-0.04, "points", "0.0 points (-1.0 to +1.0)"),
        (51.25, "%", "51.2 % (50.2 to 52.2)"),
        (2.0, "rank", "2.00 (1.00 to 3.00)"),
        (4.0, "% of the error", "+4.0 % of the error (+3.0 to +5.0)"),
    ],
)
def test_numbers_are_written_with_sign_unit_and_interval(value: float, unit: str, text: str) -> None:
    assert measured(finding("x", value, unit)) == text


def test_a_number_without_an_interval_or_without_a_value() -> None:
    assert measured(Finding(what="x", value=3.0, low=-math.inf, high=math.inf, unit="points")) == "+3.0 points"
    assert measured(Finding(what="x")) == "-"


def test_the_table_keeps_to_its_cells(found: ClaimsResult) -> None:
    text = markdown(found)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.replace("\\|", "").count("|") in (5, 7) for line in lines)
    assert "**holds**" in text and "It | depends." in text


def test_the_last_lines_show_what_decides_and_the_controls(found: ClaimsResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    text = "\n".join(table_lines(found))
    assert "one    holds" in text and "+3.0 points (+2.0 to +4.0): a minus b" in text and "+9 points" in text
    assert "as expected" in text and "missing" not in text


def test_what_is_left_out_is_said_once() -> None:
    overview = {
        "claims": {"a": "x", "b": "y"},
        "quick": False,
        "studies": 1,
        "done": 0,
        "minutes": 90.0,
        "left_out": {"a": {"s": "no data"}, "b": {"t": "no data"}},
    }
    lines = plan_lines(overview)
    assert lines[0] == ("claims", "a, b (the full version)")
    assert lines[1][1].startswith("1 study; about 1.5 hours on two cores")
    assert lines[2] == ("without", "a (s), b (t): no data")
