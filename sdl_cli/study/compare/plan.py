"""What a comparison will do: which arms suit the data, the cells of each, how many run at once, and what fits the time."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data.dataset import Dataset
from sdl_cli.data.split import TOO_NARROW, Split
from sdl_cli.data.time_order import origins_sentence
from sdl_cli.errors import ConfigError, SdlError
from sdl_cli.many.cells import Cell, Group
from sdl_cli.many.groups import groups_of
from sdl_cli.phrases import listed
from sdl_cli.run import prepare
from sdl_cli.run.train import look
from sdl_cli.settings.experiment import Experiment
from sdl_cli.settings.parallel import Parallel
from sdl_cli.study.compare.arms import folder_name
from sdl_cli.study.compare.settings import Arm, Candidate, Comparison
from sdl_cli.study.compare.trial import Trial
from sdl_cli.study.plan import brings_test_part, how_parallel, metric_of, metrics_of, num_jobs

Array = np.ndarray[Any, Any]
Key = tuple[str, int]  # arm, repeat
BY_ROW = ("accuracy", "balanced_accuracy", "log_loss", "mae", "rmse")  # metrics that `scoring.row_contributions` knows
MOST_OF_ONE_CLASS = 0.7  # share of the labelled rows, over which accuracy says little
FIRST_SHARE = 0.3  # of the time limit, for the first split of every arm
FINISH_SHARE = 0.1  # of it, kept for the curve and the recommended run


@dataclass(frozen=True)
class Plan:
    """A comparison that is ready to run.

    Arguments:
        request: as asked for, with absolute paths; its arms are those that suit the data.
        dataset, split: loaded as the first arm needs it, and its first split.
        fixed_test: the source has its own test part, so every repeat has the same test rows.
        test_rows: rows of one (the smallest) test part.
        left_out: arms of the ladder that do not suit the data: name -> why.
        parallel: how many cells run at once; None if one takes the whole machine.
        gpus: ids of GPUs for worker processes.
        notes: what a user should know before it starts, one sentence each.
    """

    request: Comparison
    dataset: Dataset
    split: Split
    metric: str
    fixed_test: bool
    test_rows: int
    left_out: Mapping[str, str]
    parallel: Parallel | None
    gpus: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def arms(self) -> tuple[Arm, ...]:
        return self.request.arms

    @property
    def num_repeats(self) -> int:
        return self.request.shared.compare.num_repeats

    @property
    def num_jobs(self) -> int:
        return num_jobs(self.parallel)

    def candidates(self, arm: Arm, repeat: int, num_train: int | None = None) -> tuple[Candidate, ...]:
        """The settings that an arm may try on one split."""
        found = arm.candidates[self.dataset.modality][: self.request.shared.compare.num_candidates]
        return tuple(dataclasses.replace(c, experiment=self.shifted(c.experiment, repeat, num_train)) for c in found)

    def shifted(self, experiment: Experiment, repeat: int, num_train: int | None = None) -> Experiment:
        """The experiment on split number `repeat`: the split's seed is the data set's, the same for every arm."""
        if num_train is not None:
            dataset = dataclasses.replace(experiment.dataset, num_train=num_train, num_per_class=None)
            experiment = dataclasses.replace(experiment, dataset=dataset)
        return prepare.of_repeat(experiment, repeat, self.num_repeats)

    def trial(self, candidates: tuple[Candidate, ...], deadline: float | None, keep: bool = True) -> Trial:
        """One arm on one split; with `keep`, its folder keeps what differences and the report need."""
        compare = self.request.shared.compare
        fractions = (compare.tuning_fraction, compare.image_epochs_fraction)
        return Trial(candidates, self.metric, *fractions, keep and self.fixed_test, keep, deadline)

    def cell(self, folder: Path, arm: Arm, repeat: int, deadline: float | None) -> Cell:
        return Cell(self.trial(self.candidates(arm, repeat), deadline), arm_folder(folder, arm.name) / str(repeat))

    def groups(self, cells: Sequence[Cell], alike: Callable[[Cell], Hashable]) -> list[Group]:
        """The trials whose networks are trained together; `alike` as of `groups_of`."""
        return groups_of(
            cells,
            lambda cell: cell.experiment.candidates[0].experiment,
            alike,
            self.dataset.modality,
            self.num_jobs,
            self.dataset.X.nbytes,
        )


def arm_folder(folder: Path, name: str) -> Path:
    return folder / "arms" / folder_name(name)


def _changed(arm: Arm, change: Callable[[Experiment], Experiment]) -> Arm:
    """The arm with the experiment of every candidate changed."""
    found = {
        kind: tuple(dataclasses.replace(c, experiment=change(c.experiment)) for c in candidates)
        for kind, candidates in arm.candidates.items()
    }
    return dataclasses.replace(arm, candidates=found)


def make_plan(request: Comparison) -> Plan:
    """Load the data and decide which arms run, on what, and how; weights fetched for them are said to the loop's context.

    Raises ConfigError and DataError for anything impossible.
    """
    shared = request.shared

    def with_seed(experiment: Experiment) -> Experiment:
        """With the comparison's seed for its splits, whatever seed it has for its own weights."""
        own = experiment.dataset.seed
        dataset = dataclasses.replace(experiment.dataset, seed=shared.seed if own is None else own)
        return dataclasses.replace(experiment, dataset=dataset)

    arms = [_changed(arm, with_seed) for arm in request.arms]
    dataset, filled, _ = prepare.load_dataset(first_experiment(arms))
    dataset, parts = prepare.divided(prepare.of_repeat(filled, 0, shared.compare.num_repeats), dataset)
    metric, unequal = _metric(shared.compare.metric, dataset, dataset.y[parts.labelled])
    suited, left_out = _suited(arms, dataset, len(parts.labelled), shared.compare.baseline)
    fixed = brings_test_part(dataset)
    if fixed and metric not in BY_ROW:
        raise ConfigError(
            f"compare.metric: {metric} cannot be compared on a test part that is the same in every repeat.",
            f"Choose one of {', '.join(m for m in BY_ROW if m in metrics_of(dataset))}.",
        )
    notes = [*dataset.notes, *about_splits(parts.notes, fixed), *look(filled, dataset, parts), *unequal]
    free = [arm.name for arm in suited if not arm.candidates[dataset.modality][0].experiment.model.heeds_monotone]
    if prepare.directions(filled) and free:
        notes.append(
            f"dataset.monotone has no effect on {listed(free)}: only boosting, forests and extra_trees can be held to it."
        )
    notes += _on_unlabelled(suited, dataset)
    if shared.compare.num_repeats == 1 and not fixed:
        notes.append("With one split, no difference can be told from chance (compare.num_repeats=10 is usual).")
    if fixed:
        notes.append(
            f"The source has its own {len(parts.test):,} test rows: every repeat is scored on them, and differences are "
            "tested over repeats and these rows."
        )
    if dataset.order is not None and not fixed and shared.compare.num_repeats > 1:
        notes.append(origins_sentence(dataset.order, shared.compare.num_repeats))
    networks = any(c.experiment.model.is_network for arm in suited for c in arm.candidates[dataset.modality])
    parallel, gpus, why = how_parallel(shared, networks, dataset, share=True)
    notes += [why] if why else []
    absolute = tuple(_changed(arm, prepare.absolute) for arm in suited)
    request = Comparison(dataclasses.replace(shared, dataset=filled.dataset), absolute)
    test_rows = len(parts.test)
    return Plan(request, dataset, parts, metric, fixed, test_rows, left_out, parallel, gpus, tuple(dict.fromkeys(notes)))


