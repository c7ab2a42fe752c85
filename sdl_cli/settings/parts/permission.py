"""Whether code of a user's own may be imported: where this command names it, or with --trust."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Key = tuple[str, str]


@dataclass
class _State:
    """What may be imported in this process: targets with their files, or whatever a stored run names.

    `typed` are the choices that this command names itself, group and name, or None where nobody said which; `unnamed` are targets
    that its folder named instead. `lent` are the folders of the user's that stand in `sys.path` meanwhile.
    """

    named: set[Key] = field(default_factory=set)
    trusts_all: bool = False
    typed: frozenset[Key] | None = None
    unnamed: set[str] = field(default_factory=set)
    listeners: list[Callable[[str], None]] = field(default_factory=list)
    said: set[str] = field(default_factory=set)
    lent: list[str] = field(default_factory=list)


_state = _State()


def reset() -> None:
    """Forget everything: a new command begins."""
    global _state
    sys.path[:] = [place for place in sys.path if place not in _state.lent]
    _state = _State()


def allow(target: str, file: str) -> None:
    """This command names the class `target` in `file`, so it may be imported."""
    _state.named.add((target, file))


def names(typed: Iterable[str]) -> None:
    """Let only those parts be imported that a command names in these words: `loss=focal`, or an arm of the user's that has them.

    What else the folder holds (`sdl.yaml`, arms that stand on the ladder, claims) names nothing by itself.
    """
    words, found = list(typed), set[Key]()
    for word in words:
        for key, value in _CHOICE.findall(word):
            found |= {(key, one) for one in value.split(",")}
        if word.lstrip("+").startswith(("compare.arms=", "compare.baseline=")):
            found |= {("arm", one) for one in _NAME.findall(word.partition("=")[2])}
        if words[0] == "claims" and (word.startswith("claims.names=") or "=" not in word):
            found |= {("claim", one) for one in _NAME.findall(word.partition("=")[2] or word)}
    _state.typed = frozenset(found)


_CHOICE = re.compile(r"""(\w+)=["']?([\w.,-]+)""")
_NAME = re.compile(r"[\w.-]+")
_LEADING = ("arm", "experiment", "claim")  # groups whose choices may choose others


def is_typed(group: str, name: str, ours: Callable[[str, str], bool]) -> bool:
    """Whether this command names that choice, or one of the user's own that may lead to it; `ours` tells sdl's own choices."""
    typed = _state.typed
    return typed is None or (group, name) in typed or any(key in _LEADING and not ours(key, one) for key, one in typed)


def is_path_typed(key: str, path: str, ours: Callable[[str, str], bool]) -> bool:
    """Whether this command names an import path, the value of a setting, or a choice of the user's own that may hold it."""
    typed = _state.typed
    return (
        typed is None or (key, path) in typed or any(one in (*_LEADING, "model") and not ours(one, name) for one, name in typed)
    )


def leave_out(target: str) -> None:
    """Note a class that this command does not name itself."""
    _state.unnamed.add(target)


def is_unnamed(target: str) -> bool:
    """Whether a class was composed that this command does not name."""
    return target in _state.unnamed


@contextlib.contextmanager
def during(notice: Callable[[str], None], trust: bool = False, typed: Iterable[str] = ()) -> Iterator[None]:
    """A command of its own: begun with what it names and trusts, and forgotten at its end."""
    reset()
    begin(notice, trust)
    names(typed)
    try:
        yield
    finally:
        reset()


def lend(folder: str) -> None:
    """Let the user's modules find each other, behind everything installed: none can take the place of one of ours."""
    if folder not in sys.path:
        sys.path.append(folder)
        _state.lent.append(folder)


def is_lent(folder: str) -> bool:
    """Whether a folder stands in `sys.path` only because parts lie there."""
    return folder in _state.lent


def begin(notice: Callable[[str], None], trust: bool = False) -> None:
    """Tell `notice` of code that is imported, a sentence each; with `trust`, what a stored run names may be imported too."""
    _state.listeners.append(notice)
    _state.trusts_all = _state.trusts_all or trust


def is_allowed(target: str, file: str) -> bool:
    """Whether that class may be imported."""
    return _state.trusts_all or (target, file) in _state.named


def say(sentence: str) -> None:
    """Tell the user something about imported code, once a command."""
    if sentence in _state.said:
        return
    _state.said.add(sentence)
    for notice in _state.listeners:
        notice(sentence)


def carried() -> Mapping[str, Any]:
    """What a worker process must know, for `carry`; it can be pickled."""
    return {"named": set(_state.named), "trusts_all": _state.trusts_all}


def carry(found: Mapping[str, Any]) -> None:
    """Take over what `carried` says, in a worker process of the one that said it."""
    _state.named |= set(found["named"])
    _state.trusts_all = bool(found["trusts_all"])
