"""Predicting new inputs with a stored run, a chunk at a time: memory does not grow with the input."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data.dataset import called
from sdl_cli.data.files.value_words import codes_of
from sdl_cli.errors import ConfigError, DataError
from sdl_cli.files import write_atomic
from sdl_cli.learning.models import traits
from sdl_cli.learning.models.storage import load_model
from sdl_cli.measure import baseline, predictions
from sdl_cli.phrases import counted, shortened
from sdl_cli.run import own_support, run_folder
from sdl_cli.run.check.problem import MOST_NAMED, named
from sdl_cli.run.fit_and_score import heard
from sdl_cli.run.new_inputs import Chunks, iter_inputs
from sdl_cli.run.train import Observer

Array = np.ndarray[Any, Any]
STDOUT = Path("-")
_OTHER_FORMATS = frozenset((
    ".arff", ".bz2", ".db", ".dta", ".feather", ".gz", ".h5", ".hdf5", ".html", ".json", ".jsonl", ".mat", ".npy",
    ".npz", ".ods", ".parquet", ".pdf", ".pickle", ".pkl", ".por", ".rds", ".sas7bdat", ".sav", ".sqlite", ".tab", ".tsv",
    ".xls", ".xlsb", ".xlsm", ".xlsx", ".xml", ".xpt", ".xz", ".yaml", ".yml", ".zip", ".zsav", ".zst",
))  # fmt: skip


def predict(
    stored: run_folder.StoredRun,
    source: Path,
    out: Path,
    observer: Observer,
    trust: bool = False,
    on_error: str = "fail",
    sheet: str | None = None,
) -> dict[str, Any]:
    """Predict the rows, texts or images of `source` and write id, prediction and probabilities in its order.

    Arguments:
        stored: a finished run; of one with repeats, the first is used, with a notice.
        source: a table or texts (CSV and similar), a folder of images, one image, a CSV of image paths, or an .npz file; for
            a model with the trait `takes_support` also a folder with support/ and query/ (`own_support`).
        out: the CSV to write, or `STDOUT`; complete or, on any error, not at all.
        on_error: `fail`, or `skip` images that cannot be read.
        sheet: of a workbook the one that is meant; None takes the one called as in training, or the only one with cells.
    Returns `{"rows", "out"}`. Raises DataError for inputs that the run cannot take, with the file and what is missing.
    """
    stored = stored.single("predicting with", observer.on_notice)
    _check_places(stored, source, out)
    model, values = load_stored(stored, observer, trust)
    inputs = values["inputs"]
    if sheet is not None:
        if not inputs.get("columns"):
            raise ConfigError("--sheet: this run was not trained on a table.", "Leave it out.")
        own = inputs["source"]
        inputs = {**inputs, "source": {**own, "sheet": sheet, "asked": {**own.get("asked", {}), "sheet": sheet}}}
    if traits(values["model"]).takes_support and own_support.has_support(source):
        inputs, source = own_support.with_support(model, inputs, source, observer.on_notice)
    elif inputs.get("class_sets"):
        what = f"which of its {len(set(inputs['class_sets']))} sets of classes a row belongs to is not known when predicting"
        observer.on_notice(f"{what.capitalize()}: all {len(inputs['classes'])} classes are answers.")
    count, empty, far = 0, EmptyRows(), FarNumbers.of(inputs)

    def say(sentence: str) -> None:
        observer.on_notice(without_settings(sentence))

    def outputs() -> Chunks:
        for ids, X in iter_inputs(source, inputs, say, on_error):
            if list(X.shape[1:]) != inputs["shape"]:
                message = f"{source}: its rows have shape {tuple(X.shape[1:])}, but this run takes {tuple(inputs['shape'])}."
                raise DataError(message, "Give inputs like those it was trained on.")
            empty.add(ids, X)
            far.add(X)
            yield ids, baseline.model_outputs(model, X, len(inputs["classes"]))

    def write(file: Any) -> None:
        nonlocal count
        codes = codes_of(inputs.get("source", {}), inputs["classes"])
        count = predictions.write(file, outputs(), inputs["classes"], decision=stored_decision(inputs), codes=codes)
        if not count:
            raise DataError(f"{source}: the table has no rows.")

    try:
        with heard(traits(values["model"]).is_network, observer.on_notice, observer.on_epoch):
            if out == STDOUT:
                _to_stdout(write)
            else:
                write_atomic(out, write)
    except DataError as error:
        raise type(error)(without_settings(error.message), without_settings(error.hint)) from error
    if empty.count:
        observer.on_notice(empty.sentence())
    for sentence in far.sentences(count):
        observer.on_notice(sentence)
    return {"rows": count, "out": str(out)}


def _check_places(stored: run_folder.StoredRun, source: Path, out: Path) -> None:
    if out.suffix.lower() in _OTHER_FORMATS:
        hint = f"Write {run_folder.quoted(out.with_suffix('.csv'))}, which spreadsheets open too."
        raise DataError(f"{out}: predictions are written as CSV, but this file ends in {out.suffix}.", hint)
    run_folder.require_place(out, "Name a file with -o, for example -o predictions.csv", " with -o")
    if not source.exists():
        other = ", or for images a folder, an image, a table of their paths, or an npz file"
        is_table = stored.config.get("dataset", {}).get("name") in ("table", "text", "openml", "series")
        raise DataError(f"{source}: not found.", f"Give a table with the columns of the run{'' if is_table else other}.")
    if out.exists() and source.samefile(out):
        raise DataError(f"{out}: this is the input itself.", "Choose another file with -o.")


def stored_decision(inputs: Mapping[str, Any]) -> Array | None:
    """How a run's probabilities become classes `(K,)`, from what it stored of its data; None for the most probable one."""
    return None if inputs.get("decision") is None else np.asarray(inputs["decision"], dtype=np.float64)


