"""KEY=VALUE as it is typed: the groups and their choices, the settings of what is chosen, and what each may be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from sdl_cli.cli.completion.columns import columns
from sdl_cli.cli.completion.literals import allowed
from sdl_cli.cli.completion.suggestions import Item, Suggestions, starting
from sdl_cli.errors import SdlError
from sdl_cli.files import is_there, typed_path
from sdl_cli.settings import yaml_lines
from sdl_cli.settings.path_kinds import kind_of
from sdl_cli.settings.yaml_files import GROUPS, conf_dir, options, summary

OWN_FILE = "sdl.yaml"
PATHS = ("path", "test_path", "unlabeled", "root", "weights", "background", "start_from", "dir", "mlflow")
COLUMNS = (
    "target",
    "group",
    "id",
    "order",
    "image",
    "part",
    "text",
    "label",
    "features",
    "drop",
    "categorical",
    "codes",
    "fill_down",
)
LISTS = ("features", "drop", "categorical", "codes", "fill_down")
WORDS = {  # settings that are free, with values that are said in words
    "device": ("auto", "cpu", "cuda", "mps"),
    "threshold": ("most_probable", "balanced"),
    "parallel.backend": ("processes", "threading", "dask", "ray"),
    "model.weights": ("default", "none"),
}
NOT_SHORT = ("name", "seed", "path")  # settings of a data set that keep their group's name beside a bare path


class Context(NamedTuple):
    """What is known from the words before: the choice of each group, the data's path, whether it was given bare, and values."""

    verb: str
    choices: dict[str, str]
    typed: dict[str, str]
    is_bare: bool
    config_dir: str | None

    @property
    def path(self) -> str:
        return self.typed.get("dataset.path", "")

    def own(self, group: str) -> list[yaml_lines.Setting]:
        """The settings of what is chosen of a group, and of a group without a choice."""
        file = _options(group, self.config_dir).get(self.choices.get(group, ""))
        return [one for one in yaml_lines.read(file).settings if one.key != "name"] if file is not None else []


def of_settings(verb: str, given: Sequence[str], current: str, config_dir: str | None, only_data: bool = False) -> Suggestions:
    """What a word could become in the place of KEY=VALUE.

    Arguments:
        verb: whose settings they are, as its YAML file is called. given: the words before. only_data: others have no effect.
    """
    primary = yaml_lines.read(conf_dir() / f"{verb}.yaml")
    context = _context(verb, primary, given, config_dir)
    key, mark, value = current.partition("=")
    sign = key[: len(key) - len(key.lstrip("+"))]
    if mark:
        return _of_value(context, primary, sign, key[len(sign) :], value)
    keys = [item for item in _keys(context, primary, key, only_data) if item.value.startswith(key)]
    taken = {word.partition("=")[0] for word in given if "=" in word and not is_there(word)}
    items = [item for item in keys if item.value.rstrip("=") not in taken]
    return Suggestions(
        items, files="." not in key.partition("/")[0] and "dataset" not in taken and not context.is_bare or "/" in key
    )


def _context(verb: str, primary: yaml_lines.Lines, given: Sequence[str], config_dir: str | None) -> Context:
    own = {one.key: one.value for one in yaml_lines.read(Path(OWN_FILE)).settings} if Path(OWN_FILE).is_file() else {}
    groups = {group: name for group, name in primary.choices.items() if group in GROUPS}
    if verb == "compare":
        groups |= {"arm": ""}
    pairs = [word.lstrip("+").partition("=") for word in given if "=" in word and not is_there(word)]
    typed = {key: value for key, mark, value in pairs if mark}
    bare = next((word for word in given if is_there(word)), None)
    if any(key.partition(".")[0] == "dataset" for key in typed) or bare is not None:
        own = {key: value for key, value in own.items() if key.partition(".")[0] != "dataset"}
    found = own | typed
    choices = groups | {group: found[group].rpartition(",")[2] for group in GROUPS if group in found}
    if bare is not None:
        try:
            choices["dataset"] = found.get("dataset") or kind_of(typed_path(bare), set(typed))
        except OSError:
            choices["dataset"] = "table"
        found["dataset.path"] = bare
    return Context(verb, choices, found, bare is not None, config_dir)


