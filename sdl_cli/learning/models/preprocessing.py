"""How images become the input of a pretrained network: exactly as its weights saw theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from sdl_cli.errors import DataError

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocessing:
    """How images become a network's input: resized to `resize_px`, centre crop of `crop_px`, (x - mean) / std on [0, 1].

    Arguments:
        crop_mode: timm's names: center, where `resize_px` is the short side; squash, where it is both; or border, where it is the
            long side. Where that leaves less than the crop, zeros are added around it, with border the mean.
    """

    resize_px: int
    crop_px: int
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    interpolation: str = "bilinear"
    crop_mode: str = "center"

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> Preprocessing:
        """From JSON values; the numbers are bounded, since the file may be anyone's."""
        resize_px, crop_px = int(values["resize_px"]), int(values["crop_px"])
        mean, std = tuple(map(float, values["mean"])), tuple(map(float, values["std"]))
        interpolation, crop_mode = str(values["interpolation"]), str(values.get("crop_mode", "center"))
        if not (1 <= crop_px <= 2048 and crop_px <= 2 * resize_px <= 8192 and len(mean) == len(std) == 3 and min(std) > 0):
            raise DataError("The stored preprocessing is out of bounds.")
        if interpolation not in ("nearest", "bilinear", "bicubic"):
            raise DataError(f"The stored interpolation {interpolation!r} is unknown.")
        if crop_mode not in ("center", "squash", "border"):
            raise DataError(f"The stored crop mode {crop_mode!r} is unknown.")
        return cls(resize_px, crop_px, mean, std, interpolation, crop_mode)

    def square(self, x: Tensor) -> Tensor:
        """Images `(N, C, H, W)` in [0, 1] as the squares `(N, C, crop_px, crop_px)` that the network sees, not yet normalised.

        Nothing is resized where the cache of images has brought them to the size already.
        """
        return self._crop(self._resize(x))

    def _resize(self, x: Tensor) -> Tensor:
        """As torchvision's Resize does on tensors, or timm's ResizeKeepRatio."""
        height, width = x.shape[-2:]
        short, long = sorted((height, width))
        if self.crop_mode == "border":
            scale = self.resize_px / long
            size = (round(height * scale), round(width * scale))
        elif self.crop_mode == "squash":
            size = (self.resize_px, self.resize_px)
        else:
            other = int(long * self.resize_px / short)
            size = (self.resize_px, other) if height <= width else (other, self.resize_px)
        if size == (height, width):
            return x
        if self.interpolation == "nearest":
            return F.interpolate(x.float(), size, mode="nearest-exact")
        return F.interpolate(x.float(), size, mode=self.interpolation, antialias=True, align_corners=False).clamp(0, 1)

    def _crop(self, x: Tensor) -> Tensor:
        side = self.crop_px
        more_y, more_x = (max(side - size, 0) for size in x.shape[-2:])
        if more_y or more_x:  # the odd one at the end, as torchvision and timm pad
            around = (more_x // 2, (more_x + 1) // 2, more_y // 2, (more_y + 1) // 2)
            fill = [round(255 * mean) / 255 if self.crop_mode == "border" else 0.0 for mean in self.mean]
            x = torch.cat([F.pad(x[:, c : c + 1], around, value=value) for c, value in enumerate(fill)], dim=1)
        height, width = x.shape[-2:]
        top, left = round((height - side) / 2), round((width - side) / 2)
        return x[..., top : top + side, left : left + side]
