"""The words that stand for a missing cell."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sdl_cli.data.arrays import Array, objects

# After strip(). "None", "none" and "-" are no missing values: they are names of classes in real tables.
MISSING = frozenset(
    (
        *("", "?", ".", "NA", "N/A", "n/a", "<NA>", "NaN", "nan", "NAN", "-nan", "-NaN", "NaT", "null", "NULL", "Null", "\\N"),
        *("#N/A", "#NA", "#NULL!", "#VALUE!", "#DIV/0!", "#REF!", "#NUM!", "#NAME?"),  # Excel
        *("1.#QNAN", "-1.#QNAN", "1.#IND", "-1.#IND"),  # Windows
    )
)
EMPTY = frozenset(("",))


def missing_words(asked: Sequence[str] | None) -> frozenset[str]:
    """The words that mean a missing cell.

    Arguments:
        asked: None for the usual ones; an empty list for only the empty cell; words to add to the usual ones.
    """
    if asked is None:
        return MISSING
    return MISSING | frozenset(asked) if asked else EMPTY


def without(cells: Array, words: Collection[str]) -> Array:
    """Cells `(N,)` of str or None, with None in place of these words."""
    if frozenset(words).isdisjoint(cells.tolist()):
        return cells
    return objects([None if cell in words else cell for cell in cells])
