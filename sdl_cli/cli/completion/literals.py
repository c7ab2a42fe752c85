"""The words that a setting may have, read from the source of its dataclass: nothing is imported for that."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2]
# where the dataclasses of each group stand; the settings of no group are under ""
PLACES = {
    "dataset": ("data/sources/*.py", "data/files/roles.py", "data/files/table_settings.py", "data/images/settings.py"),
    "model": ("learning/models/settings.py", "learning/models/*_settings.py", "learning/models/*/settings.py"),
    "loss": ("learning/losses.py",),
    "augment": ("data/augment/policies.py",),
    "training": ("settings/experiment.py",),
    "reduce": ("settings/experiment.py",),
    "parallel": ("settings/parallel.py",),
    "curve": ("study/curve/settings.py",),
    "compare": ("study/compare/settings.py",),
    "": ("settings/experiment.py",),
}
# names of types that stand for words: in the files of the group, and in those beside
_NAMED = ("data/images/*.py", "data/exports/*.py")
_STRINGS = re.compile(r"\"([^\"]*)\"|'([^']*)'")


def allowed(group: str, choice: str, key: str) -> list[str]:
    """The words that a setting of a choice may have, `true` and `false` for yes or no; empty where it is free."""
    blocks = list(_blocks(group))
    own = [block for block in blocks if re.search(rf"^    name: [^=\n]*= [\"']{re.escape(choice)}[\"']", block, re.MULTILINE)]
    line = re.compile(rf"^    {re.escape(key)}: (.*(?:\n        .*)*)", re.MULTILINE)
    for block in [*own, *_bases(own, blocks), *([] if own else blocks)]:
        found = line.search(block)
        if found is not None:
            return _words(found[1], group)
    return []


def _blocks(group: str) -> Iterator[str]:
    """Each class in the files of a group."""
    for pattern in PLACES.get(group, ()):
        for file in sorted(PACKAGE.glob(pattern)):
            yield from re.split(r"^(?=class )", file.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]


def _bases(own: list[str], blocks: list[str]) -> list[str]:
    """The classes that some classes are made from, the nearest first."""
    found: list[str] = []
    for block in own:
        head = re.match(r"class \w+\(([^)]*)\)", block)
        names = re.findall(r"[A-Z]\w+", head[1]) if head else []
        nearest = [other for name in names for other in blocks if re.match(rf"class {name}\b", other)]
        found += [*nearest, *_bases(nearest, blocks)]
    return found


def _words(hint: str, group: str) -> list[str]:
    hint = re.split(r"\s=\s", hint)[0]
    literal = re.search(r"Literal\[([^\]]*)\]", hint)
    if literal is None and re.match(r"bool\b", hint):
        return ["true", "false"]
    named = re.match(r"[A-Z]\w+", hint)
    if literal is None and named is not None:
        for pattern in (*PLACES[group], *_NAMED):
            for file in sorted(PACKAGE.glob(pattern)):
                meant = re.search(rf"^{named[0]} = Literal\[([^\]]*)\]", file.read_text(encoding="utf-8"), re.MULTILINE)
                if meant is not None:
                    literal = meant
    return [one or other for one, other in _STRINGS.findall(literal[1])] if literal is not None else []
