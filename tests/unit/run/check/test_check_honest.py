"""Honest data: no false alarm on the built-in and the real sets, and no data set however odd makes a check fail."""

from __future__ import annotations

import json

import numpy as np
import pytest
from unit.run.check.conftest import make_dataset

from sdl_cli import data
from sdl_cli.data.sources.builtin import BreastCancer, Diabetes, Digits, Iris, Wine
from sdl_cli.data.sources.npz import Npz
from sdl_cli.data.split import Split, split
from sdl_cli.report.check_words import report
from sdl_cli.run.check import inspect, summary
from sdl_cli.settings.experiment import DataSettings


@pytest.mark.parametrize("settings", [Digits(), Digits(as_table=True), BreastCancer(), Wine(), Iris(), Diabetes()])
@pytest.mark.parametrize("seed", [0, 1])
def test_built_in_sets_have_neither_leaks_nor_warnings(settings, seed):
    dataset = data.load(settings)
    parts = split(dataset, settings, seed)
    assert {p.severity for p in inspect(dataset, parts)} <= {"note"}
    assert {p.severity for p in inspect(dataset, parts, brief=True)} <= {"note"}


def test_the_real_tables_have_one_leak_between_them(shared_data):
    """`planning` holds six rows of twelve measurements twice; nothing else may be called a leak."""
    leaks = set()
    for file in sorted((shared_data / "uci121").glob("*.csv")):
        values = np.genfromtxt(file, delimiter=",", skip_header=1)
        dataset = make_dataset(values[:, :-1], values[:, -1].astype(np.int64))
        rows = np.random.default_rng(0).permutation(len(dataset))
        num_test = max(1, len(rows) // 5)
        found = inspect(dataset, Split(rows[num_test:], None, rows[:num_test]))
        leaks |= {file.stem for p in found if p.severity == "leak"}
    assert leaks <= {"planning"}


def test_photos_of_cifar10_have_no_leak(shared_data):
    dataset = data.load(Npz(path=str(shared_data / "cifar10_subset" / "cifar10_500_200.npz")))
    problems = inspect(dataset, split(dataset, DataSettings(), 0))
    # CIFAR-10 is known to hold near-duplicates (Barz and Denzler, ciFAIR, 2020); one of these test photos has one.
    assert [(p.severity, p.where) for p in problems if "near-duplicate" in p.what] == [("warning", "train/3127 = test/1346")]


def odd_column(rng, num):
    kinds = (
        rng.normal(size=num),
        np.full(num, np.nan),
        np.zeros(num),
        rng.choice([1e308, -1e308, 0.0], num),
        rng.choice([np.inf, -np.inf, 1.0], num),
        np.arange(num) * 1.0,
        np.where(rng.random(num) < 0.5, np.nan, rng.normal(size=num)),
        rng.integers(0, 3, num) * 1.0,
        np.where(rng.random(num) < 0.97, np.nan, 3.0),
    )
    return kinds[rng.integers(len(kinds))]


def odd_inputs(rng, num):
    kind = rng.integers(4)
    if kind == 0:
        return rng.choice(np.array(["", "a", "A ", "the  quick brown fox"], dtype=object), num)
    if kind == 1:
        side = int(rng.choice([1, 8, 16, 20]))
        return rng.integers(0, rng.choice([1, 2, 256]), (num, int(rng.choice([1, 3])), side, side), dtype=np.uint8)
    columns = [odd_column(rng, num) for _ in range(rng.integers(0, 5))]
    return np.column_stack(columns) if columns else np.empty((num, 0))


def test_no_data_set_makes_a_check_fail():
    rng = np.random.default_rng(0)
    for _ in range(300):
        num = int(rng.choice([0, 1, 2, 3, 11, 40, 120]))
        y = rng.integers(0, rng.integers(1, 5), num) if rng.random() < 0.6 else rng.normal(size=num).round(rng.integers(0, 3))
        groups = rng.integers(0, 4, num) if rng.random() < 0.3 else None
        dataset = make_dataset(odd_inputs(rng, num), y, groups=groups)
        rows, num_test = rng.permutation(num), int(rng.integers(0, num + 1))
        parts = Split(rows[num_test:], None, rows[:num_test])
        for brief in (True, False):
            problems, values = inspect(dataset, parts, brief), summary(dataset, parts)
            json.dumps([values, *[p.to_json() for p in problems]], allow_nan=False)
            assert report(problems, values)
