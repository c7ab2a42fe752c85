"""Rows that belong together (one patient, plant or camera) and must not stand on two sides of a split."""

from __future__ import annotations

import itertools
import re
import warnings
from collections.abc import Sequence

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.files.roles import listed
from sdl_cli.errors import ConfigError, DataError
from sdl_cli.phrases import counted, shortened


def compile_pattern(pattern: str, key: str) -> re.Pattern[str]:
    """A regular expression as the user wrote it, or a ConfigError that says where it is wrong."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about what a later Python may read otherwise
            return re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigError(f"{key}: '{shortened(pattern)}' is not a regular expression: {error}.") from error


def groups_from_names(names: Sequence[str], pattern: str) -> Array:
    """The group of each file `(N,)` of str: the first capture group of `pattern` in its name, or the whole match.

    Raises DataError: names in which the pattern is not found, five of them named.
    """
    compiled = compile_pattern(pattern, "dataset.group")
    index = min(1, compiled.groups)
    found = [match[index] if (match := compiled.search(name)) else None for name in names]
    without = [name for name, group in zip(names, found, strict=True) if not group]
    if without:
        raise DataError(
            f"dataset.group: '{shortened(pattern)}' finds no group in {len(without)} of {len(names)} names: "
            f"{listed(without, 5)}.",
            r"It is searched for in the name relative to the folder; for ants/patient12_03.jpg: dataset.group='(patient\d+)_'",
        )
    return np.array(found, dtype=str)


def crossing_notes(groups: Array | None, part: Array | None) -> list[str]:
    """A sentence where a ready split has groups `(N,)` both among its labelled and its test rows."""
    if groups is None or part is None:
        return []
    both = np.intersect1d(groups[part == "test"], groups[part != "test"])
    if not len(both):
        return []
    are = counted(len(both), "group", verbs="is/are")
    return [f"{are} in both the labelled and the test part ({listed(both.tolist(), 5)}): the test score may be too good."]


def groups_from_cells(name: str, cells: Array, notes: list[str]) -> Array:
    """The group of each row, objects `(N,)` of str, from a column of str or None; a row without a group is its own group."""
    missing = np.flatnonzero(cells == None)  # noqa: E711  element by element
    if len(missing):
        notes.append(f"{counted(len(missing), 'row', verbs='has/have')} no {name}: each was taken as a group of its own.")
    taken = set(cells.tolist())
    own = iter(word for i in itertools.count() if (word := f"({i})") not in taken)
    return np.array([next(own) if cell is None else cell for cell in cells], dtype=object)
