"""Which sheet of a workbook is read: by name only, since charts and hidden sheets count among the tabs."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from sdl_cli.data.formats.workbooks.office_parts import Tab
from sdl_cli.data.formats.workbooks.sheet import Sheet
from sdl_cli.errors import DataError
from sdl_cli.phrases import listed, shortened
from sdl_cli.settings.parse import suggest


class Workbook(Protocol):
    """An open workbook of any format."""

    @property
    def tabs(self) -> tuple[Tab, ...]: ...

    def is_filled(self, tab: Tab) -> bool: ...

    def sheet(self, tab: Tab) -> Sheet: ...

    def close(self) -> None: ...


def choose_sheet(path: Path, book: Workbook, asked: str | None, may_lack: bool) -> tuple[Tab, list[str]]:
    """The sheet to read, and notes on those that are not.

    Arguments:
        asked: its name. may_lack: a workbook that has no such sheet is read by its only one.
    Raises DataError: no such sheet, a chart, or several that could be meant.
    """
    sheets = [tab for tab in book.tabs if tab.part]
    notes: list[str] = []
    if asked is not None:
        found = _named(book.tabs, asked)
        if found is not None and found.part:
            return found, notes
        if found is not None:
            message = f"{path}: {shortened(asked)!r} is a chart or macro sheet, without cells."
            raise DataError(message, f"Choose a sheet of cells: {_names(sheets)}.")
        if not may_lack:
            near = suggest(asked, [tab.name for tab in sheets])
            raise DataError(f"{path}: there is no sheet {shortened(asked)!r}.{near}", f"Its sheets, by name: {_names(sheets)}.")
    hidden = [tab for tab in sheets if tab.is_hidden]
    open_sheets = [tab for tab in sheets if not tab.is_hidden]
    filled = [tab for tab in open_sheets if book.is_filled(tab)] if len(open_sheets) > 1 or hidden else open_sheets
    if hidden:
        notes.append(
            f"Hidden {'sheet' if len(hidden) == 1 else 'sheets'} not read: {_names(hidden)} (to read one: dataset.sheet=NAME)."
        )
    if len(filled) == 1:
        if asked is not None:
            notes.append(f"There is no sheet {shortened(asked)}: {shortened(filled[0].name)} was read, the only one with cells.")
        return filled[0], notes
    if filled:
        lacks = f"there is no sheet {shortened(asked)!r}, and " if asked is not None else ""
        message = f"{path}: {lacks}{len(filled)} sheets have cells: {_names(filled)}."
        way = f"Say which one: {_setting(filled[0])}; with sdl predict use --sheet."
        raise DataError(message, way)
    if hidden:
        raise DataError(f"{path}: only hidden sheets have cells: {_names(hidden)}.", f"To read one: {_setting(hidden[0])}")
    raise DataError(f"{path}: this workbook has no sheet with cells.", "Give a workbook with a table.")


def _setting(tab: Tab) -> str:
    name = shortened(tab.name)
    return f"dataset.sheet={name}" if name.isidentifier() else f"'dataset.sheet={name}'"


def _named(tabs: tuple[Tab, ...], asked: str) -> Tab | None:
    exact = [tab for tab in tabs if tab.name == asked]
    alike = exact or [tab for tab in tabs if tab.name.strip().lower() == asked.strip().lower()]
    return alike[0] if len(alike) == 1 else None


def _names(tabs: list[Tab]) -> str:
    return listed([shortened(tab.name, 40) for tab in tabs], 8)
