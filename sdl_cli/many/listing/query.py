"""Which runs are wanted and in what order: `--where accuracy>0.9`, `--sort -log_loss`."""

from __future__ import annotations

import difflib
import math
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sdl_cli.errors import ConfigError
from sdl_cli.many.listing.reading import Run
from sdl_cli.measure.metrics import HIGHER_IS_BETTER, RANGE

WORDS = ("dataset", "model", "kind", "status", "verdict", "folder", "sweep", "reason")
KEYS = (*WORDS, "date", "seconds", "lift")
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le,
}  # fmt: skip


@dataclass(frozen=True)
class Condition:
    """One `--where`: `key`, one of `= != > < >= <=`, and what the value is compared with, as typed."""

    key: str
    operator: str
    text: str

    def holds(self, run: Run) -> bool:
        """Whether a run meets it. A run that has no such value meets only `!=` and `=null`."""
        found = values_of(run, self.key)
        if self.operator in ("=", "!="):
            return any(_is_same(value, self.text, self.key) for value in found or [None]) == (self.operator == "=")
        compare = _COMPARISONS[self.operator]
        if self.key == "date":
            return any(compare(str(value)[: len(self.text)], self.text) for value in found)
        bound = as_number(self.text)
        return any(number is not None and compare(number, bound) for number in map(as_number, found))


def select(
    runs: Sequence[Run], where: Sequence[str] = (), sort: str | None = None, limit: int | None = None, reverse: bool = False
) -> list[Run]:
    """The runs that meet every condition `dataset=digits`, `accuracy>0.9`, in order; ConfigError names the nearest valid key.

    Arguments:
        sort: `date` (also None), `seconds`, `lift`, a metric or any setting, prefixed with `-` to reverse the order. The newest,
            best or largest comes last, where a terminal shows it; runs without the value come first.
        limit: keep the last ones, before `reverse` reverses the order.
    """
    key, turned = (sort or "date").removeprefix("-"), (sort or "").startswith("-")
    known = known_keys(runs)
    conditions = [parse_condition(text, known) for text in where]
    if runs:
        _check_key("--sort", key, known)
    kept = [run for run in runs if all(condition.holds(run) for condition in conditions)]
    kept.sort(key=lambda run: _rank(run, key))
    if limit is not None:
        kept = kept[-limit:]
    return kept[::-1] if reverse != turned else kept


def known_keys(runs: Iterable[Run]) -> list[str]:
    """Every key that these runs can be asked for."""
    seen: dict[str, None] = dict.fromkeys((*KEYS, *HIGHER_IS_BETTER))
    for settings in {tuple(run.config) for run in runs}:
        seen.update(dict.fromkeys(settings))
    return list(seen)


ALIASES = {"data": "dataset", "when": "date"}  # as the columns are called


def parse_condition(text: str, known: Sequence[str]) -> Condition:
    """A condition as typed; `known` are the keys there are, none of them where there is no run at all."""
    match = re.fullmatch(r"\s*([^\s=<>!]+)\s*(>=|<=|!=|==|=|>|<)\s*(.*?)\s*", text, re.DOTALL)
    if match is None:
        hint = "Quote it, because the shell treats > as a file: --where 'accuracy>0.9'"
        raise ConfigError(f"--where {text[:80]!r}: a condition is a key, then =, != , > or <, then a value.", hint)
    found = Condition(ALIASES.get(match[1], match[1]), {"==": "="}.get(match[2], match[2]), match[3])
    if len(known) > len(KEYS) + len(HIGHER_IS_BETTER):
        _check_key("--where", found.key, known)
    if found.operator in _COMPARISONS and found.key != "date":
        _check_bound(found)
    return found


def _check_bound(condition: Condition) -> None:
    bound = as_number(condition.text)
    where = f"--where {condition.key}{condition.operator}{condition.text}"
    if condition.key in WORDS or bound is None:
        raise ConfigError(f"{where}: > and < compare numbers and dates.", "For text use = or !=, as in --where model=baseline")
    low, high = RANGE.get(condition.key, (-math.inf, math.inf))
    if not low <= bound <= high:
        is_percent = low == 0 and bound <= 100
        hint = f"For {bound:g} %: --where '{condition.key}{condition.operator}{bound / 100:g}'" if is_percent else ""
        raise ConfigError(f"{where}: {condition.key} ranges from {low:g} to {high:g}.", hint)


def _check_key(option: str, key: str, known: Sequence[str]) -> None:
    if key in known:
        return
    last, full = key.rpartition(".")[2], {name.rpartition(".")[2]: name for name in reversed(known)}
    near = [last] if last in full else difflib.get_close_matches(key, known, n=1) or difflib.get_close_matches(last, full, n=1)
    guess = f" Did you mean {full.get(near[0], near[0])}?" if near else ""
    example = next((f", for example {name}" for name in known if "." in name), "")
    hint = f"Available: {', '.join(KEYS)}, the metrics, and every full setting name{example}."
    raise ConfigError(f"{option} {key[:80]}: no run here has a setting or metric with this name.{guess}", hint)


def values_of(run: Run, key: str) -> list[Any]:
    """The values that a run has under a key; a data set and a model go by several names."""
    value: Any
    if key in ("dataset", "model"):
        return list(run.datasets if key == "dataset" else run.models)
    if key == "date":
        return [datetime.fromtimestamp(run.begun).isoformat(timespec="seconds")]
    if key == "lift":
        value = run.details["lift"]["value"] if "lift" in run.details else None
    elif key in HIGHER_IS_BETTER:
        value = run.metrics[key]["value"] if key in run.metrics else None
    elif key in KEYS:
        value = getattr(run, key)
    else:
        value = run.config.get(key)
    return [] if value is None or value == "" else [value]


def as_number(value: Any) -> float | None:
    """A number, or a text that is one; `90%` is 0.9."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    text = str(value).strip()
    try:
        number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _is_same(value: Any, text: str, key: str) -> bool:
    if key == "date":  # 2026-11 is all of that month
        return str(value).startswith(text)
    if value is None or isinstance(value, bool):
        return text.lower() == {None: "null", True: "true", False: "false"}[value]
    mine, other = as_number(value), as_number(text)
    if mine is not None and other is not None:
        return mine == other
    if isinstance(value, list):
        return ",".join(map(str, value)) == re.sub(r"[\s\[\]]", "", text)
    return str(value).casefold() == text.casefold()


def _rank(run: Run, key: str) -> tuple[Any, ...]:
    """What runs are sorted by: no value, then words, then numbers; the best metric and the largest number last."""
    order = (run.begun, len(run.folder), run.folder)
    if key == "date":
        return order
    value = next(iter(values_of(run, key)), None)
    number = as_number(value)
    if number is None:
        return (0 if value is None else 1, 0.0, str(value), *order)
    return (2, number if HIGHER_IS_BETTER.get(key, True) else -number, "", *order)
