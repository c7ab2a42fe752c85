"""What is printed fits its place, and says what was measured."""

from __future__ import annotations

import io
import json
import math
from typing import Any

import pytest

from sdl_cli.measure import wording
from sdl_cli.measure.metrics import Measured
from sdl_cli.measure.wording import unequal_rows
from sdl_cli.phrases import duration
from sdl_cli.report import layout
from sdl_cli.report.console import Display, resume_command
from sdl_cli.run.result import RunResult


def measured(value: float | None, half: float = 0.05, n: int = 360) -> dict[str, Any]:
    if value is None:
        return {"value": None, "low": None, "high": None, "n": n}
    return {"value": value, "low": value - half, "high": value + half, "n": n}


CLASSIFICATION = ["accuracy", "balanced_accuracy", "log_loss", "macro_f1", "roc_auc", "calibration_error"]


def result(kind: str = "gradient_boosting", **changes: Any) -> dict[str, Any]:
    test = {name: measured(1.0) for name in CLASSIFICATION}
    found: dict[str, Any] = {
        "folder": "/somewhere/" + "very_long/" * 12 + "my run",
        "config": {"model": {"name": "baseline", "kind": kind}},
        "metrics": {"test": test, "validation": {}},
        "baseline": {"name": "forest", "test": test},
        "lift": {"metric": "accuracy", "value": -0.458, "low": -0.51, "high": -0.402, "measurable": True},
        "majority": {"test": test},
        "seconds": {"total": 12.3, "load": 1.2, "fit": 10.0, "save": 0.01},
        "rows": {"labelled": 1437, "validation": 0, "test": 360},
        "runtime": None,
        "notes": [],
        "repeats": 1,
    }
    return found | changes


def regression_result(size: float) -> dict[str, Any]:
    test = {name: measured(size, size / 7) for name in ("rmse", "mae", "r2")}
    lift = {"metric": "rmse", "value": size / 9, "low": -size / 8, "high": size / 8, "measurable": False}
    scores = {
        "metrics": {"test": test, "validation": {}},
        "baseline": {"name": "forest", "test": test},
        "majority": {"test": test},
    }
    return result(lift=lift, **scores)


def printed(capsys: pytest.CaptureFixture[str], show: Any) -> str:
    show(Display())
    return capsys.readouterr().out


