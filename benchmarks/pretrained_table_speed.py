"""Seconds and memory of fitting and asking the pretrained network for tables on random tables, after imports.

    python benchmarks/pretrained_table_speed.py [--repeats 3] [--large]

Beside them stand the rate of a matrix product of 2048 x 2048 on the same threads in the same minute, the rate that the network's
own operations come to (docs/PRETRAINING.md: about 9.4 MFLOP a cell and 6 kFLOP for each labelled row that a cell reads), and the
share of the one in the other. The peak is that of the whole process so far, with torch in it.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import torch

from sdl_cli.learning.models.pretrained_table import PretrainedTable

SHAPES = [(240, 60, 13, 3), (800, 200, 30, 3), (1000, 200, 30, 3)]  # labelled, asked, columns, classes
LARGE = (1280, 320, 64, 100)


def matrix_rate(dtype: torch.dtype) -> float:
    """The best of ten products, in operations per second."""
    a, b = (torch.randn(2048, 2048, dtype=dtype) for _ in range(2))
    best = 1e9
    for _ in range(10):
        start = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - start)
    return 2 * 2048**3 / best


def table(labelled: int, asked: int, columns: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.r_[np.arange(classes), rng.integers(0, classes, labelled + asked - classes)]
    centers = rng.normal(size=(classes, columns))
    return centers[y] + rng.normal(size=(len(y), columns)), y


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--large", action="store_true", help="also 100 classes, 1,280 labelled rows of 64 columns")
    given = parser.parse_args()
    X, y = table(30, 10, 4, 2)
    PretrainedTable().fit(X, y).predict_proba(X)  # the weights are read once
    for labelled, asked, columns, classes in [*SHAPES, *([LARGE] if given.large else [])]:
        X, y = table(labelled, asked, columns, classes)
        seconds = []
        for _ in range(given.repeats if classes < 100 else 1):
            start = time.perf_counter()
            model = PretrainedTable().fit(X[:labelled], y[:labelled])
            right = (model.predict(X[labelled:]) == y[labelled:]).mean()
            seconds.append(time.perf_counter() - start)
        rate = matrix_rate(getattr(torch, model.runtime_.precision))
        cells = 4 * (labelled + asked) * (columns + 1)
        own = cells * (9.4e6 + 6e3 * labelled + 6e3 * columns) / min(seconds)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        share = "" if classes > 10 else f", {own / 1e9:.0f} of {rate / 1e9:.0f} GFLOP/s ({100 * own / rate:.0f} %)"
        print(
            f"{labelled} + {asked} rows x {columns}, {classes} classes, {model.runtime_.precision}: least {min(seconds):.2f} s, "
            f"most {max(seconds):.2f} s, {100 * right:.0f} % right, peak {peak:.2f} GB{share}", flush=True,
        )  # fmt: skip


if __name__ == "__main__":
    main()
