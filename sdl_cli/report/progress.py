"""How far long work is: a bar on a terminal, and elsewhere a plain line now and then."""

from __future__ import annotations

import time
from typing import Any, TextIO

from sdl_cli.report import layout

PLAIN_SECONDS = 10.0  # least time between two lines where there is no terminal


class Progress:
    """One bar at a time, or plain lines where the stream is no terminal."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._name = ""
        self._last_line = -PLAIN_SECONDS

    @property
    def is_shown(self) -> bool:
        """Whether a bar stands in the terminal."""
        return self._bar is not None

    def moves(self, stream: TextIO) -> bool:
        """Whether a bar can move there; elsewhere `line` says how far it is."""
        return stream.isatty()

    def show(self, stream: TextIO, name: str, done: int, total: int, text: str, time_left: bool = False) -> None:
        """Move the bar, a new one if the name is another; it goes away once all is done, and may estimate the time left."""
        if self._bar is None or self._name != name:
            self.stop()
            self._bar, self._name = _bar(stream, time_left), name
            self._bar.start()
            self._bar.add_task(name, total=total, text="")
        self._bar.update(self._bar.task_ids[0], completed=done, text=layout.shown(text))
        if done >= total:
            self.stop()

    def line(self, stream: TextIO, text: str, at_once: bool = False) -> None:
        """A plain line, unless another one was printed a moment ago."""
        if at_once or time.monotonic() - self._last_line >= PLAIN_SECONDS:
            self._last_line = time.monotonic()
            layout.say(text, stream, flush=True)

    def stop(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _bar(stream: TextIO, time_left: bool) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.completed}/{task.total}"),
        TextColumn("{task.fields[text]}"),
        *([TimeRemainingColumn()] if time_left else []),
    )
    return Progress(*columns, console=Console(file=stream, highlight=False), transient=True)
