"""The training: each of its parts against a formula, and a resumed run against one that was never stopped, to the bit."""

from __future__ import annotations

import dataclasses
import math
import multiprocessing as mp
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pretraining import train as loop
from pretraining.checkpoint import NAME, load_checkpoint
from pretraining.muon import Muon, orthogonalized
from pretraining.network import build_network
from pretraining.objective import score_tables
from pretraining.packing import pack_rows, packed_attention
from pretraining.prior import IGNORED, Draws, Tables
from pretraining.schedule import average_share, draw_shape, rate_factor
from pretraining.settings import Recipe
from pretraining.state import State
from pretraining.train import WEIGHTS, train
from pretraining.workers import TableSource, worker_seed
from sdl_cli.errors import ConfigError, DataError, DeviceError
from sdl_cli.learning.models.table_network import attend, load_weights

RECIPE = Recipe(preset="tiny", steps=6, cells=1500, most_columns=6, most_labelled=30, seed=3)


def fresh(recipe: Recipe = RECIPE) -> State:
    return State(recipe, build_network(recipe, "cpu"))


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("shape", [(3, 8, 20), (2, 20, 8), (1, 16, 16)])
def test_a_step_of_muon_is_nearly_orthogonal_and_keeps_its_directions(shape: tuple[int, int, int]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    found = orthogonalized(matrices)
    assert found.shape == matrices.shape
    for matrix, image in zip(matrices, found, strict=True):
        u, s, vh = torch.linalg.svd(matrix, full_matrices=False)
        inside = u.T @ image @ vh.T
        values = inside.diagonal()
        assert torch.allclose(inside, torch.diag(values), atol=1e-4)
        clear = s / s.norm() > 0.02  # five steps do not lift what is almost zero
        assert (values[clear] > 0.6).all() and (values < 1.25).all()


def test_a_step_of_muon_by_hand() -> None:
    """Diagonal matrices stay diagonal: each singular value x becomes a x + b x^3 + c x^5, five times over."""
    parameter = nn.Parameter(torch.diag(torch.tensor([2.0, 1.0])))
    muon = Muon([parameter])
    gradients = [np.array([3.0, 4.0]), np.array([1.0, 0.0])]
    expected, mean = np.array([2.0, 1.0]), np.zeros(2)
    for gradient in gradients:
        mean = 0.95 * mean + 0.05 * gradient
        x = 0.05 * gradient + 0.95 * mean
        x = x / np.linalg.norm(x)
        for _ in range(5):
            x = 3.4445 * x - 4.7750 * x**3 + 2.0315 * x**5
        expected = expected * (1 - 0.1 * 0.02) - 0.1 * 0.2 * math.sqrt(2) * x
        parameter.grad = torch.diag(torch.tensor(gradient, dtype=torch.float32))
        muon.step(0.1, 0.02)
    assert torch.allclose(parameter.detach(), torch.diag(torch.tensor(expected, dtype=torch.float32)), atol=1e-5)


def test_the_rate_warms_up_stays_and_falls() -> None:
    assert [rate_factor(step, 0.0, 100) for step in (0, 49, 99, 5000)] == [0.01, 0.5, 1.0, 1.0]
    assert [round(rate_factor(1000, at, 30), 6) for at in (0.15, 0.575, 1.0, 1.1)] == [1.0, 0.5, 0.0, 0.0]
    assert [average_share(step) for step in (0, 1, 99, 199, 10_000)] == [1.0, 0.5, 0.01, 0.005, 0.005]


@pytest.mark.parametrize("progress", [0.0, 0.2, 1.0])
def test_batches_stay_within_their_bounds_and_grow(progress: float) -> None:
    recipe, rng = Recipe(), np.random.default_rng(0)
    shapes = [draw_shape(recipe, recipe.cells, progress, rng) for _ in range(400)]
    assert {shape.num_columns for shape in shapes} >= {2, 5} and max(s.num_columns for s in shapes) == 40
    most_labelled = {0.0: 128, 0.2: 128 + 512 * 0.2 / 0.35, 1.0: 640}[progress]
    assert 0.8 * most_labelled < max(s.num_labelled for s in shapes) <= most_labelled + 0.5
    assert min(s.num_labelled for s in shapes) >= 12
    for shape in shapes:
        assert 24 <= shape.num_rows - shape.num_labelled <= 320 + 7 and shape.num_rows % 8 == 0
        cells = shape.num_tables * (shape.num_rows + 16) * (shape.num_columns + 1)
        assert shape.num_tables in (2, 256) or cells <= recipe.cells * (0.4 + 0.6 * progress)


def test_the_loss_is_the_mean_over_rows_and_then_over_tables() -> None:
    logits = torch.zeros(2, 2, 10)
    logits[0, 0, 1] = math.log(3)  # of two classes, 3 to 1 for the right one
    logits[:, :, 7] = 50  # a class that no table has
    targets = torch.tensor([[1, IGNORED], [0, 2]])
    labels = torch.tensor([[0, 1, 1, 1], [0, 0, 1, 2]])
    tables = Tables(torch.zeros(2, 6, 1), labels, targets, torch.tensor([2, 3]))
    loss, found = score_tables(lambda values, given, dtype: logits, tables, torch.float32)  # type: ignore[arg-type]
    assert float(loss) == pytest.approx((-math.log(0.75) + math.log(3)) / 2, abs=1e-6)
    of_shares = (-math.log(4 / 6) + (-math.log(3 / 7) - math.log(2 / 7)) / 2) / 2
    assert found.tolist() == pytest.approx([float(loss), of_shares, (1 + 0.5) / 2, (1 + 0.5) / 2], abs=1e-6)


@pytest.mark.parametrize("length, pack", [(1, 8), (3, 4), (5, 2), (6, 1)])
def test_packed_rows_attend_as_single_ones(length: int, pack: int) -> None:
    generator = torch.Generator().manual_seed(0)
    q, k, v = torch.randn(3, 13, 2, length, 4, generator=generator)  # 13 rows: some are left over
    assert torch.allclose(packed_attention(q, k, v, pack), attend(q, k, v), atol=1e-6)


def test_a_packed_network_gives_the_answers_of_the_product_s_own() -> None:
    net = build_network(RECIPE, "cpu")
    generator = torch.Generator().manual_seed(0)
    values, labels = torch.randn(2, 30, 5, generator=generator), torch.randint(0, 3, (2, 20), generator=generator)
    names, before = list(net.state_dict()), net(values, labels)
    packed = pack_rows(net, {3: 8, 7: 4})
    assert list(packed.state_dict()) == names
    assert torch.allclose(packed(values, labels), before, atol=1e-4)


def stored(folder: Path) -> dict[str, Tensor]:
    """All tensors of a checkpoint and of the weights."""
    return {**load_file(folder / NAME), **{f"w.{k}": v for k, v in load_file(folder / WEIGHTS).items()}}


def test_a_resumed_run_equals_one_that_was_never_stopped(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for folder in (whole, parts):
        folder.mkdir()
    before = fresh().net.state_dict()
    assert train(fresh(), whole, say=lambda line: None)
    assert not train(fresh(), parts, should_stop=lambda state: state.step == 2, say=lambda line: None)
    halfway = load_checkpoint(parts)
    assert halfway.step == 2
    average = {name: tensor.half() for name, tensor in halfway.average.state_dict().items()}
    assert all(torch.equal(tensor, average[name]) for name, tensor in load_file(parts / WEIGHTS).items())
    assert not train(halfway, parts, should_stop=lambda state: state.step == 5, say=lambda line: None)
    assert train(load_checkpoint(parts), parts, say=lambda line: None)
    a, b = stored(whole), stored(parts)
    assert a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
    assert any(not torch.equal(a[f"net.{name}"], tensor) for name, tensor in before.items())  # it has learned something
    net = load_weights(whole / WEIGHTS).state_dict()
    assert all(torch.equal(net[name], a[f"net.{name}"].half().float()) for name in net)


def test_another_seed_gives_other_weights_and_given_ones_are_where_a_run_starts(tmp_path: Path) -> None:
    assert not torch.equal(fresh().net.think, fresh(dataclasses.replace(RECIPE, seed=4)).net.think)
    train(fresh(dataclasses.replace(RECIPE, steps=1)), tmp_path, say=lambda line: None)
    net = build_network(RECIPE, "cpu", tmp_path / WEIGHTS)
    assert torch.equal(net.think, load_file(tmp_path / WEIGHTS)["think"].float())
    assert all(p.requires_grad for p in State(RECIPE, net).parameters)
    with pytest.raises(DataError, match="not of a network of size base"):
        build_network(Recipe(), "cpu", tmp_path / WEIGHTS)


def test_after_a_loss_that_is_not_finite_it_goes_on_from_the_last_good_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    state = fresh(dataclasses.replace(RECIPE, steps=4))
    calls = 0

    def scored(net: nn.Module, tables: Tables, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        nonlocal calls
        calls += 1
        loss, found = score_tables(net, tables, dtype)
        return (loss * torch.nan, found * torch.nan) if calls == 5 else (loss, found)

    monkeypatch.setattr(loop, "score_tables", scored)
    monkeypatch.setattr(loop, "_CHECK_STEPS", 1)
    assert train(state, tmp_path, say=lines.append)
    assert [line for line in lines if "not finite" in line and line.startswith("step 3")]
    assert state.rate_scale == 0.5
    assert all(bool(torch.isfinite(t).all()) for t in stored(tmp_path).values() if t.is_floating_point())


def test_going_back_forgets_the_optimisers(tmp_path: Path) -> None:
    state = fresh(dataclasses.replace(RECIPE, steps=2))
    train(state, tmp_path, say=lambda line: None)
    good = [p.clone() for p in state.good]
    with torch.no_grad():
        state.parameters[0].fill_(torch.inf)
    assert not state.keep_or_recover()
    for own in (state.parameters, state.means):
        assert all(torch.equal(a, b) for a, b in zip(own, good, strict=True))
    assert not state.adam.state and all(not buffer.any() for buffer in state.muon.buffers)


def test_where_memory_is_short_batches_are_halved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failures, lines = [2], []

    def scored(net: nn.Module, tables: Tables, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        if failures[0]:
            failures[0] -= 1
            raise torch.OutOfMemoryError("too much")
        return score_tables(net, tables, dtype)

    monkeypatch.setattr(loop, "score_tables", scored)
    state = fresh(dataclasses.replace(RECIPE, steps=1, cells=4000))
    assert train(state, tmp_path, say=lines.append)
    assert state.cells == 1000 and state.step == 1
    assert sum("out of memory" in line for line in lines) == 2
    failures[0] = 10
    with pytest.raises(DeviceError, match="too small for even"):
        train(fresh(), tmp_path, say=lines.append)


def spoiled(name: str, folder: Path) -> None:
    """Damage the checkpoint in `folder` in one way."""
    file = folder / NAME
    content = file.read_bytes()
    if name == "cut":
        file.write_bytes(content[:-1000])
    elif name == "empty":
        file.write_bytes(b"")
    elif name == "text":
        file.write_text("hello, this is not a checkpoint")
    elif name == "other":
        save_file({"a": torch.zeros(2)}, file, {"format": "something"})
    elif name == "header":
        file.write_bytes(content.replace(b'\\"step\\": 1', b'\\"step\\": x'))
    elif name == "count":
        file.write_bytes(content.replace(b'\\"step\\": 1', b'\\"step\\":-1'))
    elif name == "preset":
        file.write_bytes(content.replace(b'\\"tiny\\"', b'\\"base\\"'))
    elif name == "unknown":
        file.write_bytes(content.replace(b'\\"tiny\\"', b'\\"tinx\\"'))
    assert file.read_bytes() != content


@pytest.mark.parametrize("name", ["cut", "empty", "text", "other", "header", "count", "preset", "unknown"])
def test_a_damaged_checkpoint_is_refused_in_words(name: str, tmp_path: Path) -> None:
    train(fresh(dataclasses.replace(RECIPE, steps=1)), tmp_path, say=lambda line: None)
    spoiled(name, tmp_path)
    with pytest.raises(DataError, match="cannot be resumed from"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"preset": "huge"},
        {"minutes": 0.0},
        {"minutes": math.nan},
        {"steps": 0},
        {"seed": -1},
        {"cells": 5},
        {"made_per_table": 0.5},
    ],
)
def test_a_recipe_out_of_bounds_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        Recipe(**wrong)  # type: ignore[arg-type]


def test_workers_make_tables_and_end_with_the_source() -> None:
    assert len({worker_seed(0, number, step) for number in range(5) for step in (0, 7)}) == 10
    before = set(mp.active_children())
    with TableSource(RECIPE, Draws(0), num_workers=1) as source:
        tables = source.next(RECIPE.cells, 0.5)
        assert source.num_starved == 0
        assert tables.labels.dtype == tables.query_labels.dtype == torch.int64
        assert (
            tables.query_labels.min() >= IGNORED
            and tables.values.shape[1] == tables.labels.shape[1] + tables.query_labels.shape[1]
        )
        assert len(set(mp.active_children()) - before) == 1
    assert set(mp.active_children()) == before
