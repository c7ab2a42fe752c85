"""The pretrained network for tables from the command line: every verb, and what it says of a table that it does not suit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from integration.conftest import Sdl
from sklearn.datasets import load_iris

from sdl_cli.learning.models.kind import HOLDS_ROWS
from sdl_cli.learning.models.table_network import PRESETS, TableNetwork, save_weights

FEW = "model=pretrained_table model.num_members=1 precision=float32"


@pytest.fixture
def flowers(tmp_path: Path) -> Path:
    """60 flowers with a missing cell, a category that says nothing and classes with names; new ones without classes."""
    X, y = load_iris(return_X_y=True)
    rng = np.random.default_rng(0)
    lines = [f"{','.join(map(str, row))},{rng.choice(['red', 'blue'])},{('a', 'b', 'c')[k]}" for row, k in zip(X, y, strict=True)]
    lines[3] = lines[3].replace(lines[3].split(",")[1], "", 1)
    file = tmp_path / "flowers.csv"
    file.write_text("\n".join(["w,x,y,z,colour,kind", *lines[::2]]) + "\n")
    (tmp_path / "new.csv").write_text("\n".join(["w,x,y,z,colour", *(line.rpartition(",")[0] for line in lines[1::2])]) + "\n")
    return file


def test_every_verb_works_with_it(sdl: Sdl, flowers: Path) -> None:
    found = sdl(f"train {flowers} target=kind {FEW} hydra.run.dir=run --json")
    assert found.code == 0, found.err
    assert found.json["metrics"]["test"]["accuracy"]["value"] > 0.8 and HOLDS_ROWS in " ".join(found.err.split())
    assert sdl("evaluate run --json").json["reproduced"] is True
    assert sdl("predict run new.csv -o p.csv --json").json["rows"] == 75
    assert len(Path("p.csv").read_text().splitlines()) == 76
    assert sdl("report run").code == 0 and HOLDS_ROWS in Path("run/report.html").read_text()
    curve = sdl(f"curve {flowers} target=kind {FEW} curve.sizes=[12,24,48] curve.num_repeats=2 --json")
    assert curve.code == 0 and [point["size"] for point in curve.json["points"]] == [12, 24, 48], curve.err
    assert HOLDS_ROWS not in " ".join(curve.err.split()), "a curve keeps numbers, not models"


def test_an_export_holds_the_labelled_rows_and_says_so(sdl: Sdl, flowers: Path) -> None:
    save_weights(TableNetwork(**PRESETS["tiny"]), Path("tiny.safetensors"))
    settings = f"{FEW} model.weights=tiny.safetensors dataset.num_train=12"
    assert sdl(f"train {flowers} target=kind {settings} hydra.run.dir=run").code == 0
    found = sdl("export run model.onnx --json")
    assert found.code == 0, found.err
    assert found.json["largest_difference"] < 1e-4 and HOLDS_ROWS in " ".join(found.err.split())
    described = json.loads(Path("model.preprocessing.json").read_text())
    assert described["inside_the_graph"] == ["The labelled rows are inside, and every call reads them."]


def test_a_comparison_climbs_it(sdl: Sdl, flowers: Path) -> None:
    arms = '\'compare.arms=[forest,"pretrained_table model.num_members=1","blend model.num_members=1 model.num_trees=5"]\''
    found = sdl(f"compare {flowers} target=kind {arms} compare.num_repeats=2 compare.num_candidates=1 compare.curve=false --json")
    assert found.code == 0, found.err
    assert {arm["name"].split()[0] for arm in found.json["arms"]} == {"forest", "pretrained_table", "blend"}
    assert all(arm["mean"] > 0.8 for arm in found.json["arms"])


def test_a_blend_cannot_be_one_graph(sdl: Sdl, flowers: Path) -> None:
    few = "model=blend model.num_trees=5 model.num_members=1 dataset.num_train=12"
    assert sdl(f"train {flowers} target=kind {few} hydra.run.dir=run").code == 0
    found = sdl("export run model.onnx")
    assert found.code == 2 and "model=blend" in found.err and "sdl predict" in found.err


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ("training.epochs=3", "training.epochs has no effect: model=pretrained_table is not trained in epochs."),
        ("loss=cosine", "loss=cosine has no effect: model=pretrained_table uses its own loss."),
        ("model.max_rows=20", "This table has 60 labelled rows, more than the network reads at a time"),
    ],
)
def test_what_it_ignores_and_what_it_is_not_made_for_is_said(sdl: Sdl, flowers: Path, settings: str, sentence: str) -> None:
    found = sdl(f"train {flowers} target=kind {FEW} {settings}")
    assert found.code == 0 and sentence in " ".join(found.err.split()), found.err


def test_what_it_cannot_do_is_refused_with_a_way_out(sdl: Sdl, tmp_path: Path) -> None:
    (tmp_path / "damaged.safetensors").write_bytes(b"no weights")
    for settings, fragments in (
        ("dataset=diabetes", ["predicts classes", "model=baseline"]),
        ("dataset=digits", ["takes tables", "made of images"]),
        ("dataset=wine model.weights=nowhere.safetensors", ["model.weights", "there is no file", "model.weights=shipped"]),
        ("dataset=wine model.weights=damaged.safetensors", ["no weights of a network for tables", "pretraining"]),
        ("dataset=wine model.strategy=guess", ["model.strategy", "in_context"]),
        ("dataset=wine model.num_members=0", ["model.num_members", "from 1 to 64"]),
    ):
        found = sdl(f"train model=pretrained_table {settings}")
        assert found.code == 2 and all(fragment in " ".join(found.err.split()) for fragment in fragments), found.err
