"""What rows are scored by: every metric with its interval, and the paired improvement over the quick baseline.

Each metric is one function of row weights, `(B, N) -> (B,)`. With weights of one it is the value; with the counts of a
bootstrap it is B resampled values at once. Weights enter it only through weighted sums, so all B are matrix products.

Only `run.fit_and_score` imports this module: whoever wants rows scored asks there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from sdl_cli.data.dataset import Task
from sdl_cli.errors import RunError
from sdl_cli.measure import statistics
from sdl_cli.measure.decisions import decide
from sdl_cli.measure.metrics import MAIN, Lift, Measured, lift_of

Array = np.ndarray[Any, Any]
Metric = Callable[[Array], Array]


def classification(
    labels: Array, probs: Array, seed: int = 0, num_resamples: int = 1000, weights: Array | None = None
) -> dict[str, Measured]:
    """All metrics of a classifier on one set of rows.

    Arguments:
        labels: `(N,)` class indices in 0..K-1. probs: `(N, K)` probabilities.
        seed, num_resamples: of the bootstrap; with 0 resamples the values come without intervals (nan), and at once.
        weights: `(K,)` of `decisions.decision_weights`, which decide the class that a row is given; None is the most probable.
    Returns:
        accuracy (Wilson interval); balanced_accuracy (mean recall of the classes present); log_loss (nats; see
        `log_loss`); macro_f1; roc_auc (one class against the rest, averaged over the classes present; of class 1 when
        there are two; nan where undefined); calibration_error (15 bins, Guo et al. 2017). All but accuracy carry a
        percentile bootstrap interval over rows (see `statistics.bootstrap`), nan where that is not estimable; balanced
        accuracy has a bound per class where every class is all right or all wrong.
    Raises:
        ValueError: incompatible shapes or labels. RunError: probabilities that are not finite numbers.
    """
    labels, probs = np.asarray(labels), np.asarray(probs, dtype=np.float64)
    if probs.ndim != 2 or labels.shape != probs.shape[:1] or len(labels) == 0:
        raise ValueError(f"labels (N,) and probs (N, K) are needed, not {labels.shape} and {probs.shape}")
    if labels.min() < 0 or labels.max() >= probs.shape[1]:
        raise ValueError(f"labels must lie in 0..{probs.shape[1] - 1}")
    _check_finite(probs, "probabilities")
    correct = decide(probs, weights) == labels
    accuracy = Measured(float(correct.mean()), *statistics.wilson(int(correct.sum()), len(labels)), n=len(labels))
    functions = (balanced_accuracy, log_loss, macro_f1, roc_auc, calibration_error)
    decided = probs if weights is None else probs * weights
    metrics = {f.__name__: f(labels, decided if f in (balanced_accuracy, macro_f1) else probs) for f in functions}
    found = _bootstrapped(metrics, len(labels), seed, num_resamples)
    low, high = _recall_bounds(labels, correct)
    if num_resamples and math.isfinite(low):
        found["balanced_accuracy"] = replace(found["balanced_accuracy"], low=low, high=high)
    return {"accuracy": accuracy, **found}


def _recall_bounds(labels: Array, correct: Array) -> tuple[float, float]:
    """Interval of balanced accuracy where every class present is all right or all wrong; else nan."""
    rows = np.bincount(labels)
    hits = np.bincount(labels, weights=correct, minlength=len(rows))
    right, wrong = rows[(rows > 0) & (hits == rows)], rows[(rows > 0) & (hits == 0)]
    if len(right) + len(wrong) < np.count_nonzero(rows):
        return math.nan, math.nan
    return statistics.all_or_nothing_recalls(right.tolist(), wrong.tolist())


def regression(targets: Array, predictions: Array, seed: int = 0, num_resamples: int = 1000) -> dict[str, Measured]:
    """All metrics of predictions `(N,)` for targets `(N,)`: rmse and mae in the target's unit, and r2, bootstrapped.

    r2 is nan where all targets are equal. Raises ValueError for shapes that differ, RunError for predictions that are
    not finite numbers.
    """
    targets, predictions = _numbers(targets, predictions)
    metrics = {function.__name__: function(targets, predictions) for function in (rmse, mae, r2)}
    return _bootstrapped(metrics, len(targets), seed, num_resamples)


def balanced_accuracy(labels: Array, probs: Array) -> Metric:
    """Mean recall over the classes that have weight; chance is 1/K (Brodersen et al. 2010)."""
    truth = _indicator(labels, probs.shape[1])
    hits = truth * (probs.argmax(axis=1) == labels)[:, None]
    return lambda weights: _mean_defined(_ratio(weights @ hits, weights @ truth))


def log_loss(labels: Array, probs: Array) -> Metric:
    """Mean negative log probability of the true class, in nats.

    Probabilities are clipped from below at 1e-15 and then renormalised to sum to 1, so one confident mistake costs 34.5 instead
    of infinity.
    """
    clipped = np.maximum(probs, 1e-15)
    return _mean(np.log(clipped.sum(axis=1)) - np.log(clipped[np.arange(len(labels)), labels]))


def macro_f1(labels: Array, probs: Array) -> Metric:
    """Mean over classes, true or predicted, of the harmonic mean of precision and recall (van Rijsbergen 1979)."""
    truth = _indicator(labels, probs.shape[1])
    guess = _indicator(probs.argmax(axis=1), probs.shape[1])
    both, either = truth * guess, truth + guess
    return lambda weights: _mean_defined(_ratio(2 * (weights @ both), weights @ either))


def roc_auc(labels: Array, probs: Array) -> Metric:
    """Area under the ROC curve, ties counted half: the Mann-Whitney statistic (Hanley and McNeil 1982).

    One class against the rest, averaged without weights over the classes that have rows on both sides; of two classes,
    class 1. nan where no class has.
    """
    num_classes = probs.shape[1]
    parts = [_auc_of(labels == k, probs[:, k]) for k in ([1] if num_classes == 2 else range(num_classes))]

    def metric(weights: Array) -> Array:
        # Rows first: then sorting rows moves whole lines of memory, and the running sum is a vector addition.
        # float32 holds every count below 2^24 exactly and halves the memory moved.
        by_row = np.ascontiguousarray(weights.T, dtype=np.float32 if weights.sum(axis=1).max() < 2**24 else np.float64)
        return _mean_defined(np.stack([part(by_row) for part in parts], axis=1))

    return metric


def _auc_of(positive: Array, scores: Array) -> Metric:
    n = len(scores)
    order = np.argsort(scores, kind="stable")
    ordered, where = scores[order], np.flatnonzero(positive[order])
    first = np.searchsorted(ordered, ordered[where], side="left")
    last = np.searchsorted(ordered, ordered[where], side="right")
    # Running sums are needed only at these places: where a run of ties that holds a positive begins and ends.
    edges = np.unique(np.concatenate([[0], first, last, [n]]))
    first, last = np.searchsorted(edges, first), np.searchsorted(edges, last)

    def metric(by_row: Array) -> Array:
        # Sum over positives of twice their mid-rank among all rows, less what positives add to each other's ranks.
        sorted_rows = by_row.take(order, axis=0)
        below = np.zeros((len(edges), by_row.shape[1]))
        np.cumsum(np.add.reduceat(sorted_rows, edges[:-1], axis=0), axis=0, dtype=np.float64, out=below[1:])
        own = sorted_rows.take(where, axis=0).astype(np.float64)
        ranks = np.einsum("pb,pb->b", own, below.take(first, axis=0) + below.take(last, axis=0))
        num_positive = own.sum(axis=0)
        return _ratio(ranks - num_positive**2, 2 * num_positive * (below[-1] - num_positive))

    return metric


def calibration_error(labels: Array, probs: Array) -> Metric:
    """Expected calibration error: mean over bins of |accuracy - confidence| (Guo et al. 2017).

    15 bins ((m - 1) / 15, m / 15] of equal width cover (0, 1], weighted by their rows.
    """
    confidence = probs.max(axis=1)
    bins = np.clip(np.ceil(confidence * 15).astype(np.int64) - 1, 0, 14)
    gaps = _indicator(bins, 15) * ((probs.argmax(axis=1) == labels) - confidence)[:, None]
    return lambda weights: np.abs(weights @ gaps).sum(axis=1) / weights.sum(axis=1)


def rmse(targets: Array, predictions: Array) -> Metric:
    """Root mean squared error, in the target's unit."""
    mean_square = _mean((targets - predictions) ** 2)
    return lambda weights: np.sqrt(mean_square(weights))


