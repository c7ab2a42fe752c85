"""Taking the network of a finished run apart, from its folder to `decomposition.json` in it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data.split import LabelledPart, TestPart
from sdl_cli.errors import ConfigError, DataError, RunError
from sdl_cli.files import write_atomic
from sdl_cli.measure.wording import model_name
from sdl_cli.phrases import counted, listed
from sdl_cli.run import run_folder, writing
from sdl_cli.run.evaluate import own_parts
from sdl_cli.run.fit_and_score import fitted_accuracy, row_contributions, score
from sdl_cli.run.outputs import load_stored, stored_decision
from sdl_cli.run.run_folder import StoredRun, quoted
from sdl_cli.run.train import Observer
from sdl_cli.study.decompose import scores
from sdl_cli.study.decompose.program import OUT_OF_TIME, SOLVED, Attempt, Layer, split_layer, subnet_outputs
from sdl_cli.study.decompose.result import FILE, MOST_SUBNETS, PICTURE, Decomposition, SubNet

Array = np.ndarray[Any, Any]
Values = dict[str, Any]
_MOST_TERMS = 20_000_000  # of one program: more fill gigabytes, and take hours


@dataclass(frozen=True)
class Asked:
    """What is asked of a decomposition; see `program`.

    Arguments:
        num_subnets: from 2 to `MOST_SUBNETS`; the largest smaller number that is feasible is taken if this one is not.
        bound: largest share of a unit in a sub-net, at least 1.
        seed: of the draw of the units and of the objective.
        seconds: that the solver may take, over 0.
    """

    num_subnets: int = 10
    bound: float = 10.0
    seed: int = 0
    seconds: float = 50.0

    def check(self) -> None:
        """Raise ConfigError for the first value that is out of range."""
        wrong = {
            "--subnets": None if 2 <= self.num_subnets <= MOST_SUBNETS else f"from 2 to {MOST_SUBNETS}",
            "--bound": None if 1 <= self.bound <= 1e6 else "from 1 to 1000000",
            "--seed": None if 0 <= self.seed < 2**31 else "from 0 to 2147483647",
            "--seconds": None if 0 < self.seconds <= 86_400 else "over 0 and at most 86400",
        }
        given = {"--subnets": self.num_subnets, "--bound": self.bound, "--seed": self.seed, "--seconds": self.seconds}
        for option, allowed in wrong.items():
            if allowed:
                raise ConfigError(f"{option}: {given[option]:g} is out of range: {allowed}.")


class Parts:
    """The network of a run with its rows; outputs are those of its own classes `C`, probabilities of all of the data set.

    Arguments:
        model: as loaded, with its preparation.
        training: rows that it was fitted on.
    """

    def __init__(self, model: Any, values: Values, training: LabelledPart, test: TestPart) -> None:
        self._model, self._network = model, getattr(model, "model_", model)
        self.num_classes = len(values["inputs"]["classes"])
        self.decision = stored_decision(values["inputs"])
        self.training, self.test = training, test
        self.classes = np.asarray(self._network.classes_, dtype=np.int64)
        self.num_units: int = self._network.networks_[0].head.in_features + 1

    def layer(self, X: Array) -> Layer:
        """The last layer on rows `(N, ...)` as the data set has them, the bias as its last unit."""
        units, weights, bias = self._network.last_layer(self._prepared(X))
        offsets = np.zeros(len(bias))
        if self.decision is not None:  # the class is that of the largest weighed probability
            offsets = np.log(np.maximum(self.decision[self.classes], 1e-300))
        return Layer(np.column_stack([units, np.ones(len(units))]), np.column_stack([weights, bias]), offsets)

    def outputs(self, X: Array) -> Array:
        """The network's own outputs `(N, C)`, in its own precision."""
        return np.asarray(self._network.outputs(self._prepared(X)))

    def probabilities(self, outputs: Array) -> Array:
        """Of outputs `(N, C)`, over all classes; 0 for those that no training row has."""
        probs = np.zeros((len(outputs), self.num_classes))
        probs[:, self.classes] = self._network.probabilities(outputs)
        return probs

    def _prepared(self, X: Array) -> Array:
        return np.asarray(self._model.transform(X)) if hasattr(self._model, "model_") else X


