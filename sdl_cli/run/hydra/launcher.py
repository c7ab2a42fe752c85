"""Our launcher composes each job of a sweep and hands them all to a function; our sweeper is Hydra's own, for known jobs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus, env_override, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from sdl_cli.run.hydra.composition import Values, plain_values

TARGET = "hydra_plugins.sdl.SdlLauncher"  # hydra takes plugins from this name space only, which editable installs do not fill
KNOWN_JOBS = "hydra_plugins.sdl.KnownJobsSweeper"


@dataclass(frozen=True)
class Composed:
    """One job of a sweep as it was composed; its absolute folder is not created yet, `variables` are of the environment."""

    number: int
    values: Values
    folder: Path
    overrides: list[str]
    variables: dict[str, str] = field(default_factory=dict)


Job = Callable[[Values, Path, list[str]], float | None]
Launch = Callable[[list[Composed]], list[float | None]]


@dataclass(frozen=True)
class Task:
    """What hydra runs: one job at a time, or through our launcher all of them.

    Arguments:
        job: `(values, folder, overrides) -> objective`, run by Hydra's own launchers, possibly on other processes and machines,
            so it must be picklable and never raise.
        launch: takes the jobs of our launcher and returns their objectives; None if another launcher was chosen.
        known: `{"overrides", "config"}` of jobs 0, 1, ... that were composed before; None if they are not known.
    """

    job: Job
    launch: Launch | None = None
    known: Sequence[Values] | None = None

    def __call__(self, cfg: DictConfig) -> float | None:
        found = HydraConfig.get()
        return self.job(plain_values(cfg), Path(found.runtime.output_dir), list(found.overrides.task))


class SdlLauncher(Launcher):
    """Hydra's launcher `sdl`: its jobs run where `parallel` says, see `sdl_cli.many.sweep`."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        setup_globals()
        assert isinstance(self.task_function, Task) and self.task_function.launch is not None
        before = HydraConfig.instance().cfg
        try:
            composed = [self._compose(number, chosen) for number, chosen in enumerate(job_overrides, initial_job_idx)]
        finally:
            HydraConfig.instance().cfg = before
        with env_override(self._variables()):  # before worker processes start
            return [JobReturn(_return_value=value, status=JobStatus.COMPLETED) for value in self.task_function.launch(composed)]

    def _variables(self) -> dict[str, str]:
        return dict(self.config.hydra.job.env_set)

    def _compose(self, number: int, overrides: Sequence[str]) -> Composed:
        assert isinstance(self.task_function, Task)
        if self.task_function.known is not None:
            known = self.task_function.known[number]
            folder = Path(str(self.config.hydra.sweep.dir), str(number)).absolute()
            return Composed(number, known["config"], folder, known["overrides"], self._variables())
        cfg = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
        with open_dict(cfg):
            cfg.hydra.job.id, cfg.hydra.job.num = str(number), number
        HydraConfig.instance().set_config(cfg)  # what ${hydra:...} of the settings looks at
        folder = Path(str(cfg.hydra.sweep.dir), str(cfg.hydra.sweep.subdir)).absolute()
        chosen = [str(o) for o in cfg.hydra.overrides.task]
        with open_dict(cfg):
            del cfg["hydra"]
        return Composed(number, plain_values(cfg), folder, chosen, self._variables())


def register() -> None:
    """Make our launcher and our sweeper known to hydra, as plugins from a module that is made here."""
    name = TARGET.rpartition(".")[0]
    if name in sys.modules:
        return
    if find_spec("hydra_plugins") is None:  # no plugin is installed
        sys.modules["hydra_plugins"] = module_from_spec(ModuleSpec("hydra_plugins", None, is_package=True))
    sys.modules[name] = module = module_from_spec(ModuleSpec(name, None))
    plugins = Plugins.instance()
    for plugin in (SdlLauncher, _known_jobs_sweeper()):
        setattr(module, plugin.__name__, plugin)
        plugin.__module__ = name
        plugins.register(plugin)


def _known_jobs_sweeper() -> type:
    """Hydra's sweeper of a plain grid, without its look at each job: they were all composed and parsed before."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper  # hydra imports its plugins anew as it looks for them

    return type("KnownJobsSweeper", (BasicSweeper,), {"validate_batch_is_legal": lambda self, batch: None})
