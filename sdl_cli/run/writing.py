"""The life of a run folder: claimed or resumed, written file by file, and brought to an end whatever happens."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
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
from sdl_cli.run.run_log import RunLog
from sdl_cli.settings.parts.own import named_in

Array = np.ndarray[Any, Any]
Values = dict[str, Any]
OWN_FILES = (
    *("*.json", "config.yaml", "history.csv", "predictions.csv", "run.log", "model.*", "checkpoint-*.pt"),
    *("curve.csv", "curve.png", "decomposition.png", "results.csv", "rows.npy", "claims.md", locks.FILE),
)
PARTS = (
    "repeats",
    "cells",
    "arms",
    "curve",
    "recommended",
    "best",
    "studies",
)  # folders of the runs and cells that a whole is made of
VERSIONED = ("torch", "torchvision", "numpy", "scikit-learn", "hydra-core", "skops", "safetensors")
OF_EXTRAS = ("timm", "transformers", "tokenizers", "tabicl", "tabpfn")


class Writing:
    """A run folder that is being written; see `writing`."""

    def __init__(self, folder: Path, kind: str, log: RunLog | None) -> None:
        self.folder = folder
        self._kind = kind
        self._log = log
        self._environment: Values = {}
        self._parts: list[dict[str, str]] = []

    def config(self, values: Values) -> None:
        self._parts = named_in(values)
        write_config(self.folder, values)

    def json(self, name: str, values: Values) -> None:
        write_json(self.folder, name, values)

    def environment(self, **known: Any) -> None:
        """Write `environment.json`: what is known so far (first of all `data_fingerprint`), and what `environment` finds.

        Parts of the user's own are named there, with the digest of their source.
        """
        if not self._environment and self._kind != "cell":  # a cell is a part of what has these
            self._environment = environment(known["data_fingerprint"])
        self._environment |= known | ({"parts": self._parts} if self._parts else {})
        self.json("environment.json", self._environment)

    def done(self, files: Sequence[str] = ()) -> None:
        """Record the end of what was asked for, with the sha256 of those of `files` that exist; the log is written before."""
        if self._log is not None:
            self._log.add("status", "done")
            self._log.write(self.folder)
        write_status(self.folder, "done", "", [name for name in files if (self.folder / name).is_file()], self._kind)
        for path in self.folder.glob("checkpoint-*.pt"):
            path.unlink(missing_ok=True)

    def failed(self, reason: str) -> None:
        """Record an end with parts that failed and can be resumed."""
        if self._log is not None:
            self._log.add("status", f"failed: {reason}")
            self._log.write(self.folder)
        write_status(self.folder, "failed", reason, kind=self._kind)


@contextlib.contextmanager
def writing(folder: Path, kind: str, resume: bool = False, log: RunLog | None = None) -> Iterator[Writing]:
    """Hold a run folder, mark it as running, and record how the body ends: only a kill leaves it marked.

    A mistake in settings or data removes a run that got nowhere. Everything else, and anything resumed or resumable, stays: the
    reason in `status.json`, the traceback in `run.log`, the folder in the error's `run_folder`. A full disk is raised with the
    command that resumes.

    Arguments:
        folder: gets a new name if another run has it, except for a cell, which is a part of a whole that is held.
        kind: run, repeats, cell, curve, comparison or claims: what `status.json` calls it.
        resume: `folder` holds this, stopped earlier.
        log: of what is run, written to `run.log` at its end, however it ends; of one that is resumed, behind the earlier one.
    Raises:
        DataError: it cannot be written to, or another process holds it.
    """
    if kind == "cell":
        make_folder(folder)
    elif not resume:
        folder = claim(folder, kind)
    with resumed(folder) if resume and kind != "cell" else contextlib.nullcontext():
        try:
            write_status(folder, "running", kind=kind)
            if log is not None:
                log.follow(folder)
                log.write(folder)
            yield Writing(folder, kind, log)
        except StorageError as error:
            if kind == "cell" or not (resume or kind in ("curve", "comparison", "claims") or _got_anywhere(folder)):
                _end_badly(folder, kind, error, resume, log)
                raise
            hint = f"What is done stays. Free some space, then: sdl {VERBS[kind]} --resume {quoted(folder)}"
            stopped = StorageError(error.message, hint) if VERBS[kind] == "train" else RunError(error.message, hint)
            _end_badly(folder, kind, stopped, resume=True, log=log)
            raise stopped from error
        except BaseException as error:
            _end_badly(folder, kind, error, resume, log)
            raise


@contextlib.contextmanager
def resumed(folder: Path) -> Iterator[None]:
    """Hold a folder that is resumed, without files left half-written by a killed process, and marked as running at once.

    If the body ends before anything was written, its status is what it was. Raises DataError as `locks.hold`.
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
    """Create `folder` for this run alone, or if taken the next free name, and hold it until its status says that it has ended."""
    for candidate in names_like(folder, 1000):
        make_folder(candidate)
        try:
            is_ours = write_new(candidate / "status.json", _as_json(_status("running", kind)))
        except SdlError:
            discard(candidate)
            raise
        if is_ours:
            locks.hold(candidate)
            return candidate
    raise DataError(f"{folder}: this name is already used a thousand times.", "Choose another with hydra.run.dir=...")


