"""Random convolution kernels for series: what share of a series each kernel responds to, and a linear model of these shares.

The idea is ROCKET's (Dempster, Petitjean and Webb, Data Mining and Knowledge Discovery 2020) in the form of MiniRocket (Dempster,
Schmidt and Webb, KDD 2021): a fixed set of small kernels, dilations that spread over the series, and thresholds that are
quantiles of what a kernel gives on training series.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, is_classifier
from sklearn.utils.validation import check_is_fitted

from sdl_cli.errors import DataError
from sdl_cli.learning.models.arguments import takes
from sdl_cli.learning.models.flat import FlatEstimator
from sdl_cli.learning.models.probe import fit_probe
from sdl_cli.learning.models.series_features import checked_shape
from sdl_cli.learning.models.settings import RocketSettings
from sdl_cli.learning.models.target_scale import mean_and_spread
from sdl_cli.settings.experiment import Experiment

Array = np.ndarray[Any, Any]
State = tuple[dict[str, Array], dict[str, Any]]

TAPS = 9  # weights of a kernel: 2 at three places, -1 at the six others, so that they sum to 0
KERNELS = tuple(combinations(range(TAPS), 3))  # 84
_MOST_DILATIONS = 32
_GOLDEN = (5**0.5 - 1) / 2  # its multiples, without their whole part, fill [0, 1] evenly
_CHUNK_NUMBERS = 4_000_000  # of shifted series that are held at once


class RocketKernels(BaseEstimator):  # type: ignore[misc]
    """Series `(N, C, L)` as shares of positive responses `float32 (N, D)`, each in [0, 1].

    Each series is centred by its own mean and each channel divided by its standard deviation over the training series. A kernel
    with places a, b, c and dilation d gives at step t the sum over its chosen channels of
    3 (x[t + (a-4)d] + x[t + (b-4)d] + x[t + (c-4)d]) - sum over j of x[t + (j-4)d], j = 0 to 8, where x is 0 outside the series.
    A feature is the share of steps at which that exceeds its threshold; for every second kernel only steps count at which no
    place falls outside the series, as far as there are any.

    Arguments:
        num_features: D, rounded down to a multiple of the 84 kernels.
        random_state: seed of the channels of a kernel and of the training series that give its thresholds.

    Learned state: `shape_`, `(C, L)`; `scale_ (C,)`; `dilations_ (E,)`; `counts_ (E,)`, thresholds of each kernel of a dilation;
    `channels_ (E, 84, C)`, 1 for those that a kernel sums; `thresholds_ (D,)`, by dilation, then kernel.
    """

    def __init__(self, num_features: int = 9996, random_state: int | None = 0) -> None:
        self.num_features = num_features
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> RocketKernels:
        """Choose dilations, channels and thresholds from training series `(N, C, L)`."""
        X = np.asarray(X, dtype=np.float64)
        channels, length = self.shape_ = [int(n) for n in X.shape[1:]]
        random = np.random.RandomState(self.random_state)
        spread = np.sqrt(np.square(_centred(X)).mean(axis=(0, 2)))
        self.scale_ = np.where(spread > 0, spread, 1.0)
        self.dilations_, self.counts_ = _dilations(length, max(1, self.num_features // len(KERNELS)))
        self.channels_ = _channel_sets(random, len(self.dilations_), channels)
        rows = self._scaled(X)
        levels = (np.arange(1, self.num_outputs + 1) * _GOLDEN) % 1
        found: list[Array] = []
        for number in range(len(self.dilations_)):
            chosen = random.randint(len(rows), size=len(KERNELS))
            for response in self._responses(rows, number, chosen):
                start = sum(map(len, found))
                found.append(np.quantile(response, levels[start : start + self.counts_[number]]))
        self.thresholds_ = np.concatenate(found).astype(np.float32)
        return self

    def transform(self, X: Any) -> Array:
        """Features `float32 (N, D)` of series `(N, C, L)`."""
        check_is_fitted(self, "thresholds_")
        X = np.asarray(X, dtype=np.float64)
        if list(X.shape[1:]) != self.shape_:
            raise ValueError(f"series of {self.shape_} (channels, steps) are needed, not an array of shape {X.shape}")
        out = np.empty((len(X), self.num_outputs), np.float32)
        at_once = max(1, _CHUNK_NUMBERS // (TAPS * int(np.prod(self.shape_))))
        for start in range(0, len(X), at_once):
            rows, column = self._scaled(X[start : start + at_once]), 0
            for number, count in enumerate(self.counts_):
                for response in self._responses(rows, number):
                    for _ in range(count):
                        out[start : start + at_once, column] = (response > self.thresholds_[column]).mean(axis=1)
                        column += 1
        return out

    def _scaled(self, X: Array) -> Array:
        return np.asarray((_centred(X) / self.scale_[:, None]).astype(np.float32))

    def _responses(self, rows: Array, number: int, chosen: Array | None = None) -> Any:
        """What each kernel with dilation `number` gives on these rows `(n, steps)`; with `chosen`, on one row for each."""
        dilation, length = int(self.dilations_[number]), rows.shape[2]
        reach = (TAPS // 2) * dilation
        padded = np.pad(rows, ((0, 0), (0, 0), (reach, reach)))
        shifted = np.stack([padded[..., j * dilation : j * dilation + length] for j in range(TAPS)])  # (9, n, C, L)
        total = shifted.sum(axis=0)
        for kernel, (a, b, c) in enumerate(KERNELS):
            of = slice(None) if chosen is None else slice(int(chosen[kernel]), int(chosen[kernel]) + 1)
            channels = np.flatnonzero(self.channels_[number, kernel])
            response = 3 * (shifted[a, of] + shifted[b, of] + shifted[c, of]) - total[of]
            response = response[:, channels].sum(axis=1) if response.shape[1] > 1 else response[:, 0]
            inside = (number + kernel) % 2 == 1 and length > 2 * reach
            yield response[:, reach : length - reach] if inside else response

    @property
    def num_outputs(self) -> int:
        """Number of features D."""
        return int(self.counts_.sum()) * len(KERNELS)

    def names(self, *_: Any) -> list[str]:
        """Names of the features, in order: the kernel's places, its dilation and the number of the threshold."""
        return [
            f"kernel_{a}{b}{c}_dilation_{dilation}_{i}"
            for dilation, count in zip(self.dilations_, self.counts_, strict=True)
            for a, b, c in KERNELS
            for i in range(count)
        ]

    def get_state(self) -> State:
        """Arrays and JSON-ready values from which `from_state` rebuilds this fitted encoder, bit for bit."""
        check_is_fitted(self, "thresholds_")
        names = ("scale", "dilations", "counts", "channels", "thresholds")
        return {name: getattr(self, f"{name}_") for name in names}, {
            "kind": "rocket",
            **self.get_params(),
            "shape": list(self.shape_),
        }

    @classmethod
    def from_state(cls, arrays: dict[str, Array], values: dict[str, Any]) -> RocketKernels:
        """Rebuild a fitted encoder. Raises DataError if its parts do not belong together."""
        try:
            found = cls(int(values["num_features"]), values["random_state"])
            found.shape_ = checked_shape(values)
            for name in ("scale", "dilations", "counts", "channels", "thresholds"):
                setattr(found, f"{name}_", np.asarray(arrays[name]))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"The stored kernels are incomplete ({type(error).__name__}: {error}).") from error
        (channels, length), num = found.shape_, len(np.atleast_1d(found.dilations_))
        kinds = (found.scale_.dtype.kind, found.dilations_.dtype.kind, found.counts_.dtype.kind, found.thresholds_.dtype)
        sound = (
            kinds == ("f", "i", "i", np.dtype(np.float32)) and found.scale_.shape == (channels,)
            and found.dilations_.shape == found.counts_.shape == (num,) and found.channels_.shape == (num, len(KERNELS), channels)
            and bool((found.dilations_ >= 1).all() and (found.dilations_ <= length).all() and (found.counts_ >= 0).all())
            and found.thresholds_.shape == (int(found.counts_.sum(dtype=object)) * len(KERNELS),)
            and bool(np.isfinite(found.scale_).all() and (found.scale_ > 0).all() and np.isfinite(found.thresholds_).all())
        )  # fmt: skip
        if not sound:
            raise DataError("The stored kernels are damaged: their parts do not match.")
        return found


