"""Numbers are read as a person reads them: the marks of each file are found, said where they are a guess, and asked where open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdl_cli.data.files.guess_marks import evidence
from sdl_cli.data.files.marks import Marks
from sdl_cli.data.files.sniffing import Asked, Format, Known, sniff
from sdl_cli.data.sources.table import Table, load
from sdl_cli.errors import ConfigError, DataError

CELLS: list[tuple[str, Marks, float | None]] = [
    ("1.5", Marks(), 1.5),
    ("1,5", Marks(","), 1.5),
    ("1.150", Marks(",", "."), 1150),
    ("1.150,50", Marks(",", "."), 1150.5),
    ("1,234,567.25", Marks(".", ","), 1234567.25),
    ("12,34,567", Marks(".", ","), 1234567),  # lakhs
    ("1'234.5", Marks(".", "'"), 1234.5),
    ("1\u2019234", Marks(".", "'"), 1234),
    ("1 234,5", Marks(",", " "), 1234.5),
    ("1\u202f234", Marks(".", " "), 1234),
    ("1\u00a0234", Marks(".", " "), 1234),
    ("\u22125", Marks(), -5),
    ("+5", Marks(), 5),
    ("1e3", Marks(), 1000),
    ("750", Marks(",", "."), 750),
    ("1500", Marks(",", "."), 1500),
    ("1.5", Marks(",", "."), None),
    ("1.1500", Marks(",", "."), None),
    ("0.150", Marks(",", "."), None),
    ("1150.150", Marks(",", "."), None),
    ("1,234", Marks(), None),
    ("1 234", Marks(), None),
    ("1,23", Marks(".", ","), None),
    ("inf", Marks(), None),
    ("1_000", Marks(), None),
    ("\u0661", Marks(), None),
    ("", Marks(), None),
]


@pytest.mark.parametrize(("cell", "marks", "value"), CELLS)
def test_a_cell_is_a_number_where_its_marks_stand_in_their_places(cell: str, marks: Marks, value: float | None) -> None:
    plain = marks.plain(cell)
    assert (None if plain is None else float(plain)) == value and marks.is_number(cell) == (value is not None)


@pytest.mark.parametrize(
    ("cell", "marks", "value"),
    [
        ("58.0%", Marks(), 0.58), ("12.3 %", Marks(), 0.123), ("-5%", Marks(), -0.05), ("58,5%", Marks(","), 0.585),
        ("1.150 %", Marks(",", "."), 11.5), ("1e1%", Marks(), 0.1), ("58", Marks(), None), ("%", Marks(), None),
        ("5%%", Marks(), None), ("x%", Marks(), None), ("inf%", Marks(), None),
    ],
)  # fmt: skip
def test_a_per_cent_is_the_nearest_number_to_its_hundredth(cell: str, marks: Marks, value: float | None) -> None:
    found = marks.part_of_one(cell)
    assert (None if found is None else float(found)) == value


@settings(max_examples=200, deadline=None, database=None)
@given(st.integers(-(10**9), 10**9), st.integers(0, 99), st.sampled_from([",.", ".,", ".'", ", "]))
def test_numbers_are_read_back_from_any_writing(whole: int, cents: int, pair: str) -> None:
    decimal, thousands = pair
    written = f"{whole:,}.{cents:02}".replace(",", "#").replace(".", decimal).replace("#", thousands)
    sign = "-" if whole < 0 else ""
    assert Marks(decimal, thousands).plain(written) == f"{sign}{abs(whole)}.{cents:02}"
    assert evidence(written) is not None


@pytest.mark.parametrize("cell", ["12:30", "31.01.2020", "1.2.3", "$5", "5%", "-", "e5", "1.5.2", "9" * 61, "1..5", "1e", "NA"])
def test_what_is_no_number_in_any_writing_is_no_evidence(cell: str) -> None:
    assert evidence(cell) is None


def write(folder: Path, cells: list[str], delimiter: str = ";", quoted: bool = False) -> Path:
    path = folder / "t.csv"
    rows = [f'"{cell}"' if quoted else cell for cell in cells]
    path.write_text(f"x{delimiter}y\n" + "".join(f"{cell}{delimiter}{'ab'[i % 2]}\n" for i, cell in enumerate(rows)))
    return path


def found(path: Path, known: Known | None = None, **asked: Any) -> tuple[str, str, str]:
    form: Format = sniff(path, Asked(**asked), known=known)
    said = [note for note in form.notes if note.startswith(("Thousands", "Decimal", "Some")) or " is read as " in note]
    return form.marks.decimal, form.marks.thousands, " ".join(said)


RENTS = ["750", "1.150", "900", "1.300"] * 5
FILES: list[tuple[list[str], str, bool, tuple[str, str], str]] = [
    # cells, delimiter, quoted -> marks, what is said
    (RENTS, ";", False, (",", "."), "Thousands points: 1.150 is read as 1150 (if it is 1.15: dataset.thousands=none)."),
    ([cell.replace(".", ",") for cell in RENTS], ",", True, (".", ","), "Thousands commas: 1,150 is read as 1150"),
    ([cell.replace(".", ",") for cell in RENTS], ";", False, (".", ","), "Thousands commas: 1,150 is read as 1150"),
    (["1,150", "2,300"] * 5, ",", True, (".", ","), "Thousands commas: 1,150 is read as 1150 (if it is 1.15"),
    (["1,5", "2,25"] * 5, ",", True, (",", ""), "Decimal comma"),
    (["1.150,5", "2.300,25", "12,5"] * 5, ";", False, (",", "."), "Thousands points: 1.150,5 is read as 1150.5."),
    (["1,150.5", "2,300.25", "12.5"] * 5, ",", True, (".", ","), "Thousands commas: 1,150.5 is read as 1150.5."),
    (["1.234.567", "2.345.678", "12"] * 5, ";", False, (",", "."), "Thousands points: 1.234.567 is read as 1234567."),
    (["1'234", "12'345", "12"] * 5, ",", False, (".", "'"), "Thousands apostrophes: 1'234 is read as 1234."),
    (["1 234,5", "12 345,5", "12"] * 5, ";", False, (",", " "), "Thousands blanks: 1 234,5 is read as 1234.5."),
    (["1.150", "2.300", "1.175"] * 5, ",", False, (".", ""), ""),  # where a comma divides cells, a point is the decimal mark
    (["1.150", "2.300", "1.175"] * 5, "\t", False, (".", ""), "1.150 is read as 1.15 (if it is 1150: dataset.thousands=.)"),
    (["0.150", "2.300", "1.175"] * 5, ";", False, (".", ""), ""),
    (["1.5", "2.300", "1.175"] * 5, ";", False, (".", ""), ""),
    (["5", "2", "1"] * 5, ";", False, (".", ""), ""),
    (["1.2.3", "1.2.4", "1.2.5"] * 5, ";", False, (".", ""), ""),
]


@pytest.mark.parametrize(("cells", "delimiter", "quoted", "marks", "said"), FILES)
def test_the_marks_of_a_file(
    cells: list[str], delimiter: str, quoted: bool, marks: tuple[str, str], said: str, tmp_path: Path
) -> None:
    decimal, thousands, notes = found(write(tmp_path, cells, delimiter, quoted))
    assert (decimal, thousands) == marks
    assert said in notes and bool(said) == bool(notes), notes


OPEN: list[tuple[list[str], str, str]] = [
    (["1.150", "2.300", "1.175"] * 5, "holds 1.150: is that 1150 or 1.15?", "If it is 1150: dataset.thousands=. - if it is 1.15"),
    (["1,150", "2,300", "1,175"] * 5, "holds 1,150: is that 1150 or 1.15?", "If it is 1150: dataset.thousands=, - if it is 1.15"),
    (["1500", "1.150", "900"] * 5, "holds 1.150: is that 1150 or 1.15?", "dataset.thousands=none"),
    (["0", "1.250", "0", "2.500"] * 5, "holds 1.250: is that 1250 or 1.25?", "dataset.thousands=none"),
    (["1.150", "2,300"] * 5, "divides thousands, and nothing shows which", "dataset.decimal=. or dataset.decimal=,"),
]


@pytest.mark.parametrize(("cells", "message", "hint"), OPEN)
def test_what_can_be_read_in_two_ways_is_asked(cells: list[str], message: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        sniff(write(tmp_path, cells))
    assert message in error.value.message and hint in error.value.hint
    assert str(tmp_path / "t.csv") in error.value.message


ANSWERS: list[tuple[dict[str, Any], list[float]]] = [
    ({"thousands": "."}, [1150, 2300]),
    ({"thousands": "none"}, [1.15, 2.3]),
    ({"decimal": "."}, [1.15, 2.3]),
    ({"decimal": ","}, [1150, 2300]),
    ({"decimal": ",", "thousands": "."}, [1150, 2300]),
    ({"decimal": ".", "thousands": "space"}, [1.15, 2.3]),
]


@pytest.mark.parametrize(("asked", "values"), ANSWERS)
def test_each_setting_decides(asked: dict[str, Any], values: list[float], tmp_path: Path) -> None:
    path = write(tmp_path, ["1.150", "2.300"] * 10)
    dataset = load(Table(path=str(path), target="y", **asked))
    np.testing.assert_array_equal(dataset.X[:2, 0], values)
    assert dataset.source["asked"]["thousands"] == asked.get("thousands")


def test_columns_of_names_are_no_evidence(tmp_path: Path) -> None:
    path = write(tmp_path, ["1.150", "2.300"] * 10)
    dataset = load(Table(path=str(path), target="y", text=("x",)))
    assert dataset.columns[0].levels == ("1.150", "2.300") and not [n for n in dataset.notes if "is read as" in n]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"decimal": ",", "thousands": ","}, "dataset.decimal and dataset.thousands are both ','"),
        ({"thousands": "dot"}, "dataset.thousands must be one of , . apostrophe space none, not 'dot'"),
        ({"header": False, "header_lines": 2}, "dataset.header=false and dataset.header_lines=2 contradict each other"),
    ],
)
def test_settings_that_cannot_be(asked: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        sniff(write(tmp_path, ["1"] * 4), Asked(**asked))


@pytest.mark.parametrize(
    ("cells", "known", "marks"),
    [
        (["1.150", "2.300"], Marks(",", "."), (",", ".")),
        (["1.150", "2.300"], Marks("."), (".", "")),
        (["750", "12"], Marks(",", "."), (",", ".")),
        (["1.5", "2.300"], Marks(",", "."), (".", "")),  # what is certain overrules what is known of another file
        (["1,5", "2,3"], Marks("."), (",", "")),
    ],
)
def test_what_a_file_leaves_open_is_decided_by_the_one_it_belongs_to(
    cells: list[str], known: Marks, marks: tuple[str, str], tmp_path: Path
) -> None:
    assert found(write(tmp_path, cells * 5), Known(known))[:2] == marks


def test_a_german_file_is_cut_at_its_semicolons(tmp_path: Path) -> None:
    rows = "".join(f"{i + 10},{33 + i};1.{600 + i % 7};{'AB'[i % 2]};{100 + i}.000,50\n" for i in range(50))
    path = tmp_path / "t.csv"
    path.write_text("flaeche;einkommen;zone;preis\n" + rows)
    dataset = load(Table(path=str(path), target="preis"))
    assert dataset.feature_names == ("flaeche", "einkommen", "zone") and dataset.task == "regression"
    assert dataset.X[0, :2].tolist() == [10.33, 1600] and dataset.y[0] == 100000.5


CASES: list[tuple[str, str, dict[str, Any], str, float, float]] = [
    # file, target, settings -> task, the first value of y, and of the first column
    ("eu_rent", "rent", {}, "regression", 750, 41),
    ("german", "preis", {}, "regression", 101000.5, 21.33),
    ("target_repeated", "price", {}, "regression", 100500, 64),
    ("two", "site", {}, "classification", 0, 4.402),
    ("units", "state", {"header_lines": 2}, "classification", 1, 22.12),
    ("two_line_header", "label", {"header_lines": 2}, "classification", 0, 20.25),
]


@pytest.mark.parametrize(("name", "target", "more", "task", "y", "x"), CASES)
def test_real_cases(shared_data: Path, name: str, target: str, more: dict[str, Any], task: str, y: float, x: float) -> None:
    dataset = load(Table(path=str(shared_data / "cases" / f"{name}.csv"), target=target, **more))
    assert (dataset.task, dataset.y[0], dataset.X[0, 0]) == (task, y, x)
