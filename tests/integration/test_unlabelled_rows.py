"""Unlabelled rows on the command line: trained, named in the result, resumed, predicted, compared, and refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from integration.conftest import Sdl
from sklearn.datasets import load_digits, load_wine

NET = "model.architecture=plain model.depth=2 model.width=4 training.epochs=3"
FEW = "dataset=digits dataset.num_per_class=4 dataset.unlabeled=more.npz hydra.run.dir=run"


@pytest.fixture
def more(tmp_path: Path) -> Path:
    X = np.rint(load_digits().data[:200] * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8)
    np.savez(tmp_path / "more.npz", X=X)
    np.savez(tmp_path / "wine.npz", X=load_wine().data)
    return tmp_path


def test_a_run_names_what_it_learned_from_and_is_kept_whole(sdl: Sdl, more: Path) -> None:
    trained = sdl(f"train --json {FEW} {NET} augment=shift")
    assert trained.code == 0, trained.err
    notes, rows = " ".join(trained.json["notes"]), trained.json["rows"]
    assert 0 < rows["unlabelled"] < 200 and rows["labelled"] == 40
    assert f"the model also sees {rows['unlabelled']} of 200 unlabelled rows of" in notes and "more.npz" in notes
    assert "equal or nearly equal to test rows are left out" in notes and "and so a label to learn from" in notes
    assert json.loads((more / "run" / "environment.json").read_text(encoding="utf-8"))["unlabelled_fingerprint"]
    assert sdl("evaluate --json run").json["reproduced"] is True
    assert sdl("predict run more.npz -o out.csv").code == 0


def test_a_stopped_run_goes_on_and_refuses_other_unlabelled_rows(sdl: Sdl, more: Path) -> None:
    trained = sdl(f"train --json {FEW} {NET}")
    status = json.loads((more / "run" / "status.json").read_text(encoding="utf-8"))
    (more / "run" / "status.json").write_text(json.dumps({**status, "state": "interrupted"}), encoding="utf-8")
    again = sdl("train --json --resume run")
    assert again.code == 0 and again.json["metrics"] == trained.json["metrics"]
    (more / "run" / "status.json").write_text(json.dumps({**status, "state": "interrupted"}), encoding="utf-8")
    np.savez(more / "more.npz", X=np.zeros((9, 8, 8), np.uint8) + np.arange(9, dtype=np.uint8)[:, None, None])
    refused = sdl("train --json --resume run")
    assert refused.code == 2 and "the data has changed since this run was begun" in refused.json["error"]["message"]


def test_the_old_name_is_read_and_said(sdl: Sdl, more: Path) -> None:
    given = "dataset=wine model=autoencoder model.pretrain_epochs=1 training.epochs=1 model.unlabeled=wine.npz hydra.run.dir=run"
    trained = sdl(f"train {given}")
    assert trained.code == 0
    assert "model.unlabeled is called dataset.unlabeled now" in " ".join((trained.out + trained.err).split())
    assert f"unlabeled: {more / 'wine.npz'}" in (more / "run" / "config.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("command", "message", "hint"),
    [
        ("dataset=digits dataset.unlabeled=none.npz", "none.npz does not exist.", "Give an npz file or a folder of images."),
        ("dataset=diabetes dataset.unlabeled=wine.npz", "rows have shape (13,)", "Give rows like those of the data set."),
        ("dataset=digits dataset.unlabeled=wine.npz", "rows have shape (13,)", "Give rows like those of the data set."),
        ("dataset=wine dataset.unlabeled=wine.npz loss=cosine", "no probabilities until it is trained", "loss=cross_entropy"),
        (
            "dataset=wine dataset.unlabeled=wine.npz reduce=pca",
            "cannot be reduced alike",
            "Leave out reduce or dataset.unlabeled.",
        ),
        ("dataset=wine model.unlabeled_threshold=1.5", "must be from 0 to 1 (excluded)", "sdl show model"),
        ("dataset=wine model=baseline model.unlabeled_ratio=2", "baseline has no such setting; deep_net has", "sdl show model"),
    ],
)
def test_mistakes_are_said_in_words_and_end_with_2(sdl: Sdl, more: Path, command: str, message: str, hint: str) -> None:
    refused = sdl(f"train --json {command}")
    assert refused.code == 2
    error = refused.json["error"]
    assert message in error["message"] and hint in error["hint"]


def test_a_comparison_has_it_as_an_arm(sdl: Sdl, more: Path) -> None:
    quick = "compare.num_repeats=2 compare.num_candidates=1 compare.curve=false parallel.num_jobs=1 training.epochs=2"
    arms = "'compare.arms=[\"forest model.num_trees=5\",deep_net,unlabeled]' compare.baseline=null"
    found = sdl(f"compare --json dataset=wine dataset.num_per_class=4 dataset.unlabeled=wine.npz {arms} {quick}")
    assert found.code == 0, found.err
    assert {arm["name"] for arm in found.json["arms"]} == {"forest model.num_trees=5", "deep_net", "unlabeled"}
    folder = Path(found.json["folder"]) / "arms" / "unlabeled" / "0"
    assert json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["rows"]["unlabelled"] == 178 - 36


def test_the_check_reads_them_too(sdl: Sdl, more: Path) -> None:
    found = sdl("check --json dataset=wine dataset.unlabeled=wine.npz")
    assert found.code == 0
    assert any("the model also sees 142 of 178 unlabelled rows" in problem["what"] for problem in found.json["problems"])
    refused = sdl("check --json dataset=wine dataset.unlabeled=more.npz")
    assert refused.code == 1
    assert any(p["severity"] == "refusal" and "dataset.unlabeled" in p["what"] for p in refused.json["problems"])
