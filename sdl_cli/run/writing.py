"""The life of a run folder: claimed or resumed, written file by file, and brought to its end whatever happens."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import os
import platform
import shutil
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from sdl_cli import __version__
from sdl_cli.errors import DataError, RunError, SdlError, StopSignal, StorageError
from sdl_cli.files import make_folder, sweep_temporary, write_atomic, write_new
from sdl_cli.measure import predictions
from sdl_cli.run import locks
from sdl_cli.run.run_folder import VERBS, kind_of, quoted, read_state, sha256_of

Array = np.ndarray[Any, Any]
OWN_FILES = (
    *("*.json", "config.yaml", "history.csv", "predictions.csv", "run.log", "model.*", "checkpoint-*.pt"),
    *("curve.csv", "curve.png", "results.csv", "rows.npy", locks.FILE),
)
PARTS = ("repeats", "cells", "arms", "curve", "recommended", "best")  # folders of the runs and cells that a whole is made of
VERSIONED = ("torch", "torchvision", "numpy", "scikit-learn", "hydra-core", "skops", "safetensors")


class Writing:
    """A run folder that is being written; see `writing`."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder = folder
        self._kind = kind
        self._environment: dict[str, Any] = {}

    def config(self, values: dict[str, Any]) -> None:
        """Write the complete, resolved configuration."""
        write_config(self.folder, values)

    def json(self, name: str, values: dict[str, Any]) -> None:
        """Write a JSON file; numbers that are not finite become null."""
        write_json(self.folder, name, values)

    def environment(self, **known: Any) -> None:
        """Write `environment.json` of all that was made known so far, beside what `environment` finds out.

        Arguments:
            known: with the first call `data_fingerprint`; later what the run has learned: `runtime`, `seconds`.
        """
        if not self._environment and self._kind != "cell":  # a cell is a part of what has these
            self._environment = environment(known["data_fingerprint"])
        self._environment |= known
        self.json("environment.json", self._environment)

    def done(self, files: Sequence[str] = ()) -> None:
        """Record the end of what was asked for; the sha256 of those of `files` that exist are kept."""
        write_status(self.folder, "done", "", [name for name in files if (self.folder / name).is_file()], self._kind)
        for path in self.folder.glob("checkpoint-*.pt"):
            path.unlink(missing_ok=True)

    def failed(self, reason: str) -> None:
        """Record an end with parts that failed and can be resumed."""
        write_status(self.folder, "failed", reason, kind=self._kind)


@contextlib.contextmanager
def writing(folder: Path, kind: str, resume: bool = False) -> Iterator[Writing]:
    """Hold a run folder, say that it is running, and record how the body ends: nothing leaves it as running but a kill.

    A mistake in settings or data leaves nothing of a run that had not got anywhere. Everything else, and what was resumed or
    can be, stays: the reason in `status.json`, the traceback in `run.log`, the folder in the error's `run_folder`. A full
    disk is raised with the command that resumes.

    Arguments:
        folder: a new name is taken where another run has it, except for a cell, which is a part of a whole that is held.
        kind: run, repeats, cell, curve or comparison: what `status.json` calls it.
        resume: `folder` holds this, stopped earlier.
    Raises:
        DataError: it cannot be written to, or another process holds it. Otherwise what the body raises.
    """
    if kind == "cell":
        make_folder(folder)
    elif not resume:
        folder = claim(folder, kind)
    with resumed(folder) if resume and kind != "cell" else contextlib.nullcontext():
        try:
            write_status(folder, "running", kind=kind)
            yield Writing(folder, kind)
        except StorageError as error:
            if kind == "cell" or not (resume or kind in ("curve", "comparison") or _got_anywhere(folder)):
                _end_badly(folder, kind, error, resume)
                raise
            hint = f"What is done stays. Free some space, then: sdl {VERBS[kind]} --resume {quoted(folder)}"
            stopped = StorageError(error.message, hint) if VERBS[kind] == "train" else RunError(error.message, hint)
            _end_badly(folder, kind, stopped, resume=True)
            raise stopped from error
        except BaseException as error:
            _end_badly(folder, kind, error, resume)
            raise


@contextlib.contextmanager
def resumed(folder: Path) -> Iterator[None]:
    """Hold a folder that is resumed, cleared of what a killed process was just writing, and running from the beginning.

    Where the body ends before anything was written, its status is what it was.

    Raises:
        DataError: another process holds it; its host and id are named.
    """
    status = folder / "status.json"
    with locks.alone(folder) if folder.is_dir() else contextlib.nullcontext():
        sweep_temporary(folder, OWN_FILES)
        before = status.read_bytes() if status.is_file() and read_state(folder) != "running" else None
        if before is not None:
            write_status(folder, "running")
        try:
            yield
        except BaseException:
            if before is not None and read_state(folder) == "running":
                write_atomic(status, before)
            raise


def claim(folder: Path, kind: str = "run") -> Path:
    """Make `folder` ours alone and return it; where another run has it already, the next free name `folder-2`, `folder-3`, ...

    It is held, see `locks`, until its status says that it has ended.
    """
    for suffix in range(1, 1000):
        candidate = folder if suffix == 1 else folder.with_name(f"{folder.name}-{suffix}")
        make_folder(candidate)
        try:
            is_ours = write_new(candidate / "status.json", _as_json(_status("running", kind)))
        except SdlError:
            discard(candidate)
            raise
        if is_ours:
            locks.hold(candidate)
            return candidate
    raise DataError(f"{folder}: a thousand runs have this name already.", "Choose another with hydra.run.dir=...")


