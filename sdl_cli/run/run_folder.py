"""The run folder: written file by file, each whole or not at all, and read back with every file checked."""

from __future__ import annotations

import contextlib
import csv
import hashlib
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
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from sdl_cli import __version__
from sdl_cli.errors import DataError, SdlError, StopSignal
from sdl_cli.files import (
    MOST_JSON_BYTES,
    MOST_YAML_BYTES,
    make_folder,
    plain_json,
    plain_yaml,
    read_guarded,
    sweep_temporary,
    write_atomic,
    write_new,
)
from sdl_cli.measure import predictions
from sdl_cli.phrases import first_line
from sdl_cli.run import locks
from sdl_cli.settings.contents import ENVIRONMENT, STATUS, checked, state_of

Array = np.ndarray[Any, Any]
OWN_FILES = (
    *("*.json", "config.yaml", "history.csv", "predictions.csv", "run.log", "model.*", "checkpoint-*.pt"),
    *("curve.csv", "curve.png", "results.csv", locks.FILE),
)
VERSIONED = ("torch", "torchvision", "numpy", "scikit-learn", "hydra-core", "skops", "safetensors")


@dataclass(frozen=True)
class StoredRun:
    """A run folder as read: nothing in it has been executed."""

    folder: Path
    config: dict[str, Any]
    metrics: dict[str, Any]
    environment: dict[str, Any]
    state: str

    @property
    def repeats(self) -> list[Path]:
        return repeat_folders(self.folder)


def repeat_folders(folder: Path) -> list[Path]:
    """Folders of the single runs that a repeated run is made of, in order; empty for a single run."""
    return sorted((folder / "repeats").glob("*"), key=lambda p: (len(p.name), p.name)) if (folder / "repeats").is_dir() else []


