"""What all tests share: no test touches the user's own cache, workers share the cores, and real data is used only where it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sdl_cli.settings.machine import available_bytes, available_cores

SHARED = Path(__file__).parents[2] / "shared" / "data"
MOST_WORKERS = 8  # each imports torch and scikit-learn for itself, and more of them are soon out of tests
WORKER_BYTES = 2 << 30

# One thread per worker, and threads that wait without spinning: two workers on two cores would otherwise spin against each
# other. It has to be there before torch is imported, and goes to the processes that tests start too.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Workers of `-n auto`: one more than the cores that this process may use, as tests wait for processes; as memory allows."""
    return max(1, min(available_cores() + 1, available_bytes() // WORKER_BYTES, MOST_WORKERS))


@pytest.fixture(autouse=True, scope="session")
def sdl_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder of this worker's session, also for processes that tests start."""
    before = os.environ.get("SDL_CACHE")
    folder = tmp_path_factory.mktemp("sdl_cache")
    os.environ["SDL_CACHE"] = str(folder)
    yield folder
    if before is None:
        del os.environ["SDL_CACHE"]
    else:
        os.environ["SDL_CACHE"] = before


@pytest.fixture
def small_forests() -> Iterator[None]:
    """The forest beside each result has few trees in this process: where it is not what is looked at, it takes most of the time."""
    from integration.forked import few_trees

    with few_trees():
        yield


@pytest.fixture
def shared_data() -> Path:
    """The folder of real data sets; the test is skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the real data sets in {SHARED.name}/ beside the project, which are not here")
    return SHARED
