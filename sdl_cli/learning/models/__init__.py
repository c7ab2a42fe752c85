"""`build` makes the estimator of an experiment; importing this package imports neither torch nor scikit-learn."""

from __future__ import annotations

from typing import Any

from sdl_cli.data.dataset import Dataset
from sdl_cli.learning.models.settings import MODELS, traits
from sdl_cli.settings.experiment import Experiment


def build(experiment: Experiment, task: str, dataset: Dataset | None = None) -> Any:
    """The unfitted estimator of an experiment, with all of its settings.

    Arguments:
        dataset: its data set, if its inputs need preprocessing (mixed tables, texts, series) before the model.
    """
    settings = experiment.model
    arguments = settings.arguments() | {"random_state": experiment.seed}
    on_texts = dataset is not None and dataset.modality == "text"
    if settings.is_network:
        arguments |= {
            "loss": experiment.loss,
            "augment": None if on_texts else experiment.augment,
            "training": experiment.training,
            "validation_fraction": experiment.dataset.validation_fraction,
            **{key: getattr(experiment, key) for key in ("device", "precision", "memory_format", "num_threads")},
        }
        if settings.is_pretrained:
            arguments["reduce"] = experiment.reduce
    elif settings.takes_class_weight and task == "classification":
        arguments["class_weight"] = "balanced" if getattr(experiment.loss, "class_weight", "none") == "balanced" else None
    directions = getattr(experiment.dataset, "monotone", {})
    if settings.heeds_monotone and dataset is not None and any(directions.values()):
        from sdl_cli.data.files.columns import level_counts
        from sdl_cli.data.files.monotone import of_columns

        signs = of_columns(directions, dataset)  # the encoder puts numbers first, and categories behind them
        arguments["monotone"] = tuple(
            sign for sign, levels in zip(signs, level_counts(dataset.columns), strict=True) if not levels
        )
    model = settings.estimator_class(task)(**arguments)
    if dataset is None:
        return model
    changes_texts = on_texts and settings.seen("text") == "table"  # copies of a text would stand in several folds of a probe
    augment = experiment.augment if changes_texts and experiment.augment.name != "none" else None
    return with_preparation(
        model, dataset, augment, experiment.dataset.validation_fraction, experiment.seed, _reduction(experiment, dataset)
    )


def _reduction(experiment: Experiment, dataset: Dataset) -> Any:
    """What makes the inputs of this experiment's model smaller, or None."""
    if experiment.reduce.name == "none" or experiment.model.is_pretrained:  # a probe reduces its own features
        return None
    from sdl_cli.learning.models.reduction import Reduction

    in_many_units = dataset.modality == "table"
    return Reduction(experiment.reduce.name, experiment.reduce.number, in_many_units, dataset.task == "classification")


def with_preparation(
    model: Any,
    dataset: Dataset,
    augment: Any = None,
    validation_fraction: float = 0.2,
    seed: int = 0,
    reduction: Any = None,
) -> Any:
    """The model behind the preprocessing that this data set's inputs need, or the model itself if they need none.

    Arguments:
        augment: settings of a policy that works on what goes into the preprocessing (texts), or None.
        reduction: a `Reduction` of what comes out of it, or None.
    """
    if not needs_preparation(dataset, model) and reduction is None and augment is None and dataset.target_scale == "none":
        return model
    from sdl_cli.learning.models.prepared import Prepared

    encoder: Any = None
    if dataset.modality == "text" and needs_preparation(dataset, model):
        from sdl_cli.learning.models.text_features import TextEncoder

        encoder = TextEncoder(random_state=seed)
    elif dataset.modality == "series":
        encoder = _encoder_of_series(model, seed) if needs_preparation(dataset, model) else None
    elif dataset.columns:
        from sdl_cli.data.files.columns import level_counts
        from sdl_cli.learning.models.encoding import TableEncoder

        encoder = TableEncoder(level_counts(dataset.columns))
    elif dataset.modality == "image" and reduction is not None:
        from sdl_cli.learning.models.reduction import FlatImages

        encoder = FlatImages(model.max_px)
    return Prepared(encoder, model, augment, validation_fraction, seed, reduction, dataset.target_scale)


def _encoder_of_series(model: Any, seed: int) -> Any:
    """What makes a table of series for a model: random kernels for the one that is made for them, or features of the whole."""
    if model.settings.seen("series") == "table":
        from sdl_cli.learning.models.series_features import SeriesFeatures

        return SeriesFeatures()
    from sdl_cli.learning.models.rocket import RocketKernels

    return RocketKernels(model.num_features, seed)


def needs_preparation(dataset: Dataset, model: Any) -> bool:
    """Whether the rows of a data set are not yet what this model takes."""
    if dataset.modality == "series":
        return model.settings.seen("series") == "table" or not model.settings.is_network
    return bool(dataset.columns) or (dataset.modality == "text" and model.settings.seen("text") == "table")


__all__ = ["MODELS", "build", "needs_preparation", "traits", "with_preparation"]
