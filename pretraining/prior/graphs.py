"""Structural causal models: columns and target are nodes of one random graph.

The graph is a sparse random network of one to five layers, read as in Hollmann et al. 2023 (arXiv:2207.01848): a node is a
weighted sum of nonlinear functions of nodes of the layer before, plus noise of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pretraining.prior.causes import draw_causes
from pretraining.prior.draws import Draws, standardized

ACTIVATIONS: tuple[Callable[[Tensor], Tensor], ...] = (
    torch.tanh,
    torch.relu,
    torch.sin,
    torch.abs,
    torch.sigmoid,
    lambda x: x,
    lambda x: torch.where(x > 0, x, 0.1 * x),
    lambda x: torch.exp(-x * x),
    lambda x: x * x.clamp(-4, 4),
    lambda x: (x > 0).to(x.dtype),
    lambda x: torch.floor(x.clamp(-8, 8)),
    lambda x: torch.sign(x) * torch.sqrt(x.abs() + 1e-6),
    lambda x: torch.log1p(x.abs()),
    lambda x: torch.cos(2 * x),
    lambda x: x * (x.abs() < 1.0).to(x.dtype),
    lambda x: torch.maximum(x, -0.5 * torch.ones_like(x)),
)
_MOST_WIDTH = 96


def draw_graph_columns(draws: Draws, num_tables: int, num_rows: int, num_columns: int) -> tuple[Tensor, Tensor]:
    """Columns (B, N, F) and a target (B, N), all of them nodes of one graph per table."""
    num_layers = int(draws.host.choice([1, 1, 2, 2, 3, 4, 5]))
    nodes = _draw_nodes(draws, num_tables, num_rows, num_columns, num_layers)
    num_nodes = nodes.shape[2]
    place = torch.arange(num_nodes, device=nodes.device).view(1, num_nodes)
    score = draws.uniform(num_tables, num_nodes)
    # half of the tables take their target from the last layer
    in_last_layer = place / num_nodes >= num_layers / (num_layers + 1)
    target_score = draws.uniform(num_tables, num_nodes)
    target_score = target_score + torch.where(draws.coin(0.5, num_tables, 1), 2.0, 0.0) * in_last_layer
    target = target_score.topk(1, dim=1).indices
    score = score.scatter(1, target, -1.0)
    # a third of the tables take neighbouring nodes as their columns
    neighbours = ((place + (draws.uniform(num_tables, 1) * num_nodes).long()) % num_nodes) / num_nodes
    neighbours = neighbours.scatter(1, target, -1.0)
    score = torch.where(draws.coin(0.33, num_tables, 1), neighbours, score)
    chosen = score.topk(num_columns, dim=1).indices
    columns = torch.gather(nodes, 2, chosen.unsqueeze(1).expand(num_tables, num_rows, num_columns))
    return columns, torch.gather(nodes, 2, target.unsqueeze(1).expand(num_tables, num_rows, 1)).squeeze(2)


def _draw_nodes(draws: Draws, num_tables: int, num_rows: int, num_columns: int, num_layers: int) -> Tensor:
    """The values (B, N, M) of all nodes, at least four more than there are columns."""
    width = int(min(_MOST_WIDTH, max(6, round(math.exp(draws.host.normal(3.0, 0.6))))))
    while (num_layers + 1) * width < num_columns + 4:
        width += 4
    num_causes = int(draws.host.integers(1, min(14, max(4, num_columns + 2))))  # few columns have few hidden causes
    causes = draw_causes(draws, num_tables, num_rows, num_causes)
    is_used = (draws.uniform(num_tables, 1, num_causes) < draws.uniform(num_tables, 1, 1) + 0.3).float()
    is_used[:, :, 0] = 1.0
    causes = causes * is_used
    noise = draws.log_uniform(1e-3, 0.3, num_tables, 1, 1) * draws.log_uniform(0.3, 2.0, num_tables, 1, width)
    noise = torch.where(draws.coin(0.3, num_tables, 1, 1), 0.1 * noise, noise)  # nearly noise-free graphs
    density = draws.uniform(num_tables, 1, 1) * 0.9 + 0.1
    weights = draws.normal(num_tables, num_causes, width)
    weights = weights * (draws.uniform(num_tables, num_causes, width) < density.clamp(min=0.4))
    first = torch.bmm(causes, weights)
    # the second addition keeps a node with no cause from being constant to the last bit
    first = first + 0.05 * draws.normal(num_tables, num_rows, width) * noise + 1e-4 * draws.normal(num_tables, 1, width)
    layers = [standardized(first)]
    for _ in range(num_layers):
        layers.append(_draw_layer(draws, layers[-1], noise, density))
    return torch.cat(layers, 2)


def _draw_layer(draws: Draws, before: Tensor, noise: Tensor, density: Tensor) -> Tensor:
    """The next layer (B, N, H) after the layer `before` (B, N, H).

    Arguments:
        noise: (B, 1, H), its standard deviation. density: (B, 1, 1), the share of edges that exist.
    """
    num_tables, num_rows, width = before.shape
    inputs = before * draws.log_uniform(0.3, 1.5, num_tables, 1, 1) * draws.log_uniform(0.6, 1.6, num_tables, 1, width)
    inputs = inputs + draws.normal(num_tables, 1, width) * 0.7
    first, second, third = (ACTIVATIONS[i] for i in draws.host.choice(len(ACTIVATIONS), size=3, replace=False))
    which = draws.uniform(num_tables, 1, width)
    which = torch.where(draws.coin(0.5, num_tables, 1, 1), which[:, :, :1].expand_as(which), which)
    active = torch.where(which < 0.34, first(inputs), torch.where(which < 0.67, second(inputs), third(inputs)))
    weights = draws.normal(num_tables, width, width) * (draws.uniform(num_tables, width, width) < density)
    weights = weights * draws.coin(0.97, num_tables, width, width)
    # some nodes carry their own value on: skip edges of the graph
    sums = standardized(torch.bmm(active, weights)) + before * draws.coin(0.15, num_tables, 1, width)
    return standardized(sums) + noise * draws.normal(num_tables, num_rows, width)
