"""Rows or texts to predict that come by standard input: kept in a temporary file, for they are looked at before they are read."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sdl_cli.errors import DataError
from sdl_cli.run.run_folder import quoted, read_json

SHOWN = "stdin"  # what messages call it
_PHOTOS = ((b"\xff\xd8\xff", ".jpg"), (b"\x89PNG", ".png"), (b"II*\0", ".tif"), (b"MM\0*", ".tif"))


@contextlib.contextmanager
def spooled(run: Path, notice: Callable[[str], None]) -> Iterator[tuple[Path, Callable[[str], None]]]:
    """Standard input as a file, and where notices about it go; errors and notices call it stdin.

    Arguments:
        run: the run that is to predict it: texts are a line or a CSV each, a photo is itself, anything else is a CSV.
    Raises DataError: nothing comes, or a run of photos gets something else.
    """
    modality = read_json(run / "model.json").get("inputs", {}).get("modality")
    with tempfile.TemporaryDirectory(prefix="sdl-") as folder:
        if sys.stdin.isatty():
            notice("Reading from the terminal; Ctrl-D ends the input.")
        file = Path(folder, SHOWN)
        with file.open("wb") as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy)
        with file.open("rb") as written:
            start = written.read(8)
        if not start:
            raise DataError("stdin: nothing came.", f"For example: sdl predict {quoted(run)} - < new_rows.csv")
        file = file.rename(file.with_name(SHOWN + _suffix(start, modality)))

        def said(sentence: str) -> None:
            notice(_renamed(sentence, file))

        try:
            yield file, said
        except DataError as error:
            raise type(error)(_renamed(error.message, file), _renamed(error.hint, file)) from error


def _suffix(start: bytes, modality: Any) -> str:
    if modality == "text":
        return ""  # whether it is a table or a line each is seen from its content
    if modality != "image":
        return ".csv"
    found = next((suffix for magic, suffix in _PHOTOS if start.startswith(magic)), None)
    if found is None:
        raise DataError(
            "stdin: this run predicts photos, and this is none.", "Give a folder, a photo or a table of paths by its name."
        )
    return found


def _renamed(text: str, file: Path) -> str:
    return text.replace(str(file), SHOWN).replace(file.name, SHOWN)
