"""Foundation models of others for tables from the command line: every verb, and an estimator of others whose checkpoint is gone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from integration import tiny_checkpoints
from integration.conftest import Sdl
from integration.test_pretrained_network import flowers  # noqa: F401  a fixture

from sdl_cli.learning.models.kind import HOLDS_ROWS

SETTINGS = "model=tabular_foundation model.weights=icl.ckpt model.num_members=2"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return tiny_checkpoints.write(tmp_path, "tabicl").rename(tmp_path / "icl.ckpt")


def test_every_verb_works_with_it(sdl: Sdl, flowers: Path, checkpoint: Path) -> None:  # noqa: F811
    found = sdl(f"train {flowers} target=kind {SETTINGS} hydra.run.dir=run --json")
    assert found.code == 0 and HOLDS_ROWS in " ".join(found.err.split()), found.err
    assert sdl("evaluate run --json").json["reproduced"] is True
    assert sdl("predict run new.csv -o p.csv --json").json["rows"] == 75
    assert sdl("report run").code == 0 and HOLDS_ROWS in Path("run/report.html").read_text()
    refused = sdl("export run model.onnx")
    assert refused.code == 2 and "its network belongs to another package" in " ".join(refused.err.split())
    curve = sdl(f"curve {flowers} target=kind {SETTINGS} curve.sizes=[12,24,48] curve.num_repeats=1 parallel.num_jobs=1 --json")
    assert curve.code == 0 and [point["size"] for point in curve.json["points"]] == [12, 24, 48], curve.err
    arms = "'compare.arms=[majority,\"tabicl model.weights=icl.ckpt model.num_members=2\"]'"
    compared = sdl(
        f"compare {flowers} target=kind {arms} compare.num_repeats=2 compare.num_candidates=1 compare.curve=false --json"
    )
    assert compared.code == 0 and len(compared.json["arms"]) == 3, compared.err
    checkpoint.unlink()
    gone = sdl("predict run new.csv -o p.csv")
    assert gone.code == 2 and "model.kind=tabicl answers with" in " ".join(gone.err.split()), gone.err


def test_an_estimator_of_others_names_its_checkpoint(sdl: Sdl, flowers: Path, checkpoint: Path) -> None:  # noqa: F811
    door = "model=sklearn model.estimator=tabicl.TabICLClassifier +model.params.model_path=icl.ckpt +model.params.n_estimators=1"
    assert sdl(f"train {flowers} target=kind {door} hydra.run.dir=run").code == 0
    assert sdl("predict run new.csv -o p.csv --trust --json").json["rows"] == 75
    checkpoint.unlink()
    for verb in ("predict run new.csv -o p.csv", "evaluate run"):
        found = sdl(f"{verb} --trust")
        said = " ".join(found.err.split())
        assert (
            found.code == 2 and "This run uses tabicl.TabICLClassifier with the file icl.ckpt (model.params.model_path)" in said
        ), said
    shutil.copy("new.csv", "icl.ckpt")
    found = sdl(f"train {flowers} target=kind {door}")
    assert found.code == 1 and "model.estimator: tabicl.TabICLClassifier failed: UnpicklingError" in " ".join(
        found.err.split()
    ), found.err


def test_what_it_cannot_do_is_refused_with_a_way_out(sdl: Sdl, flowers: Path) -> None:  # noqa: F811
    pytest.importorskip("tabicl")
    pytest.importorskip("tabpfn")
    for settings, fragments in (
        ("model.weights=nowhere.ckpt", ["model.weights: there is no file nowhere.ckpt", "model.weights=default"]),
        ("model.version=v3", ["tabicl has no weights v3", "model.version=v2"]),
        ("model.kind=tabpfn model.version=v2.5", ["non-commercial use only", "model.accept_license=true"]),
        ("model.num_members=0", ["model.num_members", "from 1 to 64"]),
    ):
        found = sdl(f"train {flowers} target=kind model=tabular_foundation {settings}")
        assert found.code == 2 and all(fragment in " ".join(found.err.split()) for fragment in fragments), found.err
