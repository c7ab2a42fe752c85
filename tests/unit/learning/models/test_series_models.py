"""Models of series: features against formulas, kernels against sums by hand, and where the one fails and the other does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from sdl_cli.errors import ConfigError, DataError
from sdl_cli.learning.models.baseline import Baseline
from sdl_cli.learning.models.deep_net import DeepNet, DeepNetRegressor
from sdl_cli.learning.models.prepared import Prepared
from sdl_cli.learning.models.probe import fit_probe
from sdl_cli.learning.models.rocket import KERNELS, Rocket, RocketKernels, RocketRegressor
from sdl_cli.learning.models.series_features import BANDS, LAGS, SeriesFeatures
from sdl_cli.learning.models.storage import load_model, save_model
from sdl_cli.settings.experiment import Training

Array = np.ndarray[Any, Any]
LENGTH = 80


def shapes(num: int, seed: int) -> tuple[Array, Array]:
    """Noise with three short ramps of random sign and place, which rise slowly and fall at once, or the other way round.

    Values, spectrum and correlations are the same for both classes, and with random signs also what is odd in time.
    """
    random = np.random.default_rng(seed)
    X, y = random.normal(0, 0.2, (num, 1, LENGTH)), np.arange(num) % 2
    ramp = 1.5 * np.linspace(0, 1, 12)
    for row, label in zip(X[:, 0], y, strict=True):
        for place in random.integers(0, LENGTH - 12, 3):
            row[place : place + 12] += random.choice((-1, 1)) * (ramp if label else ramp[::-1])
    return X, y


def waves(num: int, seed: int, noise: float = 0.7) -> tuple[Array, Array]:
    """Sines of three frequencies, with random phases."""
    random = np.random.default_rng(seed)
    y = np.arange(num) % 3
    phase, cycles = random.uniform(0, 2 * np.pi, (num, 1)), np.array([3, 5, 7])[y][:, None]
    X = np.sin(2 * np.pi * cycles * np.arange(LENGTH) / LENGTH + phase) + random.normal(0, noise, (num, LENGTH))
    return X[:, None], y


def accuracy(model: Any, make: Any, num: int = 60) -> float:
    X, y = make(num, 0)
    new, truth = make(200, 1)
    return float((clone(model).fit(X, y).predict(new) == truth).mean())


FOREST = Prepared(SeriesFeatures(), Baseline(num_trees=100))
ROCKET = Prepared(RocketKernels(2520), Rocket())
NET = DeepNet(width=16, training=Training(epochs=40), device="cpu", precision="float32", num_threads=1)


def test_summary_features_are_their_formulas() -> None:
    X = np.random.default_rng(0).normal(2, 3, (5, 2, 50))
    encoder = SeriesFeatures().fit(X)
    found = dict(zip(encoder.names(), encoder.transform(X).T, strict=True))
    assert len(found) == encoder.num_outputs
    x = X[:, 1]
    z = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
    step = np.diff(x)
    power = np.abs(np.fft.fft(z)[:, 1:26]) ** 2
    frequency = np.arange(1, 26) / 50
    wanted = {
        "mean": x.mean(1),
        "sd": x.std(1),
        "quantile_0.25": np.quantile(x, 0.25, axis=1),
        "skewness": stats.skew(x, axis=1),
        "kurtosis": stats.kurtosis(x, axis=1),
        "slope": [49 * stats.linregress(np.arange(50), row).slope for row in x],
        "half_change": x[:, 25:].mean(1) - x[:, :25].mean(1),
        "when_max": x.argmax(1) / 49,
        "step_mean": np.abs(step).mean(1),
        "asymmetry": (np.diff(z) ** 3).mean(1),
        "turns": [np.mean(np.sign(row[1:]) != np.sign(row[:-1])) for row in step],
        "crossings": [np.mean((row[1:] > 0) != (row[:-1] > 0)) for row in z],
        "above": [max(map(len, "".join("1" if v > 0 else " " for v in row).split())) / 50 for row in z],
        "autocorrelation_3": (z[:, 3:] * z[:, :-3]).sum(1) / 50,
        "mean_frequency": (power * frequency).sum(1) / power.sum(1),
        "peak_frequency": frequency[power.argmax(1)],
        "power_0.125_0.25": power[:, (frequency > 1 / 8) & (frequency <= 1 / 4)].sum(1) / power.sum(1),
        "spectral_entropy": stats.entropy(power, axis=1) / np.log(25),
    }
    for name, values in wanted.items():
        assert found[f"d2.{name}"] == pytest.approx(np.asarray(values), abs=1e-9), name
    assert found["d1_d2.correlation"] == pytest.approx([np.corrcoef(*row)[0, 1] for row in X])
    bands = [values for name, values in found.items() if name.startswith("d1.power")]
    assert len(bands) == len(BANDS) - 1
    assert np.sum(bands, axis=0) == pytest.approx(np.ones(5))
    assert sum(name.startswith("d1.autocorrelation") for name in found) == sum(lag < 25 for lag in LAGS)


@pytest.mark.parametrize("length", [2, 3, 8, 9])
def test_flat_and_short_series_have_finite_features(length: int) -> None:
    X = np.stack([np.full((1, length), 0.1), np.arange(float(length))[None], np.zeros((1, length))])
    found = SeriesFeatures().fit(X).transform(X)
    assert np.isfinite(found).all()
    assert found[0, 1] == 0
    kernels = RocketKernels(84).fit(X).transform(X)
    assert np.isfinite(kernels).all()


def test_a_feature_of_a_kernel_by_hand() -> None:
    X = np.random.default_rng(0).normal(size=(6, 2, 40))
    kernels = RocketKernels(84 * 40, random_state=3).fit(X)
    found = kernels.transform(X)
    assert found.shape == (6, 84 * 40)
    rows = (X - X.mean(axis=2, keepdims=True)) / kernels.scale_[:, None]
    assert kernels.scale_ == pytest.approx(np.sqrt(((X - X.mean(axis=2, keepdims=True)) ** 2).mean(axis=(0, 2))))
    random, column = np.random.default_rng(1), 0
    for number, (d, count) in enumerate(zip(kernels.dilations_, kernels.counts_, strict=True)):
        for k, taps in enumerate(KERNELS):
            if random.random() < 0.1:
                weights = np.where(np.isin(np.arange(9), taps), 2, -1)
                x = np.pad(rows[4, kernels.channels_[number, k] > 0].sum(axis=0), 4 * d)
                response = [sum(weights[j] * x[t + j * d] for j in range(9)) for t in range(40)]
                if (number + k) % 2 and 8 * d < 40:
                    response = response[4 * d : 40 - 4 * d]
                for i in range(count):
                    share = np.mean(np.array(response) > kernels.thresholds_[column + i])
                    assert found[4, column + i] == pytest.approx(share, abs=1.01 / len(response))  # float32 at a threshold
            column += count
    assert column == found.shape[1]


def test_dilations_grow_to_where_a_kernel_spans_the_series() -> None:
    kernels = RocketKernels(9996).fit(np.random.default_rng(0).normal(size=(4, 1, 500)))
    assert kernels.dilations_[0] == 1
    assert 8 * kernels.dilations_[-1] <= 499 < 8 * (kernels.dilations_[-1] + 1)
    assert kernels.counts_.sum() == 9996 // 84
    assert (np.diff(kernels.dilations_) > 0).all()


def test_an_offset_and_a_unit_change_no_kernel() -> None:
    X, _ = waves(12, 0)
    found = [RocketKernels(420).fit(rows).transform(rows) for rows in (X, 1000 + 50 * X)]
    assert np.abs(found[0] - found[1]).max() < 0.05


def test_each_learns_what_is_plain() -> None:
    assert accuracy(FOREST, waves) > 0.95
    assert accuracy(ROCKET, waves) > 0.95
    assert accuracy(NET, waves) > 0.95


def test_convolutions_find_a_shape_that_no_summary_tells() -> None:
    assert accuracy(FOREST, shapes, 100) < 0.65
    assert accuracy(ROCKET, shapes, 100) > 0.8
    assert accuracy(NET, shapes, 100) > 0.9


def test_channels_that_count_together() -> None:
    def together(num: int, seed: int) -> tuple[Array, Array]:
        """The second channel follows the first, or does not."""
        random = np.random.default_rng(seed)
        X, y = random.normal(size=(num, 2, LENGTH)), np.arange(num) % 2
        X[y == 1, 1] = X[y == 1, 0]
        return X, y

    assert accuracy(FOREST, together) > 0.8  # their correlation is a feature
    alone = Prepared(SeriesFeatures(), Baseline(num_trees=100))
    assert accuracy(alone, lambda num, seed: (together(num, seed)[0][:, :1], together(num, seed)[1])) < 0.65


def test_a_wide_head_is_tempered() -> None:
    """With few rows and many features, probabilities are shrunk by one factor, and decisions are those of a weak penalty."""
    random = np.random.default_rng(0)
    X, y = random.normal(size=(60, 500)), np.arange(60) % 2
    X[:, :20] += 0.5 * y[:, None]
    weight, bias, strength = fit_probe(X, y, 1, True, 0, tempered=True)
    plain = LogisticRegression(C=strength, tol=1e-8, max_iter=5000).fit((X - X.mean(0)) / X.std(0), y)
    share = (X @ (weight[1] - weight[0]) + bias[1] - bias[0]) / plain.decision_function((X - X.mean(0)) / X.std(0))
    assert share == pytest.approx(np.full(60, share.mean()), rel=0.01)  # the same direction
    assert 0.01 <= share.mean() <= 1


def test_numbers_are_learned_too() -> None:
    random = np.random.default_rng(0)
    y = random.uniform(2, 8, 90)
    time = np.arange(LENGTH) / LENGTH
    X = (np.sin(2 * np.pi * (y[:, None] * time + random.random((90, 1)))) + random.normal(0, 0.2, (90, LENGTH)))[:, None]
    net = DeepNetRegressor(width=16, training=Training(epochs=40), device="cpu", num_threads=1)
    for model in (Prepared(RocketKernels(1008), RocketRegressor()), net):
        residual = model.fit(X[:60], y[:60]).predict(X[60:]) - y[60:]
        assert 1 - residual.var() / y[60:].var() > 0.8


def test_seeds_decide() -> None:
    X, y = waves(30, 0)
    first, again, other = (clone(ROCKET).set_params(encoder__random_state=seed).fit(X, y).predict_proba(X) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(("model", "name"), [(FOREST, "baseline"), (ROCKET, "rocket"), (NET, "deep_net")])
def test_stored_models_predict_the_same(tmp_path: Path, model: Any, name: str) -> None:
    X, y = waves(30, 0)
    fitted = clone(model).set_params(**({"training": Training(epochs=2)} if name == "deep_net" else {})).fit(X, y)
    inputs = {"modality": "series", "shape": [1, LENGTH], "classes": ["a", "b", "c"]}
    save_model(fitted, name, "classification", tmp_path, inputs)
    again, _ = load_model(tmp_path)
    assert np.array_equal(again.predict_proba(X), fitted.predict_proba(X))


@pytest.mark.parametrize(
    "change",
    [
        {"thresholds": np.zeros(3, np.float32)},
        {"dilations": np.array([10**9])},
        {"counts": np.array([-1])},
        {"counts": np.array([2**62])},
        {"scale": np.array([np.nan])},
        {"channels": np.zeros((1, 84, 7), np.uint8)},
        {"scale": None},
    ],
)
def test_kernels_that_do_not_belong_together_are_refused(change: dict[str, Any]) -> None:
    arrays, values = RocketKernels(84).fit(waves(6, 0)[0]).get_state()
    changed = {key: array for key, array in {**arrays, **change}.items() if array is not None}
    with pytest.raises(DataError, match="The stored kernels are"):
        RocketKernels.from_state(changed, values)
    RocketKernels.from_state(arrays, values)


@pytest.mark.parametrize("shape", [None, [1], [0, 10], [1, 10**12], ["1", 80], [1.0, 80]])
def test_shapes_that_no_series_has_are_refused(shape: Any) -> None:
    with pytest.raises(DataError, match="no shape of a series"):
        SeriesFeatures.from_state({}, {"kind": "series", "shape": shape})


@pytest.mark.parametrize("length", [8, 9, 31, 513, 2050])
@pytest.mark.parametrize("architecture", ["resnet", "plain"])
def test_networks_take_any_length(length: int, architecture: str) -> None:
    import torch

    body, size = DeepNet(architecture=architecture, width=8).build_body((3, length))
    assert body(torch.randn(2, 3, length)).shape == (2, size)


def test_what_is_for_images_or_tables_is_refused_on_series() -> None:
    for wrong in ({"architecture": "mlp"}, {"convolution": "harmonic"}):
        with pytest.raises(ConfigError, match="mlp is for tables|harmonic is for images"):
            DeepNet(**wrong).build_body((1, 40))
    with pytest.raises(ValueError, match="NaN or infinity"):
        NET.fit(np.full((4, 1, 20), np.nan), [0, 1, 0, 1])
    X, y = waves(12, 0)
    with pytest.raises(ValueError, match="but the network was trained on"):
        clone(NET).set_params(training=Training(epochs=1)).fit(X, y).predict(X[..., :40])
