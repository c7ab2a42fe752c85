"""Results as dataclasses: what is read is written again, key by key, and files of an older sdl are read with defaults."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pytest

from sdl_cli.many.sweep_result import JobResult, SweepResult
from sdl_cli.measure.metrics import Lift, Measured
from sdl_cli.run.result import RunResult
from sdl_cli.settings import typed
from sdl_cli.study.compare.result import ComparisonResult
from sdl_cli.study.curve.points import Points
from sdl_cli.study.curve.result import CurveResult
from sdl_cli.study.curve.summary import Question, summarise

OLD = Path(__file__).parents[2] / "old_runs"


def stored(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((OLD / name).read_text())
    return found


def curve() -> CurveResult:
    scores = {size: {"0": 0.5 + size / 400, "1": 0.52 + size / 400} for size in (20, 40, 80)}
    points, question = Points("accuracy", scores, dict.fromkeys(scores, 1.5)), Question(target=0.9, test_rows=100)
    return summarise(points, question, "baseline (forest)", "wine")


@pytest.mark.parametrize("name", ["forest", "deep_net", "comparison/recommended"])
def test_a_run_is_written_as_it_was_read(name: str) -> None:
    values = stored(f"{name}/metrics.json")
    found = RunResult.from_json(values)
    since = {"reduction": None, "generated": None, "same_test_rows": False}  # which an older sdl did not write
    assert found.to_json() == values | since and list(found.to_json()) == [*values, *since]
    assert found.task == "classification" and found.test["accuracy"].value == values["metrics"]["test"]["accuracy"]["value"]
    few = RunResult.from_json({"metrics": {"test": values["metrics"]["test"]}})
    assert (
        few.to_json()["metrics"]["test"] == values["metrics"]["test"]
        and few.lift is None
        and few.repeats == 1
        and not few.validation
    )


def test_a_comparison_is_written_as_it_was_read_and_an_older_one_has_defaults() -> None:
    values = stored("comparison/comparison.json")
    found = ComparisonResult.from_json(values)
    assert found.to_json() == values and list(found.to_json()) == list(values)
    assert found.arm(found.recommended).recommended and isinstance(found.arms[0].metrics["accuracy"], Measured)
    older = {key: value for key, value in values.items() if key not in ("leader", "rule", "margin", "more_labels", "curve")}
    assert ComparisonResult.from_json(older).to_json() == values | dict.fromkeys(set(values) - set(older))
    with pytest.raises(KeyError, match="arms"):
        ComparisonResult.from_json({key: value for key, value in values.items() if key != "arms"})


def test_a_curve_has_the_keys_of_its_folder_where_it_has_one() -> None:
    found = curve()
    assert [point.size for point in found.points] == [20, 40, 80] and found.twice is not None and found.twice.size == 160
    assert found.labels_needed is not None and found.labels_needed.given and found.line[0].low is None
    elsewhere = found.to_json()
    assert {"folder", "failed", "notes", "seconds"}.isdisjoint(elsewhere) and CurveResult.from_json(elsewhere) == found
    here = dataclasses.replace(found, folder=Path("runs/x"), notes=("said",), seconds=1.5).to_json()
    keys = "folder name dataset metric higher_is_better level points forecast labels_needed line now twice test_rows noise_floor "
    assert list(here) == (keys + "same_test_rows warnings verdict failed notes seconds").split()
    assert list(here["points"][0]) == ["size", "mean", "se", "repeats", "seconds", "baseline", "majority", "scores"]
    assert (here["folder"], here["failed"], here["notes"], here["seconds"]) == ("runs/x", [], ["said"], 1.5)
    del here["points"][0]["majority"]  # which an older sdl did not write
    assert CurveResult.from_json(here).points[0].majority is None
    here["points"][0]["majority"] = None
    assert CurveResult.from_json(here).to_json() == here and json.loads(json.dumps(here, allow_nan=False)) == here


def test_a_sweep_holds_jobs_of_each_kind_and_those_that_failed() -> None:
    run = RunResult.from_json(stored("forest/metrics.json"))
    jobs = (
        JobResult(Path("s/0"), "done", ("seed=0",), run=dataclasses.replace(run, lift=Lift("accuracy", 0.1, 0.0, 0.2, False))),
        JobResult(Path("s/1"), "failed", ("seed=1",), reason="the loss is not a number"),
        JobResult(Path("s/2"), "done", ("seed=2",), curve=curve().to_json()),
        JobResult(Path("s/3"), "done", ("seed=3",), run=run, objective=0.5),
    )
    values = SweepResult(Path("s"), jobs, Path("s/results.csv"), {"picture": "s/curves.png"}).to_json()
    assert list(values) == ["folder", "jobs", "results", "picture"]
    assert [list(job)[4:] for job in values["jobs"]] == [
        ["baseline", "lift", "rows", "seconds", "same_test_rows"],
        ["reason"],
        ["curve"],
        ["baseline", "lift", "rows", "seconds", "same_test_rows", "objective"],
    ]
    again = SweepResult.from_json(values)
    assert again.to_json() == values and again.jobs[0].run is not None and again.jobs[0].run.test == run.test


@dataclasses.dataclass(frozen=True)
class Small:
    number: float
    maybe: float | None = None
    many: tuple[int, ...] = ()


def test_what_is_no_number_is_null_and_comes_back_as_one() -> None:
    found = typed.to_json(Small(math.nan, math.inf, (1, 2)))
    assert found == {"number": None, "maybe": None, "many": [1, 2]}
    back = typed.from_json(Small, {**found, "unknown": 1})
    assert math.isnan(back.number) and back.maybe is None and back.many == (1, 2)
    with pytest.raises(TypeError):
        typed.from_json(Small, {"number": 1.0, "many": 3})
