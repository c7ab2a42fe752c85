"""Other possible meanings of a table's columns, as notes for the user."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.files.class_names import is_code
from sdl_cli.data.files.columns import FEW_ODD, Column, are_amounts, other_order, shown_format, to_numbers
from sdl_cli.data.files.doubts import leading_zeros, mixed_words, percent_note
from sdl_cli.data.files.guess_marks import evidence
from sdl_cli.data.files.marks import PLAIN
from sdl_cli.data.files.roles import listed
from sdl_cli.data.files.table_cells import Cells
from sdl_cli.errors import DataError
from sdl_cli.phrases import shortened

_MANY_CLASSES = 20

_SUMS = frozenset({"total", "totals", "subtotal", "subtotals", "grand total", "sum", "sums", "summe", "gesamt", "zwischensumme"})
_MOST_SUMS = 0.25  # of the rows: where there are more, the word names something else


def note_doubts(column: Column, cells: Cells, i: int, notes: list[str], asked: bool) -> None:
    """A note if a column may mean something else: numbers with a few words or a unit, dates of either order."""
    own, shown = cells.columns[i], f"Column {shortened(column.name)}"
    if column.kind == "date" and other_order(column, own):
        first = shortened(own[np.flatnonzero(own != None)[0]], 30)  # noqa: E711
        notes.append(
            f"{shown}: dates such as {first} were read as {shown_format(column.format)}, though day and month could be the other "
            "way round (YYYY-MM-DD leaves no doubt)."
        )
    if column.kind == "number":
        notes += [note for note in (leading_zeros(shortened(column.name), own), percent_note(shown, own)) if note]
    if column.kind != "category" or asked:
        return
    known = own[own != None]  # noqa: E711
    if words := mixed_words(known.tolist()):
        notes.append(f"{shown} writes the same in several ways: {words}. Each is a category; use one spelling.")
        return
    odd = np.flatnonzero(np.isnan(to_numbers(own, cells.marks_of(column.name))) & (own != None))  # noqa: E711
    if are_amounts(own[odd]):
        first = shortened(own[odd[0]], 30)
        notes.append(
            f"{shown} was read as categories, since its numbers have a unit or thousands marks, such as {first!r}: write plain "
            "numbers to have them read as such."
        )
        return
    if not len(odd):
        return
    word, where = shortened(own[odd[0]], 30), cells.place(int(odd[0])).removeprefix(f"{cells.source}, ")
    are = "is not a number" if len(odd) == 1 else "are not numbers"
    what = f"{shown} was read as categories, since {len(odd):,} of its cells {are}, such as {word!r}"
    if all(evidence(cell) is not None for cell in dict.fromkeys(known)):
        notes.append(f"{what} in {where}: write all its numbers with the same marks.")
    elif len(odd) < FEW_ODD * len(known):
        notes.append(f"{what} in {where} (if it means missing: 'dataset.missing_values=[{word}]').")


def missing_notes(written: Cells, cells: Cells, roles: Collection[int]) -> list[str]:
    """A note on words such as NA that were read as missing in columns of text, where they may be a value.

    Arguments:
        written: the cells as written in the file. cells: the same without words for missing ones.
        roles: positions of columns that are not learned from.
    """
    words: Counter[str] = Counter()
    names = []
    for i, name in enumerate(cells.names):
        own, before = cells.columns[i], written.columns[i]
        lost = Counter(word for word in before[own == None] if word is not None and word.isalpha())  # noqa: E711
        if not lost or i in roles:
            continue
        known = own[own != None]  # noqa: E711
        if len(known) and np.isnan(to_numbers(known, cells.marks_of(name))).mean() > 1 - FEW_ODD:
            words += lost
            names.append(name)
    if not names:
        return []
    shown = ", ".join(f"{word} ({count:,})" for word, count in words.most_common(3))
    return [f"Read as missing in {listed(names, 5)}: {shown}. If that is a value: dataset.text=[{shortened(names[0])}]"]


def sums_note(cells: Cells) -> list[str]:
    """A note on rows that seem to be sums of others, where a cell of theirs is a word such as Total; few of all rows are."""
    found: dict[int, str] = {}
    for own in cells.columns:
        words = {cell for cell in set(own.tolist()) if cell is not None and cell.strip().rstrip(":").lower() in _SUMS}
        found |= {row: own[row] for row in np.flatnonzero(np.isin(own, list(words))).tolist()} if words else {}
    if not 0 < len(found) <= _MOST_SUMS * len(cells.lines):
        return []
    row = max(found)
    rows = "1 row seems" if len(found) == 1 else f"{len(found):,} rows seem"
    where = cells.place(row).removeprefix(f"{cells.source}, ")
    return [
        f"{rows} to be sums of others, since a cell holds the word {shortened(found[row], 20)} ({where}): take such rows out."
    ]


def refuse_odd_target(cells: Cells, name: str, own: Array, as_text: bool) -> None:
    """Raise where the first file's targets are numbers and those of the second are not: the message names the second."""
    if as_text or cells.is_second is None:
        return
    bad = np.isnan(to_numbers(own, cells.marks_of(name))) & (own != None)  # noqa: E711
    if bad.any() and not bad[~cells.is_second].any():
        row = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"{cells.place(row)}: the target {shortened(name)} holds {shortened(own[row], 30)!r}, and numbers in {cells.source}.",
            "Write both files alike.",
        )


def refuse_numbers_as_text(cells: Cells, name: str, own: Array) -> None:
    """Raise where a target is text by its type and looks like numbers of many values, which are no names of classes."""
    distinct = set(own[own != None].tolist())  # noqa: E711
    if (
        name in cells.texts
        and name not in cells.levels
        and len(distinct) > _MANY_CLASSES
        and all(PLAIN.is_number(word) and not is_code(word) for word in distinct)
    ):
        example = shortened(next(word for word in own if word is not None), 20)
        raise DataError(
            f"{cells.source}: the target {shortened(name)} is text that looks like numbers, such as {example!r}, with "
            f"{len(distinct):,} different values.",
            f"If they are numbers: dataset.decimal=. (their mark); if they name classes: dataset.text=[{shortened(name)}]",
        )
