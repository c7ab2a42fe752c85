"""What measuring does to columns: numbers become a few levels or codes, or are warped."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pretraining.prior.draws import Draws, rank_fractions, standardized

_MOST_LEVELS = 10


def mangle(draws: Draws, columns: Tensor, discrete_fraction: Tensor) -> Tensor:
    """Columns (B, N, F), some of them discretised and standardised, the others warped.

    Arguments:
        discrete_fraction: (B, 1, 1), the share of discretised columns of each table, in [0, 1].
    """
    num_tables, _, num_columns = columns.shape
    codes = _discretised(draws, columns)
    warped = _warped(draws, standardized(columns))
    is_discrete = draws.uniform(num_tables, 1, num_columns) < discrete_fraction
    return torch.where(is_discrete, standardized(codes), warped)


def _discretised(draws: Draws, columns: Tensor) -> Tensor:
    """Each column cut into 2 to 10 levels, evenly or at random; 35 % of the columns have shuffled codes."""
    num_tables, _, num_columns = columns.shape
    fractions = rank_fractions(columns + 1e-6 * draws.normal(*columns.shape))  # equal values share a level only by chance
    num_levels = torch.exp(draws.uniform(num_tables, num_columns) * math.log(5.5) + math.log(2.0)).long().unsqueeze(2)
    step = torch.arange(1, _MOST_LEVELS, device=columns.device).view(1, 1, -1)
    cuts = draws.uniform(num_tables, num_columns, _MOST_LEVELS - 1)
    even = (step / num_levels).clamp(max=2.0)
    cuts = torch.where(draws.coin(0.4, num_tables, num_columns, 1), even, cuts)
    cuts = torch.where(step < num_levels, cuts, torch.full_like(cuts, 2.0))  # no rank is above 2: a cut that cuts nothing
    codes = torch.zeros(columns.shape, dtype=torch.long, device=columns.device)
    for i in range(_MOST_LEVELS - 1):
        codes += (fractions > cuts[:, :, i].unsqueeze(1)).long()
    names = draws.uniform(num_tables, num_columns, _MOST_LEVELS).argsort(2).float()
    shuffled = torch.gather(names.transpose(1, 2), 1, codes)
    return torch.where(draws.coin(0.35, num_tables, 1, num_columns), shuffled, codes.float())


def _warped(draws: Draws, columns: Tensor) -> Tensor:
    """In half of the tables, each column through an exponential, a power, a hinge, rounding, or left as it is."""
    num_tables, _, num_columns = columns.shape
    per_column = (num_tables, 1, num_columns)
    kind = draws.uniform(*per_column)
    kind = torch.where(draws.coin(0.5, num_tables, 1, 1), torch.ones_like(kind), kind)
    exponential = torch.exp(columns.clamp(-5, 3) * (0.3 + draws.uniform(*per_column)))
    power = torch.sign(columns) * columns.abs().pow(1.0 + 1.5 * draws.uniform(*per_column))
    hinge = torch.relu(columns + draws.normal(*per_column) * 0.5)
    rounded = torch.where(kind < 0.6, torch.round(columns * 4), columns)
    return torch.where(kind < 0.25, exponential, torch.where(kind < 0.4, power, torch.where(kind < 0.5, hinge, rounded)))
