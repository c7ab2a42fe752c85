"""What a learning curve and a comparison settle alike before they run: the metric, the test part, and the workers."""

from __future__ import annotations

from typing import Any

import numpy as np

from sdl_cli.data.dataset import Dataset
from sdl_cli.errors import ConfigError
from sdl_cli.machine import available_cores
from sdl_cli.many import cells
from sdl_cli.measure.metrics import HIGHER_IS_BETTER, MAIN
from sdl_cli.settings.parallel import Parallel

Array = np.ndarray[Any, Any]
_OF_NUMBERS = ("rmse", "mae", "r2")


def metrics_of(dataset: Dataset) -> list[str]:
    """Keys of the metrics that predictions for this data set have."""
    return [metric for metric in HIGHER_IS_BETTER if (metric in _OF_NUMBERS) == (dataset.task == "regression")]


def metric_of(key: str, asked: str | None, dataset: Dataset) -> str:
    """The metric that is asked for, or the main one; a ConfigError names the setting `key` where the data has none such."""
    metric, known = asked or MAIN[dataset.task], metrics_of(dataset)
    if metric not in known:
        message = f"{key}: {metric} is not a metric of {dataset.name}, a {dataset.task} data set."
        raise ConfigError(message, f"Choose one of {', '.join(known)}.")
    return metric


def brings_test_part(dataset: Dataset) -> bool:
    """Whether the source sets the test part, so that it is the same in every repeat."""
    return dataset.part is not None and bool((dataset.part == "test").any())


def noise_rows(dataset: Dataset, test: Array, metric: str) -> float:
    """Of the test rows, as many as count for the noise of the metric (see `curve.caveats.noise_floor`)."""
    if metric != "balanced_accuracy":
        return float(len(test))
    counts = np.bincount(dataset.y[test])
    counts = counts[counts > 0]
    return float(len(counts) ** 2 / (1 / counts).sum())


def num_jobs(parallel: Parallel | None) -> int:
    """Cells that run at once; None runs them one by one."""
    return 1 if parallel is None else parallel.num_jobs or available_cores()


def start_workers(parallel: Parallel, with_networks: bool, cores_per_job: int = 1) -> None:
    """Start worker processes in the background, so that they have imported what they need once the data is loaded."""
    cells.start_workers(parallel, _import_networks if with_networks else _import_baseline, cores_per_job)


def _import_baseline() -> None:
    import sklearn.ensemble  # noqa: F401

    import sdl_cli.learning.models.baseline  # noqa: F401


def _import_networks() -> None:
    import sdl_cli.learning.models.deep_net  # noqa: F401

    _import_baseline()
