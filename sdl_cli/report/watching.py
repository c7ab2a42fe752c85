"""What is called as a run, a curve or a comparison goes, so that a display shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sdl_cli.run.train import Observer

if TYPE_CHECKING:
    from sdl_cli.report.console import Display
    from sdl_cli.study.plan import StudyObserver


def observe_run(display: Display) -> Observer:
    """The observer of a run that shows it on a display."""
    return Observer(display.start, display.epoch, display.notice, display.runtime, display.repeat, display.folder)


def observe_curve(display: Display) -> StudyObserver:
    """The same of a learning curve."""
    from sdl_cli.study.plan import StudyObserver

    return StudyObserver(display.curve_start, display.curve_progress, display.notice)


def observe_comparison(display: Display) -> StudyObserver:
    """The same of a comparison."""
    from sdl_cli.study.plan import StudyObserver

    return StudyObserver(display.compare_start, display.compare_progress, display.notice)