def names_like(folder: Path, most: int | None = None) -> Iterator[Path]:
    """`folder`, `folder-2`, `folder-3`, ..., to choose a free one from; endless without `most`."""
    yield folder
    for suffix in itertools.count(2) if most is None else range(2, most):
        yield folder.with_name(f"{folder.name}-{suffix}")


def _got_anywhere(folder: Path) -> bool:
    """Whether a folder holds anything that a resume would use."""
    parts = (path for part in PARTS for name in ("metrics.json", "checkpoint-*.pt") for path in (folder / part).rglob(name))
    return any(folder.glob("checkpoint-*.pt")) or any(parts)


def _end_badly(folder: Path, kind: str, error: BaseException, resume: bool, log: RunLog | None = None) -> None:
    mistake = isinstance(error, SdlError) and error.exit_code == 2
    if mistake and kind != "cell" and not resume and not _got_anywhere(folder):
        discard(folder)
        return
    record_failure(folder, error, log)
    with contextlib.suppress(AttributeError):
        error.run_folder = folder  # type: ignore[attr-defined]  # for the command that resumes it


def record_failure(folder: Path, error: BaseException, log: RunLog | None = None) -> None:
    """Write the reason to `status.json` and the traceback to `run.log`, behind its log, as far as the disk allows."""
    with contextlib.suppress(SdlError, OSError):
        make_folder(folder)
        if isinstance(error, KeyboardInterrupt):
            name = signal.Signals(error.number).name if isinstance(error, StopSignal) else "Ctrl-C"
            write_status(folder, "interrupted", f"by {name}")
        else:
            write_status(folder, "failed", str(error) or type(error).__name__)
        raised = "".join(traceback.format_exception(error))
        if log is None:
            write_atomic(folder / "run.log", raised)
        else:
            log.add("status", "interrupted" if isinstance(error, KeyboardInterrupt) else "failed")
            log.write(folder, raised)


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
    """Write `status.json`: running, done with the sha256 of `files`, or failed or interrupted; without `kind` that stays."""
    hashes = {name: sha256_of(folder / name) for name in files}
    write_json(folder, "status.json", _status(state, kind or kind_of(folder), reason) | {"files": hashes})
    if state != "running":
        locks.release(folder)


def _status(state: str, kind: str, reason: str = "") -> Values:
    values: Values = {"kind": kind, "state": state, "reason": reason, "files": {}}
    if state == "running":  # `sdl runs` tells by this whether it was stopped
        values["process"] = {"host": platform.node(), "pid": os.getpid()}
    return values


def write_config(folder: Path, config: Values) -> None:
    """Write the complete, resolved configuration to `config.yaml`."""
    write_atomic(folder / "config.yaml", yaml.safe_dump(config, sort_keys=False, allow_unicode=True))


def write_json(folder: Path, name: str, values: Values) -> None:
    """Write a JSON file; numbers that are not finite become null."""
    write_atomic(folder / name, _as_json(values))


def _as_json(values: Values) -> str:
    return json.dumps(finite(values), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write_history(folder: Path, rows: Sequence[Values]) -> None:
    """Write `history.csv`, one row per epoch; columns are the union of the rows' keys."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomic(folder / "history.csv", buffer.getvalue())


def write_predictions(
    path: Path,
    ids: Array,
    truth: Array | None,
    outputs: Array,
    classes: Sequence[str],
    decision: Array | None = None,
    codes: Sequence[str] | None = None,
) -> None:
    """Write outputs, `(N, K)` probabilities or `(N,)` numbers, as `predictions.write` does; `truth` is `(N,)` or None."""
    write_atomic(path, lambda file: predictions.write(file, [(ids, outputs)], classes, truth, decision, codes))


def environment(fingerprint: str) -> Values:
    """Versions, machine, git commit of the current folder, data fingerprint and command line."""
    versions = {"sdl": __version__, "python": platform.python_version()}
    for name in (*VERSIONED, *OF_EXTRAS):
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    commit = None
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=2, check=True
        ).stdout.strip()
    found = {"versions": versions, "platform": platform.platform(), "git_commit": commit, "data_fingerprint": fingerprint}
    return found | {"command_line": [Path(sys.argv[0]).name, *sys.argv[1:]]}


def require_space(folder: Path, num_bytes: int) -> None:
    """Raise DataError before a long training if the disk clearly cannot hold its result."""
    with contextlib.suppress(FileNotFoundError):
        free = shutil.disk_usage(folder).free
        if free < num_bytes:
            needed = f"{free / 2**20:.0f} MB left, about {num_bytes / 2**20:.0f} MB needed"
            hint = "Free some space, or write elsewhere: hydra.run.dir=/other/disk/run"
            raise DataError(f"{folder}: the disk is full ({needed}).", hint)


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
