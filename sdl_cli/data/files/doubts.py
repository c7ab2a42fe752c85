"""Other possible meanings of a column or a target, as sentences for the user, or as a question.

Shown names are those of columns; cells are str `(N,)`, none missing where not said otherwise.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from sdl_cli.data.arrays import Array
from sdl_cli.data.files.class_names import is_code
from sdl_cli.data.files.guess_marks import evidence
from sdl_cli.errors import DataError
from sdl_cli.phrases import shortened

_WORDS_FOR_TWO = ({"0", "1"}, {"no", "yes"}, {"false", "true"}, {"f", "t"}, {"n", "y"}, {"off", "on"})
_BETWEEN_LABELS = (";", "|", ",", "/", "+", "&")
FEW_AMOUNTS = 12
_AMOUNT = re.compile(r"([^\w.,'+-]{0,4})[+-]?[0-9][0-9.,' ]{0,30}?(\s?[^\d.,'\s][^\d]{0,10})?")
_SHOWN = 5


def mixed_words(cells: Sequence[str]) -> str:
    """Different spellings of yes and no in one column (0 and 1 beside yes and no), with their rows; otherwise nothing."""
    counts = Counter(cell.lower() for cell in cells)
    used = [pair & set(counts) for pair in _WORDS_FOR_TWO if pair & set(counts)]
    if len(used) < 2 or len(used) > 4 or set(counts) - set().union(*_WORDS_FOR_TWO):
        return ""
    if all(len(pair) == 1 for pair in used):  # yes and n may be how one word for each is written
        return "" if len(counts) == 2 else _counted(counts)
    return _counted(counts)


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{word} ({count:,})" for word, count in sorted(counts.items()))


def several_labels(shown: str, cells: Array) -> str:
    """A sentence where cells of a target hold several labels each, such as big;old and old;big; otherwise nothing."""
    counts = Counter(cells.tolist())
    for mark in _BETWEEN_LABELS:
        parts = {name: [part.strip() for part in name.split(mark)] for name in counts if mark in name}
        bare = mark not in ";|"  # 1/2 is more often a date or a fraction than two labels
        parts = {name: own for name, own in parts.items() if all(own) and not (bare and any(map(str.isdigit, own)))}
        if len(parts) < 2:
            continue
        by_parts: dict[tuple[str, ...], list[str]] = {}
        for name, own in parts.items():
            by_parts.setdefault(tuple(sorted(own)), []).append(name)
        turned = [sorted(names) for names in by_parts.values() if len(names) > 1]
        labels = {part for own in parts.values() for part in own}
        alone = labels & set(counts)
        if not turned and not (len(parts) >= 3 and len(alone) >= 2 and len(labels) <= len(parts)):
            continue
        num = sum(counts[name] for name in parts)
        both = " and ".join(shortened(name, 30) for name in turned[0][:2]) if turned else ""
        same = f", even where only their order differs ({both})" if turned else ""
        example = shortened(next(iter(parts)), 30)
        return (
            f"The target {shown} holds several labels in {num:,} of {len(cells):,} cells, such as {example}: each combination "
            f"is a class of its own{same}. Only one label per row can be learned: make one column per label."
        )
    return ""


def refuse_two_decimal_marks(place: str, shown: str, cells: Array) -> None:
    """Raise where every cell of a target is a number, but some have a decimal comma and others a point."""
    seen = {cell: evidence(cell) for cell in dict.fromkeys(cells.tolist())}
    if any(found is None for found in seen.values()):
        return
    marked = [cell for cell, found in seen.items() if found is not None and found[0] != "whole"]
    if len(marked) < 2:
        return
    one = marked[0]
    other = shortened(next((cell for cell in marked if seen[cell] != seen[one]), marked[1]), 30)
    raise DataError(
        f"{place}: the target {shown} holds numbers that are not written alike, such as {shortened(one, 30)} and {other}.",
        f"Write them alike, or set dataset.decimal and dataset.thousands; to use them as class names: dataset.text=[{shown}]",
    )


def amounts(shown: str, cells: Array) -> str:
    """A sentence where a target is made of few numbers with one unit, such as 5%; nothing where it is not.

    Raises DataError: there are many of them, which are more likely to be numbers than classes.
    """
    different = set(cells.tolist())
    matches = [_AMOUNT.fullmatch(cell) for cell in different if len(cell) <= 60]
    units = {(match[1] or "").strip() + (match[2] or "").strip() for match in matches if match}
    if len(units) != 1 or "" in units or len(matches) < len(different) or not all(matches):
        return ""
    example = shortened(str(cells[0]), 30)
    if len(different) > FEW_AMOUNTS:
        raise DataError(
            f"The target {shown} holds numbers with a unit, such as {example}: numbers or classes?",
            f"Write plain numbers to learn them as such; to use them as class names: dataset.text=[{shown}]",
        )
    them = "dataset.task=regression" if units == {"%"} else "write plain ones"
    how = f"read as classes (to predict numbers: {them})"
    return f"The target {shown} holds numbers with a unit, such as {example}: {how}."


def percent_note(shown: str, cells: Array) -> str:
    """A sentence on what number a per cent is, and where only some cells (str or None) are written so; otherwise nothing."""
    known = [cell for cell in cells if cell is not None]
    written = [cell for cell in known if cell.endswith("%")]
    if not written:
        return ""
    if len(written) < sum(cell.strip("0.,") != "" for cell in known):
        return (
            f"{shown}: {len(written):,} of its {len(known):,} numbers are written in per cent and the others are not: 35% was "
            "read as 0.35, and 35 as 35. Write them alike."
        )
    return f"{shown} is written in per cent, as parts of 1: 35% is 0.35."


def leading_zeros(shown: str, cells: Array) -> str:
    """A sentence where a column of numbers is written with leading zeros, as codes are; otherwise nothing."""
    starting = (cell for cell in dict.fromkeys(cells.tolist()) if cell is not None and cell.startswith(("0", "-0", "+0")))
    codes = [cell for cell in starting if is_code(cell)]
    if not codes:
        return ""
    written = set(cells.tolist())
    twin = next((cell for cell in codes if cell.lstrip("0") in written), None)
    same = f", so that {shortened(twin, 30)} and {shortened(twin.lstrip('0'), 30)} are one" if twin else ""
    return (
        f"Column {shown} was read as numbers, though some have leading zeros such as {shortened(codes[0], 30)}{same} "
        f"(if they are codes: dataset.categorical=[{shown}])."
    )
