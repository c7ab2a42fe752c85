"""The settings in a YAML file by its lines alone: quick, and able to say something of a file that is broken further down."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from sdl_cli.errors import SdlError
from sdl_cli.files import MOST_YAML_BYTES, read_guarded

_LINE = re.compile(r"^( *)([\w./-]+):(?: +(.*?))?(?:\s+#\s*(.*))?$")
_CHOICE = re.compile(r"^  - (?:override /)?([\w/]+): *([\w.-]+)")


class Setting(NamedTuple):
    """One setting of a file: its key, its value as written, its comment, and its line, counted from 1."""

    key: str
    value: str
    meaning: str
    line: int


class Lines(NamedTuple):
    """What the lines of a file say: the choice of each group in its `defaults`, and its settings in their order."""

    choices: dict[str, str]
    settings: list[Setting]


def read(file: Path) -> Lines:
    """The settings of a YAML file, those of inner groups by their full keys; none of a file that cannot be read."""
    try:
        text = read_guarded(file, MOST_YAML_BYTES).decode("utf-8", "replace")
    except (OSError, SdlError):
        return Lines({}, [])
    choices: dict[str, str] = {}
    settings: list[Setting] = []
    outer: list[tuple[int, str]] = []
    in_defaults = False
    for number, line in enumerate(text.splitlines(), 1):
        chosen = _CHOICE.match(line)
        if in_defaults and chosen is not None:
            choices[chosen[1]] = chosen[2]
            continue
        found = _LINE.match(line)
        if found is None or line.lstrip().startswith("#"):
            continue
        indent, key, value = len(found[1]), found[2], (found[3] or "").strip()
        outer = [(place, name) for place, name in outer if place < indent]
        in_defaults = key == "defaults" and not indent
        if in_defaults:
            continue
        full = ".".join([*(name for _, name in outer), key])
        if not value or value.startswith("#"):
            outer.append((indent, key))
            if not value.startswith("#") and not found[4]:
                continue
            value, meaning = "", found[4] or value.lstrip("# ")
        else:
            meaning = found[4] or ""
        settings.append(Setting(full, value.strip("'\"") if value[:1] in "'\"" else value, meaning, number))
    return Lines(choices, settings)
