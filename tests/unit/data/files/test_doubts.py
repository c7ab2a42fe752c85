"""What a target or a column may mean otherwise is said, asked or kept as it is written; nothing is merged without a word."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdl_cli.data import DATASETS
from sdl_cli.data.dataset import Dataset
from sdl_cli.data.files.class_names import known_name
from sdl_cli.data.files.doubts import mixed_words, several_labels
from sdl_cli.data.files.marks import PLAIN
from sdl_cli.data.files.sniffing import Asked, sniff
from sdl_cli.data.files.target_cells import encode_target_like
from sdl_cli.data.files.target_rows import large_classes
from sdl_cli.data.sources.new_rows import iter_rows
from sdl_cli.data.sources.table import Table, load
from sdl_cli.errors import DataError
from sdl_cli.settings.parse import parse_group

Array = np.ndarray[Any, Any]
Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a table into a file and give its path."""

    def to_file(text: str, name: str = "t.csv") -> str:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return str(tmp_path / name)

    return to_file


def targets(values: list[str], num: int = 60) -> str:
    """A table of a number and these targets, in turn."""
    return "x,y\n" + "".join(f"{i * i % 101},{values[i % len(values)]}\n" for i in range(num))


def read(path: str, **more: Any) -> Dataset:
    return load(Table(path=path, target="y", **more))


def objects(values: list[str | None]) -> Array:
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def rows_of(path: str, dataset: Dataset) -> tuple[list[str], Array, list[str]]:
    inputs = {"columns": [asdict(c) for c in dataset.columns], "source": dict(dataset.source), "classes": dataset.classes}
    notes: list[str] = []
    chunks = list(iter_rows(Path(path), json.loads(json.dumps(inputs)), notes=notes))
    return [i for ids, _ in chunks for i in ids], np.concatenate([X for _, X in chunks]), notes


# spellings of classes

SPELLED: list[tuple[list[str], dict[str, Any], tuple[str, ...], str]] = [
    (["01", "1", "2"], {}, ("01", "1", "2"), "separate classes of y: 01 and 1 (use one spelling for one class)"),
    (["1E1", "10"], {}, ("10", "1E1"), "separate classes of y: 10 and 1E1"),
    (["+1", "-1", "1"], {}, ("-1", "+1", "1"), "separate classes of y: +1 and 1"),
    (["1", "1.0", "2"], {}, ("1", "2"), "are one class of y: 1 and 1.0 (to keep them apart: dataset.text=[y])"),
    (["1", "1.0", "2"], {"text": ("y",)}, ("1", "1.0", "2"), ""),
    (["01", "02", "10"], {}, ("01", "02", "10"), "written with leading zeros, such as 01: read as classes"),
    (["NA", "EU", "AS"], {"text": ("y",)}, ("AS", "EU", "NA"), ""),
    (["NA", "EU", "AS"], {"missing_values": ()}, ("AS", "EU", "NA"), ""),
    (["n/a", "null", "?"], {"missing_values": ()}, ("?", "n/a", "null"), ""),
    (["n/a", "no", "yes"], {"text": ("y",)}, ("n/a", "no", "yes"), ""),
    (["1,000", "2,000"], {"text": ("y",), "delimiter": ","}, ("1,000", "2,000"), ""),
    (["-1", "1"], {}, ("-1", "1"), "two different numbers"),
]


@pytest.mark.parametrize(("values", "more", "classes", "note"), SPELLED)
def test_classes_are_what_is_written(
    values: list[str], more: dict[str, Any], classes: tuple[str, ...], note: str, write: Write
) -> None:
    dataset = read(write(targets([f'"{value}"' for value in values])), **more)
    assert dataset.classes == classes and len(dataset) == 60
    assert [dataset.classes[i] for i in dataset.y[:3]] == [{"1.0": "1"}.get(v, v) if not more else v for v in (values * 2)[:3]]
    assert note in " ".join(dataset.notes), dataset.notes


def test_a_word_for_missing_is_named_with_what_keeps_it(write: Write) -> None:
    path = write(targets(["NA", "EU", "AS"]))
    with pytest.raises(DataError) as error:
        read(path)
    assert error.value.message.endswith("is missing in 20 rows of 60 (line 2, 5, 8, 11, 14, ...); it holds 'NA' in 20 of them.")
    hint = "If 'NA' is a value here: dataset.text=[y] - otherwise leave these rows out: dataset.missing_target=drop"
    assert error.value.hint == hint
    dropped = read(path, missing_target="drop")
    assert len(dropped) == 40 and "it holds 'NA' in 20 of them (if that is a value here: dataset.text=[y])" in dropped.notes[0]
    kept = read(path, missing_values=())
    assert kept.classes == ("AS", "EU", "NA") and len(kept) == 60


