"""Where a program shows how long work goes: below a cell of a notebook, on stderr elsewhere, or nowhere."""

from __future__ import annotations

import importlib
import io
import sys
import time
from typing import Any, TextIO

from sdl_cli.report import layout
from sdl_cli.report.console import Display
from sdl_cli.report.html.section import escape
from sdl_cli.report.progress import Progress

_LEAST_SECONDS = 0.2  # between two movements of a bar


def display_here(verbose: bool = True) -> Display:
    """The display for a program: what it says is no result, so that stdout stays the program's own, but for a notebook."""
    if not verbose:
        silent = Display(json=True)
        silent.out = silent.err = io.StringIO()
        return silent
    display = Display(json=True)
    if in_notebook():
        display.out = display.err = sys.stdout  # a cell shows what stands on stderr in red
        display.progress = NotebookProgress()
    return display


def in_notebook() -> bool:
    """Whether the program is a cell of a notebook; IPython is not imported to find out."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


class NotebookProgress(Progress):
    """One bar at a time, as HTML below a cell that changes in place."""

    def __init__(self) -> None:
        super().__init__()
        self._last_move = 0.0

    def moves(self, stream: TextIO) -> bool:
        """Always."""
        return True

    def show(self, stream: TextIO, name: str, done: int, total: int, text: str, time_left: bool = False) -> None:
        """Move the bar, a new one if the name is another; it goes away once all is done."""
        if self._bar is None or self._name != name:
            self.stop()
            self._bar, self._name, self._last_move = _handle(), name, 0.0
        if time.monotonic() - self._last_move >= _LEAST_SECONDS:
            self._last_move = time.monotonic()
            _update(self._bar, bar(name, done, total, text))
        if done >= total:
            self.stop()

    def stop(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            _update(self._bar, "")
            self._bar = None


def bar(name: str, done: int, total: int, text: str) -> str:
    """A bar as HTML, with what stands beside it."""
    return f'<progress max="{total}" value="{done}"></progress> {escape(name)} {done}/{total} {escape(layout.shown(text))}'


def _shows() -> Any:
    """What shows things in a notebook; typed here as nothing in particular, for it has types in some installations only."""
    return importlib.import_module("IPython.display")


def _handle() -> Any:
    shows = _shows()
    return shows.display(shows.HTML(""), display_id=True)


def _update(handle: Any, content: str) -> None:
    if handle is not None:
        handle.update(_shows().HTML(content))
