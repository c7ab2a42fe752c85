"""One run, start to end: load, split, build, fit, score, compare with the baseline, save. Read it like the article."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data.dataset import Dataset
from sdl_cli.data.files import monotone
from sdl_cli.data.files.value_words import codes_of
from sdl_cli.data.split import LabelledPart, Split, TestPart, described, division
from sdl_cli.errors import SdlError
from sdl_cli.learning.device import Runtime
from sdl_cli.learning.models.architectures import each
from sdl_cli.learning.models.storage import save_model
from sdl_cli.learning.stages import Stages, finish
from sdl_cli.measure.wording import label, measured, model_name
from sdl_cli.run import check, prepare, reduced, run_folder
from sdl_cli.run.fit_and_score import Around, Clock, Scored, fit_and_score, heard, ignore, with_size
from sdl_cli.run.new_inputs import as_read
from sdl_cli.run.prepare import Ready, make_ready, settings_without_effect, weighs_classes
from sdl_cli.run.result import RunResult
from sdl_cli.run.run_log import RunLog
from sdl_cli.run.unlabelled import fingerprint
from sdl_cli.run.writing import require_space, write_predictions, writing
from sdl_cli.settings.experiment import Experiment, plain

Values = dict[str, Any]
PHOTOS = ("image_folder", "image_table")  # kinds of data set that mostly are photographs


@dataclass
class Observer:
    """What is called as a run goes.

    Arguments:
        on_start: once with what is about to run (see `_overview`), before training.
        on_epoch: with each row of the training history.
        on_notice: with a sentence for the user.
        on_runtime: with what a network runs on once it is settled, or with None for scikit-learn.
        on_repeat: with number, total and metrics of each of `num_repeats` splits that is done.
        on_folder: once with the run folder, when it is the run's own and holds its settings, before `on_start`.
    """

    on_start: Callable[[Values], None] = ignore
    on_epoch: Callable[[Values], None] = ignore
    on_notice: Callable[[str], None] = ignore
    on_runtime: Callable[[Values | None], None] = ignore
    on_repeat: Callable[[int, int, Values], None] = ignore
    on_folder: Callable[[Path], None] = ignore


def run(experiment: Experiment, folder: Path, observer: Observer | None = None, resume: bool = False) -> RunResult:
    """`in_stages` by itself."""
    return finish(in_stages(experiment, folder, observer, resume))


def in_stages(
    experiment: Experiment,
    folder: Path,
    observer: Observer | None = None,
    resume: bool = False,
    dataset: Dataset | None = None,
) -> Stages[RunResult]:
    """Carry out one experiment (one split) and write its run folder; it stops wherever networks are to be trained.

    Arguments:
        experiment: complete; `num_repeats` is ignored here.
        folder: gets a new name if another run has it.
        resume: `folder` holds this run, stopped earlier: continue from its checkpoints.
        dataset: its data set, if it is loaded already.
    Raises:
        ConfigError, DataError: found before anything is written, also that the data of a resumed run has changed.
        RunError: training failed; `status.json` says why.
    """
    observer = observer or Observer()
    notes: list[str] = []
    log = RunLog()

    def notice(sentence: str) -> None:
        if sentence not in notes:
            notes.append(sentence)
            log.add("note", sentence)
            observer.on_notice(sentence)

    clock = Clock()
    with clock.phase("load"):
        dataset, experiment, preferred = prepare.load_dataset(experiment, dataset)
        prepare.seen_as(experiment, dataset)  # before weights are fetched that could not read this data
        with heard(experiment.model.is_network, notice):
            experiment.model.require_weights(dataset.task, fetch=True)  # before anything that takes longer
        if resume:
            run_folder.require_same_data(folder, dataset.fingerprint, "run", "train")
        dataset, parts = prepare.divided(experiment, dataset)
        labelled, test = parts.parts(dataset)
        more: Values = {"split_fingerprint": parts.fingerprint(), "layout_fingerprint": dataset.layout_fingerprint()}
        more |= {} if parts.unlabelled is None else {"unlabelled_fingerprint": fingerprint(parts.unlabelled)}
        for key, own in more.items() if resume else ():
            run_folder.require_same_data(folder, own, "run", "train", key)
    with clock.phase("check"):
        for sentence in (*dataset.notes, *parts.notes, *look(experiment, dataset, parts)):
            notice(sentence)
    experiment = prepare.resolve_settings(experiment, dataset, len(labelled))
    for sentence in _about_settings(experiment):
        notice(sentence)
    if prepare.directions(experiment) and experiment.model.heeds_monotone:
        notice(monotone.sentence(prepare.directions(experiment), dataset))
    ready = make_ready(experiment, labelled, notice)
    runtime = stored_runtime(folder) if resume else None
    with writing(folder, "run", resume, log) as out:
        out.config(experiment.to_plain())
        require_space(out.folder, 20_000_000)
        more["data"] = described(dataset)
        out.environment(data_fingerprint=dataset.fingerprint, runtime=runtime and runtime.to_plain(), **more)
        observer.on_folder(out.folder)
        overview = _overview(ready, test)
        observer.on_start(overview)
        log.add("data", f"{dataset.name}: {', '.join(f'{n:,} {part}' for part, n in overview['rows'].items() if n)}")
        log.add("model", overview["model"])

        def settled(found: Values | None) -> None:
            observer.on_runtime(found)
            log.add("device", "cpu (scikit-learn)" if found is None else f"{found['device']}, {found['precision']}")
            if found is not None:
                out.environment(runtime=found)

        with clock.phase("choose"):
            ready = with_size(ready, Around(notice=notice))
        experiment = ready.experiment
        out.config(experiment.to_plain())
        around = Around(out.folder, runtime, None, observer.on_epoch, settled, notice, clock)
        scored = yield from fit_and_score(ready, test, around, with_intervals=True, beside_baseline=True)
        reduction = reduced.described(ready.model, dataset)
        if reduction is not None:
            notice(reduced.sentence(reduction))
        diversity = getattr(ready.model, "diversity_", None)
        generated = None if diversity is None else dataclasses.asdict(diversity)
        with clock.phase("save"):
            files = _save(out.folder, ready, test, scored, _inputs(dataset, preferred, labelled), notice)
        told: Values = {"notes": tuple(notes), "reduction": reduction, "generated": generated}
        told["same_test_rows"] = division(dataset) == "source"
        result = RunResult(out.folder, experiment.to_plain(), **scored.found(), seconds=clock.total(), **told)
        out.json("metrics.json", result.to_json())
        log.add("test", ", ".join(f"{label(name)} {measured(name, value)}" for name, value in result.test.items()))
        log.seconds(result.seconds)
        # with which weights it started, and their digest
        began = getattr(getattr(ready.model, "model_", ready.model), "pretrained_", None)
        out.environment(runtime=scored.runtime, seconds=result.seconds, **({"pretrained": began} if began else {}))
        out.done(["config.yaml", "metrics.json", "predictions.csv", "environment.json", "history.csv", *files])
    return result


def _save(folder: Path, ready: Ready, test: TestPart, scored: Scored, inputs: Values, notice: Callable[[str], None]) -> list[str]:
    """Write the predictions and the model; returns the names of the model's files."""
    dataset, decision = test.dataset, ready.decision
    ids, codes = dataset.ids[test.rows], codes_of(dataset.source, dataset.classes)
    write_predictions(folder / "predictions.csv", ids, test.y, scored.outputs, dataset.classes, decision, codes)
    inputs["decision"] = None if decision is None else decision.tolist()
    return save_model(ready.model, ready.experiment.model.name, dataset.task, folder, inputs, notice)


