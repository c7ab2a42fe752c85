"""What each kind of model says of itself, without torch."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from sdl_cli.errors import ConfigError
from sdl_cli.learning.models import traits
from sdl_cli.learning.models.kind import ModelSettings
from sdl_cli.learning.models.sentences.settings import FinetunedTextSettings
from sdl_cli.learning.models.settings import (
    MODELS,
    AutoencoderSettings,
    BaselineSettings,
    BlendSettings,
    DeepNetSettings,
    FinetunedCNNSettings,
    PretrainedTableSettings,
    SklearnSettings,
)

TRAINED = {"finetuned_cnn", "finetuned_text", "deep_net", "autoencoder", "adversarial"}
IN_CONTEXT = {"pretrained_table", "blend"}
FOUNDATION = {"tabular_foundation"}
ONE_SHOT = {"one_shot"}
FLAGS: dict[str, set[str]] = {
    "is_network": TRAINED | IN_CONTEXT | FOUNDATION | ONE_SHOT,
    "is_pretrained": {"finetuned_cnn"},
    "starts_random": {"deep_net", "autoencoder", "adversarial"},
    "is_foreign": {"sklearn"},
    "holds_rows": IN_CONTEXT | FOUNDATION | ONE_SHOT,
    "is_one_graph": set(MODELS) - {"blend"},
    "stacks": {"deep_net"},
    "takes_class_weight": TRAINED | {"baseline"},
    "default_training": TRAINED | {"pretrained_table"} | ONE_SHOT,
    "no_graph": ONE_SHOT | FOUNDATION | {"finetuned_text"},
    "reads_px": ONE_SHOT | {"adversarial"},
    "takes_support": ONE_SHOT,
}


@pytest.mark.parametrize("flag", FLAGS)
def test_each_trait_is_that_of_these_models(flag: str) -> None:
    assert {name for name, kind in MODELS.items() if getattr(kind, flag)} == FLAGS[flag]


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_model_is_found_by_its_name_and_takes_its_own_settings(name: str) -> None:
    kind: Any = MODELS[name]
    assert traits(name) is kind and kind().name == name
    for task, ending in (("classification", ""), ("regression", "Regressor")):
        estimator = kind.estimator_class(task)
        only_classes = name in IN_CONTEXT | ONE_SHOT | {
            "adversarial"
        }  # for numbers, their settings are refused before an estimator is asked for
        assert estimator.__name__.endswith("" if only_classes else ending) and estimator.settings is kind
        assert set(kind().arguments()) <= set(estimator().get_params())
    if kind.is_network and name not in FOUNDATION | {"blend"}:
        assert set(kind.default_training) == set(kind.modalities)


@pytest.mark.parametrize("name", [None, "", 3])
def test_what_is_no_name_has_no_traits(name: object) -> None:
    assert traits(name) is ModelSettings and not traits(name).is_network and traits(name).named_by is None


@pytest.mark.parametrize(
    ("model", "is_probe", "frozen", "augment"),
    [
        (BaselineSettings(), False, False, False),
        (SklearnSettings(), False, False, False),
        (DeepNetSettings(), False, False, True),
        (AutoencoderSettings(), False, False, True),
        (PretrainedTableSettings(), False, False, False),
        (PretrainedTableSettings(strategy="finetune"), False, False, False),
        (BlendSettings(), False, False, False),
        (FinetunedCNNSettings(), False, True, True),
        (FinetunedCNNSettings(strategy="finetune"), False, False, True),
        (FinetunedCNNSettings(strategy="probe"), True, True, True),
        (FinetunedCNNSettings(strategy="probe", num_views=1), True, True, False),
        (FinetunedCNNSettings(strategy="probe", weights="none"), True, False, True),
        (FinetunedTextSettings(), True, True, False),
        (FinetunedTextSettings(strategy="finetune"), False, True, False),
    ],
    ids=str,
)
def test_what_has_an_effect(model: ModelSettings, is_probe: bool, frozen: bool, augment: bool) -> None:
    assert (model.is_probe, model.uses_frozen_features, model.uses_augment) == (is_probe, frozen, augment)


def test_settings_are_checked_with_the_task() -> None:
    with pytest.raises(ConfigError, match="model.kind: logistic does not predict numbers"):
        BaselineSettings(kind="logistic").check_task("regression")
    with pytest.raises(ConfigError, match="model.kind: ridge does not predict classes"):
        BaselineSettings(kind="ridge").check_task("classification")
    with pytest.raises(ConfigError, match="torchvision has no classification network called 'resnet1'"):
        FinetunedCNNSettings(architecture="resnet1").check()
    with pytest.raises(ConfigError, match="no.such.Thing cannot be imported"):
        SklearnSettings(estimator="no.such.Thing").check()
    for kind in MODELS.values():
        kind().check()
        kind().check_task("classification")


def test_a_task_is_checked_without_importing_what_the_settings_name() -> None:
    SklearnSettings(estimator="no.such.Thing").check_task("classification")  # a stranger's run may name it


def test_seconds_grow_with_rows_and_a_probe_trains_in_no_epochs() -> None:
    for kind in MODELS.values():
        model = kind()
        assert 0 < model.seconds(10, 48, "image", 5) < model.seconds(1000, 48, "image", 5)
    probe = FinetunedCNNSettings(strategy="probe")
    assert probe.seconds(1000, 48, "image", 500) == probe.seconds(10, 48, "image", 5)
    assert BaselineSettings(num_trees=50).seconds(9, 4, "table", 1) == pytest.approx(0.1 * (0.45 + 7e-6 * 9 * 4))


def test_the_table_needs_neither_torch_nor_scikit_learn() -> None:
    program = "import sys; import sdl_cli.learning.models; sys.exit(bool({'torch', 'sklearn', 'torchvision'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0
