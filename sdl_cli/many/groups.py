"""Which cells one process runs as one task, since their networks are trained faster together than one after another."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from sdl_cli.many.cells import Cell, Group
from sdl_cli.run.fit_and_score import trains_on_gpu
from sdl_cli.settings.experiment import Experiment
from sdl_cli.settings.machine import available_bytes

_IMAGES, _TABLES = 16, 64  # cells under way at once
_COPIES = 6  # that each holds of its rows, about, and as much room again


def groups_of(
    cells: Sequence[Cell],
    experiment_of: Callable[[Cell], Experiment],
    alike: Callable[[Cell], Hashable],
    modality: str,
    num_jobs: int,
    num_bytes: int = 0,
) -> list[Group]:
    """Groups of those cells that train networks, a part of them for each of `num_jobs` processes.

    On a GPU all networks take turns. Elsewhere those on tables are stacked where the model's can be.

    Arguments:
        experiment_of: what a cell trains, or the first of what it tries.
        alike: equal for cells whose networks may be of one shape and learn from as many rows.
        num_bytes: of the rows of all; each cell under way holds copies of its own.
    """
    networks = [cell for cell in cells if experiment_of(cell).model.trains_in_epochs]
    convolves = modality in ("image", "series")
    at_once = min(_IMAGES if convolves else _TABLES, available_bytes() // (_COPIES * max(1, num_bytes) * num_jobs))
    if at_once < 2:
        return []
    if networks and trains_on_gpu(experiment_of(networks[0])):
        return _parts(networks, num_jobs, at_once)
    if convolves:
        return []
    found: dict[Hashable, list[Cell]] = {}
    for cell in networks:
        if experiment_of(cell).model.stacks:
            found.setdefault(alike(cell), []).append(cell)
    num_parts = -(-num_jobs // len(found)) if found else 1
    return [part for each in found.values() for part in _parts(each, num_parts, at_once)]


def _parts(cells: Sequence[Cell], num: int, at_once: int) -> list[Group]:
    parts = [cells[start::num] for start in range(num)]
    return [Group(part, at_once) for part in parts if len(part) > 1]
