"""A run answers rows, texts, series and photos from memory as `sdl predict` answers those of files."""

from __future__ import annotations

import csv
import io
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from integration.forked import few_trees

import sdl_cli
from sdl_cli.cli import main
from sdl_cli.errors import DataError
from sdl_cli.run import run_folder
from sdl_cli.run.answering import Answering
from sdl_cli.run.train import Observer

HEADER = "name,age,blood pressure,sex,smoker,visit,outcome"


def sdl(command: str) -> None:
    before, sys.argv = sys.argv, ["sdl", *shlex.split(command)]
    try:
        with pytest.raises(SystemExit) as stop, few_trees():
            main.main()
    finally:
        sys.argv = before
    assert not stop.value.code


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Finished runs on a table, a table without a file, numbers, texts, series and images."""
    here = tmp_path_factory.mktemp("answering")
    rng = np.random.default_rng(0)
    rows = [HEADER]
    for i in range(80):
        age, pressure = int(rng.integers(20, 90)), rng.normal(120, 15)
        rows.append(
            f"p{i},{age},{pressure:.1f},{'mf'[i % 2]},{['yes', 'no'][i % 3 == 0]},2024-{i % 12 + 1:02d}-11,{'sick' if age > 55 else 'well'}"
        )
    (here / "table.csv").write_text("\n".join(rows) + "\n")
    (here / "texts.csv").write_text(
        "text,label\n"
        + "".join(f"{'a fine day' if i % 2 else 'bad rain today'} {i},{'good' if i % 2 else 'bad'}\n" for i in range(40))
    )
    waves = [[*np.sin(np.arange(8) * (1 + i % 2)).round(3), "ab"[i % 2]] for i in range(40)]
    (here / "series.csv").write_text(
        "\n".join([",".join([*(f"t{k}" for k in range(8)), "kind"]), *(",".join(map(str, row)) for row in waves)]) + "\n"
    )
    trees = "model=baseline model.num_trees=5"
    sdl(f"train {here}/table.csv target=outcome dataset.id=name {trees} hydra.run.dir={here}/table")
    sdl(f"train {here}/table.csv target=age dataset.drop=[name] {trees} hydra.run.dir={here}/number")
    sdl(f"train dataset=wine {trees} hydra.run.dir={here}/wine")
    sdl(f"train {here}/texts.csv dataset=text target=label model=baseline model.kind=logistic hydra.run.dir={here}/texts")
    sdl(f"train {here}/series.csv dataset=series target=kind {trees} hydra.run.dir={here}/series")
    sdl(f"train dataset=digits dataset.num_per_class=5 {trees} hydra.run.dir={here}/digits")
    return here


def answering(folder: Path, name: str) -> Answering:
    return Answering(run_folder.read_run(folder / name), Observer())


def predicted(folder: Path, name: str, source: str) -> list[dict[str, str]]:
    """What `sdl predict` writes."""
    out = folder / f"{name}.predictions.csv"
    sdl(f"predict {folder / name} {folder / source} -o {out}")
    return list(csv.DictReader(io.StringIO(out.read_text())))


def test_rows_as_a_file_of_them(folder: Path) -> None:
    run = answering(folder, "table")
    assert run.takes == "rows" and run.names == ["age", "blood pressure", "sex", "smoker", "visit"]
    rows: list[dict[str, Any]] = list(csv.DictReader(io.StringIO((folder / "table.csv").read_text())))
    for row in rows:
        row["age"], row["blood pressure"], row["smoker"] = int(row["age"]), float(row["blood pressure"]), row["smoker"] == "yes"
    found = run.of_rows(rows)
    expected = predicted(folder, "table", "table.csv")
    assert [one["prediction"] for one in found["predictions"]] == [one["prediction"] for one in expected]
    assert [one["id"] for one in found["predictions"]] == [one["id"] for one in expected]
    assert [one["probabilities"]["sick"] for one in found["predictions"]] == [float(one["probability_sick"]) for one in expected]
    assert found["notes"] == []
    as_text = list(csv.DictReader(io.StringIO((folder / "table.csv").read_text())))
    assert run.of_rows(as_text)["predictions"] == found["predictions"]


ROW = {"age": 61, "blood pressure": 120.5, "sex": "m", "smoker": True, "visit": "2024-03-01"}


def test_what_is_unknown_or_missing_is_said(folder: Path) -> None:
    run = answering(folder, "table")
    found = run.of_rows([{**ROW, "sex": "x"}, {**ROW, "age": None, "visit": "NA"}])
    assert len(found["predictions"]) == 2
    assert found["notes"] == ["Column sex: 1 of 2 rows hold a value that the run was not trained on, such as 'x'."]
    far = run.of_rows([{**ROW, "age": 61_000}])["notes"]
    assert len(far) == 1 and "far outside what the run learned from" in far[0]
    assert "nothing to predict from" in run.of_rows([dict.fromkeys(ROW)])["notes"][0]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"age": 61}], "Row 1 lacks blood pressure, sex, smoker and visit."),
        ([ROW, {**ROW, "age": "old"}], "the request, row 2: column age holds 'old', which is not a finite number."),
        ([{**ROW, "smoker": "maybe"}], "the request, row 1: column smoker holds 'maybe', which is not one of no, yes."),
        ([{**ROW, "visit": "yesterday"}], "the request, row 1: column visit holds 'yesterday', which is not a date"),
        ([{**ROW, "age": [1]}], "Row 1: age is a list."),
        ([{**ROW, "age": 10**400}], "Row 1: age is a number that no computer's float holds."),
        ([{**ROW, "sex": {}}], "Row 1: sex is an object."),
        ([[1, 2, 3]], "A row is an object: a value by the name of each column."),
        ([], "The request holds nothing to predict."),
    ],
)
def test_rows_that_cannot_be_answered(rows: list[Any], words: str, folder: Path) -> None:
    with pytest.raises(DataError) as found:
        answering(folder, "table").of_rows(rows)
    assert found.value.message.startswith(words)
    assert "dataset." not in str(found.value)


def test_numbers_are_predicted_as_numbers(folder: Path) -> None:
    row = {"blood pressure": 120.5, "sex": "m", "smoker": "yes", "visit": "2024-03-01", "outcome": "sick"}
    [found] = answering(folder, "number").of_rows([row])["predictions"]
    assert list(found) == ["prediction"] and 55 < found["prediction"] < 90


def test_a_table_without_a_file_takes_objects_and_lists(folder: Path) -> None:
    run = answering(folder, "wine")
    values = [13.2, 1.78, 2.14, 11.2, 100.0, 2.65, 2.76, 0.26, 1.28, 4.38, 1.05, 3.4, 1050.0]
    by_name = run.of_rows([dict(zip(run.names, values, strict=True))])
    assert by_name == run.of_rows([values]) and by_name["predictions"][0]["prediction"] == "class_0"
    for row, words in (
        ([1.0], "Row 1 has 1 values, but the run takes 13."),
        (["a"] * 13, "Row 1 holds a text"),
        (3, "Row 1 is a number"),
    ):
        with pytest.raises(DataError, match=words):
            run.of_rows([row])


def test_texts(folder: Path) -> None:
    run = answering(folder, "texts")
    assert run.takes == "texts"
    assert [one["prediction"] for one in run.of_texts(["a fine day", "bad rain"])["predictions"]] == ["good", "bad"]
    with pytest.raises(DataError, match="Text 2 is a number, not a text."):
        run.of_texts(["a", 2])


def test_series(folder: Path) -> None:
    run = answering(folder, "series")
    assert run.takes == "series"
    wave = np.sin(np.arange(8) * 2).round(3).tolist()
    assert run.of_series([wave])["predictions"][0]["prediction"] == "b" == run.of_series([[wave]])["predictions"][0]["prediction"]
    for row, words in (
        ([1.0], "Row 1 has 1 values, but the run takes 8."),
        ("x", "Series 1 is a text"),
        ([[1], [2]], "Series 1 is not 1 lists of 8"),
        ([None] * 8, "missing"),
    ):
        with pytest.raises(DataError, match=words):
            run.of_series([row])


def test_a_photo(folder: Path) -> None:
    from PIL import Image

    run = answering(folder, "digits")
    assert run.takes == "photo"
    buffer = io.BytesIO()
    Image.fromarray(np.tile(np.arange(8, dtype=np.uint8) * 30, (8, 1))).save(buffer, "PNG")
    for media in ("image/png", ""):
        [found] = run.of_photo(buffer.getvalue(), media)["predictions"]
        assert found["prediction"] in "0123456789" and abs(sum(found["probabilities"].values()) - 1) < 1e-9
    with pytest.raises(DataError) as broken:
        run.of_photo(b"\x89PNG nothing", "image/png")
    assert broken.value.message.startswith("The photo cannot be read: ") and "sdl-" not in str(broken.value)


def test_text_is_read_by_the_marks_of_the_runs_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [f"{k}.{k % 7}50,5;{'ja' if k > 15 else 'nein'}" for k in range(1, 31)]
    Path("eu.csv").write_text("miete;urteil\n" + "\n".join(lines) + "\n")
    sdl("train dataset=table dataset.path=eu.csv dataset.target=urteil model=baseline model.num_trees=20 hydra.run.dir=eu")
    Path("new.csv").write_text("miete\n2.150,5\n29.150,5\n")
    as_a_file = [row["prediction"] for row in predicted(tmp_path, "eu", "new.csv")]
    asked = answering(tmp_path, "eu").of_rows([{"miete": "2.150,5"}, {"miete": "29.150,5"}])
    assert [row["prediction"] for row in asked["predictions"]] == as_a_file == ["nein", "ja"]
    rows = pd.DataFrame({"miete": ["2.150,5", "29.150,5"]})
    assert list(sdl_cli.load("eu").predict(rows)) == as_a_file
