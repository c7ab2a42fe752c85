"""Folders of weights: what is read of them, and the clear word for each that is incomplete, strange or would run code."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from integration.tiny_sentences import LONGEST, save_weights
from safetensors.torch import load_file, save_file

from sdl_cli.errors import ConfigError, DataError
from sdl_cli.learning.models.sentences import weights
from sdl_cli.learning.models.sentences.network import load_body
from sdl_cli.learning.models.sentences.recipe import Recipe
from sdl_cli.learning.models.sentences.settings import FinetunedTextSettings, is_local
from sdl_cli.learning.models.sentences.weights import locate, look_through, of_digest

pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_weights(tmp_path_factory.mktemp("weights") / "tiny")


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    shutil.copytree(saved, tmp_path / "copy")
    return tmp_path / "copy"


def changed(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def module(folder: Path, number: int, **values: Any) -> None:
    listed = json.loads((folder / "modules.json").read_text())
    listed[number] |= values
    (folder / "modules.json").write_text(json.dumps(listed))


def test_a_folder_is_described_whatever_it_is_called(saved: Path, folder: Path) -> None:
    found = look_through(folder)
    assert found.recipe.architecture == "bert" and found.recipe.max_tokens == LONGEST
    assert [own["kind"] for own in found.recipe.modules] == ["Pooling", "Normalize"]
    assert found.digest == look_through(saved).digest
    assert Recipe.from_plain(json.loads(json.dumps(found.recipe.to_plain()))) == found.recipe
    (folder / "README.md").write_text("Nothing that is read.")
    assert look_through(folder).digest == found.digest
    changed(folder / "sentence_bert_config.json", max_seq_length=8)
    assert look_through(folder).digest != found.digest and look_through(folder).recipe.max_tokens == 8


def test_newer_folders_say_the_same_in_other_words(saved: Path, folder: Path) -> None:
    module(folder, 0, type="sentence_transformers.base.modules.transformer.Transformer")
    module(folder, 1, type="sentence_transformers.sentence_transformer.modules.pooling.Pooling")
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"embedding_dimension": 16, "pooling_mode": "mean"}))
    (folder / "sentence_bert_config.json").write_text("{}")
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": LONGEST}))
    assert look_through(folder).recipe == look_through(saved).recipe


def only_bin(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def prompts(folder: Path, values: Any, default: Any) -> None:
    written = json.dumps({"prompts": values, "default_prompt_name": default})
    (folder / "config_sentence_transformers.json").write_text(written)


SPOILED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "it has no tokenizer.json"),
    "no modules": (lambda f: (f / "modules.json").unlink(), "it has no modules.json"),
    "no config": (lambda f: (f / "config.json").unlink(), "it has no config.json"),
    "no pooling config": (lambda f: (f / "1_Pooling" / "config.json").unlink(), "it has no 1_Pooling/config.json"),
    "no tensors": (lambda f: (f / "model.safetensors").unlink(), "it has no model.safetensors"),
    "only .bin": (only_bin, "pytorch_model.bin can hold code"),
    "no JSON": (lambda f: (f / "config.json").write_text("{"), "config.json cannot be read"),
    "another kind of JSON": (lambda f: (f / "config.json").write_text("[]"), "config.json does not hold what it should"),
    "a module from elsewhere": (lambda f: module(f, 1, type="os.path.join"), "os.path.join, which is code from elsewhere"),
    "a name like a package's": (lambda f: module(f, 1, type="sentence_transformers_x.Pooling"), "code from elsewhere"),
    "an unknown module": (lambda f: module(f, 1, type="sentence_transformers.models.Router"), "the module Router is not one"),
    "a place outside": (lambda f: module(f, 1, path="../1_Pooling"), "a place outside its folder"),
    "no transformer first": (lambda f: (f / "modules.json").write_text("[]"), "does not begin with a transformer"),
    "another architecture": (lambda f: changed(f / "config.json", model_type="llama"), "does not read the architecture llama"),
    "code of its own": (lambda f: changed(f / "config.json", auto_map={"AutoModel": "x.Y"}), "names code of its own"),
    "too large": (lambda f: changed(f / "config.json", hidden_size=10**9), "hidden_size is 1000000000, not a whole number"),
    "heads": (lambda f: changed(f / "config.json", num_attention_heads=3), "cannot be divided among 3 attention heads"),
    "relative positions": (lambda f: changed(f / "config.json", position_embedding_type="relative_key"), "positions"),
    "activation": (lambda f: changed(f / "config.json", hidden_act="os.system"), "hidden_act is 'os.system', not one of"),
    "padding": (
        lambda f: changed(f / "config.json", pad_token_id=22),
        "pad_token_id is 22, not a whole number below vocab_size, 22",
    ),
    "padding below": (lambda f: changed(f / "config.json", pad_token_id=-1), "pad_token_id is -1, not a whole"),
    "padding of no number": (lambda f: changed(f / "config.json", pad_token_id=True), "pad_token_id is True, not a whole"),
    "a list of prompts": (lambda f: prompts(f, ["query"], "query"), "default_prompt_name"),
    "prompts of no texts": (lambda f: prompts(f, {"query": 3}, "query"), "default_prompt_name"),
    "a prompt's name of no text": (lambda f: prompts(f, {"query": "q: "}, ["query"]), "default_prompt_name"),
    "pooling": (lambda f: changed(f / "1_Pooling" / "config.json", pooling_mode="magic"), "does not know the pooling 'magic'"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_each_folder_that_cannot_be_used_has_its_own_clear_word(name: str, folder: Path) -> None:
    spoil, words = SPOILED[name]
    spoil(folder)
    with pytest.raises(DataError, match=words):
        look_through(folder)


@pytest.mark.parametrize(
    ("values", "default", "prompt"),
    [
        ({"query": "query: "}, "query", "query: "),
        ({"query": "query: "}, None, ""),
        ({"query": "query: "}, "other", ""),
        (None, None, ""),
        (None, "query", ""),
        (["query"], None, ""),
    ],
)
def test_the_prompt_is_the_one_that_is_named(values: Any, default: Any, prompt: str, folder: Path) -> None:
    prompts(folder, values, default)
    assert look_through(folder).recipe.prompt == prompt


def test_padding_may_be_any_piece_or_left_out(folder: Path) -> None:
    changed(folder / "config.json", pad_token_id=21)  # the last of 22
    assert look_through(folder).recipe.config["pad_token_id"] == 21
    load_body(look_through(folder))
    changed(folder / "config.json", pad_token_id=None)
    assert "pad_token_id" not in look_through(folder).recipe.config


def in_parts(folder: Path) -> None:
    """Save the network's tensors in two files with an index, as transformers does with large ones."""
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    placed = {name: f"model-0000{1 + number % 2}-of-00002.safetensors" for number, name in enumerate(sorted(tensors))}
    for part in set(placed.values()):
        save_file({name: tensors[name] for name, own in placed.items() if own == part}, folder / part)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": placed}))


