"""Frozen dataclasses as the JSON objects that hold them, and back."""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, TypeVar, Union, get_args, get_origin, get_type_hints

Kind = TypeVar("Kind")


def to_json(value: Any) -> Any:
    """Fields as keys, all the way down; paths as text, and numbers that are not finite as None."""
    if hasattr(value, "to_json"):
        return value.to_json()
    if dataclasses.is_dataclass(value):
        return fields_to_json(value)
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def fields_to_json(value: Any) -> dict[str, Any]:
    """The same of a dataclass whose own `to_json` begins with it."""
    return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}


class Json:
    """A dataclass that is written and read by these functions: numbers that are not finite are None in JSON, and nan again."""

    def to_json(self) -> dict[str, Any]:
        return fields_to_json(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        return from_json(cls, values)


def from_json(kind: type[Kind], values: Mapping[str, Any]) -> Kind:
    """The dataclass that such an object holds. A missing key takes the field's default; unknown keys are ignored.

    Raises KeyError, TypeError or ValueError if a key without default is missing, or a value is of another kind.
    """
    hints, found = get_type_hints(kind), {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        if field.name in values:
            found[field.name] = _typed(hints[field.name], values[field.name])
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise KeyError(field.name)
    return kind(**found)


def _typed(hint: Any, value: Any) -> Any:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return None if value is None else _typed(next(part for part in inner if part is not type(None)), value)
    if hint is float:
        return math.nan if value is None else value
    if origin is tuple:
        return tuple(_typed(inner[0], item) for item in value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {key: _typed(inner[1], item) for key, item in value.items()}
    if hasattr(hint, "from_json"):
        return hint.from_json(value)
    if dataclasses.is_dataclass(hint):
        return from_json(hint, value)  # type: ignore[arg-type]
    return Path(value) if hint is Path else value
