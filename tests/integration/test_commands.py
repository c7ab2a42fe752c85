"""Every command as a user types it: what it prints, its one JSON object, and what it leaves on disk."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from integration.conftest import BASELINE, NET, Sdl, tree

from sdl_cli import __version__
from sdl_cli.learning.models.settings import MODELS

MEASURED = {"value", "low", "high", "n"}
METRICS = ["accuracy", "balanced_accuracy", "log_loss", "macro_f1", "roc_auc", "calibration_error"]


def is_measured(found: dict[str, Any]) -> bool:
    return set(found) == MEASURED and found["low"] <= found["value"] <= found["high"] and found["n"] > 0


@pytest.mark.parametrize("columns", ["80", "200"])
@pytest.mark.parametrize("command", [f"train dataset=wine {BASELINE}", f"train {NET}", "train dataset=diabetes " + BASELINE])
def test_train_prints_what_it_runs_on_and_what_it_found(
    sdl: Sdl, monkeypatch: pytest.MonkeyPatch, command: str, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    found = sdl(command)
    assert found.code == 0, found.err
    starts = [line.partition(" ")[0] for line in found.out.splitlines()]
    order = [starts.index(word) for word in ("data", "model", "device", "n", "test", "lift", "time", "run")]
    assert order == sorted(order)
    folder = re.search(r"^run     (.+)$", found.out, re.MULTILINE)
    assert folder is not None and Path(folder[1]).is_dir()
    assert all(len(line) <= int(columns) or line == folder[0] for line in found.out.splitlines())
    assert not re.search(r"Traceback|Error executing", found.err)


def test_train_json_is_one_object_of_the_promised_shape(sdl: Sdl) -> None:
    found = sdl(f"train {NET} --json")
    values = found.json
    assert set(values) >= {"folder", "config", "metrics", "baseline", "lift", "seconds"}
    assert set(values["metrics"]) == {"test", "validation"} and list(values["metrics"]["test"]) == METRICS
    assert all(map(is_measured, values["metrics"]["test"].values()))
    assert values["baseline"]["name"] == "forest" and list(values["baseline"]["test"]) == METRICS
    assert set(values["lift"]) == {"metric", "value", "low", "high", "measurable"}
    assert {"total", "fit"} <= set(values["seconds"])
    assert list(values["majority"]["test"]) == METRICS
    folder = Path(values["folder"])
    assert json.loads((folder / "metrics.json").read_text()) == values
    assert yaml.safe_load((folder / "config.yaml").read_text()) == values["config"]
    assert None not in values["config"]["training"].values() or values["config"]["training"]["steps"] is None
    assert "n = 36 test rows" in found.err, "what else is printed goes to stderr"


def test_a_run_folder_holds_what_was_promised_and_nothing_else(runs: Path) -> None:
    common = {"config.yaml", "metrics.json", "predictions.csv", "environment.json", "status.json", "model.json", "run.log"}
    assert tree(runs / "wine") - {"model.safetensors"} == common
    assert tree(runs / "net") == common | {"history.csv", "model.safetensors"}
    environment = json.loads((runs / "net" / "environment.json").read_text())
    assert {"versions", "git_commit", "data_fingerprint", "command_line", "runtime", "seconds"} <= set(environment)
    assert environment["command_line"][:2] == ["sdl train", "dataset=wine"]
    with (runs / "wine" / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 36 and list(rows[0])[:3] == ["id", "truth", "prediction"]
    probabilities = [float(value) for key, value in rows[0].items() if key.startswith("probability_")]
    assert len(probabilities) == 3 and sum(probabilities) == pytest.approx(1)


@pytest.mark.parametrize("name", ["wine", "net", "table", "images", "photos", "repeats"])
def test_evaluate_reproduces_the_stored_metrics_exactly(sdl: Sdl, runs: Path, name: str) -> None:
    before = {path: path.read_bytes() for path in (runs / name).rglob("*") if path.is_file()}
    found = sdl(f"evaluate {runs}/{name} --json").json
    stored = json.loads((runs / name / "metrics.json").read_text())
    assert found["metrics"]["test"] == stored["metrics"]["test"] and found["reproduced"] is True
    assert set(found) >= {"folder", "data", "metrics"} and Path(found["folder"]) == runs / name
    assert {path: path.read_bytes() for path in (runs / name).rglob("*") if path.is_file()} == before
    text = sdl(f"evaluate {runs}/{name}")
    assert text.code == 0 and "The stored metrics are reproduced exactly." in text.out
    assert all(len(line) <= 80 for line in text.out.splitlines())


def test_evaluate_on_other_data_of_the_same_kind(sdl: Sdl, runs: Path, data: Path, tmp_path: Path) -> None:
    with np.load(data / "good.npz") as good:
        np.savez(tmp_path / "other.npz", X=good["X"] + 0.1, y=1 - good["y"])
    found = sdl(f"evaluate {runs}/table dataset=npz dataset.path=other.npz --json").json
    assert found["data"] == {"name": "other", "rows": 40, "same_test_part": False} and found["reproduced"] is None
    assert found["metrics"]["test"]["accuracy"]["value"] < 0.5, "the labels were swapped"
    assert sdl(f"evaluate {runs}/table dataset.path=other.npz --json").json["metrics"] == found["metrics"]


def test_predict_names_every_row_and_agrees_with_the_model(sdl: Sdl, runs: Path, data: Path, tmp_path: Path) -> None:
    found = sdl(f"predict {runs}/photos {data}/photos -o out.csv --json")
    assert found.json == {"rows": 12, "out": "out.csv"}
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert list(next(iter(rows.values()))) == ["id", "prediction", "probability_ant", "probability_bee"]
    with (runs / "photos" / "predictions.csv").open(newline="") as file:
        for stored in csv.DictReader(file):
            again = rows[stored["id"]]
            assert all(again[key] == stored[key] for key in again)
    one = sdl(f"predict {runs}/photos {data}/photos/ant/0.png")
    assert one.code == 0 and one.out == "1 prediction written to predictions.csv\n"


def test_predict_on_an_npz_needs_no_y(sdl: Sdl, runs: Path, data: Path) -> None:
    assert sdl(f"predict {runs}/table {data}/no_y.npz --json").json["rows"] == 40
    found = sdl(f"predict {runs}/repeats {data}/no_y.npz")
    assert found.code == 2 and "This run has 2 repeats" in found.err


def test_repeats_give_a_mean_with_an_interval_over_splits(sdl: Sdl) -> None:
    found = sdl(f"train dataset=wine {BASELINE} num_repeats=3 dataset.seed=5")
    assert "n = 3 repeats, 95 % t interval of their mean" in found.out and "repeat  3 of 3: accuracy" in found.out
    folder = re.search(r"^run     (.+)$", found.out, re.MULTILINE)
    assert folder is not None
    values = json.loads((Path(folder[1]) / "metrics.json").read_text())
    singles = [json.loads((Path(folder[1]) / "repeats" / str(r) / "metrics.json").read_text()) for r in range(3)]
    means = [one["metrics"]["test"]["accuracy"]["value"] for one in singles]
    assert values["metrics"]["test"]["accuracy"]["value"] == pytest.approx(np.mean(means))
    assert values["metrics"]["test"]["accuracy"]["n"] == 3 and values["repeats"] == 3
    assert [one["config"]["dataset"]["seed"] for one in singles] == [5, 6, 7]
    alone = sdl(f"train dataset=wine {BASELINE} seed=1 dataset.seed=6 --json").json
    assert alone["metrics"] == singles[1]["metrics"], "a repeat is the run that its seed names"


def test_repeats_on_a_test_part_of_the_source_keep_the_chance_of_its_rows(sdl: Sdl, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(160) % 2
    X = rng.normal(size=(160, 3)) + y[:, None]
    np.savez(tmp_path / "a.npz", x_train=X[:100], y_train=y[:100], x_test=X[100:], y_test=y[100:])
    found = sdl(f"train a.npz {BASELINE} num_repeats=3 hydra.run.dir=three")
    assert "n = 3 repeats, the same 60 test rows, 95 % interval over both" in found.out
    values = json.loads((tmp_path / "three" / "metrics.json").read_text())
    singles = [json.loads((tmp_path / "three" / "repeats" / str(r) / "metrics.json").read_text()) for r in range(3)]
    mean, own = (one["metrics"]["test"]["accuracy"] for one in (values, singles[0]))
    assert values["same_test_rows"] and mean["high"] - mean["low"] >= own["high"] - own["low"] - 0.02
    again = sdl("evaluate three")
    assert "n = 3 repeats, 95 % interval of their mean over repeats and rows" in again.out and "reproduced exactly" in again.out
    np.savez(tmp_path / "b.npz", X=X[:50], y=y[:50])
    other = sdl("evaluate three b.npz --json").json
    assert other["same_test_rows"] and other["metrics"]["test"]["accuracy"]["n"] == 3
    seeds = sdl(f"train -m a.npz {BASELINE} seed=0,1,2 --json").json
    assert all(job["same_test_rows"] for job in seeds["jobs"])


def test_list_and_show_say_what_there_is(sdl: Sdl, tmp_path: Path) -> None:
    (tmp_path / "sdl_conf" / "model").mkdir(parents=True)
    (tmp_path / "sdl_conf" / "model" / "mine.yaml").write_text("# a model of my own\ndefaults: [deep_net, _self_]\ndepth: 2\n")
    text = sdl("list").out
    assert all(len(line) <= 80 for line in text.splitlines())
    for word in ("wine", "finetuned_cnn", "cosine", "flip_crop", "early_stopping", "mine", "a model of my own"):
        assert word in text
    items = sdl("list model --json").json["items"]
    assert {item["group"] for item in items} == {"model"} and len(items) == len(MODELS) + 1
    assert all(item["summary"] for item in items)
    assert "depth: 2" in sdl("show model=mine").out
    shown = sdl("show model=finetuned_cnn")
    assert "architecture: squeezenet1_1" in shown.out and "# any torchvision classification network" in shown.out
    assert sdl("show model=finetuned_cnn --json").json["items"][0]["text"] == shown.out.rstrip("\n")
    assert sdl("show loss").out.count("# loss=") == 5


def test_device_says_what_it_would_run_on_and_why(sdl: Sdl) -> None:
    found = sdl("device cpu")
    assert found.code == 0 and "A network would run on cpu" in found.out
    assert all(len(line) <= 80 for line in found.out.splitlines())
    values = sdl("device cpu --json").json
    assert values["runtime"]["device"] == "cpu" and "torch" in values["machine"]


@pytest.mark.parametrize(
    "command", ["--version", "-h", "train -h", "evaluate --help", "predict --help", "list --help", "show --help", ""]
)
def test_help_fits_and_costs_nothing(sdl: Sdl, tmp_path: Path, command: str) -> None:
    found = sdl(command)
    assert found.code == 0 and not found.err and not tree(tmp_path)
    assert all(len(line) <= 80 for line in found.out.splitlines())
    if command == "--version":
        assert found.out == f"sdl {__version__}\n"
    if command == "train -h":
        for word in (
            "--multirun",
            "--resume",
            "--cfg",
            "--config-dir",
            "--json",
            "model=adversarial,",
            "dataset=",
            "loss=",
        ):
            assert word in found.out


def test_hydras_own_questions_are_answered_and_run_nothing(sdl: Sdl, tmp_path: Path) -> None:
    found = sdl("train dataset=wine model.depth=4 --cfg job")
    assert yaml.safe_load(found.out)["model"]["depth"] == 4
    assert yaml.safe_load(sdl("train --cfg job --package model --resolve").out)["name"] == "deep_net"
    assert yaml.safe_load(sdl("train dataset=wine --cfg job --json").json["text"])["dataset"]["name"] == "wine"
    assert "hydra" in sdl("train --info searchpath").out
    assert not tree(tmp_path)


def test_own_settings_are_composed_like_the_projects(sdl: Sdl, tmp_path: Path) -> None:
    mine = tmp_path / "my conf"
    (mine / "experiment").mkdir(parents=True)
    (mine / "experiment" / "quick.yaml").write_text(
        "# @package _global_\n# sdl train experiment=quick\n"
        "defaults:\n  - override /dataset: wine\n  - override /model: baseline\n"
        "model:\n  num_trees: 5\nseed: 3\n"
    )
    values = sdl("train experiment=quick --json", "--config-dir=my conf").json
    assert values["config"]["seed"] == 3 and values["config"]["model"]["num_trees"] == 5
    assert values["config"]["dataset"]["name"] == "wine"


def test_what_others_print_does_not_reach_stdout(sdl_process: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    # libsvm prints from C, joblib from Python
    process = sdl_process("train dataset=wine model=sklearn model.estimator=sklearn.svm.SVC model.params.verbose=true --json")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert json.loads(out)["config"]["model"]["params"] == {"verbose": True} and "LibSVM" in err


def test_a_reader_that_leaves_is_no_error(sdl_process: Callable[..., subprocess.Popen[str]]) -> None:
    process = sdl_process("list")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.wait(timeout=60) == 0 and process.stderr.read() == ""
    process.stderr.close()


# names with anything in them

NAMES = [
    "with space", "ünï 日本", "(paren)", "a,b", "a=b", "a#b", "~tilde", "it's", 'a"b"', "back\\slash", "dol$lar", "100%", "[br]",
    "{brace}", "a&b;c|d", "st*r?", "-dash", "at@x:y", "!bang", "<lt>", "a^b`c", "trailing ", "null", "a.b", "'q'",
    os.fsdecode(b"not utf-8 \xff"),
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_any_name_works_everywhere(sdl: Sdl, tmp_path: Path, data: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    table = f"{name}/{name}.npz"
    shutil.copy(data / "good.npz", tmp_path / table)
    run = f"out/{name}"
    found = sdl(f"train dataset=npz {BASELINE} --json", f"dataset.path={table}", f"hydra.run.dir={run}")
    assert found.code == 0, found.err
    assert Path(found.json["folder"]) == tmp_path / run
    assert found.json["config"]["dataset"]["path"] == str(tmp_path / table)
    again = sdl("evaluate --json", "--", run, "dataset=npz", f"dataset.path={table}")
    assert again.code == 0, again.err
    assert sdl("evaluate --json", "--", run).json["reproduced"] is True
    out = sdl("predict --json", f"--out={name}.csv", "--", run, table)
    assert out.code == 0, out.err
    assert out.json["rows"] == 40 and (tmp_path / f"{name}.csv").is_file()
    assert sdl("train --json", f"--resume={run}").json["folder"] == found.json["folder"]


@pytest.mark.parametrize("name", ["with space", "ü(1)", "a,b", "a=b#c", "~tilde", "it's", "${x}", "[br]{ce}", "a\\b"])
def test_a_folder_of_photos_may_have_any_name(sdl: Sdl, tmp_path: Path, data: Path, name: str) -> None:
    shutil.copytree(data / "photos", tmp_path / name)
    found = sdl(f"train dataset=image_folder dataset.size_px=8 {BASELINE} --json", f"dataset.path={name}")
    assert found.code == 0, found.err
    assert found.json["config"]["dataset"]["path"] == str(tmp_path / name)
    assert sdl(f"evaluate {found.json['folder']} --json").json["reproduced"] is True
    assert sdl("predict --json", found.json["folder"], name).json["rows"] == 12


def test_home_is_where_the_tilde_points(sdl: Sdl, tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "ü").mkdir(parents=True)
    shutil.copy(data / "good.npz", tmp_path / "home" / "ü" / "x.npz")
    found = sdl(f"train dataset=npz {BASELINE} --json", "dataset.path=~/ü/x.npz", "hydra.run.dir=~/run")
    assert found.code == 0, found.err
    assert found.json["folder"] == str(tmp_path / "home" / "run")
    assert sdl("evaluate ~/run --json").json["reproduced"] is True
    assert sdl("predict ~/run ~/ü/x.npz -o ~/p.csv --json").json["rows"] == 40
    assert (tmp_path / "home" / "p.csv").is_file()


def test_a_file_of_others_is_not_written_over(sdl: Sdl, tmp_path: Path) -> None:
    assert sdl("train dataset=wine model=baseline model.num_trees=5 hydra.run.dir=one").code == 0
    mine = tmp_path / "patients.csv"
    mine.write_text("age,outcome\n61,yes\n")
    np.savez(tmp_path / "rows.npz", X=np.ones((1, 13)))
    for command in ("report one -o patients.csv", "report one -o one/metrics.json", "predict one rows.npz -o patients.csv"):
        found = sdl(command)
        assert found.code == 2 and "it is left as it is" in found.err and "-o" in found.err, (command, found.err)
    assert mine.read_text() == "age,outcome\n61,yes\n" and sdl("evaluate one").code == 0
    for command in ("report one -o page.html", "predict one rows.npz"):
        assert sdl(command).code == sdl(command).code == 0  # its own are replaced
