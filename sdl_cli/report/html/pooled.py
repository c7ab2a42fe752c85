"""One arm of a comparison, opened for the report: what it predicted on the test rows of all splits, taken together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data import DATASETS
from sdl_cli.data.split import split
from sdl_cli.errors import DataError
from sdl_cli.report.html.opened import OpenedRun, Predicted, read_predictions
from sdl_cli.run import run_folder
from sdl_cli.settings.parse import parse_group
from sdl_cli.study.compare.arms import folder_name
from sdl_cli.study.compare.result import ComparisonResult
from sdl_cli.study.compare.trial import PREDICTIONS_FILE

Array = np.ndarray[Any, Any]


class PooledRun(OpenedRun):
    """The recommended arm over all splits. Its data is that of the run that was kept; its predictions are those of each split.

    Arguments:
        folder: of the comparison.
        inside: the run that was kept of the recommended arm.
    Raises:
        DataError: predictions that are missing (comparisons of older versions keep none) or damaged.
    """

    def __init__(
        self,
        folder: Path,
        comparison: ComparisonResult,
        inside: Path,
        trust: bool = False,
        on_notice: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(inside, trust, on_notice)
        arm = comparison.arm(comparison.recommended)
        self._splits = [folder / "arms" / folder_name(arm.name) / str(repeat) for repeat in range(comparison.repeats)]
        each = [read_predictions(place / PREDICTIONS_FILE) for place in self._splits]
        if len({one.classes for one in each}) != 1:
            raise DataError(f"{folder}: the predictions of its splits have different classes.", "Run the comparison again.")
        self.predicted = pooled(each)
        self.result = replace(self.result, test=arm.metrics)
        self.repeats = len(each)

    @cached_property
    def test_rows(self) -> Array:  # type: ignore[override]
        """Row of the data set for each prediction, of one split after another."""
        found = []
        for place in self._splits:
            config = run_folder.read_run(place, finished=False).config
            settings = parse_group("dataset", DATASETS, config["dataset"])
            found.append(split(self.dataset, settings, int(config["seed"])).test)
        rows = np.concatenate(found)
        if len(rows) != len(self.predicted) or not np.array_equal(self.dataset.y[rows], self.predicted.truth):
            message = "The stored predictions do not belong to the test parts of this comparison."
            raise DataError(message, "Run the comparison again.")
        return rows


def pooled(each: list[Predicted]) -> Predicted:
    """Predictions of several splits, one after another; a row stands in it once for each split that tested it."""
    ids = [name for one in each for name in one.ids]
    truth, prediction, outputs = (
        np.concatenate([getattr(one, key) for one in each]) for key in ("truth", "prediction", "outputs")
    )
    return Predicted(ids, each[0].classes, truth, prediction, outputs, len(set(ids)) / len(ids))
