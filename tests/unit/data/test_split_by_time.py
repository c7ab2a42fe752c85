"""Rows divided along time: the latest are tested, earlier ones learned from, and nothing of a test part's future is seen."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from sdl_cli.data.dataset import Dataset
from sdl_cli.data.draw import nested_per_class, nested_subset
from sdl_cli.data.sources.table import Table
from sdl_cli.data.split import LabelledPart, Split, split
from sdl_cli.data.time_order import TimeOrder, cuts, hold_out_latest
from sdl_cli.errors import DataError

Array = np.ndarray[Any, Any]


def made(times: Any, y: Any = None, gap: float = 0.0, is_date: bool = False, **more: Any) -> Dataset:
    """Rows at these times with numbers to predict, or with the classes that whole numbers `y` stand for."""
    times = np.asarray(times, dtype=float)
    y = np.arange(len(times)) / 7 if y is None else np.asarray(y)
    is_class = y.dtype.kind == "i"
    return Dataset(
        name="made",
        task="classification" if is_class else "regression",
        modality="table",
        X=np.zeros((len(times), 1)),
        y=y,
        classes=tuple("abcdefgh"[: y.max() + 1]) if is_class else (),
        feature_names=("x",),
        groups=None if more.get("groups") is None else np.asarray(more["groups"]),
        part=None if more.get("part") is None else np.asarray(more["part"]),
        ids=np.array([str(i) for i in range(len(times))]),
        fingerprint="",
        order=TimeOrder("t", times, is_date, gap),
    )


def divided(dataset: Dataset, seed: int = 0, **settings: Any) -> Split:
    return split(dataset, Table(path="x", target="y", order="t", **settings), seed)


def mixed(num: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).permutation(num).astype(float)


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.33, 0.7])
def test_the_latest_rows_are_the_test_part_whatever_the_seed(fraction: float) -> None:
    dataset = made(mixed(97))
    found = [divided(dataset, seed, test_fraction=fraction) for seed in (0, 5)]
    times = dataset.order.times  # type: ignore[union-attr]
    assert len(found[0].test) == int(np.ceil(fraction * 97)) and len(found[0].labelled) + len(found[0].test) == 97
    assert times[found[0].labelled].max() < times[found[0].test].min()
    assert np.array_equal(found[0].test, found[1].test) and np.array_equal(found[0].labelled, found[1].labelled)


def test_the_split_is_said_in_the_terms_of_the_column() -> None:
    numbers, days = divided(made(np.arange(10))), divided(made(np.arange(19_723, 19_733), is_date=True))
    assert numbers.notes[0].startswith("Split along t: 8 labelled rows up to 7, 2 test rows from 8 to 9;")
    assert "8 labelled rows up to 2024-01-08, 2 test rows from 2024-01-09 to 2024-01-10;" in days.notes[0]
    assert TimeOrder("t", np.zeros(1), True).shown(19_723.5) == "2024-01-01 12:00:00"


@pytest.mark.parametrize(("times", "num_test"), [
    ([0, 1, 2, 3, 4, 5, 6, 7, 7, 7], 3),  # 20 % would cut the last day in two: three rows are as near as none
    ([0] * 4 + [1] * 4 + [2] * 2, 2),
    ([0] * 3 + [1] * 7, 7),  # one cut only
])  # fmt: skip
def test_rows_of_one_time_stay_together(times: list[int], num_test: int) -> None:
    found = divided(made(times))
    assert len(found.test) == num_test
    assert not set(np.asarray(times)[found.labelled]) & set(np.asarray(times)[found.test])
    said = [note for note in found.notes if "Rows of one t stay together" in note]
    assert bool(said) == (num_test != 2) and (not said or f"{num_test}0%" in said[0])


@pytest.mark.parametrize("times", [[3] * 10, [1.5] * 2])
def test_one_time_cannot_be_divided(times: list[float]) -> None:
    with pytest.raises(DataError, match="1 different value of t cannot be divided"):
        divided(made(times))


@pytest.mark.parametrize("origins", [2, 3, 5, 10])
@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.6])
def test_rolling_origins_follow_each_other_and_see_only_the_past(origins: int, fraction: float) -> None:
    dataset = made(mixed(400))
    times = dataset.order.times  # type: ignore[union-attr]
    found = [divided(dataset, k, origins=origins, origin=k, test_fraction=fraction) for k in range(origins)]
    assert times[found[0].test].max() == 399
    for later, earlier in zip(found, found[1:], strict=False):
        assert times[earlier.test].max() + 1 == times[later.test].min(), "one after the other, without a row between or in both"
        assert set(earlier.labelled) < set(later.labelled)
    for each in found:
        assert times[each.labelled].max() < times[each.test].min()
    sizes = [len(each.test) for each in found]
    assert max(sizes) - min(sizes) <= 1
    assert len(found[-1].labelled) >= 400 * min(1 - fraction, 0.5) - 1
    assert origins * fraction > 0.5 or sizes[0] == 400 * fraction, "as many as are asked for, where half of the rows stay"
    assert f"({origins} of {origins}, the first is the latest)" in found[-1].notes[0]


def test_origins_with_ties_all_have_rows() -> None:
    times = np.repeat(np.arange(12), 5)
    starts = cuts(times.astype(float), 0.2, 10)
    assert starts == sorted(starts, reverse=True) and len(set(starts)) == 10 and min(starts) >= 5
    with pytest.raises(ValueError):
        cuts(times.astype(float), 0.2, 12)
    with pytest.raises(DataError, match="cannot be divided into labelled rows and 12 test parts"):
        divided(made(times), origins=12)


@pytest.mark.parametrize(("is_date", "gap", "shown"), [
    (True, 7.0, "7 rows are left out: within 7 days before the test part"),
    (True, 1.0, "1 row is left out: within 1 day before"),
    (False, 2.5, "2 rows are left out: within 2.5 (unit of t) before"),
])  # fmt: skip
def test_a_gap_is_left_out_between(is_date: bool, gap: float, shown: str) -> None:
    found = divided(made(np.arange(100), gap=gap, is_date=is_date))
    assert found.test.min() == 80 and found.labelled.max() == 79 - int(gap)
    assert any(shown in note for note in found.notes)


def test_a_gap_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="dataset.gap=80 leaves no labelled row"):
        divided(made(np.arange(100), gap=80.0))


def test_labelled_rows_of_groups_in_the_test_part_are_left_out_and_said() -> None:
    groups = ["a"] * 40 + ["b"] * 30 + ["c"] * 30  # c ends in the test part and begins before it
    found = divided(made(np.arange(100), groups=groups))
    assert found.labelled.max() == 69 and found.test.min() == 80
    assert any("10 labelled rows are left out: of 1 group that also stands in the test part (c)." in note for note in found.notes)
    assert not set(np.asarray(groups)[found.labelled]) & set(np.asarray(groups)[found.test])


def test_groups_that_all_last_to_the_end_are_refused() -> None:
    with pytest.raises(DataError, match="every group before the test part also stands in it") as error:
        divided(made(np.arange(100), groups=["a", "b"] * 50))
    assert "leave out dataset.group" in error.value.hint and "leave out dataset.order" in error.value.hint


def test_classes_on_one_side_only_are_said() -> None:
    found = divided(made(np.arange(20), [0] * 4 + [1, 2] * 6 + [1, 3, 2, 2]))
    assert any("No test row is of class a" in note for note in found.notes)
    assert any("1 test row is of classes that no labelled row has (d): they count as wrong." in note for note in found.notes)


def test_one_class_before_the_test_part_is_nothing_to_learn() -> None:
    with pytest.raises(DataError, match="before 16 there is only class a to learn from"):
        divided(made(np.arange(20), [0] * 16 + [1] * 4))


def test_rows_without_a_time_stand_on_no_side() -> None:
    times = np.arange(30.0)
    times[[3, 17]] = np.nan
    found = divided(made(times))
    assert not {3, 17} & {*found.labelled, *found.test}
    assert any("2 rows have no t: neither learned from nor tested." in note for note in found.notes)


# subsets of the labelled rows


@pytest.mark.parametrize("is_class", [False, True])
def test_n_labels_are_the_latest_n_and_nested(is_class: bool) -> None:
    y = np.random.default_rng(0).integers(0, 3, 200) if is_class else None
    dataset = made(mixed(200), y)
    times = dataset.order.times  # type: ignore[union-attr]
    found = {n: divided(dataset, num_train=n).labelled for n in (20, 40, 80, 160)}
    for n, rows in found.items():
        assert sorted(times[rows]) == list(range(160 - n, 160)), "the latest before the cut"
        assert all(set(rows) <= set(found[more]) for more in found if more > n)


def test_each_class_comes_with_its_latest_two_rows() -> None:
    y = np.array([2] * 3 + [0, 1] * 50)
    chosen = nested_subset(y, 7, 0, "classification", None, np.arange(103.0))
    assert sorted(chosen) == [1, 2, 98, 99, 100, 101, 102]
    assert [sorted(y[nested_subset(y, n, 0, "classification", None, np.arange(103.0))]) for n in (3, 6)] == [
        [0, 1, 2],
        [0, 0, 1, 1, 2, 2],
    ]
    per_class = nested_per_class(y, 2, 0, None, np.arange(103.0))
    assert sorted(per_class) == [1, 2, 99, 100, 101, 102]


def test_a_seed_decides_only_among_rows_of_one_time() -> None:
    times = np.repeat(np.arange(20.0), 5)
    first, second = (nested_subset(np.zeros(100), 12, seed, "regression", None, times) for seed in (0, 1))
    assert np.array_equal(first, nested_subset(np.zeros(100), 12, 0, "regression", None, times))
    assert set(first) != set(second)
    assert sorted(times[first]) == sorted(times[second]) == [17.0] * 2 + [18.0] * 5 + [19.0] * 5


# validation rows


def test_validation_rows_are_the_latest_labelled_ones() -> None:
    dataset = made(mixed(100))
    times = dataset.order.times  # type: ignore[union-attr]
    labelled, _ = divided(dataset).parts(dataset)
    for seed in (0, 1):
        fit, held = labelled.divided(0.25, seed)
        assert sorted(times[held.rows]) == list(range(60, 80)) and sorted(times[fit.rows]) == list(range(60))


def test_validation_leaves_the_gap_out_and_keeps_every_class() -> None:
    order = TimeOrder("t", np.arange(100.0), False, 5.0)
    kept, held = hold_out_latest(order, np.zeros(100), 0.2, False, None)
    assert kept.tolist() == list(range(75)) and held.tolist() == list(range(80, 100))
    y = np.array([0, 1] * 45 + [2] * 10)
    kept, held = hold_out_latest(dataclasses.replace(order, gap=0.0), y, 0.2, True, None)
    assert set(y[kept]) == {0, 1, 2} and kept[-1] == 90 and len(held) == 19
    kept, held = hold_out_latest(dataclasses.replace(order, gap=1000.0), y, 0.2, True, None)
    assert len(kept) and len(held), "a gap wider than the labelled rows is of no use here"


def test_validation_leaves_out_groups_on_both_sides_where_others_are_left() -> None:
    groups = np.array(["a"] * 50 + ["b"] * 50)
    kept, held = hold_out_latest(TimeOrder("t", np.arange(100.0), False), np.zeros(100), 0.2, False, groups)
    assert kept.tolist() == list(range(50)) and held.tolist() == list(range(80, 100))
    kept, _ = hold_out_latest(TimeOrder("t", np.arange(100.0), False), np.zeros(100), 0.2, False, np.array(["a"] * 100))
    assert len(kept) == 80, "one group everywhere: rows of it must do"


def test_labelled_rows_of_one_time_are_divided_by_chance() -> None:
    dataset = made([1.0] * 20)
    fit, held = LabelledPart(dataset, np.arange(20)).divided(0.2, 0)
    assert len(held) == 4 and len(fit) == 16


# a test part of the source


def test_a_test_part_of_the_source_stays_and_is_compared_with_the_order() -> None:
    part = ["train"] * 15 + ["test"] * 5
    found = divided(made(np.arange(20), part=part), num_train=6)
    assert found.test.tolist() == list(range(15, 20)) and sorted(found.labelled) == list(range(9, 15)) and not found.notes
    late = divided(made(np.arange(20)[::-1], part=part))
    assert "15 labelled rows are later in t than the earliest test row" in late.notes[0]
    with pytest.raises(DataError, match="dataset.gap: the source has its own test part"):
        divided(made(np.arange(20), gap=1.0, part=part))
