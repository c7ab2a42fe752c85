"""The training loop: schedules against their formulas, resume to the last bit, NaN, memory, early stopping."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sdl_cli.errors import DataError, DeviceError, RunError
from sdl_cli.learning import loop
from sdl_cli.learning.device import Runtime
from sdl_cli.learning.optimization import MOMENTUM, build_optimizer, schedule_factor
from sdl_cli.settings.experiment import Training

CPU = Runtime("cpu", "float32", "contiguous", 1)
FULL = Training(
    epochs=6, batch_size=8, optimizer="adamw", learning_rate=0.01, schedule="one_cycle", warmup_fraction=0.0,
    weight_decay=0.01, clip_norm=1.0, ema_decay=0.9, select="best", checkpoint_seconds=0.0,
)  # fmt: skip


def changed(**values: object) -> Training:
    import dataclasses

    return dataclasses.replace(FULL, **values)


def objective(net: nn.Module, x: Tensor, t: Tensor) -> Tensor:
    return (net(x) - t).square().mean(1)


def make_net(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 1))


def make_data(n: int = 30) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(n, 5, generator=generator)
    return x, x[:, :1] * 2 + 0.1 * torch.randn(n, 1, generator=generator)


def jitter(x: Tensor, t: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    return x + 0.1 * torch.randn(x.shape, generator=generator), t


class TestSchedule:
    def test_cosine_is_loshchilov_and_hutters_equation_5(self) -> None:
        training = changed(schedule="cosine")
        for step in range(100):
            assert schedule_factor(step, 100, training) == pytest.approx((1 + math.cos(math.pi * step / 100)) / 2)

    def test_warm_up_rises_linearly_to_one_and_never_starts_at_zero(self) -> None:
        training = changed(schedule="constant", warmup_fraction=0.1)
        factors = [schedule_factor(s, 100, training) for s in range(12)]
        assert factors[0] > 0 and factors[10:] == [1.0, 1.0]
        assert all(math.isclose(b - a, 1 / 11, rel_tol=1e-9) for a, b in zip(factors[:9], factors[1:10], strict=True))

    def test_one_cycle_peaks_at_thirty_percent_from_a_twenty_fifth(self) -> None:
        training = changed(schedule="one_cycle")
        factors = [schedule_factor(s, 1000, training) for s in range(1000)]
        assert factors[0] == pytest.approx(1 / 25)
        assert max(range(1000), key=factors.__getitem__) == 300 and max(factors) == pytest.approx(1)
        assert factors[-1] < 1e-4

    def test_sgdr_restarts_at_one_seventh_and_three_sevenths(self) -> None:
        training = changed(schedule="sgdr", num_restarts=3)
        factors = [schedule_factor(s, 700, training) for s in range(700)]
        for start, end in ((0, 100), (100, 300), (300, 700)):
            assert factors[start] == pytest.approx(1)
            assert factors[end - 1] < 0.001
            assert factors[(start + end) // 2] == pytest.approx(0.5)


class TestOptimizer:
    def test_biases_and_norms_are_not_decayed_and_rates_follow_their_group(self) -> None:
        net = make_net()
        optimizer, factors = build_optimizer(FULL, [(0.1, list(net[0].parameters())), (1.0, list(net[4].parameters()))])
        assert factors == [0.1, 0.1, 1.0, 1.0]
        assert [g["weight_decay"] for g in optimizer.param_groups] == [0.01, 0.0, 0.01, 0.0]
        assert all(p.ndim > 1 for p in optimizer.param_groups[0]["params"])

    @pytest.mark.parametrize("momentum", [MOMENTUM, 0.5])
    @pytest.mark.parametrize("kind", ["sgd", "adam", "adamw"])
    def test_steps_and_state_are_those_of_torchs_own(self, kind: str, momentum: float) -> None:
        nets = [make_net() for _ in range(2)]
        nets[1].load_state_dict(nets[0].state_dict())
        ours, _ = build_optimizer(changed(optimizer=kind), [(1.0, list(nets[0].parameters()))], momentum=momentum)
        own: Any = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[kind]
        groups = [
            {"params": [p for p in nets[1].parameters() if (p.ndim > 1) == decays], "weight_decay": group["weight_decay"]}
            for decays, group in zip((True, False), ours.param_groups, strict=True)
        ]
        more = {"momentum": momentum, "nesterov": True} if kind == "sgd" else {"betas": (momentum, 0.999)}
        theirs = own(groups, lr=ours.param_groups[0]["lr"], fused=True, **more)
        assert isinstance(ours, own)
        for step in range(4):
            for net, optimizer in zip(nets, (ours, theirs), strict=True):
                optimizer.zero_grad()
                net.eval()(make_data()[0] + step).square().sum().backward()
                optimizer.step()
            if step == 1:
                ours.load_state_dict(copy.deepcopy(theirs.state_dict()))
        assert all(p.requires_grad and p.is_leaf for p in nets[0].parameters())
        assert all(torch.equal(a, b) for a, b in zip(nets[0].parameters(), nets[1].parameters(), strict=True))
        assert str(ours.state_dict()) == str(theirs.state_dict())

    def test_one_sgd_step_is_the_nesterov_formula(self) -> None:
        net = nn.Linear(1, 1, bias=False)
        start = net.weight.detach().clone()
        x, t = torch.tensor([[1.0]]), torch.tensor([[3.0]])
        training = changed(
            epochs=1, optimizer="sgd", schedule="constant", clip_norm=0.0, ema_decay=0.0, weight_decay=0.0, select="last"
        )
        loop.train(net, objective, x, t, training, CPU, seed=0)
        gradient = 2 * (start - 3)
        assert torch.allclose(net.weight, start - 0.01 * (1 + 0.9) * gradient)

    def test_clipping_bounds_the_step(self) -> None:
        net = nn.Linear(1, 1, bias=False)
        start = net.weight.detach().clone()
        training = changed(
            epochs=1, optimizer="sgd", schedule="constant", clip_norm=0.5, ema_decay=0.0, weight_decay=0.0, select="last"
        )
        loop.train(net, objective, torch.tensor([[1.0]]), torch.tensor([[300.0]]), training, CPU, seed=0)
        assert torch.allclose(net.weight - start, torch.tensor([[0.01 * 1.9 * 0.5]]), atol=1e-6)


class Seen(nn.Module):
    """Passes on the mean of each image, and notes how many came at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.sizes.append(len(x))
        return x.flatten(1).mean(1, keepdim=True)


