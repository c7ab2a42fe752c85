"""The code blocks of the pages: found, run in a folder of the page's own, and their outputs compared with what the page shows.

A block is `bash` (commands), `console` (commands after `$`, each with its output), `python`, `yaml`, `json`, `toml`, `csv` or `text`. A
comment on the line above says what else there is to know of it:

    <!-- composed only: REASON -->   commands that are only read and composed
    <!-- file: NAME -->              the block is the content of this file
    <!-- output -->                  text that the block before it prints

`RUN` in a command stands for the folder that was last printed on the page, and a line `...` for any output. Numbers, widths and line
ends of an output may differ.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from sdl_cli.cli import main
from sdl_cli.run import hydra as bridge
from sdl_cli.run.hydra.bare_paths import with_bare_path
from sdl_cli.run.hydra.overrides import first_choice
from sdl_cli.run.request import parse_experiment
from sdl_cli.settings.yaml_files import GROUPS, conf_dir, options
from sdl_cli.study.compare.settings import parse_shared
from sdl_cli.study.curve.settings import parse_curve

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(p for p in (ROOT / "docs").rglob("*.md") if "generators" not in p.parts)]
FENCE = re.compile(
    r"^(?:<!-- (?P<mark>[\w ]+?)(?:: (?P<what>.*?))? -->\n+)?(?P<ticks>```+)(?P<language>.*)\n(?P<text>(?:.*\n)*?)(?P=ticks)$",
    re.MULTILINE,
)
LANGUAGES = {"bash", "console", "python", "yaml", "json", "csv", "toml", "text"}
MARKS = {None, "composed only", "file", "output"}
SHELL = {"ls", "cat", "head", "mkdir", "cp", "cd"}
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
CHECKS: dict[str, Callable[..., Any]] = {
    "train": parse_experiment, "check": parse_experiment, "curve": parse_curve, "compare": parse_shared,
}  # fmt: skip
PROGRESS = re.compile(r"^(\w+: epoch .*|\d[\d,]* of \d[\d,]* (cells|fits|jobs).*)\n", re.MULTILINE)  # where there is no terminal
LAUNCHERS = ("hydra/launcher=", "hydra.launcher.", "+hydra.launcher.", "hydra/sweeper=", "hydra.sweeper.")  # of plugins
CLUSTERS = ("parallel.backend=ray", "parallel.backend=dask")  # like these, they need not be installed
SLURM = frozenset(
    (
        "partition",
        "qos",
        "comment",
        "constraint",
        "exclude",
        "gres",
        "cpus_per_gpu",
        "gpus_per_task",
        "mem_per_gpu",
        "mem_per_cpu",
    )
    + ("account", "signal_delay_s", "max_num_timeout", "additional_parameters", "array_parallelism", "setup", "submitit_folder")
    + ("timeout_min", "cpus_per_task", "gpus_per_node", "tasks_per_node", "mem_gb", "nodes", "name", "stderr_to_stdout")
)  # the settings of hydra-submitit-launcher 1.2.0


@dataclass(frozen=True)
class Block:
    """A block of a page.

    Arguments:
        line: of the page, counted from 1.
        mark, what: of the comment above it, or None.
    """

    page: Path
    line: int
    language: str
    text: str
    mark: str | None
    what: str | None

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """Every block of a page, but for what the generator of the site reads itself (`{toctree}`)."""
    text, found = page.read_text(encoding="utf-8"), []
    for match in FENCE.finditer(text):
        if not match["language"].startswith("{"):
            line = text.count("\n", 0, match.start("ticks")) + 1
            language, mark = match["language"].strip(), match["mark"]
            if not language:  # of an older page: read, and composed where it is a command
                language, mark = guessed(match["text"]), "composed only"
            found.append(Block(page, line, language, match["text"], mark, match["what"]))
    return found


def guessed(text: str) -> str:
    """The language of a block that says none."""
    first = text.partition(" ")[0]
    return "console" if first == "$" else "bash" if first in {"sdl", "pip", "python"} else "text"


def commands(text: str) -> list[str]:
    """The commands of a `bash` block: without comments, lines that end in a backslash joined."""
    joined = re.sub(r"\\\n\s*", "", text)
    return [line.partition("  #")[0].strip() for line in joined.splitlines() if line.strip() and not line.startswith("#")]


def exchanges(text: str) -> Iterator[tuple[str, str]]:
    """The commands of a `console` block, each with the output below it."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        joined = re.sub(r"\\\n\s*", "", part)
        command, _, output = joined.partition("\n")
        yield command, output


