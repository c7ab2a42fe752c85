"""Plain text laid out to a width: labelled lines, columns and error lines. Imports nothing heavy, so that `sdl list` is quick."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import TextIO

INDENT = 8
GAP = 2


def width() -> int:
    """Columns of the terminal; $COLUMNS goes before it, and with neither it is 80."""
    return max(40, shutil.get_terminal_size().columns)


def styled(text: str, code: str = "1", stream: TextIO | None = None) -> str:
    """`text` in bold (code 1), red (31), green (32) or yellow (33) where the stream is a terminal that shows it."""
    stream = stream or sys.stdout
    shown = stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    return f"\033[{code}m{text}\033[0m" if shown else text


def labelled(label: str, text: str, columns: int | None = None) -> list[str]:
    """`text` after a label of at most 7 letters, wrapped at spaces; the next lines stand below the text.

    A word longer than a line (a path, say) is never broken.
    """
    wrapped = wrap(text, (columns or width()) - INDENT) or [""]
    return [f"{label:<{INDENT}}{wrapped[0]}".rstrip(), *(" " * INDENT + line for line in wrapped[1:])]


def wrap(text: str, columns: int) -> list[str]:
    """Lines of at most `columns` characters, broken at spaces only."""
    joined = text.replace(" %", "\0%")  # a number and its per cent sign stay together
    lines = textwrap.wrap(joined, max(columns, 20), break_long_words=False, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in lines]


def table(rows: Sequence[Sequence[str]], columns: int | None = None) -> list[str]:
    """Rows in columns as wide as their widest cell, the last one wrapped to what is left of the width.

    Arguments:
        rows: at least one; all equally long.
        columns: width of the whole; None is the terminal's.
    """
    *widths, _ = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    before = sum(widths) + GAP * len(widths)
    lines = []
    for row in rows:
        last = wrap(row[-1], max((columns or width()) - before, 24)) or [""]
        start = "".join(f"{cell:<{size + GAP}}" for cell, size in zip(row, widths, strict=False))
        lines.append((start + last[0]).rstrip())
        lines += [" " * before + more for more in last[1:]]
    return lines


def catalogue(items: Sequence[dict[str, str]]) -> list[str]:
    """Choices as `sdl list` shows them: each group's name, and below it its choices with one sentence each."""
    lines: list[str] = []
    size = max((len(item["name"]) for item in items), default=0)
    for group in dict.fromkeys(item["group"] for item in items):
        own = [item for item in items if item["group"] == group]
        lines += [styled(group), *table([(f"  {item['name']:<{size}}", item["summary"]) for item in own]), ""]
    return lines


def error_lines(message: str, hint: str) -> list[str]:
    """What is wrong and what to do about it, a line each; never wrapped, so that they can be searched and pasted."""
    first, *more = (message.splitlines() or [""]) + ([hint] if hint else [])
    return [f"{styled('error', '31', sys.stderr)}   {first}", *(" " * INDENT + line for line in more)]
