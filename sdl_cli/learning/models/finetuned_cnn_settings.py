"""The settings of `finetuned_cnn`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from sdl_cli.learning.models.architectures import each, sources
from sdl_cli.learning.models.kind import ROW, ModelSettings
from sdl_cli.settings.experiment import Fraction, Range, Training

_SECONDS = (2.5, 6e-8)  # on one core of a 2026 server: fixed, and for every labelled row, epoch and pixel


@dataclass(frozen=True)
class FinetunedCNNSettings(ModelSettings):
    """A network of torchvision or timm, pretrained elsewhere, brought to these images; or several side by side.

    Arguments:
        architecture: any classification builder of torchvision, by name, or timm/NAME or timm/NAME.TAG, a network of timm with
            the weights of that tag; of several, the features are put one behind the other.
        weights: `default` (the library's best for the architecture, downloaded once), a path to a state dict (.pth or
            .safetensors) or to a folder as a hub keeps it, the folder of an earlier sdl run, or `none`; of several networks, one
            for each, or one word or run for all.
        strategy: probe (frozen features, regularised logistic or ridge head), finetune (all layers), or probe_then_finetune.
        backbone_rate_factor: learning rate of the pretrained layers as a fraction of the head's.
        start_fraction: of probe_then_finetune: share of the probe's weights in the final ones (Wortsman et al. 2022).
        freeze_batchnorm: keep BatchNorm's statistics as pretrained; with few images new ones are noise.
        num_views: views of each image that a probe learns from: the image itself and augmented ones; None is 1 without
            augmentation and 4 with it.
        image_size_px: side of the square the network sees; None is what the weights were trained with.
        feature_scaling: of a probe, before its head (`feature_scaling`, `probe.fit_probe`): standardize (each feature by its own
            standard deviation), common (all by one number), shrink (between these two), unit (rows of one length, then shrink),
            or auto (unit or shrink, by cross-validation).
    """

    name: str = "finetuned_cnn"
    architecture: str | tuple[str, ...] = "squeezenet1_1"
    weights: str | tuple[str, ...] = "default"
    strategy: Literal["probe", "finetune", "probe_then_finetune"] = "probe_then_finetune"
    backbone_rate_factor: Annotated[float, Range(0, 1)] = 0.1
    start_fraction: Fraction = 0.5
    freeze_batchnorm: bool = True
    num_views: Annotated[int, Range(1, 64)] | None = None
    image_size_px: Annotated[int, Range(8, 2048)] | None = None
    feature_scaling: Literal["auto", "standardize", "common", "shrink", "unit"] = "auto"

    estimators = ("sdl_cli.learning.models.finetuned_cnn", "FinetunedCNN", "FinetunedCNNRegressor")
    modalities = ("image",)
    is_network = True
    is_pretrained = True
    default_training: ClassVar[dict[str, Training]] = {
        "image": Training(
            epochs=5, batch_size=32, optimizer="adamw", learning_rate=0.0001, schedule="cosine", warmup_fraction=0.1,
            weight_decay=0.01, clip_norm=1.0, ema_decay=0.0, select="last",
        ),
    }  # fmt: skip

    @classmethod
    def from_older(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Stored settings of a version that knew no other scaling: a resumed run goes on as it began."""
        return values if values.get("strategy") == "finetune" else {"feature_scaling": "standardize", **values}

    def __post_init__(self) -> None:
        sources(self.architecture, self.weights)

    def check(self) -> None:
        if self.architecture != FinetunedCNNSettings.architecture:  # torchvision, which takes seconds to import, has the default
            from sdl_cli.learning.models.pretrained import check_architecture

            for architecture, weights in sources(self.architecture, self.weights):
                check_architecture(architecture, weights)

    @property
    def is_probe(self) -> bool:
        return self.strategy == "probe"

    @property
    def uses_frozen_features(self) -> bool:
        return self.strategy != "finetune" and "none" not in each(self.weights)

    @property
    def without_effect(self) -> tuple[list[str], str]:
        if self.strategy == "finetune":
            return self.changed("feature_scaling", "start_fraction"), "strategy=finetune fits no head to frozen features"
        if self.is_probe:
            return self.changed("start_fraction", "backbone_rate_factor"), "strategy=probe trains no layer"
        return [], ""

    @property
    def uses_augment(self) -> bool:
        return not (self.is_probe and self.num_views == 1)

    def seconds(self, num_rows: int, num_features: int, modality: str, epochs: int) -> float:
        fixed, rate = _SECONDS
        rate *= len(each(self.architecture))
        return fixed + (0 if self.is_probe else num_rows * epochs) * (ROW + rate * num_features)
