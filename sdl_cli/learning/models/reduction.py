"""Fewer columns before a model: principal components, or the columns that depend most on the target."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.feature_selection import f_classif, f_regression
from sklearn.utils.validation import check_is_fitted

from sdl_cli.data.images.area_means import reduce_images
from sdl_cli.errors import ConfigError, DataError
from sdl_cli.settings.experiment import REDUCTIONS

Array = np.ndarray[Any, Any]
State = tuple[dict[str, Array], dict[str, Any]]

_LEAST_VARIANCE = 1e-10  # of a component, over the first one's: what is less is rounding, and a model would blow it up


class Reduction(BaseEstimator):  # type: ignore[misc]
    """Rows of numbers `(N, D)` as fewer numbers `(N, K)`, by what training rows show.

    With `pca`, columns are centred and, if `standardize`, divided by their standard deviation; then come the K directions of the
    most variance, as scikit-learn's PCA finds them. Directions in which training rows hardly differ become 0. With `select`,
    the K columns with the largest F statistic stay as they are, in their own order; of equal ones the first.

    Arguments:
        method: pca or select.
        number: K; None takes as many as there can be.
        standardize: of pca, whether columns come in different units.
        classify: the targets are classes.

    Learned state: `num_inputs_` (D); of pca `mean_ (D,)`, `components_ (K, D)` for centred columns and `variance_fraction_` (the
    part of the variance that is kept); of select `kept_ (K,)` and their `scores_ (K,)`.
    """

    def __init__(self, method: str = "pca", number: int | None = None, standardize: bool = True, classify: bool = True) -> None:
        self.method = method
        self.number = number
        self.standardize = standardize
        self.classify = classify

    def largest(self, num_rows: int, num_columns: int) -> int:
        """The largest K: n rows differ in n - 1 directions."""
        return num_columns if self.method == "select" else max(1, min(num_rows - 1, num_columns))

    def check(self, num_rows: int, num_columns: int) -> None:
        """Raise ConfigError for a number that so many rows and columns do not have."""
        most = self.largest(num_rows, num_columns)
        if self.number is None or self.number <= most:
            return
        key = f"reduce.{REDUCTIONS[self.method].number_key}"  # type: ignore[attr-defined]
        there = f"there are {num_columns:,} columns"
        if self.method == "pca":
            there += f" and {num_rows:,} rows to learn from, which have at most {most:,} components"
        hint = f"Set {key}={most} or less, or leave it out: it is then chosen on validation rows."
        raise ConfigError(f"{key}={self.number}: {there}.", hint)

    def fit(self, X: Any, y: Any) -> Reduction:
        """Learn from training rows `(N, D)` and targets `(N,)`. Raises ConfigError as `check`."""
        X, y = np.asarray(X, dtype=np.float64), np.asarray(y)
        self.check(*X.shape)
        self.num_inputs_ = X.shape[1]
        number = self.number or self.largest(*X.shape)
        if self.method == "select":
            scores = _f_statistics(X, y, self.classify)
            self.kept_ = np.sort(np.argsort(-scores, kind="stable")[:number])
            self.scores_ = scores[self.kept_]
            return self
        self.mean_, scale = X.mean(axis=0), np.ones(X.shape[1])
        if self.standardize:
            spread = X.std(axis=0)
            # rounding may leave the standard deviation of equal values a little above 0
            scale = np.where(X.min(axis=0) < X.max(axis=0), np.where(spread > 0, spread, 1.0), 1.0)
        found = PCA(number, random_state=0).fit((X - self.mean_) / scale)
        variances = found.explained_variance_
        kept = variances > _LEAST_VARIANCE * max(float(variances[0]), 1e-300)
        # in rows: safetensors writes bytes as they lie in memory
        self.components_ = np.ascontiguousarray(np.where(kept[:, None], found.components_ / scale, 0.0))
        self.variance_fraction_ = float(np.nan_to_num(found.explained_variance_ratio_).sum().clip(0, 1))
        return self

    def transform(self, X: Any) -> Array:
        """Rows `(N, D)` as `float64 (N, K)`."""
        check_is_fitted(self, "num_inputs_")
        X = np.asarray(X)
        if X.ndim != 2 or X.shape[1] != self.num_inputs_:
            raise ValueError(f"rows of {self.num_inputs_} numbers are needed, not an array of shape {X.shape}")
        if self.method == "select":
            return np.asarray(X[:, self.kept_], dtype=np.float64)
        return np.asarray((X - self.mean_) @ self.components_.T)

    def folded(self, weight: Array, bias: Array) -> tuple[Array, Array]:
        """A linear head `(O, K)` and `(O,)` of what `transform` gives, as one of the rows themselves: `(O, D)` and `(O,)`."""
        if self.method == "select":
            whole = np.zeros((len(weight), self.num_inputs_))
            whole[:, self.kept_] = weight
            return whole, bias
        whole = weight @ self.components_
        return whole, bias - whole @ self.mean_

    @property
    def num_outputs(self) -> int:
        """K."""
        return len(self.kept_ if self.method == "select" else self.components_)

    def get_state(self) -> State:
        """Arrays and JSON-ready values from which `from_state` rebuilds what was fitted, bit for bit."""
        check_is_fitted(self, "num_inputs_")
        values: dict[str, Any] = {"method": self.method, "num_inputs": self.num_inputs_}
        if self.method == "select":
            return {"kept": self.kept_.astype(np.int64), "scores": self.scores_}, values
        return {"mean": self.mean_, "components": self.components_}, values | {"variance_fraction": self.variance_fraction_}

    @classmethod
    def from_state(cls, arrays: dict[str, Array], values: dict[str, Any]) -> Reduction:
        """Rebuild a fitted reduction. Raises DataError if its parts do not belong together."""
        try:
            method, num = str(values["method"]), values["num_inputs"]
            found = cls(method)
            found.num_inputs_ = num
            if method == "select":
                found.kept_, found.scores_ = arrays["kept"], arrays["scores"]
                sound = (
                    found.kept_.dtype == np.int64 and found.kept_.ndim == 1 and found.kept_.shape == found.scores_.shape
                    and found.scores_.dtype == np.float64 and len(found.kept_) > 0
                    and bool((np.diff(found.kept_) > 0).all()) and found.kept_[0] >= 0 and found.kept_[-1] < num
                )  # fmt: skip
            else:
                found.mean_, found.components_ = arrays["mean"], arrays["components"]
                found.variance_fraction_ = float(values["variance_fraction"])
                sound = (
                    method == "pca" and found.mean_.shape == (num,) and found.components_.ndim == 2
                    and found.components_.shape[1] == num and len(found.components_) > 0
                    and found.mean_.dtype == found.components_.dtype == np.float64
                    and bool(np.isfinite(found.mean_).all() and np.isfinite(found.components_).all())
                )  # fmt: skip
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"The stored reduction is incomplete ({type(error).__name__}: {error}).") from error
        if type(num) is not int or not sound:
            raise DataError("The stored reduction is damaged: its parts do not match.")
        found.number = found.num_outputs
        return found


class FlatImages(BaseEstimator):  # type: ignore[misc]
    """Images `uint8 (N, C, H, W)`, reduced by area means to at most `max_px` a side, as rows of pixels `float64 (N, D)`."""

    def __init__(self, max_px: int = 32) -> None:
        self.max_px = max_px

    def fit(self, X: Any, y: Any = None) -> FlatImages:
        """There is nothing to learn."""
        return self

    def transform(self, X: Any) -> Array:
        """Pixels in the order channel, row, column, 0 to 255."""
        X = np.asarray(X)
        return reduce_images(X, self.max_px).reshape(len(X), -1).astype(np.float64)

    def get_state(self) -> State:
        """No arrays, and JSON-ready values for `from_state`."""
        return {}, {"kind": "image", "max_px": self.max_px}

    @classmethod
    def from_state(cls, arrays: dict[str, Array], values: dict[str, Any]) -> FlatImages:
        """Rebuild it. Raises DataError for a size that no setting could have."""
        if type(values["max_px"]) is not int or not 1 <= values["max_px"] <= 1024:
            raise DataError("The stored size of the reduced images is damaged.")
        return cls(values["max_px"])


def _f_statistics(X: Array, y: Array, classify: bool) -> Array:
    """The F statistic of each column `(D,)`; 0 for a column that is the same in every row, or where there are too few rows."""
    if len(np.unique(y)) < 2:
        return np.zeros(X.shape[1])
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of constant columns
        scores = np.asarray((f_classif if classify else f_regression)(X, y)[0], dtype=np.float64)
    same = X.min(axis=0) == X.max(axis=0)
    return np.where(same, 0.0, np.nan_to_num(scores, nan=0.0, posinf=np.finfo(np.float64).max, neginf=0.0))
