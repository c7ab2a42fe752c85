"""`leaderboard.csv`: one line per arm with the numbers of `comparison.json`."""

from __future__ import annotations

import csv
import io

import pandas as pd
import pytest
from unit.report import made

from sdl_cli.study.compare.leaderboard import leaderboard_csv
from sdl_cli.study.compare.result import ComparisonResult


def test_it_holds_the_numbers_in_full() -> None:
    values = made.comparison()
    found = pd.read_csv(io.StringIO(leaderboard_csv(ComparisonResult.from_json(values))))
    assert list(found["arm"]) == [*(arm["name"] for arm in values["arms"]), "finetuned_cnn", "text_net", "wide_net"]
    assert list(found["status"]) == ["done"] * 5 + ["given_up", "left_out", "failed"]
    for (_, line), arm in zip(found.iterrows(), values["arms"], strict=False):
        assert [line["mean"], line["low"], line["high"]] == [arm["mean"], arm["low"], arm["high"]]
        assert [line[f"split_{k}"] for k in range(10)] == arm["scores"]
        assert line["recommended"] == arm["recommended"] and line["metric"] == "accuracy"
        if arm["best"]:
            assert line[["to_best", "to_best_p"]].isna().all()
        else:
            assert (line["to_best"], line["to_best_low"]) == (arm["difference"], arm["difference_low"])
            assert line["to_best_p"] == arm["p"] and str(line["to_best_measurable"]) == str(arm["measurable"])
        if arm["to_baseline"]:
            assert line["to_baseline_high"] == arm["to_baseline"]["high"]
    assert found["summary"][7] == "The loss became infinite in epoch 3."


def test_what_is_unknown_is_empty_and_names_are_no_formulas() -> None:
    values = made.comparison(["=1+1", "@x", "a,b", 'q"', "plain"])
    values["arms"][-1] |= {"mean": None, "low": None, "high": None, "scores": [None] * 10}
    rows = list(csv.reader(io.StringIO(leaderboard_csv(ComparisonResult.from_json(values)))))
    assert len({len(row) for row in rows}) == 1
    assert [row[0] for row in rows[1:5]] == ["'=1+1", "'@x", "a,b", 'q"']
    assert rows[5][4:7] == ["", "", ""]


@pytest.mark.parametrize("metrics", [{}, {"log_loss": {"value": 0.25, "low": 0.2, "high": 0.3, "n": 10}}])
def test_other_metrics_are_columns(metrics: dict[str, object]) -> None:
    values = made.comparison()
    for arm in values["arms"]:
        arm["metrics"] = metrics
    found = pd.read_csv(io.StringIO(leaderboard_csv(ComparisonResult.from_json(values))))
    assert [name for name in found.columns if name.startswith("mean_")] == [f"mean_{name}" for name in metrics]
    assert not metrics or set(found["mean_log_loss"].dropna()) == {0.25}
