"""A comparison from its settings to its folder: every arm on the first split, then those that fit the time on all of them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sdl_cli.errors import OutOfTimeError
from sdl_cli.many import cells
from sdl_cli.many.cells import Cell, Outcome
from sdl_cli.phrases import duration
from sdl_cli.run import run_folder
from sdl_cli.run.prepare import load_here
from sdl_cli.run.writing import resumed, writing
from sdl_cli.study.compare import trial as trials
from sdl_cli.study.compare.kept import keep_models
from sdl_cli.study.compare.more_labels import measure_curve
from sdl_cli.study.compare.plan import Budget, Key, Plan, arm_folder, make_plan
from sdl_cli.study.compare.result import ComparisonResult
from sdl_cli.study.compare.settings import Comparison, parse_comparison
from sdl_cli.study.compare.summary import summarise
from sdl_cli.study.compare.trial import frozen_here
from sdl_cli.study.plan import start_workers

Values = dict[str, Any]
Round = tuple[Sequence[Key], float | None, dict[str, float] | None]  # cells, deadline, seconds of each arm where known
FILES = ("config.yaml", "environment.json", "comparison.json")
HOPELESS = 2.0  # times the time that is left: an arm that seems to take longer is not gone on with, once two are complete


@dataclass(frozen=True)
class CompareObserver:
    """Who wants to hear of a comparison as it goes; every part is optional.

    Arguments:
        on_plan: called once with what is about to be compared (see `overview`).
        on_progress: called with every cell that is done, was done before, or failed.
        on_notice: called with a sentence for the user.
    """

    on_plan: Callable[[Values], None] | None = None
    on_progress: Callable[[Progress], None] | None = None
    on_notice: Callable[[str], None] | None = None


@dataclass(frozen=True)
class Progress:
    """How far a comparison is: cells done of all, and seconds of work left as far as is known (None before the first round)."""

    outcome: Outcome
    arm: str
    repeat: int
    done: int
    total: int
    seconds_left: float | None


@dataclass
class Work:
    """Cells that were run, and what became of arms that are not complete."""

    outcomes: dict[Key, Outcome] = field(default_factory=dict)
    given_up: dict[str, str] = field(default_factory=dict)
    failed: dict[str, Outcome] = field(default_factory=dict)


def run(request: Comparison, folder: Path, observer: CompareObserver | None = None, resume: bool = False) -> Values:
    """Compare arms and write the folder.

    Arguments:
        request: complete.
        folder: where it is written; a new name is taken where another run has it.
        resume: `folder` holds this comparison, stopped earlier: go on with what is missing or failed.
    Returns:
        The object of `sdl compare --json`.
    Raises:
        ConfigError, DataError: found before anything is written. RunError: fewer than two arms could be run, or a full disk.
    """
    observer = observer or CompareObserver()
    minutes = request.shared.compare.minutes
    budget = Budget(None if minutes is None else 60 * minutes)
    said: list[str] = []

    def notice(sentence: str) -> None:
        said.append(sentence)
        if observer.on_notice is not None:
            observer.on_notice(sentence)

    prepare_workers(request)
    plan = make_plan(request)
    if resume:
        plan = _as_begun(plan, folder)
    values: Values
    with writing(folder, "comparison", resume) as out:
        out.config(plan.request.to_plain())
        out.environment(data_fingerprint=plan.dataset.fingerprint, left_out=dict(plan.left_out))
        if observer.on_plan is not None:
            observer.on_plan(overview(plan, out.folder))
        work = Work()
        for keys, deadline, costs in _rounds(plan, out.folder, budget, work):
            todo, on_done = _cells(plan, out.folder, keys, deadline, observer, work, costs)
            cores = plan.request.shared.num_threads or 1
            cells.run_cells(
                todo, trials.run_trial, on_done, plan.parallel, (), observer.on_notice, cores_per_job=cores, gpus=plan.gpus
            )
        values = summarise(plan, out.folder, work.outcomes, work.given_up, work.failed)
        values["curve"], values["more_labels"] = measure_curve(plan, out.folder, values, work.outcomes, budget, notice)
        keep_models(plan, out.folder, values, work.outcomes, notice)
        values["notes"] = list(dict.fromkeys([*values["notes"], *said]))
        values["seconds"] = {"total": round(time.time() - budget.started, 3)}
        values = ComparisonResult.from_json(values).to_json()
        out.json("comparison.json", values)
        if values["failed"]:
            first = values["failed"][0]
            out.failed(f"{len(values['failed'])} of {len(plan.arms)} arms failed, {first['name']} first: {first['reason']}")
        else:
            out.done(FILES)
    return values


def overview(plan: Plan, folder: Path) -> Values:
    """What is about to be compared, for display; `done` cells are there already."""
    total = len(plan.arms) * plan.num_repeats
    places = [arm_folder(folder, arm.name) / str(r) for arm in plan.arms for r in range(plan.num_repeats)]
    return {
        "dataset": plan.dataset.name,
        "modality": plan.dataset.modality,
        "shape": plan.dataset.row_shape,
        "labelled_rows": len(plan.split.labelled),
        "test_rows": plan.test_rows,
        "fixed_test": plan.fixed_test,
        "repeats": plan.num_repeats,
        "metric": plan.metric,
        "arms": [{"name": arm.name, "summary": arm.summary} for arm in plan.arms],
        "left_out": [{"name": name, "reason": reason} for name, reason in plan.left_out.items()],
        "num_candidates": plan.request.shared.compare.num_candidates,
        "jobs": plan.num_jobs,
        "minutes": plan.request.shared.compare.minutes,
        "cells": total,
        "done": sum(run_folder.read_state(place) == "done" for place in places),
        "notes": list(plan.notes),
    }


def prepare_workers(request: Comparison) -> None:
    """Start worker processes in the background, so that they have imported what they need once the data is loaded."""
    if request.shared.device in ("auto", "cpu") and not cells.visible_gpus():
        cores = request.shared.num_threads or 1
        start_workers(request.shared.parallel, with_networks=True, cores_per_job=cores)


def _rounds(plan: Plan, folder: Path, budget: Budget, work: Work) -> Iterator[Round]:
    """Every arm on the first split, as far as a part of the time goes; then, up the ladder, the arms that fit what is left.

    Each round is run, and what came of it is in `work`, before the next one is asked for.
    """
    names = [arm.name for arm in plan.arms]
    _prepare_features(plan)
    yield [(name, 0) for name in names], budget.first_deadline, None
    running = [name for name in names if _is_open(work, name)]
    each = {name: _seconds(work.outcomes[name, 0]) / plan.num_jobs for name in running}
    costs = {name: each[name] * _num_open(plan, folder, name) for name in running}
    fitting = budget.fitting(costs, running)
    for name in running:
        if name not in fitting:
            work.given_up[name] = f"the splits that are missing would take about {duration(costs[name])} more"
    keys = [(name, repeat) for name in fitting for repeat in range(1, plan.num_repeats)]
    yield keys, budget.deadline, each
    for name in names:
        if name in work.given_up and budget.left() > 0:
            yield from _more_of(name, plan, budget, work)
    work.given_up = {name: work.given_up[name] for name in names if name in work.given_up}


def _more_of(name: str, plan: Plan, budget: Budget, work: Work) -> Iterator[Round]:
    """Use the time that is left for an arm that was given up: each split tells better what it takes, and the first loads most."""
    costs: dict[str, float] = {}
    open_splits = [repeat for repeat in range(plan.num_repeats) if not _is_done(work, (name, repeat))]
    is_needed = sum(_is_complete(plan, work, arm.name) for arm in plan.arms) < 2
    while open_splits:
        done = [_seconds(work.outcomes[name, r]) for r in range(plan.num_repeats) if _is_done(work, (name, r))]
        costs[name] = (done[-1] if done else 0.0) * len(open_splits) / plan.num_jobs
        if not is_needed and costs[name] > HOPELESS * budget.left():
            work.given_up[name] = f"the splits that are missing would take about {duration(costs[name])} more"
            return
        now, open_splits = open_splits[: plan.num_jobs], open_splits[plan.num_jobs :]
        keys = [(name, repeat) for repeat in now]
        for key in keys:
            work.outcomes.pop(key, None)
        work.given_up.pop(name, None)
        yield keys, budget.deadline, costs
        if not _is_open(work, name):
            return


def _cells(
    plan: Plan,
    folder: Path,
    keys: Sequence[Key],
    deadline: float | None,
    observer: CompareObserver,
    work: Work,
    costs: dict[str, float] | None,
) -> tuple[list[Cell], Callable[[Outcome], None]]:
    """The cells of a round, up the ladder, and what hears of each: once the time is over, the arms of those left are given up."""
    arms = {arm.name: arm for arm in plan.arms}
    todo = {key: plan.cell(folder, arms[key[0]], key[1], deadline) for key in keys}
    where = {cell.folder: key for key, cell in todo.items()}
    before, total = len(work.outcomes), len(plan.arms) * plan.num_repeats

    def on_done(outcome: Outcome) -> None:
        key = where[outcome.cell.folder]
        work.outcomes[key] = outcome
        if isinstance(outcome.error, OutOfTimeError):
            begun = run_folder.read_state(outcome.cell.folder) != "missing"
            first = "one split takes too long for the time limit" if begun else "no time was left to begin"
            reason = first if costs is None else "the time was over before the last split"
            work.given_up.setdefault(key[0], reason)
        elif outcome.error is not None:
            work.failed.setdefault(key[0], outcome)
        left = None
        if costs is not None:
            left = sum(costs[name] for name, repeat in keys if (name, repeat) not in work.outcomes)
        if observer.on_progress is not None:
            skipped = sum(plan.num_repeats - 1 for name in work.given_up)
            shown = total if costs is None else total - skipped
            observer.on_progress(Progress(outcome, *key, before + len(where) - _missing(keys, work), shown, left))

    return list(todo.values()), on_done


def _num_open(plan: Plan, folder: Path, name: str) -> int:
    """Splits of an arm that are not done yet."""
    return sum(run_folder.read_state(arm_folder(folder, name) / str(r)) != "done" for r in range(1, plan.num_repeats))


def _missing(keys: Sequence[Key], work: Work) -> int:
    return sum(key not in work.outcomes for key in keys)


def _is_done(work: Work, key: Key) -> bool:
    return key in work.outcomes and work.outcomes[key].metrics is not None


def _is_complete(plan: Plan, work: Work, name: str) -> bool:
    return all(_is_done(work, (name, repeat)) for repeat in range(plan.num_repeats))


def _is_open(work: Work, name: str) -> bool:
    return name not in work.given_up and name not in work.failed


def _seconds(outcome: Outcome) -> float:
    assert outcome.metrics is not None
    return float(outcome.metrics["seconds"]["total"])


def _prepare_features(plan: Plan) -> None:
    """Frozen features of all images once, before several processes need them."""
    for arm in plan.arms:
        for candidate in plan.candidates(arm, 0):
            if candidate.experiment.model.uses_frozen_features:
                frozen_here(candidate.experiment, load_here(candidate.experiment))


def _as_begun(plan: Plan, folder: Path) -> Plan:
    """The plan with the arms that were left out when it was begun; a DataError where the data has changed since."""
    stored = run_folder.read_json(folder / "environment.json") if (folder / "environment.json").is_file() else {}
    run_folder.require_same_data(folder, plan.dataset.fingerprint, "comparison", "compare")
    return dataclasses.replace(plan, left_out={**stored.get("left_out", {}), **plan.left_out})


def resume(folder: Path, observer: CompareObserver | None = None) -> Values:
    """Resume a stopped comparison from its stored settings; a finished one is read."""
    stored = run_folder.read_run(folder, finished=False)
    run_folder.require_kind(folder, "compare")
    if stored.state == "done":
        if observer and observer.on_notice:
            observer.on_notice("This comparison is finished; there is nothing to resume.")
        return {**run_folder.read_json(folder / "comparison.json"), "folder": str(folder)}
    with resumed(folder):
        return run(parse_comparison(stored.config, folder), folder, observer, resume=True)
