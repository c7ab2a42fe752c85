"""Naming drawings by one example of each class, from the command line."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from integration.conftest import Sdl
from PIL import Image
from unit.data.sources.test_omniglot import make_background, make_runs
from unit.learning.models.one_shot.test_one_shot import drawings

TRAIN = "train model=one_shot model.kind=hausdorff dataset=omniglot_runs dataset.path=runs hydra.run.dir=run"
NET = "model.kind=metric_net model.background=background model.width=4 model.embedding_size=8 training.epochs=1"


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8") as text:
        return list(csv.DictReader(text))


def test_the_runs_are_learned_scored_reported_and_scored_again(sdl: Sdl, tmp_path: Path) -> None:
    make_runs(tmp_path / "runs")
    found = sdl(f"{TRAIN} --json")
    assert found.code == 0, found.err
    accuracy = found.json["metrics"]["test"]["accuracy"]
    assert accuracy["value"] == 1.0 and accuracy["n"] == 6 and accuracy["low"] == pytest.approx(0.6097, abs=1e-4)  # Wilson
    assert found.json["metrics"]["test"]["roc_auc"]["value"] is None
    for row in rows_of(tmp_path / "run" / "predictions.csv"):
        own = row["id"].partition("/")[0]
        outside = sum(float(value) for key, value in row.items() if "/class" in key and own not in key)
        assert own in row["prediction"] and outside == 0
    assert sdl("evaluate run --json").json["reproduced"] is True
    assert sdl("report run").code == 0 and (tmp_path / "run" / "report.html").exists()


def test_classes_of_ones_own_are_named_by_one_drawing_each(sdl: Sdl, tmp_path: Path) -> None:
    make_runs(tmp_path / "runs")
    assert sdl(TRAIN).code == 0
    found = sdl("predict run runs/run01/test -o among_all.csv")
    assert (
        "which of its 2 sets of classes" in " ".join(found.err.split()).lower() and len(rows_of(tmp_path / "among_all.csv")) == 3
    )
    for name, image in zip(("cross", "hook", "angle"), drawings(), strict=True):
        for place, pixels in ((f"support/{name}.png", image[0]), (f"query/of_{name}.png", 255 - image[0])):
            (tmp_path / "mine" / place).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / "mine" / place)
    found = sdl("predict run mine -o named.csv")
    assert found.code == 0, found.err
    told = " ".join(found.err.split())
    assert "not those of the run" in told and "3 of 3 drawings are taken as light ink on dark paper" in told
    rows = rows_of(tmp_path / "named.csv")
    assert {row["id"]: row["prediction"] for row in rows} == {f"of_{n}.png": n for n in ("angle", "cross", "hook")}


def test_a_folder_of_drawings_with_parts_is_a_data_set_like_any_other(sdl: Sdl, tmp_path: Path) -> None:
    for part, ink in (("train", drawings()), ("test", drawings(2))):
        for name, image in zip(("cross", "hook", "angle"), ink, strict=True):
            (tmp_path / "mine" / part / name).mkdir(parents=True)
            Image.fromarray(image[0]).save(tmp_path / "mine" / part / name / "one.png")
    found = sdl("train model=one_shot dataset=image_folder dataset.path=mine --json")
    assert found.code == 0, found.err
    assert found.json["metrics"]["test"]["accuracy"]["value"] == 1.0
    assert found.json["config"]["dataset"]["size_px"] == 105
    assert "drawings are compared at 105 x 105 px" in " ".join(found.err.split())


def test_the_network_names_its_background_and_goes_on_where_it_stopped(sdl: Sdl, tmp_path: Path) -> None:
    make_runs(tmp_path / "runs")
    make_background(tmp_path / "background")
    found = sdl(f"{TRAIN} {NET} --json")
    assert found.code == 0, found.err
    assert any("12 background drawings of 4 characters (2 alphabets: Elvish, Runes)" in note for note in found.json["notes"])
    assert len(rows_of(tmp_path / "run" / "history.csv")) == 1


def test_what_cannot_be_exported_says_why(sdl: Sdl, tmp_path: Path) -> None:
    make_runs(tmp_path / "runs")
    assert sdl(TRAIN).code == 0
    found = sdl("export run model.onnx")
    assert found.code == 2 and not (tmp_path / "model.onnx").exists()
    assert "finds the ink of each drawing" in " ".join(found.err.split()) and "sdl predict" in found.err


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("train model=one_shot dataset=wine", ["one_shot takes images", "wine is a table"]),
        ("train model=one_shot model.kind=metric_net dataset=digits", ["model.background", "model.kind=alignment"]),
        ("train model=one_shot model.kind=metric_net model.background=nowhere dataset=digits", ["no file or folder nowhere"]),
        ("train model=one_shot dataset=omniglot_runs dataset.path=nowhere", ["nowhere does not exist"]),
        ("train model=one_shot dataset=omniglot_runs dataset.path=empty", ["no run01", "run01 to run20"]),
        ("train model=one_shot dataset=omniglot_runs", ["dataset.path"]),
    ],
)
def test_mistakes_are_named(sdl: Sdl, tmp_path: Path, command: str, words: list[str]) -> None:
    (tmp_path / "empty").mkdir()
    found = sdl(command)
    assert found.code == 2, found.err
    assert all(word in " ".join(found.err.split()) for word in words), found.err
    assert len(found.err.strip().splitlines()) <= 6  # three lines of text in 80 columns
    assert np.all([not path.name.startswith("runs") for path in tmp_path.iterdir()])
