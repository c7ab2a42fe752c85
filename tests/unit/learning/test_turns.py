"""Networks that take turns on a GPU end up as each does alone, with streams that do nothing and a graph that computes on the CPU."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from unit.learning.test_captured import FakeGraph

from sdl_cli.errors import RunError
from sdl_cli.learning import captured, loop, losses, phase, stack, together, turns
from sdl_cli.learning.device import Runtime
from sdl_cli.learning.models.deep_net import MLP, DeepNet, ResNet
from sdl_cli.learning.models.network import Network
from sdl_cli.settings.experiment import Training

CPU = Runtime("cpu", "float32", "contiguous", 1)
TRAINING = Training(
    epochs=20, batch_size=16, optimizer="sgd", learning_rate=0.02, schedule="one_cycle", warmup_fraction=0.0,
    weight_decay=0.001, clip_norm=0.0, ema_decay=0.9, select="last", checkpoint_seconds=0.0,
)  # fmt: skip
GB = 2**30
TOO_SMALL = "The GPU's memory is too small for several networks at once: each is trained by itself."


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> list[FakeGraph]:
    """The graphs that fits make from now on, on what they take for a GPU."""
    FakeGraph.made, FakeGraph.failure, FakeGraph.waiting = [], None, False
    for module in (loop, phase, stack, turns):
        monkeypatch.setattr(module, "has_graphs", lambda runtime: True)
    monkeypatch.setattr(loop, "CapturedStep", partial(captured.CapturedStep, new_graph=FakeGraph))
    return FakeGraph.made


def objective(net: nn.Module, x: Tensor, t: Tensor) -> Tensor:
    return losses.cross_entropy(net(x), t)


def jitter(x: Tensor, t: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    return x + 0.1 * torch.randn(x.shape, generator=generator), t


def job(number: int, folder: Path | None = None, **more: Any) -> together.Job:
    """A training of a residual network on images of its own, with as many rows and epochs as its number says."""
    torch.manual_seed(number)
    net = Network(ResNet(1, (8, 8), 5, 4, 0.0), 32, 2)
    images = torch.rand(40 + 8 * number, 1, 8, 8, generator=torch.Generator().manual_seed(number))
    t = losses.one_hot((images.mean((1, 2, 3)) > 0.5).long(), 2)

    def validate(net: nn.Module) -> dict[str, float]:
        return {"loss": float(objective(net, images[:12], t[:12]).mean())}

    how = {"runtime": CPU, "augment": jitter, "validate": validate, "capture": "all", "objective": objective, "seed": number}
    training = dataclasses.replace(TRAINING, epochs=20 + number)
    around = loop.Context(folder)
    return together.Job(
        **{
            "net": net,
            "inputs": images,
            "targets": t,
            "training": training,
            "phase": "fit",
            "surroundings": around,
            **how,
            **more,
        }
    )


def ends_alike(found: together.Job, expected: together.Job) -> bool:
    """Whether two networks and their histories are the same to the bit."""
    pairs = zip(found.net.state_dict().values(), expected.net.state_dict().values(), strict=True)
    rows = [[{k: v for k, v in row.items() if k != "seconds"} for row in one.surroundings.history] for one in (found, expected)]
    return all(torch.equal(a, b) for a, b in pairs) and rows[0] == rows[1]


@pytest.mark.parametrize("num", [2, 5])
def test_each_ends_as_it_does_alone(gpu: list[FakeGraph], monkeypatch: pytest.MonkeyPatch, num: int) -> None:
    monkeypatch.setattr(turns, "MOST_AT_ONCE", 3)
    expected, found = [job(number) for number in range(num)], together.Jobs(job(number) for number in range(num))
    for each in expected:
        each.train()
    alone = len(gpu)
    assert all(map(turns.can_take_turns, found)) and not stack.can_be_stacked(*found[:2])
    found.train()
    assert all(ends_alike(a, b) for a, b in zip(found, expected, strict=True))
    assert not any(each.net.training for each in found)
    assert len(gpu) == 2 * alone, "each has graphs of its own, for both of its sizes of batch"


def test_epochs_of_several_are_launched_before_one_is_waited_for(gpu: list[FakeGraph], monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, int]] = []
    real = loop._launch_epoch

    def launched(run: Any, *more: Any) -> Any:
        told.append(("launched", run.num_epochs))
        return real(run, *more)

    monkeypatch.setattr(loop, "_launch_epoch", launched)
    jobs = together.Jobs(job(number) for number in range(3))
    for each in jobs:
        each.surroundings.on_epoch = lambda row: told.append(("settled", row["epochs"]))
    jobs.train()
    assert told[:3] == [("launched", 20), ("launched", 21), ("launched", 22)]
    assert told[3:7] == [("settled", 20), ("launched", 20), ("settled", 21), ("launched", 21)]
    assert len(told) == 2 * (20 + 21 + 22)


def test_as_many_as_memory_has_room_for(gpu: list[FakeGraph], monkeypatch: pytest.MonkeyPatch) -> None:
    # the first network takes 2 GB; half of 9 GB has room for two more
    held = iter([(0, 10 * GB), (2 * GB, 9 * GB), *[(2 * GB, 9 * GB), (4 * GB, 7 * GB)], *[(6 * GB, 5 * GB)] * 99])
    monkeypatch.setattr(turns, "memory", lambda runtime: next(held))
    jobs = together.Jobs(job(number) for number in range(4))
    notices: list[str] = []
    jobs[0].surroundings.on_notice = notices.append
    most, under_way = 0, set()
    for number, each in enumerate(jobs):

        def heard(row: Any, number: int = number) -> None:
            nonlocal most
            (under_way.discard if row["epoch"] == row["epochs"] else under_way.add)(number)
            most = max(most, len(under_way))

        each.surroundings.on_epoch = heard
    jobs.train()
    assert most == 3 and notices == ["The GPU's memory has room for 3 of these networks at once."]
    assert all(len(each.surroundings.history) == 20 + number for number, each in enumerate(jobs))


def test_where_memory_ends_each_begins_again_by_itself(gpu: list[FakeGraph], monkeypatch: pytest.MonkeyPatch) -> None:
    expected, found = [job(number) for number in range(2)], together.Jobs(job(number) for number in range(2))
    for each in expected:
        each.train()
    full = iter([False] * 9 + [True] + [False] * 1000)
    validate = found[1].validate
    assert validate is not None

    def hungry(net: nn.Module) -> dict[str, float]:
        if next(full):
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return validate(net)

    notices: list[str] = []
    found[1].surroundings.on_notice = notices.append
    again = together.Jobs([found[0], dataclasses.replace(found[1], validate=hungry)])
    again.train()
    assert all(ends_alike(a, b) for a, b in zip(again, expected, strict=True))
    assert notices == [TOO_SMALL]


def test_a_member_that_begins_again_leaves_the_history_of_the_others(
    gpu: list[FakeGraph], monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = loop.Context()
    made = [job(0, phase="member0", surroundings=shared), job(0, phase="member1", surroundings=shared)]
    full = iter([False] * 9 + [True] + [False] * 1000)
    validate = made[1].validate
    assert validate is not None

    def hungry(net: nn.Module) -> dict[str, float]:
        if next(full):
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return validate(net)

    together.Jobs([made[0], dataclasses.replace(made[1], validate=hungry)]).train()
    for phase_name in ("member0", "member1"):
        assert [row["epoch"] for row in shared.history if row["phase"] == phase_name] == list(range(1, 21))


def test_a_loss_that_is_no_number_ends_all(gpu: list[FakeGraph]) -> None:
    bad = job(1)
    with pytest.raises(RunError, match="NaN or infinite at step 0 "):
        together.Jobs([job(0), dataclasses.replace(bad, inputs=bad.inputs * torch.inf, validate=None)]).train()


def test_what_was_stopped_goes_on_where_it_was(gpu: list[FakeGraph], tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(2)]
    for folder in folders:
        folder.mkdir()
    expected = [job(number) for number in range(2)]
    for each in expected:
        each.train()

    def stop(row: dict[str, Any]) -> None:
        if row["epoch"] == 7:
            raise KeyboardInterrupt

    begun = together.Jobs(job(number, folder) for number, folder in enumerate(folders))
    begun[1].surroundings.on_epoch = stop
    with pytest.raises(KeyboardInterrupt):
        begun.train()
    found = together.Jobs(job(number, folder) for number, folder in enumerate(folders))
    found.train()
    assert all(ends_alike(a, b) for a, b in zip(found, expected, strict=True))
    finished = together.Jobs(job(number, folder) for number, folder in enumerate(folders))
    finished.train()
    assert all(ends_alike(a, b) for a, b in zip(finished, expected, strict=True))


def test_what_cannot_take_turns(gpu: list[FakeGraph], monkeypatch: pytest.MonkeyPatch) -> None:
    can = turns.can_take_turns
    assert can(job(0)) and can(job(0), CPU)
    assert not can(job(0, capture="nothing")) and not can(job(0, draws=True))
    assert not can(job(0), dataclasses.replace(CPU, memory_format="channels_last"))
    assert not can(job(0, runtime=dataclasses.replace(CPU, precision="float16")))
    assert not can(job(0, net=Network(MLP(5, 1, 4, 0.1), 4, 2))), "what dropout draws would depend on the others"
    with ThreadPoolExecutor(1) as pool:
        assert not pool.submit(can, job(0)).result()
    monkeypatch.setattr(turns, "has_graphs", lambda runtime: False)
    assert not can(job(0))


def test_members_of_an_ensemble_of_images_take_turns(gpu: list[FakeGraph], monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.random.default_rng(0).integers(0, 255, (40, 1, 8, 8)).astype(np.uint8)
    y = (X.mean((1, 2, 3)) > 127).astype(int)
    made = partial(
        DeepNet, depth=5, width=4, num_members=3, training=Training(epochs=3), precision="float32", memory_format="contiguous"
    )
    begun: list[int] = []
    real = turns.Turns.start
    monkeypatch.setattr(turns.Turns, "start", lambda self, entry: (begun.append(len(self.under_way)), real(self, entry))[1])
    found = made().fit(X, y)
    assert begun == [0, 1, 2]
    monkeypatch.setattr(turns, "can_take_turns", lambda *_: False)
    assert np.array_equal(found.predict_proba(X), made().fit(X, y).predict_proba(X))
