"""Sentence networks against transformers' own, pooling against sums by hand, and the whole against sentence-transformers."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from integration.tiny_sentences import LONGEST, SIZES, VOCABULARY, WIDTH, save_weights, texts
from safetensors.torch import load_file, save_file

from sdl_cli.errors import DataError
from sdl_cli.learning.device import Runtime
from sdl_cli.learning.models.sentences.network import Dense, Pieces, Pooling, load_body, passed, quiet
from sdl_cli.learning.models.sentences.recipe import ARCHITECTURES
from sdl_cli.learning.models.sentences.weights import look_through, shapes_in

transformers = pytest.importorskip("transformers")
CPU = Runtime("cpu", "float32", "contiguous", 1)


def embedded(folder: Path, lines: list[str]) -> np.ndarray[Any, Any]:
    weights = look_through(folder)
    pieces = Pieces(weights.recipe, weights.tokenizer)
    ids, _ = pieces.of(lines)
    return passed(load_body(weights), pieces, ids, CPU).numpy()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_each_architecture_gives_the_mean_of_what_transformers_gives(architecture: str, tmp_path: Path) -> None:
    assert set(SIZES) == set(ARCHITECTURES)
    modules = (("Pooling", {"word_embedding_dimension": WIDTH, "pooling_mode_mean_tokens": True}),)
    folder = save_weights(tmp_path / "w", architecture, modules)
    lines = [*texts(5)[0], "good"]
    with quiet():
        theirs = transformers.AutoModel.from_pretrained(folder, local_files_only=True).eval()
    weights = look_through(folder)
    wanted = []
    for own in Pieces(weights.recipe, weights.tokenizer).of(lines)[0]:  # one by one, so that nothing is padded
        with torch.no_grad():
            wanted.append(theirs(input_ids=torch.tensor([own])).last_hidden_state[0].mean(0).numpy())
    np.testing.assert_allclose(embedded(folder, lines), wanted, rtol=1e-4, atol=1e-5)


def test_it_gives_what_sentence_transformers_gives(tmp_path: Path) -> None:
    with quiet():
        package = pytest.importorskip("sentence_transformers")
        from sentence_transformers.models import Dense as TheirDense
        from sentence_transformers.models import Normalize as TheirNormalize

        folder = save_weights(tmp_path / "a")
        (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]"}')
        theirs = package.SentenceTransformer(str(folder), device="cpu", local_files_only=True)
        parts = [theirs[0], theirs[1], TheirDense(WIDTH, 5), TheirNormalize()]
        whole = package.SentenceTransformer(modules=parts, device="cpu")
        whole.save_pretrained(str(tmp_path / "b"))
        lines = [*texts(20)[0], "", "good " * 100]
        wanted = whole.encode(list(lines), show_progress_bar=False)
    np.testing.assert_allclose(embedded(tmp_path / "b", list(lines)), wanted, rtol=1e-4, atol=1e-5)


def test_pooling_is_what_its_formulas_say() -> None:
    random = np.random.default_rng(0)
    tokens, lengths = random.normal(size=(3, 4, 2)).astype(np.float32), [4, 1, 3]
    mask = torch.arange(4) < torch.tensor(lengths)[:, None]
    modes = ["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]
    found = Pooling({"pooling_mode": modes}, 2)(torch.from_numpy(tokens), mask).numpy()
    for row, own, n in zip(found, tokens, lengths, strict=True):
        own, places = own[:n], np.arange(1, n + 1)[:, None]
        weighted = (own * places).sum(0) / places.sum()
        wanted = [own[0], own.max(0), own.mean(0), own.sum(0) / np.sqrt(n), weighted, own[-1]]
        np.testing.assert_allclose(row, np.concatenate(wanted), rtol=1e-5)


def test_texts_become_pieces(tmp_path: Path) -> None:
    weights = look_through(save_weights(tmp_path / "w"))
    pieces = Pieces(weights.recipe, weights.tokenizer)
    ids, cut = pieces.of(["Good film", "", "\U0001f600 \ud83d", "good " * 10_000])
    place = VOCABULARY.index
    assert ids[0] == [place("[CLS]"), place("good"), place("film"), place("[SEP]")]
    assert ids[1] == [place("[CLS]"), place("[SEP]")] and place("[UNK]") in ids[2]
    assert len(ids[3]) == LONGEST and cut.tolist() == [False, False, False, True]
    rows = pieces.as_rows(ids[:2])
    assert rows.tolist() == [[4, *ids[0]], [2, *ids[1], 0, 0]]
    assert len(Pieces(weights.recipe, weights.tokenizer, 5).of(["good " * 9])[0][0]) == 5
    with pytest.raises(DataError, match="tokenizer of the weights cannot be read"):
        Pieces(weights.recipe, b"{}")


def test_padding_changes_nothing(tmp_path: Path) -> None:
    folder = save_weights(tmp_path / "w")
    lines = list(texts(12)[0])
    alone = np.concatenate([embedded(folder, [line]) for line in lines[:4]])
    np.testing.assert_allclose(embedded(folder, lines)[:4], alone, rtol=1e-4, atol=1e-5)


def test_tensors_that_are_missing_or_of_other_shapes_are_named(tmp_path: Path) -> None:
    folder = save_weights(tmp_path / "w")
    file = folder / "model.safetensors"
    tensors = load_file(file)
    some = sorted(name for name in tensors if name.endswith("query.weight"))
    save_file({name: each for name, each in tensors.items() if name not in some}, file, {"format": "pt"})
    with pytest.raises(DataError, match=r"lacks 2 of \d+ tensors, transformer.encoder.layer.0.attention.self.query.weight"):
        load_body(look_through(folder))
    save_file(tensors | {some[0]: torch.zeros(3, 3)}, file)
    with pytest.raises(DataError, match=r"query.weight is \(3, 3\), not \(16, 16\)"):
        load_body(look_through(folder))
    save_file({f"bert.{name}": each for name, each in tensors.items()}, file)  # as a network with a head is saved
    load_body(look_through(folder))
    content = file.read_bytes()
    for damaged in (content[:-4], content[:20], b"", b"\xff" * 64):
        file.write_bytes(damaged)
        with pytest.raises(DataError, match="damaged or incomplete"):
            shapes_in(file)
    with pytest.raises(DataError, match="takes 7 numbers, but it is handed 16"):
        Dense({"in_features": 7, "out_features": 2, "bias": True, "activation_function": "Tanh"}, WIDTH)


def test_nothing_is_heard_of_transformers(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        embedded(save_weights(tmp_path / "w"), ["good film"])
    heard = capfd.readouterr()
    assert not heard.out and "transformers" not in heard.err
