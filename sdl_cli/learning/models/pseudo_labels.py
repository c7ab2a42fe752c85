"""Learning from rows without labels: a network's own answer is their label, where it is sure of it.

For images this is FixMatch (Sohn et al., NeurIPS 2020): the label is read off a nearly unchanged image, and learned on a strongly
changed one. A table has no such changes: its rows are learned as they are (Lee 2013), or with the noise of `augment=noise`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from sdl_cli.data.augment import policies
from sdl_cli.learning import losses
from sdl_cli.learning.device import Runtime, resident
from sdl_cli.learning.loop import apply, prepare
from sdl_cli.learning.phase import Phase

LossesOf = Callable[[Tensor, Tensor], Tensor]
Probabilities = Callable[[Tensor], Tensor]


class PseudoLabels:
    """The losses of labelled rows, to each of which the mean loss of a batch of unlabelled rows is added.

    An objective of `loop.train`. For each labelled row of a batch `unlabeled_ratio` unlabelled ones are drawn. The network, as it
    predicts (with averaged weights where there are any), is asked for their classes; where the most probable one has
    `unlabeled_threshold` or more, it is the row's label, and the others count as a loss of 0. The weight of their mean rises over
    the first steps as exp(-5 (1 - t)^2) (Laine and Aila, ICLR 2017).

    Arguments:
        rows: `uint8 (U, C, H, W)`, `float32 (U, C, L)` or `float32 (U, F)`, as networks take them.
        labelled: outputs and targets of labelled rows -> losses `(N,)`. unlabelled: the same for rows with pseudo-labels.
        probabilities: outputs -> class probabilities `(N, K)`.
        weak, strong: policies for what is asked and what is learned, or None for rows as they are.
        settings: what has the four settings, and the weight.
    """

    def __init__(
        self,
        rows: Tensor,
        runtime: Runtime,
        labelled: LossesOf,
        unlabelled: LossesOf,
        probabilities: Probabilities,
        weak: policies.Policy | None,
        strong: policies.Policy | None,
        settings: Any,
    ) -> None:
        self.rows, self.runtime = resident(rows, runtime), runtime
        self.labelled, self.unlabelled, self.probabilities = labelled, unlabelled, probabilities
        self.weak, self.strong = weak, strong
        self.weight, self.threshold = settings.unlabeled_weight, settings.unlabeled_threshold
        self.ratio, self.ramp_fraction = settings.unlabeled_ratio, settings.unlabeled_ramp_fraction
        self.run: Phase | None = None

    def follow(self, run: Phase) -> None:
        """Take the step and the random numbers of this phase, which a checkpoint keeps."""
        self.run = run

    def __call__(self, net: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """Losses `(N,)` of labelled rows `inputs` with `targets` `(N, K)`, as `loop.Objective`."""
        rows = self._drawn(self.ratio * len(inputs))
        chosen, labels = self._labels(net, rows, targets.shape[1])
        if not len(chosen):
            return self.labelled(net(inputs), targets)
        learned, soft = self._changed(self.strong, rows[chosen], labels)
        # together: BatchNorm has the same means for both
        outputs = net(torch.cat([inputs, learned.to(inputs.dtype)]))
        extra = self.unlabelled(outputs[len(inputs) :], soft).float().sum() / len(rows)
        weight: float = self.weight * self.ramp()
        return self.labelled(outputs[: len(inputs)], targets) + weight * extra

    def ramp(self) -> float:
        """What the weight is multiplied by at the present step, from exp(-5) to 1."""
        assert self.run is not None
        ends = self.ramp_fraction * self.run.num_steps
        return 1.0 if self.run.step >= ends else math.exp(-5 * (1 - self.run.step / ends) ** 2)

    def _drawn(self, num: int) -> Tensor:
        assert self.run is not None
        chosen = torch.randint(len(self.rows), (num,), generator=self.run.augmentation, device=self.run.augmentation.device)
        return prepare(self.rows[chosen.to(self.rows.device)].to(self.runtime.device, non_blocking=True), self.runtime)

    def _labels(self, net: nn.Module, rows: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
        """Numbers `(M,)` of the rows that the network is sure of, and their classes one-hot `(M, K)`."""
        seen, _ = self._changed(self.weak, rows, rows.new_zeros(len(rows), num_classes))
        assert self.run is not None
        net.eval()  # as it predicts: without dropout, with BatchNorm's running means and, where there are any, averaged weights
        with torch.no_grad(), self.run.averaged_weights():
            probs = self.probabilities(net(seen))
        net.train()
        if torch.is_autocast_enabled(rows.device.type):
            torch.clear_autocast_cache()  # the weights that were cast without gradients would be used again
        most, classes = probs.max(dim=1)
        chosen = torch.nonzero(most >= self.threshold)[:, 0]
        return chosen, losses.one_hot(classes[chosen], num_classes)

    def _changed(self, policy: policies.Policy | None, rows: Tensor, soft: Tensor) -> tuple[Tensor, Tensor]:
        assert self.run is not None
        return (rows, soft) if policy is None else policy(rows, soft, self.run.augmentation)

    def sure_share(self, net: nn.Module) -> float:
        """Share of all unlabelled rows that have a label by a trained network."""
        probs = self.probabilities(apply(net, self.rows, self.runtime))
        return float((probs.max(dim=1).values >= self.threshold).float().mean())


def views(augment: Any, strong: str, is_image: bool) -> tuple[policies.Policy | None, policies.Policy | None]:
    """How unlabelled rows are changed, hardly and strongly, beside labelled ones that are changed by `augment`.

    Images are moved, and mirrored only where `augment` mirrors them: nothing else says that it keeps a class.
    """
    if not is_image:
        noisy = isinstance(augment, policies.Noise | policies.SeriesAugment)
        return None, policies.build(augment) if noisy else None
    flip = isinstance(augment, policies.FlipCrop) and augment.flip
    pad = augment.pad_fraction if isinstance(augment, policies.FlipCrop) else policies.FlipCrop.pad_fraction
    weak: Any = augment if isinstance(augment, policies.Shift) else policies.FlipCrop(flip=flip, pad_fraction=pad)
    move = policies.build(weak)
    if strong == "strong":
        return move, policies.build(policies.Strong(flip=flip, pad_fraction=pad))
    change = policies.build(policies.Trivial())

    def both(inputs: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return change(*move(inputs, targets, generator), generator)

    return move, both
