"""What a stored run says of new rows, a chunk at a time, and what there is to know of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sdl_cli.data.dataset import called
from sdl_cli.errors import DataError
from sdl_cli.learning.models import traits
from sdl_cli.learning.models.storage import load_model
from sdl_cli.measure import baseline
from sdl_cli.phrases import counted, shortened
from sdl_cli.run import run_folder
from sdl_cli.run.check.problem import MOST_NAMED, named
from sdl_cli.run.new_inputs import Chunks
from sdl_cli.run.train import Observer

Array = np.ndarray[Any, Any]


@dataclass
class Outputs:
    """The outputs of a stored model, and what was seen of the rows that it was given.

    Arguments:
        model, inputs: as `load_stored` gives them. where: names the rows in messages.
    """

    model: Any
    inputs: Mapping[str, Any]
    where: str
    empty: EmptyRows
    far: FarNumbers

    @classmethod
    def of(cls, model: Any, inputs: Mapping[str, Any], where: str) -> Outputs:
        """For rows that are read as `inputs` say, which may differ from those that the run stored."""
        return cls(model, inputs, where, EmptyRows(), FarNumbers.of(inputs))

    def of_rows(self, chunks: Chunks) -> Chunks:
        """Ids `(n,)` and outputs of each chunk: `(n, K)` probabilities or `(n,)` numbers. Raises DataError: another shape."""
        for ids, X in chunks:
            if list(X.shape[1:]) != self.inputs["shape"]:
                shapes = f"{tuple(X.shape[1:])}, but this run takes {tuple(self.inputs['shape'])}"
                raise DataError(f"{self.where}: its rows have shape {shapes}.", "Give inputs like those it was trained on.")
            self.empty.add(ids, X)
            self.far.add(X)
            yield ids, baseline.model_outputs(self.model, X, len(self.inputs["classes"]))

    def sentences(self, num_rows: int) -> list[str]:
        """What to know of the rows, once all have been seen."""
        return [*([self.empty.sentence()] if self.empty.count else []), *self.far.sentences(num_rows)]


def about_class_sets(inputs: Mapping[str, Any]) -> list[str]:
    """A sentence on classes of several sets, of which new rows do not say theirs."""
    if not inputs.get("class_sets"):
        return []
    what = f"which of its {len(set(inputs['class_sets']))} sets of classes a row belongs to is not known when predicting"
    return [f"{what.capitalize()}: all {len(inputs['classes'])} classes are answers."]


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
