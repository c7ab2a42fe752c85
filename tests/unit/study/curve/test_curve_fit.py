"""Power laws through learning curves: against scipy's NNLS, hand computation, and laws that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import nnls

from sdl_cli.study.curve import fit as module
from sdl_cli.study.curve.fit import EXPONENTS, MISFIT, SHIFTS, _least_squares, fit, residual_deviation

SIZES = np.array([16.0, 32.0, 64.0, 128.0, 256.0])
GRID = [(c, d) for d in SHIFTS for c in EXPONENTS]


def basis_of(sizes: np.ndarray, c: float, relative: float) -> np.ndarray:
    return (sizes + relative * sizes[-1]) ** -c


def by_nnls(basis: np.ndarray, errors: np.ndarray, weights: np.ndarray) -> tuple[float, float, float]:
    """Floor, gain and weighted sum of squares of one law through one curve."""
    root = np.sqrt(weights)
    (floor, gain), norm = nnls(np.stack([root, root * basis], axis=1), root * errors)
    return floor, gain, norm**2


def random_curves(seed: int, sizes: np.ndarray) -> np.ndarray:
    """Falling, steep, flat and rising curves, all with noise; some have a free floor or gain below 0."""
    rng = np.random.default_rng(seed)
    trends = [
        0.1 + 2 * sizes**-0.5,
        8 * sizes**-1.0,
        np.full(len(sizes), 0.3),
        0.1 + 0.05 * np.log(sizes),
        rng.random(len(sizes)),
    ]
    return np.clip(np.stack(trends) + rng.normal(scale=0.01, size=(5, len(sizes))), 0, None)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("sizes", [SIZES, np.array([10.0, 70.0, 75.0]), np.array([1e3, 2e3, 4e3, 5e5])])
def test_least_squares_is_nnls_for_every_law(seed: int, sizes: np.ndarray) -> None:
    errors, weights = random_curves(seed, sizes), sizes / sizes.mean()
    basis = np.stack([basis_of(sizes, c, d) for c, d in GRID])
    floor, gain, squares = _least_squares(basis, errors, weights)
    expected = np.array([[by_nnls(b, e, weights) for b in basis] for e in errors])
    assert floor.shape == gain.shape == squares.shape == (5, len(GRID))
    assert (floor >= 0).all() and (gain >= 0).all()
    assert squares == pytest.approx(expected[:, :, 2], abs=1e-10)
    # a slow law far off is nearly a constant, and its two coefficients are known to few digits: what they add up to is not
    fitted, free = (f[:, :, None] + g[:, :, None] * basis for f, g in ((floor, gain), (expected[:, :, 0], expected[:, :, 1])))
    assert fitted == pytest.approx(free, abs=1e-6)
    quick = basis[:, 0] / basis[:, -1] > 1.2
    assert floor[:, quick] == pytest.approx(expected[:, quick, 0], abs=1e-7)
    assert gain[:, quick] == pytest.approx(expected[:, quick, 1], rel=1e-6, abs=1e-7)
    # each of the three cases is met, or this test says little
    assert (floor == 0).any() and (gain == 0).any() and ((floor > 0) & (gain > 0)).any()


def test_least_squares_by_hand() -> None:
    """Weights 1: the line through (1, 2), (0, 1) is itself; floor -1 is held at 0; a falling gain is a mean."""
    basis = np.array([[1.0, 0.0], [2.0, 1.0]])
    floor, gain, squares = _least_squares(basis, np.array([[2.0, 1.0], [1.0, 0.0], [1.0, 2.0]]), np.ones(2))
    assert floor == pytest.approx(np.array([[1.0, 0.0], [0.0, 0.0], [1.5, 1.5]]))
    # curve 2 on basis (2, 1): the free floor is -1, so that the gain is 2 / 5 and 1 / 5 is left
    assert gain == pytest.approx(np.array([[1.0, 1.0], [1.0, 0.4], [0.0, 0.0]]))
    assert squares == pytest.approx(np.array([[0.0, 0.0], [0.0, 0.2], [0.5, 0.5]]))


@pytest.mark.parametrize("c", [EXPONENTS[0], EXPONENTS[9], EXPONENTS[19]])
@pytest.mark.parametrize("relative", [SHIFTS[0], SHIFTS[3], SHIFTS[7]])
@pytest.mark.parametrize("floor", [0.0, 0.1])
def test_an_exact_law_is_recovered_at_4_times_the_size(
    c: float, relative: float, floor: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nothing to blame on noise or misfit, the average over all laws is the true one."""
    monkeypatch.setattr(module, "MISFIT", 1e-7)
    shift = relative * SIZES[-1]
    gain = 0.5 / (SIZES[0] + shift) ** -c

    def law(n: np.ndarray) -> np.ndarray:
        return floor + gain * (n + shift) ** -c

    laws = fit(SIZES, law(SIZES)[None], np.array([1e-9]))
    beyond = np.array([512.0, 1024.0])
    assert laws.at(beyond)[0] == pytest.approx(law(beyond), abs=1e-4)


