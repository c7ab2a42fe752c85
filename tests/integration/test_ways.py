"""Ways in and out: a path by itself, a comparison for its recommended run, signals of a scheduler, two at one folder."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from integration.conftest import BASELINE, Sdl, Start

from sdl_cli.errors import ConfigError
from sdl_cli.run import locks, run_folder, writing
from sdl_cli.run.hydra.bare_paths import with_bare_path

LONG = "dataset=wine model=deep_net model.depth=1 model.width=8 training.epochs=100000 training.checkpoint_seconds=0"


@pytest.fixture
def patients(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    rows = [f"{rng.normal(i % 2):.3f},{rng.normal():.3f},{('ill', 'well')[i % 2]}" for i in range(40)]
    (tmp_path / "patients.csv").write_text("\n".join(["age,height,outcome", *rows]) + "\n")
    return tmp_path / "patients.csv"


def test_a_table_by_itself_is_the_data_and_names_the_folder(sdl: Sdl, patients: Path) -> None:
    found = sdl(f"train patients.csv target=outcome {BASELINE} --json")
    assert found.code == 0, found.err
    assert found.json["config"]["dataset"]["name"] == "table" and found.json["config"]["dataset"]["target"] == "outcome"
    assert "patients.csv is read as a table (dataset=table)." in found.err
    assert Path(found.json["folder"]).name.endswith("_patients_forest")


def test_check_and_curve_and_a_sweep_take_a_path_too(sdl: Sdl, patients: Path) -> None:
    assert sdl("check patients.csv target=outcome").code == 0
    found = sdl(f"curve patients.csv target=outcome {BASELINE} curve.num_repeats=1 parallel.num_jobs=1 --json")
    assert found.code == 0 and Path(found.json["folder"]).name.endswith("_patients_forest_curve"), found.err
    found = sdl(f"train -m patients.csv target=outcome {BASELINE} seed=0,1")
    assert found.code == 0 and "mean over seeds" in found.out


def test_a_folder_of_photos_by_itself_points_to_the_network_for_photographs(sdl: Sdl, data: Path) -> None:
    found = sdl(f"train {data}/photos dataset.size_px=8 model.depth=1 model.width=8 training.epochs=1 --json")
    assert found.code == 0 and found.json["config"]["dataset"]["name"] == "image_folder", found.err
    assert "try model=finetuned_cnn" in " ".join(found.err.split())


def test_a_comparison_predicts_with_its_recommended_run_and_says_so(sdl: Sdl, patients: Path) -> None:
    settings = "compare.num_repeats=2 compare.num_candidates=1 compare.curve=false parallel.num_jobs=1"
    found = sdl(f"compare patients.csv target=outcome 'compare.arms=[logistic,svm]' {settings} hydra.run.dir=c --json")
    assert found.code == 0, found.err
    for command in ("predict c patients.csv", "evaluate c"):
        found = sdl(command, "--json")
        assert found.code == 0 and "using its recommended run, c/recommended." in " ".join(found.err.split())
    (patients.parent / "c" / "recommended" / "status.json").unlink()
    found = sdl("predict c patients.csv")
    assert found.code == 2 and "sdl compare --resume c" in found.err


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["a.npz"], ["dataset=npz", "dataset.path=a.npz"]),
        (["t.csv", "target=y", "seed=1"], ["dataset=table", "dataset.target=y", "seed=1", "dataset.path=t.csv"]),
        (["t.csv", "text=[a]"], ["dataset=table", "dataset.text=[a]", "dataset.path=t.csv"]),
        (["t.csv", "text=a"], ["dataset=text", "dataset.text=a", "dataset.path=t.csv"]),
        (["t.csv", "image=file"], ["dataset=image_table", "dataset.image=file", "dataset.path=t.csv"]),
        (["dataset=text", "t.csv", "target=y"], ["dataset=text", "dataset.target=y", "dataset.path=t.csv"]),
        (["n.csv", "target=label"], ["dataset=text", "dataset.target=label", "dataset.path=n.csv"]),
        (["words.txt"], ["dataset=text", "dataset.path=words.txt"]),
        (["columns.txt", "target=c"], ["dataset=table", "dataset.target=c", "dataset.path=columns.txt"]),
        (["a=b.csv"], ["dataset=table", "dataset.path=a=b.csv"]),
        (["folder"], ["dataset=image_folder", "dataset.path=folder"]),
        (["dataset=wine", "target=y"], ["dataset=wine", "target=y"]),
    ],
    ids=str,
)
def test_the_kind_of_data_is_seen_from_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: list[str], expected: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words.txt").write_text("HUM who wrote it, and when, and for whom\nLOC where is it\n" * 9)
    for name in ("a.npz", "t.csv", "a=b.csv", "columns.txt"):
        (tmp_path / name).write_text("a,b,c\n" + "1,2,3\n" * 9)
    (tmp_path / "n.csv").write_text("text,label\n" + "it hurts since this morning,1\nno complaint of any kind,0\n" * 9)
    (tmp_path / "folder").mkdir()
    assert with_bare_path(given)[0] == expected


def test_two_paths_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        (tmp_path / name).touch()
    with pytest.raises(ConfigError, match="a and b: only one file or folder"):
        with_bare_path(["a", "b"])


def begun(start: Any, run: Path, command: str) -> Any:
    """A training that has written its first checkpoint."""
    process = start(command)
    deadline = time.monotonic() + 120
    while not list(run.rglob("checkpoint-*.pt")):
        assert time.monotonic() < deadline and process.poll() is None, process.communicate()
        time.sleep(0.05)
    return process


@pytest.mark.parametrize(
    ("number", "code", "start"),
    [(signal.SIGTERM, 143, "sdl_process"), (signal.SIGHUP, 129, "sdl_forked")],
    ids=["SIGTERM", "SIGHUP"],
)
def test_a_signal_of_a_scheduler_interrupts_as_ctrl_c_does(
    request: pytest.FixtureRequest, tmp_path: Path, number: signal.Signals, code: int, start: str
) -> None:
    process = begun(request.getfixturevalue(start), tmp_path / "run", f"train {LONG} hydra.run.dir=run --json")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    command = f"sdl train --resume {tmp_path / 'run'}"
    message = f"Interrupted by {number.name}."
    assert f"{message} Resume with: {command}" in err and "Traceback" not in err
    error = {"kind": "interrupted", "message": message, "hint": f"Resume with: {command}"}
    assert json.loads(out) == {"error": error, "exit_code": code}
    status = json.loads((tmp_path / "run" / "status.json").read_text())
    assert (status["kind"], status["state"], status["reason"]) == ("run", "interrupted", f"by {number.name}")


def test_the_workers_of_a_sweep_end_with_sigterm(sdl_forked: Start, tmp_path: Path) -> None:
    process = begun(sdl_forked, tmp_path / "s", f"train -m {LONG} seed=0,1,2 parallel.num_jobs=2 hydra.sweep.dir=s")
    status = next(file for file in (tmp_path / "s").glob("*/status.json") if run_folder.read_state(file.parent) == "running")
    worker = json.loads(status.read_text())["process"]["pid"]
    assert worker != process.pid
    process.terminate()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143 and f"Resume with: sdl train --resume {tmp_path / 's'}" in err
    assert run_folder.read_state(status.parent) == "interrupted" and run_folder.read_reason(status.parent) == "by SIGTERM"
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


SMALL = {  # kind -> a command that leaves such a folder
    "run": f"train {BASELINE}",
    "repeats": f"train {BASELINE} num_repeats=2",
    "curve": f"curve {BASELINE} curve.num_repeats=1",
    "comparison": "compare 'compare.arms=[logistic,svm]' compare.num_repeats=2 compare.num_candidates=1 compare.curve=false",
    "sweep": f"train -m {BASELINE} seed=0,1 hydra.sweep.dir=x",
}


@pytest.mark.parametrize("kind", SMALL)
def test_a_second_resume_of_a_folder_is_refused(sdl: Sdl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    assert sdl(f"{SMALL[kind]} dataset=wine parallel.num_jobs=1 hydra.run.dir=x").code == 0
    if kind != "sweep":
        assert json.loads((tmp_path / "x" / "status.json").read_text())["kind"] == kind
        writing.write_status(tmp_path / "x", "interrupted", "by Ctrl-C")
    locks.hold(tmp_path / "x")
    monkeypatch.setattr(locks, "_held", {})  # as another process would see it
    found = sdl(f"{SMALL[kind].split()[0]} --resume x")
    assert found.code == 2
    assert f"process {os.getpid()} on " in found.err and "is at it already" in found.err
    assert kind == "sweep" or run_folder.read_state(tmp_path / "x") == "interrupted"


@pytest.mark.parametrize("kind", [kind for kind in SMALL if kind != "sweep"])
def test_what_is_resumed_is_running_from_the_moment_its_data_is_loaded(
    sdl: Sdl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    from sdl_cli import data
    from sdl_cli.run import prepare

    assert sdl(f"{SMALL[kind]} dataset=wine parallel.num_jobs=1 hydra.run.dir=x").code == 0
    writing.write_status(tmp_path / "x", "failed", "stopped")
    if kind == "repeats":
        writing.write_status(tmp_path / "x" / "repeats" / "1", "failed", "stopped")
    seen: list[str] = []
    real = data.load

    def watched(*arguments: Any, **settings: Any) -> Any:
        seen.append(run_folder.read_state(tmp_path / "x"))
        return real(*arguments, **settings)

    monkeypatch.setattr(data, "load", watched)
    monkeypatch.setattr(prepare, "_loaded", {})
    assert sdl(f"{SMALL[kind].split()[0]} --resume x").code == 0
    assert set(seen) == {"running"} and run_folder.read_state(tmp_path / "x") == "done"


def test_runs_calls_an_interrupted_run_so_old_ones_too(sdl: Sdl, tmp_path: Path) -> None:
    for name in ("new", "old"):
        assert sdl(f"train dataset=wine {BASELINE} hydra.run.dir=runs/{name}").code == 0
    writing.write_status(tmp_path / "runs" / "new", "interrupted", "by SIGTERM")
    (tmp_path / "runs" / "old" / "status.json").write_text('{"state": "failed", "reason": "interrupted", "files": {}}')
    assert [item["status"] for item in sdl("runs --json").json["items"]] == ["interrupted", "interrupted"]
    assert len(sdl("runs --where status=interrupted --json").json["items"]) == 2
