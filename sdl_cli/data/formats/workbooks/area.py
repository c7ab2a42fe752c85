"""The part of a sheet that `dataset.range` names: `B4:H120`, or `B4:H` down to the last row."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from sdl_cli.data.formats.workbooks.sheet import LARGEST_COLUMN, LARGEST_ROW, Sheet, cell_name, column_letters, column_number
from sdl_cli.errors import ConfigError, DataError
from sdl_cli.phrases import shortened

_AREA = re.compile(r"\$?([A-Za-z]{1,3})\$?([0-9]{1,7})?\s*:\s*\$?([A-Za-z]{1,3})\$?([0-9]{1,7})?")


@dataclass(frozen=True)
class Area:
    """Rows and columns from 0, the last ones included; a last row of None is that of the sheet."""

    top: int
    left: int
    bottom: int | None
    right: int

    def shown(self, bottom: int) -> str:
        return f"{cell_name(self.top, self.left)}:{cell_name(bottom if self.bottom is None else self.bottom, self.right)}"


def parse_area(asked: str, key: str = "dataset.range") -> Area:
    """Raises ConfigError: no such range of cells."""
    found = _AREA.fullmatch(asked.strip())
    hint = f"Such as {key}=B4:H120, or B4:H for all rows from the fourth on."
    if found is None:
        raise ConfigError(f"{key}={shortened(asked, 40)} is no range of cells.", hint)
    left, top, right, bottom = found.groups()
    area = Area(int(top or 1) - 1, column_number(left), None if bottom is None else int(bottom) - 1, column_number(right))
    last = LARGEST_ROW - 1 if area.bottom is None else area.bottom
    if area.top < 0 or not (area.top <= last < LARGEST_ROW and area.left <= area.right < LARGEST_COLUMN):
        raise ConfigError(f"{key}={shortened(asked, 40)} is no range of cells, from the upper left to the lower right.", hint)
    return area


def used_area(path: Path, sheet: Sheet, asked: Area | None) -> Area:
    """The rows and columns with cells, within what is asked for.

    Raises DataError: nothing stands there.
    """
    bottom, right = sheet.top + len(sheet.rows) - 1, sheet.left + len(sheet.rows[0]) - 1 if sheet.rows else -1
    used = Area(sheet.top, sheet.left, bottom, right)
    if asked is not None:
        last = bottom if asked.bottom is None else min(bottom, asked.bottom)
        used = Area(max(used.top, asked.top), max(used.left, asked.left), last, min(used.right, asked.right))
    if not sheet.rows or used.bottom is None or used.bottom < used.top or used.right < used.left:
        where = "" if asked is None else f" in {asked.shown(asked.top)}"
        reach = "" if not sheet.rows else f" It reaches from {cell_name(sheet.top, sheet.left)} to {cell_name(bottom, right)}."
        raise DataError(f"{path}: the sheet {shortened(sheet.name)} has no cells{where}.{reach}")
    return used


def columns_named(first: int, last: int) -> str:
    return column_letters(first) if first == last else f"{column_letters(first)} to {column_letters(last)}"