@dataclass
class Folder:
    """Where the blocks of one page run, one after the other.

    Arguments:
        path: an empty folder, the working folder of all of them.
    """

    path: Path
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "page"})
    printed: str = ""
    last_run: str = "RUN"

    def run(self, block: Block) -> None:
        """Run a block, or as much of it as its mark says; an AssertionError names what differs."""
        assert block.language in LANGUAGES, f"{block}: a block says one of {sorted(LANGUAGES)}, not {block.language!r}"
        assert block.mark in MARKS, f"{block}: no such mark: {block.mark}"
        if block.mark == "file":
            target = self.path / str(block.what)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, encoding="utf-8")
            for command in commands(block.text) if block.language == "bash" else ():
                if command.startswith("sdl "):
                    compose(command, self.path)
            return
        if block.mark == "output":
            assert_like(self.printed, block.text, block)
        if block.language == "python":
            self._python(block)
        elif block.language == "console":
            for command, output in exchanges(block.text):
                self._command(block, command, output)
        elif block.language == "bash":
            for command in commands(block.text):
                self._command(block, command, None)
        elif block.language == "yaml":
            assert yaml.safe_load(block.text) is not None, block
        elif block.language == "json":
            json.loads(block.text)

    def _python(self, block: Block) -> None:
        code = compile(block.text, str(block), "exec")
        if block.mark != "composed only":
            with printing() as stream:
                exec(code, self.names)
            self.printed = printed(stream)

    def _command(self, block: Block, command: str, expected: str | None) -> None:
        name, _, rest = command.partition(" ")
        if name == "pip":
            for extras in re.findall(r"\[([\w,]+)\]", rest):
                assert set(extras.split(",")) <= set(EXTRAS), f"{block}: {command}"
        elif name == "sdl" and block.mark == "composed only":
            compose(command, self.path)
        elif name == "sdl":
            self._sdl(block, command, expected)
        elif block.mark != "composed only":
            assert name in SHELL, f"{block}: {command}: mark it as composed only"
            done = subprocess.run(
                command.replace("RUN", self.last_run), shell=True, cwd=self.path, capture_output=True, text=True
            )
            assert done.returncode == 0, f"{block}: {command}: {done.stderr}"
            if expected is not None:
                assert_like(done.stdout, expected, block)

    def _sdl(self, block: Block, command: str, expected: str | None) -> None:
        code, text = call([self.last_run if word == "RUN" else word for word in shlex.split(command)[1:]])
        text = text.replace(f"{self.path}/", "")
        is_error = expected is not None and re.search(r"^(error |check .*do not trust)", expected, re.MULTILINE) is not None
        assert (code != 0) == is_error, f"{block}: {command} ended with {code}:\n{text}"
        if expected is not None:
            assert_like(text, expected, block)
        self.last_run = (re.findall(r"^(?:run|sweep) +(\S+)$", text, re.MULTILINE) or [self.last_run])[-1]
        self.printed = text


@contextlib.contextmanager
def printing() -> Iterator[io.TextIOWrapper]:
    """Both streams into one, in the order of what is written."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
        yield stream


def printed(stream: io.TextIOWrapper) -> str:
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue().decode()


def call(arguments: list[str]) -> tuple[int, str]:
    """`sdl` in this process: its exit code, and both of its outputs in the order of their lines."""
    before, sys.argv = sys.argv, ["sdl", *arguments]
    try:
        with printing() as stream, pytest.raises(SystemExit) as stop:
            main.main()
    finally:
        sys.argv = before
    return int(stop.value.code or 0), printed(stream)


def assert_like(found: str, shown: str, block: Block) -> None:
    """The output is what the page shows, but for numbers, spaces, progress and what a line `...` leaves out."""
    pieces = [re.escape(skeleton(piece)) for piece in re.split(r"^\.\.\.$", shown, flags=re.MULTILINE)]
    text = skeleton(PROGRESS.sub("", found))
    assert re.fullmatch(" ?.*? ?".join(pieces), text), f"{block} shows\n{shown}\nbut there is\n{found}"


def skeleton(text: str) -> str:
    masked = re.sub(r"[-+]?\d(?:[\d,.:]*\d)?(?:e[-+]?\d+)?", "#", text.replace("threads", "thread"))
    joined = " ".join(re.sub(r"#(?:[-_]#)+", "#", masked).split())
    return re.sub(r"\btime # seconds?(?: \([^)]*\))?", "time # seconds", joined)  # phases of no length are left out


def compose(command: str, folder: Path) -> None:
    """A command as far as nothing runs: its verb and options are read, and its settings composed and checked."""
    _, verb, *rest = shlex.split(command)
    if verb.startswith("-"):
        assert verb in ("--version", "--help", "--install-completion"), command
        return
    group = typer.main.get_command(main.app)
    verbs = group.commands  # type: ignore[attr-defined]
    assert verb in verbs, f"{command}: there is no such verb"
    known = {option for parameter in verbs[verb].params for option in parameter.opts}
    if not rest or rest == ["--help"] or (len(rest) == 1 and rest[0] in known):  # in a sentence, an option alone
        return
    context = verbs[verb].make_context(verb, list(rest), resilient_parsing=False)
    given = context.params.get("overrides") or []
    if verb in CHECKS and not context.params.get("resume"):
        for word in given:
            if "=" not in word or word.endswith(".safetensors"):
                _invent(folder, word.rpartition("=")[2])
            launcher = re.match(r"\+?hydra\.launcher\.(\w+)", word)
            assert launcher is None or launcher[1] in SLURM, f"{command}: {word}"
        absent = LAUNCHERS if find_spec("submitit") is None else ("hydra/sweeper=", "hydra.sweeper.")
        settings = [word for word in with_bare_path(list(given))[0] if not word.startswith((*absent, *CLUSTERS))]
        if context.params.get("multirun"):
            settings = [first_choice(bridge.quote_override(word, True)) for word in settings]
        assert CHECKS[verb](bridge.compose_checked("train" if verb == "check" else verb, settings, CHECKS[verb]))
    elif verb == "list" and rest:
        assert rest[0] in GROUPS, command
    elif verb == "show" and not (conf_dir() / f"{rest[0]}.yaml").is_file():
        name, _, choice = rest[0].partition("=")
        assert name in GROUPS and (not choice or choice in options(name)), command


def _invent(folder: Path, word: str) -> None:
    """A file or folder of this name, where a command needs one to say what kind of data it is."""
    path = folder / word
    if word.startswith(("/", "~")) or path.exists():
        return
    if path.suffix:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("age,outcome\n50,yes\n", encoding="utf-8")
    else:
        (path / "cat").mkdir(parents=True)
