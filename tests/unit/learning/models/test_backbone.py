"""Several pretrained networks side by side: their features together, as one model that is stored, fine-tuned and exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sdl_cli.errors import ConfigError, DataError
from sdl_cli.learning.models import pretrained
from sdl_cli.learning.models.architectures import sources
from sdl_cli.learning.models.backbone import Backbone, SideBySide, backbones_of
from sdl_cli.learning.models.finetuned_cnn import FinetunedCNN
from sdl_cli.learning.models.storage import save_model
from sdl_cli.settings.experiment import Training

QUICK: dict[str, Any] = {"precision": "float32", "memory_format": "contiguous", "num_threads": 1, "training": Training(epochs=1)}
TWO = ("squeezenet1_1", "shufflenet_v2_x0_5")


def images(n: int = 12, side: int = 40) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.arange(n) % 2
    return (rng.integers(0, 120, (n, 3, side, side)) + (y * 120)[:, None, None, None]).astype(np.uint8), y


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Untrained weights of both in files."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    for name in TWO:
        torch.save(pretrained.build_backbone(name)[0].state_dict(), folder / f"{name}.pth")
    return tuple(str(folder / f"{name}.pth") for name in TWO)


def test_features_are_those_of_each_one_behind_the_other(weights: tuple[str, ...]) -> None:
    X, _ = images()
    one = [FinetunedCNN(name, own, image_size_px=32, **QUICK) for name, own in zip(TWO, weights, strict=True)]
    both = FinetunedCNN(TWO, weights, image_size_px=32, **QUICK)
    parts = [model.frozen_features(X, 2) for model in one]
    assert parts[0].shape[1] != parts[1].shape[1] and both.num_columns(X, None) == sum(part.shape[1] for part in parts)
    np.testing.assert_allclose(both.frozen_features(X, 2), np.concatenate(parts, axis=1), atol=1e-6)
    assert [record["digest"] for record in both.pretrained_] == [model.pretrained_[0]["digest"] for model in one]


def test_each_sees_its_own_size() -> None:
    hows = [pretrained.Preprocessing(32, 32, interpolation="bicubic"), pretrained.Preprocessing(48, 40)]
    seen: list[torch.Size] = []

    class Look(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(x.shape)
            return x.mean((2, 3))

    body = SideBySide([Backbone(Look(), how, True) for how in hows])
    assert body(torch.rand(2, 1, 48, 48)).shape == (2, 6)
    assert [shape[1:] for shape in seen] == [(3, 32, 32), (3, 40, 40)]
    assert (
        backbones_of(body) == list(body.parts) and backbones_of(body.parts[0]) == [body.parts[0]] and backbones_of(Look()) == []
    )


def test_images_are_read_at_the_largest_size() -> None:
    assert FinetunedCNN(("squeezenet1_1", "efficientnet_b1"), "none").image_size() == (256, "bilinear")
    assert FinetunedCNN(("squeezenet1_1", "vit_l_16"), "none").image_size() == FinetunedCNN("squeezenet1_1").image_size()


@pytest.mark.parametrize("strategy", ["probe", "finetune", "probe_then_finetune"])
def test_they_are_fitted_and_stored_as_one_model(strategy: str, weights: tuple[str, ...], tmp_path: Path) -> None:
    X, y = images()
    model = FinetunedCNN(TWO, weights, strategy=strategy, image_size_px=32, **QUICK).fit(X, y)
    again = FinetunedCNN.from_state(*model.get_state())
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    save_model(model, "finetuned_cnn", "classification", tmp_path, {})
    for number, name in enumerate(TWO):
        backbone, _ = pretrained.build_backbone(name)
        pretrained.load_weights(backbone, name, str(tmp_path))
        for key, value in model.networks_[0].body.parts[number].backbone.state_dict().items():
            assert torch.equal(value, backbone.state_dict()[key]), key
        assert pretrained.preprocessing(name, str(tmp_path)).crop_px == 32
    with pytest.raises(DataError, match="trained with squeezenet1_1 and shufflenet_v2_x0_5, not resnet18") as found:
        pretrained.load_weights(pretrained.build_backbone("resnet18")[0], "resnet18", str(tmp_path))
    assert "[squeezenet1_1,shufflenet_v2_x0_5]" in found.value.hint


def test_stored_preprocessing_for_other_networks_is_refused(weights: tuple[str, ...]) -> None:
    X, y = images()
    tensors, values = FinetunedCNN(TWO, weights, strategy="probe", image_size_px=32, **QUICK).fit(X, y).get_state()
    values["fitted"]["preprocessing"] = values["fitted"]["preprocessing"][:1]
    with pytest.raises(DataError, match="2 networks, and preprocessing for 1"):
        FinetunedCNN.from_state(tensors, values)


def test_the_key_of_their_weights_is_of_all_in_order(weights: tuple[str, ...]) -> None:
    key = pretrained.weights_key(TWO, weights)
    assert key != pretrained.weights_key(TWO[::-1], weights[::-1]) and key != pretrained.weights_key(TWO[0], weights[0])
    assert pretrained.weights_key(TWO[:1], weights[0]) == pretrained.weights_key(TWO[0], weights[0])


@pytest.mark.parametrize(
    ("architecture", "weights", "found"),
    [
        ("resnet18", "default", (("resnet18", "default"),)),
        (["resnet18"], ["none"], (("resnet18", "none"),)),
        (["resnet18", "resnet34"], "default", (("resnet18", "default"), ("resnet34", "default"))),
        (["resnet18", "resnet18"], ["default", "a.pth"], (("resnet18", "default"), ("resnet18", "a.pth"))),
    ],
)
def test_each_network_has_its_weights(architecture: Any, weights: Any, found: Any) -> None:
    assert sources(architecture, weights) == found


@pytest.mark.parametrize(
    ("architecture", "weights", "message"),
    [
        ([], "default", "names 0 networks"),
        ([f"a{number}" for number in range(9)], "default", "names 9 networks"),
        (["resnet18", "resnet34"], ["default"], r"1 for 2 networks.*\[default,FILE\]"),
        (["resnet18", "resnet34"], __file__, "1 for 2 networks"),
        ("resnet18", ["default", "none"], "2 for 1 networks"),
        (["resnet18", "resnet18"], "default", "stands there twice"),
    ],
)
def test_lists_that_do_not_pair_up_are_refused(architecture: Any, weights: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        sources(architecture, weights)
