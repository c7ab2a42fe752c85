"""Would labelling more do more than any other method? A short learning curve of the recommended arm, and what it says to that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sdl_cli import cells, results
from sdl_cli.cells import Cell, Outcome
from sdl_cli.compare.arms import folder_name
from sdl_cli.compare.plan import Budget, Key, Plan
from sdl_cli.compare.trial import run_trial_in_time
from sdl_cli.compare.verdict import points
from sdl_cli.curve import sizes
from sdl_cli.curve.points import Points
from sdl_cli.curve.summary import Question, summarise
from sdl_cli.errors import DataError
from sdl_cli.metrics import HIGHER_IS_BETTER
from sdl_cli.report.words import label, shown

Values = dict[str, Any]
MOST_SIZES = 4  # all labelled rows, half, a quarter, an eighth
MOST_REPEATS = 5
LEAST_SECONDS = 30.0  # a curve that is quicker than this is always measured
LARGEST_SHARE = 0.5  # else it may take this part of what the comparison itself took


def measure_curve(
    plan: Plan,
    folder: Path,
    values: Values,
    outcomes: Mapping[Key, Outcome],
    budget: Budget,
    notice: Callable[[str], None],
) -> tuple[Values | None, Values | None]:
    """Measure the curve of the recommended arm, or of the quick baseline where that one is too slow, on the same splits.

    Each split keeps the candidate that was chosen on it; its largest size is the comparison itself.

    Returns:
        the curve as of `sdl forecast --json` with the arm's `name`, and what it says beside the other methods; both None where
        no curve was asked for, or none fits the time or the number of rows.
    """
    shared = plan.request.shared
    if not shared.compare.curve:
        return None, None
    if plan.num_repeats < 2:
        notice("No learning curve: it needs two splits or more.")
        return None, None
    try:
        chosen = sizes.choose(values["labelled_rows"], len(plan.dataset.classes))[-MOST_SIZES:]
    except DataError as error:
        notice(f"No learning curve: {error.message}")
        return None, None
    repeats = min(MOST_REPEATS, plan.num_repeats)
    name = _affordable(plan, values, outcomes, len(chosen) - 1, repeats, budget)
    if name is None:
        notice("No learning curve: the time limit leaves none for it. Measure one with sdl curve.")
        return None, None
    measured = _points(plan, folder, name, chosen, repeats, outcomes, budget)
    if measured is None:
        notice("No learning curve: it could not be measured.")
        return None, None
    curve = {"name": name, "dataset": plan.dataset.name} | results.finite(
        summarise(measured, Question(None, None, 0.9, plan.test_rows, None, plan.fixed_test))
    )
    curve["labels_needed"] = None  # nobody asked for a target here
    curve["warnings"] = [sentence for sentence in curve["warnings"] if "target" not in sentence]
    return curve, beside_methods(values, curve)


def beside_methods(values: Values, curve: Values) -> Values | None:
    """What twice the labels would bring to the arm that was measured, beside what any other method brings to it.

    Returns:
        `{"size", "mean", "low", "high", "gain", "method_gain", "more_than_methods", "sentence"}`, or None without a forecast.
    """
    twice, now, metric = curve["twice"], curve["now"], values["metric"]
    if twice is None or now is None:
        return None
    sign = 1.0 if HIGHER_IS_BETTER[metric] else -1.0
    gain = sign * (twice["mean"] - now)
    sure = sign * (twice["low"] - now) > 0 and sign * (twice["high"] - now) > 0
    arms = {arm["name"]: arm for arm in values["arms"]}
    own, best = arms[curve["name"]], arms[values["best"]]
    # another method brings something only where it is measurably better
    method_gain = sign * (best["mean"] - own["mean"]) if own["measurable"] else 0.0
    more = sure and gain > method_gain
    low, high = (shown(metric, twice[end], unit=False) for end in ("low", "high"))
    forecast = (
        f"Twice the labels ({twice['size']:,}) would bring {curve['name']} to about {label(metric)} "
        f"{shown(metric, twice['mean'])} (90 % interval {low} to {high}), {points(metric, gain)} over the fitted "
        f"{shown(metric, now)} of now"
    )
    few = len(curve["points"][-1]["scores"])
    if method_gain > 0:
        than = "more" if more else "less"
        rest = f": {than} than another method brings ({best['name']}: {points(metric, method_gain)})."
    elif more:
        rest = ": more than any other method tried, none of which is measurably better."
    else:
        rest = f": no gain that can be told from chance (measured on {few} of the {values['repeats']} splits)."
    return {
        **{key: twice[key] for key in ("size", "mean", "low", "high")},
        "gain": gain,
        "method_gain": method_gain,
        "more_than_methods": more,
        "sentence": forecast + rest,
    }


def _affordable(
    plan: Plan, values: Values, outcomes: Mapping[Key, Outcome], num_sizes: int, repeats: int, budget: Budget
) -> str | None:
    """The recommended arm, else the baseline, whichever comes first that fits the time; a fit takes no longer on fewer rows."""
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
    plan: Plan,
    folder: Path,
    name: str,
    chosen: tuple[int, ...],
    repeats: int,
    outcomes: Mapping[Key, Outcome],
    budget: Budget,
) -> Points | None:
    arm = next(arm for arm in plan.arms if arm.name == name)
    scores: dict[int, dict[str, float]] = {size: {} for size in chosen}
    seconds = dict.fromkeys(chosen, 0.0)
    todo: dict[Path, tuple[Cell, int, int]] = {}
    for repeat in range(repeats):
        metrics = outcomes[name, repeat].metrics
        assert metrics is not None
        scores[chosen[-1]][str(repeat)] = metrics["test"][plan.metric]
        seconds[chosen[-1]] += metrics["seconds"]["total"]
        for size in chosen[:-1]:  # smaller ones: the largest is the comparison itself
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
    cells.run_cells(in_order, run_trial_in_time, on_done, plan.parallel, raised=(), gpus=plan.gpus, cores_per_job=cores)
    known = {size: found for size, found in scores.items() if found}
    return Points(plan.metric, known, {size: seconds[size] for size in known}) if len(known) >= 3 else None
