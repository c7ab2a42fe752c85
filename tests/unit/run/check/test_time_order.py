"""Rows in the order of time: found where neighbours are alike, in whatever order they stand, and not by chance."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdl_cli import data
from sdl_cli.data import DATASETS
from sdl_cli.data.split import split
from sdl_cli.run import check
from sdl_cli.run.check.problem import Problem
from sdl_cli.run.check.time_order import likeness
from sdl_cli.settings.parse import parse_group

Array = np.ndarray[Any, Any]
CASES = Path(__file__).resolve().parents[5] / "shared" / "data" / "cases"


def walk(n: int, rng: Any) -> Array:
    return np.cumsum(rng.normal(size=n))


def autoregressive(n: int, rng: Any) -> Array:
    y = rng.normal(size=n)
    for i in range(1, n):
        y[i] += 0.7 * y[i - 1]
    return y


def seasonal(n: int, rng: Any) -> Array:
    return np.sin(np.arange(n) * 2 * np.pi / 90) + 0.5 * rng.normal(size=n)


def weekly(n: int, rng: Any) -> Array:
    return np.sin(np.arange(n) * 2 * np.pi / 7) + 0.4 * rng.normal(size=n)


@pytest.mark.parametrize("is_class", [False, True])
@pytest.mark.parametrize("law", [walk, autoregressive, seasonal, weekly])
def test_dependence_is_found_in_any_order_of_the_rows(law: Any, is_class: bool) -> None:
    rng = np.random.default_rng(0)
    y = law(300, rng)
    y = (y > np.median(y)).astype(np.int64) if is_class else y
    mixed = rng.permutation(300)
    found = likeness(y[mixed], mixed.astype(float), is_class)
    assert found is not None and 0.1 < found <= 1


def test_without_dependence_there_is_hardly_an_alarm() -> None:
    rng, alarms = np.random.default_rng(0), 0
    for i in range(200):
        n = (30, 60, 200, 1500)[i % 4]
        time = rng.permutation(n) / (1 + 4 * (i % 2)) // 1  # five rows a date in every other one
        alarms += likeness(rng.exponential(size=n) ** 2, time, False) is not None
        alarms += likeness((rng.random(n) < 0.1).astype(np.int64), time, True) is not None
    assert alarms <= 1


@pytest.mark.parametrize("is_class", [False, True])
def test_targets_that_do_not_differ_are_no_case(is_class: bool) -> None:
    assert likeness(np.zeros(50, np.int64 if is_class else float), np.arange(50.0), is_class) is None
    assert likeness(np.arange(50) % 2, np.arange(50.0), True) is None  # in turn: less alike than by chance


def test_what_is_weak_in_many_rows_is_not_worth_a_warning() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=20_001)
    assert likeness(y[1:] + 0.05 * y[:-1], np.arange(20_000.0), False) is None


def problems(path: Path, target: str = "level", **more: Any) -> list[Problem]:
    settings = parse_group("dataset", DATASETS, {"name": "table", "path": str(path), "target": target, **more})
    dataset = data.load(settings)
    return [p for p in check.inspect(dataset, split(dataset, settings, 0), brief=True) if "neighbouring rows" in p.what]


def table(path: Path, rows: Array, y: Array, x: Array) -> Path:
    days = np.datetime64("2020-01-01") + rows
    path.write_text("date,x,level\n" + "".join(f"{d},{a:.4f},{b:.4f}\n" for d, a, b in zip(days, x, y, strict=True)))
    return path


def test_a_warning_stands_before_every_training(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    mixed = rng.permutation(200)
    found = problems(table(tmp_path / "x.csv", mixed, walk(200, rng)[mixed], rng.normal(size=200)))
    assert [p.severity for p in found] == ["warning"]
    assert "order of date" in found[0].what and "p < 0.001" in found[0].what and found[0].advice.endswith("dataset.order=date")
    assert not problems(table(tmp_path / "y.csv", mixed, rng.normal(size=200), rng.normal(size=200)))


def test_the_column_is_named_as_it_can_be_typed(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = table(tmp_path / "x.csv", np.arange(200), walk(200, rng), rng.normal(size=200))
    path.write_text(path.read_text().replace("date,", "day of visit,", 1))
    assert problems(path)[0].advice.endswith("set dataset.order to that column.")
    settings = parse_group("dataset", DATASETS, {"name": "table", "path": str(path), "target": "level"})
    dataset = dataclasses.replace(data.load(settings), source={})
    found = [p for p in check.inspect(dataset, split(dataset, settings, 0)) if "neighbouring rows" in p.what]
    assert found[0].advice.endswith("keep them as a test part of your own."), "a source that has no such setting"


def test_a_column_that_is_not_learned_from_is_looked_at_too(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = table(tmp_path / "x.csv", np.arange(200), walk(200, rng), rng.normal(size=200))
    for more in ({"drop": ["date"]}, {"features": ["x"]}, {"id": "date"}):
        assert [p.advice[-18:] for p in problems(path, **more)] == ["dataset.order=date"]
        assert not problems(path, order="date", **more)


def test_where_an_order_is_given_nothing_is_left_to_say(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = table(tmp_path / "x.csv", np.arange(200), walk(200, rng), rng.normal(size=200))
    assert problems(path) and not problems(path, order="date") and not problems(path, order="x")


def test_the_level_is_kept_on_shuffled_targets() -> None:
    """Of 4,000 shuffled targets 4 are expected at a level of 0.001; 10 or more are less likely than 1 in 100."""
    rng, alarms = np.random.default_rng(1), 0
    for y, is_class in ((walk(100, rng), False), (rng.exponential(size=400) ** 3, False), (np.arange(100) % 5, True)):
        for _ in range(1333):
            alarms += likeness(rng.permutation(y), np.arange(len(y)) // 2 * 1.0, is_class) is not None
    assert alarms < 10


def test_a_split_by_time_is_what_was_asked_for(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y, x = walk(200, rng), rng.normal(size=200)
    first = table(tmp_path / "a.csv", np.arange(160), y[:160], x[:160])
    last = table(tmp_path / "b.csv", np.arange(160, 200), y[160:], x[160:])
    assert not problems(first, test_path=str(last))
    assert problems(first)


@pytest.mark.skipif(not CASES.is_dir(), reason="needs the shared cases")
def test_the_random_walk_of_the_cases_is_found() -> None:
    assert problems(CASES / "daily.csv") and problems(CASES / "daily_train.csv")
    assert not problems(CASES / "daily_train.csv", test_path=str(CASES / "daily_test.csv"))
