"""Files that a stranger may have written, as plain values: small, finite and of the types they should be, or None."""

from __future__ import annotations

import json
import os
import stat
from typing import Any

Values = dict[str, Any]
MOST_KEYS, MOST_LETTERS, MOST_ITEMS = 400, 400, 30
_MOST_BYTES = 4 << 20
_MOST_YAML_BYTES = 256 << 10
# libyaml is ten times as quick, and overflows the stack of the process where values are nested tens of thousands deep: what
# could be goes to the loader in Python, which raises RecursionError
_SAFE_DEPTH = 8_000


def read_json(path: str, most_bytes: int = _MOST_BYTES) -> Values | None:
    """The object in a JSON file, or None where there is none that can be read."""
    content = read_bytes(path, most_bytes)
    if content is None:
        return None
    try:
        values = json.loads(content.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError, MemoryError):
        return None
    return values if isinstance(values, dict) else None


def read_yaml(path: str) -> Any:
    """The plain values in a YAML file, or None where there are none that can be read."""
    content = read_bytes(path, _MOST_YAML_BYTES)
    if content is None:
        return None
    import yaml

    # each level takes a bracket, or a column more than the one around it
    deepest = content.count(b"[") + content.count(b"{") + max(map(len, content.splitlines()), default=0)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader) if deepest <= _SAFE_DEPTH else yaml.SafeLoader
    try:
        return yaml.load(content.decode("utf-8", "surrogateescape"), Loader=loader)  # noqa: S506  # both are safe loaders
    except (yaml.YAMLError, ValueError, RecursionError, MemoryError, TypeError, AttributeError):
        return None


def read_bytes(path: str, most_bytes: int) -> bytes | None:
    """A regular file's content; None for a pipe, a device or a folder of that name, and for one that is too large."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError):
        return None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > most_bytes:
            return None
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(most_bytes)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def flat(values: Any) -> Values:
    """Nested settings as full key -> plain value; cut where they are larger than any settings are."""
    found: Values = {}
    left = MOST_KEYS  # steps, not keys: aliases in YAML make a small file endless to walk through

    def add(prefix: str, value: Any, depth: int) -> None:
        nonlocal left
        if isinstance(value, dict) and value and depth < 6:
            for key, inner in value.items():
                left -= 1
                if left < 0:
                    return
                add(f"{prefix}{'.' if prefix else ''}{short_text(key, 80)}", inner, depth + 1)
        elif prefix:
            found[prefix] = _plain(value)

    add("", values if isinstance(values, dict) else {}, 0)
    return found


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, float, int)):
        return value if value is None or isinstance(value, bool) else number(value)
    if isinstance(value, (list, tuple)):
        whole = len(value) <= MOST_ITEMS and not any(isinstance(item, (list, tuple, dict, set)) for item in value)
        return [_plain(item) for item in value] if whole else f"[{len(value):,} values]"
    return "{}" if isinstance(value, (dict, set)) else short_text(value)


def number(value: Any) -> Any:
    """A finite number of a size that a float has, or None."""
    # bool is another type; nan is not within
    return value if type(value) in (float, int) and -1e300 < value < 1e300 else None


def short_text(value: Any, most: int = MOST_LETTERS) -> str:
    """Text of at most `most` letters, of what is a text or a plain value; anything larger is not put into words."""
    text = value if isinstance(value, str) else str(value) if isinstance(value, (bool, float)) else ""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:
        text = str(value)
    return text if len(text) <= most else text[: most - 3] + "..."
