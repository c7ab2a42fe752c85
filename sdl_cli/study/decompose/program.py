"""The linear programs that split the last layer of a network into sub-nets.

The output of a network is a sum over its last hidden units. Olson, Wyner and Berk ("Modern neural networks generalize on small
data sets", NeurIPS 2018, section 3) write it as a sum of K sub-nets, each with a share a_mk of the weight of unit m:

- the shares of a unit sum to 1, so the sub-nets sum to the network;
- a random half of the shares in each sub-net is 0, so that the sub-nets are built from different parts of the network;
- each sub-net decides every training row as the network does, by a margin.

Those constraints are the paper's. Two things are ours: shares lie between `-bound` and `bound`, and among all that satisfy this,
one with a random linear objective is taken, since nothing but the objective and the bound keeps sub-nets from being copies.
Units are dealt so that each is in half of the sub-nets. The bias counts as one more unit.

Of two classes the output that is split is the difference of both. With more, it is one program for each class against the rest:
its output, measured from halfway between the two largest outputs of the row, is positive where the network decides for the class
and negative elsewhere, and so it is in each sub-net. There, too, the largest output is then that of the network's decision.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sdl_cli.settings.typed import Json

Array = np.ndarray[Any, Any]
MARGIN = 0.01  # of a row in a sub-net: share of its margin in the network over K, or of the median margin where that is smaller
DRAWS = 3  # of the units, before a number of sub-nets counts as infeasible
SOLVED, OUT_OF_TIME, INFEASIBLE, NUMERICAL = "solved", "out of time", "infeasible", "numerical difficulties"
# what scipy's linprog calls the outcomes of HiGHS
_STATUS = {0: SOLVED, 1: OUT_OF_TIME, 2: INFEASIBLE, 3: "unbounded", 4: NUMERICAL}
_SHARE = 0.75  # of the time that is left, for one number of sub-nets


@dataclass(frozen=True)
class Layer:
    """The last layer of a network on its training rows.

    Arguments:
        units: activations `(N, M)`, the last of which is the constant 1 of the bias.
        weights: `(C, M)`, the last column being the bias.
        offsets: `(C,)`, added to the outputs before the largest decides.
    """

    units: Array
    weights: Array
    offsets: Array

    @property
    def decisions(self) -> Array:
        """The network's class of each row `(N,)`."""
        return np.asarray((self.units @ self.weights.T + self.offsets).argmax(axis=1))

    def programs(self) -> list[tuple[Array, Array]]:
        """What each program splits: terms `(N, M)` of an output, and what `(N,)` it is measured from."""
        if len(self.weights) == 2:
            between = (self.offsets[0] - self.offsets[1]) / 2
            return [(self.units * (self.weights[1] - self.weights[0]) / 2, np.full(len(self.units), between))]
        ranked = np.sort(self.units @ self.weights.T + self.offsets, axis=1)
        halfway = (ranked[:, -1] + ranked[:, -2]) / 2
        return [(self.units * own, halfway - offset) for own, offset in zip(self.weights, self.offsets, strict=True)]


@dataclass(frozen=True)
class Attempt(Json):
    """A number of sub-nets that was tried: what the solver said of it last, and how many draws of the units it was given."""

    num_subnets: int
    status: str
    draws: int


@dataclass(frozen=True)
class Found:
    """Shares `(C, M, K)` of each output weight, or None where none were found, and all attempts, the last one of the shares."""

    shares: Array | None
    attempts: tuple[Attempt, ...]


def subnet_outputs(units: Array, weights: Array, shares: Array) -> Array:
    """Outputs `(N, K, C)` of the sub-nets for activations `(N, M)`; their sum over K is that of the network."""
    return np.stack([units @ (own[:, None] * share) for own, share in zip(weights, shares, strict=True)], axis=2)


