"""`sdl.yaml`: settings that train, curve, compare and check use in the folder where it lies, below the command line.

It holds KEY: VALUE as the command line takes KEY=VALUE (groups may be nested). It names no code: what imports something that is
not sdl's or scikit-learn's, and where Hydra writes and runs, is said on the command line alone.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdl_cli.errors import ConfigError, DataError, SdlError
from sdl_cli.files import MOST_YAML_BYTES, is_there, plain_yaml, read_guarded, typed_path
from sdl_cli.phrases import first_line, listed, shortened
from sdl_cli.settings import yaml_lines
from sdl_cli.settings.parse import suggest
from sdl_cli.settings.yaml_files import GROUPS, conf_dir, find

NAME = "sdl.yaml"
VERBS = ("train", "curve", "compare", "check")
_WHOLE = ("dataset.monotone", "model.params", "dataset.window_range")  # settings that are an object by themselves
_NAME = re.compile(r"[A-Za-z_][\w./-]*", re.ASCII)
_WORDS = ("true", "false", "null", "none", "nan", "inf", "yes", "no", "on", "off")
_OWN_ESTIMATORS = ("sklearn.", "sdl_cli.")
_NOT_SHORT = ("name", "seed", "path")


@dataclass(frozen=True)
class Used:
    """What of the file a command uses.

    Arguments:
        overrides: the settings of the whole command, those of the file first. own: those of the file, by full key.
        lines: the line of each in the file, where it is known.
    """

    overrides: list[str]
    own: Mapping[str, str]
    lines: Mapping[str, int]

    @property
    def sentence(self) -> str:
        """What is used, in one line; empty where nothing is."""
        shown = [shortened(f"{key}={value}", 60) for key, value in self.own.items()]
        return f"{NAME} sets {listed(shown, 6)}; the command line goes before it." if shown else ""

    @contextlib.contextmanager
    def blamed(self) -> Iterator[None]:
        """Inside, an error about a setting of the file says where it stands."""
        try:
            yield
        except SdlError as error:
            key = next(
                (
                    key
                    for key in sorted(self.own, key=len, reverse=True)
                    if re.search(rf"(?<![\w.]){re.escape(key)}[:=]", error.message)
                ),
                None,
            )
            if key is None or NAME in error.message:
                raise
            raise type(error)(f"{error.message} ({self.place(key)})", error.hint) from error

    def place(self, key: str) -> str:
        """Where a setting stands."""
        return f"{NAME}, line {self.lines[key]}" if key in self.lines else NAME


def used(verb: str, typed: Sequence[str], config_dir: str | None = None, folder: Path | None = None) -> Used:
    """The settings of a command: those of the folder's file that the verb knows and the command line leaves alone, then as typed.

    Arguments:
        typed: as typed, a bare path already read as the data. Settings of the file's data may be abbreviated: `target=outcome`.
    Raises ConfigError: the file cannot be read, or holds what no verb knows or what the command line alone may say.
    """
    file = Path(folder or ".", NAME)
    if not file.is_file() or any(_key(o) == "experiment" for o in typed):
        return Used(list(typed), {}, {})
    values, lines = read(file), line_numbers(file)
    known = {name: _known(name) for name in VERBS}
    for key, value in values.items():
        _check(key, value, lines, known, config_dir)
    kept = {key: value for key, value in values.items() if key.partition(".")[0] in known[verb]}
    if verb == "compare":
        kept.pop("loss", None)  # each arm decides it
    typed = _abbreviated(typed, kept)
    kept = _left_alone(kept, typed)
    own = {key: as_text(value) for key, value in kept.items()}
    return Used([*(f"{key}={_as_override(key, value)}" for key, value in kept.items()), *typed], own, lines)


def read(file: Path) -> dict[str, Any]:
    """Full key -> plain value of a file. Raises ConfigError where it holds no settings."""
    keys = [one.key for one in yaml_lines.read(file).settings]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise ConfigError(f"{NAME}: {shortened(twice)} stands there twice.", "Keep one of them.")
    try:
        return read_text(read_guarded(file, MOST_YAML_BYTES))
    except (DataError, OSError) as error:
        raise ConfigError(
            f"{NAME}: cannot be read: {first_line(error, 200).rstrip('.')}.", "Make it a plain text file."
        ) from error


def read_text(text: bytes | str) -> dict[str, Any]:
    """The same of the text of such a file."""
    try:
        found = plain_yaml(text.encode() if isinstance(text, str) else text)
    except ValueError as error:
        why = first_line(error, 200).rstrip(".")
        raise ConfigError(
            f"{NAME}: cannot be read as settings: {why}.", "Write KEY: VALUE, one a line; a # begins a comment."
        ) from error
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ConfigError(f"{NAME}: holds no settings.", "Write KEY: VALUE, one a line, such as dataset.path: patients.csv")
    flat: dict[str, Any] = {}
    _flatten(found, "", flat)
    return flat


def _flatten(values: Mapping[Any, Any], before: str, into: dict[str, Any]) -> None:
    for key, value in values.items():
        full = f"{before}{key}"
        if before.removesuffix(".") in GROUPS and key == "name":
            full = before.removesuffix(".")  # dataset: {name: table} is dataset=table
        if full in into:
            raise ConfigError(f"{NAME}: {shortened(full)} stands there twice.", "Keep one of them.")
        if isinstance(value, Mapping) and full not in _WHOLE:
            _flatten(value, f"{full}.", into)
        else:
            into[full] = value


def line_numbers(file: Path) -> dict[str, int]:
    """Full key -> the line on which it stands, as far as that can be told."""
    lines = {one.key: one.line for one in yaml_lines.read(file).settings}
    return {key.removesuffix(".name") if key.removesuffix(".name") in GROUPS else key: line for key, line in lines.items()}


def _known(verb: str) -> set[str]:
    """The first parts of the keys that a verb takes."""
    primary = yaml_lines.read(conf_dir() / f"{'train' if verb == 'check' else verb}.yaml")
    own = {one.key.partition(".")[0] for one in primary.settings} | {name for name in primary.choices if name in GROUPS}
    return own - {"hydra", "experiment"}


def _check(key: str, value: Any, lines: Mapping[str, int], known: Mapping[str, set[str]], config_dir: str | None) -> None:
    place = f"{NAME}, line {lines[key]}" if key in lines else NAME
    first = key.partition(".")[0]
    everything = set().union(*known.values())
    if first in ("hydra", "experiment") or first.startswith("hydra/"):
        raise ConfigError(f"{place}: {shortened(key)} cannot be set here.", "Give it on the command line.")
    if first not in everything:
        raise ConfigError(f"{place}: {shortened(key)}: no such setting.{suggest(first, everything)}", "See: sdl show train")
    if "${" in str(value):
        raise ConfigError(f"{place}: {shortened(key)}: ${{...}} is not read here.", "Write the value itself.")
    if key in GROUPS:
        if not isinstance(value, str) or not _NAME.fullmatch(value):
            raise ConfigError(f"{place}: {key}: choose by name.", f"See: sdl list {key}")
        try:
            file = find(key, value, config_dir)
        except ConfigError as error:
            raise ConfigError(f"{place}: {error.message}", error.hint) from error
        if not file.is_relative_to(conf_dir()) and "_target_" in file.read_text(encoding="utf-8"):
            hint = f"Say so on the command line: {key}={value}"
            raise ConfigError(f"{place}: {key}: {value} names code that would be imported, which this file may not do.", hint)
    if key == "model.estimator" and not str(value).startswith(_OWN_ESTIMATORS):
        hint = f"Say so on the command line: model.estimator={shortened(value)}"
        raise ConfigError(f"{place}: model.estimator: {shortened(value)} would be imported, which this file may not do.", hint)
    if key == "mlflow" and "://" in str(value) and not str(value).startswith("sqlite:"):
        raise ConfigError(
            f"{place}: mlflow: a server is not named here.", f"Say so on the command line: mlflow={shortened(value)}"
        )


def _abbreviated(typed: Sequence[str], own: Mapping[str, Any]) -> list[str]:
    """What is typed, with settings of the file's data in full where they are named by their last part alone."""
    kind = own.get("dataset")
    if not isinstance(kind, str) or any(_key(o).partition(".")[0] == "dataset" for o in typed):
        return list(typed)
    fields = {one.key for one in yaml_lines.read(find("dataset", kind)).settings} - set(_NOT_SHORT)
    return [f"dataset.{o}" if "=" in o and o.partition("=")[0] in fields else o for o in typed]