def claim(folder: Path, kind: str = "run") -> Path:
    """Make `folder` ours alone and return it; where another run has it already, the next free name `folder-2`, `folder-3`, ...

    It is held, see `locks`, until its status says that it has ended.

    Arguments:
        kind: run, repeats, curve or comparison: what `status.json` calls it.
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


def write_config(folder: Path, config: dict[str, Any]) -> None:
    """Write the complete, resolved configuration."""
    write_atomic(folder / "config.yaml", yaml.safe_dump(config, sort_keys=False, allow_unicode=True))


def write_json(folder: Path, name: str, values: dict[str, Any]) -> None:
    """Write a JSON file; numbers that are not finite become null."""
    write_atomic(folder / name, _as_json(values))


def _as_json(values: dict[str, Any]) -> str:
    return json.dumps(finite(values), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write_status(folder: Path, state: str, reason: str = "", files: Sequence[str] = (), kind: str | None = None) -> None:
    """Write `status.json`: running, done, or failed or interrupted with a reason; a done run lists the sha256 of its files.

    Arguments:
        kind: what the folder holds; None for what it is said to be already.
    """
    hashes = {name: _sha256(folder / name) for name in files}
    write_json(folder, "status.json", _status(state, kind or _stored_kind(folder), reason) | {"files": hashes})
    if state != "running":
        locks.release(folder)


def _status(state: str, kind: str, reason: str = "") -> dict[str, Any]:
    values: dict[str, Any] = {"kind": kind, "state": state, "reason": reason, "files": {}}
    if state == "running":  # so that `sdl runs` can tell one that runs from one that was stopped
        values["process"] = {"host": platform.node(), "pid": os.getpid()}
    return values


def _stored_kind(folder: Path) -> str:
    try:
        kind = read_json(folder / "status.json").get("kind")
    except SdlError:
        return "run"
    return kind if isinstance(kind, str) else "run"


@contextlib.contextmanager
def resumed(folder: Path) -> Iterator[None]:
    """Hold a folder that is resumed, cleared of what a killed process was just writing.

    Raises:
        DataError: another process is at it.
    """
    with locks.alone(folder) if folder.is_dir() else contextlib.nullcontext():
        sweep_temporary(folder, OWN_FILES)
        yield


def require_same_data(folder: Path, fingerprint: str, what: str, verb: str) -> None:
    """Raise DataError where what stands in `folder` was begun on data of another fingerprint.

    Arguments:
        what, verb: what it is, and the verb that begins a new one: `curve`, `curve`.
    """
    stored = read_json(folder / "environment.json") if (folder / "environment.json").is_file() else {}
    if stored and stored.get("data_fingerprint") != fingerprint:
        raise DataError(
            f"{folder}: the data has changed since this {what} was begun.",
            f"Begin a new one with the same settings: sdl {verb} ...",
        )


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


def read_run(folder: Path, finished: bool = True) -> StoredRun:
    """Read a run folder.

    Arguments:
        finished: require a run that is done and whose files are as it left them.
    Raises:
        DataError: no run folder, an unfinished or failed run, or files that were changed or lost since.
    """
    if folder.is_dir() and was_not_begun(folder) and (not finished or (folder / "status.json").exists()):
        raise DataError(
            f"{folder}: nothing was begun here: it was stopped before its settings were written.",
            "Start it anew with the command that made it.",
        )
    require_run_folder(folder)
    kind = kind_of(folder)
    if finished and kind == "curve":
        hint = "Its models, if curve.keep_models kept them, are the runs in its folder cells."
        raise DataError(f"{folder}: this is a learning curve and no single run.", hint)
    if finished and kind == "compare":
        hint = f"Its recommended model is a run: {quoted(folder / 'recommended')}"
        raise DataError(f"{folder}: this is a comparison and no single run.", hint)
    status = checked(read_json(folder / "status.json"), STATUS, folder / "status.json")
    state = state_of(status)
    if finished and state != "done":
        reason = f": {status['reason']}" if status.get("reason") and status["reason"] != state else ""
        raise DataError(
            f"{folder}: this run is not finished (it is {state}{reason}).",
            f"Resume it: sdl train --resume {quoted(folder)}",
        )
    if finished:
        for name, expected in dict(status.get("files", {})).items():
            if Path(name).name != name or not (folder / name).is_file() or _leaves(folder, name):
                raise DataError(
                    f"{folder}: {name} is missing, so this run is incomplete.",
                    "Train it again, or copy the whole folder.",
                )
            if _sha256(folder / name) != expected:
                raise DataError(f"{folder / name}: this file was changed after the run ended.", "Restore it, or train again.")
    config = read_config(folder)
    metrics = read_json(folder / "metrics.json") if finished else {}
    path = folder / "environment.json"
    found = checked(read_json(path), ENVIRONMENT, path) if path.exists() else {}
    return StoredRun(folder, config, metrics, found, state)


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration stored in a run folder, as plain values; a DataError says what is wrong with the file."""
    path = folder / "config.yaml"
    try:
        config = plain_yaml(read_guarded(path, MOST_YAML_BYTES, within=folder))
    except FileNotFoundError as error:
        raise DataError(f"{path}: missing, so this run is incomplete.", "Train it again, or copy the whole folder.") from error
    except ValueError as error:
        raise DataError(
            f"{path}: cannot be read as settings: {first_line(error, 200)}.", "Restore it, or train again."
        ) from error
    if not isinstance(config, dict):
        raise DataError(f"{path}: holds no configuration.", "Train again.")
    return config


def require_run_folder(folder: Path) -> None:
    """Raise DataError unless `folder` is that of a run, a curve or a comparison; where it holds such, one is named."""
    if not folder.is_dir():
        raise DataError(
            f"{folder}: there is no such run folder.",
            "Give a folder that sdl train, curve or compare printed, for example one under runs/.",
        )
    if not (folder / "status.json").is_file():
        inside = sorted(p.parent for p in folder.glob("*/status.json"))
        hint = (
            f"It holds runs: give one of them, for example {quoted(inside[0])}."
            if inside
            else "Give a folder that sdl train printed; this one has no status.json."
        )
        raise DataError(f"{folder}: this is not a run folder.", hint)


def _leaves(folder: Path, name: str) -> bool:
    """Whether a file of a run folder is a link to another place."""
    return not (folder / name).resolve().is_relative_to(folder.resolve())


def kind_of(folder: Path) -> str:
    """What a folder holds, finished or not, by the verb that made it: `curve`, `compare`, or else `train`."""
    try:
        text = read_guarded(folder / "config.yaml", MOST_YAML_BYTES).decode("utf-8", "surrogateescape")
    except (OSError, SdlError):
        return "train"
    return next((verb for verb in ("curve", "compare") if f"\n{verb}:\n" in text), "train")


def is_curve(folder: Path) -> bool:
    """Whether a folder holds a learning curve, finished or not."""
    return kind_of(folder) == "curve"


