"""Rows drawn by a seed: labelled subsets that are nested in larger ones, and rows or whole groups to set aside."""

from __future__ import annotations

import warnings

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.dataset import Task
from sdl_cli.errors import DataError


def nested_subset(y: Array, num: int, seed: int, task: Task, groups: Array | None = None, times: Array | None = None) -> Array:
    """Choose `num` rows; with the same seed, a smaller choice is a prefix of a larger one.

    Classes come in proportion, but one row of each class comes first, then a second of each. Where rows have groups, a
    class's rows come group by group, as they would be labelled. Where rows have times, the latest come first, after the latest
    two of each class.

    Arguments:
        y: targets `(N,)`. num: rows to choose, at least the number of classes. groups: `(N,)` group of each row, or None.
        times: `(N,)` time of each row, or None.
    Returns: `int64 (num,)` positions in `y`.
    Raises DataError: `num` exceeds the rows, or is too small for each class to be present.
    """
    if num > len(y):
        raise DataError(f"dataset.num_train={num}: there are only {len(y)} labelled rows.", f"Set it to {len(y)} or less.")
    rng = np.random.default_rng(seed)
    shuffled = _shuffle(len(y), groups, rng) if times is None else latest_first(times, rng)
    if task == "regression":
        return shuffled[:num]
    rank, size = _rank_in_class(y, shuffled)
    num_classes = len(np.unique(y))
    if num < num_classes:
        hint = f"Set it to {num_classes} or more, so that each class is present."
        raise DataError(f"dataset.num_train={num}: there are {num_classes} classes.", hint)
    if times is not None:
        return shuffled[np.argsort(np.minimum(rank, 2), kind="stable")][:num]
    # The first two rounds take one row of each class; after them, row j of a class with n rows stands at (j + 1/2) / n.
    position = (rank + 0.5) / size
    order = np.lexsort((rng.random(len(y)), np.where(rank < 2, 0.0, position), np.minimum(rank, 2)))
    return shuffled[order][:num]


def nested_per_class(y: Array, num: int, seed: int, groups: Array | None = None, times: Array | None = None) -> Array:
    """Choose `num` rows of each class (all of a smaller class), the latest where rows have times `(N,)`; a smaller choice is the
    beginning of a larger one.

    Returns: `int64` positions in `y`, one round over the classes after the other.
    """
    rng = np.random.default_rng(seed)
    shuffled = _shuffle(len(y), groups, rng) if times is None else latest_first(times, rng)
    rank, _ = _rank_in_class(y, shuffled)
    order = np.lexsort((rng.random(len(y)), rank))
    return shuffled[order[rank[order] < num]]


def hold_out(y: Array, fraction: float, seed: int, task: Task, groups: Array | None = None) -> tuple[Array, Array]:
    """Set a part of the labelled rows aside for validation.

    Every class stays present in what is kept: a class with one row is kept whole. Whole groups are set aside where that
    leaves every class in what is kept, otherwise single rows.

    Arguments:
        y: targets `(N,)`. fraction: part to set aside, in (0, 1). groups: `(N,)` group of each row, or None.
    Returns: sorted positions `int64` in `y`: (kept, held); held is empty if no row can be spared.
    """
    if groups is not None:
        mask = group_mask(y, groups, fraction, seed, task)
        if mask is not None:
            return np.flatnonzero(~mask), np.flatnonzero(mask)
    rng = np.random.default_rng(seed)
    shuffled = _shuffle(len(y), None, rng)
    classes = np.unique(y, return_inverse=True)[1] if task == "classification" else np.zeros(len(y), np.int64)
    rank, _ = _rank_in_class(classes, shuffled)
    held_per_class = _share_out(np.bincount(classes), fraction)
    held = np.sort(shuffled[rank < held_per_class[classes[shuffled]]])
    return np.setdiff1d(np.arange(len(y)), held), held


def group_mask(y: Array, groups: Array, fraction: float, seed: int, task: Task) -> Array | None:
    """Rows to set aside as whole groups, or None where no fold leaves every class in the rest."""
    from sklearn.model_selection import GroupShuffleSplit, StratifiedGroupKFold

    num_groups = len(np.unique(groups))
    if num_groups < 2:
        return None
    mask = np.zeros(len(y), bool)
    if task == "regression":
        size = min(max(1, round(fraction * num_groups)), num_groups - 1)
        mask[next(GroupShuffleSplit(1, test_size=size, random_state=seed).split(y, groups=groups))[1]] = True
        return mask
    # One fold is set aside, or all but one where more than half is asked for.
    largest = int(np.unique(y, return_counts=True)[1].max())
    num_folds = min(max(2, round(1 / min(fraction, 1 - fraction))), num_groups, largest)
    if num_folds < 2:
        return None
    folds = StratifiedGroupKFold(num_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class with fewer rows than folds: checked below
        for rest, fold in folds.split(y, y, groups):
            held = fold if fraction <= 0.5 else rest
            mask = np.isin(np.arange(len(y)), held)
            if mask.any() and len(np.unique(y[~mask])) == len(np.unique(y)):
                return mask
    return None


def _share_out(sizes: Array, fraction: float) -> Array:
    """How many of each class to set aside: in proportion, rounded by largest remainder, one of each class left."""
    total = min(max(1, round(fraction * int(sizes.sum()))), int((sizes - 1).sum()))
    wanted = np.minimum(sizes * fraction, sizes - 1)
    counts = np.floor(wanted).astype(np.int64)
    while counts.sum() < total:
        lag = np.where(counts < sizes - 1, wanted - counts, -np.inf)
        counts[np.argmax(lag)] += 1
    return np.asarray(counts)


def latest_first(times: Array, rng: np.random.Generator) -> Array:
    """All rows from the latest to the earliest, those without a time last; rows of one time in random order: positions `(N,)`."""
    mixed = rng.permutation(len(times))
    known = np.where(np.isnan(times), -np.inf, times)[mixed]
    return np.asarray(mixed[np.argsort(-known, kind="stable")])


def _shuffle(num: int, groups: Array | None, rng: np.random.Generator) -> Array:
    """All rows in random order; where there are groups, group by group."""
    shuffled = rng.permutation(num)
    if groups is None:
        return shuffled
    index = np.unique(groups, return_inverse=True)[1]
    place = rng.permutation(int(index.max()) + 1)
    return shuffled[np.argsort(place[index[shuffled]], kind="stable")]


def _rank_in_class(y: Array, order: Array) -> tuple[Array, Array]:
    """For each row in `order`: how many rows of its class came before, and how many rows its class has."""
    index = np.unique(y, return_inverse=True)[1][order]
    sizes = np.bincount(index)
    by_class = np.argsort(index, kind="stable")
    rank = np.empty(len(y), np.int64)
    rank[by_class] = np.arange(len(y)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return rank, sizes[index]
