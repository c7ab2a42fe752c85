"""Folders of tiny random sentence networks, as sentence-transformers lays them out, with a vocabulary of a few words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

GOOD, BAD = ["good", "fine", "lovely", "great"], ["bad", "awful", "poor", "dreadful"]
OTHER = ["the", "film", "was", "and", "a", "very", "plot", "with", "no", "end"]
MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
VOCABULARY = [*MARKS, *GOOD, *BAD, *OTHER]
LONGEST = 16  # word pieces
WIDTH = 16
SIZES: dict[str, dict[str, Any]] = {
    "bert": {"hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24},
    "distilbert": {"dim": WIDTH, "n_layers": 2, "n_heads": 2, "hidden_dim": 24},
}
for _name in ("mpnet", "roberta", "xlm-roberta", "camembert", "electra"):
    SIZES[_name] = dict(SIZES["bert"])
SIZES["electra"]["embedding_size"] = 8
SIZES["albert"] = {**SIZES["bert"], "embedding_size": 8}


def texts(num: int, seed: int = 0) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Sentences of known words, of two classes that differ in one word, which each has three times."""
    random = np.random.default_rng(seed)
    y = np.arange(num) % 2
    own = [[*random.choice(OTHER, random.integers(2, 6)), *[str(random.choice((GOOD, BAD)[label]))] * 3] for label in y]
    return np.array([" ".join(random.permutation(words)) for words in own], dtype=object), y


def save_tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(mark, VOCABULARY.index(mark)) for mark in ("[CLS]", "[SEP]")]
    )
    tokenizer.save(str(folder / "tokenizer.json"))


def save_weights(folder: Path, architecture: str = "bert", modules: tuple[tuple[str, dict[str, Any]], ...] | None = None) -> Path:
    """Write a network with random tensors, and return its folder; `modules` are those after the transformer."""
    import torch
    import transformers

    from sdl_cli.learning.models.sentences.network import _CLASSES

    config_class, model_class = (getattr(transformers, name) for name in _CLASSES[architecture])
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = config_class(
            vocab_size=len(VOCABULARY),
            max_position_embeddings=LONGEST + 4,
            pad_token_id=0,
            initializer_range=0.3,
            **SIZES[architecture],
        )
        model_class(config).save_pretrained(folder)
    save_tokenizer(folder)
    if modules is None:
        modules = (("Pooling", {"word_embedding_dimension": WIDTH, "pooling_mode_mean_tokens": True}), ("Normalize", {}))
    listed = [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}]
    for number, (kind, own) in enumerate(modules, 1):
        place = folder / f"{number}_{kind}"
        place.mkdir(exist_ok=True)
        (place / "config.json").write_text(json.dumps(own))
        listed.append({"idx": number, "name": str(number), "path": place.name, "type": f"sentence_transformers.models.{kind}"})
    (folder / "modules.json").write_text(json.dumps(listed))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": LONGEST, "do_lower_case": False}))
    return folder
