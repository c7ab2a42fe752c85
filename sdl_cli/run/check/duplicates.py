"""Rows that appear more than once, and whether copies are on both sides of the split.

In a table of few possible rows (four yes/no columns) equal rows are natural, and in one of many measured columns they are
copies. The surrounding rows tell them apart: if rows are equal by chance, others differ in just one column.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.dataset import Dataset
from sdl_cli.data.split import Split
from sdl_cli.phrases import counted
from sdl_cli.run.check.problem import Problem, percent, rows_named, sides

# Copies of a share s of the test part raise an accuracy by at most s times the error rate. Rows and texts recur in honest
# data too (questions that are asked again): up to a twentieth moves it by about a point. Equal photos are always a mistake.
_MATERIAL_SHARE, _MATERIAL_IMAGES = 0.05, 0.005
_MANY_COPIES = 0.01  # of all rows
_COPIED_SHARE = 0.25  # of equal rows without near ones, from which the whole is copies and not chance
_LACKING = 0.05  # rows of equal features that no method can tell: from here on something that matters is lacking
_CHANCE = 1e-3
_SHORT_WORDS = 2  # texts of so few words recur by themselves ("very good")
_BRIEF_BYTES = 128 * 2**20
_CELLS, _BRIEF_CELLS = 8_000_000, 2_000_000


@dataclass(frozen=True)
class Equals:
    """Rows that are equal: `member (N,)` is the number of each row's set of equal rows, `size (N,)` how many rows that has."""

    member: Array
    size: Array

    @classmethod
    def of(cls, keys: Array) -> Equals:
        """Rows of the same key are equal."""
        _, member, counts = np.unique(keys, return_inverse=True, return_counts=True)
        return cls(member, counts[member])

    def crossing(self, side: Array) -> Array:
        """Test rows (`side` 2) that have an equal among the labelled rows (`side` 1)."""
        test = np.flatnonzero(side == 2)
        return test[np.isin(self.member[test], self.member[side == 1])]


def find(dataset: Dataset, parts: Split, brief: bool) -> Iterator[Problem]:
    """Exact duplicates, those that cross the split, and those whose targets contradict each other."""
    if len(dataset) < 2:
        return
    if dataset.modality == "table":
        if dataset.X.shape[1]:
            yield from _in_table(dataset, parts, brief)
    elif dataset.modality == "text":
        yield from _in_texts(dataset, parts)
    elif dataset.modality == "series":
        yield from _in_series(dataset, parts)
    elif not (brief and dataset.X.nbytes > _BRIEF_BYTES):
        yield from _in_images(dataset, parts)


def _in_images(dataset: Dataset, parts: Split) -> Iterator[Problem]:
    flat = np.array([image.min() == image.max() for image in dataset.X])
    yield from _of_units(dataset, parts, image_keys(dataset.X), (flat, flat), "image", _MATERIAL_IMAGES)
    if flat.any():
        what = f"{counted(int(flat.sum()), 'image', verbs='is/are')} of one colour all over."
        yield Problem("warning", what, rows_named(dataset, flat), "Look whether they are damaged, and leave them out.")


def _in_series(dataset: Dataset, parts: Split) -> Iterator[Problem]:
    flat = np.ptp(dataset.X, axis=2).max(axis=1) == 0
    keys = row_keys(spread(dataset.X.reshape(len(dataset), -1)))
    yield from _of_units(dataset, parts, keys, (flat, flat), "series", _MATERIAL_SHARE)
    if flat.any():
        what = f"{counted(int(flat.sum()), 'series', 'series', verbs='is/are')} of one value all along."
        yield Problem("warning", what, rows_named(dataset, flat), "Look whether they are recordings at all, and leave them out.")


def _in_texts(dataset: Dataset, parts: Split) -> Iterator[Problem]:
    plain = [" ".join(str(text).lower().split()) for text in dataset.X]
    empty = np.array([text == "" for text in plain])
    if empty.any():
        what = f"{counted(int(empty.sum()), 'text', verbs='is/are')} empty."
        yield Problem("warning", what, rows_named(dataset, empty), "Leave out rows without a text.")
    short = np.array([text.count(" ") < _SHORT_WORDS for text in plain])
    keys = np.array([_digest(text.encode("utf-8", "replace")) for text in plain])
    yield from _of_units(dataset, parts, keys, (short, empty), "text", _MATERIAL_SHARE)


