"""Columns: missing, constant, copies and names of rows; what is only nearly so is left alone."""

from __future__ import annotations

import numpy as np
import pytest
from unit.run.check.conftest import interleaved, make_dataset

from sdl_cli.data.files.columns import Column
from sdl_cli.run.check import inspect

RNG = np.random.default_rng(0)
NUM = 200


def table(columns, kinds=None):
    """A table with the columns of `columns`; `kinds` are their Columns, where it is a mixed one."""
    y = RNG.permutation(np.repeat(["a", "b"], NUM // 2))
    return make_dataset(np.column_stack(list(columns.values())), y, names=list(columns), columns=kinds or ())


def find(dataset, *words):
    return [p for p in inspect(dataset, interleaved(dataset)) if any(word in p.what + p.advice for word in words)]


def test_missing_values():
    some, most = RNG.normal(size=(2, NUM))
    some[:20], most[:150] = np.nan, np.nan
    (problem,) = find(table({"full": RNG.normal(size=NUM), "some": some}), "missing")
    assert (problem.severity, problem.where) == ("note", "some (10 %)")
    assert "1 column of 2 with missing values, 5 % of all cells." in problem.what
    (problem,) = find(table({"full": RNG.normal(size=NUM), "some": some, "most": most}), "missing")
    assert (problem.severity, problem.where) == ("warning", "most (75 %), some (10 %)")
    assert "1 column is missing in more than half of the rows" in problem.what


def test_a_date_is_one_column_of_those_with_missing_values():
    when = Column("when", "date", parts=("when.year", "when.month"))
    some, year = RNG.normal(size=NUM), np.full(NUM, 2024.0)
    some[:20], year[:10] = np.nan, np.nan
    columns = {"some": some, "when.year": year, "when.month": np.where(np.isnan(year), np.nan, 5.0)}
    (problem,) = find(table(columns, kinds=(Column("some", "number"), when)), "missing")
    assert problem.what == "2 columns of 2 with missing values, 7.5 % of all cells."
    assert problem.where == "some (10 %), when (5 %)"


def test_constant_and_empty_columns():
    holes = np.where(RNG.random(NUM) < 0.1, np.nan, 3.0)
    dataset = table({"x": RNG.normal(size=NUM), "one": np.ones(NUM), "holes": holes, "empty": np.full(NUM, np.nan)})
    (problem,) = find(dataset, "one value in every row")
    assert problem.where == "one, holes, empty (all missing)"


@pytest.mark.parametrize(
    ("column", "severity", "where"),
    [
        (np.arange(NUM) + 1000.0, "warning", "id (whole numbers in a row)"),
        (RNG.permutation(NUM) * 1.0, "warning", "id (whole numbers in a row)"),
        (-np.arange(NUM) * 1.0, "warning", "id (whole numbers in a row)"),
        # where some rows are there twice
        (RNG.permutation(np.arange(NUM) % 185) * 1.0, "warning", "id (whole numbers in a row)"),
        # customer numbers in the order of the file, or visitors a day that grow
        (np.cumsum(RNG.integers(1, 9, NUM)) * 1.0, "note", "id (rises from row to row)"),
        (-3.0 * np.arange(NUM), "note", "id (falls from row to row)"),
        (RNG.permutation(np.arange(NUM) % 150) * 1.0, None, ""),
        (RNG.permutation(10 * NUM)[:NUM] * 1.0, None, ""),  # whole numbers that happen to differ
        (np.sort(RNG.normal(size=NUM)), None, ""),  # a sorted measurement
        (np.arange(NUM) // 2 * 1.0, None, ""),
        (np.where(np.arange(NUM) == 7, np.nan, np.arange(NUM)), None, ""),
        (2.0**60 + np.arange(NUM) * 2.0**20, None, ""),
    ],
)
def test_numbers_that_count_the_rows(column, severity, where):
    problems = find(table({"x": RNG.normal(size=NUM), "id": column}), "say nothing about new ones", "says nothing about new ones")
    assert [(p.severity, p.where) for p in problems] == ([(severity, where)] if severity else [])


@pytest.mark.parametrize("step", [1, 3])
def test_parts_of_dates_are_no_numbers_of_rows(step):
    days = 19_000.0 + step * np.arange(NUM)
    kinds = (Column("x", "number"), Column("when", "date", parts=("days", "year")))
    columns = {"x": RNG.normal(size=NUM), "when.days": days, "when.year": np.repeat([2020.0, 2021.0], NUM // 2)}
    assert not [p for p in inspect(table(columns, kinds), interleaved(table(columns, kinds))) if "when" in p.where + p.what]


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
    y = np.arange(NUM) % 2
    columns = (Column("day", "date", parts=("year",)), Column("x", "number"))
    dataset = make_dataset(np.column_stack([y, RNG.normal(size=NUM)]), y, names=["day.year", "x"], columns=columns)
    (problem,) = find(dataset, "target away")
    assert problem.what.startswith("day.year alone gives the target away")
    assert problem.advice.endswith("'dataset.drop=[day]'")
