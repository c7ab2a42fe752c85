"""A classifier of images that has learned from generated ones too, first as the generator's opponent, then from what it makes."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from sdl_cli.data.augment import policies as augmentation
from sdl_cli.errors import ConfigError, DataError, RunError
from sdl_cli.learning import loop, losses, together
from sdl_cli.learning.device import place, threads
from sdl_cli.learning.models.adversarial import diversity
from sdl_cli.learning.models.adversarial.networks import Convolutional, Generator, TwoSidedHead
from sdl_cli.learning.models.adversarial.objectives import Objectives, Opponents
from sdl_cli.learning.models.adversarial.settings import GENERATOR_SHARE, MOST_PX, AdversarialSettings
from sdl_cli.learning.models.arguments import NETWORK, takes
from sdl_cli.learning.models.estimator import NetworkEstimator, Validate
from sdl_cli.learning.models.network import Array, Network
from sdl_cli.learning.models.stored_network import State
from sdl_cli.learning.stages import Stages
from sdl_cli.phrases import listed
from sdl_cli.settings.experiment import Training

NUM_KEPT = 8  # generated images of each class that are stored, for the report
# the classifier's learning rate in the first phase, of the generator's: at the same rate it soon tells all images apart, and the
# generator learns nothing more (the published code takes two steps with the generator for each of the classifier's)
_CLASSIFIER_RATE = 0.3
_MOMENTUM = 0.5  # in the first phase (Radford, Metz and Chintala 2016)
# settings that mean nothing without one
_OF_GENERATOR = (
    "generator_width", "noise_size", "feature_weight", "generated_weight", "generator_epochs", "generator_learning_rate",
)  # fmt: skip


@takes(AdversarialSettings, **NETWORK)
class AdversarialNet(ClassifierMixin, NetworkEstimator):  # type: ignore[misc]
    """A classifier of images `uint8 (N, C, H, W)` with two outputs for each class, which also learns from generated images.

    Its arguments are those of `AdversarialSettings` and of every `NetworkEstimator`. In the first phase generator and classifier
    are trained against each other; in the second, the joint one, the classifier learns the classes of real and of generated
    images, and the generator stays as it is (`objectives`). `training` is that of the second phase.

    Learned state beside that of every network: `generator_` (None without one, and in a loaded model), `generated_` (images
    `uint8 (K, 8, C, H, W)`, or None), `diversity_` (a `Diversity`, or None), `notes_`.

    Source: Zhang, Wang, Liu and Ling, "DADA: Deep adversarial data augmentation for extremely low data regime classification"
    (2018). Theirs has the published sizes with width=96, generator_width=128, dropout=0.5.
    """

    generator_: Generator | None
    generated_: Array | None
    diversity_: diversity.Diversity | None

    def build_network(self, input_shape: Any, num_outputs: int) -> Network:
        body = Convolutional(input_shape[0], input_shape[1:], self.width, self.norm, self.input_noise, self.dropout)
        net = Network(body, body.embedding_size, num_outputs, input_shape[0])
        net.head = TwoSidedHead(body.embedding_size, num_outputs)  # type: ignore[assignment]
        return net

    def _fit_networks(self, X: Array, inputs: Tensor, targets: Tensor, validate: Validate | None) -> Stages[None]:
        self._require_enough(X, targets)
        self.notes_: list[str] = []
        self.generator_ = self.generated_ = self.diversity_ = None
        net = self.fresh_network("fit", X, targets.shape[1])
        runtime = self.settle_runtime(net, inputs, targets)
        self.networks_ = [net]
        objectives = Objectives(self.loss_.rows, self._weights(), self._augment, self.feature_weight, self.generated_weight)
        if not self.generate:
            self._say_without_effect()
            alone: dict[str, Any] = {"objective": objectives.of_real, "augment": None, "draws": True}
            yield together.Jobs([self._job(net, inputs, targets, validate, **alone)])
            return
        generator = self.generator_ = self._fresh_generator(targets.shape[1])
        place(generator, runtime)
        nets = Opponents(net, generator, learns=True)
        both = [(_CLASSIFIER_RATE, list(net.parameters())), (1.0, list(generator.parameters()))]
        try:
            first = self._job(
                nets, inputs, targets, None, "generator", objective=objectives.of_generator, training=self._of_generator(),
                parameters=both, momentum=_MOMENTUM, augment=None, draws=True,
            )  # fmt: skip
            yield together.Jobs([first])
        except RunError as error:  # its settings are not those of `training`
            raise RunError(error.message, "Lower model.generator_learning_rate, or set precision=float32.") from error
        nets.learns = False
        second = self._job(
            nets, inputs, targets, validate and (lambda _: validate(net)), objective=objectives.of_classifier,
            parameters=[(1.0, list(net.parameters()))], augment=None, draws=True,
        )  # fmt: skip
        yield together.Jobs([second])
        self._look_at_generated(X, targets.argmax(1).numpy())

    def _say_without_effect(self) -> None:
        own = AdversarialSettings()
        changed = [f"model.{key}" for key in _OF_GENERATOR if getattr(self, key) != getattr(own, key)]
        if changed:
            have = "has" if len(changed) == 1 else "have"
            self.notes_.append(f"{listed(changed)} {have} no effect: model.generate=false trains no generator.")

    def _require_enough(self, X: Array, targets: Tensor) -> None:
        """Raise ConfigError or DataError for images, classes or a loss that this model is not made for."""
        if isinstance(self.loss_, losses.Cosine):
            message = "loss: cosine has no probabilities of real and generated images, which model=adversarial learns."
            raise ConfigError(message, "Use loss=cross_entropy, or another model.")
        side = max(X.shape[2:])
        if side > MOST_PX:
            message = f"model: adversarial generates images of at most {MOST_PX} px a side, and these have {side}."
            raise ConfigError(message, "Make them smaller (dataset.size_px=32), or use model=finetuned_cnn.")
        if targets.shape[1] < 2:
            message = f"model: adversarial tells classes apart, and all labelled images are of one, {self.classes_[0]}."
            raise DataError(message, "Add images of another class.")
        counts = targets.sum(0).long().tolist()
        AdversarialSettings(generate=self.generate).check_counts(dict(zip(map(str, self.classes_), counts, strict=True)))

    def _weights(self) -> Any:
        if getattr(self.loss_, "class_weight", "none") != "balanced":
            return None
        weights = self._class_weights.to(self.runtime_.device)
        return lambda t: losses.sample_weights(t, weights)

    def filled_training(self, modality: str, num_rows: int) -> Training:
        """As of every network, with more epochs: generated images take half of what a pass over few rows has room for."""
        filled = super().filled_training(modality, num_rows)
        asked = (self.given("training") or Training()).epochs
        return filled if asked else dataclasses.replace(filled, epochs=min(100, max(20, round(50_000 / max(num_rows, 1)))))

    def _of_generator(self) -> Training:
        """How the generator's phase is trained: at a constant rate, in as many epochs as the settings say."""
        assert self.training_.epochs is not None
        epochs = self.generator_epochs or max(1, round(GENERATOR_SHARE * self.training_.epochs))
        return Training(
            epochs=epochs, batch_size=self.training_.batch_size, optimizer="adam", learning_rate=self.generator_learning_rate,
            schedule="constant", warmup_fraction=0.0, weight_decay=0.0, clip_norm=0.0, ema_decay=0.0, select="last",
            checkpoint_seconds=self.training_.checkpoint_seconds,
        )  # fmt: skip

    @property
    def _capture(self) -> Any:
        """The policy works inside the step here, so a GPU can repeat a step only where it can repeat the policy."""
        augment = self.given("augment")
        return "nothing" if augment is not None and augmentation.waits_for_device(augment) else "all"

    def _fresh_generator(self, num_classes: int) -> Generator:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(loop.phase_seed(self.seed_, "weights generator"))
            return Generator(self.input_shape_, num_classes, self.noise_size, self.generator_width)

    def sample(self, labels: Array, seed: int = 0) -> Array:
        """Generated images `uint8 (N, C, H, W)` of the classes `(N,)`, as positions in `classes_`; a seed gives the same again.

        Raises ValueError: there is no generator, as none was trained or this model was loaded.
        """
        check_is_fitted(self, "networks_")
        if self.generator_ is None:
            raise ValueError("there is no generator: none was trained (generate=False), or the model was loaded")
        self.generator_.eval()
        device, random = self.runtime_.device, torch.Generator().manual_seed(seed)
        parts = []
        with threads(self.runtime_), torch.inference_mode():
            for some in torch.split(torch.as_tensor(labels), 256):
                noise = torch.randn(len(some), self.noise_size, generator=random).to(device)
                images = self.generator_(noise, losses.one_hot(some, len(self.classes_)).to(device))
                parts.append(images.mul(255).round().to(torch.uint8).cpu())
        return np.asarray(torch.cat(parts))

    def _look_at_generated(self, X: Array, labels: Array) -> None:
        """Keep some images of each class, and measure how much they differ, beside as many real ones."""
        per_class = [np.flatnonzero(labels == k)[: diversity.MOST_COMPARED] for k in range(len(self.classes_))]
        wanted = np.repeat(np.arange(len(self.classes_)), [max(len(rows), NUM_KEPT) for rows in per_class])
        made, rows = self.sample(wanted), np.concatenate(per_class)
        self.generated_ = np.stack([made[wanted == k][:NUM_KEPT] for k in range(len(self.classes_))])
        found = self.diversity_ = diversity.measure(made, X[rows], wanted, labels[rows])
        if found.ratio is None or found.least_ratio is None:
            self.notes_.append("Real images of a class do not differ, so that nothing is said of how generated ones do.")
            return
        distances = f"mean pairwise distance; {100 * found.least_ratio:.0f} % in the class where it is least"
        what = f"Generated images of a class differ by {100 * found.ratio:.0f} % of what real ones do ({distances})"
        if found.ratio >= diversity.LEAST_RATIO:
            self.notes_.append(f"{what}.")
        else:
            advice = "try more model.generator_epochs, a lower model.generator_learning_rate, or augment=flip_crop"
            self.notes_.append(f"{what}: the generator repeats itself; {advice}.")

    def get_state(self) -> State:
        tensors, values = super().get_state()
        if self.generated_ is not None:
            tensors["generated.images"] = torch.from_numpy(self.generated_).contiguous()
        return tensors, values

    @classmethod
    def from_state(cls, tensors: dict[str, Tensor], values: dict[str, Any]) -> Any:
        model = super().from_state(tensors, values)
        model.generator_ = model.generated_ = model.diversity_ = None
        images = tensors.get("generated.images")
        if images is not None:
            wanted = (len(model.classes_), NUM_KEPT, *model.input_shape_)
            if images.dtype != torch.uint8 or tuple(images.shape) != wanted:
                raise DataError("The stored generated images are not those of this network.")
            model.generated_ = images.numpy()
        return model
