"""TrivialAugmentWide (Mueller and Hutter, ICCV 2021) for batches: one operation and one strength per image.

Images are float32 `(N, C, H, W)` in [0, 1]. Operations and ranges are those of
`torchvision.transforms.v2.TrivialAugmentWide`, which gives a whole batch one operation of one strength; here each image
has its own. Only the translation differs: up to 32 px there, here never more than the side of the image.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

# Each is a function of images, strength in [0, 1] `(N,)` and sign -1 or 1 `(N,)`.
OPERATIONS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "identity": lambda images, strength, sign: images,
    "shear_x": lambda images, strength, sign: shear_x(images, 0.99 * strength * sign),
    "shear_y": lambda images, strength, sign: shear_y(images, 0.99 * strength * sign),
    "translate_x": lambda images, strength, sign: _affine(images, x0=-(min(32, images.shape[3]) * strength * sign).trunc()),
    "translate_y": lambda images, strength, sign: _affine(images, y0=-(min(32, images.shape[2]) * strength * sign).trunc()),
    "rotate": lambda images, strength, sign: rotate(images, 135 * strength * sign),
    "brightness": lambda images, strength, sign: brightness(images, 1 + 0.99 * strength * sign),
    "color": lambda images, strength, sign: color(images, 1 + 0.99 * strength * sign),
    "contrast": lambda images, strength, sign: contrast(images, 1 + 0.99 * strength * sign),
    "sharpness": lambda images, strength, sign: sharpness(images, 1 + 0.99 * strength * sign),
    "posterize": lambda images, strength, sign: posterize(images, 8 - (6 * strength).round()),
    "solarize": lambda images, strength, sign: solarize(images, 1 - strength),
    "autocontrast": lambda images, strength, sign: autocontrast(images),
    "equalize": lambda images, strength, sign: equalize(images),
}


def trivial_augment(images: Tensor, num_bins: int, generator: torch.Generator) -> Tensor:
    """Apply to each image one operation, drawn evenly, at one of `num_bins` strengths, drawn evenly.

    `images` are `(N, C, H, W)` float32 in [0, 1], and so is what is returned; `num_bins` is 2 at least.
    """
    import torch

    def draw(high: int) -> Tensor:
        return torch.randint(high, (len(images),), generator=generator, device=images.device)

    operation, strength, sign = draw(len(OPERATIONS)), draw(num_bins) / (num_bins - 1), draw(2) * 2 - 1
    # Rows grouped by operation; the sizes of the groups are all that the host waits for.
    sizes = torch.bincount(operation, minlength=len(OPERATIONS)).tolist()
    groups = torch.split(operation.argsort(stable=True), sizes)
    result = images.clone()
    for (name, apply), rows in zip(OPERATIONS.items(), groups, strict=True):
        if len(rows) > 0 and name != "identity":
            result[rows] = apply(images[rows], strength[rows], sign[rows])
    return result


def shear_x(images: Tensor, factor: Tensor) -> Tensor:
    """Move each row left by `factor` `(N,)` times its distance from the top edge."""
    return _affine(images, xy=factor, x0=factor * (images.shape[2] / 2))


def shear_y(images: Tensor, factor: Tensor) -> Tensor:
    """Move each column up by `factor` `(N,)` times its distance from the left edge."""
    return _affine(images, yx=factor, y0=factor * (images.shape[3] / 2))


def rotate(images: Tensor, degrees: Tensor, mode: str = "nearest", padding: str = "zeros") -> Tensor:
    """Rotate each image counter-clockwise about its centre by `degrees` `(N,)`; the rest as of `_affine`."""
    angle = degrees * (math.pi / 180)
    return _affine(images, xx=angle.cos(), xy=-angle.sin(), yx=angle.sin(), yy=angle.cos(), mode=mode, padding=padding)


def brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Blend each image with black: 0 is black, 1 the image, `factor` `(N,)` at least 0."""
    return (images * factor.view(-1, 1, 1, 1)).clamp(0, 1)


