"""Learning curves of LCDB 1.1 (Yan, Mohr and Viering, NeurIPS 2025, arXiv:2505.15657, CC BY 4.0) for the benchmarks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

LEARNERS = (
    "ens.RandomForest",
    "ens.GradientBoosting",
    "CatBoost",
    "MLP",
    "RealMLP",
    "LogisticRegression",
    "TabPFNv2",
)
SPLITS = 25  # behind every mean and standard error in the file


@dataclass(frozen=True)
class Measured:
    """Curves of test error at doubling sizes, and the true error at a larger size.

    Arguments:
        sizes: `(m,)`. errors, standard_errors: `(k, m)`. at: the size where the truth is known. truth: `(k,)`.
        data_set: number of the data set of each curve `(k,)`.
    """

    sizes: Array
    errors: Array
    standard_errors: Array
    at: int
    truth: Array
    data_set: Array


class Lcdb:
    """`error_rate.npz`: `error (data set, learner, [mean, s.e.], anchor, [validation, test])`."""

    def __init__(self, file: Path) -> None:
        with np.load(file, allow_pickle=False) as stored:
            self.error = stored["error"].astype(float)
            self.anchors = stored["anchor"].tolist()
            self.learners = stored["learner"].tolist()

    @property
    def num_data_sets(self) -> int:
        return len(self.error)

    def curves(self, largest: int, ratio: int, repeats: int = SPLITS, start: int = 16, seed: int = 0) -> Measured:
        """All curves that are finite at doubling sizes from `start` to `largest` and at `ratio` times `largest`.

        Fewer than 25 repeats are simulated by Gaussian noise of variance 25 / repeats times the squared standard error, as if
        only that many of the 25 splits had been run (their own noise is already in the mean).
        """
        sizes = [start * 2**i for i in range(20) if start * 2**i <= largest]
        columns = [self.anchors.index(n) for n in (*sizes, ratio * largest)]
        chosen = self.error[:, [self.learners.index(name) for name in LEARNERS]][:, :, :, columns, 1]
        mean, standard_error = chosen[:, :, 0], chosen[:, :, 1]
        finite = np.isfinite(mean).all(2)
        data_set = np.broadcast_to(np.arange(len(mean))[:, None], finite.shape)[finite]
        errors, spread, truth = mean[finite][:, :-1], standard_error[finite][:, :-1], mean[finite][:, -1]
        if repeats < SPLITS:
            spread = spread * np.sqrt(SPLITS / repeats)
            errors = np.clip(errors + np.random.default_rng(seed).normal(size=errors.shape) * spread, 0.0, 1.0)
        return Measured(np.array(sizes), errors, spread, ratio * largest, truth, data_set)
