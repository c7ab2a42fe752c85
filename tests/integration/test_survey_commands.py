"""Survey files on the command line: the same results as from text, words in reports, codes in predictions."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from integration.conftest import BASELINE, Sdl
from unit.data.formats.survey_made import write

pytest.importorskip("pyreadstat")

N = 300
WORDS = {"sex": {1: "man", 2: "woman"}, "state": {1: "ill", 2: "well"}}
LABELS = {"age": "Age in years", "state": "State of health"}


def table() -> dict[str, Any]:
    chance = np.random.default_rng(1)
    age, sex = chance.integers(20, 80, N).astype(float), chance.integers(1, 3, N)
    state = 1 + (age + 10 * sex + chance.normal(0, 8, N) < 65)
    return {"case": [f"p{i}" for i in range(N)], "age": age, "sex": sex, "state": state}


def in_words(columns: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(columns).assign(**{name: pd.Series(columns[name]).map(words) for name, words in WORDS.items()})


def made(folder: Path) -> list[Path]:
    """The table as text, and in formats that know labels; as words where the format has none."""
    columns = table()
    in_words(columns).to_csv(folder / "t.csv", index=False)
    files = [folder / "t.csv"]
    for ending in ("sav", "dta"):
        files.append(write(folder / f"t.{ending}", columns, variable_value_labels=WORDS, column_labels=LABELS))
    return [*files, write(folder / "t.xpt", {**in_words(columns)})]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def without_codes(found: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{key: cell for key, cell in row.items() if not key.endswith("_code")} for row in found]


def test_every_format_gives_the_same_metrics_and_predictions(sdl: Sdl, tmp_path: Path) -> None:
    metrics, stored, predicted = [], [], []
    for number, path in enumerate(made(tmp_path)):
        settings = f"dataset=table {BASELINE} dataset.target=state dataset.id=case hydra.run.dir={tmp_path}/run{number}"
        found = sdl(f"train --json {settings} dataset.path={path}")
        assert found.code == 0, found.err
        metrics.append(found.json["metrics"])
        stored.append(rows(tmp_path / f"run{number}" / "predictions.csv"))
        out = tmp_path / f"p{number}.csv"
        assert sdl(f"predict {tmp_path}/run{number} {path} -o {out}").code == 0
        predicted.append(rows(out))
    assert all(each == metrics[0] for each in metrics)
    assert all(without_codes(each) == stored[0] for each in stored)
    assert all(without_codes(each) == predicted[0] for each in predicted)
    codes = {word: str(code) for code, word in WORDS["state"].items()}
    for found_rows in (*stored[1:3], *predicted[1:3]):
        assert all(row["prediction_code"] == codes[row["prediction"]] for row in found_rows)
        assert all(row["truth_code"] == codes[row["truth"]] for row in found_rows if "truth" in row)
    assert list(stored[1][0]) == [
        "id",
        "truth",
        "prediction",
        "truth_code",
        "prediction_code",
        "probability_ill",
        "probability_well",
    ]
    assert list(predicted[1][0]) == ["id", "prediction", "prediction_code", "probability_ill", "probability_well"]
    assert list(predicted[3][0]) == list(predicted[0][0])


def test_words_in_the_report_and_in_the_check(sdl: Sdl, tmp_path: Path) -> None:
    columns = table()
    columns["age"][:3] = 99
    columns["sex"] = columns["sex"].astype(float)
    how: dict[str, Any] = {"variable_value_labels": {**WORDS, "age": {99: "refused"}}, "column_labels": LABELS}
    path = write(tmp_path / "t.sav", columns, missing_ranges={"age": [99]}, **how)
    data = f"dataset=table dataset.path={path} dataset.target=state dataset.id=case dataset.missing_reasons=column"
    checked = sdl(f"check {data}")
    assert checked.code == 0 and "Age in years" in checked.out and "State of health" in checked.out
    said = re.sub(r"\s+", " ", checked.out + checked.err)
    assert "Age in years (age): refused in 3 rows" in said and "age.missing" in said
    labels = {one["name"]: one.get("label") for one in sdl(f"check --json {data}").json["summary"]["columns"]}
    assert labels["age"] == "Age in years" and labels["sex"] is None
    assert sdl(f"train {data} {BASELINE} hydra.run.dir={tmp_path}/run").code == 0
    assert sdl(f"report {tmp_path}/run").code == 0
    assert "Age in years (age)" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert sdl(f"evaluate {tmp_path}/run").code == 0


def test_missing_targets_are_named_with_the_way_out(sdl: Sdl, tmp_path: Path) -> None:
    columns = table()
    columns["state"] = columns["state"].astype(float)
    columns["state"][:4] = 9
    how: dict[str, Any] = {
        "variable_value_labels": {"state": {1: "ill", 2: "well", 9: "refused"}},
        "missing_ranges": {"state": [9]},
    }
    path = write(tmp_path / "t.sav", columns, **how)
    data = f"dataset=table dataset.path={path} dataset.target=state"
    found = sdl(f"check {data}")
    assert found.code == 2 and "missing in 4 rows of 300" in found.err and "dataset.missing_target=drop" in found.err
    found = sdl(f"check {data} dataset.missing_target=drop")
    assert found.code == 0 and "refused in 4 rows" in re.sub(r"\s+", " ", found.out + found.err)


def test_a_run_on_words_reads_the_codes_of_new_rows(sdl: Sdl, tmp_path: Path) -> None:
    columns = table()
    path = write(tmp_path / "t.sav", columns, variable_value_labels=WORDS, column_labels=LABELS)
    assert (
        sdl(f"train dataset=table {BASELINE} dataset.path={path} dataset.target=state dataset.id=case hydra.run.dir=r").code == 0
    )
    in_words(columns).to_csv(tmp_path / "words.csv", index=False)
    pd.DataFrame(columns).to_csv(tmp_path / "codes.csv", index=False)
    pd.DataFrame(columns).to_parquet(tmp_path / "codes.parquet", index=False)
    assert sdl("predict r words.csv -o words.out").code == 0
    for name in ("codes.csv", "codes.parquet"):
        found = sdl(f"predict r {name} -o codes.out")
        assert "Column sex holds codes: they were read as the run's words (2 is woman)" in " ".join(found.err.split()) or (
            "(1 is man)" in " ".join(found.err.split())
        )
        assert rows(tmp_path / "codes.out") == rows(tmp_path / "words.out")
        scored = [sdl(f"evaluate r dataset.path={file} --json").json["metrics"] for file in (name, "words.csv")]
        assert scored[0] == scored[1], "its classes too"
