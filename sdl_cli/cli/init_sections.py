"""The sections of the `sdl.yaml` that `sdl init` writes: each a list of lines, of what was found and what can be chosen."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from sdl_cli.cli import own_file
from sdl_cli.data.files.marks import THOUSANDS
from sdl_cli.errors import SdlError
from sdl_cli.phrases import listed, printable, shortened
from sdl_cli.report import layout
from sdl_cli.run import hydra as bridge
from sdl_cli.run.check.problem import Problem
from sdl_cli.settings import yaml_lines
from sdl_cli.settings.yaml_files import conf_dir, find, summary

Values = dict[str, Any]
# by the kind of data: the choices that suit it, the first of which is written, and others beside it as comments
MODELS = {
    "table": ("baseline", "pretrained_table", "deep_net"),
    "image": ("finetuned_cnn", "deep_net", "baseline"),
    "text": ("baseline", "finetuned_text"),
    "series": ("rocket", "deep_net", "baseline"),
}
SUGGESTED = re.compile(
    r"(?<![\w.'])'?((?:dataset|model|loss|augment|training)\.\w+|threshold|num_repeats)=(\[[^\]]*\]|[^\s'\",;]+)'?"
)
_MOST_COLUMNS, _WIDTH = 40, 110
_NAMES_ROWS = re.compile(r"(^|[_ .-])(id|nr|no|patient|subject|person|site|plot)([_ .-]|$)")
PLAIN = re.compile(r"[A-Za-z_][\w./-]*")
NO_TEXT = ("true", "false", "null", "yes", "no", "on", "off", "y", "n", "none", "nan")


def setting(key: str, value: Any, comment: str) -> str:
    """A line that sets something."""
    text = f"{key}: {as_yaml(value)}"
    return f"{text:<34} # {printable(comment)}" if comment else text


def comment_out(key: str, value: Any, comment: str) -> str:
    """A line that would, without its #."""
    return f"# {setting(key, value, comment)}"


def as_yaml(value: Any) -> str:
    """A value as YAML that is read back as it is."""
    if isinstance(value, str):
        return value if PLAIN.fullmatch(value) and value.lower() not in NO_TEXT else json.dumps(value, ensure_ascii=False)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(as_yaml, value))}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{as_yaml(str(key))}: {as_yaml(item)}" for key, item in value.items()) + "}"
    return own_file.as_text(value)


def of_target(found: Values) -> str:
    """What is predicted, in words."""
    classes = found.get("classes") or {}
    if not classes:
        return "what to predict: a number"
    shown = [f"{shortened(name, 30)} ({count:,})" for name, count in classes.items()]
    return f"what to predict: {len(classes)} classes, {listed(shown, 6, last=', ')}"


def example(key: str, found: Values) -> Any:
    """A column that the setting could name, from what was found of the data; None where it names nothing there."""
    columns = found.get("columns") or []
    if key == "dataset.order":
        return next((one["name"] for one in columns if one.get("kind") == "date"), None)
    if key == "dataset.drop":
        return [columns[0]["name"]] if columns else None
    if key in ("dataset.group", "dataset.id"):
        names = [one["name"] for one in columns if _NAMES_ROWS.search(one["name"].lower()) and one["kind"] != "target"]
        return names[0] if names else columns[0]["name"] if columns else None
    return None


def of_reading(found: Values, settings: Values, meanings: Mapping[str, str]) -> list[str]:
    """How the file was read, as settings that would say so."""
    source = found.get("source") or {}
    read: Values = {}
    for key in ("delimiter", "header", "header_lines", "decimal", "thousands", "sheet"):
        value = source.get(key)
        full = f"dataset.{key}"
        if full in meanings and full not in settings and value not in (None, "", True, 1):
            read[full] = next((word for word, mark in THOUSANDS.items() if mark == value), value) if key == "thousands" else value
    if read.get("dataset.delimiter") == ",":
        del read["dataset.delimiter"]
    if read.get("dataset.decimal") == ".":
        del read["dataset.decimal"]
    notes = [line for note in found.get("notes") or () for line in layout.wrap(printable(note), _WIDTH)]
    lines = ["", "# How the file was read: set what is wrong"] if read or notes else []
    return [*lines, *(f"#   {line}" for line in notes), *(comment_out(key, value, meanings[key]) for key, value in read.items())]


