"""Targets of an unusual size, brought near 1 inside a model, whose predictions come back in the target's own unit.

Trees stop where the variance of a node is under 2.2e-16, whatever the unit; so a target near 1e-9 is never split. Sums of
squares lose their digits where all targets lie far from 0 and close together. Estimators with a tolerance in the unit of the
target (SVR's epsilon) predict a constant where it is larger than the target. Between the bounds below nothing is changed, to
the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_LEAST, _MOST = 1e-3, 1e6  # standard deviations that every estimator takes as they are
_FAR = 1e5  # standard deviations between 0 and the mean, from which squares lose half of their digits
_EXPONENT = 400  # of two: squares of larger or smaller numbers leave the range of float64
# settings of scikit-learn's regressors that are in the unit of the target, or mean another thing in another unit
IN_UNIT_OF_TARGET = frozenset({"alpha", "alphas", "C", "epsilon", "lambda_1", "lambda_2", "min_impurity_decrease", "quantile"})


@dataclass(frozen=True)
class TargetScale:
    """`(y - shift) / factor` is what a model learns from; the factor is a power of two, so that no digit changes."""

    shift: float
    factor: float

    def into(self, y: Array) -> Array:
        """Targets `(N,)` as the model learns from them."""
        return np.asarray((y - self.shift) / self.factor)

    def sentence(self) -> str:
        power = math.frexp(self.factor)[1] - 1
        away = f" less {self.shift:.6g}" if self.shift else ""
        times = f" times 2^{-power}" if power < 0 else f" divided by 2^{power}" if power > 0 else ""
        why = "because its values are unusually large or small; predictions are in the original unit."
        return f"The model learns the target{away}{times}, {why}"


def mean_and_spread(y: Array) -> tuple[float, float]:
    """Mean and standard deviation of targets `(N,)`, also where their squares leave the range of float64."""
    largest = float(np.abs(y).max(initial=0.0))
    power = math.frexp(largest)[1] if largest else 0
    if abs(power) < _EXPONENT:
        return float(y.mean()), float(y.std())
    scaled = np.ldexp(y, -power)
    return math.ldexp(float(scaled.mean()), power), math.ldexp(float(scaled.std()), power)


def scale_of(y: Array) -> TargetScale | None:
    """How targets `(N,)` must be scaled, or None where they can stay as they are (or are all the same)."""
    y = np.asarray(y, dtype=np.float64)
    mean, spread = mean_and_spread(y)
    is_far = abs(mean) > _FAR * spread
    if y.min() == y.max() or (_LEAST <= spread <= _MOST and not is_far):
        return None
    return TargetScale(mean if is_far else 0.0, math.ldexp(1.0, math.frexp(spread)[1]))


def scale_back(model: Any, scale: TargetScale) -> None:
    """Turn the values of a fitted forest, or of gradient boosting, into those of the target's own unit."""
    shift = scale.shift
    if hasattr(model, "init_"):  # each tree adds to the constant that boosting starts from
        model.init_.constant_ = model.init_.constant_ * scale.factor + shift
        shift = 0.0
    for member in np.ravel(model.estimators_):
        member.tree_.value[...] = member.tree_.value * scale.factor + shift


def may_scale(params: Mapping[str, Any]) -> bool:
    """Whether settings of an estimator that the user gave say nothing in the unit of the target."""
    return not any(name.rpartition("__")[2] in IN_UNIT_OF_TARGET for name in params)
