"""Numbers that may mean missing: far from all others again and again; honest counts, zeros and outliers are left alone."""

from __future__ import annotations

import numpy as np
import pytest
from unit.run.check.conftest import interleaved, make_dataset

from sdl_cli import data
from sdl_cli.data.files.columns import Column
from sdl_cli.data.sources.table import Table
from sdl_cli.data.split import split
from sdl_cli.run.check import inspect

RNG = np.random.default_rng(0)
NUM = 300
NINTH = np.arange(NUM) % 9 == 4


def found(x, **more):
    dataset = make_dataset(np.column_stack([RNG.normal(size=NUM), x]), ["a", "b"] * (NUM // 2), names=["noise", "x"], **more)
    assert not [p for p in inspect(dataset, interleaved(dataset), brief=True) if "may mean missing" in p.what]
    return [p for p in inspect(dataset, interleaved(dataset)) if "may mean missing" in p.what]


@pytest.mark.parametrize("code", [-999.0, 9999.0, -1e300])
def test_a_code_among_measurements(code):
    x = np.where(NINTH, code, RNG.normal(20, 5, NUM))
    (problem,) = found(x, columns=(Column("noise", "number"), Column("x", "number")))
    assert (problem.severity, problem.where) == ("note", f"x ({NINTH.sum()} rows)")
    assert problem.what.startswith(f"{code:.15g} stands far outside all other values of a column")
    assert problem.advice == f"If it does: 'dataset.missing_values=[{code:.15g}]'"


def test_zeros_far_from_all_other_values():
    (problem,) = found(np.where(np.arange(NUM) % 30 == 0, 0.0, RNG.normal(72, 12, NUM).clip(30)))
    assert (problem.severity, problem.where) == ("note", "x (10 rows)")
    assert problem.what.startswith("1 column holds 0 in a few rows")


@pytest.mark.parametrize(
    "x",
    [
        RNG.poisson(0.3, NUM),
        RNG.poisson(3, NUM),
        RNG.poisson(20, NUM) * (RNG.random(NUM) < 0.8),  # closed on some days
        RNG.lognormal(0, 3, NUM),
        np.where(NINTH, 0.0, RNG.uniform(50, 200, NUM)),  # no ash in the concrete
        np.where(np.arange(NUM) < 3, -999.0, RNG.normal(20, 5, NUM)),  # three outliers
        np.where(NINTH, 9.0, RNG.integers(0, 4, NUM)),  # a scale of few values
        np.where(NINTH, -1.0, RNG.uniform(0, 10, NUM)),
        np.where(NINTH, -3.21, RNG.normal(0, 0.5, NUM)),  # no whole number
        np.minimum(RNG.normal(20, 5, NUM), 25.0),  # a scale that ends
        np.zeros(NUM),
        np.full(NUM, np.nan),
        np.where(NINTH, np.inf, RNG.normal(size=NUM)),
    ],
)
def test_honest_numbers(x):
    assert not found(x * 1.0)


def test_categories_and_parts_of_dates_have_no_codes():
    x = np.where(NINTH, 999.0, RNG.integers(0, 30, NUM))
    for column in (Column("x", "category", tuple(map(str, range(1000)))), Column("x", "date", parts=("days",))):
        assert not found(x, columns=(Column("noise", "number"), column))


def test_pima(shared_data):
    """Nobody has a blood pressure of 0; zero pregnancies are honest, and zero insulin cannot be told from it."""
    settings = Table(path=str(shared_data / "tables_raw" / "pima-indians-diabetes.csv"), target="-1", header=False)
    dataset = data.load(settings)
    (problem,) = [p for p in inspect(dataset, split(dataset, settings, 0)) if "may mean missing" in p.what]
    assert problem.where == "x1 (5 rows), x2 (35 rows), x5 (11 rows)"
