"""The classifier that learns from generated images too: what it learns, keeps and refuses, and that it goes on where it stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sdl_cli.data.augment.policies import FlipCrop, Trivial
from sdl_cli.errors import ConfigError, DataError, RunError
from sdl_cli.learning import loop
from sdl_cli.learning.losses import Auto, Cosine
from sdl_cli.learning.models.adversarial.estimator import NUM_KEPT, AdversarialNet
from sdl_cli.settings.experiment import Training

SMALL: dict[str, Any] = {
    "width": 4, "generator_width": 2, "noise_size": 4, "device": "cpu", "precision": "float32", "num_threads": 1,
    "memory_format": "contiguous", "training": Training(epochs=2, batch_size=8),
}  # fmt: skip


def images(per_class: int = 8, side: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Noise that is dark, or bright at the top or on the left."""
    rng = np.random.default_rng(0)
    y = np.tile(["dark", "left", "top"], per_class)
    X = rng.integers(0, 120, (len(y), 1, side, side))
    X[y == "left", :, :, : side // 2] += 130
    X[y == "top", :, : side // 2] += 130
    return X.astype(np.uint8), y


@pytest.mark.parametrize("norm", ["weight", "batch"])
def test_it_learns_and_its_images_are_told_apart_as_their_classes(norm: str) -> None:
    X, y = images(16)
    more = {
        "training": Training(epochs=20, batch_size=16, learning_rate=0.01),
        "generator_learning_rate": 0.005,
        "generator_epochs": 20,
    }
    model = AdversarialNet(**SMALL | more, norm=norm).set_params(generator_width=8).fit(X, y)
    fresh, truth = images(32)
    assert model.score(fresh, truth) > 0.9
    probs = model.predict_proba(fresh)
    assert probs.shape == (96, 3) and np.allclose(probs.sum(1), 1)
    labels = np.repeat(np.arange(3), 30)
    made = model.sample(labels)
    assert made.shape == (90, 1, 8, 8) and made.dtype == np.uint8
    assert (model.predict(made) == model.classes_[labels]).mean() > 0.6
    assert model.diversity_.num_images == 16 and model.diversity_.ratio > 0
    [note] = model.notes_
    assert f"{100 * model.diversity_.ratio:.0f} % of what real ones do" in note


def test_a_seed_gives_the_same_images_and_each_has_its_own() -> None:
    model = AdversarialNet(**SMALL).fit(*images())
    labels = np.array([0, 0, 1, 2])
    made = model.sample(labels, seed=3)
    assert np.array_equal(made, model.sample(labels, seed=3)) and not np.array_equal(made, model.sample(labels, seed=4))
    assert not np.array_equal(made[0], made[1])
    assert model.generated_.shape == (3, NUM_KEPT, 1, 8, 8)


def test_without_a_generator_it_is_the_same_network_from_the_same_weights() -> None:
    X, y = images()
    still = {"training": Training(epochs=1, batch_size=8, learning_rate=1e-12), "generator_learning_rate": 1e-12}
    both, alone = (AdversarialNet(**SMALL | still, generate=generate).fit(X, y) for generate in (True, False))
    for one, other in zip(both.networks_[0].parameters(), alone.networks_[0].parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-9)
    assert alone.generator_ is alone.generated_ is alone.diversity_ is None
    with pytest.raises(ValueError, match="no generator"):
        alone.sample(np.array([0]))
    assert any("model.generator_width, model.noise_size" in n and "have no effect" in n for n in alone.notes_)
    assert not AdversarialNet(training=Training(epochs=1), generate=False, width=2).fit(X, y).notes_


def test_history_has_both_phases_and_validation_in_the_second() -> None:
    context = loop.Context()
    training = Training(epochs=3, batch_size=8, select="best")
    with loop.context(context):
        model = AdversarialNet(**SMALL | {"training": training}, generator_epochs=2, validation_fraction=0.25).fit(*images(12))
    assert [(row["phase"], row["epoch"]) for row in context.history] == [
        ("generator", 1), ("generator", 2), ("fit", 1), ("fit", 2), ("fit", 3),
    ]  # fmt: skip
    assert all(("validation_loss" in row) == (row["phase"] == "fit") for row in context.history)
    assert model.networks_[0].training is False


@pytest.mark.parametrize("policy", [None, FlipCrop()])
@pytest.mark.parametrize("stopped", [("generator", 1), ("generator", 2), ("fit", 1)])
def test_it_goes_on_where_it_stopped_to_the_same_weights(tmp_path: Path, stopped: tuple[str, int], policy: Any) -> None:
    X, y = images()
    training = Training(epochs=2, batch_size=8, checkpoint_seconds=0.0)
    settings = SMALL | {"training": training, "generator_epochs": 2, "augment": policy, "norm": "batch"}
    whole = AdversarialNet(**settings).fit(X, y)

    def stop(row: dict[str, Any]) -> None:
        # at the start of the next row: the checkpoint of the one to stop after is written by then
        rows.append((row["phase"], row["epoch"]))
        if len(rows) > 1 and rows[-2] == stopped:
            raise KeyboardInterrupt

    rows: list[tuple[str, int]] = []
    with pytest.raises(KeyboardInterrupt), loop.context(loop.Context(folder=tmp_path, on_epoch=stop)):
        AdversarialNet(**settings).fit(X, y)
    context = loop.Context(folder=tmp_path)
    with loop.context(context):
        again = AdversarialNet(**settings).fit(X, y)
    assert len(context.history) == 4
    for part in ("networks_", "generator_"):
        one, other = (getattr(model, part) for model in (whole, again))
        one, other = (one[0], other[0]) if part == "networks_" else (one, other)
        for (name, value), wanted in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
            assert torch.equal(value, wanted), name
    assert np.array_equal(whole.generated_, again.generated_)


def test_a_loss_that_is_no_number_names_its_phase_and_a_way_out() -> None:
    with pytest.raises(RunError, match="model.generator_learning_rate"):
        AdversarialNet(**SMALL, generator_learning_rate=1e30).fit(*images())


def test_what_is_stored_is_checked_and_gives_the_same_answers() -> None:
    X, y = images()
    model = AdversarialNet(**SMALL).fit(X, y)
    tensors, values = model.get_state()
    again = AdversarialNet.from_state(tensors, values)
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
    assert np.array_equal(again.generated_, model.generated_) and again.generator_ is None
    for wrong in (tensors["generated.images"][:2], tensors["generated.images"].float()):
        with pytest.raises(DataError, match="generated images"):
            AdversarialNet.from_state(tensors | {"generated.images": wrong}, values)
    with pytest.raises(DataError, match="head.map.weight"):
        AdversarialNet.from_state({k: v for k, v in tensors.items() if "head.map" not in k}, values)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"y": np.repeat("a", 24)}, DataError, "all labelled images are of one, a"),
        (
            {"per_class": 4},
            ConfigError,
            r"images of each class from at least 5 labelled ones.*dark \(4\), left \(4\) and top \(4\)",
        ),
        ({"loss": Cosine()}, ConfigError, "loss: cosine"),
        ({"side": 130}, ConfigError, "at most 128 px a side, and these have 130"),
        ({"X": np.zeros((24, 3)), "y": np.tile([0, 1], 12)}, ConfigError, "takes images"),
    ],
    ids=["one class", "few", "cosine", "large", "table"],
)
def test_what_it_is_not_made_for_is_refused(change: dict[str, Any], error: type[Exception], words: str) -> None:
    X, y = images(change.get("per_class", 8), change.get("side", 8))
    model = AdversarialNet(**SMALL | ({"loss": change["loss"]} if "loss" in change else {}))
    with pytest.raises(error, match=words):
        model.fit(change.get("X", X), change.get("y", y))


