"""Networks, losses and augmentations that a user wrote, as estimators use them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone

from sdl_cli.data.augment.own import OwnAugment
from sdl_cli.data.augment.policies import AUGMENTS, build, check, waits_for_device, works_on
from sdl_cli.errors import ConfigError, DataError, RunError
from sdl_cli.learning.losses import LOSSES, OwnLoss, cross_entropy, resolve
from sdl_cli.learning.models.deep_net import DeepNet
from sdl_cli.learning.models.own_network import OwnNet, OwnNetRegressor
from sdl_cli.learning.models.own_network_settings import OwnNetwork
from sdl_cli.learning.models.settings import MODELS, traits
from sdl_cli.settings.experiment import Training
from sdl_cli.settings.parse import parse_group
from sdl_cli.settings.parts import permission
from sdl_cli.settings.parts.own import allow_named, completed
from sdl_cli.settings.parts.sources import find

SOURCE = """
import torch
from torch import nn

class Net(nn.Module):
    modalities = ("table", "image")

    def __init__(self, input_shape, width: int = 5, size: int | None = None):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.LazyLinear(width) if False else nn.Linear(self.count(input_shape), width))
        if size is not None:
            self.embedding_size = size

    @staticmethod
    def count(shape):
        n = 1
        for s in shape:
            n *= s
        return n

    def forward(self, x):
        return self.layers(x).relu()

class Wide(Net):
    def forward(self, x):
        return self.layers(x)[:, :, None]

class Entropy:
    tasks = ("classification",)

    def __init__(self, class_weight: str = "none"):
        self.class_weight = class_weight

    def rows(self, outputs, targets):
        assert outputs.dtype == targets.dtype == torch.float32
        return -(targets * outputs.log_softmax(1)).sum(1)

class Absolute:
    tasks = ("regression",)

    def rows(self, outputs, targets):
        return (outputs - targets).abs().mean(1)

class Double:
    modalities = "table"
    tasks = ("classification", "regression")

    def __call__(self, inputs, targets, generator):
        return 2 * inputs, targets

class Odd:
    modalities = ("sound",)

    def __call__(self, inputs, targets, generator):
        return inputs, targets
"""
GROUPS: dict[str, tuple[Any, Any]] = {"model": (MODELS, OwnNetwork), "loss": (LOSSES, OwnLoss), "augment": (AUGMENTS, OwnAugment)}
QUICK = Training(epochs=3, batch_size=16)


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_nets.py").write_text(SOURCE)
    permission.reset()
    yield tmp_path
    permission.reset()
    sys.modules.pop("my_nets", None)


def part(group: str, kind: str, allowed: bool = True, **settings: Any) -> Any:
    table, base = GROUPS[group]
    values = completed(group, kind.lower(), settings, find(f"my_nets.{kind}", group), base)
    if allowed:
        allow_named({group: values})
    return parse_group(group, table, values)


def table(n: int = 40) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    X = np.random.default_rng(0).normal(size=(n, 3))
    return X, (X[:, 0] > 0).astype(int)


def test_a_network_is_trained_stored_and_read_again() -> None:
    X, y = table()
    model = OwnNet(own=part("model", "Net"), training=QUICK, device="cpu").fit(X, y)
    assert model.predict_proba(X).shape == (40, 2)
    assert model.networks_[0].head.in_features == 5
    tensors, values = model.get_state()
    assert values["params"]["own"]["_target_"] == "my_nets.Net"
    again = OwnNet.from_state(tensors, values)
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
    assert clone(model).own == model.own


def test_the_same_seed_gives_the_same_network_and_a_size_may_be_stated() -> None:
    X, y = table()
    one, two = (OwnNet(own=part("model", "Net", size=5), training=QUICK, device="cpu").fit(X, y) for _ in range(2))
    assert np.array_equal(one.predict_proba(X), two.predict_proba(X))


def test_it_predicts_numbers_and_takes_images() -> None:
    X, _ = table()
    found = OwnNetRegressor(own=part("model", "Net"), loss=part("loss", "Absolute"), training=QUICK, device="cpu").fit(X, X[:, 0])
    assert found.predict(X).shape == (40,)
    images = np.random.default_rng(0).integers(0, 255, (20, 1, 4, 4), dtype=np.uint8)
    net = OwnNet(own=part("model", "Net"), training=QUICK, device="cpu").fit(images, np.arange(20) % 2)
    assert net.predict(images).shape == (20,)


def test_modalities_of_the_source_are_its_trait_and_an_unknown_name_is_a_network() -> None:
    found = part("model", "Net")
    assert found.modalities == ("table", "image")
    assert traits("net") is OwnNetwork and traits(None) is not OwnNetwork
    assert OwnNetwork.default_training == MODELS["deep_net"].default_training


def test_a_stored_network_needs_permission_and_embeddings_need_two_axes() -> None:
    with pytest.raises(DataError, match="loading it would import that code"):
        OwnNet(own=part("model", "Net", allowed=False), training=QUICK).fit(*table())
    with pytest.raises(RunError, match=r"made \(2, 5, 1\) of \(2, 3\); it must embed each row, \(2, D\)"):
        OwnNet(own=part("model", "Wide"), training=QUICK, device="cpu").fit(*table())


def test_a_loss_of_ones_own_trains_as_the_same_loss_of_ours() -> None:
    X, y = table()
    own, ours = (DeepNet(depth=1, width=4, loss=loss, training=QUICK, device="cpu").fit(X, y)
                 for loss in (part("loss", "Entropy"), None))  # fmt: skip
    assert np.allclose(own.predict_proba(X), ours.predict_proba(X), atol=1e-6)
    weighted = DeepNet(depth=1, width=4, loss=part("loss", "Entropy", class_weight="balanced"), training=QUICK, device="cpu")
    assert not np.allclose(weighted.fit(X, y).predict_proba(X), own.predict_proba(X), atol=1e-6)
    outputs, targets = torch.randn(4, 3), torch.eye(3)[[0, 1, 2, 0]]
    assert torch.allclose(part("loss", "Entropy").rows(outputs, targets), cross_entropy(outputs, targets))


def test_a_loss_fits_the_tasks_that_it_names() -> None:
    loss = part("loss", "Absolute")
    assert resolve(loss, "regression") is loss
    with pytest.raises(ConfigError, match="loss: absolute does not say that it fits classification"):
        resolve(loss, "classification")


def test_an_augmentation_changes_what_it_says() -> None:
    double = part("augment", "Double")
    assert works_on(double) == {"table"} and waits_for_device(double) and check(double, "table", "regression") == []
    inputs, targets = build(double)(torch.ones(2, 3), torch.eye(2), torch.Generator())
    assert inputs.tolist() == [[2.0] * 3] * 2 and targets.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    with pytest.raises(ConfigError, match="augment: double works on tables, and this data set is made of images"):
        check(double, "image", "classification")
    with pytest.raises(ConfigError, match="modalities in my_nets.Odd .* must be some of image, table, series"):
        check(part("augment", "Odd"), "image", "classification")
