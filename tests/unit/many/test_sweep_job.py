"""One job of a sweep: what its folder holds however it ends, what counts as done, and what a search is told."""

from __future__ import annotations

import json
import math
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from sdl_cli.cli.verbs import VERBS
from sdl_cli.errors import ConfigError, RunError
from sdl_cli.many import sweep_folder, sweep_job
from sdl_cli.many.sweep_job import SweepJob, Work
from sdl_cli.run import hydra as bridge
from sdl_cli.run import run_folder, writing
from sdl_cli.run.fit_and_score import validation_score
from sdl_cli.run.request import parse_experiment
from sdl_cli.run.train import Observer

TRAIN = VERBS["train"]().work
OVERRIDES = ["dataset=wine", "model=baseline", "model.num_trees=5"]


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    values = bridge.compose_checked("train", OVERRIDES, parse_experiment)
    return sweep_job.job_of(TRAIN, values, OVERRIDES).config


def changed(config: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**config, **more}


def test_a_job_leaves_a_run_and_what_made_it(config: dict[str, Any], tmp_path: Path) -> None:
    job = SweepJob(TRAIN, config, OVERRIDES)
    found = sweep_job.run(pickle.loads(pickle.dumps(job)), tmp_path / "0")  # noqa: S301
    assert found["metrics"]["test"]["accuracy"]["n"] == 36 and "objective" not in found
    assert sweep_job.is_done(tmp_path / "0", job) and sweep_folder.overrides_of(tmp_path / "0") == OVERRIDES
    assert json.loads((tmp_path / "0" / "job.json").read_text())["config_sha256"] == sweep_job.config_sha256(config)
    other = SweepJob(TRAIN, changed(config, seed=1), OVERRIDES)
    assert not sweep_job.is_done(tmp_path / "0", other) and sweep_job.has_other_config(tmp_path / "0", other)
    assert sweep_job.own_folder(tmp_path / "0", job) == tmp_path / "0"
    assert sweep_job.own_folder(tmp_path / "0", other) == tmp_path / "0-2"
    assert sweep_job.own_folder(tmp_path / "0", other, {tmp_path / "0-2"}) == tmp_path / "0-3"


def test_the_hash_of_settings_does_not_know_their_order() -> None:
    assert sweep_job.config_sha256({"a": 1, "b": {"c": None, "d": "ü"}}) == sweep_job.config_sha256(
        {"b": {"d": "ü", "c": None}, "a": 1}
    )
    assert sweep_job.config_sha256({"a": 1}) != sweep_job.config_sha256({"a": 2})
    assert sweep_job.config_sha256({"path": "\udcff"}), "a file name that is no text"


def test_a_resumed_job_says_that_it_is_running_while_it_runs(config: dict[str, Any], tmp_path: Path) -> None:
    job, folder = SweepJob(TRAIN, config, OVERRIDES), tmp_path / "0"
    seen: list[dict[str, Any]] = []

    def stop(overview: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    def look(overview: dict[str, Any]) -> None:
        seen.append(json.loads((folder / "status.json").read_text()))

    with pytest.raises(KeyboardInterrupt):
        sweep_job.run(job, folder, observer=Observer(on_start=stop))
    assert run_folder.read_state(folder) == "interrupted"
    sweep_job.run(job, folder, resume=True, observer=Observer(on_start=look))
    assert [status["state"] for status in seen] == ["running"] and seen[0]["process"]["pid"] == os.getpid()
    assert sweep_job.is_done(folder, job)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ZeroDivisionError("no luck"), "no luck"),
        (ConfigError("seed: bad", "x"), "seed: bad"),
        (SystemExit(3), "it called sys.exit(3)."),
        (MemoryError(), "MemoryError"),
    ],
)
def test_a_failure_stays_in_the_folder(config: dict[str, Any], tmp_path: Path, error: BaseException, reason: str) -> None:
    def fail(asked: Any, folder: Path, observer: Any) -> None:
        writing.discard(folder)  # as a run that had not got anywhere does
        raise error

    work = Work(parse_experiment, fail, fail)
    job = SweepJob(work, config, OVERRIDES)
    with pytest.raises(RunError if isinstance(error, SystemExit) else type(error)):
        sweep_job.run(job, tmp_path / "0")
    assert run_folder.read_state(tmp_path / "0") == "failed" and run_folder.read_reason(tmp_path / "0") == reason
    assert sweep_folder.overrides_of(tmp_path / "0") == OVERRIDES and "Traceback" in (tmp_path / "0" / "run.log").read_text()
    assert sweep_job.run_alone(config, tmp_path / "1", OVERRIDES, work, None, is_search=False) is None
    assert sweep_job.run_alone(config, tmp_path / "2", OVERRIDES, work, "minimize", is_search=True) == math.inf