def resume_verb(folder: Path) -> str:
    """The verb whose --resume goes on with a run, a curve or a comparison, or with a sweep of them."""
    try:
        verb = read_json(folder / "sweep.json").get("verb") if (folder / "sweep.json").is_file() else kind_of(folder)
    except SdlError:
        verb = "train"
    return str(verb) if verb in ("curve", "compare") else "train"


def read_state(folder: Path) -> str:
    """The state of a run folder: running, done, failed, interrupted, or `missing`."""
    try:
        return state_of(plain_json(read_guarded(folder / "status.json", MOST_JSON_BYTES)))
    except (OSError, SdlError, ValueError, KeyError, TypeError, AttributeError):
        return "missing"


def was_not_begun(folder: Path) -> bool:
    """Whether a folder was made for a run or a sweep that was stopped before it wrote what it was to do."""
    if any((folder / name).exists() for name in ("config.yaml", "sweep.json")):
        return False
    if (folder / "status.json").is_file():
        return read_state(folder) in ("running", "interrupted") or not (folder / "status.json").stat().st_size
    return all(path.name.startswith(".") or path.name in ("multirun.yaml", "job.json") for path in folder.iterdir())


def read_reason(folder: Path) -> str:
    """Why a run failed, its first line, or an empty string."""
    return str(read_json(folder / "status.json").get("reason", "")).partition("\n")[0]


def end_badly(folder: Path, error: BaseException, resumed: bool = False) -> None:
    """Leave a run folder as it should be found after `error`.

    A mistake in the settings or the data leaves nothing of a run that had not got anywhere. Everything else, and what was
    resumed or can be, stays, with the reason in `status.json` and the traceback in `run.log`.
    """
    mistake = isinstance(error, SdlError) and error.exit_code == 2
    if mistake and not resumed and not any(folder.glob("checkpoint-*.pt")):
        discard(folder)
        return
    record_failure(folder, error)
    with contextlib.suppress(AttributeError):
        error.run_folder = folder  # type: ignore[attr-defined]  # so that the command to go on can be printed


def record_failure(folder: Path, error: BaseException) -> None:
    """Leave the reason in `status.json` and the traceback in `run.log`, as far as the disk lets us."""
    with contextlib.suppress(SdlError, OSError):
        make_folder(folder)
        if isinstance(error, KeyboardInterrupt):
            write_status(folder, "interrupted", f"by {stopped_by(error)}")
        else:
            write_status(folder, "failed", str(error) or type(error).__name__)
        write_atomic(folder / "run.log", "".join(traceback.format_exception(error)))


def stopped_by(error: BaseException) -> str:
    """What an interruption came from: Ctrl-C, SIGTERM or SIGHUP."""
    return signal.Signals(error.number).name if isinstance(error, StopSignal) else "Ctrl-C"


def discard(folder: Path) -> None:
    """Remove what a run wrote to its folder, and the folder if nothing else is in it."""
    locks.release(folder)
    for name in OWN_FILES:
        for path in folder.glob(name):
            with contextlib.suppress(OSError):
                path.unlink()
    with contextlib.suppress(OSError):
        (folder / "repeats").rmdir()
    with contextlib.suppress(OSError):
        folder.rmdir()


def remove_checkpoints(folder: Path) -> None:
    for path in folder.glob("checkpoint-*.pt"):
        path.unlink(missing_ok=True)


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


def quoted(path: Path | str) -> str:
    """A path as it can be pasted into a shell."""
    import shlex

    return shlex.quote(str(path))


def _csv(header: Sequence[str], rows: Any) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue()


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file of a run folder; a DataError says what is wrong with it."""
    try:
        values = plain_json(read_guarded(path, MOST_JSON_BYTES, within=path.parent))
    except FileNotFoundError as error:
        raise DataError(f"{path}: missing, so this run is incomplete.", "Train it again, or copy the whole folder.") from error
    except ValueError as error:
        raise DataError(f"{path}: cannot be read as JSON.", "Restore it, or train again.") from error
    if not isinstance(values, dict):
        raise DataError(f"{path}: holds no JSON object.", "Restore it, or train again.")
    return values


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _git_commit() -> str | None:
    try:
        found = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=2, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() if found.returncode == 0 else None


def require_kind(folder: Path, verb: str) -> None:
    """Raise for a folder that another verb made."""
    kind, names = kind_of(folder), {"train": "training run", "curve": "learning curve", "compare": "comparison"}
    if kind != verb:
        hint = f"Resume it: sdl {kind} --resume {quoted(folder)}"
        raise DataError(f"{folder}: this is no {names[verb]} but a {names[kind]}.", hint)
