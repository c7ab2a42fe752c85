"""What learning curves and comparisons share: the metric, the test part, the workers, their observer, and how they resume."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data.dataset import Dataset
from sdl_cli.errors import ConfigError
from sdl_cli.many.cells import Outcome, visible_gpus
from sdl_cli.measure.metrics import HIGHER_IS_BETTER, MAIN
from sdl_cli.run import run_folder
from sdl_cli.run.fit_and_score import ignore
from sdl_cli.run.writing import resumed
from sdl_cli.settings.machine import available_cores
from sdl_cli.settings.parallel import Parallel

Array = np.ndarray[Any, Any]
Values = dict[str, Any]
_OF_NUMBERS = ("rmse", "mae", "r2")


@dataclass(frozen=True)
class Progress:
    """How far a study is: cells done of all, and seconds of work left (None if not known yet).

    `part` names the cell's arm, or its number of labelled rows.
    """

    outcome: Outcome
    part: str | int
    repeat: int
    done: int
    total: int
    seconds_left: float | None


@dataclass(frozen=True)
class StudyObserver:
    """Callbacks during a curve or a comparison; all optional.

    Arguments:
        on_plan: called once with what is about to be run (see `overview`).
        on_progress: called with every cell that is done, was done before, or failed.
        on_notice: called with a sentence for the user.
    """

    on_plan: Callable[[Values], None] = ignore
    on_progress: Callable[[Progress], None] = ignore
    on_notice: Callable[[str], None] = ignore


def resume_study(folder: Path, verb: str, noun: str, observer: StudyObserver, again: Callable[[Values], Values]) -> Values:
    """Resume a stopped study: `again` runs it from its stored settings; a finished one is read from `{noun}.json`."""
    stored = run_folder.read_run(folder, finished=False)
    run_folder.require_kind(folder, verb)
    if stored.state == "done":
        observer.on_notice(f"This {noun} is finished; there is nothing to resume.")
        return run_folder.read_json(folder / f"{noun}.json")
    with resumed(folder):
        return again(stored.config)


def metrics_of(dataset: Dataset) -> list[str]:
    """Keys of the metrics that predictions for this data set have."""
    return [metric for metric in HIGHER_IS_BETTER if (metric in _OF_NUMBERS) == (dataset.task == "regression")]


def metric_of(key: str, asked: str | None, dataset: Dataset) -> str:
    """The metric that is asked for, or the main one; a ConfigError names the setting `key` where the data has none such."""
    metric, known = asked or MAIN[dataset.task], metrics_of(dataset)
    if metric not in known:
        message = f"{key}: {metric} does not apply to {dataset.name}, a {dataset.task} data set."
        raise ConfigError(message, f"Choose one of {', '.join(known)}.")
    return metric


def brings_test_part(dataset: Dataset) -> bool:
    """Whether the source sets the test part, so that it is the same in every repeat."""
    return dataset.part is not None and bool((dataset.part == "test").any())


def noise_rows(dataset: Dataset, test: Array, metric: str) -> float:
    """How many test rows count for the metric's noise (see `curve.caveats.noise_floor`)."""
    if metric != "balanced_accuracy":
        return float(len(test))
    counts = np.bincount(dataset.y[test])
    counts = counts[counts > 0]
    return float(len(counts) ** 2 / (1 / counts).sum())


def num_jobs(parallel: Parallel | None) -> int:
    """Cells that run at once; None runs them one by one."""
    return 1 if parallel is None else parallel.num_jobs or available_cores()


def how_parallel(settings: Any, networks: bool, dataset: Dataset, share: bool) -> tuple[Parallel | None, tuple[str, ...], str]:
    """How many cells run at once (None: one by one), on which GPUs, and a sentence if that differs from the request.

    Arguments:
        settings: its `parallel`, and the device, precision, memory format and threads of the cells.
        networks: whether there are any among the cells.
        share: the cells share what there is, as those of different methods do: several GPUs, and cores by their threads.
            Otherwise, as for a curve of one model, a network has its GPU (or for images all cores) to itself, so that all of
            them are fitted in this process on the data, features and runtime that the first one needed.
    """
    wanted: Parallel = settings.parallel
    why = ""
    if networks:
        from sdl_cli.learning.device import resolve

        on = resolve(settings.device, settings.precision, settings.memory_format, settings.num_threads).device
        gpus = tuple(visible_gpus()) if share and on.startswith("cuda") and settings.device in ("auto", "cuda") else ()
        if len(gpus) > 1 and wanted.backend == "processes":
            return replace(wanted, num_jobs=wanted.num_jobs or len(gpus)), gpus, ""
        has_cores = not share and dataset.modality == "image" and settings.num_threads != 1
        if on != "cpu" or has_cores:
            uses = on if on != "cpu" else "all cores"
            why = f"parallel.num_jobs={wanted.num_jobs} has no effect: a network already uses {uses}."
            return None, (), why if (wanted.num_jobs or 1) > 1 else ""
        if wanted.backend == "threading":
            why = "parallel.backend=threading has no effect: networks in threads would share one random generator."
            if not share:
                return None, (), why
            wanted = replace(wanted, backend="processes")
    if not share:
        return replace(wanted, num_jobs=num_jobs(wanted)), (), why
    jobs = wanted.num_jobs or max(1, available_cores() // (settings.num_threads or 1))
    alone = jobs == 1 and wanted.backend not in ("dask", "ray")
    return None if alone else replace(wanted, num_jobs=jobs), (), why


def import_baseline() -> None:
    """For worker processes that start in the background, to be ready once the data is loaded."""
    import sklearn.ensemble  # noqa: F401

    import sdl_cli.learning.models.baseline  # noqa: F401


def import_networks() -> None:
    """The same for networks."""
    import sdl_cli.learning.models.deep_net  # noqa: F401

    import_baseline()