def test_words_for_missing_in_columns_of_text_are_counted(write: Write) -> None:
    path = write(
        "region,age,y\n" + "".join(f"{('NA', 'EU', 'AS')[i % 3]},{'NA' if i == 4 else i % 7},{'ab'[i % 2]}\n" for i in range(30))
    )
    dataset = read(path)
    assert "Read as missing in region: NA (10). If that is a value: dataset.text=[region]" in dataset.notes
    kept = read(path, text=("region",))
    assert kept.columns[0].levels == ("AS", "EU", "NA") and np.isnan(kept.X[:, 1]).sum() == 1
    ids, X, _ = rows_of(path, kept)
    np.testing.assert_array_equal(X, kept.X)


def test_an_empty_list_leaves_the_empty_cell_alone_missing_also_in_new_rows(write: Write) -> None:
    path = write("r,y\n" + "".join(f"{('NA', '?', '')[i % 3]},{'ab'[i % 2]}\n" for i in range(30)))
    dataset = read(path, missing_values=())
    assert dataset.columns[0].levels == ("?", "NA") and np.isnan(dataset.X[2, 0])
    np.testing.assert_array_equal(rows_of(path, dataset)[1], dataset.X)


def test_older_settings_mean_what_they_meant() -> None:
    older = {"name": "table", "path": "t.csv", "target": "y", "missing_values": []}
    assert parse_group("dataset", DATASETS, older).missing_values is None
    assert parse_group("dataset", DATASETS, {**older, "text": []}).missing_values == ()
    assert parse_group("dataset", DATASETS, {**older, "missing_values": ["-9"]}).missing_values == ("-9",)


def test_ids_are_as_they_are_written(write: Write) -> None:
    path = write(
        "id,x,y\n" + "".join(f"{('NA', '007', '7')[i % 3]}{i if i % 3 else ''},{i % 5},{'ab'[i % 2]}\n" for i in range(30))
    )
    dataset = read(path, id="id")
    assert dataset.ids[:3].tolist() == ["NA", "0071", "72"] and rows_of(path, dataset)[0] == dataset.ids.tolist()


@pytest.mark.parametrize(
    ("cell", "value", "classes", "name"),
    [
        ("01", 1.0, ("01", "1"), "01"),
        ("01", 1.0, ("1", "2"), "1"),  # as a run of an older version stored it
        ("1.0", 1.0, ("1", "2"), "1"),
        ("1", 1.0, ("1.0", "2.0"), "1.0"),
        ("0.50", 0.5, ("0.5", "1.5"), "0.5"),
        ("1E1", 10.0, ("10", "1E1"), "1E1"),
        ("3", 3.0, ("1", "2"), "3"),
        ("a", np.nan, ("b",), "a"),
    ],
)
def test_a_label_is_found_among_the_classes_of_a_run(cell: str, value: float, classes: tuple[str, ...], name: str) -> None:
    assert known_name(cell, value, classes) == name


def test_labels_that_are_taken_for_others_are_named() -> None:
    notes: list[str] = []
    y, names, _ = encode_target_like("f", "y", objects(["01", "2", "1"]), ("1", "2"), PLAIN, notes)
    assert (y.tolist(), names) == ([0, 1, 0], ("1", "2"))
    assert notes == ["Labels of y were taken for classes of the same number: 01 for 1."]


def test_small_classes_are_counted_over_their_spellings() -> None:
    assert large_classes("y", objects(["1", "1.0", "1", "2", "2"]), 2, []).tolist() == [0, 1, 2, 3, 4]
    assert large_classes("y", objects(["1", "01", "1"]), 2, []).tolist() == [0, 2]


# numbers that are classes, and words that are numbers

SAID: list[tuple[list[str], str]] = [
    (["0", "1", "yes", "no"], "writes the same in several ways: 0 (15), 1 (15), no (15), yes (15). Each is a class"),
    (["TRUE", "0", "false"], "writes the same in several ways: 0 (20), false (20), true (20)."),
    (["1", "2", "3a"], "is text in 20 rows (such as '3a') and numbers elsewhere: all are classes"),
    (["5%", "10%", "20%"], "holds numbers with a unit, such as 5%: read as classes (to predict numbers: dataset.task=regression)"),
    (["big;old", "old;big", "red"], "several labels in 40 of 60 cells, such as big;old"),
]  # fmt: skip


