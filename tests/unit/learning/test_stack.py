"""Networks trained as one stack end up as each does alone: weights, history, early stops, checkpoints."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from unit.learning.test_captured import FakeGraph

from sdl_cli.errors import RunError
from sdl_cli.learning import captured, loop, losses, phase, stack, together
from sdl_cli.learning.device import Runtime
from sdl_cli.learning.models.deep_net import MLP, DeepNet, DeepNetRegressor
from sdl_cli.learning.models.network import Network
from sdl_cli.settings.experiment import Training

CPU = Runtime("cpu", "float32", "contiguous", 1)
PHASES = ("member0", "member1", "member2")
PLAIN = Training(
    epochs=10, batch_size=8, optimizer="adam", learning_rate=0.003, schedule="cosine", warmup_fraction=0.0,
    weight_decay=0.0, clip_norm=0.0, ema_decay=0.0, select="last",
)  # fmt: skip
KINDS = {
    "adam": PLAIN,
    "adamw, decay": dataclasses.replace(PLAIN, optimizer="adamw", weight_decay=0.3),
    "sgd": dataclasses.replace(PLAIN, optimizer="sgd", learning_rate=0.01),
    "clipped": dataclasses.replace(PLAIN, clip_norm=0.05),
    "averaged, best": dataclasses.replace(PLAIN, ema_decay=0.9, select="best"),
    "steps": dataclasses.replace(PLAIN, steps=23),
}
Data = tuple[Tensor, Tensor]


def data() -> Data:
    x = torch.randn(30, 5, generator=torch.Generator().manual_seed(1))
    return x, losses.one_hot((x[:, 0] + 0.3 * x[:, 1] > 0).long(), 2)


def make_nets() -> list[Network]:
    torch.manual_seed(0)
    return [Network(MLP(5, 2, 12, 0.2), 12, 2) for _ in PHASES]


def objective(net: nn.Module, x: Tensor, t: Tensor) -> Tensor:
    return losses.cross_entropy(net(x), t)


def jitter(x: Tensor, t: Tensor, generator: torch.Generator) -> Data:
    return x + 0.1 * torch.randn(x.shape, generator=generator), t


def validate(net: nn.Module) -> dict[str, float]:
    x, t = data()
    return {"loss": float(objective(net, x[:12], t[:12]).mean())}


def alone(training: Training, nets: list[Network], folder: Path | None = None, **more: Any) -> list[dict[str, Any]]:
    with loop.context(loop.Context(folder)) as surroundings:
        for net, name in zip(nets, PHASES, strict=True):
            loop.train(net, objective, *data(), training, CPU, seed=3, phase=name, augment=jitter, validate=validate, **more)
    return surroundings.history


def stacked(
    training: Training,
    nets: list[Network],
    folder: Path | None = None,
    on_epoch: Callable[[Any], None] | None = None,
    **more: Any,
) -> list[dict[str, Any]]:
    surroundings = loop.Context(folder, on_epoch)
    found = jobs(nets, training, surroundings, **more)
    assert can_be_stacked(found) or (folder is not None and any(folder.iterdir()))
    found.train()
    return surroundings.history


def can_be_stacked(found: list[together.Job]) -> bool:
    return all(stack.can_be_stacked(found[0], other) for other in found[1:])


def jobs(
    nets: list[Network],
    training: Training = PLAIN,
    surroundings: loop.Context | None = None,
    rows: Data | None = None,
    **more: Any,
) -> together.Jobs:
    around = surroundings or loop.Context()
    how: dict[str, Any] = {"runtime": CPU, "augment": jitter, "validate": validate, "capture": "all"} | more
    made = {"objective": objective, "training": training, "seed": 3, "surroundings": around} | how
    x, t = rows or data()
    return together.Jobs(
        together.Job(net=net, inputs=x, targets=t, phase=name, **made) for net, name in zip(nets, PHASES, strict=False)
    )


def assert_alike(found: list[Network], expected: list[Network], rows: Any, expected_rows: Any) -> None:
    for ours, theirs in zip(found, expected, strict=True):
        for a, b in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
            assert torch.allclose(a, b, atol=1e-5)
    for row, other in zip(rows, expected_rows, strict=True):
        left = ({k: v for k, v in each.items() if k not in ("seconds", "phase")} for each in (row, other))
        assert row["phase"] == other["phase"] and next(left) == pytest.approx(next(left), abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_stack_ends_where_each_network_does_alone(kind: str) -> None:
    expected, found = make_nets(), make_nets()
    expected_rows, rows = alone(KINDS[kind], expected), stacked(KINDS[kind], found)
    assert_alike(found, expected, rows, expected_rows)
    assert all(p.is_leaf and p.requires_grad for net in found for p in net.parameters())
    assert len({p.data_ptr() for net in found for p in net.parameters()}) == 3 * 6, "each has weights of its own again"


def test_networks_stop_early_each_at_its_own_epoch() -> None:
    training = dataclasses.replace(PLAIN, epochs=60, patience=1, select="best", learning_rate=0.05)
    expected, found = make_nets(), make_nets()
    expected_rows, rows = alone(training, expected), stacked(training, found)
    lengths = [sum(row["phase"] == name for row in rows) for name in PHASES]
    assert len(set(lengths)) > 1 and max(lengths) < 60
    assert_alike(found, expected, rows, expected_rows)


def test_what_hears_epochs_hears_their_means() -> None:
    heard: list[dict[str, Any]] = []
    rows = stacked(PLAIN, make_nets(), on_epoch=heard.append)
    assert [row["epoch"] for row in heard] == list(range(1, 11)) and {row["phase"] for row in heard} == {"3 members"}
    first = [row for row in rows if row["epoch"] == 1]
    assert heard[0]["train_loss"] == pytest.approx(np.mean([row["train_loss"] for row in first]))
    assert heard[0]["validation_loss"] == pytest.approx(np.mean([row["validation_loss"] for row in first]))


@pytest.mark.parametrize("kind", ["adam", "sgd", "averaged, best"])
def test_a_stopped_stack_goes_on_network_by_network(tmp_path: Path, kind: str) -> None:
    training = dataclasses.replace(KINDS[kind], checkpoint_seconds=0.0)
    expected = make_nets()
    expected_rows = alone(training, expected)

    def stop(row: dict[str, Any]) -> None:
        if row["epoch"] == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stacked(training, make_nets(), tmp_path, stop)
    found = make_nets()
    assert_alike(found, expected, stacked(training, found, tmp_path), expected_rows)
    again = make_nets()  # all are finished now
    assert_alike(again, expected, stacked(training, again, tmp_path), expected_rows)


def test_a_loss_that_is_no_number_ends_it_with_the_step() -> None:
    x, t = data()
    with pytest.raises(RunError, match="step 0 "):
        jobs(make_nets(), rows=(x * torch.inf, t), validate=None).train()


@pytest.mark.parametrize("capture", ["all", "network"])
def test_a_stack_is_captured_as_one_step(monkeypatch: pytest.MonkeyPatch, capture: str) -> None:
    training = dataclasses.replace(PLAIN, epochs=30)
    expected, found = make_nets(), make_nets()
    expected_rows = alone(training, expected)
    FakeGraph.made, FakeGraph.failure, FakeGraph.waiting = [], None, False
    for module in (stack, phase):
        monkeypatch.setattr(module, "has_graphs", lambda runtime: True)

    class Graph(FakeGraph):
        def capture(self, body: Callable[[], Tensor]) -> Tensor:
            super().capture(body)
            self.output = torch.full((3,), torch.nan)
            return self.output

    monkeypatch.setattr(stack, "CapturedStep", partial(captured.CapturedStep, new_graph=Graph))
    rows = stacked(training, found, capture=capture)
    assert_alike(found, expected, rows, expected_rows)
    assert len(FakeGraph.made) == 2 and sum(graph.num_replays for graph in FakeGraph.made) == 120 - 6
    assert all(len(graph.generators) == 6 for graph in FakeGraph.made), "dropout and augmentation of each network"


def test_what_a_graph_cannot_hold_is_said_where_the_network_belongs(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeGraph.made, FakeGraph.failure, FakeGraph.waiting = [], RuntimeError("no graph today"), False
    for module in (stack, phase):
        monkeypatch.setattr(module, "has_graphs", lambda runtime: True)
    monkeypatch.setattr(stack, "CapturedStep", partial(captured.CapturedStep, new_graph=FakeGraph))
    notices: list[str] = []
    jobs(make_nets(), dataclasses.replace(PLAIN, epochs=30), loop.Context(on_notice=notices.append)).train()
    assert len(notices) == 1 and "no graph today" in notices[0]


def test_where_memory_is_too_small_for_a_stack_each_is_trained_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def hungry(of: stack.Stack, x: Tensor, t: Tensor) -> Tensor:
        if of.lead.step == 5:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return real(of, x, t)

    real = stack.Stack._step
    monkeypatch.setattr(stack.Stack, "_step", hungry)
    expected, found = make_nets(), make_nets()
    expected_rows = alone(PLAIN, expected)
    notices: list[str] = []
    surroundings = loop.Context(on_notice=notices.append)
    jobs(found, surroundings=surroundings).train()
    assert_alike(found, expected, surroundings.history, expected_rows)
    assert notices == ["The GPU's memory is too small for several networks at once: each is trained by itself."]


class Following:
    """An objective that goes along with a phase."""

    def follow(self, run: phase.Phase) -> None: ...

    def __call__(self, net: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        return objective(net, inputs, targets)


def test_what_cannot_be_stacked() -> None:
    nets = make_nets()
    assert can_be_stacked(jobs(nets))
    assert not can_be_stacked(jobs(nets, runtime=dataclasses.replace(CPU, precision="float16")))
    assert not can_be_stacked(jobs(nets, runtime=dataclasses.replace(CPU, device="mps")))
    for other in (
        Network(MLP(5, 2, 13, 0.2), 13, 2),
        Network(MLP(5, 2, 12, 0.3), 12, 2),
        Network(MLP(5, 2, 12, 0.2), 12, 2, combined=True),
        nn.Sequential(nn.Linear(5, 5), nn.BatchNorm1d(5)),
    ):
        assert not can_be_stacked(jobs([nets[0], other]))  # type: ignore[list-item]
    following = dataclasses.replace(jobs(nets)[0], objective=Following())
    assert not can_be_stacked([*jobs(nets[1:]), following])
    few = together.Jobs([*jobs(nets[:1]), *jobs(nets[1:], rows=(data()[0][:9], data()[1][:9]))])
    longer = together.Jobs([*jobs(nets[:1]), *jobs(nets[1:], dataclasses.replace(PLAIN, epochs=11))])
    assert not can_be_stacked(few) and not can_be_stacked(longer)


def test_networks_on_rows_of_their_own_end_where_each_does_alone() -> None:
    parts = [(data()[0] + shift, data()[1].flip(0) if shift else data()[1]) for shift in (0, 1, 2)]
    expected, found = make_nets(), make_nets()
    around = [loop.Context() for _ in PHASES]
    expected_rows = []
    for net, rows in zip(expected, parts, strict=True):
        [alone_job] = jobs([net], rows=rows, surroundings=loop.Context())
        alone_job.train()
        expected_rows += alone_job.surroundings.history
    each = [jobs([net], rows=rows, surroundings=one) for net, rows, one in zip(found, parts, around, strict=True)]
    together.Jobs(job for one in each for job in one).train()
    assert_alike(found, expected, [row for one in around for row in one.history], expected_rows)


@pytest.mark.parametrize("kind", [DeepNet, DeepNetRegressor])
def test_an_ensemble_is_the_mean_of_its_members_trained_alone(monkeypatch: pytest.MonkeyPatch, kind: Any) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 6))
    y = (X[:, 0] > 0).astype(int) if kind is DeepNet else X[:, 0] * 2
    made = partial(kind, depth=2, width=16, num_members=3, training=Training(epochs=12))
    found = made().fit(X, y)
    monkeypatch.setattr(stack, "can_be_stacked", lambda *_: False)
    expected = made().fit(X, y)
    ask = "predict_proba" if kind is DeepNet else "predict"
    assert np.allclose(getattr(found, ask)(X), getattr(expected, ask)(X), atol=1e-4)
    assert len(found.networks_) == 3
