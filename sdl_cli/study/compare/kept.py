"""The models that a comparison keeps: the recommended arm and the best one, each trained on the first split as a whole run."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sdl_cli.errors import SdlError, StorageError
from sdl_cli.many.cells import Outcome
from sdl_cli.run import run_folder, train
from sdl_cli.run.prepare import load_here, resolve_settings
from sdl_cli.settings.experiment import Experiment
from sdl_cli.study.compare.plan import Key, Plan
from sdl_cli.study.compare.trial import shortened

Values = dict[str, Any]
RECOMMENDED, BEST = "recommended", "best"  # folders


def keep_models(plan: Plan, folder: Path, values: Values, outcomes: Mapping[Key, Outcome], notice: Callable[[str], None]) -> None:
    """Train the recommended arm once more on the first split, for prediction and inspection, and the best arm if different."""
    _keep(plan, folder / RECOMMENDED, values["recommended"], outcomes, notice)
    if values["best"] != values["recommended"]:
        _keep(plan, folder / BEST, values["best"], outcomes, notice)
    else:
        shutil.rmtree(folder / BEST, ignore_errors=True)  # of another arm, before a resume


def _keep(plan: Plan, where: Path, name: str, outcomes: Mapping[Key, Outcome], notice: Callable[[str], None]) -> None:
    arm = next(arm for arm in plan.arms if arm.name == name)
    chosen = outcomes[name, 0].metrics
    assert chosen is not None
    single = plan.candidates(arm, 0)[chosen["chosen"]["index"]].experiment
    trial = plan.trial((), None)
    resolved = resolve_settings(single, load_here(single), len(plan.split.labelled))
    single = shortened(resolved, load_here(single), trial.image_fraction, single)
    if single.model.is_network and chosen["runtime"] is not None:
        on = chosen["runtime"]
        single = dataclasses.replace(single, precision=on["precision"], memory_format=on["memory_format"])
    if run_folder.read_state(where) != "missing" and not _holds(where, single):
        shutil.rmtree(where, ignore_errors=True)  # of another arm, before a resume
    state = run_folder.read_state(where)
    if state == "done":
        return
    try:
        train.run(single, where, train.Observer(), resume=state != "missing")
    except StorageError:
        raise
    except SdlError as error:
        notice(f"{name} could not be kept as a run: {error.message}")


def _holds(folder: Path, single: Experiment) -> bool:
    """Whether a folder holds the run of this experiment, finished or not."""
    try:
        stored = run_folder.read_run(folder, finished=False).config
    except SdlError:
        return False
    own, none = single.to_plain(), {"name": "none"}
    if stored.get("reduce", none)["name"] != own["reduce"]["name"]:  # its number may have been chosen since
        return False
    return all(stored.get(key) == own[key] for key in ("model", "loss", "training", "augment", "seed"))
