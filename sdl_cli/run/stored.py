"""Access to stored runs: which run a folder means, and the error for invalid files."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from sdl_cli.errors import DataError, SdlError
from sdl_cli.phrases import typed_line
from sdl_cli.run import run_folder


def single_run(folder: Path, notice: Callable[[str], None]) -> Path:
    """The run folder that predicts and is evaluated: of a comparison its recommended run, with a notice; DataError if none."""
    if not folder.is_dir() or run_folder.kind_of(folder) != "comparison":
        return folder
    chosen = folder / "recommended"
    if run_folder.read_state(chosen) != "done":
        if not (run_folder.read_config(folder).get("compare") or {}).get("keep_models", True):
            hint = "Compare again with compare.keep_models=true, or train the method: sdl train"
            raise DataError(f"{folder}: this comparison kept only its numbers, and no model.", hint)
        hint = f"Resume it: sdl compare --resume {run_folder.quoted(folder)}"
        raise DataError(f"{folder}: this comparison has no recommended run yet.", hint)
    notice(f"This is a comparison: using its recommended run, {run_folder.quoted(chosen)}.")
    return chosen


@contextlib.contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Inside, invalid values in a stored run count as errors in its files: DataError for TypeError, KeyError, and so on.

    A failure of a run that trains stays as it is.
    """
    try:
        yield
    except (SdlError, OSError, MemoryError, RecursionError):
        raise
    except Exception as error:
        if getattr(error, "run_folder", None) is not None and run_folder.read_state(folder) == "failed":
            raise
        message = f"{folder}: its files contain values that sdl never writes there ({typed_line(error, 200)})."
        raise DataError(message, "Restore the folder, or train again; --debug shows where.") from error
