"""The page of claims: all verdicts first, then for each claim its picture, its numbers and the command that repeats it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from matplotlib.figure import Figure

from sdl_cli.measure.estimates import Panel, draw, height
from sdl_cli.measure.figure import Look
from sdl_cli.phrases import counted, duration, listed
from sdl_cli.report.claims_words import meaning
from sdl_cli.report.html.drawing import GRID, INK, MUTED, PAPER, SERIES, Drawing, new_figure
from sdl_cli.report.html.page import Head
from sdl_cli.report.html.saved import shown
from sdl_cli.report.html.section import Section, escape, table
from sdl_cli.report.layout import filled
from sdl_cli.study.claims.picture import panels
from sdl_cli.study.claims.result import FAILS, HOLDS, UNCLEAR, ClaimResult, ClaimsResult, Finding
from sdl_cli.study.claims.table import SIGNS, measured, verdict_words

_LOOK = Look(SERIES, INK, MUTED, GRID, PAPER, note=INK, text=10.5, halo=())
_LETTERS = 30  # of a label's line: the page is narrow
_CAPTION = (
    "Dots: measured here, with their 95 % intervals; thick lines decide the verdict. Diamonds: published. Upright marks: the "
    "number that is claimed; the table says on which side of it, or how near, the interval should lie."
)


def head(found: ClaimsResult) -> Head:
    """The title, how many claims hold, and how large it was."""
    counts = Counter(claim.verdict for claim in found.claims)
    of = counted(len(found.claims), "claim")
    words = {HOLDS: ("holds", "hold"), FAILS: ("does not hold", "do not hold"), UNCLEAR: ("cannot be told here",) * 2}
    told = listed([f"{counts[key]} {words[key][counts[key] != 1]}" for key in words if counts[key]])
    said = [f"Of {of}, {told}.", meaning()]
    number, _, unit = duration(found.seconds).partition(" ")
    facts = [("quick" if found.quick else "full", "version"), (str(found.seed), "seed")]
    return Head("Claims on small data, put to the test", "Report of sdl claims", said, [*facts, (number, unit)])


def sections(found: ClaimsResult) -> list[Section]:
    """The table of all claims, then a section for each."""
    return [_all(found), *map(_one, found.claims)]


def _all(found: ClaimsResult) -> Section:
    rows = []
    for claim in found.claims:
        first = next((one for one in claim.findings if one.decides), None)
        number = "" if first is None else f"{measured(first)}: {first.what}"
        rows.append([_sentence(claim.summary), claim.verdict, number, claim.published])
    header = ["claim", "verdict", "measured here (95 % interval)", "published"]
    lead = (
        "As sdl compare: the same splits for all, the test part scored once. Where more than one setting is tried, which each "
        f"claim says, it is chosen on validation rows. {SIGNS}"
    )
    return Section("claims", "All claims", table(header, rows), lead)


def _one(claim: ClaimResult) -> Section:
    body = f"<p><b>{escape(claim.verdict[:1].upper() + claim.verdict[1:])}.</b> {escape(claim.learned, 1000)}</p>"
    body += f"<p><b>Published:</b> {escape(claim.published, 600)}. <small>{escape(claim.source, 600)}.</small></p>"
    found = panels(claim, _LETTERS)
    drawings = [_drawing(claim, found)] if found else []
    body += "".join(map(shown, drawings))
    header = ["what", "measured (95 % interval)", "published", "claimed", "verdict", "rests on"]
    header, *rows = filled([header, *map(_row, claim.findings)])
    body += table(header, rows)
    notes = [one for one in claim.findings if one.note]
    items = [f"{one.what}: {one.note}." for one in notes] + [f"Not run: {reason}." for reason in claim.missing]
    body += f"<ul>{''.join(f'<li>{escape(item, 600)}</li>' for item in items)}</ul>" if items else ""
    body += f'<pre class="wrapped">{escape(claim.command)}</pre>'
    lead = " ".join(claim.experiment) + f" {duration(claim.seconds)} in all." if claim.experiment else "Nothing was run."
    return Section(f"claim-{claim.name.replace('_', '-').lower()}", _sentence(claim.summary), body, lead, drawings)


def _row(one: Finding) -> list[str]:
    verdict = verdict_words(one)
    said = f"{verdict} (decides)" if one.decides else verdict
    return [one.what, measured(one), one.published, one.statement, said, one.n]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _drawing(claim: ClaimResult, found: Sequence[Panel]) -> Drawing:
    def drawn(width_in: float) -> Figure:
        with new_figure(width_in, height(found) + 0.7) as made:
            draw(made, found, _LOOK)
        return made

    return Drawing("claim", f"{claim.summary}: numbers published and measured, with their intervals", drawn, _CAPTION, 7.4)
