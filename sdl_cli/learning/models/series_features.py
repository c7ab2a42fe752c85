"""Series as a table of numbers: what each looks like as a whole, wherever in it something happens."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sdl_cli.errors import DataError

Array = np.ndarray[Any, Any]
State = tuple[dict[str, Array], dict[str, Any]]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
LAGS = (1, 2, 3, 5, 8, 13, 21)
BANDS = (0.0, 1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2)  # edges, in cycles a step; the last is the highest there is
_MOST_PAIRS = 45  # of channels whose correlation is a feature: those of ten channels
_CHUNK_NUMBERS = 2_000_000  # of series that are looked at together
_MOST_CHANNELS, _MOST_STEPS = 100_000, 10_000_000  # of a stored encoder's series


class SeriesFeatures(BaseEstimator):  # type: ignore[misc]
    """Summary features of series `(N, C, L)`, the same ones for every channel, as `float64 (N, D)`.

    They are in the spirit of catch22 (Lubba et al., Data Mining and Knowledge Discovery 2019), few and each with a plain meaning.
    Of a channel x with mean m and standard deviation s, all of them 0 where x does not vary and they would divide by s:

    - mean, sd, min, max, and the quantiles of `QUANTILES`; skewness and excess kurtosis, from moments of (x - m) / s;
    - slope: of the least squares line over all steps, as its rise from the first step to the last;
    - half_change: mean of the second half less that of the first; when_max and when_min: where the extremes are, 0 to 1;
    - step_mean: mean of |x[t+1] - x[t]|; step_sd: standard deviation of x[t+1] - x[t]; asymmetry: mean of
      ((x[t+1] - x[t]) / s)^3, which is 0 where time could as well run backwards; turns: share of steps at which the
      direction changes; crossings: share of steps at which x - m changes its sign; above: longest stretch with x > m, over L;
    - autocorrelation at the lags of `LAGS` below L / 2 (sums over L - lag products, divided by L s^2, as usual), and decay: the
      first lag at which it is below 1/e, over L;
    - of the periodogram without its frequency 0: the shares in the bands between `BANDS` (cycles a step), the mean frequency,
      the frequency of the peak and the peak's share, and the entropy over that of equal shares.

    Beside them stands the correlation of each pair of channels, where there are at most ten.

    Learned state: `shape_`, `(C, L)`.
    """

    def fit(self, X: Any, y: Any = None) -> SeriesFeatures:
        """Remember the shape of training series `(N, C, L)`."""
        self.shape_ = [int(n) for n in np.shape(X)[1:]]
        return self

    def transform(self, X: Any) -> Array:
        """Features `float64 (N, D)` of series `(N, C, L)`."""
        check_is_fitted(self, "shape_")
        X = np.asarray(X, dtype=np.float64)
        if list(X.shape[1:]) != self.shape_:
            raise ValueError(f"series of {self.shape_} (channels, steps) are needed, not an array of shape {X.shape}")
        out = np.empty((len(X), self.num_outputs))
        rows = max(1, _CHUNK_NUMBERS // max(1, int(np.prod(self.shape_))))
        for start in range(0, len(X), rows):
            out[start : start + rows] = _features(X[start : start + rows], self.shape_[1])
        return out

    @property
    def num_outputs(self) -> int:
        """Number of features D."""
        return len(self.names())

    def names(self, *_: Any) -> list[str]:
        """Names of the features, in order: `mean`, or `d1.mean` where there are several channels."""
        channels, length = self.shape_
        own = names_of_one(length)
        if channels == 1:
            return own
        pairs = [f"d{a + 1}_d{b + 1}.correlation" for a, b in _pairs(channels)]
        return [f"d{c + 1}.{name}" for c in range(channels) for name in own] + pairs

    def get_state(self) -> State:
        """Arrays (none) and JSON-ready values from which `from_state` rebuilds this encoder."""
        check_is_fitted(self, "shape_")
        return {}, {"kind": "series", "shape": list(self.shape_)}

    @classmethod
    def from_state(cls, arrays: dict[str, Array], values: dict[str, Any]) -> SeriesFeatures:
        """Rebuild a fitted encoder. Raises DataError for a shape that no series has."""
        encoder = cls()
        encoder.shape_ = checked_shape(values)
        return encoder


def checked_shape(values: dict[str, Any]) -> list[int]:
    """The stored shape `[C, L]` of series. Raises DataError for one that none has."""
    shape = values.get("shape")
    sound = isinstance(shape, list) and len(shape) == 2 and all(type(n) is int for n in shape)
    if not sound or not (1 <= shape[0] <= _MOST_CHANNELS and 2 <= shape[1] <= _MOST_STEPS):  # type: ignore[index]
        raise DataError("The stored features of series are damaged: they have no shape of a series.")
    return list(shape)  # type: ignore[arg-type]


def names_of_one(length: int) -> list[str]:
    """Names of the features of one channel."""
    bands = [f"power_{low:.4g}_{high:.4g}" for low, high in zip(BANDS[:-1], BANDS[1:], strict=True)]
    return [
        *("mean", "sd", "min", "max"), *(f"quantile_{q:g}" for q in QUANTILES), "skewness", "kurtosis",
        *("slope", "half_change", "when_max", "when_min", "step_mean", "step_sd", "asymmetry", "turns", "crossings", "above"),
        *(f"autocorrelation_{lag}" for lag in LAGS if lag < length / 2), "decay",
        *bands, *("mean_frequency", "peak_frequency", "peak_share", "spectral_entropy"),
    ]  # fmt: skip


def _pairs(channels: int) -> list[tuple[int, int]]:
    found = list(combinations(range(channels), 2))
    return found if len(found) <= _MOST_PAIRS else []


def _features(X: Array, length: int) -> Array:
    """Features `(n, D)` of series `(n, C, L)`."""
    mean = X.mean(axis=2, keepdims=True)
    # rounding leaves a series of one value with a little spread
    varies = (X.max(axis=2) > X.min(axis=2))[..., None]
    centred = np.where(varies, X - mean, 0.0)
    sd = np.sqrt(np.square(centred).mean(axis=2, keepdims=True))
    z = centred / np.where(sd > 0, sd, 1.0)
    found = [*_values(X, mean, sd, z), *_course(X, z), *_memory(z), *_spectrum(z)]
    own = np.stack(found, axis=2)  # (n, C, features)
    pairs = [(z[:, a] * z[:, b]).mean(axis=1) for a, b in _pairs(X.shape[1])]
    return np.concatenate([own.reshape(len(X), -1), *(pair[:, None] for pair in pairs)], axis=1)


def _values(X: Array, mean: Array, sd: Array, z: Array) -> list[Array]:
    quantiles = np.quantile(X, QUANTILES, axis=2)
    moments = [(z**3).mean(axis=2), np.where(sd[..., 0] > 0, (z**4).mean(axis=2) - 3, 0.0)]
    return [mean[..., 0], sd[..., 0], X.min(axis=2), X.max(axis=2), *quantiles, *moments]


def _course(X: Array, z: Array) -> list[Array]:
    length = X.shape[2]
    time = np.arange(length) - (length - 1) / 2
    slope = (X - X.mean(axis=2, keepdims=True)) @ time / (time @ time) * (length - 1)
    steps = np.diff(X, axis=2)
    turns = (np.diff(np.sign(steps), axis=2) != 0).mean(axis=2) if length > 2 else np.zeros(X.shape[:2])
    return [
        slope,
        X[..., length // 2 :].mean(axis=2) - X[..., : length // 2].mean(axis=2),
        X.argmax(axis=2) / (length - 1),
        X.argmin(axis=2) / (length - 1),
        np.abs(steps).mean(axis=2),
        steps.std(axis=2),
        (np.diff(z, axis=2) ** 3).mean(axis=2),
        turns,
        (np.diff(np.sign(z), axis=2) != 0).mean(axis=2),
        _longest(z > 0) / length,
    ]


def _longest(flags: Array) -> Array:
    """The longest run of true values along the last axis."""
    best = run = np.zeros(flags.shape[:-1])
    for step in range(flags.shape[-1]):
        run = (run + 1) * flags[..., step]
        best = np.maximum(best, run)
    return best


def _memory(z: Array) -> list[Array]:
    """Autocorrelations, and the first lag at which they are below 1/e."""
    length = z.shape[2]
    powers = np.abs(np.fft.rfft(z, 2 * length, axis=2)) ** 2  # Wiener and Khinchin: the correlation is its transform
    whole = np.fft.irfft(powers, 2 * length, axis=2)[..., :length] / length
    low = whole < np.exp(-1.0)
    decay = np.where(low.any(axis=2), low.argmax(axis=2), length) / length
    return [*(whole[..., lag] for lag in LAGS if lag < length / 2), np.where(z.any(axis=2), decay, 0.0)]


def _spectrum(z: Array) -> list[Array]:
    power = np.abs(np.fft.rfft(z, axis=2)[..., 1:]) ** 2
    frequency = np.fft.rfftfreq(z.shape[2])[1:]
    total = power.sum(axis=2, keepdims=True)
    share = power / np.where(total > 0, total, 1.0)
    bands = [
        share[..., (frequency > low) & (frequency <= high)].sum(axis=2) for low, high in zip(BANDS[:-1], BANDS[1:], strict=True)
    ]
    entropy = -(share * np.log(np.where(share > 0, share, 1.0))).sum(axis=2) / max(np.log(len(frequency)), 1.0)
    peak = np.where(total[..., 0] > 0, frequency[share.argmax(axis=2)], 0.0)
    return [*bands, share @ frequency, peak, share.max(axis=2), entropy]
