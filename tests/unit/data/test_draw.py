"""Rows drawn by a seed: subsets that are nested and stratified, and what is set aside."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from sdl_cli.data.draw import hold_out, nested_per_class, nested_subset


def labels(counts: list[int], seed: int = 0) -> Any:
    """`counts[k]` rows of class k, in random order."""
    return np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("counts", [[100, 100], [300, 40, 5], [50, 1, 2, 30], [10] * 12])
@pytest.mark.parametrize("grouped", [False, True])
def test_nested_subsets(seed: int, counts: list[int], grouped: bool) -> None:
    y = labels(counts, seed=seed)
    groups = np.arange(len(y)) % 7 if grouped else None
    num_classes = len(counts)
    whole = nested_subset(y, len(y), seed, "classification", groups)
    assert sorted(whole) == list(range(len(y)))
    for num in range(num_classes, len(y), 3):
        chosen = nested_subset(y, num, seed, "classification", groups)
        assert np.array_equal(chosen, whole[:num])
        present = np.bincount(y[chosen], minlength=num_classes)
        assert present.min() >= 1
        if num >= 2 * num_classes:
            assert (present >= np.minimum(2, counts)).all()
        share = num * np.array(counts) / len(y)
        if (np.minimum(2, counts) <= share).all():  # from where the first two rounds no longer bend the proportions
            assert np.abs(present - share).max() <= 1.5
    assert not np.array_equal(whole, nested_subset(y, len(y), seed + 1, "classification", groups))


def test_nested_regression() -> None:
    y = np.arange(50.0)
    whole = nested_subset(y, 50, 3, "regression")
    assert sorted(whole) == list(range(50))
    for num in (2, 10, 49):
        assert np.array_equal(nested_subset(y, num, 3, "regression"), whole[:num])


@pytest.mark.parametrize("seed", range(3))
def test_nested_per_class(seed: int) -> None:
    y = labels([30, 20, 4])
    choices = [nested_per_class(y, num, seed) for num in (1, 2, 5, 30)]
    for smaller, larger in itertools.pairwise(choices):
        assert np.array_equal(larger[: len(smaller)], smaller)
    assert [np.bincount(y[c]).tolist() for c in choices] == [[1, 1, 1], [2, 2, 2], [5, 5, 4], [30, 20, 4]]


def test_grouped_subsets_come_group_by_group() -> None:
    y = np.tile([0, 1], 30)
    groups = np.repeat(np.arange(6), 10)
    assert len(np.unique(groups[nested_subset(y, 20, 0, "classification", groups)])) == 2
    assert len(np.unique(groups[nested_subset(y, 20, 0, "classification")])) == 6


@pytest.mark.parametrize(
    ("counts", "fraction", "held"),
    [
        ([50, 50], 0.2, [10, 10]),
        ([80, 20], 0.1, [8, 2]),
        ([5, 1], 0.2, [1, 0]),
        ([1, 1], 0.2, [0, 0]),
        ([2, 2], 0.2, [1, 0]),
        ([2, 2], 0.9, [1, 1]),
        ([3] * 10, 0.2, None),
        ([1], 0.5, [0]),
    ],
)
def test_hold_out(counts: list[int], fraction: float, held: list[int] | None) -> None:
    y = labels(counts)
    kept_rows, held_rows = hold_out(y, fraction, 0, "classification")
    assert sorted([*kept_rows, *held_rows]) == list(range(len(y)))
    assert set(y[kept_rows]) == set(y)
    if held is not None:
        assert np.bincount(y[held_rows], minlength=len(counts)).tolist() == held
    else:
        assert len(held_rows) == 6
    again = hold_out(y, fraction, 0, "classification")
    assert np.array_equal(again[1], held_rows)


def test_hold_out_depends_on_the_seed() -> None:
    y = labels([50, 50])
    assert not np.array_equal(hold_out(y, 0.2, 0, "classification")[1], hold_out(y, 0.2, 1, "classification")[1])
    kept, held = hold_out(np.arange(10.0), 0.25, 0, "regression")
    assert (len(kept), len(held)) == (8, 2)


def test_hold_out_by_group() -> None:
    y = np.tile([0, 1], 30)
    groups = np.repeat(np.arange(6), 10)
    kept, held = hold_out(y, 0.2, 0, "classification", groups)
    assert len(held) > 0
    assert not set(groups[kept]) & set(groups[held])
    kept, held = hold_out(y, 0.2, 0, "classification", np.zeros(60))  # one group: single rows instead
    assert len(held) == 12
    kept, held = hold_out(y, 0.2, 0, "classification", y)
    assert set(y[kept]) == {0, 1}
