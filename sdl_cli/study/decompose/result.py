"""What taking a network apart found, as the code holds it and as `decomposition.json` does."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from sdl_cli.errors import DataError
from sdl_cli.measure.curve import Averages
from sdl_cli.measure.metrics import Measured
from sdl_cli.settings.contents import MEASURED, Between, Maybe, Number
from sdl_cli.settings.typed import Json
from sdl_cli.study.decompose.program import Attempt

MOST_SUBNETS = 32
MOST_CHOICES = 200  # of so many sub-nets that are averaged: beyond it, as many drawn at random
FILE, PICTURE = "decomposition.json", "decomposition.png"


@dataclass(frozen=True)
class SubNet(Json):
    """A sub-net by itself.

    Arguments:
        units: last hidden units that it may use.
        train_accuracy: of the rows that the network was fitted on; it has no interval.
        test_accuracy: of the test part.
    """

    units: int
    train_accuracy: Measured
    test_accuracy: Measured


@dataclass(frozen=True)
class Average(Json):
    """Averages of so many sub-nets: the mean test accuracy over all choices of them (at most `MOST_CHOICES` of them)."""

    num_subnets: int
    accuracy: Measured


@dataclass(frozen=True, kw_only=True)
class Decomposition(Json):
    """A network that was taken apart.

    Arguments:
        folder: of the run.
        dataset: its name. classes: their number.
        units: of the last hidden layer, its bias among them.
        train_accuracy, test_accuracy: of the network.
        subnets: K of them.
        sum_error: largest difference of the sum of all sub-nets' outputs and the network's, over training and test rows.
        correlation: mean over pairs of sub-nets of the correlation of their errors on test rows; nan if no pair has one.
        correlations: of each pair, `(K, K)`; nan where a sub-net makes no error, or errs in every row.
        curve: by the number of sub-nets. gain: of the average of all over one of them, paired over test rows.
        tried: numbers of sub-nets, largest first; the last one was solved.
        bound, seed: as asked for.
        seconds: in all.
    """

    folder: str
    dataset: str
    classes: int
    units: int
    train_accuracy: Measured
    test_accuracy: Measured
    subnets: tuple[SubNet, ...]
    sum_error: float
    correlation: Measured
    correlations: tuple[tuple[float, ...], ...]
    curve: tuple[Average, ...]
    gain: Measured
    tried: tuple[Attempt, ...]
    bound: float
    seed: int
    seconds: float

    def check(self, file: Path) -> None:
        """Raise DataError where its lists do not go together, as those of a file that sdl wrote do."""
        num = len(self.subnets)
        lengths = {len(self.curve), len(self.correlations), *map(len, self.correlations)}
        if not 2 <= num <= MOST_SUBNETS or lengths != {num} or any(math.isnan(one.accuracy.low) for one in self.curve):
            raise DataError(f"{file}: its lists of sub-nets do not go together.", "Make it again: sdl decompose RUN")

    @property
    def averages(self) -> Averages:
        """What is drawn of it."""
        singles = tuple(subnet.test_accuracy.value for subnet in self.subnets)
        return Averages(self.dataset, "accuracy", singles, tuple(average.accuracy for average in self.curve))


_COUNT = Between(0, 2**31)
# of a `decomposition.json` that anyone may have written
DECOMPOSITION = {
    "folder": str,
    "dataset": str,
    "classes": _COUNT,
    "units": _COUNT,
    "train_accuracy": MEASURED,
    "test_accuracy": MEASURED,
    "subnets": [{"units": _COUNT, "train_accuracy": MEASURED, "test_accuracy": MEASURED}],
    "sum_error": Number,
    "correlation": MEASURED,
    "correlations": [[Maybe(Number)]],
    "curve": [{"num_subnets": _COUNT, "accuracy": MEASURED}],
    "gain": MEASURED,
    "tried": [{"num_subnets": _COUNT, "status": str, "draws": _COUNT}],
    "bound": Number,
    "seed": _COUNT,
    "seconds": Number,
}
