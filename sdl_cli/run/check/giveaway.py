"""A feature that alone gives the target away: derived from it, known only after it, or a copy under another name.

A score of a single feature is measured on rows that were not used for it (five folds, by group where there are groups).
Honest features can be very good, so only a score that is perfect beyond doubt is a leak, and anything less a warning.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.dataset import Dataset
from sdl_cli.data.split import Split
from sdl_cli.measure.statistics import wilson
from sdl_cli.phrases import shortened
from sdl_cli.run.check.columns import column_names, identifier_columns, leave_out, level_counts
from sdl_cli.run.check.problem import Problem, Severity, named, percent, ranked

_MIN_ROWS = 10
_NUM_FOLDS = 5
_FEW_VALUES = 32  # a number of so few values is taken value by value, which is quicker than a tree
_ROWS, _BRIEF_ROWS, _FEWEST_ROWS = 20_000, 2_000, 300
_CELLS, _BRIEF_CELLS = 10_000_000, 300_000
_CANDIDATES, _BRIEF_CANDIDATES = 300, 12
# The share of errors of the most frequent class that a feature removes (lambda of Goodman and Kruskal, 1954).
_LEAK_LAMBDA, _LEAK_SURE, _WARN_LAMBDA = 0.99, 0.97, 0.95
_CHANCE = 1e-3
_OTHERS = {"all": "no", "nearly all": "hardly any"}
# Rank correlation with a number. An honest earlier value of a slow series reaches 0.999.
_LEAK_RANKS, _WARN_RANKS, _LEAK_ROWS = 0.9999, 0.99, 30


@dataclass(frozen=True)
class _Score:
    """What one feature achieves: `value` for sorting, `words` for people; `name` is the feature's, or a whole date's."""

    name: str
    severity: Severity
    value: float
    words: str


def find(dataset: Dataset, parts: Split, brief: bool) -> Iterator[Problem]:
    """Features of a table that tell the target by themselves."""
    if dataset.modality != "table" or len(dataset) < _MIN_ROWS:
        return
    rows = _chosen_rows(len(dataset), dataset.X.shape[1], brief)
    score = _classes if dataset.task == "classification" else _numbers
    found = sorted(score(dataset, rows, brief), key=lambda one: -one.value)
    for severity, verb in (("leak", "gives"), ("warning", "nearly gives")):
        some = [one for one in found if one.severity == severity]
        if some:
            names = [one.name for one in some]
            what = f"{dataset.called(names[0])} alone {verb} the target away: it {some[0].words}."
            if len(some) > 1:
                what = f"{len(some)} features, each alone, {verb.removesuffix('s')} the target away; the first {some[0].words}."
            advice = f"Is it made from the target, or known only after it? {leave_out(dataset, names)}"
            yield Problem(
                some[0].severity, what, named([dataset.called(name) for name in names]) if len(some) > 1 else "", advice
            )


def _chosen_rows(num: int, num_features: int, brief: bool) -> Array:
    cells, most = (_BRIEF_CELLS, _BRIEF_ROWS) if brief else (_CELLS, _ROWS)
    most = min(most, max(_FEWEST_ROWS, cells // max(1, num_features)))
    if num <= most:
        return np.arange(num)
    return np.sort(np.random.default_rng(0).choice(num, most, replace=False))


def _classes(dataset: Dataset, rows: Array, brief: bool) -> Iterator[_Score]:
    labels, y = np.unique(dataset.y[rows], return_inverse=True)
    X, levels, identifiers = dataset.X[rows], level_counts(dataset), identifier_columns(dataset)
    if not 2 <= int(y.max()) + 1 <= len(y) // 4:
        return
    folds = _folds(len(y), None if dataset.groups is None else dataset.groups[rows])
    by_missing = _by_missing_cells(X, y, [shortened(dataset.classes[label]) for label in labels])
    sources = column_names(dataset)
    yield from {sources[j]: _Score(sources[j], *score) for j, score in by_missing.items()}.values()  # a date once, not its parts
    for j in _candidates(X, y)[: _BRIEF_CANDIDATES if brief else _CANDIDATES]:
        if j in by_missing:
            continue
        name = dataset.feature_names[j]
        filled = ~np.isnan(X[:, j])
        scores = []
        # A copy of the target may be known for some rows only.
        for used in (slice(None), filled) if not filled.all() and filled.sum() >= _LEAK_ROWS else (slice(None),):
            x, targets = X[used, j], y[used]
            if _is_recoded(x, targets, X.shape[1]):
                scores.append(_Score(name, "leak", 1.0, f"has one value for each class, in all of {len(x):,} rows"))
            else:
                scores.extend(_score(name, x, targets, folds[used], levels[j] > 0, j in identifiers))
        yield from sorted(scores, key=lambda score: (score.severity != "leak", -score.value))[:1]


def _score(name: str, x: Array, y: Array, folds: Array, is_category: bool, is_identifier: bool) -> Iterator[_Score]:
    """How well a feature tells the classes of rows outside a fold, where that is remarkable."""
    num_other = len(y) - int(np.bincount(y).max())  # errors of always answering the most frequent class
    if num_other == 0:
        return
    is_discrete = is_category or len(np.unique(x)) <= _FEW_VALUES
    errors = int(((_by_level if is_discrete else _by_tree)(x, y, folds) != y).sum())
    value = 1 - errors / num_other
    if value < _WARN_LAMBDA:
        return
    # Where rows are sorted by class their own number is a perfect feature.
    is_sure = value >= _LEAK_LAMBDA and wilson(num_other - errors, num_other)[0] >= _LEAK_SURE
    right, guess = percent(1 - errors / len(y)), percent(1 - num_other / len(y))
    words = f"tells the class of {right} of {len(y):,} rows (always the largest class: {guess})"
    yield _Score(name, "leak" if is_sure or is_identifier else "warning", value, words)


def _candidates(X: Array, y: Array) -> list[int]:
    """Columns in whose order the class changes so seldom that they can reach a score; the most promising first."""
    counts = np.bincount(y)
    order = np.lexsort((np.broadcast_to(y[:, None], X.shape), X), axis=0)
    changes = (np.diff(y[order], axis=0) != 0).sum(axis=0)
    # A feature with e errors and L intervals has at most L - 1 + 2 e changes.
    most = 2 * (1 - _WARN_LAMBDA) * (len(y) - counts.max()) + 4 * len(counts)
    return [int(j) for j in np.argsort(changes, kind="stable") if changes[j] <= most]


def _is_recoded(x: Array, y: Array, num_features: int) -> bool:
    """Whether each class has one value and each value one class, in more rows than chance can explain."""
    values, index = np.unique(x, return_inverse=True)  # NaN counts as one value
    num_classes = int(y.max()) + 1
    if len(values) != num_classes or num_classes < 2 or len(np.unique(index * num_classes + y)) != num_classes:
        return False
    return _is_beyond_chance(np.bincount(y), math.log(num_features) + math.lgamma(num_classes + 1))


def _is_beyond_chance(counts: Array, log_tries: float) -> bool:
    """Whether one arrangement of rows, of all with these counts `(K,)` of each kind, is no accident in so many tries."""
    log_arrangements = math.lgamma(counts.sum() + 1) - sum(math.lgamma(count + 1) for count in counts)
    return log_tries - log_arrangements < math.log(_CHANCE)


def _by_missing_cells(X: Array, y: Array, classes: list[str]) -> dict[int, tuple[Severity, float, str]]:
    """Columns that are missing, or filled in, for one class and hardly for any other: severity, value and words of each."""
    missing = np.isnan(X)
    totals = np.bincount(y)
    found: dict[int, tuple[Severity, float, str]] = {}
    for j in np.flatnonzero(missing.sum(axis=0) >= _MIN_ROWS).tolist():
        for state, verb in ((missing[:, j], "missing"), (~missing[:, j], "given")):
            counts = np.bincount(y[state], minlength=len(totals))
            errors = totals + counts.sum() - 2 * counts  # of taking just these rows for rows of the class
            best = int(errors.argmin())
            of_class = np.array([totals[best], len(y) - totals[best]])
            if of_class.min() < _MIN_ROWS or counts.sum() > len(y) / 2 + (verb == "missing"):  # said of the fewer rows
                continue
            right = int(of_class.min() - errors[best])
            value = right / int(of_class.min())
            if value < _WARN_LAMBDA:
                continue
            is_sure = value >= _LEAK_LAMBDA and wilson(right, int(of_class.min()))[0] >= _LEAK_SURE
            is_exact = errors[best] == 0 and _is_beyond_chance(of_class, math.log(X.shape[1] * len(classes)))
            extent = "all" if errors[best] == 0 else "nearly all"
            words = f"is {verb} in {extent} rows of class {classes[best]} and in {_OTHERS[extent]} other"
            found[j] = "leak" if is_sure or is_exact else "warning", value, words
    return found


def _folds(num: int, groups: Array | None) -> Array:
    """The fold 0..4 of each row; rows of a group share one."""
    rng = np.random.default_rng(0)
    if groups is None:
        return np.asarray(rng.permutation(num) % _NUM_FOLDS)
    index = np.unique(groups, return_inverse=True)[1]
    return np.asarray((rng.permutation(int(index.max()) + 1) % _NUM_FOLDS)[index])


def _by_level(x: Array, y: Array, folds: Array) -> Array:
    """For each row the class most frequent at its level in the other folds; -1 where the level is new there."""
    num_classes = int(y.max()) + 1
    x = np.unique(x, return_inverse=True)[1]
    shape = _NUM_FOLDS, int(x.max()) + 1, num_classes
    table = np.bincount(np.ravel_multi_index((folds, x, y), shape), minlength=math.prod(shape)).reshape(shape)
    others = (table.sum(axis=0) - table)[folds, x]
    return np.where(others.any(axis=1), others.argmax(axis=1), -1)


def _by_tree(x: Array, y: Array, folds: Array) -> Array:
    """For each row the class that a tree of few intervals, fitted to the other folds, gives it."""
    from sklearn.tree import DecisionTreeClassifier

    x = np.clip(x, -3e38, 3e38)[:, None]  # trees compute in float32
    predicted = np.full(len(y), -1)
    for fold in np.unique(folds):
        held = folds == fold
        if held.all():
            return predicted
        tree = DecisionTreeClassifier(max_leaf_nodes=max(4, 2 * (int(y.max()) + 1)), random_state=0)
        predicted[held] = tree.fit(x[~held], y[~held]).predict(x[held])
    return predicted


def _numbers(dataset: Dataset, rows: Array, brief: bool) -> Iterator[_Score]:
    y = dataset.y[rows]
    if y.min() == y.max():
        return
    levels = level_counts(dataset)
    for j in range(dataset.X.shape[1]):
        x = dataset.X[rows, j]
        filled = np.isfinite(x)
        if levels[j] or filled.sum() < max(_MIN_ROWS, len(y) / 2):
            continue
        value = abs(_rank_correlation(x[filled], y[filled]))
        if value >= _WARN_RANKS:
            leak = value >= _LEAK_RANKS and filled.sum() >= _LEAK_ROWS
            words = f"has a rank correlation of {math.floor(1e5 * value) / 1e5:.7g} with it in {int(filled.sum()):,} rows"
            yield _Score(dataset.feature_names[j], "leak" if leak else "warning", value, words)


def _rank_correlation(x: Array, y: Array) -> float:
    """Spearman's rank correlation, ties at their mean rank; 0 where one side is constant."""
    a, b = ranked(x), ranked(y)
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float(a @ a) * float(b @ b))
    return min(1.0, max(-1.0, float(a @ b) / scale)) if scale > 0 else 0.0
