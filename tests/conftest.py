"""What all tests share: no test touches the user's own cache, and real data is used only where it is present."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(autouse=True, scope="session")
def sdl_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder of this test session, also for processes that tests start."""
    before = os.environ.get("SDL_CACHE")
    folder = tmp_path_factory.mktemp("sdl_cache")
    os.environ["SDL_CACHE"] = str(folder)
    yield folder
    if before is None:
        del os.environ["SDL_CACHE"]
    else:
        os.environ["SDL_CACHE"] = before


@pytest.fixture
def shared_data() -> Path:
    """The folder of real data sets; the test is skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the real data sets in {SHARED.name}/ beside the project, which are not here")
    return SHARED
