"""The configuration reference, made from the YAML files (values and meanings) and the dataclasses (types and bounds)."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml

from sdl_cli.run.request import TABLES
from sdl_cli.settings.experiment import DataSettings, Experiment
from sdl_cli.settings.parallel import Parallel
from sdl_cli.settings.parse import _hints, _taken_apart
from sdl_cli.settings.yaml_files import conf_dir, summary
from sdl_cli.study.compare.settings import Compare, Shared
from sdl_cli.study.curve.settings import Curve, CurveExperiment

LINE = re.compile(r"^(?P<indent> *)(?P<key>\w+):(?P<value>[^#]*?)(?:\s+#\s*(?P<meaning>.*))?$")
GROUPS = {
    "dataset": "What is learned from. A path on the command line chooses one for you.",
    "model": "What learns.",
    "loss": "What a network minimises. Other models do not use it, and say so.",
    "augment": "How training rows are changed at random while a network trains.",
    "reduce": "How inputs are made fewer before a model sees them.",
    "training": "How a network is trained.",
}
VERBS: dict[str, tuple[type, Mapping[str, type]]] = {
    "train": (Experiment, {"parallel": Parallel}),
    "curve": (CurveExperiment, {"curve": Curve, "parallel": Parallel}),
    "compare": (Shared, {"compare": Compare, "parallel": Parallel}),
}
COMMON = [field.name for field in dataclasses.fields(DataSettings)]
TYPES = {int: "whole number", float: "number", bool: "true or false", str: "text", dict: "key: value"}
HEAD = ["| setting | default | type | meaning |", "|---|---|---|---|"]


def markdown() -> str:
    """The whole reference: the groups and their choices, then the verbs, arms and experiments."""
    parts: list[str] = []
    for group, what in GROUPS.items():
        parts += [f"## {group}", what]
        if group == "dataset":
            parts += [
                "### Settings that every data set has",
                _table("dataset", DataSettings, _lines(_files("dataset")["wine"]), COMMON),
            ]
        for name, file in _files(group).items():
            parts += _choice(group, name, file)
    for verb, (kind, inner) in VERBS.items():
        parts += _verb(verb, kind, inner)
    for file in sorted(conf_dir().glob("*.yaml")):
        if file.stem not in VERBS:
            parts += _other_verb(file)
    parts += [*_arms(), *_other_groups(), *_experiments()]
    return "\n\n".join(["\n".join(part) if isinstance(part, list) else part for part in parts])


def _files(group: str) -> dict[str, Path]:
    """Name -> file of every choice that comes with sdl."""
    return {file.stem: file for file in sorted((conf_dir() / group).glob("*.yaml"))}


def _choice(group: str, name: str, file: Path) -> list[Any]:
    table = TABLES[group]
    kind = table if isinstance(table, type) else table[name]
    more = [line.lstrip("# ") for line in _head(file)[1:]]
    found = [f"### {group}={name}", _sentence(summary(file)), *([_cell(" ".join(more))] if more else [])]
    fields = [field.name for field in dataclasses.fields(kind) if field.name != "name"]
    lines = _lines(file)
    if group == "dataset":
        fields = [key for key in fields if key not in COMMON]
    elif not set(fields) <= set(lines):  # another set of values, on top of the default ones
        fields = [key for key in fields if key in lines]
        found.append(f"It differs from `{group}=default` in:")
    return [*found, _table(group, kind, lines, fields) if fields else "It has no settings of its own."]


def _verb(verb: str, kind: type, inner: Mapping[str, type]) -> list[Any]:
    file = conf_dir() / f"{verb}.yaml"
    lines = _lines(file)
    what = summary(file).removeprefix(f"sdl {verb}: ")
    found: list[Any] = [f"## sdl {verb}", _sentence(what), _table("", kind, lines, _own(kind, verb))]
    for group, of in inner.items():
        within = {key.partition(".")[2]: value for key, value in lines.items() if key.startswith(f"{group}.")}
        meaning = lines[group][1]
        found += [f"### {group} (sdl {verb})", *([_sentence(meaning)] if meaning else [])]
        found.append(_table(group, of, within, [field.name for field in dataclasses.fields(of)]))
    return found


def _other_verb(file: Path) -> list[Any]:
    """The settings of a verb as its YAML has them."""
    values = yaml.safe_load(file.read_text(encoding="utf-8"))
    flat = {key: value for key, value in values.items() if key not in ("defaults", "hydra") and not isinstance(value, dict)}
    for group, inner in values.items():
        if isinstance(inner, dict) and group != "hydra":
            flat |= {f"{group}.{key}": value for key, value in inner.items()}
    lines = _lines(file)
    rows = [[f"`{key}`", f"`{lines[key][0]}`", TYPES.get(type(value), "any value"), lines[key][1]] for key, value in flat.items()]
    what = summary(file).removeprefix(f"sdl {file.stem}: ")
    return [f"## sdl {file.stem}", _sentence(what), [*HEAD, *map(_row, rows)]]


def _other_groups() -> list[Any]:
    """The choices of groups that no table above describes, with a sentence for each."""
    known = {*GROUPS, "arm", "experiment", "hydra"}
    found: list[Any] = []
    for folder in sorted(place for place in conf_dir().iterdir() if place.is_dir() and place.name not in known):
        rows = [[f"`{name}`", summary(file)] for name, file in _files(folder.name).items()]
        if rows:
            found += [f"## {folder.name}", ["| choice | what |", "|---|---|", *map(_row, rows)]]
    return found


def _own(kind: type, verb: str) -> list[str]:
    """The settings of a verb that stand in no group."""
    groups = {*TABLES, *VERBS[verb][1], *getattr(kind, "HIDDEN", ())}
    return [field.name for field in dataclasses.fields(kind) if field.name not in groups]


def _arms() -> list[Any]:
    rows = []
    for name, file in _files("arm").items():
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
        data = ", ".join(values["modalities"]) + "; " + ", ".join(values["tasks"])
        rows.append([f"`{name}`", summary(file), "yes" if values["ladder"] else "no", data, f"`{' '.join(values['overrides'])}`"])
    rows.sort(key=lambda row: row[0])
    head = ["| arm | method | on the ladder | data | as settings of `sdl train` |", "|---|---|---|---|---|"]
    return [
        "## arm",
        "The methods of `sdl compare`. Those on the ladder are tried when no arms are named.",
        [*head, *map(_row, rows)],
    ]


def _experiments() -> list[Any]:
    rows = []
    for name, file in _files("experiment").items():
        said = dict(re.findall(r"^# (command|expected|device|minutes):\s*(.*)$", file.read_text(encoding="utf-8"), re.MULTILINE))
        rows.append([f"`{name}`", summary(file), said["expected"], said["device"], said["minutes"]])
    head = ["| experiment | what | expected | device | minutes |", "|---|---|---|---|---|"]
    what = "Settings that were measured, each with the result to expect: `sdl train experiment=NAME`."
    return ["## experiment", what, [*head, *map(_row, rows)]]


def _table(group: str, kind: type, lines: Mapping[str, tuple[str, str]], fields: Iterable[str]) -> list[str]:
    hints, rows = _hints(kind), []
    for key in fields:
        value, meaning = lines[key]
        default = "must be given" if value == "???" else f"`{value}`"
        rows.append([f"`{group}.{key}`" if group else f"`{key}`", default, _type(hints[key]), meaning])
    return [*HEAD, *map(_row, rows)]


def _type(hint: Any) -> str:
    """A field's type with its bounds, in words."""
    kind, bounds, optional = _taken_apart(hint)
    listed = get_origin(kind) is tuple
    if not listed:
        try:
            listed = get_origin(_taken_apart(hint, as_list=True)[0]) is tuple  # X | tuple[X, ...]
            either = listed
        except AssertionError:
            either = False
    else:
        either = False
        kind, bounds, _ = _taken_apart(get_args(kind)[0])
    if get_origin(kind) is Literal:
        words = " / ".join(map(str, get_args(kind)))
    else:
        words = TYPES.get(get_origin(kind) or kind, "any value")
        words += f", {bounds}" if bounds else ""
    words = f"{words}, or a list of them" if either else f"list: {words}" if listed else words
    return f"{words}, or null" if optional else words


def _head(file: Path) -> list[str]:
    """The comment lines at the top of a file."""
    found = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        if "@package" not in line:
            found.append(line)
    return found


def _lines(file: Path) -> dict[str, tuple[str, str]]:
    """Of each key in a YAML file, nested ones with a dot: its value as written, and its comment."""
    found, above = {}, ""
    for line in file.read_text(encoding="utf-8").splitlines():
        match = LINE.match(line)
        if match is None:
            continue
        value = match["value"].strip()
        if not match["indent"]:
            above = match["key"]
            found[above] = value, match["meaning"] or ""
        elif len(match["indent"]) == 2:
            found[f"{above}.{match['key']}"] = value, match["meaning"] or ""
    return found


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(text: str) -> str:
    """Text as it is, where Markdown would read signs in it; what stands in backticks stays so."""
    pieces = re.split(r"(`[^`]*`)", text.replace("|", "\\|"))
    return "".join(p if p.startswith("`") else re.sub(r"([<>*_\[\]{}$#])", r"\\\1", p) for p in pieces)


def _sentence(text: str) -> str:
    return _cell(text[:1].upper() + text[1:]) + ("" if text.endswith(".") else ".")