def of_columns(found: Values, settings: Values, meanings: Mapping[str, str]) -> list[str]:
    """The columns, as comments."""
    columns = found.get("columns") or []
    if not columns:
        return []
    lines = ["", "# The columns as sdl read them (kind, missing cells, examples)"]
    width = min(30, max(len(printable(one["name"])) for one in columns))
    for one in columns[:_MOST_COLUMNS]:
        examples = ", ".join(shortened(cell, 20) for cell in (one.get("examples") or ())[:3])
        lines.append(
            f"#   {shortened(one['name'], 30):<{width}}  {one['kind']:<9} {one['missing'] or 0:>5,}  {examples}".rstrip()
        )
    if len(columns) > _MOST_COLUMNS:
        lines.append(f"#   and {len(columns) - _MOST_COLUMNS:,} more: sdl check")
    numbers = [one["name"] for one in columns if one["kind"] == "number"]
    if numbers and "dataset.categorical" in meanings and "dataset.categorical" not in settings:
        lines.append(comment_out("dataset.categorical", numbers[-1:], meanings["dataset.categorical"]))
    return lines


def of_problems(problems: Sequence[Problem], settings: Values) -> list[str]:
    """What sdl check found, with the settings that it advises as comments."""
    if not problems:
        return []
    lines = ["", "# What sdl check found"]
    advised: dict[str, str] = {}
    for problem in problems:
        lines += [
            f"#   {line}"
            for line in layout.wrap(f"{problem.severity}: {printable(problem.what)} {printable(problem.advice)}", _WIDTH)
        ]
        advised |= {key: value for key, value in SUGGESTED.findall(problem.advice) if key not in settings and key not in advised}
    for key, value in advised.items():
        try:
            lines.append(comment_out(key, bridge.parse_assignments([f"{key}={value}"])[key], ""))
        except SdlError:
            continue
    return lines


def of_method(found: Values, settings: Values) -> list[str]:
    """The method, others that suit the kind of data, and repeats."""
    names = MODELS[found["modality"]]
    if not found.get("classes"):
        names = tuple(name for name in names if name not in ("pretrained_table", "finetuned_text"))
    chosen = settings.get("model", names[0])
    lines = ["", "# The method of sdl train and sdl curve; sdl compare tries them all and says which is best"]
    lines.append(setting("model", chosen, summary(find("model", str(chosen)))))
    lines += [setting(key, value, "") for key, value in settings.items() if key.startswith("model.")]
    lines += [comment_out("model", name, summary(find("model", name))) for name in names if name != chosen]
    meanings = {one.key: one.meaning for one in yaml_lines.read(conf_dir() / "train.yaml").settings}
    lines.append(setting("seed", settings.get("seed", 0), meanings["seed"]))
    if "num_repeats" in settings:
        lines.append(setting("num_repeats", settings["num_repeats"], meanings["num_repeats"]))
    else:
        lines.append(comment_out("num_repeats", 10, meanings["num_repeats"]))
    return lines


def of_studies(found: Values, settings: Values) -> list[str]:
    """The settings of sdl compare and sdl curve that are changed most."""
    wanted: dict[str, Values] = {
        "compare": {"minutes": 15, "num_repeats": 10, "metric": "balanced_accuracy"},
        "curve": {"target": 0.95, "num_repeats": 5},
    }
    if not found.get("classes"):
        wanted = {"compare": {"minutes": 15, "num_repeats": 10, "metric": "rmse"}, "curve": {"num_repeats": 5}}
    lines = ["", "# sdl compare and sdl curve"]
    for verb, own in wanted.items():
        meanings = {one.key: one.meaning for one in yaml_lines.read(conf_dir() / f"{verb}.yaml").settings}
        given = {key: value for key, value in settings.items() if key.startswith(f"{verb}.")}
        lines += [setting(key, value, meanings.get(key, "")) for key, value in given.items()]
        lines += [
            comment_out(f"{verb}.{key}", value, meanings[f"{verb}.{key}"])
            for key, value in own.items()
            if f"{verb}.{key}" not in given
        ]
    return lines
