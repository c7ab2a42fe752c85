"""The programs: shares that sum to 1, from half of the units, with which each sub-net decides as the network does."""

from __future__ import annotations

import numpy as np
import pytest

from sdl_cli.study.decompose.program import (
    DRAWS,
    INFEASIBLE,
    OUT_OF_TIME,
    SOLVED,
    Attempt,
    Layer,
    deal,
    solve,
    split_layer,
    subnet_outputs,
)


def layer(num_rows: int, num_units: int, num_classes: int, seed: int = 0, offsets: object = None) -> Layer:
    """Classes that many units tell apart, each with noise of its own, as in a network with dropout."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, num_classes, num_rows)
    towards = rng.normal(size=(num_classes, num_units))
    units = np.column_stack([towards[classes] + 0.4 * rng.normal(size=(num_rows, num_units)), np.ones(num_rows)])
    weights = np.column_stack([towards, np.zeros(num_classes)]) + 0.05 * rng.normal(size=(num_classes, num_units + 1))
    return Layer(units, weights, np.zeros(num_classes) if offsets is None else np.asarray(offsets))


@pytest.mark.parametrize(("units", "subnets"), [(101, 2), (101, 3), (50, 7), (9, 10), (1, 2)])
def test_each_unit_is_in_half_of_the_subnets_and_each_subnet_has_as_many(units: int, subnets: int) -> None:
    kept = deal(units, subnets, np.random.default_rng(0))
    assert kept.shape == (units, subnets)
    assert set(kept.sum(axis=1)) <= {subnets // 2, (subnets + 1) // 2}
    assert np.ptp(kept.sum(axis=0)) <= 1
    assert not np.array_equal(kept, deal(units, subnets, np.random.default_rng(1))) or units == 1


@pytest.mark.parametrize("offsets", [None, [0.0, 1.5, 0.0, -0.7]])
@pytest.mark.parametrize(("classes", "subnets"), [(2, 3), (2, 8), (3, 5), (4, 4)])
def test_subnets_sum_to_the_network_and_each_decides_as_it_does(classes: int, subnets: int, offsets: list[float] | None) -> None:
    whole = layer(80, 40, classes, offsets=None if offsets is None else offsets[:classes])
    found = split_layer(whole, subnets, 10.0, 0, 60.0)
    assert found.attempts[-1] == Attempt(subnets, SOLVED, found.attempts[-1].draws)
    assert found.shares is not None
    assert found.shares.shape == (classes, 41, subnets)
    np.testing.assert_allclose(found.shares.sum(axis=2), 1, atol=1e-12)
    assert np.abs(found.shares).max() <= 10 + 1e-6
    assert ((found.shares != 0).any(axis=0).sum(axis=1) <= (subnets + 1) // 2).all()
    outputs = subnet_outputs(whole.units, whole.weights, found.shares)
    np.testing.assert_allclose(outputs.sum(axis=1), whole.units @ whole.weights.T, atol=1e-9)
    decided = (outputs + whole.offsets / subnets).argmax(axis=2)
    assert (decided == whole.decisions[:, None]).all()
    assert len(set(whole.decisions.tolist())) == classes


def test_the_same_seed_gives_the_same_subnets_and_another_one_others() -> None:
    whole = layer(60, 30, 2)
    first, again, other = (split_layer(whole, 4, 10.0, seed, 60.0).shares for seed in (0, 0, 1))
    assert first is not None and again is not None and other is not None
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1


def test_shares_are_1_where_each_unit_is_in_one_subnet() -> None:
    kept = np.array([[True, False], [False, True]])
    terms = np.array([[1.0, 2.0], [-1.0, -3.0]])
    shares, status = solve(terms, np.zeros(2), kept, 5.0, np.random.default_rng(0), 10.0)
    assert status == SOLVED
    np.testing.assert_allclose(shares, kept, atol=1e-12)


def test_what_no_half_of_the_units_can_do_is_infeasible() -> None:
    # both rows are positive, but either unit alone is positive in one and negative in the other
    units = np.array([[2.0, -1.0], [-1.0, 2.0], [-2.0, -2.0]])
    whole = Layer(units, np.array([[0.0, 0.0], [1.0, 1.0]]), np.zeros(2))
    found = split_layer(whole, 2, 100.0, 0, 10.0)
    assert found.shares is None
    assert found.attempts == (Attempt(2, INFEASIBLE, DRAWS),)
    found = split_layer(whole, 4, 100.0, 0, 10.0)
    assert [(one.num_subnets, one.status) for one in found.attempts][-1][0] < 4 or found.shares is not None


def test_the_outputs_of_two_classes_are_split_by_one_program_and_of_more_by_one_for_each() -> None:
    two, four = layer(20, 5, 2), layer(20, 5, 4, offsets=[0.1, 0.0, -0.2, 0.3])
    (terms, origin), *others = two.programs()
    outputs = two.units @ two.weights.T
    np.testing.assert_allclose(terms.sum(axis=1) - origin, (outputs[:, 1] - outputs[:, 0]) / 2)
    assert not others
    signs = np.stack([terms.sum(axis=1) > origin for terms, origin in four.programs()], axis=1)
    np.testing.assert_array_equal(signs, four.decisions[:, None] == np.arange(4))


def test_a_solver_that_is_out_of_time_says_so_at_once() -> None:
    found = split_layer(layer(60, 30, 3), 8, 10.0, 0, 0.0)
    assert found.shares is None
    assert found.attempts == (Attempt(8, OUT_OF_TIME, 1),)
