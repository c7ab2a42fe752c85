"""The table encoder does what scikit-learn's own transformers do, from training rows alone, and comes back from its state whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, RobustScaler

from sdl_cli.errors import DataError
from sdl_cli.learning.models.encoding import TableEncoder

Array = np.ndarray[Any, Any]
NUM_LEVELS = (0, 6, 0, 40, 0)


def mixed(num: int, seed: int, missing_fraction: float = 0.1) -> Array:
    """Numbers in columns 0, 2 and 4, of which 4 has no missing cells; categories in 1 and 3, some of whose levels are rare."""
    rng = np.random.default_rng(seed)
    X = rng.lognormal(size=(num, 5)) * [1, 0, 1e6, 0, 1e-6]
    X[:, 1] = rng.integers(0, 6, num)
    X[:, 3] = np.minimum(rng.geometric(0.1, num), 40) - 1
    X[:, :4][rng.random((num, 4)) < missing_fraction] = np.nan
    return X


@pytest.mark.parametrize("seed", range(5))
def test_numbers_are_imputed_and_scaled_as_scikit_learn_does(seed: int) -> None:
    train, test = mixed(80, seed)[:, [0, 2, 4]], mixed(40, seed + 100)[:, [0, 2, 4]]
    encoder = TableEncoder((0, 0, 0)).fit(train)
    imputer, scaler = SimpleImputer(strategy="median", add_indicator=True).fit(train), RobustScaler().fit(train)
    for X in (train, test):
        imputed = imputer.transform(X)
        expected = np.hstack([scaler.transform(imputed[:, :3]), imputed[:, 3:]])
        np.testing.assert_allclose(encoder.transform(X), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("max_levels", [100, 7])
def test_categories_are_one_hot_as_scikit_learn_does(seed: int, max_levels: int) -> None:
    """The columns are the same, but for unseen levels where no level is rare (all zeros in both) and for their order."""
    rng = np.random.default_rng(seed)
    # counts that differ, for scikit-learn breaks ties in another way
    counts = rng.permutation(np.arange(40))
    train = np.repeat(np.arange(40.0), counts)[:, None]
    test = rng.integers(0, 41, (200, 1)).astype(float)
    reference = OneHotEncoder(
        min_frequency=8, max_categories=max_levels + 1, handle_unknown="infrequent_if_exist", sparse_output=False
    ).fit(train)
    encoder = TableEncoder((40,), 8, max_levels).fit(train)
    for X in (train, test):
        np.testing.assert_array_equal(encoder.transform(X), reference.transform(X))


def test_levels_are_rare_from_one_percent_of_the_rows_down() -> None:
    for num, least in ((50, 2), (200, 2), (450, 5), (5000, 10)):
        codes = np.zeros((num, 1))
        codes[:least], codes[least : 2 * least - 1] = 1, 2
        assert TableEncoder((3,)).fit(codes).targets_[0].tolist() == [0, 1, 2, 2, -1], num


def test_a_hand_computed_table() -> None:
    nan = np.nan
    X = np.array([[1, 0, 0], [2, 0, nan], [3, 1, 1], [4, 1, 1], [nan, 2, 0]], float)
    encoder = TableEncoder((0, 4, 2), min_level_rows=2).fit(X)
    # median 2.5, quartiles 1.75 and 3.25; level 2 of the first category is rare, so that levels 2, 3 and unseen share a column
    rows = np.array([[5.5, 1, 0], [nan, 3, nan], [2.5, 4, 2]])
    expected = [
        # x, x is missing, a=0, a=1, a another, b=0, b=1, b missing
        [2, 0, 0, 1, 0, 1, 0, 0],
        [0, 1, 0, 0, 1, 0, 0, 1],
        [0, 0, 0, 0, 1, 0, 0, 0],  # b has no rare level: an unseen one is all zeros
    ]
    np.testing.assert_array_equal(encoder.transform(rows), expected)
    names = encoder.names(["x", "a", "b"], [(), ("p", "q", "r", "s"), ("u", "v")])
    assert names == ["x", "x is missing", "a=p", "a=q", "a=another", "b=u", "b=v", "b=missing"]


ODD: dict[str, tuple[list[float], list[float], list[float]]] = {
    "constant": ([5, 5, 5], [5, 6], [0, 1]),
    "constant, not exact in binary": ([0.1] * 3, [0.1, 0.6], [0, 0.5]),
    "mostly one value": ([0] * 9 + [10], [0, 3], [0, 1]),  # standard deviation 3
    "one row": ([7], [7, 9], [0, 2]),
    "tiny": ([0, 1e-310, 2e-310, 3e-310], [1.5e-310, 1], [0, 1]),
    "an outlier beyond float32": ([0, 1, 2, 3, 1e300], [1, -1e300, 1e300], [-0.5, -1e15, 1e15]),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_columns_stay_finite(name: str) -> None:
    train, rows, expected = ODD[name]
    encoder = TableEncoder((0,)).fit(np.array(train, float)[:, None])
    np.testing.assert_allclose(encoder.transform(np.array(rows, float)[:, None])[:, 0], expected, rtol=1e-12, atol=1e-12)


def test_the_largest_numbers_there_are_stay_finite() -> None:
    X = np.array([[-1.7e308], [1.7e308], [1e308], [np.nan]])
    for train in (X, X[:1], X[:2], X[1:]):
        outputs = TableEncoder((0,)).fit(train).transform(X)
        assert np.isfinite(outputs).all() and np.abs(outputs).max() <= 1e15


def test_a_column_that_is_missing_in_all_training_rows() -> None:
    encoder = TableEncoder((0, 3)).fit(np.full((4, 2), np.nan))
    np.testing.assert_array_equal(encoder.transform([[np.nan, np.nan], [3, 1]]), [[0, 1, 1], [3, 0, 0]])


def test_nothing_is_learned_from_rows_that_it_was_not_fitted_on() -> None:
    train = mixed(60, 0)
    calm, wild = np.vstack([train, mixed(20, 1)]), np.vstack([train, np.full((20, 5), 1e12)])
    wild[60:, [1, 3]] = [6, 40]
    outputs = [TableEncoder(NUM_LEVELS).fit(X[:60]).transform(X)[:60] for X in (calm, wild)]
    np.testing.assert_array_equal(*outputs)
    encoder = TableEncoder(NUM_LEVELS).fit(train)
    before = json.dumps(encoder.get_state()[1])
    encoder.transform(wild)
    assert json.dumps(encoder.get_state()[1]) == before


def test_the_order_of_rows_does_not_matter() -> None:
    X = mixed(200, 3)
    order = np.random.default_rng(0).permutation(200)
    one, other = (TableEncoder(NUM_LEVELS).fit(rows).get_state()[1] for rows in (X, X[order]))
    assert one == other


@pytest.mark.parametrize("columns", [[0, 1, 2, 3, 4], [0], [1], [1, 3], [4]])
def test_its_state_brings_it_back_to_the_last_bit(columns: list[int]) -> None:
    train, test = mixed(70, 0)[:, columns], mixed(50, 1)[:, columns]
    encoder = TableEncoder([NUM_LEVELS[j] for j in columns]).fit(train)
    arrays, values = encoder.get_state()
    assert arrays == {}
    again = TableEncoder.from_state({}, json.loads(json.dumps(values, allow_nan=False)))
    np.testing.assert_array_equal(again.transform(test), encoder.transform(test))
    assert again.get_state()[1] == values


def _change(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda values: values.update({key: value})


DAMAGES: dict[str, Callable[[dict[str, Any]], None]] = {
    "a median too few": lambda v: v["medians"].pop(),
    "a scale too many": lambda v: v["scales"].append(1.0),
    "no number": lambda v: v["medians"].__setitem__(0, float("nan")),
    "scale 0": lambda v: v["scales"].__setitem__(0, 0.0),
    "scale infinite": lambda v: v["scales"].__setitem__(0, float("inf")),
    "scale negative": lambda v: v["scales"].__setitem__(0, -1.0),
    "an indicator lost": lambda v: v["indicated"].__setitem__(0, False),
    "a target lost": lambda v: v["targets"][0].pop(),
    "a category lost": lambda v: v["targets"].pop(),
    "a target beyond the outputs": lambda v: v["targets"][0].__setitem__(0, 999),
    "a target among the numbers": lambda v: v["targets"][0].__setitem__(0, 0),
    "a target below -1": lambda v: v["targets"][0].__setitem__(0, -2),
    "more levels": _change("num_levels", [0, 7, 0, 40, 0]),
    "fewer columns": _change("num_levels", [0, 6, 0, 40]),
    "negative levels": _change("num_levels", [0, 6, 0, 40, 0, -1]),
    "more outputs": lambda v: v.update(num_outputs=v["num_outputs"] + 1),
    "outputs beyond memory": _change("num_outputs", 10**15),
    "no outputs": _change("num_outputs", 0),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_state_is_refused(damage: str) -> None:
    values = TableEncoder(NUM_LEVELS).fit(mixed(70, 0)).get_state()[1]
    DAMAGES[damage](values)
    with pytest.raises(DataError, match="damaged"):
        TableEncoder.from_state({}, values)


@pytest.mark.parametrize("shape", [(3,), (2, 4), (2, 5, 1)])
def test_rows_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    encoder = TableEncoder(NUM_LEVELS).fit(mixed(20, 0))
    with pytest.raises(ValueError, match="a table of 5 columns"):
        encoder.transform(np.zeros(shape))


def test_it_is_an_estimator_like_any_other() -> None:
    encoder = TableEncoder(NUM_LEVELS, 3, 7)
    copy = clone(encoder)
    assert copy.get_params() == {"num_levels": NUM_LEVELS, "min_level_rows": 3, "max_levels": 7}
    with pytest.raises(NotFittedError):
        copy.transform(mixed(3, 0))