def split_layer(layer: Layer, num_subnets: int, bound: float, seed: int, seconds: float) -> Found:
    """Split a layer into `num_subnets` sub-nets, or into the largest smaller number that is feasible.

    Arguments:
        num_subnets: at least 2.
        bound: largest share, at least 1.
        seconds: in all; a number of sub-nets that takes too long is halved.
    """
    end, number = time.perf_counter() + seconds, num_subnets
    attempts: list[Attempt] = []
    while number >= 2 and (not attempts or time.perf_counter() < end):
        draws, status = 0, ""
        while draws < DRAWS and status not in (SOLVED, OUT_OF_TIME):
            rng = np.random.default_rng([seed, number, draws])
            left = (end - time.perf_counter()) * (_SHARE if number > 2 else 1)
            shares, status = _attempt(layer, deal(layer.units.shape[1], number, rng), bound, rng, left)
            draws += 1
        attempts.append(Attempt(number, status, draws))
        if shares is not None:
            return Found(shares, tuple(attempts))
        number = number // 2 if status == OUT_OF_TIME else number - 1
    return Found(None, tuple(attempts))


def deal(num_units: int, num_subnets: int, rng: np.random.Generator) -> Array:
    """Which sub-nets may use which units, bool `(M, K)`: each unit in half of them, rounded up and down in turn, at random."""
    kept = np.zeros((num_units, num_subnets), dtype=bool)
    for turn, unit in enumerate(rng.permutation(num_units)):
        half = (num_subnets + turn % 2) // 2
        fewest = np.argsort(kept.sum(axis=0) + rng.random(num_subnets) / 2)
        kept[unit, fewest[:half]] = True
    return kept


def _attempt(layer: Layer, kept: Array, bound: float, rng: np.random.Generator, seconds: float) -> tuple[Array | None, str]:
    """The shares `(C, M, K)` of one draw of the units, or None and what the solver said of the first program that failed."""
    end, found = time.perf_counter() + seconds, []
    for terms, origin in layer.programs():
        shares, status = solve(terms, origin, kept, bound, rng, end - time.perf_counter())
        if shares is None:
            return None, status
        found.append(shares)
    shares = np.stack(found * (2 if len(found) == 1 else 1))
    outputs = subnet_outputs(layer.units, layer.weights, shares) + layer.offsets / kept.shape[1]
    if not (outputs.argmax(axis=2) == layer.decisions[:, None]).all():  # a margin that is lost in rounding
        return None, NUMERICAL
    return shares, SOLVED


def solve(
    terms: Array, origin: Array, kept: Array, bound: float, rng: np.random.Generator, seconds: float
) -> tuple[Array | None, str]:
    """Shares `(M, K)` that satisfy one program, or None, and what the solver said.

    Arguments:
        terms: `(N, M)`; the network's output is their sum less `origin` `(N,)`, and its sign the decision.
        kept: bool `(M, K)`, where a share may differ from 0.
    """
    if seconds <= 0:
        return None, OUT_OF_TIME
    from scipy import sparse
    from scipy.optimize import linprog

    num = kept.shape[1]
    output = terms.sum(axis=1) - origin
    scale = float(np.median(np.abs(output))) or 1.0  # tolerances of a solver are absolute
    sign = np.where(output >= 0, 1.0, -1.0)[:, None]
    least = MARGIN * np.minimum(np.abs(output) / scale, 1.0)
    parts: Sequence[Array] = [np.flatnonzero(column) for column in kept.T]
    rows = sparse.block_diag([-sign * terms[:, part] / scale for part in parts], format="csr")
    most = np.tile((-least - sign[:, 0] * origin / scale) / num, num)
    unit = np.concatenate(parts)
    sums = sparse.csr_matrix((np.ones(len(unit)), (unit, np.arange(len(unit)))), shape=(len(kept), len(unit)))
    found = linprog(  # its interior points were twice as fast here as its simplex
        rng.normal(size=len(unit)), rows, most, sums, np.ones(len(kept)), bounds=(-bound, bound), method="highs-ipm",
        options={"time_limit": seconds},
    )  # fmt: skip
    if found.status != 0 or found.x is None:
        return None, _STATUS[found.status]
    shares = np.zeros(kept.shape)
    shares[unit, np.repeat(np.arange(num), [len(part) for part in parts])] = found.x
    # to the last digit: what the solver leaves of its tolerance goes to all that hold the unit alike
    shares += kept * ((1 - shares.sum(axis=1)) / kept.sum(axis=1))[:, None]
    return shares, SOLVED
