"""The request for a run: plain values, as they are composed or stored, as an Experiment."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from sdl_cli.data import DATASETS
from sdl_cli.data.augment.policies import AUGMENTS
from sdl_cli.learning.losses import LOSSES
from sdl_cli.learning.models import MODELS
from sdl_cli.measure.decisions import check_threshold
from sdl_cli.run import trackers
from sdl_cli.settings.experiment import REDUCTIONS, Experiment, Training
from sdl_cli.settings.parallel import Parallel, check_backend
from sdl_cli.settings.parse import parse, parse_group
from sdl_cli.settings.parts.own import require_code

Values = dict[str, Any]
TABLES: dict[str, Any] = {
    "dataset": DATASETS, "model": MODELS, "loss": LOSSES, "augment": AUGMENTS, "training": Training, "reduce": REDUCTIONS,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Request(Experiment):
    """What `sdl train` is asked: an experiment, and how many jobs of a sweep of them run at once (which changes no result)."""

    parallel: Parallel = Parallel(num_jobs=1)


def parse_experiment(values: Values) -> Experiment:
    """Plain values as an Experiment; a ConfigError names everything wrong with them, seen without loading any data."""
    found: Request = parse({**TABLES, "parallel": Parallel}, values, into=Request)
    check_experiment(found)
    check_backend(found.parallel.backend)
    return Experiment(**{f.name: getattr(found, f.name) for f in dataclasses.fields(Experiment)})


def parse_parallel(values: Values) -> Parallel:
    """How the jobs of a sweep run, of composed values; one after another by default."""
    found: Parallel = parse_group("parallel", Parallel, values["parallel"]) if "parallel" in values else Parallel(num_jobs=1)
    check_backend(found.backend)
    return found


def check_experiment(found: Experiment) -> None:
    """Raise for what the settings alone show to be wrong."""
    check_threshold(found.threshold)
    trackers.check(found)
    if found.model.is_network and found.device not in ("auto", "cpu"):
        from sdl_cli.learning.device import resolve

        resolve(found.device, found.precision, found.memory_format, found.num_threads)
    for settings in (found.dataset, found.model, found.loss, found.augment):
        require_code(settings)
    found.model.check()
