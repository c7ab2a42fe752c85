"""A default is written once: YAML, settings dataclass and the arguments of estimators and functions say the same."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import pytest
import yaml
from sklearn.base import clone

from sdl_cli.data.augment.policies import AUGMENTS
from sdl_cli.learning import losses
from sdl_cli.learning.losses import LOSSES
from sdl_cli.learning.models.settings import MODELS
from sdl_cli.settings.experiment import REDUCTIONS, Training, plain
from sdl_cli.settings.parse import parse_group
from sdl_cli.settings.yaml_files import conf_dir

TASKS = ("classification", "regression")
# arguments of networks that are settings of the whole experiment -> the file and key that say them
SHARED = {
    "validation_fraction": ("dataset/wine", "validation_fraction"),
    "device": ("train", "device"),
    "precision": ("train", "precision"),
    "memory_format": ("train", "memory_format"),
    "num_threads": ("train", "num_threads"),
    "random_state": ("train", "seed"),
}
OWN = {
    "loss": None,
    "augment": None,
    "training": None,
    "class_weight": None,
    "standardize": True,
    "monotone": None,
    "reduce": None,
}  # of estimators alone
GROUPS: dict[str, dict[str, type]] = {
    "model": MODELS, "loss": LOSSES, "augment": AUGMENTS, "reduce": REDUCTIONS, "training": {"default": Training},
}  # fmt: skip
CHOICES = [(group, name) for group, table in GROUPS.items() for name in table]


def stored(file: str) -> dict[str, Any]:
    """The values of one YAML file, without its name."""
    values = yaml.safe_load((conf_dir() / f"{file}.yaml").read_text(encoding="utf-8"))
    return {key: value for key, value in values.items() if key not in ("name", "defaults")}


def defaults(function: Any) -> dict[str, Any]:
    found = {name: p.default for name, p in inspect.signature(function).parameters.items()}
    return {name: default for name, default in found.items() if default is not inspect.Parameter.empty}


@pytest.mark.parametrize(("group", "name"), CHOICES, ids=lambda value: value)
def test_a_yaml_file_holds_the_defaults_of_its_dataclass(group: str, name: str) -> None:
    values = {key: value for key, value in plain(GROUPS[group][name]()).items() if key != "name"}
    assert stored(f"{group}/{name}") == values


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", MODELS)
def test_an_estimator_takes_each_setting_with_its_default_and_nothing_unsaid(name: str, task: str) -> None:
    estimator, settings = MODELS[name].estimator_class(task), MODELS[name]()
    taken = defaults(estimator)
    assert taken == estimator().get_params(deep=False) and list(taken) == list(inspect.signature(estimator).parameters)
    values = stored(f"model/{name}")
    for field in dataclasses.fields(settings):
        if field.name != "name":
            made = field.default is dataclasses.MISSING  # made anew for each: scikit-learn takes None for it
            assert taken[field.name] == (None if made else field.default), field.name
            assert made or taken[field.name] == values[field.name], field.name
    for key in set(taken) - set(values):
        file, yaml_key = SHARED.get(key, ("", ""))
        assert taken[key] == (stored(file)[yaml_key] if file else OWN[key]), key
    assert set(SHARED) <= set(taken) or not settings.is_network


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", MODELS)
def test_an_estimator_keeps_what_it_is_given_and_refuses_what_it_does_not_know(name: str, task: str) -> None:
    kind = MODELS[name].estimator_class(task)
    given: dict[str, Any] = {key: object() for key in defaults(kind)}
    model = kind(**given)
    assert all(getattr(model, key) is value for key, value in given.items()) and vars(model).keys() == given.keys()
    again = clone(kind(**MODELS[name]().arguments()))
    assert all(again.get_params()[key] == value for key, value in MODELS[name]().arguments().items())
    with pytest.raises(TypeError, match=rf"{kind.__name__.removesuffix('Regressor')}.__init__\(\) got an unexpected keyword"):
        kind(no_such_setting=1)


def test_the_signature_shows_the_bounds() -> None:
    shown = str(inspect.signature(MODELS["deep_net"].estimator_class("classification")))
    assert "depth: 'Annotated[int, Range(1, 200)] | None' = None" in shown


@pytest.mark.parametrize(("name", "modality"), [(n, m) for n, kind in MODELS.items() for m in kind.default_training])
def test_what_stands_for_a_null_of_training_is_within_its_bounds(name: str, modality: str) -> None:
    found = MODELS[name].default_training[modality]
    assert parse_group("training", Training, plain(found)) == found
    left = {key for key, value in plain(found).items() if value is None}
    assert left <= {"steps", "batch_size", "epochs"}, "the rest of the nulls has no default"
    training = {"pretrained_table": {"strategy": "finetune"}, "one_shot": {"kind": "metric_net"}}.get(
        name, {}
    )  # only so it trains
    for task in TASKS:
        filled = MODELS[name].estimator_class(task)(**training).filled_training(modality, 100)
        assert {key for key, value in plain(filled).items() if value is None} == {"steps"}


@pytest.mark.parametrize("name", sorted(set(LOSSES) - {"auto"}))
def test_the_function_of_a_loss_has_the_defaults_of_its_settings(name: str) -> None:
    assert defaults(getattr(losses, name)).items() <= plain(LOSSES[name]()).items()
