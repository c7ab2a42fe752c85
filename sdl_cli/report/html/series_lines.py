"""A series as a small drawing: one line for each channel."""

from __future__ import annotations

from typing import Any

import numpy as np

from sdl_cli.report.html.drawing import SERIES
from sdl_cli.report.html.section import escape

Array = np.ndarray[Any, Any]
_MOST_POINTS = 240  # of a line: of a longer series, the least and the largest value of each stretch
_MOST_CHANNELS = len(SERIES)


def lines(series: Array, alt: str, px: int) -> str:
    """Series `(C, L)` drawn `px` wide and half as high, all channels on the scale of their own values; the first six of them."""
    height = px // 2
    paths = []
    for number, own in enumerate(series[:_MOST_CHANNELS]):
        values = _thinned(np.asarray(own, dtype=np.float64))
        low, high = float(values.min()), float(values.max())
        x = np.linspace(1, px - 1, len(values))
        y = height - 2 - (values - low) / ((high - low) or 1.0) * (height - 4)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
        paths.append(f'<polyline points="{points}" fill="none" style="stroke:var(--series-{number})" stroke-width="1.2"/>')
    size = f'width="{px}" height="{height}" viewBox="0 0 {px} {height}"'
    return f'<svg {size} role="img" aria-label="{escape(alt)}">{"".join(paths)}</svg>'


def _thinned(values: Array) -> Array:
    if len(values) <= _MOST_POINTS:
        return values
    parts = np.array_split(values, _MOST_POINTS // 2)
    return np.array([end for part in parts for end in (part.min(), part.max())])
