"""What the two phases minimise, as one loss for each labelled row, so that both networks go through the one training loop.

Zhang, Wang, Liu and Ling, "DADA: Deep adversarial data augmentation for extremely low data regime classification" (2018), in the
phases of the code that they published (SchafferZhang/DADA). Unlike there, the classifier learns the classes in the first phase
too, both networks take each step from the same weights, and the probabilities of a class are summed, not its logits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sdl_cli.learning.losses import cross_entropy
from sdl_cli.learning.models.adversarial.networks import Generator, TwoSidedHead, class_logits, frozen, statistics_kept
from sdl_cli.learning.models.network import Network

Policy = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]
Rows = Callable[[Tensor, Tensor], Tensor]


class Opponents(nn.Module):
    """The classifier and the generator, so that one loop trains, saves and resumes both.

    Arguments:
        learns: whether the generator is trained too; otherwise it stays as it is, in eval mode.
    """

    def __init__(self, classifier: Network, generator: Generator, learns: bool) -> None:
        super().__init__()
        self.classifier, self.generator, self.learns = classifier, generator, learns

    def train(self, mode: bool = True) -> Opponents:
        super().train(mode)
        self.generator.train(mode and self.learns)
        return self

    def sides(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings `(N, D)` of prepared images, and the logits `(N, 2 K)` of both sides."""
        embeddings = self.classifier.embed(x)
        head = self.classifier.head
        assert isinstance(head, TwoSidedHead)
        return embeddings, head.sides(embeddings)

    def made(self, classes: Tensor) -> Tensor:
        """An image of each of the classes `(N, K)`."""
        noise = torch.randn(len(classes), self.generator.noise_size, device=classes.device)
        images: Tensor = self.generator(noise, classes)
        return images


@dataclass(frozen=True)
class Objectives:
    """The losses `(N,)` of both phases, functions of the networks, prepared images `(N, C, H, W)` and targets `(N, K)`.

    With every real image goes a generated one of its class; the policy changes both alike.

    Arguments:
        rows: of class logits and targets, both `(N, K)`, what the settings ask to be minimised.
        weights: of targets `(N, K)`, how much each row counts, or None.
        augment: a policy, or None.
    """

    rows: Rows
    weights: Callable[[Tensor], Tensor] | None
    augment: Policy | None
    feature_weight: float
    generated_weight: float

    def of_generator(self, nets: nn.Module, x: Tensor, t: Tensor) -> Tensor:
        """Both networks against each other.

        The classifier's part is the cross-entropy of 2 K classes, on real images and on generated ones, from which nothing goes
        back to the generator. The generator's is that of its images called real, from which the classifier's weights get nothing,
        and the mean absolute difference of mean embeddings (feature matching, Salimans et al. 2016).
        """
        assert isinstance(nets, Opponents)
        nothing = torch.zeros_like(t)
        real, real_t, made, made_t = self._shown(x, torch.cat([t, nothing], 1), nets.made(t), torch.cat([nothing, t], 1))
        wanted, sides = nets.sides(real)
        found = self._both(sides, real_t)
        with statistics_kept(nets.classifier):
            found = found + self._both(nets.sides(made.detach())[1], made_t)
        with frozen(nets.classifier):
            embeddings, sides = nets.sides(made)
        against = cross_entropy(sides, torch.cat([both_sides(made_t), nothing], 1))
        distance = (embeddings.float().mean(0) - wanted.detach().float().mean(0)).abs().mean()
        return found / 2 + against + self.feature_weight * distance

    def of_classifier(self, nets: nn.Module, x: Tensor, t: Tensor) -> Tensor:
        """The classes of real and of generated images, whichever side; the generator stays as it is."""
        assert isinstance(nets, Opponents)
        with torch.no_grad():
            images = nets.made(t)
        real, real_t, made, made_t = self._shown(x, t, images, t)
        found = self._weighed(self.rows(class_logits(nets.sides(real)[1]), real_t), real_t)
        with statistics_kept(nets.classifier):
            more = self._weighed(self.rows(class_logits(nets.sides(made)[1]), made_t), made_t)
        return (found + self.generated_weight * more) / (1 + self.generated_weight)

    def of_real(self, nets: nn.Module, x: Tensor, t: Tensor) -> Tensor:
        """The classes of real images alone: what there is to learn without a generator."""
        x, t = self._changed(x, t)
        return self._weighed(self.rows(nets(x), t), t)

    def _both(self, sides: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy of `(N, 2 K)`: what the settings ask of the classes, and what is left of it for the sides, `(N,)`."""
        classes, t = class_logits(sides), both_sides(targets)
        return self._weighed(self.rows(classes, t) + cross_entropy(sides, targets) - cross_entropy(classes, t), t)

    def _weighed(self, rows: Tensor, t: Tensor) -> Tensor:
        return rows if self.weights is None else rows * self.weights(t)

    def _shown(self, x: Tensor, t: Tensor, made: Tensor, made_t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Real and generated images with their targets, as the policy changes them; one that mixes images mixes among all."""
        images, targets = self._changed(torch.cat([x, made]), torch.cat([t, made_t]))
        return images[: len(x)], targets[: len(x)], images[len(x) :], targets[len(x) :]

    def _changed(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        # torch's own generator: its state is in the checkpoint, and a graph of the step knows it
        return (x, t) if self.augment is None else self.augment(x, t, own_generator(x.device))


def both_sides(targets: Tensor) -> Tensor:
    """Targets `(N, K)` of classes, from those of both sides `(N, 2 K)`."""
    real, generated = targets.chunk(2, dim=1)
    return real + generated


def own_generator(device: torch.device) -> torch.Generator:
    """The generator from which torch draws on a device when it is given none."""
    if device.type == "cuda":
        return torch.cuda.default_generators[torch.cuda.current_device() if device.index is None else device.index]
    if device.type == "mps":
        found: torch.Generator = torch.mps._get_default_mps_generator()
        return found
    return torch.default_generator
