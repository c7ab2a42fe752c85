"""The sections of a report one by one: what they say, and that they say it of the right numbers."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from unit.report import made
from unit.report.made import HOSTILE, SCRIPT
from unit.report.test_section import Reader

from sdl_cli.errors import DataError
from sdl_cli.measure import statistics
from sdl_cli.measure.metrics import Measured
from sdl_cli.measure.wording import difference, p_value
from sdl_cli.report.html import setup, verdict
from sdl_cli.report.html.data_check import data_section
from sdl_cli.report.html.history import history_section, read_history
from sdl_cli.report.html.leaderboard import comparison_section, sweep_section
from sdl_cli.report.html.learning_curve import curve_section, curves_section
from sdl_cli.report.html.page import Head, page
from sdl_cli.report.html.saved import shown
from sdl_cli.report.html.scores import Bar, interval_chart, scores_section
from sdl_cli.report.html.section import Section
from sdl_cli.report.html.sweep import read_sweep
from sdl_cli.run import writing
from sdl_cli.run.result import RunResult
from sdl_cli.settings.experiment import Training
from sdl_cli.study.compare.result import ComparisonResult
from sdl_cli.study.curve.result import CurveResult

Values = dict[str, Any]


def test_the_page_escapes_everything_it_is_given() -> None:
    head = Head(HOSTILE[0], HOSTILE[1], [HOSTILE[2], HOSTILE[0]], [(HOSTILE[0], HOSTILE[1])])
    text = page(head, [Section("one", HOSTILE[1], "<p>body of 3 %</p>", HOSTILE[2])])
    found = Reader(text)
    assert "script" not in found.tags and found.tags.count("style") == 1 and "img" not in found.tags
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert found.text.count(HOSTILE[0]) >= 4 and found.text.count(HOSTILE[2]) == 2
    assert ("content", "default-src 'none'; img-src data:; style-src 'unsafe-inline'") in found.attributes
    assert ("href", "#one") in found.attributes and ("id", "one") in found.attributes
    assert "3\u00a0%" in found.text
    assert "http:" not in text and "https:" not in text


def test_two_sections_of_one_id_are_our_mistake() -> None:
    with pytest.raises(AssertionError):
        page(Head("t", "k", ["v"]), [Section("a", "A", ""), Section("a", "B", "")])


@pytest.mark.parametrize(
    ("metric", "numbers", "text"),
    [
        ("accuracy", (0.028, 0.011, 0.05), "+2.8 points (+1.1 to +5.0)"),
        ("accuracy", (-0.0001, None, None), "0.0 points"),
        ("accuracy", (0.0, -0.01, 0.01), "0.0 points (-1.0 to +1.0)"),
        ("rmse", (-3.2145, -5.0, 1.25), "-3.21 (-5 to +1.25)"),
        ("log_loss", (None, None, None), "undefined"),
    ],
)
def test_differences_in_words(metric: str, numbers: tuple[float | None, ...], text: str) -> None:
    assert difference(metric, *numbers) == text


@pytest.mark.parametrize(
    ("p", "text"), [(0.0004, "< 0.001"), (0.0234, "0.023"), (0.0496, "0.050"), (0.21, "0.21"), (1.0, "1.00")]
)
def test_p_values_in_words(p: float, text: str) -> None:
    assert p_value(p, name="") == text
    assert p_value(p) == (f"p {text}" if text.startswith("<") else f"p = {text}")


def test_a_comparison_says_what_can_be_told_of_each_arm() -> None:
    values = made.comparison([SCRIPT, *list(made.METHODS)[1:]])
    section = comparison_section(ComparisonResult.from_json(values))
    found = Reader(section.body)
    assert {"script", "img"}.isdisjoint(found.tags) and SCRIPT in found.text
    for arm in values["arms"]:
        mean, low, high = statistics.t_interval(arm["scores"])
        assert f"{100 * mean:.1f} % ({100 * low:.1f} to {100 * high:.1f})" in found.text
    worse = sum(arm["measurable"] for arm in values["arms"])
    assert worse == 3 and found.text.count("measurably worse") >= worse
    for item in (*values["given_up"], *values["left_out"], *values["failed"]):
        assert item["name"] in found.text and item["reason"] in found.text
    assert "training.learning_rate=0.005 (8 splits)" in found.text
    assert "1,437 labelled and 360 test rows" in section.lead
    assert verdict.comparison_verdict(ComparisonResult.from_json(values))[-1] == "Failed, and not in the ranking: wide_net."


def test_an_arm_without_a_score_is_in_the_table_and_not_in_the_picture() -> None:
    values = made.comparison()
    values["arms"][-1] |= {"mean": None, "low": None, "high": None, "difference": None, "scores": [], "to_baseline": None}
    found = Reader(comparison_section(ComparisonResult.from_json(values)).body)
    assert "undefined" in found.text
    assert "93.9" not in found.text


@pytest.mark.parametrize(
    ("bars", "line"),
    [
        ([Bar("one", 0.5, None, None)], None),
        ([Bar("one", 0.5, 0.5, 0.5)], 0.5),
        ([Bar(name, 0.9, 0.8, 1.0, (0.85, 0.95)) for name in HOSTILE], 0.1),
        ([Bar(f"arm {k}", k / 50, 0, 1) for k in range(50)], None),
        ([Bar("zero", 0.0, 0.0, 0.0)], None),
    ],
)
def test_a_chart_of_any_bars(bars: list[Bar], line: float | None) -> None:
    found = Reader(shown(interval_chart("scores", bars, "accuracy", "title", line=line)))
    for bar in bars[:40]:
        assert bar.name[:20] in found.text
    assert ("arm 45" in found.text) is False


def test_scores_of_a_run_stand_beside_the_baseline_and_the_guess() -> None:
    found = Reader(scores_section(RunResult.from_json(made.metrics_of(0.95, 0.93)), []).body)
    low, high = statistics.wilson(95, 100)
    assert f"95.0 % ({100 * low:.1f} to {100 * high:.1f})" in found.text
    assert (
        "forest (quick baseline)" in found.text
        and "40.0 %" in found.text
        and "baseline (forest) on validation rows" in found.text
    )
    repeats = [RunResult.from_json(made.metrics_of(0.9 + k / 100)) for k in range(3)]
    section = scores_section(RunResult.from_json({**made.metrics_of(0.91), "repeats": 3}), repeats)
    assert section.id == "leaderboard" and "Thin lines: the single splits" in section.body


def lifted(value: float, low: float, high: float, **changes: Any) -> Values:
    values = made.metrics_of(0.9 + value)
    lift = {"metric": "accuracy", "value": value, "low": low, "high": high, "measurable": value != 0 and (low > 0 or high < 0)}
    return {**values, "lift": lift, **changes}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            lifted(0.05, 0.01, 0.09),
            "It is measurably better than the quick baseline (forest, 90.0 %): accuracy 5.0 points higher",
        ),
        (lifted(0.05, -0.01, 0.09), "There is no measurable difference to the quick baseline (forest, 90.0 %)"),
        (lifted(-0.05, -0.09, -0.01), "It is measurably worse than the quick baseline"),
        (lifted(-0.6, -0.7, -0.5), "and no better than ignoring the inputs; ignoring the inputs gives 40.0 %"),
        ({**made.metrics_of(0.9), "lift": None, "baseline": None}, "This is the quick baseline itself; ignoring"),
    ],
)
def test_the_verdict_of_a_run(values: Values, said: str) -> None:
    first, second, *_ = verdict.run_verdict(RunResult.from_json(values))
    assert first.startswith("Accuracy ") and "on 100 test rows." in first and "95 % interval" in first
    assert said in second


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ((0.02, 0.01, 0.04), "can be trusted: they are off by 2.0 points on average, 95 % interval 1.0 to 4.0."),
        ((0.12, 0.08, 0.2), "should not be trusted: they are off by 12.0 points"),
        ((0.06, 0.03, 0.09), "are roughly right, as far as these rows can tell"),
        ((None, None, None), "is undefined"),
    ],
)
def test_calibration_in_a_word(error: tuple[float | None, ...], said: str) -> None:
    values = lifted(0.05, 0.01, 0.09)
    values["metrics"]["test"]["calibration_error"] = dict(zip(("value", "low", "high"), error, strict=True)) | {"n": 100}
    assert said in verdict.run_verdict(RunResult.from_json(values))[-1]


def test_a_gap_that_chance_can_give_is_no_verdict_on_probabilities() -> None:
    values = lifted(0.05, 0.01, 0.09)
    values["metrics"]["test"]["calibration_error"] = {"value": 0.17, "low": 0.08, "high": 0.3, "n": 36}
    assert verdict.run_verdict(RunResult.from_json(values), by_chance=0.19)[-1] == (
        "Whether its probabilities can be trusted is unclear: they are off by 17.0 points on average, 95 % "
        "interval 8.0 to 30.0, and on so few rows chance alone can give up to 19.0 points."
    )
    assert "should not be trusted" in verdict.run_verdict(RunResult.from_json(values), by_chance=0.15)[-1]


def test_a_sweep_is_judged_by_validation_where_all_have_it(tmp_path: Path) -> None:
    runs = [
        (["loss=a", "seed=0", "x=1"], made.metrics_of(0.97, 0.90)),
        (["loss=a", "seed=1", "x=1"], made.metrics_of(0.93, 0.92)),
        (["loss=b", "seed=0", "x=1"], made.metrics_of(0.91, 0.95)),
    ]
    made.write_sweep(tmp_path / "sweep", runs, [(["loss=c", "x=1"], f"no such loss {SCRIPT}")])
    sweep = read_sweep(tmp_path / "sweep")
    assert [(g.name, len(g.jobs)) for g in sweep.groups] == [("loss=a", 2), ("loss=b", 1)]
    assert sweep.shared == ("x=1",) and sweep.best is sweep.groups[1] and sweep.best.validation == 0.95
    mean, low, high = statistics.t_interval([0.97, 0.93])
    assert sweep.groups[0].test == Measured(mean, max(low, 0), min(high, 1), 2)
    said = verdict.sweep_verdict(sweep)
    assert said[0].startswith("Best by validation score: loss=b, with test accuracy 91.0 %") and "1 of 4 jobs" in said[-1]
    found = Reader(sweep_section(sweep).body)
    assert SCRIPT in found.text and "script" not in found.tags and "failed" in found.text


def test_a_sweep_without_validation_names_no_best(tmp_path: Path) -> None:
    made.write_sweep(tmp_path / "sweep", [(["a=1"], made.metrics_of(0.9, 0.9)), (["a=2"], made.metrics_of(0.95))])
    sweep = read_sweep(tmp_path / "sweep")
    assert sweep.best is None and [g.name for g in sweep.groups] == ["a=2", "a=1"]
    assert "would flatter it" in verdict.sweep_verdict(sweep)[1]


def test_a_sweep_over_data_sets_is_not_ranked(tmp_path: Path) -> None:
    runs = [(["dataset=wine"], made.metrics_of(0.9, 0.9)), (["dataset=iris"], made.metrics_of(0.95, 0.9, dataset="iris"))]
    made.write_sweep(tmp_path / "sweep", runs)
    sweep = read_sweep(tmp_path / "sweep")
    assert sweep.metric is None and sweep.best is None
    assert "cannot be ranked" in verdict.sweep_verdict(sweep)[0]
    assert "accuracy 95.0 %" in Reader(sweep_section(sweep).body).text


def test_equal_scores_of_two_seeds_do_not_make_a_sure_thing(tmp_path: Path) -> None:
    made.write_sweep(tmp_path / "sweep", [(["seed=0"], made.metrics_of(1.0)), (["seed=1"], made.metrics_of(1.0))])
    (group,) = read_sweep(tmp_path / "sweep").groups
    assert group.test.value == 1.0 and group.test.low == pytest.approx(statistics.wilson(100, 100)[0])


def test_a_sweep_in_which_nothing_is_done(tmp_path: Path) -> None:
    made.write_sweep(tmp_path / "sweep", [], [(["a=1"], "broken")])
    with pytest.raises(DataError, match="no job of this sweep is done") as error:
        read_sweep(tmp_path / "sweep")
    assert "--resume" in error.value.hint


def test_jobs_that_never_began_are_named(tmp_path: Path) -> None:
    made.write_sweep(tmp_path / "sweep", [(["a=1"], made.metrics_of(0.9))])
    writing.write_json(tmp_path / "sweep", "sweep.json", {"verb": "train", "jobs": [{"overrides": [], "config": {}}] * 3})
    assert [(job.label, job.state) for job in read_sweep(tmp_path / "sweep").failed] == [("2", "not run"), ("3", "not run")]


def test_history(tmp_path: Path) -> None:
    assert history_section(tmp_path) is None
    made.write_history(tmp_path, epochs=12)
    (rows,) = read_history(tmp_path).values()
    assert [row["epoch"] for row in rows] == list(range(1, 13)) and rows[0]["train_loss"] == pytest.approx(1.4)
    section = history_section(tmp_path)
    assert section is not None and section.lead == "Learned for 12 epochs in 6.0 seconds."
    text = Reader(section.body).text
    assert "validation accuracy (%)" in text and "loss (log scale)" in text and "memorising" in text


def test_history_of_several_phases_and_of_a_broken_file(tmp_path: Path) -> None:
    rows = [{"phase": SCRIPT if k < 3 else "fit", "epoch": k % 3 + 1, "train_loss": 1 / (k + 1)} for k in range(6)]
    writing.write_history(tmp_path, rows)
    section = history_section(tmp_path)
    assert section is not None and SCRIPT[:10] in Reader(section.body).text and "script" not in Reader(section.body).tags
    (tmp_path / "history.csv").write_bytes(b"phase,epoch\n\xff\x00,nan\n,,,,,\n")
    assert history_section(tmp_path) is None


def test_a_curve_shows_its_points_and_its_forecast() -> None:
    curve = CurveResult.from_json(made.curve_of(HOSTILE[1], "digits"))
    section = curve_section(curve)
    found = Reader(section.body)
    assert {"script", "img"}.isdisjoint(found.tags)
    for point in curve.points:
        assert f"{point.size:,}" in found.text and f"{100 * point.mean:.1f} %" in found.text
    for row in curve.forecast:
        assert f"{100 * row.low:.1f} to {100 * row.high:.1f}" in found.text
    bare = dataclasses.replace(curve, forecast=(), line=(), labels_needed=None, points=curve.points[:2], warnings=())
    assert "Forecast" not in Reader(curve_section(bare).body).text


def test_curves_over_each_other() -> None:
    curves = [CurveResult.from_json(made.curve_of(f"model {k}", "digits")) for k in range(8)]
    found = Reader(curves_section(curves).body)
    assert "model 7" in found.text and "first 6 of 8" in found.text


def test_only_what_differs_from_the_defaults_is_listed() -> None:
    config = {
        "dataset": {"name": "wine", "test_fraction": 0.3, "seed": None},
        "model": {"name": "baseline", "kind": "logistic", "num_trees": 500},
        "loss": {"name": "auto", "class_weight": "none"},
        "augment": {"name": "none"},
        "training": {**dataclasses.asdict(Training()), "epochs": 12, "learning_rate": 0.01},
        "seed": 0,
        "num_repeats": 3,
        "device": "auto",
        "threshold": SCRIPT,
        "unknown": {"a": 1},
    }
    changed = {key: (value, default) for key, value, default in setup.changed_settings(config)}
    assert changed["dataset.test_fraction"] == (0.3, 0.2) and changed["model.kind"] == ("logistic", "forest")
    assert changed["num_repeats"] == (3, 1) and changed["threshold"] == (SCRIPT, "most_probable")
    assert changed["training.epochs"] == (12, setup.FILLED_IN) and changed["dataset"] == ("wine", setup.CHOICE)
    assert {"dataset.seed", "model.num_trees", "seed", "device", "training.num_restarts"}.isdisjoint(changed)
    body = setup.configuration_section(config, ["sdl train", "training.epochs=12"]).body
    above, _, folded = body.partition("<details>")
    assert "training.epochs" in above and "training.learning_rate" not in above and "training.learning_rate" in folded
    assert "script" not in Reader(body).tags and f"threshold: {SCRIPT}" in Reader(body).text


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ([], ""),
        (["sdl train", "dataset=wine"], "sdl train dataset=wine"),
        (["sdl train", "dataset.path='a b.csv'"], "sdl train 'dataset.path=a b.csv'"),
        (["sdl train", "model.kind=a,b", "--multirun"], "sdl train -m model.kind=a,b"),
        (["sdl train", "hydra.run.dir=x", "hydra.run.dir=/y/x"], "sdl train hydra.run.dir=x"),
        (["sdl train", "dataset.path=$(rm -rf x)"], "sdl train 'dataset.path=$(rm -rf x)'"),
    ],
)
def test_the_command_to_get_it_again(words: list[str], command: str) -> None:
    assert setup.command_of({"command_line": words}) == command


def test_the_weights_that_a_run_began_with_are_named() -> None:
    began = [{"architecture": "timm/a", "weights": SCRIPT, "digest": "12ab"}]
    shown = setup.machine_section({"pretrained": began}, None).body
    assert "pretrained weights (digest)" in shown and "12ab" in shown and "timm/a" in shown and SCRIPT not in shown


def test_the_data_check_finds_what_there_is_and_says_what_it_cannot() -> None:
    config = {"dataset": {"name": "wine"}, "seed": 0}
    said: list[str] = []
    section = data_section(config, None, said.append)
    found = Reader(section.body)
    assert "178" in found.text and "class_1 71" in found.text and not said
    section = data_section(config, "0" * 64, said.append)
    assert said == ["The data has changed since this run, so it is not checked here."] and said[0] in section.body
    gone = {"dataset": {"name": "table", "path": f"/nowhere/{SCRIPT}.csv", "target": "y"}}
    section = data_section(gone, None, said.append)
    assert "could not be read again" in said[1] and "script" not in Reader(section.body).tags


def test_names_of_the_data_cannot_break_out_of_the_data_check(tmp_path: Path) -> None:
    settings = made.hostile_table(tmp_path / "rows.csv")
    found = Reader(data_section({"dataset": settings}, None, lambda sentence: None).body)
    assert {"script", "img", "style"}.isdisjoint(found.tags) and SCRIPT in found.text


def test_the_chart_names_numbers_that_a_person_can_check() -> None:
    scores = np.array([0.91, 0.93, 0.95])
    mean, low, high = statistics.t_interval(scores)
    found = Reader(shown(interval_chart("scores", [Bar("net", mean, low, high, scores.tolist())], "accuracy", "t")))
    assert "93.0 %" in found.text and "accuracy (%)" in found.text
