"""Would more labels help more than another method? Answers with a short learning curve of the recommended arm."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sdl_cli.errors import DataError
from sdl_cli.files import write_atomic
from sdl_cli.many import cells
from sdl_cli.many.cells import Cell, Outcome
from sdl_cli.measure.metrics import HIGHER_IS_BETTER
from sdl_cli.measure.wording import difference
from sdl_cli.study.compare import trial as trials
from sdl_cli.study.compare.arms import folder_name
from sdl_cli.study.compare.plan import Budget, Key, Plan
from sdl_cli.study.compare.result import MoreLabels
from sdl_cli.study.curve import sizes
from sdl_cli.study.curve.points import Points
from sdl_cli.study.curve.result import CurveResult
from sdl_cli.study.curve.summary import Question, summarise
from sdl_cli.study.plan import noise_rows

Values = dict[str, Any]
MOST_SIZES = 4  # all labelled rows, half, a quarter, an eighth
MOST_REPEATS = 5
LEAST_SECONDS = 30.0  # a curve that is quicker than this is always measured
LARGEST_SHARE = 0.5  # else it may take this part of what the comparison itself took


def measure_curve(
    plan: Plan, folder: Path, values: Values, outcomes: Mapping[Key, Outcome], budget: Budget, notice: Callable[[str], None]
) -> tuple[CurveResult | None, MoreLabels | None]:
    """Measure the curve of the recommended arm, or of the quick baseline if that is too slow, on the same splits.

    Each split keeps the candidate that was chosen on it; its largest size is the comparison itself, or where splits have unlike
    numbers of labelled rows (groups stay whole, test parts follow each other in time) the least of these.

    Returns:
        the curve with the arm's `name`, and what it says beside the other methods; both None if no curve was requested, or none
        fits the time or the rows.
    """
    if not plan.request.shared.compare.curve:
        return None, None
    repeats, measured = min(MOST_REPEATS, plan.num_repeats), None
    why_not = "it could not be measured."
    try:
        if repeats < 2:
            raise DataError("it needs two splits or more.")
        of_arm = [outcomes[values["recommended"], repeat].metrics for repeat in range(repeats)]
        least = min(metrics["rows"]["labelled"] for metrics in of_arm if metrics is not None)
        chosen = sizes.choose(least, len(plan.dataset.classes))[-MOST_SIZES:]
        name = _affordable(plan, values, outcomes, len(chosen) - 1, repeats, budget)
        if name is None:
            why_not = "it would take too long after this comparison. Measure one with sdl curve."
        else:
            measured = _points(plan, folder, name, chosen, repeats, outcomes, budget)
    except DataError as error:
        why_not = error.message
    if measured is None or name is None:
        notice(f"No learning curve: {why_not}")
        return None, None
    told = dataclasses.replace(measured, test_rows=plan.test_rows, same_test_rows=plan.fixed_test)
    write_atomic(folder / "curve.csv", told.to_csv())
    rows = noise_rows(plan.dataset, plan.split.test, plan.metric)
    question = Question(test_rows=plan.test_rows, noise_rows=rows, same_test_rows=plan.fixed_test)
    curve = summarise(measured, question, name, plan.dataset.name)
    said = tuple(sentence for sentence in curve.warnings if "target" not in sentence)  # nobody asked for a target here
    curve = dataclasses.replace(curve, labels_needed=None, warnings=said)
    return curve, beside_methods(values, curve)


def beside_methods(values: Values, curve: CurveResult) -> MoreLabels | None:
    """What the curve says beside the other methods of a comparison; None without a forecast."""
    twice, metric = curve.twice, values["metric"]
    if twice is None or curve.now is None:
        return None
    sign = 1.0 if HIGHER_IS_BETTER[metric] else -1.0
    arms = {arm["name"]: arm for arm in values["arms"]}
    own, best = arms[curve.name], arms[values["best"]]
    # another method brings something only where it is measurably better
    method_gain = sign * (best["mean"] - own["mean"]) if own["measurable"] else 0.0
    more = twice.sure and twice.gain > method_gain
    rest = f"Measured with {curve.name} on {len(curve.last.scores)} of the {values['repeats']} splits."
    if method_gain > 0:
        than = "less" if more else "more"
        rest += f" {best['name']} gains {than} without any new labels ({difference(metric, method_gain)})."
    ends = twice.size, twice.mean, twice.low, twice.high
    return MoreLabels(*ends, twice.gain, method_gain, more, f"{twice.sentence} {rest}")


def _affordable(
    plan: Plan, values: Values, outcomes: Mapping[Key, Outcome], num_sizes: int, repeats: int, budget: Budget
) -> str | None:
    """The recommended arm, else the baseline, whichever fits the time first; fits on fewer rows are never slower."""
    spent = sum(arm["seconds"] for arm in values["arms"]) / plan.num_jobs
    for name in dict.fromkeys([values["recommended"], values["baseline"]]):
        if name is None:
            continue
        own = [outcomes[name, r].metrics for r in range(plan.num_repeats)]
        fits = [m["seconds"]["fit"] + m["seconds"]["predict"] for m in own if m is not None]
        cost = num_sizes * repeats * sum(fits) / len(fits) / plan.num_jobs
        if cost < budget.left() and cost <= max(LEAST_SECONDS, LARGEST_SHARE * spent):
            return str(name)
    return None


def _points(
    plan: Plan, folder: Path, name: str, chosen: tuple[int, ...], repeats: int, outcomes: Mapping[Key, Outcome], budget: Budget
) -> Points | None:
    arm = next(arm for arm in plan.arms if arm.name == name)
    scores: dict[int, dict[str, float]] = {size: {} for size in chosen}
    seconds = dict.fromkeys(chosen, 0.0)
    todo: dict[Path, tuple[Cell, int, int]] = {}
    for repeat in range(repeats):
        metrics = outcomes[name, repeat].metrics
        assert metrics is not None
        is_largest = metrics["rows"]["labelled"] == chosen[-1]
        if is_largest:
            scores[chosen[-1]][str(repeat)] = metrics["test"][plan.metric]
            seconds[chosen[-1]] += metrics["seconds"]["total"]
        for size in chosen[:-1] if is_largest else chosen:  # smaller ones: the largest is the comparison itself
            candidate = plan.candidates(arm, repeat, size)[metrics["chosen"]["index"]]
            where = folder / "curve" / folder_name(name) / f"size-{size}_repeat-{repeat}"
            trial = plan.trial((candidate,), budget.deadline, keep=False)
            todo[where] = Cell(trial, where), size, repeat

    def on_done(outcome: Outcome) -> None:
        _, size, repeat = todo[outcome.cell.folder]
        if outcome.metrics is not None and outcome.metrics["test"][plan.metric] is not None:
            scores[size][str(repeat)] = outcome.metrics["test"][plan.metric]
            seconds[size] += outcome.metrics["seconds"]["total"]

    cores = plan.request.shared.num_threads or 1
    in_order = sorted((cell for cell, *_ in todo.values()), key=lambda cell: -todo[cell.folder][1])
    groups = plan.groups(in_order, lambda cell: todo[cell.folder][1])
    cells.run_cells(
        in_order, trials.run_trial, on_done, plan.parallel, raised=(), gpus=plan.gpus, cores_per_job=cores, groups=groups,
        in_stages=trials.trial_in_stages,
    )  # fmt: skip
    known = {size: found for size, found in scores.items() if found}
    return Points(plan.metric, known, {size: seconds[size] for size in known}) if len(known) >= 3 else None
