"""What the columns of a file are for: found by name or position, and the target's cells turned into classes or numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np

from sdl_cli.config import DataSettings, Range, suggest
from sdl_cli.data.columns import to_numbers
from sdl_cli.data.dataset import Task
from sdl_cli.data.targets import encode_targets
from sdl_cli.errors import DataError

Array = np.ndarray[Any, Any]

_CLASS_WORDS = frozenset({"class", "label", "category", "species", "diagnosis", "classes", "labels"})
_TARGET_WORDS = (*sorted(_CLASS_WORDS), "target", "outcome", "y")
_FEW = 20  # whole numbers with at most this many distinct values are classes
_MAX_NAME = 200  # characters of a class name
_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Roles(DataSettings):
    """What the columns of a file are for; a column is given by its name, or by its position from 0 (or -1 for the last).

    Arguments:
        target: the column to predict.
        group: a column whose rows belong together (one patient, plant or camera): none stands on two sides of a split.
        id: a column that names the rows in predictions; it is not learned from.
        task: classification, regression or auto (text and few whole numbers are classes).
        missing_target: rows without a target: fail (and name them), or drop (and count them).
        min_class_rows: leave out classes with fewer rows; None keeps all.
    """

    target: str | None = None
    group: str | None = None
    id: str | None = None
    task: Literal["auto", "classification", "regression"] = "auto"
    missing_target: Literal["fail", "drop"] = "fail"
    min_class_rows: Annotated[int, Range(2)] | None = None


@dataclass(frozen=True, kw_only=True)
class WrittenRoles(Roles):
    """The same of a file of delimited text.

    Arguments:
        delimiter, header, encoding: how the text is written; None finds out.
    """

    delimiter: str | None = None
    header: bool | None = None
    encoding: str | None = None


def find_column(source: object, names: Sequence[str], asked: str, key: str) -> int:
    """The position of a column that is named, or given as a position from 0 (or -1 for the last).

    Arguments:
        source: the file, for messages. key: the setting that asked, for messages.
    Raises:
        DataError: there is no such column.
    """
    if asked in names:
        return list(names).index(asked)
    alike = [i for i, name in enumerate(names) if name.strip().lower() == asked.strip().lower()]
    if len(alike) == 1:
        return alike[0]
    try:
        position = int(asked)
    except ValueError:
        message = f"{key}: {source} has no column {short(asked)!r}.{suggest(asked, names)}"
        raise DataError(message, f"Its columns: {listed(names)}.") from None
    if not -len(names) <= position < len(names):
        message = f"{key}={position}: {source} has {len(names)} columns."
        raise DataError(message, f"Positions count from 0 to {len(names) - 1}, or from -1 for the last; or give a name.")
    return position % len(names)


def without_doubt_of_header(notes: Sequence[str], names: Sequence[str], asked: Sequence[str | None]) -> list[str]:
    """Notes on how a file was read, without the one that its first line may be no header where the user named a column of it."""
    sure = any(name in names for name in asked)
    return [note for note in notes if not (sure and note.startswith("The first line was read as names"))]


def which_target(source: object, names: Sequence[str], key: str = "dataset.target") -> DataError:
    """The error for a target that was not given: it names the columns, and the likely one."""
    likely = [name for name in names if name.lower() in _TARGET_WORDS]
    hint = f"Add {key}={likely[-1]}" if likely else f"Add {key}= and its name."
    return DataError(f"{key}: which column of {source} is to be predicted? There are: {listed(names)}.", hint)


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names as a list for a message, the first of them where there are many."""
    shown = ", ".join(short(name, 40) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def short(text: str, most: int = 60) -> str:
    """A cell for a message: one line, control characters shown as `?`, cut where it is long."""
    flat = "".join(c if c.isprintable() else "?" for c in str(text))
    return flat if len(flat) <= most else flat[: most - 3] + "..."


def printable(name: str) -> str:
    """A name that is safe to print: line breaks and the like as blanks, other control characters as `?`."""
    if name.isprintable():
        return name
    return " ".join("".join(c if c.isprintable() else " " if c.isspace() else "?" for c in name).split())


def drop_missing_targets(
    source: object, name: str, cells: Array, lines: Array, missing_target: Literal["fail", "drop"], notes: list[str]
) -> Array:
    """The positions `(M,)` of rows with a target; the others are named in an error, or left out with a note.

    Arguments:
        cells: objects `(N,)`, None where missing. lines: `(N,)` line of the file that each row starts on.
    """
    missing = cells == None  # noqa: E711  element by element
    num = int(missing.sum())
    if num == len(cells):
        raise DataError(
            f"{source}: the target {short(name)} is missing in every row.", "Choose another column as dataset.target."
        )
    if num and missing_target == "fail":
        shown = ", ".join(str(line) for line in lines[missing][:_SHOWN]) + (", ..." if num > _SHOWN else "")
        rows = "row" if num == 1 else "rows"
        raise DataError(
            f"{source}: the target {short(name)} is missing in {num:,} {rows} of {len(cells):,} (line {shown}).",
            "Fill them in, or leave these rows out with dataset.missing_target=drop",
        )
    if num:
        notes.append(f"{num:,} of {len(cells):,} rows have no target and were left out.")
    return np.flatnonzero(~missing)


def encode_target(
    source: object,
    name: str,
    cells: Array,
    asked: Literal["auto", "classification", "regression"],
    decimal: str,
    notes: list[str],
) -> tuple[Array, tuple[str, ...], Task]:
    """The target's cells (str, none missing) as class indices `int64 (N,)` with their names, or numbers `float64 (N,)`.

    Text is classes. Fractions are numbers. Whole numbers are classes where they are few, where the column's name says so, or
    where they count up without a gap and each stands in about as many rows; a note says how they were read.

    Raises:
        DataError: one value only, text where numbers are asked for, or values that seem to name the rows.
    """
    shown = short(name)
    numbers = to_numbers(cells, decimal)
    is_text = bool(np.isnan(numbers).any())
    if is_text and asked != "classification":
        _refuse_odd_cells(source, shown, cells, numbers, asked)
    if is_text and asked == "regression":
        bad = cells[np.isnan(numbers)]
        raise DataError(
            f"{source}: dataset.task=regression, but the target {shown} holds text in {len(bad):,} rows, "
            f"such as {short(bad[0], 30)!r}.",
            "Choose a column of numbers, or dataset.task=classification.",
        )
    distinct = len(set(cells.tolist())) if is_text else len(np.unique(numbers))
    if distinct < 2:
        raise DataError(f"{source}: the target {shown} has one value only, {short(cells[0], 30)!r}.", "Choose another column.")
    if not is_text and not np.isfinite(numbers).all():
        raise DataError(f"{source}: the target {shown} holds infinite numbers.", "Correct or remove those rows.")
    if asked == "auto" and _names_rows(numbers, is_text, distinct):
        raise DataError(
            f"{source}: the target {shown} has {distinct:,} different values in {len(cells):,} rows: it seems to name the rows.",
            "Choose another column as dataset.target, or say what it is: "
            + ("dataset.task=classification" if is_text else "dataset.task=regression"),
        )
    if is_text:
        if distinct > 2 and 0 < np.isnan(numbers).sum() < 0.1 * len(numbers):
            odd = cells[np.isnan(numbers)]
            notes.append(
                f"The target {shown} is text in {len(odd):,} rows (such as {short(odd[0], 30)!r}) and numbers elsewhere: "
                "all are classes."
            )
        _check_names(source, shown, cells)
        safe = {cell: printable(cell) for cell in set(cells.tolist())}
        _note_near_names(shown, set(safe.values()), notes)
        if changed := sum(old != new for old, new in safe.items()):
            notes.append(f"Line breaks and unprintable characters in {changed} names of classes became blanks or question marks.")
        labels = np.array([safe[cell] for cell in cells])
        return encode_targets(source, [labels], None, "classification", notes)
    whole = bool((numbers == np.rint(numbers)).all() and np.abs(numbers).max() < 2**53)
    task, why = (asked, "") if asked != "auto" else _task_of_numbers(name, numbers, whole, distinct)
    if why:
        other = "regression" if task == "classification" else "classification"
        notes.append(
            f"The target {shown} {why}: read as {'classes' if task == 'classification' else 'numbers'} "
            f"(else dataset.task={other})."
        )
    if task == "regression":
        return numbers, (), "regression"
    labels = numbers.astype(np.int64) if whole else numbers.astype(str)  # as numbers: 0.5 and 0.50 are one class
    return encode_targets(source, [labels], None, "classification", notes)


def encode_target_like(
    source: object, name: str, cells: Array, classes: Sequence[str], decimal: str
) -> tuple[Array, tuple[str, ...], Task]:
    """As `encode_target`, for new rows of a run that knows `classes` (none for numbers); they may all be of one class.

    Returns: indices into the classes that stand in these rows, their names, and the task.
    """
    numbers = to_numbers(cells, decimal)
    if not classes:
        if not np.isfinite(numbers).all():
            bad = cells[~np.isfinite(numbers)][0]
            raise DataError(f"{source}: the target {short(name)} holds {short(bad, 30)!r}, and the run predicts numbers.")
        return numbers, (), "regression"
    names = np.array([printable(cell) for cell in cells], dtype=object)
    if np.isfinite(numbers).all():
        whole = bool((numbers == np.rint(numbers)).all() and np.abs(numbers).max() < 2**53)
        names = np.array([str(int(v)) if whole else str(v) for v in numbers], dtype=object)
    found, y = np.unique(names.astype(str), return_inverse=True)
    place = {known: number for number, known in enumerate(classes)}  # the run's own order: numbers are not sorted as text is
    order = sorted(range(len(found)), key=lambda k: (place.get(str(found[k]), len(place)), found[k]))
    rank = np.argsort(order)
    return rank[y].astype(np.int64), tuple(str(found[k]) for k in order), "classification"


def _refuse_odd_cells(source: object, shown: str, cells: Array, numbers: Array, asked: str) -> None:
    """Raise where a few cells of text stand in a target of many different numbers."""
    odd = cells[np.isnan(numbers)]
    if len(odd) <= 0.1 * len(cells) and (asked == "regression" or len(np.unique(numbers)) > _FEW):
        word = short(odd[0], 30)
        raise DataError(
            f"{source}: the target {shown} is a number in {len(cells) - len(odd):,} rows and text in {len(odd):,}, "
            f"such as {word!r}.",
            f"Correct these cells; if they mean missing: dataset.missing_values=[{word}] dataset.missing_target=drop",
        )


def _note_near_names(shown: str, names: set[str], notes: list[str]) -> None:
    """A note where classes differ in case or blanks only."""
    groups: dict[str, list[str]] = {}
    for name in sorted(names):
        groups.setdefault(" ".join(name.lower().split()), []).append(name)
    near = [group for group in groups.values() if len(group) > 1]
    if near:
        pairs = "; ".join(" and ".join(short(name, 30) for name in group) for group in near[:_SHOWN])
        notes.append(f"Classes of {shown} that differ in case or blanks only are classes of their own: {pairs}.")


def large_classes(name: str, y_cells: Array, min_class_rows: int | None, notes: list[str]) -> Array:
    """Positions of the rows whose class (a cell of text or number) has at least `min_class_rows` rows; a note names the others.

    Raises:
        DataError: no class has.
    """
    if min_class_rows is None:
        return np.arange(len(y_cells))
    labels, index, counts = np.unique(y_cells.astype(str), return_inverse=True, return_counts=True)
    small = np.flatnonzero(counts < min_class_rows)
    if len(small) and len(small) < len(labels):
        named = ", ".join(f"{short(labels[i], 30)} ({counts[i]})" for i in small[:_SHOWN]) + (
            ", ..." if len(small) > _SHOWN else ""
        )
        notes.append(f"Classes of {short(name)} with fewer than {min_class_rows} rows were left out: {named}.")
    if len(small) == len(labels):
        raise DataError(
            f"dataset.min_class_rows={min_class_rows}: no value of {short(name)} stands in as many rows.",
            "Choose a smaller number, or null to keep all classes.",
        )
    return np.flatnonzero(counts[index] >= min_class_rows)


def _names_rows(numbers: Array, is_text: bool, distinct: int) -> bool:
    if is_text:
        return len(numbers) >= 10 and distinct > 0.5 * len(numbers)
    steps = np.diff(np.sort(numbers))
    return len(numbers) >= 10 and bool((steps == 1).all())


def _task_of_numbers(name: str, numbers: Array, whole: bool, distinct: int) -> tuple[Task, str]:
    """The task, and why, as the middle of a sentence; nothing where there is no doubt."""
    if distinct == 2:
        return "classification", "has two different numbers"
    if not whole:
        return "regression", ""
    if name.strip().lower() in _CLASS_WORDS and distinct <= len(numbers) // 2:
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
            f"{source}: the target {shown} has a class name of {len(longest):,} characters, {short(longest, 40)!r}.",
            f"Class names may have up to {_MAX_NAME}; is this the right column?",
        )


__all__ = [
    "drop_missing_targets",
    "encode_target",
    "find_column",
    "large_classes",
    "listed",
    "printable",
    "short",
    "which_target",
]
