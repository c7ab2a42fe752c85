"""Embeddings are computed once for each text, whoever asks, and again where what is kept is damaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from integration.tiny_sentences import LONGEST, WIDTH, save_weights, texts

from sdl_cli.learning import loop
from sdl_cli.learning.device import Runtime
from sdl_cli.learning.models.sentences import embedded, network
from sdl_cli.learning.models.sentences.embedded import Embedded, Embedder, remarks
from sdl_cli.learning.models.sentences.weights import Weights, look_through

pytest.importorskip("transformers")
CPU = Runtime("cpu", "float32", "contiguous", 1)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Weights:
    monkeypatch.setenv("SDL_CACHE", str(tmp_path / "cache"))
    return look_through(save_weights(tmp_path / "w"))


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many texts went through the network, each time."""
    found: list[int] = []
    whole = network.passed

    def counted(net: Any, pieces: Any, ids: Any, runtime: Runtime) -> Any:
        found.append(len(ids))
        return whole(net, pieces, ids, runtime)

    monkeypatch.setattr(network, "passed", counted)
    return found


def test_each_text_is_computed_once(weights: Weights, counts: list[int]) -> None:
    lines = list(dict.fromkeys(texts(30)[0]))
    first = Embedder(weights, CPU).embed([*lines[:20], lines[0]])
    assert counts == [20] and first.rows.shape == (21, WIDTH) and (first.rows[0] == first.rows[20]).all()
    again = Embedder(weights, CPU).embed(list(reversed(lines)))
    assert counts == [20, len(lines) - 20]
    np.testing.assert_array_equal(again.rows[::-1][:20], first.rows[:20])
    np.testing.assert_array_equal(again.num_pieces[::-1][:20], first.num_pieces[:20])
    Embedder(weights, CPU, max_tokens=4).embed(lines[:1])
    assert counts[2:] == [1]  # another length is another embedding


def test_what_is_damaged_is_computed_again(weights: Weights, counts: list[int], tmp_path: Path) -> None:
    lines = list(texts(6)[0])
    wanted = Embedder(weights, CPU).embed(lines).rows
    for name in ("rows", "keys"):
        [file] = (tmp_path / "cache" / "embeddings").rglob(f"*.{name}.npy")
        for content in (b"", file.read_bytes()[:-8]):
            file.write_bytes(content)
            np.testing.assert_array_equal(Embedder(weights, CPU).embed(lines).rows, wanted)
    assert counts == [len(set(lines))] * 5


def test_a_stream_of_predictions_does_not_fill_the_disk(
    weights: Weights, counts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_MOST_PREDICTED", 3)
    monkeypatch.setattr(embedded, "_predicted", 0)
    monkeypatch.setattr(embedded, "_AT_ONCE", 3)
    lines = list(dict.fromkeys(texts(9)[0]))
    rows: list[dict[str, Any]] = []
    with loop.context(loop.Context(on_epoch=rows.append)):
        Embedder(weights, CPU).embed(lines, predicting=True)
    assert [(row["epoch"], row["epochs"]) for row in rows][-1] == (len(lines), len(lines)) and rows[0]["unit"] == "text"
    counts.clear()
    Embedder(weights, CPU).embed(lines)
    assert sum(counts) == len(lines) - 3


def test_remarks_say_what_was_cut_and_what_is_not_known() -> None:
    lines = ["word"] * 100 + ["long text"]
    cut = np.arange(101) == 100
    found = Embedded(np.zeros((101, 2)), np.full(101, 3), cut)
    [said] = remarks(lines, found, LONGEST)
    assert said == f"1 text is longer than the {LONGEST} word pieces that are read: what comes after is cut from it."
    foreign = Embedded(np.zeros((100, 2)), np.full(100, 3 * 4 + 2), np.zeros(100, bool))
    [said] = remarks(["drei deutsche Wörter"] * 100, foreign, LONGEST)
    assert "into 4.0 pieces" in said and "know English" in said
    assert not remarks(["drei deutsche Wörter"], Embedded(np.zeros((1, 2)), np.array([14]), np.zeros(1, bool)), LONGEST)
