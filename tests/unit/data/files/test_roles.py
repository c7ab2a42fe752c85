"""Columns are found by name or position, and a target's cells are read as what they are, with a note where that is a guess."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from sdl_cli.data.files.marks import PLAIN, Marks
from sdl_cli.data.files.roles import find_column, listed, which_target
from sdl_cli.data.files.target_cells import encode_target
from sdl_cli.data.files.target_rows import drop_missing_targets, large_classes
from sdl_cli.errors import DataError
from sdl_cli.phrases import shortened

Array = np.ndarray[Any, Any]
NAMES = ("age", "Blood Pressure", "outcome", "0")


def cells(values: Sequence[object]) -> Array:
    found = np.empty(len(values), dtype=object)
    found[:] = [None if value is None else str(value) for value in values]
    return found


@pytest.mark.parametrize(
    ("asked", "position"),
    [
        ("age", 0),
        ("AGE", 0),
        (" blood pressure ", 1),
        ("2", 2),
        ("-1", 3),
        ("-4", 0),
        ("0", 3),  # a name goes before a position
    ],
)
def test_a_column_is_found(asked: str, position: int) -> None:
    assert find_column("f.csv", NAMES, asked, "dataset.target") == position


@pytest.mark.parametrize(
    ("asked", "fragments"),
    [
        ("outcom", ["dataset.target: f.csv has no column 'outcom'", "Did you mean outcome?", "Its columns: age, Blood Pressure"]),
        ("4", ["dataset.target=4: f.csv has 4 columns.", "0 to 3"]),
        ("-5", ["dataset.target=-5: f.csv has 4 columns."]),
        ("1.5", ["no column '1.5'"]),
        ("", ["no column ''"]),
        ("\x1b[31m" + "x" * 999, ["no column '?[31mxxx", "..."]),
    ],
)
def test_a_column_that_is_not_there_is_named(asked: str, fragments: list[str]) -> None:
    with pytest.raises(DataError) as error:
        find_column("f.csv", NAMES, asked, "dataset.target")
    text = f"{error.value.message} {error.value.hint}"
    assert all(fragment in text for fragment in fragments) and len(text) < 400 and text.isprintable(), text


def test_two_columns_that_differ_in_case_must_be_named_exactly() -> None:
    assert find_column("f.csv", ("y", "Y"), "Y", "k") == 1
    with pytest.raises(DataError, match="no column 'y '"):
        find_column("f.csv", ("y", "Y"), "y ", "k")


@pytest.mark.parametrize(
    ("names", "likely"), [(("class", "a", "b"), "class"), (("a", "b", "c"), " and its name."), (("y", "Outcome", "z"), "Outcome")]
)
def test_a_target_that_was_not_given_is_suggested(names: tuple[str, ...], likely: str) -> None:
    error = which_target("f.csv", names)
    assert f"There are: {', '.join(names)}." in error.message and error.hint == f"Add dataset.target={likely}"


def test_lists_and_cells_are_cut_for_messages() -> None:
    assert listed([f"c{i}" for i in range(20)]) == "c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11 and 8 more"
    assert shortened("a\nb\x1b[0m") == "a b?[0m" and len(shortened("x" * 1000)) == 60


# rows without a target


def test_rows_without_a_target_are_named_or_left_out() -> None:
    y, lines = cells(["a", None, "b", None]), np.array([2, 3, 5, 6])
    with pytest.raises(DataError) as error:
        drop_missing_targets("f.csv", "y", y, lines, "fail", [])
    assert error.value.message == "f.csv: the target y is missing in 2 rows of 4 (line 3, 6)."
    assert "dataset.missing_target=drop" in str(error.value.hint)
    notes: list[str] = []
    assert drop_missing_targets("f.csv", "y", y, lines, "drop", notes).tolist() == [0, 2]
    assert notes == ["2 of 4 rows have no target and were left out."]


def test_many_rows_without_a_target_are_counted() -> None:
    with pytest.raises(DataError, match=r"missing in 1,999 rows of 2,000 \(line 3, 4, 5, 6, 7, \.\.\.\)"):
        drop_missing_targets("f.csv", "y", cells(["a"] + [None] * 1999), np.arange(2, 2002), "fail", [])


@pytest.mark.parametrize("missing_target", ["fail", "drop"])
def test_a_target_that_is_missing_everywhere_is_refused(missing_target: Any) -> None:
    with pytest.raises(DataError, match="is missing in every row"):
        drop_missing_targets("f.csv", "y", cells([None, None]), np.arange(2), missing_target, [])


# what a target is

RNG = np.random.default_rng(0)
TARGETS: dict[str, tuple[str, Sequence[object], str, tuple[str, ...] | None, str]] = {
    # case: name, cells, task, classes, part of the note
    "text": ("y", ["b", "a", "b"], "classification", ("a", "b"), ""),
    "fractions": ("y", [0.5, 1.5, 2.5], "regression", None, ""),
    "0 and 1": ("y", [0, 1, 1, 0], "classification", ("0", "1"), "has two different numbers: read as classes"),
    "-1 and 1": ("y", [1, -1, 1, -1], "classification", ("-1", "1"), "two different numbers"),
    "2 fractions": ("y", [0.5, 1.5, 0.5], "classification", ("0.5", "1.5"), "dataset.task=regression"),
    "2 fractions, written in two ways": ("y", ["0.5", "1.5", "0.50"], "classification", ("0.5", "1.5"), ""),
    "whole numbers, written in two ways": ("y", ["1", "2.0", "3", "2", "1.0", "3"], "classification", ("1", "2", "3"),
        "Spellings of one number are one class of y: 1 and 1.0; 2 and 2.0 (to keep them apart: dataset.text=[y])"),
    "codes with leading zeros": ("y", ["01", "1", "2", "01", "2", "1"], "classification", ("01", "1", "2"),
        "separate classes of y: 01 and 1"),
    "two spellings of one number": ("y", ["1E1", "10", "1E1", "10"], "classification", ("10", "1E1"), "separate classes of y: 10 and 1E1"),
    "many codes": ("y", [f"{i:03}" for i in range(40)] * 2, "classification", None, "written with leading zeros, such as 000"),
    "more digits than a float holds": ("y", ["12345678901234567", "12345678901234568"] * 3, "classification",
        ("12345678901234567", "12345678901234568"), ""),
    "0 and 1 beside yes and no": ("y", ["0", "1", "Yes", "no", "0"], "classification", ("0", "1", "Yes", "no"),
        "writes the same in several ways: 0 (2), 1 (1), no (1), yes (1)"),
    "few whole numbers": ("y", [*range(10)] * 2, "classification", tuple(map(str, range(10))), "has 10 different whole numbers"),
    "few rows of whole numbers": ("y", [3, 1, 4, 1, 5], "regression", None, "4 different whole numbers"),
    "many whole numbers": ("y", RNG.permutation(50) * 3, "regression", None, "50 different whole numbers"),
    "many, called class": ("Class", [*range(0, 60, 2)] * 2, "classification", None, "and the name of one"),
    "100 classes of 15": ("x64", np.repeat(range(1, 101), 15), "classification", None, "counts from 1 to 100"),
    "counts of very different frequency": ("y", np.repeat(range(30), range(1, 31)), "regression", None, "30 different"),
    "text beside numbers": ("y", ["1"] * 20 + ["2"] * 20 + ["x"], "classification", ("1", "2", "x"), "is text in 1 rows (such as 'x')"),
    "years": ("y", [*range(1990, 2020)] * 2, "regression", None, "30 different whole numbers"),
    "beyond exact integers": ("y", ["1e300", "2e300", "3e300"], "regression", None, ""),
}  # fmt: skip


@pytest.mark.parametrize("case", TARGETS)
def test_the_task_is_what_the_cells_say(case: str) -> None:
    name, values, task, classes, fragment = TARGETS[case]
    notes: list[str] = []
    y, found_classes, found_task = encode_target("f.csv", name, cells(list(values)), "auto", PLAIN, notes)
    assert found_task == task
    assert fragment in " ".join(notes) and bool(notes) == bool(fragment) or not fragment
    if task == "regression":
        assert found_classes == () and y.dtype == np.float64
        np.testing.assert_array_equal(y, [float(str(v)) for v in values])
        return
    assert classes is None or found_classes == classes
    assert y.dtype == np.int64 and set(y) == set(range(len(found_classes)))
    for value, index in zip(values, y, strict=True):
        same = str(value) == found_classes[index]
        assert same or float(str(value)) == float(found_classes[index])


def test_whole_numbers_are_classes_in_their_own_order() -> None:
    y, classes, _ = encode_target("f.csv", "y", cells([10, 9, 2, 10]), "classification", PLAIN, [])
    assert classes == ("2", "9", "10") and y.tolist() == [2, 1, 0, 2]


@pytest.mark.parametrize(
    ("asked", "values", "expected"),
    [("regression", [0, 1, 1], [0, 1, 1]), ("classification", [3, 1, 4, 1, 5], [1, 0, 2, 0, 3])],
)
def test_the_task_can_be_set(asked: Any, values: list[int], expected: list[int]) -> None:
    y, _, task = encode_target("f.csv", "y", cells(values), asked, PLAIN, notes := [])
    assert task == asked and y.tolist() == expected and notes == []


def test_decimal_commas_in_a_target() -> None:
    y, _, task = encode_target("f.csv", "y", cells(["1,5", "2,25", "3"]), "auto", Marks(","), [])
    assert task == "regression" and y.tolist() == [1.5, 2.25, 3]


BAD_TARGETS: dict[str, tuple[list[object], Any, str]] = {
    "one class": (["a", "a"], "auto", "one value only, 'a'"),
    "one number": ([3, 3.0], "auto", "one value only, '3'"),
    "one number, to be predicted": ([3, 3], "regression", "one value only"),
    "text as numbers": ([1, "two", 3], "regression", "holds text in 1 rows, such as 'two'"),
    "infinity": ([1.5, "inf", 3], "auto", "infinite numbers"),
    "names of rows": ([f"case {i}" for i in range(40)], "auto", "40 different values in 40 rows: it seems to name the rows"),
    "names of rows, mostly": ([f"case {i % 30}" for i in range(40)], "auto", "name the rows"),
    "a counter": (list(range(1, 41)), "auto", "seems to name the rows"),
    "a shuffled counter": (list(np.random.default_rng(0).permutation(40)), "auto", "seems to name the rows"),
    "a very long name": (["a", "b" * 5000, "a"], "auto", "a class name of 5,000 characters, 'bbb"),
    "fractions as one class": ([0.5, 0.5], "classification", "one value only"),
}


@pytest.mark.parametrize("case", BAD_TARGETS)
def test_a_target_that_cannot_be_one_is_refused(case: str) -> None:
    values, asked, fragment = BAD_TARGETS[case]
    with pytest.raises(DataError) as error:
        encode_target("f.csv", "y", cells(values), asked, PLAIN, [])
    assert fragment in error.value.message and error.value.message.startswith("f.csv: ")
    assert len(error.value.message) < 250 and error.value.hint


def test_what_names_rows_can_be_predicted_all_the_same() -> None:
    names = cells([f"case {i % 30}" for i in range(40)])
    assert len(encode_target("f.csv", "y", names, "classification", PLAIN, [])[1]) == 30
    assert encode_target("f.csv", "y", cells(list(range(40))), "regression", PLAIN, [])[2] == "regression"


# small classes


def test_small_classes_are_left_out_and_named() -> None:
    y = cells(["a"] * 5 + ["b"] * 2 + ["c"] * 3 + ["d"])
    notes: list[str] = []
    assert large_classes("y", y, 3, notes).tolist() == [0, 1, 2, 3, 4, 7, 8, 9]
    assert notes == ["Classes of y with fewer than 3 rows were left out: b (2), d (1)."]
    assert large_classes("y", y, None, notes := []).tolist() == list(range(11)) and notes == []
    assert large_classes("y", y[:5], 3, notes).tolist() == list(range(5)) and notes == []


def test_no_class_that_is_large_enough_is_said() -> None:
    with pytest.raises(DataError, match="dataset.min_class_rows=9: no value of y occurs in that many rows"):
        large_classes("y", cells(["a", "b"]), 9, [])
