"""How often chance alone raises an alarm along time: the check of neighbours, and the test between two methods over origins.

    python benchmarks/rolling_origins.py                      # a minute on one core
    python benchmarks/rolling_origins.py --draws 5000

First `sdl check`'s search for a date column along which neighbours are alike, on targets that are shuffled: its level is 0.001.
Then two regressions of equal worth (each sees the same signal through noise of its own), compared at 0.05 over the splits of
`num_repeats`: as rolling origins (`dataset.order`), and as random splits of the same rows, both by the corrected test of Nadeau
and Bengio (2003). Signal, noise and error follow an autoregression of order 1; at 0.99 they nearly walk at random.
"""

from __future__ import annotations

import argparse

import numpy as np

from sdl_cli.data.time_order import cuts
from sdl_cli.measure.statistics import corrected_t_test
from sdl_cli.run.check.time_order import likeness

NUM_ROWS, TEST_FRACTION, LEVEL = 300, 0.2, 0.05
Array = np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    alarms, tried = shuffled_alarms(rng, 2 * arguments.draws)
    print(f"neighbours alike in shuffled targets: {alarms} of {tried:,} ({alarms / tried:.4%})\n")
    print(f"two methods of equal worth called different at {LEVEL:g}")
    print(f"{'signal':>7}{'error':>7}{'splits':>8}{'rolling origins':>17}{'random splits':>15}")
    for of_signal, of_error in ((0, 0), (0.9, 0), (0.9, 0.9), (0.99, 0.99)):
        for splits in (5, 10):
            found = [one(rng, of_signal, of_error, splits) for _ in range(arguments.draws)]
            origins, random = (float(np.mean(np.array(p) < LEVEL)) for p in zip(*found, strict=True))
            print(f"{of_signal:>7}{of_error:>7}{splits:>8}{origins:>16.1%}{random:>15.1%}")


def shuffled_alarms(rng: np.random.Generator, draws: int) -> tuple[int, int]:
    """Alarms, and how many there could be: of numbers, long tails, five classes and a rare one, with and without ties."""
    alarms = tried = 0
    for num in (30, 60, 200, 1000, 3000):
        for i in range(draws):
            days = rng.permutation(num) / (1 + 4 * (i % 2)) // 1
            targets = (rng.normal(size=num), rng.exponential(size=num) ** 3, rng.integers(0, 5, num), rng.random(num) < 0.1)
            for y in targets:
                is_class = y.dtype.kind != "f"
                alarms += likeness(y.astype(int) if is_class else y, days, is_class) is not None
            tried += len(targets)
    return alarms, tried


def one(rng: np.random.Generator, of_signal: float, of_error: float, splits: int) -> tuple[float, float]:
    """The p values of one data set, over rolling origins and over random splits."""
    signal = walk(rng, of_signal)
    y = signal + walk(rng, of_error)
    seen = [np.column_stack([np.ones(NUM_ROWS), signal + 0.7 * walk(rng, of_signal)]) for _ in range(2)]
    starts = cuts(np.arange(float(NUM_ROWS)), TEST_FRACTION, splits)
    ends = [NUM_ROWS, *starts[:-1]]
    along = [difference(seen, y, np.arange(start), np.arange(start, end)) for start, end in zip(starts, ends, strict=True)]
    num_test, drawn = round(TEST_FRACTION * NUM_ROWS), []
    for _ in range(splits):
        mixed = rng.permutation(NUM_ROWS)
        drawn.append(difference(seen, y, mixed[num_test:], mixed[:num_test]))
    of_origins = (NUM_ROWS - starts[0]) / starts[0]
    return corrected_t_test(along, of_origins), corrected_t_test(drawn, num_test / (NUM_ROWS - num_test))


def walk(rng: np.random.Generator, memory: float) -> Array:
    """An autoregression of order 1 with variance 1."""
    values = rng.normal(size=NUM_ROWS)
    values[1:] *= np.sqrt(1 - memory**2)
    for i in range(1, NUM_ROWS):
        values[i] += memory * values[i - 1]
    return values


def difference(seen: list[Array], y: Array, labelled: Array, test: Array) -> float:
    """RMSE of least squares on the first columns less that on the second."""
    errors = []
    for X in seen:
        weights = np.linalg.lstsq(X[labelled], y[labelled], rcond=None)[0]
        errors.append(float(np.sqrt(np.mean((y[test] - X[test] @ weights) ** 2))))
    return errors[0] - errors[1]


if __name__ == "__main__":
    main()
