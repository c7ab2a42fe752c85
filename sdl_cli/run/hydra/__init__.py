"""The only package that imports hydra: quoting, the conf folder, checking every job first, and errors in our own words.

A job gets plain values and a folder; it never sees hydra or OmegaConf.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import env_override
from omegaconf import DictConfig

from sdl_cli.run.hydra.composition import (
    VERSION_BASE,
    Check,
    compose_checked,
    compose_with_choices,
    initialized,
    parse_assignments,
    plain_values,
    read_choice,
    readable,
    reworded,
)
from sdl_cli.run.hydra.launcher import KNOWN_JOBS, Composed, Task, register
from sdl_cli.run.hydra.overrides import name_the_set, quote_override
from sdl_cli.run.hydra.quoting import quote
from sdl_cli.run.hydra.sweep import Search, Sweep, prepare
from sdl_cli.settings.yaml_files import conf_dir

__all__ = [
    "Composed",
    "Search",
    "Sweep",
    "Task",
    "compose_checked",
    "compose_with_choices",
    "composed",
    "inform",
    "name_the_set",
    "parse_assignments",
]
__all__ += ["quote_override", "read_choice", "register", "swept"]


@contextlib.contextmanager
def composed(verb: str, overrides: Sequence[str], check: Check, config_dir: str | None = None) -> Iterator[Composed]:
    """The composed configuration of `verb` under overrides as typed, and its folder; the job runs in the body.

    Raises ConfigError for an override, group, option or value that does not exist or cannot be read.
    """
    arguments = readable(overrides, config_dir)
    before = _existing_folders(arguments)
    taken: list[Composed] = []

    def take_down(cfg: DictConfig) -> None:
        found = HydraConfig.get()
        variables = dict(found.job.env_set)
        taken.append(Composed(0, plain_values(cfg), Path(found.runtime.output_dir), list(found.overrides.task), variables))

    with _own_process(f"sdl {verb}", arguments):
        try:
            with reworded(verb, arguments, check):
                _run(verb, arguments, take_down)
            with env_override(taken[0].variables):
                yield taken[0]
        except BaseException:
            if taken:
                _remove_empty(taken[0].folder, before)
            raise


def inform(verb: str, overrides: Sequence[str], flags: Sequence[str], check: Check, config_dir: str | None = None) -> None:
    """Let hydra print what it composes or knows; `flags` are its own: `--cfg job`, `--info all`, ..."""
    arguments = readable(overrides, config_dir)

    def no_job(cfg: DictConfig) -> None:
        raise AssertionError("Hydra runs no jobs when asked for information")

    with _own_process(f"sdl {verb}", [*arguments, *flags]), reworded(verb, arguments, check):
        hydra.main(config_path=str(conf_dir()), config_name=verb, **VERSION_BASE)(no_job)()


@contextlib.contextmanager
def swept(
    verb: str,
    overrides: Sequence[str],
    begin: Callable[[Sweep], Task],
    check: Check,
    config_dir: str | None = None,
    check_search: Callable[[Search], None] | None = None,
) -> Iterator[list[Composed]]:
    """Compose the configuration of `verb` once for every combination, or for every trial of a search.

    Arguments:
        begin: called with the sweep before its first job starts; returns what runs the jobs of a search or another launcher.
        check: parses composed values; called for every job of a plain grid before the first one starts.
    Yields:
        the jobs of a plain grid, to be run in the body; none if hydra has run them, because a search chooses its jobs by earlier
        scores, and other launchers run them where they like.
    Raises:
        ConfigError: as `composed`, before any job starts; otherwise what the launcher raises. A failed job raises nothing.
    """
    arguments = readable(overrides, config_dir, multirun=True)
    register()
    found = prepare(verb, arguments, check, check_search)
    task, taken = begin(found), list[Composed]()

    def take_down(composed: list[Composed]) -> list[float | None]:
        taken.extend(composed)
        return [None] * len(composed)

    if found.is_ours:
        task = dataclasses.replace(task, known=found.jobs, launch=take_down if found.search is None else task.launch)
    told = [*arguments, f"hydra.sweep.dir={quote(str(found.folder))}"]
    if found.is_ours and found.jobs is not None:
        told.append(f"hydra.sweeper._target_={KNOWN_JOBS}")
    with _own_process(f"sdl {verb}", [*told, "--multirun"]):
        with reworded(verb, arguments, check, is_composing=False):
            _run(verb, told, task, is_sweep=True)
        with env_override(taken[0].variables if taken else {}):
            yield taken


def _existing_folders(overrides: Sequence[str]) -> set[Path]:
    """Folders that existed before the run and are kept."""
    named = [Path(o.partition("=")[2].strip("'\"")) for o in overrides if o.lstrip("+").startswith("hydra.run.dir=")]
    places = [place for path in [Path("runs/day/run"), *named] for place in (path.absolute(), *path.absolute().parents)]
    return {place for place in (*places, *Path("runs").absolute().glob("*")) if place.is_dir()}


def _remove_empty(folder: Path, keep: set[Path]) -> None:
    """Remove the folders that Hydra made for a run that wrote nothing."""
    for place in (folder, *folder.parents):
        if place in keep or place == Path.cwd():
            return
        try:
            place.rmdir()
        except FileNotFoundError:  # the run removed it itself
            continue
        except OSError:
            return


def _run(verb: str, overrides: Sequence[str], task: Callable[[DictConfig], Any], is_sweep: bool = False) -> None:
    """Let Hydra compose the settings and run `task` once, or once for each job of a sweep.

    What `hydra.main` calls is called directly: it would compose everything twice, first to look up `hydra.mode`.
    """
    with initialized() as own:
        if is_sweep:
            own.multirun(verb, task, [*overrides, "hydra.mode=MULTIRUN"])
        else:
            own.run(verb, task, [*overrides, "hydra.mode=RUN"])


@contextlib.contextmanager
def _own_process(program: str, arguments: Sequence[str]) -> Iterator[None]:
    """Give Hydra its own arguments and logging for a while, then restore them."""
    argv, loggers = sys.argv, [logging.getLogger(), logging.getLogger("hydra")]
    states = [(logger, logger.level, list(logger.handlers)) for logger in loggers]
    sys.argv = [program, *arguments]
    try:
        with env_override({"HYDRA_FULL_ERROR": "1"}):  # Hydra then raises and leaves the message to us
            yield
    finally:
        sys.argv = argv
        for logger, level, handlers in states:
            logger.setLevel(level)
            logger.handlers[:] = handlers
