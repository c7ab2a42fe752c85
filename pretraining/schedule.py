"""What changes during training, as functions of the step and of progress, a fraction in [0, 1]."""

from __future__ import annotations

import math

import numpy as np

from pretraining.prior import TableShape
from pretraining.settings import Recipe

_CONSTANT_FRACTION = 0.15
_GROWING_FRACTION = 0.35  # of the training, in which tables reach their full length
_FEWEST_LABELLED, _FIRST_MOST_LABELLED = 12, 128
_FEWEST_QUERIES, _MOST_QUERIES = 24, 320
_MOST_ROWS = 60_000  # of all tables of a batch: GPU kernels count them on an axis of 65,535


def rate_factor(step: int, progress: float, warmup_steps: int) -> float:
    """The learning rate as a fraction of its peak: it rises by steps, is constant until 15 %, then falls linearly to zero."""
    falling = (1.0 - progress) / (1.0 - _CONSTANT_FRACTION)
    return min(1.0, (step + 1) / warmup_steps) * max(0.0, min(1.0, falling))


def average_share(step: int) -> float:
    """The share of the newest weights in the running mean after step `step`, counted from 0: a plain mean of the first 200."""
    return max(0.005, 1.0 / (step + 1))


def draw_shape(recipe: Recipe, cells: int, progress: float, rng: np.random.Generator) -> TableShape:
    """The shape of the next batch: few columns and rows are likelier than many, and small batches come early.

    Arguments:
        cells: of a batch at the end of training; at its start it has 40 % of them.
    """
    num_columns = round(math.exp(rng.uniform(math.log(1.6), math.log(recipe.most_columns + 0.4))))
    growth = (recipe.most_labelled - _FIRST_MOST_LABELLED) * progress / _GROWING_FRACTION
    most_labelled = max(2 * _FEWEST_LABELLED, min(recipe.most_labelled, _FIRST_MOST_LABELLED + growth))
    num_labelled = round(math.exp(rng.uniform(math.log(_FEWEST_LABELLED), math.log(most_labelled))))
    num_queries = min(_MOST_QUERIES, int(max(_FEWEST_QUERIES, num_labelled * rng.uniform(0.25, 0.8))))
    num_rows = 8 * math.ceil((num_labelled + num_queries) / 8)
    rows_seen = num_rows + recipe.num_thinking
    num_tables = int(cells * (0.4 + 0.6 * progress) / (rows_seen * (num_columns + 1)))
    num_tables = max(2, min(recipe.most_tables, num_tables, _MOST_ROWS // rows_seen))
    return TableShape(num_tables, num_rows, num_columns, num_labelled)
