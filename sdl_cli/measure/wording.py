"""How measured numbers are written: names of models and metrics, values with their unit and interval, differences, p values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sdl_cli.measure.metrics import HIGHER_IS_BETTER, Measured
from sdl_cli.phrases import listed

PERCENT = frozenset({"accuracy", "balanced_accuracy", "macro_f1", "roc_auc"})
IN_UNIT_OF_TARGET = frozenset({"rmse", "mae"})


def label(name: str) -> str:
    """A metric's name as people write it."""
    names = {"roc_auc": "ROC AUC", "macro_f1": "macro F1", "rmse": "RMSE", "mae": "MAE", "r2": "R2"}
    return names.get(name, name.replace("_", " "))


def axis_label(name: str) -> str:
    """A metric's name beside an axis whose ticks are `axes.tick_texts`."""
    return f"{label(name)} (%)" if name in PERCENT else label(name)


def model_name(model: Mapping[str, Any]) -> str:
    """A model by its settings, with what tells it from others of its kind: `baseline (forest)`, `deep_net`."""
    variant = next((model[key] for key in ("kind", "architecture", "estimator") if key in model), None)
    if isinstance(variant, (list, tuple)):  # several networks side by side
        variant = " + ".join(map(str, variant))
    return str(model["name"]) if variant in (None, "", "auto") else f"{model['name']} ({variant})"


def shown(name: str, value: float | None, unit: bool = True) -> str:
    """A value of a metric as people read it, for example `98.6 %`."""
    if value is None or math.isnan(value):
        return "undefined"
    if name in PERCENT:
        return f"{100 * value:.1f}" + (" %" if unit else "")
    size = abs(value)
    if name in IN_UNIT_OF_TARGET and (size < 0.1 or size >= 1e9):  # three digits, whatever the unit
        return f"{value:#.3g}" if value else "0"
    if size >= 1e9 or 1e-9 < size < 5e-4:
        return f"{value:.3g}"
    return f"{value:.3f}" if size < 100 else f"{value:,.1f}" if size < 10_000 else f"{value:,.0f}"


def measured(name: str, found: Measured) -> str:
    """`98.6 % (96.8 to 99.4)`: a value and its interval."""
    return estimated(name, found.value, found.low, found.high)


def estimated(name: str, value: float | None, low: float | None, high: float | None) -> str:
    """The same of numbers, None where they are unknown."""
    text = shown(name, value)
    if ends := interval(name, low, high):
        return f"{text} ({ends})"
    return f"{text} (not estimable)" if name in PERCENT and value in (0.0, 1.0) else text


def interval(name: str, low: float | None, high: float | None, level: float | None = None) -> str:
    """`96.8 to 99.4`, with a level `95 % interval 96.8 to 99.4`; empty where either end is unknown or has no bound."""
    if not _bounded(low, high):
        return ""
    opening = "" if level is None else f"{100 * level:g} % interval "
    return f"{opening}{shown(name, low, unit=False)} to {shown(name, high, unit=False)}"


def difference(name: str, value: float | None, low: float | None = None, high: float | None = None, unit: bool = True) -> str:
    """`+1.7 points (+0.4 to +3.0)` of a metric in per cent, or `+0.12` in its own unit, with the interval where it is known."""
    if value is None or math.isnan(value):
        return "undefined"
    text = _signed(name, value) + (" points" if unit and name in PERCENT else "")
    return f"{text} ({ends})" if (ends := signed_interval(name, low, high)) else text


def signed_interval(name: str, low: float | None, high: float | None) -> str:
    """`+0.4 to +3.0`, the interval of a `difference`; empty where either end is unknown or has no bound."""
    return f"{_signed(name, low)} to {_signed(name, high)}" if _bounded(low, high) else ""


def size(name: str, value: float, unit: bool = True) -> str:
    """The size of a difference, without a sign: `1.7 points`, or in the metric's own unit."""
    if name not in PERCENT:
        return f"{abs(value):.3g}"
    text = f"{abs(100 * value):.1f}"
    return f"{text} point{'' if text == '1.0' else 's'}" if unit else text


def gain(name: str, value: float, low: float | None, high: float | None) -> str:
    """`accuracy 1.7 points higher than the baseline's (95 % interval: 0.4 lower to 3.8 higher)`: in words.

    The improvement and its interval are positive where the result is better, whichever way the metric runs.
    """

    def way(end: float) -> str:
        return "higher" if (end > 0) == HIGHER_IS_BETTER[name] else "lower"

    text = f"{label(name)} {f'{size(name, value)} {way(value)} than' if value else 'equal to'} the baseline's"
    if low is None or high is None or not _bounded(low, high):
        return text
    near, far = sorted((low, high), key=abs) if way(low) == way(high) else (low, high)
    first = size(name, near, unit=False) + ("" if way(low) == way(high) else f" {way(near)}")
    return f"{text} (95 % interval: {first} to {size(name, far, unit=False)} {way(far)})"


def judged(value: float | None, measurable: bool) -> str:
    """What a difference comes to, in which positive is better."""
    if value is None:
        return "undefined"
    return f"measurably {'better' if value > 0 else 'worse'}" if measurable else "no measurable difference"


def p_value(p: float, name: str = "p = ") -> str:
    """`p = 0.023`, `p < 0.001`; below the heading of a column the name is left out."""
    if p < 0.001:
        return f"{name.replace('=', '<')}0.001" if name else "< 0.001"
    return f"{name}{p:.3f}" if p < 0.1 else f"{name}{p:.2f}"


def _signed(name: str, value: float | None) -> str:
    assert value is not None
    text = f"{100 * value:+.1f}" if name in PERCENT else f"{value:+.3g}"
    return "0.0" if text in ("+0.0", "-0.0") else text


def _bounded(*ends: float | None) -> bool:
    """Whether every end of an interval is known; too few splits give one without a bound."""
    return all(end is not None and abs(end) < 1e300 for end in ends)


def rounded(size: float, least: int = 0) -> str:
    """A number of labels to two figures, since no forecast is more precise: 6,100; exact where that would be below `least`."""
    digits = max(0, math.floor(math.log10(size)) - 1)
    short = int(round(size, -digits))
    return f"{short if short >= least else math.ceil(size):,}"


def unequal_rows(named: Sequence[tuple[str, Mapping[str, int]]]) -> str:
    """Who set labelled rows aside for validation while others learned from all; empty if all did the same.

    `named` gives the name of each method or job and its `rows`, as in `metrics.json`.
    """
    aside = {name: rows for name, rows in named if rows.get("validation")}
    if not aside or len(aside) == len(named):
        return ""
    first = next(iter(aside.values()))
    return (
        f"Not all learned from the same rows: {listed(list(aside), 3)} set {first['validation']:,} of {first['labelled']:,} "
        "labelled rows aside for validation, the others none. For the same rows in all networks: training.select=best"
    )
