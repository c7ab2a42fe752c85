"""Fit on labelled rows, then score the test part, once: the only module that scores rows, and the only way to a test score.

A model is handed only a `LabelledPart`. Everything that is chosen (settings, candidates, a search) is chosen before the test
part comes in, by `held_out_score`, which sees only labelled rows too.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data.split import LabelledPart, TestPart
from sdl_cli.learning.device import Runtime
from sdl_cli.learning.models.foreign import own_words
from sdl_cli.learning.models.settings import BaselineSettings
from sdl_cli.learning.stages import Stages, finish, own_time
from sdl_cli.measure import baseline as reference
from sdl_cli.measure import scoring
from sdl_cli.measure.decisions import decide
from sdl_cli.measure.metrics import MAIN, Lift, Measured
from sdl_cli.run.prepare import Ready, divided, load_here, make_ready, resolve_settings, weighs_classes
from sdl_cli.run.reduced import settled
from sdl_cli.run.writing import finite, write_history
from sdl_cli.settings.experiment import Experiment

Array = np.ndarray[Any, Any]
Values = dict[str, Any]
Scores = dict[str, Measured]
_MANY_ROWS = 100_000  # from this size, the quick baseline is slow
_RESAMPLES = 1000  # of a bootstrap


@dataclass
class Clock:
    """Seconds per named phase, without those of others that go on beside it."""

    seconds: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=own_time)

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        start = own_time()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + own_time() - start

    def total(self) -> dict[str, float]:
        return {**self.seconds, "total": own_time() - self.started}


def ignore(*_: Any) -> None:
    """Hear nothing."""


@dataclass
class Around:
    """What a fit has around it, beside its rows; every part is optional.

    Arguments:
        folder: for checkpoints and the training history; None keeps neither.
        runtime: what a network runs on, if already settled.
        features: frozen features of all rows of the data set `(N, D)`, for a model that probes them.
        on_epoch, on_runtime, notice: as of `Observer`.
        clock: takes the phases fit, predict and baseline.
    """

    folder: Path | None = None
    runtime: Runtime | None = None
    features: Array | None = None
    on_epoch: Callable[[Values], None] | None = None
    on_runtime: Callable[[Values | None], None] = ignore
    notice: Callable[[str], None] = ignore
    clock: Clock = field(default_factory=Clock)


@dataclass(frozen=True)
class Scored:
    """A method's results on one split.

    Arguments:
        outputs: for the test rows, probabilities `(T, K)` or numbers `(T,)`.
        test, validation, majority, baseline: metric -> Measured, without intervals unless they were asked for; validation is
            empty without intervals or validation rows, baseline if the run is not compared with it, and then lift is None.
        rows, runtime: as of `RunResult`.
    """

    outputs: Array
    test: Scores
    validation: Scores
    majority: Scores
    baseline: Scores
    lift: Lift | None
    rows: dict[str, int]
    runtime: Values | None

    def found(self) -> Values:
        """All but the outputs, by the names that they have in `RunResult`."""
        return {name: value for name, value in vars(self).items() if name != "outputs"}

    def numbers(self, seconds: dict[str, float], notes: list[str]) -> Values:
        """The same without intervals, as the `metrics.json` of a cell; metrics that are undefined are None."""
        parts = {"test": self.test, "majority": self.majority}
        found: Values = finite({name: {key: one.value for key, one in scores.items()} for name, scores in parts.items()})
        rounded = {name: round(value, 3) for name, value in seconds.items()}
        return found | {"rows": self.rows, "seconds": rounded, "runtime": self.runtime, "notes": list(dict.fromkeys(notes))}


def fit_and_score(
    ready: Ready, test: TestPart, around: Around, with_intervals: bool = False, beside_baseline: bool = False
) -> Stages[Scored]:
    """Fit the model on its labelled rows, then predict the test part and score the predictions.

    It stops wherever networks are to be trained.

    Arguments:
        with_intervals: score by bootstrap, and score the validation rows too.
        beside_baseline: score the quick baseline, fitted on the same rows, unless the model is that baseline.
    Raises:
        RunError: the fit failed, or its outputs are not finite numbers. DataError, ConfigError: as the estimator.
    """
    model, dataset, clock = ready.model, test.dataset, around.clock
    num_resamples = _RESAMPLES if with_intervals else 0
    quick = reference.quick_baseline(dataset, len(ready.labelled))
    # next to a run with the baseline's own settings it would say the same twice
    beside_baseline = beside_baseline and ready.experiment.model not in (quick, BaselineSettings())
    other = _Beside(lambda: reference.baseline_outputs(ready.labelled, test, ready.experiment.seed))
    if beside_baseline and trains_on_gpu(ready.experiment):
        other.start()
    with clock.phase("fit"):
        yield from _fit(ready, around)
        for sentence in getattr(model, "notes_", ()):
            around.notice(sentence)
    held: Scores = {}
    with (
        clock.phase("predict"),
        own_words(ready.experiment.model),
        heard(ready.experiment.model.is_network, around.notice, around.on_epoch),
    ):
        outputs = _outputs(ready, test, around.features)
        found = score(test, outputs, ready.decision, num_resamples)
        if with_intervals and len(ready.validation):
            own = _outputs(ready, ready.validation, around.features)
            held = _scores(ready.validation, own, ready.decision, num_resamples)
        majority = score(
            test, reference.majority_outputs(ready.labelled, len(test), dataset.allowed(test.rows)), None, num_resamples
        )
    baseline, lift = {}, None
    if beside_baseline:
        with clock.phase("baseline"):
            unlike = reference.unlike_default(quick, len(ready.labelled))
            if with_intervals and unlike is not None:
                around.notice(unlike)
            if with_intervals and len(ready.labelled) > _MANY_ROWS:
                what = f"The quick baseline, a forest, learns from {len(ready.labelled):,} rows first"
                around.notice(f"{what}, which may take minutes.")
            theirs = other.outputs()
            baseline = score(test, theirs, ready.decision, num_resamples)
            if with_intervals:
                alike = ready.decision is not None or weighs_classes(ready.experiment)
                lift = scoring.paired_lift(dataset.task, test.y, outputs, theirs, weights=ready.decision, balanced=alike)
    counts = {"labelled": len(ready.labelled), "validation": len(ready.validation), "test": len(test)}
    if ready.fit.unlabelled is not None:
        counts["unlabelled"] = len(ready.fit.unlabelled)
    runtime = model.runtime_.to_plain() if ready.experiment.model.is_network else None
    return Scored(outputs, found, held, majority, baseline, lift, counts, runtime)


_ONE_BESIDE = threading.Semaphore()  # several runs under way on one GPU: their forests would be fitted on all cores at once


class _Beside:
    """Outputs that are computed when they are asked for; or, once started, on CPU cores while a GPU is busy."""

    def __init__(self, compute: Callable[[], Array]) -> None:
        self._compute = compute
        self._thread: threading.Thread | None = None
        self._found: Array | None = None
        self._error: BaseException | None = None

    def start(self) -> None:
        context = contextvars.copy_context()  # among it how many cores this run may use
        # nobody waits for it where the run fails or is interrupted
        self._thread = threading.Thread(target=context.run, args=(self._run,), daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            with _ONE_BESIDE:
                self._found = self._compute()
        except BaseException as error:
            self._error = error

    def outputs(self) -> Array:
        """The outputs, waited for; raises what computing them raised."""
        if self._thread is None:
            return self._compute()
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._found is not None
        return self._found


def trains_on_gpu(experiment: Experiment) -> bool:
    """Whether its model is a network on a CUDA GPU, which mostly leaves the CPU cores free meanwhile."""
    if not experiment.model.is_network or experiment.device in ("cpu", "mps"):
        return False
    from sdl_cli.learning.device import resolve

    return resolve(experiment.device).device.startswith("cuda")


def held_out_score(experiment: Experiment, kept: LabelledPart, held: LabelledPart, metric: str, around: Around) -> Stages[float]:
    """Fit on `kept` labelled rows and score `held` ones: what candidates are chosen by; nan if the metric is undefined.

    The experiment has its settings resolved. It stops and raises as `fit_and_score`.
    """
    ready = with_size(make_ready(experiment, kept, ignore), dataclasses.replace(around, notice=ignore))
    yield from _fit(ready, around)
    with own_words(experiment.model):
        return _scores(held, _outputs(ready, held, around.features), ready.decision, 0)[metric].value


def with_size(ready: Ready, around: Around) -> Ready:
    """The fit with a size for its inputs, chosen by the main metric on validation rows where `reduce` leaves that open."""
    dataset, experiment, features = ready.labelled.dataset, ready.experiment, around.features
    is_open = experiment.reduce.name != "none" and experiment.reduce.number is None
    if is_open and features is None and experiment.model.uses_frozen_features:
        from sdl_cli.learning import loop
        from sdl_cli.learning.models.features import frozen_features

        with loop.context(loop.Context(on_notice=around.notice)):  # weights that are fetched are said
            features = frozen_features(experiment, dataset)
    metric, quiet = MAIN[dataset.task], Around(features=features, on_epoch=around.on_epoch)
    return settled(ready, metric, lambda one, kept, held: finish(held_out_score(one, kept, held, metric, quiet)), around.notice)


def validation_score(experiment: Experiment) -> float:
    """The main metric of an experiment on validation rows held out from its labelled rows: what a search may look at."""
    dataset, parts = divided(experiment, load_here(experiment))
    kept, held = parts.parts(dataset)[0].divided(experiment.dataset.validation_fraction, experiment.seed)
    resolved = resolve_settings(experiment, dataset, len(kept))
    found = finish(held_out_score(resolved, kept, held, MAIN[dataset.task], Around()))
    return found if math.isfinite(found) else math.nan


def score(test: TestPart, outputs: Array, decision: Array | None = None, num_resamples: int = _RESAMPLES) -> Scores:
    """All metrics of outputs for the test part, `(T, K)` or `(T,)`; no resamples of the bootstrap leave the intervals out."""
    return _scores(test, outputs, decision, num_resamples)


def row_contributions(metric: str, test: TestPart, outputs: Array, decision: Array | None = None) -> Array | None:
    """What each test row adds to a score `(T,)`, see `scoring.row_contributions`."""
    predicted = outputs if test.dataset.task == "regression" else decide(outputs, decision)
    return scoring.row_contributions(metric, test.y, outputs, predicted)


def fitted_accuracy(part: LabelledPart, outputs: Array, decision: Array | None = None) -> Measured:
    """Share of the rows that a model was fitted on which its outputs `(N, K)` decide right.

    It says how closely the model fits, not how good it is, so it has no interval.
    """
    return dataclasses.replace(_scores(part, outputs, decision, 0)["accuracy"], low=math.nan, high=math.nan)


def main_score(
    y: Array, is_classification: bool, decision: Array | None, weighs: bool
) -> tuple[str, Callable[[Array], scoring.Metric]]:
    """Name of a stored run's main metric, and what turns outputs for its test rows into it, a function of row weights.

    For the importance of columns, which a report measures on test rows after the run has ended: nothing is chosen by it. A run
    that weighs classes alike has balanced accuracy, as for its lift over the baseline.
    """
    if not is_classification:
        return "rmse", lambda outputs: scoring.rmse(y, outputs)
    if decision is not None or weighs:
        weighed = 1.0 if decision is None else decision
        return "balanced_accuracy", lambda outputs: scoring.balanced_accuracy(y, outputs * weighed)

    def accuracy(outputs: Array) -> scoring.Metric:
        correct = (decide(outputs, None) == y).astype(np.float64)
        return lambda rows: (rows @ correct) / rows.sum(axis=1)

    return "accuracy", accuracy


def _scores(part: TestPart | LabelledPart, outputs: Array, decision: Array | None, num_resamples: int) -> Scores:
    if part.dataset.task == "regression":
        return scoring.regression(part.y, outputs, num_resamples=num_resamples)
    found = scoring.classification(part.y, outputs, num_resamples=num_resamples, weights=decision)
    if part.dataset.class_sets is not None:  # rows of other sets are ranked last for free, so that guessing has nearly 1
        found["roc_auc"] = Measured(math.nan, math.nan, math.nan, len(part.y))
    return found


def _outputs(ready: Ready, part: TestPart | LabelledPart, features: Array | None) -> Array:
    settings = ready.experiment.model
    if features is not None and settings.is_probe:
        return np.asarray(ready.model.outputs_of_features(features[part.rows]))
    return reference.model_outputs(ready.model, part.X, len(part.dataset.classes), part.dataset.allowed(part.rows))


def _fit(ready: Ready, around: Around) -> Stages[None]:
    """Fit the model, with the history of a network in its folder."""
    if not ready.experiment.model.is_network:
        around.on_runtime(None)
        with own_words(ready.experiment.model):
            ready.model.fit(ready.fit.X, ready.fit.y)
        return
    from sdl_cli.learning import loop

    known = None if around.features is None else around.features[ready.fit.rows]
    context = loop.Context(around.folder, around.on_epoch, around.notice, runtime=around.runtime, features=known)
    context.on_runtime = lambda runtime: around.on_runtime(runtime.to_plain())
    with loop.context(context):
        if hasattr(ready.model, "fitting"):
            yield from ready.model.fitting(*_rows_of(ready))
        else:
            ready.model.fit(*_rows_of(ready))
    if context.history and around.folder is not None:
        write_history(around.folder, context.history)


def _rows_of(ready: Ready) -> tuple[Any, ...]:
    """The arguments of a network's `fit`: X, y, and behind them its validation rows and its unlabelled rows, if it has any."""
    rows, held = (ready.fit.X, ready.fit.y), (ready.validation.X, ready.validation.y) if len(ready.validation) else ()
    if ready.fit.unlabelled is None:
        return (*rows, *held)
    return (*rows, *(held or (None, None)), ready.fit.unlabelled)


@contextlib.contextmanager
def heard(is_network: bool, notice: Callable[[str], None], on_epoch: Callable[[Values], None] | None = None) -> Iterator[None]:
    """Inside, what a network says of the rows that it predicts reaches `notice`, and how far it is `on_epoch`."""
    if not is_network:
        yield
        return
    from sdl_cli.learning import loop

    with loop.context(loop.Context(on_notice=notice, on_epoch=on_epoch)):
        yield
