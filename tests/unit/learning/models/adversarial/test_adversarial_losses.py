"""The losses of both phases against their formulas, and whose weights each of them reaches."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from sdl_cli.data.augment import policies
from sdl_cli.learning.losses import CrossEntropy, cross_entropy
from sdl_cli.learning.models.adversarial.estimator import AdversarialNet
from sdl_cli.learning.models.adversarial.networks import Generator
from sdl_cli.learning.models.adversarial.objectives import Objectives, Opponents, own_generator

K = 3


def opponents(norm: str = "weight", learns: bool = True) -> Opponents:
    torch.manual_seed(0)
    model = AdversarialNet(width=4, norm=norm, input_noise=0.0, dropout=0.0)
    net = model.build_network([1, 8, 8], K)
    return Opponents(net, Generator((1, 8, 8), K, 5, 4), learns)


def objectives(**more: object) -> Objectives:
    values = {"rows": CrossEntropy().rows, "weights": None, "augment": None, "feature_weight": 0.5, "generated_weight": 1.0}
    return Objectives(**(values | more))  # type: ignore[arg-type]


def batch() -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.rand(6, 1, 8, 8), torch.eye(K)[[0, 1, 2, 0, 1, 2]]


def made_from(nets: Opponents, t: Tensor) -> Tensor:
    torch.manual_seed(2)
    return nets.made(t)


def test_the_loss_of_the_first_phase_is_the_two_cross_entropies_and_the_features() -> None:
    nets, (x, t) = opponents().train(), batch()
    labels = t.argmax(1)
    made = made_from(nets, t)
    (real_f, real), (made_f, fake) = nets.sides(x), nets.sides(made)
    classifier = (F.cross_entropy(real, labels, reduction="none") + F.cross_entropy(fake, labels + K, reduction="none")) / 2
    against = F.cross_entropy(fake, labels, reduction="none") + 0.5 * (real_f.mean(0) - made_f.mean(0)).abs().mean()
    torch.manual_seed(2)
    assert torch.allclose(objectives().of_generator(nets, x, t), classifier + against, atol=1e-5)


@pytest.mark.parametrize("norm", ["weight", "batch"])
def test_each_network_gets_the_gradient_of_its_own_loss(norm: str) -> None:
    nets, (x, t) = opponents(norm).train(), batch()
    torch.manual_seed(2)
    objectives().of_generator(nets, x, t).mean().backward()
    found = {name: p.grad.clone() for name, p in nets.named_parameters()}
    nets.zero_grad()

    made, labels = made_from(nets, t), t.argmax(1)
    real_f, real = nets.sides(x)
    (F.cross_entropy(real, labels) / 2 + F.cross_entropy(nets.sides(made.detach())[1], labels + K) / 2).backward()
    for name, p in nets.classifier.named_parameters(prefix="classifier"):
        assert torch.allclose(found[name], p.grad, atol=1e-5), name
    nets.zero_grad()
    made_f, fake = nets.sides(made)
    (F.cross_entropy(fake, labels) + 0.5 * (real_f.detach().mean(0) - made_f.mean(0)).abs().mean()).backward()
    for name, p in nets.generator.named_parameters(prefix="generator"):
        assert torch.allclose(found[name], p.grad, atol=1e-5), name


@pytest.mark.parametrize("weight", [0.0, 0.3, 2.0])
def test_in_the_joint_phase_classes_are_learned_from_both_and_the_generator_stays(weight: float) -> None:
    nets, (x, t) = opponents(learns=False).train(), batch()
    assert nets.classifier.training and not nets.generator.training
    made = made_from(nets, t)
    torch.manual_seed(2)
    found = objectives(generated_weight=weight).of_classifier(nets, x, t)
    wanted = (cross_entropy(nets.classifier(x), t) + weight * cross_entropy(nets.classifier(made), t)) / (1 + weight)
    assert torch.allclose(found, wanted, atol=1e-5)
    found.mean().backward()
    assert all(p.grad is None for p in nets.generator.parameters())


def test_label_smoothing_and_class_weights_are_those_of_the_loss() -> None:
    nets, (x, t) = opponents().train(), batch()
    weights = torch.tensor([1.0, 2.0, 3.0])
    one = objectives(rows=CrossEntropy(label_smoothing=0.2).rows, weights=lambda t: t @ weights)
    wanted = cross_entropy(nets.classifier(x), t, 0.2) * (t @ weights)
    assert torch.allclose(one.of_real(nets.classifier, x, t), wanted, atol=1e-6)
    sides = torch.randn(6, 2 * K)
    target = torch.cat([t, torch.zeros_like(t)], 1)
    of_side = F.cross_entropy(sides, t.argmax(1), reduction="none") - cross_entropy(sides.view(6, 2, K).logsumexp(1), t)
    both = (cross_entropy(sides.view(6, 2, K).logsumexp(1), t, 0.2) + of_side) * (t @ weights)
    assert torch.allclose(one._both(sides, target), both, atol=1e-5)


@pytest.mark.parametrize("policy", [policies.FlipCrop(), policies.Shift(max_degrees=10), policies.Trivial(), policies.Strong()])
def test_a_policy_changes_both_and_lets_the_generator_learn(policy: object) -> None:
    nets, (x, t) = opponents().train(), batch()
    seen: list[int] = []
    built = policies.build(policy)

    def noted(images: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        seen.append(len(images))
        return built(images, targets, generator)

    before = x.clone()
    objectives(augment=noted).of_generator(nets, x, t).mean().backward()
    assert seen == [12], "real and generated ones together"
    assert torch.equal(x, before)
    assert all(p.grad is not None and bool(torch.isfinite(p.grad).all()) for p in nets.parameters())
    assert float(sum(p.grad.abs().sum() for p in nets.generator.parameters())) > 0


def test_a_policy_draws_from_torchs_own_numbers_which_a_checkpoint_has() -> None:
    assert own_generator(torch.device("cpu")) is torch.default_generator
    nets, (x, t) = opponents().train(), batch()
    one = objectives(augment=policies.build(policies.FlipCrop()))
    state = torch.get_rng_state()
    first = one.of_generator(nets, x, t)
    assert not torch.equal(first, one.of_generator(nets, x, t))
    torch.set_rng_state(state)
    assert torch.equal(first, one.of_generator(nets, x, t))