def _keys(context: Context, primary: yaml_lines.Lines, key: str, only_data: bool) -> Iterator[Item]:
    """Groups and settings; those of a group once its name and a full stop are typed."""
    group, dot, _ = key.partition(".")
    shared = [one for one in primary.settings if not one.key.startswith("hydra")]
    if dot:
        for one in context.own(group):
            yield Item(f"{group}.{one.key}=", _meaning(one), True)
        for one in shared:
            if one.key.startswith(f"{group}."):
                yield Item(f"{one.key}=", _meaning(one), True)
        return
    for name in context.choices:
        if name in GROUPS and name != "arm" and not (only_data and name != "dataset"):
            chosen = context.choices[name]
            if name != "training" or len(_options(name, context.config_dir)) > 1:
                yield Item(f"{name}=", f"now {chosen}" if chosen not in ("", "null") else "none chosen", True)
            if name != "experiment":
                yield Item(f"{name}.", f"settings of {name}={chosen}", True)
    if context.is_bare:
        for one in context.own("dataset"):
            if one.key not in NOT_SHORT:
                yield Item(f"{one.key}=", _meaning(one), True)
    if not only_data:
        inner = dict.fromkeys(one.key.partition(".")[0] for one in shared if "." in one.key)
        for name in inner:
            yield Item(f"{name}.", f"settings of {name}", True)
        for one in shared:
            if "." not in one.key and one.key not in inner:
                yield Item(f"{one.key}=", _meaning(one), True)


def _meaning(one: yaml_lines.Setting) -> str:
    return f"{one.meaning} [{one.value}]" if one.meaning and one.value not in ("", "???") else one.meaning or one.value


def _of_value(context: Context, primary: yaml_lines.Lines, sign: str, key: str, value: str) -> Suggestions:
    """What could follow behind `key=`: in a list or a sweep, in the place of its last entry."""
    start, last = f"{sign}{key}=", value
    is_list = value.startswith("[")
    if is_list or ("," in value and key in GROUPS):
        cut = max(value.rfind("["), value.rfind(",")) + 1
        start, last = start + value[:cut], value[cut:].lstrip(" ")
        start += " " * (len(value) - cut - len(last))
    if context.is_bare and "." not in key and key not in GROUPS and any(one.key == key for one in context.own("dataset")):
        key = f"dataset.{key}" if key not in NOT_SHORT else key
    group, _, name = key.partition(".")
    if key in GROUPS:
        found = [Item(name, summary(file)) for name, file in _options(key, context.config_dir).items()]
    elif key in ("compare.arms", "compare.baseline"):
        found = [Item(name, summary(file)) for name, file in _options("arm", context.config_dir).items()]
        found += [Item("ladder", "every arm of the ladder")] if key == "compare.arms" else []
    elif group == "dataset" and name in COLUMNS and (cells := columns(context.path) if context.path else {}):
        found = [Item(_typed(column, is_list or name in LISTS), example) for column, example in cells.items()]
        if name in LISTS and not is_list:
            start, found = f"{start}[", list(found)
    else:
        return _of_plain(context, primary, key, start, last)
    if is_list:
        there = {entry.strip() for entry in value[1:].split(",")[:-1]}
        found = [item for item in found if item.value not in there]
    whole = [Item(start + item.value, item.help, is_list or start.endswith("[")) for item in found]
    wanted = start if start.endswith("[") and not is_list and value == "" else start + last
    common = f"{sign}{start[len(sign) :].partition('=')[0]}=" if not is_list else start
    return Suggestions(starting(whole, wanted), common=common)


def _of_plain(context: Context, primary: yaml_lines.Lines, key: str, start: str, last: str) -> Suggestions:
    """The words that a setting may have, files for a path, and otherwise its default with its meaning."""
    group, _, name = key.partition(".")
    chosen = {one.key: one for one in context.own(group)} if name else {}
    stated = chosen.get(name) or next((one for one in primary.settings if one.key == key), None)
    meaning = stated.meaning if stated is not None else ""
    is_path = name in PATHS or key == "mlflow"
    words = list(WORDS.get(key, ()))
    if not words and stated is not None:
        in_no_group = not name or group in ("parallel", "curve", "compare")
        words = allowed(group if name else "", "" if in_no_group else context.choices.get(group, ""), name or key)
    if stated is not None and not words and not is_path and stated.value not in ("", "???"):
        words = [stated.value]
    items = [Item(start + word, meaning) for word in words]
    if name in ("weights", "start_from") and last:
        from sdl_cli.cli.completion.run_folders import DONE, run_folders

        items += [Item(start + folder, help) for folder, help in run_folders(last, DONE).items()]
    return Suggestions(starting(items, start + last), files=is_path, common=start)


def _typed(column: str, in_list: bool) -> str:
    """The name of a column as it is typed: in quotes of its own where a comma or a bracket would mean something."""
    plain = not any(letter in column for letter in ",[]{}'\"\\") and column == column.strip()
    if plain and not (in_list and ":" in column):
        return column
    return "'" + column.replace("\\", "\\\\").replace("'", "\\'") + "'" if "'" in column else f"'{column}'"


def _options(group: str, config_dir: str | None) -> dict[str, Path]:
    if group not in GROUPS:
        return {}
    try:
        return options(group, config_dir)
    except SdlError:  # no such --config-dir
        return options(group)
