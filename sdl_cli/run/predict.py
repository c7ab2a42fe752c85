"""Predicting new inputs with a stored run, a chunk at a time: memory does not grow with the input."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sdl_cli.data.files.value_words import codes_of
from sdl_cli.errors import ConfigError, DataError
from sdl_cli.files import write_atomic
from sdl_cli.learning.models import traits
from sdl_cli.measure import predictions
from sdl_cli.run import own_support, run_folder
from sdl_cli.run.fit_and_score import heard
from sdl_cli.run.new_inputs import iter_inputs
from sdl_cli.run.outputs import Outputs, about_class_sets, load_stored, stored_decision, without_settings
from sdl_cli.run.train import Observer

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
    else:
        for sentence in about_class_sets(inputs):
            observer.on_notice(sentence)
    told = Outputs.of(model, inputs, str(source))

    def say(sentence: str) -> None:
        observer.on_notice(without_settings(sentence))

    count = 0

    def write(file: Any) -> None:
        nonlocal count
        codes = codes_of(inputs.get("source", {}), inputs["classes"])
        rows = told.of_rows(iter_inputs(source, inputs, say, on_error))
        count = predictions.write(file, rows, inputs["classes"], decision=stored_decision(inputs), codes=codes)
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
    for sentence in told.sentences(count):
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
    if out != STDOUT:
        run_folder.require_own(
            out, (b"id,prediction", b"id,truth,prediction"), "table of predictions", "Choose another file with -o."
        )


def _to_stdout(write: Callable[[Any], None]) -> None:
    """All of it or, on any error, nothing, as in a file."""
    with tempfile.SpooledTemporaryFile(max_size=2**26) as file:
        write(file)
        file.seek(0)
        sys.stdout.flush()
        shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.flush()
