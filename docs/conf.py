"""The site of these pages, made by Sphinx: python -m sphinx -W -b html docs build/docs

It is built without a network, and a reader's browser loads nothing from elsewhere. What a page says is generated is made here.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS.parent), str(DOCS / "generators")]

import api_page  # noqa: E402
import notebook_pages  # noqa: E402
import settings_page  # noqa: E402

from sdl_cli import __version__  # noqa: E402

project = "sdl"
author = "the sdl developers"
release = version = __version__
html_title = f"sdl {__version__}"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown", ".ipynb": "ipynb"}
exclude_patterns = ["generators"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 4
suppress_warnings = ["myst.header", "misc.highlighting_failure"]
html_theme = "furo"
html_show_copyright = False
html_show_sourcelink = False
html_copy_source = False

GENERATED = {"settings": settings_page.markdown, "python": api_page.markdown}
LINK = re.compile(r"\[([^\]]+)\]\(([^)#:\s]+)((?:#[^)\s]*)?)\)")


def fill(app: Any, docname: str, source: list[str]) -> None:
    """What a page says to be generated, its lists of further pages, and its links to what the site does not hold."""
    if app.env.doc2path(docname).suffix != ".md":
        return
    text = re.sub(r"<!-- generated: (\w+) -->", lambda match: GENERATED[match[1]](), source[0])
    source[0] = within_site(with_further_pages(text), (DOCS / f"{docname}.md").parent)


def with_further_pages(text: str) -> str:
    """A table of contents without the pages that are not there, and for `*` with those that no other entry names."""
    if "{toctree}" not in text:
        return text
    blocks = re.findall(r"```\{toctree\}.*?```", text, re.DOTALL)
    named = {line.strip() for block in blocks for line in block.splitlines()}
    there = [path.relative_to(DOCS).with_suffix("").as_posix() for path in (*DOCS.glob("*.md"), *DOCS.glob("notebooks/*.ipynb"))]
    further = sorted(set(there) - named - {"index"})
    lines = []
    for line in text.splitlines():
        is_page = re.fullmatch(r"[\w/]+", line) is not None
        if line == "*":
            lines += further
        elif not is_page or any((DOCS / f"{line}{suffix}").is_file() for suffix in source_suffix):
            lines.append(line)
    return "\n".join(lines)


def within_site(text: str, folder: Path) -> str:
    """Links to files of the repository that are no pages become their names."""

    def link(match: re.Match[str]) -> str:
        target = (folder / match[2]).resolve()
        is_elsewhere = target.exists() and DOCS not in target.parents
        return match[1] if is_elsewhere else match[0]

    return LINK.sub(link, text)


def setup(app: Any) -> None:
    app.add_source_parser(notebook_pages.NotebookParser)
    app.connect("source-read", fill)
    app.connect("env-get-outdated", lambda *_: ["index", "SETTINGS", "API"])  # they depend on more than their own text
