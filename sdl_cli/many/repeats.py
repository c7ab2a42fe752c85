"""`sdl train`: one experiment, over `num_repeats` splits where that is more than one."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from sdl_cli.errors import RunError
from sdl_cli.learning.stages import Stages, finish
from sdl_cli.many import cells
from sdl_cli.many.groups import groups_of
from sdl_cli.measure import metrics
from sdl_cli.run import prepare, run_folder, trackers
from sdl_cli.run import train as single
from sdl_cli.run.fit_and_score import ignore, trains_on_gpu
from sdl_cli.run.request import parse_experiment
from sdl_cli.run.result import RunResult, Scores
from sdl_cli.run.run_log import RunLog
from sdl_cli.run.train import Observer
from sdl_cli.run.writing import resumed, writing
from sdl_cli.settings import older_names
from sdl_cli.settings.experiment import Experiment

Values = dict[str, Any]


def train(asked: Experiment, folder: Path, observer: Observer | None = None, resume: bool = False) -> Values:
    """Train, score and save one experiment, over `num_repeats` splits if there are several: the object of `train --json`."""
    return finish(in_stages(asked, folder, observer, resume))


def in_stages(asked: Experiment, folder: Path, observer: Observer | None = None, resume: bool = False) -> Stages[Values]:
    """`train`, which stops wherever networks of a single split are to be trained."""
    found, observer = trackers.settled(asked), observer or Observer()
    with trackers.watched(found, observer) as watched:
        if found.num_repeats > 1:
            return watched.finish(_train_repeats(found, folder, watched, observer, resume))
        one = yield from single.in_stages(found, folder, watched.observer, resume)
        return watched.finish(one.to_json())


def resume(folder: Path, observer: Observer | None = None) -> Values:
    """Resume a stopped run from its stored configuration; a finished one is read."""
    run_folder.require_kind(folder, "train")
    if run_folder.read_state(folder) == "done":
        if observer is not None:
            observer.on_notice("This run is finished; there is nothing to resume.")
        return run_folder.read_run(folder).metrics
    stored = run_folder.read_run(folder, finished=False)
    if observer is not None:
        for sentence in older_names.sentences(stored.config):
            observer.on_notice(sentence)
    with resumed(folder):
        return train(parse_experiment(stored.config), folder, observer, resume=True)


def _train_repeats(found: Experiment, folder: Path, whole: trackers.Watched, observer: Observer, resume: bool) -> Values:
    one_split = dataclasses.replace(found, num_repeats=1)
    singles = [prepare.of_repeat(one_split, repeat, found.num_repeats) for repeat in range(found.num_repeats)]
    if resume and run_folder.repeat_folders(folder):
        now = prepare.load_dataset(found)[0].fingerprint
        for repeat in run_folder.repeat_folders(folder):
            run_folder.require_same_data(repeat, now, "run", "train")
    num_ended, others, dataset = 0, observer, None

    def one_in_stages(one: Experiment, where: Path, again: bool) -> Stages[Values]:
        nonlocal others
        heard, others = others, dataclasses.replace(others, on_epoch=ignore) if groups else others  # epochs would come mixed up
        with trackers.watched(one, heard, whole.mlflow_run) as watched:
            result = yield from single.in_stages(one, where, watched.observer, again, dataset)
            return watched.finish(result.to_json())

    def on_done(outcome: cells.Outcome) -> None:
        nonlocal num_ended
        num_ended += 1
        if outcome.metrics is not None:
            observer.on_repeat(num_ended, len(singles), outcome.metrics)

    log = RunLog()
    with writing(folder, "repeats", resume, log) as out:
        out.config(prepare.absolute(found).to_plain())
        whole.observer.on_folder(out.folder)
        each = [cells.Cell(one, out.folder / "repeats" / str(repeat)) for repeat, one in enumerate(singles)]
        groups: list[cells.Group] = []
        if found.model.stacks or trains_on_gpu(found):
            dataset = prepare.load_here(found)
            groups = groups_of(each, lambda cell: cell.experiment, lambda cell: 0, dataset.modality, 1, dataset.X.nbytes)
        outcomes = cells.run_cells(
            each, lambda *of_one: finish(one_in_stages(*of_one)), on_done, groups=groups, in_stages=one_in_stages
        )
        failed = [o for o in outcomes if o.error is not None]
        if failed:
            what = f"{len(failed)} of {len(outcomes)} repeats failed, the first in {failed[0].cell.folder}: {failed[0].error}"
            hint = f"Run them again with: sdl train --resume {run_folder.quoted(out.folder)}"
            raise RunError(what, hint) from failed[0].error
        repeats = [RunResult.from_json(o.metrics) for o in outcomes if o.metrics is not None]
        summary = _over_repeats(out.folder, found, repeats).to_json()
        out.json("metrics.json", summary)
        log.add("repeats", f"{len(repeats)} done, each with a log of its own in repeats/")
        log.seconds(summary["seconds"])
        out.done(["config.yaml", "metrics.json"])
    return summary


def _over_repeats(folder: Path, found: Experiment, repeats: list[RunResult]) -> RunResult:
    """Means over repeats, and what the first one says of data and settings."""

    same = all(repeat.same_test_rows for repeat in repeats)

    def mean(part: str) -> Scores:
        known = [scores for repeat in repeats if (scores := getattr(repeat, part))]
        return metrics.over_repeats(known, same and part != "validation") if known else {}

    means: Values = {part: mean(part) for part in ("test", "validation", "baseline", "majority")}
    first, lifts = repeats[0], [repeat.lift for repeat in repeats if repeat.lift is not None]
    return dataclasses.replace(
        first,
        folder=folder,
        config={**first.config, "num_repeats": found.num_repeats, "seed": found.seed},
        **means,
        lift=metrics.lift_over_repeats(lifts, first.rows["test"] / first.rows["labelled"], same) if lifts else None,
        seconds={name: sum(repeat.seconds.get(name, 0.0) for repeat in repeats) for name in first.seconds},
        notes=tuple(dict.fromkeys(note for repeat in repeats for note in repeat.notes)),
        repeats=len(repeats),
        same_test_rows=same,
    )
