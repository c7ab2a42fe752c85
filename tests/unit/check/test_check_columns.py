"""Columns: missing, constant, copies and names of rows; what is only nearly so is left alone."""

from __future__ import annotations

import numpy as np
import pytest
from unit.check.conftest import interleaved, make_dataset

from sdl_cli.check import inspect
from sdl_cli.data.columns import Column

RNG = np.random.default_rng(0)
NUM = 200


def table(columns, kinds=None):
    """A table with the columns of `columns`; `kinds` are their Columns, where it is a mixed one."""
    y = RNG.permutation(np.repeat(["a", "b"], NUM // 2))
    return make_dataset(np.column_stack(list(columns.values())), y, names=list(columns), columns=kinds or ())


def find(dataset, word):
    return [p for p in inspect(dataset, interleaved(dataset)) if word in p.what]


def test_missing_values():
    some, most = RNG.normal(size=(2, NUM))
    some[:20], most[:150] = np.nan, np.nan
    (problem,) = find(table({"full": RNG.normal(size=NUM), "some": some}), "missing")
    assert (problem.severity, problem.where) == ("note", "some (10 %)")
    assert "1 column of 2 with missing values, 5 % of all cells." in problem.what
    (problem,) = find(table({"full": RNG.normal(size=NUM), "some": some, "most": most}), "missing")
    assert (problem.severity, problem.where) == ("warning", "most (75 %), some (10 %)")
    assert "1 column is missing in more than half of the rows" in problem.what


def test_constant_and_empty_columns():
    holes = np.where(RNG.random(NUM) < 0.1, np.nan, 3.0)
    dataset = table({"x": RNG.normal(size=NUM), "one": np.ones(NUM), "holes": holes, "empty": np.full(NUM, np.nan)})
    (problem,) = find(dataset, "one value in every row")
    assert problem.where == "one, holes, empty (all missing)"


@pytest.mark.parametrize(
    ("column", "is_name"),
    [
        (np.arange(NUM) + 1000.0, True),
        (RNG.permutation(NUM) * 1.0, True),
        (np.cumsum(RNG.integers(1, 9, NUM)) * 1.0, True),  # customer numbers in the order of the file
        (-np.arange(NUM) * 1.0, True),
        (RNG.permutation(np.arange(NUM) % 185) * 1.0, True),  # where some rows are there twice
        (RNG.permutation(np.arange(NUM) % 150) * 1.0, False),
        (RNG.permutation(10 * NUM)[:NUM] * 1.0, False),  # whole numbers that happen to differ
        (np.sort(RNG.normal(size=NUM)), False),  # a sorted measurement
        (np.arange(NUM) // 2 * 1.0, False),
        (np.where(np.arange(NUM) == 7, np.nan, np.arange(NUM)), False),
        (2.0**60 + np.arange(NUM) * 2.0**20, False),
    ],
)
def test_numbers_that_count_the_rows(column, is_name):
    problems = find(table({"x": RNG.normal(size=NUM), "id": column}), "which says nothing about new ones")
    assert [p.where for p in problems] == (["id (whole numbers in a row)"] if is_name else [])


@pytest.mark.parametrize(("num_levels", "is_name"), [(NUM, True), (180, True), (150, False)])
def test_categories_that_name_the_rows(num_levels, is_name):
    codes = RNG.permutation(np.arange(NUM) % num_levels)
    kinds = (Column("x", "number"), Column("who", "category", tuple(map(str, range(num_levels)))))
    problems = find(table({"x": RNG.normal(size=NUM), "who": codes}, kinds), "which says nothing about new ones")
    assert [(p.where, p.advice) for p in problems] == (
        [(f"who ({num_levels} different values)", "Leave out such columns: 'dataset.drop=[who]'")] if is_name else []
    )


def test_copies_as_they_stand_scaled_mirrored_and_renamed():
    x, other = RNG.normal(size=(2, NUM))
    hollow = np.where(RNG.random(NUM) < 0.2, np.nan, x)
    codes = RNG.integers(0, 4, NUM)
    levels = ("a", "b", "c", "d")
    columns = {"x": x, "again": x, "pounds": 2.2046 * x, "below": 5 - 3 * x, "hollow": hollow, "grey": hollow * 7, "other": other}
    columns |= {"site": codes, "code": np.array([2, 0, 3, 1])[codes], "almost": np.where(np.arange(NUM) == 9, 9, x)}
    kinds = [Column(name, "number") for name in columns]
    kinds[7], kinds[8] = Column("site", "category", levels), Column("code", "category", levels)
    (problem,) = find(table(columns, tuple(kinds)), "of another, as it stands")
    assert problem.what.startswith("5 columns are copies")
    assert problem.where == "again = x, pounds = x, below = x, grey = hollow, code = site"


def test_whole_numbers_of_a_regular_scale_are_copies_of_each_other():
    meters = RNG.integers(0, 20_001, NUM) * 1.0
    (problem,) = find(table({"m": meters, "km": meters / 1000}), "copy")
    assert problem.where == "km = m"


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("who", "Leave out such columns: 'dataset.drop=[who]'"),
        ("who, 'me'", "Leave such columns out with dataset.drop."),
        ("\x1b[31m", "Leave such columns out with dataset.drop."),
    ],
)
def test_what_to_type_is_only_told_where_it_can_be_typed(name, advice):
    dataset = table({"x": RNG.normal(size=NUM), name: np.arange(NUM) * 1.0}, (Column("x", "number"), Column(name, "number")))
    (problem,) = find(dataset, "which says nothing about new ones")
    assert problem.advice == advice
    assert "\x1b" not in str(problem)


def test_parts_of_a_date_are_left_out_as_one_column():
    dataset = make_dataset(
        np.column_stack([np.arange(NUM), RNG.normal(size=NUM)]),
        ["a", "b"] * (NUM // 2),
        names=["day.year", "x"],
        columns=(Column("day", "date", parts=("year",)), Column("x", "number")),
    )
    (problem,) = find(dataset, "which says nothing about new ones")
    assert problem.advice == "Leave out such columns: 'dataset.drop=[day]'"
