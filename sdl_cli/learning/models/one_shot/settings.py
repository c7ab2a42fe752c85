"""The settings of `one_shot`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from sdl_cli.errors import ConfigError
from sdl_cli.learning.models.kind import ModelSettings
from sdl_cli.settings.experiment import Range, Training

READS_PX = 105
_PAIR_SECONDS = {"hausdorff": 3e-4, "pixels": 1e-6, "alignment": 4e-3, "metric_net": 1e-6}  # for two drawings, on one core
_DRAWING_SECONDS = 1.2e-3  # of training, for each drawing each time it is seen
_BACKGROUND = 4840  # drawings of the small background sets


@dataclass(frozen=True)
class OneShotSettings(ModelSettings):
    """A drawing is given the class of the labelled drawing that is nearest by what is known of drawings beforehand.

    Arguments:
        kind: hausdorff (modified Hausdorff distance of ink), pixels (Euclidean), alignment (the least cost of bringing one
            drawing onto the other by an affine map and bending), or metric_net (a network trained on other characters).
        background: of metric_net: a folder of alphabet/character/drawing, or a zip archive of it.
        width: of metric_net: channels of the first convolution, half those of the others.
        embedding_size: of metric_net: numbers that stand for a drawing.
    """

    name: str = "one_shot"
    kind: Literal["hausdorff", "pixels", "alignment", "metric_net"] = "alignment"
    background: str | None = None
    width: Annotated[int, Range(4, 512)] = 32
    embedding_size: Annotated[int, Range(2, 4096)] = 128

    estimators = ("sdl_cli.learning.models.one_shot.estimator", "OneShot", "OneShot")
    modalities = ("image",)
    is_network = True
    holds_rows = True
    reads_px = READS_PX
    takes_support = True
    no_graph = "it finds the ink of each drawing and moves it into place first, for which neither format has operators"
    takes_class_weight = False
    named_by = "kind"
    default_training: ClassVar[dict[str, Training]] = {
        "image": Training(
            epochs=30, batch_size=128, optimizer="adamw", learning_rate=0.002, schedule="cosine", warmup_fraction=0.05,
            weight_decay=0.05, clip_norm=1.0, ema_decay=0.0, select="last",
        ),
    }  # fmt: skip

    def check(self) -> None:
        if self.kind == "metric_net" and self.background is None:
            hint = "Set model.background=FOLDER, such as images_background of Omniglot, or choose model.kind=alignment."
            raise ConfigError("model.background: metric_net learns from drawings of other characters, and none are given.", hint)
        if self.background is not None and not Path(self.background).expanduser().exists():
            raise ConfigError(f"model.background: there is no file or folder {self.background}.")

    def check_task(self, task: str) -> None:
        if task == "regression":
            message = f"model: {self.name} predicts classes, and this target is a number."
            raise ConfigError(message, "Use model=baseline (a forest) or model=deep_net.")

    @property
    def trains_in_epochs(self) -> bool:
        return self.kind == "metric_net"

    @property
    def uses_augment(self) -> bool:
        return False

    def seconds(self, num_rows: int, num_features: int, modality: str, epochs: int) -> float:
        trained = _BACKGROUND * epochs * _DRAWING_SECONDS if self.trains_in_epochs else 0.0
        return 0.5 + trained + num_rows * num_rows / 20 * _PAIR_SECONDS[self.kind]
