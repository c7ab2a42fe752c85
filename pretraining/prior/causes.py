"""Columns that nothing in the table causes: the roots of a causal graph, and plain columns."""

from __future__ import annotations

import torch
from torch import Tensor

from pretraining.prior.draws import Draws, standardized

_NUM_CENTRES = 6
_MOST_FACTORS = 4


def draw_causes(draws: Draws, num_tables: int, num_rows: int, num_causes: int) -> Tensor:
    """Independent columns (B, N, C), standardised: each normal, uniform, heavy-tailed, or clustered around six centres.

    60 % of the tables have columns of one kind only.
    """
    shape = (num_tables, num_rows, num_causes)
    normal = draws.normal(*shape)
    uniform = draws.uniform(*shape) * 3.4641 - 1.7321
    heavy_tailed = draws.normal(*shape) / (draws.normal(*shape).abs() + 0.3)
    centres = draws.normal(num_tables, _NUM_CENTRES, num_causes) * draws.log_uniform(0.5, 3.0, num_tables, 1, 1)
    share = draws.uniform(num_tables, num_rows).pow(draws.log_uniform(0.7, 2.0, num_tables, 1))  # centres of unequal weight
    centre = (share * _NUM_CENTRES).long().clamp(max=_NUM_CENTRES - 1)
    clustered = torch.gather(centres, 1, centre.unsqueeze(-1).expand(shape)) + 0.5 * normal
    kind = draws.uniform(num_tables, 1, num_causes)
    kind_of_table = draws.uniform(num_tables, 1, 1)
    kind = torch.where(draws.coin(0.6, num_tables, 1, 1), kind_of_table.expand_as(kind), kind)
    unbounded = torch.where(kind < 0.8, heavy_tailed.clamp(-8, 8), clustered)
    return standardized(torch.where(kind < 0.45, normal, torch.where(kind < 0.7, uniform, unbounded)))


def draw_plain_columns(draws: Draws, num_tables: int, num_rows: int, num_columns: int) -> Tensor:
    """Columns (B, N, F) that are independent in 40 % of the tables and share up to four hidden factors in the others."""
    causes = draw_causes(draws, num_tables, num_rows, num_columns)
    num_factors = min(num_columns, _MOST_FACTORS)
    factors = draws.normal(num_tables, num_rows, num_factors)
    loadings = draws.normal(num_tables, num_factors, num_columns)
    share = draws.uniform(num_tables, 1, 1) * draws.coin(0.6, num_tables, 1, 1)
    shared = share * torch.bmm(factors, loadings) * draws.coin(0.8, num_tables, 1, num_columns)
    return standardized(causes * (1 - share) + shared)
