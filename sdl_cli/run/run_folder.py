"""Reading a run folder: what it holds, how far it is, and its files, each checked before it is believed."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdl_cli.errors import DataError, SdlError
from sdl_cli.files import MOST_JSON_BYTES, MOST_YAML_BYTES, plain_json, plain_yaml, read_guarded
from sdl_cli.phrases import first_line
from sdl_cli.settings.contents import ENVIRONMENT, STATUS, checked, state_of

# what `status.json` calls a folder -> the verb that makes and resumes it
VERBS = {"run": "train", "repeats": "train", "cell": "train", "curve": "curve", "comparison": "compare", "claims": "claims"}

_CODE = re.compile(r"""\b_target_: *["']?\w|\bestimator[:=] *["']?(?!sklearn\.|sdl_cli\.|null)\w""")
_NAMES = {"train": "a training run", "curve": "a learning curve", "compare": "a comparison", "claims": "a run of claims"}


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

    def single(self, doing: str, notice: Callable[[str], None]) -> StoredRun:
        """The run itself; of a repeated one its first repeat, with a notice of what it is used for: `exporting`."""
        if not self.repeats:
            return self
        notice(f"This run has {len(self.repeats)} repeats: {doing} the first, {self.repeats[0]}.")
        return read_run(self.repeats[0])


def repeat_folders(folder: Path) -> list[Path]:
    """Folders of the single runs that a repeated run is made of, in order; empty for a single run."""
    return sorted((folder / "repeats").glob("*"), key=lambda p: (len(p.name), p.name)) if (folder / "repeats").is_dir() else []


def read_run(folder: Path, finished: bool = True) -> StoredRun:
    """Read a run folder; `finished` requires a finished run with unchanged files. Raises DataError for anything else."""
    if folder.is_dir() and was_not_begun(folder) and (not finished or (folder / "status.json").exists()):
        message = f"{folder}: nothing was begun here: it was stopped before its settings were written."
        raise DataError(message, "Start it again with the command that made it.")
    require_run_folder(folder)
    kind = kind_of(folder) if finished else ""
    if kind == "curve":
        hint = "Its models, if curve.keep_models kept them, are the runs in its folder cells."
        raise DataError(f"{folder}: this is a learning curve, not a single run.", hint)
    if kind == "claims":
        raise DataError(f"{folder}: these are claims, not a single run.", "Their studies are in its folder studies.")
    if kind == "comparison":
        hint = f"Its recommended model is a run: {quoted(folder / 'recommended')}"
        raise DataError(f"{folder}: this is a comparison, not a single run.", hint)
    status = checked(read_json(folder / "status.json"), STATUS, folder / "status.json")
    state = state_of(status)
    if finished and state != "done":
        reason = f": {status['reason']}" if status.get("reason") and status["reason"] != state else ""
        hint = f"Resume it: sdl train --resume {quoted(folder)}"
        raise DataError(f"{folder}: this run is not finished (it is {state}{reason}).", hint)
    if finished:
        for name, expected in dict(status.get("files", {})).items():
            if Path(name).name == name and (folder / name).is_file() and _leaves(folder, name):
                message = f"{folder / name}: this is a link to a file outside the run, and sdl does not follow such links."
                raise DataError(message, "Replace it with the file itself.")
            if Path(name).name != name or not (folder / name).is_file():
                hint = "Train it again, or copy the whole folder."
                raise DataError(f"{folder}: {name} is missing, so this run is incomplete.", hint)
            if sha256_of(folder / name) != expected:
                raise DataError(f"{folder / name}: this file was changed after the run ended.", "Restore it, or train again.")
    config, path = read_config(folder), folder / "environment.json"
    metrics = read_json(folder / "metrics.json") if finished else {}
    found = checked(read_json(path), ENVIRONMENT, path) if path.exists() else {}
    return StoredRun(folder, config, metrics, found, state)


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration stored in a run folder, as plain values; a DataError says what is wrong with the file."""
    return _read_object(folder / "config.yaml", MOST_YAML_BYTES, plain_yaml, "settings")


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file of a run folder; a DataError says what is wrong with it."""
    return _read_object(path, MOST_JSON_BYTES, plain_json, "JSON")


def _read_object(path: Path, most_bytes: int, parse: Callable[[bytes], Any], what: str) -> dict[str, Any]:
    try:
        values = parse(read_guarded(path, most_bytes, within=path.parent))
    except FileNotFoundError as error:
        raise DataError(f"{path}: missing, so this run is incomplete.", "Train it again, or copy the whole folder.") from error
    except ValueError as error:
        raise DataError(f"{path}: cannot be read as {what}: {first_line(error, 200)}.", "Restore it, or train again.") from error
    if not isinstance(values, dict):
        raise DataError(f"{path}: holds no {what} object.", "Restore it, or train again.")
    return values


def require_place(out: Path, example: str, option: str = "") -> None:
    """Raise DataError unless a file can be written here: `example` names one, `option` says how another place is chosen."""
    if out.is_dir():
        raise DataError(f"{out}: this is a folder.", example)
    if not out.absolute().parent.is_dir():
        hint = f"Create it first, or choose another place{option}."
        raise DataError(f"{out}: there is no folder {out.absolute().parent}.", hint)


def require_own(out: Path, begins: Sequence[bytes], what: str, other: str) -> None:
    """Raise DataError for a file that is there and does not begin as one that sdl writes: it may be somebody's data.

    Arguments:
        begins: what such a file holds within its first 1,000 bytes. what: what it would have to be. other: how to choose another.
    """
    try:
        if not out.is_file():  # a pipe would be waited for
            return
        with out.open("rb") as file:
            head = file.read(1000)
    except OSError:  # not there, or said when it is written
        return
    if head and not any(mark in head for mark in begins):
        raise DataError(f"{out}: there is a file already that is no {what}, and it is left as it is.", other)


def require_run_folder(folder: Path) -> None:
    """Raise DataError unless `folder` is that of a run, a curve or a comparison; if it holds any, one is named."""
    if not folder.is_dir():
        hint = "Give a folder that sdl train, curve or compare printed, for example one under runs/."
        raise DataError(f"{folder}: there is no such run folder.", hint)
    if not (folder / "status.json").is_file():
        inside = min((p.parent for p in folder.glob("*/status.json")), default=None)
        hint = "Give a folder that sdl train printed; this one has no status.json."
        if inside is not None:
            hint = f"It contains runs: give one of them, for example {quoted(inside)}."
        raise DataError(f"{folder}: this is not a run folder.", hint)


def _leaves(folder: Path, name: str) -> bool:
    """Whether a file of a run folder is a link to another place."""
    return not (folder / name).resolve().is_relative_to(folder.resolve())


def kind_of(folder: Path) -> str:
    """What a folder holds, finished or not: run, repeats, cell, curve, comparison or claims."""
    try:
        kind = read_json(folder / "status.json").get("kind")
    except SdlError:
        kind = None
    return kind if isinstance(kind, str) and kind in VERBS else _kind_before_kinds(folder)


def _kind_before_kinds(folder: Path) -> str:
    """The same of a folder written before `status.json` named its kind: its settings tell."""
    try:
        config = read_config(folder)
    except SdlError:
        config = {}
    found = next((kind for key, kind in (("curve", "curve"), ("compare", "comparison")) if key in config), "run")
    return "repeats" if found == "run" and repeat_folders(folder) else found


def require_kind(folder: Path, verb: str) -> None:
    """Raise for a folder that another verb made."""
    found, names = VERBS[kind_of(folder)], _NAMES
    if found != verb:
        hint = f"Resume it: sdl {found} --resume {quoted(folder)}"
        raise DataError(f"{folder}: this is {names[found]}, not {names[verb]}.", hint)


def resume_verb(folder: Path) -> str:
    """The verb whose --resume resumes a run, a curve or a comparison, or a sweep of them."""
    if not (folder / "sweep.json").is_file():
        return VERBS[kind_of(folder)]
    try:
        verb = read_json(folder / "sweep.json").get("verb")
    except SdlError:
        verb = "train"
    return str(verb) if verb in ("curve", "compare") else "train"


def names_code(folder: Path) -> bool:
    """Whether a run, a study or a sweep names code outside of sdl and scikit-learn, so that resuming it needs --trust."""
    texts = []
    for name in ("config.yaml", "sweep.json"):
        with contextlib.suppress(OSError, SdlError):
            texts.append(read_guarded(folder / name, MOST_YAML_BYTES).decode("utf-8", "replace"))
    return any(_CODE.search(text) for text in texts)


def require_same_data(folder: Path, fingerprint: str, what: str, verb: str, key: str = "data_fingerprint") -> None:
    """Raise DataError if `what` is in `folder` was started on other data; `verb` starts a new one."""
    stored = read_json(folder / "environment.json") if (folder / "environment.json").is_file() else {}
    if key in ("split_fingerprint", "layout_fingerprint") and key not in stored:  # of a run from before it was kept
        return
    if stored and stored.get(key) != fingerprint:
        hint = f"Start a new one with the same settings: sdl {verb} ..."
        raise DataError(f"{folder}: the data has changed since this {what} was begun.", hint)


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


def quoted(path: Path | str) -> str:
    """A path as it can be pasted into a shell."""
    import shlex

    return shlex.quote(str(path))


def sha256_of(path: Path) -> str:
    """The sha256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
