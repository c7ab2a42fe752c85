"""Series of a batch, each changed by its own random numbers: a window of it, another amplitude, and noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def changed(series: Tensor, jitter_std: float, scale_std: float, crop_fraction: float, generator: torch.Generator) -> Tensor:
    """Crop, scale and jitter series `(N, C, L)`, in this order; see `policies.SeriesAugment`."""
    import torch

    how: dict[str, Any] = {"generator": generator, "device": series.device, "dtype": series.dtype}
    if crop_fraction < 1:
        kept = crop_fraction + (1 - crop_fraction) * torch.rand(len(series), **how)
        series = window(series, torch.rand(len(series), **how) * (1 - kept), kept)
    if scale_std > 0:
        mean = series.mean(2, keepdim=True)
        series = mean + (series - mean) * (1 + scale_std * torch.randn((*series.shape[:2], 1), **how))
    if jitter_std > 0:
        series = series + jitter_std * torch.randn(series.shape, **how)
    return series


def window(series: Tensor, start: Tensor, kept: Tensor) -> Tensor:
    """A part of each of the series `(N, C, L)`, read at L places in even steps by linear interpolation.

    Arguments:
        start, kept: `(N,)`, where each window begins and how long it is, as shares of the way from the first step to the last.
    """
    import torch

    last = series.shape[2] - 1
    even = torch.linspace(0, 1, last + 1, device=series.device, dtype=series.dtype)
    places = ((start[:, None] + kept[:, None] * even) * last).clamp(0, last)
    left = places.floor().clamp(max=max(last - 1, 0)).long()
    share = (places - left)[:, None]
    left = left[:, None].expand(-1, series.shape[1], -1)
    return series.gather(2, left) * (1 - share) + series.gather(2, (left + 1).clamp(max=last)) * share
