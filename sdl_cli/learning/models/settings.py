"""The settings of each kind of model; the estimators that take them as keyword arguments stand in modules of the same name.

They are apart from the estimators so that a command line is read and checked without importing torch or scikit-learn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from sdl_cli.settings.experiment import Count, Fraction, NonNegative, Positive, Range


@dataclass(frozen=True)
class BaselineSettings:
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


@dataclass(frozen=True)
class FinetunedCNNSettings:
    """A torchvision network, pretrained elsewhere, brought to these images.

    Arguments:
        architecture: any classification builder of torchvision, by name.
        weights: `default` (torchvision's best for the architecture, downloaded once), a path to a state dict (.pth or
            .safetensors), the folder of an earlier sdl run, or `none`.
        strategy: probe (frozen features, regularised logistic head), finetune (all layers), or probe_then_finetune.
        backbone_rate_factor: learning rate of the pretrained layers as a fraction of the head's.
        start_fraction: of probe_then_finetune: share of the probe's weights in the final ones (Wortsman et al. 2022).
        freeze_batchnorm: keep BatchNorm's statistics as pretrained; with few images new ones are noise.
        num_views: views of each image that a probe learns from: the image itself and augmented ones; None is 1 without
            augmentation and 4 with it.
        image_size_px: side of the square the network sees; None is what the weights were trained with.
    """

    name: str = "finetuned_cnn"
    architecture: str = "squeezenet1_1"
    weights: str = "default"
    strategy: Literal["probe", "finetune", "probe_then_finetune"] = "probe_then_finetune"
    backbone_rate_factor: Annotated[float, Range(0, 1)] = 0.1
    start_fraction: Fraction = 0.5
    freeze_batchnorm: bool = True
    num_views: Annotated[int, Range(1, 64)] | None = None
    image_size_px: Annotated[int, Range(8, 2048)] | None = None


@dataclass(frozen=True)
class DeepNetSettings:
    """A deep network trained from scratch.

    Arguments:
        architecture: auto (mlp for tables, resnet for images), mlp, resnet or plain (a small convolutional network).
        depth: hidden layers of an mlp (10), weighted layers of a resnet (9), convolutions of plain (4).
        width: units of each hidden layer (100) or channels of a resnet's stem (24) or plain's first (32).
        dropout: probability of dropping a hidden unit (mlp 0.15, as Olson, Wyner and Berk 2018; images 0).
        num_members: networks trained from different seeds whose probabilities are averaged.
    """

    name: str = "deep_net"
    architecture: Literal["auto", "mlp", "resnet", "plain"] = "auto"
    depth: Annotated[int, Range(1, 200)] | None = None
    width: Annotated[int, Range(1, 4096)] | None = None
    dropout: Fraction | None = None
    num_members: Annotated[int, Range(1, 100)] = 1


@dataclass(frozen=True)
class AutoencoderSettings:
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
        unlabeled: an npz file or a folder of images with more inputs of the same kind, without labels, or None.
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
    unlabeled: str | None = None
    dropout: Fraction = 0.0

    def __post_init__(self) -> None:
        from sdl_cli.errors import ConfigError

        if self.widths is not None and not self.widths:
            raise ConfigError("widths must name at least one layer, for example [128,64,32].")


@dataclass(frozen=True)
class SklearnSettings:
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


MODELS: dict[str, type] = {
    "baseline": BaselineSettings,
    "finetuned_cnn": FinetunedCNNSettings,
    "deep_net": DeepNetSettings,
    "autoencoder": AutoencoderSettings,
    "sklearn": SklearnSettings,
}