def _on_unlabelled(arms: Sequence[Arm], dataset: Dataset) -> list[str]:
    """Which arms learn from unlabelled rows, and what was read: now, so that a mistake is found before arms run."""
    each = {arm.name: arm.candidates[dataset.modality][0].experiment for arm in arms}
    given = {name: one for name, one in each.items() if one.dataset.unlabeled is not None}
    using = {name: one for name, one in given.items() if one.model.uses_unlabeled}
    if not given:
        return []
    if not using:
        return ["dataset.unlabeled has no effect on these arms: add the arm unlabeled to compare.arms."]
    who = f"{listed(list(using))} learn{'s' if len(using) == 1 else ''} from them; the other arms see labelled rows alone"
    notes = [note for one in using.values() for note in prepare.divided(one, dataset)[1].notes]
    return [*notes, f"dataset.unlabeled: {who}."]


def first_experiment(arms: Iterable[Arm]) -> Experiment:
    """The experiment whose data set stands for all: one that takes images as they are, if there is one."""
    own = [[c.experiment for found in arm.candidates.values() for c in found] for arm in arms]
    return min(filter(None, own), key=lambda found: any(experiment.model.is_pretrained for experiment in found))[0]


def _metric(asked: str | None, dataset: Dataset, labels: Array) -> tuple[str, list[str]]:
    """The metric, with a note: if one class has most rows, accuracy says little."""
    metric = metric_of("compare.metric", asked, dataset)
    if dataset.task != "classification":
        return metric, []
    counts = np.bincount(labels, minlength=len(dataset.classes))
    share, largest = float(counts.max() / len(labels)), dataset.classes[int(counts.argmax())]
    if share <= MOST_OF_ONE_CLASS or asked not in (None, "accuracy"):
        return metric, []
    holds = f"{100 * share:.0f} % of the labelled rows are {largest}"
    if asked == "accuracy":
        return metric, [f"{holds}: always guessing that is right that often. compare.metric=balanced_accuracy tells you more."]
    return "balanced_accuracy", [
        f"{holds}, so sdl compares balanced accuracy, in which all classes count equally. For the share of right rows: "
        "compare.metric=accuracy; for decisions that treat classes equally: threshold=balanced"
    ]


