"""Judge weights by real tables, beside a random forest and logistic regression on the same rows."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pretraining.real_tables import Array, RealTable, read_tables
from sdl_cli.learning.models.table_network import TableNetwork
from sdl_cli.machine import available_cores
from sdl_cli.phrases import counted

METRICS = ("acc", "log loss", "AUC")
TEMPERATURES = (0.7, 0.8, 0.9, 1.0, 1.1)
_METHODS = ("network", "forest", "logistic")
_MOST_VALUE = 1e4  # standard deviations
_BLOCK_CELLS = 60_000  # of query rows answered at once


def evaluate(net: TableNetwork, folder: Path | None, members: int, say: Callable[[str], None] = print) -> dict[str, Array]:
    """Score the network on real tables and print a line for each, then means and what other temperatures would give.

    Arguments:
        folder: of CSV files, besides scikit-learn's own tables; None for those alone.
        members: passes per table, at least 1, with columns and class numbers in another order each.
    Returns:
        for each method, its `METRICS` (tables, 3).
    Raises:
        DataError: a folder or file that cannot be used.
    """
    tables = read_tables(folder)
    heads = (f"{method + ': ' + ', '.join(METRICS):>28}" for method in _METHODS)
    say(f"{'table':<34}{'rows':>6}{'cols':>6}{'classes':>9}   " + "   ".join(heads))
    scores: dict[str, list[tuple[float, float, float]]] = {method: [] for method in _METHODS}
    answers = []
    for table in tables:
        given = {"network": network_probs(net, table, members), **_baseline_probs(table)}
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


@torch.no_grad()
def network_probs(net: TableNetwork, table: RealTable, members: int, seed: int = 0) -> Array:
    """Class probabilities (m, k) of the query rows: the mean over `members` orders of columns and numberings of classes."""
    rng = np.random.default_rng(seed)
    device = next(net.parameters()).device
    labelled, queries = (torch.from_numpy(rows).to(device) for rows in _standardized(table))
    labels = torch.from_numpy(table.labels).to(device)
    num_columns, k = labelled.shape[1], table.num_classes
    orders = [np.arange(num_columns), *(rng.permutation(num_columns) for _ in range(members - 1))]
    shuffled = rng.permutation(k)
    total = torch.zeros(len(queries), k, device=device)
    for member, order in enumerate(orders):
        later = np.roll(shuffled, member) if member < k else rng.permutation(k)
        numbers = later if member else np.arange(k)
        columns, number_of = torch.from_numpy(order).to(device), torch.from_numpy(numbers).to(device)
        memory = net.remember(labelled[None, :, columns], number_of[labels][None])
        blocks = torch.split(queries[:, columns], max(1, _BLOCK_CELLS // (num_columns + 1)))
        logits = torch.cat([net.answer(memory, block[None])[0] for block in blocks])
        total += logits[:, :k].softmax(1)[:, number_of]
    found: Array = (total / members).cpu().numpy()
    return found


def _standardized(table: RealTable) -> tuple[Array, Array]:
    """Labelled and query rows float32 with mean 0 and deviation 1 over the labelled ones, without constant columns."""
    labelled, queries = table.labelled, table.queries
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column without any value
        mean, deviation = np.nanmean(labelled, 0), np.nanstd(labelled, 0)
    kept = deviation > 0
    if not kept.any():
        return labelled[:, :1] * 0, queries[:, :1] * 0
    a, b = (((rows[:, kept] - mean[kept]) / deviation[kept]).clip(-_MOST_VALUE, _MOST_VALUE) for rows in (labelled, queries))
    return a.astype(np.float32), b.astype(np.float32)


def _baseline_probs(table: RealTable) -> dict[str, Array]:
    """Class probabilities (m, k) of 500 trees and of logistic regression."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    models: dict[str, Any] = {
        "forest": RandomForestClassifier(500, random_state=0, n_jobs=available_cores()),
        "logistic": make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), LogisticRegression(max_iter=3000)),
    }
    # stratified: every class is among the labelled rows, so that all have a column
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
