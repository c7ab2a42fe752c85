"""The parts of a user's own that can be chosen: YAML with `_target_`, and entry points of installed packages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdl_cli.errors import ConfigError
from sdl_cli.phrases import shortened
from sdl_cli.settings.parts.reading import Description, describe
from sdl_cli.settings.parts.sources import ENTRY_POINTS, EntryPoint, Place, entry_points, find
from sdl_cli.settings.yaml_files import options, user_dirs

_TARGET = "_target_"
GIVEN = {"model": ("input_shape",)}  # arguments that sdl gives, and that are no settings


@dataclass(frozen=True)
class Listed:
    """A part as `sdl list` and `sdl show` tell of it; its code is read, and not run.

    Arguments:
        said: what and where it is, or what is wrong with it. described: None where it cannot be read.
        values: what its YAML sets; empty for an entry point.
    """

    group: str
    name: str
    said: str
    described: Description | None
    values: dict[str, Any]

    @property
    def summary(self) -> str:
        """One line: that of its docstring, and where it lies; or what is wrong."""
        own = "" if self.described is None else self.described.summary.rstrip(".")
        return f"{shortened(own, 200)} [{self.said}]" if own else f"[{self.said}]"


def place_of(target: object, where: str, config_dir: str | None = None, package: str = "") -> Place:
    """Where a part lies, looked for in `--config-dir` too. Raises ConfigError as `sources.find`."""
    return find(target, where, user_dirs(config_dir), package)


def packaged(config_dir: str | None = None, group: str | None = None) -> list[tuple[EntryPoint, Place]]:
    """The parts of installed packages whose names neither sdl nor the user has, and whose source is found."""
    found = []
    for point in entry_points(group):
        if point.name in options(point.group, config_dir):
            continue
        try:
            found.append((point, find(point.target, f"{point.group}={point.name}", (), point.package)))
        except ConfigError:
            continue
    return found


def with_packages(error: ConfigError, group: str, name: str) -> ConfigError:
    """The error for a choice that there is not, with the parts of packages among the names; or why that of one is not taken."""
    points = entry_points(group) if group in ENTRY_POINTS else []
    for point in points:
        if point.name == name:
            try:
                find(point.target, f"{group}={name}", (), point.package)
            except ConfigError as found:
                return found
    names = [point.name for point in points if point.name not in options(group)]
    if not names:
        return error
    from sdl_cli.settings.parse import suggest  # only for errors: `sdl list` is quick

    guess = "" if "Did you mean" in error.message else suggest(name, names)
    return ConfigError(error.message + guess, f"{error.hint.rstrip('.')}, {', '.join(names)}.")


def hidden_points(group: str, config_dir: str | None = None) -> dict[str, EntryPoint]:
    """The entry points of packages that have the name of a file's choice, which is taken instead."""
    found = entry_points(group) if group in ENTRY_POINTS else []
    return {point.name: point for point in found if point.name in options(group, config_dir)}


def values_of(file: Path) -> dict[str, Any] | None:
    """The values of a YAML file that names a class; None of any other, and of one that cannot be read."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    if _TARGET not in text:
        return None
    import yaml  # few files name a class, and `sdl list` is quick

    try:
        values = yaml.safe_load(text)
    except (ValueError, yaml.YAMLError):
        return None
    return values if isinstance(values, dict) else None


def of_file(group: str, name: str, file: Path, config_dir: str | None = None) -> Listed | None:
    """The part that a YAML file names; None where it names none."""
    if group not in ENTRY_POINTS:
        return None
    values = values_of(file)
    if values is None or _TARGET not in values:
        return None
    try:
        place = place_of(values[_TARGET], f"{group}={name}", config_dir)
    except ConfigError as error:
        return Listed(group, name, error.message, None, values)
    return _listed(group, name, place, values)


def of_packages(group: str, config_dir: str | None = None) -> list[Listed]:
    """The parts of installed packages in a group."""
    if group not in ENTRY_POINTS:
        return []
    return [_listed(point.group, point.name, place, {}) for point, place in packaged(config_dir, group)]


def _listed(group: str, name: str, place: Place, values: dict[str, Any]) -> Listed:
    try:
        described = describe(Path(place.file), place.target.rpartition(".")[2], f"{group}={name}")
    except ConfigError as error:
        return Listed(group, name, error.message, None, values)
    return Listed(group, name, place.said, described, values)


def explained(found: Listed) -> str:
    """What `sdl show` says below the YAML of a part: where it lies, its docstring, its settings with types and defaults."""
    lines = [f"# {found.said}"]
    if found.described is None:
        return "\n".join(lines)
    lines[0] += ": read, not run"
    lines += [f"# {line}".rstrip() for line in found.described.doc.strip().splitlines()]
    own = [one for one in found.described.arguments if one.name not in GIVEN.get(found.group, ())]
    for one in own:
        default = repr(one.default) if not one.computed else "what the code computes"
        said = "must be given" if not one.has_default else f"default {default}"
        lines.append(f"# {found.group}.{one.name}: {one.said}{', ' * bool(one.said)}{said}")
    return "\n".join(lines if own else [*lines, "# it has no settings"])