def mae(targets: Array, predictions: Array) -> Metric:
    """Mean absolute error, in the target's unit."""
    return _mean(np.abs(targets - predictions))


def r2(targets: Array, predictions: Array) -> Metric:
    """One minus the squared error over that of the targets' mean; nan where the targets do not differ."""
    squares = (targets - predictions) ** 2
    centred = targets - targets.mean()

    def metric(weights: Array) -> Array:
        raw = weights @ centred**2
        spread = raw - (weights @ centred) ** 2 / weights.sum(axis=1)
        # Equal targets leave rounding error, not zero: below that the ratio means nothing.
        return 1 - _ratio(weights @ squares, np.where(spread > 1e-12 * raw, spread, 0.0))

    return metric


def paired_lift(
    task: Task,
    targets: Array,
    outputs: Array,
    baseline_outputs: Array,
    seed: int = 0,
    weights: Array | None = None,
    balanced: bool = False,
) -> Lift:
    """Improvement of a model over the baseline on the same rows, positive is better.

    Arguments:
        targets: `(N,)` labels or numbers, as `task` says.
        outputs, baseline_outputs: each one's `(N, K)` probabilities or `(N,)` predictions.
        weights: as for `classification`, the same for both.
        balanced: classes count equally: the difference in balanced accuracy, bootstrapped over rows.
    Returns:
        the difference in accuracy with Newcombe's paired interval (1998, method 10), or the baseline's RMSE minus the
        model's, bootstrapped with both models on the same resampled rows.
    """
    if task == "regression":
        model, baseline = (rmse(*_numbers(targets, each)) for each in (outputs, baseline_outputs))
        return lift_of(MAIN[task], *_bootstrapped_difference(baseline, model, len(targets), seed))
    labels = np.asarray(targets)
    both = [np.asarray(probs) if weights is None else np.asarray(probs) * weights for probs in (outputs, baseline_outputs)]
    right = [probs.argmax(axis=1) == labels for probs in both]
    if not balanced:
        return lift_of(MAIN[task], *statistics.newcombe_paired(*right))
    ours, theirs = (balanced_accuracy(labels, probs) for probs in both)
    value, low, high = _bootstrapped_difference(ours, theirs, len(labels), seed)
    if value and high - low < 1e-12:  # a class is all right or all wrong in either: each one's own bounds
        (low, high), (least, most) = (_recall_bounds(labels, correct) for correct in right)
        low, high = low - most, high - least
    return lift_of("balanced_accuracy", value, low, high)


