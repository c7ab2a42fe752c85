"""Features that give the target away: planted ones are found, and honest strong ones are not leaks."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import datasets
from unit.run.check.conftest import interleaved, make_dataset

from sdl_cli.data.files.columns import Column
from sdl_cli.run.check import giveaway, inspect

RNG = np.random.default_rng(0)
NUM = 600
Y = RNG.permutation(np.arange(NUM) % 3)


def table(planted, y, **more):
    """Four columns of noise and the planted one."""
    X = np.column_stack([RNG.normal(size=(len(y), 4)), planted])
    return make_dataset(X, y, names=["a", "b", "c", "d", "planted"], **more)


def severity(dataset, brief=False):
    problems = [p for p in inspect(dataset, interleaved(dataset), brief) if "target away" in p.what]
    assert len(problems) <= 1
    return problems[0].severity if problems else None


@pytest.mark.parametrize("brief", [False, True])
@pytest.mark.parametrize(
    ("planted", "expected"),
    [
        (Y, "leak"),
        (np.array([7, 1, 4])[Y], "leak"),
        (Y + RNG.normal(0, 1e-3, NUM), "leak"),
        (Y + RNG.uniform(0, 0.999, NUM), "leak"),  # classes are ranges of it
        (2 * Y + RNG.integers(0, 2, NUM), "leak"),  # two finer classes for each
        (np.where(RNG.random(NUM) < 0.5, np.nan, Y), "leak"),  # known for half of the rows
        (np.where(RNG.random(NUM) < 0.02, RNG.integers(0, 3, NUM), Y), "warning"),
        (np.where(RNG.random(NUM) < 0.2, RNG.integers(0, 3, NUM), Y), None),
        (np.where(Y == 1, 1, 0), None),  # tells one class of three
        (RNG.normal(size=NUM), None),
        (RNG.permutation(NUM), None),
        (np.full(NUM, np.nan), None),
    ],
)
def test_planted_features(planted, expected, brief):
    assert severity(table(planted, Y), brief) == expected


@pytest.mark.parametrize("brief", [False, True])
@pytest.mark.parametrize(
    ("missing", "expected", "words"),
    [
        (Y == 1, "leak", "planted alone gives the target away: it is missing in all rows of class 1 and in no other."),
        (Y != 2, "leak", "planted alone gives the target away: it is given in all rows of class 2 and in no other."),
        (
            (Y == 1) ^ (np.arange(NUM) % 100 == 0),
            "warning",
            "planted alone nearly gives the target away: it is missing in nearly all",
        ),
        ((Y == 1) & (np.arange(NUM) % 5 > 0), None, ""),
        (np.arange(NUM) % 3 == 0, None, ""),
    ],
)
def test_missing_cells_can_give_a_class_away(missing, expected, words, brief):
    dataset = table(np.where(missing, np.nan, RNG.normal(size=NUM)), Y)
    assert severity(dataset, brief) == expected
    assert not words or any(p.what.startswith(words) for p in inspect(dataset, interleaved(dataset), brief))


def test_a_rare_class_that_alone_has_a_date_is_one_leak():
    """Of 600 rows 12 are of class 1: too few for an interval, but not for chance (600 choose 12 arrangements)."""
    y = (np.arange(NUM) % 50 == 0) * 1
    date = np.where(y[:, None] == 1, RNG.integers(0, 28, (NUM, 2)), np.nan)
    X = np.column_stack([RNG.normal(size=NUM), date])
    columns = (Column("x", "number"), Column("refund", "date", parts=("days", "year")))
    dataset = make_dataset(X, y, names=["x", "refund.days", "refund.year"], columns=columns)
    (leak,) = [p for p in inspect(dataset, interleaved(dataset)) if "target away" in p.what]
    assert leak.severity == "leak"
    assert leak.what == "refund alone gives the target away: it is given in all rows of class 1 and in no other."
    assert leak.advice.endswith("'dataset.drop=[refund]'")


def test_a_few_missing_cells_in_one_class_are_no_leak():
    y = (np.arange(NUM) % 100 == 0) * 1  # 6 rows
    assert severity(table(np.where(y == 1, np.nan, RNG.normal(size=NUM)), y)) != "leak"


def test_categories_are_taken_level_by_level():
    levels = tuple(f"l{i:02}" for i in range(40))
    kinds = tuple(Column(name, "number") for name in "abcd") + (Column("planted", "category", levels),)
    codes = RNG.permutation(40)[RNG.integers(0, 40, NUM)]
    y = (codes * 7 % 11) % 2
    dataset = table(codes, y, columns=kinds)
    (leak,) = [p for p in inspect(dataset, interleaved(dataset)) if "target away" in p.what]
    assert leak.severity == "leak"
    assert leak.what.startswith("planted alone gives the target away: it tells the class of 100 % of 600 rows")
    assert leak.advice.endswith("Leave out such columns: 'dataset.drop=[planted]'")


def test_the_number_of_a_row_is_a_leak_where_rows_are_sorted_by_class():
    y = np.repeat([0, 1, 2], 50)
    assert severity(table(np.arange(150), y)) == "leak"
    assert severity(table(np.arange(150), RNG.permutation(y))) is None


def test_few_rows_do_not_make_a_separation_sure():
    """A gene that separates 38 patients can be honest; the same word for each class is not chance."""
    y = np.repeat([0, 1], [27, 11])
    genes = RNG.normal(size=(38, 500))
    genes[:, 7] = y * 5 + RNG.uniform(0, 1, 38)
    assert severity(make_dataset(genes, y)) == "warning"
    genes[:, 7] = y
    assert severity(make_dataset(genes, y)) == "leak"


def test_a_group_is_no_evidence_for_itself():
    """A feature that names the patient tells the class of the patient's other rows, and not of other patients."""
    groups = np.repeat(np.arange(60), 10)
    age = RNG.permutation(60)[groups] + RNG.uniform(0, 0.01, 600)
    y = RNG.integers(0, 2, 60)[groups]
    assert severity(table(age, y, groups=groups)) is None


