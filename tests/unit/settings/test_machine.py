"""Cores are counted in one place, which knows container quotas and the share that a worker was given."""

from __future__ import annotations

import os
import re
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import sdl_cli
from sdl_cli.data.images.decode import decode_batches
from sdl_cli.settings.machine import available_cores, fit_threads, limited_cores

PACKAGE = Path(sdl_cli.__file__).parent


def busiest(num_items: int = 12) -> int:
    """How many images are decoded at once, at most."""
    lock, now, most = threading.Lock(), 0, 0

    def decode(row: int, item: int) -> np.ndarray:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.01)
        with lock:
            now -= 1
        return np.zeros((1, 4, 4), np.uint8)

    assert sum(len(batch.rows) for batch in decode_batches(range(num_items), decode, (1, 4, 4))) == num_items
    return most


@pytest.mark.parametrize("num", [1, 3])
def test_photos_are_decoded_on_the_cores_that_a_worker_was_given(num: int) -> None:
    with limited_cores(num):
        assert busiest() == num


@pytest.mark.parametrize(("content", "cores"), [("100000 100000\n", 1), ("50000 100000\n", 1), ("max 100000\n", 4), ("?", 4)])
def test_photos_are_decoded_on_the_cores_that_a_container_may_use(
    content: str, cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr("sdl_cli.settings.machine.Path", lambda path: SimpleNamespace(read_text=lambda: content))
    assert available_cores() == cores
    assert busiest() == cores


def test_no_other_module_counts_cores() -> None:
    own_count = re.compile(r"\b(cpu_count|sched_getaffinity)\b")
    guilty = [file.relative_to(PACKAGE).as_posix() for file in PACKAGE.rglob("*.py") if own_count.search(file.read_text())]
    assert guilty == ["settings/machine.py"]


@pytest.mark.parametrize(("said", "threads"), [("1", 1), ("2", 2), ("9", 3), ("0", 3), ("", 3), ("2,1", 3), ("x", 3)])
def test_threads_of_a_fit_are_as_omp_num_threads_says(monkeypatch: pytest.MonkeyPatch, said: str, threads: int) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    with limited_cores(3):
        assert fit_threads() == threads
