"""results.csv: which columns, in which order, and what stands in them."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from sdl_cli.report.sweep_table import curve_columns, results_csv, run_columns, settings_of


def job(number: str, overrides: list[str], **more: Any) -> dict[str, Any]:
    return {"folder": f"/runs/s/{number}", "status": "done", "overrides": overrides, **more}


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def item(main: str = "accuracy", **more: Any) -> dict[str, Any]:
    test = {"log_loss": {"value": 0.1}, main: {"value": 0.1 + 0.2, "low": 0.25, "high": None}}
    found = {"metrics": {"test": test, "validation": {main: {"value": 0.5}}}, "baseline": None, "lift": None}
    return {**found, "rows": {"labelled": 40, "test": 10}, "seconds": {"total": 2.0, "fit": 1.5}, **more}


def test_settings_that_differ_get_a_column_and_times_come_last() -> None:
    jobs = [job("0", ["dataset=wine", "seed=0"]), job("1", ["dataset=wine", "seed=1", "++model.params.C=3"])]
    text = results_csv("/runs/s", jobs, [run_columns(item()), run_columns(item())])
    assert text.splitlines()[0] == (
        "job,folder,status,seed,model.params.C,test_accuracy,test_accuracy_low,test_accuracy_high,test_log_loss,"
        "validation_accuracy,baseline_accuracy,lift,lift_measurable,labelled_rows,test_rows,reason,seconds_total,seconds_fit"
    )
    assert text.splitlines()[1] == "1,0,done,0,,0.30000000000000004,0.25,,0.1,0.5,,,,40,10,,2.0,1.5"
    assert read(text)[1]["model.params.C"] == "3"


def test_a_job_that_failed_keeps_its_line_and_its_reason() -> None:
    jobs = [job("0", ["seed=0"], status="failed", reason="/runs/s/0/x.csv: no, thanks"), job("1", ["seed=1"])]
    first, second = read(results_csv("/runs/s", jobs, [{}, run_columns(item())]))
    assert (first["status"], first["reason"], first["test_accuracy"]) == ("failed", "./0/x.csv: no, thanks", "")
    assert second["test_accuracy"] == "0.30000000000000004"


def test_both_tasks_in_one_table() -> None:
    jobs = [job("0", ["dataset=wine"]), job("1", ["dataset=diabetes"])]
    first, second = read(results_csv("/runs/s", jobs, [run_columns(item()), run_columns(item("rmse"))]))
    assert first["test_accuracy"] == second["test_rmse"] == "0.30000000000000004"
    assert first["test_rmse"] == second["test_accuracy"] == "" and second["validation_rmse"] == "0.5"


def test_baseline_lift_and_objective() -> None:
    more = {"baseline": {"test": {"accuracy": {"value": 1}}}, "lift": {"value": 0.0, "measurable": False}, "objective": 0.75}
    [row] = read(results_csv("/runs/s", [job("0", [])], [run_columns(item(**more))]))
    assert [row[key] for key in ("baseline_accuracy", "lift", "lift_measurable", "objective")] == ["1", "0.0", "false", "0.75"]


def test_folders_of_ones_own_are_the_jobs_names() -> None:
    jobs = [job("a, b/x", ["seed=0"]), job("c", ["seed=1"])]
    rows = read(results_csv("/runs/s", jobs, [{}, {}]))
    assert [(row["job"], row["folder"]) for row in rows] == [("a, b/x", "a, b/x"), ("c", "c")]


def test_a_sweep_without_jobs_has_a_header() -> None:
    assert results_csv("/runs/s", [], []) == "job,folder,status,reason,seconds_total,seconds_fit\n"


def test_a_curve_comes_to_its_last_point() -> None:
    needed = {"target": 0.95, "low": 10, "mid": 20, "high": None, "reachable": "beyond"}
    points = [{"size": 10, "mean": 0.5, "se": 0.1, "repeats": 2}, {"size": 20, "mean": 0.75, "se": 0.01, "repeats": 2}]
    curve = {"name": "m", "dataset": "wine", "metric": "accuracy", "higher_is_better": True, "level": 0.9, "seconds": 3.5}
    curve |= {"points": points, "labels_needed": needed}
    [row] = read(results_csv("/runs/s", [job("0", [])], [curve_columns({"curve": curve})]))
    assert (row["size"], row["mean"], row["labels_mid"], row["labels_high"], row["seconds_total"]) == (
        "20",
        "0.75",
        "20",
        "",
        "3.5",
    )


@pytest.mark.parametrize(
    ("override", "setting"),
    [
        ("seed=1", ("seed", "1")),
        ("++model.params.C=1", ("model.params.C", "1")),
        ("dataset.path='a b'", ("dataset.path", "a b")),
        ("dataset.path='it\\'s=x'", ("dataset.path", "it's=x")),
        ("x=", ("x", "")),
    ],
)
def test_an_override_as_a_setting(override: str, setting: tuple[str, str]) -> None:
    assert settings_of([override]) == dict([setting])
