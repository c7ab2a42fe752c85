"""The settings of a part, and when its code is imported."""

from __future__ import annotations

import copy
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sdl_cli.errors import ConfigError, DataError
from sdl_cli.learning.losses import LOSSES, OwnLoss
from sdl_cli.settings.experiment import plain
from sdl_cli.settings.parse import parse_group
from sdl_cli.settings.parts import permission
from sdl_cli.settings.parts.own import allow_named, completed, named_in
from sdl_cli.settings.parts.sources import find

SOURCE = '''
OFFSET = 1.5 * 2

class Focal:
    """Focal loss."""

    def __init__(self, gamma: float = 2.0, weights: list[float] | None = None, offset: float = OFFSET):
        self.given = gamma, weights, offset
        if gamma > 5:
            raise ValueError("gamma is at most 5")

    def rows(self, outputs, targets):
        return outputs.sum(1)
'''


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_parts.py").write_text(SOURCE)
    permission.reset()
    yield tmp_path
    permission.reset()
    sys.modules.pop("my_parts", None)


def values(**more: Any) -> dict[str, Any]:
    place = find("my_parts.Focal", "loss=focal")
    return completed("loss", "focal", more, place, OwnLoss)


def test_arguments_are_settings_with_their_defaults_and_marks(work: Path) -> None:
    found = parse_group("loss", LOSSES, values(gamma=3))
    stored = plain(found)
    assert stored == {
        "name": "focal", "_target_": "my_parts.Focal", "_file_": str(work / "my_parts.py"),
        "_digest_": find("my_parts.Focal", "").digest, "gamma": 3.0, "weights": None, "offset": None,
    }  # fmt: skip
    assert parse_group("loss", LOSSES, stored) == found
    assert "my_parts" not in sys.modules


def test_settings_survive_copies_and_pickles_and_replace(work: Path) -> None:
    import dataclasses

    found = parse_group("loss", LOSSES, values(weights=[1, 2]))
    assert copy.deepcopy(found) == pickle.loads(pickle.dumps(found)) == found  # noqa: S301  made here
    assert dataclasses.replace(found, gamma=1.0).gamma == 1.0
    assert "my_parts" not in sys.modules


def test_code_is_imported_only_where_the_command_names_it_and_that_is_said_once(work: Path) -> None:
    found, heard = parse_group("loss", LOSSES, values(weights=[1, 2])), list[str]()
    with pytest.raises(DataError) as error:
        found.check_own()
    assert error.value.message == (
        "This run uses my_parts.Focal (my_parts.py) (loss=focal), and loading it would import that code."
    )
    assert error.value.hint == "If you trust the source of the run, add --trust."
    assert "my_parts" not in sys.modules
    permission.begin(heard.append)
    allow_named({"loss": values()})
    assert found.made.given == (2.0, [1, 2], 3.0)  # a list where a list is annotated; the default that only the code knows
    assert parse_group("loss", LOSSES, values()).made.given == (2.0, None, 3.0)
    assert heard == ["Code that is not part of sdl is imported: loss=focal is my_parts.Focal (my_parts.py)."]


def test_trust_imports_what_is_stored_and_says_that_it_has_changed(work: Path) -> None:
    stored, heard = plain(parse_group("loss", LOSSES, values())), list[str]()
    (work / "my_parts.py").write_text(SOURCE.replace("gamma is at most 5", "gamma is 5 or less"))
    permission.begin(heard.append, trust=True)
    parse_group("loss", LOSSES, stored).check_own()
    assert heard[0] == "loss=focal: my_parts.py has changed since this run was made: results may differ from the stored ones."


def test_stored_settings_are_read_where_the_source_is_gone_or_another(work: Path) -> None:
    stored = plain(parse_group("loss", LOSSES, values(gamma=3)))
    (work / "my_parts.py").write_text(SOURCE.replace("gamma: float = 2.0", "alpha: float = 2.0"))
    assert parse_group("loss", LOSSES, stored).gamma == 3.0
    (work / "my_parts.py").unlink()
    found = parse_group("loss", LOSSES, stored)
    assert plain(found) == stored
    permission.begin(lambda sentence: None, trust=True)
    with pytest.raises(ConfigError, match="loss=focal: there is no module my_parts in the working folder"):
        found.check_own()


WRONG = [
    ({"gamma": "x"}, "loss.gamma: 'x' is not a number."),
    ({"gama": 1}, "loss.gama: no such setting. Did you mean loss.gamma?"),
    ({"weights": 3}, "loss.weights: 3 is not a list. Write 'loss.weights=[3]'"),
]


@pytest.mark.parametrize(("given", "message"), WRONG, ids=[str(case[0]) for case in WRONG])
def test_settings_are_checked_in_the_words_of_all_others(given: dict[str, Any], message: str, work: Path) -> None:
    with pytest.raises(ConfigError) as error:
        parse_group("loss", LOSSES, values(**given))
    assert error.value.message == message


def test_what_the_constructor_refuses_is_told_in_its_words(work: Path) -> None:
    allow_named({"loss": values()})
    with pytest.raises(ConfigError) as error:
        parse_group("loss", LOSSES, values(gamma=9)).check_own()
    assert error.value.message == (
        "loss=focal: my_parts.Focal (my_parts.py) cannot be built with these settings: ValueError: gamma is at most 5"
    )


@pytest.mark.parametrize("key", ["rows", "made", "code", "part", "a b", "class", "__init__", "__reduce__"])
def test_a_stored_setting_never_takes_the_place_of_something_of_ours(key: str, work: Path) -> None:
    stored = {"name": "focal", "_target_": "my_parts.Gone", "_file_": "", "_digest_": "0" * 64, key: 1}
    with pytest.raises(ConfigError, match="no such setting"):
        parse_group("loss", LOSSES, stored)


def test_parts_are_found_wherever_they_stand(work: Path) -> None:
    one = values()
    found = named_in({"arms": [{"candidates": {"table": [{"config": {"loss": one}}, {"config": {"loss": one}}]}}]})
    told = {"group": "loss", "name": "focal", "target": "my_parts.Focal", "file": one["_file_"], "digest": one["_digest_"]}
    assert found == [told]