def test_a_failed_job_begins_again(config: dict[str, Any], tmp_path: Path) -> None:
    writing.record_failure(tmp_path / "0", ValueError("before it began"))
    job = SweepJob(TRAIN, config, OVERRIDES)
    assert not sweep_job.is_done(tmp_path / "0", job)
    sweep_job.run(job, tmp_path / "0")
    assert sweep_job.is_done(tmp_path / "0", job) and not (tmp_path / "0-2").exists()


def test_a_search_is_told_of_validation_rows_only(config: dict[str, Any], tmp_path: Path) -> None:
    found = sweep_job.run_alone(config, tmp_path / "0", OVERRIDES, TRAIN, "maximize", is_search=True)
    assert found == validation_score(parse_experiment(config)) == sweep_folder.objective_of(tmp_path / "0")
    held = {"metrics": {"test": {"accuracy": {"value": 0.1}}, "validation": {"accuracy": {"value": 0.7}}}}
    assert sweep_job._objective(SweepJob(TRAIN, config, OVERRIDES), held) == 0.7
    numbers = {"metrics": {"test": {"rmse": {"value": 0.1}}, "validation": {"rmse": {"value": None}}}}
    assert sweep_job._objective(SweepJob(TRAIN, config, OVERRIDES), numbers) is None


@pytest.mark.parametrize(("direction", "worst"), [("maximize", -math.inf), ("minimize", math.inf)])
def test_a_job_without_a_score_is_the_worst_there_is(direction: str, worst: float) -> None:
    assert sweep_job.objective_or_worst(None, direction) == worst == sweep_job.objective_or_worst({"objective": None}, direction)
    assert sweep_job.objective_or_worst({"objective": 0.5}, direction) == 0.5
    assert math.isnan(sweep_job.objective_or_worst(None, None))


def test_the_right_direction_of_each_task() -> None:
    assert (sweep_job.right_direction("classification"), sweep_job.right_direction("regression")) == ("maximize", "minimize")


def test_other_data_is_seen_in_any_part_of_a_run(config: dict[str, Any], tmp_path: Path) -> None:
    job = SweepJob(TRAIN, config, OVERRIDES)
    assert not sweep_job.has_other_data(tmp_path, job, lambda values: pytest.fail("there is nothing to compare"))
    part = tmp_path / "repeats" / "0"
    part.mkdir(parents=True)
    writing.write_json(part, "environment.json", {"data_fingerprint": "abc"})
    layout = {"layout_fingerprint": "l"}  # a run from before it was kept has none
    same, changed = {"data_fingerprint": "abc"}, {"data_fingerprint": "abd"}
    for now, other in ((same, False), (same | layout, False), (changed, True), (None, False)):
        assert sweep_job.has_other_data(tmp_path, job, lambda values, now=now: now) is other
    writing.write_json(part, "environment.json", same | {"layout_fingerprint": "m"})
    assert sweep_job.has_other_data(tmp_path, job, lambda values: same | layout)
    sweep_job.clear(tmp_path)
    assert not part.exists()


def test_parallel_is_the_sweeps_and_no_part_of_a_training() -> None:
    values, overrides = {"seed": 0, "parallel": {"num_jobs": 2}}, ["seed=0", "parallel.num_jobs=2"]
    assert sweep_job.job_of(TRAIN, values, overrides) == SweepJob(TRAIN, {"seed": 0}, ["seed=0"])
    assert sweep_job.job_of(VERBS["curve"]().work, values, overrides) == SweepJob(VERBS["curve"]().work, values, overrides)
