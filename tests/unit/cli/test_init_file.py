"""The column to predict is taken by a name that says so, asked for at a terminal, and never guessed otherwise."""

from __future__ import annotations

import io
import sys

import pytest

from sdl_cli.cli import init_file, init_sections
from sdl_cli.data.files.roles import which_target
from sdl_cli.errors import SdlError


def test_a_telling_name_is_taken() -> None:
    assert init_file._target(which_target("a.csv", ["age", "Outcome"]), may_ask=False) == (
        "Outcome",
        "Outcome is taken to be what to predict, by its name",
    )


@pytest.mark.parametrize("names", [["age", "dose"], ["age", "target", "outcome"]])
def test_nothing_unclear_is_guessed(names: list[str]) -> None:
    with pytest.raises(SdlError, match="which column of a.csv is to be predicted"):
        init_file._target(which_target("a.csv", names), may_ask=False)


def test_a_person_is_asked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("dosis\n dose \n"))
    assert init_file._target(which_target("a.csv", ["age", "dose"]), may_ask=True) == ("dose", "")
    said = capsys.readouterr().err
    assert "Columns: age, dose" in said and "There is no column dosis." in said
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    with pytest.raises(SdlError, match="which column"):
        init_file._target(which_target("a.csv", ["age", "dose"]), may_ask=True)


@pytest.mark.parametrize(
    "value",
    ["plain", "a b", "yes", "12", "null", "a: b # c", "größe", '"', "a\nb", 3, 0.5, True, None, ["a", "b, c", 1], {"x y": -1}],
)
def test_values_are_written_as_they_are_read_back(value: object) -> None:
    import yaml

    assert yaml.safe_load(f"key: {init_sections.as_yaml(value)}") == {"key": value}
