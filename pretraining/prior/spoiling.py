"""What goes wrong in real tables: wrong labels, outliers, columns that say nothing, repeated rows, missing cells."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pretraining.prior.draws import Draws, standardized

_MOST_VALUE = 50.0


def spoil_classes(draws: Draws, classes: Tensor) -> Tensor:
    """Classes int64 (B, N), where in a fifth of the tables up to 20 % of the rows take the class of a random row."""
    num_tables, num_rows = classes.shape
    rate = draws.uniform(num_tables, 1) * 0.2 * draws.coin(0.2, num_tables, 1)
    other = torch.gather(classes, 1, draws.integers(0, num_rows, num_tables, num_rows))
    return torch.where(draws.uniform(num_tables, num_rows) < rate, other, classes)


def mix_columns(draws: Draws, columns: Tensor, is_numeric: Tensor) -> Tensor:
    """Columns (B, N, F), in a quarter of the tables with `is_numeric` (bool (B, 1, 1)) replaced by mixtures of one another."""
    num_tables, _, num_columns = columns.shape
    mixes = draws.coin(0.25, num_tables, 1, 1) & is_numeric
    turn = draws.normal(num_tables, num_columns, num_columns) / math.sqrt(num_columns)
    turn = torch.eye(num_columns, device=columns.device) + turn * draws.log_uniform(0.2, 2.0, num_tables, 1, 1)
    return torch.where(mixes, standardized(torch.bmm(columns, turn)), columns)


def spoil_columns(draws: Draws, columns: Tensor) -> Tensor:
    """Columns (B, N, F), some of them moved against the rows so that they say nothing, some cells eight times as large."""
    num_tables, num_rows, num_columns = columns.shape
    is_loose = draws.uniform(num_tables, 1, num_columns) < (
        draws.uniform(num_tables, 1, 1) * 0.6 * draws.coin(0.35, num_tables, 1, 1)
    )
    columns = torch.where(is_loose, columns.roll(int(draws.host.integers(1, num_rows)), dims=1), columns)
    cells = draws.uniform(num_tables, num_rows, num_columns)
    is_outlier = cells < 0.02 * draws.uniform(num_tables, 1, 1) * draws.coin(0.15, num_tables, 1, 1)
    return torch.where(is_outlier, columns * 8, columns)


def repeat_rows(draws: Draws, columns: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Columns (B, N, F) and classes (B, N), where in a tenth of the tables up to 40 % of the rows copy another one."""
    num_tables, num_rows, _ = columns.shape
    is_copy = draws.uniform(num_tables, num_rows) < (0.4 * draws.uniform(num_tables, 1) * draws.coin(0.1, num_tables, 1))
    own = torch.arange(num_rows, device=columns.device).expand(num_tables, num_rows)
    row = torch.where(is_copy, draws.integers(0, num_rows, num_tables, num_rows), own)
    return torch.gather(columns, 1, row.unsqueeze(2).expand(columns.shape)), torch.gather(classes, 1, row)


def lose_cells(draws: Draws, columns: Tensor) -> Tensor:
    """Columns (B, N, F), finite and within 50 of zero; 12 % of the tables have NaN in up to 35 % of a column's cells."""
    num_tables, _, num_columns = columns.shape
    cells, column = draws.uniform(*columns.shape), draws.uniform(num_tables, 1, num_columns)
    is_missing = cells < 0.35 * column * draws.uniform(num_tables, 1, 1) * draws.coin(0.12, num_tables, 1, 1)
    columns = torch.nan_to_num(columns, nan=0.0, posinf=_MOST_VALUE, neginf=-_MOST_VALUE).clamp(-_MOST_VALUE, _MOST_VALUE)
    return columns.masked_fill(is_missing, math.nan)
