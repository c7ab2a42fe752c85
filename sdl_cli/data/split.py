"""Which rows are labelled, which are the test part, and smaller labelled subsets that are nested in larger ones."""

from __future__ import annotations

import dataclasses
import warnings
from dataclasses import dataclass

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.dataset import Dataset, Task
from sdl_cli.errors import DataError
from sdl_cli.phrases import counted, listed
from sdl_cli.settings.experiment import DataSettings

_MIN_ROWS = 2  # per class: one to learn from and one to be tested on


@dataclass(frozen=True)
class Split:
    """Row numbers `int64` of a data set, and what a user should know about the division, one sentence each."""

    labelled: Array  # rows that a method may see with their targets
    validation: Array | None  # those of `labelled` that the source itself sets aside for validation
    test: Array  # rows that are scored once, at the end
    notes: tuple[str, ...] = ()

    def parts(self, dataset: Dataset) -> tuple[LabelledPart, TestPart]:
        """The rows with their values: what a method may see, and what it is scored on."""
        return LabelledPart(dataset, self.labelled, self.validation), TestPart(dataset, self.test)


@dataclass(frozen=True)
class _Part:
    """Rows of a data set."""

    dataset: Dataset  # for what is known of all rows, such as classes and columns
    rows: Array  # their numbers `int64 (N,)`

    @property
    def X(self) -> Array:  # noqa: N802  # as everywhere in scikit-learn
        return np.asarray(self.dataset.X[self.rows])

    @property
    def y(self) -> Array:
        return np.asarray(self.dataset.y[self.rows])

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class LabelledPart(_Part):
    """Rows that a method may see with their targets: the only ones that a model is fitted or chosen on.

    Arguments:
        validation: those of `rows` that the source itself sets aside for validation, or None.
    """

    validation: Array | None = None

    def divided(self, fraction: float, seed: int) -> tuple[LabelledPart, LabelledPart]:
        """Rows to fit on and rows to choose on: the source's own validation rows, or a seeded stratified part."""
        if self.validation is not None and len(self.validation):
            fit = np.setdiff1d(self.rows, self.validation)
            return LabelledPart(self.dataset, fit), LabelledPart(self.dataset, self.validation)
        groups = None if self.dataset.groups is None else self.dataset.groups[self.rows]
        kept, held = hold_out(self.y, fraction, seed, self.dataset.task, groups)
        return LabelledPart(self.dataset, self.rows[kept]), LabelledPart(self.dataset, self.rows[held])


@dataclass(frozen=True)
class TestPart(_Part):
    """Rows that are scored once, at the end, by `run.fit_and_score`; no model is ever handed their targets."""

    __test__ = False  # not a test of pytest


def split(dataset: Dataset, settings: DataSettings, seed: int) -> Split:
    """Divide the rows into labelled and test, then take the requested number of labelled rows.

    The source's own test part is used where there is one; otherwise rows are drawn by scikit-learn's `train_test_split`,
    stratified by class, or whole groups are drawn where the data set has groups.

    Arguments:
        settings: test_fraction, num_per_class, num_train, and a seed that goes before `seed`.
    Raises DataError: too few rows of some class, too few test rows, or more labelled rows asked for than there are.
    """
    seed = seed if settings.seed is None else settings.seed
    if dataset.part is not None and (dataset.part == "test").any():
        result = _by_part(dataset)
    elif dataset.groups is not None:
        result = _by_group(dataset, settings.test_fraction, seed)
    else:
        result = _by_row(dataset, settings.test_fraction, seed)
    return _take(dataset, result, settings, seed)


