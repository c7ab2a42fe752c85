"""What training minimises: settings with their methods, and pure functions that give one float32 loss per row, `(N,)`.

A loss that a network trains with has `rows`, one number per row; one for classes also has `class_logits`, of which a softmax
gives the probabilities, and `checked`, the per-row loss by which epochs are compared on validation rows.
Targets of classes are soft, `(N, K)` with rows that sum to 1, so mixed labels (MixUp, CutMix) need no case of their own.
Everything is computed in float32, whatever the precision of the network's forward pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from sdl_cli.errors import ConfigError, RunError, SdlError
from sdl_cli.settings.experiment import Fraction, NonNegative, Positive
from sdl_cli.settings.parts.own import Choices, Own, words_among, wrong_in

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    Array = np.ndarray[Any, Any]

ClassWeight = Literal["none", "balanced"]


@dataclass(frozen=True)
class Auto:
    """Cross-entropy for classes, mean squared error for numbers.

    Arguments:
        class_weight: `balanced` gives every class the same total weight, `none` every row; classes only.
    """

    name: str = "auto"
    class_weight: ClassWeight = "none"


@dataclass(frozen=True)
class CrossEntropy:
    """Softmax cross-entropy.

    Arguments:
        label_smoothing: share of the target spread evenly over all classes (Szegedy et al. 2016).
        class_weight: as for `Auto`.
    """

    name: str = "cross_entropy"
    label_smoothing: Fraction = 0.0
    class_weight: ClassWeight = "none"

    def rows(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return cross_entropy(outputs, targets, self.label_smoothing)

    def class_logits(self, outputs: Tensor, temperature: float) -> Tensor:
        return outputs

    def checked(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return cross_entropy(outputs, targets)


@dataclass(frozen=True)
class Cosine:
    """One minus the cosine similarity of the output and the one-hot class (Barz and Denzler, WACV 2020).

    Arguments:
        xent_weight: weight of an additional cross-entropy head on the embedding (0.1 in the paper); 0 omits it.
        class_weight: `balanced` gives every class the same total weight, `none` every row.
    """

    name: str = "cosine"
    xent_weight: NonNegative = 0.0
    class_weight: ClassWeight = "none"

    def rows(self, outputs: Tensor, targets: Tensor) -> Tensor:
        if not self.xent_weight:
            return cosine(outputs, targets)
        half = outputs.shape[1] // 2
        return cosine(outputs[:, :half], targets) + self.xent_weight * cross_entropy(outputs[:, half:], targets)

    def class_logits(self, outputs: Tensor, temperature: float) -> Tensor:
        from torch.nn.functional import normalize

        return outputs[:, outputs.shape[1] // 2 :] if self.xent_weight else temperature * normalize(outputs, dim=1)

    def checked(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return cosine(outputs[:, : targets.shape[1]], targets)


@dataclass(frozen=True)
class MSE:
    """Mean squared error."""

    name: str = "mse"

    def rows(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return mse(outputs, targets)


@dataclass(frozen=True)
class Huber:
    """Squared error for small residuals, absolute error for large ones (Huber 1964).

    Arguments:
        delta: residual at which one becomes the other, in units of the standardised target.
    """

    name: str = "huber"
    delta: Positive = 1.0

    def rows(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return huber(outputs, targets, self.delta)


@dataclass(frozen=True)
class OwnLoss(Own):
    """A loss that a user wrote: a class with `rows(outputs, targets)`, one number per row `(N,)`.

    Of classes, outputs and targets are `(N, K)`, and the softmax of the outputs gives the probabilities; of numbers, both are
    `(N, 1)`, standardised. Its constant `tasks` is a tuple of classification and regression (classes alone, unless it says so).
    """

    name: str = ""

    needs: ClassVar[tuple[str, ...]] = ("rows",)

    def check_task(self, task: str) -> None:
        """Raise ConfigError where it does not say that it fits `classification` or `regression`."""
        if task not in words_among(self, "tasks", ("classification",), tuple(FITTING)):
            hint = f'If it does, write into the class: tasks = ("{task}",). Others: auto, {", ".join(FITTING[task])}.'
            raise ConfigError(f"loss: {self.name} does not say that it fits {task}.", hint)

    def rows(self, outputs: Tensor, targets: Tensor) -> Tensor:
        try:
            found: Tensor = self.made.rows(outputs.float(), targets.float())
            shape = tuple(found.shape)
        except SdlError:
            raise
        except Exception as error:
            raise RunError(*wrong_in(self, "on a batch", error)) from error
        if shape != (len(outputs),):
            what = f"loss={self.name}: rows gave {shape} for {tuple(outputs.shape)} outputs, and must give ({len(outputs)},)"
            raise RunError(f"{what}: one number for each row.", "Sum or average over the last axis only: .sum(dim=1)")
        return found

    def class_logits(self, outputs: Tensor, temperature: float) -> Tensor:
        return outputs

    def checked(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self.rows(outputs, targets)


LOSSES: dict[str, type] = Choices(
    "loss", {"auto": Auto, "cross_entropy": CrossEntropy, "cosine": Cosine, "mse": MSE, "huber": Huber}, own=OwnLoss
)
FITTING: dict[str, tuple[str, ...]] = {"classification": ("cross_entropy", "cosine"), "regression": ("mse", "huber")}


def resolve(loss: Any, task: str) -> Any:
    """One of `LOSSES` as it is, or the one that `auto` stands for. ConfigError where it does not fit the task."""
    fitting = FITTING[task]
    if isinstance(loss, OwnLoss):
        loss.check_task(task)
        return loss
    if loss.name == "auto":
        if task == "regression" and loss.class_weight != "none":
            raise ConfigError("loss.class_weight: there are no classes to weight: this is a regression.", "Leave it at none.")
        return CrossEntropy(class_weight=loss.class_weight) if task == "classification" else MSE()
    if loss.name not in fitting:
        needs = "classes" if task == "regression" else "numbers"
        what = f"loss: {loss.name} needs {needs} to predict, but this is {task}."
        raise ConfigError(what, f"Losses that fit {task}: auto, {', '.join(fitting)}.")
    return loss


def cross_entropy(logits: Tensor, targets: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Cross-entropy between soft targets `(N, K)` and the softmax of the logits `(N, K)`, in nats.

    Arguments:
        label_smoothing: in [0, 1): targets become (1 - s) t + s / K (Szegedy et al. 2016).
    """
    _same_shape(logits, targets)
    targets = targets.float()
    if label_smoothing:
        targets = (1 - label_smoothing) * targets + label_smoothing / targets.shape[1]
    return -(targets * logits.float().log_softmax(dim=1)).sum(dim=1)


