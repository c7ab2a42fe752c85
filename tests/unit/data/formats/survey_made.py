"""Survey files made for tests, and how they were read."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from unit.data.formats import sas7bdat_made

from sdl_cli.data.dataset import Dataset
from sdl_cli.data.files.sniffing import Asked
from sdl_cli.data.files.table_cells import Cells
from sdl_cli.data.formats import read_cells
from sdl_cli.data.sources.new_rows import iter_rows
from sdl_cli.data.sources.table import Table, load

WRITERS = {"sav": "write_sav", "zsav": "write_sav", "por": "write_por", "dta": "write_dta", "xpt": "write_xport"}
ENDINGS = (*WRITERS, "sas7bdat")


def write(path: Path, columns: dict[str, Any], **how: Any) -> Path:
    """Write a file by its ending with pyreadstat, or byte by byte; `how` are the arguments of pyreadstat's writers."""
    if path.suffix == ".sas7bdat":
        return _sas7bdat(path, columns, how.get("variable_format", {}), how.get("column_labels", {}))
    import pyreadstat

    frame = pd.DataFrame({name: pd.Series(values) for name, values in columns.items()})
    if path.suffix == ".zsav":
        how["compress"] = True
    getattr(pyreadstat, WRITERS[path.suffix[1:]])(frame, str(path), **how)
    return path


def _sas7bdat(path: Path, columns: dict[str, Any], formats: dict[str, str], labels: dict[str, str]) -> Path:
    made = []
    for name, given in columns.items():
        values = [None if value is None or value != value else value for value in given]
        if values and isinstance(values[0], date):
            values = [(value - date(1960, 1, 1)).days for value in values]
        is_text = any(isinstance(value, str) and len(value) != 1 for value in values)
        width = 8 * -(-max(len(str(value)) for value in values) // 8) if is_text else 0
        made.append(sas7bdat_made.Made(name, values, formats.get(name, ""), labels.get(name, ""), width))
    return sas7bdat_made.write(path, made)


def cells_of(path: Path, **asked: Any) -> Cells:
    found = read_cells(path, Asked(**asked))
    assert found is not None
    return found


def column(cells: Cells, name: str) -> list[str | None]:
    return list(cells.columns[cells.names.index(name)])


def read(path: Path, target: str = "y", **settings: Any) -> Dataset:
    return load(Table(path=str(path), target=target, **settings))


def inputs(dataset: Dataset) -> dict[str, Any]:
    """What a run stores of its data, after a trip through JSON."""
    found = {"columns": [asdict(column) for column in dataset.columns], "source": dict(dataset.source)}
    loaded: dict[str, Any] = json.loads(json.dumps({**found, "classes": dataset.classes}))
    return loaded


def new_rows(path: Path, dataset: Dataset, chunk_rows: int = 50_000) -> tuple[list[str], np.ndarray[Any, Any], list[str]]:
    """Ids, X and notes of new rows for a run on this data."""
    notes: list[str] = []
    chunks = list(iter_rows(path, inputs(dataset), chunk_rows, notes))
    return [str(i) for ids, _ in chunks for i in ids], np.concatenate([X for _, X in chunks]), notes


def said(dataset: Dataset, *words: str) -> bool:
    """Whether one note holds all these words."""
    return any(all(word in note for word in words) for note in dataset.notes)