def test_one_whole_file_is_read_alone(saved: Path, folder: Path) -> None:
    zeros = {name: torch.zeros_like(each) for name, each in load_file(folder / "model.safetensors").items()}
    save_file(zeros, folder / "model_quantized.safetensors")  # as some save beside the network itself
    found = look_through(folder)
    assert found.files == (folder / "model.safetensors",) and found.digest == look_through(saved).digest


def test_of_several_files_those_of_the_index_are_read(saved: Path, folder: Path) -> None:
    wanted = load_body(look_through(saved)).state_dict()
    in_parts(folder)
    save_file({"embeddings.LayerNorm.bias": torch.ones(16)}, folder / "model_of_another.safetensors")
    found = look_through(folder)
    assert [file.name for file in found.files] == [f"model-0000{part}-of-00002.safetensors" for part in (1, 2)]
    read = load_body(found).state_dict()
    assert set(read) == set(wanted) and all(torch.equal(read[name], each) for name, each in wanted.items())


@pytest.mark.parametrize("name", ["embeddings.LayerNorm.bias", "bert.embeddings.LayerNorm.beta"])
def test_a_tensor_that_stands_in_two_files_is_refused(name: str, folder: Path) -> None:
    in_parts(folder)
    for file in sorted(folder.glob("model-*.safetensors")):
        tensors = load_file(file)
        if "embeddings.LayerNorm.bias" not in tensors:
            save_file(tensors | {name: torch.ones(16)}, file)
    words = r"embeddings.LayerNorm.bias stands there twice, in model-00001-of-00002.safetensors and in model-00002"
    with pytest.raises(DataError, match=words):
        look_through(folder)


