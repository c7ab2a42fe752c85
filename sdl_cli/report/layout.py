"""Plain text laid out to a width: labelled lines, columns and error lines. Imports nothing heavy, so that `sdl list` is quick."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import TextIO

INDENT = 8
GAP = 2
_STYLES = re.compile(r"\033\[(?:0|1|31|32|33)m")  # what `styled` adds
_JOINERS = "\u200c\u200d"  # of Persian and Indic letters


def say(text: str = "", stream: TextIO | None = None, flush: bool = False) -> None:
    """Print lines. Every line that a person reads goes this way: control characters, wherever they are from, become `?`."""
    stream = stream or sys.stdout
    print(shown(text, stream.isatty()), file=stream, flush=flush)


def shown(text: str, on_terminal: bool = False) -> str:
    """Text without control characters or marks that turn the direction of writing; line ends stay, `on_terminal` styles too."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    parts = _STYLES.split(text) if on_terminal else [text]
    clean = ["".join(c if c.isprintable() or c == "\n" or c in _JOINERS else _replaced(c) for c in part) for part in parts]
    styles = [*(_STYLES.findall(text) if on_terminal else []), ""]
    return "".join(part + style for part, style in zip(clean, styles, strict=True))


def _replaced(letter: str) -> str:
    # half of a pair stands for a byte of a file name that is no text: the stream writes it in its own way
    return " " if letter == "\t" or letter.isspace() else letter if "\ud800" <= letter <= "\udfff" else "?"


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
    """Rows, at least one and equally long, in columns as wide as their widest cell; the last one is wrapped to the width."""
    *widths, _ = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    before = sum(widths) + GAP * len(widths)
    lines = []
    for row in rows:
        last = wrap(row[-1], max((columns or width()) - before, 24)) or [""]
        start = "".join(f"{cell:<{size + GAP}}" for cell, size in zip(row, widths, strict=False))
        lines.append((start + last[0]).rstrip())
        lines += [" " * before + more for more in last[1:]]
    return lines


def filled(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Rows, the header first, without the columns that are empty in all others."""
    kept = [k for k in range(len(rows[0])) if any(row[k] for row in rows[1:])]
    return [[row[k] for k in kept] for row in rows]


def right(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Rows for `table` with every column flush right, since they are numbers below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [[cell.rjust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]


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
