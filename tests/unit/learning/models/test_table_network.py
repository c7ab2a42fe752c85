"""The network for tables: against the implementation that its weights were trained with, its invariances, its files."""

from __future__ import annotations

import importlib
import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from sdl_cli.errors import DataError
from sdl_cli.learning.models import table_network
from sdl_cli.learning.models.table_network import (
    MAX_CLASSES,
    NUM_INPUTS,
    PRESETS,
    SHIPPED,
    Norm,
    Scale,
    TableNetwork,
    from_tensors,
    load_weights,
    num_parameters,
    save_weights,
)

REFERENCE = Path(__file__).parents[5] / "shared" / "pfn"


def tables(
    seed: int, num_tables: int = 2, rows: int = 50, labelled: int = 30, columns: int = 5
) -> tuple[torch.Tensor, torch.Tensor]:
    """Tables with missing cells and ties, and the classes of their first rows."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(num_tables, rows, columns, generator=generator)
    x[:, :, 0] = x[:, :, 0].round()
    x[torch.rand(x.shape, generator=generator) < 0.05] = math.nan
    return x, torch.randint(0, 4, (num_tables, labelled), generator=generator)


@pytest.fixture(scope="module")
def net() -> TableNetwork:
    return load_weights()


@pytest.mark.parametrize("seed", range(3))
def test_it_computes_what_the_reference_computes(net: TableNetwork, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if not REFERENCE.is_dir():
        pytest.skip("shared/pfn is absent")
    monkeypatch.setattr(sys, "path", [str(REFERENCE), *sys.path])
    reference = importlib.import_module("pfn_model").load_weights(str(REFERENCE / "pfn.safetensors"))
    x, y = tables(seed, columns=3 + 5 * seed)
    with torch.no_grad():
        assert (net(x, y).softmax(-1) - reference(x, y).softmax(-1)).abs().max() < 1e-5


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-5), (torch.float32, 1e-4)])
def test_rows_are_answered_alike_whatever_their_order_and_their_company(
    net: TableNetwork, dtype: torch.dtype, tolerance: float
) -> None:
    x, y = tables(1)
    x, order, asked = x.to(dtype), torch.randperm(30, generator=torch.Generator().manual_seed(2)), torch.randperm(20)
    with torch.no_grad():
        whole = net(x, y, dtype).softmax(-1)
        memory = net.remember(x[:, :30][:, order], y[:, order], dtype)
        assert (net.answer(memory, x[:, 30:], dtype).softmax(-1) - whole).abs().max() < tolerance, "order of labelled rows"
        memory = net.remember(x[:, :30], y, dtype)
        moved = net.answer(memory, x[:, 30:][:, asked], dtype).softmax(-1)
        assert (moved - whole[:, asked]).abs().max() < tolerance, "order of the rows that are asked about"
        one = net.answer(memory, x[:, 34:35], dtype).softmax(-1)
        assert (one - whole[:, 4:5]).abs().max() < tolerance, "a row alone"
        single = net(x[1:], y[1:], dtype).softmax(-1)
        assert (single - whole[1:]).abs().max() < tolerance, "a table alone"


def test_in_bfloat16_no_class_changes_where_the_margin_is_wide(net: TableNetwork) -> None:
    for seed in range(4):
        x, y = tables(seed, num_tables=1, rows=120, labelled=60)
        with torch.no_grad():
            exact = net(x, y, torch.float64)[0].softmax(-1)
            short = net(x, y, torch.bfloat16)[0].softmax(-1)
            back = net(torch.cat([x[:, :60], x[:, 60:].flip(1)], 1), y, torch.bfloat16)[0].flip(0).softmax(-1)
        best = exact.topk(2, dim=1).values
        sure = best[:, 0] - best[:, 1] > 0.02
        assert (short.argmax(1) == exact.argmax(1))[sure].all() and (short.argmax(1) == back.argmax(1))[sure].all()


def test_cells_are_encoded_as_written() -> None:
    labelled = torch.tensor([[[1.0], [2.0], [2.0], [4.0], [math.nan]]])
    scale = Scale.of(labelled)
    found = scale.encode(torch.tensor([[[2.0], [9.0], [math.nan]]]))[0, :, 0]
    assert found.shape == (3, NUM_INPUTS)
    mean, deviation = 2.25, math.sqrt((1.25**2 + 2 * 0.25**2 + 1.75**2) / 4)
    z, rank = (2 - mean) / deviation, (1 + 3) / 4 - 1
    expected = [z, rank, 0.0] * 3 + [math.sin(rank * math.pi / 2 * f) for f in (1, 2, 4, 8)]
    expected += [math.cos(rank * math.pi / 2 * f) for f in (1, 2, 4, 8)]
    torch.testing.assert_close(found[0], torch.tensor(expected), atol=1e-5, rtol=0)
    assert found[1, 0] == 5.0 and found[1, 1] == 1.0, "clipped at five deviations; above all labelled values"
    torch.testing.assert_close(found[2], torch.tensor([0.0, 0.0, 1.0] * 3 + [0.0] * 4 + [1.0] * 4))


def test_a_norm_divides_by_the_root_mean_square() -> None:
    norm = Norm(4)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))
        x = torch.randn(3, 4)
        torch.testing.assert_close(norm(x), torch.nn.functional.rms_norm(x, (4,), norm.weight, 1e-5))


def test_scale_and_shift_of_a_column_do_not_matter(net: TableNetwork) -> None:
    x, y = tables(5)
    with torch.no_grad():
        moved = net(x * torch.tensor([3.0, 0.1, 10.0, 1.0, 5.0]) + torch.tensor([1.0, -2.0, 3.0, 0.0, 9.0]), y)
        assert (moved.softmax(-1) - net(x, y).softmax(-1)).abs().max() < 1e-2
        other = net(x, (y + 1) % 4).softmax(-1)
    assert (other - net(x, y).softmax(-1)).abs().max() > 0.1, "classes do"


def test_weights_survive_a_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = TableNetwork(**PRESETS["tiny"])
    save_weights(net, tmp_path / "tiny.safetensors", {"tables": 3})
    again = load_weights(tmp_path / "tiny.safetensors")
    assert again.sizes == PRESETS["tiny"] and not any(p.requires_grad for p in again.parameters())
    x, y = tables(0)
    with torch.no_grad():
        assert (again(x, y).softmax(-1) - net(x, y).softmax(-1)).abs().max() < 0.01
        assert again(x, y).shape == (2, 20, MAX_CLASSES)


def test_the_shipped_weights_are_checked_by_their_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "table.safetensors"
    content = bytearray(SHIPPED.read_bytes())
    content[-1] ^= 1
    other.write_bytes(content)
    monkeypatch.setattr(table_network, "SHIPPED", other)
    with pytest.raises(DataError, match="not the weights that belong here") as caught:
        load_weights(other)
    assert "pip install" in str(caught.value.hint)
    with pytest.raises(DataError, match="not the weights that belong here"):
        load_weights(SHIPPED, sha256="0" * 64)
    monkeypatch.setattr(table_network, "SHIPPED", SHIPPED)
    load_weights(other)  # another file may hold what it likes


def header(**changes: Any) -> dict[str, str]:
    sizes = {"d": 8, "layers": 1, "heads": 2, "ff": 8, "think": 2} | changes
    return {"format": "pfn-1", "config": json.dumps(sizes)}


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, "no weights of a network for tables"),
        ({"format": "other", "config": "{}"}, "no weights of a network for tables"),
        ({"format": "pfn-1", "config": "{"}, "no weights of a network for tables"),
        (header(d=10**9), "impossible size: width is 1000000000"),
        (header(layers=0), "impossible size: num_layers is 0"),
        (header(heads=3), "no multiple of its heads"),
        (header(d="8"), "impossible size: width is '8'"),
        (header(), "more or fewer than its sizes ask for"),
    ],
)
def test_a_strange_file_is_refused(tmp_path: Path, metadata: dict[str, str] | None, message: str) -> None:
    save_file({"cell.weight": torch.zeros(8, 3)}, tmp_path / "w.safetensors", metadata)
    with pytest.raises(DataError, match=message):
        load_weights(tmp_path / "w.safetensors")


def test_a_damaged_file_and_other_numbers_are_refused(tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(b"\xff" * 100)
    with pytest.raises(DataError, match="no weights of a network for tables"):
        load_weights(tmp_path / "w")
    with pytest.raises(DataError, match="no such file of weights"):
        load_weights(tmp_path / "absent")
    net = TableNetwork(**PRESETS["tiny"])
    tensors = net.state_dict() | {"think": torch.full((4, 64), math.inf)}
    with pytest.raises(DataError, match="not finite"):
        from_tensors(PRESETS["tiny"], tensors)
    with pytest.raises(DataError, match="more or fewer"):
        from_tensors(PRESETS["tiny"], net.state_dict() | {"more": torch.zeros(1)})
    turned = net.state_dict() | {"layers.0.ff_in.weight": torch.zeros(64, 128)}
    with pytest.raises(DataError, match="ff_in.weight is missing or has another shape"):
        from_tensors(PRESETS["tiny"], turned)


@pytest.mark.parametrize("name", PRESETS)
def test_the_number_of_weights_is_known_before_there_are_any(name: str) -> None:
    with torch.device("meta"):
        net = TableNetwork(**PRESETS[name])
    assert sum(p.numel() for p in net.parameters()) == num_parameters(**PRESETS[name])