def _about_settings(experiment: Experiment) -> list[str]:
    """What to know of the settings of a single run."""
    found = settings_without_effect(experiment)
    if experiment.dataset.name in PHOTOS and experiment.model.starts_random:
        better = "for photographs try model=finetuned_cnn, pretrained on a million others."
        found.append(f"{experiment.model.name} learns only from these images: {better}")
    if experiment.model.is_pretrained and "none" in each(experiment.model.weights):
        better = "model=deep_net is made to learn from nothing."
        found.append(f"model.weights=none: the network begins with random weights, and knows nothing of images; {better}")
    if experiment.dataset.name in PHOTOS and experiment.model.reads_px is not None:
        size = experiment.dataset.size_px
        what = "drawings are compared" if experiment.model.takes_support else "images are read"
        resized = f"{what} at {size} x {size} px; others are resized"
        found.append(f"{experiment.model.name}: {resized}, and of those that are not square only the middle is seen.")
    return found


def look(experiment: Experiment, dataset: Dataset, parts: Split) -> list[str]:
    """What a quick look at the data finds that can spoil a result, one sentence or two each."""
    balanced = experiment.threshold != "most_probable" or weighs_classes(experiment)
    found = [p for p in check.inspect(dataset, parts, brief=True) if p.severity != "note" or "target_scale=log" in p.advice]
    return [
        " ".join(filter(None, (problem.what, problem.where and f"({problem.where})", problem.advice)))
        for problem in found
        if not (balanced and "class_weight=balanced" in problem.advice)
    ]


