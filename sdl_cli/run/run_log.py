"""A run folder's `run.log`, of good runs too: the command, what was said as it went, the score and the seconds."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path

from sdl_cli import __version__
from sdl_cli.errors import SdlError
from sdl_cli.files import read_guarded, write_atomic
from sdl_cli.phrases import printable

NAME = "run.log"
_MOST_BYTES = 4 << 20  # of an earlier log that is kept when a run is resumed
_LABEL = 8
_TOLD: ContextVar[tuple[str, ...]] = ContextVar("told", default=())
_TYPED: ContextVar[tuple[str, ...]] = ContextVar("typed", default=())


def typed(words: Sequence[str]) -> None:
    """Let the logs of what is run next begin with this command line, and with nothing that was told for another."""
    if tuple(words) != _TYPED.get():
        _TOLD.set(())
    _TYPED.set(tuple(words))


def tell(sentence: str) -> None:
    """Let the log of what is run next begin with a sentence: what was said before there was a run."""
    _TOLD.set((*_TOLD.get(), sentence))


class RunLog:
    """The lines of a log, each with its time of day; they begin with the command line."""

    def __init__(self) -> None:
        program, *words = _TYPED.get() or sys.argv
        command = shlex.join([*Path(program).name.split(), *words])
        begun = time.strftime("%Y-%m-%d %H:%M:%S %z")
        self._lines = [f"{begun}  sdl {__version__}, Python {sys.version.split()[0]}", f"command {printable(command)}"]
        self._before = ""
        self._noted: set[str] = set()
        for sentence in _TOLD.get():
            self.add("note", sentence)

    def add(self, label: str, text: object) -> None:
        """One line: what it is about (at most 7 letters), and what is said; a note once, however often it is said."""
        if label == "note":
            if str(text) in self._noted:
                return
            self._noted.add(str(text))
        self._lines.append(f"{time.strftime('%H:%M:%S')} {label:<{_LABEL}}{printable(text)}")

    def heard(self, notice: Callable[[str], None]) -> Callable[[str], None]:
        """A function that takes notices, notes them here and hands them on."""

        def note_and_say(sentence: str) -> None:
            self.add("note", sentence)
            notice(sentence)

        return note_and_say

    def seconds(self, phases: Mapping[str, float]) -> None:
        """How long the phases took, and all of it."""
        parts = ", ".join(f"{name} {value:.1f}" for name, value in phases.items() if name != "total" and value is not None)
        self.add("seconds", f"{phases['total']:.1f}{f' ({parts})' if parts else ''}")

    def follow(self, folder: Path) -> None:
        """Stand behind what an earlier part of a resumed run has logged."""
        try:
            self._before = read_guarded(folder / NAME, _MOST_BYTES, within=folder).decode("utf-8", "replace").rstrip() + "\n\n"
        except (OSError, SdlError):
            self._before = ""

    def write(self, folder: Path, more: str = "") -> None:
        """Write the log, `more` (a traceback) behind it. Raises DataError as `write_atomic`."""
        write_atomic(folder / NAME, self._before + "\n".join(self._lines) + "\n" + more)
