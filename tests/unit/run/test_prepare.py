"""Before a run: which changed settings the chosen model ignores, each said with its full key and why."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from sdl_cli.errors import ConfigError
from sdl_cli.run import prepare
from sdl_cli.run.hydra import compose_checked
from sdl_cli.run.request import parse_experiment
from sdl_cli.settings.experiment import plain

FOREST = "dataset=wine model=baseline"
PROBE = "dataset=digits model=finetuned_cnn model.weights=none model.image_size_px=32 model.strategy=probe"
FINETUNE = PROBE.replace("=probe", "=finetune")
NET = "dataset=wine model=deep_net"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (FOREST, []),
        (f"{FOREST} loss.class_weight=balanced", []),
        (f"{FOREST} loss=cosine", ["loss=cosine has no effect: model=baseline uses its own loss."]),
        (f"{FOREST} augment=noise", ["augment=noise has no effect: model=baseline does not train on batches."]),
        (f"{FOREST} training.epochs=3", ["training.epochs has no effect: model=baseline is not trained in epochs."]),
        (
            f"{FOREST} training.epochs=3 training.patience=2 precision=float32",
            [
                "training.epochs and training.patience have no effect: model=baseline is not trained in epochs.",
                "device and precision have no effect: model=baseline runs on the CPU.",
            ],
        ),
        (PROBE, []),
        (f"{PROBE} training.epochs=7", ["training.epochs has no effect: strategy=probe is not trained in epochs."]),
        (
            f"{PROBE} training.learning_rate=0.5 training.batch_size=8 training.patience=4",
            [
                "training.batch_size, training.learning_rate and training.patience have no effect: "
                "strategy=probe is not trained in epochs."
            ],
        ),
        (f"{PROBE} loss=cosine", ["loss=cosine has no effect: strategy=probe uses its own loss."]),
        (f"{PROBE} loss.class_weight=balanced", ["loss.class_weight has no effect: strategy=probe uses its own loss."]),
        (f"{PROBE} augment=flip_crop precision=float32", []),
        (f"{FINETUNE} training.epochs=7 loss=cosine loss.class_weight=balanced", []),
        (f"{PROBE} model.feature_scaling=unit", []),
        (
            f"{FINETUNE} model.strategy=finetune model.feature_scaling=unit",
            ["model.feature_scaling has no effect: strategy=finetune fits no head to frozen features."],
        ),
        (f"{NET} training.epochs=7 loss=cosine precision=float32", []),
    ],
)
def test_settings_without_effect(settings: str, said: list[str]) -> None:
    dataset, experiment, _ = prepare.load_dataset(parse_experiment(compose_checked("train", settings.split(), parse_experiment)))
    settled = prepare.resolve_settings(experiment, dataset, 100)
    assert prepare.settings_without_effect(settled) == said
    assert prepare.settings_without_effect(prepare.resolve_settings(settled, dataset, 100)) == said, "a resumed run says the same"


@pytest.mark.parametrize(("model", "is_weighed"), [(FOREST, True), (NET, True), (FINETUNE, True), (PROBE, False)])
def test_a_balanced_threshold_is_only_left_out_where_training_weighed_the_classes(model: str, is_weighed: bool) -> None:
    settings = f"{model} threshold=balanced loss.class_weight=balanced".split()
    dataset, experiment, _ = prepare.load_dataset(parse_experiment(compose_checked("train", settings, parse_experiment)))
    labelled, _ = prepare.divided(experiment, dataset)[1].parts(dataset)
    said: list[str] = []
    ready = prepare.make_ready(prepare.resolve_settings(experiment, dataset, len(labelled)), labelled, said.append)
    assert (ready.decision is None) == is_weighed == any("threshold=balanced has no effect" in each for each in said)
    if ready.decision is not None:  # probabilities over the share of each class
        weights = len(labelled) / np.bincount(labelled.y)
        assert ready.decision / ready.decision[0] == pytest.approx(weights / weights[0])


def test_a_repeat_has_its_own_seeds_and_along_time_its_own_origin(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("day,x,y\n" + "".join(f"{i},{i % 5},{i % 7 / 2}\n" for i in range(50)))
    table = f"dataset=table dataset.path={tmp_path}/t.csv dataset.target=y dataset.seed=3 model=baseline"
    drawn, ordered = (
        parse_experiment(compose_checked("train", f"{table} {more}".split(), parse_experiment))
        for more in ("seed=5", "seed=5 dataset.order=day dataset.origins=4 dataset.origin=1")
    )
    second = prepare.of_repeat(drawn, 2, 3)
    assert (second.seed, second.dataset.seed, second.dataset.origins, second.dataset.origin) == (7, 5, 1, 0)
    second = prepare.of_repeat(ordered, 2, 3)
    assert (second.seed, second.dataset.seed, second.dataset.origins, second.dataset.origin) == (7, 5, 3, 2)
    alone = prepare.of_repeat(ordered, 0, 1)
    assert (alone.dataset.origins, alone.dataset.origin) == (4, 1), "one split is the one that was asked for"
    assert prepare.load_here(second) is prepare.load_here(prepare.of_repeat(ordered, 0, 3)), "read once for all of them"


@pytest.mark.parametrize("model", ["finetuned_cnn", "one_shot"])
def test_models_made_for_colours_refuse_other_channels(model: str) -> None:
    """A pretrained network knows red, green and blue: five bands are not cut to three without a word."""
    dataset, _, _ = prepare.load_dataset(parse_experiment(compose_checked("train", ["dataset=digits"], parse_experiment)))
    bands = dataclasses.replace(dataset, X=np.repeat(dataset.X, 5, axis=1))
    experiment = parse_experiment(compose_checked("train", ["dataset=digits", f"model={model}"], parse_experiment))
    with pytest.raises(ConfigError, match=f"model={model} takes red, green and blue .* have 5 channels"):
        prepare.resolve_settings(experiment, bands, 100)
    network = parse_experiment(compose_checked("train", ["dataset=digits", "model=deep_net"], parse_experiment))
    assert prepare.resolve_settings(network, bands, 100).loss is not None


def test_weights_of_several_networks_have_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    both = "model.architecture=[resnet18,squeezenet1_1] model.weights=[a.pth,default]"
    found = parse_experiment(
        compose_checked("train", f"{PROBE} {both}".replace("model.weights=none ", "").split(), parse_experiment)
    )
    assert found.model.weights == ("a.pth", "default")
    assert prepare.absolute(found).model.weights == (str(tmp_path / "a.pth"), "default")
    assert found.model.uses_frozen_features and plain(found.model)["architecture"] == ["resnet18", "squeezenet1_1"]