def cosine(outputs: Tensor, targets: Tensor) -> Tensor:
    """One minus the cosine similarity of outputs `(N, K)` and targets `(N, K)`, in [0, 2] (Barz and Denzler, WACV 2020).

    The length of the outputs is divided out here; a mixed target gives the mixture of its classes' losses.
    """
    _same_shape(outputs, targets)
    return 1 - (normalised(outputs) * targets.float()).sum(dim=1)


def normalised(outputs: Tensor) -> Tensor:
    """Rows `(N, K)` scaled to length 1, in float32; a row of zeros stays zero."""
    from torch.nn.functional import normalize

    # The gradient at length 0 is 1 / eps: the usual 1e-12 would move the weights far away in one step.
    return normalize(outputs.float(), dim=1, eps=1e-6)


def mse(outputs: Tensor, targets: Tensor) -> Tensor:
    """Squared error of outputs `(N, D)`, averaged over each row."""
    _same_shape(outputs, targets)
    return (outputs.float() - targets.float()).square().flatten(1).mean(dim=1)


def huber(outputs: Tensor, targets: Tensor, delta: float = 1.0) -> Tensor:
    """Huber's loss (1964) of `(N, D)`: r^2 / 2 where |r| <= delta, else delta (|r| - delta / 2), averaged over each row."""
    from torch.nn.functional import huber_loss

    _same_shape(outputs, targets)
    return huber_loss(outputs.float(), targets.float(), reduction="none", delta=delta).flatten(1).mean(dim=1)


def one_hot(labels: Tensor, num_classes: int) -> Tensor:
    """Class indices `(N,)` as targets `(N, K)` float32."""
    from torch.nn import functional

    return functional.one_hot(labels.long(), num_classes).float()


def balanced_class_weights(labels: Tensor, num_classes: int) -> Tensor:
    """Weights `(K,)` of classes, N / (K count), which give all the same total weight (King and Zeng 2001); absent ones get 0.

    Over the rows of `labels`, `(N,)` in 0..K-1, the weights average 1 when every class is present.
    """
    counts = one_hot(labels, num_classes).sum(dim=0)
    return (len(labels) / (num_classes * counts)).where(counts > 0, 0.0)


def sample_weights(targets: Tensor, class_weights: Tensor) -> Tensor:
    """Weight of each row, the sum over k of t_k w_k, for targets `(N, K)` and weights `(K,)` of classes."""
    return targets.float() @ class_weights.float()


def fit_temperature(outputs: Tensor | Array, labels: Tensor | Array) -> float:
    """The scale s for which softmax(s f) has the least log loss (temperature scaling, Guo et al. 2017; s = 1 / T).

    The log loss is convex in s, so halving the interval on its slope finds the minimum. Cosines lie in [-1, 1]: at
    s = 1 no class can get a high probability, and at s = 100 a difference of 0.05 in cosine is odds of 150. The bounds
    keep a few or perfectly separated rows, whose minimum is at infinity, from asking for certainty.

    Arguments:
        outputs: `(N, K)`, rows of length 1. labels: `(N,)` class indices of the same validation rows.
    Returns:
        s in [1, 100]; 10, their geometric middle, without rows.
    """
    low, high = 1.0, 100.0
    if len(labels) == 0:
        return 10.0
    import torch

    # On the CPU in float64: it is a handful of rows, and not every device has float64.
    f = torch.as_tensor(outputs).detach().cpu().double()
    true = f.gather(1, torch.as_tensor(labels).detach().cpu().long()[:, None])[:, 0]

    def slope(s: float) -> float:
        return float((((s * f).softmax(dim=1) * f).sum(dim=1) - true).mean())

    if slope(low) >= 0:
        return low
    if slope(high) <= 0:
        return high
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (low, middle) if slope(middle) > 0 else (middle, high)
    return (low + high) / 2


def _same_shape(outputs: Tensor, targets: Tensor) -> None:
    # (N,) with (N, 1) would silently broadcast to (N, N).
    assert outputs.shape == targets.shape, f"{tuple(outputs.shape)} outputs for {tuple(targets.shape)} targets"
    assert outputs.ndim > 1, "one row per sample is needed"
