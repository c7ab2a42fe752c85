"""Leaving out tables from which nothing can be learned.

A table is judged by its labelled rows alone. The probability of the query labels given the labelled rows, which is what the
network learns, is therefore the same among the tables that are kept.
"""

from __future__ import annotations

import dataclasses
import math

import torch
from torch import Tensor

from pretraining.prior.draws import Draws, rank_fractions, standardized
from pretraining.prior.tables import Tables, TableShape, draw_tables
from sdl_cli.learning.models.table_network import MAX_CLASSES

_MOST_ROWS = 160  # a table is judged by this many labelled rows
_NUM_NEIGHBOURS = 5
_BLUR = 0.2  # standard deviation of noise in the comparison, so that hard tables stay in


def draw_learnable_tables(draws: Draws, shape: TableShape, per_table: float) -> Tables:
    """The more learnable ones of `per_table` times as many tables (at least 1) as are asked for; 1 keeps all."""
    if per_table == 1:
        return draw_tables(draws, shape)
    made = draw_tables(draws, dataclasses.replace(shape, num_tables=math.ceil(per_table * shape.num_tables)))
    gain = learnability(made.values[:, : shape.num_labelled], made.labels) - 10.0 * (made.num_classes < 2)
    kept = (gain + _BLUR * draws.normal(len(gain))).topk(shape.num_tables).indices
    return Tables(made.values[kept], made.labels[kept], made.query_labels[kept], made.num_classes[kept])


def learnability(values: Tensor, labels: Tensor) -> Tensor:
    """How far two cheap classifiers beat the majority class, as a share (B,) of what it leaves to gain.

    The better of ridge regression on values and ranks, and of the five nearest rows; each row is predicted from the others.

    Arguments:
        values: float32 (B, n, F) of labelled rows, NaN where missing. labels: int64 (B, n).
    """
    num_rows = min(_MOST_ROWS, labels.shape[1])
    labels = labels[:, :num_rows]
    values = torch.nan_to_num(values[:, :num_rows], nan=0.0)
    standard, ranks = standardized(values).clamp(-4, 4), rank_fractions(values) * 2 - 1
    is_class: Tensor = torch.nn.functional.one_hot(labels, MAX_CLASSES).float()
    majority = is_class.mean(1).max(1).values
    ridge = (_ridge_votes(standard, ranks, is_class).argmax(2) == labels).float().mean(1)
    nearest = (_neighbour_votes(standard + ranks, is_class).argmax(2) == labels).float().mean(1)
    return (torch.maximum(ridge, nearest) - majority) / (1 - majority + 1e-3)


def _ridge_votes(standard: Tensor, ranks: Tensor, is_class: Tensor) -> Tensor:
    """Leave-one-out predictions (B, n, K) of ridge regression: (fit - h y) / (1 - h), with h the diagonal of the hat matrix."""
    inputs = torch.cat([torch.ones_like(standard[:, :, :1]), standard, ranks], 2)
    penalty = (0.5 + 0.02 * inputs.shape[1]) * torch.eye(inputs.shape[2], device=inputs.device)
    solved: Tensor = torch.linalg.solve(torch.bmm(inputs.transpose(1, 2), inputs) + penalty, inputs.transpose(1, 2))
    hat = (inputs * solved.transpose(1, 2)).sum(2, keepdim=True).clamp(max=0.98)
    fit = torch.bmm(inputs, torch.bmm(solved, is_class))
    return (fit - hat * is_class) / (1 - hat)


def _neighbour_votes(points: Tensor, is_class: Tensor) -> Tensor:
    """Votes (B, n, K) of the five nearest other rows."""
    num_rows = points.shape[1]
    distance = torch.cdist(points, points) + 1e6 * torch.eye(num_rows, device=points.device)
    near = distance.topk(min(_NUM_NEIGHBOURS, num_rows - 1), dim=2, largest=False).indices
    rows = is_class.unsqueeze(1).expand(-1, num_rows, num_rows, -1)
    return torch.gather(rows, 2, near.unsqueeze(-1).expand(-1, -1, -1, MAX_CLASSES)).sum(2)
