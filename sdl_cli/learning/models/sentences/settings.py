"""The settings of `finetuned_text`."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from sdl_cli.errors import ConfigError
from sdl_cli.learning.models.kind import ModelSettings
from sdl_cli.settings.experiment import Fraction, Range, Training

EXTRA = "text"
DEFAULT = "all-MiniLM-L6-v2"
_OF_FINETUNE = ("backbone_rate_factor", "start_fraction")
_SECONDS = (3.0, 0.007, 0.04)  # of loading, of embedding a text, of training on it once; a line of some ten words on one core


@dataclass(frozen=True)
class FinetunedTextSettings(ModelSettings):
    """A sentence network, pretrained elsewhere, brought to these texts.

    Arguments:
        weights: a name on the Hugging Face Hub (fetched once), or a local folder that sentence-transformers saved.
        strategy: probe (a logistic or ridge head on frozen embeddings), probe_with_words (the mean of its probabilities, or
            numbers, and those of a linear model of TF-IDF features), or finetune (all layers, starting from the probe).
        backbone_rate_factor: of finetune: learning rate of the pretrained layers as a fraction of the head's.
        start_fraction: of finetune: share of the weights it started from in the final ones (Wortsman et al. 2022).
        max_tokens: word pieces of a text that are read; None is as many as the weights were trained with.
    """

    name: str = "finetuned_text"
    weights: str = DEFAULT
    strategy: Literal["probe", "probe_with_words", "finetune"] = "probe_with_words"
    backbone_rate_factor: Annotated[float, Range(0, 1)] = 0.1
    start_fraction: Fraction = 0.0
    max_tokens: Annotated[int, Range(4, 8192)] | None = None

    estimators = ("sdl_cli.learning.models.sentences.estimator", "FinetunedText", "FinetunedTextRegressor")
    modalities = ("text",)
    is_network = True
    no_graph = "neither format has operators for the tokenizer in front of its network"
    default_training: ClassVar[dict[str, Training]] = {
        "text": Training(
            epochs=5, batch_size=16, optimizer="adamw", learning_rate=0.001, schedule="cosine", warmup_fraction=0.1,
            weight_decay=0.01, clip_norm=1.0, ema_decay=0.0, select="last",
        ),
    }  # fmt: skip

    def check(self) -> None:
        if is_local(self.weights) and not Path(self.weights).expanduser().is_dir():
            hint = f"Give a folder that sentence-transformers saved, or a name on the Hugging Face Hub, such as {DEFAULT}."
            raise ConfigError(f"model.weights: there is no folder {self.weights}.", hint)

    def require_weights(self, task: str, fetch: bool) -> None:
        if importlib.util.find_spec("transformers") is None:
            what = f"model={self.name} needs transformers and sentence-transformers, which are not installed"
            raise ConfigError(f"{what}.", f"pip install 'sdl-cli[{EXTRA}]'")
        from sdl_cli.learning.models.sentences.weights import locate, look_through

        look_through(locate(self.weights, fetch))  # so that what is wrong with the folder is said before anything is fitted

    def names_hub(self, key: str) -> bool:
        return key == "weights" and not is_local(self.weights)

    @property
    def is_probe(self) -> bool:
        return self.strategy != "finetune"

    @property
    def uses_frozen_features(self) -> bool:
        return True

    @property
    def without_effect(self) -> tuple[list[str], str]:
        changed = [key for key in _OF_FINETUNE if getattr(self, key) != getattr(FinetunedTextSettings, key)]
        return [f"model.{key}" for key in changed if self.is_probe], f"strategy={self.strategy} trains no layers"

    @property
    def uses_augment(self) -> bool:
        return False

    def seconds(self, num_rows: int, num_features: int, modality: str, epochs: int) -> float:
        loading, embedding, training = _SECONDS
        return loading + num_rows * (embedding if self.is_probe else embedding + epochs * training)


def is_local(weights: str) -> bool:
    """Whether weights are named by a path, rather than by a name on the hub: one that is there, or can be nothing else."""
    path = Path(weights).expanduser()
    return path.is_absolute() or weights.startswith((".", "~")) or weights.count("/") > 1 or "\\" in weights or path.exists()
