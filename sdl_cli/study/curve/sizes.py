"""The numbers of labelled rows at which a curve is measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sdl_cli.errors import ConfigError, DataError

LEAST = 10  # rows that a method is given at least, where there are enough
MOST_SIZES = 8  # of the halvings: 2^7 = 128 times the labels from the first to the last


def choose(
    num_labelled: int, num_classes: int, sizes: Sequence[int] | None = None, num_sizes: int | None = None
) -> tuple[int, ...]:
    """Sizes to measure at, increasing, at least 3: all rows, half of them, a quarter, ... down to 10 rows and 2 of each class.

    Arguments:
        num_classes: 0 for a regression.
        sizes: these instead, checked.
        num_sizes: as many instead (or as there are whole numbers), evenly spaced on a log scale, from the smallest sensible one.
    Raises:
        ConfigError: a size larger than the number of rows, or below that of classes. DataError: too few rows for 3 sizes.
    """
    if sizes is not None:
        if sizes[-1] > num_labelled:
            hint = f"Choose sizes up to {num_labelled}; the rest are test rows (dataset.test_fraction)."
            raise ConfigError(f"curve.sizes: {sizes[-1]:,} is more than the {num_labelled:,} labelled rows.", hint)
        if sizes[0] < num_classes:
            message = f"curve.sizes: {sizes[0]} rows cannot cover {num_classes} classes."
            raise ConfigError(message, f"Start at {2 * num_classes}.")
        return tuple(sizes)
    smallest = 2 * num_classes or 2
    if num_labelled < smallest + 2:
        raise DataError(
            f"There are {num_labelled} labelled rows: too few for a curve of 3 sizes"
            + (" with 2 rows of each class." if num_classes else "."),
            "Label more, or lower dataset.test_fraction.",
        )
    start = smallest if num_labelled < 4 * max(smallest, LEAST) else max(smallest, LEAST)
    if num_sizes is None:
        halves = [num_labelled >> k for k in range(MOST_SIZES) if num_labelled >> k >= start]
        if len(halves) >= 3:
            return tuple(reversed(halves))
    wanted = min(num_sizes or 3, num_labelled - start + 1)
    spaced = np.unique(np.round(np.geomspace(start, num_labelled, wanted)).astype(int))
    return tuple(int(n) for n in spaced)