def test_honest_strong_features_are_no_leaks():
    iris = datasets.load_iris()
    assert severity(make_dataset(iris.data, iris.target)) is None  # petal width: 96 %
    setosa = make_dataset(iris.data, iris.target == 0)  # petal length separates it, in 150 rows
    (problem,) = [p for p in inspect(setosa, interleaved(setosa)) if "target away" in p.what]
    assert problem.severity == "warning"
    assert problem.where == "f2, f3"
    assert severity(make_dataset(*datasets.load_breast_cancer(return_X_y=True))) is None


@pytest.mark.parametrize("brief", [False, True])
@pytest.mark.parametrize(
    ("plant", "expected"),
    [
        (lambda y: y, "leak"),
        (lambda y: -3 * y + 7, "leak"),
        (lambda y: np.exp(y), "leak"),
        (lambda y: np.where(np.arange(NUM) % 3 == 0, np.nan, y), "leak"),
        (lambda y: y + RNG.normal(0, 0.05, NUM), "warning"),
        (lambda y: y + RNG.normal(0, 0.3, NUM), None),
        (lambda y: RNG.normal(size=NUM), None),
        (lambda y: np.ones(NUM), None),
    ],
)
def test_planted_features_of_a_number(plant, expected, brief):
    y = RNG.normal(size=NUM)
    assert severity(table(plant(y), y), brief) == expected


def test_rank_correlation_against_scipy():
    from scipy.stats import spearmanr

    x, y = RNG.integers(0, 20, 300), RNG.normal(size=300) + np.arange(300) / 100
    assert giveaway._rank_correlation(x, y) == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)
    assert giveaway._rank_correlation(np.ones(300), y) == 0.0


def test_the_best_level_of_the_other_folds_by_hand():
    x, y, folds = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 0]), np.array([0, 1, 2, 0, 1, 0])
    # row 1 has a row of each class at its level in other folds and the first class is taken; row 5 has none
    assert giveaway._by_level(x, y, folds).tolist() == [0, 0, 0, 1, 1, -1]


def test_promising_columns_are_never_left_out():
    y = RNG.integers(0, 4, 400)
    for num_errors in (0, 5, 14):  # of 300 or so that are not of the largest class: at most a twentieth
        planted = y + RNG.uniform(0, 0.5, 400)
        wrong = RNG.choice(400, num_errors, replace=False)
        planted[wrong] = RNG.uniform(0, 4, num_errors)
        assert 1 in giveaway._candidates(np.column_stack([RNG.normal(size=400), planted]), y)


def test_a_code_for_each_of_many_classes():
    y = RNG.permutation(np.repeat(np.arange(200), 5))
    assert severity(table((y * 7) % 200, y)) == "leak"
