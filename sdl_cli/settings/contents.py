"""What the JSON files of a run folder hold, so that whoever reads one knows what is in it, whoever wrote it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from sdl_cli.errors import DataError

Spec = Any


class Maybe(NamedTuple):
    """That, or null."""

    inner: Spec


class Each(NamedTuple):
    """An object whose values are all like that, whatever their keys."""

    inner: Spec


class Number:
    """A number that a float holds; true and false are none."""


class Plain:
    """Texts, numbers, yes or no, null, and lists and objects of these, a few levels deep."""


class Between(NamedTuple):
    """A whole number within these bounds."""

    low: int
    high: int


MEASURED = {"value": Maybe(Number), "low?": Maybe(Number), "high?": Maybe(Number), "n?": Maybe(Number)}
SCORES = Each(MEASURED)
REDUCTION = {
    "method": {"pca", "select"},
    "kept": Between(1, 2**31),
    "of": Between(1, 2**31),
    "columns?": [str],
    "scores?": [Maybe(Number)],
    "variance_fraction?": Number,
}
GENERATED = {
    "generated": Number,
    "real": Number,
    "ratio": Maybe(Number),
    "least_ratio": Maybe(Number),
    "least_class": Maybe(Between(0, 2**31)),
    "num_images": Between(1, 2**31),
}
METRICS = {
    "config": Each(Plain),
    "metrics": {"test": SCORES, "validation?": SCORES},
    "baseline?": Maybe({"name": str, "test": SCORES}),
    "lift?": Maybe({"metric": str, "value": Number, "low": Maybe(Number), "high": Maybe(Number), "measurable": bool}),
    "majority?": Maybe({"test": SCORES}),
    "seconds": Each(Maybe(Number)),
    "rows?": Each(Between(0, 2**53)),
    "runtime?": Maybe(Each(Plain)),
    "notes?": [str],
    "repeats?": Between(0, 2**31),
    "reduction?": Maybe(REDUCTION),
    "generated?": Maybe(GENERATED),
}
ENVIRONMENT = {
    "versions?": Each(str),
    "platform?": str,
    "git_commit?": Maybe(str),
    "data_fingerprint?": Maybe(str),
    "command_line?": [str],
    "data?": Each(Plain),  # what `data.split.described` says of it
    "runtime?": Maybe(Each(Plain)),
    "pretrained?": [{"architecture": str, "weights": str, "digest": str}],  # what each network began with
    "parts?": [Each(str)],  # of the user's own, with the digest of their source
    "seconds?": Each(Maybe(Number)),
}
STATUS = {"state": str, "reason?": str, "files?": Each(str)}
COLUMN = {"name": str, "kind": str, "levels": [str], "parts": [str], "format": str}
INPUTS = {
    "modality": {"image", "table", "text", "series"},
    "shape": [Between(0, 2**31)],
    "classes": [str],
    "features?": [str],
    "columns?": [COLUMN],
    "ranges?": [Maybe([Number])],
    "source?": Each(Plain),
    "decision?": Maybe([Number]),
    "class_sets?": [Between(0, 2**31)],
    "size_px?": Maybe(Between(1, 20_000)),
    "channels?": {"rgb", "grey", "all"},
    "interpolation?": {"nearest", "bilinear", "bicubic"},
}
_MOST_DEPTH = 8


def checked(values: dict[str, Any], spec: Spec, file: Path) -> dict[str, Any]:
    """`values` as they are, where they are like `spec`.

    Arguments:
        spec: a type; Number, Plain, Maybe, Each or Between; a set of allowed words; a list of one spec; or a dict of specs by
            key, of which those that end in `?` may be absent. Keys that it does not name may hold anything.
    Raises:
        DataError: names the first key that holds something else.
    """
    wrong = _first_wrong(values, spec, "")
    if wrong is not None:
        raise DataError(f"{file}: {wrong or 'it'} is not what a run keeps there.", "Restore the file, or train again.")
    return values


def state_of(status: dict[str, Any]) -> str:
    """The state in a `status.json`; before there was `interrupted`, such a run was called failed."""
    state = str(status["state"])
    return "interrupted" if state == "failed" and status.get("reason") == "interrupted" else state


def _first_wrong(value: Any, spec: Spec, where: str) -> str | None:
    """The full key of the first value that is unlike its spec, or None."""
    if isinstance(spec, Maybe):
        return None if value is None else _first_wrong(value, spec.inner, where)
    if not isinstance(spec, (Each, list, dict)):
        return None if _is(value, spec) else where
    fits = isinstance(value, list if isinstance(spec, list) else dict)
    if not fits:
        return where
    inner: Iterable[tuple[Any, Spec, str]]
    if isinstance(spec, list):
        inner = ((item, spec[0], f"{where}[{k}]") for k, item in enumerate(value))
    elif isinstance(spec, Each):
        inner = ((item, spec.inner, _below(where, key)) for key, item in value.items())
    else:
        names = {key.removesuffix("?"): key for key in spec}
        needed = [name for name, key in names.items() if name in value or name == key]
        missing: set[str] = set()  # of allowed words: nothing is one
        inner = [(value.get(n), spec[names[n]] if n in value else missing, _below(where, n)) for n in needed]
    return next((wrong for each in inner if (wrong := _first_wrong(*each)) is not None), None)


def _is(value: Any, spec: Spec) -> bool:
    if isinstance(spec, Between):
        return type(value) is int and spec.low <= value <= spec.high
    if isinstance(spec, set):
        return isinstance(value, str) and value in spec
    if spec is Number:
        return type(value) in (int, float) and -1e300 < value < 1e300
    if spec is Plain:
        return _is_plain(value, 0)
    return type(value) is spec


def _is_plain(value: Any, depth: int) -> bool:
    if isinstance(value, (list, dict)):
        items = value.values() if isinstance(value, dict) else value
        return depth < _MOST_DEPTH and all(_is_plain(item, depth + 1) for item in items)
    return value is None or isinstance(value, (str, bool)) or (isinstance(value, (int, float)) and -1e300 < value < 1e300)


def _below(where: str, key: Any) -> str:
    return f"{where}{'.' if where else ''}{str(key)[:80]}"