def test_few_images_are_enough_without_a_generator() -> None:
    model = AdversarialNet(**SMALL, generate=False).fit(*images(4))
    assert model.diversity_ is None


def test_rare_classes_can_count_as_much() -> None:
    X, y = images()
    kept = np.concatenate([np.flatnonzero(y == "dark"), np.flatnonzero(y != "dark")[:12]])
    model = AdversarialNet(**SMALL, loss=Auto(class_weight="balanced")).fit(X[kept], y[kept])
    assert model._weights()(torch.eye(3)).tolist() == pytest.approx([20 / 24, 20 / 18, 20 / 18])


def test_a_policy_that_waits_for_the_device_is_not_captured() -> None:
    assert AdversarialNet(augment=Trivial())._capture == "nothing"
    assert AdversarialNet(augment=FlipCrop())._capture == AdversarialNet()._capture == "all"


def test_few_images_are_seen_more_often_and_the_generators_phase_is_shorter() -> None:
    model = AdversarialNet()
    assert [model.filled_training("image", n).epochs for n in (0, 100, 500, 1000, 100_000)] == [100, 100, 100, 50, 20]
    assert AdversarialNet(training=Training(epochs=7)).filled_training("image", 500).epochs == 7
    model.training_ = model.filled_training("image", 500)
    assert model._of_generator().epochs == 40
    model.set_params(generator_epochs=3)
    assert model._of_generator().epochs == 3
