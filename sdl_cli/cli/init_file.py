"""`sdl init`: look at data and write a commented `sdl.yaml` for it."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sdl_cli import __version__
from sdl_cli.cli import own_file
from sdl_cli.cli.init_sections import (
    NO_TEXT,
    PLAIN,
    comment_out,
    example,
    of_columns,
    of_method,
    of_problems,
    of_reading,
    of_studies,
    of_target,
    setting,
)
from sdl_cli.cli.own_file import NAME
from sdl_cli.data.files.roles import NoTargetError
from sdl_cli.errors import ConfigError
from sdl_cli.files import write_atomic, write_new
from sdl_cli.phrases import listed, printable, shortened
from sdl_cli.report import layout, words
from sdl_cli.report.console import Display
from sdl_cli.run import hydra as bridge
from sdl_cli.run import prepare
from sdl_cli.run.check import data as checking
from sdl_cli.run.check.problem import Problem
from sdl_cli.run.request import parse_experiment
from sdl_cli.settings import yaml_lines
from sdl_cli.settings.yaml_files import GROUPS, find, summary

Values = dict[str, Any]
_OFFERED = re.compile(r"(?:# )?((?:[a-z_]+\.\w+)|threshold|num_repeats|seed|model): ")


def write(typed: Sequence[str], config_dir: str | None, force: bool, may_ask: bool, display: Display) -> Values:
    """Look at the data and write the file.

    Arguments:
        typed: the data and settings in full: they are written as they are.
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
    text = "\n".join(_lines(settings, found, problems, guess)) + "\n"
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
    from sdl_cli.run.hydra.quoting import quote

    return name if PLAIN.fullmatch(name) and name.lower() not in NO_TEXT else quote(name)


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


def _lines(settings: Values, found: Values, problems: Sequence[Problem], guess: str) -> list[str]:
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
                of_target(found)
                if key == "dataset.target"
                else ""
                if key in ("dataset", "dataset.path")
                else meanings.get(key, "")
            )
            lines.append(setting(key, value, f"{told}{f' ({guess})' if guess and key == 'dataset.target' else ''}"))
    unset = [
        key for key in ("dataset.group", "dataset.id", "dataset.order", "dataset.drop") if key in meanings and key not in settings
    ]
    advice = " ".join(problem.advice for problem in problems)
    unset = [key for key in unset if f"{key}=" not in advice]  # it comes below
    lines += [comment_out(key, named, meanings[key]) for key in unset if (named := example(key, found)) is not None]
    lines += of_reading(found, settings, meanings)
    lines += of_columns(found, settings, meanings)
    lines += of_problems(problems, settings)
    lines += of_method(found, settings)
    lines += of_studies(found, settings)
    others = [key for key in settings if key.partition(".")[0] in GROUPS and key.partition(".")[0] not in ("dataset", "model")]
    more = [key for key in settings if key.partition(".")[0] not in (*GROUPS, "curve", "compare")]
    lines = _once(lines)
    written = "\n".join(lines)
    left = [key for key in [*others, *more] if not re.search(rf"^{re.escape(key)}:", written, re.MULTILINE)]
    return [*lines, *(["", "# As you said", *(setting(key, settings[key], "") for key in left)] if left else [])]


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
