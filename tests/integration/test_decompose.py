"""`sdl decompose` as people meet it: a network for a table taken apart, shown in its report, and runs that cannot be."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from integration.conftest import NET, Sdl, run_here
from PIL import Image

WIDE = "model=deep_net model.depth=1 model.width=60 training.epochs=20"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Networks of one wide layer; read them, and change only copies."""
    folder = tmp_path_factory.mktemp("whole")
    run_here(f"train dataset=wine {WIDE} hydra.run.dir={folder / 'wine'}")
    run_here(f"train dataset=wine {WIDE} reduce=select reduce.num_features=10 hydra.run.dir={folder / 'reduced'}")
    run_here(f"train dataset=breast_cancer {WIDE} training.select=best threshold=balanced hydra.run.dir={folder / 'chosen'}")
    return folder


def test_it_is_taken_apart_and_the_report_shows_it(sdl: Sdl, whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole / "wine", tmp_path / "run")
    first = sdl("decompose run --subnets 4 --json")
    assert first.code == 0
    values = first.json
    keys = {"folder", "subnets", "sum_error", "correlation", "curve"}
    assert keys <= set(values) and values["folder"] == "run"
    assert len(values["subnets"]) == len(values["curve"]) == 4
    assert values["sum_error"] < 1e-5
    for subnet in values["subnets"]:
        assert subnet["train_accuracy"] == values["train_accuracy"]
        assert subnet["units"] in (30, 31)
        assert set(subnet["test_accuracy"]) == {"value", "low", "high", "n"}
    trained = json.loads((tmp_path / "run" / "metrics.json").read_text())["metrics"]["test"]["accuracy"]
    assert values["test_accuracy"] == values["curve"][-1]["accuracy"] == trained
    stored = json.loads((tmp_path / "run" / "decomposition.json").read_text())
    assert stored == values
    with Image.open(tmp_path / "run" / "decomposition.png") as picture:
        assert picture.size == (1800, 1120)
    again = sdl("decompose run --subnets 4 --json").json
    assert {**again, "seconds": 0} == {**values, "seconds": 0}
    assert "subnets" in sdl("report run --json").json["sections"]
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Is the network an ensemble?" in page and "sub-net 4" in page
    assert sdl("evaluate run --json").json["reproduced"] is True


def test_a_network_that_reads_fewer_columns(sdl: Sdl, whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole / "reduced", tmp_path / "run")
    values = sdl("decompose run --subnets 4 --json").json
    trained = json.loads((tmp_path / "run" / "metrics.json").read_text())["metrics"]["test"]["accuracy"]
    assert values["curve"][-1]["accuracy"] == trained and values["sum_error"] < 1e-5


def test_its_text_and_rows_that_were_set_aside_and_weighed(sdl: Sdl, whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole / "chosen", tmp_path / "run")
    found = sdl("decompose run --subnets 6 --seed 3")
    assert found.code == 0, found.err
    for words in (
        "364 training rows, 114 test rows, 2 classes",
        "sub-net 1",
        "network",
        "averaged",
        "verdict",
        "time",
        "run     run",
    ):
        assert words in found.out, words
    values = json.loads((tmp_path / "run" / "decomposition.json").read_text())
    trained = json.loads((tmp_path / "run" / "metrics.json").read_text())["metrics"]["test"]["accuracy"]
    assert values["curve"][-1]["accuracy"] == trained
    assert {json.dumps(one["train_accuracy"]) for one in values["subnets"]} == {json.dumps(values["train_accuracy"])}


def test_a_network_that_cannot_be_taken_apart_gives_the_solvers_word(sdl: Sdl, runs: Path) -> None:
    found = sdl(f"decompose {runs}/net --subnets 3 --json")
    assert found.code == 1
    error = found.json["error"]
    assert "3 to 2 sub-nets: infeasible (HiGHS, 3 draws of the units each)" in error["message"]
    assert "--subnets 6 or --bound 100" in error["hint"]
    assert not (runs / "net" / "decomposition.json").exists()


REFUSED = {
    "dataset=diabetes model=deep_net model.depth=1 model.width=8 training.epochs=1": ["predicts numbers", "a table with classes"],
    "dataset=digits dataset.num_train=50 model=deep_net model.width=2 training.epochs=1": ["takes images", "as_table=true"],
    f"{NET} model.num_members=2": ["ensemble of 2 networks already", "model.num_members=1"],
    f"{NET} loss=cosine": ["loss=cosine", "do not add up", "loss=cross_entropy"],
}


@pytest.mark.parametrize("command", REFUSED)
def test_runs_without_one_last_layer_of_classes_are_refused(sdl: Sdl, command: str) -> None:
    assert sdl(f"train {command} hydra.run.dir=run").code == 0
    found = sdl("decompose run")
    assert found.code == 2
    assert "Traceback" not in found.err
    for words in REFUSED[command]:
        assert words in found.err, words


def test_data_that_has_changed_and_a_run_that_has_not_ended_are_refused(sdl: Sdl, runs: Path, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b,c\n" + "".join(f"{n},{n * n % 7},{'xy'[n % 2]}\n" for n in range(60)))
    assert sdl("train t.csv target=c model=deep_net model.depth=1 model.width=8 training.epochs=1 hydra.run.dir=run").code == 0
    (tmp_path / "t.csv").write_text("a,b,c\n" + "".join(f"{n},{n * n % 5},{'xy'[n % 2]}\n" for n in range(60)))
    found = sdl("decompose run")
    assert found.code == 2 and "the data set has changed since this run" in found.err
    status = tmp_path / "run" / "status.json"
    status.write_text(json.dumps({**json.loads(status.read_text()), "state": "interrupted"}))
    found = sdl("decompose run")
    assert found.code == 2 and "this run is not finished (it is interrupted)" in found.err


def test_a_damaged_decomposition_is_left_out_of_the_report(sdl: Sdl, whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole / "wine", tmp_path / "run")
    (tmp_path / "run" / "decomposition.json").write_text('{"folder": "run", "subnets": [3]}')
    found = sdl("report run --json")
    assert found.code == 0
    assert "subnets" not in found.json["sections"]
    assert "Left out of the report: sub-nets" in found.err
