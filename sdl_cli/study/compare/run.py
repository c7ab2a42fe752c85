"""A comparison from its settings to its folder: every arm on the first split, then those that fit the time on all of them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sdl_cli.data.split import described
from sdl_cli.errors import OutOfTimeError
from sdl_cli.files import write_atomic
from sdl_cli.learning.models.features import frozen_features
from sdl_cli.many import cells
from sdl_cli.many.cells import Outcome
from sdl_cli.phrases import duration
from sdl_cli.run import run_folder
from sdl_cli.run.fit_and_score import heard
from sdl_cli.run.prepare import load_here
from sdl_cli.run.run_log import RunLog
from sdl_cli.run.writing import writing
from sdl_cli.settings import typed
from sdl_cli.study.compare import trial as trials
from sdl_cli.study.compare.kept import keep_models
from sdl_cli.study.compare.leaderboard import leaderboard_csv
from sdl_cli.study.compare.more_labels import measure_curve
from sdl_cli.study.compare.plan import Budget, Key, Plan, arm_folder, make_plan
from sdl_cli.study.compare.result import ComparisonResult
from sdl_cli.study.compare.settings import Comparison, parse_comparison
from sdl_cli.study.compare.summary import summarise
from sdl_cli.study.compare.trial import frozen_here
from sdl_cli.study.plan import Progress, StudyObserver, import_networks, resume_study

Values = dict[str, Any]
Round = tuple[Sequence[Key], float | None, dict[str, float] | None]  # cells, deadline, seconds of each arm where known
FILES = ("config.yaml", "environment.json", "comparison.json", "leaderboard.csv", "curve.csv")
HOPELESS = 2.0  # times the time that is left: an arm that seems to take longer is dropped once two are complete


@dataclass
class Work:
    """Cells that ran, and the fate of incomplete arms."""

    outcomes: dict[Key, Outcome] = field(default_factory=dict)
    given_up: dict[str, str] = field(default_factory=dict)
    failed: dict[str, Outcome] = field(default_factory=dict)

    def has(self, name: str, repeat: int) -> bool:
        return (name, repeat) in self.outcomes and self.outcomes[name, repeat].metrics is not None

    def is_open(self, name: str) -> bool:
        return name not in self.given_up and name not in self.failed

    def seconds(self, name: str, repeat: int) -> float:
        metrics = self.outcomes[name, repeat].metrics
        assert metrics is not None
        return float(metrics["seconds"]["total"])


def run(request: Comparison, folder: Path, observer: StudyObserver | None = None, resume: bool = False) -> Values:
    """Compare arms and write the folder; returns the object of `sdl compare --json`.

    Arguments:
        folder: where it is written; a new name is used if another run has it.
        resume: `folder` holds this comparison, stopped earlier: run what is missing or failed.
    Raises:
        ConfigError, DataError: found before anything is written. RunError: fewer than two arms could be run, or a full disk.
    """
    log = RunLog()
    observer = observer or StudyObserver()
    observer = dataclasses.replace(observer, on_notice=log.heard(observer.on_notice))
    shared = request.shared
    budget = Budget(None if shared.compare.minutes is None else 60 * shared.compare.minutes)
    said: list[str] = []

    def notice(sentence: str) -> None:
        said.append(sentence)
        observer.on_notice(sentence)

    if shared.device in ("auto", "cpu") and not cells.visible_gpus():
        cells.start_workers(shared.parallel, import_networks, shared.num_threads or 1)
    networks = any(c.experiment.model.is_network for arm in request.arms for found in arm.candidates.values() for c in found)
    with heard(networks, observer.on_notice):
        plan = make_plan(request)
    if resume:
        plan = _as_begun(plan, folder)
    values: Values
    with writing(folder, "comparison", resume, log) as out:
        out.config(plan.request.to_plain())
        out.environment(
            data_fingerprint=plan.dataset.fingerprint,
            layout_fingerprint=plan.dataset.layout_fingerprint(),
            data=described(plan.dataset),
            left_out=dict(plan.left_out),
        )
        observer.on_plan(overview(plan, out.folder))
        work = Work()
        _compute_features(plan, observer.on_notice)
        for each in _rounds(plan, out.folder, budget, work):
            _run_round(plan, out.folder, each, observer, work)
        values = summarise(plan, out.folder, work.outcomes, work.given_up, work.failed)
        more = measure_curve(plan, out.folder, values, work.outcomes, budget, notice)
        values["curve"], values["more_labels"] = map(typed.to_json, more)
        if request.shared.compare.keep_models:
            keep_models(plan, out.folder, values, work.outcomes, notice)
        values["notes"] = list(dict.fromkeys([*values["notes"], *said]))
        values["seconds"] = {"total": round(time.time() - budget.started, 3)}
        found = ComparisonResult.from_json(values)
        values = found.to_json()
        write_atomic(out.folder / "leaderboard.csv", leaderboard_csv(found))
        out.json("comparison.json", values)
        for label, sentences in (("note", values["notes"]), ("verdict", [values["verdict"]])):
            for sentence in sentences:
                log.add(label, sentence)
        log.seconds(values["seconds"])
        if values["failed"]:
            first = values["failed"][0]
            out.failed(f"{len(values['failed'])} of {len(plan.arms)} arms failed, {first['name']} first: {first['reason']}")
        else:
            out.done(FILES)
    return values


def overview(plan: Plan, folder: Path) -> Values:
    """What is about to be compared, for display; `done` cells are there already."""
    places = [arm_folder(folder, arm.name) / str(r) for arm in plan.arms for r in range(plan.num_repeats)]
    return {
        "dataset": plan.dataset.name,
        "modality": plan.dataset.modality,
        "shape": plan.dataset.row_shape,
        "labelled_rows": len(plan.split.labelled),
        "test_rows": plan.test_rows,
        "fixed_test": plan.fixed_test,
        "in_order": plan.dataset.order is not None,
        "grouped": plan.dataset.groups is not None,
        "repeats": plan.num_repeats,
        "metric": plan.metric,
        "arms": [{"name": arm.name, "summary": arm.summary} for arm in plan.arms],
        "left_out": [{"name": name, "reason": reason} for name, reason in plan.left_out.items()],
        "num_candidates": plan.request.shared.compare.num_candidates,
        "jobs": plan.num_jobs,
        "minutes": plan.request.shared.compare.minutes,
        "cells": len(places),
        "done": sum(run_folder.read_state(place) == "done" for place in places),
        "notes": list(plan.notes),
    }


def _rounds(plan: Plan, folder: Path, budget: Budget, work: Work) -> Iterator[Round]:
    """Run every arm on the first split within part of the time; then, up the ladder, the arms that fit the rest.

    Each round is run, and its results are in `work`, before the next one is asked for.
    """
    names = [arm.name for arm in plan.arms]
    yield [(name, 0) for name in names], budget.first_deadline, None
    running = [name for name in names if work.is_open(name)]
    each = {name: work.seconds(name, 0) / plan.num_jobs for name in running}
    costs = {}
    for name in running:
        places = [arm_folder(folder, name) / str(r) for r in range(1, plan.num_repeats)]
        costs[name] = each[name] * sum(run_folder.read_state(place) != "done" for place in places)
    fitting = budget.fitting(costs, running)
    work.given_up |= {name: _too_long(costs[name]) for name in running if name not in fitting}
    keys = [(name, repeat) for name in fitting for repeat in range(1, plan.num_repeats)]
    yield keys, budget.deadline, each
    for name in names:
        if name in work.given_up and budget.left() > 0:
            yield from _more_of(name, plan, budget, work)
    work.given_up = {name: work.given_up[name] for name in names if name in work.given_up}


def _compute_features(plan: Plan, notice: Callable[[str], None]) -> None:
    """Compute the frozen features that arms begin with: once, before several processes need them."""
    for candidate in (candidate for arm in plan.arms for candidate in plan.candidates(arm, 0)):
        if candidate.experiment.model.uses_frozen_features:
            with heard(True, notice):
                dataset = load_here(candidate.experiment)
                (frozen_features if dataset.modality == "text" else frozen_here)(candidate.experiment, dataset)


def _too_long(seconds: float) -> str:
    return f"the missing splits would take about another {duration(seconds)}"


def _more_of(name: str, plan: Plan, budget: Budget, work: Work) -> Iterator[Round]:
    """Spend leftover time on a dropped arm: each split improves the estimate of its cost, and the first one loads the most."""
    costs: dict[str, float] = {}
    repeats = range(plan.num_repeats)
    open_splits = [repeat for repeat in repeats if not work.has(name, repeat)]
    is_needed = sum(all(work.has(arm.name, r) for r in repeats) for arm in plan.arms) < 2
    while open_splits:
        done = [work.seconds(name, r) for r in repeats if work.has(name, r)]
        costs[name] = (done[-1] if done else 0.0) * len(open_splits) / plan.num_jobs
        if not is_needed and costs[name] > HOPELESS * budget.left():
            work.given_up[name] = _too_long(costs[name])
            return
        now, open_splits = open_splits[: plan.num_jobs], open_splits[plan.num_jobs :]
        keys = [(name, repeat) for repeat in now]
        for key in keys:
            work.outcomes.pop(key, None)
        work.given_up.pop(name, None)
        yield keys, budget.deadline, costs
        if not work.is_open(name):
            return


def _run_round(plan: Plan, folder: Path, to_run: Round, observer: StudyObserver, work: Work) -> None:
    """Run the cells of a round, up the ladder; when time runs out, the rest are skipped and their arms dropped."""
    keys, deadline, costs = to_run
    arms = {arm.name: arm for arm in plan.arms}
    todo = {key: plan.cell(folder, arms[key[0]], key[1], deadline) for key in keys}
    where = {cell.folder: key for key, cell in todo.items()}
    before, total = len(work.outcomes), len(plan.arms) * plan.num_repeats

    def on_done(outcome: Outcome) -> None:
        key = where[outcome.cell.folder]
        work.outcomes[key] = outcome
        if isinstance(outcome.error, OutOfTimeError):
            begun = run_folder.read_state(outcome.cell.folder) != "missing"
            first = "one split takes too long for the time limit" if begun else "there was no time left to start"
            work.given_up.setdefault(key[0], first if costs is None else "time ran out before the last split")
        elif outcome.error is not None:
            work.failed.setdefault(key[0], outcome)
        missing = [name for name, repeat in keys if (name, repeat) not in work.outcomes]
        left = None if costs is None else sum(costs[name] for name in missing)
        shown = total if costs is None else total - (plan.num_repeats - 1) * len(work.given_up)
        observer.on_progress(Progress(outcome, *key, before + len(where) - len(missing), shown, left))

    groups = plan.groups(list(todo.values()), lambda cell: where[cell.folder][0])
    cells.run_cells(
        list(todo.values()), trials.run_trial, on_done, plan.parallel, (), observer.on_notice,
        cores_per_job=plan.request.shared.num_threads or 1, gpus=plan.gpus, groups=groups, in_stages=trials.trial_in_stages,
    )  # fmt: skip


def _as_begun(plan: Plan, folder: Path) -> Plan:
    """The plan with the arms that were left out when it started; a DataError if the data has changed since."""
    stored = run_folder.read_json(folder / "environment.json") if (folder / "environment.json").is_file() else {}
    run_folder.require_same_data(folder, plan.dataset.fingerprint, "comparison", "compare")
    run_folder.require_same_data(folder, plan.dataset.layout_fingerprint(), "comparison", "compare", "layout_fingerprint")
    return dataclasses.replace(plan, left_out={**stored.get("left_out", {}), **plan.left_out})


def resume(folder: Path, observer: StudyObserver | None = None) -> Values:
    """Resume a stopped comparison from its stored settings; a finished one is read."""
    heard = observer or StudyObserver()

    def again(stored: Values) -> Values:
        return run(parse_comparison(stored, folder), folder, heard, resume=True)

    return {**resume_study(folder, "compare", "comparison", heard, again), "folder": str(folder)}
