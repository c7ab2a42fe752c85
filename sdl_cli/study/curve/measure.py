"""Measure a learning curve: one cell for every size and repeat, run if missing, read if done."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data.dataset import Dataset
from sdl_cli.data.images.depth import is_scaled
from sdl_cli.data.split import split
from sdl_cli.data.time_order import origins_sentence
from sdl_cli.learning.device import Runtime
from sdl_cli.learning.models import features
from sdl_cli.learning.stages import Stages, finish
from sdl_cli.many import cells
from sdl_cli.many.cells import Cell, Outcome
from sdl_cli.many.groups import groups_of
from sdl_cli.measure.metrics import check_target
from sdl_cli.run import prepare, run_folder, train
from sdl_cli.run.fit_and_score import Around, Clock, fit_and_score, heard, with_size
from sdl_cli.run.writing import finite, writing
from sdl_cli.settings.experiment import Experiment
from sdl_cli.settings.parallel import Parallel
from sdl_cli.study.curve import sizes
from sdl_cli.study.curve.estimate import CellSeconds
from sdl_cli.study.curve.points import Points
from sdl_cli.study.curve.settings import CurveExperiment
from sdl_cli.study.plan import Progress, StudyObserver, brings_test_part, how_parallel, metric_of, noise_rows, num_jobs

Array = np.ndarray[Any, Any]
Values = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What a curve will measure.

    Arguments:
        request: as asked for, with absolute paths.
        sizes: labelled rows, increasing.
        test_rows, noise_rows: rows of the (smallest) test part, and how many of them count for the metric's noise.
        parallel: how many cells run at once; None for a model that takes the whole machine, whose cells run one by one.
        notes: what a user should know before it starts, one sentence each.
    """

    request: CurveExperiment
    dataset: Dataset
    sizes: tuple[int, ...]
    test_rows: int
    noise_rows: float
    metric: str
    parallel: Parallel | None
    seconds: CellSeconds
    notes: tuple[str, ...]

    @property
    def num_cells(self) -> int:
        return len(self.sizes) * self.request.curve.num_repeats

    def cells(self, folder: Path) -> dict[tuple[int, int], Cell]:
        """(size, repeat) -> cell, in the best order to run.

        In parallel the longest come first, so that no core waits for the last one; one by one, each repeat goes from small to
        large.
        """
        repeats = range(self.request.curve.num_repeats)
        keys = [(size, repeat) for repeat in repeats for size in self.sizes]
        if self.parallel is not None:
            keys.sort(key=lambda key: (-key[0], key[1]))
        width = len(str(self.sizes[-1]))
        return {
            (size, repeat): Cell(self.request.cell(size, repeat), folder / "cells" / f"size-{size:0{width}}_repeat-{repeat}")
            for size, repeat in keys
        }


def plan(request: CurveExperiment) -> Plan:
    """Load the data and decide what is measured. Raises ConfigError and DataError for anything impossible."""
    curve = request.curve
    whole = dataclasses.replace(request.cell(2, 0), dataset=request.dataset)
    dataset, filled, _ = prepare.load_dataset(whole)
    request = dataclasses.replace(request, dataset=filled.dataset, model=filled.model)
    metric = metric_of("curve.metric", curve.metric, dataset)
    check_target("curve.target", metric, curve.target)
    labelled, test = _rows(request, dataset)
    chosen = sizes.choose(labelled, len(dataset.classes), curve.sizes, curve.num_sizes)
    largest = prepare.resolve_settings(request.cell(chosen[-1], 0), dataset, chosen[-1])
    parallel, _, why = how_parallel(request, request.model.is_network, dataset, share=False)
    notes = [*dataset.notes, *prepare.settings_without_effect(largest)]
    if curve.num_repeats == 1:
        notes.append("One repeat per size: the spread between splits is not measured (curve.num_repeats=5 is usual).")
    elif brings_test_part(dataset):
        notes.append(
            f"Every repeat is scored on the same {len(test):,} test rows: the standard errors reflect the choice of labelled "
            "rows and the seed, not chance in the test rows."
        )
    elif dataset.order is not None:
        notes.append(origins_sentence(dataset.order, curve.num_repeats))
    notes += [why] if why else []
    first = dataclasses.replace(request.cell(2, 0).dataset, num_train=request.dataset.num_train)
    notes += train.look(filled, *prepare.divided(dataclasses.replace(filled, dataset=first, seed=request.seed), dataset))
    seconds = CellSeconds(request.cell(chosen[-1], 0), dataset, chosen)
    return Plan(request, dataset, chosen, len(test), noise_rows(dataset, test, metric), metric, parallel, seconds, tuple(notes))