def _suited(arms: Sequence[Arm], dataset: Dataset, num_rows: int, baseline: str | None) -> tuple[list[Arm], dict[str, str]]:
    """The arms that suit the data, with the candidates that do; those of the ladder that do not, and why."""
    suited: list[Arm] = []
    left_out: dict[str, str] = {}
    weights: dict[tuple[Any, Any], SdlError | None] = {}
    for arm in arms:
        reason = _unsuited(arm, dataset)
        if reason is None:
            found, first_error = [], None
            for candidate in arm.candidates[dataset.modality]:
                try:
                    prepare.resolve_settings(candidate.experiment, dataset, num_rows)
                    found.append(candidate)
                except SdlError as error:  # mirrored images with a number to predict, say: the others remain
                    first_error = first_error or error
            try:
                for candidate in found:
                    candidate.experiment.model.require_weights(dataset.task, fetch=arm.asked)
                _check_weights([candidate.experiment for candidate in found], weights)
            except SdlError as error:
                found, first_error = [], error
            if found:
                suited.append(dataclasses.replace(arm, candidates={dataset.modality: tuple(found)}))
                continue
            assert first_error is not None
            if arm.asked:
                raise _of_arm(arm.name, first_error)
            left_out[arm.name] = " ".join(f"{first_error.message} {first_error.hint}".split())
        elif arm.asked and arm.name != baseline:
            raise ConfigError(f"compare.arms: {arm.name}: {reason}.", "See what each arm is for with: sdl list arm")
        elif arm.name == baseline or (dataset.task in arm.tasks and dataset.modality in arm.modalities):
            left_out[arm.name] = reason
    if len(suited) < 2:
        names = ", ".join(arm.name for arm in suited) or "none"
        message = f"compare.arms: at least two arms are needed, but there is only {names}."
        raise ConfigError(message, "For example 'compare.arms=[logistic,deep_net]'")
    return suited, left_out


