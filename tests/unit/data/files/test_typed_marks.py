"""Numbers as people write them mean the same from a file of typed cells (Parquet) as from text, by the same rules and settings."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdl_cli import data
from sdl_cli.data import DATASETS
from sdl_cli.data.dataset import Dataset
from sdl_cli.data.sources.new_rows import iter_rows
from sdl_cli.errors import ConfigError, DataError
from sdl_cli.run.new_inputs import as_read
from sdl_cli.settings.parse import parse_group

pa = pytest.importorskip("pyarrow")
import pyarrow.parquet as parquet  # noqa: E402

RENTS = ["750", "1.150", "900", "1.300"]
PRICES = ["12,33", "1.665", "165.000,50", "80"]
FLAGS = ["0", "1", "no", "yes"]


def write(folder: Path, name: str, columns: dict[str, list[Any]], delimiter: str = ";") -> dict[str, Path]:
    """The same table as delimited text and as Parquet, whose text columns hold the cells as they are written."""
    paths = {"csv": folder / f"{name}.csv", "parquet": folder / f"{name}.parquet"}
    with paths["csv"].open("w", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(columns)
        writer.writerows([["" if cell is None else cell for cell in row] for row in zip(*columns.values(), strict=True)])
    parquet.write_table(pa.table(columns), paths["parquet"])
    return paths


def read(path: Path, **settings: Any) -> Dataset:
    return data.load(parse_group("dataset", DATASETS, {"name": "table", "path": str(path), "target": "y", **settings}))


def table(cells: list[str | None], num: int = 40, **more: list[Any]) -> dict[str, list[Any]]:
    """A target of these cells in turn, beside a column to learn from."""
    x = np.random.default_rng(0).permutation(num)
    return {"x": [f"g{v % 7}" for v in x], "y": [cells[i % len(cells)] for i in range(num)], **more}


def varied(cells: list[str], num: int = 40) -> list[str]:
    return [cells[i % len(cells)] for i in range(num)]


CASES: dict[str, tuple[list[str | None], dict[str, Any], Any, str]] = {
    "thousands points": (RENTS, {"task": "regression"}, [750, 1150, 900, 1300], "1.150 is read as 1150"),
    "both marks": (PRICES, {"task": "regression"}, [12.33, 1665, 165000.5, 80], "165.000,50 is read as 165000.5"),
    "commas, asked": (["1,000", "2,500", "700"], {"task": "regression", "thousands": ","}, [1000, 2500, 700], ""),
    "commas, as decimals": (["1,125", "2,5", "7"], {"task": "regression", "decimal": ","}, [1.125, 2.5, 7], ""),
    "leading zeros": (["01", "1", "2"], {}, ("01", "1", "2"), "separate classes of y: 01 and 1"),
    "an exponent": (["1E1", "10", "3"], {"task": "classification"}, ("3", "10", "1E1"), "separate classes of y: 10 and 1E1"),
    "NA as a class": (["NA", "EU", "AS"], {"text": ("y",)}, ("AS", "EU", "NA"), ""),
    "no word is missing": (["NA", "EU", "AS"], {"missing_values": ()}, ("AS", "EU", "NA"), ""),
    "several labels": (["big;old", "old;big", "red"], {}, ("big;old", "old;big", "red"), "several labels in 27 of 40 cells"),
    "yes and no in two ways": (FLAGS, {}, ("0", "1", "no", "yes"), "writes the same in several ways"),
    "kept as text": (["1.150", "750"], {"text": ("y",)}, ("1.150", "750"), ""),
}


@pytest.mark.parametrize("case", CASES)
def test_a_target_means_the_same_from_text_and_from_parquet(case: str, tmp_path: Path) -> None:
    cells, settings, expected, note = CASES[case]
    found = {kind: read(path, **settings) for kind, path in write(tmp_path, "t", table(cells)).items()}
    for dataset in found.values():
        if isinstance(expected, tuple):
            assert set(dataset.classes) == set(expected)
            assert [dataset.classes[k] for k in dataset.y] == varied([str(cell) for cell in cells])
        else:
            assert dataset.y.tolist() == [expected[i % len(expected)] for i in range(40)]
        assert not note or any(note in each for each in dataset.notes), dataset.notes
    assert found["csv"].classes == found["parquet"].classes and found["csv"].fingerprint == found["parquet"].fingerprint


def test_a_missing_word_of_a_target_is_asked_about_in_both(tmp_path: Path) -> None:
    for path in write(tmp_path, "t", table(["NA", "EU", "AS"])).values():
        with pytest.raises(DataError, match=r"missing in 14 rows of 40") as error:
            read(path)
        assert "dataset.text=[y]" in error.value.hint


def test_thousands_of_a_target_that_may_be_decimals_are_asked_about(tmp_path: Path) -> None:
    path = write(tmp_path, "t", table(["1,000", "2,000", "3,500"]))["parquet"]
    with pytest.raises(DataError, match="holds 1,000: is that 1000 or 1"):
        read(path)
    assert read(path, thousands=",", task="regression").y.max() == 3500


@pytest.mark.parametrize(("cells", "settings", "expected"), [
    (RENTS, {}, [750, 1150, 900, 1300]),
    (PRICES, {}, [12.33, 1665, 165000.5, 80]),
    (["1'150", "750", "12'300"], {}, [1150, 750, 12300]),
    (["\u22125", "7"], {}, [-5, 7]),
])  # fmt: skip
def test_features_of_text_are_numbers_and_numbers_of_the_file_stay(
    cells: list[str], settings: dict[str, Any], expected: list[float], tmp_path: Path
) -> None:
    measured = [1.125 * (i + 1) for i in range(40)]  # repr: 1.125, which no thousands mark of another column may touch
    paths = write(tmp_path, "t", {**table(["a", "b"]), "price": varied(cells), "m": measured})
    dataset = read(paths["parquet"], features=("price", "m"), **settings)
    assert dataset.X[:, 0].tolist() == [expected[i % len(expected)] for i in range(40)]
    assert dataset.X[:, 1].tolist() == measured


def test_yes_and_no_in_two_ways_are_noted_of_a_feature(tmp_path: Path) -> None:
    for path in write(tmp_path, "t", {**table(["a", "b"]), "flag": varied(FLAGS)}).values():
        assert any("Column flag writes the same in several ways" in note for note in read(path).notes)


def test_a_cell_that_does_not_fit_the_marks_is_named_and_not_read_as_another_number(tmp_path: Path) -> None:
    cells = varied(RENTS)
    cells[7] = "1.5"
    for path in write(tmp_path, "t", {**table(["a", "b"]), "rent": cells}).values():
        dataset = read(path, features=("rent",), thousands=".")
        assert dataset.columns[0].kind == "category" and any(
            "write all its numbers with the same marks" in n for n in dataset.notes
        )


def test_marks_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "t", table(RENTS))["parquet"]
    with pytest.raises(ConfigError, match="One mark cannot be both|are both"):
        read(path, decimal=",", thousands=",")


@pytest.mark.parametrize("chunk_rows", [7, 1000])
@pytest.mark.parametrize("trained_on", ["csv", "parquet"])
def test_new_rows_are_read_as_the_run_read_its_own(trained_on: str, chunk_rows: int, tmp_path: Path) -> None:
    columns = {**table(["a", "b"]), "rent": varied(RENTS), "m": [0.125 * i for i in range(40)]}
    columns["m"] = [str(value).replace(".", ",") for value in columns["m"]]
    paths = write(tmp_path, "t", columns)
    dataset = read(paths[trained_on])
    inputs = as_read(dataset, "bilinear")
    few = write(tmp_path, "new", {**{name: cells[:9] for name, cells in columns.items()}, "rent": ["1.150"] * 9})
    for path in few.values():  # 1.150 alone leaves open what it is: the run decides
        X = np.concatenate([X for _, X in iter_rows(path, inputs, chunk_rows)])
        assert X[:, list(dataset.feature_names).index("rent")].tolist() == [1150.0] * 9
        assert X[:, list(dataset.feature_names).index("m")].tolist() == [0.125 * i for i in range(9)]


def test_a_second_file_of_the_other_kind_is_read_with_its_own_marks(tmp_path: Path) -> None:
    first = write(tmp_path, "a", {**table(["a", "b"]), "rent": varied(RENTS)})
    typed = {**table(["a", "b"]), "rent": [float(v) for v in varied(["750", "1150.5"])]}
    second = tmp_path / "b.parquet"
    parquet.write_table(pa.table(typed), second)
    for path in first.values():
        dataset = read(path, test_path=str(second))
        assert dataset.X[40:, 1].tolist() == typed["rent"] and dataset.X[:4, 1].tolist() == [750, 1150, 900, 1300]
