"""Words that a file gives to values: what a run stores of them, and how other files of its kind are read alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sdl_cli.data.arrays import objects
from sdl_cli.data.files.class_names import whole_name
from sdl_cli.data.files.columns import Column
from sdl_cli.data.files.table_cells import Cells
from sdl_cli.errors import DataError
from sdl_cli.phrases import shortened


def words_of(cells: Cells, used: Collection[str | None]) -> dict[str, Any]:
    """What the columns are called in words, and the codes that their words stand for, of the columns in use; nothing for text."""
    found = {"labels": cells.labels, "codes": cells.codes}
    kept = {key: {name: value for name, value in of.items() if name in used} for key, of in found.items()}
    return {key: of for key, of in kept.items() if of}


def refuse_words_as_numbers(cells: Cells, target: str, task: str) -> None:
    """Raise DataError where numbers are asked for and the target's cells are words for its codes."""
    if task == "regression" and target in cells.codes:
        message = f"{cells.source}: dataset.task=regression, but the target {shortened(target)} holds words for its codes."
        raise DataError(message, f"To predict the codes: dataset.codes=[{shortened(target)}]")


def known_levels(inputs: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """By column the words that a run knows, none of numbers; `inputs` is what it stored of its data."""
    source = inputs["source"]
    codes = {str(name): tuple(map(str, words)) for name, words in (source.get("codes") or {}).items()}
    learned = {str(column["name"]): tuple(map(str, column["levels"])) for column in inputs["columns"]}
    return {**codes, **learned}


def levels_of(cells: Cells, numbers: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The same of a file, of whose columns `numbers` hold numbers."""
    pairs = zip(cells.names, cells.columns, strict=True)
    return {name: () if name in numbers else tuple({str(cell) for cell in own if cell is not None}) for name, own in pairs}


def codes_of(source: Mapping[str, Any], classes: Sequence[str]) -> tuple[str, ...] | None:
    """The code that each class has in the file, empty where it has none; None where the classes are the values of the file.

    Arguments:
        source: what a data set or a run knows of its file.
    """
    codes = (source.get("codes") or {}).get(source.get("target"))
    return None if not codes or not classes else tuple(str(codes.get(name, "")) for name in classes)


def in_words(cells: Cells, source: Mapping[str, Any], columns: Sequence[Column], said: dict[str, None]) -> Cells:
    """The cells with codes in place of which the run learned words as these words; a sentence for each such column is added.

    Arguments:
        source: what the run knows of its file. columns: those that it learned from.
    """
    own = list(cells.columns)
    for column in columns:
        codes = (source.get("codes") or {}).get(column.name)
        if not codes or column.name not in cells.names:
            continue
        place = cells.names.index(column.name)
        words = {str(code): word for word, code in codes.items() if str(code) not in column.levels}
        found = [words.get(whole_name(cell)) if cell is not None and cell not in column.levels else None for cell in own[place]]
        if not any(found):
            continue
        own[place] = objects([cell if word is None else word for cell, word in zip(own[place], found, strict=True)])
        code = next(code for code, word in words.items() if word in found)
        example = f"{code} is {shortened(words[code])}"
        said[f"Column {shortened(column.name)} holds codes: they were read as the run's words ({example})."] = None
    return dataclasses.replace(cells, columns=own)