def nested_subset(y: Array, num: int, seed: int, task: Task, groups: Array | None = None) -> Array:
    """Choose `num` rows; with the same seed, a smaller choice is a prefix of a larger one.

    Classes come in proportion, but one row of each class comes first, then a second of each. Where rows have groups, a
    class's rows come group by group, as they would be labelled.

    Arguments:
        y: targets `(N,)`. num: rows to choose, at least the number of classes. groups: `(N,)` group of each row, or None.
    Returns: `int64 (num,)` positions in `y`.
    Raises DataError: `num` exceeds the rows, or is too small for each class to be present.
    """
    if num > len(y):
        raise DataError(f"dataset.num_train={num}: there are only {len(y)} labelled rows.", f"Set it to {len(y)} or less.")
    rng = np.random.default_rng(seed)
    shuffled = _shuffle(len(y), groups, rng)
    if task == "regression":
        return shuffled[:num]
    rank, size = _rank_in_class(y, shuffled)
    num_classes = len(np.unique(y))
    if num < num_classes:
        hint = f"Set it to {num_classes} or more, so that each class is present."
        raise DataError(f"dataset.num_train={num}: there are {num_classes} classes.", hint)
    # The first two rounds take one row of each class; after them, row j of a class with n rows stands at (j + 1/2) / n.
    position = (rank + 0.5) / size
    order = np.lexsort((rng.random(len(y)), np.where(rank < 2, 0.0, position), np.minimum(rank, 2)))
    return shuffled[order][:num]


def nested_per_class(y: Array, num: int, seed: int, groups: Array | None = None) -> Array:
    """Choose `num` rows of each class (all of a smaller class); a smaller choice is the beginning of a larger one.

    Returns: `int64` positions in `y`, one round over the classes after the other.
    """
    rng = np.random.default_rng(seed)
    shuffled = _shuffle(len(y), groups, rng)
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
        mask = _group_mask(y, groups, fraction, seed, task)
        if mask is not None:
            return np.flatnonzero(~mask), np.flatnonzero(mask)
    rng = np.random.default_rng(seed)
    shuffled = _shuffle(len(y), None, rng)
    classes = np.unique(y, return_inverse=True)[1] if task == "classification" else np.zeros(len(y), np.int64)
    rank, _ = _rank_in_class(classes, shuffled)
    held_per_class = _share_out(np.bincount(classes), fraction)
    held = np.sort(shuffled[rank < held_per_class[classes[shuffled]]])
    return np.setdiff1d(np.arange(len(y)), held), held


def _share_out(sizes: Array, fraction: float) -> Array:
    """How many of each class to set aside: in proportion, rounded by largest remainder, one of each class left."""
    total = min(max(1, round(fraction * int(sizes.sum()))), int((sizes - 1).sum()))
    wanted = np.minimum(sizes * fraction, sizes - 1)
    counts = np.floor(wanted).astype(np.int64)
    while counts.sum() < total:
        lag = np.where(counts < sizes - 1, wanted - counts, -np.inf)
        counts[np.argmax(lag)] += 1
    return np.asarray(counts)


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


def _by_part(dataset: Dataset) -> Split:
    part = np.asarray(dataset.part)
    labelled, test = np.flatnonzero(part != "test"), np.flatnonzero(part == "test")
    validation = np.flatnonzero(part == "validation")
    if len(labelled) == len(validation):
        raise DataError(f"{dataset.name}: the data set brings a test part but no training rows.", "Add a train part.")
    if dataset.task == "classification":
        absent = np.setdiff1d(dataset.y[test], dataset.y[labelled])
        if len(absent):
            what = "the test part has classes that the training part lacks"
            names = listed([dataset.classes[i] for i in absent], 5, last=", ")
            raise DataError(f"{dataset.name}: {what}: {names}.", "Add rows of them.")
    return Split(labelled, validation if len(validation) else None, test)


def _by_row(dataset: Dataset, test_fraction: float, seed: int) -> Split:
    from sklearn.model_selection import train_test_split

    num, num_test = len(dataset), int(np.ceil(test_fraction * len(dataset)))
    needed = 1
    if dataset.task == "classification":
        _check_class_sizes(dataset)
        needed = len(dataset.classes)
    if num_test < needed or num - num_test < needed:
        few = "test" if num_test < needed else "labelled"
        message = f"dataset.test_fraction={test_fraction:g}: {num} rows leave {min(num_test, num - num_test)} {few} rows"
        raise DataError(f"{message} for {needed} class{'es' if needed > 1 else ''}.", "Choose another fraction, or add rows.")
    stratify = dataset.y if dataset.task == "classification" else None
    labelled, test = train_test_split(np.arange(num), test_size=test_fraction, stratify=stratify, random_state=seed)
    return Split(labelled, None, test)


