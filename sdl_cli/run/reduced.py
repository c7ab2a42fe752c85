"""How many columns a reduction leaves, chosen on validation rows where the settings do not say; and what it left, in words."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from sdl_cli.data.dataset import Dataset
from sdl_cli.data.split import LabelledPart
from sdl_cli.errors import ConfigError, RunError
from sdl_cli.measure.metrics import HIGHER_IS_BETTER
from sdl_cli.measure.wording import label
from sdl_cli.phrases import listed, shortened
from sdl_cli.run.prepare import Ready, make_ready
from sdl_cli.settings.experiment import Experiment

Values = dict[str, Any]
Score = Callable[[Experiment, LabelledPart, LabelledPart], float]
_MOST_TRIED = 256
_MOST_SCORE = 1e300  # of a column that tells the target apart without error
_NAMED = 20  # kept columns that a sentence names one by one


def settled(ready: Ready, metric: str, score: Score, notice: Callable[[str], None]) -> Ready:
    """The fit with the number of its reduction chosen, or as it is where the settings say it, or nothing is reduced.

    Each number is tried on a part of the labelled rows and scored on the rest, as `compare` tries settings; the smallest of the
    best is taken, and the model then learns from all labelled rows.

    Arguments:
        metric: what is compared.
        score: an experiment, rows to fit on and rows to score -> the metric.
    Raises:
        The first error, where no number could be scored.
    """
    experiment = ready.experiment
    if experiment.reduce.name == "none" or experiment.reduce.number is not None:
        return ready
    kept, held = ready.labelled.divided(experiment.dataset.validation_fraction, experiment.seed)
    inner = make_ready(experiment, kept, lambda sentence: None)
    tried = numbers(inner.model.reduction.largest(len(inner.fit), inner.model.num_columns(inner.fit.X, inner.fit.y)))
    scores, errors = [], []
    for number in tried:
        try:
            found = score(with_number(experiment, number), kept, held)
        except (ConfigError, RunError) as error:
            errors.append(error)
            found = math.nan
        scores.append(found if math.isfinite(found) else -math.inf if HIGHER_IS_BETTER[metric] else math.inf)
    if len(errors) == len(tried):
        raise errors[0]
    best = int(np.argmax(scores) if HIGHER_IS_BETTER[metric] else np.argmin(scores))
    among = f"chosen among {listed([str(n) for n in tried])} by the {label(metric)} of {len(held):,} validation rows"
    notice(f"reduce.{experiment.reduce.number_key}={tried[best]} was {among}; the model then learns from all labelled rows.")
    return make_ready(with_number(experiment, tried[best]), ready.labelled, lambda sentence: None)


def numbers(most: int) -> list[int]:
    """The numbers that are tried: powers of two from 2, and all where that is not many more; ascending."""
    powers = [2**k for k in range(1, int(math.log2(_MOST_TRIED)) + 1) if 2**k < most]
    return [*powers, most] if most <= 2 * _MOST_TRIED else powers


def with_number(experiment: Experiment, number: int) -> Experiment:
    """The experiment with this many columns left by its reduction."""
    reduce = dataclasses.replace(experiment.reduce, **{experiment.reduce.number_key: number})
    return dataclasses.replace(experiment, reduce=reduce)


def described(model: Any, dataset: Dataset) -> Values | None:
    """What a fitted model's reduction left, JSON-ready; None without one.

    `{"method", "kept", "of"}`; of select `"columns"` (the kept ones) and `"scores"` where columns have names; of pca
    `"variance_fraction"`.
    """
    found = getattr(model, "reduction_", None)
    if found is None:
        return None
    values = {"method": found.method, "kept": found.num_outputs, "of": found.num_inputs_}
    if found.method == "pca":
        return values | {"variance_fraction": found.variance_fraction_}
    names = _names(model, dataset)
    if names is None:
        return values
    scores = [float(score) if score < _MOST_SCORE else None for score in found.scores_]
    return values | {"columns": [names[j] for j in found.kept_], "scores": scores}


def _names(model: Any, dataset: Dataset) -> list[str] | None:
    """Names of the columns before they are reduced; None for pixels and the features of a network."""
    encoder = getattr(model, "encoder_", None)
    if dataset.modality == "image":
        return None
    if encoder is None:
        return list(dataset.feature_names)
    if dataset.modality == "series":
        return list(encoder.names())
    if dataset.modality == "text":
        return [term.replace("\x02", "^") for terms in encoder.terms_.values() for term in terms]
    levels = [list(c.levels) if c.kind == "category" else [] for c in dataset.columns for _ in c.parts or [c.name]]
    return list(encoder.names(dataset.feature_names, levels))


def sentence(values: Values) -> str:
    """What `described` found, for the user."""
    many = f"{values['of']:,} columns"
    if values["method"] == "pca":
        return (
            f"reduce=pca: {values['kept']:,} principal components of {many} hold "
            f"{100 * values['variance_fraction']:.0f} % of their variance."
        )
    columns = [shortened(name) for name in values.get("columns", [])]
    told = f": {listed(columns, _NAMED)}" if columns else ""
    return f"reduce=select keeps {values['kept']:,} of {many}, by their F statistic{told}."
