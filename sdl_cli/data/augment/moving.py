"""Images moved, turned and mirrored as whole batches, and by how much each was, so that a number to predict can follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sdl_cli.data.augment import mixing, trivial

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def flip_crop(images: Tensor, flip: bool, pad_fraction: float, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Mirror each image with probability one half, pad by reflection and crop back at a random place.

    Returns: the images; which of them are mirrored, `(N,)` of bool; and by how many pixels their content then moved to the right,
        `(N,)`, negative to the left.
    """
    import torch

    height, width = images.shape[2:]
    rows = _reflect(_from(_offset(images, height, pad_fraction, generator), height), height)
    offset = _offset(images, width, pad_fraction, generator)
    columns = _reflect(_from(offset, width), width)
    mirrored = torch.zeros(len(images), dtype=torch.bool, device=images.device)
    if flip:
        mirrored = mixing.uniform(images, generator) < 0.5
        columns = columns.where(~mirrored[:, None], width - 1 - columns)
    return _take(images, rows, columns), mirrored, -offset[:, 0]


def shift(images: Tensor, max_fraction: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Move each image by whole pixels, up to a fraction of each side, and repeat its edge.

    Returns: the images, and by how many pixels each moved to the right, `(N,)`, negative to the left.
    """
    height, width = images.shape[2:]
    rows = _from(_offset(images, height, max_fraction, generator), height).clamp(0, height - 1)
    offset = _offset(images, width, max_fraction, generator)
    columns = _from(offset, width).clamp(0, width - 1)
    return _take(images, rows, columns), -offset[:, 0]


def turn(images: Tensor, max_degrees: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Turn each image about its middle by up to so many degrees, between pixels, and repeat its edge.

    Returns: the images, and by how many degrees each turned counter-clockwise, `(N,)`, negative clockwise.
    """
    degrees = max_degrees * (2 * mixing.uniform(images, generator) - 1)
    return trivial.rotate(images, degrees, mode="bilinear", padding="border"), degrees


def _offset(images: Tensor, side: int, fraction: float, generator: torch.Generator) -> Tensor:
    """How far after its own place each image's pixels along a side are fetched, at random: `(N, 1)`, at most side - 1."""
    import torch

    most = min(round(fraction * side), side - 1)
    return torch.randint(-most, most + 1, (len(images), 1), generator=generator, device=images.device)


def _from(offset: Tensor, side: int) -> Tensor:
    """Source index of each pixel along a side, `(N, side)`; it may lie up to side - 1 outside."""
    import torch

    return torch.arange(side, device=offset.device) + offset


def _reflect(index: Tensor, side: int) -> Tensor:
    """Indices outside 0..side - 1 mirrored back in, the edge itself not repeated."""
    return (side - 1) - ((side - 1) - index.abs()).abs()


def _take(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Pixels of each image at its own rows `(N, H)` and columns `(N, W)`: one gather for the whole batch."""
    n, channels, height, width = images.shape
    flat = (rows[:, :, None] * width + columns[:, None, :]).view(n, 1, -1).expand(n, channels, -1)
    return images.reshape(n, channels, -1).gather(2, flat).view(images.shape)