def measure(the_plan: Plan, folder: Path, observer: StudyObserver) -> tuple[Points, list[Outcome]]:
    """Run the cells that are not done; returns the points of all that are done, and the outcomes of those that failed."""
    todo, frozen = the_plan.cells(folder), None
    left = {key for key, cell in todo.items() if run_folder.read_state(cell.folder) != "done"}
    if left and is_scaled(the_plan.dataset) and the_plan.request.model.uses_frozen_features:
        with heard(True, observer.on_notice):
            frozen = features.frozen_features(the_plan.request, the_plan.dataset)
    keys = {cell.folder: key for key, cell in todo.items()}
    found: dict[tuple[int, int], Outcome] = {}

    def on_done(outcome: Outcome) -> None:
        key = keys[outcome.cell.folder]
        found[key] = outcome
        if outcome.metrics is not None and not outcome.was_done:
            the_plan.seconds.add(key[0], outcome.metrics["seconds"]["total"])
        left_seconds = sum(the_plan.seconds.of(size) for size, repeat in todo if (size, repeat) not in found)
        observer.on_progress(Progress(outcome, *key, len(found), len(todo), left_seconds / num_jobs(the_plan.parallel)))

    in_stages: cells.InStages = functools.partial(cell_in_stages, keep_models=the_plan.request.curve.keep_models)
    run_one: cells.RunOne = functools.partial(run_cell, keep_models=the_plan.request.curve.keep_models)
    if the_plan.parallel is None:
        in_stages = _in_this_process(the_plan, frozen, list(todo.values()))
        run_one = functools.partial(_finished, in_stages)
    groups = groups_of(
        list(todo.values()), lambda cell: cell.experiment, lambda cell: keys[cell.folder][0], the_plan.dataset.modality,
        num_jobs(the_plan.parallel), the_plan.dataset.X.nbytes,
    )  # fmt: skip
    cells.run_cells(
        list(todo.values()), run_one, on_done, the_plan.parallel, raised=(), on_notice=observer.on_notice, groups=groups,
        in_stages=in_stages,
    )  # fmt: skip
    failed = [outcome for outcome in found.values() if outcome.error is not None]
    the_plan.seconds.remember()
    return _points(the_plan, found), failed


def run_cell(
    single: Experiment,
    folder: Path,
    resume: bool,
    keep_models: bool,
    dataset: Dataset | None = None,
    frozen: Array | None = None,
    runtime: Runtime | None = None,
) -> Values:
    """`cell_in_stages` by itself."""
    return finish(cell_in_stages(single, folder, resume, keep_models, dataset, frozen, runtime))


def cell_in_stages(
    single: Experiment,
    folder: Path,
    resume: bool,
    keep_models: bool,
    dataset: Dataset | None = None,
    frozen: Array | None = None,
    runtime: Runtime | None = None,
) -> Stages[Values]:
    """One cell, in any process: its numbers, or with `keep_models` a whole run folder and the same numbers of it.

    It stops wherever networks are to be trained.

    Arguments:
        dataset: the cell's, if it is loaded already.
        frozen, runtime: as of `fit_and_score.Around`.
    Returns:
        `{"test", "baseline", "majority": {metric: value}, "rows", "seconds", "runtime", "notes"}`; the baseline is null if the
        cell's settings are the baseline's own.
    Raises:
        As `train.run`; the folder's `status.json` keeps the error.
    """
    if keep_models:
        whole = yield from train.in_stages(single, folder, resume=resume)
        return cell_values(whole.to_json())
    notes: list[str] = []
    clock = Clock()
    with writing(folder, "cell", resume) as out:
        with clock.phase("load"):
            dataset, experiment, _ = prepare.load_dataset(single, dataset or prepare.load_here(single))
            dataset, parts = prepare.divided(experiment, dataset)
            labelled, test = parts.parts(dataset)
        notes += parts.notes
        experiment = prepare.resolve_settings(experiment, dataset, len(labelled))
        ready = with_size(prepare.make_ready(experiment, labelled, notes.append), Around(notice=notes.append))
        out.config(ready.experiment.to_plain())
        fingerprint = dataset.fingerprint

        def settled(found: Values | None) -> None:
            if found is not None:
                out.environment(data_fingerprint=fingerprint, runtime=found)

        runtime = (train.stored_runtime(folder) if resume else None) or runtime
        around = Around(folder, runtime, frozen, on_runtime=settled, notice=notes.append, clock=clock)
        scored = yield from fit_and_score(ready, test, around, beside_baseline=True)
        values = scored.numbers(clock.total(), notes)
        values["baseline"] = finite({name: found.value for name, found in scored.baseline.items()}) or None
        out.json("metrics.json", values)
        out.done()
    return values


