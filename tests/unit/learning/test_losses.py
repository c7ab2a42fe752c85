"""Losses against torch's own, hand computation and the papers' formulas."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional

from sdl_cli.errors import ConfigError
from sdl_cli.learning import losses
from sdl_cli.settings import parse as config

CONF = Path(__file__).parents[3] / "conf" / "loss"


def make_batch(n=16, k=5, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(n, k, generator=generator)
    targets = torch.rand(n, k, generator=generator)
    return outputs.to(dtype), targets / targets.sum(dim=1, keepdim=True)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_is_torchs(smoothing):
    logits, targets = make_batch()
    expected = functional.cross_entropy(logits, targets, label_smoothing=smoothing, reduction="none")
    torch.testing.assert_close(losses.cross_entropy(logits, targets, smoothing), expected)
    labels = torch.tensor([0, 3, 4])
    expected = functional.cross_entropy(logits[:3], labels, label_smoothing=smoothing, reduction="none")
    torch.testing.assert_close(losses.cross_entropy(logits[:3], losses.one_hot(labels, 5), smoothing), expected)


def test_cosine_by_hand():
    outputs = torch.tensor([[3.0, 4.0], [0.0, -2.0], [1.0, 0.0]])
    targets = losses.one_hot(torch.tensor([1, 1, 0]), 2)
    assert losses.cosine(outputs, targets).tolist() == pytest.approx([0.2, 2.0, 0.0])
    # The length of the output is divided out.
    torch.testing.assert_close(losses.cosine(10 * outputs, targets), losses.cosine(outputs, targets))


def test_cosine_of_a_mixed_target_is_the_mixture():
    outputs, _ = make_batch()
    i, j = losses.one_hot(torch.full((16,), 1), 5), losses.one_hot(torch.full((16,), 4), 5)
    mixed = losses.cosine(outputs, 0.3 * i + 0.7 * j)
    torch.testing.assert_close(mixed, 0.3 * losses.cosine(outputs, i) + 0.7 * losses.cosine(outputs, j))


def test_combined_adds_the_weighted_cross_entropy():
    outputs, targets = make_batch()
    logits = outputs.flip(0)
    expected = losses.cosine(outputs, targets) + 0.1 * losses.cross_entropy(logits, targets)
    torch.testing.assert_close(losses.Cosine(xent_weight=0.1).rows(torch.cat([outputs, logits], dim=1), targets), expected)
    torch.testing.assert_close(losses.Cosine().rows(outputs, targets), losses.cosine(outputs, targets))


def test_mse_and_huber_are_torchs():
    outputs, targets = make_batch(k=1)
    expected = functional.mse_loss(outputs, targets, reduction="none")[:, 0]
    torch.testing.assert_close(losses.mse(outputs, targets), expected)
    torch.testing.assert_close(losses.huber(torch.tensor([[0.4], [-3.0]]), torch.zeros(2, 1), 0.5), torch.tensor([0.08, 1.375]))


FUNCTIONS = {
    "cross_entropy": losses.cross_entropy,
    "smoothed": lambda outputs, targets: losses.cross_entropy(outputs, targets, 0.1),
    "cosine": losses.cosine,
    "combined": lambda outputs, targets: losses.Cosine(xent_weight=0.1).rows(outputs.repeat(1, 2), targets),
    "mse": losses.mse,
    "huber": losses.huber,
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_one_float32_loss_per_sample_with_finite_gradients(name, dtype):
    outputs, targets = make_batch(dtype=dtype)
    outputs[0] = 0  # no direction
    outputs[1] = 200  # far out
    outputs.requires_grad_()
    loss = FUNCTIONS[name](outputs, targets)
    assert loss.shape == (16,)
    assert loss.dtype == torch.float32
    assert loss.isfinite().all()
    loss.mean().backward()
    assert outputs.grad.isfinite().all()
    # A row's loss depends on that row alone.
    alone = FUNCTIONS[name](outputs[3:4].detach(), targets[3:4])
    torch.testing.assert_close(alone, loss[3:4].detach())


def test_float32_under_autocast():
    outputs, targets = make_batch()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for function in FUNCTIONS.values():
            result = function(outputs.bfloat16(), targets)
            torch.testing.assert_close(result, function(outputs.bfloat16().float(), targets))


def test_shapes_that_would_broadcast_are_refused():
    with pytest.raises(AssertionError, match="outputs for"):
        losses.mse(torch.zeros(4, 1), torch.zeros(4))
    with pytest.raises(AssertionError, match="one row per sample"):
        losses.huber(torch.zeros(4), torch.zeros(4))


def test_balanced_weights_are_scikit_learns_and_absent_classes_get_none():
    labels = torch.tensor([0, 0, 0, 1, 2, 2])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels.numpy())
    weights = losses.balanced_class_weights(labels, 3)
    assert weights.tolist() == pytest.approx(expected.tolist())
    assert losses.sample_weights(losses.one_hot(labels, 3), weights).mean() == pytest.approx(1.0)
    assert losses.balanced_class_weights(labels, 4).tolist() == pytest.approx([0.5, 1.5, 0.75, 0.0])
    assert losses.sample_weights(torch.tensor([[0.25, 0.75, 0.0]]), weights).tolist() == pytest.approx([1 / 6 + 1.5])


def log_loss(scale, outputs, labels):
    return float(functional.cross_entropy(scale * outputs.double(), labels))


def test_temperature_has_the_least_log_loss():
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(0, 4, (200,), generator=generator)
    outputs = losses.normalised(losses.one_hot(labels, 4) + 0.8 * torch.randn(200, 4, generator=generator))
    scale = losses.fit_temperature(outputs, labels)
    assert 1 < scale < 100
    best = min(np.linspace(1, 100, 2000), key=lambda s: log_loss(s, outputs, labels))
    assert scale == pytest.approx(best, abs=0.05)
    assert losses.fit_temperature(outputs.numpy(), labels.numpy()) == scale
    assert losses.fit_temperature(outputs.bfloat16(), labels.int()) == pytest.approx(scale, rel=0.02)


def test_temperature_recovers_the_scale_that_made_the_labels():
    generator = torch.Generator().manual_seed(2)
    outputs = losses.normalised(torch.randn(20_000, 3, generator=generator))
    labels = torch.multinomial((7.0 * outputs).softmax(dim=1), 1, generator=generator)[:, 0]
    assert losses.fit_temperature(outputs, labels) == pytest.approx(7.0, rel=0.05)


def test_temperature_of_few_or_separated_rows_is_bounded():
    perfect = torch.eye(3)
    assert losses.fit_temperature(perfect, torch.arange(3)) == 100.0
    assert losses.fit_temperature(perfect, torch.tensor([1, 2, 0])) == 1.0
    assert losses.fit_temperature(perfect[:0], torch.arange(0)) == 10.0
    assert math.isfinite(losses.fit_temperature(perfect[:1], torch.tensor([0])))


@pytest.mark.parametrize(("task", "name"), [("classification", "cross_entropy"), ("regression", "mse")])
def test_auto_picks_by_task(task, name):
    assert losses.resolve(losses.Auto(), task).name == name


def test_a_loss_that_does_not_fit_says_which_do():
    chosen = losses.Cosine(xent_weight=0.1)
    assert losses.resolve(chosen, "classification") is chosen
    with pytest.raises(ConfigError, match="loss: cosine needs classes") as caught:
        losses.resolve(chosen, "regression")
    assert "auto, mse, huber" in caught.value.hint
    with pytest.raises(ConfigError, match="loss: huber needs numbers") as caught:
        losses.resolve(losses.Huber(), "classification")
    assert "auto, cross_entropy, cosine" in caught.value.hint


def test_yaml_holds_every_field_and_its_default():
    files = {path.stem: path for path in CONF.glob("*.yaml")}
    assert set(files) == set(losses.LOSSES)
    assert len(files) == 5
    for name, kind in losses.LOSSES.items():
        text = files[name].read_text(encoding="utf-8")
        assert text.startswith("# ")
        assert yaml.safe_load(text) == dataclasses.asdict(kind())
        for line in text.splitlines()[2:]:
            assert "  # " in line, f"{name}: no comment: {line}"


@dataclasses.dataclass(frozen=True)
class OnlyLoss:
    loss: object


def parse(values):
    return config.parse({"loss": losses.LOSSES}, {"loss": values}, OnlyLoss).loss


def test_bounds():
    assert parse({"name": "huber", "delta": 2}) == losses.Huber(delta=2.0)
    for values in (
        {"name": "cross_entropy", "label_smoothing": 1.0},
        {"name": "cosine", "xent_weight": -0.1},
        {"name": "huber", "delta": 0},
        {"name": "cosine", "class_weight": "balance"},
    ):
        with pytest.raises(ConfigError, match=r"loss\."):
            parse(values)


def test_importing_needs_no_torch():
    code = "import sdl_cli.learning.losses, sys; print('torch' in sys.modules, 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False False\n"
