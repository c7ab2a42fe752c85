"""What a stored run says of rows that a program holds, or names by a path: the answers as arrays, not as a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data.sources.new_in_memory import FRAME, is_frame, iter_in_memory
from sdl_cli.errors import DataError
from sdl_cli.files import typed_path
from sdl_cli.learning.models import traits
from sdl_cli.measure.decisions import decide
from sdl_cli.run import own_support
from sdl_cli.run.fit_and_score import heard
from sdl_cli.run.new_inputs import iter_inputs
from sdl_cli.run.outputs import Outputs, about_class_sets, stored_decision, without_settings
from sdl_cli.run.train import Observer

Array = np.ndarray[Any, Any]
_WORDS = {"false": False, "true": True}


@dataclass(frozen=True)
class Answers:
    """What a run says of rows.

    Arguments:
        ids: `(n,)` labels of a DataFrame's index, positions, or names (of files, or as a file of rows has them).
        outputs: probabilities `(n, K)` in the order of `classes`, or numbers `(n,)`.
        classes: `(K,)` as a program had them: numbers where all were; empty for a number.
        decision: how probabilities become classes, as `decisions.decide` takes it.
    """

    ids: Array
    outputs: Array
    classes: Array
    decision: Array | None

    def labels(self) -> Array:
        """The class or number of each row, `(n,)`."""
        return np.asarray(self.classes[decide(self.outputs, self.decision)]) if len(self.classes) else self.outputs


def answers(model: Any, values: Mapping[str, Any], data: Any, observer: Observer, on_error: str = "fail") -> Answers:
    """Predict rows that a program holds (see `new_in_memory`), or the file or folder at a path, as `sdl predict` does.

    Arguments:
        model, values: as `outputs.load_stored` gives them. on_error: `fail`, or `skip` images that cannot be read.
    Raises DataError: rows that the run cannot take.
    """
    inputs, is_path = values["inputs"], isinstance(data, (str, Path))
    where = str(data) if is_path else FRAME if is_frame(data) else "the rows"
    source = typed_path(str(data)) if is_path else Path()
    if is_path and not source.exists():
        hint = "Give a list of texts for texts." if inputs["modality"] == "text" else "Give a path that exists, or a DataFrame."
        raise DataError(f"{data}: there is no such file or folder.", hint)
    is_network = traits(values["model"]).is_network
    notes: list[str] = []
    ids, found = [], []
    try:
        with heard(is_network, observer.on_notice, observer.on_epoch):
            if is_path and traits(values["model"]).takes_support and own_support.has_support(source):
                inputs, source = own_support.with_support(model, inputs, source, observer.on_notice)
            else:
                notes += about_class_sets(inputs)
            told = Outputs.of(model, inputs, where)
            chunks = (
                iter_inputs(source, inputs, notes.append, on_error) if is_path else iter_in_memory(data, inputs, notes, on_error)
            )
            for names, outputs in told.of_rows(chunks):
                ids.append(names)
                found.append(outputs)
    except DataError as error:
        raise type(error)(without_settings(error.message), without_settings(error.hint)) from error
    if not found or not sum(map(len, found)):
        raise DataError(f"{where}: there are no rows.", "Give at least one.")
    whole = Answers(np.concatenate(ids), np.concatenate(found), class_values(inputs), stored_decision(inputs))
    for sentence in (*notes, *told.sentences(len(whole.ids))):
        observer.on_notice(without_settings(sentence))
    return whole


def class_values(inputs: Mapping[str, Any]) -> Array:
    """The classes of a run `(K,)`: whole numbers, or False and True, where each is the word of one and was not kept as text."""
    classes = [str(name) for name in inputs["classes"]]
    source = inputs.get("source") or {}
    texts = source.get("text")  # of a table the columns that are text; of texts their own column
    is_text = isinstance(texts, list) and source.get("target") in texts
    if is_text or not classes:
        return np.array(classes, dtype=object)
    if [name.lower() for name in classes] == list(_WORDS):
        return np.array([False, True])
    if all(_is_whole(name) for name in classes):
        return np.array([int(name) for name in classes])
    return np.array(classes, dtype=object)


def _is_whole(name: str) -> bool:
    """Whether this is how a program writes a whole number."""
    return len(name) < 19 and name.removeprefix("-").isdecimal() and name.isascii() and str(int(name)) == name