@pytest.mark.parametrize("columns", [80, 200])
@pytest.mark.parametrize("values", [result(), *(regression_result(size) for size in (1e-5, 0.5, 59.1, 4321.0, 123_456.0, 3e9))])
def test_a_result_fits_the_width(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, values: dict[str, Any], columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    text = printed(capsys, lambda display: display.result(values))
    assert all(len(line) <= columns or values["folder"] in line for line in text.splitlines()), text
    assert "n = 360 test rows, 95 % interval" in text.splitlines()
    assert f"run     {values['folder']}" in text.splitlines(), "a path is never broken"
    assert not any(line != line.rstrip() for line in text.splitlines())
    assert "\033" not in text, "no colours where there is no terminal"


def test_a_table_has_one_line_per_metric(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = printed(capsys, lambda display: display.result(result("forest"))).splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("test "))
    assert lines[head].split("  ")[0] == "test" and "forest (quick baseline)" in lines[head]
    assert [line.partition("  ")[0] for line in lines[head + 1 : head + 7]] == [
        "accuracy", "balanced accuracy", "log loss", "macro F1", "ROC AUC", "calibration error",
    ]  # fmt: skip
    assert "100.0 % (95.0 to 105.0)" in lines[head + 1]


@pytest.mark.parametrize(
    ("value", "measurable", "verdict"),
    [(0.1, True, "measurably better"), (-0.1, True, "measurably worse"), (0.1, False, "no measurable difference")],
)
def test_the_lift_is_said_with_its_verdict(
    capsys: pytest.CaptureFixture[str], value: float, measurable: bool, verdict: str
) -> None:
    lift = {"metric": "accuracy", "value": value, "low": -0.2, "high": 0.2, "measurable": measurable}
    text = printed(capsys, lambda display: display.result(result(lift=lift)))
    way = "higher" if value > 0 else "lower"
    words = f"accuracy 10.0 points {way} than the baseline's (95 % interval: 20.0 lower to 20.0 higher)"
    assert words in " ".join(text.split())
    assert text.count("measurabl") == 1 and verdict in text


def test_a_baseline_that_learned_nothing_is_said_to(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, lambda display: display.result(result(lift=None, baseline=None)))
    assert "this is the baseline itself" in text and "no better than ignoring the inputs" in text


def test_what_is_undefined_is_called_so(capsys: pytest.CaptureFixture[str]) -> None:
    test = {name: measured(None if name == "roc_auc" else 0.5) for name in CLASSIFICATION}
    text = printed(capsys, lambda display: display.result(result(metrics={"test": test, "validation": {}})))
    assert "ROC AUC            undefined" in text


def overview(**changes: Any) -> dict[str, Any]:
    found = {
        "dataset": "digits", "task": "classification", "modality": "image", "shape": [1, 8, 8],
        "rows": {"train": 1150, "validation": 287, "test": 360},
        "per_class": {"train": {"a": 3, "b": 3, "c": 3}, "test": {"a": 1, "b": 40}},
        "model": "deep_net", "network": True, "loss": "cosine", "augment": "shift",
    }  # fmt: skip
    return found | changes


RUNTIME = {"device": "cpu", "precision": "bfloat16", "memory_format": "channels_last", "num_threads": 2, "reason": "timed"}


def test_what_runs_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    def show(display: Display) -> None:
        for seed in range(3):  # repeats of one run differ in their rows per class only
            display.start(overview(per_class={"test": {"a": seed, "b": 9}}))
            display.runtime(RUNTIME)
            display.repeat(seed + 1, 3, result())
        display.result(result(runtime=RUNTIME))

    text = printed(capsys, show)
    assert text.count("digits: 1,150 train, 287 validation, 360 test (images of 1 x 8 x 8)") == 1
    assert text.count("device  cpu, bfloat16, channels_last, 2 threads (timed)") == 1
    assert "repeat  2 of 3: accuracy 100.0 % (95.0 to 105.0), forest 100.0 %, 12.3 seconds" in text


def test_another_data_set_is_news(capsys: pytest.CaptureFixture[str]) -> None:
    def show(display: Display) -> None:
        display.start(overview())
        display.start(overview(dataset="other", modality="table", shape=[4]))

    text = printed(capsys, show)
    assert "other: 1,150 train, 287 validation, 360 test (rows of 4 features)" in text


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ({"a": 3, "b": 3, "c": 3}, "3 of each of 3"),
        ({"a": 3, "b": 4}, "a 3, b 4"),
        ({str(k): 35 + k % 3 for k in range(10)}, "35 to 37 of each of 10"),
        ({str(k): 10 * k for k in range(12)}, "... (12 classes)"),
    ],
)
def test_rows_per_class_are_said_shortly(capsys: pytest.CaptureFixture[str], counts: dict[str, int], text: str) -> None:
    assert text in " ".join(printed(capsys, lambda display: display.start(overview(per_class={"train": counts}))).split())


def job(status: str = "done", **changes: Any) -> dict[str, Any]:
    found = {
        "folder": "/runs/sweep/0",
        "status": status,
        "overrides": ["model=deep_net", "seed=0", "dataset=wine"],
        "metrics": None,
    }
    if status == "done":
        found |= {"metrics": result()["metrics"], "baseline": result()["baseline"], "lift": result()["lift"]}
    return found | changes


def test_a_sweep_shows_what_differs_and_names_what_failed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    jobs = [job(), job(overrides=["model=baseline", "seed=0", "dataset=wine"]), job("failed", reason="the loss is nan")]
    text = printed(capsys, lambda display: display.sweep({"folder": "/runs/sweep", "jobs": jobs}))
    lines = text.splitlines()
    assert all(len(line) <= 80 for line in lines)
    first = next(line for line in lines if line.startswith("1    "))
    assert "100.0 % (95.0 to 105.0)  100.0 %  done" in first and first.endswith("model=deep_net")
    assert "all     seed=0 dataset=wine" in lines
    assert "failed  job 3: the loss is nan" in lines and "sweep   /runs/sweep" in lines


def test_jobs_count_from_1_and_their_folders_are_named_beside(capsys: pytest.CaptureFixture[str]) -> None:
    jobs = [job(folder=f"/runs/sweep/{number}", overrides=[f"seed={number}"]) for number in range(2)]
    lines = printed(capsys, lambda display: display.sweep({"folder": "/runs/sweep", "jobs": jobs})).splitlines()
    assert [line.split()[:2] for line in lines if line[:1] in ("1", "2")] == [["1", "0"], ["2", "1"]]


def test_jobs_that_differ_in_their_seed_alone_have_their_mean_below(capsys: pytest.CaptureFixture[str]) -> None:
    def one(kind: str, seed: int, score: float) -> dict[str, Any]:
        test = {"accuracy": measured(score)}
        scores = {"metrics": {"test": test, "validation": {}}, "baseline": {"name": "forest", "test": test}}
        return job(overrides=[f"model={kind}", f"seed={seed}"], **scores)

    jobs = [one("deep_net", seed, score) for seed, score in enumerate((0.7, 0.8, 0.9))] + [one("baseline", 0, 0.6)]
    text = printed(capsys, lambda display: display.sweep({"folder": "x", "jobs": jobs}))
    [line] = [line for line in text.splitlines() if line.endswith("3     model=deep_net")]
    assert line.split("  ")[0] == "accuracy 80.0 % (55.2 to 100.0)"  # 0.8 +- 4.303 * 0.1 / sqrt(3), at most 1


