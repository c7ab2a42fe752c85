"""Names of classes that are written as numbers: 1.0 is the class 1; 01 and 1E1 are separate classes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from sdl_cli.data.arrays import Array, objects

_CODE = re.compile(r"[+-]?0[0-9]+")
_ODD_SPELLING = re.compile(r"[+-]?0[0-9].*|\+.*|.*[eE].*")  # leading zeros, a plus, an exponent
_WHOLE_WITH_FRACTION = re.compile(r"[+-]?[0-9]+\.0+")
_EXACT_DIGITS = 15  # that a float keeps apart
_SHOWN = 5


def is_code(cell: str) -> bool:
    """Whether a number is written with leading zeros, as only codes are: 007."""
    return _CODE.fullmatch(cell) is not None


def whole_name(cell: str) -> str:
    """A whole number without its fraction of zeros (1 for 1.0), anything else unchanged: 01 is not 1."""
    return cell.partition(".")[0] if _WHOLE_WITH_FRACTION.fullmatch(cell) else cell


def is_written_oddly(cell: str) -> bool:
    """Whether a number is written as codes are: with leading zeros, a plus, an exponent, or more digits than a float keeps."""
    return _ODD_SPELLING.fullmatch(cell) is not None or sum(letter.isdigit() for letter in cell) > _EXACT_DIGITS


def name_of_number(cell: str, value: float, whole: bool) -> str:
    """The name of the class that a cell of a number stands for.

    Returns: the number without a fraction of zeros; or the cell as it is, where it is written in an unusual way or holds more
        digits than a float keeps.
    """
    if is_written_oddly(cell):
        return cell
    return str(int(value)) if whole else str(value)


def names_of_numbers(cells: Array, numbers: Array, whole: bool) -> Array:
    """The class name of each cell `(N,)` of str, as objects; see `name_of_number`."""
    known = {cell: name_of_number(cell, value, whole) for cell, value in dict(zip(cells, numbers.tolist(), strict=True)).items()}
    return objects([known[cell] for cell in cells])


def in_order(names: Array, numbers: Array, whole: bool) -> list[str]:
    """The different names: whole numbers by size, others as text."""
    value = dict(zip(names.tolist(), numbers.tolist(), strict=True))
    return sorted(value, key=lambda name: (value[name] if whole else 0.0, name))


def ordered(words: Sequence[str], order: Sequence[str]) -> tuple[str, ...]:
    """Words in a given order; those that it lacks come last, as they stood."""
    place = {word: k for k, word in enumerate(order)}
    return tuple(sorted(words, key=lambda word: place.get(word, len(place))))


def in_given_order(y: Array, classes: Sequence[str], order: Sequence[str]) -> tuple[Array, tuple[str, ...]]:
    """Class indices `int64 (N,)` and names as `encode_target` gives them, the classes in another order."""
    names = ordered(classes, order)
    return np.array([names.index(name) for name in classes], np.int64)[y], names


def spelling_notes(shown: str, cells: Array, numbers: Array, names: Array) -> list[str]:
    """Sentences on numbers that are written in several ways, and so are one class or several; `shown` is the column's name."""
    spellings: dict[str, set[str]] = defaultdict(set)
    classes: dict[float, set[str]] = defaultdict(set)
    for cell, number, name in zip(cells, numbers, names, strict=True):
        spellings[name].add(cell)
        classes[float(number)].add(name)
    joined = [sorted(cells) for cells in spellings.values() if len(cells) > 1]
    apart = [sorted(names) for names in classes.values() if len(names) > 1]
    notes = []
    if joined:
        keep = f"to keep them apart: dataset.text=[{shown}]"
        notes.append(f"Spellings of one number are one class of {shown}: {_listed(joined)} ({keep}).")
    if apart:
        notes.append(
            f"Spellings of one number are separate classes of {shown}: {_listed(apart)} (use one spelling for one class)."
        )
    return notes


def _listed(groups: Sequence[Sequence[str]]) -> str:
    shown = "; ".join(" and ".join(cell[:30] for cell in group[:_SHOWN]) for group in groups[:_SHOWN])
    return shown + ("; ..." if len(groups) > _SHOWN else "")


def known_name(cell: str, value: float, classes: Sequence[str]) -> str:
    """The class of a run that a cell means: as it is written, as the number it is, or as the one class of that number.

    Returns: a name of `classes`, or another one if it matches none.
    """
    if cell in classes or not np.isfinite(value):
        return cell
    whole = value.is_integer() and abs(value) < 2**53
    name = name_of_number(cell, value, whole)
    same = [known for known in classes if _value(known) == value]
    return name if name in classes or len(same) != 1 else same[0]


def _value(name: str) -> float:
    try:
        return float(name)
    except ValueError:
        return np.nan
