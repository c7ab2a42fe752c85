"""Columns that name what rows belong to: planted patients are found, and honest strong features are not taken for them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import datasets
from unit.run.check.conftest import interleaved, make_dataset

from sdl_cli.data.files.columns import Column
from sdl_cli.data.split import Split
from sdl_cli.run.check import inspect, unnamed_groups
from sdl_cli.run.check.problem import ranked

RNG = np.random.default_rng(0)
PATIENT = RNG.permutation(np.repeat(np.arange(150), 4))
NUM = len(PATIENT)
CLASS = (RNG.random(150) < 0.2)[PATIENT] * 1
LEVELS = tuple(f"P{i:03}" for i in range(150))
KINDS = tuple(Column(name, "number") for name in "abc")


def table(column, y, kind=None, **more):
    X = np.column_stack([RNG.normal(size=(len(y), 3)), column])
    columns = (*KINDS, kind or Column("who", "number"))
    return make_dataset(X, y, names=["a", "b", "c", "who"], **({"columns": columns} | more))


def found(dataset, brief=False, parts=None):
    problems = inspect(dataset, parts or interleaved(dataset), brief)
    return [p for p in problems if "several rows each" in p.what]


@pytest.mark.parametrize("brief", [False, True])
@pytest.mark.parametrize("kind", [Column("who", "number"), Column("who", "category", LEVELS)])
def test_patients_of_one_class_each(kind, brief):
    (problem,) = found(table(PATIENT, CLASS, kind), brief)
    assert problem.severity == "warning"
    assert problem.what == "who: 150 values, several rows each, and always the same class within one."
    assert problem.advice == (
        "If it names what rows belong to (a patient, a plant), new ones will not be among them: 'dataset.group=who'"
    )


def test_patients_of_nearly_one_number_each():
    y = RNG.normal(size=150)[PATIENT]
    (problem,) = found(table(PATIENT, y + RNG.normal(0, 0.1, NUM)))
    assert problem.what == "who: 150 values, several rows each, and nearly always the same target within one."
    assert not found(table(PATIENT, y + RNG.normal(0, 0.5, NUM)))
    y[0] = 1e9  # one number that outweighs all others
    assert found(table(PATIENT, y))


def test_plain_numbers_have_no_setting():
    (problem,) = found(table(PATIENT, CLASS, columns=()))
    assert problem.advice.endswith("make it the group of each row.")


@pytest.mark.parametrize(
    ("column", "y"),
    [
        (PATIENT, RNG.permutation(CLASS)),  # the class of each visit is another
        (PATIENT, np.where(RNG.random(NUM) < 0.15, 1 - CLASS, CLASS)),
        (PATIENT, (PATIENT > 70) * 1),  # a measurement above a threshold
        (PATIENT, (np.abs(PATIENT - 70) > 40) * 1),
        (PATIENT, PATIENT**2 * 1.0),  # a smooth curve
        (PATIENT, np.sin(PATIENT / 10)),
        (PATIENT // 10, (np.arange(15) % 2)[PATIENT // 10]),  # 15 values
        (np.arange(NUM), CLASS),  # a value for each row
        (PATIENT + 0.5, CLASS),  # no whole numbers
        (PATIENT, np.where(PATIENT == 7, 1, 0)),  # four rows of a rare class
        (PATIENT, np.zeros(NUM, np.int64)),
        (np.full(NUM, np.nan), CLASS),
    ],
)
def test_what_does_not_name_groups(column, y):
    assert not found(table(column * 1.0, y))


def test_a_category_with_an_effect_is_no_group():
    """Thirty towns whose shares of the class lie anywhere in [0, 1]: a good feature, though no town is of one class."""
    town = RNG.integers(0, 30, NUM)
    y = (RNG.random(NUM) < RNG.random(30)[town]) * 1
    assert not found(table(town, y, Column("who", "category", LEVELS[:30])))


def test_numbers_taken_for_categories_are_still_numbers():
    levels = tuple(map(str, range(150)))
    assert not found(table(PATIENT, (PATIENT > 70) * 1, Column("who", "category", levels)))
    assert found(table(PATIENT, CLASS, Column("who", "category", levels)))


def test_dates_groups_and_divided_values_are_left_alone():
    assert not found(table(PATIENT, CLASS, Column("who", "date", parts=("days",))))
    assert not found(table(PATIENT, CLASS, groups=PATIENT))
    dataset = table(PATIENT, CLASS)
    is_test = PATIENT < 30  # the parts keep patients whole
    assert not found(dataset, parts=Split(np.flatnonzero(~is_test), None, np.flatnonzero(is_test)))


def test_copies_of_rows_make_no_groups():
    number, y = RNG.permutation(300) * 7, RNG.integers(0, 2, 300)
    X = np.column_stack([RNG.normal(size=(300, 3)), number])
    dataset = make_dataset(np.concatenate([X, X]), np.concatenate([y, y]))
    assert not found(dataset)


@pytest.mark.parametrize("load", [datasets.load_iris, datasets.load_wine, datasets.load_breast_cancer, datasets.load_diabetes])
def test_measurements_in_whole_numbers_are_no_groups(load):
    X, y = load(return_X_y=True)
    for scale in (1, 10, 100):
        dataset = make_dataset(np.rint(scale * X), y)
        assert not found(dataset)


def test_the_agreement_of_classes_and_numbers_by_hand():
    y, member, sizes = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 1, 2, 2]), np.array([2, 2, 2])
    # Within: only value 1 is mixed, 2 - (1 + 1) / 2 = 1 of 3 degrees of freedom; among all rows 1/2. Its class is either.
    disagreement, expected, roughness = unnamed_groups._compare_classes(y, member, sizes, np.arange(3))
    assert (disagreement, expected) == (pytest.approx(2 / 3), pytest.approx(1.5))
    assert roughness == pytest.approx((1 / 2) / (4 / 9))  # one change in two steps; impurity of classes 2 : 1
    numbers = np.array([1.0, 2, 3, 4, 5, 6])
    # Ranks 1..6 of variance 35/12; within each value 1/2. Means 1.5, 3.5, 5.5: steps of 2, variance 8/3.
    disagreement, expected, roughness = unnamed_groups._compare_numbers(numbers, member, sizes, np.arange(3))
    assert (disagreement, expected, roughness) == (pytest.approx(0.5 / (35 / 12)), 3.0, pytest.approx(4 / (2 * 8 / 3)))
    assert unnamed_groups._compare_numbers(numbers, member, sizes, None)[2] == np.inf


def test_ranks_against_scipy():
    from scipy.stats import rankdata

    x = RNG.integers(0, 20, 100)
    assert np.array_equal(ranked(x), rankdata(x))