def _of_units(
    dataset: Dataset, parts: Split, keys: Array, but: tuple[Array, Array], unit: str, material_share: float
) -> Iterator[Problem]:
    """Problems of images or texts; those of the first of `but` recur by themselves, in those of the second there is nothing."""
    equals, (common, empty) = Equals.of(keys), but
    crossing = equals.crossing(np.where(common, 0, sides(dataset, parts)))
    twice = (equals.size > 1) & ~empty
    yield from crossing_problem(dataset, parts, crossing, f"an equal {unit}", material_share)
    yield from _repeated(dataset, equals, twice & ~common, unit, bool(len(crossing)))
    yield from _contradictions(dataset, equals, twice, unit)


def _in_table(dataset: Dataset, parts: Split, brief: bool) -> Iterator[Problem]:
    columns = spread(dataset.X)
    equals = Equals.of(row_keys(columns))
    twice = equals.size > 1
    if not twice.any():
        return
    # With their target: a measurement that was repeated has another one, a copy has the same.
    with_target = [*columns, *spread(dataset.y[:, None], seed=1)]
    whole = Equals.of(row_keys(with_target))
    side = sides(dataset, parts)
    # Classes are too few to tell copies from chance, and numbers do.
    is_chance = _is_chance(columns, equals, brief) if dataset.task == "classification" else _is_chance(with_target, whole, brief)
    if (whole.size > 1).any() and not is_chance:
        crossing = whole.crossing(side)
        yield from crossing_problem(dataset, parts, crossing, "an equal row (target included)", _MATERIAL_SHARE)
        yield from _repeated(dataset, whole, whole.size > 1, "row", bool(len(crossing)))
    else:
        num_crossing = len(equals.crossing(side))
        what = f"{counted(int(twice.sum()), 'row', verbs='equals/equal')} another one in all features"
        if num_crossing:
            share = percent(num_crossing / len(parts.test))
            what = f"{what}, {counted(num_crossing, 'test row')} ({share} of the test part) a labelled one"
        advice = "That is natural where few different rows are possible; the score is then partly one on rows that were seen."
        if not (whole.size > 1).any():
            advice = "Their targets differ, as in repeated measurements: a group column keeps those on one side of the split."
        yield Problem("note", f"{what}.", rows_named(dataset, twice), advice)
    yield from _contradictions(dataset, equals, twice, "row")


def crossing_problem(
    dataset: Dataset, parts: Split, crossing: Array, twin: str, material_share: float, where: str = ""
) -> Iterator[Problem]:
    """Test rows that were seen in training: a leak, or a warning if they are too few to move a score.

    Arguments:
        crossing: positions of the test rows. twin: what each of them has among the labelled rows.
        material_share: least share of the test rows that makes it a leak. where: what to name instead of them.
    """
    if not len(crossing):
        return
    share = len(crossing) / len(parts.test)
    rows = counted(len(crossing), "test row", verbs="has/have")
    what = f"{rows} {twin} among the labelled rows: {percent(share)} of the test part."
    advice = "Remove the copies, or give copies one group, so that they stay on one side of the split."
    if dataset.part is not None:  # the parts are given: groups move nothing
        advice = "Remove the copies from one of the parts."
    yield Problem("leak" if share >= material_share else "warning", what, where or rows_named(dataset, crossing), advice)


def _repeated(dataset: Dataset, equals: Equals, twice: Array, unit: str, is_said: bool) -> Iterator[Problem]:
    surplus = int(twice.sum()) - len(np.unique(equals.member[twice]))
    if surplus:
        what = f"{counted(surplus, unit, _several(unit), verbs='repeats/repeat')} an earlier one exactly (of {len(dataset):,})."
        advice = "" if is_said else "Remove the copies: another split would put them on both sides."
        is_note = is_said or surplus < _MANY_COPIES * len(dataset)
        yield Problem("note" if is_note else "warning", what, rows_named(dataset, twice), advice)


def _several(unit: str) -> str:
    return unit if unit == "series" else f"{unit}s"