def _got_anywhere(folder: Path) -> bool:
    """Whether a folder holds anything that a resume would use."""
    own = folder.glob("checkpoint-*.pt")
    parts = (path for part in PARTS for name in ("metrics.json", "checkpoint-*.pt") for path in (folder / part).rglob(name))
    return any(own) or any(parts)


def _end_badly(folder: Path, kind: str, error: BaseException, resume: bool) -> None:
    mistake = isinstance(error, SdlError) and error.exit_code == 2
    if mistake and kind != "cell" and not resume and not _got_anywhere(folder):
        discard(folder)
        return
    record_failure(folder, error)
    with contextlib.suppress(AttributeError):
        error.run_folder = folder  # type: ignore[attr-defined]  # so that the command that resumes it can be printed


def record_failure(folder: Path, error: BaseException) -> None:
    """Leave the reason in `status.json` and the traceback in `run.log`, as far as the disk lets us."""
    with contextlib.suppress(SdlError, OSError):
        make_folder(folder)
        if isinstance(error, KeyboardInterrupt):
            name = signal.Signals(error.number).name if isinstance(error, StopSignal) else "Ctrl-C"
            write_status(folder, "interrupted", f"by {name}")
        else:
            write_status(folder, "failed", str(error) or type(error).__name__)
        write_atomic(folder / "run.log", "".join(traceback.format_exception(error)))


def discard(folder: Path) -> None:
    """Remove what a run wrote to its folder, and the folder if nothing else is in it."""
    locks.release(folder)
    for part in PARTS:
        for status in [*(folder / part).rglob("status.json")]:
            discard(status.parent)
            with contextlib.suppress(OSError):  # folders between, once they are empty
                for outer in status.parent.relative_to(folder).parents:
                    (folder / outer).rmdir()
    for name in OWN_FILES:
        for path in folder.glob(name):
            with contextlib.suppress(OSError):
                path.unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()


def write_status(folder: Path, state: str, reason: str = "", files: Sequence[str] = (), kind: str | None = None) -> None:
    """Write `status.json`: running, done, or failed or interrupted with a reason; a done run lists the sha256 of its files.

    Arguments:
        kind: what the folder holds; None for what it is said to be already.
    """
    hashes = {name: sha256_of(folder / name) for name in files}
    write_json(folder, "status.json", _status(state, kind or kind_of(folder), reason) | {"files": hashes})
    if state != "running":
        locks.release(folder)


def _status(state: str, kind: str, reason: str = "") -> dict[str, Any]:
    values: dict[str, Any] = {"kind": kind, "state": state, "reason": reason, "files": {}}
    if state == "running":  # so that `sdl runs` can tell one that runs from one that was stopped
        values["process"] = {"host": platform.node(), "pid": os.getpid()}
    return values


def write_config(folder: Path, config: dict[str, Any]) -> None:
    """Write the complete, resolved configuration."""
    write_atomic(folder / "config.yaml", yaml.safe_dump(config, sort_keys=False, allow_unicode=True))


def write_json(folder: Path, name: str, values: dict[str, Any]) -> None:
    """Write a JSON file; numbers that are not finite become null."""
    write_atomic(folder / name, _as_json(values))


def _as_json(values: dict[str, Any]) -> str:
    return json.dumps(finite(values), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write_history(folder: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write `history.csv`, one row per epoch; columns are the union of the rows' keys."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    write_atomic(folder / "history.csv", _csv(columns, [[row.get(c, "") for c in columns] for row in rows]))


def write_predictions(
    path: Path, ids: Array, truth: Array | None, outputs: Array, classes: Sequence[str], decision: Array | None = None
) -> None:
    """Write predictions: id, truth (where known), prediction, and for classes `probability_<class>`.

    Arguments:
        outputs: `(N, K)` probabilities, or `(N,)` numbers.
        truth: `(N,)` class indices or numbers, or None.
        decision: `(K,)` as `decisions.decision_weights` gives it, or None.
    """
    write_atomic(path, lambda file: predictions.write(file, [(ids, outputs)], classes, truth, decision))


def _csv(header: Sequence[str], rows: Any) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue()


def environment(fingerprint: str) -> dict[str, Any]:
    """Versions, machine, git commit of the current folder, data fingerprint and command line."""
    versions = {"sdl": __version__, "python": platform.python_version()}
    for name in VERSIONED:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return {
        "versions": versions,
        "platform": platform.platform(),
        "git_commit": _git_commit(),
        "data_fingerprint": fingerprint,
        "command_line": [Path(sys.argv[0]).name, *sys.argv[1:]],
    }


def _git_commit() -> str | None:
    try:
        found = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=2, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() if found.returncode == 0 else None


def require_space(folder: Path, num_bytes: int) -> None:
    """Raise DataError before a long training where the disk plainly cannot hold its result."""
    with contextlib.suppress(FileNotFoundError):
        free = shutil.disk_usage(folder).free
        if free < num_bytes:
            raise DataError(
                f"{folder}: the disk is full ({free / 2**20:.0f} MB left, about {num_bytes / 2**20:.0f} MB needed).",
                "Free some space, or write elsewhere: hydra.run.dir=/other/disk/run",
            )


def finite(value: Any) -> Any:
    """The same nested value with numbers that are not finite as None, since JSON has none."""
    if isinstance(value, dict):
        return {str(k): finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
