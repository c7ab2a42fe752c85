"""The only place that imports code of a user's own, once it may be."""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from sdl_cli.errors import ConfigError, DataError
from sdl_cli.phrases import typed_line
from sdl_cli.settings.parts import permission
from sdl_cli.settings.parts.sources import Place, digest, find, shown


class OwnCodeError(ConfigError):
    """Code of a user's own that cannot be imported, or refuses its settings."""


_loaded: dict[str, tuple[str, str]] = {}  # by module, its file and what it was when it was imported


def load(choice: str, place: Place) -> Any:
    """The class of a part, imported.

    Arguments:
        choice: for messages, for example `loss=focal`. place: with the digest that its run stored, or today's.
    Raises:
        DataError: a stored run names it, and nobody said --trust. ConfigError: it is not there, or raises on import.
    """
    if not permission.is_allowed(place.target, place.file):
        if permission.is_unnamed(place.target):
            what = f"{choice} is {place.said}, code that would be imported, and this command does not name it."
            raise ConfigError(what, f"If you trust it, say so on the command line: {choice}")
        what = f"This run uses {place.said} ({choice}), and loading it would import that code"
        raise DataError(f"{what}.", "If you trust the source of the run, add --trust.")
    file = place.file if place.file and Path(place.file).is_file() else find(place.target, choice).file
    now = digest(Path(file))
    if place.digest and now != place.digest:
        permission.say(f"{choice}: {shown(file)} has changed since this run was made: results may differ from the stored ones.")
    module, _, name = place.target.rpartition(".")
    permission.say(f"Code that is not part of sdl is imported: {choice} is {place.said}.")
    try:
        found = getattr(_module(module, Path(file), now), name)
    except (Exception, SystemExit) as error:  # importing runs code of others, which raises anything
        what = f"{choice}: importing {place.said} failed: {typed_line(error, 300)}"
        raise OwnCodeError(what, f"Try it alone: python -c 'import {module}'") from error
    if not isinstance(found, type):
        raise OwnCodeError(f"{choice}: {place.said} is no class.", "Name the class itself in _target_.")
    return found


def _module(name: str, file: Path, now: str) -> ModuleType:
    """The module of that name in that file, imported once for each state of its source."""
    known = sys.modules.get(name)
    if known is not None and _place_of(known) == str(file) and _loaded.get(name, (str(file), now)) == (str(file), now):
        return known
    depth = len(name.split(".")) + (file.name == "__init__.py")
    folder = Path(*file.parts[:-depth])
    permission.lend(str(folder))
    importlib.invalidate_caches()
    places, whole = [str(folder)], ""
    for part in name.split("."):
        whole = f"{whole}.{part}" if whole else part
        known = sys.modules.get(whole)
        if whole == name or known is None or _place_of(known) != _expected(folder, whole):
            known = _executed(whole, places)
        places = list(getattr(known, "__path__", []))
    _loaded[name] = str(file), now
    return sys.modules[name]


def _place_of(module: ModuleType) -> str | None:
    return getattr(module, "__file__", None)


def _expected(folder: Path, name: str) -> str:
    return str(folder.joinpath(*name.split("."), "__init__.py"))


def _executed(name: str, places: list[str]) -> ModuleType:
    spec = PathFinder.find_spec(name, places)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"No module named {name!r}")
    before, made = sys.modules.get(name), module_from_spec(spec)
    sys.modules[name] = made
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # kept code is taken for that of a source changed at once
    try:
        spec.loader.exec_module(made)
    except BaseException:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before
        raise
    finally:
        sys.dont_write_bytecode = writes
    return made
