"""Captured training steps, with a graph that computes on the CPU in the place of CUDA's: replays equal steps launched one by one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import DynamicOutputShapeException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from sdl_cli.data.augment import policies
from sdl_cli.errors import DeviceError
from sdl_cli.learning import captured, loop, losses, phase
from sdl_cli.learning.device import Runtime
from sdl_cli.learning.models.autoencoder import AutoencoderNet
from sdl_cli.learning.models.deep_net import DeepNet
from sdl_cli.settings.experiment import Training

CPU = Runtime("cpu", "float32", "contiguous", 1)
FULL = Training(
    epochs=20, batch_size=8, optimizer="adamw", learning_rate=0.01, schedule="one_cycle", warmup_fraction=0.0,
    weight_decay=0.01, clip_norm=1.0, ema_decay=0.9, select="best", checkpoint_seconds=0.0,
)  # fmt: skip
NUM_STEPS = 80  # 30 rows in batches of 8, 8, 7 and 7


class FakeGraph:
    """Notes what is captured without computing it, as CUDA does, and computes it with each replay."""

    made: list[FakeGraph] = []
    failure: Exception | None = None
    waiting = False
    given_up = 0

    def __init__(self, generators: Sequence[torch.Generator]) -> None:
        self.generators, self.num_replays = generators, 0

    def waits(self, step: Callable[[], Tensor]) -> tuple[Tensor, bool]:
        return step(), FakeGraph.waiting

    def give_up(self) -> None:
        FakeGraph.given_up += 1

    def capture(self, body: Callable[[], Tensor]) -> Tensor:
        FakeGraph.made.append(self)
        if FakeGraph.failure is not None:
            raise FakeGraph.failure
        self.body, self.output = body, torch.full((), torch.nan)
        return self.output

    def replay(self) -> None:
        self.num_replays += 1
        with NothingReadBack():
            self.output.copy_(self.body())


class NothingReadBack(TorchDispatchMode):
    """Fails where a step reads a number back from the device or makes a tensor of a size that depends on numbers."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert func.overloadpacket not in WAITING, f"{func} waits for the device"
        return func(*args, **(kwargs or {}))


WAITING = {torch.ops.aten._local_scalar_dense, torch.ops.aten.nonzero, torch.ops.aten.bincount, torch.ops.aten._unique2}


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> list[FakeGraph]:
    """The graphs that fits make from now on; every device has graphs."""
    FakeGraph.made, FakeGraph.failure, FakeGraph.waiting, FakeGraph.given_up = [], None, False, 0
    for module in (loop, phase):
        monkeypatch.setattr(module, "has_graphs", lambda runtime: True)
    monkeypatch.setattr(loop, "CapturedStep", partial(captured.CapturedStep, new_graph=FakeGraph))
    return FakeGraph.made


def objective(net: nn.Module, x: Tensor, t: Tensor) -> Tensor:
    return (net(x) - t).square().mean(1)


