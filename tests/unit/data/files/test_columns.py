"""The kinds of columns are what a person would say, and cells become the numbers that they stand for."""

from __future__ import annotations

import math
from dataclasses import asdict
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdl_cli.data.files.columns import CellError, Column, LeftOut, encode, feature_names, infer, level_counts, to_numbers
from sdl_cli.data.files.marks import Marks
from sdl_cli.learning.models.encoding import TableEncoder

Array = np.ndarray[Any, Any]
DAY_PARTS = ("days", "year", "month", "day", "weekday")


def cells(*values: str | None) -> Array:
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


KINDS: list[tuple[list[str | None], str]] = [
    (["1", "2.5", "-3e4"], "number"),
    (["1", None, "+.5"], "number"),
    (["0", "1", "0"], "number"),
    (["yes", "No", None], "boolean"),
    (["TRUE", "false"], "boolean"),
    (["t", "F"], "boolean"),
    (["y", "N"], "boolean"),
    (["yes", "yes"], "category"),  # one word only may be half of another pair
    (["F", "F"], "category"),
    (["yes", "no", "maybe"], "category"),
    (["yes", "false"], "category"),
    (["red", "blue", None], "category"),
    (["1", "2", "three"], "category"),
    (["1_000", "2"], "category"),
    (["0x1F", "2"], "category"),
    (["1,5", "2,5"], "category"),
    (["2020-01-31", "2021-12-01"], "date"),
    (["2020-01-31", None], "date"),
    (["2020-01-31", "2021-13-01"], "category"),
    (["2020-01-31", "31.01.2020"], "category"),
    (["12-34-56-78", "1"], "category"),
]


@pytest.mark.parametrize(("values", "kind"), KINDS)
def test_the_kind_of_a_column(values: list[str | None], kind: str) -> None:
    found = infer("a", cells(*values))
    assert isinstance(found, Column) and found.kind == kind and found.name == "a"


# how a date is written -> the day and the hour that it means
DATES: list[tuple[str, datetime, bool]] = [
    ("2020-01-31", datetime(2020, 1, 31), False),
    ("2020/01/31", datetime(2020, 1, 31), False),
    ("31.01.2020", datetime(2020, 1, 31), False),
    ("01/31/2020", datetime(2020, 1, 31), False),
    ("31/01/2020", datetime(2020, 1, 31), False),
    ("31-01-2020", datetime(2020, 1, 31), False),
    ("01-31-2020", datetime(2020, 1, 31), False),
    ("31.01.20", datetime(2020, 1, 31), False),
    ("31 Jan 2020", datetime(2020, 1, 31), False),
    ("31-Jan-2020", datetime(2020, 1, 31), False),
    ("January 31, 2020", datetime(2020, 1, 31), False),
    ("2020-01-31 10:30", datetime(2020, 1, 31, 10, 30), True),
    ("2020-01-31T10:30:05.123Z", datetime(2020, 1, 31, 10, 30), True),
    ("01/31/2020 22:45:01", datetime(2020, 1, 31, 22, 45), True),
    ("1960-02-29", datetime(1960, 2, 29), False),
    ("1969-12-31 23:00", datetime(1969, 12, 31, 23), True),
    ("9999-12-31", datetime(9999, 12, 31), False),  # "for ever", in many databases
    ("0001-01-01", datetime(1, 1, 1), False),
]


@pytest.mark.parametrize(("text", "meant", "has_time"), DATES)
def test_a_date_is_taken_apart(text: str, meant: datetime, has_time: bool) -> None:
    column = infer("when", cells(text, text))
    assert isinstance(column, Column) and column.kind == "date"
    assert column.parts == ((*DAY_PARTS, "hour") if has_time else DAY_PARTS)
    days = meant.toordinal() - datetime(1970, 1, 1).toordinal()
    parts = [days, meant.year, meant.month, meant.day, meant.weekday(), meant.hour + meant.minute / 60]
    found = encode(column, cells(text, None))
    np.testing.assert_array_equal(found[0], parts[: len(column.parts)])
    assert np.isnan(found[1]).all()


