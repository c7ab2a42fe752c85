"""A run or a sweep that was stopped goes on to the same result, bit for bit."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from integration.conftest import BASELINE, Sdl, Start, run_here
from integration.forked import Forked

from sdl_cli.run import run_folder, writing

# long enough to be stopped in the middle, and a checkpoint after every epoch
SLOW = (
    "dataset=digits dataset.num_per_class=20 dataset.as_table=true model=deep_net model.depth=3 model.dropout=0.2 "
    "training.epochs=60 training.schedule=one_cycle training.ema_decay=0.9 training.checkpoint_seconds=0 num_threads=1"
)


def wait_for(condition: Callable[[], bool], process: Forked) -> None:
    for _ in range(1200):
        if condition():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    raise AssertionError("nothing happened for a minute")


def stop(process: Forked | subprocess.Popen[str], number: int) -> tuple[str, str]:
    process.send_signal(number)
    return process.communicate(timeout=60)


def same_result(one: Path, other: Path) -> bool:
    def found(folder: Path) -> list[object]:
        values = json.loads((folder / "metrics.json").read_text())
        stored = [file.read_bytes() for file in sorted(folder.rglob("model.safetensors"))]
        return [values["metrics"], values["baseline"], values["lift"], stored]

    return found(one) == found(other)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run with seed 1, never stopped: every stopped one is held against it."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    run_here(f"train {SLOW} seed=1 hydra.run.dir={folder}")
    return folder


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill -9"])
def test_a_stopped_run_goes_on_to_the_same_weights(
    sdl: Sdl, sdl_forked: Start, tmp_path: Path, whole: Path, number: signal.Signals
) -> None:
    process = sdl_forked(f"train {SLOW} seed=1 --json", "hydra.run.dir=my run")
    run = tmp_path / "my run"
    wait_for(lambda: (run / "checkpoint-fit.pt").exists(), process)
    out, err = stop(process, number)
    assert not (run / "metrics.json").exists(), "it was stopped too late to test anything"
    if number == signal.SIGINT:
        assert process.returncode == 130, err
        command = f"sdl train --resume '{run}'"
        assert f"Interrupted. Resume with: {command}" in err and "Traceback" not in err
        assert json.loads(out) == {
            "error": {"kind": "interrupted", "message": "Interrupted.", "hint": f"Resume with: {command}"},
            "exit_code": 130,
        }
        assert (run_folder.read_state(run), run_folder.read_reason(run)) == ("interrupted", "by Ctrl-C")
    else:
        assert run_folder.read_state(run) == "running"
    config = (run / "config.yaml").read_bytes()
    found = sdl("train --json --resume", "my run")
    assert found.code == 0, found.err
    assert same_result(run, whole)
    assert (run / "config.yaml").read_bytes() == config
    assert (run / "history.csv").read_text().count("\n") == 61
    assert not list(run.glob("checkpoint*"))
    assert sdl(f"evaluate '{run}' --json").json["reproduced"] is True
    finished = sdl("train --resume", "my run")
    assert finished.code == 0 and "This run is finished; there is nothing to resume." in " ".join(finished.err.split())
    assert "lift" in finished.out
    refused = sdl("train --resume", "my run", "seed=3")
    assert refused.code == 2 and "takes no settings" in refused.err


def test_killed_repeats_go_on_where_they_were(sdl: Sdl, sdl_forked: Start, tmp_path: Path, whole: Path) -> None:
    """They are trained as one stack, and each goes on from its own checkpoint alone."""
    process = sdl_forked(f"train {SLOW} num_repeats=3 hydra.run.dir=stopped")
    repeats = tmp_path / "stopped" / "repeats"
    wait_for(lambda: all((repeats / str(n) / "checkpoint-fit.pt").exists() for n in range(3)), process)
    stop(process, signal.SIGKILL)
    assert [run_folder.read_state(repeats / str(n)) for n in range(3)] == ["running"] * 3
    found = sdl("train --json --resume stopped")
    assert found.code == 0 and found.json["repeats"] == 3, found.err
    for n in range(3):
        assert (repeats / str(n) / "history.csv").read_text().count("\n") == 61
        assert not list((repeats / str(n)).glob("checkpoint*"))
    values, expected = (json.loads((folder / "metrics.json").read_text())["metrics"] for folder in (repeats / "1", whole))
    for name, measured in expected["test"].items():  # but for rounding, which grows over 60 epochs
        assert values["test"][name]["value"] == pytest.approx(measured["value"], abs=0.03), name


def test_interrupted_repeats_can_all_be_resumed(sdl: Sdl, sdl_forked: Start, tmp_path: Path) -> None:
    process = sdl_forked(f"train {SLOW} num_repeats=2 hydra.run.dir=stopped")
    repeats = tmp_path / "stopped" / "repeats"
    wait_for(lambda: all((repeats / str(n) / "checkpoint-fit.pt").exists() for n in range(2)), process)
    _, err = stop(process, signal.SIGINT)
    assert process.returncode == 130 and f"sdl train --resume {tmp_path / 'stopped'}" in err, err
    states = [(run_folder.read_state(folder), run_folder.read_reason(folder)) for folder in (repeats / "0", repeats / "1")]
    assert states == [("interrupted", "by Ctrl-C")] * 2 and run_folder.read_state(tmp_path / "stopped") == "interrupted"


def test_an_interrupted_sweep_goes_on(sdl: Sdl, sdl_forked: Start, tmp_path: Path, whole: Path) -> None:
    process = sdl_forked(f"train -m {SLOW} seed=0,1,2 hydra.sweep.dir=s")
    sweep = tmp_path / "s"
    wait_for(lambda: (sweep / "1" / "checkpoint-fit.pt").exists(), process)
    out, err = stop(process, signal.SIGINT)
    assert process.returncode == 130, err
    assert f"Interrupted. Resume with: sdl train --resume {sweep}" in err and "Traceback" not in err
    assert [run_folder.read_state(sweep / str(n)) for n in range(3)] == ["done", "interrupted", "missing"]
    assert run_folder.read_reason(sweep / "1") == "by Ctrl-C"
    found = sdl("train --resume s --json")
    assert found.code == 0, found.err
    assert [job["status"] for job in found.json["jobs"]] == ["done"] * 3
    assert all(f"seed={number}" in job["overrides"] for number, job in enumerate(found.json["jobs"]))
    assert same_result(sweep / "1", whole)


def test_a_run_killed_before_its_first_checkpoint_starts_again(sdl: Sdl, tmp_path: Path) -> None:
    run = Path(sdl(f"train dataset=wine {BASELINE} hydra.run.dir=run --json").json["folder"])
    stored = json.loads((run / "metrics.json").read_text())["metrics"]
    for name in ("metrics.json", "model.json", "predictions.csv"):
        (run / name).unlink()
    writing.write_status(run, "running")
    assert sdl("train --resume run --json").json["metrics"] == stored


def test_a_run_without_its_configuration_cannot_go_on(sdl: Sdl, tmp_path: Path) -> None:
    writing.claim(tmp_path / "run")
    found = sdl("train --resume run")
    assert found.code == 2 and "nothing was begun here" in found.err
    (tmp_path / "run" / "config.yaml").write_text("seed: 3\nmodel: {name: nothing}\n")
    found = sdl("train --resume run")
    assert found.code == 2 and "model.name: no model is called 'nothing'" in found.err


@pytest.mark.parametrize("repeats", [1, 2])
def test_a_run_on_data_that_changed_does_not_go_on(sdl: Sdl, tmp_path: Path, repeats: int) -> None:
    rows = [f"{n},{n % 7},{'ab'[n % 2]}" for n in range(60)]
    (tmp_path / "x.csv").write_text("\n".join(["u,v,y", *rows]) + "\n")
    settings = f"dataset=table dataset.path=x.csv dataset.target=y {BASELINE} num_repeats={repeats} hydra.run.dir=r"
    assert sdl(f"train {settings}").code == 0
    run = tmp_path / "r"
    if repeats > 1:  # one is done, and the other was not begun
        shutil.rmtree(run / "repeats" / "1")
    writing.write_status(run, "failed", "stopped")
    before = (run / "metrics.json").read_bytes()
    (tmp_path / "x.csv").write_text("\n".join(["u,v,y", *rows[:-1], "59,3,a"]) + "\n")
    found = sdl("train --resume r")
    assert found.code == 2 and "the data has changed since this run was begun." in found.err
    assert "Start a new one with the same settings: sdl train ..." in found.err
    assert (run / "metrics.json").read_bytes() == before and run_folder.read_state(run) == "failed"
