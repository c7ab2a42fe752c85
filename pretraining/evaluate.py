"""Judge weights by real tables, beside a random forest and logistic regression on the same rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pretraining.real_tables import Array, RealTable
from sdl_cli.learning.models.pretrained_table import PretrainedTable
from sdl_cli.phrases import counted
from sdl_cli.settings.machine import available_cores

METRICS = ("acc", "log loss", "AUC")
TEMPERATURES = (0.7, 0.8, 0.9, 1.0, 1.1)
_METHODS = ("network", "forest", "logistic")


def evaluate(
    weights: Path, tables: Sequence[RealTable], members: int, device: str = "auto", say: Callable[[str], None] = print
) -> dict[str, Array]:
    """Score weights on real tables and print a line for each, then means and what other temperatures would give.

    The network answers as sdl's `model=pretrained_table` does.

    Arguments:
        members: passes over each table, at least 1.
    Returns:
        for each method, its `METRICS` (tables, 3).
    Raises:
        DataError: weights that cannot be used. DeviceError: this machine lacks the device.
    """
    heads = (f"{method + ': ' + ', '.join(METRICS):>28}" for method in _METHODS)
    say(f"{'table':<34}{'rows':>6}{'cols':>6}{'classes':>9}   " + "   ".join(heads))
    scores: dict[str, list[tuple[float, float, float]]] = {method: [] for method in _METHODS}
    answers = []
    for table in tables:
        given = _probs(weights, table, members, device)
        answers.append(given["network"])
        for method in _METHODS:
            scores[method].append(score(table.query_labels, given[method]))
        num_rows, num_columns = len(table.labels) + len(table.query_labels), table.labelled.shape[1]
        numbers = "   ".join(_shown(scores[method][-1]) for method in _METHODS)
        say(f"{table.name[:33]:<34}{num_rows:>6}{num_columns:>6}{table.num_classes:>9}   {numbers}")
    found = {method: np.array(values) for method, values in scores.items()}
    say(f"{'mean of ' + counted(len(tables), 'table'):<55}   " + "   ".join(_shown(found[m].mean(0)) for m in _METHODS))
    for other in _METHODS[1:]:
        signs = np.sign(found["network"][:, 0] - found[other][:, 0])
        won, even, lost = ((signs == sign).sum() for sign in (1, 0, -1))
        say(f"accuracy against the {other}: higher on {won}, equal on {even}, lower on {lost}")
    for temperature in TEMPERATURES:
        losses = [score(t.query_labels, tempered(p, temperature))[1] for t, p in zip(tables, answers, strict=True)]
        say(f"log loss of the network at temperature {temperature}: {np.mean(losses):.4f}")
    return found


def _probs(weights: Path, table: RealTable, members: int, device: str) -> dict[str, Array]:
    """For each of `_METHODS`, class probabilities (m, k) of the query rows; every class is among the labelled ones."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    models: dict[str, Any] = {
        "network": PretrainedTable(weights=str(weights), num_members=members, device=device, random_state=0),
        "forest": RandomForestClassifier(500, random_state=0, n_jobs=available_cores()),
        "logistic": make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), LogisticRegression(max_iter=3000)),
    }
    return {name: model.fit(table.labelled, table.labels).predict_proba(table.queries) for name, model in models.items()}


def score(classes: Array, probs: Array) -> tuple[float, float, float]:
    """Accuracy, log loss in nats (probabilities below 1e-4 count as that) and area under the ROC curve.

    With more than two classes, the area is the mean over the classes that occur, each against the rest.

    Arguments:
        classes: int64 (m,). probs: (m, k).
    """
    from sklearn.metrics import roc_auc_score

    probs = np.clip(np.nan_to_num(probs, nan=1.0 / probs.shape[1]), 1e-4, 1)
    probs = probs / probs.sum(1, keepdims=True)
    accuracy = float((probs.argmax(1) == classes).mean())
    log_loss = float(-np.log(probs[np.arange(len(classes)), classes]).mean())
    asked = [1] if probs.shape[1] == 2 else range(probs.shape[1])
    areas = [roc_auc_score(classes == c, probs[:, c]) for c in asked if 0 < (classes == c).sum() < len(classes)]
    return accuracy, log_loss, float(np.mean(areas))


def tempered(probs: Array, temperature: float) -> Array:
    """Probabilities (m, k) proportional to p^(1 / temperature): below 1 surer, above 1 less sure."""
    powers = np.clip(probs, 1e-7, 1) ** (1 / temperature)
    found: Array = powers / powers.sum(1, keepdims=True)
    return found


def _shown(scores: Sequence[float] | Array) -> str:
    return "  ".join(f"{value:8.4f}" for value in scores)
