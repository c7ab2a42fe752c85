"""Settings under names that they had before: they are still read, and whoever typed one hears of the new name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sdl_cli.errors import ConfigError

Values = Mapping[str, Any]
MOVED = {"model.unlabeled": "dataset.unlabeled"}  # old full key -> new one


def with_new_names(values: Values) -> Values:
    """Plain values with each setting under its new name. Raises ConfigError where it is given under both, and differs."""
    for old, new in MOVED.items():
        (group, key), (to, name) = old.split("."), new.split(".")
        own, other = values.get(group), values.get(to)
        if not isinstance(own, Mapping) or not isinstance(other, Mapping) or key not in own:
            continue
        given, there = own[key], other.get(name)
        if given is not None and there not in (None, given):
            raise ConfigError(f"{old} and {new} are both set, and differ.", f"Set {new} alone: it is the new name.")
        kept = {k: value for k, value in own.items() if k != key}
        values = {**values, group: kept, to: {**other, name: there if given is None else given}}
    return values


def renamed(overrides: Sequence[str]) -> list[str]:
    """Overrides as typed, `key=value`, each under its new name."""
    found = [override.partition("=") for override in overrides]
    return ["".join((MOVED.get(key, key), mark, value)) for key, mark, value in found]


def sentences(values: Values, overrides: Sequence[str] = ()) -> list[str]:
    """One for each setting that these plain values or overrides have under its old name."""
    typed = {override.partition("=")[0] for override in overrides}
    used = [old for old in MOVED if old in typed or _value(values, old) is not None]
    return [f"{old} is called {MOVED[old]} now, and is read as that." for old in used]


def _value(values: Values, key: str) -> Any:
    group, _, name = key.partition(".")
    own = values.get(group)
    return own.get(name) if isinstance(own, Mapping) else None
