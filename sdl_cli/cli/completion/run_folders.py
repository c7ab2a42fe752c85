"""The run folders below a place, the newest first, with a word on each."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sdl_cli.errors import SdlError
from sdl_cli.files import read_guarded, typed_path

MOST_FOLDERS = 200  # that are named
_MOST_LOOKED_AT, _DEEPEST = 5_000, 3
_STATUS_BYTES, _METRICS_BYTES = 1 << 20, 1 << 18
_MOST_METRICS = 40  # of the newest runs, whose score is read
DONE, STOPPED = ("done",), ("running", "failed", "interrupted")


def run_folders(typed: str, states: tuple[str, ...]) -> dict[str, str]:
    """Folder as it would be typed -> what it is, of the runs in one of `states` that begin with what is typed.

    Arguments:
        typed: a part of a path; without one, `runs` is looked through.
    """
    head = typed.rpartition("/")[0]
    start = "runs" if "runs".startswith(typed) or head.startswith("runs") else head or "."
    found: list[tuple[str, str]] = []
    for folder in _folders(start):
        if len(found) >= MOST_FOLDERS:
            break
        status = _object(folder / "status.json", _STATUS_BYTES)
        state = str(status.get("state"))
        if state in states and str(folder).startswith(typed):
            found.append((str(folder), _words(folder, status, state, len(found) < _MOST_METRICS)))
    return dict(found)


def _folders(start: str) -> Iterator[Path]:
    """Folders with a status below `start`, the last by name first; those inside a run are its own."""
    todo = [(Path(start), 0)]
    looked_at = 0
    while todo and looked_at < _MOST_LOOKED_AT:
        folder, depth = todo.pop(0)
        looked_at += 1
        try:
            names = sorted((one.name for one in os.scandir(typed_path(str(folder))) if one.is_dir()), reverse=True)
        except OSError:
            continue
        if depth and (typed_path(str(folder)) / "status.json").is_file():
            yield folder
        elif depth < _DEEPEST:
            todo[:0] = [(folder / name, depth + 1) for name in names if not name.startswith(".")]


def _object(file: Path, most_bytes: int) -> dict[str, Any]:
    try:
        found = json.loads(read_guarded(typed_path(str(file)), most_bytes))
    except (OSError, SdlError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _words(folder: Path, status: dict[str, Any], state: str, with_score: bool) -> str:
    kind = str(status.get("kind") or "run")
    metrics = _object(folder / "metrics.json", _METRICS_BYTES) if with_score and state == "done" else {}
    test = (metrics.get("metrics") or {}).get("test") if isinstance(metrics.get("metrics"), dict) else None
    for name in ("accuracy", "rmse"):
        value = test.get(name) if isinstance(test, dict) else None
        score = value.get("value") if isinstance(value, dict) else None
        if isinstance(score, (int, float)):
            shown = f"accuracy {100 * score:.1f} %" if name == "accuracy" else f"RMSE {score:.4g}"
            return f"{kind}, {shown}"
    return f"{kind}, {state}"
