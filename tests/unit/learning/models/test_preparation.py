"""DataFrames as plain numbers, in pipelines of scikit-learn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

import sdl_cli as sdl
from sdl_cli.errors import DataError


def frame(num: int = 80) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    found = pd.DataFrame({"age": rng.normal(50, 10, num), "ward": rng.choice(["north", "south"], num)})
    found["site"], found["name"] = rng.integers(1, 4, num), [f"patient {i}" for i in range(num)]
    found.loc[::10, "age"] = np.nan
    return found


def test_numbers_are_scaled_and_categories_become_columns() -> None:
    rows = frame()
    made = sdl.make_preparation(categorical=["site"]).fit(rows)
    assert made.get_feature_names_out().tolist() == [
        *("age", "age is missing", "ward=north", "ward=south", "site=1", "site=2", "site=3")
    ]
    assert list(made.left_out_) == ["name"]
    X = made.transform(rows)
    assert X.shape == (80, 7) and np.isfinite(X).all()
    np.testing.assert_array_equal(X[:, 1], rows.age.isna())
    np.testing.assert_array_equal(X[:, 2], rows.ward == "north")
    assert np.median(X[:, 0]) == pytest.approx(0, abs=1e-9)


def test_columns_are_matched_by_name_and_levels_that_are_new_are_none_of_the_known() -> None:
    rows = frame()
    made = sdl.make_preparation().fit(rows)
    np.testing.assert_array_equal(made.transform(rows[["name", "ward", "site", "age"]]), made.transform(rows))
    assert made.transform(rows.assign(ward="east"))[:, -2:].sum() == 0
    with pytest.raises(DataError, match="the DataFrame: a column that the run needs is missing: ward"):
        made.transform(rows.drop(columns="ward"))


def test_a_type_says_that_numbers_are_categories() -> None:
    rows = frame()[["site"]].astype("category")
    assert sdl.make_preparation().fit(rows).get_feature_names_out().tolist() == ["site=1", "site=2", "site=3"]


def test_it_learns_inside_each_fold_of_a_cross_validation() -> None:
    rows = frame()
    y = (rows.ward == "north").to_numpy()
    model = make_pipeline(sdl.make_preparation(), LogisticRegression())
    assert cross_val_score(model, rows, y, cv=3).min() == 1.0
    assert clone(sdl.make_preparation(max_levels=3)).get_params() == {"categorical": (), "max_levels": 3, "min_level_rows": None}


def test_an_array_is_a_table_too() -> None:
    rows = np.array([[1.0, 2.0], [3.0, np.nan], [5.0, 4.0]])
    made = sdl.make_preparation().fit(rows)
    assert made.transform(rows).shape == (3, 3)
    assert made.get_feature_names_out().tolist() == ["x0", "x1", "x1 is missing"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (pd.DataFrame({"a": []}), "the DataFrame has no rows"),
        (pd.DataFrame({"a": [None, None]}), r"no column is left to learn from \(a is empty\)"),
        (pd.DataFrame({"a": [1.0]}), "a column that the run needs is missing: b"),
    ],
)
def test_frames_that_cannot_be_learned_from(rows: pd.DataFrame, message: str) -> None:
    with pytest.raises(DataError, match=message):
        sdl.make_preparation(categorical=["b"] if len(rows) == 1 else []).fit(rows)
