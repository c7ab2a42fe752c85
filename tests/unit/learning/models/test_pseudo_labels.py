"""Labels that a network gives to unlabelled rows: the loss by hand, what is drawn and changed, resuming, and refusals."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, make_moons
from torch import Tensor, nn

from sdl_cli.data.augment.policies import FlipCrop, NoAugment, Noise, Shift, Strong, Trivial
from sdl_cli.errors import ConfigError, RunError
from sdl_cli.learning import loop, losses, stack, together
from sdl_cli.learning.device import Runtime
from sdl_cli.learning.models.autoencoder import AutoencoderNetRegressor
from sdl_cli.learning.models.deep_net import DeepNet, DeepNetRegressor
from sdl_cli.learning.models.finetuned_cnn import FinetunedCNN
from sdl_cli.learning.models.pseudo_labels import PseudoLabels, views
from sdl_cli.settings.experiment import Training

CPU = Runtime("cpu", "float32", "contiguous", 1)
QUICK = Training(epochs=4, batch_size=8, checkpoint_seconds=0)
SMALL: dict[str, Any] = {"depth": 2, "width": 8, "training": QUICK, "device": "cpu", "precision": "float32"}


def digits() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    X, y = load_digits(return_X_y=True)
    return np.rint(X * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8), y


def made(
    rows: Tensor, threshold: float = 0.6, weight: float = 2.0, ramp: float = 0.0, ratio: int = 3, **more: Any
) -> PseudoLabels:
    """The objective of unlabelled rows by cross-entropy, at step 10 of 100."""
    settings = SimpleNamespace(
        unlabeled_weight=weight, unlabeled_threshold=threshold, unlabeled_ratio=ratio, unlabeled_ramp_fraction=ramp
    )
    found = PseudoLabels(
        rows, CPU, losses.cross_entropy, losses.cross_entropy, lambda outputs: outputs.softmax(1), more.get("weak"),
        more.get("strong"), settings,
    )  # fmt: skip
    run: Any = SimpleNamespace(
        step=10, num_steps=100, augmentation=torch.Generator().manual_seed(0), averaged_weights=contextlib.nullcontext
    )
    found.follow(run)
    return found


class Doubled(nn.Module):
    """Outputs are the inputs times one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.asked: list[tuple[bool, int]] = []

    def forward(self, x: Tensor) -> Tensor:
        self.asked.append((self.training, len(x)))
        return self.weight * x


def test_the_loss_is_that_of_labelled_rows_and_the_weighed_mean_over_unlabelled_ones() -> None:
    net = Doubled().train()
    sure, unsure = [2.0, 0.0], [0.1, 0.0]  # probabilities 0.881 and 0.525
    x, t = torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    rows = torch.tensor([sure, unsure])
    objective = made(rows)
    drawn = torch.randint(2, (6,), generator=torch.Generator().manual_seed(0))
    num_sure = int((drawn == 0).sum())
    assert 0 < num_sure < 6
    found = objective(net, x, t)
    labelled = losses.cross_entropy(x, t)
    each = -math.log(math.exp(2) / (math.exp(2) + 1))
    assert torch.allclose(found, labelled + 2.0 * num_sure * each / 6, atol=1e-6)
    assert net.asked == [(False, 6), (True, 2 + num_sure)] and net.training
    found.mean().backward()
    by_hand = torch.ones((), requires_grad=True)
    whole = losses.cross_entropy(by_hand * x, t).mean() + 2.0 * losses.cross_entropy(
        by_hand * torch.tensor([sure]), torch.tensor([[1.0, 0.0]])
    ).sum() * (num_sure / 6)
    whole.backward()
    assert net.weight.grad is not None and torch.allclose(net.weight.grad, by_hand.grad)


def test_rows_of_which_it_is_sure_of_none_add_nothing() -> None:
    net = Doubled().train()
    x, t = torch.tensor([[0.0, 1.0]]), torch.tensor([[0.0, 1.0]])
    assert torch.equal(made(torch.tensor([[0.1, 0.0]]))(net, x, t), losses.cross_entropy(x, t))
    assert net.training and net.asked[-1] == (True, 1)


