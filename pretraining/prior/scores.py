"""Functions of the columns that targets are made from: linear ones, small networks, trees, and nearness to prototypes."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pretraining.prior.draws import Draws

_NUM_HIDDEN = 16


def draw_importance(draws: Draws, num_tables: int, num_columns: int) -> Tensor:
    """Uneven weights (B, F) of the columns, summing to 1; a random share of the columns has nearly none."""
    weights = torch.exp(draws.normal(num_tables, num_columns) * draws.uniform(num_tables, 1) * 2.0)
    is_off = draws.uniform(num_tables, num_columns) < draws.uniform(num_tables, 1) * 0.8
    weights = weights * (~is_off) + 1e-4
    return weights / weights.sum(1, keepdim=True)


def linear_scores(draws: Draws, columns: Tensor, importance: Tensor, num_scores: int) -> tuple[Tensor, Tensor]:
    """Linear scores (B, N, K), and one score (B, N): the first of them, with a product of two columns in 30 % of the tables."""
    num_tables, num_rows, num_columns = columns.shape
    weights = draws.normal(num_tables, num_columns, num_scores) * (importance * num_columns).sqrt().unsqueeze(2)
    scores = torch.bmm(columns, weights) / math.sqrt(num_columns)
    first, second = (
        torch.gather(columns, 2, draws.categories(importance, 1).unsqueeze(1).expand(num_tables, num_rows, 1)).squeeze(2)
        for _ in range(2)
    )
    return scores, scores[:, :, 0] + first * second * draws.coin(0.3, num_tables, 1) * draws.normal(num_tables, 1)


def network_scores(draws: Draws, columns: Tensor, importance: Tensor, num_scores: int) -> Tensor:
    """Outputs (B, N, K) of a random network with one hidden layer of 16 tanh units."""
    num_tables, _, num_columns = columns.shape
    weights = draws.normal(num_tables, num_columns, _NUM_HIDDEN) * importance.mul(num_columns).sqrt().unsqueeze(2)
    steepness = draws.log_uniform(0.3, 2, num_tables, 1, 1)
    inputs = torch.bmm(columns, weights) * 1.5 / math.sqrt(num_columns) * steepness
    hidden = torch.tanh(inputs + draws.normal(num_tables, 1, _NUM_HIDDEN))
    return torch.bmm(hidden, draws.normal(num_tables, _NUM_HIDDEN, num_scores))


def tree_scores(draws: Draws, columns: Tensor, importance: Tensor) -> Tensor:
    """Sum (B, N) of 1 to 16 random decision trees (as in den Breejen et al. 2024, arXiv:2405.13396).

    A node splits a column, drawn by importance, at the value of one of the rows that reach the node. All nodes of a level are
    split at once.
    """
    num_tables, num_rows, num_columns = columns.shape
    num_trees = int(draws.host.choice([1, 1, 2, 4, 8, 16]))
    most_levels = int(draws.host.integers(2, 8)) if num_trees <= 2 else int(draws.host.integers(2, 6))
    num_levels = draws.integers(1, most_levels + 1, num_tables, num_trees, 1)
    per_row = (num_tables, num_trees, num_rows)
    node = torch.zeros(per_row, dtype=torch.long, device=columns.device)
    cumulative = importance.cumsum(1).unsqueeze(1).expand(num_tables, num_trees, num_columns).contiguous()
    cells = columns.unsqueeze(1).expand(*per_row, num_columns)
    flat_cells = columns.reshape(num_tables, 1, -1).expand(num_tables, num_trees, num_rows * num_columns)
    for level in range(most_levels):
        num_nodes = 2**level
        lot = draws.uniform(num_tables, num_trees, num_nodes) * 0.9999  # rounding may leave the last sum below 1
        column = torch.searchsorted(cumulative, lot).clamp(max=num_columns - 1)
        order = draws.permutation(num_rows)
        # one row of each node: the last writer wins, in random order; row 0 where no row reaches it
        row = torch.zeros(num_tables, num_trees, num_nodes, dtype=torch.long, device=columns.device)
        row = row.scatter(2, node[:, :, order], order.view(1, 1, num_rows).expand(per_row))
        threshold = torch.gather(flat_cells, 2, row * num_columns + column)
        value = torch.gather(cells, 3, torch.gather(column, 2, node).unsqueeze(-1)).squeeze(-1)
        goes_right = (value > torch.gather(threshold, 2, node)) & (level < num_levels)
        node = node * 2 + goes_right.long()
    leaves = draws.normal(num_tables, num_trees, 2**most_levels)
    weights = draws.uniform(num_tables, num_trees, 1) + 0.05
    return (torch.gather(leaves, 2, node) * weights).sum(1)


def prototypes(draws: Draws, columns: Tensor, importance: Tensor, num_classes: Tensor) -> tuple[Tensor, Tensor]:
    """From 3 to 29 rows as prototypes: the class int64 (B, N) of the nearest one, and a sum of bumps (B, N) around them.

    Arguments:
        num_classes: int64 (B,); a prototype's class is drawn from 0 to num_classes - 1.
    """
    num_tables, num_rows, num_columns = columns.shape
    num_prototypes = int(draws.host.integers(3, 30))
    scaled = columns * (importance * num_columns).sqrt().unsqueeze(1)
    rows = draws.integers(0, num_rows, num_tables, num_prototypes)
    chosen = torch.gather(scaled, 1, rows.unsqueeze(-1).expand(num_tables, num_prototypes, num_columns))
    products = torch.bmm(scaled, chosen.transpose(1, 2))
    squares = scaled.pow(2).sum(2, keepdim=True) + chosen.pow(2).sum(2).unsqueeze(1)
    distance = (squares - 2 * products).clamp(min=0)  # squared, (B, N, P)
    classes = (draws.uniform(num_tables, num_prototypes) * num_classes.unsqueeze(1)).long()
    nearest = torch.gather(classes, 1, distance.argmin(2))
    width = distance.mean((1, 2), keepdim=True) * draws.log_uniform(0.15, 1.5, num_tables, 1, 1) + 1e-6
    bumps = (torch.exp(-distance / width) * draws.normal(num_tables, 1, num_prototypes)).sum(2)
    return nearest, bumps
