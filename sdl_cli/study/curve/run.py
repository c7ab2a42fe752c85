"""A learning curve from its settings to its folder: measure, forecast, and write the table, the numbers and the picture."""

from __future__ import annotations

import dataclasses
import threading
import time
from pathlib import Path
from typing import Any

from sdl_cli.data.split import described
from sdl_cli.errors import RunError
from sdl_cli.files import write_atomic
from sdl_cli.many import cells
from sdl_cli.many.cells import Outcome
from sdl_cli.measure.wording import model_name
from sdl_cli.phrases import counted, first_line
from sdl_cli.run import prepare, run_folder
from sdl_cli.run.fit_and_score import heard
from sdl_cli.run.run_log import RunLog
from sdl_cli.run.writing import writing
from sdl_cli.study.curve.measure import Plan, cell_values, measure, plan
from sdl_cli.study.curve.points import Points
from sdl_cli.study.curve.result import CurveResult, Failed
from sdl_cli.study.curve.settings import CurveExperiment, parse_curve
from sdl_cli.study.curve.summary import Question, summarise
from sdl_cli.study.plan import StudyObserver, brings_test_part, import_baseline, num_jobs, resume_study

Values = dict[str, Any]
START_SECONDS = 3.0  # until the first cell begins, and for the picture at the end
FILES = ("config.yaml", "environment.json", "curve.json", "curve.csv", "curve.png")


def run(request: CurveExperiment, folder: Path, observer: StudyObserver | None = None, resume: bool = False) -> Values:
    """Measure a curve, forecast it and write its folder; returns the object of `sdl curve --json`.

    Arguments:
        folder: where it is written; a new name is used if another run has it.
        resume: `folder` holds this curve, stopped earlier: run the cells that are missing or failed.
    Raises:
        ConfigError, DataError: found before anything is written. RunError: no cell could be measured, or the disk is full.
    """
    log = RunLog()
    observer = observer or StudyObserver()
    observer = dataclasses.replace(observer, on_notice=log.heard(observer.on_notice))
    started = time.perf_counter()
    if not request.model.is_network:
        cells.start_workers(request.parallel, import_baseline)
    the_plan = plan(request)
    with heard(request.model.is_network, observer.on_notice):
        request.model.require_weights(the_plan.dataset.task, fetch=True)
    layout = the_plan.dataset.layout_fingerprint()
    if resume:
        run_folder.require_same_data(folder, the_plan.dataset.fingerprint, "curve", "curve")
        run_folder.require_same_data(folder, layout, "curve", "curve", "layout_fingerprint")
    with writing(folder, "curve", resume, log) as out:
        out.config(prepare.absolute(the_plan.request).to_plain())
        about = described(the_plan.dataset)
        out.environment(data_fingerprint=the_plan.dataset.fingerprint, layout_fingerprint=layout, data=about)
        observer.on_plan(overview(the_plan, out.folder))
        threading.Thread(target=_import_picture, daemon=True).start()  # while the cells are waited for
        points, failed = measure(the_plan, out.folder, observer)
        if not points.scores:
            raise _nothing(failed, out.folder)
        result = _result(the_plan, out.folder, points, failed, time.perf_counter() - started)
        from sdl_cli.measure.png import draw_curve

        told = dataclasses.replace(points, test_rows=the_plan.test_rows, same_test_rows=brings_test_part(the_plan.dataset))
        write_atomic(out.folder / "curve.csv", told.to_csv())
        write_atomic(out.folder / "curve.png", draw_curve(result))
        out.json("curve.json", result.to_json())
        for label, sentences in (("note", result.notes), ("warning", result.warnings), ("verdict", (result.verdict,))):
            for sentence in sentences:
                log.add(label, sentence)
        log.seconds({"total": result.seconds})
        if failed:
            out.failed(f"{len(failed)} of {counted(the_plan.num_cells, 'cell')} failed: {failed[0].error}")
        else:
            out.done(FILES)
    return result.to_json()


def _import_picture() -> None:
    import sdl_cli.measure.png  # noqa: F401


def overview(the_plan: Plan, folder: Path) -> Values:
    """What is about to be measured, for display; `done` cells are there already."""
    request, todo = the_plan.request, the_plan.cells(folder)
    left = [size for (size, _), cell in todo.items() if run_folder.read_state(cell.folder) != "done"]
    return {
        "dataset": the_plan.dataset.name,
        "shape": the_plan.dataset.row_shape,
        "modality": the_plan.dataset.modality,
        "name": model_name(vars(request.model)),
        "sizes": list(the_plan.sizes),
        "repeats": request.curve.num_repeats,
        "test_rows": the_plan.test_rows,
        "grouped": the_plan.dataset.groups is not None and not brings_test_part(the_plan.dataset),
        "cells": the_plan.num_cells,
        "done": the_plan.num_cells - len(left),
        "jobs": num_jobs(the_plan.parallel),
        "seconds": START_SECONDS + sum(map(the_plan.seconds.of, left)) / num_jobs(the_plan.parallel),
        "is_guess": the_plan.seconds.is_guess,
        "notes": list(the_plan.notes),
    }


def _result(the_plan: Plan, folder: Path, points: Points, failed: list[Outcome], seconds: float) -> CurveResult:
    curve, same_test = the_plan.request.curve, brings_test_part(the_plan.dataset)
    question = Question(curve.target, curve.at, curve.level, the_plan.test_rows, the_plan.noise_rows, same_test)
    return dataclasses.replace(
        summarise(points, question, model_name(vars(the_plan.request.model)), the_plan.dataset.name),
        folder=folder,
        failed=tuple(Failed(o.cell.folder, first_line(o.error)) for o in failed),
        notes=tuple(dict.fromkeys([*the_plan.notes, *_cell_notes(the_plan, folder)])),
        seconds=round(seconds, 3),
    )


def _cell_notes(the_plan: Plan, folder: Path) -> list[str]:
    """Notes from the first cell at the largest size; smaller sizes would repeat them."""
    for (size, _), cell in the_plan.cells(folder).items():
        if size == the_plan.sizes[-1] and run_folder.read_state(cell.folder) == "done":
            return list(cell_values(run_folder.read_run(cell.folder).metrics)["notes"])
    return []


def _nothing(failed: list[Outcome], folder: Path) -> Exception:
    """The error if every cell failed: a mistake in settings or data as itself, anything else as the run's failure."""
    first = failed[0].error if failed else None
    if first is not None and getattr(first, "exit_code", 1) == 2:
        return first
    return RunError(
        f"None of {counted(len(failed), 'cell')} could be measured: {first_line(first) if first else 'no score'}",
        f"Try again: sdl curve --resume {run_folder.quoted(folder)}",
    )


def resume(folder: Path, observer: StudyObserver | None = None) -> Values:
    """Resume a stopped curve from its stored settings; a finished one is read."""
    heard = observer or StudyObserver()
    return resume_study(folder, "curve", "curve", heard, lambda stored: run(parse_curve(stored), folder, heard, resume=True))
