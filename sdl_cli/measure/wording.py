"""How measured numbers are written: names of metrics, values with their unit and interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

Values = dict[str, Any]
PERCENT = frozenset({"accuracy", "balanced_accuracy", "macro_f1", "roc_auc"})
IN_UNIT_OF_TARGET = frozenset({"rmse", "mae"})


def label(name: str) -> str:
    """A metric's name as people write it."""
    names = {"roc_auc": "ROC AUC", "macro_f1": "macro F1", "rmse": "RMSE", "mae": "MAE", "r2": "R2"}
    return names.get(name, name.replace("_", " "))


def shown(name: str, value: float | None, unit: bool = True) -> str:
    """A value of a metric as people read it, for example `98.6 %`."""
    if value is None:
        return "undefined"
    if name in PERCENT:
        return f"{100 * value:.1f}" + (" %" if unit else "")
    size = abs(value)
    if name in IN_UNIT_OF_TARGET and (size < 0.1 or size >= 1e9):  # three digits, whatever the unit
        return f"{value:#.3g}" if value else "0"
    if size >= 1e9 or 1e-9 < size < 5e-4:
        return f"{value:.3g}"
    return f"{value:.3f}" if size < 100 else f"{value:,.1f}" if size < 10_000 else f"{value:,.0f}"


def measured(name: str, value: Values) -> str:
    """`98.6 % (96.8 to 99.4)`: a value and its interval."""
    if value["value"] is None:
        return "undefined"
    text = shown(name, value["value"])
    if value["low"] is None or value["high"] is None:
        return f"{text} (not estimable)" if name in PERCENT and value["value"] in (0.0, 1.0) else text
    return f"{text} ({shown(name, value['low'], unit=False)} to {shown(name, value['high'], unit=False)})"


def rounded(size: float, least: int = 0) -> str:
    """A number of labels to two figures, since no forecast knows more: 6,100; exact where that would be below `least`."""
    digits = max(0, math.floor(math.log10(size)) - 1)
    short = int(round(size, -digits))
    return f"{short if short >= least else math.ceil(size):,}"


def unequal_rows(named: Sequence[tuple[str, Values]]) -> str:
    """Who set labelled rows aside for validation where others learned from all of them; empty where all did alike.

    Arguments:
        named: of each method or job its name and its `rows`, as in `metrics.json`.
    """
    aside: dict[str, Values] = {name: rows for name, rows in named if rows.get("validation")}
    if not aside or len(aside) == len(named):
        return ""
    first = next(iter(aside.values()))
    names = ", ".join(list(aside)[:3]) + (f" and {len(aside) - 3} more" if len(aside) > 3 else "")
    return (
        f"Not all learned from the same rows: {names} set {first['validation']:,} of {first['labelled']:,} labelled rows aside "
        "for validation, the others none. For the same rows in all networks: training.select=best"
    )
