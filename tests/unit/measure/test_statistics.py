"""Intervals and tests, against published examples, scipy and hand computation."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from sdl_cli.measure import statistics


def paired(both: int, only_a: int, only_b: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    a = np.repeat([True, True, False, False], [both, only_a, only_b, neither])
    b = np.repeat([True, False, True, False], [both, only_a, only_b, neither])
    return a, b


@pytest.mark.parametrize(("successes", "n"), [(0, 5), (1, 1), (81, 263), (15, 148), (29, 29), (359, 360)])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_wilson_is_scipys_score_interval(successes, n, level):
    expected = stats.binomtest(successes, n).proportion_ci(level, method="wilson")
    assert statistics.wilson(successes, n, level) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_published_examples_and_ends():
    # Newcombe (1998), Statistics in Medicine 17:857, Table I, method 3.
    assert statistics.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert statistics.wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert statistics.wilson(0, 20)[0] == 0.0
    assert statistics.wilson(20, 20)[1] == 1.0
    assert statistics.wilson(0, 0) == (0.0, 1.0)
    with pytest.raises(ValueError, match="3 successes in 2 trials"):
        statistics.wilson(3, 2)


def test_bootstrap_counts_sum_to_n_and_repeat_with_the_seed():
    chunks = list(statistics.bootstrap_weights(7, num_resamples=2000, seed=3))
    counts = np.concatenate(chunks)
    assert counts.shape == (2000, 7)
    assert np.issubdtype(counts.dtype, np.integer)
    assert (counts.sum(axis=1) == 7).all()
    # Each count is binomial(n, 1/n): mean 1, variance 1 - 1/n; 14,000 draws leave about 0.01 of noise.
    assert counts.mean() == 1.0
    assert counts.var() == pytest.approx(1 - 1 / 7, abs=0.05)
    assert counts.mean(axis=0) == pytest.approx(np.ones(7), abs=0.1)
    assert np.array_equal(counts, np.concatenate(list(statistics.bootstrap_weights(7, 2000, seed=3))))
    assert not np.array_equal(counts, np.concatenate(list(statistics.bootstrap_weights(7, 2000, seed=4))))


def test_bootstrap_of_many_rows_comes_in_small_chunks():
    chunks = statistics.bootstrap_weights(50_000, num_resamples=25)
    shapes = [chunk.shape for chunk in chunks]
    assert sum(b for b, _ in shapes) == 25
    assert max(b * n for b, n in shapes) <= 500_000
    assert len(shapes) > 1


def test_bootstrap_of_a_mean_agrees_with_its_standard_error():
    values = np.random.default_rng(0).normal(size=400)
    (value, low, high) = statistics.bootstrap({"mean": lambda w: w @ values / w.sum(axis=1)}, 400)["mean"]
    error = values.std() / 20
    assert value == pytest.approx(values.mean())
    assert (low, high) == pytest.approx((values.mean() - 1.96 * error, values.mean() + 1.96 * error), abs=0.2 * error)


def test_bootstrap_leaves_undefined_resamples_out_and_holds_the_value():
    def sometimes(weights):
        return np.where(weights[:, 0] == 0, np.nan, 5.0)

    def shifted(weights):
        return np.where(weights.max(axis=1) > 1, 2.0, 1.0)

    result = statistics.bootstrap({"sometimes": sometimes, "never": lambda w: np.full(len(w), np.nan), "up": shifted}, 6)
    assert result["sometimes"] == (5.0, 5.0, 5.0)
    assert all(math.isnan(number) for number in result["never"])
    assert result["up"] == (1.0, 1.0, 2.0)


def test_t_interval_is_scipys():
    values = [0.91, 0.94, 0.90, 0.95, 0.93]
    mean, low, high = statistics.t_interval(values, level=0.9)
    expected = stats.t.interval(0.9, 4, loc=np.mean(values), scale=stats.sem(values))
    assert (mean, low, high) == pytest.approx((np.mean(values), *expected))
    assert statistics.t_interval([0.5]) == (0.5, -math.inf, math.inf)
    assert statistics.t_interval([0.1, 0.1, 0.1]) == (0.1, 0.1, 0.1)
    with pytest.raises(ValueError, match="at least one"):
        statistics.t_interval([])


def test_corrected_t_by_hand():
    differences, ratio = [0.02, 0.01, 0.03, 0.00, 0.04], 0.25
    # mean 0.02, s^2 = 0.00025, error = sqrt(0.00025 * (1/5 + 1/4)) = 0.0106066, t(4, 0.975) = 2.776445
    mean, low, high = statistics.corrected_t_interval(differences, ratio)
    assert (mean, low, high) == pytest.approx((0.02, 0.02 - 0.029449, 0.02 + 0.029449), abs=1e-6)
    assert statistics.corrected_t_test(differences, ratio) == pytest.approx(2 * stats.t.sf(0.02 / 0.0106066, 4), abs=1e-6)
    # Without overlap it is the ordinary one-sample t test.
    assert statistics.corrected_t_test(differences, 0.0) == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)


def test_corrected_t_ends():
    assert statistics.corrected_t_test([0.0, 0.0, 0.0], 0.25) == 1.0
    assert statistics.corrected_t_test([0.1, 0.1, 0.1], 0.25) == 0.0
    assert statistics.corrected_t_test([0.1], 0.25) == 1.0
    assert statistics.corrected_t_test([0.1, -0.1], 0.25) == 1.0


def test_p_and_interval_agree():
    rng = np.random.default_rng(1)
    for _ in range(50):
        differences = rng.normal(0.02, 0.03, size=8)
        _, low, high = statistics.corrected_t_interval(differences, 0.25)
        assert (statistics.corrected_t_test(differences, 0.25) < 0.05) == (low > 0 or high < 0)


def test_holm_levels_go_with_the_adjusted_p():
    # 0.01 is tested at 0.05 / 3 and rejected, 0.03 at 0.05 / 2 and not; from there on all are held to that level
    assert statistics.holm_levels([0.03, 0.01, 0.04]) == pytest.approx([1 - 0.05 / 2, 1 - 0.05 / 3, 1 - 0.05 / 2])
    assert statistics.holm_levels([0.001, 0.002]) == pytest.approx([1 - 0.05 / 2, 0.95])
    assert statistics.holm_levels([0.5, 0.9]) == pytest.approx([0.975, 0.975]) and statistics.holm_levels([]) == []


def test_an_interval_of_its_level_excludes_zero_exactly_where_the_adjusted_p_says_so():
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(300):
        arms = rng.normal(rng.uniform(0, 1.5, size=(4, 1)), 1, size=(4, 8))
        raw = [statistics.corrected_t_test(arm, 0.25) for arm in arms]
        for arm, level, p in zip(arms, statistics.holm_levels(raw), statistics.holm(raw), strict=True):
            _, low, high = statistics.corrected_t_interval(arm, 0.25, level)
            assert (low > 0 or high < 0) == (p <= 0.05)
            seen.add(p <= 0.05)
    assert seen == {True, False}


def test_recalls_all_right_have_clopper_and_pearsons_bound_where_classes_are_equal():
    from scipy.stats import binomtest

    low, high = statistics.all_or_nothing_recalls([7, 7, 7], [])
    assert (low, high) == (pytest.approx(binomtest(21, 21).proportion_ci(0.95, "exact").low), 1.0)
    assert statistics.all_or_nothing_recalls([], [7, 7, 7]) == pytest.approx((0.0, 1 - low))


@pytest.mark.parametrize("rows", [(3, 20), (1, 100), (5, 6, 30), (2, 2, 50)])
def test_the_bound_is_the_least_mean_recall_that_the_tail_allows(rows):
    from scipy.optimize import minimize

    def spare(p):
        return sum(n * math.log(max(q, 1e-12)) for n, q in zip(rows, p, strict=True)) - math.log(0.025)

    starts = [[0.5] * len(rows), [0.9] * len(rows), [0.2, *[0.95] * (len(rows) - 1)]]
    asked = {"bounds": [(1e-6, 1)] * len(rows), "constraints": {"type": "ineq", "fun": spare}}
    least = min(found.fun for start in starts if (found := minimize(np.mean, start, **asked)).success)
    assert statistics.all_or_nothing_recalls(rows, [])[0] == pytest.approx(least, abs=1e-4)


def test_a_class_all_right_beside_one_all_wrong():
    low, high = statistics.all_or_nothing_recalls([10], [5])
    assert low == pytest.approx(0.025 ** (1 / 10) / 2) and high == pytest.approx(1 - 0.025 ** (1 / 5) / 2)


def test_holm_by_hand():
    # Sorted: 0.01 * 4, 0.02 * 3 = 0.06, 0.03 * 2 = 0.06, 0.04 * 1 raised to 0.06.
    assert statistics.holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert statistics.holm([0.9, 0.8]) == [1.0, 1.0]
    assert statistics.holm([]) == []


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        # Fagerland, Lydersen and Laake (2014), "Recommended tests and confidence intervals for paired binomial
        # proportions", Statistics in Medicine 33:2850, Newcombe square-and-add.
        ((1, 1, 7, 12), (-0.2857, -0.5069, -0.0256)),
        ((59, 6, 16, 80), (-0.0621, -0.1186, -0.0046)),
    ],
)
def test_newcombe_published_examples(table, expected):
    assert statistics.newcombe_paired(*paired(*table)) == pytest.approx(expected, abs=6e-5)


def test_newcombe_without_correlation_squares_and_adds_by_hand():
    # Independent classifiers: both * neither == only_a * only_b, so phi = 0.
    difference, low, high = statistics.newcombe_paired(*paired(40, 20, 20, 10))
    (low_p, high_p) = statistics.wilson(60, 90)
    half = math.hypot(2 / 3 - low_p, high_p - 2 / 3)
    assert (difference, low, high) == pytest.approx((0.0, -half, half))


def test_newcombe_correlation_by_hand():
    # cross = 50 * 30 - 15 * 5 = 1425, less n/2 = 50: 1375; phi = 1375 / sqrt(65 * 35 * 55 * 45).
    phi = 1375 / math.sqrt(65 * 35 * 55 * 45)
    (l1, u1), (l2, u2) = statistics.wilson(65, 100), statistics.wilson(55, 100)
    down = math.sqrt((0.65 - l1) ** 2 - 2 * phi * (0.65 - l1) * (u2 - 0.55) + (u2 - 0.55) ** 2)
    up = math.sqrt((u1 - 0.65) ** 2 - 2 * phi * (u1 - 0.65) * (0.55 - l2) + (0.55 - l2) ** 2)
    assert statistics.newcombe_paired(*paired(50, 15, 5, 30)) == pytest.approx((0.1, 0.1 - down, 0.1 + up))


def test_newcombe_is_antisymmetric_and_bounded():
    rng = np.random.default_rng(0)
    for n in (1, 3, 32, 400):
        a, b = rng.random(n) < 0.9, rng.random(n) < 0.6
        difference, low, high = statistics.newcombe_paired(a, b)
        assert -1 <= low <= difference <= high <= 1
        assert statistics.newcombe_paired(b, a) == pytest.approx((-difference, -high, -low))


def test_newcombe_of_identical_and_perfect_predictions():
    a = np.arange(40) < 30
    difference, low, high = statistics.newcombe_paired(a, a)
    assert difference == 0
    assert low < 0 < high
    assert statistics.newcombe_paired(np.ones(9, bool), np.zeros(9, bool))[0] == 1.0
    with pytest.raises(ValueError, match="paired rows"):
        statistics.newcombe_paired([True], [True, False])


def test_newcombe_covers_the_true_difference():
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(400):
        shared = rng.random(100)
        a, b = shared < 0.9, np.where(rng.random(100) < 0.7, shared, rng.random(100)) < 0.8
        _, low, high = statistics.newcombe_paired(a, b)
        hits += low <= 0.1 <= high
    assert 0.92 <= hits / 400 <= 0.99


def test_repeats_and_test_rows_both_widen_the_interval():
    draws, rows = np.array([1.0, 3.0]), np.array([0.0, 1.0, 3.0, 4.0])
    half = math.hypot(stats.t.ppf(0.975, 1) * stats.sem(draws), stats.t.ppf(0.975, 3) * stats.sem(rows))
    assert statistics.two_way_interval(draws, rows) == pytest.approx((2, 2 - half, 2 + half))
    expected = stats.t.interval(0.95, 3, loc=2.0, scale=stats.sem(rows))
    assert statistics.two_way_interval([2.0], rows) == pytest.approx((2.0, *expected))
    assert statistics.two_way_interval([2.0], [2.0]) == (2.0, -math.inf, math.inf)


def test_ends_that_do_not_lie_around_the_middle_are_joined_by_side():
    assert statistics.joined(10.0, (7.0, 14.0), (6.0, 13.0)) == (10.0, 5.0, 15.0)
    assert statistics.joined(10.0) == (10.0, -math.inf, math.inf)


def test_the_two_way_interval_covers_a_truth_that_varies_both_ways():
    rng = np.random.default_rng(0)
    for of_draws in (0.1, 1.0):
        inside = wrong = 0
        for _ in range(400):
            table = of_draws * rng.normal(size=(3, 1)) + rng.normal(size=(1, 60)) + rng.normal(size=(3, 60))
            _, low, high = statistics.two_way_interval(table.mean(1), table.mean(0))
            inside += low <= 0 <= high
            wrong += statistics.two_way_test(table.mean(1), table.mean(0)) <= 0.05
        assert inside / 400 >= 0.94
        assert wrong == 400 - inside


def test_the_two_way_test_is_the_level_at_which_its_interval_begins_at_zero():
    rng = np.random.default_rng(1)
    for shift in (0.1, 0.5, 3.0):
        draws, rows = shift + 0.1 * rng.normal(size=5), shift + rng.normal(size=80)
        rows += draws.mean() - rows.mean()
        p = statistics.two_way_test(draws, rows)
        _, low, high = statistics.two_way_interval(draws, rows, 1 - p)
        assert min(abs(low), abs(high)) == pytest.approx(0, abs=1e-6)
        assert statistics.two_way_test(-draws, -rows) == pytest.approx(p)
    assert statistics.two_way_test([0.4], rows - rows.mean() + 0.4) == pytest.approx(
        stats.ttest_1samp(rows - rows.mean() + 0.4, 0).pvalue
    )
    still = np.full(3, 0.4)  # repeats that do not differ leave the test rows
    assert statistics.two_way_test(still, rows - rows.mean() + 0.4) == pytest.approx(
        stats.ttest_1samp(rows - rows.mean() + 0.4, 0).pvalue
    )
    assert statistics.two_way_test([0.0, 0.0], np.zeros(4)) == 1.0
    assert statistics.two_way_test([0.5, 0.5], np.full(4, 0.5)) == 0.0
    assert statistics.two_way_test([0.5], [0.5]) == 1.0


def test_importing_needs_neither_torch_nor_sklearn():
    code = (
        "import sdl_cli.measure.statistics, sdl_cli.measure.metrics, sys; print({'torch', 'sklearn', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
