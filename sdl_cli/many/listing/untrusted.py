"""Files that a stranger may have written, as plain values: small, finite and of the expected types, or None."""

from __future__ import annotations

from typing import Any

from sdl_cli.errors import SdlError
from sdl_cli.files import MOST_YAML_BYTES, plain_json, plain_yaml, read_guarded

Values = dict[str, Any]
MOST_KEYS, MOST_LETTERS, MOST_ITEMS = 400, 400, 30
_MOST_BYTES = 4 << 20


def read_json(path: str, most_bytes: int = _MOST_BYTES) -> Values | None:
    """The object in a JSON file, or None where there is none that can be read."""
    content = read_bytes(path, most_bytes)
    try:
        values = None if content is None else plain_json(content)
    except ValueError:
        return None
    return values if isinstance(values, dict) else None


def read_yaml(path: str) -> Any:
    """The plain values in a YAML file, or None where there are none that can be read."""
    content = read_bytes(path, MOST_YAML_BYTES)
    try:
        return None if content is None else plain_yaml(content)
    except ValueError:
        return None


def read_bytes(path: str, most_bytes: int) -> bytes | None:
    """A regular file's content; None for a pipe, a device or a folder of that name, and for one that is too large."""
    try:
        return read_guarded(path, most_bytes)
    except (OSError, SdlError):
        return None


def flat(values: Any) -> Values:
    """Nested settings as full key -> plain value; truncated if larger than any settings."""
    found: Values = {}
    left = MOST_KEYS  # steps, not keys: aliases in YAML make a small file endless to walk through

    def add(prefix: str, inside: Values, depth: int) -> None:
        nonlocal left
        for key, value in inside.items():
            left -= 1
            if left < 0:
                return
            name = prefix + (key if type(key) is str and len(key) <= 80 else short_text(key, 80))
            if isinstance(value, dict) and value and depth < 5:
                add(f"{name}.", value, depth + 1)
            else:
                found[name] = _plain(value)

    if isinstance(values, dict):
        add("", values, 0)
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
