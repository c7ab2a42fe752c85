"""The works that a paragraph on methods cites, numbered in the order in which it does."""

from __future__ import annotations

import re
from pathlib import Path

# written by `cite` and read by `numbered`; text from data is shown with its control characters spelled out, so it holds none
_OPEN, _CLOSE = "\x0e", "\x0f"
_CITED = re.compile(f"{_OPEN}([a-z0-9_,]+){_CLOSE}")


def _read() -> dict[str, str]:
    """Key -> work, of the lines `key: work` beside this file."""
    lines = Path(__file__).with_name("references.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines)  # type: ignore[misc]


REFERENCES = _read()


def cite(*keys: str) -> str:
    """A mark behind a statement for works of `REFERENCES`, with a blank before it; `numbered` makes a number of it."""
    assert all(key in REFERENCES for key in keys), keys
    return f" {_OPEN}{','.join(keys)}{_CLOSE}"


def numbered(paragraphs: list[str]) -> tuple[list[str], list[str]]:
    """The paragraphs with numbers in brackets for what they cite, and the list of works in that order."""
    order: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        places = [order.setdefault(key, len(order) + 1) for key in found[1].split(",")]
        return f"[{', '.join(map(str, places))}]"

    told = [_CITED.sub(number, paragraph) for paragraph in paragraphs]
    return told, [REFERENCES[key] for key in order]