def _centred(X: Array) -> Array:
    return np.asarray(X - X.mean(axis=2, keepdims=True))


def _dilations(length: int, per_kernel: int) -> tuple[Array, Array]:
    """Dilations `(E,)` and how many thresholds each kernel has with them `(E,)`, `per_kernel` in all.

    They grow by a constant factor up to where a kernel spans the series; where equal ones coincide, one has their thresholds.
    """
    most = max(0.0, np.log2((length - 1) / (TAPS - 1)))
    all_of_them = np.floor(2 ** np.linspace(0, most, min(per_kernel, _MOST_DILATIONS)) + 1e-9).astype(np.int64)
    dilations, times = np.unique(all_of_them, return_counts=True)
    counts = times * per_kernel // len(all_of_them)
    counts[: per_kernel - counts.sum()] += 1
    return dilations, counts.astype(np.int64)


def _channel_sets(random: np.random.RandomState, num: int, channels: int) -> Array:
    """Which channels each kernel sums, `uint8 (num, 84, C)`: as many as a random power of 2, up to 9."""
    sets = np.zeros((num, len(KERNELS), channels), np.uint8)
    for one in sets.reshape(-1, channels):
        size = int(2 ** random.uniform(0, np.log2(min(channels, TAPS) + 1)))
        one[random.choice(channels, min(size, channels), replace=False)] = 1
    return sets


@takes(RocketSettings, random_state=Experiment.seed)
class _Rocket(FlatEstimator):
    max_px = 1  # it never sees an image

    def _fit_model(self, X: Array, y: Array) -> None:
        """Fit the linear model on the features of `RocketKernels` `(N, D)`, as one of scikit-learn's that knows its solution."""
        classify = is_classifier(self)
        mean, scale = (0.0, 1.0) if classify else mean_and_spread(np.asarray(y, dtype=np.float64))
        scale = scale or 1.0
        targets = np.searchsorted(self.classes_, y) if classify else (np.asarray(y, dtype=np.float64) - mean) / scale
        weight, bias, strength = fit_probe(
            np.asarray(X, dtype=np.float64), targets, 1, classify, int(self.random_state or 0), tempered=True
        )
        if classify and len(bias) == 2:
            weight, bias = weight[1:] - weight[:1], bias[1:] - bias[:1]
        self.model_.n_features_in_ = X.shape[1]
        if classify:
            self.model_.C, self.model_.classes_ = strength, self.classes_
            self.model_.coef_, self.model_.intercept_ = weight, bias
        else:
            self.model_.alpha = 1 / strength
            self.model_.coef_, self.model_.intercept_ = weight[0] * scale, float(bias[0] * scale + mean)

    def _build(self, num_rows: int, y: Array) -> Any:
        from sklearn.linear_model import LogisticRegression, Ridge

        return LogisticRegression() if is_classifier(self) else Ridge()


class Rocket(ClassifierMixin, _Rocket):  # type: ignore[misc]
    """Logistic regression on the features of `RocketKernels`, its strength chosen by `probe.fit_probe`, tempered."""


class RocketRegressor(RegressorMixin, _Rocket):  # type: ignore[misc]
    """The same for numbers: ridge regression."""
