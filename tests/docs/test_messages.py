"""Every message and verdict that the pages quote is one that sdl can say."""

from __future__ import annotations

import ast
import functools
import re

import pytest
from docs.blocks import ROOT

LEAST_LETTERS = 12  # of a message that are no placeholder: `{path}: {what}` would be like anything
CELL = re.compile(r"^\| (.*?[^\\]) \|", re.MULTILINE)


def cells(page: str, heading: str) -> list[str]:
    """The first cells of the tables below a heading, without the head of the table."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    part = re.split(r"^#+ ", text.split(f"{heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    return [cell.strip("`") for cell in CELL.findall(part) if not re.fullmatch(r"-+|\w+", cell)]


QUOTED = [
    *cells("TROUBLESHOOTING.md", "## Messages that need more to happen"),
    *cells("TROUBLESHOOTING.md", "## Notes and warnings that are no errors"),
    *cells("VERDICT.md", "## A single run"),
    *[cell for cell in cells("VERDICT.md", "## A comparison") if cell != "sentence"],
    *[cell for cell in cells("VERDICT.md", "## A learning curve") if cell != "sentence"],
]


@functools.cache
def said() -> tuple[str, list[tuple[str, ...]]]:
    """All texts in the source: those without a value in one, the others by the pieces around their values."""
    texts, pieces = [], []
    for file in sorted((ROOT / "sdl_cli").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = "".join(str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values).split("\0")
                texts += parts
                if sum(map(len, parts)) >= LEAST_LETTERS:
                    pieces.append(tuple(parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    return "\n".join(texts), pieces


def is_said(message: str) -> bool:
    """Whether it is a text of the source, or what comes of one with values put in."""
    literals, pieces = said()
    likely = (parts for parts in pieces if all(part in message for part in parts))
    return message in literals or any(re.fullmatch(".+?".join(map(re.escape, parts)), message, re.DOTALL) for parts in likely)


def test_there_are_enough_and_an_invented_one_is_found_out() -> None:
    assert len(QUOTED) >= 25
    assert not is_said("The data are sour.") and not is_said("wine: the grapes have changed since this run was begun.")


@pytest.mark.parametrize("message", QUOTED)
def test_a_quoted_message_is_in_the_source(message: str) -> None:
    assert is_said(message), message
