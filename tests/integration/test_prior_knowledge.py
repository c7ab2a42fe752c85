"""Smaller inputs and known directions on the command line: trained, evaluated, predicted, exported, compared, and refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from integration.conftest import Sdl

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:onnx")
TABLE = "people.csv target=outcome dataset.drop=[cost]"


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A mixed table whose class and cost rise with age and fall with dose, under noise."""
    rng = np.random.default_rng(0)
    rows = [["patient age", "dose", "site", "noise", "outcome", "cost"]]
    for i in range(120):
        age, dose = rng.uniform(20, 80), rng.uniform(0, 10)
        value = 0.06 * (age - 50) - 0.4 * (dose - 5) + rng.normal()
        rows.append(
            [f"{age:.1f}", f"{dose:.2f}", "abc"[i % 3], f"{rng.normal():.3f}", "well" if value > 0 else "ill", f"{value:.3f}"]
        )
    with (tmp_path / "people.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return tmp_path


@pytest.mark.parametrize(
    ("more", "kept"),
    [
        ("model=baseline model.kind=logistic reduce=select reduce.num_features=2", ["patient age", "dose"]),
        ("model=baseline model.kind=logistic reduce=pca reduce.num_components=3", None),
        (
            "model=deep_net model.depth=1 model.width=8 training.epochs=2 reduce=select reduce.num_features=2",
            ["patient age", "dose"],
        ),
    ],
)
def test_a_reduced_run_is_reproduced_predicted_and_exported(sdl: Sdl, people: Path, more: str, kept: list[str] | None) -> None:
    trained = sdl(f"train --json {TABLE} {more} hydra.run.dir=run")
    assert trained.code == 0
    found = trained.json["reduction"]
    assert found["of"] == 6 and found.get("columns") == kept
    assert found == json.loads((people / "run" / "metrics.json").read_text(encoding="utf-8"))["reduction"]
    assert sdl("evaluate --json run").json["reproduced"] is True
    assert sdl("predict run people.csv -o out.csv").code == 0
    if "deep_net" in more:  # a network's graph takes the same rows, and takes seconds to write
        return
    pytest.importorskip("skl2onnx")
    assert sdl("export run model.onnx").code == 0
    described = json.loads((people / "model.preprocessing.json").read_text(encoding="utf-8"))["preprocessing"]
    assert described["reduction"]["method"] == found["method"] and described["reduction"].get("kept_features") == kept


def test_the_number_is_chosen_stored_and_not_chosen_again_on_resume(sdl: Sdl, people: Path) -> None:
    trained = sdl(f"train --json {TABLE} model=baseline model.kind=logistic reduce=pca hydra.run.dir=run")
    number = trained.json["config"]["reduce"]["num_components"]
    assert number in (2, 4, 6) and trained.json["reduction"]["kept"] == number
    assert f"reduce.num_components={number} was chosen among 2, 4 and 6" in " ".join(trained.json["notes"])
    assert f"num_components: {number}" in (people / "run" / "config.yaml").read_text(encoding="utf-8")
    status = json.loads((people / "run" / "status.json").read_text(encoding="utf-8"))
    (people / "run" / "status.json").write_text(json.dumps({**status, "state": "interrupted"}), encoding="utf-8")
    again = sdl("train --json --resume run")
    assert again.code == 0 and again.json["metrics"] == trained.json["metrics"]
    assert not any("was chosen among" in note for note in again.json["notes"])


@pytest.mark.parametrize("target", ["target=outcome dataset.drop=[cost]", "target=cost dataset.drop=[outcome]"])
def test_known_directions_hold_in_the_predictions_of_a_stored_run(sdl: Sdl, people: Path, target: str) -> None:
    given = f"people.csv {target} model=baseline model.kind=gradient_boosting hydra.run.dir=run"
    trained = sdl(f"train --json {given}", "dataset.monotone={patient age: 1, dose: -1}")
    assert trained.code == 0
    what = "The probability of well" if "outcome" in target.split()[0] else "The prediction"
    told = f"{what} never falls as patient age rises and never rises as dose rises (dataset.monotone)."
    assert told in trained.json["notes"]
    grid = [["patient age", "dose", "site", "noise"]]
    grid += [[str(age), str(dose), "b", "0.3"] for dose in (1, 5, 9) for age in range(20, 80, 2)]
    with (people / "grid.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(grid)
    assert sdl("predict run grid.csv -o out.csv").code == 0
    with (people / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    name = "probability_well" if "probability_well" in rows[0] else "prediction"
    answers = np.array([float(row[name]) for row in rows]).reshape(3, 30)
    assert (np.diff(answers, axis=1) >= -1e-12).all() and (np.diff(answers, axis=0) <= 1e-12).all()
    assert np.ptp(answers) > 0.05
    pytest.importorskip("skl2onnx")
    assert sdl("export run model.onnx").code == 0


def test_arms_differ_by_reduction_and_say_what_heeds_directions(sdl: Sdl, people: Path) -> None:
    arms = 'compare.arms=[logistic,"logistic reduce=select reduce.num_features=2",gradient_boosting]'
    few = "compare.num_repeats=2 compare.num_candidates=1 compare.curve=false parallel.num_jobs=1 compare.baseline=null"
    found = sdl(f"compare --json {TABLE} {few} hydra.run.dir=all", arms, "dataset.monotone.dose=-1")
    assert found.code == 0, found.err
    names = [arm["name"] for arm in found.json["arms"]]
    assert set(names) == {"logistic", "logistic reduce=select reduce.num_features=2", "gradient_boosting"}
    free = "dataset.monotone has no effect on logistic and logistic reduce=select reduce.num_features=2"
    assert any(note.startswith(free) for note in found.json["notes"]), found.json["notes"]


MISTAKES = [
    ("train dataset=digits reduce=pca", ["reduce=pca: model=deep_net reads images as they are", "or leave out reduce"]),
    ("train dataset=wine reduce=pcaa", ["reduce=pcaa", "Did you mean pca?"]),
    ("train dataset=wine reduce=pca reduce.num_features=3", ["reduce.num_features", "select has"]),
    ("train dataset=wine reduce=pca reduce.num_components=0", ["reduce.num_components: 0 is out of range", "at least 1"]),
    ("train dataset=wine reduce=pca reduce.num_components=14", ["there are 13 columns and 142 rows", "num_components=13 or less"]),
    ("compare dataset=wine reduce=pca", ["each arm decides this", '[ladder,"forest reduce=pca"]']),
    (f"train {TABLE} model=baseline dataset.monotone.dosis=1", ["no column 'dosis'", "Did you mean dose?"]),
    (f"train {TABLE} model=baseline dataset.monotone.dose=2", ["dataset.monotone.dose: 2 is not one of -1, 0, 1"]),
    (f"train {TABLE} model=baseline dataset.monotone.dose=up", ["dataset.monotone.dose: 'up' is not one of -1, 0, 1"]),
    (f"train {TABLE} model=baseline dataset.monotone.site=1", ["site is a category, whose values have no order"]),
    (f"train {TABLE} model=baseline dataset.monotone.dose=1 reduce=pca", ["reduce=pca mixes the columns", "reduce=select"]),
    ("train people.csv target=site model=baseline dataset.monotone.dose=1", ["with 3 classes there is no one probability"]),
    (f"train {TABLE} model=baseline dataset.monotone=dose", ["dataset.monotone", "is not a group of key: value"]),
]  # fmt: skip


@pytest.mark.parametrize(("command", "fragments"), MISTAKES, ids=[command for command, _ in MISTAKES])
def test_a_mistake_is_named_with_the_way_out(sdl: Sdl, people: Path, command: str, fragments: list[str]) -> None:
    found = sdl(command)
    text = " ".join(found.err.split())
    assert found.code == 2 and "Traceback" not in found.err
    for fragment in fragments:
        assert fragment in text, text
    assert not (people / "runs").exists()
