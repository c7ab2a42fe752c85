"""`sdl train patients.csv target=outcome`: a bare path is the data, and shows what kind of data it is."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from sdl_cli.data import DATASETS
from sdl_cli.data.exports import is_export
from sdl_cli.errors import ConfigError
from sdl_cli.files import is_there, typed_path

_LETTERS = 65_536  # of a file are looked at
_WORDS = 4  # in a cell, on average, from which on a column holds texts
_NAMES = {"image_folder": "a folder of photos", "image_table": "a table of photos"}
_NAMES |= {"npz": "arrays", "text": "texts", "table": "a table", "series": "series"}


def with_bare_path(overrides: Sequence[str]) -> tuple[list[str], str]:
    """Overrides with a bare path as `dataset=KIND dataset.path=PATH`, and a sentence on how the path was read, or an empty one.

    Settings of that kind of data may then be abbreviated to their last name: `target=outcome` for `dataset.target=outcome`.
    """
    bare = [o for o in overrides if _is_bare_path(o)]
    if not bare:
        return list(overrides), ""
    if len(bare) > 1:
        hint = "For a separate test file: dataset.test_path=FILE"
        raise ConfigError(f"{bare[0]} and {bare[1]}: only one file or folder can be the data.", hint)
    others = [o for o in overrides if o != bare[0]]
    named = [o.lstrip("+").partition("=") for o in others]
    keys = {key for key, _, value in named if not value.startswith("[")}  # text=[zip] names columns of a table
    asked = next((o.partition("=")[2] for o in others if o.startswith("dataset=")), None)
    kind = asked or _kind(typed_path(bare[0]), keys)
    fields = {field.name for field in dataclasses.fields(DATASETS[kind])} if kind in DATASETS else set()
    short = fields - {"name", "seed", "path"}
    found = [f"dataset={kind}"] if asked is None else []
    found += [f"dataset.{o}" if o.partition("=")[0] in short else o for o in others]
    sentence = "" if asked else f"{bare[0]} is read as {_NAMES[kind]} (dataset={kind})."
    return [*found, f"dataset.path={bare[0]}"], sentence


def _is_bare_path(override: str) -> bool:
    return not override.startswith(("+", "~")) and bool(override) and is_there(override)


def _kind(path: Path, keys: set[str]) -> str:
    if path.is_dir():
        return "image_table" if is_export(path) else "image_folder"
    if {"text", "dataset.text", "label_separator", "dataset.label_separator"} & keys:
        return "text"
    if {"image", "dataset.image", "root", "dataset.root"} & keys:
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
