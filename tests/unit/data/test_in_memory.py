"""What a program holds is kept as a file that is read back as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from sdl_cli import data
from sdl_cli.data.in_memory import keep
from sdl_cli.data.sources.table import Table
from sdl_cli.data.sources.text import Text
from sdl_cli.errors import DataError


def test_a_frame_comes_back_with_every_number_and_word(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "x": np.where(np.arange(40) % 5 == 0, np.nan, rng.normal(size=40) * 1e-7),
            "thousands": rng.integers(1000, 2000, 40) / 1000,  # 1.234 is no 1234
            "code": [f"{i % 7:03d}" for i in range(40)],
            "word": ["NA" if i % 2 else "a, \"b\"\nc" for i in range(40)],
            "day": pd.date_range("2024-01-01", periods=40),
            "sure": rng.random(40) > 0.5,
            "y": rng.normal(size=40),
        }
    )  # fmt: skip
    kept = keep(frame, "y", tmp_path)
    found = data.load(Table(path=str(kept.path), **kept.settings))
    kinds = {column.name: column.kind for column in found.columns}
    assert kinds == {
        "x": "number",
        "thousands": "number",
        "code": "category",
        "word": "category",
        "day": "date",
        "sure": "boolean",
    }
    X = dict(zip(found.feature_names, found.X.T, strict=True))
    np.testing.assert_array_equal(X["x"], frame.x)
    np.testing.assert_array_equal(X["thousands"], frame.thousands)
    np.testing.assert_array_equal(found.y, frame.y)
    assert next(c.levels for c in found.columns if c.name == "word") == ("NA", 'a, "b"\nc')
    assert not np.isnan(X["word"]).any()
    assert kept.notes == ("Column code holds text that looks like numbers, and is read as text (for numbers, give numbers).",)


def test_the_same_data_has_the_same_file(tmp_path: Path) -> None:
    X, y = load_iris(return_X_y=True)
    first, second = keep((X, y), None, tmp_path), keep(X, y, tmp_path)
    assert first.path == second.path and first.path.suffix == ".npz"
    assert keep(load_iris(), None, tmp_path).path == first.path
    assert keep(X, y + 1, tmp_path).path != first.path
    with np.load(first.path) as file:
        np.testing.assert_array_equal(file["X"], X)


def test_rows_with_names_keep_them_as_ids(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": np.arange(30.0) ** 2, "y": [0.5, 1.5] * 15}, index=[f"p{i}" for i in range(30)])
    kept = keep(frame, "y", tmp_path)
    found = data.load(Table(path=str(kept.path), **kept.settings))
    assert found.ids.tolist()[:2] == ["p0", "p1"] and found.feature_names == ("x",)
    assert "id" not in keep(frame.reset_index(drop=True), "y", tmp_path).settings
    assert keep(frame.rename_axis("patient"), "y", tmp_path).settings["id"] == "patient"
    assert "id" not in keep(frame.set_axis(["a"] * 30), "y", tmp_path).settings


def test_labels_beside_rows_become_a_column(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0]})
    kept = keep(frame, pd.Series(["a", "b"], name="kind", index=[7, 8]), tmp_path)
    assert kept.settings["target"] == "kind"
    assert kept.path.read_text(encoding="utf-8") == "x,kind\n1,a\n2,b\n"
    holes = keep(np.array([[1.0, np.nan], [2.0, 3.0]]), [0, 1], tmp_path)
    assert holes.path.read_text(encoding="utf-8") == "x0,x1,target\n1,,0\n2,3,1\n"
    mixed = keep(np.array([[1, "a"], [2, "b"]], dtype=object), [0, 1], tmp_path)
    assert mixed.path.read_text(encoding="utf-8") == "x0,x1,target\n1,a,0\n2,b,1\n"


def test_texts_are_read_back_as_they_were(tmp_path: Path) -> None:
    texts = ["good, and\nlong", 'it "was" bad'] * 10
    kept = keep(texts, ["pos", "neg"] * 10, tmp_path)
    found = data.load(Text(path=str(kept.path), **kept.settings))
    assert found.X.tolist() == texts and found.classes == ("neg", "pos")


def test_a_category_as_the_target_is_a_class(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": pd.Categorical([1.5, 2.5])})
    assert keep(frame, "y", tmp_path).settings["task"] == "classification"
    assert keep(frame, -1, tmp_path).settings["categorical"] == []


def test_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="several columns are called x"):
        keep(pd.DataFrame([[1, 2]], columns=["x", "x"]), None, tmp_path)
