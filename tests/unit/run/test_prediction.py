"""Predicting with a stored run: which reader takes an input, and what is refused before anything is written."""

from __future__ import annotations

import csv
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdl_cli.data.files.columns import Column, level_counts
from sdl_cli.data.sources import new_rows
from sdl_cli.errors import DataError
from sdl_cli.learning.models.baseline import Baseline, BaselineRegressor
from sdl_cli.learning.models.encoding import TableEncoder
from sdl_cli.learning.models.prepared import Prepared
from sdl_cli.learning.models.storage import save_model
from sdl_cli.run import predict, run_folder
from sdl_cli.run.run_folder import StoredRun
from sdl_cli.run.train import Observer

COLUMNS = (Column("a", "number"), Column("b", "category", ("u", "v")))
SOURCE = {
    "names": ["a", "b", "y"],
    "header": True,
    "delimiter": ",",
    "decimal": ".",
    "target": "y",
    "id": None,
    "missing_values": [],
}
NEW = "b,a\nu,1\nv,2\nu,\n"


def store(folder: Path, mixed: bool = True, numbers: bool = False, **more: Any) -> StoredRun:
    """A run folder with the parts that prediction reads: a small forest on columns a and b, in classes p and q."""
    folder.mkdir(parents=True)
    X, y = np.array([[1, 0], [2, 1], [3, 0], [4, 1]] * 4, float), np.array([0, 1, 0, 1] * 4)
    plain: Any = BaselineRegressor(num_trees=5) if numbers else Baseline(num_trees=5)
    model = Prepared(TableEncoder(level_counts(COLUMNS)), plain) if mixed else plain
    inputs = {
        "modality": "table",
        "shape": [2],
        "classes": [] if numbers else ["p", "q"],
        "columns": [asdict(column) for column in COLUMNS] if mixed else [],
        "source": SOURCE,
        **more,
    }
    save_model(model.fit(X, y), "baseline", "regression" if numbers else "classification", folder, inputs)
    return StoredRun(folder, {"model": {"name": "baseline"}, "dataset": {"name": "table"}}, {}, {}, "done")


