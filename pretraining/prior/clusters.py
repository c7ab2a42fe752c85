"""Tables whose classes are clusters of rows."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pretraining.prior.draws import Draws, standardized


def draw_clusters(draws: Draws, class_weights: Tensor, num_rows: int, num_columns: int) -> tuple[Tensor, Tensor]:
    """Columns (B, N, F) and classes int64 (B, N): one to three Gaussian clusters per class, in some of the columns only.

    Arguments:
        class_weights: (B, K), not necessarily summing to 1; a class of weight 0 does not occur.
    """
    num_tables, most_classes = class_weights.shape
    per_class = int(draws.host.integers(1, 4))
    classes = draws.categories(class_weights, num_rows)
    part = (draws.uniform(num_tables, num_rows) * per_class).long().clamp(max=per_class - 1)
    distance = draws.log_uniform(0.4, 4.0, num_tables, 1, 1)
    is_informative = draws.coin(0.5, num_tables, 1, num_columns) | draws.coin(0.4, num_tables, 1, 1)
    centres = draws.normal(num_tables, most_classes * per_class, num_columns) * distance * is_informative
    widths = draws.log_uniform(0.5, 2.0, num_tables, most_classes * per_class, num_columns)
    widths = torch.where(draws.coin(0.5, num_tables, 1, 1), torch.ones_like(widths), widths)
    cluster = (classes * per_class + part).unsqueeze(-1).expand(num_tables, num_rows, num_columns)
    noise = draws.normal(num_tables, num_rows, num_columns)
    turn = draws.normal(num_tables, num_columns, num_columns) / math.sqrt(num_columns)
    strength = 2.5 * draws.uniform(num_tables, 1, 1) * draws.coin(0.6, num_tables, 1, 1)
    noise = standardized(torch.bmm(noise, torch.eye(num_columns, device=noise.device) + turn * strength))
    return torch.gather(centres, 1, cluster) + torch.gather(widths, 1, cluster) * noise, classes
