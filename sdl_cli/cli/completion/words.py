"""A command line up to the cursor as the words that a shell would make of it, also where a quote is still open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

BREAKS = "=:@"  # of bash's COMP_WORDBREAKS those that stand in settings and paths
_PLAIN = "_@%+=:,./~-"  # beside letters and digits, what no shell gives a meaning to
_IN_DOUBLE = '$`"\\!'


class Word(NamedTuple):
    """One word of a line.

    Arguments:
        text: what the program would be given.
        raw: as typed.
        quote: the quote that is still open at its end, or an empty string.
        open_at: where in `raw` that quote stands.
    """

    text: str
    raw: str
    quote: str = ""
    open_at: int = -1


class Typed(NamedTuple):
    """The words behind the program's name that are complete, and the one that the cursor is behind."""

    words: tuple[str, ...]
    word: Word

    @property
    def current(self) -> str:
        return self.word.text


def split(line: str) -> Typed:
    """The words of a line that ends at the cursor; the first one is the program."""
    found: list[Word] = []
    place = 0
    while place < len(line):
        if line[place] in " \t\n":
            place += 1
            continue
        word = _read(line, place)
        found.append(word)
        place += len(word.raw)
    ends_inside = bool(found) and (bool(found[-1].quote) or line.endswith(found[-1].raw))
    last = found.pop() if ends_inside else Word("", "")
    if not found:  # the program's own name
        return Typed((), Word("", ""))
    return Typed(tuple(word.text for word in found[1:]), last)


def _read(line: str, start: int) -> Word:
    """The word that begins at `start`."""
    text: list[str] = []
    quote, open_at, place = "", -1, start
    while place < len(line):
        letter = line[place]
        if quote:
            if letter == quote:
                quote = ""
            elif letter == "\\" and quote == '"' and place + 1 < len(line) and line[place + 1] in '$`"\\':
                place += 1
                text.append(line[place])
            else:
                text.append(letter)
        elif letter in "'\"":
            quote, open_at = letter, place - start
        elif letter in " \t\n":
            break
        elif letter == "\\":
            place += 1
            text.append(line[place : place + 1])
        else:
            text.append(letter)
        place += 1
    return Word("".join(text), line[start:place], quote, open_at if quote else -1)


def rejoined(pieces: Sequence[str], current: int) -> str:
    """The line that bash has cut at `=` and `:` too; whether blanks stood beside these cannot be known, and is rare."""
    line, glued = "", True
    for piece in pieces[: current + 1]:
        is_break = bool(piece) and not piece.strip(BREAKS)
        line += piece if is_break or glued else f" {piece}"
        glued = is_break
    return line


def last_break(word: Word, breaks: str) -> int:
    """The place behind the last unquoted break in a word, from which on bash replaces it."""
    quote, found, place = "", 0, 0
    while place < len(word.raw):
        letter = word.raw[place]
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
            found = place + 1
        elif letter == "\\":
            place += 1
        elif letter in breaks:
            found = place + 1
        place += 1
    return word.open_at + 1 if word.quote else found


def for_bash(value: str, word: Word, breaks: str) -> str | None:
    """What bash puts in the place of the end of a word, so that the word becomes `value`; None where quotes do not allow it."""
    cut = last_break(word, breaks)
    before = _read(word.raw[:cut].removesuffix(word.quote) if word.quote else word.raw[:cut], 0).text if cut else ""
    if not value.startswith(before):
        return None
    rest = value[len(before) :]
    if word.quote == "'":
        return None if "'" in rest else rest
    if word.quote:
        return "".join(f"\\{c}" if c in _IN_DOUBLE else c for c in rest)
    return "".join(c if c.isalnum() or c in _PLAIN or (c > "~" and not c.isspace()) else f"\\{c}" for c in rest)