@pytest.mark.parametrize("c", [0.3, 0.5, 0.9])
def test_a_plain_law_is_forecast_well_with_the_usual_misfit(c: float) -> None:
    errors = 0.6 * (SIZES / SIZES[0]) ** -c
    truth = 0.6 * (1024 / SIZES[0]) ** -c
    assert fit(SIZES, errors[None], np.array([1e-6])).at(np.array([1024.0]))[0, 0] == pytest.approx(truth, abs=0.01)


def test_the_mean_never_rises_and_the_weights_sum_to_1() -> None:
    errors = np.concatenate([random_curves(seed, SIZES) for seed in range(4)])
    laws = fit(SIZES, errors, np.geomspace(1e-6, 0.1, len(errors)))
    assert laws.weight.shape == laws.floor.shape == laws.gain.shape == (20, len(GRID))
    assert laws.exponent.shape == laws.shift.shape == (len(GRID),)
    assert (laws.weight >= 0).all()
    assert laws.weight.sum(1) == pytest.approx(np.ones(20), abs=1e-12)
    mean = laws.at(np.geomspace(1, 1e5, 200))
    assert mean.shape == (20, 200)
    assert np.diff(mean, axis=1).max() <= 1e-14
    # far out nothing is left but the floors; a slow law (n^-0.05) takes its time
    far = laws.at(np.array([1e300]))[:, 0]
    assert (laws.floors(far)[0] <= far + 1e-14).all()
    assert far == pytest.approx(laws.floors(far)[0], abs=1e-9)


def test_the_grid_is_every_exponent_with_every_shift_in_rows() -> None:
    laws = fit(SIZES, SIZES[None] ** -0.5, np.array([0.01]))
    found = sorted(zip(laws.exponent.tolist(), laws.shift.tolist(), strict=True))
    assert found == sorted((c, d * 256) for c, d in GRID)


@pytest.mark.parametrize("last", [0.2, 0.0])
def test_weights_by_hand(last: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """exp(-S / 2 s^2 - 2 a / error) with S by NNLS at weights n / mean(n), s^2 = MISFIT^2 + noise^2; two exponents, two shifts."""
    monkeypatch.setattr(module, "EXPONENTS", np.array([0.5, 1.0]))
    monkeypatch.setattr(module, "SHIFTS", np.array([0.0, 0.5]))
    sizes, errors, noise = np.array([10.0, 20.0, 40.0]), np.array([0.4, 0.25, last]), 0.03
    laws = fit(sizes, errors[None], np.array([noise]))
    weight = {}
    for c in (0.5, 1.0):
        for d in (0.0, 20.0):
            floor, _, squares = by_nnls((sizes + d) ** -c, errors, sizes / (70 / 3))
            weight[c, d] = math.exp(-squares / (2 * (0.002**2 + noise**2)) - 2.0 * floor / max(last, 0.002))
    total = sum(weight.values())
    found = dict(zip(zip(laws.exponent, laws.shift, strict=True), laws.weight[0], strict=True))
    assert found == pytest.approx({key: each / total for key, each in weight.items()}, rel=1e-9)


def test_curves_do_not_touch_each_other() -> None:
    errors, noise = random_curves(3, SIZES), np.linspace(0.001, 0.02, 5)
    together, at = fit(SIZES, errors, noise), np.array([100.0, 1000.0])
    for k in range(5):
        alone = fit(SIZES, errors[k : k + 1], noise[k : k + 1])
        assert alone.at(at)[0] == pytest.approx(together.at(at)[k], rel=1e-9)


def test_residual_deviation_is_that_of_the_best_law() -> None:
    for sizes in (SIZES, SIZES[:3]):
        errors = random_curves(5, sizes)
        best = [min(by_nnls(basis_of(sizes, c, d), e, sizes / sizes.mean())[2] for c, d in GRID) for e in errors]
        expected = np.sqrt(np.array(best) / (len(sizes) - 2))
        assert expected.max() > 0.01
        assert residual_deviation(sizes, errors) == pytest.approx(expected, abs=1e-7)


def test_residual_deviation_ends() -> None:
    assert np.isnan(residual_deviation(SIZES[:2], np.ones((3, 2)))).tolist() == [True] * 3
    law = 0.1 + 2 * (SIZES + SHIFTS[5] * SIZES[-1]) ** -EXPONENTS[7]
    assert residual_deviation(SIZES, law[None]) == pytest.approx([0.0], abs=1e-6)
    # a zigzag about a flat line: of every law the mean is best, and n weighs the squares
    zigzag = np.array([[0.3, 0.5, 0.3, 0.5, 0.4]])
    assert residual_deviation(SIZES, zigzag)[0] > MISFIT