@pytest.mark.parametrize(
    ("step", "fraction", "ramp"),
    [(0, 0.5, math.exp(-5)), (25, 0.5, math.exp(-1.25)), (50, 0.5, 1.0), (99, 0.5, 1.0), (0, 0.0, 1.0)],
)
def test_the_weight_rises_as_laine_and_aila_have_it(step: int, fraction: float, ramp: float) -> None:
    objective = made(torch.zeros(1, 2), ramp=fraction)
    assert objective.run is not None
    objective.run.step = step
    assert objective.ramp() == pytest.approx(ramp)


def test_weights_learn_under_autocast_although_they_were_asked_without_gradients() -> None:
    net = nn.Linear(2, 2)
    nn.init.eye_(net.weight)
    x, t = torch.tensor([[0.0, 1.0]]), torch.tensor([[0.0, 1.0]])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        made(torch.tensor([[3.0, 0.0]]))(net.train(), x, t).sum().backward()
    assert net.weight.grad is not None and net.weight.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("augment", "mirrors"),
    [
        (NoAugment(), False),
        (Trivial(), False),
        (Shift(), False),
        (FlipCrop(), True),
        (Strong(), True),
        (Strong(flip=False), False),
    ],
)
def test_images_are_mirrored_only_where_the_run_mirrors_them(augment: Any, mirrors: bool) -> None:
    weak, _ = views(augment, "trivial", is_image=True)
    assert weak is not None
    image = torch.linspace(0, 1, 24)[None, None, None].expand(64, 1, 24, 24)
    seen, _ = weak(image, torch.zeros(64, 2), torch.Generator().manual_seed(0))
    falls = seen[:, 0, 12, 8] > seen[:, 0, 12, 16]
    assert bool(falls.any()) == mirrors


def test_what_is_learned_is_changed_more_than_what_is_asked() -> None:
    image, soft = torch.rand(64, 3, 16, 16, generator=torch.Generator().manual_seed(0)), torch.eye(2).repeat(32, 1)
    generator = torch.Generator().manual_seed(0)
    for policy in ("trivial", "strong"):
        weak, strong = views(NoAugment(), policy, is_image=True)
        assert weak is not None and strong is not None
        mean = [float(change(image, soft, generator)[0].std(0).mean()) for change in (weak, strong)]
        assert strong(image, soft, generator)[0].shape == image.shape and mean[0] > 0
    assert views(NoAugment(), "trivial", is_image=False) == (None, None)
    assert views(Noise(), "trivial", is_image=False)[1] is not None


def test_the_network_grows_sure_of_more_unlabelled_rows_and_keeps_the_labelled_ones() -> None:
    X, y = make_moons(400, noise=0.08, random_state=0)
    few = np.concatenate([np.flatnonzero(y == c)[:4] for c in (0, 1)])
    training = Training(epochs=60, batch_size=8)
    how: dict[str, Any] = {"depth": 2, "width": 32, "dropout": 0.0, "training": training, "device": "cpu"}
    alone, helped = DeepNet(**how).fit(X[few], y[few]), DeepNet(**how, unlabeled_ratio=8)
    helped.fit(X[few], y[few], X_unlabeled=X)
    before, after = (float((model.predict_proba(X).max(axis=1) >= 0.95).mean()) for model in (alone, helped))
    assert after > before and (helped.predict(X[few]) == y[few]).all()


def test_averaged_weights_are_asked_where_there_are_any() -> None:
    asked: list[float] = []

    class Watched(Doubled):
        def forward(self, x: Tensor) -> Tensor:
            if not self.training:
                asked.append(float(self.weight.detach()))
            return super().forward(x)

    net, objective = Watched(), made(torch.tensor([[2.0, 0.0]]))
    training = Training(steps=4, epochs=4, batch_size=2, ema_decay=0.9, learning_rate=0.5, optimizer="sgd")
    training = training.filled_from(DeepNet.settings.default_training["table"])
    x, t = torch.tensor([[1.0, 0.0], [2.0, 0.0]]), torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    averages: list[float] = []

    def spied(net: nn.Module, x: Tensor, t: Tensor) -> Tensor:
        assert objective.run is not None
        averages.append(float(objective.run.average[0]))
        return objective(net, x, t)

    spied.follow = objective.follow  # type: ignore[attr-defined]
    loop.train(net, spied, x, t, training, CPU, seed=0)
    assert asked == averages and len(set(asked)) == 4


