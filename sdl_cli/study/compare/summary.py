"""From the cells of a comparison to the plain values of `comparison.json`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.errors import RunError
from sdl_cli.many.cells import Outcome
from sdl_cli.measure.metrics import HIGHER_IS_BETTER, RANGE
from sdl_cli.measure.statistics import corrected_t_interval
from sdl_cli.measure.wording import unequal_rows
from sdl_cli.phrases import first_line
from sdl_cli.run.run_folder import quoted
from sdl_cli.study.compare.floor import floor_rows
from sdl_cli.study.compare.judge import FLOOR, Judged, Judgement, Paired, Rule, judge
from sdl_cli.study.compare.margin import margin_of
from sdl_cli.study.compare.plan import Key, Plan, about_splits, arm_folder
from sdl_cli.study.compare.result import Gap
from sdl_cli.study.compare.trial import read_rows
from sdl_cli.study.compare.verdict import verdict

Array = np.ndarray[Any, Any]
Values = dict[str, Any]


def summarise(
    plan: Plan, folder: Path, outcomes: Mapping[Key, Outcome], given_up: Mapping[str, str], failed: Mapping[str, Outcome]
) -> Values:
    """Everything a comparison reports, except what more labels would bring. Raises RunError for fewer than two complete arms."""
    metrics = {key: outcome.metrics for key, outcome in outcomes.items() if outcome.metrics is not None}
    repeats = range(plan.num_repeats)
    complete = [arm.name for arm in plan.arms if all((arm.name, r) in metrics for r in repeats)]
    undefined = [n for n in complete if any(metrics[n, r]["test"][plan.metric] is None for r in repeats)]
    complete = [name for name in complete if name not in undefined]
    if len(complete) < 2:
        raise _too_few(complete, given_up, failed, undefined, folder)
    for r in repeats:
        assert len({metrics[name, r]["split"] for name in complete}) == 1, "arms were scored on different splits"
    rows = metrics[complete[0], 0]["rows"]
    compare = plan.request.shared.compare
    baseline = compare.baseline if compare.baseline in complete else None
    paired = _paired(plan, folder, complete, metrics, rows)
    higher = HIGHER_IS_BETTER[plan.metric]
    means = {name: float(np.mean(paired.scores[name])) for name in complete}
    reference = baseline or min(complete, key=lambda name: -means[name] if higher else means[name])
    margin, share = margin_of(plan.metric, compare.margin, means[reference])
    judged = judge(paired, higher, complete, baseline, Rule(compare.recommend, margin))
    said = [note for key in metrics for note in metrics[key]["notes"] if key[1] == 0]
    said = about_splits(said, plan.fixed_test)
    said.append(unequal_rows([(name, metrics[name, 0]["rows"]) for name in complete]))
    failures = [(name, outcome.cell.folder, first_line(outcome.error)) for name, outcome in failed.items()]
    failures += [(name, arm_folder(folder, name), f"{plan.metric} is undefined") for name in undefined]
    values: Values = {
        "folder": str(folder),
        "dataset": plan.dataset.name,
        "task": plan.dataset.task,
        "modality": plan.dataset.modality,
        "metric": plan.metric,
        "labelled_rows": rows["labelled"],
        "test_rows": rows["test"],
        "repeats": plan.num_repeats,
        "fixed_test": plan.fixed_test,
        "num_candidates": compare.num_candidates,
        "arms": [_arm(plan, one, judged, baseline, metrics, paired) for one in judged.arms],
        "majority": _majority(plan, [metrics[complete[0], r]["majority"] for r in repeats], paired)
        | {"beaten": judged.beats_floor},
        "left_out": [{"name": name, "reason": reason} for name, reason in plan.left_out.items()],
        "given_up": [{"name": name, "reason": reason} for name, reason in given_up.items() if name not in failed],
        "failed": [{"name": name, "folder": str(where), "reason": reason} for name, where, reason in failures],
        "recommended": judged.recommended,
        "best": judged.best,
        "leader": judged.leader,
        "rule": compare.recommend,
        "margin": margin,
        "margin_share": None if share is None else {"per_cent": share, "of": reference},
        "baseline": baseline,
        "notes": list(dict.fromkeys(filter(None, [*plan.notes, *said]))),
    }
    values["verdict"] = verdict(values)
    return values


def _paired(plan: Plan, folder: Path, names: list[str], metrics: Mapping[Key, Values], of: Mapping[str, int]) -> Paired:
    """Scores of these arms and of ignoring the inputs, by split, and by row if all repeats have the same test rows."""
    repeats, ratio = range(plan.num_repeats), of["test"] / of["labelled"]
    scores = {name: np.array([metrics[name, r]["test"][plan.metric] for r in repeats], float) for name in names}
    floor = [metrics[names[0], r]["majority"][plan.metric] for r in repeats]
    if None not in floor:
        scores[FLOOR] = np.array(floor, float)
    if not plan.fixed_test:
        return Paired(scores, ratio, num_test=of["test"] if plan.metric in ("accuracy", "balanced_accuracy") else None)
    found = {name: read_rows([arm_folder(folder, name) / str(r) for r in repeats]) for name in names}
    rows = {name: each for name, each in found.items() if each is not None}
    assert len(rows) == len(names), "per-row scores are kept if all repeats have the same test rows"
    return Paired(scores, ratio, rows | {FLOOR: floor_rows(plan)})


def _majority(plan: Plan, cells: list[Values], paired: Paired) -> Values:
    """What ignoring the inputs gives on the same splits: its mean, and all metrics."""
    ratio = None if plan.fixed_test else paired.ratio
    scores = [cell[plan.metric] for cell in cells]
    found = {name: _over_repeats([{"test": cell} for cell in cells], name, ratio) for name in cells[0]}
    mean = None if None in scores else float(np.mean(scores))
    return {"mean": mean, "scores": scores, "metrics": found}


def _arm(
    plan: Plan, judged: Judged, found: Judgement, baseline: str | None, metrics: Mapping[Key, Values], paired: Paired
) -> Values:
    arm = next(arm for arm in plan.arms if arm.name == judged.name)
    cells = [metrics[arm.name, r] for r in range(plan.num_repeats)]
    ratio = None if plan.fixed_test else paired.ratio
    low, high = (float(np.clip(end, *RANGE[plan.metric])) for end in (judged.low, judged.high))  # nan stays: not estimable
    main = {"value": judged.mean, "low": low, "high": high, "n": plan.num_repeats}
    to_best = _gap(judged.to_best) or {"difference": 0.0, "low": None, "high": None, "p": 1.0, "measurable": False}
    return to_best | {
        "name": arm.name,
        "summary": arm.summary,
        "rung": arm.rung,
        "mean": judged.mean,
        "low": low,
        "high": high,
        "difference_low": to_best["low"],
        "difference_high": to_best["high"],
        "behind": _gap(found.behind.get(arm.name)),
        "to_baseline": _gap(judged.to_baseline),
        "to_majority": _gap(judged.to_floor),
        "scores": paired.scores[arm.name].tolist(),
        "metrics": {name: _over_repeats(cells, name, ratio) for name in cells[0]["test"]} | {plan.metric: main},
        "chosen": [cell["chosen"]["label"] for cell in cells],
        "seconds": round(sum(cell["seconds"]["total"] for cell in cells), 3),
        "best": arm.name == found.best,
        "baseline": arm.name == baseline,
        "recommended": arm.name == found.recommended,
    }


def _gap(found: Gap | None) -> Values | None:
    return None if found is None else dataclasses.asdict(found)


def _over_repeats(cells: list[Values], name: str, ratio: float | None) -> Values:
    """Mean over repeats and its interval; none if all are scored on the same test rows, whose chance it would not cover."""
    values = [cell["test"][name] for cell in cells if cell["test"][name] is not None]
    found: Values = {"value": float(np.mean(values)) if values else None, "low": None, "high": None, "n": len(values)}
    if not values or ratio is None:
        return found
    found["value"], low, high = corrected_t_interval(values, ratio)
    if len(values) == 1 or len(set(values)) > 1:  # if no two splits differ, they say nothing of chance
        found |= {"low": max(low, RANGE[name][0]), "high": min(high, RANGE[name][1])}
    return found


def _too_few(
    complete: list[str], given_up: Mapping[str, str], failed: Mapping[str, Outcome], undefined: list[str], folder: Path
) -> Exception:
    """The error if there is nothing to compare."""
    first = next(iter(failed.values()), None)
    if first is not None and not given_up and first.error is not None and getattr(first.error, "exit_code", 1) == 2:
        return first.error
    reasons = [f"{name} ({reason})" for name, reason in given_up.items()]
    reasons += [f"{name} (failed: {str(outcome.error).partition(chr(10))[0]})" for name, outcome in failed.items()]
    reasons += [f"{name} (its metric is undefined)" for name in undefined]
    have = f"only {complete[0]} was" if complete else "no arm was"
    again = "Resume it; finished work is kept"
    if given_up:
        again = "Raise compare.minutes, or resume for as long again (finished work is kept)"
    message = f"There is nothing to compare: {have} complete. Missing: {', '.join(reasons)}."
    return RunError(message, f"{again}: sdl compare --resume {quoted(folder)}")