def _contradictions(dataset: Dataset, equals: Equals, twice: Array, unit: str) -> Iterator[Problem]:
    """Equal rows of different classes, and how many rows any method is wrong about at least."""
    if dataset.task != "classification" or not twice.any():
        return
    rows = np.flatnonzero(twice)
    sets = np.unique(equals.member[rows], return_inverse=True)[1]
    table = np.zeros((int(sets.max()) + 1, len(dataset.classes)), dtype=np.int64)
    np.add.at(table, (sets, dataset.y[rows]), 1)
    involved = rows[((table > 0).sum(axis=1) > 1)[sets]]
    if not len(involved):
        return
    num_wrong = int((table.sum(axis=1) - table.max(axis=1)).sum())
    who = counted(len(involved), unit, _several(unit), verbs="equals/equal")
    what = f"{who} another one of a different class: any method is wrong"
    what = f"{what} about {counted(num_wrong, 'row')} of {len(dataset):,} at least ({percent(num_wrong / len(dataset))})."
    is_serious = dataset.modality == "image" or num_wrong >= _LACKING * len(dataset)
    advice = "Look whether labels are wrong, or whether something that matters was not measured."
    yield Problem("warning" if is_serious else "note", what, rows_named(dataset, involved), advice)


def _is_chance(columns: list[Array], equals: Equals, brief: bool) -> bool:
    """Whether equal rows stand among rows that differ from them in one column, as they do where few rows are possible.

    A set of equal rows without a single row that differs in one column only is lonely. By chance few sets are: of all pairs
    of rows a share p agrees in a column, and so of pairs that agree in all others. Where o pairs differ in that column
    alone, o p / (1 - p) are expected to agree in it as well. If far more sets than that are lonely, they are copies.
    """
    keys = row_keys(columns)
    num = len(keys)
    first = np.unique(equals.member, return_index=True)[1]
    num_equal = float((equals.size[first] * (equals.size[first] - 1.0)).sum()) / 2
    sets = first[equals.size[first] > 1]
    num_looked_at = min(len(columns), max(8, (_BRIEF_CELLS if brief else _CELLS) // num))
    near = np.zeros(len(sets), dtype=np.int64)
    expected = 0.0
    for j in np.random.default_rng(0).choice(len(columns), num_looked_at, replace=False).tolist():
        others = keys - columns[j]
        ordered = np.sort(others)
        num_alike = np.searchsorted(ordered, others[sets], "right") - np.searchsorted(ordered, others[sets], "left")
        near += num_alike - equals.size[sets]
        agree = _num_pairs(np.sort(columns[j])) / (num * (num - 1) / 2)
        if agree < 1:
            expected = max(expected, (_num_pairs(ordered) - num_equal) * agree / (1 - agree))
    num_lonely = int((near == 0).sum())
    return num_lonely < _COPIED_SHARE * len(sets) or _poisson_tail(num_lonely, expected) > _CHANCE


def _poisson_tail(num: int, mean: float) -> float:
    """Probability of `num` events or more where `mean` are expected."""
    from scipy.special import gammainc

    return float(gammainc(num, mean)) if num else 1.0


def _num_pairs(ordered: Array) -> float:
    """Pairs of equal values in a sorted array."""
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)) + 1
    sizes = np.diff(ends, prepend=0).astype(np.float64)
    return float((sizes * (sizes - 1)).sum()) / 2


def spread(X: Array, seed: int = 0) -> list[Array]:
    """Each column of X `(N, F)` as `uint64 (N,)`, equal where values are and else at random (SplitMix64; Steele et al., 2014)."""
    salts = np.random.default_rng(seed).integers(1, 2**63, X.shape[1], dtype=np.uint64)
    result = []
    for j, salt in enumerate(salts):
        column = X[:, j].astype(np.float64) + 0.0  # one zero
        z = np.where(np.isnan(column), np.nan, column).view(np.uint64) + salt  # one NaN
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        result.append(z ^ (z >> np.uint64(31)))
    return result


def row_keys(columns: list[Array]) -> Array:
    """Keys `uint64 (N,)` of rows: the sum of their columns, from which a single column can be taken out again."""
    return np.asarray(sum(columns[1:], start=columns[0]))


def image_keys(X: Array) -> Array:
    """One key `uint64 (N,)` per image, from its bytes."""
    return np.array([_digest(np.ascontiguousarray(image).data) for image in X])


def _digest(content: Any) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little"))
