"""What `augment=strong` adds to mirroring and cropping: erased rectangles, and images mixed with one another."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def erase(images: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Replace a rectangle of some images by uniform noise (Zhong et al. 2020, random erasing with random values).

    The rectangle covers 2 % to 33 % of the image at an aspect of 0.3 to 3.3, drawn on a log scale so that tall and wide
    are as likely, and clipped to the image's side.
    """
    import torch

    height, width = images.shape[2:]
    chosen = uniform(images, generator) < probability
    area = (0.02 + 0.31 * uniform(images, generator)) * height * width
    aspect = ((2 * uniform(images, generator) - 1) * math.log(3.3)).exp()
    tall = (area * aspect).sqrt().round().clamp(1, height)
    wide = (area / aspect).sqrt().round().clamp(1, width)
    top = (uniform(images, generator) * (height - tall + 1)).floor()
    left = (uniform(images, generator) * (width - wide + 1)).floor()
    inside = _boxes(images, top, top + tall, left, left + wide) & chosen[:, None, None, None]
    values = torch.rand(images.shape, generator=generator, device=images.device, dtype=images.dtype)
    return values.where(inside, images)


def mix(
    images: Tensor, targets: Tensor, probability: float, mixup_alpha: float, cutmix_alpha: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Mix some images, and their targets in proportion, with another of the batch.

    MixUp (Zhang et al. 2018) blends the whole image, CutMix (Yun et al. 2019) pastes a rectangle of the other; each is
    equally likely and has its own share lambda ~ Beta(alpha, alpha) per sample. A target is mixed by the share of the
    pixels that was really kept, so a rectangle cut off at the border counts as what is left of it.
    """
    import torch

    height, width = images.shape[2:]
    partner = torch.randperm(len(images), generator=generator, device=images.device)
    chosen = uniform(images, generator) < probability
    cut = uniform(images, generator) < 0.5
    blended = _symmetric_beta(images, mixup_alpha, generator)

    side = (1 - _symmetric_beta(images, cutmix_alpha, generator)).sqrt()
    middle_y = (uniform(images, generator) * height).floor()
    middle_x = (uniform(images, generator) * width).floor()
    half_y, half_x = (side * height / 2).floor(), (side * width / 2).floor()
    top, bottom = (middle_y - half_y).clamp(0, height), (middle_y + half_y).clamp(0, height)
    left, right = (middle_x - half_x).clamp(0, width), (middle_x + half_x).clamp(0, width)
    uncovered = 1 - (bottom - top) * (right - left) / (height * width)

    share = blended.where(~cut, uncovered).where(chosen, 1.0)
    pasted = _boxes(images, top, bottom, left, right) & (cut & chosen)[:, None, None, None]
    kept = share.where(~cut, 1.0)[:, None, None, None].where(~pasted, 0.0)
    # lerp is exact at shares of 0 and 1: what is not mixed stays as it was, to the last bit.
    mixed = torch.lerp(images[partner], images, kept.to(images.dtype))
    return mixed, torch.lerp(targets[partner], targets, share[:, None].to(targets.dtype))


def uniform(batch: Tensor, generator: torch.Generator) -> Tensor:
    """One number in [0, 1) per sample, `(N,)` float32."""
    import torch

    return torch.rand(len(batch), generator=generator, device=batch.device)


def _symmetric_beta(batch: Tensor, alpha: float, generator: torch.Generator) -> Tensor:
    """One Beta(alpha, alpha) number per sample, `(N,)`, from two uniform ones.

    Torch's own sampler takes no generator. Bailey's polar method (1994) gives Student's t with 2 alpha degrees of
    freedom, and t / sqrt(2 alpha + t^2) is a symmetric beta on [-1, 1] (Devroye 1996). Sine of arc tangent stands for
    x / sqrt(1 + x^2): it has a limit where a small alpha makes x infinite.
    """
    radius = (uniform(batch, generator).pow(-1 / alpha) - 1).clamp_min(0).sqrt()
    return 0.5 + 0.5 * (radius * (2 * math.pi * uniform(batch, generator)).cos()).atan().sin()


def _boxes(images: Tensor, top: Tensor, bottom: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """Which pixels lie in each sample's rectangle, ends excluded: `(N, 1, H, W)` of bool."""
    import torch

    y = torch.arange(images.shape[2], device=images.device)
    x = torch.arange(images.shape[3], device=images.device)
    rows = (y >= top[:, None]) & (y < bottom[:, None])
    columns = (x >= left[:, None]) & (x < right[:, None])
    return rows[:, None, :, None] & columns[:, None, None, :]
