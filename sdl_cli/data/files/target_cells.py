"""The cells of a target turned into classes or numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.dataset import Task
from sdl_cli.data.files.class_names import in_order, is_code, known_name, names_of_numbers, spelling_notes
from sdl_cli.data.files.columns import to_numbers
from sdl_cli.data.files.doubts import (
    FEW_AMOUNTS,
    amounts,
    mixed_words,
    percent_note,
    refuse_two_decimal_marks,
    several_labels,
)
from sdl_cli.data.files.marks import Marks, unified
from sdl_cli.data.files.roles import CLASS_WORDS
from sdl_cli.data.targets import encode_targets
from sdl_cli.errors import DataError
from sdl_cli.phrases import printable, shortened

_FEW = 20  # whole numbers with at most this many distinct values are classes
_MAX_NAME = 200  # characters of a class name
_SHOWN = 5
Asked = Literal["auto", "classification", "regression"]


def encode_target(
    source: object, name: str, cells: Array, asked: Asked, marks: Marks, notes: list[str], as_text: bool = False
) -> tuple[Array, tuple[str, ...], Task]:
    """The target's cells (str, none missing) as class indices `int64 (N,)` with their names, or numbers `float64 (N,)`.

    Text is classes. Fractions are numbers. Whole numbers are classes where they are few, where the column's name says so, or
    where they count up without a gap and each stands in about as many rows; a note says how they were read.

    Arguments:
        as_text: the cells are names of classes as they are written, whatever they look like.
    Raises DataError: one value only, text where numbers are asked for, values that seem to name the rows, or numbers that are
        written in several ways.
    """
    shown, what = shortened(name), f"{source}: the target {shortened(name)}"
    if as_text and asked != "regression":
        asked, numbers = "classification", np.full(len(cells), np.nan)
    else:
        few = asked != "regression" and len(set(cells.tolist())) <= FEW_AMOUNTS  # doses of 10% and 20% are classes
        numbers = to_numbers(cells, marks, percent=not few)
        notes += [note for note in [percent_note(f"The target {shown}", cells)] if note and not np.isnan(numbers).any()]
    is_text = bool(np.isnan(numbers).any())
    if is_text and asked != "classification":
        notes += _doubts_of_text(source, shown, cells, numbers, asked)
    whole = not is_text and bool((numbers == np.rint(numbers)).all() and np.abs(numbers).max() < 2**53)
    distinct = len(set(cells.tolist())) if is_text else len(np.unique(numbers))
    may_be_classes = asked == "classification" or (asked == "auto" and (whole or distinct < 3))
    labels = names_of_numbers(cells, numbers, whole) if not is_text and may_be_classes else cells
    distinct = len(set(labels.tolist())) if may_be_classes else distinct
    if distinct < 2:
        raise DataError(f"{what} has one value only, {shortened(cells[0], 30)!r}.", "Choose another column.")
    if not is_text and not np.isfinite(numbers).all():
        raise DataError(f"{what} holds infinite numbers.", "Correct or remove those rows.")
    codes = [] if is_text or not whole else [cell for cell in dict.fromkeys(cells.tolist()) if is_code(cell)]
    if asked == "auto" and _names_rows(numbers, is_text or bool(codes), distinct):
        raise DataError(
            f"{what} has {distinct:,} different values in {len(cells):,} rows: it seems to name the rows.",
            "Choose another column as dataset.target, or say what it is: "
            f"dataset.task={'classification' if is_text else 'regression'}",
        )
    if is_text:
        return _text_classes(source, shown, cells, numbers, as_text, notes)
    task, why = (asked, "") if asked != "auto" else _task_of_numbers(name, cells, numbers, whole, distinct, codes, marks)
    if why:
        other = "regression" if task == "classification" else "classification"
        kind = "classes" if task == "classification" else "numbers"
        notes.append(f"The target {shown} {why}: read as {kind} (otherwise: dataset.task={other}).")
    if task == "regression":
        return numbers, (), "regression"
    notes += spelling_notes(shown, cells, numbers, labels)
    order = in_order(labels, numbers, whole)
    place = {label: i for i, label in enumerate(order)}
    return np.array([place[label] for label in labels], dtype=np.int64), tuple(order), "classification"


def _doubts_of_text(source: object, shown: str, cells: Array, numbers: Array, asked: Literal["auto", "regression"]) -> list[str]:
    """Notes on cells that may be meant as numbers.

    Raises DataError: numbers are asked for, or likely to be meant.
    """
    refuse_two_decimal_marks(str(source), shown, cells)
    _refuse_odd_cells(source, shown, cells, numbers, asked)
    if asked == "regression":
        bad = cells[np.isnan(numbers)]
        text = f"text in {len(bad):,} rows, such as {shortened(bad[0], 30)!r}"
        message = f"{source}: dataset.task=regression, but the target {shown} holds {text}."
        raise DataError(message, "Choose a column of numbers, or dataset.task=classification.")
    return [note for note in [amounts(shown, cells)] if note]


def _text_classes(
    source: object, shown: str, cells: Array, numbers: Array, as_text: bool, notes: list[str]
) -> tuple[Array, tuple[str, ...], Task]:
    """Cells as class indices and their names, with notes on what they may mean otherwise."""
    words = mixed_words(cells.tolist())
    found_numbers = int((~np.isnan(numbers)).sum())
    if words:
        notes.append(
            f"The target {shown} writes the same in several ways: {words}. Each is a class; use one spelling for one class."
        )
    elif found_numbers:
        odd = cells[np.isnan(numbers)]
        notes.append(
            f"The target {shown} is text in {len(odd):,} rows (such as {shortened(odd[0], 30)!r}) and numbers elsewhere: "
            "all are classes."
        )
    if not as_text:
        notes += [note for note in [several_labels(shown, cells)] if note]
    _check_names(source, shown, cells)
    safe = {cell: printable(cell) for cell in set(cells.tolist())}
    _note_near_names(shown, set(safe.values()), notes)
    if changed := sum(old != new for old, new in safe.items()):
        notes.append(f"Line breaks and unprintable characters in {changed} class names became blanks or question marks.")
    labels = np.array([safe[cell] for cell in cells])
    return encode_targets(source, [labels], None, "classification", notes)


def encode_target_like(
    source: object, name: str, cells: Array, classes: Sequence[str], marks: Marks, notes: list[str], as_text: bool = False
) -> tuple[Array, tuple[str, ...], Task]:
    """As `encode_target`, for new rows of a run that knows `classes` (none for numbers); they may all be of one class.

    Returns: indices into the classes that stand in these rows, their names, and the task.
    """
    numbers = to_numbers(cells, marks, percent=not classes)
    if not classes:
        if not np.isfinite(numbers).all():
            bad = cells[~np.isfinite(numbers)][0]
            raise DataError(f"{source}: the target {shortened(name)} holds {shortened(bad, 30)!r}, and the run predicts numbers.")
        notes += [note for note in [percent_note(f"The target {shortened(name)}", cells)] if note]
        return numbers, (), "regression"
    meant = {
        cell: printable(cell) if as_text else known_name(printable(cell), float(value), classes)
        for cell, value in zip(cells, numbers, strict=True)
    }
    taken = sorted(f"{shortened(cell, 30)} for {known}" for cell, known in meant.items() if is_code(cell) and known != cell)
    if taken:
        notes.append(f"Labels of {shortened(name)} were taken for classes of the same number: {', '.join(taken[:_SHOWN])}.")
    found, y = np.unique(np.array([meant[cell] for cell in cells], dtype=str), return_inverse=True)
    place = {known: number for number, known in enumerate(classes)}  # the run's own order: numbers are not sorted as text is
    order = sorted(range(len(found)), key=lambda k: (place.get(str(found[k]), len(place)), found[k]))
    rank = np.argsort(order)
    return rank[y].astype(np.int64), tuple(str(found[k]) for k in order), "classification"


def _refuse_odd_cells(source: object, shown: str, cells: Array, numbers: Array, asked: str) -> None:
    """Raise where a few cells of text stand in a target of many different numbers."""
    odd = cells[np.isnan(numbers)]
    if len(odd) <= 0.1 * len(cells) and (asked == "regression" or len(np.unique(numbers)) > _FEW):
        word = shortened(odd[0], 30)
        raise DataError(
            f"{source}: the target {shown} is a number in {len(cells) - len(odd):,} rows and text in {len(odd):,}, "
            f"such as {word!r}.",
            f"Correct these cells; if they mean missing: dataset.missing_values=[{word}] dataset.missing_target=drop",
        )


def _note_near_names(shown: str, names: set[str], notes: list[str]) -> None:
    """A note if classes differ only in case or spaces."""
    groups: dict[str, list[str]] = {}
    for name in sorted(names):
        groups.setdefault(" ".join(name.lower().split()), []).append(name)
    near = [group for group in groups.values() if len(group) > 1]
    if near:
        pairs = "; ".join(" and ".join(shortened(name, 30) for name in group) for group in near[:_SHOWN])
        notes.append(f"Classes of {shown} that differ only in case or blanks are separate classes: {pairs}.")


def _names_rows(numbers: Array, is_text: bool, distinct: int) -> bool:
    different = distinct > 0.5 * len(numbers) if is_text else bool((np.diff(np.sort(numbers)) == 1).all())
    return len(numbers) >= 10 and different


def _task_of_numbers(
    name: str, cells: Array, numbers: Array, whole: bool, distinct: int, codes: Sequence[str], marks: Marks
) -> tuple[Task, str]:
    """The task, and why, as the middle of a sentence; nothing where there is no doubt."""
    if codes and distinct > 2:
        return "classification", f"is written with leading zeros, such as {shortened(codes[0], 30)}"
    if distinct > 2 and whole and marks.thousands and any(marks.thousands in unified(cell) for cell in cells):
        return "regression", "is written with thousands marks"
    if distinct == 2:
        return "classification", "has two different numbers"
    if not whole:
        return "regression", ""
    if name.strip().lower() in CLASS_WORDS and distinct <= len(numbers) // 2:
        return "classification", f"has {distinct:,} whole numbers and the name of one"
    if distinct <= _FEW and distinct <= max(2, len(numbers) // 2):
        return "classification", f"has {distinct} different whole numbers"
    values, counts = np.unique(numbers, return_counts=True)
    gapless = values[0] in (0, 1) and values[-1] - values[0] == len(values) - 1
    if gapless and counts.min() >= 3 and counts.max() <= 3 * counts.min():
        return "classification", f"counts from {values[0]:.0f} to {values[-1]:.0f}, each in about as many rows"
    return "regression", f"has {distinct:,} different whole numbers"


def _check_names(source: object, shown: str, cells: Array) -> None:
    longest = max(set(cells.tolist()), key=len)
    if len(longest) > _MAX_NAME:
        raise DataError(
            f"{source}: the target {shown} has a class name of {len(longest):,} characters, {shortened(longest, 40)!r}.",
            f"Class names may have up to {_MAX_NAME}; is this the right column?",
        )
