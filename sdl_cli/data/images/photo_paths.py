"""Paths of photos as people write them into tables: found on this machine, or refused with their line numbers."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path

from sdl_cli.data.arrays import Array
from sdl_cli.data.images.photos import OnError
from sdl_cli.errors import DataError
from sdl_cli.phrases import shortened

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://|data:", re.ASCII)  # two letters at least: C:// is a disk
_SHOWN = 5


def locate(
    cells: Array, lines: Array, root: Path, table: Path, on_error: OnError, notes: list[str], key: str = "dataset.path"
) -> tuple[list[Path], list[int]]:
    """The files that a column names, and the positions of the rows that have one, ascending.

    Arguments:
        cells: objects `(N,)`: paths as written, absolute or from `root`, with / or, where no file is called so, with a
            backslash between folders; None where missing.
        lines: `(N,)` line of the table that each row starts on. root: an absolute folder.
        table, key: for messages; the setting that named the table, or an empty string.
        on_error: `skip` leaves out rows whose cell names no file; a note counts them.
    Raises DataError: web addresses; cells without a path, folders, and files that do not exist, unless they are skipped.
    """
    label = f"{key}: " if key else ""
    addresses = [row for row, cell in enumerate(cells) if cell is not None and _ADDRESS.match(cell)]
    if addresses:
        row, num = addresses[0], len(addresses)
        many = f" and so are {num - 1:,} more" if num > 1 else ""
        message = f"{label}{table}, line {lines[row]}: {shortened(cells[row])} is a web address{many}."
        raise DataError(message, "Images are not downloaded: download them yourself and give the paths of the files.")
    files: list[Path] = []
    kept: list[int] = []
    bad: list[str] = []
    for row, cell in enumerate(cells):
        file, why = _find(cell, root)
        if why:
            bad.append(f"line {lines[row]}: {why}")
        else:
            files.append(file)
            kept.append(row)
    if bad:
        named = "; ".join(bad[:_SHOWN]) + (f"; and {len(bad) - _SHOWN:,} more" if len(bad) > _SHOWN else "")
        if on_error == "fail" or not files:
            how = "Set another folder with dataset.root=..., or leave rows out with dataset.on_error=skip"
            how = how if key else "Correct them, or leave these rows out with --on-error skip"
            message = f"{label}{table}: {len(bad):,} of {len(cells):,} rows have no image: {named}."
            raise DataError(message, f"Paths start from {root}. {how}")
        notes.append(f"{len(bad):,} of {len(cells):,} rows have no image and were left out: {named}.")
    return files, kept


def contradictions(files: Sequence[Path], targets: Array, lines: Array) -> list[str]:
    """A sentence about photos that stand in the table more than once with different targets `(N,)`."""
    rows: dict[str, list[int]] = {}
    for row, path in enumerate(files):
        rows.setdefault(os.path.normpath(path), []).append(row)
    torn = {file: own for file, own in rows.items() if len({targets[row] for row in own}) > 1}
    if not torn:
        return []
    file, own = next(iter(torn.items()))
    example = f"{shortened(Path(file).name)} in lines {', '.join(str(lines[row]) for row in own[:_SHOWN])}"
    many = "1 image is" if len(torn) == 1 else f"{len(torn):,} images are"
    return [f"{many} in the table more than once with different targets, such as {example}."]


def _find(cell: str | None, root: Path) -> tuple[Path, str]:
    """The file that a cell names, and why it cannot be used, empty where it can."""
    if cell is None:
        return root, "the path is missing"
    file = root / cell
    mode = _mode(file)
    if mode is None and "\\" in cell:
        file = root / cell.replace("\\", "/")
        mode = _mode(file)
    if mode is None:
        return file, f"{shortened(cell)} does not exist"
    if stat.S_ISREG(mode):
        return file, ""
    return file, f"{shortened(cell)} is a folder" if stat.S_ISDIR(mode) else f"{shortened(cell)} is not a file"


def _mode(file: Path) -> int | None:
    try:
        return file.stat().st_mode
    except (OSError, ValueError):  # a name too long, or with a NUL, is none either
        return None
