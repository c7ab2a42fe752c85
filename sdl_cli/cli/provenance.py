"""`sdl config`: every setting of a command as it would run here, and the file, line or word that sets it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sdl_cli.cli.own_file import NAME, Used, as_text
from sdl_cli.cli.verbs import VERBS
from sdl_cli.errors import SdlError
from sdl_cli.files import cache_folder
from sdl_cli.run import hydra as bridge
from sdl_cli.settings import yaml_lines
from sdl_cli.settings.yaml_files import GROUPS, USER_FOLDER, conf_dir, find, user_dirs

Values = dict[str, Any]
COMMAND, OWN, YOURS, SDL = "command line", NAME, USER_FOLDER, "sdl"
SECRET = ("SDL_SERVE_TOKEN", "HF_TOKEN", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
ENVIRONMENT = {  # variables that change what sdl does -> what for
    "SDL_CACHE": "where caches lie",
    "XDG_CACHE_HOME": "where caches lie, without SDL_CACHE",
    "SDL_SERVE_TOKEN": "the token of sdl serve",
    "TORCH_HOME": "where weights of torchvision lie",
    "HF_HOME": "where data sets and weights of the Hugging Face Hub lie",
    "HF_HUB_OFFLINE": "nothing is fetched from the Hub",
    "HF_TOKEN": "who you are on the Hub",
    "CUDA_VISIBLE_DEVICES": "the GPUs that may be used",
    "OMP_NUM_THREADS": "threads of one fit, where num_threads is null",
    "MLFLOW_EXPERIMENT_NAME": "the experiment of mlflow=...",
    "MLFLOW_TRACKING_TOKEN": "who you are on the MLflow server",
    "RAY_ADDRESS": "the cluster of parallel.backend=ray",
    "NO_COLOR": "no colours",
    "COLUMNS": "the width of what is printed",
}


@dataclass(frozen=True)
class Setting:
    """One setting: its full key, its value, what set it (`command line`, `sdl.yaml`, `sdl_conf` or `sdl`), and where."""

    key: str
    value: Any
    source: str
    where: str

    @property
    def is_yours(self) -> bool:
        return self.source != SDL


def settings(verb: str, given: Used, config_dir: str | None) -> list[Setting]:
    """Every setting of a command under the settings of its folder and of its command line.

    Raises ConfigError: settings that are wrong.
    """
    name = "train" if verb == "check" else verb
    with given.blamed():
        values, choices = bridge.compose_with_choices(name, given.overrides, VERBS[name]().check, config_dir)
    typed = {o.lstrip("+~").partition("=")[0] for o in given.overrides[len(given.own) :]}
    files = _Files(name, choices, config_dir)
    found = []
    for group in [group for group in choices if group in GROUPS]:
        if group != "experiment" or choices[group] != "null":
            found.append(_setting(group, choices[group], typed, given, files))
    for key, value in _flat(values):
        group, _, last = key.partition(".")
        if not (last == "name" and group in GROUPS):
            found.append(_setting(key, value, typed, given, files))
    order = [*(group for group in GROUPS if group in choices), ""]
    return sorted(found, key=lambda one: order.index(first) if (first := one.key.partition(".")[0]) in order else len(order))


def _setting(key: str, value: Any, typed: set[str], given: Used, files: _Files) -> Setting:
    for part in _itself_and_above(key):
        if part in typed:
            return Setting(key, value, COMMAND, "the command line")
        if part in given.own and (part == key or part not in GROUPS):
            return Setting(key, value, OWN, given.place(part))
    source, where = files.of(key)
    return Setting(key, value, source, where)


def _itself_and_above(key: str) -> list[str]:
    """A key, and those of the objects that it stands in; the group's own name picks a choice and sets nothing else."""
    parts = key.split(".")
    return [".".join(parts[:n]) for n in range(len(parts), 1 if len(parts) > 1 else 0, -1)]