@pytest.mark.parametrize(("size_px", "num_threads", "sizes"), [(224, 1, [4, 4, 1]), (224, 2, [8, 1]), (32, 1, [9])])
def test_large_images_pass_a_cpu_few_at_a_time(size_px: int, num_threads: int, sizes: list[int]) -> None:
    net, images = Seen(), torch.randint(0, 256, (9, 3, size_px, size_px), dtype=torch.uint8)
    runtime = Runtime("cpu", "float32", "contiguous", num_threads, "")
    assert torch.allclose(loop.apply(net, images, runtime), images.float().flatten(1).mean(1, keepdim=True) / 255)
    assert net.sizes == sizes


class StoppedError(Exception):
    pass


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("stop_after", [1, 2, 5])
def test_a_stopped_training_goes_on_to_bit_identical_weights(tmp_path: Path, precision: str, stop_after: int) -> None:
    runtime = Runtime("cpu", precision, "contiguous", 1)
    x, t = make_data()

    def validate(net: nn.Module) -> dict[str, float]:
        return {"loss": float(objective(net, x[:8], t[:8]).mean())}

    def fit(folder: Path | None, net: nn.Module, stop: int | None = None) -> loop.Context:
        def on_epoch(row: dict[str, object]) -> None:
            if row["epoch"] == stop:
                raise StoppedError

        # a stop in on_epoch comes before that epoch's checkpoint: the epoch is done again, as after kill -9
        with loop.context(loop.Context(folder, on_epoch)) as surroundings:
            loop.train(net, objective, x, t, FULL, runtime, seed=3, augment=jitter, validate=validate)
        return surroundings

    whole = make_net()
    expected = fit(None, whole)
    stopped = make_net()
    with pytest.raises(StoppedError):
        fit(tmp_path, stopped, stop_after)
    again = make_net(seed=99)  # other weights: everything must come from the checkpoint, or (epoch 1) from the same seed
    if stop_after == 1:
        again = make_net()
    resumed = fit(tmp_path, again)
    for a, b in zip(whole.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    drop = lambda rows: [{k: v for k, v in row.items() if k != "seconds"} for row in rows]  # noqa: E731
    assert drop(resumed.history) == drop(expected.history)


def test_a_finished_phase_is_read_and_not_trained_again(tmp_path: Path) -> None:
    x, t = make_data()
    first, second = make_net(), make_net(seed=5)
    with loop.context(loop.Context(tmp_path)):
        loop.train(first, objective, x, t, changed(select="last"), CPU, seed=0)
    calls = []
    with loop.context(loop.Context(tmp_path, calls.append)):
        loop.train(second, objective, x, t, changed(select="last"), CPU, seed=0)
    assert not calls
    assert all(torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True))


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-fit.pt").write_bytes(b"not a checkpoint")
    x, t = make_data()
    with loop.context(loop.Context(tmp_path)), pytest.raises(DataError, match="checkpoint-fit.pt"):
        loop.train(make_net(), objective, x, t, FULL, CPU, seed=0)


