"""Settings under their old names are read as the new ones, on the command line and in stored runs."""

from __future__ import annotations

from typing import Any

import pytest

from sdl_cli.errors import ConfigError
from sdl_cli.run.hydra import compose_checked
from sdl_cli.run.request import parse_experiment
from sdl_cli.settings.older_names import renamed, sentences, with_new_names

SAID = ["model.unlabeled is called dataset.unlabeled now, and is read as that."]


def test_an_override_is_typed_under_its_old_name() -> None:
    given = ["dataset=wine", "model=autoencoder", "model.unlabeled=a=b.npz"]
    assert renamed(given) == ["dataset=wine", "model=autoencoder", "dataset.unlabeled=a=b.npz"]
    assert sentences({}, given) == SAID and sentences({}, given[:2]) == []
    assert parse_experiment(compose_checked("train", given, parse_experiment)).dataset.unlabeled == "a=b.npz"


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [("x.npz", None, "x.npz"), ("x.npz", "x.npz", "x.npz"), (None, None, None), (None, "y.npz", "y.npz")],
)
def test_a_stored_run_has_it_under_its_old_name(old: str | None, new: str | None, found: str | None) -> None:
    values = compose_checked("train", ["dataset=wine", "model=autoencoder"], parse_experiment)
    values["model"]["unlabeled"], values["dataset"]["unlabeled"] = old, new
    assert parse_experiment(values).dataset.unlabeled == found
    assert sentences(values) == (SAID if old else [])


def test_two_names_for_different_files_are_refused() -> None:
    values = {"model": {"name": "autoencoder", "unlabeled": "a.npz"}, "dataset": {"name": "wine", "unlabeled": "b.npz"}}
    with pytest.raises(ConfigError, match=r"model\.unlabeled and dataset\.unlabeled are both set, and differ") as caught:
        with_new_names(values)
    assert "Set dataset.unlabeled alone" in caught.value.hint


@pytest.mark.parametrize(
    "values", [{}, {"model": {"name": "deep_net"}}, {"model": 3, "dataset": {}}, {"model": {"unlabeled": "x"}}]
)
def test_what_has_no_old_name_stays_as_it_is(values: dict[str, Any]) -> None:
    assert with_new_names(values) == values
