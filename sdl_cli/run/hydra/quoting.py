"""Values that must reach hydra as they were typed, whatever is in them: paths above all."""

from __future__ import annotations

import re

from sdl_cli.files import is_there, typed_path

# settings whose values are paths: always taken literally, so that no character in them means anything to hydra
PATH_KEYS = frozenset({"path", "test_path", "root", "weights", "unlabeled", "background", "start_from", "data", "dir"})
NO_PATHS = ("", "null", "none", "default")
_SWEEP_WORDS = ("choice(", "range(", "interval(", "glob(", "shuffle(", "sort(", "tag(", "extend_list(", "[", "{")


def is_literal_path(key: str, value: str, multirun: bool) -> bool:
    """The value is a path, or in a multirun a list of paths; quoted text and hydra's own sweeps are not, unless they exist."""
    if key.rpartition(".")[2] not in PATH_KEYS or value in NO_PATHS:
        return False
    is_quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "'\""
    is_written_sweep = multirun and value.startswith(_SWEEP_WORDS)
    return not (is_quoted or is_written_sweep) or is_there(value)


def quote(value: str) -> str:
    """A value in hydra's single quotes; inside them only quotes, and backslashes before a quote, are escaped."""
    escaped = re.sub(r"(\\*)'", lambda m: m[1] * 2 + r"\'", value)
    escaped = re.sub(r"(\\+)$", lambda m: m[1] * 2, escaped)
    return f"'{escaped}'"


def quote_list(value: str) -> str:
    """A list `[a,b (c)]` with each of its elements in hydra's quotes, unless it is quoted already."""
    elements = [element.strip() for element in value[1:-1].split(",")]
    return "[" + ",".join(e if len(e) > 1 and e[0] == e[-1] and e[0] in "'\"" else quote(e) for e in elements) + "]"


def quote_path(value: str) -> str:
    """A path in hydra's quotes: a leading `~` expanded, and `${` escaped where it stands in a name that exists."""
    whole = str(typed_path(value)) if value.startswith("~") else value
    if "${" in whole and is_there(whole):  # a real name, no interpolation
        whole = re.sub(r"(\\*)\$\{", lambda m: m[1] * 2 + r"\${", whole)
    return quote(whole)


def quote_paths(value: str) -> str:
    """`a, b (c)` as a list `[...]` of paths in hydra's quotes, unless they are quoted already."""
    elements = [element.strip() for element in split_paths(value)]
    return "[" + ",".join(e if len(e) > 1 and e[0] == e[-1] and e[0] in "'\"" else quote_path(e) for e in elements) + "]"


def split_paths(value: str) -> list[str]:
    """The paths in a comma-separated list; neighbours stay together where together they exist, for commas stand in names too."""
    pieces, paths = value.split(","), []
    while pieces:
        num = next((n for n in range(len(pieces), 1, -1) if is_there(",".join(pieces[:n]))), 1)
        paths.append(",".join(pieces[:num]))
        del pieces[:num]
    return paths