def color(images: Tensor, factor: Tensor) -> Tensor:
    """Blend each RGB image with its grey version; images that have no colour (C other than 3) stay as they are."""
    return images if images.shape[1] != 3 else _blend(images, _grey(images), factor)


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Blend each image with its mean grey."""
    return _blend(images, _grey(images).mean(dim=(1, 2, 3), keepdim=True), factor)


def sharpness(images: Tensor, factor: Tensor) -> Tensor:
    """Blend each image with its smoothed version (weights 1, in the middle 5, over 13); the border stays as it is."""
    from torch.nn.functional import avg_pool2d

    if min(images.shape[2:]) <= 2:
        return images
    inner = images[:, :, 1:-1, 1:-1]
    # Pooling, not convolution: autocast would run a convolution in half precision.
    smooth = (9 * avg_pool2d(images, 3, stride=1) + 4 * inner) / 13
    result = images.clone()
    result[:, :, 1:-1, 1:-1] = _blend(inner, smooth, factor)
    return result


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Keep the first `bits` `(N,)` of each value, 1 to 8."""
    levels = bits.view(-1, 1, 1, 1).exp2()
    return ((images * levels).floor().minimum(levels - 1) / levels).clamp_min(0)


def solarize(images: Tensor, threshold: Tensor) -> Tensor:
    """Invert the values at or above `threshold` `(N,)`."""
    return (1 - images).where(images >= threshold.view(-1, 1, 1, 1), images)


def autocontrast(images: Tensor) -> Tensor:
    """Stretch each channel to all of [0, 1]; a channel of one value stays as it is."""
    low, high = images.amin(dim=(2, 3), keepdim=True), images.amax(dim=(2, 3), keepdim=True)
    flat = high == low
    return ((images - low.masked_fill(flat, 0.0)) / (high - low).masked_fill(flat, 1.0)).clamp(0, 1)


def equalize(images: Tensor) -> Tensor:
    """Make the histogram of each channel level, in 256 bins, as Pillow's `ImageOps.equalize` does.

    Channels with so few distinct pixels that Pillow's step is 0 stay as they are.
    """
    import torch

    values = (images.contiguous().clamp(0, 1) * 255.999).long().flatten(2)
    num_pixels = values.shape[2]
    # Ranks from sorting, not scattered counts: the same result on every device, in deterministic mode too.
    ordered = values.sort(dim=2).values
    bins = torch.arange(256, device=images.device).expand(*values.shape[:2], 256).contiguous()
    below = torch.searchsorted(ordered, bins)
    num_brightest = num_pixels - below.gather(2, ordered[:, :, -1:])
    step = (num_pixels - num_brightest) // 255
    table = ((below + step // 2) // step.clamp_min(1)).clamp(0, 255)
    levelled = (table.gather(2, values) / 255).view(images.shape).to(images.dtype)
    return levelled.where((step > 0)[..., None], images)


def _blend(images: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    ratio = factor.view(-1, 1, 1, 1)
    return (ratio * images + (1 - ratio) * other).clamp(0, 1)


def _grey(images: Tensor) -> Tensor:
    """Luma (ITU-R 601) of RGB images, otherwise the mean of the channels: `(N, 1, H, W)`."""
    if images.shape[1] != 3:
        return images.mean(dim=1, keepdim=True)
    return 0.2989 * images[:, :1] + 0.587 * images[:, 1:2] + 0.114 * images[:, 2:]


def _affine(
    images: Tensor,
    xx: Tensor | float = 1.0,
    xy: Tensor | float = 0.0,
    x0: Tensor | float = 0.0,
    yx: Tensor | float = 0.0,
    yy: Tensor | float = 1.0,
    y0: Tensor | float = 0.0,
    mode: str = "nearest",
    padding: str = "zeros",
) -> Tensor:
    """Fetch each pixel (x, y) from the one nearest to (xx x + xy y + x0, yx x + yy y + y0), or black outside the image.

    `bilinear` fetches it from between pixels, and `border` repeats the edge outside.

    Positions are in px from the middle. The six numbers are one per image `(N,)`, or one for all.
    """
    import torch
    from torch.nn.functional import grid_sample

    n, _, height, width = images.shape
    x = torch.arange(width, device=images.device) - (width - 1) / 2
    y = (torch.arange(height, device=images.device) - (height - 1) / 2)[:, None]

    def per_image(value: Tensor | float) -> Tensor:
        return torch.as_tensor(value, dtype=torch.float32, device=images.device).expand(n).view(n, 1, 1)

    from_x = per_image(xx) * x + per_image(xy) * y + per_image(x0)
    from_y = per_image(yx) * x + per_image(yy) * y + per_image(y0)
    grid = torch.stack([from_x * (2 / width), from_y * (2 / height)], dim=3)
    return grid_sample(images, grid.to(images.dtype), mode=mode, padding_mode=padding, align_corners=False)
