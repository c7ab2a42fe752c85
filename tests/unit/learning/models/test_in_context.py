"""What a network in context reads: rows, columns and classes of each pass, against the reference and by hand."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sdl_cli.learning.models import in_context
from sdl_cli.learning.models.in_context import InContext, Limits, Pass, plan
from sdl_cli.learning.models.pretrained_table import PretrainedTable
from sdl_cli.learning.models.table_network import PRESETS, TableNetwork, save_weights

REFERENCE = Path(__file__).parents[5] / "shared" / "pfn"
Array = np.ndarray[Any, Any]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    net = TableNetwork(**PRESETS["tiny"])
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    file = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_weights(net, file)
    return file


def made(rows: int, columns: int, classes: int, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, columns))
    y = np.r_[np.arange(classes), rng.integers(0, classes, rows - classes)]
    X[:, 0] += y
    X[rng.random(X.shape) < 0.03] = np.nan
    return X, y


@pytest.mark.parametrize(
    ("rows", "columns", "classes"), [(60, 6, 3), (200, 6, 4), (60, 30, 2), (200, 30, 3), (150, 4, 13), (300, 3, 120)]
)
def test_answers_are_those_of_the_reference(
    tiny: Path, rows: int, columns: int, classes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not REFERENCE.is_dir():
        pytest.skip("shared/pfn is absent")
    monkeypatch.setattr(sys, "path", [str(REFERENCE), *sys.path])
    for name, value in (("_LEAST_SHARE", -1.0), ("_ORDERS_IN_GROUPS", 2), ("_MEMBERS_INSIDE", 1.0)):
        monkeypatch.setattr(in_context, name, value)  # what saves time where classes are in groups
    reference = importlib.import_module("infer").PFNClassifier(str(tiny), members=4, max_rows=80, max_features=12, seed=3)
    X, y = made(rows, columns, classes)
    model = PretrainedTable(weights=str(tiny), max_rows=80, max_columns=12, precision="float32", random_state=3)
    asked, _ = made(30, columns, 2, seed=9)
    found = model.fit(X, y).predict_proba(asked)
    np.testing.assert_allclose(found, reference.fit(X, y).predict_proba(asked), atol=1e-4)
    assert bool(model.notes_) == (rows > 80 or columns > 12 or classes > 10)


def test_a_table_within_the_limits_is_read_whole_by_every_member() -> None:
    X, y = made(40, 5, 3)
    passes = plan(X.astype(np.float32), y, 3, 0, 4, Limits())
    assert len(passes) == 4 and all(np.array_equal(each.rows, np.arange(40)) for each in passes)
    assert np.array_equal(passes[0].columns, np.arange(5)) and np.array_equal(passes[0].numbers, np.arange(3))
    assert all(sorted(each.columns) == list(range(5)) and sorted(each.numbers) == [0, 1, 2] for each in passes)
    assert sum(each.weight for each in passes) == pytest.approx(1)


def test_members_read_rows_of_their_own_while_they_last_and_every_class() -> None:
    X, y = made(240, 4, 5)
    passes = plan(X.astype(np.float32), y, 5, 0, 3, Limits(rows=80))
    read = [set(passes[0].rows.tolist()), set(passes[1].rows.tolist()), set(passes[3].rows.tolist())]
    assert np.array_equal(passes[1].rows, passes[2].rows), "a member after the first is the mean of two orders"
    assert all(70 <= len(rows) <= 80 and set(y[list(rows)].tolist()) == set(range(5)) for rows in read)
    assert all(len(read[a] & read[b]) <= 10 for a, b in ((0, 1), (0, 2), (1, 2))), "but for one row of each class"


def test_of_many_columns_the_telling_ones_are_always_read() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 40)).astype(np.float32), np.arange(60) % 2
    X[:, [7, 31]] += 5 * y[:, None]
    passes = plan(X, y, 2, 0, 4, Limits(columns=10))
    for each in passes:
        assert len(each.columns) <= 24 and (each.axes is not None or {7, 31} <= set(each.columns.tolist()))
    components = [each for each in passes if each.axes is not None]
    assert components and components[0].read(X).shape == (60, 24)
    mean, directions = components[0].axes or (None, None)
    np.testing.assert_allclose(directions.T @ directions, np.eye(24), atol=1e-8)
    np.testing.assert_allclose(mean, X.mean(axis=0), atol=1e-6)


def test_equal_rows_stay_equal_as_components() -> None:
    X, y = made(60, 40, 2)
    X = np.nan_to_num(X).astype(np.float32)
    [part] = [each for each in plan(X, y, 2, 0, 2, Limits(columns=10))[1:2] if each.axes is not None]
    assert np.array_equal(part.read(X[[3, 5, 3]])[0], part.read(X[[3, 5, 3]])[2])


class Fixed(TableNetwork):
    """Answers every question with the logits 2, 1, 0, ... for the numbers 0, 1, 2, ... that classes are shown as."""

    def answer(self, memory: Any, asked: torch.Tensor, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        self.asked = [*getattr(self, "asked", []), asked.shape[1]]
        return -torch.arange(10.0).expand(*asked.shape[:2], 10)


def test_probabilities_go_back_to_the_classes_that_were_renumbered() -> None:
    X, y = made(30, 3, 3)
    answers = InContext(Fixed(**PRESETS["tiny"]), X.astype(np.float32), y, 0, 1, Limits(), torch.float32)
    expected = np.exp([0.0, -1.0, -2.0])
    np.testing.assert_allclose(answers(X[:2].astype(np.float32))[0], expected / expected.sum(), rtol=1e-6)
    swapped = Pass(np.arange(30), np.arange(3), None, np.array([2, 0, 1]), 1.0)
    answers.root = in_context.Node(answers.root.rows, answers.root.numbers, answers.root.classes, (swapped,))
    np.testing.assert_allclose(answers(X[:2].astype(np.float32))[0], expected[[2, 0, 1]] / expected.sum(), rtol=1e-6)


def test_classes_of_a_group_that_is_ruled_out_share_its_probability_by_their_frequency() -> None:
    X, y = made(400, 3, 30)
    net = Fixed(**PRESETS["tiny"])
    answers = InContext(net, X.astype(np.float32), y, 0, 1, Limits(), torch.float32)
    probs = answers(X[:5].astype(np.float32))
    assert probs.shape == (5, 30)
    np.testing.assert_allclose(probs.sum(axis=1), 1)
    assert len(answers.root.classes) == 3 and len(net.asked) == 4, "three groups, and each was asked about"
    before = in_context._LEAST_SHARE
    try:
        in_context._LEAST_SHARE = 0.2  # the third group has e^-2 / (1 + e^-1 + e^-2) = 0.09
        probs = answers(X[:5].astype(np.float32))
    finally:
        in_context._LEAST_SHARE = before
    last = answers.root.classes[2]
    counts = np.bincount(y, minlength=30)[last]
    share = np.exp(-2) / np.exp([0.0, -1.0, -2.0]).sum()
    np.testing.assert_allclose(probs[0, last], share * counts / counts.sum(), rtol=1e-6)


def test_memory_of_labelled_rows_is_kept_up_to_a_limit(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = made(50, 4, 2)
    model = PretrainedTable(weights=str(tiny), precision="float32").fit(X, y)
    first = model.predict_proba(X)
    assert len(model.answers_._kept) == 1, "four small passes are one stack"
    monkeypatch.setattr(in_context, "KEPT_BYTES", 0)
    other = PretrainedTable(weights=str(tiny), precision="float32").fit(X, y)
    np.testing.assert_array_equal(other.predict_proba(X), first)
    assert not other.answers_._kept
