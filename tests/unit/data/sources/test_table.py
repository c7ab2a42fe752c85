"""Tables in files become numbers with roles, and new rows of them become the same numbers."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdl_cli.data.dataset import Dataset
from sdl_cli.data.draw import hold_out
from sdl_cli.data.files.columns import level_counts
from sdl_cli.data.files.table_cells import Cells, from_frame, row_ids
from sdl_cli.data.sources.new_rows import iter_rows
from sdl_cli.data.sources.table import Table, load
from sdl_cli.data.split import described, split
from sdl_cli.errors import DataError
from sdl_cli.learning.models.encoding import TableEncoder

Array = np.ndarray[Any, Any]
Write = Callable[..., str]

MIXED = """case,age,sex,smoker,visit,site,pressure,outcome
p1,34,m,yes,2020-01-31,7,120.5,ill
p2,,f,no,2021-02-28,8,NA,well
p3,51,?,No,,7,118,ill
p4,28,m,,2019-12-01,9,131,well
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a table into a file and give its path."""

    def to_file(text: str, name: str = "t.csv", encoding: str = "utf-8") -> str:
        path = tmp_path / name
        content = text.encode(encoding)
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return str(path)

    return to_file


def inputs(dataset: Dataset) -> dict[str, Any]:
    """What a run stores of its data, after a trip through JSON."""
    found = {"columns": [asdict(column) for column in dataset.columns], "source": dict(dataset.source)}
    found["classes"] = dataset.classes
    loaded: dict[str, Any] = json.loads(json.dumps(found))
    return loaded


def rows_of(path: str, dataset: Dataset, chunk_rows: int = 50_000) -> tuple[list[str], Array]:
    chunks = list(iter_rows(Path(path), inputs(dataset), chunk_rows))
    return [i for ids, _ in chunks for i in ids], np.concatenate([X for _, X in chunks])


def test_a_mixed_table(write: Write) -> None:
    dataset = load(Table(path=write(MIXED), target="outcome", id="case", categorical=("site",)))
    assert (dataset.name, dataset.task, dataset.modality) == ("t", "classification", "table")
    assert dataset.classes == ("ill", "well") and dataset.y.tolist() == [0, 1, 0, 1]
    assert dataset.ids.tolist() == ["p1", "p2", "p3", "p4"]
    date = [f"visit.{part}" for part in ("days", "year", "month", "day", "weekday")]
    assert dataset.feature_names == ("age", "sex", "smoker", *date, "site", "pressure")
    assert level_counts(dataset.columns) == (0, 2, 0, 0, 0, 0, 0, 0, 3, 0)
    nan = np.nan
    expected = [
        [34, 1, 1, 18292, 2020, 1, 31, 4, 0, 120.5],
        [nan, 0, 0, 18686, 2021, 2, 28, 6, 1, nan],
        [51, nan, 0, nan, nan, nan, nan, nan, 0, 118],
        [28, 1, nan, 18231, 2019, 12, 1, 6, 2, 131],
    ]
    np.testing.assert_array_equal(dataset.X, expected)
    assert dataset.groups is None and dataset.part is None and len(dataset.fingerprint) == 64
    assert described(dataset)["is_mixed"] and described(dataset)["has_dates"]
    assert not described(load(Table(path=write(MIXED), target="outcome", drop=("visit",))))["has_dates"]


@pytest.mark.parametrize(
    ("settings", "features"),
    [
        ({"target": "d"}, ["a", "b", "c"]),
        ({"target": "3"}, ["a", "b", "c"]),
        ({"target": "-1"}, ["a", "b", "c"]),
        ({"target": "d", "drop": ("b",)}, ["a", "c"]),
        ({"target": "d", "drop": ("0", "-2")}, ["b"]),
        ({"target": "d", "features": ("c", "A")}, ["c", "a"]),
        ({"target": "d", "features": ("c", "c", "2")}, ["c"]),
        ({"target": "d", "features": ("a", "b"), "drop": ("b",)}, ["a"]),
        ({"target": "d", "group": "a"}, ["b", "c"]),
        ({"target": "d", "id": "b"}, ["a", "c"]),
        ({"target": "d", "id": "b", "group": "b"}, ["a", "c"]),
        ({"target": "d", "group": "a", "features": ("a", "b")}, ["a", "b"]),
    ],
)
def test_columns_have_roles(write: Write, settings: dict[str, Any], features: list[str]) -> None:
    path = write("a,b,c,d\n" + "".join(f"{i % 5},{i % 3},{i % 7},{'xy'[i % 2]}\n" for i in range(12)))
    dataset = load(Table(path=path, **settings))
    assert list(dataset.feature_names) == features and dataset.classes == ("x", "y")


BAD_ROLES: list[tuple[dict[str, Any], str]] = [
    ({}, "which column of"),
    ({"target": "e"}, "dataset.target: .* has no column 'e'"),
    ({"target": "9"}, "dataset.target=9: .* has 4 columns"),
    ({"target": "d", "features": ("q",)}, "dataset.features: .* has no column 'q'"),
    ({"target": "d", "features": ("a", "d")}, "dataset.features: d is the target"),
    ({"target": "d", "drop": ("q",)}, "dataset.drop: .* has no column 'q'"),
    ({"target": "d", "categorical": ("q",)}, "dataset.categorical: .* has no column 'q'"),
    ({"target": "d", "group": "q"}, "dataset.group: .* has no column 'q'"),
    ({"target": "d", "id": "7"}, "dataset.id=7: .* has 4 columns"),
    ({"target": "d", "group": "d"}, "dataset.group and dataset.target are both the column d"),
    ({"target": "d", "id": "-1"}, "dataset.id and dataset.target are both the column d"),
    ({"target": "d", "drop": ("a", "b", "c")}, "no column is left to learn from"),
    ({"target": "d", "features": ("a",), "drop": ("a",)}, "no column is left to learn from"),
]


@pytest.mark.parametrize(("settings", "message"), BAD_ROLES)
def test_roles_that_do_not_go_are_named(write: Write, settings: dict[str, Any], message: str) -> None:
    path = write("a,b,c,d\n" + "".join(f"{i % 5},{i % 3},{i % 7},{'xy'[i % 2]}\n" for i in range(12)))
    with pytest.raises(DataError, match=message):
        load(Table(path=path, **settings))


def test_columns_that_name_rows_are_left_out_with_a_note(write: Write) -> None:
    rows = [f"{i},case {i},{i % 7},,an observation that was written down by hand as number {i},{i % 2}\n" for i in range(30)]
    path = write("n,name,x,nothing,text,y\n" + "".join(rows))
    dataset = load(Table(path=path, target="y"))
    assert dataset.feature_names == ("x",)
    notes = " ".join(dataset.notes)
    assert "Column n counts the rows: it was left out." in notes and "Column nothing is empty" in notes
    assert "Column name has 30 different values in 30 rows" in notes and "Column text is free text" in notes
    assert load(Table(path=path, target="y", features=("n", "name"))).feature_names == ("n", "name")


@pytest.mark.parametrize(("missing_target", "num"), [("fail", 0), ("drop", 4)])
def test_rows_without_a_target(write: Write, missing_target: Any, num: int) -> None:
    path = write('x,y\n1,a\n2,\n3,b\n4,NA\n"5",a\n6,b\n')
    if missing_target == "fail":
        with pytest.raises(DataError, match=r"the target y is missing in 2 rows of 6 \(line 3, 5\)"):
            load(Table(path=path, target="y"))
        return
    dataset = load(Table(path=path, target="y", missing_target="drop"))
    assert len(dataset) == num and dataset.X[:, 0].tolist() == [1, 3, 5, 6] and dataset.ids.tolist() == ["2", "4", "6", "7"]


def test_small_classes_are_left_out(write: Write) -> None:
    path = write("x,y\n" + "1,a\n2,b\n" * 5 + "3,c\n")
    dataset = load(Table(path=path, target="y", min_class_rows=2))
    assert dataset.classes == ("a", "b") and len(dataset) == 10 and "c (1)" in " ".join(dataset.notes)
    with pytest.raises(DataError, match="no value of y occurs in that many rows"):
        load(Table(path=path, target="y", min_class_rows=9))


def test_words_of_the_users_own_for_missing_cells(write: Write) -> None:
    path = write("x,c,y\n1,a,u\n-999,none,v\n3,b,u\nunknown,a,v\n")
    dataset = load(Table(path=path, target="y", missing_values=("-999", "none", "unknown")))
    np.testing.assert_array_equal(dataset.X, [[1, 0], [np.nan, np.nan], [3, 1], [np.nan, 0]])
    np.testing.assert_array_equal(rows_of(path, dataset)[1], dataset.X)


def test_a_few_words_among_numbers_are_pointed_out(write: Write) -> None:
    path = write("x,y\n" + "".join(f"{i / 2},{'ab'[i % 2]}\n" for i in range(9)) + "unclear,a\n" * 2)
    notes = " ".join(load(Table(path=path, target="y")).notes)
    assert "Column x was read as categories" in notes and "'unclear' in line 11" in notes
    assert "dataset.missing_values=[unclear]" in notes


def test_a_cell_that_is_infinite_is_named_with_its_line(write: Write) -> None:
    path = write("x,y\n1.5,a\n\n-inf,b\n2,a\n3,b\n")
    with pytest.raises(DataError, match=r"line 4: column x holds '-inf', which is not a finite number"):
        load(Table(path=path, target="y"))
    assert np.isnan(load(Table(path=path, target="y", missing_values=("-inf",))).X[1, 0])


# ways to write a table

PLAIN = "a,b,y\n1.5,u,p\n2.5,v,q\n3.5,u,p\n4.5,v,q\n"
WRITINGS: dict[str, tuple[str, str, str]] = {
    "comma": (PLAIN, "t.csv", "utf-8"),
    "semicolon and decimal comma": (PLAIN.replace(",", ";").replace(".", ","), "t.csv", "utf-8"),
    "tab": (PLAIN.replace(",", "\t"), "t.tsv", "utf-8"),
    "gzip": (PLAIN, "t.csv.gz", "utf-8"),
    "byte-order mark": (PLAIN, "t.csv", "utf-8-sig"),
    "utf-16": (PLAIN, "t.csv", "utf-16"),
    "windows line ends": (PLAIN.replace("\n", "\r\n"), "t.csv", "utf-8"),
    "quoted": ("".join(",".join(f'"{c}"' for c in line.split(",")) + "\n" for line in PLAIN.splitlines()), "t.csv", "utf-8"),
}


@pytest.mark.parametrize("how", WRITINGS)
def test_every_way_to_write_a_table_reads_the_same(write: Write, how: str) -> None:
    text, name, encoding = WRITINGS[how]
    path = write(text, name, encoding)
    dataset = load(Table(path=path, target="y"))
    np.testing.assert_array_equal(dataset.X, [[1.5, 0], [2.5, 1], [3.5, 0], [4.5, 1]])
    assert dataset.feature_names == ("a", "b") and dataset.y.tolist() == [0, 1, 0, 1]
    np.testing.assert_array_equal(rows_of(path, dataset)[1], dataset.X)


def test_what_the_user_says_of_the_writing_holds_for_new_rows_too(write: Write) -> None:
    text = PLAIN.replace(",", "^").replace(".", ",")
    dataset = load(Table(path=write(text), target="y", delimiter="^", decimal=","))
    assert dataset.X[:, 0].tolist() == [1.5, 2.5, 3.5, 4.5]
    one_row = write("a^b^y\n7^u^p\n", "new.csv")
    np.testing.assert_array_equal(rows_of(one_row, dataset)[1], [[7, 0]])
    otherwise = write("a,b\n7.5,u\n", "otherwise.csv")
    np.testing.assert_array_equal(rows_of(otherwise, dataset)[1], [[7.5, 0]])


def test_class_names_with_control_characters_and_quoted_newlines(write: Write) -> None:
    path = write('x,y\n1,"a\nb"\n2,"\x1b[31mred"\n3,"a\nb"\n4,"\x1b[31mred"\n')
    dataset = load(Table(path=path, target="y"))
    assert dataset.classes == ("?[31mred", "a b") and dataset.ids.tolist() == ["2", "4", "5", "7"]
    assert "unprintable characters in 2 class names" in " ".join(dataset.notes)


def test_latin_1(write: Write) -> None:
    path = write("größe,y\n1,klein\n2,größer\n3,klein\n4,größer\n", encoding="latin-1")
    dataset = load(Table(path=path, target="y"))
    assert dataset.feature_names == ("größe",) and "größer" in dataset.classes


# tables of one sort


@pytest.mark.parametrize(
    ("column", "width"),
    [
        (["2020-01-31", "2021-02-28", "2019-12-24", "2020-06-01"], 5),
        (["red", "blue", "red", "green"], 1),
        (["1", "2", "4", "8"], 1),
        (["yes", "no", "no", "yes"], 1),
        (["5", "5", "5", "5"], 1),
        (["same", "same", "same", "same"], 1),
    ],
)
def test_a_table_of_one_column(write: Write, column: list[str], width: int) -> None:
    path = write("x,y\n" + "".join(f"{cell},{'ab'[i % 2]}\n" for i, cell in enumerate(column)))
    dataset = load(Table(path=path, target="y"))
    assert dataset.X.shape == (4, width) and np.isfinite(dataset.X).all()


@pytest.mark.parametrize("column", [[""] * 30, [f"id{i}" for i in range(30)], [str(i) for i in range(30)]])
def test_a_table_without_a_usable_column_is_refused(write: Write, column: list[str]) -> None:
    path = write("x,y\n" + "".join(f"{cell},{'ab'[i % 2]}\n" for i, cell in enumerate(column)))
    with pytest.raises(DataError, match=r"no column is left to learn from \(x "):
        load(Table(path=path, target="y"))
    if column[0]:
        assert load(Table(path=path, target="y", features=("x",))).X.shape == (30, 1)


# groups


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_a_group_never_stands_on_two_sides(write: Write, kind: str) -> None:
    rows = [f"{i % 9},g{i // 3},{i % 3 if kind == 'classification' else i / 7}\n" for i in range(90)]
    rows += rows[:3] * 10  # one group is duplicated
    path = write("x,patient,y\n" + "".join(rows))
    settings = Table(path=path, target="y", group="patient")
    dataset = load(settings)
    assert dataset.task == kind and dataset.groups is not None and len(np.unique(dataset.groups)) == 30
    assert "patient" not in dataset.feature_names
    for seed in range(10):
        parts = split(dataset, settings, seed)
        labelled, test = dataset.groups[parts.labelled], dataset.groups[parts.test]
        assert not set(labelled) & set(test) and len(parts.labelled) + len(parts.test) == 120
        kept, held = hold_out(dataset.y[parts.labelled], 0.2, seed, dataset.task, labelled)
        assert not set(labelled[kept]) & set(labelled[held]) and len(held)


def test_a_row_without_a_group_is_one_of_its_own(write: Write) -> None:
    path = write("x,g,y\n1,a,p\n2,,q\n3,a,q\n4,,p\n5,#1,p\n")
    dataset = load(Table(path=path, target="y", group="g"))
    assert dataset.groups is not None
    groups = dataset.groups.tolist()
    assert groups[0] == groups[2] and len(set(groups)) == 4
    assert "2 rows have no g: each was taken as a group of its own." in dataset.notes


# a test part of one's own


def test_a_second_file_is_the_test_part(write: Write) -> None:
    train = write("a,b,y\n1,u,p\n2,v,q\n3,u,p\n", "train.csv")
    test = write("extra,y,b,a\n0,q,w,7\n0,p,u,8\n", "test.csv")
    dataset = load(Table(path=train, test_path=test, target="y"))
    assert dataset.part is not None and dataset.part.tolist() == ["train"] * 3 + ["test"] * 2
    np.testing.assert_array_equal(dataset.X, [[1, 0], [2, 1], [3, 0], [7, 2], [8, 0]])
    assert dataset.ids.tolist() == ["train/2", "train/3", "train/4", "test/2", "test/3"]


@pytest.mark.parametrize(
    ("train", "test", "expected"),
    [
        # a test file that would be read otherwise by itself is read like the first
        ("1.5,p\n2,q\n3,p\n", "red,p\n", "categories"),
        ("a;y\n1,5;p\n2,5;q\n3;p\n", "a;y\n7;p\n8,25;q\n", [1.5, 2.5, 3, 7, 8.25]),
    ],
)
def test_the_second_file_is_read_like_the_first(write: Write, train: str, test: str, expected: Any) -> None:
    dataset = load(Table(path=write(train, "train.csv"), test_path=write(test, "test.csv"), target="-1"))
    if expected == "categories":
        assert dataset.columns[0].levels == ("1.5", "2", "3", "red") and len(dataset) == 4
    else:
        assert dataset.X[:, 0].tolist() == expected


def test_a_second_file_that_lacks_columns_is_refused(write: Write) -> None:
    with pytest.raises(DataError, match=r"dataset.test_path: .*test.csv lacks columns that .*train.csv has: b, y\."):
        load(Table(path=write("a,b,y\n1,u,p\n2,v,q\n", "train.csv"), test_path=write("a\n1\n", "test.csv"), target="y"))


def test_a_group_in_both_files_is_said(write: Write) -> None:
    train, test = write("a,g,y\n1,k,p\n2,l,q\n3,m,p\n", "train.csv"), write("a,g,y\n1,k,p\n2,n,q\n", "test.csv")
    notes = load(Table(path=train, test_path=test, target="y", group="g")).notes
    assert any("is in both the labelled and the test part (k)" in note for note in notes)


# new rows

NEW: dict[str, tuple[str, list[list[float]]]] = {
    "in another order": ("b,a\nu,1\nv,2\n", [[1, 0], [2, 1]]),
    "with extra columns": ("more,b,y,a\nx,u,,1\n", [[1, 0]]),
    "with unseen categories and missing cells": ("a,b\n1,new\n?,\n", [[1, 2], [np.nan, np.nan]]),
    "without its target": ("a,b\n1,u\n", [[1, 0]]),
}


@pytest.mark.parametrize("case", NEW)
def test_new_rows_are_matched_by_name(write: Write, case: str) -> None:
    dataset = load(Table(path=write(PLAIN), target="y"))
    text, expected = NEW[case]
    np.testing.assert_array_equal(rows_of(write(text, "new.csv"), dataset)[1], expected)


BAD_NEW: list[tuple[str, str]] = [
    ("a,c\n1,u\n", r"new.csv: a column that the run needs is missing: b\."),
    ("q,r\n1,u\n", r"new.csv: 2 columns that the run needs are missing: a, b\."),
    ("a,b\n1,u\n2,v\nx,u\n", r"new.csv: line 4, column 'a': 'x' is not a finite number"),
    ("a,b\n1,u\ninf,v\n", r"line 3, column 'a': 'inf' is not a finite number"),
    ("a,b\n1,u\n2\n", r"line 3 has 1 field"),
    ("a,a\n1,u\n", r"columns 1, 2 are all called 'a'"),
    ("", r"the file is empty"),
]


@pytest.mark.parametrize(("text", "message"), BAD_NEW)
def test_new_rows_that_do_not_go_are_named(write: Write, text: str, message: str) -> None:
    dataset = load(Table(path=write(PLAIN), target="y"))
    with pytest.raises(DataError, match=message):
        rows_of(write(text, "new.csv"), dataset)


def test_a_bad_date_or_boolean_of_new_rows_is_named_with_its_line(write: Write) -> None:
    dataset = load(Table(path=write("d,b,y\n2020-01-31,yes,p\n2020-02-01,no,q\n2020-02-02,no,q\n"), target="y"))
    for text, message in (
        (
            "d,b\n2020-01-31,yes\n2020-02-31,no\n",
            "line 3: column d holds '2020-02-31', which is not a date written as YYYY-MM-DD",
        ),
        ("d,b\n2020-01-31,perhaps\n", "line 2: column b holds 'perhaps', which is not one of no, yes"),
    ):
        with pytest.raises(DataError, match=message):
            rows_of(write(text, "new.csv"), dataset)


@pytest.mark.parametrize("chunk_rows", [1, 3, 1000])
def test_chunks_add_up_to_the_whole(write: Write, chunk_rows: int) -> None:
    rng = np.random.default_rng(0)
    rows = [f"r{i},{v!r},{'uvw'[i % 3]},2020-01-{i % 28 + 1:02d},{i % 2}\n" for i, v in enumerate(rng.normal(size=40).tolist())]
    path = write("id,a,b,d,y\n" + "".join(rows))
    dataset = load(Table(path=path, target="y", id="id"))
    ids, X = rows_of(path, dataset, chunk_rows)
    np.testing.assert_array_equal(X, dataset.X)
    assert ids == dataset.ids.tolist() == [f"r{i}" for i in range(40)]


def test_an_id_that_is_learned_from_is_both(write: Write) -> None:
    path = write("n,x,y\n3,1,p\n,2,q\n7,1,p\n8,2,q\n")
    dataset = load(Table(path=path, target="y", id="n", features=("n", "x")))
    ids, X = rows_of(path, dataset)
    assert ids == dataset.ids.tolist() == ["3", "line 3", "7", "8"]
    np.testing.assert_array_equal(X, dataset.X)


HEADERLESS = "".join(f"{i / 2},{'uv'[i % 2]},{i % 2}\n" for i in range(12))


@pytest.mark.parametrize(
    "text",
    [HEADERLESS, "".join(line[: line.rindex(",")] + "\n" for line in HEADERLESS.splitlines()), "x0,x1,x2\n" + HEADERLESS],
    ids=["with target", "without target", "with names"],
)
def test_new_rows_without_a_header_are_matched_by_place(write: Write, text: str) -> None:
    dataset = load(Table(path=write(HEADERLESS), target="-1"))
    assert dataset.feature_names == ("x0", "x1") and len(dataset) == 12
    np.testing.assert_array_equal(rows_of(write(text, "new.csv"), dataset)[1], dataset.X)


def test_new_rows_without_a_header_and_of_another_width_are_refused(write: Write) -> None:
    dataset = load(Table(path=write(HEADERLESS), target="-1"))
    with pytest.raises(DataError, match="it has 4 columns; the run was trained on 3 without a header, target included"):
        rows_of(write("1,u,0,7\n2,v,1,8\n", "new.csv"), dataset)


def test_a_table_is_read_like_that_of_a_run(write: Write) -> None:
    dataset = load(Table(path=write(PLAIN), target="y"))
    other = write("b,y,a\nw,p,1\nu,q,2\nw,p,3\nu,q,4\n", "other.csv")
    again = load(Table(path=other, target="y"), like=inputs(dataset))
    np.testing.assert_array_equal(again.X, [[1, 2], [2, 0], [3, 2], [4, 0]])
    assert again.columns == dataset.columns


@pytest.mark.parametrize(("values", "task"), [([0, 1, 2] * 9, "classification"), ([i / 2 for i in range(27)], "regression")])
def test_the_target_is_read_as_in_the_run_whatever_other_rows_suggest(write: Write, values: list[float], task: str) -> None:
    dataset = load(Table(path=write("x,y\n" + "".join(f"{i % 5},{v}\n" for i, v in enumerate(values))), target="y"))
    assert dataset.task == task
    other = write("x,y\n1,0\n2,2\n3,1\n", "other.csv")  # a counter, or few whole numbers
    assert load(Table(path=other, target="y"), like=inputs(dataset)).task == task


# Parquet


@pytest.mark.parametrize("row_group_size", [2, 100])
def test_parquet(tmp_path: Path, row_group_size: int) -> None:
    pytest.importorskip("pyarrow")
    import pandas as pd

    frame = pd.DataFrame(
        {
            "n": [1.5, None, 3.0, 4.0, 5.0, 6.0],
            "site": [7, None, 8, 7, 8, 7],
            "when": pd.to_datetime(
                ["2020-01-01", "2020-01-02", "2020-01-03", None, "2020-01-04 12:30", "2020-01-05"], format="mixed"
            ),
            "kind": pd.Categorical(["a", "b", None, "a", "b", "a"]),
            "flag": [True, False, None, True, False, True],
            "y": [0, 1, 0, 1, 0, 1],
        },
        index=pd.Index([f"p{i}" for i in range(6)], name="case"),
    )
    path = tmp_path / "t.parquet"
    frame.to_parquet(path, row_group_size=row_group_size)
    dataset = load(Table(path=str(path), target="y", id="case", categorical=("site",)))
    assert [column.kind for column in dataset.columns] == ["number", "category", "date", "category", "boolean"]
    assert dataset.columns[1].levels == ("7", "8") and dataset.ids.tolist() == [f"p{i}" for i in range(6)]
    np.testing.assert_array_equal(dataset.X[:, 0], frame["n"])
    for chunk_rows in (1, 4, 100):
        ids, X = rows_of(str(path), dataset, chunk_rows)
        np.testing.assert_array_equal(X, dataset.X)
        assert ids == dataset.ids.tolist()
    whole = tmp_path / "whole.parquet"  # without a missing site, which is a whole number then
    frame[~frame["site"].isna()].astype({"site": int}).to_parquet(whole)
    np.testing.assert_array_equal(rows_of(str(whole), dataset)[1], dataset.X[[0, 2, 3, 4, 5]])


def test_parquet_and_csv_of_the_same_table_are_the_same(tmp_path: Path, write: Write) -> None:
    pytest.importorskip("pyarrow")
    import pandas as pd

    dataset = load(Table(path=write(MIXED), target="outcome", id="case", categorical=("site",)))
    frame = pd.read_csv(write(MIXED), na_values=["?"])
    frame["visit"] = pd.to_datetime(frame["visit"])
    frame.to_parquet(tmp_path / "t.parquet")
    other = load(Table(path=str(tmp_path / "t.parquet"), target="outcome", id="case", categorical=("site",)))
    np.testing.assert_array_equal(other.X, dataset.X)
    np.testing.assert_array_equal(rows_of(str(tmp_path / "t.parquet"), dataset)[1], dataset.X)
    np.testing.assert_array_equal(rows_of(write(MIXED), other)[1], dataset.X)


@pytest.mark.parametrize("content", [b"PAR1", b"PAR1" + b"\0" * 100 + b"PAR1"])
def test_damaged_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "t.parquet").write_bytes(content)
    with pytest.raises(DataError, match="this Parquet file cannot be read"):
        load(Table(path=str(tmp_path / "t.parquet"), target="y"))


def test_parquet_without_rows_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    import pandas as pd

    pd.DataFrame({"x": [1.0], "y": [1]})[:0].to_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match="the table has no rows"):
        load(Table(path=str(tmp_path / "t.parquet"), target="y"))


def test_columns_of_a_frame_need_names_of_their_own() -> None:
    import pandas as pd

    with pytest.raises(DataError, match="several columns are called a"):
        from_frame(pd.DataFrame([[1, 2]], columns=["a", "a "]), "frame")


# any table

NUMBERS = st.one_of(st.integers(-(10**9), 10**9), st.floats(allow_nan=False)).map(str)
DATES = st.datetimes(datetime(1900, 1, 1)).map(lambda when: when.strftime("%Y-%m-%d"))
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
KINDS = [NUMBERS, DATES, WORDS, st.sampled_from(["yes", "no"]), st.sampled_from(["a", "b", "c"]), st.sampled_from("+-=@,;\"'. ")]
HOLES = st.sampled_from(["", "NA", "?", "nan"])


@st.composite
def any_table(draw: st.DrawFn) -> list[list[str]]:
    num = draw(st.integers(1, 25))
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=4))
    columns = [draw(st.lists(st.one_of(kind, kind, kind, HOLES), min_size=num, max_size=num)) for kind in kinds]
    return [*columns, ["p", "q"] * num]


@settings(max_examples=100, deadline=None, database=None)
@given(any_table(), st.sampled_from([",", ";", "\t"]), st.sampled_from(["\n", "\r\n"]))
def test_any_table_is_read_twice_alike_and_becomes_finite_numbers(
    tmp_path_factory: pytest.TempPathFactory, columns: list[list[str]], delimiter: str, line_end: str
) -> None:
    path = tmp_path_factory.mktemp("any") / "t.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator=line_end, quoting=csv.QUOTE_ALL)
        writer.writerow([*(f"x{i}" for i in range(len(columns) - 1)), "y"])
        writer.writerows(zip(*columns, strict=False))
    try:
        dataset = load(Table(path=str(path), target="y", delimiter=delimiter, header=True))
    except DataError as error:  # no column to learn from, or one class only
        assert len(error.message) < 500
        return
    train = np.arange(0, len(dataset), 2)
    encoder = TableEncoder(level_counts(dataset.columns)).fit(dataset.X[train])
    assert np.isfinite(encoder.transform(dataset.X).astype(np.float32)).all()
    ids, X = rows_of(str(path), dataset, 7)
    np.testing.assert_array_equal(X, dataset.X)
    assert ids == dataset.ids.tolist()


def test_classes_that_are_numbers_keep_their_order_for_new_rows(tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    path.write_text("a,y\n" + "".join(f"{k * 0.5},{k % 13}\n" for k in range(130)))
    dataset = load(Table(path=str(path), target="y"))
    assert dataset.classes == tuple(map(str, range(13)))
    again = load(Table(path=str(path), target="y"), like=inputs(dataset))
    assert again.classes == dataset.classes and again.fingerprint == dataset.fingerprint
    few = tmp_path / "few.csv"
    few.write_text("a,y\n1,10\n2,2\n3,11\n4,2\n")
    other = load(Table(path=str(few), target="y"), like=inputs(dataset))
    assert other.classes == ("2", "10", "11") and other.y.tolist() == [1, 0, 2, 0]


def test_a_row_without_an_id_is_called_by_its_line() -> None:
    column = np.array(["p1", None, "p3"], dtype=object)
    cells = Cells("t.csv", ("patient",), [column], np.array([2, 3, 4]))
    assert row_ids(cells, "patient").tolist() == ["p1", "line 3", "p3"]
    assert row_ids(cells, None).tolist() == ["2", "3", "4"]


def test_per_cent_is_the_part_of_one_that_a_workbook_stores(write: Write) -> None:
    written = [("58.0%", "3 %", "a"), ("12.3%", "0", "b"), ("", "7%", "a"), ("100%", "40%", "b")]
    as_stored = [("0.58", "0.03", "a"), ("0.123", "0", "b"), ("", "0.07", "a"), ("1", "0.4", "b")]
    named = ["rate,share,y", *(",".join(row) for row in written)]
    dataset = load(Table(path=write("\n".join(named)), target="y"))
    plain = write("\n".join(["rate,share,y", *(",".join(row) for row in as_stored)]), "plain.csv")
    np.testing.assert_array_equal(dataset.X, load(Table(path=plain, target="y")).X)
    assert [column.kind for column in dataset.columns] == ["number", "number"]
    assert "Column rate is written in per cent, as parts of 1: 35% is 0.35." in dataset.notes
    np.testing.assert_array_equal(rows_of(write("\n".join(named), "new.csv"), dataset)[1], dataset.X)
    notes: list[str] = []
    list(iter_rows(Path(write("\n".join(named), "new.csv")), inputs(dataset), notes=notes))
    assert notes == ["Written in per cent, and read as parts of 1, 35% as 0.35: rate, share."]


def test_per_cent_among_other_numbers_is_said(write: Write) -> None:
    dataset = load(Table(path=write("rate,y\n58%,a\n58,b\n12%,a\n0,b\n"), target="y"))
    assert dataset.X[:, 0].tolist() == [0.58, 58, 0.12, 0]
    said = "Column rate: 2 of its 4 numbers are written in per cent and the others are not: 35% was read as 0.35, and 35 as 35."
    assert any(note.startswith(said) for note in dataset.notes)


@pytest.mark.parametrize(("num", "task"), [(12, "classification"), (13, "regression")])
def test_many_different_per_cents_are_numbers_to_predict_and_few_are_classes(write: Write, num: int, task: str) -> None:
    rows = [f"{i * 7 % 52},{i % num}.5%" for i in range(52)]
    path = write("\n".join(["x,y", *rows]))
    dataset = load(Table(path=path, target="y"))
    assert dataset.task == task
    assert load(Table(path=path, target="y", task="regression")).y.tolist()[:2] == [0.005, 0.015]


def test_a_target_in_per_cent_of_new_rows_is_said_and_names_of_classes_stay(write: Write) -> None:
    numbers = "\n".join(["x,y", *(f"{i * 7 % 52},{i * i}.5" for i in range(52))])
    dataset = load(Table(path=write(numbers), target="y"))
    again = load(Table(path=write(numbers.replace(".5", ".5%"), "p.csv"), target="y"), inputs(dataset) | {"classes": ()})
    np.testing.assert_array_equal(again.y, np.array([float(f"{i * i}.5e-2") for i in range(52)]))
    assert "The target y is written in per cent, as parts of 1: 35% is 0.35." in again.notes
    doses = "\n".join(["x,y", *(f"{i * 7 % 52},{(i % 3 + 1) * 10}%" for i in range(52))])
    dataset = load(Table(path=write(doses, "d.csv"), target="y"))
    assert (
        load(Table(path=write(doses, "d.csv"), target="y"), inputs(dataset)).classes == dataset.classes == ("10%", "20%", "30%")
    )
