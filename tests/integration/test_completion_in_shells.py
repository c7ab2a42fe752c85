"""Completion in real shells on a terminal: the Tab key is pressed, and what the program would be given is read."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

START = {"bash": ["bash", "--norc", "--noprofile", "-i"], "zsh": ["zsh", "-f", "-i"], "fish": ["fish", "--no-config", "-i"]}
PATIENCE = 60.0  # seconds until a shell has said what it is waited for


class Terminal:
    """A shell on a terminal of its own; `sdl` is this program."""

    def __init__(self, shell: str, folder: Path) -> None:
        self.shell, self.folder, self.said = shell, folder, ""
        binary = folder / "bin" / "sdl"
        binary.parent.mkdir()
        program = "import sys; sys.argv[0] = 'sdl'; from sdl_cli.__main__ import main; main()"
        binary.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{program}" "$@"\n')
        binary.chmod(0o755)
        environment = {
            **os.environ,
            "PATH": f"{binary.parent}:{os.environ['PATH']}",
            "TERM": "xterm",
            "PS1": "$ ",
            "HOME": str(folder),
        }
        root = Path(__file__).parents[2]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH", "")]))
        asked = {**environment, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
        script = subprocess.run(
            [str(binary), "--show-completion", shell], env=asked, capture_output=True, text=True, check=True
        ).stdout
        (folder / "script").write_text(script)
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            os.chdir(folder)
            os.execvpe(START[shell][0], START[shell], environment)
        setup = {"zsh": "autoload -Uz compinit; compinit -u -D; ", "bash": "bind 'set enable-bracketed-paste off'; "}.get(
            shell, ""
        )
        self.type(f"{setup}source ./script; echo rea''dy\n")
        self.wait("ready")

    def type(self, text: str) -> None:
        os.write(self.terminal, text.encode())

    def wait(self, words: str) -> None:
        """Read until a pattern has been said since the last time."""
        end = time.monotonic() + PATIENCE
        while not re.search(words, self.said):
            assert time.monotonic() < end, f"{self.shell} did not say {words!r}: {self.said[-2000:]!r}"
            if select.select([self.terminal], [], [], 0.1)[0]:
                new = os.read(self.terminal, 65536)
                if b"\x1b[c" in new or b"\x1b[0c" in new:  # fish asks what kind of terminal this is
                    os.write(self.terminal, b"\x1b[?62;c")
                self.said += new.decode(errors="replace")
        self.said = ""

    def completed(self, line: str) -> list[str]:
        """The words that the program would be given once a line is completed by Tab."""
        out = self.folder / "given"
        out.unlink(missing_ok=True)
        self.said = ""
        self.type(f"{line}\t")
        end = time.monotonic() + 8
        quiet = time.monotonic() + 3
        while time.monotonic() < min(end, quiet):  # until nothing more comes
            if select.select([self.terminal], [], [], 0.1)[0]:
                self.said += os.read(self.terminal, 65536).decode(errors="replace")
                quiet = max(quiet, time.monotonic() + 1)
        self.type("\x01printf '%s\\n' \x05 > given; echo do''ne\n")
        self.wait("done")
        return out.read_text().splitlines()

    def end(self) -> None:
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        os.close(self.terminal)


@pytest.fixture(params=sorted(START))
def terminal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Terminal]:
    if shutil.which(START[request.param][0]) is None:
        pytest.skip(f"needs {request.param}, which is not installed here")
    (tmp_path / "my data.csv").write_text("age,blood pressure,out\n61,120,yes\n45,110,no\n")
    found = Terminal(request.param, tmp_path)
    yield found
    found.end()


def test_the_tab_key(terminal: Terminal) -> None:
    for line, expected in (
        ("sdl train dataset=wi", ["sdl", "train", "dataset=wine"]),
        ("sdl train my", ["sdl", "train", "my data.csv"]),
        ("sdl train my\\ data.csv target=bl", ["sdl", "train", "my data.csv", "target=blood pressure"]),
        ("sdl train 'my data.csv' \"target=bl", ["sdl", "train", "my data.csv", "target=blood pressure"]),
        ("sdl train dataset=table dataset.path=my\\ da", ["sdl", "train", "dataset=table", "dataset.path=my data.csv"]),
        ("sdl train model=baseline model.num", ["sdl", "train", "model=baseline", "model.num_trees="]),
        ("sdl pred", ["sdl", "predict"]),
    ):
        assert terminal.completed(line) == expected, (terminal.shell, line)


def test_typers_own_function_for_bash_works_as_well(tmp_path: Path) -> None:
    """Who installed completion before, has it: bash cuts words at `=`, and gets the rest of the last one."""
    script = 'f() { local IFS=$\'\\n\'; COMPREPLY=( $( env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD _SDL_COMPLETE=complete_bash "$PYTHON" -m sdl_cli ) ); }\n'
    script += 'COMP_WORDS=(sdl train model = deep_net model.dep); COMP_CWORD=5; f; printf "%s\\n" "${COMPREPLY[@]}"\n'
    done = subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, "PYTHON": sys.executable},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.splitlines() == ["model.depth=", "model.depth=..."]  # two: no blank is put behind the one
