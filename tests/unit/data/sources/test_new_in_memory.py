"""New rows that a program holds, read as a run reads a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sdl_cli import data
from sdl_cli.data.in_memory import keep
from sdl_cli.data.sources.new_in_memory import iter_in_memory
from sdl_cli.data.sources.new_rows import iter_rows
from sdl_cli.data.sources.table import Table
from sdl_cli.errors import DataError
from sdl_cli.run.new_inputs import as_read


def frame(num: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    found = pd.DataFrame({"x": rng.normal(size=num), "ward": rng.choice(["north", "south", "west"], num)})
    found["day"], found["sure"] = pd.date_range("2024-01-01", periods=num), rng.random(num) > 0.5
    found.loc[::9, "x"] = np.nan
    return found.assign(y=rng.normal(size=num))


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Any]:
    kept = keep(frame(), "y", tmp_path)
    return as_read(data.load(Table(path=str(kept.path), **kept.settings)))


def read(rows: Any, inputs: dict[str, Any]) -> tuple[list[Any], np.ndarray[Any, Any], list[str]]:
    notes: list[str] = []
    ids, X = zip(*iter_in_memory(rows, inputs, notes), strict=True)
    return np.concatenate(ids).tolist(), np.concatenate(X), notes


def test_a_frame_is_read_as_a_file_of_it(inputs: dict[str, Any], tmp_path: Path) -> None:
    rows = frame().sample(frac=1, random_state=0)[["y", "sure", "x", "day", "ward"]]
    rows.to_csv(tmp_path / "new.csv", index=False)
    ids, X, notes = read(rows, inputs)
    [(_, of_file)] = iter_rows(tmp_path / "new.csv", inputs)
    np.testing.assert_array_equal(X, of_file)
    assert ids == rows.index.tolist() and notes == []


def test_what_a_run_does_not_know_is_said(inputs: dict[str, Any]) -> None:
    _, X, notes = read(frame().assign(ward="east"), inputs)
    assert notes == ["Column ward: 60 of 60 rows hold a value that the run was not trained on, such as 'east'."]
    assert (X[:, 1] == 3).all()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (lambda: frame().drop(columns="x"), "the DataFrame: a column that the run needs is missing: x."),
        (lambda: frame().assign(x="many"), "the DataFrame, row 0: column x holds 'many', which is not a finite number."),
        (lambda: frame().assign(x=np.inf), "the DataFrame, row 0: column x holds"),
        (lambda: frame().assign(sure="maybe"), "the DataFrame, row 0: column sure holds 'maybe'"),
        (lambda: np.zeros((3, 2)), r"the array has shape \(3, 2\), but this run takes rows of 4 columns\."),
        (lambda: [1, 2], r"the array has shape \(2,\)"),
    ],
)
def test_rows_that_the_run_cannot_take(rows: Any, message: str, inputs: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=message):
        read(rows(), inputs)


def test_numbers_without_columns_are_matched_by_name_or_by_place() -> None:
    inputs = {"modality": "table", "features": ["a", "b"], "columns": [], "shape": [2], "source": {}}
    rows = pd.DataFrame({"b": [1, 2], "c": [0, 0], "a": [3, 4]}, index=["p", "q"])
    ids, X, _ = read(rows, inputs)
    assert ids == ["p", "q"] and X.tolist() == [[3, 1], [4, 2]]
    assert read([[3, 1]], inputs)[1].tolist() == [[3.0, 1.0]]
    with pytest.raises(DataError, match="NaN or infinity in 1 rows of the inputs; the first is row 1"):
        read([[1, 2], [np.nan, 1]], inputs)


def test_texts_may_be_a_list_a_series_or_a_column() -> None:
    inputs = {"modality": "text", "shape": [], "source": {"text": "review"}}
    assert read(["a", None], inputs)[1].tolist() == ["a", ""]
    assert read(pd.Series(["a"], index=["i"]), inputs)[0] == ["i"]
    assert read(pd.DataFrame({"n": [1], "review": ["b"]}), inputs)[1].tolist() == ["b"]
    with pytest.raises(DataError, match="the DataFrame has no column review; it has: n"):
        read(pd.DataFrame({"n": [1]}), inputs)
    with pytest.raises(DataError, match="This run reads texts, but one of these is int: 3"):
        read(["a", 3], inputs)


def test_photos_may_be_paths_or_arrays(tmp_path: Path) -> None:
    inputs = {"modality": "image", "shape": [3, 8, 8], "size_px": 8, "channels": "rgb", "interpolation": "bilinear", "source": {}}
    files = []
    for number in range(2):
        files.append(tmp_path / f"{number}.png")
        Image.fromarray(np.full((8, 8, 3), 100 * number, np.uint8)).save(files[-1])
    ids, X, _ = read(files[::-1], inputs)
    assert ids == [str(files[1]), str(files[0])] and X.shape == (2, 3, 8, 8) and X[0, 0, 0, 0] == 100
    assert read(np.zeros((2, 8, 8, 3), np.uint8), inputs)[1].shape == (2, 3, 8, 8)
    assert read(pd.DataFrame({"file": [str(files[0])]}), inputs)[0] == [str(files[0])]
    with pytest.raises(DataError, match=r"gone\.png: there is no such file\."):
        read([tmp_path / "gone.png"], inputs)
    with pytest.raises(DataError, match=r"This run takes images, but the array has shape \(1,\)"):
        read(np.zeros(1), inputs)