@pytest.mark.parametrize(("values", "note"), SAID)
def test_a_target_that_may_mean_something_else_is_said(values: list[str], note: str, write: Write) -> None:
    assert note in " ".join(read(write(targets(values))).notes)


ASKED: list[tuple[list[str], str, str]] = [
    ([f"${i}" for i in range(15)], "holds numbers with a unit, such as $0: numbers or classes?", "dataset.text=[y]"),
    ([f"{i} kg" for i in range(15)], "holds numbers with a unit, such as 0 kg", "Write plain numbers"),
    (["1.5", '"2,5"', "3.5", '"4,5"'], "numbers that are not written alike, such as 1.5 and 2,5", "dataset.decimal"),
    ([*map(str, range(30)), "x"], "is a number in 59 rows and text in 1, such as 'x'", "dataset.missing_values=[x]"),
]


@pytest.mark.parametrize(("values", "message", "hint"), ASKED)
def test_a_target_that_can_be_two_things_is_asked(values: list[str], message: str, hint: str, write: Write) -> None:
    with pytest.raises(DataError) as error:
        read(write(targets(values)))
    assert message in error.value.message and hint in error.value.hint
    if "x" not in values:
        assert read(write(targets(values)), text=("y",)).task == "classification"


def test_thousands_marks_make_numbers_of_few_values(write: Write) -> None:
    dataset = read(write(targets(['"100,500"', '"80,500"', '"1,250"'])))
    assert dataset.task == "regression" and dataset.y[:3].tolist() == [100500, 80500, 1250]
    assert any("is written with thousands marks: read as numbers" in note for note in dataset.notes)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["a;b", "b;a", "a"], True),
        (["a;b", "a;c", "b;c", "a", "b"], True),
        (["a|b", "b|a"], True),
        (["a, b", "b, a"], True),
        (["1;2", "2;1"], True),
        (["1/2", "2/1"], False),  # fractions and dates
        (["rock/pop", "jazz"], False),
        (["a;b", "c;d"], False),
        (["a;b", "a;c", "b;c"], False),
        (["a;", ";a"], False),
    ],
)
def test_several_labels_in_one_cell(cells: list[str], said: bool) -> None:
    assert bool(several_labels("y", objects(list(cells)))) == said


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["yes", "no"], False),
        (["yes", "n"], False),  # one way for each
        (["0", "1", "2"], False),
        (["yes", "no", "maybe"], False),
        (["y", "no", "n"], True),
        (["True", "0", "1", "False"], True),
    ],
)
def test_words_for_yes_and_no_in_several_ways(cells: list[str], said: bool) -> None:
    assert bool(mixed_words(cells)) == said


def test_columns_that_may_mean_something_else_are_said(write: Write) -> None:
    rows = "".join(
        f"{('0', '1', 'yes', 'no')[i % 4]};{('01', '1', '2')[i % 3]};{('1,5', '2.5')[i % 2]};{'ab'[i % 2]}\n" for i in range(60)
    )
    dataset = read(write(f"flag;zip;mixed;y\n{rows}"))
    notes = " ".join(dataset.notes)
    assert "Column flag writes the same in several ways: 0 (15), 1 (15), no (15), yes (15)." in notes
    assert "Column zip was read as numbers, though some have leading zeros such as 01, so that 01 and 1 are one" in notes
    assert "'1,5' in line 2: write all its numbers with the same marks." in notes


# headers

TWO_LINES = "day 1,,day 2,,label\nt,p,t,p,\n" + "".join(
    f"{i * i % 31}.5,{i % 3},{i % 5},{i % 4},{'ab'[i % 2]}\n" for i in range(30)
)
UNITS = "temp,flow,state\ndegC,l/min,-\n" + "".join(f"{i * i % 31}.5,{i % 3},{'ab'[i % 2]}\n" for i in range(30))
THREE = "temp,flow,state\ndegC,l/min,-\nmean,max,-\n" + "".join(f"{i * i % 31}.5,{i % 3},{'ab'[i % 2]}\n" for i in range(30))