def read(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@pytest.fixture
def new(tmp_path: Path) -> Path:
    (tmp_path / "new.csv").write_text(NEW)
    return tmp_path / "new.csv"


def test_rows_are_predicted_in_their_order(tmp_path: Path, new: Path) -> None:
    out = tmp_path / "p.csv"
    assert predict.predict(store(tmp_path / "run"), new, out, Observer()) == {"rows": 3, "out": str(out)}
    rows = read(out)
    assert rows[0] == ["id", "prediction", "probability_p", "probability_q"]
    assert [row[:2] for row in rows[1:]] == [["2", "p"], ["3", "q"], ["4", "p"]]


def test_a_regression_writes_numbers(tmp_path: Path, new: Path) -> None:
    predict.predict(store(tmp_path / "run", numbers=True), new, tmp_path / "p.csv", Observer())
    rows = read(tmp_path / "p.csv")
    assert rows[0] == ["id", "prediction"] and 0 <= float(rows[1][1]) < 0.5 < float(rows[2][1]) <= 1


def test_a_stored_decision_is_followed(tmp_path: Path, new: Path) -> None:
    predict.predict(store(tmp_path / "run", decision=[1.0, -1.0]), new, tmp_path / "p.csv", Observer())
    assert {row[1] for row in read(tmp_path / "p.csv")[1:]} == {"p"}


def test_of_a_run_with_repeats_the_first_predicts_and_this_is_said(
    tmp_path: Path, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = store(tmp_path / "run/repeats/0")
    store(tmp_path / "run/repeats/1")
    monkeypatch.setattr(run_folder, "read_run", lambda folder: first if folder == first.folder else None)
    heard: list[str] = []
    whole = StoredRun(tmp_path / "run", first.config, {}, {}, "done")
    assert predict.predict(whole, new, tmp_path / "p.csv", Observer(on_notice=heard.append))["rows"] == 3
    assert len(heard) == 1 and "2 repeats: predicting with the first" in heard[0]


@pytest.mark.parametrize("chunk_rows", [1, 2, 3])
def test_chunks_are_read_one_after_the_other(tmp_path: Path, new: Path, monkeypatch: pytest.MonkeyPatch, chunk_rows: int) -> None:
    stored = store(tmp_path / "run")
    predict.predict(stored, new, tmp_path / "whole.csv", Observer())
    real = new_rows.iter_rows
    monkeypatch.setattr(new_rows, "iter_rows", lambda path, inputs, notes: real(path, inputs, chunk_rows, notes))
    predict.predict(stored, new, tmp_path / "chunks.csv", Observer())
    assert (tmp_path / "chunks.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_plain_tables_take_npz_files_and_mixed_ones_do_not(tmp_path: Path, new: Path) -> None:
    np.savez(tmp_path / "new.npz", X=np.array([[1.0, 0], [2, 1]]))
    plain = store(tmp_path / "plain", mixed=False)
    assert predict.predict(plain, tmp_path / "new.npz", tmp_path / "p.csv", Observer())["rows"] == 2
    with pytest.raises(DataError, match=r"an npz file needs X with shape \(rows, 2\)"):
        predict.predict(plain, new, tmp_path / "p2.csv", Observer())
    with pytest.raises(DataError, match=r"new.npz"):
        predict.predict(store(tmp_path / "mixed"), tmp_path / "new.npz", tmp_path / "p2.csv", Observer())
    np.savez(tmp_path / "wide.npz", X=np.zeros((2, 3)))
    with pytest.raises(DataError, match=r"its rows have shape \(3,\), but this run takes \(2,\)"):
        predict.predict(plain, tmp_path / "wide.npz", tmp_path / "p2.csv", Observer())
    assert not (tmp_path / "p2.csv").exists()


REFUSED: dict[str, tuple[str, str, str]] = {
    "no input": ("nothing.csv", "p.csv", "nothing.csv: not found"),
    "a format that is not written": ("new.csv", "p.xlsx", "p.xlsx: predictions are written as CSV"),
    "a name of another case": ("upper.csv", "p.csv", r"is missing: b. Did you mean B\? Write it as b"),
    "a folder to write": ("new.csv", ".", "this is a folder"),
    "no folder to write in": ("new.csv", "no/p.csv", "there is no folder"),
    "the input itself": ("new.csv", "new.csv", "this is the input itself"),
    "no rows": ("empty.csv", "p.csv", "empty.csv: the table has no rows"),
    "a column too few": ("narrow.csv", "p.csv", "narrow.csv: a column that the run needs is missing: b"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_leaves_everything_as_it_was(tmp_path: Path, new: Path, case: str) -> None:
    stored = store(tmp_path / "run")
    (tmp_path / "empty.csv").write_text("a,b\n")
    (tmp_path / "upper.csv").write_text("a,B\n1,u\n")
    (tmp_path / "narrow.csv").write_text("a,c\n1,2\n")
    source, out, message = REFUSED[case]
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}
    with pytest.raises(DataError, match=message) as error:
        predict.predict(stored, tmp_path / source, tmp_path / out, Observer())
    assert "\n" not in error.value.message
    assert {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize("key", ["medians", "targets", "num_outputs", "kind"])
def test_a_run_whose_preparation_is_damaged_is_refused(tmp_path: Path, new: Path, key: str) -> None:
    import json

    stored = store(tmp_path / "run")
    values = json.loads((tmp_path / "run/model.json").read_text())
    del values["preparation"][key]
    (tmp_path / "run/model.json").write_text(json.dumps(values))
    with pytest.raises(DataError, match="the stored model cannot be read"):
        predict.predict(stored, new, tmp_path / "p.csv", Observer())


def test_rows_without_anything_in_them_are_named(tmp_path: Path, new: Path) -> None:
    new.write_text("b,a\nu,1\n,\nv,\n,\n")
    said: list[str] = []
    assert predict.predict(store(tmp_path / "run"), new, tmp_path / "p.csv", Observer(on_notice=said.append))["rows"] == 4
    assert len(said) == 1 and said[0].startswith("2 rows are empty in everything that the run learned from (ids 3, 5)")


def test_a_minus_is_stdout_and_what_fails_writes_nothing_there(
    tmp_path: Path, new: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    stored = store(tmp_path / "run")
    assert predict.predict(stored, new, Path("-"), Observer()) == {"rows": 3, "out": "-"}
    predict.predict(stored, new, tmp_path / "p.csv", Observer())
    assert capfd.readouterr().out == (tmp_path / "p.csv").read_text() and not Path("-").exists()
    new.write_text("b,a\n" + "u,1\n" * 9 + "u,x\n")
    with pytest.raises(DataError):
        predict.predict(stored, new, Path("-"), Observer())
    assert capfd.readouterr().out == ""


def test_a_hint_without_its_settings_ends_as_a_sentence(tmp_path: Path, new: Path) -> None:
    new.write_text("b,a,a\nu,1,1\n")
    with pytest.raises(DataError, match="are all called 'a'") as error:
        predict.predict(store(tmp_path / "run"), new, tmp_path / "p.csv", Observer())
    assert error.value.hint.endswith(".") and "dataset" not in error.value.hint


def test_pictures_of_other_kinds_in_a_folder_are_counted_and_named(tmp_path: Path) -> None:
    from PIL import Image

    from sdl_cli.data.sources.image_folder import iter_images

    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    for name in ("b.DNG", "c.dng", "d.txt"):
        (tmp_path / name).write_bytes(b"x")
    notes: list[str] = []
    assert [ids.tolist() for ids, _ in iter_images(tmp_path, 8, notes=notes)] == [["a.png"]]
    text = "3 files are not images that can be read (2 .dng, 1 .txt) and were left out. Save .dng as JPEG or PNG"
    assert notes[0].startswith(text)
    (tmp_path / "a.png").unlink()
    with pytest.raises(DataError, match=r"no images in this folder. 3 files are not images .*2 .dng"):
        next(iter_images(tmp_path, 8))
