"""The only package that imports hydra: quoting, the conf folder, checking every job first, and errors in our own words.

A job gets plain values and a folder; it never sees hydra or OmegaConf.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from sdl_cli.cli.hydra.composition import (
    VERSION_BASE,
    Check,
    Values,
    compose_checked,
    parse_assignments,
    plain_values,
    reworded,
    search_path,
)
from sdl_cli.cli.hydra.launcher import Composed, Task, register
from sdl_cli.cli.hydra.overrides import name_the_set, quote_override
from sdl_cli.cli.hydra.quoting import quote
from sdl_cli.cli.hydra.sweep import Search, Sweep, prepare
from sdl_cli.settings.yaml_files import conf_dir

__all__ = ["Composed", "Search", "Sweep", "Task", "compose_checked", "name_the_set", "parse_assignments", "quote_override"]
__all__ += ["register", "run", "sweep"]

Job = Callable[[Values, Path, list[str]], None]


def run(
    verb: str, overrides: Sequence[str], job: Job, check: Check, config_dir: str | None = None, flags: Sequence[str] = ()
) -> None:
    """Compose the configuration of `verb` and run `job` once.

    Arguments:
        overrides: as typed; values that hydra could not read are quoted.
        job: called with the composed values, the folder that hydra gave the run, and its overrides.
        check: parses composed values.
        flags: hydra's own (`--cfg job`, `--info all`, ...), handed on.
    Raises:
        ConfigError: an override, group, option or value that does not exist or cannot be read.
        Whatever `job` raises.
    """
    quoted = [quote_override(o) for o in name_the_set(overrides)] + search_path(config_dir, overrides)
    before = _existing_folders(quoted)
    raised: list[BaseException] = []

    def task(cfg: DictConfig) -> None:
        found = HydraConfig.get()
        folder = Path(found.runtime.output_dir)
        try:
            job(plain_values(cfg), folder, list(found.overrides.task))
        except BaseException as error:
            raised.append(error)  # hydra would print a line of its own, and takes OSError for one of its making
            _remove_empty(folder, before)

    arguments = quoted + list(flags)
    try:
        with _own_process(f"sdl {verb}", arguments), reworded(verb, quoted, check):
            _main(verb)(task)()
    except BaseException:
        if not raised:
            raise
    if raised:
        raise raised[0]


def sweep(
    verb: str,
    overrides: Sequence[str],
    begin: Callable[[Sweep], Task],
    check: Check,
    config_dir: str | None = None,
    check_search: Callable[[Search], None] | None = None,
) -> None:
    """Compose the configuration of `verb` once for every combination, or for every trial of a search, and run them.

    Arguments:
        overrides: as typed.
        begin: is told of the sweep before its first job starts, and returns what runs its jobs.
        check: parses composed values; called for every job of a plain grid before the first one starts.
        check_search: raises ConfigError for a search that makes no sense.
    Raises:
        ConfigError: as `run`, before any job starts.
        Whatever the chosen launcher raises; a failed job raises nothing.
    """
    quoted = [quote_override(o, multirun=True) for o in name_the_set(overrides)] + search_path(config_dir, overrides)
    register()
    found = prepare(verb, quoted, check, check_search)
    task = begin(found)
    if found.is_ours:
        task = dataclasses.replace(task, known=found.jobs)
    arguments = [*quoted, f"hydra.sweep.dir={quote(str(found.folder))}", "--multirun"]
    with _own_process(f"sdl {verb}", arguments), reworded(verb, quoted, check, is_composing=False):
        _main(verb)(task)()


def _existing_folders(overrides: Sequence[str]) -> set[Path]:
    """The folders that were there before the run and stay, whatever becomes of it."""
    named = [Path(o.partition("=")[2].strip("'\"")) for o in overrides if o.lstrip("+").startswith("hydra.run.dir=")]
    places = [place for path in [Path("runs/day/run"), *named] for place in (path.absolute(), *path.absolute().parents)]
    return {place for place in (*places, *Path("runs").absolute().glob("*")) if place.is_dir()}


def _remove_empty(folder: Path, keep: set[Path]) -> None:
    """Take back the folders that hydra made for a run that wrote nothing."""
    for place in (folder, *folder.parents):
        if place in keep or place == Path.cwd():
            return
        try:
            place.rmdir()
        except FileNotFoundError:  # the run took it back itself
            continue
        except OSError:
            return


def _main(verb: str) -> Callable[[Callable[[DictConfig], Any]], Callable[[], Any]]:
    made: Callable[[Callable[[DictConfig], Any]], Callable[[], Any]] = hydra.main(
        config_path=str(conf_dir()), config_name=verb, **VERSION_BASE
    )
    return made


@contextlib.contextmanager
def _own_process(program: str, arguments: Sequence[str]) -> Iterator[None]:
    """Let hydra believe that the process is its own: its arguments, and its logging, which are put back afterwards."""
    argv, full = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    loggers = [logging.getLogger(), logging.getLogger("hydra")]
    states = [(logger, logger.level, list(logger.handlers)) for logger in loggers]
    sys.argv = [program, *arguments]
    os.environ["HYDRA_FULL_ERROR"] = "1"  # hydra then raises, and leaves the words to us
    try:
        yield
    finally:
        sys.argv = argv
        os.environ.pop("HYDRA_FULL_ERROR")
        if full is not None:
            os.environ["HYDRA_FULL_ERROR"] = full
        for logger, level, handlers in states:
            logger.setLevel(level)
            logger.handlers[:] = handlers
