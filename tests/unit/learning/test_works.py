"""Works that stop for trainings: each gets its own, its own errors, its own time and its own surroundings."""

from __future__ import annotations

import contextvars
import time
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sdl_cli.errors import RunError
from sdl_cli.learning import loop, losses, stack, together
from sdl_cli.learning.device import Runtime
from sdl_cli.learning.models.deep_net import MLP
from sdl_cli.learning.models.network import Network
from sdl_cli.learning.stages import Stages, finish, own_time
from sdl_cli.learning.works import run_together
from sdl_cli.settings.experiment import Training

TRAINING = Training(
    epochs=3, batch_size=16, optimizer="adam", learning_rate=0.01, schedule="constant", warmup_fraction=0.0,
    weight_decay=0.0, clip_norm=0.0, ema_decay=0.0, select="last", checkpoint_seconds=60.0,
)  # fmt: skip
NAME: contextvars.ContextVar[str] = contextvars.ContextVar("name", default="nobody")


def objective(net: nn.Module, x: Tensor, t: Tensor) -> Tensor:
    return losses.cross_entropy(net(x), t)


def job(seed: int = 0, width: int = 6, factor: float = 1.0, **more: Any) -> together.Job:
    torch.manual_seed(seed)
    net = Network(MLP(4, 2, width, 0.0), width, 2)
    x = torch.randn(32, 4, generator=torch.Generator().manual_seed(seed)) * factor
    t = losses.one_hot((x[:, 0] > 0).long(), 2)
    how: dict[str, Any] = {"augment": None, "validate": None, "capture": "all", "surroundings": loop.Context()} | more
    return together.Job(net, objective, x, t, TRAINING, Runtime("cpu", "float32", "contiguous", 1), seed, "fit", **how)


def work(number: int, told: list[str], **more: Any) -> Stages[list[float]]:
    """Two trainings one after the other, and the last loss of each."""
    NAME.set(str(number))
    found = []
    for part in range(2):
        one = job(10 * number + part, **more)
        told.append(f"{NAME.get()} asks")
        yield together.Jobs([one])
        found.append(one.surroundings.history[-1]["train_loss"])
    return found


def test_works_train_together_what_each_trains_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    stacks: list[int] = []
    real = stack.train_stack
    monkeypatch.setattr(stack, "train_stack", lambda jobs: (stacks.append(len(jobs)), real(jobs))[1])
    told: list[str] = []
    found = {number: value for number, value, _ in run_together([work(n, told) for n in range(3)])}
    assert stacks == [3, 3]
    assert told == ["0 asks", "1 asks", "2 asks"] * 2 and NAME.get() == "nobody"
    for number in range(3):
        assert found[number] == pytest.approx(finish(work(number, [])), abs=1e-5)


def test_no_more_than_asked_for_are_under_way() -> None:
    told: list[str] = []
    ended = [number for number, _, _ in run_together([work(n, told, width=4 + n) for n in range(4)], most=2)]
    assert told[:3] == ["0 asks", "1 asks", "0 asks"] and told.index("2 asks") > 2
    assert sorted(ended) == [0, 1, 2, 3]


def test_an_error_is_raised_where_the_training_was_asked_for_and_in_no_other() -> None:
    def tries(number: int) -> Stages[str]:
        try:
            yield together.Jobs([job(1), job(2, factor=torch.nan if number == 1 else 1.0)])
        except RunError as error:
            if number == 1:
                yield together.Jobs([job(3)])
                return f"mended: {error}"
        return "well"

    found = {number: (value, error) for number, value, error in run_together([tries(n) for n in range(3)])}
    assert found[0] == found[2] == ("well", None)
    assert str(found[1][0]).startswith("mended: The training loss became NaN")
    assert finish(tries(1)) == found[1][0]


def test_a_work_that_fails_or_exits_ends_alone() -> None:
    def fails(error: BaseException) -> Stages[int]:
        yield together.Jobs([job()])
        raise error

    def is_well() -> Stages[int]:
        yield together.Jobs()
        yield together.Jobs([job()])
        return 7

    works = [fails(ValueError("no")), is_well(), fails(SystemExit(3))]
    found = {number: (value, error) for number, value, error in run_together(works)}
    assert found[1] == (7, None)
    assert isinstance(found[0][1], ValueError) and isinstance(found[2][1], SystemExit)


@pytest.mark.parametrize("how", ["interrupt", "close"])
def test_what_ends_all_reaches_each_that_has_begun(how: str) -> None:
    left: list[tuple[int, str]] = []

    def watched(number: int) -> Stages[None]:
        try:
            yield together.Jobs(
                [job(number, width=4 + number, surroundings=loop.Context(on_epoch=stop if number == 1 else None))]
            )
        except BaseException as error:
            left.append((number, type(error).__name__))
            raise

    def stop(row: dict[str, Any]) -> None:
        if how == "interrupt":
            raise KeyboardInterrupt

    works = run_together([watched(number) for number in range(4)], most=3)
    if how == "interrupt":
        with pytest.raises(KeyboardInterrupt):
            list(works)
    else:
        next(works)
        works.close()
    name, numbers = ("KeyboardInterrupt", (1, 2, 3)) if how == "interrupt" else ("RunError", (1, 2))
    assert sorted(left) == [(number, name) for number in numbers]


def test_the_time_of_others_is_not_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10_000))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(clock)))

    def timed(seconds: float) -> Iterator[Any]:
        start = own_time()
        yield together.Jobs([job(int(seconds), width=int(seconds))])
        return own_time() - start

    real = together.Job.train

    def train(self: together.Job) -> None:
        for _ in range(len(self.net.body.parameters().__next__()) * 10):  # type: ignore[operator]
            next(clock)
        real(self)

    monkeypatch.setattr(together.Job, "train", train)
    found = {number: value for number, value, _ in run_together([timed(5.0), timed(9.0)])}
    seconds = [found[0], found[1]]
    assert 50 <= seconds[0] < 90 <= seconds[1] < 130, seconds
