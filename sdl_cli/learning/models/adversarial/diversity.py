"""How much the images of a class differ from each other, of generated ones beside real ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

Array = np.ndarray[Any, Any]
MOST_COMPARED = 50  # images of a class
LEAST_RATIO = 0.5  # below it the generator repeats itself


@dataclass(frozen=True)
class Diversity:
    """Mean distances of two images of a class, as the root mean square difference of pixels in [0, 1].

    Arguments:
        generated, real: mean over classes. ratio: their quotient; None where real images do not differ.
        least_ratio: the lowest quotient of a class, and least_class its position; None likewise.
        num_images: of a class, at most.
    """

    generated: float
    real: float
    ratio: float | None
    least_ratio: float | None
    least_class: int | None
    num_images: int


def measure(generated: Array, real: Array, labels: Array, real_labels: Array) -> Diversity:
    """Of images `uint8 (N, C, H, W)` and `(M, C, H, W)` with classes `(N,)` and `(M,)` in 0..K-1; both have each class twice."""
    num_classes = int(real_labels.max()) + 1
    ours = np.array([mean_distance(generated[labels == k]) for k in range(num_classes)])
    theirs = np.array([mean_distance(real[real_labels == k]) for k in range(num_classes)])
    count = int(max(np.bincount(labels).max(), 1))
    known = np.flatnonzero(theirs > 0)
    if not len(known):
        return Diversity(float(ours.mean()), 0.0, None, None, None, count)
    ratios = ours[known] / theirs[known]
    least = int(ratios.argmin())
    whole = float(ours.mean() / theirs.mean())
    return Diversity(float(ours.mean()), float(theirs.mean()), whole, float(ratios[least]), int(known[least]), count)


def mean_distance(images: Array) -> float:
    """The mean over all pairs of N >= 2 images `uint8 (N, C, H, W)` of the root mean square difference of pixels in [0, 1]."""
    flat = torch.from_numpy(np.array(images)).flatten(1).double() / 255
    return float(torch.pdist(flat).mean()) / math.sqrt(flat.shape[1])