@pytest.mark.parametrize("num_members", [1, 2])
def test_a_stopped_fit_goes_on_to_the_same_weights(tmp_path: Path, num_members: int) -> None:
    X, y = digits()
    how: dict[str, Any] = {**SMALL, "architecture": "plain", "augment": Shift(), "num_members": num_members}
    how["unlabeled_threshold"] = 0.15

    def fit(folder: Path | None, stop_after: int | None = None) -> DeepNet:
        rows: list[Any] = []

        def on_epoch(row: Any) -> None:
            rows.append(row)
            if len(rows) == stop_after:
                raise KeyboardInterrupt

        with loop.context(loop.Context(folder, on_epoch=on_epoch, runtime=CPU)):
            model = DeepNet(**how)
            model.fit(X[:40], y[:40], X_unlabeled=X[40:140])
        return model

    whole = fit(None)
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path, stop_after=3)
    again = fit(tmp_path)
    for one, other in zip(whole.networks_, again.networks_, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))
    without = DeepNet(**how).fit(X[:40], y[:40])
    assert not np.array_equal(without.predict_proba(X), whole.predict_proba(X))


def test_networks_that_label_rows_are_not_stacked() -> None:
    X, y = load_digits(return_X_y=True)
    model = DeepNet(**SMALL, num_members=2)
    for rows, stacked in ((None, True), (X[40:140], False)):
        jobs = next(iter(model.fitting(X[:40], y[:40], X_unlabeled=rows)))
        assert isinstance(jobs, together.Jobs) and stack.can_be_stacked(*jobs) is stacked
        assert {job.capture for job in jobs} == {"all" if rows is None else "nothing"}


def test_a_loss_that_is_no_number_is_an_error_and_the_share_with_labels_is_said() -> None:
    X, y = digits()
    notices: list[str] = []
    with loop.context(loop.Context(on_notice=notices.append)):
        DeepNet(**SMALL, architecture="plain", unlabeled_threshold=0.0).fit(X[:40], y[:40], X_unlabeled=X[40:100])
    assert notices == [
        "In the end 100% of 60 unlabelled rows had a class with a probability of at least 0, and so a label to learn from."
    ]
    with pytest.raises(RunError, match="NaN or infinite"):
        wild = Training(epochs=4, batch_size=8, learning_rate=1e30, clip_norm=0, optimizer="sgd")
        DeepNet(**{**SMALL, "training": wild}, architecture="plain").fit(X[:40], y[:40], X_unlabeled=X[40:100])


def test_what_cannot_use_unlabelled_rows_refuses_them_with_the_way_out() -> None:
    X, y = load_digits(return_X_y=True)
    with pytest.raises(ConfigError, match="this target is a number") as caught:
        DeepNetRegressor(**SMALL).fit(X[:40], y[:40] * 1.0, X_unlabeled=X[40:])
    assert "model=autoencoder" in caught.value.hint
    with pytest.raises(ConfigError, match="no probabilities until it is trained"):
        DeepNet(**SMALL, loss=losses.Cosine()).fit(X[:40], y[:40], X_unlabeled=X[40:])
    DeepNet(**SMALL, loss=losses.Cosine(xent_weight=0.1)).fit(X[:40], y[:40], X_unlabeled=X[40:60])
    images, classes = digits()
    with pytest.raises(ConfigError, match="learns from labelled rows alone"):
        FinetunedCNN().fit(images[:40], classes[:40], X_unlabeled=images[40:])
    with pytest.raises(ValueError, match="features"):
        DeepNet(**SMALL).fit(X[:40], y[:40], X_unlabeled=X[40:, :5])
    AutoencoderNetRegressor(widths=(4,), pretrain_epochs=1, training=QUICK).fit(X[:40], y[:40] * 1.0, X_unlabeled=X[40:80])
