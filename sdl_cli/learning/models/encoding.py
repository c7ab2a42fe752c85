"""What is learned from a table's columns before a model sees them: medians, scales, and which levels are frequent enough."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sdl_cli.errors import DataError

Array = np.ndarray[Any, Any]
State = tuple[dict[str, Array], dict[str, Any]]

_STORED = {"medians": np.float64, "scales": np.float64, "indicated": np.bool_}
_MAX_RARE_ROWS = 10
_LIMIT = 1e15  # of a scaled number: what lies beyond is no measurement, and its square must fit float32


class TableEncoder(BaseEstimator):  # type: ignore[misc]
    """Turn a mixed table into plain numbers: impute and scale numbers, and give each frequent level a column of 0 and 1.

    A number becomes (x - median) / interquartile range, with the median for missing values; if training rows lack some, a
    further 0/1 column marks them. A category becomes one column for each level with at least `min_level_rows`
    training rows, one for all rarer and all unseen levels where there are rare ones (an unseen level is all zeros where there
    are none), and one for missing cells where training rows have any.

    Arguments:
        num_levels: for each column of X the number of levels that its indices count; 0 for a number.
        min_level_rows: None takes 1 % of the training rows, at least 2 and at most 10.
        max_levels: the most frequent levels of a column that get a column of their own, at least 1.

    Learned state: `medians_`, `scales_`, `indicated_` per number; `targets_`, per category the output column of each index
    (levels, then unseen, then missing; -1 for none); `num_outputs_`.
    """

    def __init__(self, num_levels: Sequence[int] = (), min_level_rows: int | None = None, max_levels: int = 100) -> None:
        self.num_levels = num_levels
        self.min_level_rows = min_level_rows
        self.max_levels = max_levels

    def fit(self, X: Any, y: Any = None) -> TableEncoder:
        """Learn from training rows `float64 (N, F)`, NaN where missing."""
        X = self._checked(X)
        self._divide()
        values = X[:, self.numbers_]
        missing = np.isnan(values)
        self.medians_, self.scales_ = _medians_and_scales(values, missing)
        self.indicated_ = missing.any(axis=0)
        column = len(self.numbers_) + int(self.indicated_.sum())
        least = self.min_level_rows or min(_MAX_RARE_ROWS, max(2, math.ceil(0.01 * len(X))))
        self.targets_: list[Array] = []
        for j in self.categories_:
            targets, num_used = _targets(X[:, j], self.num_levels[j], least, self.max_levels)
            self.targets_.append(np.where(targets >= 0, targets + column, -1))
            column += num_used
        self.num_outputs_ = column
        return self

    def transform(self, X: Any) -> Array:
        """Rows `float64 (N, F)` as plain numbers `float64 (N, num_outputs_)` without NaN."""
        check_is_fitted(self, "num_outputs_")
        X = self._checked(X)
        out = np.zeros((len(X), self.num_outputs_))
        num = len(self.numbers_)
        values = X[:, self.numbers_]
        missing = np.isnan(values)
        with np.errstate(over="ignore"):
            scaled = np.clip((values - self.medians_) / self.scales_, -_LIMIT, _LIMIT)
        out[:, :num] = np.where(missing, 0.0, scaled)
        out[:, num : num + int(self.indicated_.sum())] = missing[:, self.indicated_]
        rows = np.arange(len(X))
        for j, targets in zip(self.categories_, self.targets_, strict=True):
            codes = X[:, j]
            index = np.where(np.isnan(codes), self.num_levels[j] + 1, np.nan_to_num(codes)).astype(np.int64)
            places = targets[np.clip(index, 0, self.num_levels[j] + 1)]
            used = places >= 0
            out[rows[used], places[used]] = 1.0
        return out

    def names(self, feature_names: Sequence[str], levels: Sequence[Sequence[str]]) -> list[str]:
        """A name for each output column, from those of the F columns of X and of the levels of each (empty for a number)."""
        check_is_fitted(self, "num_outputs_")
        found = [feature_names[j] for j in self.numbers_]
        found += [f"{feature_names[j]} is missing" for j, told in zip(self.numbers_, self.indicated_, strict=True) if told]
        found += [""] * (self.num_outputs_ - len(found))
        for j, targets in zip(self.categories_, self.targets_, strict=True):
            words = [*levels[j], "another", "missing"]
            for index, place in reversed(list(enumerate(targets))):
                if place >= 0 and (index >= len(levels[j]) or list(targets).count(place) == 1):
                    found[place] = f"{feature_names[j]}={words[index]}"
        return found

    def get_state(self) -> State:
        """No arrays, and JSON-ready values from which `from_state` rebuilds this encoder."""
        check_is_fitted(self, "num_outputs_")
        arrays = {key: getattr(self, f"{key}_").tolist() for key in _STORED}
        targets = [each.tolist() for each in self.targets_]
        return {}, {
            "kind": "table", "num_levels": [int(n) for n in self.num_levels], **arrays,
            "targets": targets, "num_outputs": self.num_outputs_,
        }  # fmt: skip

    @classmethod
    def from_state(cls, arrays: dict[str, Array], values: dict[str, Any]) -> TableEncoder:
        """Rebuild a fitted encoder. Raises DataError if its parts do not match."""
        encoder = cls(tuple(int(n) for n in values["num_levels"]))
        encoder._divide()
        for key, kind in _STORED.items():
            setattr(encoder, f"{key}_", np.asarray(values[key], dtype=kind))
        encoder.targets_ = [np.asarray(targets, dtype=np.int64) for targets in values["targets"]]
        encoder.num_outputs_ = int(values["num_outputs"])
        medians, scales = encoder.medians_, encoder.scales_
        num = len(encoder.numbers_)
        first = num + int(encoder.indicated_.sum())
        used = sorted({int(t) for targets in encoder.targets_ for t in targets} - {-1})
        sound = (
            medians.shape == scales.shape == encoder.indicated_.shape == (num,)
            and bool(np.isfinite([medians, scales]).all() and (scales > 0).all())
            and min(encoder.num_levels, default=0) >= 0
            and [len(targets) for targets in encoder.targets_] == [encoder.num_levels[j] + 2 for j in encoder.categories_]
            and used == list(range(first, first + len(used)))
            and encoder.num_outputs_ == first + len(used)
        )
        if not sound:
            raise DataError("The stored column preprocessing is damaged: its parts do not match.")
        return encoder

    def _divide(self) -> None:
        self.numbers_ = [j for j, n in enumerate(self.num_levels) if n == 0]
        self.categories_ = [j for j, n in enumerate(self.num_levels) if n > 0]

    def _checked(self, X: Any) -> Array:
        rows: Array = np.asarray(X, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != len(self.num_levels):
            raise ValueError(f"a table of {len(self.num_levels)} columns is needed, not an array of shape {rows.shape}")
        return rows


def _medians_and_scales(values: Array, missing: Array) -> tuple[Array, Array]:
    """Median and interquartile range of each column; the standard deviation where that is 0, then 1."""
    medians, scales = np.zeros(values.shape[1]), np.ones(values.shape[1])
    for j in range(values.shape[1]):
        known = values[~missing[:, j], j]
        if len(known):
            with np.errstate(over="ignore", invalid="ignore"):
                low, medians[j], high = np.quantile(known, [0.25, 0.5, 0.75])
                # not the standard deviation of equal values: rounding may leave it a little above 0
                scales[j] = high - low or (known.std() if known.min() < known.max() else 1.0)
    return np.where(np.isfinite(medians), medians, 0.0), np.where(np.isfinite(scales) & (scales > 1e-300), scales, 1.0)


def _targets(codes: Array, num_levels: int, least: int, most: int) -> tuple[Array, int]:
    """For each index (levels, unseen, missing) its output column from 0, or -1; and how many columns there are."""
    missing = np.isnan(codes)
    known = codes[~missing].astype(np.int64)
    counts = np.bincount(known[known < num_levels], minlength=num_levels)
    frequent = np.flatnonzero(counts >= least)
    frequent = np.sort(frequent[np.argsort(-counts[frequent], kind="stable")][:most])
    targets = np.full(num_levels + 2, -1, np.int64)
    targets[frequent] = np.arange(len(frequent))
    if counts.sum() > counts[frequent].sum():
        targets[np.setdiff1d(np.arange(num_levels + 1), frequent)] = len(frequent)
    if missing.any():
        targets[num_levels + 1] = targets.max() + 1
    return targets, int(targets.max()) + 1