def test_seeds_on_the_same_test_rows_keep_the_chance_of_the_rows(capsys: pytest.CaptureFixture[str]) -> None:
    test = {"accuracy": {"value": 0.8, "low": 0.7, "high": 0.88, "n": 60}}
    scores = {"metrics": {"test": test, "validation": {}}, "same_test_rows": True}
    jobs = [job(overrides=["model=baseline", f"seed={seed}"], **scores) for seed in range(3)]
    text = printed(capsys, lambda display: display.sweep({"folder": "x", "jobs": jobs}))
    assert "accuracy 80.0 % (70.0 to 88.0)" in text


def test_no_mean_over_seeds_where_none_is_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    jobs = [job(overrides=["model=deep_net"]), job(overrides=["model=baseline"])]
    assert "mean over" not in printed(capsys, lambda display: display.sweep({"folder": "x", "jobs": jobs}))


@pytest.mark.parametrize(
    ("value", "low", "high", "expected"),
    [
        (0.213, 0.1, 0.3, "RMSE 0.213 lower than the baseline's (95 % interval: 0.1 to 0.3 lower)"),
        (-0.2, -0.3, -0.1, "RMSE 0.2 higher than the baseline's (95 % interval: 0.1 to 0.3 higher)"),
        (0.1, -0.2, 0.4, "RMSE 0.1 lower than the baseline's (95 % interval: 0.2 higher to 0.4 lower)"),
        (0.1, None, None, "RMSE 0.1 lower than the baseline's"),
    ],
)
def test_a_lift_in_errors_says_which_way_it_goes(value: float, low: float | None, high: float | None, expected: str) -> None:
    from sdl_cli.report.words import lift_words

    values = regression_result(1.0)
    values["lift"] = {"metric": "rmse", "value": value, "low": low, "high": high, "measurable": False}
    assert lift_words(RunResult.from_json(values))[0] == expected


def test_a_sweep_of_classes_and_numbers_names_each_metric(capsys: pytest.CaptureFixture[str]) -> None:
    numbers = job(metrics=regression_result(50.0)["metrics"], baseline=None)
    text = printed(capsys, lambda display: display.sweep({"folder": "x", "jobs": [job(), numbers]}))
    assert "accuracy 100.0 %" in text and "RMSE 50.000" in text


def test_progress_without_a_terminal_is_a_few_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    display = Display()
    for epoch in range(1, 101):
        row = {"phase": "fit", "epoch": epoch, "epochs": 100, "train_loss": 0.5, "validation_accuracy": 0.25}
        display.epoch(row)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "fit: epoch 1/100  loss 0.5000  validation accuracy 25.0 %",
        "fit: epoch 100/100  loss 0.5000  validation accuracy 25.0 %",
    ]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_on_a_terminal_is_a_bar_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    display = Display()
    display.err = Terminal()
    for epoch in range(1, 6):
        display.epoch({"phase": "fit", "epoch": epoch, "epochs": 5, "train_loss": 0.5, "validation_accuracy": 0.25})
    text = display.err.getvalue()
    assert "validation accuracy 25.0 %" in text and "5/5" in text
    assert not display.progress.is_shown
    display.epoch({"phase": "fit", "epoch": 1, "epochs": 5, "train_loss": 0.5})
    display.notice("something")
    assert not display.progress.is_shown and "something" in display.err.getvalue()


def test_with_json_nothing_is_written_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    display = Display(json=True)
    display.start(overview())
    display.result(result())
    display.notice("a note")
    found = capsys.readouterr()
    assert found.out == "" and "a note" in found.err


def test_braces_and_markup_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, lambda display: display.start(overview(dataset="[bold]a[/] {x} [red]")))
    assert "[bold]a[/] {x} [red]: 1,150 train" in text


def test_error_lines_are_never_wrapped() -> None:
    lines = layout.error_lines("a " * 100 + "\nsecond", "hint")
    assert len(lines) == 3 and lines[0].startswith("error   a a") and lines[1:] == ["        second", "        hint"]
    assert layout.error_lines("one", "") == ["error   one"]
    assert layout.error_lines("", "") == ["error   "]


def test_the_catalogue_fits_and_keeps_words_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    items = [{"group": "model", "name": name, "summary": "word " * 20} for name in ("a", "longer_name")]
    lines = layout.catalogue(items)
    assert lines[0] == "model" and all(len(line) <= 60 for line in lines)
    assert json.dumps(lines).count("word") == 40


