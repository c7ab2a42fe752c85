"""Less or more than the usual: -q prints the result alone, -v also what was set, each epoch and each part that is done."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from sdl_cli.report import words
from sdl_cli.report.console import Display

Values = dict[str, Any]


def display_of(json: bool, quiet: bool = False, verbose: bool = False) -> Display:
    """Where a verb prints: with --json to stderr; quiet and verbose as of -q and -v."""
    return Quiet(json) if quiet else Verbose(json) if verbose else Display(json)


class Quiet(Display):
    """The result and what failed, and nothing else."""

    def start(self, overview: Values) -> None: ...

    def runtime(self, values: Values | None) -> None: ...

    def epoch(self, row: Values) -> None: ...

    def notice(self, sentence: str) -> None: ...

    def repeat(self, number: int, total: int, values: Values) -> None: ...

    def job(self, number: int, total: int | None, overrides: Any) -> None: ...

    def job_done(self, values: Values) -> None: ...

    def curve_start(self, overview: Values) -> None: ...

    def curve_progress(self, progress: Any) -> None: ...

    def compare_start(self, overview: Values) -> None: ...

    def compare_progress(self, progress: Any) -> None: ...

    def claims_start(self, overview: Values) -> None: ...

    def claims_job(self, name: str, job: Any, number: int, total: int) -> None: ...

    def claim(self, result: Any) -> None: ...


class Verbose(Display):
    """A line for each step, with the time since the start; no bar."""

    def __init__(self, json: bool = False) -> None:
        super().__init__(json)
        self._begun = time.monotonic()

    def detail(self, label: str, text: str) -> None:
        self._field(label, text, stream=self.err)

    def folder(self, folder: Path) -> None:
        self.detail("run", f"begins in {folder}")

    def epoch(self, row: Values) -> None:
        self._step(f"{row['phase']}: {row.get('unit', 'epoch')} {row['epoch']}/{row['epochs']}  {words.epoch_text(row)}")

    def claims_progress(self, progress: Any) -> None:
        self._cell(progress, progress.part, f"{progress.part}, repeat {progress.repeat + 1}", "fits of this study")

    def _cell(self, progress: Any, named: str, running: str, unit: str) -> None:
        outcome = progress.outcome
        state = "was done" if outcome.was_done else "failed" if outcome.error is not None else "done"
        self._step(f"{progress.done} of {progress.total} {unit}: {running} {state}")
        if outcome.error is not None:
            super()._cell(progress, named, running, unit)

    def _step(self, text: str) -> None:
        self.detail(f"{time.monotonic() - self._begun:.1f}s", text)
