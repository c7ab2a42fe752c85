"""Compositions that many tests here ask for are made once: a comparison composes every arm with every candidate."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sdl_cli.cli.hydra import composition

_composed: dict[tuple[Any, ...], Any] = {}
_compose = composition.compose


def _compose_once(verb: str, overrides: Sequence[str], with_hydra: bool = False) -> Any:
    if Path("sdl_conf").exists() or any("experiment" in each for each in overrides):  # files of a test's own
        return _compose(verb, overrides, with_hydra)
    key = (verb, tuple(overrides), with_hydra)
    if key not in _composed:
        _composed[key] = _compose(verb, overrides, with_hydra)
    return copy.deepcopy(_composed[key])


@pytest.fixture(autouse=True)
def compose_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composition, "compose", _compose_once)
