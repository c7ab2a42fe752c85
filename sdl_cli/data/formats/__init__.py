"""Tables in files whose cells have types of their own, such as Parquet: recognised by their content, read as text.

Every format is a module with `matches(head, path)` and `iter_cells(path, asked, chunk_rows)`; to add one, write it and name it in
`_FORMATS`. What a cell means beyond its text is said in the `Cells`: columns of text whatever it looks like, categories in their
order, labels. HEEDS of a module names the settings that are for its format alone, such as `sheet`. Libraries are imported by the
module that needs them, and only once a file of its format is read.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sdl_cli.data.files.sniffing import Asked
from sdl_cli.data.files.table_cells import Cells
from sdl_cli.phrases import listed

_FORMATS = ("parquet", "workbook", "survey", "arff", "matlab", "r", "ts")  # modules beside this one
_HEAD_BYTES = 512
_OF_SOME = ("variable", "sheet", "range", "fill_down")  # settings that some formats heed
_OF_TEXT = ("delimiter", "encoding", "header", "header_lines")  # and some that text does


def format_of(path: Path) -> Any | None:
    """The module that reads this file, or None where it is text or nothing that is known here."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return None
    modules = (importlib.import_module(f"{__name__}.{name}") for name in _FORMATS)
    return next((module for module in modules if module.matches(head, path)), None)


def gives_words(path: Path) -> bool:
    """Whether it is a file of a format that may give words to its values, and reasons why they are missing."""
    return getattr(format_of(path), "GIVES_WORDS", False)


def read_cells(path: Path, asked: Asked) -> Cells | None:
    """All cells of such a file at once; None for text. Raises DataError: it cannot be read, or has no rows."""
    found = format_of(path)
    if found is None:
        return None
    cells: Cells = next(found.iter_cells(path, asked, None))
    return dataclasses.replace(cells, notes=(*cells.notes, *without_effect(asked, getattr(found, "HEEDS", ()))))


def without_effect(asked: Asked, heeded: Sequence[str] = _OF_TEXT) -> list[str]:
    """A sentence on settings that are set and that a format, which heeds some, has no use for; by default it is text."""
    unused = [name for name in (*_OF_SOME, *_OF_TEXT) if getattr(asked, name) is not None and name not in heeded]
    have = "has" if len(unused) == 1 else "have"
    return [f"{listed([f'dataset.{name}' for name in unused])} {have} no effect on this kind of file."] if unused else []


def iter_cells(path: Path, asked: Asked, chunk_rows: int) -> Iterator[Cells] | None:
    """The same a chunk of rows at a time, for files of any length."""
    found = format_of(path)
    if found is None:
        return None
    parts: Iterator[Cells] = found.iter_cells(path, asked, chunk_rows)
    return parts
