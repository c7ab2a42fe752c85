"""A sweep before its first job: its folder, its jobs, and how Hydra's settings say to run them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from sdl_cli.errors import ConfigError, DataError
from sdl_cli.files import make_folder, unwritable
from sdl_cli.run.hydra.composition import Check, Values, compose, compose_one, reworded
from sdl_cli.run.hydra.launcher import TARGET
from sdl_cli.run.hydra.overrides import first_choice, num_jobs, parse
from sdl_cli.run.writing import names_like

MOST_JOBS = 10_000  # of one sweep: each is composed before the first begins, and has a folder and a line of its own


@dataclass(frozen=True)
class Search:
    """A sweep whose jobs are chosen based on earlier scores: `maximize`, `minimize` or not known, and the values of one job."""

    direction: str | None
    example: Values


@dataclass(frozen=True)
class Sweep:
    """A sweep before its first job starts.

    Arguments:
        folder: newly created.
        jobs: of a plain grid whose jobs lie in folders 0, 1, ...: `{"overrides", "config"}` of each, parsed. None for others.
        example: composed values of one job.
        search: None for a plain grid.
        is_ours: our own launcher runs it.
    """

    folder: Path
    jobs: list[Values] | None
    example: Values
    search: Search | None
    is_ours: bool


def prepare(verb: str, overrides: Sequence[str], check: Check, check_search: Callable[[Search], None] | None = None) -> Sweep:
    """Create a sweep's folder after parsing every job of a plain grid, or one job of a search (the others as they come)."""
    own = [o for o in overrides if o.lstrip("+~").startswith(("hydra", "experiment="))]
    with reworded(verb, own, check):
        composed = compose(verb, [first_choice(o) for o in own], with_hydra=True).hydra
        folder, sweeper, is_ours = Path(str(composed.sweep.dir)), composed.sweeper, composed.launcher._target_ == TARGET
        numbered = OmegaConf.to_container(composed.sweep, resolve=False)["subdir"] == "${hydra.job.num}"  # type: ignore[index, call-overload]
        overrides = [*_own_params(sweeper), *overrides]
    try:
        if str(sweeper._target_).endswith(".BasicSweeper"):
            with reworded(verb, overrides, check):
                jobs = _grid(verb, overrides, check)
            return Sweep(_free_folder(folder), jobs if numbered else None, jobs[0]["config"], None, is_ours)
        search = Search(_direction(sweeper), compose_one(verb, [first_choice(o) for o in overrides], check))
        if check_search is not None:
            check_search(search)
    except ConfigError as error:
        raise ConfigError(f"{error.message}\nNo job of the sweep was started.", error.hint) from error
    return Sweep(_free_folder(folder), None, search.example, search, is_ours)


def _grid(verb: str, overrides: Sequence[str], check: Check) -> list[Values]:
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    parsed = parse(overrides)
    num = num_jobs(parsed)
    if not 1 <= num <= MOST_JOBS:
        what = f"it would have {num:,} jobs, and a sweep has at most {MOST_JOBS:,}" if num else "it would have no job"
        hint = "Use fewer values, or several sweeps." if num else "Check its ranges: range(0,10) is 0 to 9."
        raise ConfigError(f"-m: {what}.", hint)
    jobs = []
    for one in (one for batch in BasicSweeper.split_arguments(parsed, max_batch_size=None) for one in batch):
        chosen = [o for o in one if not o.lstrip("+~").startswith("hydra")]
        jobs.append({"overrides": chosen, "config": compose_one(verb, one, check)})
    return jobs


def _own_params(sweeper: DictConfig) -> list[str]:
    """What `hydra.sweeper.params` of a YAML adds to the overrides that were typed."""
    params = OmegaConf.to_container(sweeper, resolve=True).get("params") or {}  # type: ignore[union-attr]
    return [f"{key}={value}" for key, value in params.items()]


def _direction(sweeper: DictConfig) -> str | None:
    found: Any = sweeper.get("direction")
    if found is None:
        return None
    if OmegaConf.is_list(found):
        if len(found) != 1:
            raise ConfigError("hydra.sweeper.direction: a run has one score, but this names several.", "Use one: maximize.")
        found = found[0]
    return str(getattr(found, "name", found))


def _free_folder(folder: Path) -> Path:
    for candidate in names_like(folder, 1000):
        make_folder(candidate.parent)
        try:
            candidate.mkdir()
            return candidate.absolute()
        except FileExistsError:
            continue
        except OSError as error:
            raise unwritable(candidate, error) from error
    raise DataError(f"{folder}: this name is already used a thousand times.", "Choose another with hydra.sweep.dir=...")