def _by_group(dataset: Dataset, test_fraction: float, seed: int) -> Split:
    groups = np.asarray(dataset.groups)
    if dataset.task == "classification":
        _check_class_sizes(dataset)
    mask = _group_mask(dataset.y, groups, test_fraction, seed, dataset.task)
    if mask is None:
        num_groups = len(np.unique(groups))
        message = f"{dataset.name}: {num_groups} groups cannot be divided so that every class keeps labelled rows."
        raise DataError(message, "Each class needs rows in several groups; choose another test_fraction or leave groups out.")
    num_test = len(np.unique(groups[mask]))
    notes = []
    if num_test < mask.sum():
        notes.append(
            f"The {mask.sum():,} test rows are of {counted(num_test, 'group')} (there are {len(np.unique(groups)):,} in all), on "
            "which the score rests; intervals count each row as if it were independent, and so are too narrow."
        )
    if abs(mask.mean() - test_fraction) > 0.02:
        notes.append(f"Whole groups stay together: the test part is {mask.mean():.0%} of the rows, not {test_fraction:.0%}.")
    if dataset.task == "classification":
        absent = np.setdiff1d(dataset.y, dataset.y[mask])
        notes += [f"No test row is of class {dataset.classes[i]}: all its groups are labelled." for i in absent]
    return Split(np.flatnonzero(~mask), None, np.flatnonzero(mask), tuple(notes))


def _group_mask(y: Array, groups: Array, fraction: float, seed: int, task: Task) -> Array | None:
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


def _check_class_sizes(dataset: Dataset) -> None:
    counts = np.bincount(dataset.y, minlength=len(dataset.classes))
    small = [f"{dataset.classes[i]} ({counts[i]})" for i in np.flatnonzero(counts < _MIN_ROWS)]
    if small:
        few = listed(small, 5, last=", ")
        message = f"{dataset.name}: a class needs {_MIN_ROWS} rows for this split; too few: {few}."
        hint = "Add rows of these classes, leave them out (tables: dataset.min_class_rows=2), or bring a test part of your own."
        raise DataError(message, hint)


def _take(dataset: Dataset, whole: Split, settings: DataSettings, seed: int) -> Split:
    """The asked number of labelled rows."""
    if settings.num_per_class is None and settings.num_train is None:
        return whole
    y = dataset.y[whole.labelled]
    groups = None if dataset.groups is None else dataset.groups[whole.labelled]
    notes = list(whole.notes)
    if settings.num_per_class is None:
        assert settings.num_train is not None
        chosen = nested_subset(y, settings.num_train, seed, dataset.task, groups)
    elif settings.num_train is not None:
        raise DataError("dataset.num_per_class and dataset.num_train are both set.", "Set one of them to null.")
    elif dataset.task == "regression":
        raise DataError("dataset.num_per_class: a regression has no classes.", "Set dataset.num_train instead.")
    else:
        chosen = nested_per_class(y, settings.num_per_class, seed, groups)
        counts = np.bincount(y, minlength=len(dataset.classes))
        fewer = [f"{dataset.classes[i]} ({counts[i]})" for i in np.flatnonzero(counts < settings.num_per_class)]
        if fewer:
            shown = listed(fewer, 5, last=", ")
            notes.append(f"Fewer than num_per_class={settings.num_per_class} labelled rows, all of them used: {shown}.")
    labelled = whole.labelled[chosen]
    validation = None if whole.validation is None else np.intersect1d(labelled, whole.validation)
    if validation is not None and not 0 < len(validation) < len(labelled):
        validation = None
        notes.append("The chosen rows leave the source's own validation part empty or alone: validation rows are drawn instead.")
    return dataclasses.replace(whole, labelled=labelled, validation=validation, notes=tuple(notes))
