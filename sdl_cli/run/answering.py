"""Answers of a finished run to single requests: its model is loaded once, and rows, texts or a photo come from memory."""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data.arrays import objects
from sdl_cli.data.files.columns import Column
from sdl_cli.data.files.table_cells import Cells
from sdl_cli.data.files.value_words import codes_of
from sdl_cli.data.sources.new_rows import rows_of_cells
from sdl_cli.errors import DataError
from sdl_cli.learning.models import traits
from sdl_cli.measure import baseline
from sdl_cli.measure.decisions import decide
from sdl_cli.phrases import listed, shortened
from sdl_cli.run.fit_and_score import heard
from sdl_cli.run.new_inputs import iter_inputs
from sdl_cli.run.outputs import EmptyRows, FarNumbers, about_class_sets, load_stored, stored_decision, without_settings
from sdl_cli.run.run_folder import StoredRun
from sdl_cli.run.train import Observer

Array = np.ndarray[Any, Any]
Values = dict[str, Any]
SUFFIXES = {  # of the files of photos, by what a request calls them
    "image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "image/tiff": ".tif", "image/bmp": ".bmp",
    "image/gif": ".gif", "image/heic": ".heic", "image/heif": ".heif", "application/dicom": ".dcm",
}  # fmt: skip
_MAGIC = (
    (b"\xff\xd8\xff", ".jpg"),
    (b"\x89PNG", ".png"),
    (b"II*\0", ".tif"),
    (b"MM\0*", ".tif"),
    (b"BM", ".bmp"),
    (b"GIF8", ".gif"),
)


class Answering:
    """A finished run that answers requests.

    Arguments:
        stored: the run; of one with repeats, the first is used, with a notice. trust: as of `sdl predict`.
    Raises: as loading a stored model does.
    """

    def __init__(self, stored: StoredRun, observer: Observer, trust: bool = False) -> None:
        self.run = stored.single("answering with", observer.on_notice)
        self.model, values = load_stored(self.run, observer, trust)
        self.inputs: Values = values["inputs"]
        self.classes: list[str] = list(self.inputs["classes"])
        self.columns = [Column.from_plain(one) for one in self.inputs.get("columns") or ()]
        self._is_network = traits(values["model"]).is_network
        self._decision = stored_decision(self.inputs)
        self._codes = codes_of(self.inputs.get("source") or {}, self.classes)

    @property
    def takes(self) -> str:
        """What a request holds: rows, texts, series or photo."""
        return {"table": "rows", "text": "texts", "series": "series", "image": "photo"}[self.inputs["modality"]]

    @property
    def names(self) -> list[str]:
        """The columns that a row needs, by name."""
        return [c.name for c in self.columns] or [str(name) for name in self.inputs.get("features") or ()]

    def of_rows(self, rows: Sequence[Any]) -> Values:
        """Answers to rows of a table: objects by the names of columns, or lists of numbers where the run's data had no file."""
        notes = about_class_sets(self.inputs)
        if self.columns:
            ids, X = self._read_cells(rows, notes)
        else:
            ids, X = None, _numbers([self._in_order(row, place) for place, row in enumerate(rows, 1)], len(self.names))
        empty, far = EmptyRows(), FarNumbers.of(self.inputs)
        empty.add(np.arange(1, len(X) + 1), X)
        far.add(X)
        notes += [*([empty.sentence()] if empty.count else []), *far.sentences(len(X))]
        return self._answered(X, notes, ids)

    def of_texts(self, texts: Sequence[Any]) -> Values:
        """Answers to texts."""
        for place, text in enumerate(texts, 1):
            if not isinstance(text, str):
                raise DataError(f"Text {place} is {_kind(text)}, not a text.", 'Send {"texts": ["...", "..."]}.')
        return self._answered(np.array(list(texts), dtype=object), [])

    def of_series(self, rows: Sequence[Any]) -> Values:
        """Answers to series: lists of numbers, of several channels a list of such lists."""
        from sdl_cli.data.sources.series import filled

        channels, steps = (int(size) for size in self.inputs["shape"])
        flat = [_flat_series(row, place, channels, steps) for place, row in enumerate(rows, 1)]
        notes: list[str] = []
        X = _numbers(flat, channels * steps).reshape(-1, channels, steps)
        ids = [str(place) for place in range(1, len(rows) + 1)]
        return self._answered(filled(X, ids, self.inputs["source"]["fill"], "the request", notes), notes)

    def of_photo(self, content: bytes, media_type: str = "") -> Values:
        """The answer to one photo, the content of an image file.

        Arguments:
            media_type: what the request calls it; the content decides where that says nothing.
        """
        found = next((suffix for magic, suffix in _MAGIC if content.startswith(magic)), "")
        suffix = SUFFIXES.get(media_type) or found or (".webp" if content[8:12] == b"WEBP" else ".dcm")
        notes: list[str] = []
        with tempfile.TemporaryDirectory(prefix="sdl-") as folder:
            file = Path(folder, f"photo{suffix}")
            file.write_bytes(content)
            try:
                chunks = [X for _, X in iter_inputs(file, self.inputs, notes.append)]
            except DataError as error:
                why = re.search(r"photo\.\w+ \(([^()]*)\)", error.message)
                said = f"The photo cannot be read: {why[1]}." if why else error.message.replace(str(file), "The photo")
                hint = "Send the whole content of an image file, such as a JPEG or PNG." if why else error.hint
                raise DataError(said.replace(folder, "the request"), hint) from error
        return self._answered(np.concatenate(chunks), [note.replace(folder, "the request") for note in notes])

    def _answered(self, X: Array, notes: list[str], ids: Array | None = None) -> Values:
        if not len(X):
            raise DataError("The request holds nothing to predict.", "Send at least one.")
        with heard(self._is_network, notes.append):
            outputs = baseline.model_outputs(self.model, X, len(self.classes))
        found: list[Values] = [{"prediction": value} for value in outputs.tolist()] if not self.classes else []
        if self.classes:
            for place, probs in zip(decide(outputs, self._decision).tolist(), outputs.tolist(), strict=True):
                code = {"prediction_code": self._codes[place]} if self._codes else {}
                chances = dict(zip(self.classes, probs, strict=True))
                found.append({"prediction": self.classes[place], **code, "probabilities": chances})
        if ids is not None:
            found = [{"id": str(own), **answer} for own, answer in zip(ids, found, strict=True)]
        return {"predictions": found, "notes": [without_settings(note) for note in notes]}

    def _read_cells(self, rows: Sequence[Any], notes: list[str]) -> tuple[Array | None, Array]:
        """Ids where the run has a column of them, and X `float64 (n, F)`."""
        source = self.inputs["source"]
        id_name = source.get("id")
        if not all(isinstance(row, Mapping) for row in rows):
            raise DataError("A row is an object: a value by the name of each column.", f"The columns: {listed(self.names, 20)}.")
        for place, row in enumerate(rows, 1):
            lacking = [name for name in self.names if name not in row]
            if lacking:
                hint = f"Write null for a value that is not known. The row has: {listed([shortened(key) for key in row], 20)}."
                raise DataError(f"Row {place} lacks {listed(lacking, 5)}.", hint)
        names = [
            *self.names,
            *([id_name] if id_name and id_name not in self.names and all(id_name in row for row in rows) else []),
        ]
        kinds = {c.name: c for c in self.columns}
        columns = [_column([row[name] for row in rows], name, kinds.get(name), source) for name in names]
        texts = frozenset(name for name, column in zip(names, columns, strict=True) if column.dtype == object)
        cells = Cells("the request", tuple(names), columns, np.arange(1, len(rows) + 1), unit="row", strings=texts)
        has_ids = id_name in names
        inputs = self.inputs if has_ids else {**self.inputs, "source": {**source, "id": None}}
        try:  # text is read by the marks and the words for missing cells of the run's own file
            [(ids, X)] = rows_of_cells(iter([cells]), "the request", inputs, notes)
        except DataError as error:
            raise DataError(without_settings(error.message), without_settings(error.hint)) from error
        return (ids if has_ids else None), X

    def _in_order(self, row: Any, place: int) -> Sequence[Any]:
        if not isinstance(row, Mapping):
            if isinstance(row, list):
                return row
            raise DataError(f"Row {place} is {_kind(row)}, not an object or a list of numbers.")
        lacking = [name for name in self.names if name not in row]
        if lacking:
            raise DataError(f"Row {place} lacks {listed(lacking, 5)}.", "Write null for a value that is not known.")
        return [row[name] for name in self.names]