class _Files:
    """The files that a configuration is composed of, and the lines on which their settings stand."""

    def __init__(self, verb: str, choices: Mapping[str, str], config_dir: str | None) -> None:
        self.choices, self.config_dir = choices, config_dir
        self.primary = conf_dir() / f"{verb}.yaml"
        chosen = choices.get("experiment", "null")
        self.experiment = None if chosen == "null" else find("experiment", chosen, config_dir)

    def of(self, key: str) -> tuple[str, str]:
        """What set a setting, and where: the experiment's file before the choice's, and that before the verb's."""
        group, _, last = key.partition(".")
        for file, own in self._candidates(group, last or key, key):
            line = _line_of(file, own)
            if line is not None:
                return (SDL if file.is_relative_to(conf_dir()) else YOURS), f"{_shown(file)}, line {line}"
        return SDL, "sdl itself"

    def _candidates(self, group: str, last: str, key: str) -> Iterator[tuple[Path, str]]:
        if self.experiment is not None:
            yield self.experiment, key
        if group in self.choices and key != group:
            yield from ((file, last) for file in self._with_bases(group, self.choices[group], 0))
        yield self.primary, key

    def _with_bases(self, group: str, name: str, depth: int) -> Iterator[Path]:
        """The file of a choice, and those of the choices of its group that it begins with."""
        try:
            file = find(group, name, self.config_dir)
        except SdlError:
            return
        yield file
        text = file.read_text(encoding="utf-8", errors="replace")
        head = re.match(r"(?:#[^\n]*\n|\s*\n)*defaults:\n((?:\s*-[^\n]*\n)+)", text)
        for base in re.findall(r"^\s*-\s*([\w.-]+)\s*$", head[1], re.MULTILINE) if head and depth < 5 else ():
            if base != "_self_":
                yield from self._with_bases(group, base, depth + 1)


def _line_of(file: Path, key: str) -> int | None:
    found = yaml_lines.read(file)
    line = next((one.line for one in found.settings if one.key == key or one.key.startswith(f"{key}.")), None)
    if line is None and key in found.choices:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        pattern = re.compile(rf"\s*- (?:override /)?{re.escape(key)}:")
        line = next((number for number, text in enumerate(lines, 1) if pattern.match(text)), None)
    return line


def _shown(file: Path) -> str:
    if file.is_relative_to(conf_dir()):
        return f"conf/{file.relative_to(conf_dir()).as_posix()}"
    here = Path.cwd()
    return file.relative_to(here).as_posix() if file.is_relative_to(here) else str(file)


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        full = f"{before}{key}"
        if isinstance(value, Mapping) and value and full not in ("model.params", "dataset.monotone"):
            yield from _flat(value, f"{full}.")
        else:
            yield full, value


def environment() -> dict[str, str]:
    """The variables that are set and change what sdl does; secrets are only said to be set."""
    return {name: "(set)" if name in SECRET else os.environ[name] for name in ENVIRONMENT if os.environ.get(name)}


def files_here(given: Used, config_dir: str | None) -> dict[str, str]:
    """The files of the user that have a say here, and what they hold."""
    found = {}
    if Path(NAME).is_file():
        used = len(given.own)
        found[NAME] = f"{used} of its settings used" if used else "none of its settings used"
    for folder in user_dirs(config_dir):
        own = sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*.yaml"))
        name = folder.name if folder.parent == Path.cwd() else str(folder)
        found[f"{name}/"] = ", ".join(own[:8]) + (", ..." if len(own) > 8 else "") if own else "no choices"
    return found


def to_json(verb: str, found: Sequence[Setting], given: Used, config_dir: str | None) -> Values:
    """The object of `sdl config --json`."""
    return {
        "verb": verb,
        "items": [asdict(one) for one in found],
        "files": files_here(given, config_dir),
        "environment": environment(),
    }


def lines(verb: str, found: Sequence[Setting], given: Used, config_dir: str | None, everything: bool) -> list[str]:
    """What is printed: the settings that are the user's, or all of them, where each comes from, files and variables."""
    from sdl_cli.report.layout import labelled, table

    yours = [one for one in found if one.is_yours]
    shown = found if everything else yours
    said = [*labelled("verb", f"sdl {verb}, as it would run in {Path.cwd()}")]
    for file, what in files_here(given, config_dir).items():
        said += labelled("file", f"{file}: {what}")
    for name, value in environment().items():
        said += labelled("env", f"{name}={value} ({ENVIRONMENT[name]})")
    said += labelled("cache", str(cache_folder("").absolute()))
    if shown:
        rows = [("setting", "value", "from"), *((one.key, as_text(one.value), one.where) for one in shown)]
        said += ["", *table(rows), ""]
    rest = len(found) - len(yours)
    if not everything:
        what = "Every setting is" if not yours else f"The other {rest} settings are"
        said.append(f"{what} sdl's own. To see them: sdl config {verb if verb != 'train' else ''} --all".replace("  ", " "))
    return said