def test_an_index_names_files_that_are_there(folder: Path) -> None:
    in_parts(folder)
    index = folder / "model.safetensors.index.json"
    for named, words in (
        ({"a": "../model.safetensors"}, "which is no file of tensors beside it"),
        ({"a": "model.bin"}, "which is no file of tensors beside it"),
        ({"a": "model-3.safetensors"}, "it has no model-3.safetensors"),
        ({}, "names no files"),
        ([1], "names no files"),
    ):
        index.write_text(json.dumps({"weight_map": named}))
        with pytest.raises(DataError, match=words):
            look_through(folder)
    index.unlink()
    with pytest.raises(DataError, match="it has no model.safetensors"):
        look_through(folder)


def test_a_stored_recipe_is_held_to_the_same_lists(saved: Path) -> None:
    values = look_through(saved).recipe.to_plain()
    for wrong in (
        {"architecture": "llama"},
        {"config": values["config"] | {"vocab_size": 10**12}},
        {"config": values["config"] | {"pad_token_id": 22}},
        {"modules": [{"kind": "Router"}]},
        {"max_tokens": 10**6},
        {"prompt": 3},
        {"modules": None},
    ):
        with pytest.raises(DataError):
            Recipe.from_plain(values | wrong)


def test_a_path_and_a_name_on_the_hub_are_told_apart(folder: Path) -> None:
    assert is_local(str(folder)) and is_local("./x") and is_local("~/x") and is_local("a/b/c")
    assert not is_local("all-MiniLM-L6-v2") and not is_local("BAAI/bge-small-en-v1.5")
    assert locate(str(folder)) == folder
    with pytest.raises(DataError, match="there is no folder"):
        locate(str(folder / "nowhere"))
    assert FinetunedTextSettings().names_hub("weights")
    assert not FinetunedTextSettings(weights=str(folder)).names_hub("weights")


def test_without_weights_or_the_extra_each_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "kept", lambda _: None)
    with pytest.raises(DataError, match="91 MB, licence Apache-2.0 are not on this machine") as error:
        FinetunedTextSettings().require_weights("classification", fetch=False)
    assert "sdl train with model=finetuned_text fetches them once" in error.value.hint
    with pytest.raises(DataError, match="the weights BAAI/bge-small-en-v1.5 are not on this machine"):
        FinetunedTextSettings(weights="BAAI/bge-small-en-v1.5").require_weights("classification", fetch=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="needs transformers and sentence-transformers") as missing:
        FinetunedTextSettings().require_weights("classification", fetch=False)
    assert missing.value.hint == "pip install 'sdl-cli[text]'"


