"""Texts to predict, read like a run's training texts."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.files.delimited import iter_numbers
from sdl_cli.data.files.missing import MISSING
from sdl_cli.data.files.roles import listed
from sdl_cli.data.files.sniffing import Asked, Format, Known, sniff
from sdl_cli.data.files.text_file import existing_file, find_encoding
from sdl_cli.data.files.text_lines import iter_lines, without_labels
from sdl_cli.errors import DataError
from sdl_cli.phrases import shortened

TEXT_NAMES = ("text", "sentence", "question", "review", "comment", "message", "content", "tweet", "abstract", "title")
_TABLES = (".csv", ".tsv")


def iter_texts(
    path: str | Path, inputs: Mapping[str, Any], chunk_rows: int = 10_000, notes: list[str] | None = None
) -> Iterator[tuple[Array, Array]]:
    """Texts to predict, in chunks: a CSV file with the column that the run learned from, or one text per line.

    A .csv or .tsv file, and one whose first line names that column, is a table; any other file holds one text per line, and
    labels before the texts are left out where every line has one that the run knows.

    Returns: ids `(n,)` of str (line numbers of the file) and texts `(n,)` of str, empty lines left out.
    Raises DataError: a file that is not there, is empty, or lacks the column.
    """
    file = existing_file(path, "")
    notes = [] if notes is None else notes
    plain_tsv = inputs["layout"] != "table" and file.name.lower().removesuffix(".gz").endswith(".tsv")
    if (is_table(file) and not plain_tsv) or _names_column(file, inputs["text"]):
        yield from _iter_column(file, inputs, chunk_rows, notes)
    else:
        yield from _iter_plain(file, inputs, chunk_rows, notes)


def is_table(path: Path) -> bool:
    """Whether a file has the name of a table."""
    return path.name.lower().removesuffix(".gz").endswith(_TABLES)


def _names_column(path: Path, name: str | None) -> bool:
    """Whether the first line of a file is a header with this column."""
    if name is None:
        return False
    encoding, _ = find_encoding(path, None, "dataset.encoding")
    line = next((line for _, line in iter_lines(path, encoding)), "")
    return any(name in [cell.strip() for cell in next(csv.reader([line], delimiter=d), [])] for d in ",;|\t")


def _iter_column(path: Path, inputs: Mapping[str, Any], chunk_rows: int, notes: list[str]) -> Iterator[tuple[Array, Array]]:
    asked = replace(Asked(**inputs["asked"]), decimal=".", thousands="none", header_lines=None)  # no number is read here
    form = sniff(path, asked, "", Known.of(inputs))
    notes += form.notes
    name = inputs["text"] if inputs["text"] in form.names else _only_text_column(path, form, inputs["text"])
    id_name = inputs.get("id")
    has_ids = id_name in form.names and id_name != name
    if id_name is not None and not has_ids:
        notes.append(f"There is no column {shortened(id_name)}: the ids of the predictions are lines of the file.")
    wanted = [name, str(id_name)] if has_ids else [name]
    words = frozenset(inputs.get("missing", MISSING))
    for _, cells, lines in iter_numbers(path, form, (), wanted, chunk_rows):
        texts, *ids = [np.array([cell or "" for cell in own], dtype=object) for own in cells]
        texts[[text in words for text in texts]] = ""
        yield ids[0] if ids else lines.astype(str), texts


def _only_text_column(path: Path, form: Format, wanted: str | None) -> str:
    """The column of texts if none has the run's name."""
    if len(form.names) == 1:
        return form.names[0]
    named = [name for word in TEXT_NAMES for name in form.names if name.lower() == word]
    if named and wanted is None:
        return named[0]
    missing = f"no column {shortened(wanted)}" if wanted else "several columns"
    message = f"{path}: it has {missing}; its columns: {listed(form.names)}."
    raise DataError(message, f"Call the texts' column {wanted or 'text'}.")


def _iter_plain(path: Path, inputs: Mapping[str, Any], chunk_rows: int, notes: list[str]) -> Iterator[tuple[Array, Array]]:
    encoding, more = find_encoding(path, inputs["asked"]["encoding"], "dataset.encoding")
    notes += more
    bare = without_labels(path, encoding, inputs)
    if bare is not None and inputs["layout"] == "blank":
        notes.append(f"Every line of {path.name} begins with a label that the run knows: these were left out.")
    header = inputs.get("header_line")
    numbered = ((number, line) for number, line in iter_lines(path, encoding) if line != header)
    while some := list(itertools.islice(numbered, chunk_rows)):
        texts = [(line if bare is None else bare(line)).strip() for _, line in some]
        yield np.array([str(number) for number, _ in some]), np.array(texts, dtype=object)
