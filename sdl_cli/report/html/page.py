"""The page of a report: a title, the verdict, what there is, and its sections, in one file that fetches nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sdl_cli import __version__
from sdl_cli.report.html.section import Section, escape

# no script and nothing from elsewhere, whatever text is in the page
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = Path(__file__).with_name("style.css")  # its colours of light are those of `drawing`
_MOST_LETTERS = 1500
_NUMBER_PERCENT = re.compile(r"(?<=\d) %")  # a number and its per cent sign stay in one line


@dataclass(frozen=True)
class Head:
    """What stands above the sections; all of it is plain text.

    Arguments:
        title: of the page.
        kicker: a few words above it: what kind of report.
        verdict: sentences; the first is shown large.
        facts: a number or word, and what it counts, for example ("360", "test rows").
    """

    title: str
    kicker: str
    verdict: Sequence[str]
    facts: Sequence[tuple[str, str]] = ()


def page(head: Head, sections: Sequence[Section]) -> str:
    """The whole HTML document."""
    ids = [section.id for section in sections]
    assert len(set(ids)) == len(ids), ids
    verdict = "".join(f"<p>{escape(sentence, _MOST_LETTERS)}</p>" for sentence in head.verdict)
    facts = "".join(f"<li><b>{escape(value)}</b> {escape(unit)}</li>" for value, unit in head.facts)
    items = "".join(f'<li><a href="#{section.id}">{escape(section.title)}</a></li>' for section in sections)
    whole = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="sdl {__version__}">
<title>{escape(head.title, 120)}</title>
<style>{_STYLE.read_text(encoding="utf-8")}</style>
</head>
<body>
<div class="page">
<header>
<p class="kicker">{escape(head.kicker)}</p>
<h1>{escape(head.title)}</h1>
<div class="verdict" id="verdict">{verdict}</div>
<ul class="facts">{facts}</ul>
</header>
<nav aria-label="Contents"><h2>In this report</h2><ol>{items}</ol></nav>
<main>
{"".join(map(_section, sections))}</main>
<footer>Made by sdl {__version__}. This file needs no network and runs no script.</footer>
</div>
</body>
</html>
"""
    return _NUMBER_PERCENT.sub("\u00a0%", whole)


def _section(section: Section) -> str:
    lead = f'<p class="lead">{escape(section.lead, _MOST_LETTERS)}</p>\n' if section.lead else ""
    return f'<section id="{section.id}">\n<h2>{escape(section.title)}</h2>\n{lead}{section.body}\n</section>\n'