def test_settings_of_fine_tuning_have_no_effect_on_a_probe() -> None:
    changed: dict[str, Any] = {"backbone_rate_factor": 0.2, "start_fraction": 0.5}
    strategies: tuple[Literal["probe", "probe_with_words"], ...] = ("probe", "probe_with_words")
    for strategy in strategies:
        named, why = FinetunedTextSettings(strategy=strategy, **changed).without_effect
        assert named == ["model.backbone_rate_factor", "model.start_fraction"]
        assert why == f"strategy={strategy} trains no layers"
        assert FinetunedTextSettings(strategy=strategy, start_fraction=0.5).without_effect[0] == ["model.start_fraction"]
        assert FinetunedTextSettings(strategy=strategy, max_tokens=8).without_effect[0] == []
    assert FinetunedTextSettings(strategy="finetune", **changed).without_effect[0] == []


def test_settings_look_through_the_folder_before_anything_is_fitted(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = FinetunedTextSettings(weights=str(folder))
    settings.require_weights("classification", fetch=False)
    with monkeypatch.context() as patched:
        patched.setattr(weights, "_look_through", lambda _: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
        (folder / "new").touch()
        with pytest.raises(DataError, match="cannot be read: Permission denied"):
            settings.require_weights("classification", fetch=False)
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-4])  # as where a download or a copy was broken off
    with pytest.raises(DataError, match="model.safetensors is damaged or incomplete"):
        settings.require_weights("classification", fetch=False)
    dense = (("Pooling", {"pooling_mode": "mean"}), ("Dense", {"in_features": 16, "out_features": 4}))
    other = save_weights(tmp_path / "dense", modules=dense)
    (other / "2_Dense" / "model.safetensors").write_bytes(b"")
    with pytest.raises(DataError, match="model.safetensors is damaged or incomplete"):
        FinetunedTextSettings(weights=str(other)).require_weights("classification", fetch=False)
    monkeypatch.setattr(weights, "kept", lambda _: folder)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(DataError, match="is incomplete: it has no tokenizer.json"):
        FinetunedTextSettings().require_weights("classification", fetch=False)


def test_a_run_finds_its_weights_by_their_digest(folder: Path, sdl_cache: Path) -> None:
    digest = look_through(folder).digest
    assert of_digest(str(folder), digest).folder == folder
    changed(folder / "config.json", hidden_dropout_prob=0.2)
    with pytest.raises(DataError, match="not the weights that this run was fitted on"):
        of_digest(str(folder), digest)
    changed(folder / "config.json", hidden_dropout_prob=0.1)
    digest, kept = look_through(folder).digest, sdl_cache / "text_weights"
    folder.rename(folder.parent / "moved")
    with pytest.raises(DataError, match="keeps a head alone") as error:
        of_digest(str(folder), digest)
    assert str(kept / digest[:16]) in error.value.hint
    shutil.copytree(folder.parent / "moved", kept / digest[:16])
    assert of_digest(str(folder), digest).folder == kept / digest[:16]


def test_a_stored_run_has_only_the_default_weights_fetched(
    folder: Path, sdl_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []
    monkeypatch.setattr(weights, "kept", lambda _: None)
    monkeypatch.setattr(weights, "fetch", lambda named: fetched.append(named.repository) or folder)
    digest = look_through(folder).digest
    for name in ("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"):
        assert of_digest(name, digest).folder == folder
    assert fetched == ["sentence-transformers/all-MiniLM-L6-v2"] * 2
    with pytest.raises(DataError, match="keeps a head alone, on embeddings by the weights someone/large") as error:
        of_digest("someone/large", digest)
    assert "the weights someone/large are not on this machine" in error.value.message
    assert "hf download someone/large --include '*.safetensors'" in error.value.hint
    assert str(sdl_cache / "text_weights" / digest[:16]) in error.value.hint
    for name in ("x; rm -rf y", "$(x)", "--token", "a/b`c`", "x\ny"):
        with pytest.raises(DataError) as error:
            of_digest(name, digest)
        assert "hf download" not in error.value.hint, "a stranger's word is no part of a command"
    assert len(fetched) == 2
    monkeypatch.setattr(weights, "kept", lambda _: folder)  # what was fetched before may be used
    assert of_digest("someone/large", digest).folder == folder
