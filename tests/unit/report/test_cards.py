"""Results as a program and a notebook see them."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sdl_cli.measure.metrics import Lift, Measured
from sdl_cli.report import notebook
from sdl_cli.report.cards import metric_lines, run_line, run_lines
from sdl_cli.report.html.card import evaluation_card, run_card
from sdl_cli.run.result import RunResult

ACCURACY = {"accuracy": Measured(0.9, 0.8, 0.95, 50)}
RUN = RunResult(
    Path("runs/one"),
    {"model": {"name": "deep_net"}, "dataset": {"name": "wine"}},
    ACCURACY,
    {},
    {"accuracy": Measured(0.8, 0.7, 0.9, 50)},
    {"accuracy": Measured(0.4, 0.3, 0.5, 50)},
    Lift("accuracy", 0.1, 0.02, 0.18, True),
    {"total": 2.0},
    {"labelled": 100, "validation": 0, "test": 50},
)


def test_a_run_in_words() -> None:
    assert run_line(RUN) == "deep_net, accuracy 90.0 % (80.0 to 95.0), forest 80.0 %, 2.0 seconds"
    lines = run_lines(RUN)
    assert lines[0] == "n = 50 test rows, 95 % interval" and lines[-1] == "run     runs/one"
    assert metric_lines(ACCURACY) == ["accuracy  90.0 % (80.0 to 95.0)"]


def test_a_card_escapes_what_comes_from_the_data() -> None:
    evil = "<script>alert(1)</script>"
    card = run_card(replace(RUN, folder=Path(evil), config={**RUN.config, "model": {"name": evil}}))
    assert "<script" not in card and "&lt;script" in card
    assert "Accuracy 90.0 %" in card and "80.0 % (70.0 to 90.0)" in card
    assert "<script" not in evaluation_card(evil, 3, ACCURACY)


class Handle:
    def __init__(self) -> None:
        self.shown: list[str] = []

    def update(self, content: Any) -> None:
        self.shown.append(content)


def test_a_notebook_has_a_bar_that_moves_and_goes_away(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    handle = Handle()
    shell = SimpleNamespace(kernel=object())
    shown = SimpleNamespace(HTML=lambda text: text, display=lambda content, display_id: handle)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell, display=shown))
    monkeypatch.setitem(sys.modules, "IPython.display", shown)
    assert notebook.in_notebook()
    display = notebook.display_here()
    display.epoch({"phase": "fit<1>", "epoch": 1, "epochs": 3, "loss": 0.5})
    display.stop()
    assert handle.shown[0].startswith('<progress max="3" value="1"></progress> fit&lt;1&gt; 1/3')
    assert handle.shown[-1] == ""
    display.notice("Careful.")
    assert capsys.readouterr() == ("note    Careful.\n", "")


def test_elsewhere_a_program_speaks_on_stderr_or_not_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert not notebook.in_notebook()
    notebook.display_here().notice("Careful.")
    notebook.display_here(verbose=False).notice("Careful.")
    assert capsys.readouterr() == ("", "note    Careful.\n")
