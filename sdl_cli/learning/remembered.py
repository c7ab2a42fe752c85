"""Arrays that are computed once and kept in the cache."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import Any

import numpy as np

from sdl_cli.errors import SdlError
from sdl_cli.files import cache_folder, write_atomic

Array = np.ndarray[Any, Any]


def remembered(cache: str, key: str, num_rows: int, compute: Callable[[], Array]) -> Array:
    """The array kept under `key` in the cache of that name if it has `num_rows` rows, otherwise computed and kept."""
    with contextlib.suppress(SdlError, OSError, ValueError, EOFError):
        kept: Array = np.load(cache_folder(cache) / f"{key}.npy", allow_pickle=False)
        if len(kept) == num_rows:
            return kept
    found = compute()
    buffer = io.BytesIO()
    np.save(buffer, found, allow_pickle=False)
    with contextlib.suppress(SdlError):  # a cache that cannot be written costs time next time, nothing else
        write_atomic(cache_folder(cache) / f"{key}.npy", buffer.getvalue())
    return found
