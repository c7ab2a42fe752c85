"""Survey files: SPSS (.sav, .zsav, .por), Stata (.dta), SAS (.sas7bdat, .xpt), with the words they give to columns and values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from sdl_cli.data.files.roles import find_column, listed
from sdl_cli.data.files.sniffing import Asked
from sdl_cli.data.files.table_cells import CELL_BYTES, Cells
from sdl_cli.data.formats.survey_cells import Told, Wish, tell
from sdl_cli.data.formats.survey_file import SurveyFile, Values, kind_of, opened
from sdl_cli.data.formats.survey_notes import notes_of
from sdl_cli.errors import DataError
from sdl_cli.phrases import printable
from sdl_cli.settings.machine import available_bytes

GIVES_WORDS = True
REASON = ".missing"  # behind the name of a column: that of the reasons why its cells are missing
_VALUE_BYTES = 40  # of a value as pyreadstat gives it
_BLOCK_CELLS = 2**20  # read at once, at first
_TEXT_BYTES = 64  # of texts wider than this the letters are counted


def matches(head: bytes, path: Path) -> bool:
    return kind_of(head, path) is not None


def iter_cells(path: Path, asked: Asked, chunk_rows: int | None) -> Iterator[Cells]:
    """The cells of a survey file as text, a chunk at a time, or all at once; there is at least one chunk."""
    with path.open("rb") as raw:
        kind = kind_of(raw.read(512), path)
    assert kind is not None, path
    file = opened(path, kind, asked.encoding)
    if chunk_rows is None:
        yield _as_cells(file, _whole(file), asked, 0)
        return
    start = 0
    for block in file.blocks(_needed(file, asked), _steady(file, chunk_rows)):
        num_rows = _num_rows(block)
        for first in range(0, max(1, num_rows), chunk_rows):
            yield _as_cells(file, {name: own[first : first + chunk_rows] for name, own in block.items()}, asked, start + first)
        start += num_rows


def _num_rows(block: Values) -> int:
    return len(next(iter(block.values()), ()))


def _needed(file: SurveyFile, asked: Asked) -> list[str]:
    """The columns that a run reads, where it says which, and the file has all of them; otherwise all."""
    wanted = {name.removesuffix(REASON) if name not in file.variables else name for name in asked.levels or ()}
    found = [name for name in file.variables if name in wanted]
    return found if found and len(found) == len(wanted) else list(file.variables)


def _steady(file: SurveyFile, chunk_rows: int) -> Callable[[int], int]:
    """Blocks of the same size: rows before a block are passed over again, and a .por cannot be entered but at its start."""
    if file.kind == "por":
        _require_memory(file, _least_bytes(file))
        return lambda start: 2**31 - 1
    wide = max(1, _BLOCK_CELLS // len(file.variables))
    return lambda start: wide if wide < chunk_rows else wide - wide % chunk_rows


def _whole(file: SurveyFile) -> Values:
    """All rows of a file, if memory suffices: packed, a repeated value takes almost no space."""
    num_columns = len(file.variables)
    needed = _least_bytes(file)
    _require_memory(file, needed)
    wide = [name for name, variable in file.variables.items() if variable.is_text]
    most = max(1, available_bytes() // (4 * num_columns * (CELL_BYTES + _VALUE_BYTES)))  # rows that may be taken unseen

    def block_rows(start: int) -> int:
        return 2**31 - 1 if file.kind == "por" else max(1, min(most, max(_BLOCK_CELLS // num_columns, start)))

    whole: Values = {name: [] for name in file.variables}
    for block in file.blocks(list(file.variables), block_rows):
        for name, own in block.items():
            whole[name] += own
        needed += sum(len(text) for name in wide for text in block[name] if text is not None and len(text) > _TEXT_BYTES)
        seen = _num_rows(whole) * num_columns * (CELL_BYTES + _VALUE_BYTES)
        _require_memory(file, max(needed, seen) if file.num_rows is None else needed, seen)
    return whole


def _least_bytes(file: SurveyFile) -> int:
    """Memory that the values of a file take, the letters of long texts not counted."""
    if file.num_rows is not None:
        return file.num_rows * len(file.variables) * (CELL_BYTES + _VALUE_BYTES)
    return file.path.stat().st_size // 3 * _VALUE_BYTES if file.kind == "por" else 0


def _require_memory(file: SurveyFile, needed: int, taken: int = 0) -> None:
    free = available_bytes() + taken // 2
    if needed > free:
        rows = "its rows" if file.num_rows is None else f"{file.num_rows:,} rows"
        raise DataError(
            f"{file.path}: {rows} of {len(file.variables):,} columns, unpacked, take more than the {free / 2**30:.1f} GB "
            "of memory that are free.",
            "Give fewer rows or columns" + ("." if file.kind == "por" else "; sdl predict takes files of any length."),
        )


def _as_cells(file: SurveyFile, values: Values, asked: Asked, start: int) -> Cells:
    num_rows = _num_rows(values)
    if not num_rows and not start:
        raise DataError(f"{file.path}: the table has no rows.")
    variables = [file.variables[name] for name in values]
    wishes = _wishes(file, list(values), asked)
    told = [tell(variable, values.pop(variable.name), wishes[variable.name]) for variable in variables]
    names = _names(file.path, [variable.name for variable in variables])
    found = dict(zip(names, told, strict=True))
    reasons = {f"{name}{REASON}": one.reason_cells for name, one in found.items() if _keeps(name, one, asked)}
    clash = sorted(set(reasons) & set(found))
    if clash:
        hint = "Rename it, or set dataset.missing_reasons=missing"
        raise DataError(f"{file.path}: there is a column {listed(clash)} already, beside which its reasons were to stand.", hint)
    labels = {name: variable.label for name, variable in zip(names, variables, strict=True) if variable.label}
    return Cells(
        str(file.path),
        (*found, *reasons),
        [*(one.cells for one in told), *(own for own in reasons.values() if own is not None)],
        np.arange(start + 1, start + num_rows + 1),
        notes=tuple(notes_of(dict(zip(names, variables, strict=True)), found, asked)),
        texts=frozenset(name for name, one in found.items() if one.is_text),
        levels={name: one.order for name, one in found.items() if one.order},
        labels=labels | {f"{name}{REASON}": f"{label}, reason" for name, label in labels.items() if f"{name}{REASON}" in reasons},
        codes={name: variable.codes() for (name, one), variable in zip(found.items(), variables, strict=True) if one.by_words},
        unit="row",
        strings=frozenset(n for (n, one), v in zip(found.items(), variables, strict=True) if v.is_text and not one.by_words),
    )


def _keeps(name: str, told: Told, asked: Asked) -> bool:
    """Whether the reasons of a column become one of their own: those that a run knows, or all that there are."""
    if told.reason_cells is None:
        return False
    return f"{name}{REASON}" in asked.levels if asked.levels is not None else bool(told.reasons)


def _wishes(file: SurveyFile, present: list[str], asked: Asked) -> Mapping[str, Wish]:
    names = list(file.variables)

    def found(key: str, columns: tuple[str, ...]) -> set[str]:
        if asked.levels is not None:  # new rows need not hold them
            return set(columns)
        return {names[find_column(file.path, names, column, f"dataset.{key}")] for column in columns}

    categorical, texts, codes = found("categorical", asked.categorical), found("text", asked.texts), found("codes", asked.codes)
    aside = found("target", asked.aside)
    return {
        name: Wish(
            None if asked.levels is None else tuple(asked.levels.get(name, ())),
            name in categorical or name in texts,
            name in codes,
            asked.missing_reasons == "column" and name not in aside,
            () if name in texts else asked.missing,
        )
        for name in present
    }


def _names(path: Path, written: list[str]) -> list[str]:
    names = [printable(name).strip() or f"x{i}" for i, name in enumerate(written)]
    doubled = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if doubled:
        raise DataError(f"{path}: several columns are called {listed(doubled)}.", "Give each column a name of its own.")
    return names
