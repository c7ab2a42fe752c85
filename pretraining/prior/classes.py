"""How many classes a table has, and which class each row gets."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pretraining.prior.draws import Draws, standardized
from pretraining.prior.scores import draw_importance, linear_scores, network_scores, prototypes, tree_scores
from sdl_cli.learning.models.table_network import MAX_CLASSES

# half of the tables are binary; more classes become rarer
_WEIGHT_OF_COUNT = (0, 0, 8.0, 3.5, 2.0, 1.5, 1.4, 1.1, 0.9, 0.8, 1.3)


@dataclass(frozen=True)
class ClassPlan:
    """The classes that each of B tables is to have.

    Arguments:
        num: int64 (B,), 2 to 10. spread: (B, 1), how uneven class sizes are (standard deviation of their logarithm).
        weights: (B, 10), of each class; 0 from number `num` on.
    """

    num: Tensor
    spread: Tensor
    weights: Tensor


@dataclass(frozen=True)
class Origin:
    """Where the columns of B tables of N rows came from, as far as it can give them a target.

    Arguments:
        node: (B, N), a node of the graph; 0 for other tables. is_graph: bool (B, 1).
        cluster: int64 (B, N), the class of a row's cluster; 0 for other tables. is_clusters: bool (B, 1).
    """

    node: Tensor
    is_graph: Tensor
    cluster: Tensor
    is_clusters: Tensor


def plan_classes(draws: Draws, num_tables: int, num_labelled: int) -> ClassPlan:
    """Numbers and weights of classes: at most a class for every four labelled rows."""
    weight_of_count = torch.tensor(_WEIGHT_OF_COUNT, device=draws.device)
    num = draws.categories(weight_of_count.expand(num_tables, -1), 1).squeeze(1)
    num = torch.minimum(num, torch.full_like(num, max(2, num_labelled // 4)))
    spread = draws.uniform(num_tables, 1) * 1.2 * draws.coin(0.8, num_tables, 1)
    weights = torch.exp(draws.normal(num_tables, MAX_CLASSES) * spread)
    return ClassPlan(num, spread, weights * (_numbers(draws) < num.unsqueeze(1)))


def draw_classes(draws: Draws, columns: Tensor, origin: Origin, plan: ClassPlan) -> Tensor:
    """The class int64 (B, N) of each row, from 0 to 9; the columns are (B, N, F), standardised.

    Most tables cut a score at random quantiles; others take the largest of noisy scores, one per class, or the nearest
    prototype. Clusters mostly keep their own classes.
    """
    num_tables = len(columns)
    importance = draw_importance(draws, num_tables, columns.shape[2])
    linear, one_linear = linear_scores(draws, columns, importance, MAX_CLASSES)
    network = network_scores(draws, columns, importance, MAX_CLASSES)
    trees = tree_scores(draws, columns, importance)
    nearest, bumps = prototypes(draws, columns, importance, plan.num)
    score, uses_node = _draw_score(draws, origin, trees, one_linear, network[:, :, 0], bumps)
    cut = _cut_into_classes(draws, score, plan)
    largest = _largest_score(draws, linear, network, plan)
    way = draws.uniform(num_tables, 1)
    classes = torch.where(way < 0.74, cut, torch.where(way < 0.88, largest, nearest))
    classes = torch.where(uses_node & (way >= 0.74) & (way < 0.97), cut, classes)
    keeps_clusters = origin.is_clusters & draws.coin(0.8, num_tables, 1)
    return torch.where(keeps_clusters, origin.cluster, classes)


def bucket(draws: Draws, score: Tensor, num: Tensor, spread: Tensor) -> Tensor:
    """Number int64 (B, N) of the interval of each score; cuts lie at values of rows, so equal scores stay together.

    Arguments:
        score: (B, N). num: int64 (B,), intervals of each table, 1 to 10. spread: (B, 1), how uneven their sizes are.
    """
    num_tables, num_rows = score.shape
    number, num = _numbers(draws), num.unsqueeze(1)
    weights = torch.exp(draws.normal(num_tables, MAX_CLASSES) * spread) * (number < num)
    edges = weights.cumsum(1) / weights.sum(1, keepdim=True)
    place = (edges * num_rows).long().clamp(1, num_rows) - 1
    cuts = torch.gather(score.sort(dim=1).values, 1, place)
    cuts = torch.where(number < num - 1, cuts, torch.full_like(cuts, math.inf))
    return (score.unsqueeze(2) > cuts.unsqueeze(1)).sum(2)


def _draw_score(
    draws: Draws, origin: Origin, trees: Tensor, linear: Tensor, network: Tensor, bumps: Tensor
) -> tuple[Tensor, Tensor]:
    """One score (B, N) of standard deviation 1 with noise, and bool (B, 1): whether it is a node of the graph."""
    num_tables, num_rows = trees.shape
    noise = draws.log_uniform(1e-3, 0.5, num_tables, 1)
    noise = torch.where(draws.coin(0.35, num_tables, 1), 0.05 * noise, noise)
    kind = draws.uniform(num_tables, 1)
    score = torch.where(kind < 0.42, trees, torch.where(kind < 0.6, linear, torch.where(kind < 0.8, network, bumps)))
    uses_node = origin.is_graph & draws.coin(0.62, num_tables, 1)
    score = torch.where(uses_node, origin.node, score)
    deviation = score.std(1, keepdim=True) + 1e-6
    # two thirds of the trees have no noise, so that their leaves are pure
    is_pure = (kind < 0.42) & ~uses_node & draws.coin(0.66, num_tables, 1)
    noise = torch.where(is_pure, torch.zeros_like(noise), noise)
    return score / deviation + noise * draws.normal(num_tables, num_rows), uses_node


def _cut_into_classes(draws: Draws, score: Tensor, plan: ClassPlan) -> Tensor:
    """Classes int64 (B, N) as intervals of the score; a tenth of the tables has twice as many intervals as classes."""
    repeats = draws.coin(0.1, len(score))
    num_intervals = torch.where(repeats, (plan.num * 2).clamp(max=MAX_CLASSES), plan.num)
    classes, num = bucket(draws, score, num_intervals, plan.spread), plan.num.unsqueeze(1)
    return torch.where(classes >= num, classes - num, classes)


def _largest_score(draws: Draws, linear: Tensor, network: Tensor, plan: ClassPlan) -> Tensor:
    """The class int64 (B, N) with the largest of linear or network scores (B, N, 10), with Gumbel noise."""
    num_tables = len(linear)
    temperature = draws.log_uniform(0.02, 0.6, num_tables, 1, 1)
    gumbel = -torch.log(-torch.log(draws.uniform(*linear.shape).clamp(1e-9, 1 - 1e-7)))
    scores = torch.where(draws.coin(0.5, num_tables, 1, 1), standardized(linear), standardized(network))
    scores = scores + temperature * gumbel + torch.log(plan.weights + 1e-9).clamp(min=-30).unsqueeze(1) * 0.7
    return scores.masked_fill(_numbers(draws).unsqueeze(1) >= plan.num.view(-1, 1, 1), -math.inf).argmax(2)


def _numbers(draws: Draws) -> Tensor:
    """The class numbers 0 to 9, (1, 10)."""
    return torch.arange(MAX_CLASSES, device=draws.device).view(1, MAX_CLASSES)
