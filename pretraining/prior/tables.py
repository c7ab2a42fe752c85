"""Synthetic classification tables, many of one shape at a time.

Whatever differs between the tables of a batch is chosen by masks, so that a GPU is never waited for.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pretraining.prior.causes import draw_plain_columns
from pretraining.prior.classes import ClassPlan, Origin, draw_classes, plan_classes
from pretraining.prior.clusters import draw_clusters
from pretraining.prior.draws import Draws, standardized
from pretraining.prior.graphs import draw_graph_columns
from pretraining.prior.mangling import mangle
from pretraining.prior.spoiling import lose_cells, mix_columns, repeat_rows, spoil_classes, spoil_columns
from sdl_cli.learning.models.table_network import MAX_CLASSES

IGNORED = -100  # the label of a query row whose class no labelled row has; torch's cross-entropy leaves it out
_GRAPH_FRACTION, _PLAIN_FRACTION = 0.55, 0.28  # the rest are clusters


@dataclass(frozen=True)
class TableShape:
    """The shape of a batch of tables.

    Arguments:
        num_tables: B. num_rows: N, labelled and query rows together. num_columns: F. num_labelled: n, the first rows.
    """

    num_tables: int
    num_rows: int
    num_columns: int
    num_labelled: int


@dataclass(frozen=True)
class Tables:
    """B tables of one shape.

    Arguments:
        values: float32 (B, N, F), NaN where missing. labels: int64 (B, n), of the first n rows, from 0 to k - 1.
        query_labels: int64 (B, N - n), IGNORED where no labelled row has the class.
        num_classes: int64 (B,), k; all of them are among the labels.
    """

    values: Tensor
    labels: Tensor
    query_labels: Tensor
    num_classes: Tensor


def draw_tables(draws: Draws, shape: TableShape) -> Tables:
    """A batch of tables, each from a random mechanism of its own."""
    num_tables = shape.num_tables
    plan = plan_classes(draws, num_tables, shape.num_labelled)
    columns, origin = _draw_columns(draws, shape, plan)
    level = draws.uniform(num_tables, 1, 1)
    some = draws.uniform(num_tables, 1, 1)
    discrete_fraction = torch.where(level < 0.4, torch.zeros_like(level), torch.where(level > 0.88, torch.ones_like(level), some))
    # half of the targets depend on the columns as they were measured, the others on what lay behind them
    is_early = draws.coin(0.5, num_tables, 1, 1)
    mangled = mangle(draws, columns, discrete_fraction)
    classes = draw_classes(draws, standardized(torch.where(is_early, mangled, columns)), origin, plan)
    classes = spoil_classes(draws, classes)
    columns = standardized(torch.where(is_early | draws.coin(0.8, num_tables, 1, 1), mangled, columns))
    columns = spoil_columns(draws, mix_columns(draws, columns, discrete_fraction == 0))
    columns, classes = repeat_rows(draws, columns, classes)
    return _with_names(draws, lose_cells(draws, columns), classes, shape.num_labelled)


def _draw_columns(draws: Draws, shape: TableShape, plan: ClassPlan) -> tuple[Tensor, Origin]:
    """Columns (B, N, F): first the tables from graphs, then plain ones, then clusters; one table alone is from a graph."""
    num_tables, num_rows, num_columns = shape.num_tables, shape.num_rows, shape.num_columns
    num_graphs = max(1, round(num_tables * _GRAPH_FRACTION))
    num_plain = min(max(1, round(num_tables * _PLAIN_FRACTION)), num_tables - num_graphs)
    first_cluster = num_graphs + num_plain
    node = torch.zeros(num_tables, num_rows, device=draws.device)
    cluster = torch.zeros(num_tables, num_rows, dtype=torch.long, device=draws.device)
    columns, node[:num_graphs] = draw_graph_columns(draws, num_graphs, num_rows, num_columns)
    parts = [columns]
    if num_plain:
        parts.append(draw_plain_columns(draws, num_plain, num_rows, num_columns))
    if first_cluster < num_tables:
        columns, cluster[first_cluster:] = draw_clusters(draws, plan.weights[first_cluster:], num_rows, num_columns)
        parts.append(columns)
    number = torch.arange(num_tables, device=draws.device).unsqueeze(1)
    return torch.cat(parts), Origin(node, number < num_graphs, cluster, number >= first_cluster)


def _with_names(draws: Draws, values: Tensor, classes: Tensor, num_labelled: int) -> Tables:
    """Classes shuffled, and numbered from 0 without gaps among those that labelled rows have."""
    num_tables = len(classes)
    names = draws.uniform(num_tables, MAX_CLASSES).argsort(1)
    classes = torch.gather(names, 1, classes.clamp(0, MAX_CLASSES - 1))
    is_seen = torch.zeros(num_tables, MAX_CLASSES, device=values.device).scatter(1, classes[:, :num_labelled], 1.0)
    number = (is_seen.cumsum(1) - 1).long()
    number = torch.where(is_seen > 0, number, torch.full_like(number, IGNORED))
    labels = torch.gather(number, 1, classes)
    return Tables(values, labels[:, :num_labelled], labels[:, num_labelled:], is_seen.sum(1).long())
