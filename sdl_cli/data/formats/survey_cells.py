"""One column of a survey file as cells of text: words for labelled categories, numbers, dates, seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sdl_cli.data.arrays import Array, objects
from sdl_cli.data.files.class_names import is_written_oddly
from sdl_cli.data.files.marks import PLAIN
from sdl_cli.data.formats.survey_dates import as_text, to_dates, to_seconds
from sdl_cli.data.formats.survey_labels import Variable, is_missing, plain

PRESENT = "answered"  # in a column of reasons, beside a cell that is not missing


@dataclass(frozen=True)
class Wish:
    """What is asked of one column.

    Arguments:
        levels: the words that a run or a first file knows it by, none of numbers; None leaves it to the cells.
        is_category: the user calls it one. as_codes: the user wants its codes. keeps_reasons: also why cells are missing.
        missing: words and codes that mean a missing cell.
    """

    levels: tuple[str, ...] | None = None
    is_category: bool = False
    as_codes: bool = False
    keeps_reasons: bool = False
    missing: Collection[str] = ()


@dataclass(frozen=True)
class Told:
    """One column as it was read; what is counted is counted in rows.

    Arguments:
        cells: objects `(N,)` of str or None. by_words: whether value labels stand in them.
        reasons: why cells are missing that hold a value. reason_cells: the reason of each cell `(N,)`, `PRESENT`, or None.
        order: the words in the order of their codes; empty where they have none.
        partly: labelled values in a column of numbers. alone: values without a label among words. lost: values that are no date.
        is_text: digits that are no numbers. is_number_text: text, all of which are numbers.
    """

    cells: Array
    by_words: bool = False
    reasons: Mapping[str, int] = field(default_factory=dict)
    reason_cells: Array | None = None
    order: tuple[str, ...] = ()
    partly: Mapping[str, int] = field(default_factory=dict)
    alone: Mapping[str, int] = field(default_factory=dict)
    lost: Mapping[str, int] = field(default_factory=dict)
    is_text: bool = False
    is_number_text: bool = False


def tell(variable: Variable, raw: Sequence[Any], wish: Wish) -> Told:
    """The cells of a column from its values as pyreadstat gives them: numbers, text, letters of missing values, None."""
    if variable.is_text:
        raw = [value if value is None else str(value).strip() for value in raw]
    counts = Counter(raw)
    known = {value: count for value, count in counts.items() if not is_missing(value)}
    doubtful = known if variable.ranges else () if variable.is_text else [value for value in known if isinstance(value, str)]
    reasons = {value: reason for value in doubtful if (reason := variable.reason(value)) is not None}
    by_words = _by_words(variable, known.keys() - reasons.keys(), wish)
    for value in variable.words:
        if value in known and value not in reasons and _is_special(variable, value, by_words, wish):
            reasons[value] = variable.word(value)
    present = {value: count for value, count in known.items() if value not in reasons} if reasons else known
    if variable.clock is not None and not variable.is_text:
        cell_of = _on_clock(variable, list(present))
    else:
        cell_of = {value: variable.word(value) if by_words else plain(value) for value in present}
    named: Counter[str] = Counter()
    for value, reason in reasons.items():
        named[reason] += known[value]
    labelled = {v: count for v, count in present.items() if (v in variable.words) != by_words} if variable.words else {}
    digits = variable.is_text and not by_words and bool(present) and all(PLAIN.is_number(value) for value in present)
    return Told(
        objects([cell_of.get(value) for value in raw]),
        by_words,
        named,
        objects([reasons.get(v, PRESENT if v in cell_of else None) for v in raw]) if wish.keeps_reasons else None,
        variable.in_order(present) if by_words and variable.measure == "ordinal" else (),
        {}
        if by_words or wish.as_codes
        else {f"{plain(value)} = {variable.words[value]}": count for value, count in labelled.items()},
        {cell_of[value]: count for value, count in labelled.items()} if by_words else {},
        {plain(value): count for value, count in present.items() if value not in cell_of} if variable.clock else {},
        is_text=digits and any(is_written_oddly(value) for value in present),
        is_number_text=digits,
    )


def _by_words(variable: Variable, values: Collection[Any], wish: Wish) -> bool:
    """Whether a column is a category of its labels: all of its values have one, or most of a nominal one, or it is known so."""
    if not variable.words or wish.as_codes or (variable.clock is not None and not variable.is_text):
        return False
    if wish.levels is not None:
        known = {level.lower() for level in wish.levels}
        has_words = any(word.lower() in known for word in variable.words.values())
        return has_words or (bool(known) and not any(plain(value).lower() in known for value in variable.words))
    if wish.is_category or variable.is_text:
        return True
    num_labelled = sum(value in variable.words for value in values)
    most = len(values) / 2 if variable.measure == "nominal" else len(values)
    return num_labelled > 0 and num_labelled >= most


def _is_special(variable: Variable, value: Any, by_words: bool, wish: Wish) -> bool:
    """Whether a labelled value means a missing cell: as the user says, or because it stands among dates."""
    if variable.clock is not None and variable.clock.kind == "date" and not variable.is_text:
        return True
    return plain(value) in wish.missing or (not by_words and variable.words[value] in wish.missing)


def _on_clock(variable: Variable, values: list[Any]) -> dict[Any, str]:
    """The text of each value that is a date or a time."""
    assert variable.clock is not None
    numbers = np.array([float(value) for value in values], np.float64)
    if variable.clock.kind == "time":
        seconds = to_seconds(variable.clock, numbers).tolist()
        return {value: plain(each) for value, each in zip(values, seconds, strict=True)}
    dates = to_dates(variable.clock, numbers)
    known = np.flatnonzero(~np.isnat(dates))
    return {values[i]: text for i, text in zip(known.tolist(), as_text(dates[known]), strict=True)}