def _of_arm(name: str, error: SdlError) -> SdlError:
    """An error that names the arm, and where its weights may lie the setting as an arm takes it."""
    where = "model.weights=FILE" if "model.weights=FILE" in error.hint else "model.weights=FOLDER"
    own = f"""'compare.arms=[ladder,"{name} {where}"]'"""
    hint = error.hint.replace(f"set {where}", f"name it for this arm: {own}") if own not in error.hint else error.hint
    return type(error)(f"{name}: {error.message}", hint)


def _unsuited(arm: Arm, dataset: Dataset) -> str | None:
    """Why an arm cannot or should not be used on this data; read after its name."""
    if dataset.task not in arm.tasks:
        own, other = ("numbers", "classes") if dataset.task == "regression" else ("classes", "numbers")
        return f"it predicts {other}, but these are {own}"
    if dataset.modality not in arm.modalities or dataset.modality not in arm.candidates:
        kind = {"table": "a table", "image": "made of images", "text": "made of texts", "series": "made of series"}[
            dataset.modality
        ]
        return f"it takes {' or '.join(arm.modalities)} data, but this is {kind}"
    if arm.min_px is not None and not arm.asked and (side := min(dataset.X.shape[-2:])) < arm.min_px:
        return f"made for photographs, but these images are only {side} px wide (to include it anyway, name it in compare.arms)"
    return None


def _check_weights(experiments: Sequence[Experiment], known: dict[tuple[Any, Any], SdlError | None]) -> None:
    """Fetch pretrained weights now, each once, so that an arm without them is left out before anything runs."""
    wanted = {(e.model.architecture, e.model.weights) for e in experiments if e.model.is_pretrained}
    for key in sorted(wanted - set(known), key=str):
        from sdl_cli.learning.models import pretrained

        try:
            pretrained.weights_key(*key)
            known[key] = None
        except SdlError as error:
            known[key] = error
    refusal = next((known[key] for key in sorted(wanted, key=str) if known[key] is not None), None)
    if refusal is not None:
        raise refusal


@dataclass
class Budget:
    """The time limit: what it leaves, and which arms fit into it."""

    seconds: float | None
    started: float = dataclasses.field(default_factory=time.time)

    @property
    def deadline(self) -> float | None:
        """When training stops, as `time.time()`; part of the limit is reserved for the rest."""
        return None if self.seconds is None else self.started + self.seconds * (1 - FINISH_SHARE)

    @property
    def first_deadline(self) -> float | None:
        """When the first split of every arm must be done, as `time.time()`, so that the lower arms get their time."""
        return None if self.seconds is None else self.started + self.seconds * FIRST_SHARE

    def left(self) -> float:
        """Seconds until the deadline; infinite without a limit."""
        return float("inf") if self.deadline is None else self.deadline - time.time()

    def fitting(self, costs: Mapping[str, float], ladder: Sequence[str]) -> list[str]:
        """The arms that fit into what is left: dropped from the top of the ladder, then restored if they still fit.

        Two arms are kept whatever they cost, as are those with no work left.
        """
        left, kept = self.left(), list(ladder)
        while len(kept) > 2 and sum(costs[name] for name in kept) > left:
            last = next((name for name in reversed(kept) if costs[name] > 0), None)
            if last is None:
                break
            kept.remove(last)
        spare = left - sum(costs[name] for name in kept)
        for name in ladder:
            if name not in kept and costs[name] <= spare:
                kept.append(name)
                spare -= costs[name]
        return [name for name in ladder if name in kept]


def about_splits(notes: Iterable[str], fixed_test: bool) -> list[str]:
    """Notes of a split as a comparison says them: its intervals are over splits, unless all have the same test rows."""
    return [note if fixed_test else note.replace(TOO_NARROW, ".") for note in notes]
