"""Numbers that a file of typed cells (Parquet and its like) holds as text: they are read as those of a text table are."""

from __future__ import annotations

import dataclasses

from sdl_cli.data.files.guess_marks import find_marks
from sdl_cli.data.files.marks import PLAIN
from sdl_cli.data.files.sniffing import Asked, Known, asked_marks
from sdl_cli.data.files.table_cells import Cells

_MOST_ROWS = 20_000  # that are looked at


def with_own_marks(cells: Cells, asked: Asked, known: Known | None = None, key: str = "dataset.path") -> Cells:
    """The cells with the marks that the numbers among their columns of text have, and notes where these are a guess.

    Arguments:
        asked: what the user says of them. known: how the file is written that this one belongs to.
        key: the setting that names the file, for messages.
    Raises DataError: they can be read in two ways. ConfigError: an unknown mark.
    """
    names = [name for name in cells.names if name in (cells.strings or ()) and name not in cells.texts]
    if not names:
        return cells
    group = key.rpartition(".")[0] or "dataset"
    columns = [cells.columns[cells.names.index(name)][:_MOST_ROWS] for name in names]
    rows = [["" if cell is None else cell for cell in row] for row in zip(*columns, strict=True)]
    prior, numbers = (known.marks, known.numbers) if known else (None, ())
    marks, notes = find_marks(cells.source, names, rows, "", asked_marks(asked, group), group, prior, numbers, asked.texts)
    return dataclasses.replace(cells, marks=marks or PLAIN, notes=(*cells.notes, *notes))
