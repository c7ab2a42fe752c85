"""How many things run at once, and where."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from sdl_cli.errors import ConfigError
from sdl_cli.settings.experiment import Count


@dataclass(frozen=True)
class Parallel:
    """How many cells run at once, and where.

    Arguments:
        num_jobs: cells at once; None is one per core, or one per GPU. A model that uses all cores, or a GPU, runs alone whatever
            this says. One job runs in this process.
        backend: processes (of our own; stored settings may call them loky), threading, or dask or ray: the cluster that this
            process is a client of, that $RAY_ADDRESS names, or else one on this machine. Both place cells and GPUs themselves;
            a cell whose process dies costs no other, though dask first tries it on three more workers (`allowed-failures`).
    """

    num_jobs: Count | None = None
    backend: Literal["processes", "threading", "dask", "ray", "loky"] = "processes"


def check_backend(backend: str) -> None:
    """Raise ConfigError where a backend of `Parallel` is not installed."""
    if backend in ("dask", "ray") and find_spec("distributed" if backend == "dask" else backend) is None:
        what = f"parallel.backend={backend}: {backend} is not installed."
        raise ConfigError(what, f'Install it: pip install "sdl-cli[{backend}]"')
