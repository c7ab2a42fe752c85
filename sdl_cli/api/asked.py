"""What a program asks, as what is typed on a command line: data as `dataset.path=...`, settings as `model.depth=3`."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdl_cli.data import DATASETS
from sdl_cli.data.in_memory import keep
from sdl_cli.errors import ConfigError, DataError
from sdl_cli.files import is_there
from sdl_cli.phrases import shortened
from sdl_cli.run.hydra.bare_paths import with_bare_path
from sdl_cli.run.hydra.quoting import quote
from sdl_cli.settings.experiment import plain
from sdl_cli.settings.parse import suggest
from sdl_cli.settings.yaml_files import GROUPS, options

Values = dict[str, Any]
_OPEN = ("model.params", "dataset.monotone")  # below these any key may be set, with any letters in it
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*", re.ASCII)
_WORDS = (
    "null",
    "none",
    "true",
    "false",
    "inf",
    "nan",
    "yes",
    "no",
    "on",
    "off",
)  # that hydra or YAML may take for something else
_LISTS = ("text", "categorical")  # what a DataFrame says by its types, and a program may add to


@dataclass(frozen=True)
class Asked:
    """The overrides of a verb, as typed on a command line, and sentences on how the data was taken."""

    overrides: list[str]
    notes: tuple[str, ...] = ()


def asked(data: Any, target: Any, settings: Mapping[str, Any], short: Mapping[str, Sequence[str]], folder: Path) -> Asked:
    """The overrides for this data and these settings.

    Arguments:
        data: None for what `settings` say, the name of a data set, a path, or what `in_memory.keep` takes.
        target: the column to predict, by name or place, or the labels `(N,)` of data in memory.
        settings: full keys (`model.depth` or `model__depth`) -> values, nested groups, or settings as dataclasses.
        short: by group, names that stand for a setting of it: `{"compare": ["arms", "minutes"]}`.
        folder: where data from memory is kept.
    Raises DataError: data that cannot be used. ConfigError: settings that are no settings.
    """
    flat = {_full(key, short): value for key, value in flattened(settings).items()}
    kinds = options("dataset")
    own: Values = {}
    bare: list[str] = []
    notes: tuple[str, ...] = ()
    if data is None or (isinstance(data, str) and data in kinds):
        kind = data or flat.get("dataset")
    elif isinstance(data, (str, Path)):
        bare, kind = [_path(data)], flat.get("dataset")
    else:
        kept = keep(data, target, folder)
        bare, own, notes, kind = [str(kept.path)], dict(kept.settings), kept.notes, flat.get("dataset")
        notes = (f"The data is kept in {kept.path}, so that the run can be evaluated and reported on later.", *notes)
    is_kept = data is not None and not isinstance(data, (str, Path))
    if target is not None and "target" not in own and (isinstance(target, (str, int)) or not is_kept):
        own["target"] = _name_of_target(target)
    if data is not None and not bare:
        flat["dataset"] = kind
    return Asked(*_with_data(flat, kind, bare, own, notes, is_kept))


def _with_data(
    flat: Values, kind: str | None, bare: list[str], own: Values, notes: tuple[str, ...], is_kept: bool
) -> tuple[list[str], tuple[str, ...]]:
    """The overrides, with the settings that belong to the kind of data under their full names."""
    if bare and kind is None:
        told = {key.removeprefix("dataset."): value for key, value in {**own, **flat}.items()}
        keys = [f"{key}={'[' if isinstance(value, (list, tuple)) else ''}" for key, value in told.items()]
        chosen, sentence = with_bare_path([*keys, *bare])
        kind = next(o.partition("=")[2] for o in chosen if o.startswith("dataset="))
        notes = notes if is_kept else (*notes, *([sentence] if sentence else []))
        flat["dataset"] = kind
    fields = {f.name for f in dataclasses.fields(DATASETS[kind])} - {"name", "seed"} if kind in DATASETS else set()
    if bare:
        own["path"] = bare[0]
    if is_kept and kind == "image_table":
        own["root"] = str(Path.cwd())  # paths in a DataFrame start from here
    full = {f"dataset.{key}" if key in fields and key != "path" else key: value for key, value in flat.items()}
    for key, value in own.items():
        name, given = f"dataset.{key}", full.get(f"dataset.{key}")
        if key == "text" and kind == "text" and isinstance(value, list):
            continue  # columns of a table that are text; here one column holds the texts, and is found by what is in it
        if key in _LISTS and isinstance(value, list) and isinstance(given, (list, tuple)) and key in fields:
            full[name] = list(dict.fromkeys([*value, *given]))
        elif name not in full and (key in fields or key == "target"):
            full[name] = value
    first = [key for key in full if key in GROUPS]  # a choice, then what is set of it
    return [f"{key}={text_of(full[key])}" for key in dict.fromkeys([*first, *full])], notes


def flattened(settings: Mapping[str, Any], before: str = "") -> Values:
    """Settings by their full keys: `{"model": {"name": "deep_net", "depth": 3}}` is `{"model": "deep_net", "model.depth": 3}`."""
    found: Values = {}
    for key, value in settings.items():
        if not isinstance(key, str):
            raise ConfigError(f"{key!r}: the name of a setting is text.", 'For example **{"model.depth": 3}')
        full = before + key.replace("__", ".")
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            value = {k: v for k, v in plain(value).items() if v is not None}
        if isinstance(value, Mapping) and full not in _OPEN and full.rpartition(".")[2] not in ("params", "monotone"):
            inner = dict(value)
            if (name := inner.pop("name", None)) is not None:
                if full not in GROUPS:
                    raise ConfigError(f"{full}.name: {full} has no choices.{suggest(full, GROUPS)}", "Leave out the name.")
                found[full] = name
            found |= flattened(inner, f"{full}.")
        elif full in GROUPS and value is not None and not isinstance(value, str):
            hint = f"Name one: {', '.join(options(full))}." + (" For several methods: sdl.compare" if full == "model" else "")
            raise ConfigError(f"{full}: {shortened(repr(value))} is no choice.", hint)
        elif full not in GROUPS or value is not None:  # None leaves a choice as it is
            found[full] = value
    return found


def text_of(value: Any) -> str:
    """A value as hydra reads it back, whatever letters are in it. Raises ConfigError: it is no value of a setting."""
    value = value.item() if hasattr(value, "item") and getattr(value, "ndim", 0) == 0 else value
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (int, float)):
        return repr(value) if math.isfinite(value) else f"'{value}'"
    if isinstance(value, (str, Path)):
        return _text(str(value))
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_key(str(key))}: {text_of(one)}" for key, one in value.items()) + "}"
    if isinstance(value, Sequence) or hasattr(value, "tolist"):
        return "[" + ",".join(map(text_of, value if isinstance(value, Sequence) else value.tolist())) + "]"
    raise ConfigError(f"{shortened(repr(value))}: this cannot be the value of a setting.", "Give text, numbers, lists or None.")


def _text(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return quote(re.sub(r"(\\*)\$\{", lambda m: m[1] * 2 + r"\${", text))


def _key(text: str) -> str:
    return re.sub(r"([\\()\[\]{}:=,\t ])", lambda m: m[1] if m[1] == " " else f"\\{m[1]}", text)


def _full(key: str, short: Mapping[str, Sequence[str]]) -> str:
    return next((f"{group}.{key}" for group, names in short.items() if key in names), key)


def _path(data: str | Path) -> str:
    path = str(Path(data).expanduser()) if isinstance(data, Path) else data
    if is_there(path):
        return path
    kinds = ", ".join(options("dataset"))
    looks_like_name = isinstance(data, str) and _PLAIN.fullmatch(data) and "/" not in data and "." not in data
    hint = f"Data sets: {kinds}." if looks_like_name else "Give the path of a file or folder, or a DataFrame."
    guess = suggest(str(data), options("dataset")) if looks_like_name else ""
    raise DataError(f"{shortened(path, 120)}: there is no such file or folder, and no data set of this name.{guess}", hint)


def _name_of_target(target: Any) -> str | int:
    if isinstance(target, (str, int)):
        return target
    raise DataError("target: labels of their own need data in memory.", "For a file, give the name of the column.")
