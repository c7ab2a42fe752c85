"""One finished run, opened for its report: its stored predictions at once, its data and its model when a section needs them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli import data
from sdl_cli.data import DATASETS
from sdl_cli.data.dataset import Dataset
from sdl_cli.data.images.depth import as_in_run
from sdl_cli.data.split import Split, split
from sdl_cli.errors import DataError, SdlError
from sdl_cli.files import read_guarded
from sdl_cli.measure.predictions import CODE, safe_cell
from sdl_cli.run import run_folder
from sdl_cli.run.fit_and_score import ignore
from sdl_cli.run.outputs import load_stored
from sdl_cli.run.result import RunResult
from sdl_cli.run.train import Observer
from sdl_cli.settings.contents import INPUTS, METRICS, checked
from sdl_cli.settings.parse import parse_group

Array = np.ndarray[Any, Any]
_PREFIX = "probability_"
_MOST_BYTES, _MOST_CELLS = 256 << 20, 10_000_000


@dataclass(frozen=True)
class Predicted:
    """The stored predictions of the test part, in the order of its rows.

    Arguments:
        ids: `(N,)` of str. classes: K names; empty for numbers.
        truth, prediction: `(N,)` class indices, or numbers. The prediction is the stored decision.
        outputs: probabilities `(N, K)`, or the predicted numbers `(N,)`.
        distinct: share of them that are of a row of their own: under 1 where several splits tested the same row.
    """

    ids: list[str]
    classes: tuple[str, ...]
    truth: Array
    prediction: Array
    outputs: Array
    distinct: float = 1.0

    def __len__(self) -> int:
        return len(self.ids)


def read_predictions(file: Path) -> Predicted:
    """The test part's predictions as a run stored them. Raises DataError for a file that is missing or damaged."""
    try:
        content = read_guarded(file, _MOST_BYTES, within=file.parent)
        assert content.count(b",") <= _MOST_CELLS
        header, *rows = csv.reader(io.StringIO(content.decode("utf-8", "surrogateescape"), newline=""))
        assert rows and header[:3] == ["id", "truth", "prediction"] and all(len(row) == len(header) for row in rows)
        num_told = 5 if header[3:5] == [f"truth{CODE}", f"prediction{CODE}"] else 3
        classes = tuple(name.removeprefix(_PREFIX) for name in header[num_told:])
        ids = [row[0] for row in rows]
        if not classes:
            numbers = np.array([[float(cell) for cell in row[1:3]] for row in rows])
            return Predicted(ids, (), numbers[:, 0], numbers[:, 1], numbers[:, 1])
        index = {safe_cell(name): k for k, name in enumerate(classes)}
        named = np.array([[index[cell] for cell in row[1:3]] for row in rows])
        return Predicted(ids, classes, named[:, 0], named[:, 1], np.array([row[num_told:] for row in rows], dtype=np.float64))
    except (OSError, ValueError, KeyError, AssertionError, csv.Error) as error:
        raise DataError(f"{file}: the stored predictions cannot be read.", "Restore the file, or train again.") from error


class OpenedRun:
    """A finished run of one split. What cannot be opened raises the same DataError each time it is asked for.

    `trust` is that of `sdl evaluate`; `on_notice` hears of a model that runs on another device than its own.
    """

    repeats = 1  # splits whose test parts its predictions are of

    def __init__(self, folder: Path, trust: bool = False, on_notice: Callable[[str], None] | None = None) -> None:
        self.stored = run_folder.read_run(folder)
        self.config = self.stored.config
        self.result = RunResult.from_json(checked(self.stored.metrics, METRICS, folder / "metrics.json"))
        self.predicted = read_predictions(folder / "predictions.csv")
        self._trust, self._on_notice = trust, on_notice
        self._made: dict[str, Any] = {}  # what was opened, or the error that it ended with

    @property
    def is_classification(self) -> bool:
        return bool(self.predicted.classes)

    @property
    def inputs(self) -> dict[str, Any]:
        """What the run stored of its data: modality, shape, classes, columns (see `models/storage.py`)."""
        return dict(self._described["inputs"])

    @property
    def decision(self) -> Array | None:
        """Weights `(K,)` that turn probabilities into the stored decisions; None: the most probable class."""
        found = self.inputs.get("decision")
        return None if found is None else np.asarray(found, dtype=np.float64)

    @property
    def dataset(self) -> Dataset:
        """The data of the run. Raises DataError where it is gone or was changed since."""
        found: Dataset = self._once("dataset", self._load)
        return found

    @property
    def parts(self) -> Split:
        """The run's own labelled and test rows."""
        settings = parse_group("dataset", DATASETS, self.config["dataset"])
        found: Split = self._once("parts", lambda: split(self.dataset, settings, int(self.config["seed"])))
        return found

    @property
    def test_rows(self) -> Array:
        """Row of the data set for each stored prediction."""
        rows = self.parts.test
        if len(rows) != len(self.predicted) or not np.array_equal(self.dataset.y[rows], self.predicted.truth):
            raise DataError(f"{self.stored.folder}: the stored predictions do not belong to its test part.", "Train it again.")
        return rows

    @property
    def model(self) -> Any:
        """The fitted model. Raises DataError where it cannot be loaded, or needs trust."""
        return self._once(
            "model", lambda: load_stored(self.stored, Observer(on_notice=self._on_notice or ignore), self._trust)[0]
        )

    @cached_property
    def _described(self) -> dict[str, Any]:
        path = self.stored.folder / "model.json"
        return checked(run_folder.read_json(path), {"inputs": INPUTS}, path)

    def _load(self) -> Dataset:
        inputs = self.inputs
        found = data.load(
            parse_group("dataset", DATASETS, self.config["dataset"]),
            preferred_px=inputs.get("size_px"),
            interpolation=inputs.get("interpolation", "bilinear"),
        )
        if found.fingerprint != self.stored.environment.get("data_fingerprint"):
            raise DataError(f"The data set {found.name} has changed since this run.", "Restore it, or train again.")
        return as_in_run(found, inputs.get("value_range"))

    def _once(self, name: str, make: Callable[[], Any]) -> Any:
        if name not in self._made:
            try:
                self._made[name] = make()
            except SdlError as error:
                self._made[name] = error
        if isinstance(self._made[name], SdlError):
            raise self._made[name]
        return self._made[name]
