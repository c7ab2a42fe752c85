"""The column that orders rows in time: dates and numbers as people write them, and what cannot order anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdl_cli import data
from sdl_cli.data import DATASETS
from sdl_cli.data.dataset import Dataset
from sdl_cli.data.split import split
from sdl_cli.errors import ConfigError, DataError, SdlError
from sdl_cli.settings.parse import parse_group

LATE_FIRST = [5, 0, 3, 1, 4, 2]  # the place in time of each row of a file


def write(path: Path, stamps: list[str], delimiter: str = ";") -> Path:
    rows = "".join(f"{stamp}{delimiter}{i % 3}{delimiter}{i * i % 7 / 8}\n" for i, stamp in enumerate(stamps))
    path.write_text(f"when{delimiter}x{delimiter}y\n{rows}")
    return path


def read(path: Path, **settings: Any) -> Dataset:
    given = {"name": "table", "path": str(path), "target": "y", "task": "regression", "order": "when", **settings}
    return data.load(parse_group("dataset", DATASETS, given))


def ranks(dataset: Dataset) -> list[int]:
    assert dataset.order is not None
    return np.argsort(np.argsort(dataset.order.times)).tolist()


@pytest.mark.parametrize("stamps", [
    [f"2024-01-{i + 8:02d}" for i in range(6)],
    [f"{i + 8}.1.2024" for i in range(6)],  # 10.1. comes after 8.1., though not as text
    [f"{i + 8}/01/2024" for i in [*range(5), 12]],
    [f"2024-03-01 10:00:0{i}" for i in range(6)],
    [f"2024-03-01T10:00:0{i}.5Z" for i in range(6)],
    ["9", "10", "11.5", "100", "1e3", "2000"],
    ["1'150.5", "2'300", "2'400", "12'000", "12'001", "112'000"],
    [f"{i} Mar 2024" for i in range(8, 14)],
])  # fmt: skip
def test_rows_are_ordered_by_what_the_cells_mean(stamps: list[str], tmp_path: Path) -> None:
    dataset = read(write(tmp_path / "t.csv", [stamps[i] for i in LATE_FIRST]))
    assert ranks(dataset) == LATE_FIRST


def test_dates_are_days_with_their_time_of_day(tmp_path: Path) -> None:
    dataset = read(write(tmp_path / "t.csv", [f"2024-01-01 {hour:02d}:30:15" for hour in range(20)]))
    assert dataset.order is not None and dataset.order.is_date
    assert dataset.order.times == pytest.approx([19_723 + (h * 3600 + 30 * 60 + 15) / 86_400 for h in range(20)], abs=1e-9)


def test_the_column_is_learned_from_unless_it_is_dropped(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", [f"2024-01-{i + 1:02d}" for i in range(30)])
    assert [column.name for column in read(path).columns] == ["when", "x"]
    dropped = read(path, drop=["when"])
    assert [column.name for column in dropped.columns] == ["x"] and ranks(dropped) == list(range(30))


def test_a_column_that_counts_the_rows_orders_them(tmp_path: Path) -> None:
    dataset = read(write(tmp_path / "t.csv", [str(i) for i in range(30)]))
    assert [column.name for column in dataset.columns] == ["x"] and ranks(dataset) == list(range(30))


def test_missing_stamps_are_counted(tmp_path: Path) -> None:
    stamps = [f"2024-01-{i + 1:02d}" for i in range(30)]
    stamps[4], stamps[9] = "NA", ""
    path = write(tmp_path / "t.csv", stamps)
    settings = parse_group("dataset", DATASETS, {"name": "table", "path": str(path), "target": "y", "order": "when"})
    found = split(data.load(settings), settings, 0)
    assert any("2 rows have no when" in note for note in found.notes) and len(found.labelled) + len(found.test) == 28


@pytest.mark.parametrize(("stamps", "message"), [
    (["spring", "summer"] * 5, "line 2: column when holds 'spring': rows are ordered by dates"),
    (["2024-01-01"] * 9 + ["later"], "line 11: column when holds 'later'"),
    (["1", "2", "3", "4", "x", "6", "7"], "line 6: column when holds 'x'"),
    ([""] * 6, "the column when of .* is empty"),
])  # fmt: skip
def test_what_orders_nothing_is_refused(stamps: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read(write(tmp_path / "t.csv", stamps))


def test_dates_of_two_orders_are_noted(tmp_path: Path) -> None:
    dataset = read(write(tmp_path / "t.csv", [f"0{i + 1}/02/2024" for i in range(6)]), drop=["when"])
    assert any("day and month could be the other" in note for note in dataset.notes)


@pytest.mark.parametrize(("settings", "kind", "message"), [
    ({"order": "no"}, DataError, "dataset.order: .* has no column 'no'"),
    ({"order": "y"}, DataError, "dataset.order and dataset.target are both the column y"),
    ({"order": None, "gap": 3}, ConfigError, "dataset.gap: only rows in the order of time have one"),
    ({"order": None, "origins": 3}, ConfigError, "dataset.origins: only rows in the order of time"),
    ({"origins": 2, "origin": 2}, ConfigError, "dataset.origin: 2 is none of 2"),
    ({"gap": -1}, ConfigError, "dataset.gap: -1.* is out of range"),
])  # fmt: skip
def test_settings_that_do_not_go_together(settings: dict[str, Any], kind: type[Exception], message: str, tmp_path: Path) -> None:
    with pytest.raises(kind, match=message):
        read(write(tmp_path / "t.csv", [str(i * 2) for i in range(10)]), **settings)


def test_two_files_keep_their_parts_and_are_ordered_together(tmp_path: Path) -> None:
    first = write(tmp_path / "a.csv", [f"2024-01-{i + 1:02d}" for i in range(20)])
    second = write(tmp_path / "b.csv", [f"2024-02-{i + 1:02d}" for i in range(10)])
    dataset = read(first, test_path=str(second))
    assert ranks(dataset) == list(range(30)) and dataset.part is not None and (dataset.part == "test").sum() == 10


def test_parquet_dates_order_rows_too(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    days = pd.to_datetime("2024-01-30") + pd.to_timedelta(LATE_FIRST, unit="D")
    pd.DataFrame({"when": days, "x": [1.5, 2, 3, 4, 5, 6], "y": [0.5, 1, 2, 3, 4, 5]}).to_parquet(tmp_path / "t.parquet")
    assert ranks(read(tmp_path / "t.parquet")) == LATE_FIRST


POOL = (
    "2024-01-05", "5.1.2024", "1/5/2024", "2024-01-05 10:30", "9999-12-31", "0001-01-01", "0000-00-00", "31.02.2024", "1e308", "-1e308",
    "1e400", "inf", "nan", "NA", "", " ", "7", "7.5", "7,5", "1'000", "Jan 5, 2024", "2024-W01", "2024-01-05T10:30:00+25:00", "\u0664", "x" * 300,
    "2024\u201301\u201305", "0x10", "1_000", "--1", "\u2212 5", "12:30", "Q1 2024", "=1+1",
)  # fmt: skip


def test_whatever_stands_in_the_column_there_is_a_split_or_one_plain_error(tmp_path: Path) -> None:
    rng, divided = np.random.default_rng(0), 0
    for number in range(150):
        few = rng.choice(len(POOL), size=rng.integers(1, 4), replace=False)
        cells = [POOL[i] for i in rng.choice(few, size=30)]
        if number % 3 == 0:  # a good column with one odd cell
            cells = [f"2024-01-{i + 1:02d}" for i in range(30)]
            cells[int(rng.integers(30))] = POOL[int(few[0])]
        path = write(tmp_path / "t.csv", cells)
        settings = {"name": "table", "path": str(path), "target": "y", "task": "regression", "order": "when", "features": ["x"]}
        parsed = parse_group("dataset", DATASETS, {**settings, "gap": float(number % 2)})
        try:
            dataset = data.load(parsed)
            found = split(dataset, parsed, 0)
        except SdlError as error:
            assert "\n" not in error.message and len(error.message) < 500
            continue
        divided += 1
        assert dataset.order is not None and not set(found.labelled) & set(found.test)
        assert dataset.order.times[found.labelled].max() < dataset.order.times[found.test].min()
    assert divided > 5, "the good column with a missing cell is among them"
