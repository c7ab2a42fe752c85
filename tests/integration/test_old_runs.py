"""Run folders written by an older sdl evaluate, predict, report and resume as they did then."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from integration.conftest import Sdl

OLD = Path(__file__).parents[1] / "old_runs"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Copies of the old runs."""
    return Path(shutil.copytree(OLD, tmp_path / "old"))


def values_of(scores: dict[str, Any]) -> dict[str, float]:
    return {name: found["value"] for name, found in scores.items()}


@pytest.mark.parametrize("name", ["forest", "deep_net", "comparison"])
def test_an_old_run_is_evaluated_to_its_stored_scores(sdl: Sdl, old: Path, name: str) -> None:
    found = sdl(f"evaluate {old / name} --json")
    assert found.code == 0, found.err
    run = old / name / "recommended" if name == "comparison" else old / name
    stored = json.loads((run / "metrics.json").read_text())
    assert values_of(found.json["metrics"]["test"]) == pytest.approx(values_of(stored["metrics"]["test"]), rel=1e-5)


@pytest.mark.parametrize(("name", "source"), [("forest", "wine"), ("deep_net", "breast_cancer"), ("comparison", "wine")])
def test_an_old_run_predicts_as_it_did(sdl: Sdl, old: Path, tmp_path: Path, name: str, source: str) -> None:
    import sklearn.datasets

    X, _ = getattr(sklearn.datasets, f"load_{source}")(return_X_y=True)
    np.savez(tmp_path / "new.npz", X=X)
    found = sdl(f"predict {old / name} new.npz -o out.csv --json")
    assert found.code == 0, found.err
    run = old / name / "recommended" if name == "comparison" else old / name
    with (run / "predictions.csv").open() as file:
        stored = list(csv.DictReader(file))
    with (tmp_path / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    for before in stored:
        now = rows[int(before["id"])]
        assert now["prediction"] == before["prediction"]
        probs = [key for key in before if key.startswith("probability_")]
        assert np.allclose([float(now[key]) for key in probs], [float(before[key]) for key in probs], atol=1e-5)


@pytest.mark.parametrize("name", ["forest", "deep_net", "comparison"])
def test_an_old_run_is_reported(sdl: Sdl, old: Path, name: str) -> None:
    found = sdl(f"report {old / name} -o page.html")
    assert found.code == 0, found.err
    assert "</html>" in (old.parent / "page.html").read_text()


def test_an_old_run_that_was_stopped_is_resumed_from_its_checkpoint(sdl: Sdl, old: Path) -> None:
    found = sdl(f"train --resume {old / 'stopped_net'} --json")
    assert found.code == 0, found.err
    assert "epoch 1/12" not in found.err
    expected = json.loads((OLD / "stopped_net.expected.json").read_text())
    assert values_of(found.json["metrics"]["test"]) == pytest.approx(values_of(expected["metrics"]["test"]), rel=1e-3)


def test_an_old_curve_that_was_stopped_is_resumed(sdl: Sdl, old: Path) -> None:
    done = old / "stopped_curve/cells/size-80_repeat-0/metrics.json"
    before = done.stat().st_mtime_ns
    found = sdl(f"curve --resume {old / 'stopped_curve'} --json")
    assert found.code == 0, found.err
    assert done.stat().st_mtime_ns == before
    with (old / "stopped_curve/curve.csv").open() as now, (OLD / "stopped_curve.expected.csv").open() as then:
        expected = list(csv.DictReader(then))
        found_rows = [{key: row[key] for key in expected[0]} for row in csv.DictReader(now)]  # today's has two more columns
        assert found_rows == expected


def test_a_finished_old_comparison_is_read(sdl: Sdl, old: Path) -> None:
    found = sdl(f"compare --resume {old / 'comparison'} --json")
    assert found.code == 0, found.err
    stored = json.loads((old / "comparison/comparison.json").read_text())
    assert found.json["recommended"] == stored["recommended"] == "logistic"
    assert found.json["arms"] == stored["arms"]


def test_old_runs_are_listed_with_their_kinds(sdl: Sdl, old: Path) -> None:
    items = sdl(f"runs {old} --json").json["items"]
    assert {Path(item["folder"]).name: item["kind"] for item in items} == {
        "forest": "run",
        "deep_net": "run",
        "stopped_net": "run",
        "stopped_curve": "curve",
        "comparison": "comparison",
    }