def _inputs(dataset: Dataset, preferred: tuple[int, str] | None, labelled: LabelledPart) -> Values:
    found = as_read(dataset, preferred[1] if preferred else "bilinear")
    if dataset.modality == "table" and dataset.X.dtype.kind == "f":
        found["ranges"] = _ranges(dataset, labelled)
    return found


def _ranges(dataset: Dataset, labelled: LabelledPart) -> list[list[float] | None]:
    """Least and largest number of each feature of labelled rows; None where they do not differ, or are codes of categories."""
    numbers = {
        place for c, (_, own) in zip(dataset.columns, dataset.own_columns, strict=False) if c.kind == "number" for place in own
    }
    found: list[list[float] | None] = []
    for place, values in enumerate(labelled.X.T):
        known = values[np.isfinite(values)] if place in numbers or not dataset.columns else values[:0]
        found.append([float(known.min()), float(known.max())] if len(known) and known.min() < known.max() else None)
    return found


def _overview(ready: Ready, test: TestPart) -> Values:
    """What is about to run, for display."""
    experiment, dataset = ready.experiment, test.dataset

    def counts(part: LabelledPart | TestPart) -> dict[str, int]:
        found: Any = np.bincount(part.y, minlength=len(dataset.classes)) if dataset.classes else []
        return {name: int(n) for name, n in zip(dataset.classes, found, strict=True)}

    parts: dict[str, LabelledPart | TestPart] = {"train": ready.fit, "validation": ready.validation, "test": test}
    return {
        "dataset": dataset.name,
        "task": dataset.task,
        "modality": dataset.modality,
        "shape": dataset.row_shape,
        "rows": {name: len(part) for name, part in parts.items()},
        "per_class": {name: counts(part) for name, part in parts.items() if len(part)},
        "model": model_name(vars(experiment.model)),
        "strategy": getattr(experiment.model, "strategy", None),
        "network": experiment.model.trains_in_epochs or experiment.model.is_probe,
        "loss": experiment.loss.name,
        "augment": experiment.augment.name,
        "training": plain(experiment.training),
        "compute": {"device": experiment.device, "precision": experiment.precision},
    }


def stored_runtime(folder: Path) -> Runtime | None:
    """What the network of a stopped run had settled to run on, or None."""
    try:
        found = run_folder.read_json(folder / "environment.json")["runtime"]
    except (SdlError, KeyError):  # stopped before it was known
        return None
    return Runtime.from_plain(found) if found else None
