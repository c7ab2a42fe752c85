"""Splits: equal to scikit-learn's, seeded, by group."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from sdl_cli.data.dataset import Dataset
from sdl_cli.data.split import split
from sdl_cli.errors import DataError
from sdl_cli.settings.experiment import DataSettings

Task = Literal["classification", "regression"]


def made(counts: list[int], part: Any = None, groups: Any = None, task: Task = "classification", seed: int = 0) -> Dataset:
    """A data set with `counts[k]` rows of class k, in random order."""
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    return Dataset(
        name="made",
        task=task,
        modality="table",
        X=np.zeros((len(y), 1)),
        y=y if task == "classification" else y.astype(np.float64),
        classes=tuple(f"class_{k}" for k in range(len(counts))) if task == "classification" else (),
        feature_names=("x0",),
        groups=groups,
        part=None if part is None else np.asarray(part),
        ids=np.array([str(i) for i in range(len(y))]),
        fingerprint="",
    )


@pytest.mark.parametrize("seed", [0, 1, 19])
@pytest.mark.parametrize("fraction", [0.2, 0.33, 0.6])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_equals_scikit_learn(seed: int, fraction: float, task: Task) -> None:
    data = made([50, 30, 9], task=task)
    stratify = data.y if task == "classification" else None
    labelled, test = train_test_split(np.arange(89), test_size=fraction, stratify=stratify, random_state=seed)
    result = split(data, DataSettings(test_fraction=fraction), seed)
    assert np.array_equal(result.labelled, labelled)
    assert np.array_equal(result.test, test)
    assert result.validation is None
    assert result.notes == ()


def test_the_settings_seed_goes_first() -> None:
    data = made([20, 20])
    a, b = split(data, DataSettings(seed=5), 0), split(data, DataSettings(), 5)
    assert np.array_equal(a.test, b.test)
    assert not np.array_equal(a.test, split(data, DataSettings(), 0).test)


def test_predefined_parts() -> None:
    part = ["train"] * 10 + ["validation"] * 4 + ["test"] * 6
    result = split(made([10, 10], part), DataSettings(), 0)
    assert result.labelled.tolist() == list(range(14))
    assert result.validation is not None
    assert result.validation.tolist() == [10, 11, 12, 13]
    assert result.test.tolist() == list(range(14, 20))
    result = split(made([10, 10], ["train"] * 10 + ["test"] * 10), DataSettings(), 3)
    assert result.labelled.tolist() == list(range(10))
    assert result.validation is None


def test_predefined_parts_that_are_refused() -> None:
    with pytest.raises(DataError, match="no training rows"):
        split(made([10, 10], ["validation"] * 10 + ["test"] * 10), DataSettings(), 0)
    data = made([10, 1])
    part = np.where(data.y == 1, "test", "train")
    part[:2] = "test"
    with pytest.raises(DataError, match="classes that the training part lacks: class_1"):
        split(made([10, 1], part), DataSettings(), 0)


def test_predefined_validation_follows_the_subset() -> None:
    part = ["train"] * 60 + ["validation"] * 20 + ["test"] * 20
    result = split(made([50, 50], part), DataSettings(num_per_class=10), 0)
    assert len(result.labelled) == 20
    assert result.validation is not None
    assert set(result.validation) == set(result.labelled) & set(range(60, 80))
    tiny = split(made([50, 50], ["train"] * 79 + ["validation"] + ["test"] * 20), DataSettings(num_per_class=2), 0)
    assert tiny.validation is None
    assert "validation rows are drawn instead" in tiny.notes[0]


@pytest.mark.parametrize(
    ("counts", "settings", "message"),
    [
        ([20, 1], {}, r"a class needs 2 rows for this split; too few: class_1 \(1\)\."),
        ([20, 1, 1, 0], {}, r"class_1 \(1\), class_2 \(1\), class_3 \(0\)"),
        ([20, 20], {"test_fraction": 0.01}, "test_fraction=0.01: 40 rows leave 1 test rows for 2 classes"),
        ([20, 20], {"test_fraction": 0.97}, "test_fraction=0.97: 40 rows leave 1 labelled rows for 2 classes"),
        ([20, 20], {"num_train": 33}, "num_train=33: there are only 32 labelled rows"),
        ([20, 20, 20], {"num_train": 2}, "num_train=2: there are 3 classes"),
        ([20, 20], {"num_train": 10, "num_per_class": 5}, "both set"),
    ],
)
def test_splits_that_are_refused(counts: list[int], settings: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        split(made(counts), DataSettings(**settings), 0)
    assert caught.value.hint


def test_num_per_class_is_refused_for_regression() -> None:
    with pytest.raises(DataError, match="a regression has no classes"):
        split(made([20, 20], task="regression"), DataSettings(num_per_class=3), 0)


def test_num_per_class() -> None:
    data = made([40, 40, 10])
    result = split(data, DataSettings(num_per_class=5), 0)
    assert np.bincount(data.y[result.labelled]).tolist() == [5, 5, 5]
    assert result.notes == ()
    result = split(data, DataSettings(num_per_class=20), 0)
    assert np.bincount(data.y[result.labelled]).tolist() == [20, 20, 8]
    assert result.notes == ("Fewer than num_per_class=20 labelled rows, all of them used: class_2 (8).",)
    whole = split(data, DataSettings(), 0)
    assert np.array_equal(result.test, whole.test)
    assert set(result.labelled) < set(whole.labelled)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.5, 0.75])
def test_groups_stay_together(seed: int, fraction: float) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 30, 200)
    for task in ("classification", "regression"):
        data = made([120, 50, 30], groups=groups, task=task)  # type: ignore[arg-type]
        result = split(data, DataSettings(test_fraction=fraction), seed)
        assert not set(groups[result.labelled]) & set(groups[result.test])
        assert sorted([*result.labelled, *result.test]) == list(range(200))
        assert abs(len(result.test) / 200 - fraction) < 0.12
        again = split(data, DataSettings(test_fraction=fraction), seed)
        assert np.array_equal(result.test, again.test)
        if task == "classification":
            assert set(data.y[result.labelled]) == {0, 1, 2}


def test_groups_that_cannot_be_divided() -> None:
    with pytest.raises(DataError, match="1 groups cannot be divided"):
        split(made([20, 20], groups=np.zeros(40)), DataSettings(), 0)
    data = made([20, 20])
    with pytest.raises(DataError, match="2 groups cannot be divided so that every class keeps labelled rows"):
        split(made([20, 20], groups=data.y), DataSettings(), 0)
