"""The interval's constants: their table, and that LCDB 1.1 gives them and the accuracy they stand for."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdl_cli.study.curve import calibration, forecast

BENCHMARKS = Path(__file__).parents[4] / "benchmarks"
NAMES = ("lcdb", "calibrate_forecast")


def test_the_table() -> None:
    assert sorted(calibration.LEVELS) == list(calibration.LEVELS)
    assert len(set(calibration.LEVELS)) == len(calibration.LEVELS)
    assert 0.9 in calibration.LEVELS and calibration.LEVELS[0] > 0 and calibration.LEVELS[-1] < 1
    assert sorted(calibration.QUANTILES) == [3, 4, 5, 6]
    for row in calibration.QUANTILES.values():
        assert len(row) == len(calibration.LEVELS)
        assert row[0] > 0 and (np.diff(row) > 0).all()
    # more sizes know more
    table = np.array([calibration.QUANTILES[m] for m in (3, 4, 5, 6)])
    assert (np.diff(table[:, calibration.LEVELS.index(0.9)]) < 0).all()


def test_the_source_is_named_with_its_licence() -> None:
    assert calibration.__doc__ is not None
    for words in ("LCDB 1.1", "Yan, Mohr and Viering", "CC BY 4.0", "benchmarks/calibrate_forecast.py"):
        assert words in calibration.__doc__


@pytest.fixture
def benchmarks(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
    """The calibrating script, and the curves of LCDB."""
    file = shared_data / "lcdb11" / "error_rate.npz"
    if not (BENCHMARKS.is_dir() and file.is_file()):
        pytest.skip("needs benchmarks/ and LCDB's error_rate.npz, which are not here")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    for name in ("TYPICAL_FACTOR", "TYPICAL_POWER"):  # the script sets them
        monkeypatch.setattr(calibration, name, getattr(calibration, name))
    lcdb, script = (importlib.import_module(name) for name in NAMES)
    yield script, lcdb.Lcdb(file)
    for name in NAMES:
        sys.modules.pop(name, None)


@pytest.mark.data
def test_the_shipped_constants_are_what_lcdb_gives(benchmarks: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    script, lcdb = benchmarks
    # whatever stands there now must not matter
    monkeypatch.setattr(calibration, "TYPICAL_FACTOR", 1.0)
    monkeypatch.setattr(calibration, "TYPICAL_POWER", -0.5)
    monkeypatch.setattr(calibration, "QUANTILES", {})
    assert calibration.__file__ is not None
    assert script.module(lcdb).encode() == Path(calibration.__file__).read_bytes()


@pytest.mark.data
@pytest.mark.parametrize(("largest", "repeats", "most"), [(128, 25, 0.0225), (256, 25, 0.0175), (128, 5, 0.029), (256, 5, 0.021)])
def test_the_forecast_of_lcdb_at_4_times_the_labels(benchmarks: tuple[Any, Any], largest: int, repeats: int, most: float) -> None:
    _, lcdb = benchmarks
    found = lcdb.curves(largest, 4, repeats)
    assert len(found.truth) > 500
    expected = forecast(
        found.sizes,
        found.errors,
        [found.at],
        repeats_per_size=repeats,
        standard_errors=found.standard_errors,
        higher_is_better=False,
    )
    error = np.abs(expected.mean[:, 0] - found.truth).mean()
    assert error <= most
    assert error <= 0.55 * np.abs(found.errors[:, -1] - found.truth).mean()  # of that of "no more improvement"
    covered = (expected.low[:, 0] <= found.truth) & (found.truth <= expected.high[:, 0])
    assert 0.87 <= np.average(covered, weights=1 / np.bincount(found.data_set)[found.data_set]) <= 0.94
