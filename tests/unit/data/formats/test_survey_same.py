"""One table of 300 rows as text and in every survey format that can be written: the same data set, and so the same results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from unit.data.formats.survey_made import ENDINGS, cells_of, column, new_rows, read, write

pytest.importorskip("pyreadstat")

N = 300
DAY = {"sav": "DATE11", "zsav": "DATE11", "por": "DATE11", "dta": "%td", "xpt": "DATE9", "sas7bdat": "DATE"}


def table() -> pd.DataFrame:
    """Numbers, whole ones with gaps, categories, a date and a target; names that every format can hold."""
    chance = np.random.default_rng(0)
    kind = chance.choice(["soft", "hard", "mixed"], N)
    size = chance.normal(10, 3, N).round(3)
    visits = chance.integers(0, 9, N).astype(float)
    visits[::17] = np.nan
    dates = pd.to_datetime("2019-03-01") + pd.to_timedelta(chance.integers(0, 900, N), unit="D")
    ill = size + 2 * (kind == "hard") + chance.normal(0, 2, N) > 11
    return pd.DataFrame(
        {
            "CASE": [f"p{i:03}" for i in range(N)],
            "SIZE": size,
            "VISITS": visits,
            "KIND": kind,
            "SEEN": dates,
            "COST": (100 * size + chance.normal(0, 30, N)).round(2),
            "STATE": np.where(ill, "ill", "well"),
        }
    )


def written(folder: Path, frame: pd.DataFrame, ending: str) -> Path:
    path = folder / f"t.{ending}"
    if ending == "csv":
        frame.to_csv(path, index=False)
        return path
    return write(path, {**frame, "SEEN": frame["SEEN"].dt.date}, variable_format={"SEEN": DAY[ending]})


@pytest.mark.parametrize("target", ["STATE", "COST"])
def test_every_format_gives_the_same_data(tmp_path: Path, target: str) -> None:
    frame = table()
    settings: dict[str, Any] = {"id": "CASE", "drop": ("COST" if target == "STATE" else "STATE",)}
    text = read(written(tmp_path, frame, "csv"), target, **settings)
    assert len(text) == N and text.task == ("classification" if target == "STATE" else "regression")
    assert [c.kind for c in text.columns] == ["number", "number", "category", "date"]
    for ending in ENDINGS:
        path = written(tmp_path, frame, ending)
        other = read(path, target, **settings)
        np.testing.assert_array_equal(other.X, text.X, err_msg=ending)
        np.testing.assert_array_equal(other.y, text.y, err_msg=ending)
        assert other.columns == text.columns and other.classes == text.classes and other.ids.tolist() == text.ids.tolist()
        assert other.fingerprint == text.fingerprint and other.source["text"] == text.source["text"]
        ids, X, notes = new_rows(path, text, 70)  # a run on the text predicts rows of every format
        np.testing.assert_array_equal(X, text.X, err_msg=ending)
        assert ids == text.ids.tolist() and not notes
        np.testing.assert_array_equal(new_rows(tmp_path / "t.csv", other)[1], text.X, err_msg=ending)


def test_labelled_codes_are_the_words_of_text(tmp_path: Path) -> None:
    frame = table()
    words = {"KIND": {1: "hard", 2: "mixed", 3: "soft"}, "STATE": {0: "well", 1: "ill"}}
    codes = frame.assign(
        KIND=frame["KIND"].map({word: code for code, word in words["KIND"].items()}),
        STATE=frame["STATE"].map({word: code for code, word in words["STATE"].items()}),
    )
    settings: dict[str, Any] = {"target": "STATE", "id": "CASE", "drop": ("COST", "SEEN")}
    text = read(written(tmp_path, frame, "csv"), **settings)
    for ending in ("sav", "zsav", "dta"):
        days = {**codes, "SEEN": codes["SEEN"].dt.date}
        path = write(tmp_path / f"c.{ending}", days, variable_value_labels=words, variable_format={"SEEN": DAY[ending]})
        other = read(path, **settings)
        assert other.fingerprint == text.fingerprint and other.ids.tolist() == text.ids.tolist(), ending
        assert other.source["codes"]["STATE"] == {"well": "0", "ill": "1"}
        np.testing.assert_array_equal(new_rows(path, text)[1], text.X)
        np.testing.assert_array_equal(new_rows(path, other, 50)[1], text.X)


def test_what_a_format_does_not_hold(tmp_path: Path) -> None:
    """Single precision of Stata stays what it is; a transport file keeps the digits of doubles."""
    values = np.array([0.1, 1 / 3, 1e20, -2.5], np.float32)
    pd.DataFrame({"x": values}).to_stata(tmp_path / "t.dta", write_index=False)
    assert [float(cell or "nan") for cell in column(cells_of(tmp_path / "t.dta"), "x")] == values.astype(float).tolist()
    doubles = [0.1, 1 / 3, 123456.789, -2.5e-9]
    cells = cells_of(write(tmp_path / "t.xpt", {"X": doubles}))
    assert [float(cell or "nan") for cell in column(cells, "X")] == doubles