@pytest.mark.parametrize(
    ("content", "num", "message"),
    [
        (TWO_LINES, 2, "line 2 (t, p, t, p) looks like units or a second line of names"),
        (UNITS, 2, "line 2 (degC, l/min, -) looks like units or a second line of names"),
        (THREE, 3, "lines 2 to 3 (degC, l/min, -; ...) look like more names or units"),
    ],
)
def test_further_lines_of_names_are_asked(content: str, num: int, message: str, write: Write) -> None:
    path = Path(write(content))
    with pytest.raises(DataError) as error:
        sniff(path)
    assert message in error.value.message
    assert error.value.hint == f"To read it that way: dataset.header_lines={num}; if it is a row of data: dataset.header_lines=1"
    assert len(sniff(path, Asked(header_lines=1)).names) == len(sniff(path, Asked(header_lines=num)).names)


def test_lines_of_names_are_joined_and_units_left_out(write: Write) -> None:
    dataset = load(Table(path=write(TWO_LINES), target="label", header_lines=2))
    assert dataset.feature_names == ("day 1 t", "day 1 p", "day 2 t", "day 2 p") and len(dataset) == 30
    assert "The names of lines 1 to 2 were joined: day 1 t, day 1 p, day 2 t, day 2 p, label." in dataset.notes
    units = load(Table(path=(path := write(UNITS)), target="state", header_lines=2))
    assert units.feature_names == ("temp", "flow") and units.X[0].tolist() == [0.5, 0] and len(units) == 30
    assert "Line 2 (degC, l/min, -) below the names was left out." in units.notes
    np.testing.assert_array_equal(rows_of(path, units)[1], units.X)
    one_line = write(UNITS.replace("degC,l/min,-\n", ""), "new.csv")
    np.testing.assert_array_equal(rows_of(one_line, units)[1], units.X)


@pytest.mark.parametrize(
    "content",
    [
        "name,age,y\nAnna,unknown,a\n" + "".join(f"n{i % 5},{i % 7},{'ab'[i % 2]}\n" for i in range(20)),  # an odd first row
        "a,b\nx,u\nz,v\nx,w\n",
        "a,b,y\n1,2,u\n3,4,v\n5,6,u\n",
        "a,b,y\n,,u\n3,4,v\n5,6,u\n",  # a first row without numbers
        "a,b\n1,2\n",
    ],
)
def test_a_first_row_of_data_is_no_line_of_names(content: str, write: Write) -> None:
    assert sniff(Path(write(content))).header_lines == 1


def test_a_header_is_believed_that_holds_an_asked_name(write: Write) -> None:
    path = write("region,kind,y\n" + "".join(f"{'region' if i == 3 else 'n'},{'uvw'[i % 3]},{'ab'[i % 2]}\n" for i in range(20)))
    assert not sniff(Path(path)).header
    assert read(path).feature_names == ("region", "kind")
    assert load(Table(path=path, target="-1")).feature_names == ("x0", "x1")
    with pytest.raises(DataError) as error:
        load(Table(path=path, target="kinds"))
    assert error.value.hint.endswith("If the first line holds their names: dataset.header=true")


# two files

TRAIN = "x,z,y\n" + "".join(f"{i / 8},{i % 5}.25,{'ab'[i % 2]}\n" for i in range(40))


def german(text: str) -> str:
    return text.replace(",", ";").replace(".", ",")


def test_each_file_is_read_with_its_own_marks(write: Write) -> None:
    train, test = write(TRAIN), write(german(TRAIN), "test.csv")
    both = read(train, test_path=test)
    np.testing.assert_array_equal(both.X[:40], both.X[40:])
    assert "test.csv: Decimal comma: 1,5 is read as one and a half." in both.notes
    np.testing.assert_array_equal(read(test, test_path=train).X, both.X)
    dataset = read(train)
    ids, X, notes = rows_of(test, dataset)
    np.testing.assert_array_equal(X, dataset.X)
    assert notes == ["Decimal comma: 1,5 is read as one and a half."]
    inputs = {"columns": [asdict(c) for c in dataset.columns], "source": dict(dataset.source), "classes": dataset.classes}
    np.testing.assert_array_equal(load(Table(path=test, target="y"), like=inputs).X, dataset.X)
    told = read(train, test_path=test, decimal=".", delimiter=",")
    np.testing.assert_array_equal(told.X, both.X)


