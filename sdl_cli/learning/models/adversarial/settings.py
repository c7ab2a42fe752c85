"""The settings of `adversarial`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from sdl_cli.errors import ConfigError
from sdl_cli.learning.models.kind import FromScratch
from sdl_cli.phrases import listed, shortened
from sdl_cli.settings.experiment import Count, Fraction, NonNegative, Positive, Range, Training

READS_PX, MOST_PX = 32, 128
LEAST_ROWS = 5  # of a class, for a generator to learn from
GENERATOR_SHARE = 0.4  # of the epochs of the joint phase, in the generator's: 200 of 500 in the published code
_SECONDS = (1.0, 3e-6)  # on one core: fixed, and for every number of an image each time a labelled row is seen in a phase


@dataclass(frozen=True)
class AdversarialSettings(FromScratch):
    """A classifier that also learns from images that a class-conditional generator makes.

    Arguments:
        generate: false trains the same classifier without a generator, for comparison.
        width: channels of the classifier's first three convolutions, half those of the others (96 in Zhang et al. 2018).
        generator_width: channels of the generator's last but one layer, twice as many for each layer before it (128 there).
        noise_size: random numbers that an image is made from (100 there).
        norm: of the classifier's layers: weight (Salimans and Kingma 2016) or batch (Ioffe and Szegedy 2015).
        input_noise: standard deviation of the noise on what the classifier is shown in training, in those of the images.
        dropout: probability of dropping a number between the classifier's stages (0.5 there).
        feature_weight: of the distance between mean embeddings of real and generated images in the generator's loss
            (0.5 there, of other embeddings).
        generated_weight: of a generated image in the joint phase, where a real one counts 1 (1 there).
        generator_epochs: passes over the training rows in the generator's phase; None is 0.4 of `training.epochs`, as there.
        generator_learning_rate: Adam's learning rate of the generator in that phase (0.0003 there); the classifier has 0.3 of it.
    """

    name: str = "adversarial"
    generate: bool = True
    width: Annotated[int, Range(1, 1024)] = 24
    generator_width: Annotated[int, Range(1, 1024)] = 48
    noise_size: Annotated[int, Range(1, 4096)] = 100
    norm: Literal["weight", "batch"] = "weight"
    input_noise: NonNegative = 0.2
    dropout: Fraction = 0.5
    feature_weight: NonNegative = 20.0
    generated_weight: Annotated[float, Range(0, 10)] = 1.0
    generator_epochs: Count | None = None
    generator_learning_rate: Positive = 0.001

    estimators = ("sdl_cli.learning.models.adversarial.estimator", "AdversarialNet", "AdversarialNet")
    modalities = ("image",)
    reads_px = READS_PX
    default_training: ClassVar[dict[str, Training]] = {
        "image": Training(
            epochs=None, optimizer="adamw", learning_rate=0.002, schedule="cosine", warmup_fraction=0.0, weight_decay=0.05,
            clip_norm=1.0, ema_decay=0.0, select="last",
        ),
    }  # fmt: skip

    def check_task(self, task: str) -> None:
        if task == "regression":
            message = f"model: {self.name} generates images of classes, and this target is a number."
            raise ConfigError(message, "Use model=deep_net or model=finetuned_cnn.")

    def check_counts(self, counts: Mapping[str, int]) -> None:
        few = [f"{shortened(name)} ({n})" for name, n in counts.items() if n < LEAST_ROWS]
        if few and self.generate:
            what = f"model: adversarial learns to generate images of each class from at least {LEAST_ROWS} labelled ones"
            hint = "Add images, set model.generate=false, or use model=finetuned_cnn."
            raise ConfigError(f"{what}, and there are fewer of {listed(few, 5)}.", hint)

    def seconds(self, num_rows: int, num_features: int, modality: str, epochs: int) -> float:
        fixed, rate = _SECONDS
        passes = epochs + (self.generator_epochs or GENERATOR_SHARE * epochs) if self.generate else epochs / 2
        return fixed + rate * num_rows * num_features * passes * self.width / AdversarialSettings.width