def _column(values: list[Any], name: str, column: Column | None, source: Mapping[str, Any]) -> Array:
    """The cells of a column: numbers as they are, everything else as a file would hold it."""
    is_plain = column is not None and column.kind == "number" and name not in (source.get("codes") or {})
    if is_plain and all(value is None or type(value) in (int, float) for value in values):
        return np.array([_number(value, name, place) for place, value in enumerate(values, 1)])
    return objects([_cell(value, name, place, column) for place, value in enumerate(values, 1)])


def _cell(value: Any, name: str, place: int, column: Column | None) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        is_boolean = column is not None and column.kind == "boolean"
        return column.levels[value] if is_boolean and column is not None else str(value).lower()
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, (int, float)):
        return str(int(value)) if float(_number(value, name, place)).is_integer() and abs(value) < 2**53 else repr(value)
    raise DataError(f"Row {place}: {shortened(name)} is {_kind(value)}.", "A value is a text, a number, true, false or null.")


def _number(value: Any, name: str, place: int) -> float:
    try:
        found = math.nan if value is None else float(value)
    except OverflowError:
        found = math.inf
    if math.isinf(found):
        raise DataError(f"Row {place}: {shortened(name)} is a number that no computer's float holds.")
    return found


def _numbers(rows: Sequence[Sequence[Any]], width: int) -> Array:
    """Rows of numbers as `float64 (n, width)`, null as missing."""
    for place, row in enumerate(rows, 1):
        if len(row) != width:
            raise DataError(f"Row {place} has {len(row):,} values, but the run takes {width:,}.")
        wrong = next((value for value in row if value is not None and type(value) not in (int, float)), None)
        if wrong is not None:
            raise DataError(
                f"Row {place} holds {_kind(wrong)}, but this run takes numbers.", "Write null for one that is not known."
            )
    return np.array([[_number(v, "one of its values", place) for v in row] for place, row in enumerate(rows, 1)]).reshape(
        -1, width
    )


def _flat_series(row: Any, place: int, channels: int, steps: int) -> list[Any]:
    if not isinstance(row, list):
        raise DataError(f"Series {place} is {_kind(row)}, not a list of {steps:,} numbers.")
    if row and all(isinstance(own, list) for own in row):
        if len(row) != channels or any(len(own) != steps for own in row):
            raise DataError(f"Series {place} is not {channels:,} lists of {steps:,} numbers each.")
        return [value for own in row for value in own]
    return row


def _kind(value: Any) -> str:
    names = {bool: "true or false", str: "a text", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return "null" if value is None else names.get(type(value), "something else")
