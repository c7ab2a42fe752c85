"""Equal rows: copies are told from chance, and only what crosses the split is a leak."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn import datasets
from unit.run.check.conftest import interleaved, last_fifth, make_dataset

from sdl_cli.data.split import Split
from sdl_cli.run.check import duplicates, inspect

RNG = np.random.default_rng(0)


def with_copies(X, y, num):
    """`X` and `y` with copies of the first `num` rows at the end, where `last_fifth` has its test rows."""
    return np.concatenate([X, X[:num]]), np.concatenate([y, y[:num]])


def find(dataset, parts, word):
    return [p for p in inspect(dataset, parts) if word in p.what]


def labels(num):
    return RNG.permutation(np.resize(["a", "b"], num))


def test_measured_rows_that_cross_the_split_are_a_leak():
    dataset = make_dataset(*with_copies(RNG.normal(size=(190, 5)), labels(190), 10))
    parts = last_fifth(dataset)
    (leak,) = find(dataset, parts, "among the labelled rows")
    assert leak.severity == "leak"
    assert leak.what == "10 test rows have an equal row (target included) among the labelled rows: 25 % of the test part."
    assert leak.where == "ids 190, 191, 192, 193, 194 and 5 more"
    (repeated,) = find(dataset, parts, "an earlier one exactly")
    assert (repeated.severity, repeated.what) == ("note", "10 rows repeat an earlier one exactly (of 200).")


def test_few_copies_across_the_split_are_a_warning():
    dataset = make_dataset(*with_copies(RNG.normal(size=(199, 5)), labels(199), 1))
    (problem,) = find(dataset, last_fifth(dataset), "among the labelled rows")
    assert (problem.severity, problem.what[:48]) == ("warning", "1 test row has an equal row (target included) am")
    assert "2.5 % of the test part" in problem.what


def test_copies_on_one_side_are_a_warning_alone():
    dataset = make_dataset(*with_copies(RNG.normal(size=(190, 5)), labels(190), 10))
    parts = Split(np.concatenate([np.arange(150), np.arange(190, 200)]), None, np.arange(150, 190))
    assert not find(dataset, parts, "among the labelled rows")
    (repeated,) = find(dataset, parts, "an earlier one exactly")
    assert (repeated.severity, repeated.advice[:18]) == ("warning", "Remove the copies:")


def test_missing_cells_and_the_sign_of_zero_do_not_hide_a_copy():
    X = RNG.normal(size=(190, 4))
    X[:10, 0], X[:10, 1] = np.nan, 0.0
    X, y = with_copies(X, labels(190), 10)
    X[190:, 1] = -0.0
    dataset = make_dataset(X, y)
    assert find(dataset, last_fifth(dataset), "10 test rows have an equal row")


@pytest.mark.parametrize("fraction", [0.0, 0.3])
def test_rows_of_few_possible_ones_are_natural(fraction):
    """Four yes/no columns: 200 rows are of at most 16 kinds, and a noisy target contradicts itself."""
    X = RNG.integers(0, 2, (200, 4))
    y = np.where(RNG.random(200) < fraction, RNG.integers(0, 2, 200), X[:, 0] & X[:, 1])
    dataset = make_dataset(X, np.array(["no", "yes"])[y])
    problems = inspect(dataset, interleaved(dataset))
    assert "leak" not in [p.severity for p in problems]
    (note,) = [p for p in problems if "in all features" in p.what]
    assert note.severity == "note"
    _, member = np.unique(X, axis=0, return_inverse=True)
    table = np.array([np.bincount(y[member == m], minlength=2) for m in range(member.max() + 1)])
    wrong = int(table.min(axis=1).sum())
    contradictions = [p for p in problems if "different class" in p.what]
    assert bool(contradictions) == (fraction > 0)
    if contradictions:
        assert f"any method is wrong about {wrong} rows of 200 at least" in contradictions[0].what


def test_a_full_grid_and_a_scale_of_few_digits_are_natural():
    grid = np.array(list(itertools.product(range(4), range(4), range(3), range(3), range(3))))  # as the car data
    twice = make_dataset(np.concatenate([grid, grid[::2]]), labels(len(grid) + len(grid[::2])))
    assert not [p for p in inspect(twice, interleaved(twice)) if p.severity == "leak"]
    iris = datasets.load_iris()  # one pair of equal flowers, measured to a millimetre
    dataset = make_dataset(iris.data, iris.target)
    for test in ([101], [142]):
        parts = Split(np.setdiff1d(np.arange(150), test), None, np.array(test))
        assert not [p for p in inspect(dataset, parts) if p.severity == "leak"]


def test_repeated_measurements_have_other_targets():
    X = np.repeat(RNG.normal(size=(60, 3)), 3, axis=0)
    dataset = make_dataset(X, RNG.normal(size=180))
    problems = inspect(dataset, interleaved(dataset))
    assert [p.severity for p in problems] == ["note"]
    assert problems[0].what.startswith("180 rows equal another one in all features, 36 test rows (100 % of the test part)")
    assert "repeated measurements" in problems[0].advice
    copied = make_dataset(*with_copies(RNG.normal(size=(90, 3)), RNG.normal(size=90), 10))
    assert inspect(copied, last_fifth(copied))[0].severity == "leak"


@pytest.mark.parametrize(
    ("num", "mean", "tail"), [(0, 2.0, 1.0), (1, 2.0, 1 - np.exp(-2)), (3, 1.0, 0.0803014), (5, 0.0, 0.0), (3000, 2000.0, 0.0)]
)
def test_poisson_tail(num, mean, tail):
    assert duplicates._poisson_tail(num, mean) == pytest.approx(tail, abs=1e-6)


def test_row_keys_are_equal_where_rows_are_and_lose_a_column_by_subtraction():
    X = RNG.integers(0, 3, (500, 4)) * 1.0
    columns = duplicates.spread(X)
    keys = duplicates.row_keys(columns)
    _, rows = np.unique(X, axis=0, return_inverse=True)
    assert np.array_equal(
        np.unique(keys, return_inverse=True)[1][:, None] == np.unique(keys, return_inverse=True)[1], rows[:, None] == rows
    )
    assert np.array_equal(keys - columns[2], duplicates.row_keys([columns[0], columns[1], columns[3]]))


def test_texts_that_differ_in_case_and_blanks_are_equal():
    texts = [f"is the {i} th question longer than two words" for i in range(90)]
    texts += [f"Is  the {i} TH question\nlonger than two words " for i in range(10)]
    dataset = make_dataset(np.array(texts, dtype=object), ["a", "b"] * 50)
    leak = inspect(dataset, last_fifth(dataset))[0]
    assert leak.severity == "leak"
    assert leak.what == "10 test rows have an equal text among the labelled rows: 50 % of the test part."


def test_short_texts_recur_and_empty_ones_are_named():
    texts = [f"{word} {i}" for word in ("good", "bad") for i in range(45)] + ["", "  "] + [f"good {i}" for i in range(8)]
    dataset = make_dataset(np.array(texts, dtype=object), ["a"] * 45 + ["b"] * 45 + ["b", "b"] + ["a"] * 7 + ["b"])
    problems = inspect(dataset, last_fifth(dataset))
    assert "leak" not in [p.severity for p in problems]
    (empty,) = [p for p in problems if "empty" in p.what]
    assert (empty.what, empty.where) == ("2 texts are empty.", "ids 90, 91")
    (mixed,) = [p for p in problems if "different class" in p.what]
    assert mixed.what.startswith("2 texts equal another one of a different class: any method is wrong about 1 row of 100")