def test_nan_stops_with_the_step_and_a_hint() -> None:
    x, t = make_data()
    seen = 0

    def diverging(net: nn.Module, a: Tensor, b: Tensor) -> Tensor:
        nonlocal seen
        seen += 1
        return objective(net, a, b) * (math.nan if seen == 6 else 1)

    with pytest.raises(RunError, match="step 5 .*") as caught:
        loop.train(make_net(), diverging, x, t, changed(select="last"), CPU, seed=0)
    assert "learning_rate" in caught.value.hint


def test_out_of_memory_halves_the_batch_and_gives_the_same_weights_within_rounding() -> None:
    x, t = make_data(32)
    linear = lambda: nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 1))  # noqa: E731
    training = changed(batch_size=16, select="last")
    torch.manual_seed(0)
    whole = linear()
    torch.manual_seed(0)
    halved = linear()
    loop.train(whole, objective, x, t, training, CPU, seed=0)
    notices: list[str] = []

    def small_memory(net: nn.Module, a: Tensor, b: Tensor) -> Tensor:
        if len(a) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return objective(net, a, b)

    with loop.context(loop.Context(on_notice=notices.append)):
        loop.train(halved, small_memory, x, t, training, CPU, seed=0)
    for a, b in zip(whole.parameters(), halved.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-5)
    assert len(notices) == 2 and "4 parts" in notices[1] and "training.batch_size" in notices[1]


def test_memory_too_small_for_one_row_is_a_plain_error() -> None:
    def never(net: nn.Module, a: Tensor, b: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    x, t = make_data()
    with pytest.raises(DeviceError, match="even one row"):
        loop.train(make_net(), never, x, t, FULL, CPU, seed=0)


def test_the_best_epoch_is_kept_and_patience_stops() -> None:
    x, t = make_data()
    losses = iter([3.0, 1.0, 2.0, 2.0, 2.0, 2.0])
    seen: list[Tensor] = []

    def validate(net: nn.Module) -> dict[str, float]:
        seen.append(net[4].weight.detach().clone())
        return {"loss": next(losses)}

    net = make_net()
    history = loop.train(net, objective, x, t, changed(patience=2), CPU, seed=0, validate=validate)
    assert len(history) == 4
    assert torch.equal(net[4].weight, seen[1])


def test_the_average_is_the_recursive_formula() -> None:
    x, t = make_data(8)
    net = nn.Linear(5, 1)
    weights: list[Tensor] = [net.weight.detach().clone()]
    training = changed(epochs=5, schedule="constant", select="last", ema_decay=0.9)

    def watching(module: nn.Module, a: Tensor, b: Tensor) -> Tensor:
        weights.append(net.weight.detach().clone())
        return objective(module, a, b)

    reference = nn.Linear(5, 1)
    reference.load_state_dict(net.state_dict())
    loop.train(reference, objective, x, t, changed(epochs=5, schedule="constant", select="last", ema_decay=0.0), CPU, seed=0)
    loop.train(net, watching, x, t, training, CPU, seed=0)
    steps = [*weights[2:], reference.weight.detach()]
    average = weights[0]
    for step, value in enumerate(steps):
        decay = min(0.9, (1 + step) / (10 + step))
        average = decay * average + (1 - decay) * value
    assert torch.allclose(net.weight, average, atol=1e-6)


def test_steps_end_the_training_within_an_epoch() -> None:
    x, t = make_data(32)
    history = loop.train(make_net(), objective, x, t, changed(steps=6, select="last"), CPU, seed=0)
    assert [row["step"] for row in history] == [4, 6]


def test_batches_are_near_equal_so_batchnorm_never_meets_one_row() -> None:
    x, t = make_data(17)
    sizes: list[int] = []

    def watching(net: nn.Module, a: Tensor, b: Tensor) -> Tensor:
        sizes.append(len(a))
        return objective(net, a, b)

    loop.train(make_net(), watching, x, t, changed(epochs=1, batch_size=16, select="last"), CPU, seed=0)
    assert sorted(sizes) == [8, 9]


def test_a_fit_leaves_the_callers_random_state_and_threads_alone() -> None:
    x, t = make_data()
    torch.manual_seed(7)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    net = make_net()
    torch.set_rng_state(state)
    loop.train(net, objective, x, t, changed(select="last"), CPU, seed=0)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_images_are_scaled_to_one_and_laid_out_as_asked() -> None:
    images = torch.full((2, 3, 4, 4), 255, dtype=torch.uint8)
    out = loop.prepare(images, Runtime("cpu", "float32", "channels_last", 1))
    assert out.dtype == torch.float32 and float(out.max()) == 1.0
    assert out.is_contiguous(memory_format=torch.channels_last)
