"""Run folders found, read and chosen from: numbers by hand, and folders that mean harm."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from sdl_cli.errors import ConfigError, DataError
from sdl_cli.many.listing.find import STILL_SECONDS, find_runs
from sdl_cli.many.listing.query import select
from sdl_cli.many.listing.reading import Run
from sdl_cli.many.listing.untrusted import flat, read_json, read_yaml
from sdl_cli.report.run_words import pasted, run_lines, shown_root

DAY = "2026-11-24"
SETTINGS: dict[str, Any] = {
    "dataset": {"name": "digits", "seed": None},
    "model": {"name": "baseline", "kind": "forest", "num_trees": 500},
    "loss": {"name": "auto"},
    "training": {"learning_rate": 0.01},
    "seed": 3,
    "num_repeats": 1,
    "threshold": "most_probable",
    "sizes": [1, 2],
}


def measured(value: float, n: int = 100) -> dict[str, Any]:
    return {"value": value, "low": max(value - 0.1, 0.0), "high": value + 0.05, "n": n}


def write(folder: Path, state: str = "done", accuracy: float | None = 0.9, lift: float = 0.02, **changes: Any) -> Path:
    """A run folder as sdl writes it; `changes` are of its settings, full keys with `__` for the dot."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = json.loads(json.dumps(SETTINGS))
    for key, value in changes.items():
        group, _, last = key.rpartition("__")
        (settings[group] if group else settings)[last] = value
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    if accuracy is not None:
        values = {
            "config": settings,
            "metrics": {"test": {"accuracy": measured(accuracy), "log_loss": measured(1 - accuracy)}, "validation": {}},
            "baseline": {"name": "forest", "test": {}},
            "lift": {
                "metric": "accuracy",
                "value": lift,
                "low": lift - 0.01,
                "high": lift + 0.01,
                "measurable": abs(lift) > 0.01,
            },
            "seconds": {"fit": 1.0, "total": 2.5},
        }
        (folder / "metrics.json").write_text(json.dumps(values))
    reason = "the disk is full.\nFree some space." if state == "failed" else ""
    (folder / "status.json").write_text(json.dumps({"state": state, "reason": reason, "files": {}}))
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a run of every kind."""
    root = tmp_path / "runs"
    write(root / DAY / "10-00-00_digits_baseline")
    write(root / DAY / "10-01-00_digits_baseline", num_repeats=3, accuracy=0.95, lift=0.005)
    for repeat in range(3):
        write(root / DAY / "10-01-00_digits_baseline" / "repeats" / str(repeat), seed=repeat)
    write(root / DAY / "10-02-00_digits_baseline", state="failed", accuracy=None)
    sweep = root / DAY / "10-03-00_sweep"
    for number, name in enumerate(("digits", "wine")):
        write(sweep / str(number), dataset__name=name, accuracy=0.8 + number / 10, lift=-0.1)
        (sweep / str(number) / "job.json").write_text(json.dumps({"overrides": [f"dataset={name}"]}))
        begun = datetime.strptime(f"{DAY} 10:03", "%Y-%m-%d %H:%M").timestamp()
        os.utime(sweep / str(number) / "config.yaml", (begun, begun))
    (sweep / "sweep.json").write_text(json.dumps({"verb": "train", "jobs": [{"overrides": [], "config": {}}] * 3}))
    curve = write(root / DAY / "10-04-00_digits_baseline_curve", accuracy=None, curve={"target": None})
    points = [{"size": size, "mean": size / 100, "se": 0.01, "repeats": 5} for size in (20, 40, 80)]
    values = {"metric": "accuracy", "points": points, "forecast": [{"size": 160, "mean": 0.85}], "verdict": "Label more."}
    (curve / "curve.json").write_text(json.dumps({**values, "dataset": "digits", "seconds": 9.5}))
    write(curve / "cells" / "20-0", accuracy=None)
    (curve / "cells" / "20-0" / "metrics.json").write_text(json.dumps({"test": {"accuracy": 0.25}, "seconds": {"total": 0.1}}))
    compared = write(root / DAY / "10-05-00_digits_compare", accuracy=None, compare={"num_repeats": 10})
    arms = [
        {"name": "deep_net", "recommended": True, "metrics": {"accuracy": measured(0.97, 10)}},
        {"name": "baseline", "recommended": False, "metrics": {"accuracy": measured(0.92, 10)}},
    ]
    values = {
        "metric": "accuracy",
        "arms": arms,
        "recommended": "deep_net",
        "verdict": "Use deep_net.",
        "seconds": {"total": 99.0},
    }
    (compared / "comparison.json").write_text(json.dumps(values))
    write(compared / "arms" / "deep_net" / "0", accuracy=None)
    write(compared / "recommended", model__name="deep_net")
    return root


def by_folder(runs: list[Run]) -> dict[str, Run]:
    return {run.folder.removeprefix(f"{DAY}/"): run for run in runs}


def test_every_kind_of_run_is_recognised_and_its_numbers_are_those_of_its_files(root: Path) -> None:
    found = by_folder(find_runs(root))
    assert {folder: run.kind for folder, run in found.items()} == {
        "10-00-00_digits_baseline": "run",
        "10-01-00_digits_baseline": "repeats",
        "10-02-00_digits_baseline": "run",
        "10-03-00_sweep": "sweep",
        "10-03-00_sweep/0": "job",
        "10-03-00_sweep/1": "job",
        "10-04-00_digits_baseline_curve": "curve",
        "10-05-00_digits_compare": "comparison",
    }
    run = found["10-00-00_digits_baseline"]
    assert run.metrics["accuracy"] == measured(0.9) and run.metric == "accuracy" and run.seconds == 2.5
    assert run.verdict == "better" and found["10-01-00_digits_baseline"].verdict == "no difference"
    assert run.config["model.kind"] == "forest" and run.config["dataset.seed"] is None and run.config["sizes"] == [1, 2]
    assert int(run.begun) == datetime(2026, 11, 24, 10, 0, 0).timestamp()
    failed = found["10-02-00_digits_baseline"]
    assert (failed.status, failed.reason, failed.models) == (
        "failed",
        "the disk is full.",
        ("baseline (forest)", "baseline", "forest"),
    )
    curve = found["10-04-00_digits_baseline_curve"]
    assert curve.metrics == {"accuracy": {"value": 0.8, "low": None, "high": None, "n": 5}} and curve.seconds == 9.5
    assert curve.details["forecast"] == [160, 0.85] and curve.datasets == ("digits",)
    comparison = found["10-05-00_digits_compare"]
    assert comparison.metrics["accuracy"]["value"] == 0.97 and comparison.models == ("deep_net",) and comparison.seconds == 99


def test_a_sweep_is_what_its_jobs_are(root: Path) -> None:
    sweep = by_folder(find_runs(root))["10-03-00_sweep"]
    assert sweep.status == "stopped", "one of three jobs was never begun"
    assert sweep.details["jobs"] == {"total": 3, "done": 2, "failed": 0} and sweep.seconds == 5
    assert sweep.datasets == ("digits and wine", "digits", "wine") and sweep.models[0] == "baseline (forest)"
    assert "dataset.name" not in sweep.config and sweep.config["seed"] == 3, "settings that all jobs share"
    write(root / DAY / "10-03-00_sweep" / "2", state="failed", accuracy=None)
    assert by_folder(find_runs(root))["10-03-00_sweep"].status == "failed"
    write(root / DAY / "10-03-00_sweep" / "2")
    assert by_folder(find_runs(root))["10-03-00_sweep"].status == "done"


def test_a_job_that_failed_before_its_settings_were_written_is_known_by_its_overrides(root: Path) -> None:
    job = root / DAY / "10-03-00_sweep" / "2"
    job.mkdir()
    (job / "status.json").write_text(json.dumps({"state": "failed", "reason": "no such file"}))
    (job / "job.json").write_text(
        json.dumps({"overrides": ["dataset=table", "dataset.path=/x/patients.csv", "+model=deep_net", "seed=4"]})
    )
    run = by_folder(find_runs(root))["10-03-00_sweep/2"]
    assert run.datasets == ("patients", "table") and run.config["seed"] == "4"


def test_parts_are_listed_only_when_asked_for(root: Path) -> None:
    kinds = [run.kind for run in find_runs(root, parts=True)]
    assert {kind: kinds.count(kind) for kind in ("repeat", "cell", "arm", "recommended", "run")} == {
        "repeat": 3, "cell": 1, "arm": 1, "recommended": 1, "run": 2,
    }  # fmt: skip
    cell = next(run for run in find_runs(root, parts=True) if run.kind == "cell")
    assert cell.metrics["accuracy"] == {"value": 0.25, "low": None, "high": None, "n": None}


def test_a_single_run_or_sweep_can_be_listed(root: Path) -> None:
    run = root / DAY / "10-00-00_digits_baseline"
    assert [found.folder for found in find_runs(run)] == ["."]
    assert sorted(found.folder for found in find_runs(root / DAY / "10-03-00_sweep")) == [".", "0", "1"]


def test_listing_reads_what_is_there_now_and_writes_nothing(root: Path) -> None:
    changed = root / DAY / "10-00-00_digits_baseline"
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    first = by_folder(find_runs(root))
    assert first == by_folder(find_runs(root)) and len(first) == 8
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
    write(changed, accuracy=0.5)
    assert by_folder(find_runs(root))["10-00-00_digits_baseline"].metrics["accuracy"]["value"] == 0.5
    (changed / "metrics.json").write_text(json.dumps({"metrics": {"test": {"accuracy": measured(0.25)}}}))  # in place
    assert by_folder(find_runs(root))["10-00-00_digits_baseline"].metrics["accuracy"]["value"] == 0.25
    for file in changed.iterdir():
        file.unlink()
    changed.rmdir()
    assert "10-00-00_digits_baseline" not in by_folder(find_runs(root))


@pytest.mark.parametrize(
    "text", ["", "\0\xff binary", "[]", '{"version":2,"keys":[],"runs":{"x":[[1],0,[],{},{}]}}', "[" * 100_000]
)
def test_the_index_of_an_older_version_is_ignored(root: Path, text: str) -> None:
    (root / ".sdl-index.json").write_text(text)
    assert len(find_runs(root)) == 8 and (root / ".sdl-index.json").read_text() == text


def test_numbers_that_lie_about_their_types_do_no_harm(root: Path) -> None:
    lies = {"accuracy": {"value": "a", "low": {}, "high": [], "n": 1e400}, "rmse": ["a", {}, [], 3], "r2": True}
    run = root / DAY / "10-00-00_digits_baseline"
    for lift in (5, {"value": "x"}, {"value": 0.1, "low": [], "high": None, "metric": 3, "measurable": 1}):
        (run / "metrics.json").write_text(json.dumps({"metrics": {"test": lies}, "lift": lift}).replace("Infinity", "1e999"))
        found = by_folder(find_runs(root))["10-00-00_digits_baseline"]
        assert set(found.metrics) == set(lies) and not any(found.metrics["accuracy"].values())
    assert found.details["lift"] == {"metric": "3", "value": 0.1, "low": None, "high": None, "measurable": False}
    (root / DAY / "10-04-00_digits_baseline_curve" / "curve.json").write_text('{"forecast": [{"size": "x"}], "points": [3]}')
    (root / DAY / "10-05-00_digits_compare" / "comparison.json").write_text('{"recommended": {}, "arms": {}}')
    for process in ({"pid": "1"}, {"pid": -1}, {"pid": True}, 3):
        (run / "status.json").write_text(json.dumps({"state": "running", "process": process}))
        assert run_lines(select(find_runs(root)), root)
        assert all(not set(run.details) - {"lift", "jobs", "datasets", "models"} for run in find_runs(root))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to_is_listed_all_the_same(root: Path) -> None:
    root.chmod(0o555)
    try:
        assert len(find_runs(root)) == 8
    finally:
        root.chmod(0o755)


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


HOSTILE: dict[str, Any] = {
    "status is a folder": lambda run: (run / "status.json").mkdir(),
    "status is a pipe": lambda run: make_fifo(run / "status.json"),
    "status is a device": lambda run: (run / "status.json").symlink_to("/dev/zero"),
    "status links to nothing": lambda run: (run / "status.json").symlink_to("nowhere"),
    "status is empty": lambda run: (run / "status.json").write_bytes(b""),
    "status is binary": lambda run: (run / "status.json").write_bytes(bytes(range(256))),
    "status is a list": lambda run: (run / "status.json").write_text("[1]"),
    "status is nested": lambda run: (run / "status.json").write_text("[" * 100_000),
    "status has another state": lambda run: (run / "status.json").write_text('{"state": ["done"]}'),
    "status is huge": lambda run: os.truncate(os.open(run / "status.json", os.O_CREAT | os.O_WRONLY), 1 << 33),
    "metrics missing": lambda run: (run / "status.json").write_text('{"state": "done"}'),
    "metrics binary": lambda run: [
        (run / "status.json").write_text('{"state": "done"}'),
        (run / "metrics.json").write_bytes(b"\0\xff"),
    ],
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_a_run_that_cannot_be_read_says_so(tmp_path: Path, make: Any) -> None:
    run = tmp_path / "runs" / "x"
    run.mkdir(parents=True)
    make(run)
    (found,) = find_runs(tmp_path / "runs")
    assert found.status == "unreadable" and found.metrics == {}
    assert len(run_lines([found], tmp_path / "runs")) == 2


def test_values_that_are_not_what_they_should_be_are_left_out(tmp_path: Path) -> None:
    run = tmp_path / "x"
    run.mkdir()
    (run / "status.json").write_text('{"state": "failed", "reason": {"a": 1}}')
    (run / "metrics.json").write_text(
        '{"config": {"model": {"name": "\\u001b[31mred", "kind": 1e999}, "big": 1' + "0" * 400 + '}, "lift": {"value": "much"},'
        '"metrics": {"test": {"accuracy": {"value": NaN, "low": "x"}, "' + "n" * 99 + '": 1}}, "seconds": {"total": Infinity}}'
    )
    (found,) = find_runs(tmp_path)
    assert found.metrics == {"accuracy": {"value": None, "low": None, "high": None, "n": None}} and found.seconds is None
    assert found.config["big"] is None
    line = run_lines([found], tmp_path)[1]
    assert "\033" not in line and "?[31mred" in line
    json.dumps(found.to_json(tmp_path), allow_nan=False)
    assert select([found], ["big>3"]) == []


def test_settings_that_are_bombs_are_cut(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("[" * 200_000)
    assert read_yaml(str(file)) is None, "and the process is still there"
    file.write_text("? " * 100_000)
    assert read_yaml(str(file)) is None
    lines = ["a0: &a0 {" + ", ".join(f"k{i}: x" for i in range(200)) + "}"]
    lines += [f"a{n}: &a{n} {{" + ", ".join(f"k{i}: *a{n - 1}" for i in range(200)) + "}" for n in range(1, 6)]
    file.write_text("\n".join(lines))
    assert len(flat(read_yaml(str(file)))) <= 400
    assert flat({"a": {"b": list(range(99)), "c": [[1]], "d": "x" * 9999, 5: None}, "e": {}}) == {
        "a.b": "[99 values]", "a.c": "[1 values]", "a.d": "x" * 397 + "...", "a.5": None, "e": "{}",
    }  # fmt: skip
    assert flat([1]) == {} and read_json(str(tmp_path)) is None


def test_links_lead_to_a_folder_once_and_never_in_a_circle(root: Path, tmp_path: Path) -> None:
    (root / "again").symlink_to(root / DAY)
    (root / DAY / "up").symlink_to(root)
    (root / "latest").symlink_to(root / DAY / "10-00-00_digits_baseline")
    elsewhere = tmp_path / "disk" / "old"
    write(elsewhere / "run")
    (elsewhere / "back").symlink_to(root)
    (root / "old").symlink_to(elsewhere)
    (root / "gone").symlink_to(tmp_path / "nothing")
    write(root / ".hidden" / "run")
    found = [run.folder for run in find_runs(root)]
    assert len(found) == len(set(found)) == 9 and "old/run" in found and f"{DAY}/10-00-00_digits_baseline" in found


def test_a_deep_tree_is_looked_into_only_so_far(tmp_path: Path) -> None:
    write(tmp_path.joinpath(*"abcdefghijkl"))
    write(tmp_path.joinpath(*"zbcdefghijklmnopq"))
    assert [run.folder for run in find_runs(tmp_path)] == ["a/b/c/d/e/f/g/h/i/j/k/l"]


@pytest.mark.parametrize(("name", "words"), [("none", "no such folder"), ("file", "a file, not a folder")])
def test_a_folder_that_is_none(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match=words):
        find_runs(tmp_path / name)


def test_a_running_run_without_a_sign_of_life_is_stopped(tmp_path: Path) -> None:
    run = write(tmp_path / "x", state="running", accuracy=None)
    assert find_runs(tmp_path)[0].status == "running", "it was written just now"
    long_ago = time.time() - STILL_SECONDS - 60
    for path in (*run.iterdir(), run):
        os.utime(path, (long_ago, long_ago))
    assert find_runs(tmp_path)[0].status == "stopped"
    (run / "cells" / "0").mkdir(parents=True)
    os.utime(run, (long_ago, long_ago))
    assert find_runs(tmp_path)[0].status == "running", "something was written below it"


def test_a_running_run_whose_process_is_known_is_what_that_is(tmp_path: Path) -> None:
    run = write(tmp_path / "x", state="running", accuracy=None)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for pid, host, status in (
        (os.getpid(), platform.node(), "running"),
        (ended.pid, platform.node(), "stopped"),
        (ended.pid, "another-machine", "running"),
        (-1, platform.node(), "running"),
    ):
        process = {"host": host, "pid": pid}
        (run / "status.json").write_text(json.dumps({"state": "running", "process": process}))
        assert find_runs(tmp_path)[0].status == status, process


def names(runs: list[Run]) -> list[str]:
    return [run.folder.removeprefix(f"{DAY}/").removesuffix("_digits_baseline") for run in runs]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (["dataset=wine"], ["10-03-00_sweep", "10-03-00_sweep/1"]),
        (["dataset=WINE", "kind=job"], ["10-03-00_sweep/1"]),
        (["model=forest", "kind=run"], ["10-00-00", "10-02-00"]),
        (["model=baseline (forest)", "kind=run", "status=done"], ["10-00-00"]),
        (["status=failed"], ["10-02-00"]),
        (["kind=sweep"], ["10-03-00_sweep"]),
        (["accuracy>0.9"], ["10-01-00", "10-05-00_digits_compare"]),
        (["accuracy>=90%", "seconds<10"], ["10-00-00", "10-01-00", "10-03-00_sweep/1"]),
        (["log_loss<0.06"], ["10-01-00"]),
        (["lift<0"], ["10-03-00_sweep/0", "10-03-00_sweep/1"]),
        (["verdict=better"], ["10-00-00"]),
        (["num_repeats=3"], ["10-01-00"]),
        (["training.learning_rate=1e-2", "kind=repeats"], ["10-01-00"]),
        (["dataset.seed=null", "kind=repeats"], ["10-01-00"]),
        (["sizes=[1, 2]", "kind=repeats"], ["10-01-00"]),
        (["num_repeats!=1", "model!=deep_net", "kind!=sweep"], ["10-01-00"]),
        (["date=2026-11-24", "date>2026-11-24T10:04:30", "kind!=job"], ["10-05-00_digits_compare"]),
        (["date>2026-11-24", "kind=run"], []),
    ],
    ids=str,
)  # fmt: skip
def test_conditions(root: Path, where: list[str], expected: list[str]) -> None:
    assert names(select(find_runs(root), where)) == expected


def test_a_file_of_data_goes_by_its_name_too() -> None:
    run = Run("x", config={"dataset.name": "table", "dataset.path": "/data/my patients.csv.gz"})
    assert select([run], ["dataset=my patients.csv"]) == [run] == select([run], ["dataset=table"])
    assert select([Run("x", config={"dataset.name": "openml", "dataset.dataset": "credit-g"})], ["dataset=credit-g"])


@pytest.mark.parametrize(
    ("sort", "limit", "reverse", "expected"),
    [
        (None, 2, False, ["10-04-00_curve", "10-05-00_digits_compare"]),
        ("date", 2, True, ["10-05-00_digits_compare", "10-04-00_curve"]),
        ("accuracy", 3, False, ["10-00-00", "10-01-00", "10-05-00_digits_compare"]),
        ("-accuracy", 3, False, ["10-05-00_digits_compare", "10-01-00", "10-00-00"]),
        ("-accuracy", 1, True, ["10-05-00_digits_compare"]),
        ("log_loss", 2, False, ["10-00-00", "10-01-00"]),
        ("seconds", 1, False, ["10-05-00_digits_compare"]),
        ("num_repeats", 1, False, ["10-01-00"]),
        ("status", 1, False, ["10-03-00_sweep"]),
    ],
    ids=str,
)  # fmt: skip
def test_the_best_stands_last_and_the_limit_keeps_it(
    root: Path, sort: str | None, limit: int, reverse: bool, expected: list[str]
) -> None:
    for job in (root / DAY / "10-03-00_sweep").glob("*/status.json"):
        job.unlink()
    found = [name.replace("_digits_baseline", "") for name in names(select(find_runs(root), [], sort, limit, reverse))]
    assert found == expected


@pytest.mark.parametrize(
    ("where", "sort", "words"),
    [
        (["accuracy"], None, ["a condition is a key", "--where 'accuracy>0.9'"]),
        (["datset=digits"], None, ["datset", "Did you mean dataset?"]),
        (["learning_rate=1"], None, ["learning_rate", "Did you mean training.learning_rate?"]),
        (["model.knd=forest"], None, ["Did you mean model.kind?"]),
        (["model>3"], None, ["compare numbers and dates"]),
        (["seconds<soon"], None, ["compare numbers and dates"]),
        (["accuracy>90"], None, ["accuracy ranges from 0 to 1", "'accuracy>0.9'"]),
        ([], "acuracy", ["--sort acuracy", "Did you mean accuracy?"]),
        (["x" * 500 + "=1"], None, ["no run here has"]),
    ],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_what_cannot_be_meant(root: Path, where: list[str], sort: str | None, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        select(find_runs(root), where, sort)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert len(str(caught.value)) < 500


def test_lines_say_each_kind_and_end_in_a_folder_to_paste(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root.parent)
    lines = run_lines(select(find_runs(root)), Path("runs"))
    assert [line.split()[0] for line in lines] == ["when", *[DAY] * 8]
    assert "accuracy" in lines[0]
    columns = {line.rsplit("  ", 1)[-1]: line for line in lines[1:]}
    run = columns[f"runs/{DAY}/10-00-00_digits_baseline"]
    assert "90.0 % (80.0 to 95.0)" in run and "better" in run and "baseline (forest)" in run and "10:00" in run
    assert "the disk is full." in columns[f"runs/{DAY}/10-02-00_digits_baseline"]
    assert "2 of 3 done" in columns[f"runs/{DAY}/10-03-00_sweep"] and "stopped" in columns[f"runs/{DAY}/10-03-00_sweep"]
    assert "85.0 % at 160 labels" in columns[f"runs/{DAY}/10-04-00_digits_baseline_curve"]
    assert "deep_net" in columns[f"runs/{DAY}/10-05-00_digits_compare"]


def test_what_they_are_sorted_by_is_shown(root: Path) -> None:
    lines = run_lines(select(find_runs(root), ["kind=run", "status=done"], "log_loss"), root, "log_loss")
    assert "log loss" in lines[0] and "0.100 (0.000 to 0.150)" in lines[1]
    lines = run_lines(select(find_runs(root), ["kind=run", "status=done"]), root, "-training.learning_rate")
    assert "training.learning_rate" in lines[0] and " 0.01 " in lines[1]


def test_a_narrow_terminal_gets_less_of_each_run_and_never_less_than_its_folder(root: Path) -> None:
    runs = select(find_runs(root))
    wide, narrow = run_lines(runs, root), run_lines(runs, root, columns=max(map(len, run_lines(runs, root))) - 1)
    assert max(map(len, narrow)) < max(map(len, wide)) and "(80.0 to 95.0)" not in "".join(narrow)
    least = run_lines(runs, root, columns=1)
    assert least[0].split() == ["kind", "accuracy", "status", "folder"]


def test_metrics_that_differ_are_named_in_each_line() -> None:
    scores = [{"accuracy": measured(0.5)}, {"rmse": measured(3.0)}]
    runs = [Run(str(k), "run", "done", metric=next(iter(s)), metrics=s) for k, s in enumerate(scores)]
    lines = run_lines(runs, Path("runs"))
    assert "score" in lines[0] and "accuracy 50.0 %" in lines[1] and "RMSE 3.000" in lines[2]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("runs/a", "runs/a"),
        ("runs/a b", "'runs/a b'"),
        ("-x", "./-x"),
        ("runs/a'b", "'runs/a'\"'\"'b'"),
        ("runs/a\nb", "$'runs/a\\x0ab'"),
        ("runs/\033[2J'", "$'runs/\\x1b[2J\\x27'"),
        ("runs/\udcff", "$'runs/\\xff'"),
        ("runs/Müller", "runs/Müller"),
    ],
)
def test_a_folder_can_be_pasted_whatever_is_in_its_name(path: str, expected: str) -> None:
    quoted = pasted(path)
    assert quoted.replace("'runs/Müller'", "runs/Müller") == expected
    echoed = subprocess.run(["bash", "-c", f"printf %s {quoted}"], capture_output=True, check=True).stdout
    assert echoed == os.fsencode(path.replace("-x", "./-x"))
    assert quoted.isprintable()


def test_runs_of_one_second_stand_in_the_order_they_began_in(tmp_path: Path) -> None:
    second = datetime(2026, 11, 24, 10, 0, 0).timestamp()
    for name, written in (("z", 0.2), ("bb", 0.4), ("a", 5.0)):
        folder = write(tmp_path / DAY / f"10-00-00_{name}")
        os.utime(folder / "config.yaml", (second + written, second + written))
    assert [run.folder[-1] for run in select(find_runs(tmp_path))] == ["z", "b", "a"]
    assert {run.to_json(tmp_path)["when"] for run in find_runs(tmp_path)} == {"2026-11-24T10:00:00"}


def test_a_folder_outside_is_named_as_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert shown_root(tmp_path / "runs") == str(tmp_path / "runs")
    assert shown_root(tmp_path / "here" / "runs") == "runs" and shown_root(Path("../runs")) == "../runs"