def test_month_first_is_tried_before_day_first_and_all_cells_decide() -> None:
    found = infer("a", cells("01/02/2020", "03/04/2020"))
    assert isinstance(found, Column) and found.format == "%m/%d/%Y"
    found = infer("a", cells(*["01/02/2020"] * 60, "13/02/2020"))
    assert isinstance(found, Column) and found.format == "%d/%m/%Y"


def test_iso_dates_are_understood_in_a_column_of_another_format() -> None:
    column = infer("a", cells("31.01.2020"))
    assert isinstance(column, Column)
    plain, iso = encode(column, cells("01.02.2021", "2021-02-01 00:00:00"))
    np.testing.assert_array_equal(plain, iso)


def test_numbers_are_read_exactly() -> None:
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=2000) * 10.0 ** rng.integers(-30, 30, 2000)
    np.testing.assert_array_equal(to_numbers(cells(*map(repr, numbers.tolist()))), numbers)


def test_the_minus_sign_of_mathematics_is_a_minus() -> None:
    np.testing.assert_array_equal(to_numbers(cells("\u22125", "5", None, "2e\u22123", "x")), [-5, 5, np.nan, 0.002, np.nan])


def test_decimal_commas() -> None:
    np.testing.assert_array_equal(to_numbers(cells("1,5", "-2", None, "3,25e1"), Marks(",")), [1.5, -2, np.nan, 32.5])
    assert np.isnan(to_numbers(cells("1.5", "1,5,5", "1.000,5"), Marks(","))).all(), "a point is no decimal mark there"
    found = infer("a", cells("1,5", "2"), Marks(","))
    assert isinstance(found, Column) and found.kind == "number"


@pytest.mark.parametrize("text", ["inf", "-Infinity", "1e400"])
def test_an_infinite_number_is_refused_like_any_other_cell_that_is_none(text: str) -> None:
    column = infer("a", cells("1", text, "3"))
    assert isinstance(column, Column) and column.kind == "number"
    with pytest.raises(CellError, match="row 1: not a finite number"):
        encode(column, cells("1", text, "3"))
    with pytest.raises(CellError, match="row 1"):
        encode(column, np.array([np.nan, np.inf]))


BAD_CELLS: list[tuple[Column, str, str]] = [
    (Column("a", "number"), "x", "a finite number"),
    (Column("a", "boolean", ("no", "yes")), "maybe", "one of no, yes"),
    (Column("a", "date", (), DAY_PARTS, "%Y-%m-%d"), "2020-02-30", "a date written as YYYY-MM-DD"),
]


@pytest.mark.parametrize(("column", "cell", "wanted"), BAD_CELLS)
def test_a_cell_that_does_not_fit_its_column_is_named(column: Column, cell: str, wanted: str) -> None:
    with pytest.raises(CellError) as error:
        encode(column, cells(None, None, cell))
    assert (error.value.row, error.value.wanted) == (2, wanted)


def test_categories_become_indices_and_booleans_0_and_1() -> None:
    column = infer("a", cells("b", "a", "c", "a"))
    assert isinstance(column, Column) and column.levels == ("a", "b", "c")
    np.testing.assert_array_equal(encode(column, cells("c", "a", "new", None))[:, 0], [2, 0, 3, np.nan])
    column = infer("a", cells("Yes", "NO"))
    assert isinstance(column, Column)
    np.testing.assert_array_equal(encode(column, cells("no", "YES", None))[:, 0], [0, 1, np.nan])
    number = infer("a", cells("1", "2"), category=True)
    assert number == Column("a", "category", ("1", "2"))