def _bootstrapped_difference(first: Metric, second: Metric, n: int, seed: int) -> tuple[float, float, float]:
    return statistics.bootstrap({"": lambda weights: first(weights) - second(weights)}, n, seed=seed)[""]


def row_contributions(metric: str, truth: Array, outputs: Array, predicted: Array) -> Array | None:
    """What each test row adds to a score, for metrics of which the score is a mean or can be linearised; else None.

    Arguments:
        outputs: probabilities `(T, K)` or numbers `(T,)`.
        truth, predicted: `(T,)` class indices or numbers.
    Returns:
        `(T,)`: right or wrong for accuracy; the same weighted by class for balanced accuracy; the absolute error; minus the log
        probability; for RMSE its first-order influence (mean squared error is a mean, and the root is linearised at its value).
    """
    if metric == "accuracy":
        return np.asarray(predicted == truth, dtype=float)
    if metric == "balanced_accuracy":
        classes, index, counts = np.unique(truth, return_inverse=True, return_counts=True)
        weighted: Array = (predicted == truth) * len(truth) / (len(classes) * counts[index])
        return weighted
    if metric == "log_loss":
        probs = outputs[np.arange(len(truth)), truth] / outputs.sum(axis=1)
        return np.asarray(-np.log(np.clip(probs, 1e-15, 1)))
    if metric == "mae":
        return np.asarray(np.abs(outputs - truth))
    if metric == "rmse":
        squared = (outputs - truth) ** 2
        rmse = math.sqrt(float(squared.mean()))
        return np.full(len(truth), 0.0) if rmse == 0 else rmse + (squared - rmse**2) / (2 * rmse)
    return None


def _bootstrapped(metrics: Mapping[str, Metric], n: int, seed: int, num_resamples: int) -> dict[str, Measured]:
    if num_resamples == 0:
        ones = np.ones((1, n))
        return {name: Measured(float(metric(ones)[0]), math.nan, math.nan, n) for name, metric in metrics.items()}
    found = {}
    for name, (value, low, high) in statistics.bootstrap(metrics, n, num_resamples, seed).items():
        if high - low <= 1e-12 * abs(value):  # no resample differed from the value (every row right, say), which says nothing
            low = high = math.nan
        found[name] = Measured(value, low, high, n)
    return found


def _indicator(classes: Array, num_classes: int) -> Array:
    return np.asarray(classes[:, None] == np.arange(num_classes), dtype=np.float64)


def _ratio(top: Array, bottom: Array) -> Array:
    return np.asarray(np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0))


def _mean(values: Array) -> Metric:
    return lambda weights: _ratio(weights @ values, weights.sum(axis=1))


def _mean_defined(values: Array) -> Array:
    """Mean over axis 1, ignoring nan; nan if all are nan."""
    return _ratio(np.nansum(values, axis=1), (~np.isnan(values)).sum(axis=1))


def _numbers(targets: Array, predictions: Array) -> tuple[Array, Array]:
    targets, predictions = np.asarray(targets, dtype=np.float64), np.asarray(predictions, dtype=np.float64)
    if targets.ndim != 1 or targets.shape != predictions.shape or len(targets) == 0:
        raise ValueError(f"targets (N,) and predictions (N,) are needed, not {targets.shape} and {predictions.shape}")
    _check_finite(predictions, "predictions")
    return targets, predictions


def _check_finite(outputs: Array, what: str) -> None:
    num_bad = int((~np.isfinite(outputs)).sum())
    if num_bad:
        raise RunError(f"{num_bad} of the model's {what} are not finite numbers.", "Try a smaller training.learning_rate.")