@dataclass
class EmptyRows:
    """Empty rows: their number, and the ids of the first."""

    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, ids: Array, X: Array) -> None:
        """Count the rows of a table `(n, F)` whose numbers are all missing, or texts `(n,)` without a letter."""
        if X.ndim == 2 and X.dtype.kind == "f":
            found = np.flatnonzero(np.isnan(X).all(axis=1))
        elif X.ndim == 1:
            found = np.flatnonzero([not str(text).strip() for text in X])
        else:
            return
        self.count += len(found)
        self.first += [shortened(ids[i]) for i in found[: max(0, MOST_NAMED - len(self.first))]]

    def sentence(self) -> str:
        are, ids = ("1 row is", "id") if self.count == 1 else (f"{self.count:,} rows are", "ids")
        what = f"{are} empty in everything that the run learned from ({ids} {named(self.first, self.count)})"
        return f"{what}: there was nothing to predict from."


@dataclass
class FarNumbers:
    """Numbers that are further outside the range that a run learned from than that range is wide.

    Arguments:
        names: of the features `(F,)`. low, high: the range of each, NaN where it has none.
    """

    names: list[str]
    low: Array
    high: Array
    counts: Array = field(init=False)
    examples: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.counts = np.zeros(len(self.low), np.int64)

    @classmethod
    def of(cls, inputs: Mapping[str, Any]) -> FarNumbers:
        """From what a run stored of its data, nothing before there were ranges."""
        found = inputs.get("ranges") or []
        ranges = np.array([pair if pair and len(pair) == 2 else [np.nan, np.nan] for pair in found], float).reshape(-1, 2)
        names = [called(inputs.get("source") or {}, str(name)) for name in inputs.get("features") or ()]
        return cls(names if len(names) == len(ranges) else [f"{i}" for i in range(len(ranges))], ranges[:, 0], ranges[:, 1])

    def add(self, X: Array) -> None:
        if X.ndim != 2 or X.dtype.kind != "f" or X.shape[1] != len(self.low):
            return
        with np.errstate(over="ignore", invalid="ignore"):  # numbers near the end of what float64 holds
            span = self.high - self.low
            outside = np.abs(X - (self.low / 2 + self.high / 2)) > 1.5 * span  # not where either is NaN
        self.counts += outside.sum(axis=0)
        for place in np.flatnonzero(outside.any(axis=0)):
            self.examples.setdefault(int(place), float(X[np.argmax(outside[:, place]), place]))

    def sentences(self, num_rows: int) -> list[str]:
        """A sentence for each of the columns with most such numbers."""
        order = [int(place) for place in np.argsort(-self.counts, kind="stable") if self.counts[place]]
        found = []
        for place in order[:MOST_NAMED]:
            verb = "holds" if self.counts[place] == 1 else "hold"
            rows = f"{self.counts[place]:,} of {counted(num_rows, 'row')} {verb}"
            found.append(
                f"Column {shortened(self.names[place])}: {rows} a number far outside what the run learned from, "
                f"{self.low[place]:.6g} to {self.high[place]:.6g}, such as {self.examples[place]:.6g}. Are the units the same?"
            )
        more = len(order) - MOST_NAMED
        return [*found, f"So {counted(more, 'more column', verbs='does/do')}."] if more > 0 else found


def _to_stdout(write: Callable[[Any], None]) -> None:
    """All of it or, on any error, nothing, as in a file."""
    with tempfile.SpooledTemporaryFile(max_size=2**26) as file:
        write(file)
        file.seek(0)
        sys.stdout.flush()
        shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.flush()


def load_stored(stored: run_folder.StoredRun, observer: Observer, trust: bool) -> tuple[Any, dict[str, Any]]:
    """The stored model and the values beside it; a network that cannot run on the device it was trained on says so."""
    if not traits(stored.config.get("model", {}).get("name")).is_network:
        return load_model(stored.folder, trust)
    from sdl_cli.learning import loop

    with loop.context(loop.Context(on_notice=observer.on_notice)):
        return load_model(stored.folder, trust)


def without_settings(text: str) -> str:
    """A message of the readers without the settings of data sets, which predicting does not take."""
    text = re.sub(r"\s*\([^()]*dataset\.[^()]*\)", "", text)
    kept = " ".join(part for part in re.split(r"(?<=[.:;])\s+", text) if not re.search(r"dataset[.=]\w", part))
    return re.sub(r"[:;]$", ".", kept)  # anything after it is lost
