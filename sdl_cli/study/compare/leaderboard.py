"""`leaderboard.csv`: the arms of a comparison as a table, for a spreadsheet, R or pandas."""

from __future__ import annotations

import csv
import io
from typing import Any

from sdl_cli.measure.predictions import safe_cell
from sdl_cli.study.compare.result import ArmResult, ComparisonResult, Gap

_GAPS = ("to_best", "to_baseline", "to_majority")
_OF_A_GAP = ("", "_low", "_high", "_p", "_measurable")


def leaderboard_csv(result: ComparisonResult) -> str:
    """One line per arm, the best first: its mean score with its interval, its differences, other metrics, single splits.

    Numbers are in full and in the metric's own unit (accuracy from 0 to 1); a cell is empty where a number is unknown. A positive
    difference is better.
    """
    others = list(dict.fromkeys(name for arm in result.arms for name in arm.metrics if name != result.metric))
    header = ["arm", "summary", "status", "metric", "mean", "low", "high"]
    header += [f"{gap}{part}" for gap in _GAPS for part in _OF_A_GAP]
    header += [f"mean_{name}" for name in others] + [f"split_{number}" for number in range(result.repeats)]
    header += ["recommended", "seconds", "chosen"]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    for arm in result.arms:
        writer.writerow([_cell(value) for value in _row(arm, result, others)])
    for status, left in (("given_up", result.given_up), ("left_out", result.left_out), ("failed", result.failed)):
        for one in left:
            writer.writerow([_cell(one.name), _cell(one.reason), status, *[""] * (len(header) - 3)])
    return out.getvalue()


def _row(arm: ArmResult, result: ComparisonResult, others: list[str]) -> list[Any]:
    known = (arm.difference, arm.difference_low, arm.difference_high, arm.p)
    to_best = [None] * len(_OF_A_GAP) if arm.best else [*known, arm.measurable]
    gaps = [*to_best, *_gap(arm.to_baseline), *_gap(arm.to_majority)]
    means = [arm.metrics[name].value if name in arm.metrics else None for name in others]
    splits = [*arm.scores, *[None] * (result.repeats - len(arm.scores))]
    start = [arm.name, arm.summary, "done", result.metric, arm.mean, arm.low, arm.high]
    return [*start, *gaps, *means, *splits[: result.repeats], arm.recommended, round(arm.seconds, 3), " | ".join(arm.chosen)]


def _gap(gap: Gap | None) -> list[Any]:
    return [None] * len(_OF_A_GAP) if gap is None else [gap.difference, gap.low, gap.high, gap.p, gap.measurable]


def _cell(value: Any) -> Any:
    """Empty for what is unknown; yes and no in the words that R and pandas read; text that no spreadsheet takes for a formula."""
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return safe_cell(value) if isinstance(value, str) else value