def test_names_and_level_counts_go_with_the_columns_of_x() -> None:
    columns = [
        Column("n", "number"),
        Column("c", "category", ("a", "b", "c")),
        Column("b", "boolean", ("no", "yes")),
        Column("d", "date", (), DAY_PARTS, "%Y-%m-%d"),
    ]
    assert feature_names(columns) == ("n", "c", "b", "d.days", "d.year", "d.month", "d.day", "d.weekday")
    assert level_counts(columns) == (0, 3, 0, 0, 0, 0, 0, 0)
    assert [Column.from_plain(asdict(column)) for column in columns] == columns


LEFT_OUT: list[tuple[list[str | None], str]] = [
    ([None, None, None], "is empty"),
    ([str(i) for i in range(1, 31)], "counts the rows"),
    ([f"case {i}" for i in range(30)], "30 different values in 30 rows"),
    ([f"a sentence of more than forty characters, and it is number {i}" for i in range(30)], "free text"),
]


@pytest.mark.parametrize(("values", "reason"), LEFT_OUT)
def test_columns_that_say_nothing_of_other_rows_are_left_out_unless_chosen(values: list[str | None], reason: str) -> None:
    found = infer("a", cells(*values))
    assert isinstance(found, LeftOut) and reason in found.reason
    assert isinstance(infer("a", cells(*values), chosen=True), LeftOut if reason == "is empty" else Column)


@pytest.mark.parametrize(
    "values",
    [
        [str(i) for i in range(9)],  # too few rows to tell
        [str(i * 2) for i in range(30)],
        [*map(str, range(29)), None],
        [f"case {i}" for i in range(19)],
        [f"case {i % 20}" for i in range(30)],
    ],
)
def test_columns_that_only_look_a_little_like_names_of_rows_are_kept(values: list[str | None]) -> None:
    assert isinstance(infer("a", cells(*values)), Column)


NUMBERS = st.one_of(st.integers(-(10**6), 10**6), st.floats(allow_nan=False, allow_infinity=False, width=64)).map(str)
DATETIMES = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)).map(
    lambda when: when.strftime("%Y").zfill(4) + when.strftime("-%m-%d")
)
WORDS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8)
VALUES = st.sampled_from([NUMBERS, DATETIMES, WORDS, st.sampled_from(["yes", "no"]), st.sampled_from(["a", "b", "c"])])


@st.composite
def tables(draw: st.DrawFn) -> list[list[str | None]]:
    num = draw(st.integers(1, 25))
    kinds = draw(st.lists(VALUES, min_size=1, max_size=4))
    return [draw(st.lists(st.one_of(st.none(), kind), min_size=num, max_size=num)) for kind in kinds]


@settings(max_examples=100, deadline=None, database=None)
@given(tables(), st.integers(0, 2**31))
def test_any_table_becomes_finite_numbers(table: list[list[str | None]], seed: int) -> None:
    own = [cells(*values) for values in table]
    columns = [(c, i) for i, values in enumerate(own) if isinstance(c := infer(f"x{i}", values), Column)]
    if not columns:
        return
    try:
        X = np.concatenate([encode(c, own[i]) for c, i in columns], axis=1)
    except CellError as error:
        assert error.wanted == "a finite number" and any(math.isinf(to_numbers(own[i])[error.row]) for _, i in columns)
        return
    kinds = [c for c, _ in columns]
    assert X.shape == (len(own[0]), len(feature_names(kinds))) and X.shape[1] == len(level_counts(kinds))
    assert not np.isinf(X).any()
    train = np.random.default_rng(seed).permutation(len(X))[: max(1, len(X) // 2)]
    encoder = TableEncoder(level_counts(kinds)).fit(X[train])
    outputs = encoder.transform(X)
    assert np.isfinite(outputs).all() and np.isfinite(outputs.astype(np.float32) ** 2).all()
    arrays, values = encoder.get_state()
    np.testing.assert_array_equal(TableEncoder.from_state(arrays, values).transform(X), outputs)