def run(folder: Path, asked: Asked, on_notice: Callable[[str], None], trust: bool = False) -> Values:
    """Take the network of a run apart and write `decomposition.json` and its picture; returns the object of `--json`.

    Arguments:
        folder: of a finished run of `model=deep_net` on a table with classes; of a repeated one, the first repeat is taken.
    Raises:
        ConfigError: values out of range, or a run that has no single last layer of classes. DataError: a run that cannot be read
        or is not finished, or data that has changed since. RunError: no number of sub-nets was found.
    """
    started = time.perf_counter()
    asked.check()
    stored = run_folder.read_run(folder).single("decomposing", on_notice)
    check_settings(stored)
    parts = open_parts(stored, on_notice, trust)
    _check_size(stored.folder, len(parts.training), parts.num_units, asked.num_subnets)
    layer = parts.layer(parts.training.X)
    found = split_layer(layer, asked.num_subnets, asked.bound, asked.seed, asked.seconds)
    if found.shares is None:
        raise _nothing(stored.folder, found.attempts, asked, len(layer.units))
    result = _measured(stored, parts, layer, found.shares, found.attempts, asked, started)
    for sentence in sentences(result):
        on_notice(sentence)
    _write(stored.folder, result)
    return result.to_json()


def check_settings(stored: StoredRun) -> None:
    """Raise ConfigError for a run whose settings show that it has no single last layer to split; no data is loaded."""
    model = stored.config.get("model") or {}
    where, hint = stored.folder, "Decompose a run of model=deep_net on a table with classes."
    if model.get("name") != "deep_net":
        raise ConfigError(f"{where}: model={model_name(model)} is not a network with one last layer to split.", hint)
    if int(model.get("num_members") or 1) > 1:
        what = f"{where}: this run is an ensemble of {model['num_members']} networks already."
        raise ConfigError(what, "Train one network to take it apart: model.num_members=1")
    if (stored.config.get("loss") or {}).get("name") == "cosine":
        what = f"{where}: loss=cosine compares the direction of outputs, so those of sub-nets do not add up."
        raise ConfigError(what, "Train with loss=cross_entropy to take a network apart.")
    described = run_folder.read_json(where / "model.json") if (where / "model.json").is_file() else {}
    task, modality = described.get("task"), (described.get("inputs") or {}).get("modality")
    if task == "regression":
        raise ConfigError(f"{where}: this run predicts numbers, so there is no class that sub-nets could agree on.", hint)
    if modality == "image":
        what = f"{where}: this run takes images, and only networks for tables are taken apart."
        raise ConfigError(what, "Images that are small can be read as a table: dataset.as_table=true, where the data set has it.")


def _check_size(folder: Path, num_rows: int, num_units: int, num_subnets: int) -> None:
    """Raise ConfigError for programs that are too large, before memory is taken."""
    most = 2 * _MOST_TERMS // (num_rows * num_units)
    if num_subnets > most:
        what = f"{folder}: {num_rows:,} training rows and {num_units:,} units are too many for {num_subnets} sub-nets."
        hint = f"Ask for fewer: --subnets {most}" if most > 1 else "Train it on fewer rows: dataset.num_train=2000"
        raise ConfigError(what, hint)


def open_parts(stored: StoredRun, on_notice: Callable[[str], None], trust: bool = False) -> Parts:
    """The network of a run, its training rows and its test part. Raises DataError as `own_parts`."""
    model, values = load_stored(stored, Observer(on_notice=on_notice), trust)
    labelled, test = own_parts(stored, values)
    training = labelled
    if model.needs_validation:  # as when it was fitted, see `prepare.make_ready`
        training, _ = labelled.divided(float(stored.config["dataset"]["validation_fraction"]), int(stored.config["seed"]))
    return Parts(model, values, training, test)


