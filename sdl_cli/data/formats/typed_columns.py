"""Columns of values that have types, as cells of text: numbers, yes/no, dates; and a table of them a chunk at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sdl_cli.data.arrays import Array, objects
from sdl_cli.data.files.columns import to_numbers
from sdl_cli.data.files.roles import listed
from sdl_cli.data.files.table_cells import CELL_BYTES, Cells
from sdl_cli.errors import DataError
from sdl_cli.phrases import printable, shortened
from sdl_cli.settings.machine import available_bytes

YES_NO = ("false", "true")
_BOOLEANS = ({"false", "true"}, {"no", "yes"}, {"f", "t"}, {"n", "y"})
_EXACT = 2**53  # below which a float keeps every whole number
_DAY_US = 86_400_000_000  # microseconds of a day
_NUMBERED = re.compile(r"x([0-9]+)")


def number_text(value: float) -> str | None:
    """A number as text that reads back to the same float, whole ones without a fraction; None for NaN."""
    if value != value:  # noqa: PLR0124  NaN
        return None
    return str(int(value)) if value.is_integer() and abs(value) < _EXACT else repr(value)


def number_cells(values: Array) -> Array:
    """Numbers `(N,)` as cells; NaN is missing. Integers of any size keep all their digits, those of 32 bits their exact value."""
    if values.dtype.kind in "iu":
        return objects([str(value) for value in values.tolist()])
    floats = values.astype(np.float64)
    whole = (floats == np.rint(floats)) & (np.abs(floats) < _EXACT)
    pairs = zip(floats.tolist(), whole.tolist(), strict=True)
    return objects([str(int(v)) if is_whole else repr(v) if v == v else None for v, is_whole in pairs])  # noqa: PLR0124  NaN


def logical_cells(values: Array, words: tuple[str, str] = YES_NO) -> Array:
    return objects([words[bool(value)] for value in values.tolist()])


def date_cells(times: Array, with_time: bool | None = None) -> Array:
    """Moments `datetime64[us] (N,)` as `YYYY-MM-DD hh:mm:ss`, as days alone where none has a time; NaT is missing.

    Arguments:
        with_time: whether to write the time; None looks at the moments.
    """
    moments = times.astype("datetime64[us]")
    known = ~np.isnat(moments)
    if with_time is None:
        with_time = bool((moments[known].astype(np.int64) % _DAY_US).any())
    exact = with_time and bool((moments[known].astype(np.int64) % 1_000_000).any())
    text = np.datetime_as_string(moments, unit="us" if exact else "s" if with_time else "D")
    return objects([cell.replace("T", " ") if ok else None for cell, ok in zip(text.tolist(), known, strict=True)])


def looks_typed(cells: Array, ordered: bool) -> bool:
    """Whether a column of text would be taken for something else if its cells stood in a text table: numbers, or dates.

    Arguments:
        ordered: its words are a list of categories, so that dates are words as well; yes and no may stay what they are.
    """
    known = cells[cells != None]  # noqa: E711  element by element
    if not len(known):
        return False
    if ordered:
        return {cell.lower() for cell in set(known.tolist())} not in _BOOLEANS
    return not bool(np.isnan(to_numbers(known)).any())


@dataclass(frozen=True)
class TypedColumn:
    """One column of a table with types.

    Arguments:
        name: what it is called. size: its rows. cells: gives the cells of rows start to stop.
        levels: its categories in their order, where it has some. is_text: its cells are text, whatever they look like.
        label: what it is in words.
    """

    name: str
    size: int
    cells: Callable[[int, int], Array]
    levels: tuple[str, ...] = ()
    is_text: bool = False
    label: str = ""


@dataclass(frozen=True)
class TypedTable:
    """Columns of one length, and what there is to say of them."""

    source: str
    columns: Sequence[TypedColumn]
    notes: Sequence[str] = ()
    unit: str = "row"
    labels: Mapping[str, str] = field(default_factory=dict)

    def chunks(self, chunk_rows: int | None) -> Iterator[Cells]:
        """The rows as `Cells`, some at a time, or all at once; rows count from 1.

        Raises DataError: there are none, several columns share a name, or they would not fit into memory.
        """
        num_rows = self.columns[0].size if self.columns else 0
        if not num_rows:
            raise DataError(f"{self.source}: the table has no rows.")
        names = unique_names(self.source, [column.name for column in self.columns])
        step = num_rows if chunk_rows is None else chunk_rows
        require_memory(self.source, min(step, num_rows), len(names))
        for start in range(0, num_rows, step):
            stop = min(start + step, num_rows)
            yield self._part(names, start, stop)

    def _part(self, names: tuple[str, ...], start: int, stop: int) -> Cells:
        own = [column.cells(start, stop) for column in self.columns]
        pairs = list(zip(names, self.columns, own, strict=True))
        texts = {name for name, c, cells in pairs if (c.is_text or c.levels) and looks_typed(cells, bool(c.levels))}
        notes = tuple(self.notes)
        if odd := [name for name, c, _ in pairs if name in texts and not c.levels]:
            notes += (text_note(odd),)
        return Cells(
            self.source,
            names,
            own,
            np.arange(start + 1, stop + 1),
            notes=notes,
            texts=frozenset(texts),
            levels={name: c.levels for name, c, _ in pairs if c.levels},
            labels={name: c.label for name, c, _ in pairs if c.label},
            unit=self.unit,
        )


def text_note(names: Sequence[str]) -> str:
    many = len(names) > 1
    what = f"Column{'s' * many} {listed(names, 5)} hold{'s' * (not many)} text that looks like numbers"
    return f"{what}, and {'are' if many else 'is'} read as text, as the file says (to learn from numbers, store numbers)."


def unique_names(source: str, written: Sequence[str]) -> tuple[str, ...]:
    """Names that are safe to show, x0, x1, ... where one is empty. Raises DataError: two are alike."""
    names = tuple(printable(name).strip() or f"x{i}" for i, name in enumerate(written))
    doubled = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if doubled:
        raise DataError(f"{source}: several columns are called {listed(doubled)}.", "Give each column a name of its own.")
    return names


def require_memory(source: str, num_rows: int, num_columns: int, taken: int = 0) -> None:
    """Raise DataError where so many cells would not fit into memory, beside `taken` bytes."""
    free, needed = available_bytes(), num_rows * num_columns * CELL_BYTES + taken
    if needed > free:
        raise DataError(
            f"{source}: {num_rows:,} rows of {num_columns:,} columns, unpacked, take more than the {free / 2**30:.1f} GB of "
            "memory that are free.",
            "Give fewer rows or columns.",
        )


def numbered_names(count: int) -> list[str]:
    """The names of the columns of a matrix: x0, x1, ..."""
    return [f"x{i}" for i in range(count)]


def width_of(columns: Sequence[str]) -> int:
    """How many columns a matrix must have for all names of the kind x7 among these to stand in it; 0 where there is none."""
    found = [int(match[1]) for name in columns if (match := _NUMBERED.fullmatch(name)) and len(name) < 10]
    return max(found, default=-1) + 1


def refuse_wider(source: str, width: int, known: int) -> None:
    """Raise DataError where a matrix has more columns than that of the run: no name says which of them to leave out."""
    if known and width > known:
        raise DataError(
            f"{source}: its matrix has {width:,} columns, and that of the run {known:,}.",
            "Give the same columns, and a row for each case: it may have to be turned.",
        )


def shown_names(names: Sequence[str], most: int = 8) -> str:
    return listed([shortened(name, 40) for name in names], most)
