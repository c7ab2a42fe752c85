"""`python -m pretraining`: a short training through the command, stopped and resumed, and what it says of bad input."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pretraining.__main__ import main
from pretraining.checkpoint import load_checkpoint
from pretraining.network import build_network
from pretraining.settings import Recipe
from sdl_cli.learning.models.table_network import save_weights

ROOT = Path(__file__).parents[2]


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The exit code of the program with these words."""
    monkeypatch.setattr(sys, "argv", ["pretraining", *words])
    with pytest.raises(SystemExit) as stop:
        main()
    return int(stop.value.code or 0)


def processes_of(group: int) -> list[str]:
    """What still runs of a process group: the lines of `ps`, without those that have ended and wait to be noticed."""
    lines = subprocess.run(["ps", "-eo", "pgid=,stat=,args="], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in lines if line.split()[0] == str(group) and not line.split()[1].startswith("Z")]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    save_weights(build_network(Recipe(preset="tiny"), "cpu"), path)
    return path


def test_a_few_steps_and_again_with_the_same_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], weights: Path
) -> None:
    words = ["--preset", "tiny", "--steps", "2", "--cells", "1500", "--device", "cpu", "--seed", "5"]
    for name in ("a", "b"):
        assert run(monkeypatch, "train", "--out", str(tmp_path / name), *words) == 0
    a, b = (load_file(tmp_path / name / "weights.safetensors") for name in ("a", "b"))
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert "2 steps" in (tmp_path / "a" / "log.txt").read_text()
    # finished: nothing is left to do, and nothing changes
    assert run(monkeypatch, "train", "--out", str(tmp_path / "a"), "--resume") == 0
    assert all(torch.equal(a[key], again) for key, again in load_file(tmp_path / "a" / "weights.safetensors").items())
    started = ["train", "--out", str(tmp_path / "c"), *words[:2], "--steps", "1", *words[4:], "--init", str(weights)]
    assert run(monkeypatch, *started) == 0


@pytest.mark.parametrize("is_killed", [False, True])
def test_its_workers_end_with_it_and_after_ctrl_c_it_can_be_resumed(is_killed: bool, tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-m", "pretraining", "train", "--smoke", "--cells", "1500", "--workers", "1", "--out", str(out)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert "parameters on cpu, 1 process" in process.stdout.readline()
        assert "%  step 1 " in process.stdout.readline()
        if is_killed:
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
        _, errors = process.communicate(timeout=60)
        assert process.returncode == (-signal.SIGKILL if is_killed else 130)
    until = time.monotonic() + 20
    while left := processes_of(process.pid):
        assert time.monotonic() < until, left
        time.sleep(0.1)
    if not is_killed:
        assert errors.startswith("Stopped.") and "--resume" in errors and "Traceback" not in errors
        assert load_file(out / "weights.safetensors")["think"].isfinite().all()
        assert load_checkpoint(out).step >= 1


BAD = {
    "an unknown preset": (["train", "--out", "new", "--preset", "huge"], "'huge' is not one of tiny, small, base or deep"),
    "no minutes": (["train", "--out", "new", "--minutes", "0"], "--minutes: 0 is out of bounds"),
    "negative minutes": (["train", "--out", "new", "--minutes", "-1"], "--minutes: -1 is out of bounds"),
    "minutes that are none": (["train", "--out", "new", "--minutes", "nan"], "--minutes: nan is out of bounds"),
    "minutes in words": (["train", "--out", "new", "--minutes", "five"], "'--minutes'"),
    "no steps": (["train", "--out", "new", "--steps", "0"], "--steps: 0 is out of bounds"),
    "a negative seed": (["train", "--out", "new", "--seed", "-1"], "--seed: -1 is out of bounds"),
    "too few cells": (["train", "--out", "new", "--cells", "1"], "--cells: 1 is out of bounds"),
    "too many workers": (["train", "--out", "new", "--workers", "-1"], "--workers: -1 is out of bounds"),
    "an unknown device": (["train", "--out", "new", "--device", "tpu"], "tpu"),
    "a device that is not here": (["train", "--out", "new", "--device", "cuda:99"], "cuda:99"),
    "a folder that exists": (["train", "--out", "full"], "full exists already"),
    "a file for a folder": (["train", "--out", "text.safetensors"], "text.safetensors exists already"),
    "a missing start": (["train", "--out", "new", "--init", "absent"], "absent: there is no such file"),
    "a damaged start": (["train", "--out", "new", "--init", "cut.safetensors"], "no weights of a network"),
    "a start of another size": (["train", "--out", "new", "--init", "tiny.safetensors"], "not of a network of size base"),
    "nothing to resume": (["train", "--out", "absent", "--resume"], "there is nothing to resume here"),
    "a damaged checkpoint": (["train", "--out", "full", "--resume"], "cannot be resumed from"),
    "settings beside resume": (["train", "--out", "full", "--resume", "--seed", "1"], "--resume takes no settings"),
    "no folder": (["train"], "--out"),
    "an unknown option": (["train", "--out", "new", "--typo"], "--typo"),
    "an unknown command": (["trian"], "trian"),
    "missing weights": (["evaluate", "absent"], "absent: there is no such file"),
    "weights that are a folder": (["evaluate", "full"], "full"),
    "damaged weights": (["evaluate", "cut.safetensors"], "no weights of a network"),
    "text for weights": (["evaluate", "text.safetensors"], "no weights of a network"),
    "a folder without tables": (["evaluate", "tiny.safetensors", "--tables", "full"], "there are no CSV files here"),
    "no members": (["evaluate", "tiny.safetensors", "--members", "0"], "--members: 0 is out of bounds"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_a_few_plain_lines_and_exit_code_2(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], weights: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "checkpoint.safetensors").write_text("not one")
    (tmp_path / "cut.safetensors").write_bytes(weights.read_bytes()[:-100])
    (tmp_path / "text.safetensors").write_text("hello, this is a text and no weights")
    words, said = BAD[case]
    assert run(monkeypatch, *words) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert 1 <= len(shown.err.strip().splitlines()) <= 3 and "Traceback" not in shown.err
    assert not shown.out and not (tmp_path / "new").exists()


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["evaluate", "-h"]])
def test_help(words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, *words) == 0
    assert "Usage: " in capsys.readouterr().out
