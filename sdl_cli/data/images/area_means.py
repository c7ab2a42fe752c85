"""Images made smaller by area means: each new pixel is the mean of what it covers, part pixels by their share."""

from __future__ import annotations

import numpy as np

from sdl_cli.data.arrays import Array

_BYTES_AT_ONCE = 2**23  # of images as float32, so that little more memory is needed than for the result


def reduce_images(images: Array, max_px: int) -> Array:
    """Images `uint8 (N, C, H, W)` as `float32` with sides of at most `max_px`, by area means."""
    height, width = images.shape[2:]
    rows, columns = area_weights(height, min(height, max_px)), area_weights(width, min(width, max_px))
    if len(rows) == height and len(columns) == width:
        return images.astype(np.float32)
    out = np.empty((*images.shape[:2], len(rows), len(columns)), np.float32)
    at_once = max(1, _BYTES_AT_ONCE // (4 * max(1, int(np.prod(images.shape[1:])))))
    for i in range(0, len(images), at_once):
        part = images[i : i + at_once].astype(np.float32)
        # one product for all images: a product for each, shared among threads, takes many times as long on a busy machine
        across = (part.reshape(-1, width) @ columns.T).reshape(-1, height, len(columns)).swapaxes(1, 2)
        down = across.reshape(-1, height) @ rows.T
        out[i : i + at_once] = down.reshape(*part.shape[:2], len(columns), len(rows)).swapaxes(2, 3)
    return out


def area_weights(old: int, new: int) -> Array:
    """`float32 (new, old)`: the share that each old pixel of a row has in each new one; rows sum to 1."""
    edges = np.linspace(0, old, new + 1)
    low, high = edges[:-1, None], edges[1:, None]
    pixels = np.arange(old)[None]
    overlap = np.clip(np.minimum(high, pixels + 1) - np.maximum(low, pixels), 0, None)
    return np.asarray(overlap / overlap.sum(axis=1, keepdims=True), dtype=np.float32)