def test_new_rows_are_read_as_the_run_read_them_where_they_can_be(write: Write) -> None:
    rows = "".join(f"1.{100 + i * 7 % 50};{i % 9 + 1}.000,5;{'ab'[i % 2]}\n" for i in range(40))
    path = write("x;z;y\n" + rows)
    told = read(path, decimal=".", thousands="none")
    assert [c.kind for c in told.columns] == ["number", "category"] and told.X[0, 0] == 1.1
    np.testing.assert_array_equal(rows_of(path, told)[1], told.X)
    found = read(path)
    assert found.X[0].tolist() == [1100, 1000.5]
    np.testing.assert_array_equal(rows_of(path, found)[1], found.X)


def test_units_that_only_a_user_sees_are_left_out_of_new_rows_too(write: Write) -> None:
    path = write("temp,state\nwarm,-\n" + "".join(f"{i * i % 31}.5,{'ab'[i % 2]}\n" for i in range(30)))
    assert sniff(Path(path)).header_lines == 1
    dataset = load(Table(path=path, target="state", header_lines=2))
    np.testing.assert_array_equal(rows_of(path, dataset)[1], dataset.X)


def test_numbers_to_predict_have_their_own_marks_too(write: Write) -> None:
    text = "x,z,y\n" + "".join(f"{i % 9},{i % 5}.25,{i * 1.5}\n" for i in range(40))
    both = read(write(text), test_path=write(german(text), "test.csv"))
    assert both.task == "regression"
    np.testing.assert_array_equal(both.y[:40], both.y[40:])


def test_the_file_with_the_odd_cell_is_named(write: Write) -> None:
    train = write(TRAIN)
    lines = german(TRAIN).splitlines()
    lines[3], lines[39] = "0,25;2,25;a", "4,75;oops;a"
    test = write("\n".join(lines) + "\n", "test.csv")
    with pytest.raises(DataError) as error:
        rows_of(test, read(train))
    assert error.value.message == f"{test}: line 40, column 'z': 'oops' is not a finite number."
    with pytest.raises(DataError) as error:
        load(Table(path=train, target="z", test_path=test))
    assert error.value.message == f"{test}, line 40: the target z holds 'oops', and numbers in {train}."
    notes = " ".join(read(train, test_path=test).notes)
    assert f"1 of its cells is not a number, such as 'oops' in {test}, line 40" in notes


def test_more_thousands_in_a_second_file(write: Write) -> None:
    rents = "size;rent\n" + "".join(f"{i % 7};{('750', '1.150', '900')[i % 3]}\n" for i in range(30))
    plain = rents.replace(";", ",").replace(".", "")
    both = load(Table(path=write(rents), target="rent", test_path=write(plain, "test.csv")))
    np.testing.assert_array_equal(both.y[:30], both.y[30:])
    only = "size;rent\n" + "".join(f"{i % 7};1.150\n" for i in range(5))  # open by itself, decided by the first file
    assert load(Table(path=write(rents), target="rent", test_path=write(only, "test.csv"))).y[30] == 1150


def test_a_real_pair_of_files(shared_data: Path) -> None:
    cases = shared_data / "cases"
    dataset = read(str(cases / "decimal_train.csv"), test_path=str(cases / "decimal_test.csv"))
    assert dataset.X[100].tolist() == [-0.234, -0.09] and len(dataset) == 130


def test_a_real_table_of_several_labels(shared_data: Path) -> None:
    dataset = load(Table(path=str(shared_data / "cases" / "multi.csv"), target="tags"))
    assert any("several labels in 137 of 200 cells" in note for note in dataset.notes)


def test_rows_that_seem_to_be_sums_of_others_are_named(tmp_path: Path) -> None:
    def notes(*words: str) -> list[str]:
        lines = [f"s{i % 4},{i},{i * 2.5}" for i in range(20)]
        for word in words:
            lines.append(f"{word},190,475")
        (tmp_path / "t.csv").write_text("site,a,y\n" + "\n".join(lines) + "\n")
        found = load(Table(path=str(tmp_path / "t.csv"), target="y", task="regression"))
        return [note for note in found.notes if "sums of others" in note]

    assert notes() == [] and notes("Totally") == []
    assert notes("Total") == [
        "1 row seems to be sums of others, since a cell holds the word Total (line 22): take such rows out."
    ]
    assert notes("Subtotal", "TOTAL:")[0].startswith(
        "2 rows seem to be sums of others, since a cell holds the word TOTAL: (line 23)"
    )
    assert notes(*["Sum"] * 12) == [], "a word of many rows names something else"
