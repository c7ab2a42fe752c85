"""Settings: values in, a frozen dataclass or one error with everything that is wrong out."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest

from sdl_cli.errors import ConfigError
from sdl_cli.settings.experiment import REDUCTIONS, Count, Experiment, Range, Training, plain
from sdl_cli.settings.parse import parse, parse_group


@dataclass(frozen=True)
class Small:
    name: str = "small"
    depth: Count = 3
    rate: Annotated[float, Range(0, 1, open_low=True)] = 0.5
    kind: Literal["one", "two"] = "one"
    widths: tuple[Count, ...] | None = None
    params: dict[str, Any] = dataclasses.field(default_factory=dict)
    flag: bool = False
    word: str = "x"
    names: str | tuple[str, ...] = "x"


@dataclass(frozen=True)
class Strict:
    path: str
    name: str = "strict"

    def __post_init__(self) -> None:
        if self.path == "bad":
            raise ConfigError("path must not be bad.")


@dataclass(frozen=True)
class Nothing:
    name: str = "nothing"


TABLES: dict[str, Any] = {
    "dataset": {"strict": Strict, "small": Small},
    "model": {"small": Small, "strict": Strict},
    "loss": {"nothing": Nothing},
    "augment": {"nothing": Nothing},
    "training": Training,
    "reduce": REDUCTIONS,
}


def values(**changes: Any) -> dict[str, Any]:
    """Plain values of a whole experiment; `model__depth=1` changes one key."""
    found: dict[str, Any] = {
        "dataset": {"name": "strict", "path": "here"},
        "model": {"name": "small"},
        "loss": {"name": "nothing"},
        "augment": {"name": "nothing"},
        "training": {},
    }
    for key, value in changes.items():
        group, _, name = key.rpartition("__")
        (found[group] if group else found)[name] = value
    return found


def message(**changes: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(TABLES, values(**changes))
    return caught.value.message


def test_values_become_a_frozen_experiment_and_come_back() -> None:
    found: Experiment = parse(TABLES, values(model__widths=[3, 4], seed=7))
    assert found.model == Small(widths=(3, 4)) and found.seed == 7
    assert parse(TABLES, found.to_plain()) == found
    assert found.to_plain()["model"]["widths"] == [3, 4]
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.seed = 8  # type: ignore[misc]


@pytest.mark.parametrize(("given", "found"), [("a", "a"), (3, "3"), (["a", "b"], ("a", "b")), ([], ())])
def test_one_or_a_list_of_them(given: Any, found: Any) -> None:
    experiment = parse(TABLES, values(model__names=given))
    assert experiment.model.names == found and parse(TABLES, experiment.to_plain()) == experiment
    assert "model.names[1]: a value is needed here" in message(model__names=["a", None])
    assert "model.names: a value is needed here" in message(model__names=None)


def test_all_that_is_wrong_is_said_at_once() -> None:
    text = message(model__depht=1, model__rate=2, training__epochs=0, seed="x", dataset__path="???")
    wrong = [line.partition(":")[0] for line in text.splitlines()]
    assert sorted(wrong) == ["dataset.path", "model.depht", "model.rate", "seed", "training.epochs"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"model__depht": 1}, "model.depht: no such setting. Did you mean model.depth?"),
        ({"depth": 1}, "depth: no such setting. Did you mean model.depth?"),
        ({"epochs": 1}, "epochs: no such setting. Did you mean training.epochs?"),
        ({"modle": 1}, "modle: no such setting. Did you mean model?"),
        ({"training__depth": 1}, "training.depth: no such setting. Did you mean model.depth?"),
        ({"model__zzz": 1}, "model.zzz: no such setting. Here there are: name, depth, rate"),
        ({"model__name": "smal"}, "model.name: no model is called 'smal'. Did you mean small? There are: small, strict."),
        ({"model__name": None}, "model.name: no model is called None."),
        ({"model": 3}, "model: must be a group of settings, not 3."),
        ({"model__depth": 0}, "model.depth: 0 is out of range: it must be at least 1."),
        ({"model__rate": 0}, "model.rate: 0.0 is out of range: it must be from 0 (excluded) to 1."),
        ({"model__rate": 1.5}, "model.rate: 1.5 is out of range"),
        ({"model__rate": float("nan")}, "model.rate: nan is not a finite number."),
        ({"model__rate": float("inf")}, "model.rate: inf is not a finite number."),
        ({"model__rate": True}, "model.rate: True is not a number"),
        ({"model__depth": True}, "model.depth: True is not a whole number"),
        ({"model__depth": 1.5}, "model.depth: 1.5 is not a whole number, at least 1."),
        ({"model__depth": "3"}, "model.depth: '3' is not a whole number"),
        ({"model__depth": None}, "model.depth: a value is needed here (a whole number, at least 1)."),
        ({"model__depth": [1]}, "model.depth: [1] is not a whole number"),
        ({"model__kind": "tow"}, "model.kind: 'tow' is not one of one, two. Did you mean two?"),
        ({"model__kind": True}, "model.kind: True is not one of one, two."),
        ({"model__widths": 3}, "model.widths: 3 is not a list."),
        ({"model__widths": [3, -1]}, "model.widths[1]: -1 is out of range"),
        ({"model__params": 3}, "model.params: 3 is not a group of key: value."),
        ({"model__flag": 1}, "model.flag: 1 is not true or false."),
        ({"model__word": [1]}, "model.word: [1] is not text."),
        ({"dataset__path": "???"}, "dataset.path: must be given, for example dataset.path=..."),
        ({"dataset": {"name": "strict"}}, "dataset.path: missing."),
        ({"dataset__path": "bad"}, "dataset: path must not be bad."),
        ({"seed": 2**31}, "seed: 2147483648 is out of range: it must be from 0 to 2147483647."),
        ({"precision": "float8"}, "precision: 'float8' is not one of auto, float32, bfloat16, float16. Did you mean float32?"),
    ],
    ids=str,
)
def test_an_error_names_the_key_and_what_is_allowed(changes: dict[str, Any], expected: str) -> None:
    assert expected in message(**changes)
    assert len(message(**changes).splitlines()) == 1


def test_a_whole_number_may_be_written_as_a_float_and_the_other_way_round() -> None:
    found = parse(TABLES, values(model__depth=4.0, model__rate=1, model__word=12))
    assert (found.model.depth, found.model.rate, found.model.word) == (4, 1.0, "12")
    assert [type(value) for value in (found.model.depth, found.model.rate, found.model.word)] == [int, float, str]


def test_a_missing_group_is_named() -> None:
    left = values()
    del left["model"]
    with pytest.raises(ConfigError, match="model: missing"):
        parse(TABLES, left)


def test_the_hint_is_a_command_that_exists() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(TABLES, values(model__depth=0))
    assert caught.value.hint == "See the settings and their meaning with: sdl show model"


def test_one_group_is_parsed_alone() -> None:
    assert parse_group("model", TABLES["model"], {"name": "small", "depth": 2}) == Small(depth=2)
    assert parse_group("training", Training, {"epochs": 2}) == Training(epochs=2)
    with pytest.raises(ConfigError, match="model.depth: 0 is out of range"):
        parse_group("model", TABLES["model"], {"name": "small", "depth": 0})


@pytest.mark.parametrize(
    ("bounds", "inside", "outside", "text"),
    [
        (Range(1), [1, 1e9], [0.999, -1], "at least 1"),
        (Range(0, open_low=True), [1e-9], [0, -1], "more than 0"),
        (Range(0, 1), [0, 1], [-0.1, 1.1], "from 0 to 1"),
        (Range(0, 1, open_high=True), [0, 0.999], [1], "from 0 to 1 (excluded)"),
        (Range(0.5, 2**31 - 1), [2**31 - 1], [2**31, 0.4], "from 0.5 to 2147483647"),
    ],
    ids=str,
)
def test_a_range_holds_what_it_says(bounds: Range, inside: list[float], outside: list[float], text: str) -> None:
    assert all(map(bounds.holds, inside)) and not any(map(bounds.holds, outside))
    assert str(bounds) == text


def test_training_is_filled_from_defaults_and_keeps_what_was_given() -> None:
    filled = Training(epochs=5).filled_from(Training(epochs=9, batch_size=7, select="best"))
    assert (filled.epochs, filled.batch_size, filled.needs_validation) == (5, 7, True)
    assert not Training().needs_validation and Training(patience=1).needs_validation


def test_plain_is_made_of_what_yaml_and_json_know() -> None:
    assert plain(Small(widths=(1, 2))) == {**dataclasses.asdict(Small()), "widths": [1, 2]}


def test_a_name_in_another_case_is_suggested() -> None:
    from sdl_cli.settings.parse import suggest

    assert suggest("OUTCOME", ["age", "Outcome"]) == " Did you mean Outcome?"
    assert suggest("outcme", ["AGE", "OUTCOME"]) == " Did you mean OUTCOME?"
    assert suggest("zzz", ["Outcome"]) == ""
