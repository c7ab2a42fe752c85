"""The cores and memory this process may use, including container limits and a worker's share."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

_core_limit: ContextVar[int | None] = ContextVar("sdl_cores", default=None)  # of a thread: cells may run in several


@contextlib.contextmanager
def limited_cores(num: int) -> Iterator[None]:
    """Let every fit in the body use at most `num` cores, thread pools included."""
    from threadpoolctl import threadpool_limits

    token = _core_limit.set(num)
    try:
        # the pools are the process's: parallel threads cannot each set and restore them
        alone = threading.current_thread() is threading.main_thread()
        with threadpool_limits(num) if alone else contextlib.nullcontext():
            yield
    finally:
        _core_limit.reset(token)


def available_cores() -> int:
    """Cores this process may use: its affinity, a container's CPU quota if one is set, and `limited_cores`."""
    limit = _core_limit.get()
    if limit is not None:
        return limit
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()[:2]
        if quota != "max":
            cores = min(cores, max(1, int(quota) // int(period)))
    return cores


def fit_threads() -> int:
    """Threads of one fit on the CPU unless asked otherwise: the cores it may use, or fewer where OMP_NUM_THREADS says so."""
    text = os.environ.get("OMP_NUM_THREADS", "").strip()
    wanted = int(text) if text.isdecimal() else 0
    return min(wanted, available_cores()) if wanted else available_cores()


def available_bytes() -> int:
    """Memory that this process may still take: what the system has free or can free, and a container's limit where one is set."""
    free = 8 << 30  # if nothing reports it
    with contextlib.suppress(OSError, ValueError, StopIteration), open("/proc/meminfo") as file:  # noqa: PTH123
        free = int(next(line for line in file if line.startswith("MemAvailable:")).split()[1]) << 10
    with contextlib.suppress(OSError, ValueError):
        limit, used = (Path("/sys/fs/cgroup", name).read_text().strip() for name in ("memory.max", "memory.current"))
        if limit != "max":
            free = min(free, max(0, int(limit) - int(used)))
    return free