def jitter(x: Tensor, t: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    return x + 0.1 * torch.randn(x.shape, generator=generator), t


def fit(training: Training = FULL, folder: Path | None = None, stop: int | None = None, **more: Any) -> tuple[Any, list[str]]:
    """The trained weights, history and notices."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 1))
    x = torch.randn(30, 5, generator=torch.Generator().manual_seed(1))
    t, notices = x[:, :1] * 2, []

    def on_epoch(row: dict[str, object]) -> None:
        if row["epoch"] == stop:
            raise KeyboardInterrupt

    def validate(net: nn.Module) -> dict[str, float]:
        return {"loss": float(objective(net, x[:8], t[:8]).mean())}

    with loop.context(loop.Context(folder, on_epoch, notices.append)):
        rows = loop.train(net, more.pop("objective", objective), x, t, training, CPU, seed=3, validate=validate, **more)
    kept = [{key: value for key, value in row.items() if key not in ("seconds", "phase")} for row in rows]
    return (net.state_dict(), kept), notices


def assert_alike(found: Any, expected: Any) -> None:
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(found[0].values(), expected[0].values(), strict=True))
    for ours, theirs in zip(found[1], expected[1], strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("capture", ["all", "network"])
@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
def test_a_replayed_training_is_the_one_step_by_step(graphs: list[FakeGraph], optimizer: str, capture: str) -> None:
    training = dataclasses.replace(FULL, optimizer=optimizer)
    expected, _ = fit(training, augment=jitter, capture="nothing")
    assert not graphs
    found, notices = fit(training, augment=jitter, capture=capture)
    assert_alike(found, expected)
    assert len(graphs) == 2 and sum(graph.num_replays for graph in graphs) == NUM_STEPS - 2 * 3 and not notices
    assert all(len(graph.generators) == 1 for graph in graphs)


def test_rates_of_groups_keep_their_factors(graphs: list[FakeGraph], monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    before = phase.Phase.set_rates

    def noted(run: phase.Phase) -> None:
        before(run)
        seen.append([float(group["lr"]) for group in run.optimizer.param_groups])

    monkeypatch.setattr(phase.Phase, "set_rates", noted)
    net = nn.Sequential(nn.Linear(5, 1))
    x = torch.ones(8, 5)
    groups = [(0.1, [net[0].weight]), (1.0, [net[0].bias])]
    loop.train(net, objective, x, x[:, :1], dataclasses.replace(FULL, select="last"), CPU, seed=0, parameters=groups)
    assert len(seen) == 20 and all(low == pytest.approx(0.1 * high) and high > 0 for low, high in seen)
    assert max(high for _, high in seen) == pytest.approx(0.01)


def test_few_steps_are_not_captured(graphs: list[FakeGraph]) -> None:
    fit(dataclasses.replace(FULL, epochs=12))
    assert not graphs


def test_a_step_that_cannot_be_captured_is_said_once_and_changes_no_result(graphs: list[FakeGraph]) -> None:
    expected, _ = fit(capture="nothing")
    FakeGraph.failure = RuntimeError("operation not permitted when stream is capturing")
    found, notices = fit()
    assert_alike(found, expected)
    assert len(graphs) == 1 and len(notices) == 1 and "operation not permitted when stream is capturing" in notices[0]
    assert FakeGraph.given_up == 1


def test_a_step_that_waits_for_the_device_is_found_before_it_is_captured(graphs: list[FakeGraph]) -> None:
    expected, _ = fit(capture="nothing")
    FakeGraph.waiting = True
    found, notices = fit()
    assert_alike(found, expected)
    assert not graphs and len(notices) == 1 and "a step waits for the device" in notices[0]


def test_nothing_is_captured_in_another_thread(graphs: list[FakeGraph]) -> None:
    expected, _ = fit(capture="nothing")
    with ThreadPoolExecutor(1) as pool:
        found, _ = pool.submit(fit).result()
    assert_alike(found, expected)
    assert not graphs


def test_too_little_memory_while_capturing(graphs: list[FakeGraph]) -> None:
    expected, _ = fit(capture="nothing")
    FakeGraph.failure = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
    found, notices = fit()
    assert_alike(found, expected)
    assert len(notices) == 1 and "out of memory" in notices[0]


def test_a_batch_that_is_halved_is_not_captured(graphs: list[FakeGraph]) -> None:
    def hungry(net: nn.Module, x: Tensor, t: Tensor) -> Tensor:
        if len(x) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return objective(net, x, t)

    _, notices = fit(objective=hungry)
    assert not graphs and len(notices) == 1 and "computed in 2 parts" in notices[0]

    def insatiable(net: nn.Module, x: Tensor, t: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(DeviceError, match="even one row"):
        fit(objective=insatiable)


def test_a_replayed_step_that_reads_a_number_back_fails_here(graphs: list[FakeGraph]) -> None:
    def reading(net: nn.Module, x: Tensor, t: Tensor) -> Tensor:
        loss = objective(net, x, t)
        return loss * float(loss.detach().sum() >= 0)

    with pytest.raises(AssertionError, match="waits for the device"):
        fit(objective=reading)


@pytest.mark.parametrize("stop", [2, 9])
def test_a_stopped_training_goes_on_to_the_same_weights(graphs: list[FakeGraph], tmp_path: Path, stop: int) -> None:
    expected, _ = fit(augment=jitter)
    with pytest.raises(KeyboardInterrupt):
        fit(augment=jitter, folder=tmp_path, stop=stop)
    found, _ = fit(augment=jitter, folder=tmp_path)
    assert_alike(found, expected)


def test_a_checkpoint_of_steps_one_by_one_goes_on_with_graphs(
    graphs: list[FakeGraph], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, _ = fit(augment=jitter, capture="nothing")
    with monkeypatch.context() as before:
        before.setattr(phase, "has_graphs", lambda runtime: False)
        before.setattr(loop, "has_graphs", lambda runtime: False)
        with pytest.raises(KeyboardInterrupt):
            fit(augment=jitter, folder=tmp_path, stop=4)
    found, _ = fit(augment=jitter, folder=tmp_path)
    assert graphs
    assert_alike(found, expected)


@pytest.mark.parametrize("name", sorted(policies.AUGMENTS))
def test_policies_that_are_captured_read_nothing_back(name: str) -> None:
    settings = policies.AUGMENTS[name]()
    kind = next(each for each in ("image", "series", "table") if each in (*policies.MODALITY[name], "table"))
    policy = policies.build(settings)
    with FakeTensorMode() as mode:
        x = torch.rand({"table": (4, 3), "series": (4, 3, 20), "image": (4, 3, 8, 8)}[kind])
        t = torch.rand(4, 2)
        assert mode is not None
        if policies.waits_for_device(settings):
            with pytest.raises(DynamicOutputShapeException):
                policy(x, t, torch.Generator())
        else:
            assert (
                policy(x, t, torch.Generator())[0].shape[: x.ndim - (kind == "series")] == x.shape[: x.ndim - (kind == "series")]
            )


@pytest.mark.parametrize(
    "loss",
    [losses.CrossEntropy(), losses.CrossEntropy(class_weight="balanced"), losses.Cosine(), losses.Cosine(xent_weight=0.1)],
    ids=str,
)
def test_losses_and_networks_of_every_kind_are_captured(graphs: list[FakeGraph], loss: Any) -> None:
    X = torch.randn(60, 4, generator=torch.Generator().manual_seed(0)).numpy()
    y = (X[:, 0] > 0.3).astype(int)
    training = Training(epochs=60, learning_rate=0.01)
    for model in (
        DeepNet(depth=1, width=8, loss=loss, training=training),
        AutoencoderNet(widths=(8,), loss=loss, training=training),
    ):
        assert model.fit(X, y).score(X, y) > 0.8
    assert len(graphs) >= 2 and all(graph.num_replays > 20 for graph in graphs)
