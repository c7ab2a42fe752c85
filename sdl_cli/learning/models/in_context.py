"""Answers of a prior-fitted network that reads a table's labelled rows: which of them, which columns, and how often.

A table within what the network was trained on is read whole, by an ensemble of passes that differ in the order of columns and the
numbering of classes. A larger one is cut: rows and columns are chosen anew for each member, and many classes are asked about in
groups, then within each group. All choices follow from the labelled rows and a seed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sdl_cli.errors import ConfigError
from sdl_cli.learning.models.table_network import MAX_CLASSES, Memory, TableNetwork
from sdl_cli.settings.machine import available_bytes

Array = np.ndarray[Any, Any]

KEPT_BYTES = 2**28  # of what labelled rows contribute: kept between predictions up to here, made again beyond
_BLOCK_TOKENS = 8192  # of the rows that are asked about at a time; answers do not depend on it
_STACKED_TOKENS = 20_000  # passes of one shape are stacked up to here: small tables cost less so
_NUM_COMPONENTS = 24
_ORDERS, _ORDERS_IN_GROUPS = 2, 1  # passes of a member, but the first, of a table that is read in parts
_MEMBERS_INSIDE = 0.25  # share of the members that ask within a group of classes
_LEAST_SHARE = 1e-2  # of a group of classes, below which the classes within it are not asked about


@dataclass(frozen=True)
class Limits:
    """What one pass reads at most: labelled rows and columns."""

    rows: int = 1000
    columns: int = 48


@dataclass(frozen=True)
class Pass:
    """One reading of the table.

    Arguments:
        rows: indices of the labelled rows that it reads.
        columns: indices of columns, in the order in which they are read; of principal components, if there are `axes`.
        axes: mean `(F,)` and directions `(F, C)` of principal components that are read instead of columns, or None.
        numbers: `(k,)`: the number that each class is shown as.
        weight: of its probabilities; those of all passes add up to 1.
    """

    rows: Array
    columns: Array
    axes: tuple[Array, Array] | None
    numbers: Array
    weight: float

    def read(self, X: Array) -> Array:
        """Rows `float32 (N, F)` as this pass sees them."""
        if self.axes is not None:
            mean, directions = self.axes
            # float64 products, then float32: equal rows stay equal, since ranks see ties
            X = ((np.nan_to_num(X).astype(np.float64) - mean) @ directions).astype(np.float32)
        return X[:, self.columns]


def plan(
    X: Array, y: Array, num_classes: int, seed: int, num_members: int, limits: Limits, num_orders: int | None = None
) -> list[Pass]:
    """The passes over labelled rows `float32 (n, F)` with classes `(n,)` in [0, num_classes), at most `MAX_CLASSES` of them.

    Arguments:
        num_orders: orders of columns and classes in which a member, but the first, reads a table in parts; None is `_ORDERS`.
    """
    n, f = X.shape
    whole = np.arange(n)
    if n <= limits.rows and f <= limits.columns:
        return [
            Pass(whole, columns, None, numbers, 1 / num_members)
            for columns, numbers in _orders(f, num_classes, num_members, seed)
        ]
    rng = np.random.default_rng(seed)
    best = np.argsort(-_between_classes(X, y))
    pool = np.zeros(0, np.int64)
    found = []
    for member in range(num_members):
        chosen, axes = np.arange(f), None
        if f > limits.columns and member % 2:
            axes = _components(X)
            chosen = np.arange(axes[1].shape[1])
        elif f > limits.columns:
            top = best[: limits.columns if member == 0 else limits.columns // 2]
            rest = np.setdiff1d(np.arange(f), top)
            chosen = np.r_[top, rng.choice(rest, limits.columns - len(top), replace=False)]
            rng.shuffle(chosen)
        rows = whole
        if n > limits.rows:
            if len(pool) < limits.rows:  # subsets are disjoint while rows last
                pool = np.r_[pool, rng.permutation(n)]
            first = np.array([rng.choice(np.flatnonzero(y == k)) for k in range(num_classes)])
            rows = np.unique(np.r_[first, pool[: limits.rows - num_classes]])
            pool = pool[limits.rows - num_classes :]
        orders = _orders(len(chosen), num_classes, (num_orders or _ORDERS) if member else 1, seed + member)
        found += [Pass(rows, chosen[order], axes, numbers, 1 / (num_members * len(orders))) for order, numbers in orders]
    return found


def _orders(num_columns: int, num_classes: int, num_members: int, seed: int) -> list[tuple[Array, Array]]:
    """Per member an order of the columns, the first as they are, and a numbering of the classes."""
    rng = np.random.default_rng(seed)
    columns = [np.arange(num_columns), *(rng.permutation(num_columns) for _ in range(num_members - 1))]
    rolled = rng.permutation(num_classes)
    later = [np.roll(rolled, i) if i < num_classes else rng.permutation(num_classes) for i in range(1, num_members)]
    return list(zip(columns, [np.arange(num_classes), *later], strict=True))


def _components(X: Array) -> tuple[Array, Array]:
    known = np.nan_to_num(X).astype(np.float64)
    mean = known.mean(axis=0)
    return mean, np.linalg.svd(known - mean, full_matrices=False)[2][:_NUM_COMPONENTS].T


def _between_classes(X: Array, y: Array) -> Array:
    """Variance between classes over all variance, for each column `(F,)`."""
    known = np.nan_to_num(X)
    total = known.var(axis=0) + 1e-9
    counts = np.bincount(y)
    means = np.stack([known[y == k].mean(axis=0) for k in np.flatnonzero(counts)])
    shares = counts[counts > 0] / len(y)
    return np.asarray((shares[:, None] * (means - known.mean(axis=0)) ** 2).sum(axis=0) / total)


@dataclass(frozen=True)
class Node:
    """A question about labelled rows: which class, or of many classes, which group; then each group is a question of its own.

    Arguments:
        rows: indices of the labelled rows that it is about. numbers: `(len(rows),)`: class or group of each, from 0.
        classes: the classes it tells apart, one array for each number.
        passes: how it is asked; empty where there is nothing to tell apart.
        inside: of groups, the question within each; empty otherwise.
    """

    rows: Array
    numbers: Array
    classes: tuple[Array, ...]
    passes: tuple[Pass, ...]
    inside: tuple[Node, ...] = ()


def ask(
    X: Array, y: Array, classes: Array, rows: Array, seed: int, num_members: int, limits: Limits, in_group: bool = False
) -> Node:
    """The question which of `classes` a row has, from labelled rows `X[rows]`; `y (n,)` are the classes of all of X."""
    if len(classes) == 1:
        return Node(rows, np.zeros(len(rows), np.int64), (classes,), ())
    num_groups = len(classes) if len(classes) <= MAX_CLASSES else min(MAX_CLASSES, -(-len(classes) // MAX_CLASSES))
    of_class = np.arange(len(classes))
    if num_groups < len(classes):
        of_class = np.random.default_rng(seed).permutation(len(classes)) % num_groups
    numbers = of_class[np.searchsorted(classes, y[rows])]
    members = tuple(classes[of_class == group] for group in range(num_groups))
    grouped = in_group or num_groups < len(classes)
    passes = tuple(plan(X[rows], numbers, num_groups, seed, num_members, limits, _ORDERS_IN_GROUPS if grouped else None))
    inside: tuple[Node, ...] = ()
    if num_groups < len(classes):
        fewer = num_members if in_group else max(1, round(num_members * _MEMBERS_INSIDE))
        inside = tuple(
            ask(X, y, own, rows[numbers == group], seed + 1 + group, fewer, limits, True) for group, own in enumerate(members)
        )
    return Node(rows, numbers, members, passes, inside)


class InContext:
    """A network and the labelled rows that it reads; calling it answers rows.

    Arguments:
        net: on its device already.
        X: `float32 (n, F)`, near standard scale, NaN where missing. y: `int64 (n,)`: classes from 0, all of them present.
        dtype: of the computation.
    """

    def __init__(
        self, net: TableNetwork, X: Array, y: Array, seed: int, num_members: int, limits: Limits, dtype: torch.dtype
    ) -> None:
        self.net, self.X, self.y, self.dtype = net, X, y, dtype
        self.num_classes = int(y.max()) + 1
        self.root = ask(X, y, np.arange(self.num_classes), np.arange(len(y)), seed, num_members, limits)
        self._kept: OrderedDict[int, Memory] = OrderedDict()

    def __call__(self, X: Array) -> Array:
        """Class probabilities `float64 (m, K)` of rows `float32 (m, F)`."""
        found = np.zeros((len(X), self.num_classes))
        if len(X):
            with torch.inference_mode():
                self._fill(found, self.root, X, np.arange(len(X)), np.ones(len(X)))
        return np.asarray(found / found.sum(axis=1, keepdims=True))

    def _fill(self, found: Array, node: Node, X: Array, asked: Array, share: Array) -> None:
        """Write the probabilities of a node's classes, given that a row has one of them with probability `share`."""
        probs = self._probabilities(node, X[asked]) * share[:, None]
        for number, classes in enumerate(node.classes):
            if not node.inside or len(classes) == 1:
                found[np.ix_(asked, classes)] = probs[:, [number]]
                continue
            own = probs[:, number]
            inner = node.inside[number]
            frequencies = np.bincount(np.searchsorted(classes, self.y[inner.rows]), minlength=len(classes)) / len(inner.rows)
            few = own < _LEAST_SHARE
            found[np.ix_(asked[few], classes)] = own[few, None] * frequencies
            if not few.all():
                self._fill(found, inner, X, asked[~few], own[~few])

    def _probabilities(self, node: Node, X: Array) -> Array:
        """`float64 (m, k)` over the numbers of a node, the mean over its passes."""
        if not node.passes:
            return np.ones((len(X), 1))
        total = np.zeros((len(X), len(node.classes)))
        for stack in self._stacks(node.passes):
            memory = self._memory(node, stack)
            num_places = memory.scale.ordered.shape[1] + 1
            step = max(16, _BLOCK_TOKENS // (num_places * len(stack)))
            for start in range(0, len(X), step):
                part = self._tensor(np.stack([each.read(X[start : start + step]) for each in stack]))
                logits = self.net.answer(memory, part, self.dtype)[:, :, : len(node.classes)]
                probs = logits.double().softmax(-1).cpu().numpy()
                for each, of_pass in zip(stack, probs, strict=True):
                    total[start : start + step] += each.weight * of_pass[:, each.numbers]
        return total

    @staticmethod
    def _stacks(passes: tuple[Pass, ...]) -> Iterator[tuple[Pass, ...]]:
        """Passes of equal shape together, as many as stay small."""
        stack: list[Pass] = []
        for each in passes:
            shape = (len(each.rows), len(each.columns))
            same = not stack or shape == (len(stack[0].rows), len(stack[0].columns))
            if stack and not (same and (len(stack) + 1) * shape[0] * (shape[1] + 1) <= _STACKED_TOKENS):
                yield tuple(stack)
                stack = []
            stack.append(each)
        yield tuple(stack)

    def labelled(self, node: Node, stack: tuple[Pass, ...]) -> tuple[Array, Array]:
        """Labelled rows `(B, n, F)` as these passes read them, and the numbers `(B, n)` that they show for their classes."""
        rows = np.stack([each.read(self.X[node.rows[each.rows]]) for each in stack])
        return rows, np.stack([each.numbers[node.numbers[each.rows]] for each in stack])

    def _memory(self, node: Node, stack: tuple[Pass, ...]) -> Memory:
        """What the labelled rows contribute to the answers of these passes."""
        key = id(stack[0])
        if key in self._kept:
            return self._kept[key]
        self._check_memory(stack)
        labelled, labels = self.labelled(node, stack)
        memory = self.net.remember(self._tensor(labelled), torch.from_numpy(labels).to(self.net.think.device), self.dtype)
        if memory.num_bytes + sum(kept.num_bytes for kept in self._kept.values()) <= KEPT_BYTES:
            self._kept[key] = memory
        return memory

    def _check_memory(self, stack: tuple[Pass, ...]) -> None:
        """Raise ConfigError where what these passes keep of the labelled rows does not fit the memory."""
        cells = sum(len(each.rows) * (len(each.columns) + 1) for each in stack)
        per_cell = 2 * self.net.sizes["num_layers"] * self.net.sizes["width"] * self.dtype.itemsize
        if cells * per_cell > available_bytes() / 2:
            message = (
                f"Reading {len(stack[0].rows):,} rows of {len(stack[0].columns)} columns takes {cells * per_cell / 1e9:.0f} GB."
            )
            raise ConfigError(message, "Lower model.max_rows or model.max_columns.")

    def _tensor(self, values: Array) -> Tensor:
        kind = torch.float64 if self.dtype == torch.float64 else torch.float32
        return torch.from_numpy(values).to(self.net.think.device, kind)
