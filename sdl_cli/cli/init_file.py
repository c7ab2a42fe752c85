"""`sdl init`: look at data and write a commented `sdl.yaml` for it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sdl_cli import __version__
from sdl_cli.cli import hydra as bridge
from sdl_cli.cli import own_file
from sdl_cli.cli.own_file import NAME
from sdl_cli.data.files.marks import THOUSANDS
from sdl_cli.data.files.roles import NoTargetError
from sdl_cli.errors import ConfigError, SdlError
from sdl_cli.files import write_atomic, write_new
from sdl_cli.phrases import listed, printable, shortened
from sdl_cli.report import layout, words
from sdl_cli.report.console import Display
from sdl_cli.run import prepare
from sdl_cli.run.check import data as checking
from sdl_cli.run.check.problem import Problem
from sdl_cli.run.request import parse_experiment
from sdl_cli.settings import yaml_lines
from sdl_cli.settings.yaml_files import GROUPS, conf_dir, find, summary

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
_OFFERED = re.compile(r"(?:# )?((?:[a-z_]+\.\w+)|threshold|num_repeats|seed|model): ")
_PLAIN = re.compile(r"[A-Za-z_][\w./-]*")
_NO_TEXT = ("true", "false", "null", "yes", "no", "on", "off", "y", "n", "none", "nan")


def write(
    typed: Sequence[str], own: Sequence[str], config_dir: str | None, force: bool, may_ask: bool, display: Display
) -> Values:
    """Look at the data and write the file.

    Arguments:
        typed: the data and settings of it in full. own: what was typed beside the file: it is written as it is.
        force: replace a file that is there. may_ask: a person sits at the terminal.
    Returns `{"out", "settings", "problems"}`.
    Raises ConfigError: the file is there, or the column to predict is neither given nor clear. Whatever reading the data raises.
    """
    file = Path(NAME)
    if file.exists() and not force:
        raise ConfigError(f"{NAME}: this file is there already.", "To replace it, add --force; or move it away.")
    overrides, guess = list(typed), ""
    try:
        problems, found = _looked_at(overrides, config_dir)
    except NoTargetError as error:
        target, guess = _target(error, may_ask)
        overrides.append(f"dataset.target={_quoted(target)}")
        problems, found = _looked_at(overrides, config_dir)
    settings = _plain(overrides)
    text = "\n".join(_lines(settings, found, problems, guess, own)) + "\n"
    own_file.read_text(text)  # it must be read back as it was meant
    if force:
        write_atomic(file, text)
    elif not write_new(file, text):
        raise ConfigError(f"{NAME}: this file is there already.", "To replace it, add --force; or move it away.")
    display.lines([f"{NAME} written for {printable(settings['dataset.path'])}: {_rows(found)}{guess and f'; {guess}'}."])
    for problem in problems:
        if problem.severity in ("refusal", "leak", "warning"):
            display.notice(f"{problem.what} {problem.advice}".strip())
    display.lines(["Next: sdl check, sdl train, sdl compare; sdl config shows what is set here."])
    return {"out": NAME, "settings": settings, "problems": [problem.to_json() for problem in problems]}


def _looked_at(overrides: Sequence[str], config_dir: str | None) -> tuple[list[Problem], Values]:
    """What sdl check finds, and what the data set is; with how its file was read, and the notes on that."""
    of_data = [o for o in overrides if o.lstrip("+").partition(".")[0] not in ("curve", "compare")]
    values = bridge.compose_checked("train", of_data, parse_experiment, config_dir)
    problems, found = checking.check(values)
    experiment = parse_experiment(values)
    if hasattr(experiment.dataset, "on_error"):
        return list(problems), found
    dataset = prepare.load_dataset(experiment)[0]
    return list(problems), {**found, "source": dict(dataset.source), "notes": list(dataset.notes)}


def _target(error: NoTargetError, may_ask: bool) -> tuple[str, str]:
    """The column to predict, and how it was found: its name says so, or a person does."""
    if len(error.likely) == 1:
        return error.likely[0], f"{shortened(error.likely[0])} is taken to be what to predict, by its name"
    if not may_ask:
        raise ConfigError(error.message, error.hint.replace("Add dataset.target=", "Add target=", 1)) from error
    layout.say(f"Columns: {listed([shortened(name, 40) for name in error.names], 40, last=', ')}", sys.stderr)
    for _ in range(3):
        layout.say("Which column is to be predicted? ", sys.stderr, flush=True)
        answer = sys.stdin.readline()
        if not answer:
            break
        if answer.strip() in error.names:
            return answer.strip(), ""
        layout.say(f"There is no column {shortened(answer.strip())}.", sys.stderr)
    raise error


def _quoted(name: str) -> str:
    from sdl_cli.cli.hydra.quoting import quote

    return name if _PLAIN.fullmatch(name) and name.lower() not in _NO_TEXT else quote(name)


def _plain(overrides: Sequence[str]) -> dict[str, Any]:
    """Overrides as full key -> plain value, in the order in which they are written."""
    found: dict[str, Any] = {}
    for override in overrides:
        key, _, value = override.lstrip("+").partition("=")
        is_text = key in GROUPS or key == "dataset.path"
        found[key] = value if is_text else bridge.parse_assignments([override])[key]
    first = [key for key in ("dataset", "dataset.path", "dataset.target") if key in found]
    return {key: found[key] for key in [*first, *(key for key in found if key not in first)]}


def _rows(found: Mapping[str, Any]) -> str:
    return f"{found['rows']:,} {words.examples(found['modality'], found['shape'])}"


def _lines(settings: Values, found: Values, problems: Sequence[Problem], guess: str, own: Sequence[str]) -> list[str]:
    """The file, a section after the other."""
    lines = [
        f"# {NAME}: what sdl train, curve, compare and check use in this folder. The command line goes before it.",
        f"# Written by sdl {__version__} for {printable(settings['dataset.path'])}: {_rows(found)}.",
        "# Change what you like; take away the # before a setting to use it. What is set: sdl config",
        "",
        f"# The data ({summary(find('dataset', settings['dataset']))})",
    ]
    meanings = {f"dataset.{one.key}": one.meaning for one in yaml_lines.read(find("dataset", settings["dataset"])).settings}
    for key, value in settings.items():
        if key.partition(".")[0] == "dataset":
            told = (
                _of_target(found)
                if key == "dataset.target"
                else ""
                if key in ("dataset", "dataset.path")
                else meanings.get(key, "")
            )
            lines.append(_setting(key, value, f"{told}{f' ({guess})' if guess and key == 'dataset.target' else ''}"))
    unset = [
        key for key in ("dataset.group", "dataset.id", "dataset.order", "dataset.drop") if key in meanings and key not in settings
    ]
    advice = " ".join(problem.advice for problem in problems)
    unset = [key for key in unset if f"{key}=" not in advice]  # it comes below
    lines += [_comment_out(key, example, meanings[key]) for key in unset if (example := _example(key, found)) is not None]
    lines += _of_reading(found, settings, meanings)
    lines += _of_columns(found, settings, meanings)
    lines += _of_problems(problems, settings)
    lines += _of_method(found, settings)
    lines += _of_studies(found, settings)
    others = [key for key in settings if key.partition(".")[0] in GROUPS and key.partition(".")[0] not in ("dataset", "model")]
    more = [key for key in settings if key.partition(".")[0] not in (*GROUPS, "curve", "compare")]
    lines = _once(lines)
    written = "\n".join(lines)
    left = [key for key in [*others, *more] if not re.search(rf"^{re.escape(key)}:", written, re.MULTILINE)]
    return [*lines, *(["", "# As you said", *(_setting(key, settings[key], "") for key in left)] if left else [])]


def _once(lines: Sequence[str]) -> list[str]:
    """The lines without a setting that is offered a second time; of methods there are several to choose from."""
    kept: list[str] = []
    seen: set[str] = set()
    for line in lines:
        found = _OFFERED.match(line)
        if found is not None and found[1] != "model" and found[1] in seen:
            continue
        seen |= {found[1]} if found is not None else set()
        kept.append(line)
    return kept


def _setting(key: str, value: Any, comment: str) -> str:
    text = f"{key}: {_yaml(value)}"
    return f"{text:<34} # {printable(comment)}" if comment else text


def _comment_out(key: str, value: Any, comment: str) -> str:
    return f"# {_setting(key, value, comment)}"


def _yaml(value: Any) -> str:
    """A value as YAML that is read back as it is."""
    if isinstance(value, str):
        return value if _PLAIN.fullmatch(value) and value.lower() not in _NO_TEXT else json.dumps(value, ensure_ascii=False)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_yaml, value))}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_yaml(str(key))}: {_yaml(item)}" for key, item in value.items()) + "}"
    return own_file.as_text(value)


def _of_target(found: Values) -> str:
    classes = found.get("classes") or {}
    if not classes:
        return "what to predict: a number"
    shown = [f"{shortened(name, 30)} ({count:,})" for name, count in classes.items()]
    return f"what to predict: {len(classes)} classes, {listed(shown, 6, last=', ')}"


def _example(key: str, found: Values) -> Any:
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


def _of_reading(found: Values, settings: Values, meanings: Mapping[str, str]) -> list[str]:
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
    return [*lines, *(f"#   {line}" for line in notes), *(_comment_out(key, value, meanings[key]) for key, value in read.items())]


def _of_columns(found: Values, settings: Values, meanings: Mapping[str, str]) -> list[str]:
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
        lines.append(_comment_out("dataset.categorical", numbers[-1:], meanings["dataset.categorical"]))
    return lines


def _of_problems(problems: Sequence[Problem], settings: Values) -> list[str]:
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
            lines.append(_comment_out(key, bridge.parse_assignments([f"{key}={value}"])[key], ""))
        except SdlError:
            continue
    return lines


def _of_method(found: Values, settings: Values) -> list[str]:
    names = MODELS[found["modality"]]
    if not found.get("classes"):
        names = tuple(name for name in names if name not in ("pretrained_table", "finetuned_text"))
    chosen = settings.get("model", names[0])
    lines = ["", "# The method of sdl train and sdl curve; sdl compare tries them all and says which is best"]
    lines.append(_setting("model", chosen, summary(find("model", str(chosen)))))
    lines += [_setting(key, value, "") for key, value in settings.items() if key.startswith("model.")]
    lines += [_comment_out("model", name, summary(find("model", name))) for name in names if name != chosen]
    meanings = {one.key: one.meaning for one in yaml_lines.read(conf_dir() / "train.yaml").settings}
    lines.append(_setting("seed", settings.get("seed", 0), meanings["seed"]))
    if "num_repeats" in settings:
        lines.append(_setting("num_repeats", settings["num_repeats"], meanings["num_repeats"]))
    else:
        lines.append(_comment_out("num_repeats", 10, meanings["num_repeats"]))
    return lines


def _of_studies(found: Values, settings: Values) -> list[str]:
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
        lines += [_setting(key, value, meanings.get(key, "")) for key, value in given.items()]
        lines += [
            _comment_out(f"{verb}.{key}", value, meanings[f"{verb}.{key}"])
            for key, value in own.items()
            if f"{verb}.{key}" not in given
        ]
    return lines
