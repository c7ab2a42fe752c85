"""How good the forecast is on LCDB 1.1: error, interval, labels needed and speed, next to the required values.

    python benchmarks/forecast.py error_rate.npz

Doubling sizes from 16, forecast to 4 times the largest. Interval rows are calibrated on half of the data sets and measured on
the other half, over 20 random halves; the range is in brackets.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from calibrate_forecast import quantiles, scaled_errors
from lcdb import SPLITS, Lcdb, Measured

from sdl_cli.study.curve import calibration, forecast, labels_needed

Array = np.ndarray[Any, Any]
Settings = list[tuple[Array, Array]]
RATIO, HALVES = 4, 20
SETTINGS = ((128, 25), (256, 25), (128, 5), (256, 5))  # largest size, repeats
MUST = {
    (128, 25): (0.0225, 0.065, 0.45),
    (256, 25): (0.0175, 0.042, 0.45),
    (128, 5): (0.029, 0.065, 0.35),
    (256, 5): (0.021, 0.042, 0.35),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="LCDB's error_rate.npz")
    lcdb = Lcdb(parser.parse_args().file)
    print(f"{'n':>4}{'repeats':>8}{'curves':>7}  what{'':<43}measured  must reach")
    for setting in SETTINGS:
        num = len(lcdb.curves(setting[0], RATIO, setting[1]).truth)
        for what, measured, must in rows(lcdb, *setting):
            print(f"{setting[0]:>4}{setting[1]:>8}{num:>7}  {what:<47}{measured}  {must}")
    speed(lcdb)


def rows(lcdb: Lcdb, largest: int, repeats: int) -> list[tuple[str, str, str]]:
    must_error, must_width, must_labels = MUST[largest, repeats]
    found = lcdb.curves(largest, RATIO, repeats)
    mean = predict(found, repeats).mean[:, 0]
    error, last = np.abs(mean - found.truth).mean(), np.abs(found.errors[:, -1] - found.truth).mean()
    lines = [
        ("mean absolute error", f"{error:.4f}", f"<= {must_error}"),
        ("  as a fraction of 'no more improvement'", f"{error / last:.3f}", "<= 0.55"),
    ]
    settings = scaled_errors(lcdb, len(found.sizes))
    coverage, width, contained, near = zip(*(half(lcdb, found, settings, repeats, seed) for seed in range(HALVES)), strict=True)
    lines += [
        ("90 % interval, coverage on the other half", spread(coverage), "0.87 to 0.94"),
        ("  median half-width", spread(width, 4), f"<= {must_width}"),
        ("labels needed within a factor of 2", spread(near), f">= {must_labels}"),
        ("  low..high contains the true number", spread(contained), ">= 0.80"),
    ]
    return lines


def half(lcdb: Lcdb, found: Measured, settings: Settings, repeats: int, seed: int) -> tuple[float, float, float, float]:
    """Coverage, median half-width, share of label intervals that hold the truth, and share of forecasts within a factor of 2."""
    order = np.random.default_rng(seed).permutation(lcdb.num_data_sets)
    calibrating = order[: len(order) // 2]
    m, test = len(found.sizes), ~np.isin(found.data_set, calibrating)
    kept = calibration.QUANTILES[m]
    try:
        calibration.QUANTILES[m] = tuple(quantiles(settings, calibrating))
        part = Measured(
            found.sizes, found.errors[test], found.standard_errors[test], found.at, found.truth[test], found.data_set[test]
        )
        expected = predict(part, repeats)
        low, high = expected.low[:, 0], expected.high[:, 0]
        improves = part.errors[:, -1] - part.truth > 0.01
        needed = labels_needed(
            part.sizes,
            part.errors,
            part.truth,
            repeats_per_size=repeats,
            standard_errors=part.standard_errors,
            higher_is_better=False,
        )
        contained = (needed.low <= part.at) & (part.at <= needed.high)
        near = (needed.mid >= part.at / 2) & (needed.mid <= part.at * 2)
    finally:
        calibration.QUANTILES[m] = kept
    covered = (low <= part.truth) & (part.truth <= high)
    by_data_set = 1 / np.bincount(part.data_set)[part.data_set]
    return (
        float(np.average(covered, weights=by_data_set)),
        float(np.median(high - low) / 2),
        float(contained[improves].mean()),
        float(near[improves].mean()),
    )


def predict(found: Measured, repeats: int) -> Any:
    return forecast(
        found.sizes,
        found.errors,
        [found.at],
        repeats_per_size=repeats,
        standard_errors=found.standard_errors,
        higher_is_better=False,
    )


def spread(values: tuple[float, ...], digits: int = 3) -> str:
    return f"{np.mean(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def speed(lcdb: Lcdb) -> None:
    found = lcdb.curves(256, RATIO)
    errors = np.tile(found.errors, (6000 // len(found.errors) + 1, 1))[:6000]
    start = time.perf_counter()
    forecast(found.sizes, errors, [512, 1024, 2048], repeats_per_size=SPLITS, higher_is_better=False)
    middle = time.perf_counter()
    labels_needed(found.sizes, errors, 0.1, repeats_per_size=SPLITS, higher_is_better=False)
    end = time.perf_counter()
    print(f"6,000 curves: forecast to three sizes {middle - start:.2f} s, labels needed {end - middle:.2f} s (must: 10 s)")


if __name__ == "__main__":
    main()
