"""Synthetic tables: their shapes and labels, the same for a seed, and each mechanism against what defines it."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from pretraining.prior import IGNORED, Draws, Tables, TableShape, draw_learnable_tables, draw_tables, learnability
from pretraining.prior.causes import draw_causes, draw_plain_columns
from pretraining.prior.classes import bucket, plan_classes
from pretraining.prior.clusters import draw_clusters
from pretraining.prior.draws import rank_fractions, standardized
from pretraining.prior.mangling import mangle
from pretraining.prior.scores import prototypes, tree_scores
from pretraining.prior.spoiling import lose_cells

SHAPES = [TableShape(1, 24, 1, 12), TableShape(2, 40, 3, 20), TableShape(9, 64, 12, 16), TableShape(20, 48, 40, 30)]


def same(a: Tables, b: Tables) -> bool:
    pairs = [(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(Tables)]
    return all(x.shape == y.shape and torch.equal(x.nan_to_num(nan=99.0), y.nan_to_num(nan=99.0)) for x, y in pairs)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_tables_have_their_shape_and_labels_of_their_classes(shape: TableShape) -> None:
    for seed in range(3):
        tables = draw_tables(Draws(seed), shape)
        assert tables.values.shape == (shape.num_tables, shape.num_rows, shape.num_columns)
        assert tables.values.dtype == torch.float32
        assert tables.labels.shape == (shape.num_tables, shape.num_labelled)
        assert tables.query_labels.shape == (shape.num_tables, shape.num_rows - shape.num_labelled)
        known = tables.values[~tables.values.isnan()]
        assert torch.isfinite(known).all() and known.abs().max() <= 50
        for labels, asked, k in zip(tables.labels, tables.query_labels, tables.num_classes.tolist(), strict=True):
            assert set(labels.tolist()) == set(range(k))
            assert set(asked.tolist()) <= {IGNORED, *range(k)}


@pytest.mark.parametrize("per_table", [1.0, 1.6])
def test_the_same_seed_makes_the_same_tables_and_another_one_others(per_table: float) -> None:
    shape = SHAPES[1]
    first = draw_learnable_tables(Draws(3), shape, per_table)
    torch.manual_seed(0)  # torch's own generator plays no part
    assert same(first, draw_learnable_tables(Draws(3), shape, per_table))
    assert not same(first, draw_learnable_tables(Draws(4), shape, per_table))


def test_numbers_are_drawn_from_where_they_should_be() -> None:
    draws = Draws(0)
    numbers = draws.log_uniform(0.1, 10.0, 4000)
    assert numbers.min() >= 0.1 and numbers.max() < 10
    assert abs(float(numbers.log().mean())) < 0.1  # its logarithm is centred at that of 1
    assert 0.27 < float(draws.coin(0.3, 4000).float().mean()) < 0.33
    shares = torch.bincount(draws.categories(torch.tensor([[1.0, 0.0, 3.0]]), 4000)[0], minlength=3) / 4000
    assert torch.allclose(shares, torch.tensor([0.25, 0.0, 0.75]), atol=0.03)
    assert sorted(draws.permutation(7).tolist()) == list(range(7))
    assert draws.integers(2, 4, 100).unique().tolist() == [2, 3]


def test_standardized_columns_and_ranks() -> None:
    column = torch.tensor([[[1.0, 7.0], [2.0, 7.0], [4.0, 7.0], [9.0, 7.0]]])
    found = standardized(column)
    expected = (column[0, :, 0] - 4) / (np.sqrt((9 + 4 + 0 + 25) / 4) + 1e-6)
    assert torch.allclose(found[0, :, 0], expected)
    assert torch.equal(found[0, :, 1], torch.zeros(4))
    assert rank_fractions(torch.tensor([[[3.0], [1.0], [2.0], [9.0]]])).flatten().tolist() == [0.625, 0.125, 0.375, 0.875]


@pytest.mark.parametrize("draw", [draw_causes, draw_plain_columns])
def test_root_columns_are_standardised(draw: object) -> None:
    columns = draw(Draws(1), 6, 200, 5)  # type: ignore[operator]
    assert columns.shape == (6, 200, 5)
    assert columns.mean(1).abs().max() < 1e-5
    assert torch.allclose(columns.pow(2).mean(1), torch.ones(6, 5), atol=1e-3)


def test_clusters_leave_out_classes_without_weight() -> None:
    weights = torch.tensor([[1.0, 1.0, 0.0], [0.0, 2.0, 1.0]])
    columns, classes = draw_clusters(Draws(0), weights, 100, 4)
    assert columns.shape == (2, 100, 4) and torch.isfinite(columns).all()
    assert [row.unique().tolist() for row in classes] == [[0, 1], [1, 2]]


def test_few_labelled_rows_have_few_classes() -> None:
    plan = plan_classes(Draws(0), 300, 12)
    assert plan.num.unique().tolist() == [2, 3]
    assert ((plan.weights > 0).sum(1) == plan.num).all()
    assert plan_classes(Draws(0), 300, 100).num.max() == 10


def test_a_score_is_cut_at_quantiles_and_equal_values_stay_together() -> None:
    score = torch.arange(20.0).flip(0)[None]
    found = bucket(Draws(0), score, torch.tensor([4]), torch.zeros(1, 1))  # no spread: intervals of equal size
    assert found[0].flip(0).tolist() == [0] * 5 + [1] * 5 + [2] * 5 + [3] * 5
    for seed in range(5):
        classes = bucket(Draws(seed), torch.tensor([[2.0, 1.0, 2.0, 3.0, 1.0, 2.0]]), torch.tensor([3]), torch.ones(1, 1))[0]
        assert classes[0] == classes[2] == classes[5] and classes[1] == classes[4]


def test_trees_read_the_columns_that_matter() -> None:
    columns = torch.randn(3, 80, 2, generator=torch.Generator().manual_seed(0))
    only_first = torch.tensor([[1.0, 0.0]]).expand(3, 2)
    one, other = columns.clone(), columns.clone()
    other[:, :, 1] = 0
    for seed in range(4):
        found = tree_scores(Draws(seed), one, only_first)
        assert torch.equal(found, tree_scores(Draws(seed), other, only_first))
        order = columns[0, :, 0].argsort()
        steps = (found[0, order].diff().abs() > 1e-6).sum()
        assert 0 < steps <= 16 * 31  # constant between thresholds: 16 trees of 32 leaves at most


def test_rows_take_the_class_of_the_nearest_prototype() -> None:
    centres = torch.tensor([0.0, 100.0, 200.0])
    columns = centres[torch.arange(60) % 3].view(1, 60, 1)
    nearest, bumps = prototypes(Draws(2), columns, torch.ones(1, 1), torch.tensor([3]))
    for group in range(3):
        assert len(nearest[0, group::3].unique()) == 1
        assert bumps[0, group::3].std() < 1e-4
    assert nearest.max() < 3


def test_a_discretised_column_has_few_levels_and_a_table_may_be_left_numeric() -> None:
    columns = torch.randn(4, 300, 6, generator=torch.Generator().manual_seed(0))
    found = mangle(Draws(0), columns, torch.tensor([1.0, 1.0, 0.0, 0.0]).view(4, 1, 1))
    levels = [[len(column.unique()) for column in table.T] for table in found]
    assert max(levels[0] + levels[1]) <= 10 and min(levels[0] + levels[1]) >= 1
    assert max(levels[2] + levels[3]) > 100


def test_lost_cells_are_nan_and_all_others_finite() -> None:
    columns = torch.full((60, 30, 4), torch.inf)
    columns[:, ::2] = 1e9
    found = lose_cells(Draws(0), columns)
    share = found.isnan().float().mean((1, 2))
    assert 0 < (share > 0).sum() < 30 and share.max() < 0.4  # about 12 % of the tables
    assert (found[~found.isnan()] == 50).all()


def test_learnability_tells_a_signal_from_noise() -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(2, 100, 3, generator=generator)
    labels = torch.randint(0, 2, (2, 100), generator=generator)
    labels[0] = (values[0, :, 1] > 0).long()
    values[:, 3, 0] = torch.nan
    clear, none = learnability.learnability(values, labels).tolist()
    assert clear > 0.8 and none < 0.3


def test_ridge_votes_are_those_of_leaving_each_row_out() -> None:
    generator = torch.Generator().manual_seed(1)
    values = torch.randn(1, 30, 2, generator=generator, dtype=torch.float64)
    is_class = torch.nn.functional.one_hot(torch.randint(0, 3, (1, 30), generator=generator)).double()
    found = learnability._ridge_votes(values, values**2, is_class)[0]
    inputs = torch.cat([torch.ones(30, 1, dtype=torch.float64), values[0], values[0] ** 2], 1)
    for row in range(30):
        others = torch.arange(30) != row
        a, y = inputs[others], is_class[0, others]
        weights = torch.linalg.solve(a.T @ a + (0.5 + 0.02 * 30) * torch.eye(5, dtype=torch.float64), a.T @ y)
        assert torch.allclose(found[row], inputs[row] @ weights, atol=1e-8)


def test_a_row_has_no_vote_for_itself() -> None:
    points = torch.tensor([[[0.0], [0.1], [0.2], [0.3], [0.4], [0.5]]])
    votes = learnability._neighbour_votes(points, torch.nn.functional.one_hot(torch.arange(6), 10).float()[None])
    assert torch.equal(votes[0, :, :6], 1 - torch.eye(6))


def test_tables_are_chosen_by_their_labelled_rows_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = TableShape(6, 60, 4, 30)
    before = draw_learnable_tables(Draws(5), shape, 1.6)

    def with_other_queries(draws: Draws, shape: TableShape) -> Tables:
        tables = draw_tables(draws, shape)
        values = torch.cat([tables.values[:, : shape.num_labelled], tables.values[:, shape.num_labelled :] * 7 + 3], 1)
        return Tables(values, tables.labels, tables.query_labels.flip(0), tables.num_classes)

    monkeypatch.setattr(learnability, "draw_tables", with_other_queries)
    after = draw_learnable_tables(Draws(5), shape, 1.6)
    assert torch.equal(before.labels, after.labels)
    kept = [t.values[:, : shape.num_labelled].nan_to_num(nan=99.0) for t in (before, after)]
    assert torch.equal(*kept)


def test_the_more_learnable_tables_are_kept() -> None:
    gains = {1.0: [], 3.0: []}
    for per_table, found in gains.items():
        for seed in range(8):
            tables = draw_learnable_tables(Draws(seed), TableShape(12, 60, 6, 40), per_table)
            found.append(float(learnability.learnability(tables.values[:, :40], tables.labels).mean()))
    assert np.mean(gains[3.0]) > np.mean(gains[1.0])


@pytest.mark.data
def test_the_draws_are_those_that_made_the_shipped_weights(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = shared_data.parent / "pfn" / "prior.py"
    if not file.is_file():
        pytest.skip("needs the code that made the shipped weights, which is not here")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    spec = importlib.util.spec_from_file_location("first_prior", file)
    assert spec is not None and spec.loader is not None
    first = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(first)
    rng = np.random.default_rng(0)
    for seed in range(6):
        num_rows = int(rng.integers(30, 200))
        shape = TableShape(int(rng.integers(1, 20)), num_rows, int(rng.integers(1, 41)), int(rng.integers(12, num_rows - 10)))
        draws, host = Draws(seed), np.random.default_rng(seed)
        torch.manual_seed(seed)
        make = first.sample if seed % 2 else first.sample_chosen
        old = Tables(*make(shape.num_tables, shape.num_rows, shape.num_columns, shape.num_labelled, "cpu", host))
        assert same(old, draw_learnable_tables(draws, shape, 1.0 if seed % 2 else 1.6))
        assert torch.equal(torch.get_rng_state(), draws.generator.get_state())
        assert host.bit_generator.state == draws.host.bit_generator.state
