"""What kind of data a path is, from its name and the first lines of the file. Imports nothing heavy: completion asks it too."""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection
from pathlib import Path

_LETTERS = 65_536  # of a file are looked at
_WORDS = 4  # in a cell, on average, from which on a column holds texts


def kind_of(path: Path, keys: Collection[str], is_export: Callable[[Path], bool] = lambda path: False) -> str:
    """The `dataset` that reads a path.

    Arguments:
        keys: of the settings beside it, in full or abbreviated, which may tell.
        is_export: whether a file or folder is one that a labelling tool wrote.
    """
    named = {key.removeprefix("dataset.") for key in keys}
    if path.is_dir():
        return "image_table" if is_export(path) else "image_folder"
    if {"text", "label_separator"} & named:
        return "text"
    if {"image", "root"} & named:
        return "image_table"
    if path.suffix.lower() in (".json", ".xml", ".csv", ".tsv") and is_export(path):
        return "image_table"
    if path.suffix.lower() in (".npz", ".npy"):
        return "npz"
    if path.suffix.lower() == ".ts":
        return "series"
    rows = _first_rows(path)
    if path.suffix.lower() in (".txt", ".text"):  # texts with a label each, unless it is cut into columns like a table
        width = len(rows[0]) if rows else 0
        return "table" if width > 2 and all(len(row) == width for row in rows) else "text"
    return "text" if path.suffix.lower() in (".csv", ".tsv") and _holds_sentences(rows) else "table"


def _first_rows(path: Path) -> list[list[str]]:
    """The first records of a delimited file below its first line; none where it cannot be read so."""
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            lines = file.read(_LETTERS).splitlines()[:200]
        delimiter = max(",;\t|", key=lines[0].count) if lines else ","
        return [row for row in csv.reader(lines[1:-1] if len(lines) > 2 else lines[1:], delimiter=delimiter) if row]
    except (OSError, csv.Error):
        return []


def _holds_sentences(rows: list[list[str]]) -> bool:
    """Whether records have two cells of which one holds sentences."""
    if len(rows) < 5 or any(len(row) != 2 for row in rows):
        return False
    return any(sum(len(row[column].split()) for row in rows) >= _WORDS * len(rows) for column in (0, 1))
