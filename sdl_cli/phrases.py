"""Words that every room says alike: counts, lists, times, and names that are cut to fit. Needs nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence


def counted(number: float, noun: str, plural: str = "", verbs: str = "") -> str:
    """`1 file`, `1,234 classes`; with verbs "has/have" also `1 row has`, `1,234 rows have`."""
    plural = plural or noun + ("es" if noun.endswith("s") else "s")
    verb = f" {verbs.split('/')[number != 1]}" if verbs else ""
    return f"{number:,.15g} {noun if number == 1 else plural}{verb}"


def listed(names: Sequence[str], most: int | None = None, total: int | None = None, last: str = " and ") -> str:
    """`a`, `a and b`, `a, b and c`; where there are more than `most`, the first of them: `a, b and 3 more`.

    Arguments:
        total: how many there are, where `names` holds only the first of them.
        last: what stands before the last name where all are named; `, ` where they are no part of a sentence.
    """
    shown = list(names[:most])
    more = (len(names) if total is None else total) - len(shown)
    if more > 0:
        return f"{', '.join(shown)} and {more:,} more"
    return last.join(filter(None, (", ".join(shown[:-1]), *shown[-1:])))


def printable(text: object) -> str:
    """Text that is safe to print in one line: line breaks and the like as blanks, other control characters as `?`."""
    whole = str(text)
    if whole.isprintable():
        return whole
    return " ".join("".join(c if c.isprintable() else " " if c.isspace() else "?" for c in whole).split())


def shortened(text: object, most: int = 60) -> str:
    """`printable` text of at most `most` letters; what is longer ends in three dots."""
    flat = printable(str(text)[: 2 * most])
    return flat if len(flat) <= most else flat[: most - 3] + "..."


def first_line(error: object, most: int = 500) -> str:
    """The first line of what an error says, or its type where it says nothing."""
    return shortened((str(error).strip().splitlines() or [type(error).__name__])[0], most)


def reason(error: BaseException) -> str:
    """What an error says in its first line, as the end of a sentence: without its number and its full stop."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    words = re.sub(r"^\[Errno -?\d+\] ", "", lines[0]) if lines else type(error).__name__
    return shortened(words.rstrip(".: "), 160)


def typed_line(error: BaseException, most: int = 500) -> str:
    """`ValueError: what it says`, of the first line of an error."""
    kind, text = type(error).__name__, first_line(error, most)
    return kind if text == kind else f"{kind}: {text}"


def duration(seconds: float, exact: bool = False) -> str:
    """A time as people say it: 8 seconds, 3 minutes, 1.5 hours; with `exact`, one that was measured: 8.4 seconds."""
    if exact:
        return f"{seconds:,.1f} seconds"
    if seconds < 90:
        return counted(max(1, round(seconds)), "second")
    return f"{round(seconds / 60)} minutes" if seconds < 90 * 60 else f"{seconds / 3600:.1f} hours"