def _measured(
    stored: StoredRun, parts: Parts, layer: Layer, shares: Array, tried: tuple[Attempt, ...], asked: Asked, started: float
) -> Decomposition:
    training, test, num = parts.training, parts.test, shares.shape[2]
    rows = [training.X, test.X]
    units = [layer.units, parts.layer(test.X).units]
    fitted, tested = (subnet_outputs(one, layer.weights, shares) for one in units)
    own = [parts.outputs(X) for X in rows]
    sum_error = max(float(np.abs(part.sum(axis=1) - one).max()) for part, one in zip((fitted, tested), own, strict=True))

    def accuracy_of(outputs: Array) -> Any:
        return score(test, parts.probabilities(outputs), parts.decision, 0)["accuracy"]

    def fit_of(outputs: Array) -> Any:
        return fitted_accuracy(training, parts.probabilities(outputs), parts.decision)

    used = (shares != 0).any(axis=0).sum(axis=0)
    subnets = [SubNet(int(used[k]), fit_of(num * fitted[:, k]), accuracy_of(num * tested[:, k])) for k in range(num)]
    right = [row_contributions("accuracy", test, parts.probabilities(num * tested[:, k]), parts.decision) for k in range(num)]
    common, each = scores.correlation(1 - np.column_stack([one for one in right if one is not None]))
    curve, gain = scores.averages(test, tested, parts.probabilities, parts.decision, asked.seed)
    return Decomposition(
        folder=str(stored.folder),
        dataset=test.dataset.name,
        classes=len(parts.classes),
        units=layer.units.shape[1],
        train_accuracy=fit_of(own[0]),
        test_accuracy=accuracy_of(own[1]),
        subnets=tuple(subnets),
        sum_error=sum_error,
        correlation=common,
        correlations=tuple(map(tuple, each.tolist())),
        curve=curve,
        gain=gain,
        tried=tried,
        bound=asked.bound,
        seed=asked.seed,
        seconds=round(time.perf_counter() - started, 3),
    )


def sentences(found: Decomposition) -> list[str]:
    """What to know of numbers of sub-nets that were asked for and not found."""
    failed = [one for one in found.tried if one.status != SOLVED]
    return [f"{_said(failed)}: {len(found.subnets)} is the largest number that was found."] if failed else []


def _said(failed: list[Attempt]) -> str:
    """`10 to 8 sub-nets: infeasible (HiGHS, 3 draws of the units each)`, in the solver's words."""
    told = []
    for status in dict.fromkeys(one.status for one in failed):
        those = [one for one in failed if one.status == status]
        tried = [one.num_subnets for one in those]
        is_range = tried[0] - tried[-1] == len(tried) - 1 > 0
        numbers = f"{tried[0]} to {tried[-1]}" if is_range else listed([str(number) for number in tried])
        draws = counted(max(one.draws for one in those), "draw")
        told.append(f"{numbers} sub-nets: {status} (HiGHS, {draws} of the units each)")
    return "; ".join(told)


def _nothing(folder: Path, attempts: tuple[Attempt, ...], asked: Asked, num_rows: int) -> RunError:
    """The error if not even two sub-nets were found."""
    why = f"no sub-nets were found that each decide all {num_rows:,} training rows as the network does"
    more = [f"--subnets {2 * asked.num_subnets}"] if 2 * asked.num_subnets <= MOST_SUBNETS else []
    hint = f"Leave it more to choose from: {' or '.join([*more, f'--bound {10 * asked.bound:g}'])}"
    if any(one.status == OUT_OF_TIME for one in attempts):
        hint = f"Give it more time: --seconds {10 * asked.seconds:g}"
    return RunError(f"{folder}: {why}. {_said(list(attempts))}.", f"{hint}; or train a wider network: model.width=200")


def _write(folder: Path, result: Decomposition) -> None:
    from sdl_cli.measure.png import draw_subnets

    try:
        writing.write_json(folder, FILE, result.to_json())
        write_atomic(folder / PICTURE, draw_subnets(result.averages))
    except DataError as error:
        raise type(error)(error.message, f"Copy the run to a place where you may write: cp -r {quoted(folder)} ...") from error