def test_a_resume_command_can_be_pasted() -> None:
    assert resume_command("/runs/my run") == "sdl train --resume '/runs/my run'"


# curves

OVERVIEW: dict[str, Any] = {
    "dataset": "digits",
    "shape": [1, 8, 8],
    "modality": "image",
    "name": "baseline (forest)",
    "sizes": [20, 40, 1437],
    "repeats": 5,
    "test_rows": 360,
    "cells": 15,
    "done": 0,
    "jobs": 2,
    "seconds": 100.0,
    "is_guess": True,
    "notes": ["The subsets are small."],
}


def test_the_plan_of_a_curve(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    Display().curve_start(OVERVIEW)
    found = capsys.readouterr()
    assert found.out.splitlines() == [
        "data    digits: images of 1 x 8 x 8, 360 test images in each repeat",
        "model   baseline (forest)",
        "sizes   20, 40, 1,437 labelled images, 5 repeats of each",
        "time    about 2 minutes for 15 cells, 2 at once (a first guess: no similar curve has been measured here before)",
    ]
    assert found.err == "note    The subsets are small.\n"
    Display().curve_start({**OVERVIEW, "done": 6, "is_guess": False, "jobs": 1, "repeats": 1, "modality": "table", "notes": []})
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:] == [
        "sizes   20, 40, 1,437 labelled rows, 1 repeat of each",
        "time    about 2 minutes for 9 of 15 cells (6 are done)",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 second"), (8.4, "8 seconds"), (89, "89 seconds"), (100, "2 minutes"), (5399, "90 minutes"), (7200, "2.0 hours")],
)
def test_times_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_number_and_its_per_cent_sign_stay_on_one_line() -> None:
    lines = layout.wrap("expect accuracy 98.1 % with it", 20)
    assert lines == ["expect accuracy", "98.1 % with it"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("two\nlines", "two\nlines"),
        ("a\x1b[31mred\x1b[0m", "a?[31mred?[0m"),
        ("bell\x07 and back\x08", "bell? and back?"),
        ("\x9b2J and \x1b]0;title\x07", "?2J and ?]0;title?"),
        ("turned \u202e and \u2066", "turned ? and ?"),
        ("tab\tand\rreturn", "tab and return"),
        ("Gr\u00fc\u00dfe \u4f60\u597d \u2026 \u2588", "Gr\u00fc\u00dfe \u4f60\u597d \u2026 \u2588"),
        ("one\u00a0two", "one two"),
        ("byte \udcff", "byte \udcff"),
    ],
)
def test_control_characters_never_reach_the_terminal(text: str, expected: str) -> None:
    assert layout.shown(text) == expected


def test_on_a_terminal_only_our_own_styles_are_kept() -> None:
    assert layout.shown("\x1b[31merror\x1b[0m \x1b[2J\x1b[5m", on_terminal=True) == "\x1b[31merror\x1b[0m ?[2J?[5m"


@pytest.mark.parametrize(("name", "value", "text"), [
    ("rmse", 1.1568e-9, "1.16e-09"), ("mae", 2.1e-10, "2.10e-10"), ("rmse", 0.0009, "0.000900"), ("rmse", 0.05, "0.0500"),
    ("rmse", 0.0, "0"), ("rmse", 50.0, "50.000"), ("rmse", 1.2345e12, "1.23e+12"), ("r2", 0.0, "0.000"), ("r2", -1e-17, "-0.000"),
    ("accuracy", 0.5, "50.0 %"),
])  # fmt: skip
def test_numbers_in_the_unit_of_the_target_keep_three_digits(name: str, value: float, text: str) -> None:
    assert wording.shown(name, value) == text


def test_jobs_that_learned_from_other_rows_are_named() -> None:
    def rows(validation: int) -> dict[str, int]:
        return {"labelled": 142, "validation": validation, "test": 36}

    assert unequal_rows([("job 1", rows(0)), ("job 2", rows(28)), ("job 3", rows(0))]) == (
        "Not all learned from the same rows: job 2 set 28 of 142 labelled rows aside for validation, the others none. "
        "For the same rows in all networks: training.select=best"
    )
    many = unequal_rows([*((f"job {n}", rows(28)) for n in range(1, 6)), ("job 6", rows(0))])
    assert "job 1, job 2, job 3 and 2 more set 28" in many
    assert unequal_rows([("a", rows(28)), ("b", rows(28))]) == unequal_rows([("a", rows(0))]) == unequal_rows([]) == ""


def test_what_cannot_be_estimated_is_called_so() -> None:
    assert wording.measured("roc_auc", Measured(1.0, math.nan, math.nan, 9)) == "100.0 % (not estimable)"
    assert wording.estimated("roc_auc", 0.9, None, None) == "90.0 %"
