"""How much a model relies on each column of a table: the loss of its main metric when the column is shuffled among test rows.

Sources: Breiman, "Random forests" (Machine Learning, 2001), section 10; Fisher, Rudin and Dominici, "All models are wrong, but
many are useful" (JMLR, 2019).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sdl_cli.measure import baseline
from sdl_cli.measure.metrics import HIGHER_IS_BETTER
from sdl_cli.measure.statistics import bootstrap
from sdl_cli.measure.wording import PERCENT, label
from sdl_cli.report.html.drawing import GRID, MUTED, SERIES, Drawing, new_figure
from sdl_cli.report.html.opened import OpenedRun
from sdl_cli.report.html.saved import shown
from sdl_cli.report.html.section import Section, short_name
from sdl_cli.run.fit_and_score import main_score

Array = np.ndarray[Any, Any]
Predict = Callable[[Array], Array]
Metric = Callable[[Array], Array]  # row weights `(B, N)` to values `(B,)`
Score = Callable[[Array], Metric]

_MOST_SHOWN = 15
_NAME_LETTERS = 40
_ROUNDING = 1e-7  # of the metric: what a larger batch may change in the last bits of an output
_MOST_ROWS = 2000
_BATCH_ROWS = 4096  # predicted in one go: enough to spread what a call costs
_NUM_PERMUTATIONS, _LEAST_PERMUTATIONS = 10, 3
_MOST_SECONDS = 3.0
_MOST_SLOW_SECONDS = 20.0  # with the least permutations: beyond that the section is left out


@dataclass(frozen=True)
class Importance:
    """How much worse the main metric is without each column: mean over permutations, and its 95 % interval over test rows.

    Arguments:
        columns: positions in the table's original columns, `(M,)`, the most important first.
        values, low, high: `(M,)`, positive where the column helps; of all but the first 15, low and high are nan.
        num_permutations: how often each column was shuffled.
    """

    columns: Array
    values: Array
    low: Array
    high: Array
    num_permutations: int


def build(run: OpenedRun) -> Section | None:
    """The section; None for images and texts."""
    if run.inputs["modality"] != "table":
        return None
    dataset, model = run.dataset, run.model
    rows = run.test_rows
    if len(rows) > _MOST_ROWS:
        rows = np.sort(np.random.default_rng(0).choice(rows, _MOST_ROWS, replace=False))
    columns = dataset.own_columns
    weighs = run.config["loss"].get("class_weight") == "balanced"
    metric, score = main_score(dataset.y[rows], run.is_classification, run.decision, weighs)
    num_classes = len(dataset.classes)
    found = permutation_importance(
        lambda X: baseline.model_outputs(model, X, num_classes), score, dataset.X[rows], [place for _, place in columns],
        higher_is_better=HIGHER_IS_BETTER[metric],
    )  # fmt: skip
    title = "Which columns the model uses"
    if found is None:
        slow = (
            f"Not measured: shuffling each of {len(columns):,} columns and predicting again would take too long with this model."
        )
        return Section("importance", title, "", slow)
    names = [dataset.called(columns[j][0], _NAME_LETTERS) for j in found.columns]
    unit = 100.0 if metric in PERCENT else 1.0
    what = f"points of {label(metric)} lost" if metric in PERCENT else f"{label(metric)} added"
    caption = (
        f"Each bar shows what is lost when one column is shuffled among the {len(rows):,} test rows, so that it no longer says "
        f"anything about the row: the mean of {found.num_permutations} shuffles, with its 95 % interval over test rows "
        "(bootstrap). Columns that carry the same information share their importance: each may look small although the model "
        "needs one of them. It shows what this model uses, not what causes the target."
    )

    def draw(width_in: float) -> Figure:
        return _bars(names, found, unit, what, width_in)

    drawing = Drawing("importance", f"Importance of columns: {what} when each is shuffled", draw, caption)
    return Section("importance", title, shown(drawing), _lead(names, found, metric), (drawing,))


def permutation_importance(
    predict: Predict,
    score: Score,
    X: Array,
    columns: Sequence[Sequence[int]],
    higher_is_better: bool,
    num_permutations: int | None = None,
    seed: int = 0,
) -> Importance | None:
    """Shuffle each column among the rows and measure what is lost.

    Arguments:
        predict: `(N, F)` to outputs, row by row. score: outputs to the metric as a function of row weights.
        X: test rows `(N, F)`. columns: for each original column its places in X, which are shuffled together.
        num_permutations: None takes 10, or fewer, at least 3, so that it takes about 3 seconds.
    Returns:
        the importances, or None where even 3 permutations would take far longer.
    """
    sign, whole = (1.0 if higher_is_better else -1.0), np.ones((1, len(X)))
    own = score(predict(X))
    num = num_permutations or _affordable(predict, X, len(columns))
    if not num:
        return None
    rng = np.random.default_rng(seed)
    shuffled = [[score(outputs) for outputs in each] for each in _shuffled_outputs(predict, X, columns, num, rng)]

    def lost(those: list[Metric]) -> Metric:
        def lost_by(rows: Array) -> Array:
            whole = own(rows)
            change = sign * np.mean([whole - metric(rows) for metric in those], axis=0)
            return np.where(np.abs(change) > _ROUNDING * np.abs(whole), change, 0.0)

        return lost_by

    values = np.array([float(lost(those)(whole)[0]) for those in shuffled])
    order = np.argsort(-values, kind="stable")
    low, high = np.full(len(order), np.nan), np.full(len(order), np.nan)
    first = {str(k): lost(shuffled[j]) for k, j in enumerate(order[:_MOST_SHOWN])}
    for k, (_, *ends) in enumerate(bootstrap(first, len(X), num_resamples=500, seed=seed).values()):
        low[k], high[k] = ends
    return Importance(order, values[order], low, high, num)


def _affordable(predict: Predict, X: Array, num_columns: int) -> int:
    """How often each column can be shuffled in about 3 seconds, from 3 to 10; 0 where even 3 times take far longer."""
    rows = np.tile(X, (-(-min(_BATCH_ROWS, num_columns * len(X)) // len(X)), 1))
    started = time.perf_counter()
    predict(rows)
    seconds = (time.perf_counter() - started) / len(rows) * len(X) * num_columns  # of each column once
    if seconds * _LEAST_PERMUTATIONS > _MOST_SLOW_SECONDS:
        return 0
    return max(_LEAST_PERMUTATIONS, min(_NUM_PERMUTATIONS, int(_MOST_SECONDS / max(seconds, 1e-9))))


def _shuffled_outputs(
    predict: Predict, X: Array, columns: Sequence[Sequence[int]], num: int, rng: np.random.Generator
) -> Iterator[list[Array]]:
    """For each column the outputs for `num` copies of X in which it is shuffled, several columns predicted in one go."""
    n = len(X)
    per_batch = max(1, _BATCH_ROWS // (num * n))
    for start in range(0, len(columns), per_batch):
        batch = [list(place) for place in columns[start : start + per_batch] for _ in range(num)]
        copies = np.tile(X, (len(batch), 1))
        for k, place in enumerate(batch):
            copies[k * n : (k + 1) * n, place] = X[rng.permutation(n)][:, place]
        outputs = np.split(predict(copies), len(batch))
        yield from (outputs[k : k + num] for k in range(0, len(batch), num))


def _lead(names: Sequence[str], found: Importance, metric: str) -> str:
    clear = int((found.low[:_MOST_SHOWN] > 0).sum())
    if not clear:
        return "No single column matters measurably: shuffling any one of them leaves the result about the same."
    unit = 100.0 if metric in PERCENT else 1.0
    value, low, high = (_amount(unit * part[0]) for part in (found.values, found.low, found.high))
    change = f"falls by {value} points" if metric in PERCENT else f"rises by {value}"
    first = f"{short_name(names[0], 60)} matters most: without it {label(metric)} {change} ({low} to {high})."
    num = f"{clear} of {len(names)}" if len(names) <= _MOST_SHOWN else f"{clear} of the {_MOST_SHOWN} largest of {len(names)}"
    return f"{first} The interval of {num} columns lies above zero."


def _amount(value: float) -> str:
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.3g}"


def _bars(names: Sequence[str], found: Importance, unit: float, what: str, width_in: float) -> Figure:
    num = min(_MOST_SHOWN, len(names))
    with new_figure(width_in, 0.3 * num + 0.8) as picture:
        axes = picture.add_subplot()
        values, low, high = (part[:num] * unit for part in (found.values, found.low, found.high))
        places = np.arange(num)
        axes.barh(places, values, height=0.62, color=SERIES[0], alpha=0.75)
        axes.hlines(places, low, high, color=MUTED, linewidth=1.4)
        axes.axvline(0, color=MUTED, linewidth=0.8)
        axes.grid(axis="x", color=GRID)
        axes.set_yticks(places, [short_name(name, _NAME_LETTERS) for name in names[:num]])
        axes.tick_params(axis="y", length=0)
        axes.set(ylim=(num - 0.5, -0.5), xlabel=what)
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.6g}")
    return picture
