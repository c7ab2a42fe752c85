"""Where tables come from: processes that make them while the network trains, or this process itself."""

from __future__ import annotations

import contextlib
import multiprocessing as mp
import os
import queue
import signal
import sys
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any

import numpy as np
import torch

from pretraining.prior import Draws, Tables, draw_learnable_tables
from pretraining.schedule import draw_shape
from pretraining.settings import Recipe

_MOST_WAITING = 24  # batches
_FIRST_WAIT_SECONDS, _WAIT_SECONDS = 30.0, 0.02
_ALIVE_CHECK_SECONDS = 2.0


class TableSource:
    """Batches of tables; a context manager, which ends its processes.

    With workers, which batch comes next depends on which of them is faster, so two runs differ. Without, tables come from
    `draws` in this process and are the same for the same seed. Where workers are too slow, this process makes tables too.

    Arguments:
        draws: used in this process, on the device where tables are wanted.
        num_workers: processes, each with one thread on the CPU. first_step: a resumed run's step, so that its tables are new.
    """

    def __init__(self, recipe: Recipe, draws: Draws, num_workers: int, first_step: int = 0) -> None:
        self.recipe, self.draws = recipe, draws
        self.num_starved = 0
        self._is_first = True
        self._workers: list[BaseProcess] = []
        if num_workers:
            # a server process without threads or a GPU makes the workers; where there is none, each starts anew
            context: Any = mp.get_context("forkserver" if "forkserver" in mp.get_all_start_methods() else "spawn")
            if hasattr(context, "set_forkserver_preload"):
                context.set_forkserver_preload([__name__])
            self._queue = context.Queue(maxsize=_MOST_WAITING)
            self._progress, self._cells = context.Value("d", 0.0), context.Value("i", recipe.cells)
            for number in range(num_workers):
                seed = worker_seed(recipe.seed, number, first_step)
                arguments = (recipe, seed, self._queue, self._progress, self._cells)
                self._workers.append(context.Process(target=_make_tables, args=arguments, daemon=True))
            for worker in self._workers:
                worker.start()

    def __enter__(self) -> TableSource:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for worker in self._workers:
            worker.terminate()
        for worker in self._workers:
            worker.join()
        if self._workers:
            self._queue.cancel_join_thread()  # what is left in it is not wanted
            self._queue.close()
        self._workers = []

    def next(self, cells: int, progress: float) -> Tables:
        """A batch of about `cells` cells, suited to this progress of the training, on the device of `draws`."""
        if self._workers:
            self._progress.value, self._cells.value = progress, cells
            seconds = _FIRST_WAIT_SECONDS if self._is_first else _WAIT_SECONDS
            self._is_first = False
            try:
                return _to_device(self._queue.get(timeout=seconds), self.draws.device)
            except queue.Empty:
                self.num_starved += 1
        shape = draw_shape(self.recipe, cells, progress, self.draws.host)
        return draw_learnable_tables(self.draws, shape, self.recipe.made_per_table)


def worker_seed(seed: int, worker: int, step: int) -> int:
    """The seed of a worker that starts at this step."""
    return int(np.random.SeedSequence((seed, worker, step)).generate_state(1)[0])


def _make_tables(recipe: Recipe, seed: int, waiting: Any, progress: Any, cells: Any) -> None:
    """The whole life of a worker: make tables until it is ended, or until the main process is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends Ctrl-C to workers too: the main process ends them
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with contextlib.suppress(AttributeError, OSError):
        os.nice(5)
    torch.set_num_threads(1)
    draws = Draws(seed)
    waiting.cancel_join_thread()  # a worker whose main process is gone does not wait for somebody to read what it made
    main_process = mp.parent_process()
    while True:
        shape = draw_shape(recipe, cells.value, progress.value, draws.host)
        tables = draw_learnable_tables(draws, shape, recipe.made_per_table)
        small = (tables.labels, tables.query_labels, tables.num_classes)
        message = (tables.values.numpy(), *(labels.numpy().astype(np.int8) for labels in small))
        while True:
            try:
                waiting.put(message, timeout=_ALIVE_CHECK_SECONDS)
                break
            except queue.Full:
                if main_process is not None and not main_process.is_alive():
                    sys.exit()


def _to_device(message: tuple[np.ndarray[Any, Any], ...], device: torch.device) -> Tables:
    """A worker's message as tables; the copy to a GPU does not wait for it."""
    tensors = [torch.from_numpy(array) for array in message]
    if device.type == "cuda":
        tensors = [tensor.pin_memory().to(device, non_blocking=True) for tensor in tensors]
    values, *small = tensors
    return Tables(values, *(tensor.long() for tensor in small))
