"""Arrays of numbers, and of cells of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def objects(cells: Sequence[object]) -> Array:
    """Cells of str or None as an array of objects `(N,)`."""
    found = np.empty(len(cells), dtype=object)
    found[:] = cells
    return found
