"""The five data sets that come with scikit-learn: nothing to download."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sdl_cli.data.dataset import Dataset, Task
from sdl_cli.data.source import Reading
from sdl_cli.settings.experiment import DataSettings


@dataclass(frozen=True, kw_only=True)
class Digits(DataSettings):
    """1,797 handwritten digits of 8 x 8 pixels, 10 classes.

    Arguments:
        as_table: the 64 pixel values as a table of numbers (0 to 16) instead of images.
    """

    name: str = "digits"
    as_table: bool = False


@dataclass(frozen=True, kw_only=True)
class BreastCancer(DataSettings):
    """569 biopsies, 30 measurements, malignant or benign."""

    name: str = "breast_cancer"


@dataclass(frozen=True, kw_only=True)
class Wine(DataSettings):
    """178 wines, 13 chemical measurements, 3 growers."""

    name: str = "wine"


@dataclass(frozen=True, kw_only=True)
class Iris(DataSettings):
    """150 flowers, 4 measurements, 3 species."""

    name: str = "iris"


@dataclass(frozen=True, kw_only=True)
class Diabetes(DataSettings):
    """442 patients, 10 measurements, the progression of the disease one year later (a number)."""

    name: str = "diabetes"


Builtin = Digits | BreastCancer | Wine | Iris | Diabetes


def load(settings: Builtin) -> Dataset:
    """Read one of scikit-learn's own data sets: images `uint8 (1797, 1, 8, 8)` or a table `float64 (N, F)`."""
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{settings.name}")()
    regression = isinstance(settings, Diabetes)
    task: Task = "regression" if regression else "classification"
    y = np.asarray(bunch.target, dtype=np.float64 if regression else np.int64)
    classes = () if regression else tuple(str(name) for name in bunch.target_names)
    X: np.ndarray[Any, Any] = np.ascontiguousarray(bunch.data, dtype=np.float64)
    as_images = isinstance(settings, Digits) and not settings.as_table
    if as_images:
        X = np.rint(X * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    return Reading(
        where=settings.name,
        name=settings.name,
        task=task,
        modality="image" if as_images else "table",
        X=X,
        y=y,
        classes=classes,
        feature_names=() if as_images else tuple(str(name) for name in bunch.feature_names),
        ids=range(len(y)),
    ).finish()
