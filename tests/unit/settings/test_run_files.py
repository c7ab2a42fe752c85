"""What a run's JSON files hold: each kind of spec by hand, and the first key that is unlike it is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sdl_cli.errors import DataError
from sdl_cli.settings.contents import INPUTS, METRICS, Between, Each, Maybe, Number, Plain, checked, state_of

SPEC = {"a": Number, "b?": [str], "c?": Maybe({"d": Between(0, 3)}), "e?": Each(bool), "f?": {"x", "y"}, "g?": Plain}
DEEP: Any = 1
for _ in range(20):
    DEEP = [DEEP]


@pytest.mark.parametrize("values", [
    {"a": 1}, {"a": 0.5, "b": ["x"], "c": None, "e": {}, "f": "x", "g": {"h": [1, None, "t", True]}}, {"a": 1, "c": {"d": 3}, "more": DEEP},
])  # fmt: skip
def test_what_is_like_the_spec_is_handed_back(values: dict[str, Any]) -> None:
    assert checked(values, SPEC, Path("f.json")) is values


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({}, "a"),
        ({"a": "1"}, "a"),
        ({"a": True}, "a"),
        ({"a": float("inf")}, "a"),
        ({"a": 10**400}, "a"),
        ({"a": 1, "b": "x"}, "b"),
        ({"a": 1, "b": ["x", 2]}, "b[1]"),
        ({"a": 1, "c": {}}, "c.d"),
        ({"a": 1, "c": {"d": 4}}, "c.d"),
        ({"a": 1, "c": {"d": 1.0}}, "c.d"),
        ({"a": 1, "e": {"k": 1}}, "e.k"),
        ({"a": 1, "e": [True]}, "e"),
        ({"a": 1, "f": "z"}, "f"),
        ({"a": 1, "f": []}, "f"),
        ({"a": 1, "g": DEEP}, "g"),
    ],
)
def test_the_first_key_that_is_unlike_it_is_named(values: dict[str, Any], named: str) -> None:
    with pytest.raises(DataError) as caught:
        checked(values, SPEC, Path("f.json"))
    assert caught.value.message == f"f.json: {named} is not what a run keeps there."


def test_what_is_no_object_at_all_is_named_too() -> None:
    with pytest.raises(DataError, match="it is not what a run keeps there"):
        checked([1], METRICS, Path("f.json"))  # type: ignore[arg-type]


def test_what_a_model_takes_is_said_whole() -> None:
    with pytest.raises(DataError, match="shape"):
        checked({"modality": "table"}, INPUTS, Path("f.json"))


def test_a_run_that_was_interrupted_was_once_called_failed() -> None:
    assert state_of({"state": "failed", "reason": "interrupted"}) == "interrupted"
    assert state_of({"state": "failed", "reason": "the disk is full"}) == "failed"