def _left_alone(own: Mapping[str, Any], typed: Sequence[str]) -> dict[str, Any]:
    """Those of the file that what is typed does not set, nor makes meaningless: another choice of a group has other settings."""
    given = {_key(o): o.partition("=")[2] for o in typed}
    same_path = "dataset.path" in given and "dataset.path" in own and _same(given["dataset.path"], own["dataset.path"])
    kept = {}
    for key, value in own.items():
        group = key.partition(".")[0]
        other_choice = group in GROUPS and group in given and given[group] != str(own.get(group))
        other_data = group == "dataset" and "dataset.path" in given and not same_path
        if key not in given and not other_choice and not other_data:
            kept[key] = value
    return kept


def _same(one: str, other: Any) -> bool:
    try:
        return is_there(one) and is_there(str(other)) and typed_path(one).samefile(typed_path(str(other)))
    except OSError:
        return False


def _key(override: str) -> str:
    return override.lstrip("+~").partition("=")[0]


def as_text(value: Any) -> str:
    """A value as a person writes it behind KEY=."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(as_text, value))}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {as_text(item)}" for key, item in value.items()) + "}"
    return str(value)


def _as_override(key: str, value: Any) -> str:
    """The same as hydra reads it: text stays text, whatever is in it."""
    from sdl_cli.run.hydra.quoting import PATH_KEYS, quote

    if isinstance(value, str):
        is_path = key.rpartition(".")[2] in PATH_KEYS
        is_name = _NAME.fullmatch(value) is not None and value.lower() not in _WORDS
        return value if key in GROUPS or is_path or is_name else quote(value)
    if isinstance(value, (list, tuple)):
        return f"[{','.join(_as_override('', item) for item in value)}]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{name}: {_as_override('', item)}" for name, item in value.items()) + "}"
    return as_text(value)