def cell_values(metrics: Values) -> Values:
    """The numbers of a cell, from its own `metrics.json` or from a whole run's."""
    if "metrics" not in metrics:
        return metrics

    def values(found: Values | None) -> Values | None:
        return {name: measured["value"] for name, measured in found["test"].items()} if found else None

    return {
        "test": values(metrics["metrics"]),
        "baseline": values(metrics["baseline"]),
        "majority": values(metrics["majority"]),
        **{key: metrics[key] for key in ("rows", "seconds", "runtime", "notes")},
    }


def _in_this_process(the_plan: Plan, frozen: Array | None, todo: Sequence[Cell]) -> cells.InStages:
    """Run cells on the data loaded already; each on the runtime that the first one to end has chosen."""
    done = [cell.folder for cell in todo if run_folder.read_state(cell.folder) == "done"]
    runtimes = [found for found in (run_folder.read_run(folder).metrics.get("runtime") for folder in done) if found]

    def in_stages(single: Experiment, folder: Path, resume: bool) -> Stages[Values]:
        runtime = Runtime.from_plain(runtimes[0]) if runtimes else None
        keep = the_plan.request.curve.keep_models
        found = yield from cell_in_stages(single, folder, resume, keep, the_plan.dataset, frozen, runtime)
        runtimes.extend(filter(None, [found["runtime"]]))
        return found

    return in_stages


def _finished(in_stages: cells.InStages, single: Experiment, folder: Path, resume: bool) -> Values:
    return finish(in_stages(single, folder, resume))


def _rows(request: CurveExperiment, dataset: Dataset) -> tuple[int, Array]:
    """Labelled rows that every repeat has, and the smallest test part: they may differ because groups stay whole."""
    parts = []
    for repeat in range(request.curve.num_repeats):
        single = request.cell(2, repeat)
        parts.append(split(dataset, dataclasses.replace(single.dataset, num_train=request.dataset.num_train), single.seed))
    return min(len(part.labelled) for part in parts), min((part.test for part in parts), key=len)


def _points(the_plan: Plan, found: dict[tuple[int, int], Outcome]) -> Points:
    scores: dict[int, dict[str, float]] = {}
    seconds: dict[int, float] = {}
    beside: dict[str, dict[int, list[float]]] = {"baseline": {}, "majority": {}}
    for size in the_plan.sizes:
        for repeat in range(the_plan.request.curve.num_repeats):
            outcome = found.get((size, repeat))
            values = cell_values(outcome.metrics) if outcome and outcome.metrics else None
            score = values["test"].get(the_plan.metric) if values else None
            if values is None or score is None:
                continue
            scores.setdefault(size, {})[str(repeat)] = score
            seconds[size] = seconds.get(size, 0.0) + values["seconds"]["total"]
            for name, each in beside.items():
                if values[name] and values[name][the_plan.metric] is not None:
                    each.setdefault(size, []).append(values[name][the_plan.metric])
    means = {name: {size: float(np.mean(found)) for size, found in each.items()} for name, each in beside.items()}
    return Points(the_plan.metric, scores, seconds, means["baseline"], means["majority"])
