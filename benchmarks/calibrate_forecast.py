"""Compute the constants of `sdl_cli/study/curve/calibration.py` from LCDB 1.1.

    python benchmarks/calibrate_forecast.py error_rate.npz [--write]

The scaled error of a forecast is its error over `forecast.scale`; its quantiles, one list for each number of measured sizes,
make the interval (split conformal prediction). Curves are measured from three smallest sizes, with 5 and 25 repeats, and
forecast to 2, 4 and 8 times the largest: 18 settings for each number of sizes. Each setting has its own quantiles, in which every
data set counts the same. The result is the upper quartile over the settings; the median would be too narrow for half of them.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path
from typing import Any

import numpy as np
from lcdb import LEARNERS, SPLITS, Lcdb

from sdl_cli.study.curve import calibration
from sdl_cli.study.curve.fit import fit
from sdl_cli.study.curve.forecast import as_curves, scale

Array = np.ndarray[Any, Any]
LEVELS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99)
STARTS, RATIOS, REPEATS = (16, 32, 64), (2, 4, 8), (5, 25)
NUM_SIZES = (3, 4, 5, 6)  # the last one stands for more


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="LCDB's error_rate.npz")
    parser.add_argument("--write", action="store_true", help="write the module instead of printing it")
    arguments = parser.parse_args()
    text = module(Lcdb(arguments.file))
    if arguments.write:
        Path(calibration.__file__).write_text(text, encoding="utf-8")
    else:
        print(text, end="")


def scaled_errors(lcdb: Lcdb, num_sizes: int) -> list[tuple[Array, Array]]:
    """For each setting: scaled absolute errors of all forecasts from this many sizes, and the data set of each."""
    settings = []
    for start, ratio, repeats in itertools.product(STARTS, RATIOS, REPEATS):
        largest = start * 2 ** (num_sizes - 1)
        if largest * ratio > 4096:  # beyond that few curves are left, and only of the large data sets
            continue
        found = lcdb.curves(largest, ratio, repeats, start)
        curves = as_curves(found.sizes, found.errors, repeats, found.standard_errors, higher_is_better=False)
        at = np.array([found.at])
        mean = fit(curves.sizes, curves.errors, curves.noise).at(at)
        settings.append((np.abs(found.truth - mean[:, 0]) / scale(curves, mean, at)[:, 0], found.data_set))
    return settings


def quantiles(settings: list[tuple[Array, Array]], data_sets: Array | None = None) -> list[float]:
    """For each level, the upper quartile over settings of the quantile of scaled errors.

    Arguments:
        data_sets: use only these; None uses all.
    """
    return [float(np.quantile([_quantile(*setting, level, data_sets) for setting in settings], 0.75)) for level in LEVELS]


def _quantile(scaled: Array, data_set: Array, level: float, data_sets: Array | None) -> float:
    if data_sets is not None:
        chosen = np.isin(data_set, data_sets)
        scaled, data_set = scaled[chosen], data_set[chosen]
    weight = 1 / np.bincount(data_set)[data_set]
    order = np.argsort(scaled)
    share = np.cumsum(weight[order]) / weight.sum()
    return float(scaled[order][min(np.searchsorted(share, level), len(order) - 1)])


def usual_noise(lcdb: Lcdb) -> tuple[float, float]:
    """Factor and power of n in the usual standard deviation over splits, as a multiple of sqrt(p (1 - p)): a line in logs."""
    sizes = 16 * 2 ** np.arange(8)
    medians = []
    for n in sizes:
        found = lcdb.curves(int(n), 2, start=int(n))
        p = np.clip(found.errors[:, 0], 0.01, 0.99)
        medians.append(np.median(np.sqrt(SPLITS) * found.standard_errors[:, 0] / np.sqrt(p * (1 - p))))
    power, log_factor = np.polyfit(np.log(sizes), np.log(medians), 1)
    return float(np.exp(log_factor)), float(power)


def module(lcdb: Lcdb) -> str:
    """The text of the module."""
    factor, power = usual_noise(lcdb)
    # what the quantiles are computed with must be what the module will hold
    calibration.TYPICAL_FACTOR, calibration.TYPICAL_POWER = round(factor, 3), round(power, 3)
    typical_error = float(np.mean(lcdb.curves(16, 2).errors))
    rows = {m: quantiles(scaled_errors(lcdb, m)) for m in NUM_SIZES}
    table = "\n".join(f"    {m}: ({', '.join(f'{q:.3f}' for q in row)})," for m, row in rows.items())
    return f'''"""How wide a forecast's interval must be: quantiles of its scaled error on real learning curves.

Made by `benchmarks/calibrate_forecast.py` from LCDB 1.1, the Learning Curve Database (Yan, Mohr and Viering, "LCDB 1.1: A
Database Illustrating Learning Curves Are More Ill-Behaved Than Previously Thought", NeurIPS 2025, arXiv:2505.15657), CC BY 4.0:
test errors of {len(LEARNERS)} learners on up to {lcdb.num_data_sets} data sets
({", ".join(LEARNERS)}).
"""

from __future__ import annotations

LEVELS = ({", ".join(map(str, LEVELS))})
NOISE_FACTOR = {calibration.NOISE_FACTOR}  # weight of the points' scatter beside the forecast gain, in the scale of an error
QUANTILES: dict[int, tuple[float, ...]] = {{  # number of measured sizes (6: or more) -> quantile of |error| / scale at each level
{table}
}}
TYPICAL_ERROR = {typical_error:.2f}  # mean error rate at 16 rows: the size that an error without bounds is scaled to
# standard deviation of an error rate p over splits at n labelled rows: factor n^power sqrt(p (1 - p))
TYPICAL_FACTOR, TYPICAL_POWER = {calibration.TYPICAL_FACTOR}, {calibration.TYPICAL_POWER}
'''


if __name__ == "__main__":
    main()
