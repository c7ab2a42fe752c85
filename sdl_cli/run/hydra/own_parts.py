"""Parts that a user wrote, as choices that hydra can compose: each with its name, its marks and all of its settings.

Hydra reads YAML files, so the completed ones lie in a temporary folder that it looks into before the user's own.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from sdl_cli.errors import ConfigError
from sdl_cli.files import write_atomic
from sdl_cli.run.request import TABLES
from sdl_cli.settings.parts import choices
from sdl_cli.settings.parts.own import TARGET, completed
from sdl_cli.settings.parts.sources import ENTRY_POINTS
from sdl_cli.settings.yaml_files import GROUPS, check_own_name, options

_NAMED = re.compile(rf"(?<![\w.])\+*({'|'.join(GROUPS)})=\[?([\w.,\- ]+)")
_folder: tempfile.TemporaryDirectory[str] | None = None


def named_choices(overrides: Iterable[str]) -> list[tuple[str, str]]:
    """Group and name of every choice that these overrides name, also inside an arm's text."""
    found = [match for text in overrides for match in _NAMED.findall(text)]
    return list(dict.fromkeys((group, name.strip()) for group, names in found for name in names.split(",") if name.strip()))


def folder_for(overrides: Sequence[str], config_dir: str | None) -> Path | None:
    """A folder with the completed YAML of the user's own parts, and of those of packages that these overrides may name.

    None where there are no such parts. Raises ConfigError for a choice of the user's that has the name of one of sdl's own.
    """
    asked = named_choices(overrides)
    for group, name in asked:
        check_own_name(group, name, config_dir)
    files: dict[str, dict[str, Any]] = {}
    for group in ENTRY_POINTS:
        for name, file in options(group, config_dir, ours=False).items():
            values = _values(file)
            if values is not None:
                files[f"{group}/{name}.yaml"] = _completed(group, name, values, config_dir)
    if any(group in ENTRY_POINTS and name not in options(group, config_dir) for group, name in asked) or _may_name_any(asked):
        for point, place in choices.packaged(config_dir):
            files[f"{point.group}/{point.name}.yaml"] = completed(point.group, point.name, {}, place, TABLES[point.group].own)
    return _written(files) if files else None


def _may_name_any(asked: Sequence[tuple[str, str]]) -> bool:
    return any(group in ("experiment", "arm") for group, _ in asked)


def _completed(group: str, name: str, values: dict[str, Any], config_dir: str | None) -> dict[str, Any]:
    """The values with all that the source of the part says; where it is not found, whoever parses them says so."""
    try:
        place = choices.place_of(values[TARGET], f"{group}={name}", config_dir)
    except ConfigError:
        return {**values, "name": name}
    return completed(group, name, values, place, TABLES[group].own)


def _values(file: Path) -> dict[str, Any] | None:
    """The values of a part's YAML that stands by itself; None of any other, which hydra composes as it is."""
    try:
        text = file.read_text(encoding="utf-8")
        if TARGET not in text or "defaults:" in text or "@package" in text:
            return None
        values = yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError):
        return None
    return values if isinstance(values, dict) and isinstance(values.get(TARGET), str) else None


def _written(files: dict[str, dict[str, Any]]) -> Path:
    """The folder of these files, which lives as long as this process."""
    global _folder
    if _folder is None:
        _folder = tempfile.TemporaryDirectory(prefix="sdl-parts-")
    texts = {name: yaml.safe_dump(_plain(values), sort_keys=False, allow_unicode=True) for name, values in sorted(files.items())}
    root = Path(_folder.name, hashlib.sha256(repr(texts).encode()).hexdigest()[:16])
    for name, text in texts.items():
        if not (root / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            write_atomic(root / name, text)
    return root


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
