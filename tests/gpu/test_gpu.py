"""What needs a CUDA GPU: training there, precision, memory, resume. Skipped, with the reason, where there is none."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_digits

from sdl_cli.data.augment.policies import FlipCrop, Trivial
from sdl_cli.learning import captured, loop, phase, stack, turns
from sdl_cli.learning.device import resolve
from sdl_cli.learning.models.deep_net import DeepNet
from sdl_cli.learning.models.finetuned_cnn import FinetunedCNN
from sdl_cli.settings.experiment import Training

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU on this machine")]


def digits() -> tuple[np.ndarray, np.ndarray]:
    X, y = load_digits(return_X_y=True)
    return (X * 255 / 16).astype(np.uint8).reshape(-1, 1, 8, 8), y


def test_auto_takes_the_gpu_in_half_precision_and_channels_last() -> None:
    runtime = resolve()
    assert runtime.device.startswith("cuda") and runtime.precision in ("bfloat16", "float16")
    assert runtime.memory_format == "channels_last"


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_digits_are_learnt_in_every_precision(precision: str) -> None:
    X, y = digits()
    model = DeepNet(device="cuda", precision=precision, training=Training(epochs=10)).fit(X[:1400], y[:1400])
    assert model.score(X[1400:], y[1400:]) > 0.93


def test_the_same_seed_gives_the_same_numbers() -> None:
    X, y = digits()
    fit = lambda: DeepNet(device="cuda", training=Training(epochs=2)).fit(X, y).predict_proba(X)  # noqa: E731
    assert np.allclose(fit(), fit(), atol=1e-3)


@pytest.mark.parametrize("augment", [None, FlipCrop(flip=False), Trivial()], ids=["none", "shifted", "trivial"])
def test_captured_steps_are_those_one_by_one(monkeypatch: pytest.MonkeyPatch, augment: object) -> None:
    X, y = digits()
    made = []

    class Counted(captured.CudaGraph):
        def capture(self, body: Callable[[], torch.Tensor]) -> torch.Tensor:
            made.append(self)
            return super().capture(body)

    monkeypatch.setattr(loop, "CapturedStep", partial(captured.CapturedStep, new_graph=Counted))
    notices: list[str] = []

    def fit() -> np.ndarray:
        with loop.context(loop.Context(on_notice=notices.append)):
            model = DeepNet(device="cuda", precision="float32", augment=augment, training=Training(epochs=4))
            return model.fit(X, y).predict_proba(X)

    found = fit()
    assert 1 <= len(made) <= 2 and not notices
    for module in (loop, phase):
        monkeypatch.setattr(module, "has_graphs", lambda runtime: False)
    assert np.abs(fit() - found).mean() < 1e-2


def test_a_stack_of_networks_learns_as_each_does_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = load_breast_cancer(return_X_y=True)
    notices: list[str] = []

    def score() -> float:
        with loop.context(loop.Context(on_notice=notices.append)):
            model = DeepNet(device="cuda", num_members=5, training=Training(epochs=10)).fit(X[:400], y[:400])
        return float(model.score(X[400:], y[400:]))

    assert score() > 0.93 and not notices
    monkeypatch.setattr(stack, "can_be_stacked", lambda *_: False)
    assert score() > 0.93


def test_networks_in_turns_learn_as_each_does_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = digits()
    notices: list[str] = []

    def fit() -> np.ndarray:
        with loop.context(loop.Context(on_notice=notices.append)):
            model = DeepNet(device="cuda", precision="float32", num_members=4, training=Training(epochs=4))
            return model.fit(X, y).predict_proba(X)

    begun: list[int] = []
    real = turns.Turns.start
    monkeypatch.setattr(turns.Turns, "start", lambda self, entry: (begun.append(len(self.under_way)), real(self, entry))[1])
    found = fit()
    assert begun == [0, 1, 2, 3] and not notices
    monkeypatch.setattr(turns, "can_take_turns", lambda *_: False)
    assert np.abs(fit() - found).mean() < 1e-2


def test_a_step_that_cannot_be_captured_is_said_and_training_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = load_breast_cancer(return_X_y=True)  # a network with dropout, whose random numbers must go on too
    once = loop._step_once

    def waiting(*given: object) -> torch.Tensor:
        loss = once(*given)  # type: ignore[arg-type]
        if torch.cuda.is_current_stream_capturing():
            float(loss)  # the host waits for the device, which no graph can hold
        return loss

    monkeypatch.setattr(loop, "_step_once", waiting)
    notices: list[str] = []
    with loop.context(loop.Context(on_notice=notices.append)):
        model = DeepNet(device="cuda", training=Training(epochs=10)).fit(X[:400], y[:400])
    assert len(notices) == 1 and "could not be captured" in notices[0]
    assert model.score(X[400:], y[400:]) > 0.9


def test_the_gpu_and_the_cpu_agree_on_a_fitted_network() -> None:
    X, y = digits()
    model = DeepNet(device="cuda", precision="float32", training=Training(epochs=3)).fit(X, y)
    tensors, values = model.get_state()
    values["fitted"]["runtime"] |= {"device": "cpu", "memory_format": "contiguous"}
    again = DeepNet.from_state(tensors, values)
    assert np.allclose(again.predict_proba(X), model.predict_proba(X), atol=1e-3)


def test_resume_goes_on_from_a_checkpoint(tmp_path: Path) -> None:
    X, y = digits()
    training = Training(epochs=4, checkpoint_seconds=0.0)

    def fit(folder: Path | None, stop: int | None = None) -> np.ndarray:
        def on_epoch(row: dict) -> None:
            if row["epoch"] == stop:
                raise KeyboardInterrupt

        with loop.context(loop.Context(folder, on_epoch)):
            return DeepNet(device="cuda", training=training).fit(X, y).predict_proba(X)

    expected = fit(None)
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path, 3)
    assert np.allclose(fit(tmp_path), expected, atol=1e-2)


def test_a_pretrained_architecture_runs_there() -> None:
    X = np.random.default_rng(0).integers(0, 255, (32, 3, 64, 64)).astype(np.uint8)
    y = np.arange(32) % 2
    model = FinetunedCNN("resnet18", weights="none", image_size_px=64, device="cuda", training=Training(epochs=1)).fit(X, y)
    assert model.predict_proba(X).shape == (32, 2)
