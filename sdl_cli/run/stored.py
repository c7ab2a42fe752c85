"""The door to stored runs: which of them a folder means, and what to say where its files hold what they should not."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from sdl_cli.errors import DataError, SdlError
from sdl_cli.phrases import typed_line
from sdl_cli.run import run_folder


def single_run(folder: Path, notice: Callable[[str], None]) -> Path:
    """The run folder that predicts and is evaluated: of a comparison its recommended run, which is said.

    Raises:
        DataError: a comparison that kept no model.
    """
    if not folder.is_dir() or run_folder.kind_of(folder) != "comparison":
        return folder
    chosen = folder / "recommended"
    if run_folder.read_state(chosen) != "done":
        hint = f"Resume it: sdl compare --resume {run_folder.quoted(folder)}"
        raise DataError(f"{folder}: this comparison has no recommended run yet.", hint)
    notice(f"This is a comparison: its recommended run is taken, {run_folder.quoted(chosen)}.")
    return chosen


@contextlib.contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Within it, values of a stored run that are of another kind than sdl writes are a mistake in its files.

    Raises:
        DataError: in place of what such values raise (TypeError, KeyError, ...); a failure of a run that trains stays as it is.
    """
    try:
        yield
    except (SdlError, OSError, MemoryError, RecursionError):
        raise
    except Exception as error:
        if getattr(error, "run_folder", None) is not None and run_folder.read_state(folder) == "failed":
            raise
        raise DataError(
            f"{folder}: its files hold values that sdl does not write there ({typed_line(error, 200)}).",
            "Restore the folder, or train again; --debug shows where it was met.",
        ) from error
