"""Each kind of model: its settings and its traits; `MODELS` is the table of them.

The estimators take these settings as keyword arguments, with these defaults (`arguments.takes`). They live in modules of their
own, so that a command line is read and checked without importing torch or scikit-learn.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from sdl_cli.errors import ConfigError
from sdl_cli.learning.models.adversarial.settings import AdversarialSettings
from sdl_cli.learning.models.finetuned_cnn_settings import FinetunedCNNSettings as FinetunedCNNSettings
from sdl_cli.learning.models.kind import FromScratch, InContext, ModelSettings
from sdl_cli.learning.models.one_shot.settings import OneShotSettings
from sdl_cli.learning.models.own_network_settings import OwnNetwork
from sdl_cli.learning.models.sentences.settings import FinetunedTextSettings
from sdl_cli.learning.models.tabular_foundation.settings import TabularFoundationSettings
from sdl_cli.settings.experiment import Count, Fraction, NonNegative, Positive, Range, Training
from sdl_cli.settings.parts.own import Choices

# Seconds on one core of a 2026 server: fixed, and for every labelled row and feature (or pixel) seen.
FOREST = (0.45, 7e-6)
OTHER = (0.05, 2e-6)
ROCKET = (0.3, 1e-9)
READING = (0.2, 9e-5, 6e-8)  # of a table in context: fixed, for every cell read, and for each labelled row that a cell reads

_TABLE_TRAINING = Training(
    epochs=100, optimizer="adam", learning_rate=0.001, schedule="cosine", warmup_fraction=0.0,
    weight_decay=0.0, clip_norm=1.0, ema_decay=0.0, select="last",
)  # fmt: skip
_IMAGE_TRAINING = replace(
    _TABLE_TRAINING, epochs=None, optimizer="adamw", learning_rate=0.005, schedule="one_cycle", weight_decay=0.05
)
_SERIES_TRAINING = replace(_IMAGE_TRAINING, learning_rate=0.003)


@dataclass(frozen=True)
class BaselineSettings(ModelSettings):
    """A quick scikit-learn model, the measure of every other.

    Arguments:
        kind: forest, extra_trees, gradient_boosting or svm for both tasks; logistic for classes, ridge for numbers.
        num_trees: trees of a forest or extra_trees; boosting rounds are 100.
        features_fraction: share of the features that a split of a forest or extra_trees is chosen from; None is scikit-learn's
            own: the square root of their number for classes, all of them for numbers.
        min_leaf_rows: rows that a leaf of a forest or extra_trees holds at least.
        c: inverse regularisation strength of logistic and svm.
        alpha: L2 penalty of ridge.
        max_px: images are reduced to at most this many pixels a side, by area means.
    """

    name: str = "baseline"
    kind: Literal["forest", "extra_trees", "logistic", "svm", "gradient_boosting", "ridge"] = "forest"
    num_trees: Count = 500
    features_fraction: Annotated[float, Range(0, 1, open_low=True)] | None = None
    min_leaf_rows: Count = 1
    c: Positive = 1.0
    alpha: NonNegative = 1.0
    max_px: Annotated[int, Range(1, 1024)] = 32

    estimators = ("sdl_cli.learning.models.baseline", "Baseline", "BaselineRegressor")
    named_by = "kind"

    def check_task(self, task: str) -> None:
        if self.kind == "logistic" and task == "regression":
            raise ConfigError("model.kind: logistic does not predict numbers.", "Use model.kind=ridge, or forest.")
        if self.kind == "ridge" and task == "classification":
            raise ConfigError("model.kind: ridge does not predict classes.", "Use model.kind=logistic, or forest.")

    @property
    def heeds_monotone(self) -> bool:
        return self.kind in ("forest", "extra_trees", "gradient_boosting")

    def seconds(self, num_rows: int, num_features: int, modality: str, epochs: int) -> float:
        is_forest = self.kind in ("forest", "extra_trees")
        fixed, rate = FOREST if is_forest else OTHER
        share = self.num_trees / 500 if is_forest else 1.0
        return share * (fixed + rate * num_rows * min(num_features, 3 * self.max_px**2))


@dataclass(frozen=True)
class DeepNetSettings(FromScratch):
    """A deep network trained from scratch.

    Arguments:
        architecture: auto (mlp for tables, resnet for images and series), mlp (of images: their pixels as a row), resnet
            or plain (a small convolutional network).
        depth: hidden layers of an mlp (10), weighted layers of a resnet (9; series 10), convolutions of plain (4; series 3).
        width: units of each hidden layer (100) or channels of a resnet's stem (24; series 32) or plain's first (32; 64).
        dropout: probability of dropping a hidden unit (mlp 0.15, as Olson, Wyner and Berk 2018; images 0).
        num_members: networks trained from different seeds whose probabilities are averaged.
        convolution: of images: standard; harmonic, whose filters are sums of cosine waves (Ulicny et al. 2019); or antialiased,
            which blurs before it drops pixels (Zhang 2019).
        max_frequency: of harmonic: highest vertical and horizontal frequency of a wave together; None is all, up to 4.
        start_from: folder of a finished run of the same network, whose layers but the last are where training starts.
        unlabeled_weight: with `dataset.unlabeled`: weight of the loss of unlabelled rows whose class the network is sure of
            (Sohn et al. 2020); 0 leaves them out.
        unlabeled_threshold: least probability of a class from which it is taken as an unlabelled row's label (the paper, whose
            networks train for a million steps, has 0.95).
        unlabeled_ratio: unlabelled rows for each labelled one in a batch.
        unlabeled_ramp_fraction: part of all steps over which the weight rises to its full value (Laine and Aila 2017).
        unlabeled_augment: how an image is changed before the network learns the label that it gave to a nearly unchanged one:
            trivial or strong, as `augment`.
    """

    name: str = "deep_net"
    architecture: Literal["auto", "mlp", "resnet", "plain"] = "auto"
    depth: Annotated[int, Range(1, 200)] | None = None
    width: Annotated[int, Range(1, 4096)] | None = None
    dropout: Fraction | None = None
    num_members: Annotated[int, Range(1, 100)] = 1
    convolution: Literal["standard", "harmonic", "antialiased"] = "standard"
    max_frequency: Annotated[int, Range(0, 4)] | None = None
    start_from: str | None = None
    unlabeled_weight: NonNegative = 1.0
    unlabeled_threshold: Fraction = 0.8
    unlabeled_ratio: Annotated[int, Range(1, 64)] = 3
    unlabeled_ramp_fraction: Fraction = 0.25
    unlabeled_augment: Literal["trivial", "strong"] = "trivial"

    estimators = ("sdl_cli.learning.models.deep_net", "DeepNet", "DeepNetRegressor")
    modalities = ("table", "image", "series")
    stacks = True
    default_training = {"table": _TABLE_TRAINING, "image": _IMAGE_TRAINING, "series": _SERIES_TRAINING}

    def check(self) -> None:
        if self.max_frequency is not None and self.convolution != "harmonic":
            message = f"model.max_frequency: {self.convolution} convolutions have no waves to leave out."
            raise ConfigError(message, "Leave it at null, or set model.convolution=harmonic.")

    def require_weights(self, task: str, fetch: bool) -> None:
        if self.start_from is not None:
            from sdl_cli.learning.models.start import require_run

            require_run(self.start_from)

    @property
    def uses_unlabeled(self) -> bool:
        return self.unlabeled_weight > 0

    @classmethod
    def check_unlabeled(cls, task: str, loss: Any) -> None:
        what = "dataset.unlabeled: model=deep_net labels unlabelled rows by their most probable class"
        if task == "regression":
            hint = "Use model=autoencoder, which needs no labels for them, or leave it out."
            raise ConfigError(f"{what}, and this target is a number.", hint)
        if loss.name == "cosine" and not loss.xent_weight:
            hint = "Use loss=cross_entropy, set loss.xent_weight=0.1, or leave out dataset.unlabeled."
            raise ConfigError(f"{what}, and with loss=cosine there are no probabilities until it is trained.", hint)


@dataclass(frozen=True)
class AutoencoderSettings(FromScratch):
    """A network whose layers are first pretrained as stacked autoencoders.

    Arguments:
        widths: units (tables) or channels (images) of each layer of the encoder; None is 128, 64, 32 or 32, 64, 128.
        pretrain: false gives the same network from random weights.
        corruption_fraction: inputs of each layer set to zero for its autoencoder to repair (Vincent et al. 2010); 0 turns it off.
        sparsity_weight: weight of the Kullback-Leibler penalty that draws each hidden unit's mean activation to
            `sparsity_target`; hidden units are then sigmoids. 0 turns it off.
        sparsity_target: wanted mean activation of a hidden unit, in (0, 1).
        pretrain_epochs: epochs per layer.
        pretrain_learning_rate: Adam's learning rate while pretraining.
        dropout: probability of dropping a unit of the code before the head.
    """

    name: str = "autoencoder"
    widths: tuple[Count, ...] | None = None
    pretrain: bool = True
    corruption_fraction: Fraction = 0.2
    sparsity_weight: NonNegative = 0.0
    sparsity_target: Annotated[float, Range(0, 1, open_low=True, open_high=True)] = 0.05
    pretrain_epochs: Count = 30
    pretrain_learning_rate: Positive = 0.001
    dropout: Fraction = 0.0

    estimators = ("sdl_cli.learning.models.autoencoder", "AutoencoderNet", "AutoencoderNetRegressor")
    default_training = {"table": _TABLE_TRAINING, "image": replace(_IMAGE_TRAINING, learning_rate=0.003)}

    def __post_init__(self) -> None:
        if self.widths is not None and not self.widths:
            raise ConfigError("widths must name at least one layer, for example [128,64,32].")

    @property
    def uses_unlabeled(self) -> bool:
        return self.pretrain

    @classmethod
    def check_unlabeled(cls, task: str, loss: Any) -> None:
        """Any will do: it learns to restore inputs."""


@dataclass(frozen=True)
class PretrainedTableSettings(InContext):
    """A network that was pretrained on made-up tables and reads the labelled rows as they are, for up to 10 classes at a time.

    Arguments:
        weights: `shipped`, or a file that `python -m pretraining train` wrote.
        strategy: in_context (the network answers as it is), or finetune (a few steps on the labelled rows first).
        num_members: passes over the table whose probabilities are averaged, with columns and classes in other orders.
        max_rows: labelled rows that one pass reads; of more, each member reads its own.
        max_columns: columns that one pass reads; of more, members read chosen ones or principal components.
    """

    name: str = "pretrained_table"
    weights: str = "shipped"
    strategy: Literal["in_context", "finetune"] = "in_context"
    num_members: Annotated[int, Range(1, 64)] = 4
    max_rows: Annotated[int, Range(20, 20_000)] = 1000
    max_columns: Annotated[int, Range(2, 500)] = 48

    estimators = ("sdl_cli.learning.models.pretrained_table", "PretrainedTable", "PretrainedTable")
    default_training: ClassVar[dict[str, Training]] = {
        "table": replace(
            _TABLE_TRAINING, epochs=10, optimizer="adamw", learning_rate=3e-5, warmup_fraction=0.1, weight_decay=0.01,
            select="best",
        ),
    }  # fmt: skip

    def check(self) -> None:
        if self.weights != "shipped" and not Path(self.weights).expanduser().is_file():
            hint = "Give the path of a .safetensors file, or model.weights=shipped for those that come with sdl."
            raise ConfigError(f"model.weights: there is no file {self.weights}.", hint)

    @property
    def trains_in_epochs(self) -> bool:
        return self.strategy == "finetune"

    def seconds(self, num_rows: int, num_features: int, modality: str, epochs: int) -> float:
        rows, columns = min(num_rows, self.max_rows), min(num_features, self.max_columns) + 1
        fixed, rate, per_context_row = READING
        passes = self.num_members if (rows, columns) == (num_rows, num_features + 1) else 2 * self.num_members - 1
        one = 1.25 * rows * columns * (rate + per_context_row * rows)
        return fixed + one * (passes + (15 * epochs if self.trains_in_epochs else 0))


@dataclass(frozen=True)
class BlendSettings(InContext):
    """A forest, logistic regression and `pretrained_table`, the mean of their probabilities by weights.

    Arguments:
        combine: weighted (network 0.7, forest 0.2, logistic regression 0.1), mean (all count alike), or stacked (weights fitted
            to predictions of labelled rows that were left out).
        num_trees: of the forest.
        num_members: of the pretrained network.
    """

    name: str = "blend"
    combine: Literal["weighted", "mean", "stacked"] = "weighted"
    num_trees: Count = 500
    num_members: Annotated[int, Range(1, 64)] = 4

    estimators = ("sdl_cli.learning.models.blend", "Blend", "Blend")
    is_one_graph = False

    def seconds(self, num_rows: int, num_features: int, modality: str, epochs: int) -> float:
        forest = BaselineSettings(num_trees=self.num_trees)
        parts = (forest, BaselineSettings(kind="logistic"), PretrainedTableSettings(num_members=self.num_members))
        once = sum(part.seconds(num_rows, num_features, modality, epochs) for part in parts)
        return once * (6 if self.combine == "stacked" else 1)


@dataclass(frozen=True)
class RocketSettings(ModelSettings):
    """Random convolution kernels for series, and a linear model of how much of a series each responds to.

    Arguments:
        num_features: of the kernels, rounded down to a multiple of their number, 84.
    """

    name: str = "rocket"
    num_features: Annotated[int, Range(84, 1_000_000)] = 9996

    estimators = ("sdl_cli.learning.models.rocket", "Rocket", "RocketRegressor")
    modalities = ("series",)
    takes_class_weight = False

    def seconds(self, num_rows: int, num_features: int, modality: str, epochs: int) -> float:
        fixed, rate = ROCKET
        return fixed + rate * num_rows * num_features * self.num_features


@dataclass(frozen=True)
class SklearnSettings(ModelSettings):
    """The open door: any scikit-learn-compatible estimator.

    Arguments:
        estimator: its import path, for example sklearn.svm.SVC.
        params: its keyword arguments.
        standardize: centre and scale the features first.
        max_px: images are reduced to at most this many pixels a side and flattened.
    """

    name: str = "sklearn"
    estimator: str = "sklearn.neighbors.KNeighborsClassifier"
    params: dict[str, Any] = field(default_factory=dict)
    standardize: bool = True
    max_px: Annotated[int, Range(1, 1024)] = 32

    estimators = ("sdl_cli.learning.models.open_door", "SklearnModel", "SklearnModelRegressor")
    is_foreign = True
    takes_class_weight = False
    named_by = "estimator"

    def check(self) -> None:
        from sdl_cli.learning.models.open_door import import_estimator

        import_estimator(self.estimator)

    def seconds(self, num_rows: int, num_features: int, modality: str, epochs: int) -> float:
        return OTHER[0] + OTHER[1] * num_rows * min(num_features, 3 * self.max_px**2)


OwnNetwork.default_training = DeepNetSettings.default_training

MODELS: dict[str, type[ModelSettings]] = Choices(
    "model",
    {
        "baseline": BaselineSettings,
        "finetuned_cnn": FinetunedCNNSettings,
        "deep_net": DeepNetSettings,
        "autoencoder": AutoencoderSettings,
        "pretrained_table": PretrainedTableSettings,
        "blend": BlendSettings,
        "tabular_foundation": TabularFoundationSettings,
        "one_shot": OneShotSettings,
        "adversarial": AdversarialSettings,
        "rocket": RocketSettings,
        "finetuned_text": FinetunedTextSettings,
        "sklearn": SklearnSettings,
    },
    own=OwnNetwork,
)


def traits(name: object) -> type[ModelSettings]:
    """What the model of that name in a stored configuration says of itself; where there is no name, nothing special.

    A name that is not in the table is that of a network of the user's own.
    """
    return MODELS.get(name, OwnNetwork) if isinstance(name, str) and name else ModelSettings
