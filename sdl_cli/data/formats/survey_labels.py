"""The words that survey files give to values: which values have one, which are declared missing, what becomes of each cell."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sdl_cli.data.formats.survey_dates import Clock
from sdl_cli.phrases import printable

_EXACT = 2**53


@dataclass(frozen=True)
class Variable:
    """A column of a survey file, as its header describes it.

    Arguments:
        is_text: its values are text. measure: `nominal`, `ordinal`, `scale` or `unknown`.
        words: by value the word for it, each word once (see `own_words`).
        shared: the labels that several values have.
        ranges: lowest and highest of the values that are declared missing; of text the same twice.
        clock: what makes its numbers dates or times.
    """

    name: str
    label: str = ""
    is_text: bool = False
    measure: str = "unknown"
    words: Mapping[Any, str] = field(default_factory=dict)
    shared: tuple[str, ...] = ()
    ranges: tuple[tuple[Any, Any], ...] = ()
    clock: Clock | None = None

    def reason(self, value: Any) -> str | None:
        """Why a value is declared missing: its word, or itself; None where it is not. Letters are so in Stata and SAS."""
        if isinstance(value, str) and not self.is_text:
            return self.words.get(value, f".{value}")
        for low, high in self.ranges:
            if (value == low) if isinstance(low, str) else not isinstance(value, str) and low <= value <= high:
                return self.word(value)
        return None

    def word(self, value: Any) -> str:
        """The word for a value, or the value itself where it has none."""
        found = self.words.get(value)
        if found is not None:
            return found
        code = plain(value)
        return f"{code} (no label)" if code in self.words.values() else code

    def codes(self) -> dict[str, str]:
        """By word the value that it stands for."""
        return {word: plain(value) for value, word in self.words.items()}

    def in_order(self, values: Iterable[Any]) -> tuple[str, ...]:
        """The words of these values and of all that have one, by value."""
        known = {value for value in (*values, *self.words) if self.is_text or not isinstance(value, str)}
        return tuple(dict.fromkeys(self.word(value) for value in sorted(known)))


def own_words(labels: Mapping[Any, str], is_text: bool) -> tuple[dict[Any, str], tuple[str, ...]]:
    """Value labels as words that each stand for one value, and the labels that several values have: these get their value."""
    given = {_key(value, is_text): printable(str(label)).strip() for value, label in labels.items()}
    given = {value: label for value, label in given.items() if label}
    times = Counter(given.values())
    words = {value: label if times[label] == 1 else f"{label} ({plain(value)})" for value, label in given.items()}
    return words, tuple(label for label, count in times.items() if count > 1)


def _key(value: Any, is_text: bool) -> Any:
    return str(value).strip() if is_text else value


def plain(value: Any) -> str:
    """A value as text that reads back as the same number: a whole one without a fraction."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < _EXACT else repr(value)
    return str(value)


def is_missing(value: Any) -> bool:
    """Whether a cell is empty: blank text is, too."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))
