"""Quiet says the result alone; verbose says every step."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdl_cli.report.console import Display
from sdl_cli.report.loudness import Quiet, Verbose, display_of

ROW = {"phase": "fit", "epoch": 1, "epochs": 3, "train_loss": 0.5}


def test_which_is_which() -> None:
    assert type(display_of(False)) is Display and type(display_of(True, quiet=True)) is Quiet
    assert type(display_of(False, verbose=True)) is Verbose


def test_quiet_says_nothing_before_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    display = Quiet()
    for call in (display.start, display.runtime, display.epoch, display.job_done, display.curve_start, display.compare_start):
        call({})
    display.notice("a note")
    display.detail("setting", "x")
    display.folder(Path("runs"))
    assert capsys.readouterr() == ("", "")
    display.lines(["the result"])
    display.failure(0, "it broke")
    found = capsys.readouterr()
    assert found.out == "the result\n" and found.err == "error   job 1: it broke\n"


def test_verbose_says_each_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    display = Verbose()
    for epoch in (1, 2):
        display.epoch({**ROW, "epoch": epoch})
    display.detail("setting", "seed=3 (the command line)")
    display.folder(Path("runs/x"))
    said = capsys.readouterr().err
    assert "epoch 1/3" in said and "epoch 2/3" in said
    assert "setting seed=3 (the command line)\n" in said and "run     begins in runs/x\n" in said
