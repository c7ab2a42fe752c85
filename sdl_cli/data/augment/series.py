"""Series of a batch, each changed by its own random numbers: a window of it, another amplitude, and noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def changed(series: Tensor, jitter_std: float, scale_std: float, crop_fraction: float, generator: torch.Generator) -> Tensor:
    """Crop, scale and jitter series `(N, C, L)`, in this order, see `policies.SeriesAugment`; windows are shorter than L."""
    import torch

    how: dict[str, Any] = {"generator": generator, "device": series.device, "dtype": series.dtype}
    if crop_fraction < 1:
        length = max(1, round(crop_fraction * series.shape[2]))
        places = torch.rand(len(series), generator=generator, device=series.device) * (series.shape[2] - length + 1)
        series = window(series, places.floor().long().clamp(max=series.shape[2] - length), length)
    if scale_std > 0:
        mean = series.mean(2, keepdim=True)
        series = mean + (series - mean) * (1 + scale_std * torch.randn((*series.shape[:2], 1), **how))
    if jitter_std > 0:
        series = series + jitter_std * torch.randn(series.shape, **how)
    return series


def window(series: Tensor, start: Tensor, length: int) -> Tensor:
    """Of each of the series `(N, C, L)`, the `length` steps from its own `start` `(N,)` on, as they are: `(N, C, length)`.

    They are not stretched to L steps again: that would smooth what the network sees unsmoothed later.
    """
    import torch

    steps = start[:, None] + torch.arange(length, device=series.device)
    return series.gather(2, steps[:, None].expand(-1, series.shape[1], -1))
